package layout

import (
	"bufio"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
)

// A fixtureTuple is a tuple in JSON: an integer or a list.
type fixtureTuple struct{ Tuple }

func (t *fixtureTuple) UnmarshalJSON(text []byte) error {
	var n int64
	if json.Unmarshal(text, &n) == nil {
		t.Tuple = Int(n)
		return nil
	}
	var items []fixtureTuple
	if err := json.Unmarshal(text, &items); err != nil {
		return err
	}
	list := make([]Tuple, len(items))
	for i, item := range items {
		list[i] = item.Tuple
	}
	t.Tuple = List(list...)
	return nil
}

type fixtureLayout struct {
	Shape, Stride *fixtureTuple
}

func (l fixtureLayout) layout() Layout {
	return Must(New(l.Shape.Tuple, l.Stride.Tuple))
}

type fixtureCase struct {
	ID, Op        string
	A             fixtureLayout
	B             json.RawMessage
	X, Y          fixtureTuple
	Profile       fixtureTuple
	Target        fixtureTuple
	N, Cotarget   int64
	Swizzle       struct{ Bits, Base, Shift int }
	Expected      json.RawMessage
	ExpectedShape *fixtureTuple `json:"expected_shape"`
	ExpectedSteps *fixtureTuple `json:"expected_stride"`
	Values        []int64       `json:"expected_values"`
	First         []int64       `json:"expected_values_first64"`
	True          []int64       `json:"true_values_A_of_B"`
}

// one is b, many are b by mode.
func (c fixtureCase) one() Layout {
	var l fixtureLayout
	if err := json.Unmarshal(c.B, &l); err != nil {
		panic(err)
	}
	return l.layout()
}

func (c fixtureCase) many() []Layout {
	var ls []fixtureLayout
	if err := json.Unmarshal(c.B, &ls); err != nil {
		panic(err)
	}
	layouts := make([]Layout, len(ls))
	for i, l := range ls {
		layouts[i] = l.layout()
	}
	return layouts
}

// run gives the case's layout.
func (c fixtureCase) run() (Layout, error) {
	switch c.Op {
	case "coalesce":
		return c.A.layout().Coalesce(), nil
	case "coalesce_by_mode":
		return c.A.layout().CoalesceModes(c.Profile.Tuple)
	case "filter":
		return c.A.layout().Filter(), nil
	case "composition":
		return Compose(c.A.layout(), c.one())
	case "complement":
		return Complement(c.A.layout(), c.Cotarget)
	case "right_inverse":
		return RightInverse(c.A.layout())
	case "left_inverse":
		return LeftInverse(c.A.layout())
	case "logical_divide":
		return Divide(c.A.layout(), c.one())
	case "logical_divide_by_mode":
		return DivideModes(c.A.layout(), c.many()...)
	case "zipped_divide":
		return ZippedDivide(c.A.layout(), c.many()...)
	case "tiled_divide":
		return TiledDivide(c.A.layout(), c.many()...)
	case "flat_divide":
		return FlatDivide(c.A.layout(), c.many()...)
	case "logical_product":
		return Product(c.A.layout(), c.one())
	case "blocked_product":
		return BlockedProduct(c.A.layout(), c.one())
	case "raked_product":
		return RakedProduct(c.A.layout(), c.one())
	case "zipped_product":
		return ZippedProduct(c.A.layout(), c.many()...)
	case "tile_to_shape":
		return TileToShape(c.A.layout(), c.Target.Tuple)
	case "swizzle_composed":
		return WithSwizzle(Must(XOR(c.Swizzle.Bits, c.Swizzle.Base, c.Swizzle.Shift)), c.A.layout())
	case "upcast":
		return Recast(c.A.layout(), 1, c.N)
	case "downcast":
		return Recast(c.A.layout(), c.N, 1)
	case "nullspace":
		return c.A.layout().Nullspace(), nil
	case "domain_distribute":
		return Distributed(c.A.Shape.Tuple, c.N)
	case "max_common_layout", "max_common_vector":
		return Common(c.A.layout(), c.one())
	}
	panic(c.Op)
}

// shapeDivide takes y indices out of a shape, the first extents first: the check of an operation on tuples alone.
func shapeDivide(x Tuple, y int64) Tuple {
	leaves := x.Leaves()
	for i, n := range leaves {
		leaves[i], y = (n+y-1)/y, (y+n-1)/n
	}
	return x.With(leaves)
}

// The cases were computed by CuTe's C++ and pycute; rejected ones are accepted by CuTe with a wrong result.
func TestFixture(t *testing.T) {
	file, err := os.Open("testdata/layout_cases.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	count := map[string]int{}
	for lines.Scan() {
		var c fixtureCase
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		count[c.Op]++
		expected := strings.Trim(string(c.Expected), `"`)
		switch c.Op {
		case "prefix_product":
			got, _ := c.X.Tuple.PrefixProduct()
			checkTuple(t, c, got)
			continue
		case "shape_div":
			checkTuple(t, c, shapeDivide(c.X.Tuple, c.Y.Value()))
			continue
		case "inner_product": // the offset of a layout with strides y at the coordinates x
			l := Must(build(c.X.Tuple.With([]int64{c.X.Mode(0).Value() + 1, c.X.Mode(1).Value() + 1}), c.Y.Tuple, 0, Swizzle{}))
			checkTuple(t, c, Int(Must(l.Slice(c.X.Leaves()...)).At(0)))
			continue
		}
		got, err := c.run()
		if expected == "reject" || expected == "error" && err != nil {
			if !isReason(err, Divisibility, Carry, Injectivity, Range) {
				t.Errorf("%s %s: got %v, %v; it must be rejected", c.ID, c.Op, got, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s %s of %v: %v", c.ID, c.Op, c.A.layout(), err)
			continue
		}
		want := c.Values
		if expected == "error" {
			want = c.True
		} else if c.Op == "max_common_vector" {
			checkTuple(t, c, Int(got.Size()))
			continue
		}
		if c.Op != "left_inverse" { // it is not unique; its law is tested below
			values := got.Values()
			if c.First != nil {
				values, want = values[:64], c.First
			}
			if !slices.Equal(values, want) {
				t.Errorf("%s %s: %v, with the offsets %v, want %v", c.ID, c.Op, got, values, want)
			}
			if c.ExpectedShape != nil && !(got.Shape().Equal(c.ExpectedShape.Tuple) && got.Stride().Equal(c.ExpectedSteps.Tuple)) {
				t.Errorf("%s %s: %v, want %v:%v", c.ID, c.Op, got, c.ExpectedShape, c.ExpectedSteps)
			}
			continue
		}
		a := c.A.layout()
		for i := range a.Size() {
			x := a.At(i)
			if back := got.At(x); a.At(back) != x || a.Injective() && back != i {
				t.Fatalf("%s %s: %v gives %d for %d", c.ID, c.Op, got, back, x)
			}
		}
		if same := got.Shape().Equal(c.ExpectedShape.Tuple) && got.Stride().Equal(c.ExpectedSteps.Tuple); !same {
			t.Logf("%s: the left inverse of %v is %v, theirs %v:%v", c.ID, a, got, c.ExpectedShape, c.ExpectedSteps)
		}
	}
	if len(count) != 27 {
		t.Errorf("%d operations", len(count))
	}
}

func checkTuple(t *testing.T, c fixtureCase, got Tuple) {
	t.Helper()
	var want fixtureTuple
	if err := json.Unmarshal(c.Expected, &want); err != nil {
		t.Fatal(err)
	}
	if !got.Equal(want.Tuple) {
		t.Errorf("%s %s: %v, want %v", c.ID, c.Op, got, want.Tuple)
	}
}
