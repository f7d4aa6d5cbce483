package emit_test

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/tilec/tilec/codegen/ptx"
	"github.com/tilec/tilec/codegen/ptx/emit"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
	"github.com/tilec/tilec/ir/interp"
	"github.com/tilec/tilec/ir/layout"
	"github.com/tilec/tilec/passes"
	"github.com/tilec/tilec/runtime"
	"github.com/tilec/tilec/runtime/array"
)

// call is a function with arguments. [newCall] draws them; set replaces some; check runs the function by the
// interpreter, and compiled in the emulator with all checks, and compares what is left in its tensors.
//
//	c := newCall(t, text, seed, 37, 64)   // the sizes in the order of their declaration
//	c.set("idx", 3, 1, 4)                 // values of a parameter, repeated until it is full
//	c.check(scattered, exact)
type call struct {
	t     *testing.T
	fn    *ir.Func
	rng   *rand.Rand
	sizes []int64
	args  []interp.Arg
	// sm is the processor, sm_80 without.
	sm int
	// ptx is the text that check made last.
	ptx string
	// prints are what the interpreter and the compiled kernel printed.
	prints [2]string
}

// newCall reads a function from text and draws arguments: numbers on a coarse grid with zeros, extremes and NaN among
// them; of i64 small indices.
func newCall(t *testing.T, text string, seed uint64, sizes ...int64) *call {
	t.Helper()
	fn, err := ir.ParseFunc("test.tir", []byte(text))
	if err == nil {
		err = ir.Verify(fn)
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	c := &call{t: t, fn: fn, rng: rand.New(rand.NewPCG(seed, 1)), sizes: sizes}
	if len(sizes) != len(fn.Sizes) {
		t.Fatalf("%d sizes for %d", len(sizes), len(fn.Sizes))
	}
	for _, p := range fn.Params {
		e := p.Type.Elem
		if p.Type.Kind == ir.Scalar {
			x := e.Decode(drawCode(e, c.rng))
			c.args = append(c.args, interp.Arg{Float: x, Int: e.DecodeInt(drawCode(e, c.rng))})
			continue
		}
		var shape []int64
		for _, d := range p.Type.Dims {
			k, _ := d.Eval(sizes)
			shape = append(shape, k)
		}
		x, err := interp.NewTensor(e, shape...)
		if err != nil {
			t.Fatal(err)
		}
		for i := range int(x.Len()) {
			dtype.WriteCode(x.Data, i*e.Bits(), e.Bits(), drawCode(e, c.rng))
		}
		c.args = append(c.args, interp.Arg{Tensor: x})
	}
	return c
}

func drawCode(e dtype.Type, rng *rand.Rand) uint64 {
	switch {
	case e == dtype.I64:
		return uint64(rng.Int64N(24) - 4)
	case e == dtype.Bool:
		return uint64(rng.IntN(2))
	case e.IsFloat() && rng.IntN(4) > 0:
		return e.Encode(float64(rng.IntN(65)-32)/8, dtype.NearestEven, dtype.Saturate)
	}
	return rng.Uint64() & (1<<(e.Bits()-1)<<1 - 1)
}

// set gives a parameter values, repeated as often as it takes.
func (c *call) set(name string, values ...float64) {
	c.t.Helper()
	i := slices.IndexFunc(c.fn.Params, func(p *ir.Param) bool { return p.Name == name })
	if i < 0 {
		c.t.Fatalf("no parameter %s", name)
	}
	e := c.fn.Params[i].Type.Elem
	if x := c.args[i].Tensor; x != nil {
		for j := range int(x.Len()) {
			v := values[j%len(values)]
			code := e.Encode(v, dtype.NearestEven, dtype.Saturate)
			if e.IsInt() {
				code = e.EncodeInt(int64(v), true)
			}
			dtype.WriteCode(x.Data, j*e.Bits(), e.Bits(), code)
		}
		return
	}
	c.args[i] = interp.Arg{Float: values[0], Int: int64(values[0])}
}

// target is the processor that the function is compiled for.
func (c *call) target() ptx.Target {
	if c.sm == 0 {
		return ptx.Target{SM: 80}
	}
	return ptx.Target{SM: c.sm}
}

// placer brings a function into the placed stage.
type placer func(c *call, fn *ir.Func) error

// placed is what the compiler does.
func placed(c *call, fn *ir.Func) error {
	passes.HoistLoads(fn)
	passes.Edges(fn)
	return passes.Place(fn, passes.Machine{Target: c.target().String()})
}

// scattered places every tile at random, so that all rules of the placed stage hold: each span of a phase has some bits of
// the lane's and the warp's numbers, and some registers, in all tiles alike; what no span of a tile has are replicas.
func scattered(c *call, fn *ir.Func) error {
	rng := c.rng
	warps := passes.Warps(fn)
	bits := func(n int) int {
		k := 0
		for 1<<k < n {
			k++
		}
		return k
	}
	for _, phase := range fn.Body.Ops {
		if phase.Code != ir.Parallel {
			continue
		}
		// The spans in order, each with a list of digits from the lowest position on.
		var spans []*ir.Value
		note := func(t ir.Type) {
			for _, a := range t.Axes {
				if !slices.Contains(spans, a.Span) {
					spans = append(spans, a.Span)
				}
			}
		}
		each := func(visit func(t *ir.Type)) {
			phase.Regions[0].Walk(func(o *ir.Op) {
				for _, v := range o.Results {
					visit(&v.Type)
				}
				for _, r := range o.Regions {
					for _, v := range r.Args {
						visit(&v.Type)
					}
				}
			})
		}
		each(func(t *ir.Type) { note(*t) })
		// Tied: spans that a rebind joins are split alike.
		twin := map[*ir.Value]*ir.Value{}
		phase.Regions[0].Walk(func(o *ir.Op) {
			if o.Code == ir.Rebind {
				root := o.Axes[0]
				for twin[root] != nil {
					root = twin[root]
				}
				if root != o.Axes[1] {
					twin[o.Axes[1]] = root
				}
			}
		})
		size := map[*ir.Value]int64{} // padded
		for _, s := range spans {
			size[s] = 1
			for size[s] < s.Type.Width {
				size[s] *= 2
			}
		}
		used := map[*ir.Value]int64{}
		units := []layout.Unit{}
		for range 5 {
			units = append(units, layout.Lane)
		}
		for range bits(warps) {
			units = append(units, layout.Warp)
		}
		owner := make([]*ir.Value, len(units))
		for i := range units {
			if s := spans; len(s) > 0 && rng.IntN(8) > 0 {
				x := s[rng.IntN(len(s))]
				for twin[x] != nil {
					x = twin[x]
				}
				if used[x] < int64(bits(int(size[x]))) {
					owner[i] = x
					used[x]++
				}
			}
		}
		// Each span's bits in random order: registers, lanes and warps.
		order := map[*ir.Value][]int{}
		for _, s := range spans {
			order[s] = rng.Perm(bits(int(size[s])))
		}
		layouts := map[string]*layout.Distribution{}
		var fail error
		distribution := func(t ir.Type) *layout.Distribution {
			key := ""
			tile := make([]int64, len(t.Axes))
			for i, a := range t.Axes {
				key += fmt.Sprintf("%p ", a.Span)
				tile[i] = size[a.Span]
			}
			if d := layouts[key]; d != nil {
				return d
			}
			root := func(s *ir.Value) *ir.Value {
				for twin[s] != nil {
					s = twin[s]
				}
				return s
			}
			var digits []layout.Digit
			next := make([]int, len(t.Axes))
			for i, u := range units {
				g := layout.Digit{Size: 2, Unit: u, Axis: layout.Replica}
				for k, a := range t.Axes {
					if owner[i] != nil && root(a.Span) == owner[i] {
						g.Axis, g.Stride = k, 1<<order[root(a.Span)][next[k]]
						next[k]++
						break
					}
				}
				digits = append(digits, g)
			}
			// Registers in an order that is the same for all tiles.
			for _, s := range spans {
				if k := t.Axis(s); k >= 0 {
					for _, bit := range order[root(s)][next[k]:] {
						digits = append(digits, layout.Digit{Size: 2, Unit: layout.Register, Axis: k, Stride: 1 << bit})
					}
				}
			}
			d, err := layout.Distribute(tile, digits...)
			if err != nil {
				fail = fmt.Errorf("%v: %v %v", err, tile, digits)
				return nil
			}
			layouts[key] = &d
			return &d
		}
		each(func(t *ir.Type) {
			if t.Kind == ir.Tile {
				t.Layout = distribution(*t)
			}
		})
		if fail != nil {
			return fail
		}
	}
	return nil
}

// near is how far floats may be apart: relative to the larger one, or absolutely below 1. Exact is bit for bit, but that all
// NaN are the same.
type near float64

const exact near = 0

func (n near) same(e dtype.Type, x, y uint64) bool {
	if x == y {
		return true
	}
	if !e.IsFloat() {
		return false
	}
	a, b := e.Decode(x), e.Decode(y)
	return math.IsNaN(a) && math.IsNaN(b) || math.Abs(a-b) <= float64(n)*max(1, math.Abs(a), math.Abs(b))
}

// compile places and emits the function.
func (c *call) compile(place placer) (*runtime.Kernel, error) {
	c.t.Helper()
	fn := c.fn.Clone()
	if err := place(c, fn); err != nil {
		return nil, err
	}
	a, err := emit.Target{SM: c.target()}.EmitPlaced(fn)
	if err != nil {
		return nil, err
	}
	c.ptx = string(a.Code)
	device, err := runtime.Open("emu:" + c.target().String())
	if err != nil {
		return nil, err
	}
	return device.Load(c.fn, a)
}

// check runs the function both ways and compares.
func (c *call) check(place placer, n near) {
	c.t.Helper()
	want, err := c.interpret()
	if err != nil {
		c.t.Fatal(err)
	}
	got, err := c.run(place)
	if err != nil {
		c.t.Fatalf("%v\n%s", err, c.ptx)
	}
	if c.prints[0] != c.prints[1] {
		c.t.Errorf("printed\n%s\nnot\n%s", c.prints[1], c.prints[0])
	}
	for i, p := range c.fn.Params {
		if p.Role == ir.In {
			continue
		}
		e, wrong := p.Type.Elem, 0
		x := want[i].Tensor
		blank, _ := interp.NewTensor(e, x.Shape...)
		interp.Poison(blank)
		for k := range int(x.Len()) {
			at := func(data []byte) uint64 { return dtype.ReadCode(data, k*e.Bits(), e.Bits()) }
			w, g := at(x.Data), at(got[i].Tensor.Data)
			if p.Role == ir.Out && g == 0 && w == at(blank.Data) || n.same(e, w, g) {
				continue // written by neither
			}
			if wrong++; wrong <= 3 {
				c.t.Errorf("%s[%d] is %#x (%v), not %#x (%v)", p.Name, k, g, e.Decode(g), w, e.Decode(w))
			}
		}
		if wrong > 0 {
			c.t.Fatalf("%d of %d elements of %s are wrong\n%s\n%s", wrong, x.Len(), p.Name, c.fn.Text(ir.NoLoc), c.ptx)
		}
	}
}

func (c *call) copies() []interp.Arg {
	list := slices.Clone(c.args)
	for i, a := range list {
		if a.Tensor != nil {
			x := *a.Tensor
			x.Data = bytes.Clone(x.Data)
			list[i].Tensor = &x
		}
	}
	return list
}

// interpret gives the tensors as the interpreter leaves them.
func (c *call) interpret() ([]interp.Arg, error) {
	p, err := interp.Compile(c.fn)
	if err != nil {
		return nil, err
	}
	args := c.copies()
	var b strings.Builder
	err = p.Run(args, interp.Options{Workers: 1, Print: &b})
	c.prints[0] = b.String()
	return args, err
}

// run gives the tensors as the compiled kernel leaves them.
func (c *call) run(place placer) ([]interp.Arg, error) {
	c.t.Helper()
	k, err := c.compile(place)
	if err != nil {
		return nil, err
	}
	args := c.copies()
	list := make([]runtime.Arg, len(args))
	for i, a := range args {
		if a.Tensor == nil {
			list[i] = runtime.Arg{Int: a.Int, Float: a.Float}
			continue
		}
		list[i].Tensor = &array.Array{Elem: a.Tensor.Elem, Shape: a.Tensor.Shape, Data: a.Tensor.Data}
	}
	bound, err := k.Bind(c.sizes, list)
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	err = bound.Run(c.t.Context(), runtime.Options{Workers: 1, Print: &b})
	c.prints[1] = b.String()
	return args, err
}
