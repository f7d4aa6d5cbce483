package check

import (
	"slices"
	"strings"

	"github.com/tilec/tilec/dsl"
	"github.com/tilec/tilec/dsl/diag"
	"github.com/tilec/tilec/dsl/typed"
	"github.com/tilec/tilec/ir/layout"
)

// The explicit level is checked for names, types and axes. A channel, a slot of one and a shared tile are tensors of
// the block's own, whose subscripts need no proof. Nothing of it is run before the placed stage exists.

// usesExplicit notes the explicit level.
func (e *elab) usesExplicit(at diag.Span) bool {
	if e.test != nil {
		e.errorf(codeTestStmt, at, "the explicit level is for kernels")
		return false
	}
	if e.kernel != nil && e.kernel.top {
		e.errorf(codeTop, at, "the explicit level stands inside a phase")
		return false
	}
	if !e.explicit.IsValid() {
		e.explicit = at
	}
	return true
}

// localTensor makes the tensor of a channel or shared tile: its extents are known when compiling.
func (e *elab) localTensor(name string, t *dsl.Type, at diag.Span) (*tensor, bool) {
	elem, ok := e.typeOf(t)
	ten := &tensor{t: &typed.Tensor{Name: name, Elem: elem, Span: at}, local: true, out: true}
	if t == nil || t.Dims == nil {
		if ok {
			e.errorf(codeShape, at, "the shape stands behind the type")
		}
		return nil, false
	}
	for _, d := range t.Dims.List {
		v := e.expr(d)
		if v.bad() {
			ok = false
			continue
		}
		if _, is := v.constInt(); !is {
			e.errorf(codeNotConst, d.Span(), "the extents of channels and shared tiles are known when compiling")
			ok = false
			continue
		}
		ten.dims = append(ten.dims, v.index())
		ten.keys = append(ten.keys, v.dim)
	}
	return ten, ok
}

// channel is chan T[BN, D] depth 2.
func (e *elab) channel(n *dsl.Chan) value {
	at := n.Span()
	if !e.usesExplicit(at) {
		return bad(at)
	}
	e.options(n.Options, "depth")
	t, ok := e.localTensor("channel", n.Type, at)
	if !ok {
		return bad(at)
	}
	return value{kind: vTensor, ten: t, at: at}
}

// options checks words with a number behind them.
func (e *elab) options(list []*dsl.Option, words ...string) {
	for _, o := range list {
		known := false
		for _, w := range words {
			known = known || w == o.Word.Name
		}
		switch {
		case !known:
			d := e.errorf(codeOption, o.Word.Span(), "%s is not an option here", o.Word.Name)
			if near := diag.Nearest(o.Word.Name, words); near != "" {
				d.Suggest(o.Word.Span(), near, "did you mean %s", near)
			}
		case o.Word.Name == "split":
			e.axisOf(o.Value)
		default:
			v := e.expr(o.Value)
			if n, ok := v.constInt(); !v.bad() && (!ok || n < 1) {
				e.errorf(codeOption, o.Value.Span(), "%s takes a number from 1", o.Word.Name)
			}
		}
	}
}

// recv is <-ch[n, D].
func (e *elab) recv(n *dsl.Recv) value {
	at := n.Span()
	if !e.usesExplicit(at) {
		return bad(at)
	}
	ix, ok := n.X.(*dsl.Index)
	if !ok {
		e.errorf(codeChannel, at, "a receive names the axes of the positions, as <-ch[n, D]")
		return bad(at)
	}
	base := e.expr(ix.X)
	if base.kind != vTensor || !base.ten.local {
		if !base.bad() {
			e.errorf(codeChannel, ix.Span(), "this is not a channel: make one, as ks := chan f16[BN, D] depth 2")
		}
		return bad(at)
	}
	return e.load(base.ten, ix, edge{})
}

// asm is asm ptx "…" (x): elementwise, of the type of its first operand.
func (e *elab) asm(n *dsl.Asm) value {
	at := n.Span()
	if !e.usesExplicit(at) {
		return bad(at)
	}
	if n.Target.Name != "ptx" && n.Target.Name != "gcn" {
		e.errorf(codeOption, n.Target.Span(), "asm is for ptx or gcn, not %s", n.Target.Name)
	}
	var first value
	var axes []*typed.Axis
	for i, a := range n.Args {
		v, ok := e.typedOf(e.expr(a.X))
		if !ok {
			return bad(at)
		}
		if i == 0 {
			first = v
		}
		axes = union(axes, v.axes()...)
	}
	if len(n.Args) == 0 {
		e.errorf(codeArgs, at, "asm has at least one operand: the result has the type of the first")
		return bad(at)
	}
	r := exprVal(&typed.Fill{X: x(first.elem(), axes, at), Value: first.e})
	if first.elem().IsInt() {
		r.ix = e.opaque("", first.elem())
	}
	return r
}

// slotCall is acquire, commit, take or release of a channel's slot.
func (e *elab) slotCall(c *call) value {
	vs, ok := e.plainArgs(c, 1, 1)
	if !ok || !e.usesExplicit(c.at) {
		return bad(c.at)
	}
	if vs[0].kind != vTensor || !vs[0].ten.local {
		e.errorf(codeChannel, vs[0].at, "%s takes a channel or a slot of one", c.name)
		return bad(c.at)
	}
	if c.name == "commit" || c.name == "release" {
		return value{kind: vNone, at: c.at}
	}
	return value{kind: vTensor, ten: vs[0].ten, at: c.at}
}

// peerCall refuses what is reserved for several devices.
func (e *elab) peerCall(c *call) value {
	e.errorf(codePeer, c.at, "%s is reserved for kernels of several devices, and not supported", c.name)
	return bad(c.at)
}

var roleUnits = []string{"warp", "warps", "warpgroup", "warpgroups", "wave", "waves", "thread", "threads"}

// explicitStmt elaborates role, turn, shared, pin and send.
func (e *elab) explicitStmt(s dsl.Stmt) {
	at := s.Span()
	if !e.usesExplicit(at) {
		return
	}
	switch s := s.(type) {
	case *dsl.Role:
		e.options([]*dsl.Option{{Word: &dsl.Ident{Name: "count"}, Value: s.Count}}, "count")
		known := false
		for _, u := range roleUnits {
			known = known || u == s.Unit.Name
		}
		if !known {
			e.errorf(codeOption, s.Unit.Span(), "a role is on warps, warpgroups, waves or threads, not %s", s.Unit.Name)
		}
		e.options(s.Options, "split", "regs")
		e.inScope(func() { e.stmts(s.Body) })
	case *dsl.Turn:
		e.options([]*dsl.Option{{Word: &dsl.Ident{Name: "count"}, Value: s.Count}}, "count")
		e.inScope(func() { e.stmts(s.Body) })
	case *dsl.Shared:
		e.options(s.Options, "swizzle", "align")
		if t, ok := e.localTensor(s.Name.Name, s.Type, at); ok {
			e.declare(s.Name, &entity{kind: entTensor, ten: t})
		} else {
			e.declare(s.Name, &entity{kind: entValue, val: bad(at)})
		}
	case *dsl.Pin:
		e.pin(s)
	case *dsl.Send:
		e.send(s)
	}
}

func (e *elab) pin(s *dsl.Pin) {
	v, ok := e.rvalue(e.expr(s.Name))
	if !ok {
		return
	}
	var axes []*typed.Axis
	if s.Axes != nil {
		for _, d := range s.Axes.List {
			a, ok := e.axisOf(d)
			if !ok {
				return
			}
			axes = append(axes, a.t)
		}
	}
	if !subset(axes, v.axes()) || !subset(v.axes(), axes) {
		e.errorf(codeDeclaredAxes, s.Axes.Span(), "%s is over %s, and %s is written here", s.Name.Name, orNothing(v.axes()), orNothing(axes))
	}
	d, ok := e.layout(s.Layout, len(axes))
	if !ok {
		return
	}
	if n := len(d.Tile()); n != len(axes) {
		e.errorf(codePinned, s.Layout.Span(), "the axes of the layout number %d, and %s is over %s", n, s.Name.Name, orNothing(axes))
		return
	}
	for i, a := range axes {
		if n := d.Tile()[i]; a.Extent%n != 0 {
			e.errorf(codePinned, s.Layout.Span(), "the layout is %d long along %s, which does not divide the tile's %d", n, a.Name, a.Extent)
			return
		}
	}
	if e.kernel == nil { // a function that nothing calls
		return
	}
	e.kernel.out.Pins = append(e.kernel.out.Pins, typed.Pin{Value: s.Name.Name, Axes: axes, Layout: d, Span: s.Span()})
}

// layout is the register layout of a product of factors. A replica has as many axes as rank says.
func (e *elab) layout(n dsl.Expr, rank int) (layout.Distribution, bool) {
	switch n := n.(type) {
	case *dsl.Paren:
		return e.layout(n.X, rank)
	case *dsl.Binary:
		if n.Op != "*" {
			e.errorf(codeLayout, n.Span(), "layouts are multiplied with *")
			return layout.Distribution{}, false
		}
		x, ok := e.layout(n.X, rank)
		y, also := e.layout(n.Y, rank)
		if !ok || !also {
			return layout.Distribution{}, false
		}
		return e.layoutOf(n, codePinned)(x.Mul(y))
	case *dsl.Call:
		id, ok := n.Fun.(*dsl.Ident)
		if ok && id.Name == "replica" {
			return e.replica(n, rank)
		}
		if ok && slices.Contains(layout.AtomNames(), id.Name) {
			extents, ok := e.extents(n.Args)
			if !ok {
				return layout.Distribution{}, false
			}
			return e.layoutOf(n, codeLayout)(layout.Atom(id.Name, extents...))
		}
	}
	e.errorf(codeLayout, n.Span(), "a layout is made of %s and replica(lane, 2)", strings.Join(layout.AtomNames(), ", "))
	return layout.Distribution{}, false
}

// replica is replica(lane, 4): so many lanes hold the same.
func (e *elab) replica(n *dsl.Call, rank int) (layout.Distribution, bool) {
	if len(n.Args) == 2 {
		if id, ok := n.Args[0].X.(*dsl.Ident); ok {
			if unit, ok := layout.UnitNamed(id.Name); ok {
				extents, ok := e.extents(n.Args[1:])
				if !ok {
					return layout.Distribution{}, false
				}
				return e.layoutOf(n, codeLayout)(layout.Replicas(unit, extents[0], rank))
			}
		}
	}
	e.errorf(codeLayout, n.Span(), "a replica is of registers, lanes, warps or blocks, as replica(lane, 4)")
	return layout.Distribution{}, false
}

// extents are the numbers of a factor.
func (e *elab) extents(args []*dsl.Arg) ([]int64, bool) {
	var extents []int64
	for _, a := range args {
		v := e.expr(a.X)
		if v.bad() {
			return nil, false
		}
		c, ok := v.constInt()
		if !ok || c < 1 || c > maxExtent {
			e.errorf(codeLayout, a.Span(), "the extents of a layout are numbers from 1 to %d", maxExtent)
			return nil, false
		}
		extents = append(extents, c)
	}
	return extents, true
}

// layoutOf reports why there is no such layout.
func (e *elab) layoutOf(n dsl.Expr, code diag.Code) func(layout.Distribution, error) (layout.Distribution, bool) {
	return func(d layout.Distribution, err error) (layout.Distribution, bool) {
		if err != nil {
			e.errorf(code, n.Span(), "%v", err)
		}
		return d, err == nil
	}
}

func (e *elab) send(s *dsl.Send) {
	ix, ok := s.Chan.(*dsl.Index)
	if !ok {
		e.errorf(codeChannel, s.Span(), "a send names the axes of the positions, as ch[n, D] <- …")
		return
	}
	base := e.expr(ix.X)
	if base.kind != vTensor || !base.ten.local {
		if !base.bad() {
			e.errorf(codeChannel, ix.Span(), "this is not a channel: make one, as ks := chan f16[BN, D] depth 2")
		}
		return
	}
	v := e.expr(s.Value)
	if !v.bad() {
		e.store(base.ten, ix, edge{store: true}, v, "=", s.Span())
	}
}
