package check

import (
	"slices"
	"strings"

	"github.com/tilec/tilec/dsl"
	"github.com/tilec/tilec/dsl/diag"
	"github.com/tilec/tilec/dsl/typed"
)

// roleState is a role of the phase being read.
type roleState struct {
	name   string
	at     diag.Span
	depth  int // of the scope around it
	groups int64
	split  *typed.Axis // nil where groups have no part of their own
}

// touch is an access of a tensor in a role.
type touch struct {
	t      *tensor
	role   *roleState
	writes bool
	at     diag.Span
}

// unitThreads is how many threads a unit of roles has, 0 for what is none.
func unitThreads(name string) int64 {
	switch name {
	case "warp", "warps", "wave", "waves":
		return 32
	case "warpgroup", "warpgroups":
		return 128
	case "thread", "threads":
		return 1
	}
	return 0
}

// maxRoleWarps is the most warps of all groups of a role.
const maxRoleWarps = 32

// count is a number from 1 that a word takes; false where it is something else.
func (e *elab) count(n dsl.Operand, what string) (int64, bool) {
	v := e.expr(n)
	if v.bad() {
		return 0, false
	}
	k, ok := v.constInt()
	if !ok || k < 1 {
		e.errorf(codeOption, n.Span(), "%s takes a number from 1", what)
		return 0, false
	}
	return k, true
}

// role is role name on 2 warps { … }.
func (e *elab) role(s *dsl.Role) {
	at := s.Name.Span()
	n, ok := e.count(s.Count, "count")
	unit := unitThreads(s.Unit.Name)
	switch {
	case unit == 0:
		e.errorf(codeOption, s.Unit.Span(), "a role is on warps, warpgroups, waves or threads, not %s", s.Unit.Name)
		ok = false
	case ok && (n > maxRoleWarps*32 || n*unit%32 != 0 || n*unit > maxRoleWarps*32):
		e.errorf(codeOption, s.Count.Span(), "a role has 1 to %d warps of 32 threads", maxRoleWarps)
		ok = false
	}
	e.options(s.Options, "split", "regs")
	r := &roleState{name: s.Name.Name, at: at, depth: e.scope.depth, groups: 1}
	stmt := &typed.Role{S: typed.S{At: s.Span()}, Name: r.name, Groups: 1, Warps: max(1, n*unit/32)}
	for _, o := range s.Options {
		switch o.Word.Name {
		case "regs":
			if k, is := e.expr(o.Value).constInt(); is {
				stmt.Regs = k
			}
			if stmt.Regs > 255 {
				e.errorf(codeOption, o.Value.Span(), "a thread has at most 255 registers")
				ok = false
			}
		case "split":
			if stmt.Split, ok = e.split(o.Value, n, unit, ok); stmt.Split != nil {
				stmt.Groups, stmt.Warps = n, max(1, unit/32)
				r.groups, r.split = n, stmt.Split
			}
		}
	}
	if ks := e.kernel; ks != nil {
		switch {
		case e.inRole != nil:
			e.errorf(codeExplicit, at, "a role stands in another one").Note(e.inRole.at, "role %s is around it", e.inRole.name)
			ok = false
		case e.out != ks.body:
			e.errorf(codeExplicit, at, "a role stands in the body of a parallel, not inside of a loop, a branch or a function")
			ok = false
		default:
			for _, o := range ks.roles {
				if o.name == r.name {
					e.errorf(codeRedeclared, at, "there are two roles %s", r.name).Note(o.at, "the other one is here")
				}
			}
			ks.roles = append(ks.roles, r)
		}
	}
	was, loops := e.inRole, e.loops
	e.inRole, e.loops = r, nil
	e.guard(1)
	stmt.Body = e.collect(func() { e.inScope(func() { e.stmts(s.Body) }) })
	e.guard(-1)
	e.inRole, e.loops = was, loops
	if ok {
		e.emit(stmt)
	}
}

// split is the axis of which each group has an equal part.
func (e *elab) split(n dsl.Operand, groups, unit int64, ok bool) (*typed.Axis, bool) {
	a, good := e.axisOf(n)
	switch {
	case !good || !ok:
	case unit%32 != 0:
		e.errorf(codeOption, n.Span(), "groups that part an axis are of whole warps")
	case a.t.Kind != typed.SpanAxis:
		e.errorf(codeOption, n.Span(), "%s is no span that a parallel binds, and those alone are parted", a.t.Name)
	case a.t.Extent%groups != 0:
		e.errorf(codeOption, n.Span(), "%s has up to %d indices, which %d groups do not part evenly", a.t.Name, a.t.Extent, groups)
	default:
		return a.t, true
	}
	return nil, false
}

// whole reports an axis of which the group being read has a part only, where positions along all of it are meant.
func (e *elab) whole(a *typed.Axis, at diag.Span) bool {
	for of := a; of != nil; of = of.Of {
		if e.inRole != nil && e.inRole.split == of {
			e.errorf(codeRoles, at, "each group of role %s has a part of %s, and this is about positions along all of it", e.inRole.name, of.Name).Note(e.inRole.at, "the role is here")
			return false
		}
	}
	return true
}

// turn is turn t of 2 { … }.
func (e *elab) turn(s *dsl.Turn) {
	at := s.Name.Span()
	n, ok := e.count(s.Count, "turn")
	stmt := &typed.Turn{S: typed.S{At: s.Span()}, Name: s.Name.Name, Of: n}
	switch {
	case e.kernel == nil || !ok:
	case e.inRole == nil:
		e.errorf(codeExplicit, at, "a turn stands in a role: it is what its groups enter one after the other")
		ok = false
	case len(e.wheres) > 0 || e.ret != nil:
		e.errorf(codeExplicit, at, "a turn stands in a role itself, not in a where or a function")
		ok = false
	case n != e.inRole.groups:
		e.errorf(codeRoles, at, "turn %s is of %d, and role %s has %s", s.Name.Name, n, e.inRole.name, plural(int(e.inRole.groups), "group")).Note(e.inRole.at, "the role is here")
		ok = false
	}
	was := e.inTurnOf
	e.inTurnOf = len(e.loops) + 1
	stmt.Body = e.collect(func() { e.inScope(func() { e.stmts(s.Body) }) })
	e.inTurnOf = was
	e.havocAll(s.Body)
	if ok {
		e.emit(stmt)
	}
}

// endRoles checks what roles of a phase do to each other, and what stands beside them.
func (e *elab) endRoles(body []typed.Stmt) {
	ks := e.kernel
	first := slices.IndexFunc(body, func(s typed.Stmt) bool { _, is := s.(*typed.Role); return is })
	for i, s := range body {
		_, is := s.(*typed.Role)
		switch {
		case first < 0 || is:
		case i > first:
			e.errorf(codeExplicit, s.Span(), "this stands behind roles, which are the last of a phase").Note(ks.roles[0].at, "the first role is here")
			return
		case acts(s):
			e.errorf(codeExplicit, s.Span(), "before roles stands what they compute from, each for itself, and nothing that has an effect").Note(ks.roles[0].at, "the first role is here")
			return
		}
	}
	for i, a := range ks.touches {
		for _, b := range ks.touches[:i] {
			if a.t != b.t || a.role == b.role || !a.writes && !b.writes {
				continue
			}
			does := map[bool]string{true: "writes", false: "reads"}
			e.errorf(codeRoles, a.at, "role %s %s %s, and role %s %s it: what goes from role to role goes through a channel", a.role.name, does[a.writes], a.t.t.Name, b.role.name, does[b.writes]).
				Note(b.at, "the other access is here")
			ks.touches = nil
			return
		}
	}
}

// touched notes an access of a tensor in a role.
func (e *elab) touched(t *tensor, writes bool, at diag.Span) {
	if e.kernel != nil && e.inRole != nil && (writes || !t.input) {
		e.kernel.touches = append(e.kernel.touches, touch{t, e.inRole, writes, at})
	}
}

// ownVariable reports an assignment in a role to a name from outside of it.
func (e *elab) ownVariable(ent *entity, at diag.Span) bool {
	if e.inRole == nil || ent.depth > e.inRole.depth {
		return true
	}
	e.errorf(codeRoles, at, "role %s assigns to %s, which stands outside of it: declare %s in the role", e.inRole.name, ent.name, strings.TrimSpace(ent.name)).Note(ent.at, "%s is declared here", ent.name)
	return false
}

// acts reports whether a statement has an effect.
func acts(s typed.Stmt) bool {
	var list []typed.Stmt
	switch s := s.(type) {
	case *typed.Store, *typed.Eval, *typed.Assert, *typed.Print, *typed.Acquire, *typed.Take, *typed.FillSlot, *typed.Commit, *typed.Release:
		return true
	case *typed.If:
		list = append(slices.Clone(s.Then), s.Else...)
	case *typed.For:
		list = s.Body
	case *typed.While:
		list = s.Body
	case *typed.Where:
		list = s.Body
	case *typed.Assign:
		return slices.ContainsFunc(s.Values, updates)
	}
	return slices.ContainsFunc(list, acts)
}

// updates reports whether an expression updates memory.
func updates(x typed.Expr) bool {
	switch x := x.(type) {
	case *typed.Atomic:
		return true
	case *typed.Let:
		return slices.ContainsFunc(x.Body, acts) || updates(x.Value)
	}
	return slices.ContainsFunc(typed.Operands(x), updates)
}
