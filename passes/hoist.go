package passes

import "github.com/tilec/tilec/ir"

// HoistLoads moves loads of inputs that do not depend on a loop in front of it, also where the loop may not run: what was proven
// to lie inside for the loop's steps alone then gives 0 outside.
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
	if load.Str("mode") == "in" {
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
