package check

import (
	"slices"
	"strings"

	"github.com/tilec/tilec/dsl"
	"github.com/tilec/tilec/dsl/diag"
	"github.com/tilec/tilec/dsl/typed"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/affine"
	"github.com/tilec/tilec/ir/dtype"
	"github.com/tilec/tilec/ir/layout"
)

// The explicit level: shared tiles, pins, asm here; channels in channels.go; roles and turns in roles.go.

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
	return true
}

// localType is the type of a channel or shared tile, whose extents are known when compiling.
func (e *elab) localType(t *dsl.Type, at diag.Span) (elem dtype.Type, extents []int64, ok bool) {
	elem, ok = e.typeOf(t)
	if t == nil || t.Dims == nil || len(t.Dims.List) == 0 {
		if ok {
			e.errorf(codeShape, at, "the shape stands behind the type")
		}
		return elem, nil, false
	}
	n := int64(1)
	for _, d := range t.Dims.List {
		v := e.expr(d)
		if v.bad() {
			ok = false
			continue
		}
		k, is := v.constInt()
		switch {
		case !is:
			e.errorf(codeNotConst, d.Span(), "the extents of channels and shared tiles are known when compiling")
			ok = false
			continue
		case k < 1 || n > maxLocal/min(k, maxLocal+1):
			e.errorf(codeTooLarge, d.Span(), "an extent is from 1, and channels and shared tiles have at most %d elements", maxLocal)
			ok = false
			continue
		}
		n *= k
		extents = append(extents, k)
	}
	return elem, extents, ok
}

// maxLocal is the most elements of a slot or a shared tile.
const maxLocal = 1 << 20

// options checks words with a number behind them.
func (e *elab) options(list []*dsl.Option, words ...string) {
	for i, o := range list {
		if slices.ContainsFunc(list[:i], func(p *dsl.Option) bool { return p.Word.Name == o.Word.Name }) {
			e.errorf(codeOption, o.Word.Span(), "%s is said twice", o.Word.Name)
			continue
		}
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

// asm is asm ptx "…" (x): elementwise, of the type of its first operand.
func (e *elab) asm(n *dsl.Asm) value {
	at := n.Span()
	if !e.usesExplicit(at) {
		return bad(at)
	}
	if n.Target.Name != "ptx" && n.Target.Name != "gcn" {
		e.errorf(codeOption, n.Target.Span(), "asm is for ptx or gcn, not %s", n.Target.Name)
		return bad(at)
	}
	var first value
	var axes []*typed.Axis
	var args []typed.Expr
	for i, a := range n.Args {
		v, ok := e.typedOf(e.expr(a.X))
		if !ok {
			return bad(at)
		}
		if i == 0 {
			first = v
		}
		axes = union(axes, v.axes()...)
		args = append(args, v.e)
	}
	if len(n.Args) == 0 {
		e.errorf(codeArgs, at, "asm has at least one operand: the result has the type of the first")
		return bad(at)
	}
	if !e.tileOf(axes, at) {
		return bad(at)
	}
	if k, ok := numbersIn(n.Text.Value); !ok || k > len(n.Args) {
		e.errorf(codeArgs, n.Text.Span(), "the text names its result, $0, and its operands, $1 to $%d", len(n.Args))
		return bad(at)
	}
	r := exprVal(&typed.Asm{X: x(first.elem(), axes, at), Target: n.Target.Name, Text: n.Text.Value, Args: args})
	if first.elem().IsInt() {
		r.ix = e.opaque("", first.elem())
	}
	return r
}

// peerCall refuses what is reserved for several devices.
func (e *elab) peerCall(c *call) value {
	e.errorf(codePeer, c.at, "%s is reserved for kernels of several devices, and not supported", c.name)
	return bad(c.at)
}

// numbersIn is the largest number behind a $ in the text of asm; ok is false where $0 or a number is missing.
func numbersIn(text string) (most int, ok bool) {
	for i := 0; i < len(text); i++ {
		if text[i] != '$' {
			continue
		}
		n, digits := 0, 0
		for i+1 < len(text) && text[i+1] >= '0' && text[i+1] <= '9' && digits < 3 {
			i++
			n, digits = 10*n+int(text[i]-'0'), digits+1
		}
		if digits == 0 {
			return 0, false
		}
		ok = ok || n == 0
		most = max(most, n)
	}
	return most, ok
}

// explicitStmt elaborates role, turn, shared, pin and send.
func (e *elab) explicitStmt(s dsl.Stmt) {
	if !e.usesExplicit(s.Span()) {
		return
	}
	switch s := s.(type) {
	case *dsl.Role:
		e.role(s)
	case *dsl.Turn:
		e.turn(s)
	case *dsl.Shared:
		e.shared(s)
	case *dsl.Pin:
		e.pin(s)
	case *dsl.Send:
		e.send(s)
	}
}

// shared is shared t T[BM, BN]: a tensor of the block's own.
func (e *elab) shared(s *dsl.Shared) {
	e.options(s.Options, "swizzle", "align")
	swizzle, align := e.sharedWords(s.Options)
	elem, extents, ok := e.localType(s.Type, s.Span())
	if !ok {
		e.declare(s.Name, &entity{kind: entValue, val: bad(s.Span())})
		return
	}
	t := &typed.Tensor{Name: s.Name.Name, Elem: elem, Role: ir.InOut, Shared: true, Swizzle: swizzle, Align: align, Span: s.Span()}
	ten := &tensor{t: t, local: true, out: true}
	for _, n := range extents {
		t.Dims = append(t.Dims, ir.ConstDim(n))
		ten.dims = append(ten.dims, affine.Const(n))
		ten.keys = append(ten.keys, "")
	}
	e.declare(s.Name, &entity{kind: entTensor, ten: ten})
	e.emit(&typed.SharedDecl{S: typed.S{At: s.Span()}, Tensor: t})
}

// sharedWords are the words behind a shared tile, 0 for what is not said.
func (e *elab) sharedWords(list []*dsl.Option) (swizzle, align int64) {
	for _, o := range list {
		if o.Word.Name != "swizzle" && o.Word.Name != "align" {
			continue
		}
		n, ok := e.expr(o.Value).constInt()
		switch {
		case !ok || n < 1: // reported
		case o.Word.Name == "swizzle":
			if swizzle = n; !ir.SharedSwizzle(n) {
				e.errorf(codeOption, o.Value.Span(), "swizzle is 32, 64 or 128, the bytes within which pieces of 16 change places")
			}
		default:
			if align = n; !ir.SharedAlign(n) {
				e.errorf(codeOption, o.Value.Span(), "align is a power of two up to %d, in bytes", ir.MaxSharedAlign)
			}
		}
	}
	return swizzle, align
}

// sharedPosition is the subscript of a shared tile: an axis, which stands for the positions of its indices, from 0.
func (e *elab) sharedPosition(t *tensor, i int, n dsl.Expr) (typed.Expr, *typed.Axis, bool) {
	a, ok := e.axisOf(n)
	if !ok {
		return nil, nil, false
	}
	if extent, _ := t.dims[i].IsConst(); a.t.Extent > extent {
		e.errorf(codeChannel, n.Span(), "axis %s has %d indices, and dimension %d of %s is %d long", a.t.Name, a.t.Extent, i+1, t.t.Name, extent)
		return nil, nil, false
	}
	if !e.whole(a.t, n.Span()) {
		return nil, nil, false
	}
	at := []*typed.Axis{a.t}
	iota := &typed.Iota{X: x(dtype.I64, at, n.Span()), Axis: a.t}
	if a.t.Kind == typed.ConstAxis && a.t.Lo == 0 {
		return iota, a.t, true
	}
	lo := &typed.Bound{X: x(dtype.I64, nil, n.Span()), Axis: a.t}
	return &typed.Map{X: x(dtype.I64, at, n.Span()), Op: ir.Sub, Args: []typed.Expr{iota, lo}}, a.t, true
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
	d, ok := e.layout(s.Layout, axes)
	if !ok {
		return
	}
	if n := len(d.Tile()); n != len(axes) {
		e.errorf(codePinned, s.Layout.Span(), "the axes of the layout number %d, and %s is over %s", n, s.Name.Name, orNothing(axes))
		return
	}
	for i, a := range axes {
		extent := a.Extent
		if e.inRole != nil && e.inRole.split == a {
			extent /= e.inRole.groups
		}
		if n := d.Tile()[i]; n < extent && extent%n != 0 { // a longer one has room for positions behind the axis' end
			e.errorf(codePinned, s.Layout.Span(), "the layout is %d long along %s, which does not divide the tile's %d", n, a.Name, extent)
			return
		}
	}
	if e.kernel == nil { // a function that nothing calls
		return
	}
	ent := e.local(s.Name.Name)
	if ent == nil || ent.kind != entVar {
		e.errorf(codePinned, s.Name.Span(), "%s is no variable, whose value could lie in registers", s.Name.Name)
		return
	}
	if !e.ownVariable(ent, s.Name.Span()) {
		return
	}
	if _, ok := d.Digits(); !ok {
		e.errorf(codePinned, s.Layout.Span(), "this layout does not deal elements out digit by digit")
		return
	}
	e.emit(&typed.PinTo{S: typed.S{At: s.Span()}, Var: ent.v, Axes: axes, Layout: d})
	e.kernel.out.Pins = append(e.kernel.out.Pins, typed.Pin{Value: s.Name.Name, Axes: axes, Layout: d, Span: s.Span()})
}

// layout is the register layout of a product of factors, or of digits, over axes.
func (e *elab) layout(n dsl.Expr, axes []*typed.Axis) (layout.Distribution, bool) {
	switch n := n.(type) {
	case *dsl.Paren:
		return e.layout(n.X, axes)
	case *dsl.Binary:
		if n.Op != "*" {
			e.errorf(codeLayout, n.Span(), "layouts are multiplied with *")
			return layout.Distribution{}, false
		}
		x, ok := e.layout(n.X, axes)
		y, also := e.layout(n.Y, axes)
		if !ok || !also {
			return layout.Distribution{}, false
		}
		return e.layoutOf(n, codePinned)(x.Mul(y))
	case *dsl.Call:
		id, ok := n.Fun.(*dsl.Ident)
		switch {
		case ok && id.Name == "replica":
			return e.replica(n, len(axes))
		case ok && id.Name == "digits":
			return e.digits(n, axes)
		case ok && slices.Contains(layout.AtomNames(), id.Name):
			extents, ok := e.extents(n.Args)
			if !ok {
				return layout.Distribution{}, false
			}
			return e.layoutOf(n, codeLayout)(layout.Atom(id.Name, extents...))
		}
	}
	e.errorf(codeLayout, n.Span(), "a layout is made of %s, replica(lane, 2) and digits(…)", strings.Join(layout.AtomNames(), ", "))
	return layout.Distribution{}, false
}

// digits is digits(register(2, n, 1), lane(4, n, 2), lane(8, m, 1), …): so many positions of a unit along an axis, so far apart;
// without an axis they hold the same. The first of each unit runs fastest.
func (e *elab) digits(n *dsl.Call, axes []*typed.Axis) (layout.Distribution, bool) {
	var list []layout.Digit
	tile := make([]int64, len(axes))
	for i := range tile {
		tile[i] = 1
	}
	none := layout.Distribution{}
	for _, a := range n.Args {
		c, ok := a.X.(*dsl.Call)
		unit, known := layout.Unit(0), false
		if ok {
			if id, is := c.Fun.(*dsl.Ident); is {
				unit, known = layout.UnitNamed(id.Name)
			}
		}
		if !known || len(c.Args) != 1 && len(c.Args) != 3 {
			e.errorf(codeLayout, a.Span(), "a digit is of registers, lanes, warps or blocks, as lane(4, n, 2): 4 lanes along n, 2 apart; or lane(4), which hold the same")
			return none, false
		}
		g := layout.Digit{Unit: unit, Axis: layout.Replica}
		numbers, ok := e.extents([]*dsl.Arg{c.Args[0], c.Args[len(c.Args)-1]})
		if !ok {
			return none, false
		}
		if g.Size = numbers[0]; len(c.Args) == 3 {
			at, ok := e.axisOf(c.Args[1].X)
			if !ok {
				return none, false
			}
			if g.Axis = slices.Index(axes, at.t); g.Axis < 0 {
				e.errorf(codeLayout, c.Args[1].Span(), "%s is none of the axes of the pin", at.t.Name)
				return none, false
			}
			g.Stride = numbers[1]
			if tile[g.Axis] += (g.Size - 1) * g.Stride; tile[g.Axis] > maxExtent {
				e.errorf(codeLayout, a.Span(), "the extents of a layout are numbers from 1 to %d", maxExtent)
				return none, false
			}
		}
		list = append(list, g)
	}
	return e.layoutOf(n, codeLayout)(layout.Distribute(tile, list...))
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
