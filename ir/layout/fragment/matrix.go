package fragment

import (
	"fmt"

	"github.com/tilec/tilec/ir/dtype"
	"github.com/tilec/tilec/ir/layout"
)

// matrixAtoms are the instructions that move 8 x 8 matrices between shared memory and lanes. Their tile has a last axis
// that counts the matrices. Lane l points at row l%8 of matrix l/8; register i receives of matrix i the elements
// (g, 2t) and (g, 2t+1), transposed (2t, g) and (2t+1, g). stmatrix is the inverse. (PTX ISA, ldmatrix, stmatrix and
// movmatrix.)
func matrixAtoms() []Atom {
	var atoms []Atom
	for _, isa := range []string{"ldmatrix", "stmatrix"} {
		archs, to := ampere, "d"
		if isa == "stmatrix" {
			archs, to = hopperUp, "a"
		}
		for _, count := range []int64{1, 2, 4} {
			for _, trans := range []bool{false, true} {
				a := Atom{
					Name: fmt.Sprintf("%s_x%d", isa, count), ISA: isa, Archs: archs, Group: Warp, Blocks: count,
					Form: fmt.Sprintf("%s.sync.aligned.m8n8.x%d.shared.b16", isa, count), A: dtype.U16, D: dtype.U16,
					Note: "elements of 16 bits; narrower ones move in their pairs",
				}
				tile, row, col := []int64{8, 8, count}, 0, 1
				if trans {
					a.Name += "_trans"
					a.Form = fmt.Sprintf("%s.sync.aligned.m8n8.x%d.trans.shared.b16", isa, count)
					row, col = 1, 0
				}
				rows := operand("row col matrix", tile, dtype.U16, slot(8, 1, 1), lane(8, 0, 1), lane(count, 2, 1), idle(4/count))
				held := operand("row col matrix", tile, dtype.U16, slot(2, col, 1), slot(count, 2, 1), lane(4, col, 2), lane(8, row, 1))
				a.Operands = []Fragment{rows.pointers().with(pointing(4/count)).in(a.Name, "rows"), held.in(a.Name, to)}
				atoms = append(atoms, a)
			}
		}
	}
	move := Atom{
		Name: "movmatrix_trans", ISA: "movmatrix", Form: "movmatrix.sync.aligned.m8n8.trans.b16", Archs: ampere, Group: Warp, Blocks: 1,
		A: dtype.U16, D: dtype.U16, Note: "both are distributions of the same matrix: what was a row comes to stand in a column",
	}
	move.Operands = []Fragment{
		operand("row col", []int64{8, 8}, dtype.U16, slot(2, 1, 1), lane(4, 1, 2), lane(8, 0, 1)).in(move.Name, "a"),
		operand("row col", []int64{8, 8}, dtype.U16, slot(2, 0, 1), lane(4, 0, 2), lane(8, 1, 1)).in(move.Name, "d"),
	}
	return append(append(atoms, move), byteMatrixAtoms()...)
}

func pointing(idle int64) string {
	if idle == 1 {
		return "16 bytes a lane, 16-byte aligned"
	}
	return "16 bytes a lane, 16-byte aligned; the pointers of further lanes, here replicas, are not read"
}

// byteMatrixAtoms are the forms for bytes from sm_100 on, which sm_120a has too: 16 x 16 matrices transposed, fp4 and
// fp6 spread out to bytes, and the transposed store of 16 x 8. (PTX ISA 8.6; the lanes as CUTLASS's traits for sm_100
// read after undoing the moves that they add.)
func byteMatrixAtoms() []Atom {
	var atoms []Atom
	for _, count := range []int64{1, 2} {
		a := Atom{
			Name: fmt.Sprintf("ldmatrix_m16n16_x%d_trans", count), ISA: "ldmatrix", Archs: blackwell, Group: Warp, Blocks: count,
			Form: fmt.Sprintf("ldmatrix.sync.aligned.m16n16.x%d.trans.shared.b8", count), A: dtype.U8, D: dtype.U8,
		}
		tile := []int64{16, 16, count}
		a.Operands = []Fragment{
			operand("row col matrix", tile, dtype.U8, slot(16, 1, 1), lane(16, 0, 1), lane(count, 2, 1), idle(2/count)).
				pointers().with(pointing(2/count)).in(a.Name, "rows"),
			operand("row col matrix", tile, dtype.U8, slot(4, 0, 1), slot(2, 1, 8), slot(count, 2, 1), lane(4, 0, 4), lane(8, 1, 1)).in(a.Name, "d"),
		}
		atoms = append(atoms, a)
	}
	for _, narrow := range []struct {
		form string
		t    dtype.Type
	}{{"b4x16_p64", dtype.F4E2M1}, {"b6x16_p32", dtype.F6E2M3}} {
		for _, count := range []int64{1, 2, 4} {
			a := Atom{
				Name: fmt.Sprintf("ldmatrix_x%d_%s", count, narrow.form), ISA: "ldmatrix", Archs: blackwell, Group: Warp, Blocks: count,
				Form: fmt.Sprintf("ldmatrix.sync.aligned.m8n16.x%d.shared.b8x16.%s", count, narrow.form), A: narrow.t, D: narrow.t,
				Note: "elements come to stand in the low bits of a byte; mma kind::f8f6f4 wants fp4 two bits higher",
			}
			tile := []int64{8, 16, count}
			held := operand("row col matrix", tile, narrow.t, slot(4, 1, 1), slot(count, 2, 1), lane(4, 1, 4), lane(8, 0, 1))
			a.Operands = []Fragment{
				operand("row col matrix", tile, narrow.t, slot(16, 1, 1), lane(8, 0, 1), lane(count, 2, 1), idle(4/count)).
					pointers().with(fmt.Sprintf("%s; the elements are packed in the first %d bytes", pointing(4/count), 2*narrow.t.Bits())).in(a.Name, "rows"),
				held.slots(8).in(a.Name, "d"),
			}
			atoms = append(atoms, a)
		}
	}
	for _, count := range []int64{1, 2, 4} {
		a := Atom{
			Name: fmt.Sprintf("stmatrix_m16n8_x%d_trans", count), ISA: "stmatrix", Archs: blackwell, Group: Warp, Blocks: count,
			Form: fmt.Sprintf("stmatrix.sync.aligned.m16n8.x%d.trans.shared.b8", count), A: dtype.U8, D: dtype.U8,
			Note: "row and col are those in memory: 8 rows of 16 bytes",
		}
		tile := []int64{8, 16, count}
		a.Operands = []Fragment{
			operand("row col matrix", tile, dtype.U8, slot(16, 1, 1), lane(8, 0, 1), lane(count, 2, 1), idle(4/count)).
				pointers().with(pointing(4/count)).in(a.Name, "rows"),
			operand("row col matrix", tile, dtype.U8, slot(2, 0, 1), slot(2, 1, 8), slot(count, 2, 1), lane(4, 0, 2), lane(8, 1, 1)).in(a.Name, "a"),
		}
		atoms = append(atoms, a)
	}
	return atoms
}

// wgmmaAtoms are the forms of wgmma: 64 rows, n columns and 32 bytes of k. Warp w of the group has rows 16w…16w+15; A
// from registers is that of mma.sync in each warp. Element i of D is in row 16w + g + 8(i/2%2), column
// 8(i/4) + 2t + i%2. (PTX ISA, "Register fragments and shared memory matrix layouts of wgmma".)
func wgmmaAtoms() []Atom {
	type accumulator struct {
		n   int64
		acc string
	}
	accumulators := map[accumulator]Fragment{} // one for all types of A and B
	var atoms []Atom
	for _, s := range []struct {
		pairs [][2]string
		accs  []string
	}{
		{[][2]string{{"f16", "f16"}}, []string{"f32", "f16"}},
		{[][2]string{{"bf16", "bf16"}}, []string{"f32"}},
		{[][2]string{{"tf32", "tf32"}}, []string{"f32"}},
		{pairs("e4m3", "e5m2"), []string{"f32", "f16"}},
		{pairs("s8", "u8"), []string{"s32"}},
		{[][2]string{{"b1", "b1"}}, []string{"s32"}},
	} {
		for _, p := range s.pairs {
			bits := int64(types[p[0]].Bits())
			a0 := operand("m k", []int64{64, 256 / bits}, types[p[0]], slot(32/bits, 1, 1), slot(2, 0, 8), slot(2, 1, 128/bits),
				lane(4, 1, 32/bits), lane(8, 0, 1), warp(4, 0, 16))
			for i, acc := range s.accs {
				for n := int64(8); n <= 256; n += 8 {
					if !wgmmaColumns(n, acc) {
						continue
					}
					a := Atom{
						Name: fmt.Sprintf("wgmma_m64n%dk%d_%s", n, 256/bits, pair(p[0], p[1])), ISA: "wgmma", Archs: hopper,
						Form: fmt.Sprintf("wgmma.mma_async.sync.aligned.m64n%dk%d.%s.%s.%s", n, 256/bits, acc, p[0], p[1]),
						M:    64, N: n, K: 256 / bits, Blocks: 1, Group: Warpgroup,
						A: types[p[0]], B: types[p[1]], C: types[acc], D: types[acc], Shared: []string{"a", "b"},
					}
					if i > 0 {
						a.Name += "_" + acc
					}
					if p[0] == "b1" {
						a.Form += ".and.popc"
					}
					d, ok := accumulators[accumulator{n, acc}]
					if !ok {
						d = operand("m n", []int64{64, n}, a.D, slot(2, 1, 1), slot(2, 0, 8), slot(n/8, 1, 8), lane(4, 1, 2), lane(8, 0, 1), warp(4, 0, 16))
						accumulators[accumulator{n, acc}] = d
					}
					a.Operands = []Fragment{a0.in(a.Name, "a"), d.in(a.Name, "c"), d.in(a.Name, "d")}
					atoms = append(atoms, a)
				}
			}
		}
	}
	return atoms
}

// wgmmaColumns tells whether wgmma has a form of n columns: every multiple of 8 for floats, 8, 24 and multiples of 16
// for integers and bits.
func wgmmaColumns(n int64, acc string) bool { return acc != "s32" || n%16 == 0 || n == 8 || n == 24 }

// sharedNames are the names of the shared-memory atoms of an instruction's operands.
func sharedNames(a Atom) string {
	bits := int64(a.B.Bits())
	s := fmt.Sprintf("wgmma_smem_k_{none,32b,64b,128b}_%d", bits)
	if bits == 16 {
		s += " and wgmma_smem_mn_{none,32b,64b,128b}_16"
	}
	return s
}

// sharedAtoms are the smallest parts of shared memory that the modes of wgmma's descriptors arrange: 8 rows of a span
// of k, or 8 rows of k of a span of m or n. Their layouts are in bits, from (mn, k); operands are made of them with the
// distances of a descriptor.
func sharedAtoms() []Fragment {
	var all []Fragment
	for _, t := range []dtype.Type{dtype.U1, dtype.U8, dtype.U16, dtype.U32} {
		for _, major := range []Major{MajorK, MajorMN} {
			bits := int64(t.Bits())
			if major == MajorMN && bits != 16 {
				continue
			}
			for _, mode := range []Mode{NoSwizzle, Swizzle32, Swizzle64, Swizzle128} {
				span := mode.Span() * 8 / bits
				form := Canonical{Major: major, Mode: mode, Bits: bits, MN: 8, K: span, LBO: 16, SBO: 8 * mode.Span()}
				if major == MajorMN {
					form.MN, form.K = span, 8
				}
				l := layout.Must(form.atom())
				all = append(all, Fragment{
					Name: fmt.Sprintf("wgmma_smem_%v_%v_%d", major, mode, bits), Kind: Memory, Axes: []string{"mn", "k"}, Type: t, Slot: bits,
					Layout: l, Replicas: 1, Note: fmt.Sprintf("offsets in bits from a multiple of %d bytes", mode.Alignment()),
				})
			}
		}
	}
	return all
}
