package fragment

import (
	"fmt"

	"github.com/tilec/tilec/ir/dtype"
	"github.com/tilec/tilec/ir/layout"
)

// amxAtoms are the products of AMX tiles: 16 rows of 64 bytes. A is row-major. B has in each 32 bits of row i the v
// elements k = vi … vi+v-1 of one column, v = 32/bits (the VNNI order); C and D are 16 x 16 of 32 bits. The layouts give
// bits from the start of a tile register, which is also memory with a row pitch of 64 bytes. Smaller tiles are the
// first rows and columns. (Intel's Software Developer's Manual, TDPBF16PS, TDPFP16PS, TDPB[SU][SU]D.)
func amxAtoms() []Atom {
	var atoms []Atom
	for _, s := range []struct {
		a, b, acc, form, arch string
	}{
		{"bf16", "bf16", "f32", "tdpbf16ps", "amx-bf16"},
		{"f16", "f16", "f32", "tdpfp16ps", "amx-fp16"},
		{"s8", "s8", "s32", "tdpbssd", "amx-int8"},
		{"s8", "u8", "s32", "tdpbsud", "amx-int8"},
		{"u8", "s8", "s32", "tdpbusd", "amx-int8"},
		{"u8", "u8", "s32", "tdpbuud", "amx-int8"},
	} {
		bits := int64(types[s.a].Bits())
		k, v := 512/bits, 32/bits
		a := Atom{
			Name: fmt.Sprintf("amx_m16n16k%d_%s", k, pair(s.a, s.b)), ISA: "amx", Form: s.form, Archs: []string{s.arch},
			M: 16, N: 16, K: k, Blocks: 1, Group: Core, A: types[s.a], B: types[s.b], C: types[s.acc], D: types[s.acc],
		}
		c := tile("m n", a.D, layout.Ints(16, 16), layout.Ints(512, 32))
		a.Operands = []Fragment{
			tile("m k", a.A, layout.Ints(16, k), layout.Ints(512, bits)).in(a.Name, "a"),
			tile("k n", a.B, layout.List(layout.Ints(v, 16), layout.Int(16)), layout.List(layout.Ints(bits, 512), layout.Int(32))).in(a.Name, "b"),
			c.in(a.Name, "c"), c.in(a.Name, "d"),
		}
		atoms = append(atoms, a)
	}
	return atoms
}

func tile(axes string, t dtype.Type, shape, stride layout.Tuple) Fragment {
	f := Fragment{Kind: Memory, Slot: int64(t.Bits()), Type: t, Replicas: 1, Layout: layout.Must(layout.New(shape, stride)),
		Note: "bits from the start of a tile register"}
	f.Axes = []string{axes[:1], axes[2:]}
	return f
}
