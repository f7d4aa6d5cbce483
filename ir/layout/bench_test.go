package layout

import "testing"

// The tiles of the benchmarks: up to 256 by 256 elements, plain, swizzled, padded, and of extents that are no powers of
// two behind a swizzle and a rotation.
var benchTiles = []struct {
	name string
	l    Layout
}{
	{"plain", Must(New(List(Ints(16, 16), Ints(64, 4)), List(Ints(64, 1024), Ints(1, 16384))))},
	{"swizzled", Must(WithSwizzle(Must(XOR(3, 3, 3)), Must(New(List(Ints(16, 16), Ints(64, 4)), List(Ints(64, 1024), Ints(1, 16384))))))},
	{"padded", Must(New(Ints(256, 256), Ints(264, 1)))},
	{"odd", Must(WithSwizzle(Must(XOR(3, 3, 3)), Must(New(Ints(255, 252), Ints(252, 1)))))},
	{"rotated", Must(WithSwizzle(Must(Rotation(8, 31, 1)), Must(New(Ints(256, 248), Ints(248, 1)))))},
	{"turned", Must(WithSwizzle(Must(Rotation(8, 32, 1)), Must(New(Ints(256, 256), Ints(256, 1)))))},
}

// Every operation on every tile: refused ones cost as much as accepted ones.
func BenchmarkOperations(b *testing.B) {
	tiler := Must(New(Int(16), Int(1)))
	order := Must(New(Ints(64, 1024), Ints(1024, 1)))
	inner := Must(WithSwizzle(Must(XOR(3, 4, 3)), Must(New(Int(65536), Int(1)))))
	small := Must(WithSwizzle(Must(XOR(2, 1, 2)), Must(New(Int(2047), Int(3)))))
	row := Must(New(Int(252), Int(1)))
	operations := []struct {
		name string
		run  func(l Layout) error
	}{
		{"coalesce", func(l Layout) error { l.Coalesce(); return nil }},
		{"canonical", func(l Layout) error { l.Canonical(); return nil }},
		{"equal", func(l Layout) error {
			other := mustBuild(l.shape, l.stride, l.offset, l.swizzle)
			if !l.Equal(other) {
				panic("not equal")
			}
			return nil
		}},
		{"unequal", func(l Layout) error {
			other := mustBuild(l.shape, l.stride, l.offset+1, l.swizzle)
			if l.Equal(other) {
				panic("equal")
			}
			return nil
		}},
		{"cosize", func(l Layout) error { _, err := l.Cosize(); return err }},
		{"injective", func(l Layout) error { l.Injective(); return nil }},
		{"matrix", func(l Layout) error { l.Matrix(); return nil }},
		{"vector", func(l Layout) error { l.Vector(0); l.Vector(1); return nil }},
		{"compose", func(l Layout) error { _, err := Compose(l, order); return err }},
		{"composeRow", func(l Layout) error { _, err := Compose(l, row); return err }},
		{"composeSwizzle", func(l Layout) error { _, err := Compose(l, inner); return err }},
		{"composeAfter", func(l Layout) error { _, err := Compose(Must(New(Int(1<<17), Int(2))), l); return err }},
		{"composeSmall", func(l Layout) error { _, err := Compose(l, small); return err }},
		{"complement", func(l Layout) error { _, err := Complement(l, 1<<18); return err }},
		{"divide", func(l Layout) error { _, err := Divide(l, tiler); return err }},
		{"zippedDivide", func(l Layout) error { _, err := ZippedDivide(l, tiler, tiler); return err }},
		{"product", func(l Layout) error { _, err := Product(l, tiler); return err }},
		{"blockedProduct", func(l Layout) error { _, err := BlockedProduct(l, Must(New(Ints(2, 3), Ints(1, 2)))); return err }},
		{"rightInverse", func(l Layout) error { _, err := RightInverse(l); return err }},
		{"leftInverse", func(l Layout) error { _, err := LeftInverse(l); return err }},
		{"recast", func(l Layout) error { _, err := Recast(l, 16, 32); return err }},
		{"slice", func(l Layout) error { _, err := l.Slice(3, -1); return err }},
		{"permute", func(l Layout) error { _, err := l.Permute(1, 0); return err }},
		{"reshape", func(l Layout) error { _, err := l.Reshape(List(Int(l.size/4), Int(4))); return err }},
		{"concat", func(l Layout) error { _, err := Concat(l, Must(New(Int(4), Int(1<<17)))); return err }},
		{"common", func(l Layout) error { _, err := Common(l, l); return err }},
	}
	for _, op := range operations {
		for _, tile := range benchTiles {
			b.Run(op.name+"/"+tile.name, func(b *testing.B) {
				b.ReportAllocs()
				var err error
				for b.Loop() {
					err = op.run(tile.l)
				}
				if err != nil {
					b.Log(err)
				}
			})
		}
	}
}

func BenchmarkDistributions(b *testing.B) {
	c := Must(Must(Must(Local(2, 1)).Mul(Must(Spatial(8, 4)))).Mul(Must(Local(1, 2))))
	d := Must(Must(Must(Atom("warps", 4, 2)).Mul(Must(Local(4, 16)))).Mul(c))
	b.Run("mul", func(b *testing.B) {
		for b.Loop() {
			Must(d.Mul(c))
		}
	})
	b.Run("rightDivide", func(b *testing.B) {
		for b.Loop() {
			Must(d.RightDivide(c))
		}
	})
	b.Run("factors", func(b *testing.B) {
		for b.Loop() {
			d.Factors()
		}
	})
	b.Run("slice", func(b *testing.B) {
		for b.Loop() {
			Must(d.Slice(0))
		}
	})
	b.Run("replication", func(b *testing.B) {
		for b.Loop() {
			d.Replication()
		}
	})
}
