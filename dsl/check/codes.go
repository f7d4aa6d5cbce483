package check

import (
	"strings"

	"github.com/tilec/tilec/dsl/diag"
)

// The codes of the checker. Their pages stand in dsl/diag/codes_check.go; a test holds the two together.
const (
	// Programs and names.
	codeFile        diag.Code = "E0200"
	codePackage     diag.Code = "E0201"
	codeImport      diag.Code = "E0202"
	codeImportCycle diag.Code = "E0203"
	codeRedeclared  diag.Code = "E0204"
	codeUndefined   diag.Code = "E0205"
	codeCase        diag.Code = "E0206"
	codeNotValue    diag.Code = "E0207"
	codeSelector    diag.Code = "E0208"
	codeRecursion   diag.Code = "E0209"
	codeBudget      diag.Code = "E0210"
	codeTooLarge    diag.Code = "E0211"
	codeNoValue     diag.Code = "E0212"
	codeUnused      diag.Code = "E0213"

	// Constants, generics, calls.
	codeConst            diag.Code = "E0220"
	codeNotConst         diag.Code = "E0221"
	codeConstCycle       diag.Code = "E0222"
	codeNotRepresentable diag.Code = "E0223"
	codeCount            diag.Code = "E0224"
	codeGenericKind      diag.Code = "E0225"
	codeGenericName      diag.Code = "E0226"
	codeAlternative      diag.Code = "E0227"
	codeUnbound          diag.Code = "E0228"
	codeCall             diag.Code = "E0229"
	codeArgs             diag.Code = "E0230"
	codeArgType          diag.Code = "E0231"
	codeParam            diag.Code = "E0232"
	codeReturn           diag.Code = "E0233"
	codeDims             diag.Code = "E0234"

	// Types.
	codeType         diag.Code = "E0240"
	codeImplicit     diag.Code = "E0241"
	codeMixed        diag.Code = "E0242"
	codeNoArithmetic diag.Code = "E0243"
	codeOperand      diag.Code = "E0244"
	codeNotInteger   diag.Code = "E0245"
	codeCastMode     diag.Code = "E0246"
	codeBits         diag.Code = "E0247"
	codeInType       diag.Code = "E0248"
	codeScaled       diag.Code = "E0249"
	codePack         diag.Code = "E0250"

	// Axes.
	codeNotAxis      diag.Code = "E0300"
	codeNoAxis       diag.Code = "E0301"
	codeExtraAxes    diag.Code = "E0302"
	codeDeadAxis     diag.Code = "E0303"
	codeRuntimeAxis  diag.Code = "E0304"
	codeAxisTwice    diag.Code = "E0305"
	codeDeclaredAxes diag.Code = "E0306"
	codeCat          diag.Code = "E0307"
	codeRange        diag.Code = "E0308"

	// Subscripts and memory.
	codeSubscript    diag.Code = "E0320"
	codeRank         diag.Code = "E0321"
	codeBounds       diag.Code = "E0322"
	codeEdge         diag.Code = "E0323"
	codeReadOnly     diag.Code = "E0324"
	codeUnwritten    diag.Code = "E0325"
	codeNeverWritten diag.Code = "E0326"
	codeRace         diag.Code = "E0327"
	codeRaceRead     diag.Code = "E0328"
	codeBytes        diag.Code = "E0329"
	codeAtomic       diag.Code = "E0330"

	// Statements.
	codeAssign    diag.Code = "E0340"
	codeDefine    diag.Code = "E0341"
	codeTwice     diag.Code = "E0342"
	codeUniform   diag.Code = "E0343"
	codeWhereAxes diag.Code = "E0344"
	codeLoop      diag.Code = "E0345"
	codeFor       diag.Code = "E0346"
	codeParallel  diag.Code = "E0347"
	codeTop       diag.Code = "E0348"

	// Kernels.
	codeOutputDim   diag.Code = "E0400"
	codeUnsolvable  diag.Code = "E0401"
	codeShape       diag.Code = "E0402"
	codeNegativeDim diag.Code = "E0403"
	codeRequire     diag.Code = "E0404"

	// Schedules.
	codeTarget      diag.Code = "E0420"
	codeNoTile      diag.Code = "E0421"
	codeTileDefault diag.Code = "E0422"
	codeWord        diag.Code = "E0423"
	codeWordValue   diag.Code = "E0424"
	codeTileRead    diag.Code = "E0425"
	codeNoVariant   diag.Code = "E0426"

	// Tests.
	codeTestOnly   diag.Code = "E0440"
	codeTestStmt   diag.Code = "E0441"
	codeCallArgs   diag.Code = "E0442"
	codeExpectAxes diag.Code = "E0443"
	codeFree       diag.Code = "E0444"

	// The explicit level.
	codeExplicit diag.Code = "E0500"
	codeChannel  diag.Code = "E0501"
	codeOption   diag.Code = "E0502"
	codeLayout   diag.Code = "E0503"
	codePeer     diag.Code = "E0504"
	codePinned   diag.Code = "E0505"
	codeSlot     diag.Code = "E0506"
	codeRoles    diag.Code = "E0507"
)

// Rules is the table of docs/language.md from rules to codes: a row of Markdown for each code of the checker.
func Rules() string {
	var b strings.Builder
	for _, e := range diag.Table() {
		if e.Code >= "E0200" && e.Code <= "E0599" {
			b.WriteString("| " + string(e.Code) + " | " + e.Title + " |\n")
		}
	}
	return b.String()
}
