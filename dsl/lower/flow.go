package lower

import "github.com/tilec/tilec/dsl/typed"

// vars is a set of variables.
type vars map[*typed.Var]struct{}

func (s vars) has(v *typed.Var) bool { _, ok := s[v]; return ok }

func (s vars) add(t vars) {
	for v := range t {
		s[v] = struct{}{}
	}
}

func (s vars) clone() vars {
	out := make(vars, len(s))
	out.add(s)
	return out
}

// flow is what statements do to variables.
type flow struct {
	reads  vars         // read before the statements themselves assign them
	sets   vars         // assigned on every way through
	writes []*typed.Var // assigned on some way, in the order of the text
	leaves bool         // may break or continue the loop around
}

func (f *flow) write(v *typed.Var) {
	for _, w := range f.writes {
		if w == v {
			return
		}
	}
	f.writes = append(f.writes, v)
}

// list is the flow of statements in sequence. After a possible break or continue nothing is sure to be assigned.
func (l *lowerer) list(stmts []typed.Stmt) *flow {
	out := &flow{reads: vars{}, sets: vars{}}
	here := vars{} // assigned where we stand, if we get there
	seen := vars{}
	for _, s := range stmts {
		f := l.flow(s)
		for v := range f.reads {
			if !here.has(v) {
				out.reads[v] = struct{}{}
			}
		}
		here.add(f.sets)
		if !out.leaves {
			out.sets.add(f.sets)
		}
		for _, v := range f.writes {
			if !seen.has(v) {
				seen[v] = struct{}{}
				out.writes = append(out.writes, v)
			}
		}
		out.leaves = out.leaves || f.leaves
	}
	return out
}

// flow is the flow of one statement, worked out once.
func (l *lowerer) flow(s typed.Stmt) *flow {
	if f, ok := l.flows[s]; ok {
		return f
	}
	f := &flow{reads: vars{}, sets: vars{}}
	read := func(exprs ...typed.Expr) {
		for _, e := range exprs {
			l.reads(e, f.reads)
		}
	}
	loop := func(body []typed.Stmt) {
		b := l.list(body)
		f.reads.add(b.reads)
		f.writes = b.writes
	}
	switch s := s.(type) {
	case *typed.Assign:
		read(s.Values...)
		for _, v := range s.Vars {
			f.sets[v] = struct{}{}
			f.write(v)
		}
	case *typed.Do:
		read(s.Op.Args...)
		if fn := s.Op.Func; fn != nil {
			b := l.list(fn.Body)
			inner := b.reads.clone()
			for _, r := range fn.Results {
				more := vars{}
				l.reads(r, more)
				for v := range more {
					if !b.sets.has(v) {
						inner[v] = struct{}{}
					}
				}
			}
			for _, p := range fn.Params {
				delete(inner, p)
			}
			f.reads.add(inner)
		}
	case *typed.Eval:
		read(s.Value)
	case *typed.Store:
		read(s.Index...)
		read(s.Value)
	case *typed.Scatter:
		read(s.Index, s.Value)
		f.reads[s.Var] = struct{}{}
		f.sets[s.Var] = struct{}{}
		f.write(s.Var)
	case *typed.Parallel:
		for _, b := range s.Binds {
			read(b.Lo, b.Hi)
		}
		loop(s.Body)
	case *typed.For:
		read(s.Bind.Lo, s.Bind.Hi)
		loop(s.Body)
		if s.Bind.Var != nil {
			delete(f.reads, s.Bind.Var)
		}
	case *typed.While:
		read(s.Cond)
		loop(s.Body)
	case *typed.If:
		read(s.Cond)
		a, b := l.list(s.Then), l.list(s.Else)
		f.reads.add(a.reads)
		f.reads.add(b.reads)
		for v := range a.sets {
			if b.sets.has(v) {
				f.sets[v] = struct{}{}
			}
		}
		f.writes = a.writes
		for _, v := range b.writes {
			f.write(v)
		}
		f.leaves = a.leaves || b.leaves
	case *typed.Where:
		// What is declared outside keeps its old value in part, so that to write it is also to read it.
		read(s.Cond)
		b := l.list(s.Body)
		f.reads.add(b.reads)
		f.writes = b.writes
		for _, v := range b.writes {
			if l.homes.outside(v, s) {
				f.reads[v] = struct{}{}
			} else if b.sets.has(v) {
				f.sets[v] = struct{}{}
			}
		}
		f.leaves = b.leaves
	case *typed.FillSlot:
		read(s.Value)
	case *typed.PinTo:
		f.reads[s.Var] = struct{}{}
		f.sets[s.Var] = struct{}{}
		f.write(s.Var)
	case *typed.Turn:
		b := l.list(s.Body)
		f.reads.add(b.reads)
		f.sets.add(b.sets)
		f.writes, f.leaves = b.writes, b.leaves
	case *typed.Role: // what it assigns is its own
		f.reads.add(l.list(s.Body).reads)
	case *typed.Break, *typed.Continue:
		f.leaves = true
	case *typed.Require:
		read(s.Cond)
	case *typed.Assert:
		read(s.Cond)
	case *typed.Print:
		read(s.Args...)
	}
	l.flows[s] = f
	return f
}

// reads adds the variables that an expression reads.
func (l *lowerer) reads(e typed.Expr, to vars) {
	switch e := e.(type) {
	case nil:
	case *typed.Ref:
		to[e.Var] = struct{}{}
	case *typed.Let:
		b := l.list(e.Body)
		to.add(b.reads)
		more := vars{}
		l.reads(e.Value, more)
		for v := range more {
			if !b.sets.has(v) {
				to[v] = struct{}{}
			}
		}
	default:
		for _, x := range typed.Operands(e) {
			l.reads(x, to)
		}
	}
}
