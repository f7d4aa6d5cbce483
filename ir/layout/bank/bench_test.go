package bank

import (
	"testing"

	"github.com/tilec/tilec/ir/layout"
)

// A problem is a tile with all that reads and writes it.
type problem struct {
	name     string
	machine  string
	base     layout.Layout
	accesses []Access
	options  Options
}

// problems are tiles of 256×256 with four accesses, and harder ones.
func problems() []problem {
	const m, n = 256, 256
	f32 := []Access{
		{Instruction: "st.shared.v2", Elements: elements(m, digits{{2, 0, 1}}, digits{{4, 0, 2}, {8, 1, 0}}, digits{{32, 0, 8}, {32, 8, 0}})},
		{Instruction: "ld.shared.v4", Elements: elements(m, digits{{4, 0, 1}}, digits{{32, 0, 4}}, digits{{2, 0, 128}, {m, 1, 0}})},
		{Instruction: "ld.shared", Elements: elements(m, digits{{1, 0, 0}}, digits{{32, 1, 0}}, digits{{8, 32, 0}, {n, 0, 1}})},
		{Instruction: "st.shared", Elements: elements(m, digits{{1, 0, 0}}, digits{{32, 0, 1}}, digits{{8, 0, 32}, {m, 1, 0}})},
	}
	loose := f32[2:]
	bf16 := []Access{
		{Instruction: "ldmatrix.x4", Elements: elements(m, digits{{8, 0, 1}}, digits{{16, 1, 0}, {2, 0, 8}}, digits{{16, 0, 16}, {16, 16, 0}})},
		{Instruction: "stmatrix.x4", Elements: elements(m, digits{{8, 0, 1}}, digits{{8, 1, 0}, {4, 0, 8}}, digits{{8, 0, 32}, {32, 8, 0}})},
		{Instruction: "ld.shared.v4", Elements: elements(m, digits{{8, 0, 1}}, digits{{32, 0, 8}}, digits{{m, 1, 0}})},
		{Instruction: "st.shared", Elements: elements(m, digits{{2, 0, 1}}, digits{{4, 0, 2}, {8, 1, 0}}, digits{{32, 0, 8}, {32, 8, 0}})},
	}
	amd := []Access{
		{Instruction: "ds_read_b128", Elements: elements(m, digits{{8, 0, 1}}, digits{{16, 1, 0}, {4, 0, 8}}, digits{{8, 0, 32}, {16, 16, 0}})},
		{Instruction: "ds_write_b128", Elements: elements(m, digits{{8, 0, 1}}, digits{{32, 0, 8}, {2, 1, 0}}, digits{{128, 2, 0}})},
		{Instruction: "ds_read_b64_tr_b16", Elements: elements(m, digits{{4, 0, 1}}, digits{{4, 0, 4}, {4, 1, 0}, {2, 0, 16}, {2, 4, 0}}, digits{{8, 0, 32}, {32, 8, 0}})},
		{Instruction: "ds_write_b64", Elements: elements(m, digits{{4, 0, 1}}, digits{{16, 1, 0}, {4, 0, 4}}, digits{{16, 0, 16}, {16, 16, 0}})},
	}
	// Four readers of which each two want other lanes in a phase: no swizzle is free of conflicts under AMD's phases.
	var hard []Access
	for i, name := range []string{"ds_write_b128", "ds_read_b128", "ds_write_b128", "ds_read_b128"} {
		steps := digits{{2, 0, 8}, {2, 64, 0}, {2, 0, 128}, {2, 1, 0}, {2, 0, 16}, {2, 128, 0}, {2, 2, 0}, {2, 0, 64}, {2, 4, 0}, {2, 0, 32}, {2, 8, 0}, {2, 32, 0}, {2, 16, 0}}
		steps = append(append(digits{}, steps[3*i:]...), steps[:3*i]...)
		hard = append(hard, Access{Instruction: name, Elements: elements(m, digits{{8, 0, 1}}, steps[:6], steps[6:])})
	}
	return []problem{
		{"bf16 hard gfx950", "gfx950", rows(m, n, 16, 2*n), hard, Options{}},
		{"bf16 hard gfx942", "gfx942", rows(m, n, 16, 2*n), hard, Options{}},
		{"f32", "sm_90a", rows(m, n, 32, 4*n), f32, Options{}},
		{"f32 by words", "sm_90a", rows(m, n, 32, 4*n), loose, Options{}},
		{"bf16", "sm_90a", rows(m, n, 16, 2*n), bf16, Options{}},
		{"bf16 canonical", "sm_90a", rows(m, n, 16, 2*n), bf16, Options{Canonical: true}},
		{"bf16 gfx950", "gfx950", rows(m, n, 16, 2*n), amd, Options{}},
		{"bf16 gfx950 wave", "gfx950", rows(m, n, 16, 2*n), amd, Options{Wave: true}},
		{"bf16 gfx942", "gfx942", rows(m, n, 16, 2*n), append(append([]Access{}, amd[:2]...), amd[3]), Options{}},
		{"f32 pitch 1056", "sm_90a", rows(m, n, 32, 1056), f32, Options{}},
		{"f32 pitch 1056 swizzled", "sm_90a", rows(m, n, 32, 1056), f32, Options{Forms: Swizzled}},
		{"f32 pitch 1056 rotated", "sm_90a", rows(m, n, 32, 1056), f32, Options{Forms: Rotated}},
		{"bf16 pitch 528 swizzled", "sm_90a", rows(m, n, 16, 528), bf16, Options{Forms: Swizzled}},
		{"bf16 pitch 544 swizzled", "sm_90a", rows(m, n, 16, 544), bf16, Options{Forms: Swizzled}},
		{"bf16 pitch 560 gfx950", "gfx950", rows(m, n, 16, 560), amd, Options{}},
		{"f32 pitch 1028", "sm_90a", rows(m, n, 32, 1028), loose, Options{Forms: Swizzled | Rotated}},
	}
}

// The problems that are timed are solved right.
func TestProblems(t *testing.T) {
	if testing.Short() {
		t.Skip("brute force over large tiles")
	}
	for _, p := range problems() {
		m := must(t, p.machine)
		r, err := Solve(m, p.base, p.accesses, p.options)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %v (minimal: %t %s)", p.name, r, r.Minimal, r.Proof)
		for i, a := range p.accesses {
			if got := check(t, m, a, r.Layout); got.Extra != r.Reports[i].Extra {
				t.Errorf("%s: %v has %d extra wavefronts", p.name, r.Reports[i], got.Extra)
			}
		}
	}
}

func BenchmarkSolve(b *testing.B) {
	for _, p := range problems() {
		b.Run(p.name, func(b *testing.B) {
			m, _ := For(p.machine)
			for b.Loop() {
				if _, err := Solve(m, p.base, p.accesses, p.options); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkDegree(b *testing.B) {
	p := problems()[0]
	m, _ := For(p.machine)
	l := layout.Must(layout.WithSwizzle(layout.Must(layout.XOR(3, 7, 3)), p.base))
	for b.Loop() {
		if _, err := Degree(m, p.accesses[2], l); err != nil {
			b.Fatal(err)
		}
	}
}
