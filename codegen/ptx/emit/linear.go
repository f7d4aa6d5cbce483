package emit

import (
	"fmt"

	"github.com/tilec/tilec/codegen/ptx/asm"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
	"github.com/tilec/tilec/ir/layout"
)

// linear is an index that is linear in the positions along axes: the sum of terms, the same in all threads, and of
// each span's position times its factor. All are doubles.
type linear struct {
	terms []asm.Arg
	spans []*ir.Value
	by    []asm.Arg
}

func (l *linear) factor(span *ir.Value) asm.Arg {
	for i, s := range l.spans {
		if s == span {
			return l.by[i]
		}
	}
	return asm.Int(0)
}

// addLinear adds y·k to x.
func (e *emitter) addLinear(x, y *linear, k asm.Arg) {
	for _, t := range y.terms {
		x.terms = append(x.terms, e.b.Mul(asm.D, t, k))
	}
	for i, s := range y.spans {
		by := e.b.Mul(asm.D, y.by[i], k)
		found := false
		for j := range x.spans {
			if x.spans[j] == s {
				x.by[j], found = e.b.Add(asm.D, x.by[j], by), true
			}
		}
		if !found {
			x.spans, x.by = append(x.spans, s), append(x.by, by)
		}
	}
}

// form is an i64 scalar, a span (its indices), or a tile of i64 as a linear form; nil where it is none.
func (e *emitter) form(v *ir.Value) *linear {
	l := e.formOf(v)
	if l == nil && v.Type.Kind == ir.Scalar {
		l = &linear{terms: []asm.Arg{e.scalar(v)}}
	}
	return l
}

func (e *emitter) formOf(v *ir.Value) *linear {
	o, one := v.Def, asm.Int(1)
	if v.Type.Kind == ir.Span {
		l := &linear{spans: []*ir.Value{v}, by: []asm.Arg{one}}
		switch {
		case o != nil && o.Code == ir.SpanOf:
			e.addLinear(l, e.form(o.Operands[0]), one)
		case o != nil && o.Code == ir.SpanCopy:
			l.terms = e.form(o.Axes[0]).terms
		default:
			l.terms = []asm.Arg{e.value(v).lo}
		}
		return l
	}
	if o == nil || v.Type.Elem != dtype.I64 {
		return nil
	}
	l := &linear{}
	switch o.Code {
	case ir.Const:
		l.terms = []asm.Arg{asm.Int(o.Int("value"))}
	case ir.Iota:
		return e.form(o.Axes[0])
	case ir.Affine:
		return e.grouped(e.affineForm(o), o.Int("div"), o.Int("mod"))
	case ir.Bcast, ir.Convert:
		if o.Operands[0].Type.Shared != nil {
			return nil
		}
		return e.form(o.Operands[0])
	case ir.Rebind:
		x := e.form(o.Operands[0])
		if x == nil {
			return nil
		}
		l.terms, l.by = x.terms, x.by
		for _, s := range x.spans {
			if s == o.Axes[0] {
				s = o.Axes[1]
			}
			l.spans = append(l.spans, s)
		}
	case ir.Add, ir.Sub:
		x, y := e.form(o.Operands[0]), e.form(o.Operands[1])
		if x == nil || y == nil {
			return nil
		}
		e.addLinear(l, x, one)
		if o.Code == ir.Sub {
			one = asm.Int(-1)
		}
		e.addLinear(l, y, one)
	default:
		return nil
	}
	return l
}

// grouped is floor(l / div) mod mod as a linear form: where nothing is divided, or where all indices lie in one group of a
// power of two that begins where they do.
func (e *emitter) grouped(l *linear, div, mod int64) *linear {
	if div == 1 && mod == 0 {
		return l
	}
	size := max(div, mod)
	if size&(size-1) != 0 || div > 1 && mod > 0 {
		return nil
	}
	for _, x := range l.terms {
		if e.b.Zeros(x) < log2(size) {
			return nil
		}
	}
	far := int64(0)
	for i, s := range l.spans {
		by, ok := l.by[i].IntValue()
		if !ok || by < 0 || by >= size || s.Type.Width > size {
			return nil
		}
		far += by * (s.Type.Width - 1)
	}
	switch {
	case far >= size:
		return nil
	case mod > 0:
		return &linear{spans: l.spans, by: l.by}
	}
	sum := e.uniform(l)
	if k, ok := sum.IntValue(); ok {
		return &linear{terms: []asm.Arg{asm.Int(k >> log2(size))}}
	}
	return &linear{terms: []asm.Arg{asm.R(e.b.Pure("shr.s64", asm.D, sum, asm.Int(int64(log2(size)))))}}
}

// groupOf is floor(l / div) for the element in a slot of a tile. What is the same in all threads is divided apart, so that
// the rest fits a word. Where that begins at multiples of a power of two that divides div too, what slots and threads add below
// it counts for nothing: the result is the same for all slots between.
func (e *emitter) groupOf(l *linear, t ir.Type, slot int, div int64) (asm.Arg, bool) {
	b := e.b
	if div == 1 || div > 1<<20 || t.Kind != ir.Tile {
		return asm.Arg{}, false
	}
	unit := div & -div // what div and all that is the same are multiples of
	for _, x := range l.terms {
		unit = min(unit, 1<<min(b.Zeros(x), 20))
	}
	p := e.place(t)
	at, far, low := int64(0), int64(0), int64(0) // of the slot; of all; and the most that threads add within a unit
	below, part, groups := asm.Int(0), asm.Int(0), asm.Int(0)
	for i, a := range t.Axes {
		by, ok := l.factor(a.Span).IntValue()
		if !ok || by < 0 || by > 1<<10 {
			return asm.Arg{}, false
		}
		far += by * p.d.Tile()[i]
		at += by * p.coords[slot][i]
		e.digits(p, func(g layout.Digit, value func() asm.Arg) {
			switch step := by * g.Stride; {
			case g.Axis != i || g.Size == 1 || step == 0:
			case step%div == 0:
				groups = b.Mad(asm.W, value(), asm.Int(step/div), groups)
			case step%unit == 0:
				part = b.Mad(asm.W, value(), asm.Int(step), part)
			default:
				low += (g.Size - 1) * step
				below = b.Mad(asm.W, value(), asm.Int(step), below)
			}
		})
	}
	if far > 1<<20 {
		return asm.Arg{}, false
	}
	whole := false // the rest of what is the same adds nothing
	if at%unit+low < unit {
		at -= at % unit
		whole = unit == div || far <= unit
	} else {
		part = b.Add(asm.W, part, below)
	}
	sum := e.uniform(l)
	first := e.floorDiv(dtype.I64, sum, asm.Int(div))
	if _, same := part.IntValue(); same && whole {
		return b.Sum(asm.D, first, b.Widen(groups), asm.Int(at/div)), true
	}
	rest := b.Narrow(b.Sub(asm.D, sum, b.Mul(asm.D, first, asm.Int(div))))
	rest = b.Sum(asm.W, rest, part, asm.Int(at))
	if _, known := rest.IntValue(); known {
		return b.Sum(asm.D, first, b.Widen(groups), e.floorDiv(dtype.I64, rest, asm.Int(div))), true
	}
	more := asm.R(b.Pure("div.u32", asm.W, rest, asm.Int(div)))
	return b.Sum(asm.D, first, b.Widen(b.Add(asm.W, groups, more))), true
}

// affineForm is what an affine operation computes before its division.
func (e *emitter) affineForm(o *ir.Op) *linear {
	l := &linear{terms: []asm.Arg{asm.Int(o.Int("const"))}}
	factor := o.Ints("factor")
	for i, c := range o.Ints("coef") {
		k := asm.Int(c)
		if f := factor[i]; f >= 0 {
			k = e.b.Mul(asm.D, e.scalar(o.Operands[f]), k)
		}
		e.addLinear(l, e.form(o.Operands[i]), k)
	}
	return l
}

// uniform is the part of a linear form that is the same in all threads and slots.
func (e *emitter) uniform(l *linear) asm.Arg { return e.b.Sum(asm.D, l.terms...) }

// along is a thread's part of a coordinate times a factor, a double.
func (e *emitter) along(p *place, axis int, by asm.Arg) asm.Arg {
	part := e.part(p, axis)
	if k, ok := by.IntValue(); ok {
		if _, constant := part.IntValue(); !constant && k != 0 && k != 1 && k == int64(int32(k)) {
			return asm.R(e.b.Pure("mul.wide.s32", asm.D, part, by))
		}
	}
	return e.b.Mul(asm.D, e.b.Widen(part), by)
}

// index is the value of a linear form for the element in a slot of a tile.
func (e *emitter) index(l *linear, t ir.Type, slot int) asm.Arg {
	terms := append([]asm.Arg{}, l.terms...)
	known := int64(0)
	if t.Kind == ir.Tile {
		p := e.place(t)
		for i, a := range t.Axes {
			by := l.factor(a.Span)
			at := e.b.Mul(asm.D, by, asm.Int(p.coords[slot][i]))
			if k, ok := at.IntValue(); ok {
				known += k
				at = asm.Int(0)
			}
			terms = append(terms, e.along(p, i, by), at)
		}
	}
	return e.near(e.b.Sum(asm.D, terms...), known)
}

// near is x and a number, added where the emitter is: a sum of each slot's own would take registers all the way from where x is known.
func (e *emitter) near(x asm.Arg, k int64) asm.Arg {
	r, ok := x.Reg()
	if !ok || k == 0 {
		return e.b.Add(asm.D, x, asm.Int(k))
	}
	return asm.R(e.b.Once(fmt.Sprint(r, "+", k), func() []asm.Reg { return []asm.Reg{e.b.Do("add.s64", asm.D, x, asm.Int(k))} })[0])
}
