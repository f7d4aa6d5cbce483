package eval

import (
	"github.com/tilec/tilec/dsl/typed"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
)

// roundings is, for each tensor that a kernel writes, the sum of the unit roundoffs h of the roundings to types narrower
// than f32 on the longest path from the inputs to it: the r·h of the bound. A loop counts once, and the rounding to the
// tensor's own type at the end does not count: half an ulp stands for it.
func roundings(k *typed.Kernel) map[*typed.Tensor]float64 {
	p := &paths{vars: map[*typed.Var]path{}, tensors: map[*typed.Tensor]path{}, multis: map[*typed.Multi]path{}, chans: map[*typed.Chan]path{}}
	p.stmts(k.Body, false)
	out := map[*typed.Tensor]float64{}
	for t, x := range p.tensors {
		out[t] = x.all
		if narrow(t.Elem) {
			out[t] = x.open
		}
	}
	return out
}

// path is the longest path to a value: all its roundings, and open without the last where the value comes right out of
// one.
type path struct{ all, open float64 }

func (x path) or(y path) path { return path{max(x.all, y.all), max(x.open, y.open)} }

// closed is the path of a value that was computed from x without rounding to a narrow type.
func (x path) closed() path { return path{x.all, x.all} }

// rounded is the path after a rounding to t.
func (x path) rounded(t dtype.Type) path { return path{x.all + t.UnitRoundoff(), x.all} }

// narrow reports whether t is a float narrower than f32.
func narrow(t dtype.Type) bool { return t.IsFloat() && t.UnitRoundoff() > dtype.F32.UnitRoundoff() }

type paths struct {
	vars    map[*typed.Var]path
	tensors map[*typed.Tensor]path
	multis  map[*typed.Multi]path
	chans   map[*typed.Chan]path
}

func (p *paths) expr(e typed.Expr) path {
	switch e := e.(type) {
	case nil:
		return path{}
	case *typed.Ref:
		return p.vars[e.Var]
	case *typed.Load:
		return p.tensors[e.Tensor].or(p.expr(e.Out))
	case *typed.Atomic:
		p.add(e.Tensor, p.join(e.Args))
		return p.tensors[e.Tensor]
	case *typed.SlotRead:
		return p.chans[e.Slot.Chan]
	case *typed.Asm: // instructions of the text's own, that round as they like
		x := p.join(e.Args)
		if narrow(e.T.Elem) {
			return x.rounded(e.T.Elem)
		}
		return x.closed()
	case *typed.Lookup:
		return p.expr(e.Tile).or(p.expr(e.Out))
	case *typed.Cast:
		return p.cast(e)
	case *typed.Map:
		x := p.join(e.Args)
		switch {
		case !e.T.Elem.IsFloat():
			return path{}
		case moves(e.Op):
			return x
		case narrow(e.T.Elem):
			return x.rounded(e.T.Elem)
		}
		return x.closed()
	case *typed.Reduce:
		x := p.expr(e.Value)
		switch e.Kind {
		case "sum", "prod", "mean":
			if narrow(e.T.Elem) {
				return x.rounded(e.T.Elem)
			}
			return x.closed()
		}
		return x
	case *typed.Dot:
		x := p.join(typed.Operands(e))
		if narrow(e.T.Elem) {
			return x.rounded(e.T.Elem)
		}
		return x.closed()
	case *typed.Result:
		return p.multis[e.Of]
	case *typed.Let:
		p.stmts(e.Body, false)
		return p.expr(e.Value)
	}
	return p.join(typed.Operands(e))
}

func (p *paths) join(list []typed.Expr) path {
	var x path
	for _, e := range list {
		x = x.or(p.expr(e))
	}
	return x
}

// moves reports whether an operation gives one of its operands, or its opposite: nothing is rounded.
func moves(c ir.Code) bool {
	switch c {
	case ir.Select, ir.Min, ir.Max, ir.MinNan, ir.MaxNan, ir.Neg, ir.Abs, ir.Relu, ir.Copysign:
		return true
	}
	return false
}

func (p *paths) cast(e *typed.Cast) path {
	x, from, to := p.expr(e.Value), e.Value.Type().Elem, e.T.Elem
	switch {
	case !to.IsFloat():
		return path{}
	case dtype.Widens(from, to):
		return x.closed()
	case !from.IsFloat() && from.Bits() <= int(to.Man)+1: // every integer of the type is a value of the float
		return path{}
	case narrow(to):
		return x.rounded(to)
	}
	return x.closed()
}

// add joins a path to a tensor's.
func (p *paths) add(t *typed.Tensor, x path) { p.tensors[t] = p.tensors[t].or(x) }

// stmts walks statements; with maybe set they may not run, so that what was there stays possible.
func (p *paths) stmts(list []typed.Stmt, maybe bool) {
	for _, s := range list {
		switch s := s.(type) {
		case *typed.Assign:
			vals := make([]path, len(s.Values))
			for i, e := range s.Values {
				vals[i] = p.expr(e)
			}
			for i, v := range s.Vars {
				if maybe {
					vals[i] = vals[i].or(p.vars[v])
				}
				p.vars[v] = vals[i]
			}
		case *typed.Scatter:
			p.vars[s.Var] = p.vars[s.Var].or(p.expr(s.Value))
		case *typed.Do:
			p.multis[s.Op] = p.multi(s.Op)
		case *typed.Eval:
			p.expr(s.Value)
		case *typed.Store:
			x := p.expr(s.Value)
			if s.Add && narrow(s.Tensor.Elem) {
				x = x.rounded(s.Tensor.Elem)
			}
			p.add(s.Tensor, x)
		case *typed.Parallel:
			p.stmts(s.Body, false)
		case *typed.For:
			p.stmts(s.Body, true)
		case *typed.While:
			p.stmts(s.Body, true)
		case *typed.If:
			p.stmts(s.Then, true)
			p.stmts(s.Else, true)
		case *typed.Where:
			p.stmts(s.Body, true)
		case *typed.Turn:
			p.stmts(s.Body, maybe)
		case *typed.Role: // what it is sent may come from one that stands behind it
			p.stmts(s.Body, true)
			p.stmts(s.Body, true)
		case *typed.FillSlot:
			x := p.expr(s.Value)
			if narrow(s.Slot.Chan.Elem) && s.Value.Type().Elem != s.Slot.Chan.Elem {
				x = x.rounded(s.Slot.Chan.Elem)
			}
			p.chans[s.Slot.Chan] = p.chans[s.Slot.Chan].or(x)
		}
	}
}

func (p *paths) multi(m *typed.Multi) path {
	x := p.join(m.Args)
	if m.Op != ir.Scan || m.Kind == "max" {
		return x
	}
	if fn := m.Func; fn != nil {
		for _, v := range fn.Params {
			p.vars[v] = x
		}
		p.stmts(fn.Body, false)
		return x.or(p.join(fn.Results))
	}
	if narrow(m.Types[0].Elem) {
		return x.rounded(m.Types[0].Elem)
	}
	return x.closed()
}
