package cpu

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/tilec/tilec/codegen"
	"github.com/tilec/tilec/ir"
)

// Texts of stages name the places that lines come from, each in its own way. The functions below take the names out, and
// give the places beside the lines.

var (
	llvmPlace  = regexp.MustCompile(`,? !dbg !(\d+)`)
	llvmNode   = regexp.MustCompile(`^!(\d+) = (?:distinct )?!(DI\w+)\((.*)\)$`)
	llvmEscape = regexp.MustCompile(`\\[0-9A-Fa-f]{2}`)
	asmFile    = regexp.MustCompile(`^\t\.file\t(\d+) (?:"(?:[^"\\]|\\.)*" )?("(?:[^"\\]|\\.)*")`)
	asmPlace   = regexp.MustCompile(`^\t\.loc\t(\d+) (\d+) (\d+)`)
	asmLabel   = regexp.MustCompile(`^([\w.$@]+):`)
)

// digits reads digits that an expression above matched; one that is too large is no line of a text.
func digits(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}

// llvmStage is a module, whose instructions may have debug locations.
func llvmStage(text string, places bool) codegen.Stage {
	s := codegen.Stage{Name: "llvm", Ext: ".ll", Text: text}
	if !places {
		return s
	}
	type node struct{ kind, fields string }
	nodes := map[string]node{}
	var lines, used []string
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if m := llvmNode.FindStringSubmatch(line); m != nil {
			nodes[m[1]] = node{m[2], m[3]}
			continue
		}
		if strings.Contains(line, `!"Debug Info Version"`) || strings.HasPrefix(line, "!llvm.dbg.cu") || strings.HasPrefix(line, "!llvm.module.flags") {
			continue
		}
		use := ""
		if m := llvmPlace.FindStringSubmatch(line); m != nil {
			use = m[1]
		}
		lines, used = append(lines, llvmPlace.ReplaceAllString(line, "")), append(used, use)
	}
	field := func(n node, name string) string {
		_, rest, _ := strings.Cut(", "+n.fields, ", "+name+": ")
		if text, quoted := strings.CutPrefix(rest, `"`); quoted {
			text, _, _ = strings.Cut(text, `"`) // a quote within is \22
			return llvmEscape.ReplaceAllStringFunc(text, func(code string) string {
				c, _ := strconv.ParseUint(code[1:], 16, 8)
				return string([]byte{byte(c)})
			})
		}
		value, _, _ := strings.Cut(rest, ", ")
		return value
	}
	follow := func(n node, name string) node { return nodes[strings.TrimPrefix(field(n, name), "!")] }
	for _, use := range used {
		var at ir.Pos
		if n := nodes[use]; n.kind == "DILocation" {
			file := follow(follow(n, "scope"), "file")
			at = ir.Pos{File: field(file, "filename"), Line: digits(field(n, "line")), Col: digits(field(n, "column"))}
		}
		s.Places = append(s.Places, at)
	}
	s.Text = strings.TrimRight(strings.Join(lines, "\n"), "\n") + "\n"
	s.Places = s.Places[:strings.Count(s.Text, "\n")]
	return s
}

// assemblyStage is the assembly of a module.
func assemblyStage(text string, places bool) codegen.Stage {
	s := codegen.Stage{Name: "assembly", Ext: ".s", Text: text}
	if !places {
		return s
	}
	files := map[string]string{}
	var lines []string
	var at ir.Pos
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if m := asmFile.FindStringSubmatch(line); m != nil {
			if name, err := strconv.Unquote(m[2]); err == nil {
				files[m[1]] = name
			}
			continue
		}
		if m := asmPlace.FindStringSubmatch(line); m != nil {
			at = ir.Pos{File: files[m[1]], Line: digits(m[2]), Col: digits(m[3])}
			if at.Line == 0 {
				at = ir.Pos{}
			}
			continue
		}
		label := asmLabel.FindStringSubmatch(line)
		switch {
		case label != nil && (strings.HasPrefix(label[1], ".Ltmp") || strings.HasPrefix(label[1], ".Lfunc_")):
			continue
		case label != nil && !strings.HasPrefix(label[1], "."):
			at = ir.Pos{} // another function
		}
		place := ir.Pos{}
		if isInstruction(line) {
			place = at
		}
		lines, s.Places = append(lines, line), append(s.Places, place)
	}
	s.Text = strings.Join(lines, "\n") + "\n"
	return s
}

// isInstruction tells an instruction of a listing from labels, directives and comments.
func isInstruction(line string) bool {
	return len(line) > 1 && line[0] == '\t' && line[1] != '.' && line[1] != '#' && line[1] != '/'
}

// spill finds LLVM's comments on the instructions that save a register, or take it back, where there were too few. What a
// kernel keeps on its stack by its own plan, as the squares of a panel that is packed, has none.
var spill = regexp.MustCompile(`\b(?:Spill|Reload)\b`)

// weigh counts the instructions of a listing, and the spills in innermost loops.
func weigh(assembly string) (instructions, spills int) {
	type loop struct{ first, last int }
	var lines []string
	var loops []loop
	labels := map[string]int{}
	for line := range strings.Lines(assembly) {
		line = strings.TrimSuffix(line, "\n")
		if m := asmLabel.FindStringSubmatch(line); m != nil {
			labels[m[1]] = len(lines)
			continue
		}
		if !isInstruction(line) {
			continue
		}
		// A jump to a label that stands before it closes a loop; the label is the last word before any comment.
		code, _, _ := strings.Cut(line, "#")
		words := strings.Fields(code)
		if first, back := labels[words[len(words)-1]]; back && len(words) > 1 && !strings.HasPrefix(words[0], "call") && words[0] != "bl" {
			loops = append(loops, loop{first, len(lines)})
		}
		lines = append(lines, line)
	}
	for i, l := range loops {
		innermost := true
		for j, other := range loops {
			if i != j && other.first >= l.first && other.last <= l.last && (other != l || j < i) {
				innermost = false
			}
		}
		if !innermost {
			continue
		}
		for _, line := range lines[l.first:l.last] {
			if spill.MatchString(line) {
				spills++
			}
		}
	}
	return len(lines), spills
}
