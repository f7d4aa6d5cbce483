package bank

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/tilec/tilec/ir/layout"
)

// No swizzle tears elements apart, those either that no access touches.
func TestSolveKeepsUntouchedElements(t *testing.T) {
	base := layout.Must(layout.New(layout.Ints(64, 192), layout.Ints(6, 512))) // elements at bits 126 to 131 of a row
	m, _ := For("gfx950")
	list := layout.List
	ints := layout.Ints
	elements := layout.Must(layout.New(list(layout.Int(16), ints(1, 64), ints(1, 3)), list(layout.Int(1), ints(16, 64), ints(16, 4096))))
	r, err := Solve(m, base, []Access{{Instruction: "ds_write_b96", Elements: elements}}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	bits := map[int64]bool{}
	for _, at := range r.Layout.Values() {
		for k := range int64(6) {
			if bits[at+k] {
				t.Fatalf("%v: two elements share bit %d", r.Layout, at+k)
			}
			bits[at+k] = true
		}
	}
	if undivided(base, 6, 128) || !undivided(layout.Must(layout.New(ints(21, 192), ints(6, 512))), 6, 128) {
		t.Error("of 64 elements of 6 bits some lie in two chunks of 16 bytes; of 21 none")
	}
}

// What the strides of a tile tear apart, its swizzle may put together again for an access with a swizzle of its own.
func TestDegreeOfTwoSwizzles(t *testing.T) {
	m, _ := For("gfx942")
	list := layout.List
	ints := layout.Ints
	elements := layout.Must(layout.New(list(layout.Int(16), ints(32, 2), ints(1, 1)), list(layout.Int(1), ints(0, 0), ints(512, 1024))))
	elements = layout.Must(layout.WithSwizzle(layout.Must(layout.XOR(1, 0, 3)), elements))
	tile := layout.Must(layout.New(ints(512, 2), ints(8, 4096)))
	a := Access{Instruction: "ds_write_b128", Elements: elements}
	if _, err := Degree(m, a, tile); err == nil {
		t.Error("elements in the order 0, 1, …, 9, 8, … lie side by side in plain rows")
	}
	tile = layout.Must(layout.WithSwizzle(layout.Must(layout.XOR(1, 3, 3)), tile))
	r, err := Degree(m, a, tile)
	if err != nil {
		t.Fatal(err)
	}
	if phases, err := Phases(m, a, tile, 0, 0); err != nil || phases[0].Degree != r.Degree {
		t.Errorf("phases %v: %v", phases, err)
	}
	if r.Degree != 8 { // all lanes of a phase write one address, in turn
		t.Errorf("%v", r)
	}
}

// An access that no instruction makes is refused for what stands in its way.
func TestOfSaysWhy(t *testing.T) {
	m, _ := For("sm_80")
	tile := layout.Must(layout.New(layout.Ints(1, 1), layout.Ints(32, 32)))
	_, err := Of(m, true, layout.Must(layout.Spatial(1, 1)), tile, 32, 16)
	if e, ok := err.(*layout.Error); !ok || e.Reason != layout.Range || !strings.Contains(e.Text, "1 lanes; 32 ") {
		t.Errorf("of one lane: %v", err)
	}
	pitch := layout.Must(layout.New(layout.Ints(32, 1), layout.Ints(24, 8)))
	_, err = Of(m, true, layout.Must(layout.Spatial(32, 1)), pitch, 16, 16)
	if e, ok := err.(*layout.Error); !ok || e.Reason != layout.Divisibility || !strings.Contains(e.Text, "no multiple of 2 bytes") {
		t.Errorf("of 2 bytes at a pitch of 3: %v", err)
	}
}

// Repetitions that run over the end of a row lie where the layout puts them.
func TestDegreeAcrossRows(t *testing.T) {
	m, _ := For("sm_80")
	list := layout.List
	ints := layout.Ints
	elements := layout.Must(layout.New(list(layout.Int(1), ints(4, 8), layout.Int(2)), list(layout.Int(0), ints(1, 6), layout.Int(3))))
	a := Access{Instruction: "ld.shared", Elements: elements}
	for pitch := int64(6); pitch < 40; pitch++ {
		tile := layout.Must(layout.New(ints(6, 9), ints(32, 32*pitch)))
		r, err := Degree(m, a, tile)
		if err != nil {
			t.Fatal(err)
		}
		var wavefronts int64
		for repetition := range int64(2) {
			phases, err := Phases(m, a, tile, 0, repetition)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range phases {
				wavefronts += int64(p.Degree)
			}
		}
		if r.Wavefronts != wavefronts {
			t.Errorf("pitch %d: %d wavefronts, of the phases %d", pitch, r.Wavefronts, wavefronts)
		}
	}
}

// Rows that do not fill their pitch, rotated or not: results cost and take what brute force counts.
func TestSolveWidePitch(t *testing.T) {
	random := rand.New(rand.NewPCG(11, 12))
	rotated := 0
	for range 150 {
		m := machines[random.IntN(len(machines))]
		bits := []int64{8, 16, 32}[random.IntN(3)]
		row := 16 * (1 + random.Int64N(10))
		tall := []int64{8, 12, 16, 32, 40}[random.IntN(5)]
		n := row * 8 / bits
		base := rows(tall, n, bits, row+16*random.Int64N(6))
		if random.IntN(3) == 0 { // planes, each an odd number of rows and a bit further
			plane := 8 * (row*tall/2 + 16*random.Int64N(3))
			base = layout.Must(layout.New(layout.List(layout.Ints(tall/2, 2), layout.Int(n)), layout.List(layout.Ints(8*row, plane), layout.Int(bits))))
		}
		in := &m.Instructions[random.IntN(len(m.Instructions))]
		if in.Bytes == 12 || int64(in.Bytes)*8%bits != 0 {
			continue
		}
		accesses := []Access{{Instruction: in.Name, Elements: walk(random, in, tall, int64(in.Bytes)*8/bits, row/int64(in.Bytes))}}
		r, err := Solve(m, base, accesses, Options{Forms: Rotated})
		if err != nil {
			t.Fatal(err)
		}
		recheck(t, m, accesses, r, bits)
		if r.Form == Rotated {
			rotated++
		}
	}
	if rotated < 10 {
		t.Errorf("%d results are rotated", rotated)
	}
}
