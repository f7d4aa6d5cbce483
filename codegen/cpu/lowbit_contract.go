package cpu

import (
	"github.com/tilec/tilec/codegen/internal/llx"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
)

// lowbitUse is a contraction that a plan for codes in panels computes: Σ_j w[n, base + j]·x[…, base + j] in i32.
type lowbitUse struct {
	o      *ir.Op
	plan   lowbit
	weight *ir.Op // the load of the packed tensor
	x      *ir.Op // the load of i8
	n, m   *ir.Value
	j      *ir.Value
}

// lowbitOf matches a contraction.
func lowbitOf(l *Level, o *ir.Op) (u lowbitUse, ok bool) {
	a, b, sa, sb, acc := o.ContractParts()
	if sa != nil || sb != nil || acc != nil || len(o.Axes) != 1 || o.Result().Type.Elem != dtype.I32 {
		return u, false
	}
	if packedLoad(a) {
		a, b = b, a
	}
	if !packedLoad(b) || a.Def == nil || a.Def.Code != ir.Load || a.Type.Elem != dtype.I8 || a.Def.Operands[0].Type.Mem != ir.Dense {
		return u, false
	}
	u = lowbitUse{o: o, weight: b.Def, x: a.Def, j: o.Axes[0]}
	if u.weight.Str("mode") != "in" || u.x.Str("mode") != "in" {
		return u, false
	}
	subs := u.weight.Subscripts()
	if len(subs) != 2 || subs[0].Type.Kind != ir.Span || !alongGroup(subs[1], u.j) {
		return u, false
	}
	u.n = subs[0]
	if !startsAtRows(u.n, l.Lanes) || !fullSpan(u.j) {
		return u, false
	}
	xs := u.x.Subscripts()
	if !alongGroup(xs[len(xs)-1], u.j) {
		return u, false
	}
	for _, s := range xs[:len(xs)-1] {
		switch {
		case s.Type.Kind == ir.Scalar:
		case s.Type.Kind == ir.Span && u.m == nil && s != u.n:
			u.m = s
		default:
			return u, false
		}
	}
	rows := 1
	if u.m != nil {
		rows = int(u.m.Type.Width)
	}
	want := 1
	if u.m != nil {
		want = 2
	}
	if len(o.Result().Type.Axes) != want || b.Type.Axis(u.n) < 0 {
		return u, false
	}
	u.plan, ok = planLowbit(l, b.Type.Elem, int(u.j.Type.Width), rows)
	return u, ok
}

func packedLoad(v *ir.Value) bool {
	return v.Def != nil && v.Def.Code == ir.Load && v.Def.Operands[0].Type.Mem == ir.Packed && v.Def.Operands[0].Def == nil
}

// alongGroup reports whether a subscript is a multiple of the group's length plus the position in the group.
func alongGroup(s, j *ir.Value) bool {
	if s == j {
		return true
	}
	if s.Def == nil || s.Def.Code != ir.Affine || s.Def.Int("div") != 1 || s.Def.Int("mod") != 0 {
		return false
	}
	group := j.Type.Width
	coef, factor := s.Def.Ints("coef"), s.Def.Ints("factor")
	found := false
	for i, c := range coef {
		v := s.Def.Operands[i]
		switch {
		case v == j:
			if c != 1 || factor[i] >= 0 || found {
				return false
			}
			found = true
		case v.Type.Kind != ir.Scalar || c%group != 0:
			return false
		}
	}
	return found && s.Def.Int("const")%group == 0
}

// startsAtRows reports whether a span of the grid always starts at a multiple of so many rows.
func startsAtRows(n *ir.Value, rows int) bool {
	if n.Def != nil || n.Region == nil || n.Region.Parent == nil || n.Region.Parent.Code != ir.Parallel {
		return false
	}
	o := n.Region.Parent
	lo, ok := o.Operands[2*n.Index].ConstInt()
	return ok && lo%int64(rows) == 0 && n.Type.Width%int64(rows) == 0
}

// fullSpan reports whether a span has all the indices of its width, starting at 0.
func fullSpan(j *ir.Value) bool {
	if j.Def == nil || j.Def.Code != ir.SpanOf {
		return false
	}
	lo, okLo := j.Def.Operands[0].ConstInt()
	hi, okHi := j.Def.Operands[1].ConstInt()
	return okLo && okHi && lo == 0 && hi == j.Type.Width
}

// layouts chooses how packed parameters lie in memory, but for those of a layout that kernels share: in panels where every use is a contraction that a plan for panels
// computes, and all agree.
func (g *gen) layouts() {
	for i, p := range g.fn.Params {
		if p.Type.Kind != ir.Tensor || p.Type.Mem != ir.Packed || p.Type.PackName != "" {
			continue
		}
		v := g.fn.ParamArg(i)
		layout, fits := Layout{}, len(g.uses[v]) > 0
		for _, load := range g.uses[v] {
			if load.Code != ir.Load {
				fits = false
				break
			}
			for _, o := range g.uses[load.Result()] {
				have, ok := g.layoutFor(load, o)
				if !ok || !layout.Dense() && layout != have {
					fits = false
					break
				}
				layout = have
			}
		}
		if fits && !layout.Dense() {
			g.packed[v] = layout
			g.manifest.Slots[g.slots[v]].Layout = layout.String()
		}
	}
}

// layoutFor is the layout that a use of a load of codes asks for; ok is false where that is the dense one.
func (g *gen) layoutFor(load, use *ir.Op) (l Layout, ok bool) {
	switch use.Code {
	case ir.Contract:
		u, ok := lowbitOf(g.level, use)
		return u.plan.layout, ok && u.weight == load
	case ir.BitOf:
		u, ok := g.lookupsFrom(use)
		return u.layout, ok && u.weight == load
	}
	return Layout{}, false
}

// inPanels reports whether a contraction is one of codes that lie in panels.
func (g *gen) inPanels(o *ir.Op) bool {
	u, ok := lowbitOf(g.level, o)
	return ok && !g.packed[u.weight.Operands[0]].Dense()
}

// contractCodes emits a contraction of codes in panels; ok is false where it is none.
func (e *emitter) contractCodes(o *ir.Op) bool {
	u, ok := lowbitOf(e.level, o)
	if !ok || e.g.packed[u.weight.Operands[0]].Dense() {
		return false
	}
	e.plans(o, u.plan.String())
	order := []*ir.Value{u.n}
	if u.m != nil {
		order = []*ir.Value{u.m, u.n}
	}
	dest := e.destination(o.Result(), order...)
	w, x := e.tensorOf(u.weight.Operands[0]), e.tensorOf(u.x.Operands[0])
	layout := u.plan.layout

	// Where the group begins, in panels and in rows of x.
	p := e.point()
	p.pos[u.j], p.pos[u.n] = llx.C64(0), llx.C64(0)
	if u.m != nil {
		p.pos[u.m] = llx.C64(0)
	}
	at, _ := e.subscript(u.weight.Subscripts()[1], p, 1)
	group := e.UDiv(at.base, llx.C64(int64(layout.Group)))
	panelBytes := e.Mul(e.UDiv(e.Add(w.dims[1], llx.C64(int64(layout.Group-1))), llx.C64(int64(layout.Group))), llx.C64(layout.GroupBytes()))
	first := e.UDiv(e.span(u.n).lo, llx.C64(int64(layout.Rows)))
	base := e.Offset(w.base, e.Add(e.Mul(first, panelBytes), e.Mul(group, llx.C64(layout.GroupBytes()))))
	from := e.placeOf(u.x.Operands[0], u.x.Subscripts(), p, 1, false)
	row := e.Offset(x.base, from.base)
	var pitch llx.Value = llx.C64(0)
	if u.m != nil {
		for i, s := range u.x.Subscripts() {
			if s == u.m {
				pitch = x.strides[i]
			}
		}
	}

	panels := e.UDiv(e.Add(e.span(u.n).n, llx.C64(int64(layout.Rows-1))), llx.C64(int64(layout.Rows)))
	rows := llx.Value(llx.C64(1))
	if u.m != nil {
		rows = e.span(u.m).n
	}
	lanes := int64(layout.Rows)
	stride := int64(0)
	if u.m != nil {
		stride = dest.stride(u.m)
	}
	block := func(r llx.Value, count int) {
		xs := make([]llx.Value, count)
		for i := range xs {
			xs[i] = e.Offset(row, e.Mul(e.Add(r, llx.C64(int64(i))), pitch))
		}
		offset := e.lowbitOffsets(u.plan, xs)
		some := func(panel llx.Value, n int) {
			ws := make([]llx.Value, n)
			for i := range ws {
				ws[i] = e.Offset(base, e.Mul(e.Add(panel, llx.C64(int64(i))), panelBytes))
			}
			for i, list := range e.lowbitDot(u.plan, ws, xs, offset) {
				for k, d := range list {
					off := e.Add(e.Mul(e.Add(r, llx.C64(int64(k))), llx.C64(stride)), e.Mul(e.Add(panel, llx.C64(int64(i))), llx.C64(lanes)))
					e.storeTile(dtype.I32, e.Offset(dest.base, e.Mul(off, llx.C64(dest.size))), d, int(lanes))
				}
			}
		}
		several := e.whole(panels, int64(u.plan.panels))
		e.For(llx.C64(0), several, int64(u.plan.panels), func(panel llx.Value) { some(panel, u.plan.panels) })
		if u.plan.panels > 1 {
			e.For(several, panels, 1, func(panel llx.Value) { some(panel, 1) })
		}
	}
	whole := e.whole(rows, int64(u.plan.rows))
	e.For(llx.C64(0), whole, int64(u.plan.rows), func(r llx.Value) { block(r, u.plan.rows) })
	if u.plan.rows > 1 {
		e.For(whole, rows, 1, func(r llx.Value) { block(r, 1) })
	}
	e.store(o.Result(), dest)
	return true
}

// plans notes how a contraction is computed, once for each place in the text.
func (e *emitter) plans(o *ir.Op, how string) {
	line := o.Pos.String() + ": " + how
	for _, have := range e.g.report.Plans {
		if have == line {
			return
		}
	}
	e.g.report.Plans = append(e.g.report.Plans, line)
}
