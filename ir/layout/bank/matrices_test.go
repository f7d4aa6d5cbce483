package bank

import (
	"testing"

	"github.com/tilec/tilec/ir/layout"
)

// TestMatrices: what ldmatrix addresses for the operands of mma.sync, against the formulas of the PTX ISA: for A of
// m16n8k16, lane l addresses row l%16 from column 8(l/16) on.
func TestMatrices(t *testing.T) {
	m, _ := For("sm_90a")
	mul := func(ds ...layout.Distribution) layout.Distribution {
		d := ds[0]
		for _, e := range ds[1:] {
			d = layout.Must(d.Mul(e))
		}
		return d
	}
	// A, 16x16 of 16 bits: registers (row half, column half), lanes, pairs.
	a := mul(layout.Must(layout.ColumnLocal(2, 2)), layout.Must(layout.Spatial(8, 4)), layout.Must(layout.Local(1, 2)))
	rowMajor := func(rows, cols int64) layout.Layout {
		return layout.Must(layout.New(layout.Ints(rows, cols), layout.Ints(16*cols, 16)))
	}
	columnMajor := layout.Must(layout.New(layout.Ints(16, 16), layout.Ints(16, 256)))
	for _, test := range []struct {
		instruction string
		d           layout.Distribution
		tile        layout.Layout
		bits        int64
		name        string
		at          func(lane, repetition int64) int64 // the element that a lane addresses
	}{
		{"ldmatrix", a, rowMajor(16, 16), 16, "ldmatrix.x4", func(l, _ int64) int64 { return l%16 + 16*(8*(l/16)) }},
		{"stmatrix.x2", a, rowMajor(16, 16), 16, "stmatrix.x2", func(l, r int64) int64 { return l%16 + 16*8*r }},
		// Columns in memory: lane l addresses column l%8 + 8(l/16) from row 8(l/8%2) on.
		{"ldmatrix.x4", a, columnMajor, 16, "ldmatrix.x4.trans", func(l, _ int64) int64 { return 8*(l/8%2) + 16*(l%8+8*(l/16)) }},
		// Bytes: 16 columns a row.
		{"ldmatrix", mul(layout.Must(layout.ColumnLocal(2, 2)), layout.Must(layout.Spatial(8, 4)), layout.Must(layout.Local(1, 4))),
			layout.Must(layout.New(layout.Ints(16, 32), layout.Ints(256, 8))), 8, "ldmatrix.x4", func(l, _ int64) int64 { return l%16 + 16*(16*(l/16)) }},
		// An accumulator has two registers of 16 bits each row: x2.
		{"stmatrix", mul(layout.Must(layout.Local(2, 1)), layout.Must(layout.Spatial(8, 4)), layout.Must(layout.Local(1, 2))), rowMajor(16, 8), 16, "stmatrix.x2",
			func(l, _ int64) int64 { return l % 16 }},
	} {
		access, err := Matrices(m, test.instruction, test.d, test.tile, test.bits)
		if err != nil {
			t.Errorf("%s: %v", test.instruction, err)
			continue
		}
		if access.name() != test.name {
			t.Errorf("%s is %s, not %s", test.instruction, access.name(), test.name)
		}
		in, _ := m.Instruction(access.Instruction)
		vector := access.Elements.Mode(0).Size()
		for i := int64(0); i < access.Elements.Size()/vector; i++ {
			l, r := i%int64(in.Lanes), i/int64(in.Lanes)
			if got, want := access.Elements.At(i*vector), test.at(l, r); got != want {
				t.Fatalf("%s: lane %d of repetition %d addresses %d, not %d", test.name, l, r, got, want)
			}
		}
	}
	for _, test := range []struct {
		instruction string
		d           layout.Distribution
		tile        layout.Layout
		bits        int64
		reason      layout.Reason
	}{
		{"ldmatrix.x8", a, rowMajor(16, 16), 16, layout.Range},
		{"ldmatrix", a, rowMajor(16, 32), 16, layout.Profile},
		{"ldmatrix", a, rowMajor(16, 16), 12, layout.Divisibility},
		{"ldmatrix", layout.Must(layout.Spatial(16, 16)), rowMajor(16, 16), 16, layout.Divisibility},
		{"ldmatrix", a, layout.Must(layout.New(layout.Ints(16, 16), layout.Ints(32, 512))), 16, layout.Divisibility},
		{"stmatrix.x4", mul(layout.Must(layout.Local(3, 1)), layout.Must(layout.Spatial(8, 4)), layout.Must(layout.Local(1, 2))), rowMajor(24, 8), 16, layout.Divisibility},
	} {
		got, err := Matrices(m, test.instruction, test.d, test.tile, test.bits)
		if e, ok := err.(*layout.Error); !ok || e.Reason != test.reason {
			t.Errorf("%s of %v in %v is %v, error %v", test.instruction, test.d, test.tile, got, err)
		}
	}
}
