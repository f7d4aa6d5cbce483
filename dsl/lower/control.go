package lower

import (
	"slices"

	"github.com/tilec/tilec/dsl/typed"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
)

// around is the statement being lowered and what is read after it, for the functions inlined in its expressions.
type around struct {
	stmt  typed.Stmt
	after vars
}

// block lowers statements in sequence; out is what is read after them.
func (l *lowerer) block(list []typed.Stmt, out vars) {
	after := make([]vars, len(list))
	live := out.clone()
	for i := len(list) - 1; i >= 0; i-- {
		if branches(list[i]) {
			after[i] = live.clone()
		} else {
			after[i] = nil
		}
		f := l.flow(list[i])
		for v := range f.sets {
			if !l.masked(v) {
				delete(live, v)
			}
		}
		live.add(f.reads)
	}
	for i, s := range list {
		l.stmt(s, after[i])
	}
}

// masked reports whether assigning v here keeps its old value in part.
func (l *lowerer) masked(v *typed.Var) bool {
	b, ok := l.vars[v]
	return ok && b.depth < len(l.masks)
}

// branches reports whether lowering a statement asks what is read after it.
func branches(s typed.Stmt) bool {
	switch s.(type) {
	case *typed.AxisDecl, *typed.TempDecl, *typed.Parallel:
		return false
	case *typed.If, *typed.For, *typed.While, *typed.Where, *typed.Turn:
		return true
	}
	return hasLet(s)
}

// hasLet reports whether an inlined function stands in a statement's expressions.
func hasLet(s typed.Stmt) bool {
	switch s := s.(type) {
	case *typed.Assign:
		return slices.ContainsFunc(s.Values, letIn)
	case *typed.Do:
		return slices.ContainsFunc(s.Op.Args, letIn)
	case *typed.Eval:
		return letIn(s.Value)
	case *typed.Store:
		return letIn(s.Value) || slices.ContainsFunc(s.Index, letIn)
	case *typed.Scatter:
		return letIn(s.Value) || letIn(s.Index)
	case *typed.FillSlot:
		return letIn(s.Value)
	case *typed.Require:
		return letIn(s.Cond)
	case *typed.Assert:
		return letIn(s.Cond)
	case *typed.Print:
		return slices.ContainsFunc(s.Args, letIn)
	}
	return false
}

func letIn(e typed.Expr) bool {
	if _, ok := e.(*typed.Let); ok {
		return true
	}
	return slices.ContainsFunc(typed.Operands(e), letIn)
}

// stmt lowers one statement.
func (l *lowerer) stmt(s typed.Stmt, after vars) {
	defer l.within(s.Span())()
	was := l.around
	l.around = around{s, after}
	defer func() { l.around = was }()
	switch s := s.(type) {
	case *typed.Assign:
		vals := make([]*ir.Value, len(s.Values))
		for i, e := range s.Values {
			vals[i] = l.expr(e)
		}
		for i, v := range s.Vars {
			l.assign(v, vals[i])
		}
	case *typed.Do:
		l.multi(s.Op)
	case *typed.Eval:
		l.atomic(s.Value, false)
	case *typed.Store:
		l.store(s)
	case *typed.Scatter:
		l.scatter(s)
	case *typed.AxisDecl:
		l.declare(s.Axis)
	case *typed.TempDecl:
		l.tensors[s.Tensor] = l.b.Temp(tensorType(s.Tensor), s.Tensor.Name)
	case *typed.Parallel:
		l.parallel(s)
	case *typed.For:
		l.loop(s, after)
	case *typed.While:
		l.while(s, after)
	case *typed.If:
		l.cond(s, after)
	case *typed.Turn:
		l.turn(s, after)
	case *typed.Where:
		c := l.expr(s.Cond)
		l.masks = append(l.masks, c)
		l.block(s.Body, after)
		l.masks = l.masks[:len(l.masks)-1]
	case *typed.Require:
		l.b.Require(l.expr(s.Cond), s.Text)
	case *typed.Assert:
		l.b.Assert(l.expr(s.Cond), s.Text)
	case *typed.Print:
		args := make([]*ir.Value, len(s.Args))
		for i, e := range s.Args {
			args[i] = l.expr(e)
		}
		l.b.Print(s.Text, args...)
	case *typed.Break, *typed.Continue:
		l.fail("break or continue outside a loop")
	default:
		l.explicit(s)
	}
}

// parallel lowers a phase. A binding whose bounds name an earlier binding becomes a loop inside the block: bindings of
// an ir.Parallel do not depend on each other.
func (l *lowerer) parallel(s *typed.Parallel) {
	var free, inner []*typed.Bind
	for i, b := range s.Binds {
		if b.Depends(s.Binds[:i]) {
			inner = append(inner, b)
		} else {
			free = append(free, b)
		}
	}
	var bounds []*ir.Value
	by := make([]int64, len(free))
	for i, b := range free {
		bounds = append(bounds, l.expr(b.Lo), l.expr(b.Hi))
		by[i] = b.By
	}
	o := l.control(ir.Parallel, 1, bounds...)
	o.SetAttr("by", by)
	if s.Name != "" {
		o.SetAttr("name", s.Name)
	}
	l.region(o.Regions[0], func() {
		for _, b := range free {
			l.bindArg(b, o.Regions[0])
		}
		l.openChans(s.Body)
		var body []typed.Stmt
		l.before, body = apart(s.Body)
		for _, b := range slices.Backward(inner) {
			body = []typed.Stmt{&typed.For{S: s.S, Bind: b, Body: body}}
		}
		l.block(body, vars{})
		l.b.Yield(nil, nil)
	})
	l.b.Emit(o)
}

// control makes an operation with empty regions; it is emitted when they are full.
func (l *lowerer) control(code ir.Code, regions int, operands ...*ir.Value) *ir.Op {
	o := &ir.Op{Code: code, Operands: operands, Pos: l.b.Pos()}
	for range regions {
		o.Regions = append(o.Regions, &ir.Region{Parent: o})
	}
	return o
}

// bindArg adds the argument of a binding to a region and makes it known.
func (l *lowerer) bindArg(b *typed.Bind, r *ir.Region) {
	if b.By == 0 {
		l.set(b.Var, r.AddArg(b.Var.Name, ir.ScalarType(dtype.I64)))
		return
	}
	l.bind(b.Axis, r.AddArg(b.Axis.Name, ir.SpanType(b.By)))
}

// carried are the variables that a loop or condition must pass on: those written inside that have a value here and are
// read in a later trip (reads) or afterwards, and those that get their first value inside and are read afterwards.
func (l *lowerer) carried(writes []*typed.Var, reads, after vars) []*typed.Var {
	var out []*typed.Var
	for _, v := range writes {
		_, defined := l.vars[v]
		switch {
		case defined && (reads.has(v) || after.has(v) || l.masked(v)):
		case !defined && after.has(v) && l.inScope(v):
		default:
			continue
		}
		out = append(out, v)
	}
	return out
}

// current are the values of variables here.
func (l *lowerer) current(list []*typed.Var) []*ir.Value {
	out := make([]*ir.Value, len(list))
	for i, v := range list {
		if b, ok := l.vars[v]; ok {
			out[i] = b.val
		} else {
			out[i] = l.nothing(v)
		}
	}
	return out
}

// arguments makes region arguments for carried variables and sets the variables to them.
func (l *lowerer) arguments(r *ir.Region, list []*typed.Var, like []*ir.Value) {
	for i, v := range list {
		l.set(v, r.AddArg(v.Name, like[i].Type))
	}
}

// finish emits an operation with a result for each variable and sets the variables to them.
func (l *lowerer) finish(o *ir.Op, list []*typed.Var, like []*ir.Value) {
	for i, v := range list {
		o.Results = append(o.Results, &ir.Value{Name: v.Name, Type: like[i].Type})
	}
	l.b.Emit(o)
	for i, v := range list {
		l.set(v, o.Results[i])
	}
}

// end yields the values of carried variables, and with done whether that was the last trip.
func (l *lowerer) end(list []*typed.Var, done *typed.Var) {
	var stop *ir.Value
	if done != nil {
		stop = l.vars[done].val
	}
	l.b.Yield(l.current(list), stop)
}

func (l *lowerer) loop(s *typed.For, after vars) {
	esc := escape(s.Body)
	body := l.list(esc.body)
	lo, hi := l.expr(s.Bind.Lo), l.expr(s.Bind.Hi)
	carried := l.carried(body.writes, body.reads, after)
	init := l.current(carried)
	o := l.control(ir.For, 1, append([]*ir.Value{lo, hi}, init...)...)
	o.SetAttr("by", s.Bind.By)
	l.region(o.Regions[0], func() {
		l.bindArg(s.Bind, o.Regions[0])
		l.arguments(o.Regions[0], carried, init)
		l.block(esc.body, l.live(body.reads, after, esc.done))
		l.end(carried, esc.done)
	})
	l.finish(o, carried, init)
}

// live is what is read after a loop's body: by the next trip, after the loop, and whether to go on.
func (l *lowerer) live(reads, after vars, done *typed.Var) vars {
	out := reads.clone()
	out.add(after)
	if done != nil {
		out[done] = struct{}{}
	}
	return out
}

func (l *lowerer) while(s *typed.While, after vars) {
	esc := escape(s.Body)
	body := l.list(esc.body)
	reads := body.reads.clone()
	l.reads(s.Cond, reads)
	carried := l.carried(body.writes, reads, after)
	init := l.current(carried)
	o := l.control(ir.While, 2, init...)
	l.region(o.Regions[0], func() {
		l.arguments(o.Regions[0], carried, init)
		l.b.Yield([]*ir.Value{l.expr(s.Cond)}, nil)
	})
	l.region(o.Regions[1], func() {
		l.arguments(o.Regions[1], carried, init)
		l.block(esc.body, l.live(reads, after, esc.done))
		l.end(carried, esc.done)
	})
	l.finish(o, carried, init)
}

func (l *lowerer) cond(s *typed.If, after vars) {
	c := l.expr(s.Cond)
	if k, ok := c.ConstInt(); ok {
		arm := s.Then
		if k == 0 {
			arm = s.Else
		}
		l.block(arm, after)
		return
	}
	list := l.carried(l.flow(s).writes, nil, after)
	o := l.control(ir.If, 2, c)
	var ends [2][]*ir.Value
	for i, arm := range [][]typed.Stmt{s.Then, s.Else} {
		l.region(o.Regions[i], func() {
			l.block(arm, after)
			ends[i] = l.current(list)
		})
	}
	var passed []*typed.Var
	var yields [2][]*ir.Value
	for i, v := range list {
		a, b := ends[0][i], ends[1][i]
		x, okA := a.ConstInt()
		y, okB := b.ConstInt()
		switch {
		case a == b:
			l.set(v, a)
		case okA && okB && a.Type.IsBool() && x == 1 && y == 0: // a flag that is the condition
			l.set(v, c)
		default:
			passed = append(passed, v)
			yields[0], yields[1] = append(yields[0], a), append(yields[1], b)
		}
	}
	for i, r := range o.Regions {
		l.region(r, func() { l.b.Yield(yields[i], nil) })
	}
	if len(passed) == 0 && idle(o.Regions[0]) && idle(o.Regions[1]) {
		return
	}
	l.finish(o, passed, yields[0])
}

// idle reports whether a region makes nothing but constants.
func idle(r *ir.Region) bool {
	return !slices.ContainsFunc(r.Ops, func(o *ir.Op) bool { return o.Code != ir.Const && o.Code != ir.Yield })
}
