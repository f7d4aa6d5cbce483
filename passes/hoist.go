package passes

import "github.com/tilec/tilec/ir"

// HoistLoads moves loads of inputs that do not depend on a loop in front of it, also where the loop may not run: what was proven
// to lie inside for the loop's steps alone then gives 0 outside, unless the bounds of what stands around it show it to be inside.
func HoistLoads(fn *ir.Func) {
	h := &hoister{fn: fn, b: ir.NewBuilder(fn)}
	for again := true; again; {
		again = false
		fn.Number()
		h.region(fn.Body, &again)
	}
}

type hoister struct {
	fn *ir.Func
	b  *ir.Builder
}

func (h *hoister) region(r *ir.Region, again *bool) {
	for _, o := range append([]*ir.Op(nil), r.Ops...) {
		for _, q := range o.Regions {
			h.region(q, again)
		}
		if o.Code != ir.For {
			continue
		}
		for _, q := range append([]*ir.Op(nil), o.Regions[0].Ops...) {
			if q.Code == ir.Load && h.invariant(o, q) {
				h.hoist(o, q)
				*again = true
			}
		}
	}
}

// invariant reports whether a load in a loop is of an input and depends on nothing in the loop.
func (h *hoister) invariant(loop, load *ir.Op) bool {
	p := h.fn.ParamOf(load.Operands[0])
	if p == nil || p.Role != ir.In || load.Str("mode") == "unchecked" || load.Result().Type.Kind != ir.Tile {
		return false
	}
	for _, v := range load.Operands {
		if within(v, loop.Regions[0]) {
			return false
		}
	}
	return true
}

// within reports whether a value is defined in a region or one inside of it.
func within(v *ir.Value, r *ir.Region) bool {
	at := v.Region
	if v.Def != nil {
		at = v.Def.Parent
	}
	for ; at != nil; at = at.Parent.Parent {
		if at == r {
			return true
		}
		if at.Parent == nil {
			return false
		}
	}
	return false
}

func (h *hoister) hoist(loop, load *ir.Op) {
	h.b.At(load.Pos).Before(loop)
	if load.Str("mode") == "in" && !h.inside(load) {
		var zero *ir.Value
		if elem := load.Result().Type.Elem; elem.IsFloat() {
			zero = h.b.ConstFloat(elem, 0)
		} else {
			zero = h.b.ConstInt(elem, elem.MaxInt()) // any value: bipolar types have no 0
		}
		load.Operands = append(load.Operands, zero)
		load.SetAttr("mode", "else")
	}
	body := loop.Regions[0]
	for i, q := range body.Ops {
		if q == load {
			body.Ops = append(body.Ops[:i], body.Ops[i+1:]...)
			break
		}
	}
	load.Parent = loop.Parent
	at := 0
	for i, q := range loop.Parent.Ops {
		if q == loop {
			at = i
		}
	}
	loop.Parent.Ops = append(loop.Parent.Ops[:at:at], append([]*ir.Op{load}, loop.Parent.Ops[at:]...)...)
}

// inside reports whether subscripts lie inside by the bounds of the phase's and loops' indices that they are made of.
func (h *hoister) inside(load *ir.Op) bool {
	for i, v := range load.Subscripts() {
		end, ok := h.sizes(load.Operands[0].Type.Dims[i])
		lo, hi, known := h.reach(v)
		if !ok || !known || lo < 0 {
			return false
		}
		if room, ok := end.minus(hi).constant(); !ok || room < 1 {
			return false
		}
	}
	return true
}

// sizes is an extent as a form over the function's sizes.
func (h *hoister) sizes(d *ir.Dim) (linearForm, bool) {
	f := linearForm{terms: map[*ir.Value]int64{}}
	switch d.Op {
	case ir.DimConst:
		return f.plus(d.K), true
	case ir.DimSize:
		f.terms[h.fn.SizeArg(d.Size)] = 1
		return f, true
	case ir.DimMul:
		for _, p := range [][2]*ir.Dim{{d.X, d.Y}, {d.Y, d.X}} {
			if g, ok := h.sizes(p[0]); ok && p[1].Op == ir.DimConst {
				return f.minus(g.times(-p[1].K)), true
			}
		}
	case ir.DimAdd, ir.DimSub:
		x, ok := h.sizes(d.X)
		y, also := h.sizes(d.Y)
		if d.Op == ir.DimAdd {
			y = y.times(-1)
		}
		return x.minus(y), ok && also
	}
	return f, false
}

// reach is the least value of an index and the form of its greatest.
func (h *hoister) reach(v *ir.Value) (lo int64, hi linearForm, ok bool) {
	between := func(from, to *ir.Value) (int64, linearForm, bool) {
		k, ok := from.ConstInt()
		return k, linearOf(to).plus(-1), ok
	}
	if o := v.Def; o != nil {
		switch o.Code {
		case ir.Const:
			k, ok := v.ConstInt()
			return k, linearForm{terms: map[*ir.Value]int64{}, k: k}, ok
		case ir.SpanOf:
			return between(o.Operands[0], o.Operands[1])
		case ir.SpanLo, ir.Iota:
			return h.reach(o.Axes[0])
		case ir.Affine:
			terms, k, div, mod := o.AffineTerms()
			hi = linearForm{terms: map[*ir.Value]int64{}, k: k}
			lo = k
			for _, t := range terms {
				a, b, ok := h.reach(t.Var)
				if !ok || t.Coef < 0 || t.Factor != nil {
					return 0, hi, false
				}
				lo += t.Coef * a
				hi = hi.minus(b.times(-t.Coef))
			}
			return lo, hi, div == 1 && mod == 0
		case ir.Add, ir.Mul:
			a, b, ok := h.reach(o.Operands[0])
			c, d, also := h.reach(o.Operands[1])
			if !ok || !also {
				return 0, hi, false
			}
			if o.Code == ir.Add {
				return a + c, b.minus(d.times(-1)), true
			}
			if k, ok := d.constant(); ok && k == c && k >= 0 {
				return a * k, b.times(k), true
			}
		}
		return 0, hi, false
	}
	o := v.Region.Parent
	if o == nil {
		return 0, hi, false
	}
	switch o.Code {
	case ir.Parallel:
		return between(o.Operands[2*v.Index], o.Operands[2*v.Index+1])
	case ir.For:
		if v.Index == 0 {
			return between(o.Operands[0], o.Operands[1])
		}
	}
	return 0, hi, false
}

// times is the form multiplied by a number.
func (f linearForm) times(n int64) linearForm {
	g := linearForm{terms: map[*ir.Value]int64{}, k: f.k * n}
	for v, k := range f.terms {
		if k*n != 0 {
			g.terms[v] = k * n
		}
	}
	return g
}
