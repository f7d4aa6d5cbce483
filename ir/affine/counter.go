package affine

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
)

// Effort of one search for a counterexample.
const (
	counterChecks = 5000 // conditions evaluated for each number of strays
	counterStray  = 3    // symbols that take another value than their first choice
)

// Value is a symbol's value in a counterexample.
type Value struct {
	Sym Sym
	N   int64
}

// Counter looks for values of e's symbols, in the order of their making, with which
// the facts hold and e is negative or divides by zero. It tries small values and
// the ends of ranges; finding none says nothing.
func (f *Facts) Counter(e Expr) ([]Value, bool) {
	return f.counter(e, e.Syms())
}

// counter is Counter with values for the given symbols.
func (f *Facts) counter(e Expr, syms []Sym) ([]Value, bool) {
	if e.unknown || f.dead {
		return nil, false
	}
	s := &search{f: f, e: e, of: syms, value: map[Sym]int64{}}
	s.collect()
	for s.stray = 0; s.stray <= counterStray; s.stray++ {
		s.checks = counterChecks
		if s.try(0, s.stray) {
			var out []Value
			for _, x := range syms {
				if v, ok := s.get(x); ok {
					out = append(out, Value{x, v})
				}
			}
			return out, true
		}
	}
	return nil, false
}

type search struct {
	f      *Facts
	e      Expr
	of     []Sym
	syms   []Sym    // free symbols to give values to, outermost first
	conds  [][]Cond // by index of the last of syms that they need
	consts []int64  // interesting values
	value  map[Sym]int64
	stray  int
	checks int
}

// collect finds the symbols that e depends on through the facts, and the
// conditions on them.
func (s *search) collect() {
	need := map[Sym]bool{}
	add := func(syms []Sym) {
		for _, x := range syms {
			need[x] = true
		}
	}
	add(s.f.freeSyms(s.of))
	free := make([][]Sym, len(s.f.conds))
	used := make([]bool, len(s.f.conds))
	for i, c := range s.f.conds {
		for _, e := range c.exprs(nil) {
			free[i] = append(free[i], s.f.freeSyms(e.Syms())...)
		}
	}
	for again := true; again; {
		again = false
		for i := range free {
			if !used[i] && slices.ContainsFunc(free[i], func(x Sym) bool { return need[x] }) {
				used[i], again = true, true
				add(free[i])
			}
		}
	}
	for x := range need {
		s.syms = append(s.syms, x)
	}
	slices.SortFunc(s.syms, func(a, b Sym) int { return a.id - b.id })
	s.conds = make([][]Cond, len(s.syms))
	exprs := []Expr{s.e}
	for i, c := range s.f.conds {
		if !used[i] {
			continue
		}
		last := slices.MaxFunc(free[i], func(a, b Sym) int { return a.id - b.id })
		at := slices.Index(s.syms, last)
		s.conds[at] = append(s.conds[at], c)
		exprs = c.exprs(exprs)
	}
	s.consts = []int64{0, 1, 2, 3, 4, 5, 7, 8, -1}
	for _, e := range exprs {
		s.addConsts(e)
	}
}

// addConsts adds the constants of e, their neighbours and a double.
func (s *search) addConsts(e Expr) {
	for _, m := range e.m {
		abs := max(m.coef, -m.coef)
		for _, n := range []int64{abs, abs - 1, abs + 1, 2 * abs} {
			if len(s.consts) < 40 && n > 0 && !slices.Contains(s.consts, n) {
				s.consts = append(s.consts, n)
			}
		}
		for _, t := range m.f {
			for _, a := range t.args {
				if len(s.consts) < 40 {
					s.addConsts(a)
				}
			}
		}
	}
}

// exprs appends the expressions of a condition.
func (c Cond) exprs(to []Expr) []Expr {
	for _, s := range c.sub {
		to = s.exprs(to)
	}
	if len(c.sub) == 0 {
		to = append(to, c.a, c.b)
	}
	return to
}

// freeSyms are the symbols that the given ones depend on, known equalities put in.
func (f *Facts) freeSyms(of []Sym) []Sym {
	var out []Sym
	for _, s := range of {
		if i := slices.IndexFunc(f.subst, func(q equality) bool { return q.s == s }); i >= 0 {
			out = append(out, f.subst[i].by.Syms()...)
		} else {
			out = append(out, s)
		}
	}
	return out
}

// get is the value of a symbol, by way of the one that it equals if need be.
func (s *search) get(x Sym) (int64, bool) {
	if v, ok := s.value[x]; ok {
		return v, true
	}
	if i := slices.IndexFunc(s.f.subst, func(q equality) bool { return q.s == x }); i >= 0 {
		v, err := s.f.subst[i].by.Eval(s.get)
		return v, err == nil
	}
	return 0, false
}

// try gives values to the symbols from i on. Each takes its first value that the
// facts allow, but for stray of them.
func (s *search) try(i, stray int) bool {
	if i == len(s.syms) {
		// Fewer strays were tried before.
		if stray > 0 {
			return false
		}
		v, err := s.e.Eval(s.get)
		return err == nil && v < 0 || errors.Is(err, ErrZero)
	}
	x := s.syms[i]
	first := true
	for _, v := range s.choices(x) {
		if !first && stray == 0 || s.checks <= 0 {
			break
		}
		s.value[x] = v
		if !s.allowed(i) {
			continue
		}
		left := stray
		if !first {
			left--
		}
		first = false
		if s.try(i+1, left) {
			return true
		}
	}
	delete(s.value, x)
	return false
}

func (s *search) allowed(i int) bool {
	for _, c := range s.conds[i] {
		s.checks--
		if ok, err := c.Eval(s.get); err != nil || !ok {
			return false
		}
	}
	return true
}

// choices are the values worth trying for x, given those before it.
func (s *search) choices(x Sym) []int64 {
	lo, hi := s.limits(x)
	var out []int64
	add := func(vs ...int64) {
		for _, v := range vs {
			if lo <= v && v <= hi && !slices.Contains(out, v) {
				out = append(out, v)
			}
		}
	}
	hasLo, hasHi := lo != math.MinInt64, hi != math.MaxInt64
	if hasLo && hasHi {
		add(lo, hi, lo+1, hi-1)
	} else {
		add(1)
	}
	if hasLo {
		add(lo, lo+1)
	}
	if hasHi {
		add(hi, hi-1)
	}
	add(s.consts...)
	return out
}

// limits are x's bounds by the inequalities whose other symbols have values.
func (s *search) limits(x Sym) (lo, hi int64) {
	lo, hi = math.MinInt64, math.MaxInt64
	if x.id >= len(s.f.uses) {
		return
	}
	for _, u := range s.f.uses[x.id] {
		_, r, _ := u.e.coefficient(x)
		if r.Has(x) || u.a.Has(x) {
			continue
		}
		a, err := u.a.Eval(s.get)
		if err != nil || a == 0 || a == math.MinInt64 {
			continue
		}
		b, err := r.Eval(s.get)
		if err != nil || b == math.MinInt64 {
			continue
		}
		if a > 0 { // a·x >= −b
			lo = max(lo, ceilDiv(-b, a))
		} else { // x <= b/−a
			hi = min(hi, floorDiv(b, -a))
		}
	}
	return lo, hi
}

// Why says in a phrase why e ≥ 0 was not proven: a value that e can have, with the
// symbols' values, or the part of e for which no bound is known.
func (f *Facts) Why(e Expr) string {
	if values, ok := f.Counter(e); ok {
		return describe(e, values)
	}
	return f.unbounded(e)
}

// WhyOutside says why 0 ≤ index < size was not proven, the first of the two that
// fails; it is empty where both are.
func (f *Facts) WhyOutside(index, size Expr) string {
	if !f.ProveGE0(index) {
		return f.Why(index)
	}
	room := size.Sub(index).AddConst(-1)
	if f.ProveGE0(room) {
		return ""
	}
	syms := append(index.Syms(), size.Syms()...)
	slices.SortFunc(syms, func(a, b Sym) int { return a.id - b.id })
	values, ok := f.counter(room, slices.Compact(syms))
	if !ok {
		return f.unbounded(room)
	}
	i, err1 := index.Eval(lookup(values))
	n, err2 := size.Eval(lookup(values))
	if err1 != nil || err2 != nil {
		return describe(room, values)
	}
	_, fixed := index.IsConst()
	switch _, c := size.IsConst(); {
	case fixed && c:
		return fmt.Sprintf("%d is past the end at %d", i, n)
	case fixed:
		return fmt.Sprintf("%s can be %d", size, n)
	case c:
		return fmt.Sprintf("%s can be %d, past the end at %d%s", index, i, n, where(index, values))
	}
	return fmt.Sprintf("%s can be %d where %s is %d%s", index, i, size, n, where(index, values))
}

// lookup gives values by symbol.
func lookup(values []Value) func(Sym) (int64, bool) {
	return func(s Sym) (int64, bool) {
		i := slices.IndexFunc(values, func(v Value) bool { return v.Sym == s })
		if i < 0 {
			return 0, false
		}
		return values[i].N, true
	}
}

func describe(e Expr, values []Value) string {
	v, err := e.Eval(lookup(values))
	switch {
	case err != nil:
		return fmt.Sprintf("%s divides by 0%s", e, where(e, values))
	case len(values) == 0:
		return fmt.Sprintf("%s is negative", e)
	}
	return fmt.Sprintf("%s can be %d%s", e, v, where(e, values))
}

// where lists the values of e's symbols, if e is more than one symbol.
func where(e Expr, values []Value) string {
	if _, ok := e.IsSym(); ok {
		return ""
	}
	syms := e.Syms()
	var parts []string
	for _, v := range values {
		if slices.Contains(syms, v.Sym) {
			parts = append(parts, fmt.Sprintf("%s = %d", v.Sym.name, v.N))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return " (" + strings.Join(parts, ", ") + ")"
}

// unbounded names what the proof of e >= 0 got stuck at.
func (f *Facts) unbounded(e Expr) string {
	if e.unknown {
		return "the expression is too large to reason about"
	}
	n := f.normal(e)
	text := fmt.Sprintf("nothing shows that %s is at least 0", e)
	if n.unknown {
		return text
	}
	p := prover{f: f, steps: proofSteps}
	p.bound(n, 0, 0)
	if r, _ := n.split(); len(p.stuck.m) > 0 && !p.stuck.Equal(r) {
		text += fmt.Sprintf(": no lower bound of %s is known", p.stuck)
	}
	return text
}
