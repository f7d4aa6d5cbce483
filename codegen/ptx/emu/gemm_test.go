package emu

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/tilec/tilec/codegen/ptx/syntax"
)

// gemmText is C[64][64] = A[64][64]·B[64][64]ᵀ of bf16 by 4 warps: a ring of two stages that cp.async fills, ldmatrix, mma.
// Each synchronising instruction is one that the result needs.
func gemmText() string {
	var s strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&s, format+"\n", args...) }
	p(".version 7.0\n.target sm_80\n.address_size 64\n.file 1 \"gemm.tile\"")
	p(".visible .entry gemm(.param .u64 a, .param .u64 b, .param .u64 c)\n{")
	p(".reg .b32 %%t, %%l, %%w, %%row, %%half, %%s, %%x, %%y, %%al, %%bl, %%m0, %%n0, %%g, %%q;\n.reg .b64 %%pa, %%pb, %%pc, %%off;")
	p(".reg .b32 %%a<4>, %%b<2>;\n.reg .f32 %%c<32>;\n.shared .align 16 .b8 ring[8192];") // a stage: 64 rows of 32 bytes of A, then of B
	p(".loc 1 1 1\nld.param.u64 %%pa, [a]; ld.param.u64 %%pb, [b]; ld.param.u64 %%pc, [c]; mov.u32 %%t, %%tid.x; mov.u32 %%s, ring;")
	p("shr.u32 %%row, %%t, 1; and.b32 %%half, %%t, 1; and.b32 %%l, %%t, 31; shr.u32 %%w, %%t, 5;")
	p("mul.wide.u32 %%off, %%row, 128; add.u64 %%pa, %%pa, %%off; add.u64 %%pb, %%pb, %%off; mul.wide.u32 %%off, %%half, 16; add.u64 %%pa, %%pa, %%off; add.u64 %%pb, %%pb, %%off;")
	p("mad.lo.u32 %%x, %%t, 16, %%s;")
	p("and.b32 %%m0, %%w, 1; shl.b32 %%m0, %%m0, 5; shr.u32 %%n0, %%w, 1; shl.b32 %%n0, %%n0, 5;")
	p("and.b32 %%y, %%l, 15; add.u32 %%y, %%y, %%m0; mad.lo.u32 %%al, %%y, 32, %%s; shr.u32 %%y, %%l, 4; mad.lo.u32 %%al, %%y, 16, %%al;")
	p("and.b32 %%y, %%l, 7; add.u32 %%y, %%y, %%n0; mad.lo.u32 %%bl, %%y, 32, %%s; shr.u32 %%y, %%l, 3; and.b32 %%y, %%y, 1; mad.lo.u32 %%bl, %%y, 16, %%bl;")
	for i := range 32 {
		p("mov.f32 %%c%d, 0.0;", i)
	}
	const steps, stage = 4, 4096
	load := func(k int) {
		p(".loc 1 %d 1\ncp.async.cg.shared.global [%%x+%d], [%%pa+%d], 16;\ncp.async.cg.shared.global [%%x+%d], [%%pb+%d], 16;\ncp.async.commit_group;", 10+k, k%2*stage, 32*k, k%2*stage+2048, 32*k)
	}
	load(0)
	for k := range steps {
		if k+1 < steps {
			load(k + 1)
			p("cp.async.wait_group 1;")
		} else {
			p("cp.async.wait_group 0;")
		}
		p("bar.sync 0;\n.loc 1 %d 1", 20+k)
		for mi := range 2 {
			p("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%%a0, %%a1, %%a2, %%a3}, [%%al+%d];", k%2*stage+mi*16*32)
			for nj := range 4 {
				p("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%%b0, %%b1}, [%%bl+%d];", k%2*stage+2048+nj*8*32)
				i := 16*mi + 4*nj
				c := fmt.Sprintf("{%%c%d, %%c%d, %%c%d, %%c%d}", i, i+1, i+2, i+3)
				p("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 %s, {%%a0, %%a1, %%a2, %%a3}, {%%b0, %%b1}, %s;", c, c)
			}
		}
		if k+2 < steps {
			p("bar.sync 0;")
		}
	}
	p("shr.u32 %%g, %%l, 2; and.b32 %%q, %%l, 3; add.u32 %%g, %%g, %%m0; mad.lo.u32 %%q, %%q, 2, %%n0; mad.lo.u32 %%g, %%g, 64, %%q; mul.wide.u32 %%off, %%g, 4; add.u64 %%pc, %%pc, %%off;")
	for mi := range 2 {
		for nj := range 4 {
			for h := range 2 {
				i := 16*mi + 4*nj + 2*h
				p("st.global.v2.f32 [%%pc+%d], {%%c%d, %%c%d};", ((16*mi+8*h)*64+8*nj)*4, i, i+1)
			}
		}
	}
	p("ret;\n}")
	return s.String()
}

// runGEMM multiplies small integers and returns the report and how many results are wrong.
func runGEMM(t testing.TB, text string, o Options) (*Report, int) {
	t.Helper()
	mod, err := syntax.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	m := New(o)
	p, err := m.Load(mod)
	if err != nil {
		t.Fatal(err)
	}
	value := func(i, salt int) int { return (i*7+salt+i/64*3)%9 - 4 }
	bf16 := func(salt int) []byte {
		b := make([]byte, 64*64*2)
		for i := range 64 * 64 {
			binary.LittleEndian.PutUint16(b[2*i:], uint16(math.Float32bits(float32(value(i, salt)))>>16))
		}
		return b
	}
	a, _ := m.Upload("a", bf16(1))
	b, _ := m.Upload("b", bf16(5))
	c, _ := m.Alloc("c", 64*64*4)
	rep, err := p.Launch(Launch{Kernel: "gemm", Block: [3]int{128}, Args: []any{a, b, c}})
	if err != nil {
		t.Fatal(err)
	}
	wrong := 0
	for i := range 64 {
		for j := range 64 {
			sum := 0
			for k := range 64 {
				sum += value(64*i+k, 1) * value(64*j+k, 5)
			}
			if got := math.Float32frombits(binary.LittleEndian.Uint32(c.Bytes[4*(64*i+j):])); got != float32(sum) {
				wrong++
			}
		}
	}
	return rep, wrong
}

func TestMatrixProduct(t *testing.T) {
	text := gemmText()
	for seed := range uint64(8) {
		rep, wrong := runGEMM(t, text, Options{Seed: seed})
		if err := rep.Err(); err != nil || wrong > 0 {
			t.Errorf("seed %d: %d wrong, %v", seed, wrong, err)
		}
		if n := rep.ByClass[MatrixClass]; n != 4*4*8 {
			t.Errorf("%d matrix instructions", n)
		}
	}
}

// Deleting any one barrier, wait or commit is reported, whatever the order of the warps.
func TestDeletedSynchronisationIsFound(t *testing.T) {
	lines := strings.Split(gemmText(), "\n")
	deleted := 0
	for i, line := range lines {
		word, _, _ := strings.Cut(line, " ")
		if word = strings.TrimSuffix(word, ";"); word != "bar.sync" && word != "cp.async.wait_group" && word != "cp.async.commit_group" {
			continue
		}
		deleted++
		mutant := append(append([]string(nil), lines[:i]...), lines[i+1:]...)
		for seed := range uint64(4) {
			rep, _ := runGEMM(t, strings.Join(mutant, "\n"), Options{Seed: seed})
			if len(rep.Findings) == 0 {
				t.Errorf("seed %d: without line %d, %s, nothing was found", seed, i+1, line)
			}
			for _, f := range rep.Findings {
				if f.Loc.Line == 0 || f.Kind != Race && f.Kind != NotArrived && f.Kind != Uninitialised {
					t.Errorf("%v", f)
				}
			}
		}
	}
	if deleted != 14 {
		t.Errorf("%d deleted", deleted)
	}
	// A wait that leaves one group more is a wait too few.
	weak := strings.Replace(gemmText(), "cp.async.wait_group 0;", "cp.async.wait_group 1;", 1)
	if rep, _ := runGEMM(t, weak, Options{}); len(rep.Findings) == 0 {
		t.Error("nothing was found with a weaker wait")
	}
}

func BenchmarkMatrixProduct(b *testing.B) {
	text := gemmText()
	for b.Loop() {
		runGEMM(b, text, Options{})
	}
}

func BenchmarkParse(b *testing.B) {
	text := gemmText()
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := syntax.Parse(text); err != nil {
			b.Fatal(err)
		}
	}
}
