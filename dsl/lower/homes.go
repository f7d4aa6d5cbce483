package lower

import "github.com/tilec/tilec/dsl/typed"

// homes is what a walk over the whole body finds before lowering begins.
type homes struct {
	// axes are the ConstAxes that no declaration brings into being, the axes of whole dimensions, in the order of
	// their first appearance.
	axes []*typed.Axis
	// in is the innermost where around a variable's first assignment, around that where's own.
	in     map[*typed.Var]*typed.Where
	around map[*typed.Where]*typed.Where
}

// outside reports whether v is declared outside w.
func (h *homes) outside(v *typed.Var, w *typed.Where) bool {
	for in := h.in[v]; in != nil; in = h.around[in] {
		if in == w {
			return false
		}
	}
	return true
}

func findHomes(body []typed.Stmt) *homes {
	w := &walk{
		homes:    &homes{in: map[*typed.Var]*typed.Where{}, around: map[*typed.Where]*typed.Where{}},
		declared: map[*typed.Axis]bool{}, seen: map[*typed.Axis]bool{}, lets: map[*typed.Let]bool{},
	}
	w.stmts(body)
	for _, a := range w.used {
		if !w.declared[a] {
			w.axes = append(w.axes, a)
		}
	}
	return w.homes
}

type walk struct {
	*homes
	declared, seen map[*typed.Axis]bool
	lets           map[*typed.Let]bool
	used           []*typed.Axis
	where          *typed.Where
}

func (w *walk) use(axes ...*typed.Axis) {
	for _, a := range axes {
		for a != nil && a.Kind == typed.CopyAxis {
			a = a.Of
		}
		switch {
		case a == nil:
		case a.Kind == typed.CatAxis:
			w.use(a.A, a.B)
		case a.Kind == typed.ConstAxis && !w.seen[a]:
			w.seen[a] = true
			w.used = append(w.used, a)
		}
	}
}

func (w *walk) home(v *typed.Var) {
	if _, ok := w.in[v]; !ok {
		w.in[v] = w.where
	}
}

func (w *walk) exprs(exprs ...typed.Expr) {
	for _, e := range exprs {
		if e == nil {
			continue
		}
		w.use(e.Type().Axes...)
		switch e := e.(type) {
		case *typed.Let:
			if !w.lets[e] {
				w.lets[e] = true
				w.stmts(e.Body)
				w.exprs(e.Value)
			}
			continue
		case *typed.Bound:
			w.use(e.Axis)
		case *typed.Iota:
			w.use(e.Axis)
		case *typed.Lookup:
			w.use(e.Axis)
		case *typed.Reduce:
			w.use(e.Axes...)
		case *typed.Dot:
			w.use(e.Axes...)
		case *typed.Pack:
			w.use(e.Axis)
		case *typed.Unpack:
			w.use(e.Axis)
		case *typed.Cat:
			w.use(e.Axis)
		case *typed.SlotRead:
			w.use(e.Axes...)
		}
		w.exprs(typed.Operands(e)...)
	}
}

func (w *walk) stmts(list []typed.Stmt) {
	for _, s := range list {
		switch s := s.(type) {
		case *typed.Assign:
			w.exprs(s.Values...)
			for _, v := range s.Vars {
				w.use(v.Type.Axes...)
				w.home(v)
			}
		case *typed.Do:
			w.exprs(s.Op.Args...)
			w.use(s.Op.Axis, s.Op.To)
			if fn := s.Op.Func; fn != nil {
				for _, p := range fn.Params {
					w.home(p)
				}
				w.stmts(fn.Body)
				w.exprs(fn.Results...)
			}
		case *typed.Eval:
			w.exprs(s.Value)
		case *typed.Store:
			w.exprs(s.Index...)
			w.exprs(s.Value)
		case *typed.Scatter:
			w.use(s.Axis)
			w.exprs(s.Index, s.Value)
		case *typed.FillSlot:
			w.use(s.Axes...)
			w.exprs(s.Value)
		case *typed.Role:
			w.stmts(s.Body)
		case *typed.Turn:
			w.stmts(s.Body)
		case *typed.AxisDecl:
			w.declared[s.Axis] = true
			if s.Axis.Kind != typed.ConstAxis {
				w.use(s.Axis)
			}
		case *typed.Parallel:
			for _, b := range s.Binds {
				w.bind(b)
			}
			w.stmts(s.Body)
		case *typed.For:
			w.bind(s.Bind)
			w.stmts(s.Body)
		case *typed.While:
			w.exprs(s.Cond)
			w.stmts(s.Body)
		case *typed.If:
			w.exprs(s.Cond)
			w.stmts(s.Then)
			w.stmts(s.Else)
		case *typed.Where:
			w.exprs(s.Cond)
			w.around[s] = w.where
			was := w.where
			w.where = s
			w.stmts(s.Body)
			w.where = was
		case *typed.Require:
			w.exprs(s.Cond)
		case *typed.Assert:
			w.exprs(s.Cond)
		case *typed.Print:
			w.exprs(s.Args...)
		}
	}
}

func (w *walk) bind(b *typed.Bind) {
	w.exprs(b.Lo, b.Hi)
	if b.Var != nil {
		w.home(b.Var)
	}
}
