package cpu

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tilec/tilec/codegen"
	"github.com/tilec/tilec/ir"
)

// TestWeigh: spills count in innermost loops alone, and other accesses of the stack nowhere.
func TestWeigh(t *testing.T) {
	for _, c := range []struct {
		name, text           string
		instructions, spills int
	}{
		{"straight", "f:\n\t.cfi_startproc\n\tmovq\t8(%rsp), %rax\n\tretq\n", 2, 0},
		{"loop", "f:\n.LBB0_1:\n\tvmovups\t64(%rsp), %zmm0 # 64-byte Reload\n\tvmovups\t%zmm0, 128(%rsp)\n\taddq\t$1, %rax\n\tjne\t.LBB0_1\n\tretq\n", 5, 1},
		{"nest", "f:\n.LBB0_1:\n\tmovq\t%rax, (%rsp) # 8-byte Spill\n.LBB0_2: # inner\n\tmovq\t(%rsp), %rcx # 8-byte Reload\n\taddq\t8(%rsp), %rcx # 8-byte Folded Reload\n\tjne\t.LBB0_2 # back\n\tmovq\t(%rsp), %rax\n\tjne\t.LBB0_1\n\tretq\n", 7, 2},
		{"forward", "f:\n\tjne\t.LBB0_1\n\tmovq\t(%rsp), %rax\n.LBB0_1:\n\tcallq\tf\n", 3, 0},
		{"arm64", "f:\n.LBB0_1:\n\tldr\tq0, [sp, #16] // 16-byte Folded Reload\n\tb.ne\t.LBB0_1\n\tret\n", 3, 1},
		{"comments", "\t# nothing\n\t.text\n\t// nothing\n", 0, 0},
	} {
		if n, spills := weigh(c.text); n != c.instructions || spills != c.spills {
			t.Errorf("%s: %d instructions, %d spills in innermost loops", c.name, n, spills)
		}
	}
}

// TestPlaces: lines of every stage know the line of the text that they come from, and do not show how.
func TestPlaces(t *testing.T) {
	llvm := llvmStage(`define i64 @f() !dbg !1000002 {
entry:
	%1 = add i64 1, 2, !dbg !1000003
	store i64 %1, ptr %2, align 8, !nontemporal !{i32 1}, !dbg !1000005
	ret i64 %1
}

!llvm.dbg.cu = !{!1000001}
!llvm.module.flags = !{!1000006}
!1000000 = !DIFile(filename: "a, \22b.tile", directory: "")
!1000001 = distinct !DICompileUnit(language: DW_LANG_C, file: !1000000)
!1000002 = distinct !DISubprogram(name: "f", scope: !1000000, file: !1000000, line: 3)
!1000003 = !DILocation(line: 4, column: 7, scope: !1000002)
!1000004 = !DILexicalBlockFile(scope: !1000002, file: !1000000, discriminator: 0)
!1000005 = !DILocation(line: 5, column: 9, scope: !1000004)
!1000006 = !{i32 2, !"Debug Info Version", i32 3}
`, true)
	listing := assemblyStage("\t.file\t1 \"\" \"k.tile\"\nf:\n.Lfunc_begin0:\n\t.loc\t1 4 7 prologue_end # k.tile:4:7\n.Ltmp0:\n\taddq\t%rax, %rcx\n.LBB0_1:\n\tjne\t.LBB0_1\n\t.loc\t1 0 7\n\tnop\n\t.loc\t1 5 1\ng:\n\tretq\n", true)
	for _, c := range []struct {
		stage codegen.Stage
		text  string
		want  []ir.Pos
	}{
		{llvm, "define i64 @f() {\nentry:\n\t%1 = add i64 1, 2\n\tstore i64 %1, ptr %2, align 8, !nontemporal !{i32 1}\n\tret i64 %1\n}\n",
			[]ir.Pos{{}, {}, {File: "a, \"b.tile", Line: 4, Col: 7}, {File: "a, \"b.tile", Line: 5, Col: 9}, {}, {}}},
		{listing, "f:\n\taddq\t%rax, %rcx\n.LBB0_1:\n\tjne\t.LBB0_1\n\tnop\ng:\n\tretq\n",
			[]ir.Pos{{}, {File: "k.tile", Line: 4, Col: 7}, {}, {File: "k.tile", Line: 4, Col: 7}, {}, {}, {}}},
	} {
		if diff := cmp.Diff(c.text, c.stage.Text); diff != "" {
			t.Errorf("%s (-want +got)\n%s", c.stage.Name, diff)
		}
		if diff := cmp.Diff(c.want, c.stage.Places); diff != "" {
			t.Errorf("%s (-want +got)\n%s", c.stage.Name, diff)
		}
	}
	fn, err := ir.ParseFunc("k.tir", []byte("kernel @k[](%x: tensor<f32,[4]>) -> () {\n  %0 = const 0 : i64 loc(\"k.tile\":3:9)\n  yield\n}\n"))
	if err != nil {
		t.Fatal(err)
	}
	s := codegen.IRStage("ir", fn, true)
	if strings.Contains(s.Text, "loc(") || len(s.Places) != strings.Count(s.Text, "\n") || s.Places[1] != (ir.Pos{File: "k.tile", Line: 3, Col: 9}) {
		t.Errorf("%q %v", s.Text, s.Places)
	}
}
