package expr

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tilec/tilec/ir/layout"
)

// kinds are sets of what an operand may be.
type kinds uint16

const (
	aLayout kinds = 1 << iota
	aDistribution
	aSwizzle
	aNumber
	aTuple
	aTiler
	aKeep
	aTruth
)

var kindNames = []string{"a layout", "a distribution", "a swizzle", "a number", "a list of numbers", "a tiler [A, B]", "_", "a truth"}

func (k kinds) String() string {
	var names []string
	for i, name := range kindNames {
		if k&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	if n := len(names); n > 1 {
		return strings.Join(names[:n-1], ", ") + " or " + names[n-1]
	}
	return strings.Join(names, "")
}

// wrong is the error of an operand that is not what it should be.
func (p *parser) wrong(x operand, format string, args ...any) error {
	return p.failf(x.start, x.end, layout.Syntax, format, args...)
}

// convert makes an operand one of some kinds. A shape is a layout too, a number is a shape, and a distribution is the
// layout from its positions to the elements of the tile.
func (p *parser) convert(x operand, to kinds) (operand, error) {
	is := ""
	switch v := x.value.(type) {
	case layout.Layout:
		if is = "a layout"; to&aLayout != 0 {
			return x, nil
		}
	case layout.Distribution:
		if is = "a distribution"; to&aDistribution != 0 {
			return x, nil
		}
		if to&aLayout != 0 {
			return operand{v.Layout(), x.start, x.end}, nil
		}
	case layout.Swizzle:
		if is = "a swizzle"; to&aSwizzle != 0 {
			return x, nil
		}
	case tiler:
		if is = "a tiler"; to&aTiler != 0 {
			return x, nil
		}
	case Truth:
		if is = "a truth"; to&aTruth != 0 {
			return x, nil
		}
	case keep:
		if is = "_"; to&aKeep != 0 {
			return x, nil
		}
	case replicas:
		return operand{}, p.wrong(x, "a replica stands beside other factors, as local(2,1) * replica(lane, 4)")
	case Integer:
		if is = "a number"; to&aNumber != 0 {
			return x, nil
		}
		return p.convert(operand{layout.Int(int64(v)), x.start, x.end}, to)
	case tuple:
		is = "a list of numbers"
		if v.IsInt() {
			is = "a number"
		}
		switch {
		case to&aTuple != 0:
			return x, nil
		case to&aNumber != 0 && to&aLayout == 0 && v.IsInt():
			return operand{Integer(v.Value()), x.start, x.end}, nil
		case to&aLayout != 0:
			l, err := layout.Compact(v)
			if err != nil {
				return operand{}, p.at(x.start, x.end, err)
			}
			return operand{l, x.start, x.end}, nil
		}
	}
	return operand{}, p.wrong(x, "%s where %v should stand", is, to)
}

// A function is an operation that a text can call.
type function struct {
	name string
	args string // as its help shows them
	text string // what it gives, in a line
	// params are the kinds of the arguments, of which the first need are required; with more, the last may be repeated.
	params []kinds
	need   int
	more   bool
	apply  func(args []any) (any, error)
}

// A Function is what is known of an operation that a text can call.
type Function struct {
	Name, Args, Text string
}

// Functions are the operations, in the order of the documentation.
func Functions() []Function {
	var list []Function
	for _, f := range functions {
		list = append(list, Function{f.name, f.args, f.text})
	}
	return list
}

// functions is filled once, when the package is loaded: the table of all operations.
var functions = slices.Concat(algebra, onDistributions, questions, constructors, atoms())

var algebra = []function{
	{"coalesce", "A [, profile]", "the same function with the fewest modes: extents of 1 go, and s:d before t:(s·d) is (s·t):d; with a profile, mode by mode", []kinds{aLayout, aTuple}, 1, false, func(a []any) (any, error) {
		if len(a) == 2 {
			return first(a).CoalesceModes(a[1].(tuple))
		}
		return first(a).Coalesce(), nil
	}},
	{"flatten", "A", "A without nesting", []kinds{aLayout}, 1, false, func(a []any) (any, error) { return first(a).Flatten(), nil }},
	{"filter", "A", "A coalesced, without the modes of stride 0: the same offsets", []kinds{aLayout}, 1, false, func(a []any) (any, error) { return first(a).Filter(), nil }},
	{"compose", "A, B, …", "i → A(B(…(i))), with the shape of the last; of a tiler [B, C], mode by mode. A o B is the same", []kinds{aLayout | aSwizzle, aLayout | aSwizzle | aTiler}, 2, true, nil},
	{"complement", "A [, n]", "rising offsets that A leaves out: no sum of one of A and one of these comes twice, and where A's strides divide the sums are all of [0, n); n is cosize(A) if left out", []kinds{aLayout, aNumber}, 1, false, func(a []any) (any, error) {
		if len(a) == 2 {
			return layout.Complement(first(a), int64(a[1].(Integer)))
		}
		n, err := first(a).Cosize()
		if err != nil {
			return nil, err
		}
		return layout.Complement(first(a), n)
	}},
	{"left_inverse", "A", "B with B(A(i)) = i; where A is not injective, with A(B(A(i))) = A(i)", []kinds{aLayout}, 1, false, func(a []any) (any, error) { return layout.LeftInverse(first(a)) }},
	{"right_inverse", "A", "the longest B, by following strides from 1, with A(B(i)) = i", []kinds{aLayout}, 1, false, func(a []any) (any, error) { return layout.RightInverse(first(a)) }},
	tiled("divide", "(A o B, A o C) with C = complement(B, size(A)): mode 0 is a tile, mode 1 runs over the tiles; with a tiler, mode by mode", layout.Divide, layout.DivideModes),
	tiled("zipped_divide", "divide by modes, the tiles of all modes in mode 0, the rest in mode 1", nil, layout.ZippedDivide),
	tiled("tiled_divide", "zipped_divide with every mode of the rest by itself", nil, layout.TiledDivide),
	tiled("flat_divide", "zipped_divide with every tile and every mode of the rest by itself", nil, layout.FlatDivide),
	tiled("product", "(A, C o B) with C = complement(A, size(A)·cosize(B)): mode 1 repeats A as B says; with a tiler, mode by mode", layout.Product, layout.ProductModes),
	tiled("zipped_product", "product by modes, those of A in mode 0, their repeats in mode 1", nil, layout.ZippedProduct),
	pairwise("blocked_product", "product with mode i = (mode i of A, mode i of B): tiles side by side", layout.BlockedProduct),
	pairwise("raked_product", "product with mode i = (mode i of B, mode i of A): tiles among each other", layout.RakedProduct),
	{"tile_to_shape", "A, shape", "A repeated, along the first mode first, until it has the shape; mode i is (mode i of A, repeats)", []kinds{aLayout, aTuple}, 2, false, func(a []any) (any, error) { return layout.TileToShape(first(a), a[1].(tuple)) }},
	{"recast", "A, from, to", "A of elements of from bits as a layout of elements of to bits", []kinds{aLayout, aNumber, aNumber}, 3, false, func(a []any) (any, error) {
		return layout.Recast(first(a), int64(a[1].(Integer)), int64(a[2].(Integer)))
	}},
	{"slice", "A, i, …", "A at one index for each mode, of which _ keeps the mode; what the others add is the offset", []kinds{aLayout, aNumber | aKeep}, 2, true, func(a []any) (any, error) {
		var at []int64
		for _, x := range a[1:] {
			if n, ok := x.(Integer); ok {
				if n < 0 {
					return nil, &layout.Error{Op: "slice", Reason: layout.Range, Text: fmt.Sprintf("index %d; _ keeps a mode", n)}
				}
				at = append(at, int64(n))
			} else {
				at = append(at, -1)
			}
		}
		return first(a).Slice(at...)
	}},
	{"concat", "A, B, …", "the layout with the modes A, B, …; its offsets are the sums of theirs", []kinds{aLayout}, 1, true, func(a []any) (any, error) { return layout.Concat(all[layout.Layout](a)...) }},
	{"permute", "A, i, … | D, i, …", "A with its modes, or D with its axes, in the order i, …", []kinds{aLayout | aDistribution, aNumber}, 2, true, func(a []any) (any, error) {
		var order []int
		for _, n := range all[Integer](a[1:]) {
			order = append(order, small(n))
		}
		if d, ok := a[0].(layout.Distribution); ok {
			return d.Permute(order...)
		}
		return first(a).Permute(order...)
	}},
	{"canonical", "A", "the same function in one form for all layouts of it, also behind swizzles that are linear over F2", []kinds{aLayout}, 1, false, func(a []any) (any, error) { return first(a).Canonical(), nil }},
	{"nullspace", "A", "the layout of the indices that strides of 0 send to the offset of index 0", []kinds{aLayout}, 1, false, func(a []any) (any, error) { return first(a).Nullspace(), nil }},
	{"common", "A, B", "the longest layout of indices that A and B both map to 0, 1, 2, …: the longest vector that copies one to the other", []kinds{aLayout, aLayout}, 2, false, func(a []any) (any, error) { return layout.Common(first(a), a[1].(layout.Layout)) }},
	{"reshape", "A, shape", "the same function, index by index, with another shape of the same size", []kinds{aLayout, aTuple}, 2, false, func(a []any) (any, error) { return first(a).Reshape(a[1].(tuple)) }},
}

var onDistributions = []function{
	{"layout", "D", "the layout from (register, lane, warp, block) to the number of the element, the first axis fastest", []kinds{aDistribution}, 1, false, func(a []any) (any, error) {
		return a[0].(layout.Distribution).Layout(), nil
	}},
	{"left_divide", "D, E", "F with D = E * F", []kinds{aDistribution, aDistribution}, 2, false, func(a []any) (any, error) {
		return a[0].(layout.Distribution).LeftDivide(a[1].(layout.Distribution))
	}},
	{"right_divide", "D, E", "F with D = F * E: D is made of E if there is one", []kinds{aDistribution, aDistribution}, 2, false, func(a []any) (any, error) {
		return a[0].(layout.Distribution).RightDivide(a[1].(layout.Distribution))
	}},
	{"reduce", "D, axis", "D without an axis: positions that differ along it alone hold the same", []kinds{aDistribution, aNumber}, 2, false, func(a []any) (any, error) {
		return a[0].(layout.Distribution).Slice(small(a[1].(Integer)))
	}},
	{"replication", "D", "how many positions hold each element", []kinds{aDistribution}, 1, false, func(a []any) (any, error) {
		n, ok := a[0].(layout.Distribution).Replication()
		if !ok {
			return nil, &layout.Error{Op: "replication", Reason: layout.Divisibility, Text: "the elements are not all held equally often"}
		}
		return Integer(n), nil
	}},
}

var questions = []function{
	{"size", "A", "the number of indices", []kinds{aLayout}, 1, false, func(a []any) (any, error) { return Integer(first(a).Size()), nil }},
	{"cosize", "A", "the largest offset and 1", []kinds{aLayout}, 1, false, func(a []any) (any, error) {
		n, err := first(a).Cosize()
		return Integer(n), err
	}},
	{"vector", "A, mode", "the most elements along a mode that always lie side by side, aligned to their number", []kinds{aLayout, aNumber}, 2, false, func(a []any) (any, error) {
		if n := a[1].(Integer); n < 0 || int64(n) >= int64(first(a).Rank()) {
			return nil, &layout.Error{Op: "vector", Reason: layout.Range, Text: fmt.Sprintf("mode %d of a layout of %d modes", n, first(a).Rank())}
		}
		return Integer(first(a).Vector(int(a[1].(Integer)))), nil
	}},
	{"equal", "A, B", "whether two layouts, or two distributions, have the same size and the same offset at every index", []kinds{aLayout | aDistribution, aLayout | aDistribution}, 2, false, func(a []any) (any, error) {
		switch x := a[0].(type) {
		case layout.Layout:
			if y, ok := a[1].(layout.Layout); ok {
				same, err := x.Same(y)
				return Truth(same), err
			}
		case layout.Distribution:
			if y, ok := a[1].(layout.Distribution); ok {
				same, err := x.Same(y)
				return Truth(same), err
			}
		}
		return nil, &layout.Error{Op: "equal", Reason: layout.Syntax, Text: "a layout and a distribution; layout(D) is the layout of a distribution"}
	}},
	{"injective", "A", "whether no two indices share an offset", []kinds{aLayout}, 1, false, func(a []any) (any, error) {
		yes, err := first(a).Injects()
		return Truth(yes), err
	}},
}

var constructors = []function{
	{"row_major", "n, …", "the layout of a dense array: the last extent has stride 1", []kinds{aNumber}, 1, true, func(a []any) (any, error) { return layout.RowMajor(numbers(a)...) }},
	{"swizzle", "bits, base, shift", "CuTe's Swizzle: bits from base + shift on, as many as bits says, are XORed to those from base on", []kinds{aNumber, aNumber, aNumber}, 3, false, func(a []any) (any, error) {
		n := numbers(a)
		for _, x := range n {
			if x < -layout.MaxBits || x > layout.MaxBits {
				return nil, &layout.Error{Op: "swizzle", Reason: layout.Overflow, Text: fmt.Sprintf("%d is more than the %d bits of an offset", x, layout.MaxBits)}
			}
		}
		return layout.XOR(int(n[0]), int(n[1]), int(n[2]))
	}},
	{"f2", "c, …", "the map of offsets, linear over F2, that sends bit k to the bits of the k-th number", []kinds{aNumber}, 1, true, func(a []any) (any, error) { return layout.Linear(numbers(a)) }},
	{"rotate", "unit, radix, step", "in rows of radix chunks of unit offsets, chunk c of row r goes to chunk (c + r/step) mod radix", []kinds{aNumber, aNumber, aNumber}, 3, false, func(a []any) (any, error) {
		n := numbers(a)
		return layout.Rotation(n[0], n[1], n[2])
	}},
}

// atoms are the factors of distributions.
func atoms() []function {
	texts := map[string]string{
		"local": "a tile over the registers of a lane", "spatial": "a tile over lanes", "warps": "a tile over warps", "blocks": "a tile over blocks",
	}
	var list []function
	for _, name := range layout.AtomNames() {
		base, column := strings.CutPrefix(name, "column_")
		text := texts[base] + ", the last axis fastest"
		if column {
			text = texts[base] + ", the first axis fastest"
		}
		list = append(list, function{name, "n, …", text, []kinds{aNumber}, 0, true, func(a []any) (any, error) { return layout.Atom(name, numbers(a)...) }})
	}
	return append(list, function{"replica", "unit, n", "n positions of a unit (register, lane, warp, block) that hold the same element", nil, 0, false, nil})
}

// tiled is an operation with one layout or a tiler by modes.
func tiled(name, text string, one func(a, b layout.Layout) (layout.Layout, error), modes func(a layout.Layout, tiler ...layout.Layout) (layout.Layout, error)) function {
	return function{name, "A, B | A, [B, …]", text, []kinds{aLayout, aLayout | aTiler}, 2, false, func(a []any) (any, error) {
		if t, ok := a[1].(tiler); ok {
			return modes(first(a), t...)
		}
		if one == nil {
			return modes(first(a), a[1].(layout.Layout))
		}
		return one(first(a), a[1].(layout.Layout))
	}}
}

func pairwise(name, text string, f func(a, b layout.Layout) (layout.Layout, error)) function {
	return function{name, "A, B", text, []kinds{aLayout, aLayout}, 2, false, func(a []any) (any, error) { return f(first(a), a[1].(layout.Layout)) }}
}

// small is the number of a mode or an axis; one that is far from any stays so.
func small(n Integer) int { return int(max(min(n, 1<<31-1), -1)) }

func first(args []any) layout.Layout { return args[0].(layout.Layout) }

func all[T any](args []any) []T {
	list := make([]T, len(args))
	for i, a := range args {
		list[i] = a.(T)
	}
	return list
}

func numbers(args []any) []int64 {
	var list []int64
	for _, n := range all[Integer](args) {
		list = append(list, int64(n))
	}
	return list
}
