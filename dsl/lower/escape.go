package lower

import (
	"github.com/tilec/tilec/dsl/diag"
	"github.com/tilec/tilec/dsl/typed"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
)

// escapes is a loop body without break and continue. Where they stood, flags are set; what follows a statement that may
// leave stands under a condition on the flags, or, where one arm of an if always leaves, in the other arm.
type escapes struct {
	body []typed.Stmt
	// done is true at the end of the last trip; nil if nothing breaks.
	done *typed.Var
}

// escape rewrites the body of a loop.
func escape(body []typed.Stmt) escapes {
	r := &rewriter{}
	r.scan(body, false)
	if !r.breaks && !r.continues {
		return escapes{body: body}
	}
	flag := typed.Type{Elem: dtype.Bool}
	if r.breaks {
		r.done = &typed.Var{Name: "done", Type: flag}
	}
	r.skip = r.done
	if r.guarded || r.done == nil {
		r.skip = &typed.Var{Name: "skip", Type: flag}
	}
	out := r.stmts(body)
	var init []typed.Stmt
	for _, v := range r.flags() {
		init = append(init, setFlag(v, false, body[0].Span()))
	}
	return escapes{body: append(init, out...), done: r.done}
}

type rewriter struct {
	breaks, continues bool
	guarded           bool // a continue stands where later statements need a condition
	done, skip        *typed.Var
}

func (r *rewriter) flags() []*typed.Var {
	var out []*typed.Var
	if r.done != nil {
		out = append(out, r.done)
	}
	if r.skip != r.done && r.guarded {
		out = append(out, r.skip)
	}
	return out
}

// scan finds what leaves the loop; maybe is true inside an if that may or may not leave.
func (r *rewriter) scan(list []typed.Stmt, maybe bool) {
	for i, s := range list {
		switch s := s.(type) {
		case *typed.Break:
			r.breaks = true
			return
		case *typed.Continue:
			r.continues = true
			r.guarded = r.guarded || maybe
			return
		case *typed.If:
			if !leaves(list[i : i+1]) {
				continue
			}
			inner := maybe || !always(s.Then) && !always(s.Else)
			r.scan(s.Then, inner)
			r.scan(s.Else, inner)
			if always(s.Then) && always(s.Else) {
				return
			}
		case *typed.Where:
			if leaves(list[i : i+1]) {
				r.scan(s.Body, true)
			}
		}
	}
}

// leaves reports whether statements may leave the loop they stand in.
func leaves(list []typed.Stmt) bool {
	for _, s := range list {
		switch s := s.(type) {
		case *typed.Break, *typed.Continue:
			return true
		case *typed.If:
			if leaves(s.Then) || leaves(s.Else) {
				return true
			}
		case *typed.Where:
			if leaves(s.Body) {
				return true
			}
		}
	}
	return false
}

// always reports whether statements are sure to leave.
func always(list []typed.Stmt) bool {
	for _, s := range list {
		switch s := s.(type) {
		case *typed.Break, *typed.Continue:
			return true
		case *typed.If:
			if always(s.Then) && always(s.Else) {
				return true
			}
		}
	}
	return false
}

func (r *rewriter) stmts(list []typed.Stmt) []typed.Stmt {
	for i, s := range list {
		if !leaves(list[i : i+1]) {
			continue
		}
		out := append([]typed.Stmt{}, list[:i]...)
		rest := list[i+1:]
		switch s := s.(type) {
		case *typed.Break:
			return append(out, r.leave(s.At, true)...)
		case *typed.Continue:
			return append(out, r.leave(s.At, false)...)
		case *typed.If:
			// The arm that does not leave takes the rest along.
			switch {
			case always(s.Then) && always(s.Else):
				return append(out, &typed.If{S: s.S, Cond: s.Cond, Then: r.stmts(s.Then), Else: r.stmts(s.Else)})
			case always(s.Then):
				return append(out, &typed.If{S: s.S, Cond: s.Cond, Then: r.stmts(s.Then), Else: r.stmts(join(s.Else, rest))})
			case always(s.Else):
				return append(out, &typed.If{S: s.S, Cond: s.Cond, Then: r.stmts(join(s.Then, rest)), Else: r.stmts(s.Else)})
			}
			out = append(out, &typed.If{S: s.S, Cond: s.Cond, Then: r.stmts(s.Then), Else: r.stmts(s.Else)})
		case *typed.Where:
			out = append(out, &typed.Where{S: s.S, Cond: s.Cond, Body: r.stmts(s.Body)})
		}
		if len(rest) > 0 {
			stay := &typed.Map{X: typed.X{T: typed.Type{Elem: dtype.Bool}, At: s.Span()}, Op: ir.Not, Args: []typed.Expr{
				&typed.Ref{X: typed.X{T: r.skip.Type, At: s.Span()}, Var: r.skip}}}
			out = append(out, &typed.If{S: typed.S{At: s.Span()}, Cond: stay, Then: r.stmts(rest)})
		}
		return out
	}
	return list
}

func join(a, b []typed.Stmt) []typed.Stmt { return append(append([]typed.Stmt{}, a...), b...) }

// leave sets the flags of a break or continue.
func (r *rewriter) leave(at diag.Span, breaks bool) []typed.Stmt {
	var out []typed.Stmt
	if breaks {
		out = append(out, setFlag(r.done, true, at))
	}
	if r.guarded && r.skip != r.done {
		out = append(out, setFlag(r.skip, true, at))
	}
	return out
}

func setFlag(v *typed.Var, on bool, at diag.Span) typed.Stmt {
	c := &typed.Const{X: typed.X{T: v.Type, At: at}}
	if on {
		c.Int = 1
	}
	return &typed.Assign{S: typed.S{At: at}, Vars: []*typed.Var{v}, Values: []typed.Expr{c}}
}
