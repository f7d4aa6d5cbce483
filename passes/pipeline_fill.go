package passes

import (
	"fmt"
	"slices"

	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/layout"
)

// filler fills the stages of a loop's channels. Where rows are gathered, what says where they lie is computed for the step
// that is copied, in the layout of the pieces that threads copy; what of that is loaded is loaded a step earlier, and waits in
// registers.
type filler struct {
	a      *async
	b      *ir.Builder
	loop   *ir.Op
	list   []*reader
	lo, hi *ir.Value
	by     int64
	depth  int64
	// outside are tiles that the loop does not compute, in the layouts in which they are needed.
	outside map[dealt]*ir.Value
	early   []*early
}

// dealt is a tile in a layout of pieces.
type dealt struct {
	v    *ir.Value
	deal *dealing
}

// dealing is how the pieces of a slot are dealt out to threads, over the axes of the tile that it holds.
type dealing struct {
	dist  layout.Distribution
	axes  []ir.Axis
	parts map[string]*layout.Distribution
}

// in is a tile's type in the projection of the pieces' layout to its axes.
func (d *dealing) in(t ir.Type) ir.Type {
	at, _ := axesIn(ir.Type{Axes: d.axes}, t.Axes)
	key := fmt.Sprint(at)
	if d.parts[key] == nil {
		p, err := ir.Project(&d.dist, at)
		if err != nil {
			panic("passes: " + err.Error()) // the layout is made of digits, and has the axes
		}
		d.parts[key] = &p
	}
	return t.In(d.parts[key])
}

// early is a load that is done a step before its result is needed.
type early struct {
	dealt
	// span stands outside of the loop; held is what the loop carries: the result under this span, if it goes over the loop's.
	span, held *ir.Value
}

// step is how far a step is.
func (f *filler) step() int64 { return max(f.by, 1) }

// begin prepares, in front of the loop, what its copies need.
func (f *filler) begin() {
	f.outside = map[dealt]*ir.Value{}
	body, b := f.loop.Regions[0], f.b
	var loads []dealt
	for _, x := range f.list {
		if x.deal == nil {
			continue
		}
		for _, o := range append(slices.Clone(x.slice), x.load) {
			for _, v := range o.Operands {
				key := dealt{v, x.deal}
				if v.Type.Kind != ir.Tile || within(v, body) || f.outside[key] != nil {
					continue
				}
				f.outside[key] = b.Emit(&ir.Op{Code: ir.Convert, Operands: []*ir.Value{v},
					Results: []*ir.Value{{Name: v.Name, Type: x.deal.in(v.Type)}}}).Result()
			}
			if o.Code == ir.Load && o != x.load && f.carries(o) {
				if key := (dealt{o.Result(), x.deal}); !slices.Contains(loads, key) {
					loads = append(loads, key)
				}
			}
		}
	}
	if len(loads) == 0 {
		return
	}
	for _, k := range loads {
		e := &early{dealt: k}
		if k.v.Type.Axis(body.Args[0]) >= 0 {
			e.span = b.SpanOf(b.Index(0), b.Index(f.by), f.by, body.Args[0].Name)
		}
		f.early = append(f.early, e)
	}
	first := b.If(b.Lt(f.lo, f.hi), func() []*ir.Value {
		return f.loaded(b.Add(f.lo, b.Index((f.depth-1)*f.step())))
	}, func() []*ir.Value {
		var list []*ir.Value
		for _, e := range f.early {
			list = append(list, f.zeros(e))
		}
		return list
	})
	for i, e := range f.early {
		v := first[i]
		v.Name = e.v.Name
		e.held = body.AddArg(v.Name, v.Type)
		f.loop.Operands = append(f.loop.Operands, v)
		f.loop.Results = append(f.loop.Results, &ir.Value{Name: v.Name, Type: v.Type, Def: f.loop, Index: len(f.loop.Results)})
	}
}

// carries reports whether what a load gives can wait in registers for a step: if there is a step to wait for, all steps
// are alike, and its axes stand outside of the loop.
func (f *filler) carries(load *ir.Op) bool {
	if f.depth == 1 || f.by > 0 && !f.loop.Flag("whole") {
		return false
	}
	body := f.loop.Regions[0]
	for _, a := range load.Result().Type.Axes {
		if a.Span != body.Args[0] && within(a.Span, body) {
			return false
		}
	}
	return true
}

// zeros stand for what is not loaded as there are no steps.
func (f *filler) zeros(e *early) *ir.Value {
	t := e.v.Type
	var zero *ir.Value
	if t.Elem.IsFloat() {
		zero = f.b.ConstFloat(t.Elem, 0)
	} else {
		zero = f.b.ConstInt(t.Elem, t.Elem.MaxInt()) // any value: bipolar types have no 0
	}
	if t.Kind == ir.Scalar {
		return zero
	}
	axes := slices.Clone(t.Axes)
	if i := t.Axis(f.loop.Regions[0].Args[0]); i >= 0 {
		axes[i].Span = e.span
	}
	v := f.b.Bcast(zero, axes)
	v.Type = v.Type.In(e.deal.in(t).Layout)
	return v
}

// index is the loop's index, or its span, for a step that begins at a position.
func (f *filler) index(at *ir.Value) *ir.Value {
	if f.by == 0 {
		return at
	}
	end := f.hi
	if f.loop.Flag("whole") {
		end = f.b.Add(at, f.b.Index(f.by))
	}
	return f.b.SpanOf(at, end, f.by, f.loop.Regions[0].Args[0].Name)
}

// loaded does the early loads for the step at a position, or for the last one if there is none, and gives what is held of them.
func (f *filler) loaded(at *ir.Value) []*ir.Value {
	index := f.index(f.b.Min(at, f.b.Sub(f.hi, f.b.Index(f.step()))))
	s := f.at(index, false)
	var list []*ir.Value
	for _, e := range f.early {
		v := s.value(e.v, e.deal)
		if e.span != nil {
			v = f.b.Rebind(v, index, e.span)
		}
		list = append(list, v)
	}
	return list
}

// next does, in a step, the early loads for the one whose copies the next step begins.
func (f *filler) next(at *ir.Value) {
	if len(f.early) > 0 {
		y := f.loop.Regions[0].Yield()
		y.Operands = append(y.Operands, f.loaded(f.b.Add(at, f.b.Index(f.depth*f.step())))...)
	}
}

// ahead copies the step at a position into the next stage, if there is such a step. Held says that the early loads for it are done.
func (f *filler) ahead(at *ir.Value, held bool) {
	f.b.If(f.b.Lt(at, f.hi), func() []*ir.Value {
		f.fill(at, held)
		return nil
	}, func() []*ir.Value { return nil })
}

// fill copies the step at a position into the next stage.
func (f *filler) fill(at *ir.Value, held bool) {
	b := f.b
	s := f.at(f.index(at), held)
	var copies []*ir.Op
	for _, x := range f.list {
		b.At(x.load.Pos)
		c := &ir.Op{Code: ir.Copy, Operands: []*ir.Value{nil}, Attrs: []ir.Attr{{Key: "mode", Val: x.load.Str("mode")}}}
		for _, v := range x.load.Operands {
			c.Operands = append(c.Operands, s.value(v, x.deal))
		}
		for _, v := range spansOf(x.load.Result().Type) {
			c.Axes = append(c.Axes, s.value(v, x.deal))
		}
		copies = append(copies, c)
	}
	for i, x := range f.list {
		b.At(x.load.Pos)
		slot := b.Emit(&ir.Op{Code: ir.Acquire, Operands: []*ir.Value{x.chain}}).Result()
		copies[i].Operands[0] = slot
		b.Emit(copies[i])
		b.Emit(&ir.Op{Code: ir.Commit, Operands: []*ir.Value{x.chain, slot}})
	}
	b.At(f.loop.Pos)
}

// shifted is what the loop's body computes for another of its steps.
type shifted struct {
	f     *filler
	index *ir.Value
	held  bool
	done  map[dealt]*ir.Value
}

func (f *filler) at(index *ir.Value, held bool) *shifted {
	return &shifted{f: f, index: index, held: held, done: map[dealt]*ir.Value{}}
}

// value is a value for the step, tiles in a layout of pieces.
func (s *shifted) value(v *ir.Value, deal *dealing) *ir.Value {
	body := s.f.loop.Regions[0]
	key := dealt{v, deal}
	switch {
	case v == body.Args[0]:
		return s.index
	case s.done[key] != nil:
		return s.done[key]
	case s.f.outside[key] != nil:
		return s.f.outside[key]
	case !within(v, body):
		return v
	}
	for _, e := range s.f.early {
		if s.held && e.dealt == key {
			w := e.held
			if e.span != nil {
				w = s.f.b.Rebind(w, e.span, s.index)
			}
			s.done[key] = w
			return w
		}
	}
	to := map[*ir.Value]*ir.Value{}
	for _, x := range slices.Concat(v.Def.Operands, v.Def.Axes, spansOf(v.Type)) {
		to[x] = s.value(x, deal)
	}
	c := v.Def.Clone(to)
	w := s.f.b.Emit(c).Results[v.Index]
	if w.Type.Kind == ir.Tile {
		w.Type = w.Type.In(deal.in(v.Type).Layout)
	}
	s.done[key] = w
	return w
}
