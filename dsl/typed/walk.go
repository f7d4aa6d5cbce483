package typed

// Operands are the expressions directly inside e, in the order they are written; none of a Let, whose parts are
// statements and a value, and none of a Result, whose operation stands in a statement.
func Operands(e Expr) []Expr {
	switch e := e.(type) {
	case *Load:
		return present(e.Index, e.Out)
	case *Lookup:
		return present([]Expr{e.Tile, e.Index}, e.Out)
	case *Map:
		return e.Args
	case *Cast:
		return []Expr{e.Value}
	case *BitCast:
		return []Expr{e.Value}
	case *Fill:
		return []Expr{e.Value}
	case *Reduce:
		return []Expr{e.Value}
	case *Dot:
		return present([]Expr{e.A, e.B}, e.ScaleA, e.ScaleB)
	case *Asm:
		return e.Args
	case *Pack:
		return []Expr{e.Value}
	case *Unpack:
		return []Expr{e.Value}
	case *Cat:
		return []Expr{e.A, e.B}
	case *Atomic:
		return present(e.Index, e.Args...)
	}
	return nil
}

// present is exprs and those of more that are not nil.
func present(exprs []Expr, more ...Expr) []Expr {
	out := exprs[:len(exprs):len(exprs)]
	for _, e := range more {
		if e != nil {
			out = append(out, e)
		}
	}
	return out
}
