package expr

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tilec/tilec/ir/layout"
	"github.com/tilec/tilec/ir/layout/fragment"
)

// TestEval: texts and what their values print.
func TestEval(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		// Shapes, strides, offsets.
		{"8", "8:1"}, {"(4,8)", "(4,8):(1,4)"}, {"(4,(2,3))", "(4,(2,3)):(1,(4,8))"}, {" ( 4 ,\t(2,3) )\n:(1,(4, 8))", "(4,(2,3)):(1,(4,8))"},
		{"8:2+7", "8:2+7"}, {"8+7", "8:1+7"}, {"8-7", "8:1+-7"}, {"8:2-7", "8:2+-7"}, {"8:2+-7", "8:2+-7"}, {"4:-1", "4:-1"}, {"(4,2):(-1,0)+3", "(4,2):(-1,0)+3"},
		{"()", "():()"}, {"(8)", "(8):(1)"}, {"((8))", "((8)):((1))"}, {"(4:2)", "4:2"}, {"((4:2))", "4:2"}, {"row_major(4,8)", "(4,8):(8,1)"}, {"(_4,(2,_3)):(_1,(_4,8))", "(4,(2,3)):(1,(4,8))"},
		{"(size((2,3)),4)", "(6,4):(1,6)"},
		// Swizzles.
		{"swizzle(3,4,3)", "swizzle(3,4,3)"}, {"identity", "identity"}, {"swizzle(0,4,3)", "identity"}, {"f2(1,3)", "swizzle(1,0,1)"},
		{"f2(1,2,13,8)", "f2(1,2,13)"}, {"f2(1,2,12,8)", "swizzle(1,2,-1)"}, {"rotate(16,5,1)", "rotate(16,5,1)"}, {"swizzle(3,4,3) o (8,64):(64,1)", "swizzle(3,4,3) o (8,64):(64,1)"},
		{"swizzle(3,4,3) ∘ (8,64):(64,1)+3", "swizzle(3,4,3) o (8,64):(64,1)+3"}, {"swizzle(1,0,1) o swizzle(1,0,1)", "identity"},
		{"swizzle(1,0,2) o swizzle(1,1,2)", "swizzle(2,0,2)"}, {"identity o rotate(1,3,1)", "rotate(1,3,1)"}, {"identity o 4:1", "4:1"},
		{"compose(swizzle(1,0,1), 4:1)", "swizzle(1,0,1) o 4:1"},
		// Distributions.
		{"local(2,1) * spatial(8,4) * local(1,2)", "register (2,2):(1@1,8@0), lane (4,8):(2@1,1@0) over (16,8)"},
		{"column_spatial(4,8)", "lane (4,8):(1@0,1@1) over (4,8)"}, {"warps(2,1)*spatial(4,8)", "lane (8,4):(1@1,1@0), warp 2:4@0 over (8,8)"},
		{"blocks(2)*column_warps(2)*column_blocks(2)*column_local(3)", "register 3:1@0, warp 2:6@0, block (2,2):(3@0,12@0) over (24)"},
		{"replica(lane,4)*local(2,2)", "register (2,2):(1@1,1@0), lane 4:0 over (2,2)"}, {"(local(2)*replica(register,2))*spatial(2)", "register (2,2):(0,2@0), lane 2:1@0 over (4)"},
		{"register (2,2):(1@1,8@0), lane (4,8):(2@1,1@0) over (16,8)", "register (2,2):(1@1,8@0), lane (4,8):(2@1,1@0) over (16,8)"},
		{"register 1:0 over ()", "register 1:0 over ()"}, {"lane 32:1@0 over 32", "lane 32:1@0 over (32)"}, {"(register 2:1@0 over 4)", "register 2:1@0 over (4)"},
		{"(1,3,1,1):(0,1,0,0) over (2,2)", "(1,3,1,1):(0,1,0,0) over (2,2)"}, {"(1,4,1,1):(0,1,0,0) over 4", "lane 4:1@0 over (4)"},
		{"swizzle(1,0,1) o (1,3,1,1):(0,1,0,0) over (2,2)", "swizzle(1,0,1) o (1,3,1,1):(0,1,0,0) over (2,2)"},
		{"Swizzle<3,4,3> o (8,64):(64,1)", "swizzle(3,4,3) o (8,64):(64,1)"},
		{"Sw<2,0,-3> o 0 o (_8,_8):(_8,_1)", "swizzle(2,0,-3) o (8,8):(8,1)"},
		{"compose((16,16):(16,1), mma_m16n8k16_bf16.a)", "((2,2,2),(4,8),1,1):((1,128,8),(2,16),0,0)"},
		{"coalesce(local(4))", "4:1"},
		{"layout(local(2,1)*spatial(8,4)*local(1,2))", "((2,2),(4,8),1,1):((16,8),(32,1),0,0)"},
		// Names of fragments.
		{"mma_m16n8k16_bf16.d", "register (2,2):(1@1,8@0), lane (4,8):(2@1,1@0) over (16,8)"}, {"swizzle_128b", "swizzle(3,4,3)"},
		{"wgmma_smem_k_none_16", "(8,8):(128,16)"}, {"local(2,1) * mma_m16n8k16_bf16.d", "register (2,2,2):(1@1,8@0,16@0), lane (4,8):(2@1,1@0) over (32,8)"},
		// Numbers and truths.
		{"size((4,8))", "32"}, {"cosize(4:3)", "10"}, {"equal(4:1,4)", "true"}, {"equal(4:1,5)", "false"}, {"injective(4:0)", "false"}, {"injective((4,2):(1,4))", "true"},
		{"equal(local(4), register 4:1@0 over 4)", "true"}, {"true", "true"}, {"false", "false"}, {"vector((8,8):(8,1),1)", "8"},
	} {
		v, err := Eval(test.text)
		if err != nil {
			t.Errorf("%s: %v", test.text, err)
			continue
		}
		if v.String() != test.want {
			t.Errorf("%s is %v, not %s", test.text, v, test.want)
		}
	}
}

// TestOperations: every operation gives what the function of this name in package layout gives.
func TestOperations(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"coalesce((2,(1,6)):(1,(6,2)))", "12:1"}, {"coalesce(((4,3),(5,2)):((1,4),(12,7)),(1,1))", "(12,(5,2)):(1,(12,7))"},
		{"flatten((2,(2,3)))", "(2,2,3):(1,2,4)"}, {"filter((1,4,1):(7,2,3))", "4:2"},
		{"compose((4,8):(8,1), 8:1, 2:4)", "2:1"}, {"(4,8):(8,1) o 8:1 o 2:4", "2:1"}, {"compose((4,8):(8,1), [2:1, 4:2])", "(2,4):(8,2)"}, {"(4,8):(8,1) o [2, 4:2]", "(2,4):(8,2)"},
		{"complement(4:2, 16)", "(2,2):(1,8)"}, {"complement((2,2):(1,4))", "2:2"},
		{"left_inverse((4,8):(8,1))", "(8,4):(4,1)"}, {"right_inverse((4,8):(8,1))", "(8,4):(4,1)"},
		{"divide(24:2, 4:2)", "(4,(2,3)):(4,(2,16))"}, {"divide((4,6):(1,4), [2,3])", "((2,2),(3,2)):((1,2),(4,12))"},
		{"zipped_divide((4,6):(1,4), [2,3])", "((2,3),(2,2)):((1,4),(2,12))"}, {"tiled_divide((4,6):(1,4), [2,3])", "((2,3),2,2):((1,4),2,12)"},
		{"flat_divide((4,6):(1,4), [2,3])", "(2,3,2,2):(1,4,2,12)"},
		{"product(3, (2,4))", "(3,(2,4)):(1,(3,6))"}, {"zipped_product((2,5):(5,1), [3:5, 4:6])", "((2,5),(3,4)):((5,1),(10,30))"},
		{"blocked_product(4, (8,4):(4,1))", "((4,8),(1,4)):((1,16),(0,4))"}, {"raked_product((2,2), (3,4):(4,1))", "((3,2),(4,2)):((16,1),(4,2))"},
		{"tile_to_shape((8,64):(64,1), (128,128))", "((8,16),(64,2)):((64,512),(1,8192))"},
		{"recast((32,32):(32,1), 1, 16)", "(32,2):(2,1)"}, {"recast((4,(2,4)):(2,(1,8)), 8, 1)", "(4,(16,4)):(16,(1,64))"},
		{"left_divide(local(2,1)*spatial(8,4), local(2,1))", "lane (4,8):(1@1,1@0) over (8,4)"},
		{"right_divide(local(2,1)*spatial(8,4), spatial(8,4))", "register 2:1@0 over (2,1)"},
		{"permute(local(2,1)*spatial(8,4), 1, 0)", "register 2:8@1, lane (4,8):(1@0,1@1) over (4,16)"}, {"reduce(mma_m16n8k16_bf16.d, 1)", "register (2,2):(0,8@0), lane (4,8):(0,1@0) over (16)"},
		{"replication(reduce(mma_m16n8k16_bf16.d, 1))", "8"},
		{"canonical(swizzle(3,4,3) o (4,2))", "8:1"}, {"nullspace((7,5,16):(3,1,0))", "16:35"}, {"common((32,8):(8,1), (32,(4,2)):(8,(1,4)))", "(8,32):(32,1)"},
		{"slice((4,8):(8,1), _, 3)", "4:8+3"}, {"concat(4:1, 8:4)", "(4,8):(1,4)"}, {"permute((4,8), 1, 0)", "(8,4):(4,1)"}, {"reshape((4,8):(8,1), (8,4))", "((4,2),4):((8,1),2)"},
	} {
		v, err := Eval(test.text)
		if err != nil {
			t.Errorf("%s: %v", test.text, err)
			continue
		}
		if v.String() != test.want {
			t.Errorf("%s is %v, not %s", test.text, v, test.want)
		}
	}
}

// TestErrors: what is wrong, why and where.
func TestErrors(t *testing.T) {
	for _, test := range []struct {
		text   string
		reason layout.Reason
		at     string // the bytes to blame; "" at the end
		want   string
	}{
		{"", layout.Syntax, "", "there is no expression"},
		{" \n", layout.Syntax, "", "there is no expression"},
		{"(4,8", layout.Syntax, "", "the text ends where , or ) should stand"},
		{"(4,,8)", layout.Syntax, ",", ", where a layout should stand"},
		{"4:2 5", layout.Syntax, "5", "5 where an operator or the end should stand"},
		{"$", layout.Syntax, "$", "'$' is no part of an expression"},
		{"4:\x00", layout.Syntax, "\x00", "the byte 0x00 is no part of an expression"},
		{"4:\xff", layout.Syntax, "\xff", "the byte 0xff is no part of an expression"},
		{"foo", fragment.Unknown, "foo", "there is nothing named foo"},
		{"mma_m16n8k16_bf17.a", fragment.Unknown, "mma_m16n8k16_bf17.a", "mma_m16n8k16_bf16"},
		{"4 o coalesced", fragment.Unknown, "coalesced", "did you mean coalesce?"},
		{"spatia(8,4)", fragment.Unknown, "spatia", "there is no operation spatia; did you mean spatial?"},
		{"Compose(4,8)", fragment.Unknown, "Compose", "there is no operation Compose; did you mean compose?"},
		{"swizzle", layout.Syntax, "swizzle", "swizzle is an operation: swizzle(bits, base, shift)"},
		{"swizzle(3,4)", layout.Syntax, "swizzle(3,4)", "swizzle has 2 arguments; it takes swizzle(bits, base, shift)"},
		{"swizzle(3,4,3,1)", layout.Syntax, "swizzle(3,4,3,1)", "swizzle has 4 arguments; it takes swizzle(bits, base, shift)"},
		{"swizzle(3,4,2)", layout.Range, "swizzle(3,4,2)", "overlap"},
		{"swizzle(3,4,3000000000000)", layout.Overflow, "swizzle(3,4,3000000000000)", "62 bits"},
		{"4 o swizzle(3,4,3)", layout.Syntax, "swizzle(3,4,3)", "a swizzle stands before the layout"},
		{"swizzle(3,4,3) o [4]", layout.Syntax, "[4]", "not by modes"},
		{"rotate(1,3,1) o swizzle(1,0,1)", layout.Nonlinear, "rotate(1,3,1) o swizzle(1,0,1)", "neither linear over F2 nor a rotation"},
		{"(4,0)", layout.ZeroExtent, "(4,0)", "extents are at least 1"},
		{"size((4,-1))", layout.ZeroExtent, "(4,-1)", "extents are at least 1"},
		{"(4,8):(1,2,3)", layout.Profile, "(4,8):(1,2,3)", "not nested alike"},
		{"99999999999999999999", layout.Overflow, "99999999999999999999", "does not fit 63 bits"},
		{"(1000000000,1000000000,1000000000)", layout.Overflow, "(1000000000,1000000000,1000000000)", "62 bits"},
		{"(4:1,8:2)", layout.Syntax, "4:1", "concat(A, B)"},
		{"(4:1):2", layout.Syntax, "(4:1)", "extents are numbers"},
		{"4:(4:1)", layout.Syntax, "(4:1)", "strides are numbers"},
		{"4:2+x", layout.Syntax, "x", "x where the number of an offset should stand"},
		{"4:1+9000000000000000000", layout.Overflow, "4:1+9000000000000000000", "bits"},
		{"[4,8]", layout.Syntax, "[4,8]", "a tiler is an argument of an operation"},
		{"compose(4,[])", layout.Syntax, "[]", "a tiler has a layout for each mode"},
		{"_", layout.Syntax, "_", "_ where"},
		{"local(2) * 8", layout.Syntax, "8", "a number where a distribution should stand"},
		{"local(2) * local(2,2)", layout.Profile, "local(2) * local(2,2)", "axes"},
		{"replica(lane,4)", layout.Syntax, "replica(lane,4)", "stands beside other factors"},
		{"replica(lane,4) * replica(warp,2)", layout.Syntax, "replica(lane,4)", "there is none"},
		{"replica(dog,4) * local(2)", layout.Syntax, "dog", "dog where register, lane, warp or block should stand"},
		{"layout(4)", layout.Syntax, "4", "a number where a distribution should stand"},
		{"equal(4, local(4))", layout.Syntax, "equal(4, local(4))", "a layout and a distribution"},
		{"slice((4,8), _, -3)", layout.Range, "slice((4,8), _, -3)", "index -3"},
		{"reduce(local(4,2), 2)", layout.Range, "reduce(local(4,2), 2)", "axis 2 of a tile of 2 axes"}, {"reduce(local(4,2), -1)", layout.Range, "reduce(local(4,2), -1)", "axis -1"},
		{"permute((4,8), 99999999999, 0)", layout.Range, "permute((4,8), 99999999999, 0)", "2147483647"},
		{"replication(lane 2:2@0 over 3)", layout.Divisibility, "replication(lane 2:2@0 over 3)", "not all held equally often"},
		{"vector(4, 1)", layout.Range, "vector(4, 1)", "mode 1 of a layout of 1 modes"},
		{"register 2:1 over 2", layout.Syntax, "1", "the stride 1 has no axis: write 1@0"},
		{"register 2:1@0", layout.Syntax, "", "over and the extents of the tile"},
		{"register 2:1@5 over 2", layout.Range, "register 2:1@5 over 2", "axes"},
		{"register (2,2):1@0 over 4", layout.Profile, "register (2,2):1@0", "2 extents and 1 strides"},
		{"register 2:1@0, register 2:2@0 over 4", layout.Syntax, "register", "register is there already"},
		{"(1,4,1,1) over (2,(2,3))", layout.Syntax, "(2,(2,3))", "an extent for each axis"},
		{"4 over 4", layout.Profile, "4 over 4", "has 1 modes"},
		{"local(2,2) over 3", layout.Range, "local(2,2) over 3", "has 3 elements"},
		{"compose((4,8), 64:1, )", layout.Syntax, ")", ") where a layout should stand"},
	} {
		v, err := Eval(test.text)
		e := (*Error)(nil)
		if !errors.As(err, &e) {
			t.Errorf("%q is %v, error %v", test.text, v, err)
			continue
		}
		if got := test.text[e.Start:e.End]; got != test.at || test.at == "" && e.Start != len(test.text) {
			t.Errorf("%q: the error is at %q, not %q", test.text, got, test.at)
		}
		if e.Err.Reason != test.reason || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q: %s: %v; want %s: %s", test.text, e.Err.Reason, err, test.reason, test.want)
		}
		if inner := (*layout.Error)(nil); !errors.As(err, &inner) || inner.Offset != e.Start {
			t.Errorf("%q: the reason is not at %d", test.text, e.Start)
		}
	}
}

// TestBounds: neither length nor nesting is without a bound.
func TestBounds(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{strings.Repeat("(", maxDepth+1), "nested deeper"}, {strings.Repeat("coalesce(", maxDepth), "nested deeper"}, {strings.Repeat("[", maxDepth+1), "nested deeper"},
		{strings.Repeat("4 o ", MaxText), "at most"}, {strings.Repeat(" ", MaxText) + "4", "at most"}, {"(" + strings.Repeat("1,", MaxText/2-2), "ends"},
		{strings.Repeat("-", MaxText), "- where a number"},
	} {
		_, err := Eval(test.text)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%.20q…: %v", test.text, err)
		}
	}
	for _, text := range []string{
		"(" + strings.Repeat("1,", MaxText/2-2) + "1)", strings.TrimSuffix(strings.Repeat("4 o ", MaxText/4), " o "),
		strings.TrimSuffix(strings.Repeat("local(1)*", MaxText/9), "*"), strings.Repeat("(", maxDepth-1) + "4" + strings.Repeat(")", maxDepth-1),
	} {
		if _, err := Eval(text); err != nil {
			t.Errorf("%.20q…: %v", text, err)
		}
	}
}

func TestMark(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"4 o foo", "4 o foo\n    ^~~"},
		{"4 ∘ foo", "4 ∘ foo\n    ^~~"},
		{"(4", "(4\n  ^"},
		{"(4,\nfoo,\n5)", "foo,\n^~~"},
		{"(4,\x1bfoo", "(4,\uFFFDfoo\n   ^"},
		{strings.Repeat("4 o ", 30) + "foo + " + strings.Repeat("5", 100), "…" + strings.Repeat("o 4 ", 12) + "o foo + " + strings.Repeat("5", 43) + "…\n" + strings.Repeat(" ", 51) + "^~~"},
	} {
		_, err := Eval(test.text)
		e := (*Error)(nil)
		if !errors.As(err, &e) {
			t.Fatalf("%q: %v", test.text, err)
		}
		if got := e.Mark(test.text); got != test.want {
			t.Errorf("%q:\n%s\nwant\n%s", test.text, got, test.want)
		}
	}
}

// equal compares values as functions.
func equal(a, b Value) bool {
	switch a := a.(type) {
	case layout.Layout:
		b, ok := b.(layout.Layout)
		return ok && a.Identical(b)
	case layout.Distribution:
		b, ok := b.(layout.Distribution)
		return ok && a.Equal(b)
	case layout.Swizzle:
		b, ok := b.(layout.Swizzle)
		return ok && a.Equal(b)
	}
	return false
}

// TestRoundTrip: what values print evaluates to equal values.
func TestRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	extent := func() int64 { return []int64{1, 2, 2, 3, 4, 5, 8}[r.IntN(7)] }
	var shape func(depth int) layout.Tuple
	shape = func(depth int) layout.Tuple {
		if depth == 0 || r.IntN(3) == 0 {
			return layout.Int(extent())
		}
		items := make([]layout.Tuple, r.IntN(4))
		for i := range items {
			items[i] = shape(depth - 1)
		}
		return layout.List(items...)
	}
	swizzle := func() layout.Swizzle {
		switch r.IntN(4) {
		case 0:
			return layout.Must(layout.Rotation(extent(), extent(), extent()))
		case 1:
			columns := make([]int64, r.IntN(6))
			for i := range columns {
				columns[i] = r.Int64N(64)
			}
			return layout.Must(layout.Linear(columns))
		case 2:
			n := r.IntN(4)
			return layout.Must(layout.XOR(n, r.IntN(5), (n+r.IntN(3))*(1-2*r.IntN(2))))
		}
		return layout.Swizzle{}
	}
	check := func(v Value) {
		t.Helper()
		got, err := Eval(v.String())
		if err != nil {
			t.Fatalf("%v: %v", v, err)
		}
		if !equal(v, got) || got.String() != v.String() {
			t.Fatalf("%v evaluates to %v", v, got)
		}
	}
	for range 3000 {
		s := shape(3)
		strides := make([]int64, len(s.Leaves()))
		for i := range strides {
			strides[i] = r.Int64N(40)
		}
		l := layout.Must(layout.New(s, s.With(strides)))
		if r.IntN(3) == 0 {
			l = layout.Must(layout.Shift(l, r.Int64N(100)))
		}
		if with, err := layout.WithSwizzle(swizzle(), l); err == nil {
			l = with
		}
		check(l)
		check(swizzle())
	}
	for range 3000 {
		rank := 1 + r.IntN(3)
		var d layout.Distribution
		for i := range 1 + r.IntN(5) {
			var e layout.Distribution
			var err error
			if r.IntN(5) == 0 {
				e, err = layout.Replicas(layout.Unit(r.IntN(layout.Units)), extent(), rank)
			} else {
				extents := make([]int64, rank)
				for k := range extents {
					extents[k] = extent()
				}
				e, err = layout.Grid(layout.Unit(r.IntN(layout.Units)), r.IntN(2) == 0, extents...)
			}
			if i > 0 && err == nil {
				e, err = d.Mul(e)
			}
			if err != nil {
				t.Fatal(err)
			}
			d = e
		}
		check(d)
		if text, ok := d.Factors(); ok {
			if v, err := Eval(text); err != nil || !equal(d, v) {
				t.Fatalf("%v is %s, which is %v, %v", d, text, v, err)
			}
		}
		// The same positions over one axis, and with a swizzle: no digits along the axes of another tile.
		size := int64(1)
		for _, n := range d.Tile() {
			size *= n
		}
		l := d.Layout()
		if with, err := layout.WithSwizzle(swizzle(), l); err == nil {
			l = with
		}
		for _, tile := range [][]int64{{size}, {2, size / 2}, {3, size / 3}} {
			if e, err := layout.DistributionOf(tile, l); err == nil {
				check(e)
			}
		}
	}
}

// TestFunctions: the table is whole, and no name stands twice.
func TestFunctions(t *testing.T) {
	var names []string
	for _, f := range Functions() {
		names = append(names, f.Name)
		if f.Args == "" || f.Text == "" {
			t.Errorf("%s has no help", f.Name)
		}
		if _, ok := layout.UnitNamed(f.Name); ok || f.Name == "o" || f.Name == "over" || f.Name == "identity" || f.Name == "_" {
			t.Errorf("%s is a word of the syntax", f.Name)
		}
	}
	if sorted := slices.Compact(slices.Sorted(slices.Values(names))); len(sorted) != len(names) {
		t.Error("a name stands twice")
	}
}

// seeds are texts from which the fuzzer starts.
var seeds = []string{
	"(4,(2,3)):(1,(4,8))", "swizzle(3,4,3) o (8,64):(64,1)+3", "f2(1,2,12,8) o 16", "rotate(16,5,1) o (4,80):(80,1)", "local(2,1) * spatial(8,4) * local(1,2)",
	"register (2,2):(1@1,8@0), lane (4,8):(2@1,1@0) over (16,8)", "swizzle(1,0,1) o (1,3,1,1):(0,1,0,0) over (2,2)", "warps(2,1) * replica(lane, 4) * column_spatial(4,2)",
	"coalesce(compose((4,8):(8,1), 8:1, [2,4]))", "complement(4:2, 16)", "divide(product(4:2, 3), 4:1)", "left_inverse(right_inverse((4,8):(8,1)))",
	"recast((4,(2,4)):(2,(1,8)), 8, 1)", "slice((4,8):(8,1), _, 3)", "permute(concat(4:1, 8:4), 1, 0)", "reshape(flatten(filter((4,(1,8)))), (8,4))",
	"tile_to_shape(zipped_divide((8,64), [2,4]), (128,128))", "raked_product(blocked_product(4, 8), 2)",
	"layout(left_divide(local(2)*spatial(8), local(2)))", "reduce(permute(local(2,4)*spatial(8,1), 1, 0), 1)", "equal(injective(4), vector(8, 0))", "size(cosize(4:3))", "4611686018427387903:1", "(2147483647,2147483647):(1,2147483647)", "-4:-1--5", "((((", "4 o o o", "[4,[5]]", "\x00∘",
}

func FuzzEval(f *testing.F) {
	for _, s := range seeds {
		f.Add(s)
	}
	for _, fn := range Functions() {
		f.Add(fn.Name + "((4,8):(8,1), " + strconv.Itoa(len(fn.Name)) + ")")
	}
	f.Fuzz(func(t *testing.T, text string) {
		v, err := Eval(text)
		if err != nil {
			e := (*Error)(nil)
			if !errors.As(err, &e) || e.Start < 0 || e.End < e.Start || e.End > len(text) || e.Err.Text == "" || e.Err.Reason == "" {
				t.Fatalf("%#v", err)
			}
			e.Mark(text)
			return
		}
		again, err := Eval(v.String())
		if err != nil && len(v.String()) <= MaxText {
			t.Fatalf("%v: %v", v, err)
		}
		if err == nil && again.String() != v.String() {
			if n, ok := v.(Integer); !ok || again.String() != n.String()+":1" {
				t.Fatalf("%v evaluates to %v", v, again)
			}
		}
	})
}
