package fragment

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tilec/tilec/ir/dtype"
)

// Targets with MFMA.
var (
	cdna3     = []string{"gfx942"}
	cdna4     = []string{"gfx950"}
	cdna3And4 = []string{"gfx942", "gfx950"}
)

// mfmaShape is one form of MFMA: blocks products of m x m x k.
type mfmaShape struct {
	m, k, blocks int64
	pairs        [][2]string
	acc          string
	archs        []string
	passes       []int
}

func mfmaShapes() []mfmaShape {
	f32, xf32, f16, bf16, i8, f64 := same("f32"), same("xf32"), same("f16"), same("bf16"), same("i8"), same("f64")
	fp8 := pairs("fp8", "bf8")
	both := func(n int) []int { return []int{n, n} }
	return []mfmaShape{
		{32, 1, 2, f32, "f32", cdna3And4, []int{16, 0}},
		{16, 1, 4, f32, "f32", cdna3And4, []int{8, 0}},
		{4, 1, 16, f32, "f32", cdna3And4, both(2)},
		{32, 2, 1, f32, "f32", cdna3And4, both(16)},
		{16, 4, 1, f32, "f32", cdna3And4, both(8)},
		{32, 4, 1, xf32, "f32", cdna3, []int{8}},
		{16, 8, 1, xf32, "f32", cdna3, []int{4}},
		{32, 4, 2, append(f16, bf16...), "f32", cdna3And4, both(16)},
		{16, 4, 4, append(f16, bf16...), "f32", cdna3And4, []int{8, 0}},
		{4, 4, 16, append(f16, bf16...), "f32", cdna3And4, both(2)},
		{32, 8, 1, append(f16, bf16...), "f32", cdna3And4, both(8)},
		{16, 16, 1, append(f16, bf16...), "f32", cdna3And4, both(4)},
		{32, 16, 1, append(f16, bf16...), "f32", cdna4, []int{8}},
		{16, 32, 1, append(f16, bf16...), "f32", cdna4, []int{4}},
		{32, 4, 2, i8, "s32", cdna3And4, both(16)},
		{16, 4, 4, i8, "s32", cdna3And4, []int{8, 0}},
		{4, 4, 16, i8, "s32", cdna3And4, both(2)},
		{32, 16, 1, i8, "s32", cdna3And4, both(8)},
		{16, 32, 1, i8, "s32", cdna3And4, both(4)},
		{32, 32, 1, i8, "s32", cdna4, []int{8}},
		{16, 64, 1, i8, "s32", cdna4, []int{4}},
		{32, 16, 1, fp8, "f32", cdna3, []int{8}},
		{16, 32, 1, fp8, "f32", cdna3, []int{4}},
		{32, 16, 1, fp8, "f32", cdna4, []int{8}},
		{16, 32, 1, fp8, "f32", cdna4, []int{4}},
		{16, 4, 1, f64, "f64", cdna3And4, []int{8, 16}},
		{4, 4, 4, f64, "f64", cdna3And4, []int{4, 0}},
	}
}

func same(name string) [][2]string { return [][2]string{{name, name}} }

// mfmaAtoms are the forms of MFMA on gfx942 and gfx950. Lane l has E = k*m*blocks/64 elements of A: row l%m, and
// k = E(l/m) + e where there is one block; with more, l/m is the block and k = e. B likewise with its column. f64 and
// f8f6f4 have formulas of their own below. (AMD's matrix instruction calculator for CDNA3; gfx950's from composable
// kernel's tests.)
func mfmaAtoms() []Atom {
	var atoms []Atom
	for _, s := range mfmaShapes() {
		for _, p := range s.pairs {
			a := Atom{
				Name: "mfma_" + mfmaSize(s) + "_" + pair(p[0], p[1]), ISA: "mfma", Archs: s.archs,
				Form: mfmaForm(s, p), M: s.m, N: s.m, K: s.k, Blocks: s.blocks, Group: Wave,
				A: types[p[0]], B: types[p[1]], C: types[s.acc], D: types[s.acc], Passes: s.passes,
			}
			if a.A.Bits() == 8 && a.A.Kind == dtype.FloatKind {
				a.Note = "OCP encodings"
				if a.Has("gfx942") {
					a.Name += "_fnuz"
					a.A, a.B = fnuz(a.A), fnuz(a.B)
					a.Note = "FNUZ encodings"
				}
			}
			c := mfmaD(a)
			a.Operands = []Fragment{
				mfmaA(a, a.A, "m k").in(a.Name, "a"), mfmaA(a, a.B, "k n").in(a.Name, "b"), c.in(a.Name, "c"), c.in(a.Name, "d"),
			}
			atoms = append(atoms, a)
		}
	}
	return append(atoms, smallAtoms()...)
}

func fnuz(t dtype.Type) dtype.Type {
	if t == dtype.F8E5M2 {
		return dtype.F8E5M2FNUZ
	}
	return dtype.F8E4M3FNUZ
}

// mfmaSize is the shape as AMD writes it: 32x32x8, or 4x4x4_16b with more than one block.
func mfmaSize(s mfmaShape) string {
	size := fmt.Sprintf("%dx%dx%d", s.m, s.m, s.k)
	if s.blocks > 1 {
		size += fmt.Sprintf("_%db", s.blocks)
	}
	return size
}

// mfmaForm is the instruction's name: v_mfma_f32_32x32x8_f16, v_mfma_i32_16x16x32_i8, v_mfma_f32_16x16x32_fp8_bf8.
func mfmaForm(s mfmaShape, p [2]string) string {
	form := "v_mfma_" + strings.Replace(s.acc, "s", "i", 1) + "_" + mfmaSize(s) + "_" + p[0]
	if strings.HasSuffix(p[0], "8") && p[0] != "i8" {
		form += "_" + p[1]
	}
	return form
}

// mfmaA is A where the axes are "m k", B where they are "k n".
func mfmaA(a Atom, t dtype.Type, axes string) Fragment {
	row, k, tile := 0, 1, []int64{a.M, a.K}
	if axes == "k n" {
		row, k = 1, 0
		slices.Reverse(tile)
	}
	if a.Blocks > 1 {
		axes, tile = axes+" block", append(tile, a.Blocks)
	}
	each := a.K * a.M * a.Blocks / 64
	switch {
	case a.A == dtype.F64 && a.Blocks > 1:
		return operand(axes, tile, t, lane(4, row, 1), lane(4, 2, 1), lane(4, k, 1))
	case a.Blocks > 1:
		return operand(axes, tile, t, slot(a.K, k, 1), lane(a.M, row, 1), lane(a.Blocks, 2, 1))
	}
	return operand(axes, tile, t, slot(each, k, 1), lane(a.M, row, 1), lane(64/a.M, k, each))
}

// mfmaD is the accumulator. Register r of lane l is in column l%m and row 4(l/16) + r for 16 x 16,
// 8(r/4) + 4(l/32) + r%4 for 32 x 32, and r for 4 x 4, whose blocks are l/4; further blocks follow in the registers.
// An f64 accumulator of 16 x 16 has row 4r + l/16, of 4 x 4 row l/16 of block l/4%4.
func mfmaD(a Atom) Fragment {
	axes, tile := "m n", []int64{a.M, a.M}
	if a.Blocks > 1 {
		axes, tile = axes+" block", append(tile, a.Blocks)
	}
	switch {
	case a.A == dtype.F64 && a.M == 16:
		return operand(axes, tile, a.D, slot(4, 0, 4), lane(16, 1, 1), lane(4, 0, 1))
	case a.A == dtype.F64:
		return operand(axes, tile, a.D, lane(4, 1, 1), lane(4, 2, 1), lane(4, 0, 1))
	case a.M == 4:
		return operand(axes, tile, a.D, slot(4, 0, 1), lane(4, 1, 1), lane(16, 2, 1))
	case a.M == 16:
		return operand(axes, tile, a.D, slot(4, 0, 1), slot(a.Blocks, 2, 1), lane(16, 1, 1), lane(4, 0, 4))
	}
	return operand(axes, tile, a.D, slot(4, 0, 1), slot(4, 0, 8), slot(a.Blocks, 2, 1), lane(32, 1, 1), lane(2, 0, 4))
}

// smallAtoms are gfx950's MFMA on fp8, fp6 and fp4, with and without scales. A lane has 32 elements of its row: of fp6 and
// fp4 the run k = 32(l/m) + e; of fp8 two runs of 16, k = 16(l/m) + e%16 + K/2*(e/16). The scale that lane l holds is that
// of row l%m and of the block of 32 along k with the number l/m: for fp8 not the lane that holds those elements. (Composable
// kernel's tests of scaled products on hardware, in all three widths. A comment in Triton gives fp6 the order of fp8; for
// 6 bits on both sides without scales that makes no difference.)
func smallAtoms() []Atom {
	var atoms []Atom
	for _, s := range []mfmaShape{{m: 16, k: 128}, {m: 32, k: 64}} {
		for _, scaled := range []bool{false, true} {
			for _, p := range pairs("fp8", "bf8", "fp6", "bf6", "fp4") {
				form := fmt.Sprintf("%dx%dx%d_f8f6f4", s.m, s.m, s.k)
				a := Atom{
					Name: fmt.Sprintf("mfma_%dx%dx%d_%s", s.m, s.m, s.k, pair(p[0], p[1])), ISA: "mfma", Archs: cdna4,
					Form: "v_mfma_f32_" + form, M: s.m, N: s.m, K: s.k, Blocks: 1, Group: Wave,
					A: types[p[0]], B: types[p[1]], C: dtype.F32, D: dtype.F32,
					Note: fmt.Sprintf("cbsz:%d blgp:%d; OCP encodings", formatCode[p[0]], formatCode[p[1]]),
				}
				if scaled {
					a.Name = strings.Replace(a.Name, "mfma_", "mfma_scale_", 1)
					a.Form = "v_mfma_scale_f32_" + form
				}
				// 32x32x64 takes twice the passes of 16x16x128; both 8-bit formats twice those of narrower ones. No source
				// states mixed pairs.
				wide, other := a.A.Bits() == 8, a.B.Bits() == 8
				if wide == other {
					a.Passes = []int{4 * int(s.m) / 16}
					if wide {
						a.Passes[0] *= 2
					}
				}
				d := mfmaD(a)
				a.Operands = []Fragment{
					smallA(a, a.A, true).in(a.Name, "a"), smallA(a, a.B, false).in(a.Name, "b"), d.in(a.Name, "c"), d.in(a.Name, "d"),
				}
				if scaled {
					const note = "one byte of the register, which op_sel picks; 127 is 1.0; must be a vector register"
					a.Operands = append(a.Operands,
						operand("m block", []int64{s.m, s.k / 32}, dtype.E8M0, lane(s.m, 0, 1), lane(64/s.m, 1, 1)).with(note).in(a.Name, "sa"),
						operand("block n", []int64{s.k / 32, s.m}, dtype.E8M0, lane(s.m, 1, 1), lane(64/s.m, 0, 1)).with(note).in(a.Name, "sb"))
				}
				atoms = append(atoms, a)
			}
		}
	}
	return atoms
}

// formatCode are the numbers of the formats in cbsz and blgp.
var formatCode = map[string]int{"fp8": 0, "bf8": 1, "fp6": 2, "bf6": 3, "fp4": 4}

func smallA(a Atom, t dtype.Type, first bool) Fragment {
	axes, row, k, tile := "m k", 0, 1, []int64{a.M, a.K}
	if !first {
		axes, row, k = "k n", 1, 0
		slices.Reverse(tile)
	}
	if t.Bits() == 8 {
		return operand(axes, tile, t, slot(16, k, 1), slot(2, k, a.K/2), lane(a.M, row, 1), lane(64/a.M, k, 16))
	}
	return operand(axes, tile, t, slot(32, k, 1), lane(a.M, row, 1), lane(64/a.M, k, 32))
}

// transposeAtoms are gfx950's transposing reads of shared memory. Within 16 lanes, the lanes point at the pieces of E
// rows by 16 columns in row-major order, E elements a lane, and lane l receives column l: E is 64/bits, for 6 bits 16.
// (rocRoller's tests of all four on hardware; for 16 and 8 bits Triton's tile maps say the same.)
func transposeAtoms() []Atom {
	var atoms []Atom
	for _, s := range []struct {
		bits, moved int64
		t           dtype.Type
		note        string
	}{
		{16, 64, dtype.U16, "8 bytes a lane"},
		{8, 64, dtype.U8, "8 bytes a lane"},
		{6, 96, dtype.F6E2M3, "12 bytes a lane, 16-byte aligned"},
		{4, 64, dtype.U4, "8 bytes a lane"},
	} {
		n := s.moved / s.bits
		a := Atom{
			Name: fmt.Sprintf("ds_read_b%d_tr_b%d", s.moved, s.bits), ISA: "ds_read_tr", Archs: cdna4, Group: Wave, Blocks: 4,
			Form: fmt.Sprintf("ds_read_b%d_tr_b%d", s.moved, s.bits), A: s.t, D: s.t, Note: "the last axis counts the groups of 16 lanes",
		}
		tile := []int64{n, 16, 4}
		a.Operands = []Fragment{
			operand("row col group", tile, s.t, slot(n, 1, 1), lane(16/n, 1, n), lane(n, 0, 1), lane(4, 2, 1)).pointers().with(s.note).in(a.Name, "rows"),
			operand("row col group", tile, s.t, slot(n, 0, 1), lane(16, 1, 1), lane(4, 2, 1)).in(a.Name, "d"),
		}
		atoms = append(atoms, a)
	}
	return atoms
}
