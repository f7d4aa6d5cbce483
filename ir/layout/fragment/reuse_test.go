package fragment

import (
	"slices"
	"testing"

	"github.com/tilec/tilec/ir/layout"
)

// at is what a position of a fragment holds, as coordinates.
func at(d layout.Distribution, slot, lane, warp int64) []int64 {
	return d.Coordinates(d.Element(slot, lane, warp, 0))
}

// sameHeld tells whether two distributions hold the same elements in the same slots of the same lanes and warps.
func sameHeld(a, b layout.Distribution) bool {
	if !slices.Equal(a.Tile(), b.Tile()) {
		return false
	}
	for u := layout.Register; u <= layout.Warp; u++ {
		if a.Count(u) != b.Count(u) {
			return false
		}
	}
	return slices.Equal(a.Layout().Values(), b.Layout().Values())
}

// The accumulators of neighbouring tiles of 8 columns are the A operand of the next product along them, register by
// register: two for 16-bit operands. For 8 bits four tiles would have to be one A of k = 32, and are not.
func TestAccumulatorsAsA(t *testing.T) {
	beside := func(n int64, name string) layout.Distribution {
		return layout.Must(layout.Must(layout.Local(1, n)).Mul(get(t, name).Distribution))
	}
	for _, c := range []struct {
		tiles int64
		d, a  string
		same  bool
	}{
		{2, "mma_m16n8k16_bf16.d", "mma_m16n8k16_bf16.a", true},
		{1, "mma_m16n8k16_f16.d", "mma_m16n8k8_f16.a", true},
		{2, "mma_m16n8k16_f16_f16.d", "mma_m16n8k16_f16.a", true},
		{4, "mma_m16n8k32_e4m3.d", "mma_m16n8k32_e4m3.a", false},
		{2, "mma_m16n8k16_s8.d", "mma_m16n8k16_s8.a", false},
		{1, "mma_m16n8k8_tf32.d", "mma_m16n8k8_tf32.a", false},
	} {
		if got := sameHeld(beside(c.tiles, c.d), get(t, c.a).Distribution); got != c.same {
			t.Errorf("%d of %s are %s: %v", c.tiles, c.d, c.a, got)
		}
	}
	// The registers by name: a0 = c0, c1 of the first tile; a1 = c2, c3; a2, a3 those of the second.
	d, a := get(t, "mma_m16n8k16_bf16.d").Distribution, get(t, "mma_m16n8k16_bf16.a").Distribution
	for lane := range int64(32) {
		for slot := range int64(8) {
			held := at(d, slot%4, lane, 0)
			if want := at(a, slot, lane, 0); held[0] != want[0] || held[1]+8*(slot/4) != want[1] {
				t.Fatalf("slot %d of lane %d: %v of tile %d, A has %v", slot, lane, held, slot/4, want)
			}
		}
	}
	// wgmma's accumulator of 64 x 16 is A of 64 x 16 from registers, with the warps.
	if !sameHeld(get(t, "wgmma_m64n16k16_f16.d").Distribution, get(t, "wgmma_m64n16k16_f16.a").Distribution) {
		t.Error("wgmma: D of 16 columns is not A of k = 16")
	}
}

// A of wgmma from registers is that of mma.sync in each warp, 16 rows each.
func TestWarpgroupA(t *testing.T) {
	for _, c := range [][2]string{
		{"wgmma_m64n8k16_bf16.a", "mma_m16n8k16_bf16.a"},
		{"wgmma_m64n8k8_tf32.a", "mma_m16n8k8_tf32.a"},
		{"wgmma_m64n8k32_e4m3.a", "mma_m16n8k32_e4m3.a"},
		{"wgmma_m64n8k32_s8.a", "mma_m16n8k32_s8.a"},
		{"wgmma_m64n8k256_b1.a", "mma_m16n8k256_b1.a"},
	} {
		group, warp := get(t, c[0]).Distribution, get(t, c[1]).Distribution
		of, err := layout.Grid(layout.Warp, true, 4, 1)
		if err != nil {
			t.Fatal(err)
		}
		if !sameHeld(layout.Must(of.Mul(warp)), group) {
			t.Errorf("%s is not %s in each of 4 warps", c[0], c[1])
		}
	}
}

// moved is what a lane's slots receive by an instruction that moves pieces which lanes point at: rows is the fragment of
// the pointers, d that of the results, point the tile's element to which each lane points, where pieces run along axis
// 1 of the tile.
func moved(t *testing.T, rows, d layout.Distribution, point func(lane int64) []int64, slot, lane int64) []int64 {
	t.Helper()
	want := at(d, slot, lane, 0)
	for owner := range rows.Count(layout.Lane) {
		for piece := range rows.Count(layout.Register) {
			if slices.Equal(at(rows, piece, owner, 0), want) {
				p := slices.Clone(point(owner))
				p[1] += piece
				return p
			}
		}
	}
	t.Fatalf("nobody points at %v", want)
	return nil
}

// ldmatrix gives the operands of mma.sync with the usual pointers.
func TestLdmatrixFeedsMMA(t *testing.T) {
	swap := func(p []int64) []int64 { return []int64{p[1], p[0]} }
	keep := func(p []int64) []int64 { return p }
	for _, c := range []struct {
		load, operand string
		wide          int64 // how many 16-bit units a piece of 8 counts in elements of the operand: 16/bits
		point         func(lane int64) []int64
		to            func([]int64) []int64 // from coordinates in memory to the operand's
	}{
		// A stored with k contiguous: lane l points at row l%16, k 8(l/16).
		{"ldmatrix_x4", "mma_m16n8k16_bf16.a", 1, func(l int64) []int64 { return []int64{l % 16, 8 * (l / 16)} }, keep},
		// A stored with m contiguous, (k, m): transposed.
		{"ldmatrix_x4_trans", "mma_m16n8k16_f16.a", 1, func(l int64) []int64 { return []int64{l%8 + 8*(l/16), 8 * (l / 8 % 2)} }, swap},
		// B stored with k contiguous, (n, k).
		{"ldmatrix_x2", "mma_m16n8k16_f16.b", 1, func(l int64) []int64 { return []int64{l % 8, 8 * (l / 8 % 2)} }, swap},
		// B stored with n contiguous, (k, n): transposed.
		{"ldmatrix_x2_trans", "mma_m16n8k16_bf16.b", 1, func(l int64) []int64 { return []int64{l % 16, 0} }, keep},
		{"ldmatrix_x1_trans", "mma_m16n8k8_bf16.b", 1, func(l int64) []int64 { return []int64{l % 8, 0} }, keep},
		{"ldmatrix_x2", "mma_m16n8k8_f16.a", 1, func(l int64) []int64 { return []int64{l % 16, 0} }, keep},
		// Bytes move in pairs: a piece of 8 pairs is 16 elements.
		{"ldmatrix_x4", "mma_m16n8k32_s8.a", 2, func(l int64) []int64 { return []int64{l % 16, 8 * (l / 16)} }, keep},
		{"ldmatrix_x2", "mma_m16n8k32_e4m3.b", 2, func(l int64) []int64 { return []int64{l % 8, 8 * (l / 8 % 2)} }, swap},
		{"ldmatrix_x4", "mma_m16n8k64_u4.a", 4, func(l int64) []int64 { return []int64{l % 16, 8 * (l / 16)} }, keep},
	} {
		rows, d := get(t, c.load+".rows").Distribution, get(t, c.load+".d").Distribution
		want := get(t, c.operand).Distribution
		if d.Count(layout.Register)*c.wide != want.Count(layout.Register) {
			t.Fatalf("%s has %d units, %s %d slots", c.load, d.Count(layout.Register), c.operand, want.Count(layout.Register))
		}
		for lane := range int64(32) {
			for slot := range want.Count(layout.Register) {
				p := moved(t, rows, d, c.point, slot/c.wide, lane)
				p[1] = p[1]*c.wide + slot%c.wide
				if got := c.to(p); !slices.Equal(got, at(want, slot, lane, 0)) {
					t.Fatalf("%s: slot %d of lane %d receives %v, %s has %v", c.load, slot, lane, got, c.operand, at(want, slot, lane, 0))
				}
			}
		}
	}
}

// The transposing load of bytes gives B of k = 32 from memory with n contiguous, which ldmatrix of pairs cannot.
func TestByteTransposeFeedsMMA(t *testing.T) {
	rows, d := get(t, "ldmatrix_m16n16_x2_trans.rows").Distribution, get(t, "ldmatrix_m16n16_x2_trans.d").Distribution
	want := get(t, "mma_m16n8k32_e4m3.b").Distribution
	for lane := range int64(32) {
		for slot := range int64(16) {
			// Slots 0-3 and 8-11 are columns 0-7 of k 0-15 and 16-31, slots 4-7 and 12-15 columns 8-15.
			k := moved(t, rows, d, func(l int64) []int64 { return []int64{l, 0} }, slot, lane)
			b := at(want, slot%4+4*(slot/8), lane, 0)
			if k[0] != b[0] || k[1] != b[1]+8*(slot/4%2) {
				t.Fatalf("slot %d of lane %d receives %v, B has %v", slot, lane, k, b)
			}
		}
	}
}

// stmatrix is the inverse of ldmatrix: the same pointers and the same registers. The store of bytes that was transposed
// by mma's accumulator order puts two columns of 8 side by side.
func TestStmatrix(t *testing.T) {
	for _, form := range []string{"x1", "x2", "x4", "x1_trans", "x2_trans", "x4_trans"} {
		if !sameHeld(get(t, "stmatrix_"+form+".rows").Distribution, get(t, "ldmatrix_"+form+".rows").Distribution) ||
			!sameHeld(get(t, "stmatrix_"+form+".a").Distribution, get(t, "ldmatrix_"+form+".d").Distribution) {
			t.Errorf("stmatrix %s is not ldmatrix backwards", form)
		}
	}
	if get(t, "stmatrix_x4.a").Registers != 4 || get(t, "stmatrix_x4.rows").Registers != 1 {
		t.Error("registers of stmatrix.x4")
	}
}

// movmatrix turns the accumulator of a product into the B operand of the next one, through its transposition: D of
// m16n8 holds two 8 x 8 matrices as .a does, and .d of one is B of k = 8 for the transposed matrix.
func TestMovmatrix(t *testing.T) {
	a, d := get(t, "movmatrix_trans.a").Distribution, get(t, "movmatrix_trans.d").Distribution
	c, b := get(t, "mma_m16n8k16_f16.d").Distribution, get(t, "mma_m16n8k8_f16.b").Distribution
	for lane := range int64(32) {
		for slot := range int64(2) {
			if !slices.Equal(at(a, slot, lane, 0), at(c, slot, lane, 0)) {
				t.Fatalf("slot %d of lane %d: %v", slot, lane, at(a, slot, lane, 0))
			}
			if !slices.Equal(at(d, slot, lane, 0), at(b, slot, lane, 0)) {
				t.Fatalf("slot %d of lane %d: %v", slot, lane, at(d, slot, lane, 0))
			}
		}
	}
}

// ds_read_tr gives MFMA operands from memory whose rows are k: lane group l/16 reads the rows of its k.
func TestTransposingReadsFeedMFMA(t *testing.T) {
	for _, c := range []struct {
		read, operand string
		reads         int64
		row           func(group, read int64) int64 // the first of the rows that a group reads
	}{
		{"ds_read_b64_tr_b16", "mfma_16x16x32_bf16.b", 2, func(g, i int64) int64 { return 8*g + 4*i }},
		{"ds_read_b64_tr_b16", "mfma_16x16x16_f16.b", 1, func(g, i int64) int64 { return 4 * g }},
		{"ds_read_b64_tr_b8", "mfma_16x16x32_fp8.b", 1, func(g, i int64) int64 { return 8 * g }},
		{"ds_read_b64_tr_b8", "mfma_16x16x128_fp8.b", 4, func(g, i int64) int64 { return 16*g + 8*(i%2) + 64*(i/2) }},
		{"ds_read_b64_tr_b4", "mfma_16x16x128_fp4.b", 2, func(g, i int64) int64 { return 32*g + 16*i }},
		{"ds_read_b96_tr_b6", "mfma_16x16x128_fp6.b", 2, func(g, i int64) int64 { return 32*g + 16*i }},
	} {
		rows, d := get(t, c.read+".rows").Distribution, get(t, c.read+".d").Distribution
		want := get(t, c.operand).Distribution
		each := d.Count(layout.Register)
		if each*c.reads != want.Count(layout.Register) {
			t.Fatalf("%d of %s have %d slots, %s %d", c.reads, c.read, each*c.reads, c.operand, want.Count(layout.Register))
		}
		for lane := range int64(64) {
			for slot := range want.Count(layout.Register) {
				point := func(l int64) []int64 { // row-major pieces of the group's block
					p := at(rows, 0, l, 0)
					return []int64{c.row(l/16, slot/each) + p[0], p[1]}
				}
				if got := moved(t, rows, d, point, slot%each, lane); !slices.Equal(got, at(want, slot, lane, 0)) {
					t.Fatalf("%s: slot %d of lane %d receives %v, %s has %v", c.read, slot, lane, got, c.operand, at(want, slot, lane, 0))
				}
			}
		}
	}
}

// A row's scales are those of logical blocks of 32 along k. The lane that holds a scale holds the elements too for fp4,
// and does not for fp8.
func TestScaleOwners(t *testing.T) {
	for _, c := range []struct {
		name  string
		owner bool
	}{{"mfma_scale_16x16x128_fp4", true}, {"mfma_scale_32x32x64_fp4", true}, {"mfma_scale_16x16x128_fp6", true}, {"mfma_scale_16x16x128_fp8", false}, {"mfma_scale_32x32x64_bf8", false}} {
		a, s := get(t, c.name+".a").Distribution, get(t, c.name+".sa").Distribution
		always := true
		for lane := range int64(64) {
			scale := at(s, 0, lane, 0)
			for slot := range int64(32) {
				e := at(a, slot, lane, 0)
				if e[0] != scale[0] {
					t.Fatalf("%s: lane %d has row %d and the scale of row %d", c.name, lane, e[0], scale[0])
				}
				always = always && e[1]/32 == scale[1]
			}
		}
		if always != c.owner {
			t.Errorf("%s: every lane holds the scale of its elements: %v", c.name, always)
		}
	}
}

// Which lane's scale applies to each half of the 32 bytes of a lane of row 0: measured on a gfx950 by composable kernel's
// authors, one scale at a time.
func TestMeasuredScales(t *testing.T) {
	for _, c := range []struct {
		name         string
		lane         int64
		first, later int64 // the lanes whose scales the two halves take
	}{
		{"mfma_scale_16x16x128_fp8", 0, 0, 32}, {"mfma_scale_16x16x128_fp8", 16, 0, 32},
		{"mfma_scale_16x16x128_fp8", 32, 16, 48}, {"mfma_scale_16x16x128_fp8", 48, 16, 48},
		{"mfma_scale_16x16x128_fp8", 1, 1, 33}, {"mfma_scale_16x16x128_fp8", 50, 18, 50},
	} {
		a, s := get(t, c.name+".a").Distribution, get(t, c.name+".sa").Distribution
		for slot := range int64(32) {
			e := at(a, slot, c.lane, 0)
			want := c.first
			if slot >= 16 {
				want = c.later
			}
			if scale := at(s, 0, want, 0); scale[0] != e[0] || scale[1] != e[1]/32 {
				t.Errorf("%s: slot %d of lane %d is %v; lane %d has the scale %v", c.name, slot, c.lane, e, want, scale)
			}
		}
	}
}

// Slots stand side by side from the low bits: two halves to a register, an f64 in two registers.
func TestPlace(t *testing.T) {
	for _, c := range []struct {
		name                string
		slot, register, bit int64
	}{
		{"mma_m16n8k16_bf16.a", 5, 2, 16}, {"mma_m16n8k32_s8.a", 15, 3, 24}, {"mma_m16n8k16_f16_f16.d", 2, 1, 0}, {"mma_m16n8k16_f16.d", 2, 2, 0},
		{"mma_m8n8k4_f64.d", 1, 2, 0}, {"mma_m16n8k64_s4.b", 9, 1, 4}, {"mma_m16n8k32_e2m1_f8f6f4.a", 5, 1, 8}, {"mfma_16x16x128_fp4.a", 31, 3, 28}, {"mfma_16x16x128_fp6.a", 5, 0, 30},
	} {
		if r, b := get(t, c.name).Place(c.slot); r != c.register || b != c.bit {
			t.Errorf("slot %d of %s is in register %d from bit %d, want %d and %d", c.slot, c.name, r, b, c.register, c.bit)
		}
	}
}
