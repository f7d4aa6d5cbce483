package fragment

import (
	"fmt"

	"github.com/tilec/tilec/ir/dtype"
	"github.com/tilec/tilec/ir/layout"
)

// mmaA is operand A of mma.sync: m rows (8 or 16) by k, elements in slots of so many bits. With g = lane/4, t = lane%4
// and q elements a register, register i holds row g + 8(i%2) and k = qt + 4q(i/2) + e. (PTX ISA, "Matrix fragments for
// mma"; for 8 rows every register is one more step along k.)
func mmaA(m, k int64, t dtype.Type, bits int64) Fragment {
	q := max(32/bits, 1)
	f := operand("m k", []int64{m, k}, t, slot(q, 1, 1), slot(m/8, 0, 8), slot(k/(4*q), 1, 4*q), lane(4, 1, q), lane(8, 0, 1))
	return f.slots(bits)
}

// mmaB is operand B of mma.sync: register i holds k = qt + 4qi + e of column g.
func mmaB(k int64, t dtype.Type, bits int64) Fragment {
	q := max(32/bits, 1)
	f := operand("k n", []int64{k, 8}, t, slot(q, 0, 1), slot(k/(4*q), 0, 4*q), lane(4, 0, q), lane(8, 1, 1))
	return f.slots(bits)
}

// mmaC is an accumulator of mma.sync: element i is in row g + 8(i/2), column 2t + i%2.
func mmaC(m int64, t dtype.Type) Fragment {
	return operand("m n", []int64{m, 8}, t, slot(2, 1, 1), slot(m/8, 0, 8), lane(4, 1, 2), lane(8, 0, 1))
}

// slots sets the bits that an element takes in a register.
func (f Fragment) slots(bits int64) Fragment {
	f.Slot = bits
	f.Registers = registers(f.Distribution.Count(layout.Register), bits)
	return f
}

// Targets with the instructions of their generation.
var (
	ampere    = []string{"sm_80", "sm_86", "sm_89", "sm_90a", "sm_120", "sm_120a"}
	ada       = []string{"sm_89", "sm_90a", "sm_120", "sm_120a"}
	hopper    = []string{"sm_90a"}
	hopperUp  = []string{"sm_90a", "sm_120", "sm_120a"}
	blackwell = []string{"sm_120a"}
)

// mmaShape is one form of mma.sync for some types.
type mmaShape struct {
	m, k  int64
	pairs [][2]string
	accs  []string // the first is the default, which names leave out
	archs []string
}

func mmaShapes() []mmaShape {
	halves := [][2]string{{"f16", "f16"}}
	wide := [][2]string{{"bf16", "bf16"}}
	tf32 := [][2]string{{"tf32", "tf32"}}
	f64 := [][2]string{{"f64", "f64"}}
	bytes, nibbles, bits := pairs("s8", "u8"), pairs("s4", "u4"), [][2]string{{"b1", "b1"}}
	floats8 := pairs("e4m3", "e5m2")
	f32, both, s32 := []string{"f32"}, []string{"f32", "f16"}, []string{"s32"}
	return []mmaShape{
		{8, 4, f64, []string{"f64"}, ampere},
		{16, 4, f64, []string{"f64"}, hopperUp},
		{16, 8, f64, []string{"f64"}, hopperUp},
		{16, 16, f64, []string{"f64"}, hopperUp},
		{16, 4, tf32, f32, ampere},
		{16, 8, tf32, f32, ampere},
		{16, 8, halves, both, ampere},
		{16, 16, halves, both, ampere},
		{16, 8, wide, f32, ampere},
		{16, 16, wide, f32, ampere},
		{8, 16, bytes, s32, ampere},
		{16, 16, bytes, s32, ampere},
		{16, 32, bytes, s32, ampere},
		{8, 32, nibbles, s32, ampere},
		{16, 32, nibbles, s32, ampere},
		{16, 64, nibbles, s32, ampere},
		{8, 128, bits, s32, ampere},
		{16, 128, bits, s32, ampere},
		{16, 256, bits, s32, ampere},
		{16, 16, floats8, both, ada},
		{16, 32, floats8, both, ada},
	}
}

func mmaAtoms() []Atom {
	var atoms []Atom
	for _, s := range mmaShapes() {
		for _, p := range s.pairs {
			for i, acc := range s.accs {
				a := Atom{
					Name: fmt.Sprintf("mma_m%dn8k%d_%s", s.m, s.k, pair(p[0], p[1])), ISA: "mma.sync", Archs: s.archs,
					Form: fmt.Sprintf("mma.sync.aligned.m%dn8k%d.row.col.%s.%s.%s.%s", s.m, s.k, acc, p[0], p[1], acc),
					M:    s.m, N: 8, K: s.k, Blocks: 1, Group: Warp, A: types[p[0]], B: types[p[1]], C: types[acc], D: types[acc],
				}
				if i > 0 {
					a.Name += "_" + acc
				}
				switch {
				case p[0] == "b1":
					a.Form += ".and.popc"
					a.Note = "products are the set bits of and; .xor.popc of xor"
				case a.A.Bits() == 8 && a.A.Kind == dtype.FloatKind && (s.k == 16 || acc == "f16"):
					a.Note = "from PTX ISA 8.7"
				}
				a.Operands = mmaOperands(a, int64(a.A.Bits()), int64(a.B.Bits()))
				atoms = append(atoms, a)
			}
		}
	}
	return append(atoms, blackwellAtoms()...)
}

func mmaOperands(a Atom, bitsA, bitsB int64) []Fragment {
	c := mmaC(a.M, a.D)
	return []Fragment{
		mmaA(a.M, a.K, a.A, bitsA).in(a.Name, "a"), mmaB(a.K, a.B, bitsB).in(a.Name, "b"),
		c.in(a.Name, "c"), c.in(a.Name, "d"),
	}
}

// blackwellAtoms are the forms of sm_120: small floats in bytes (kind::f8f6f4), with and without scales, and packed fp4
// with scales. (PTX ISA, "Block scaling for mma"; CUTLASS's traits for sm_120 give the same lanes.)
func blackwellAtoms() []Atom {
	var atoms []Atom
	small := []string{"e4m3", "e5m2", "e3m2", "e2m3", "e2m1"}
	for _, p := range pairs(small...) {
		for _, acc := range []string{"f32", "f16", "mxf8f6f4"} {
			a := Atom{
				Name: "mma_m16n8k32_" + pair(p[0], p[1]) + "_f8f6f4", ISA: "mma.sync", Archs: blackwell,
				M: 16, N: 8, K: 32, Blocks: 1, Group: Warp, A: types[p[0]], B: types[p[1]], C: dtype.F32, D: dtype.F32,
			}
			const form = "mma.sync.aligned.m16n8k32.row.col.kind::"
			switch acc {
			case "mxf8f6f4":
				a.Name = "mma_m16n8k32_" + pair(p[0], p[1]) + "_mxf8f6f4"
				a.Form = form + "mxf8f6f4.block_scale.scale_vec::1X.f32." + p[0] + "." + p[1] + ".f32.ue8m0"
			default:
				a.Form = form + "f8f6f4." + acc + "." + p[0] + "." + p[1] + "." + acc
				if acc == "f16" {
					a.Name += "_f16"
					a.C, a.D = dtype.F16, dtype.F16
				}
			}
			a.Operands = mmaOperands(a, 8, 8)
			for i, t := range p {
				a.Operands[i].Note = container(t)
			}
			if acc == "mxf8f6f4" {
				a.Operands = append(a.Operands, scales(a, 1, dtype.E8M0)...)
			}
			atoms = append(atoms, a)
		}
	}
	for _, v := range []struct {
		kind, scale string
		perRow      int64
	}{{"mxf4", "ue8m0", 2}, {"mxf4nvf4", "ue8m0", 2}, {"mxf4nvf4", "ue8m0", 4}, {"mxf4nvf4", "ue4m3", 4}} {
		a := Atom{
			Name: "mma_m16n8k64_e2m1_" + v.kind, ISA: "mma.sync", Archs: blackwell,
			Form: fmt.Sprintf("mma.sync.aligned.m16n8k64.row.col.kind::%s.block_scale.scale_vec::%dX.f32.e2m1.e2m1.f32.%s", v.kind, v.perRow, v.scale),
			M:    16, N: 8, K: 64, Blocks: 1, Group: Warp, A: dtype.F4E2M1, B: dtype.F4E2M1, C: dtype.F32, D: dtype.F32,
		}
		if v.kind == "mxf4nvf4" {
			a.Name += fmt.Sprintf("_%s_%dx", v.scale, v.perRow)
		}
		a.Operands = append(mmaOperands(a, 4, 4), scales(a, v.perRow, types[v.scale])...)
		atoms = append(atoms, a)
	}
	return atoms
}

// container says where in its byte a small float stands.
func container(name string) string {
	switch types[name].Bits() {
	case 6:
		return "each element in the low 6 bits of a byte"
	case 4:
		return "each element in bits 2 to 5 of a byte"
	}
	return ""
}

// scales are the scale operands of a block-scaled mma.sync, so many a row. Of a quad of lanes, the thread selector of
// the instruction says which lanes are read: for A a pair, lanes 0, 1 or lanes 2, 3, whose first lane holds row g and
// whose second row g + 8; for B one lane. The others are not read, and are replicas here.
func scales(a Atom, perRow int64, t dtype.Type) []Fragment {
	const note = "bytes of one register, from the byte that the byte selector names; of the lanes with equal elements only those that the thread selector names are read"
	sa := operand("m block", []int64{16, perRow}, t, slot(perRow, 1, 1), lane(2, 0, 8), idle(2), lane(8, 0, 1))
	sb := operand("block n", []int64{perRow, 8}, t, slot(perRow, 0, 1), idle(4), lane(8, 1, 1))
	return []Fragment{sa.with(note).in(a.Name, "sa"), sb.with(note).in(a.Name, "sb")}
}
