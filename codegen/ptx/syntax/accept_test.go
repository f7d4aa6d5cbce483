package syntax

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tilec/tilec/codegen/ptx"
)

// frame is a module around one instruction, with the registers that the tables of accepted texts use.
func frame(version, target, line string) string {
	wide := ""
	if version >= "8.3" {
		wide = ".reg .b128 %q<20>;"
	}
	return ".version " + version + "\n.target " + target + "\n.address_size 64\n" +
		".visible .entry k(.param .u64 pa, .param .u32 pb)\n{\n" +
		".reg .pred %p<20>; .reg .b8 %b<20>; .reg .b16 %h<40>; .reg .b32 %r<80>; .reg .b64 %rd<20>; .reg .f32 %f<80>; .reg .f64 %d<20>;" +
		".reg .u32 %u<20>; .reg .s32 %s<20>; .reg .u16 %uh<20>; .reg .f16 %hf<20>; .reg .f16x2 %hx<20>; .reg .u64 %ul<20>;" + wide + "\n" +
		".shared .align 16 .b64 mb; .shared .align 16 .b8 sm[1024];\n" +
		strings.TrimSuffix(line, ";") + ";\nret;\n}\n"
}

func rows(t *testing.T, name string) [][]string {
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	var out [][]string
	for line := range strings.Lines(string(text)) {
		line = strings.TrimRight(line, "\n")
		if line != "" && line[0] != '#' {
			out = append(out, strings.Split(line, "\t"))
		}
	}
	return out
}

func judge(t *testing.T, version, target, line string, want bool) {
	t.Helper()
	_, err := Parse(frame(version, target, line))
	if (err == nil) != want {
		t.Errorf("%s %s: %s: accepted %t, ptxas %t (%v)", target, version, line, err == nil, want, err)
	}
}

// The texts that ptxas 12.5 took and refused, for four processors each.
func TestAcceptsWhatPtxas125Accepts(t *testing.T) {
	n := 0
	for _, r := range rows(t, "ptxas125_accept.tsv") {
		for i, target := range []string{"sm_80", "sm_89", "sm_90", "sm_90a"} {
			judge(t, "8.5", target, r[0], r[1+i] == "1")
			n++
		}
	}
	if n != 4*155 {
		t.Errorf("%d cases", n)
	}
}

// Texts about operands: which registers, constants, vectors and addresses go where.
func TestAcceptsWhatPtxas129Accepts(t *testing.T) {
	// What ptxas takes and this parser does not: other orders of modifiers than the manual's, vectors of one element, special
	// registers of several, and registers of other types than the manual allows.
	stricter := map[string]bool{}
	for _, line := range []string{
		"setp.lt.u32.and %p1,%r1,%r2,%p3", "mul.ftz.rn.f32 %f1,%f2,%f3", "ld.v4.global.u32 {%r1,%r2,%r3,%r4},[%rd1]",
		"ld.u32.global %r1,[%rd1]", "atom.add.global.u32 %r1,[%rd1],1", "atom.add.release.gpu.u32 %r1,[%rd1],1",
		"cvt.rn.satfinite.relu.f16x2.f32 %r1,%f1,%f2", "st.shared.b16 [sm],{%h1}", "mov.v4.u32 {%r1,%r2,%r3,%r4},%tid",
		"mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%f1,%r2,%r3,%r4},{%r1,%r2,%r3,%r4},{%r3,%r4},{%r1,%r2,%r3,%r4}",
		"isspacep.global %p1,%r1", "mov.u32 %r1,%envreg0",
	} {
		stricter[line] = true
	}
	for _, r := range rows(t, "ptxas129_accept.tsv") {
		for i, target := range []string{"sm_80", "sm_90a"} {
			judge(t, "8.8", target, r[0], r[1+i] == "1" && !stricter[r[0]])
		}
	}
}

// Newer texts, for six processors and five versions of ptxas each.
func TestAcceptsWhatPtxas13Accepts(t *testing.T) {
	versions := []string{"8.7", "8.8", "9.0", "9.2", "9.5"}
	all := rows(t, "ptxas13_accept.tsv")
	n := 0
	for _, r := range all[1:] {
		for i, target := range all[0][1:] {
			for k, c := range r[1+i] {
				if c != '-' {
					judge(t, versions[k], target, r[0], c == '1')
					n++
				}
			}
		}
	}
	if n < 84*20 {
		t.Errorf("%d cases", n)
	}
	if v := ptx.NewestVersion; v.String() != versions[4] {
		t.Errorf("the newest version read is %s", v)
	}
}
