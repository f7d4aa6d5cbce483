package bank

import (
	"fmt"
	"testing"

	"github.com/tilec/tilec/ir/layout"
)

// xors is the linear swizzle on offsets in bits that adds, for each {from, to}, bit from of the byte address to bit to.
func xors(pairs ...[2]int) layout.Swizzle {
	cols := make([]int64, 16)
	for k := range cols {
		cols[k] = 1 << k
	}
	for _, p := range pairs {
		cols[p[0]+3] |= 1 << (p[1] + 3)
	}
	return layout.Must(layout.Linear(cols))
}

// The subtiles of HipKittens on gfx950, with their swizzles: the degree without and with.
func TestHipKittens(t *testing.T) {
	m := must(t, "gfx950")
	// Row l mod r, and the chunk of v elements that l/r says.
	by := func(r, v int64, more ...[][3]int64) func(int64) layout.Layout {
		return func(tall int64) layout.Layout {
			return elements(tall, append([][][3]int64{{{v, 0, 1}}, {{r, 1, 0}, {64 / r, 0, v}}}, more...)...)
		}
	}
	tests := []struct {
		name          string
		m, n, bits    int64
		swizzle       layout.Swizzle
		instruction   string
		elements      func(int64) layout.Layout
		none, swizzed int
	}{
		{"16x16", 16, 16, 16, xors([2]int{7, 3}, [2]int{8, 4}), "ds_read_b64", by(16, 4), 2, 1},
		{"16x16", 16, 16, 16, xors([2]int{7, 3}, [2]int{8, 4}), "ds_write_b64", by(16, 4), 4, 1},
		{"16x32", 16, 32, 16, xors([2]int{9, 5}), "ds_read_b128", by(16, 8), 2, 1},
		{"32x32 as halves of 32x16", 32, 32, 16, xors([2]int{9, 5}, [2]int{10, 4}), "ds_read_b128", by(32, 8, digits{{2, 0, 16}}), 4, 1},
		{"32x32 as 16x32", 32, 32, 16, xors([2]int{9, 5}, [2]int{10, 4}), "ds_read_b128", by(16, 8, digits{{2, 16, 0}}), 2, 1},
		{"32x16", 32, 16, 16, xors([2]int{9, 4}), "ds_read_b128", by(32, 8), 2, 1},
		{"16x128 fp8", 16, 128, 8, xors([2]int{8, 4}, [2]int{9, 5}, [2]int{10, 6}), "ds_read_b128", by(16, 16, digits{{2, 0, 64}}), 4, 1},
	}
	for _, x := range tests {
		t.Run(x.name+" "+x.instruction, func(t *testing.T) {
			a := Access{Instruction: x.instruction, Elements: x.elements(x.m)}
			plain := rows(x.m, x.n, x.bits, x.n*x.bits/8)
			if got := check(t, m, a, plain).Degree; got != x.none {
				t.Errorf("without a swizzle degree %d, want %d", got, x.none)
			}
			if got := check(t, m, a, layout.Must(layout.WithSwizzle(x.swizzle, plain))).Degree; got != x.swizzed {
				t.Errorf("with the swizzle degree %d, want %d", got, x.swizzed)
			}
		})
	}

	// The swizzle of 16x32 would not do if 16 consecutive lanes were a phase.
	naive := &Machine{Name: "naive", Lanes: 64, Line: 256, Instructions: []Instruction{{
		Name: "ds_read_b128", Bytes: 16, Lanes: 64, Align: 16, Models: []Model{{Name: "16 consecutive", Banks: 64, Phases: runs(64, 16)}},
	}}}
	l := layout.Must(layout.WithSwizzle(xors([2]int{9, 5}), rows(16, 32, 16, 64)))
	if got := check(t, naive, Access{Instruction: "ds_read_b128", Elements: by(16, 8)(16)}, l).Degree; got != 2 {
		t.Errorf("degree %d of 16x32 under consecutive phases, want 2", got)
	}

	// The 8x32 subtile as ds_read_b64_tr_b16 reads it: lane i of 16 addresses row i/4, columns 4(i mod 4).
	e := elements(8, digits{{4, 0, 1}}, digits{{4, 0, 4}, {4, 1, 0}, {2, 0, 16}, {2, 4, 0}})
	r := check(t, m, Access{Instruction: "ds_read_b64_tr_b16", Elements: e}, rows(8, 32, 16, 64))
	if r.Models[0].Degree != 1 || r.Models[1].Degree != 2 || r.Degree != 2 {
		t.Errorf("8x32 has degrees %+v, want 1 by the phases of ds_read_b64 and 2 by 16 lanes and 32 banks", r.Models)
	}
}

// The solver finds layouts as good as the table's: each subtile for all of its readers and writers at once.
func TestSolveHipKittens(t *testing.T) {
	m := must(t, "gfx950")
	by := func(tall, r, v int64, more ...[][3]int64) layout.Layout {
		return elements(tall, append([][][3]int64{{{v, 0, 1}}, {{r, 1, 0}, {64 / r, 0, v}}}, more...)...)
	}
	tests := []struct {
		name       string
		m, n, bits int64
		accesses   []Access
	}{
		{"16x16", 16, 16, 16, []Access{{Instruction: "ds_read_b64", Elements: by(16, 16, 4)}, {Instruction: "ds_write_b64", Elements: by(16, 16, 4)}}},
		{"16x32", 16, 32, 16, []Access{{Instruction: "ds_read_b128", Elements: by(16, 16, 8)}}},
		{"32x32", 32, 32, 16, []Access{
			{Instruction: "ds_read_b128", Elements: by(32, 32, 8, digits{{2, 0, 16}})},
			{Instruction: "ds_read_b128", Elements: by(32, 16, 8, digits{{2, 16, 0}})}}},
		{"32x16", 32, 16, 16, []Access{{Instruction: "ds_read_b128", Elements: by(32, 32, 8)}}},
		{"16x128 fp8", 16, 128, 8, []Access{{Instruction: "ds_read_b128", Elements: by(16, 16, 16, digits{{2, 0, 64}})}}},
		{"8x32", 8, 32, 16, []Access{{Instruction: "ds_read_b64_tr_b16", Elements: elements(8, digits{{4, 0, 1}}, digits{{4, 0, 4}, {4, 1, 0}, {2, 0, 16}, {2, 4, 0}})}}},
		{"16x512", 16, 512, 16, []Access{{Instruction: "ds_read_b128", Elements: by(16, 16, 8, digits{{16, 0, 32}})}}},
	}
	for _, x := range tests {
		r, err := Solve(m, rows(x.m, x.n, x.bits, x.n*x.bits/8), x.accesses, Options{Forms: Swizzled})
		if err != nil {
			t.Fatal(err)
		}
		recheck(t, m, x.accesses, r, x.bits)
		t.Logf("%s: %v", x.name, r)
		if r.Cost != 0 || !r.Minimal || r.Wasted != 0 {
			t.Errorf("%s: %v", x.name, r)
		}
		// gfx942 reads 16 bytes by 8 lanes, under either model.
		if x.accesses[0].Instruction == "ds_read_b128" {
			r, err := Solve(must(t, "gfx942"), rows(x.m, x.n, x.bits, x.n*x.bits/8), x.accesses, Options{Forms: Swizzled})
			if err != nil {
				t.Fatal(err)
			}
			recheck(t, must(t, "gfx942"), x.accesses, r, x.bits)
			if r.Cost != 0 {
				t.Errorf("%s on gfx942: %v", x.name, r)
			}
		}
	}
}

// ldmatrix: 8 rows of 16 bytes a phase. A pitch of 32, 64 or 128 bytes gives conflicts of 2, 4 and 8 ways, and the
// swizzle of as many bytes none.
func TestMatrixLoads(t *testing.T) {
	m := must(t, "sm_90a")
	for i, pitch := range []int64{32, 64, 128} {
		n := pitch / 2
		// Rows l mod 16, columns 8(l/16), along the tile.
		e := elements(64, digits{{8, 0, 1}}, digits{{16, 1, 0}, {2, 0, 8}}, digits{{n / 16, 0, 16}, {4, 16, 0}})
		for _, name := range []string{"ldmatrix.x4", "stmatrix.x4"} {
			a := Access{Instruction: name, Elements: e}
			plain := rows(64, n, 16, pitch)
			if got := check(t, m, a, plain).Degree; got != 2<<i {
				t.Errorf("%s at a pitch of %d bytes: degree %d, want %d", name, pitch, got, 2<<i)
			}
			for _, o := range []Options{{}, {Canonical: true}} {
				r, err := Solve(m, plain, []Access{a}, o)
				if err != nil {
					t.Fatal(err)
				}
				recheck(t, m, []Access{a}, r, 16)
				if want := layout.Must(layout.XOR(i+1, 4, 3)); r.Cost != 0 || !r.Swizzle.Equal(want) || r.Align != pitch*8 || !r.Minimal {
					t.Errorf("%s at a pitch of %d bytes: %v aligned to %d, want %v", name, pitch, r, r.Align, want)
				}
			}
		}
	}
}

// The transposes and conversions of Triton's derivation of swizzles: extra wavefronts of a phase in rows, and none in
// the layout that is found. The other side of each is free of conflicts in rows, and stays so.
func TestTransposes(t *testing.T) {
	m := must(t, "sm_80")
	tests := []struct {
		name       string
		m, n, bits int64
		side, rows Access
		extra      int
	}{
		{"f8 128x128 transpose read", 128, 128, 8,
			Access{Instruction: "ld.shared.v4", Elements: elements(128, digits{{16, 0, 1}}, digits{{32, 1, 0}}, digits{{8, 0, 16}, {4, 32, 0}})},
			Access{Instruction: "st.shared.v4", Elements: elements(128, digits{{16, 0, 1}}, digits{{8, 0, 16}, {4, 1, 0}}, digits{{32, 4, 0}})}, 7},
		{"u4 16x256 blocked to mma read", 16, 256, 4,
			Access{Instruction: "ld.shared", Elements: elements(16, digits{{8, 0, 1}}, digits{{4, 0, 8}, {8, 1, 0}}, digits{{2, 8, 0}, {8, 0, 32}})},
			Access{Instruction: "st.shared.v4", Elements: elements(16, digits{{32, 0, 1}}, digits{{8, 0, 32}, {4, 1, 0}}, digits{{4, 4, 0}})}, 7},
		{"bf16 16x16 blocked to mma read", 16, 16, 16,
			Access{Instruction: "ld.shared", Elements: elements(16, digits{{2, 0, 1}}, digits{{4, 0, 2}, {8, 1, 0}}, digits{{2, 8, 0}, {2, 0, 8}})},
			Access{Instruction: "st.shared.v4", Elements: elements(16, digits{{8, 0, 1}}, digits{{2, 0, 8}, {16, 1, 0}})}, 1},
		{"f32 32x16 transpose read", 32, 16, 32,
			Access{Instruction: "ld.shared", Elements: elements(32, digits{{1, 0, 0}}, digits{{32, 1, 0}}, digits{{16, 0, 1}})},
			Access{Instruction: "st.shared", Elements: elements(32, digits{{1, 0, 0}}, digits{{16, 0, 1}, {2, 1, 0}}, digits{{16, 2, 0}})}, 15},
		{"f16 128x128 transpose write", 128, 128, 16,
			Access{Instruction: "st.shared.v2", Elements: elements(128, digits{{4, 0, 1}}, digits{{32, 1, 0}}, digits{{32, 0, 4}, {4, 32, 0}})},
			Access{Instruction: "ld.shared.v2", Elements: elements(128, digits{{4, 0, 1}}, digits{{32, 0, 4}}, digits{{128, 1, 0}})}, 15},
		{"f32 32x32 transpose read", 32, 32, 32,
			Access{Instruction: "ld.shared", Elements: elements(32, digits{{1, 0, 0}}, digits{{32, 1, 0}}, digits{{32, 0, 1}})},
			Access{Instruction: "st.shared", Elements: elements(32, digits{{1, 0, 0}}, digits{{32, 0, 1}}, digits{{32, 1, 0}})}, 31},
	}
	for _, x := range tests {
		t.Run(x.name, func(t *testing.T) {
			plain := rows(x.m, x.n, x.bits, x.n*x.bits/8)
			if got := check(t, m, x.side, plain).Degree - 1; got != x.extra {
				t.Errorf("%d extra wavefronts in a phase, want %d", got, x.extra)
			}
			if got := check(t, m, x.rows, plain).Degree; got != 1 {
				t.Errorf("rows have degree %d", got)
			}
			accesses := []Access{x.side, x.rows}
			r, err := Solve(m, plain, accesses, Options{})
			if err != nil {
				t.Fatal(err)
			}
			recheck(t, m, accesses, r, x.bits)
			t.Log(r)
			if r.Cost != 0 || r.Form != Swizzled || r.Wasted != 0 {
				t.Errorf("%v, want a swizzle without conflicts", r)
			}
		})
	}
}

// Accumulators of f32 stored straight from the fragment, row g and columns 2t and 2t+1, into rows of 128 bytes.
func TestAccumulatorStore(t *testing.T) {
	m := must(t, "sm_90a")
	for _, x := range []struct {
		instruction string
		elements    layout.Layout
		degree      int
	}{
		{"st.shared", elements(64, digits{{1, 0, 0}}, digits{{4, 0, 2}, {8, 1, 0}}, digits{{2, 0, 1}, {4, 0, 8}, {8, 8, 0}}), 8},
		{"st.shared.v2", elements(64, digits{{2, 0, 1}}, digits{{4, 0, 2}, {8, 1, 0}}, digits{{4, 0, 8}, {8, 8, 0}}), 4},
	} {
		a := Access{Instruction: x.instruction, Elements: x.elements}
		plain := rows(64, 32, 32, 128)
		if got := check(t, m, a, plain); got.Degree != x.degree || got.Extra == 0 {
			t.Errorf("%v, want degree %d", got, x.degree)
		}
		// What reads the rows again, 16 bytes a lane, and the store are both free of conflicts in what is found.
		read := Access{Instruction: "ld.shared.v4", Elements: elements(64, digits{{4, 0, 1}}, digits{{8, 0, 4}, {4, 1, 0}}, digits{{16, 4, 0}})}
		r, err := Solve(m, plain, []Access{a, read}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		recheck(t, m, []Access{a, read}, r, 32)
		t.Log(r, r.Minimal, r.Proof)
	}
}

// Rows whose pitch is an odd number of 16-byte chunks need nothing; other pitches are padded by one, or rotated.
func TestPitches(t *testing.T) {
	m := must(t, "sm_90a")
	for _, pitch := range []int64{48, 80, 96, 112, 144, 160, 192, 224, 272, 320, 384, 400, 576} {
		n := pitch / 2
		e := elements(64, digits{{8, 0, 1}}, digits{{8, 1, 0}, {4, 8, 0}}, digits{{n / 8, 0, 8}, {2, 32, 0}})
		a := []Access{{Instruction: "ldmatrix.x4", Elements: e}}
		base := rows(64, n, 16, pitch)
		for _, forms := range []Form{0, Rotated, Swizzled} {
			r, err := Solve(m, base, a, Options{Forms: forms})
			if err != nil {
				t.Fatal(err)
			}
			recheck(t, m, a, r, 16)
			want := Plain
			if pitch/16%2 == 0 {
				want = Padded
				if forms != 0 {
					want = forms
				}
			}
			if r.Form != want || (forms != Swizzled && r.Cost != 0) {
				t.Errorf("pitch %d: %v, want it %v", pitch, r, want)
			}
			if r.Form == Padded && (r.Padding != 16 || r.Wasted != 63*16) {
				t.Errorf("pitch %d: %v", pitch, r)
			}
			t.Log(pitch, forms, r)
		}
	}
}

func ExampleDegree() {
	m, _ := For("sm_90a")
	tile := layout.Must(layout.New(layout.Ints(64, 64), layout.Ints(1024, 16))) // 64 rows of 64 bf16, in bits
	a := Access{Instruction: "ldmatrix.x4", Elements: elements(64, digits{{8, 0, 1}}, digits{{16, 1, 0}, {2, 0, 8}}, digits{{4, 0, 16}, {4, 16, 0}})}
	r, _ := Degree(m, a, tile)
	fmt.Println(r)
	s, _ := Solve(m, tile, []Access{a}, Options{})
	fmt.Println(s)
	// Output:
	// ldmatrix.x4 8x, 448 extra wavefronts of 512
	// swizzle(3,4,3): ldmatrix.x4 1x
}
