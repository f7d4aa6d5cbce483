package emit

import (
	"slices"

	"github.com/tilec/tilec/ir"
)

// order knows which accesses of tensors other threads of the block may still have under way, so that a barrier stands
// between two that may meet in an element.
type order struct {
	pending []visit
}

// visit is an access of a tensor that the phase writes. Earlier says that it was done in an earlier iteration of a loop
// that is not left, rather than before the present access in the same iteration.
type visit struct {
	op      *ir.Op
	earlier bool
}

// settle says that all threads have met.
func (o *order) settle() { o.pending = nil }

func (o *order) add(list ...visit) {
	for _, v := range list {
		if !slices.Contains(o.pending, v) {
			o.pending = append(slices.Clip(o.pending), v)
		}
	}
}

// around emits an operation with regions.
func (e *emitter) around(o *ir.Op, emit func()) {
	var within []visit
	for _, r := range o.Regions {
		r.Walk(func(x *ir.Op) {
			if e.tracked(x) {
				within = append(within, visit{x, false})
			}
		})
	}
	before := e.order.pending
	if o.Code != ir.If {
		for _, v := range within {
			e.order.add(visit{v.op, true})
		}
	}
	emit()
	e.order.add(before...)
	e.order.add(within...)
}

// tracked reports whether an operation reaches a tensor that the phase writes.
func (e *emitter) tracked(o *ir.Op) bool {
	switch o.Code {
	case ir.Load, ir.Store, ir.Atomic:
		return e.written[o.Operands[0]]
	case ir.Copy:
		return e.written[o.Operands[1]]
	}
	return false
}

// meets puts a barrier before an access that may meet an earlier one of another thread, and notes it.
func (e *emitter) meets(o *ir.Op) {
	if !e.tracked(o) {
		return
	}
	if slices.ContainsFunc(e.order.pending, func(v visit) bool { return e.conflict(v, o) }) {
		e.barrier()
	}
	e.order.add(visit{o, false})
}

// conflict reports whether two accesses may meet in an element, in different threads, one of them writing.
func (e *emitter) conflict(v visit, o *ir.Op) bool {
	if tensorOperand(v.op) != tensorOperand(o) {
		return false
	}
	if v.op.Code == o.Code && (o.Code == ir.Load || o.Code == ir.Atomic && commute(v.op, o)) {
		return false
	}
	if v.op.Code == ir.Copy || o.Code == ir.Copy {
		return v.op.Code == ir.Store || o.Code == ir.Store || v.op.Code == ir.Atomic || o.Code == ir.Atomic
	}
	if disjoint(v, o) {
		return false
	}
	if !e.sameThreads(v.op, o) {
		return true
	}
	if !v.earlier {
		return false
	}
	for r := o.Parent; r.Parent != nil && r.Parent.Code != ir.Parallel; r = r.Parent.Parent {
		if l := r.Parent; (l.Code == ir.For || l.Code == ir.While) && !apart(l, o) {
			return true
		}
	}
	return false
}

// disjoint reports whether two accesses name different indices of some dimension: those of loops or spans of which one ends
// where the other begins, or multiples of a number plus something that is not the same, as 2j and 2j + 1 are.
func disjoint(v visit, o *ir.Op) bool {
	theirs := v.op.Subscripts()
	for i, s := range o.Subscripts() {
		a, okA := stretchOf(s)
		b, okB := stretchOf(theirs[i])
		if okA && okB && (a.before(b, v, o) || b.before(a, v, o)) || tensorOperand(o).Type.Elem.Bits()%8 == 0 && interleaved(s, theirs[i]) {
			return true
		}
	}
	return false
}

// interleaved reports whether two subscripts never have the same value: all factors of what they are made of have a divisor in
// common, of which their difference is no multiple.
func interleaved(x, y *ir.Value) bool {
	g, by := int64(0), int64(0)
	for i, v := range []*ir.Value{x, y} {
		if v.Def == nil || v.Def.Code != ir.Affine {
			return false
		}
		terms, k, div, mod := v.Def.AffineTerms()
		if div != 1 || mod != 0 {
			return false
		}
		for _, t := range terms {
			for a, b := g, t.Coef; ; a, b = b, a%b {
				if b == 0 {
					g = a
					break
				}
			}
		}
		by += k * int64(1-2*i)
	}
	return g != 0 && by%g != 0
}

// stretch is the indices from lo+by to hi+by-1.
type stretch struct {
	lo, hi *ir.Value
	by     int64
}

// stretchOf is the indices that a subscript has in all iterations of its loop.
func stretchOf(s *ir.Value) (stretch, bool) {
	by := int64(0)
	if o := s.Def; o != nil && o.Code == ir.Affine && len(o.Operands) == 1 && o.Ints("coef")[0] == 1 && o.Ints("factor")[0] < 0 &&
		o.Int("div") == 1 && o.Int("mod") == 0 {
		s, by = o.Operands[0], o.Int("const")
	}
	switch {
	case s.Def != nil && s.Def.Code == ir.SpanOf:
		return stretch{s.Def.Operands[0], s.Def.Operands[1], by}, true
	case s.Region != nil && s.Region.Parent != nil && s.Region.Parent.Code == ir.For && s.Region.Args[0] == s:
		return stretch{s.Region.Parent.Operands[0], s.Region.Parent.Operands[1], by}, true
	}
	return stretch{}, false
}

// before reports whether one stretch ends where the other begins, or before: of two accesses, of which one may be of an
// earlier iteration of a loop around both.
func (x stretch) before(y stretch, v visit, o *ir.Op) bool {
	if end, ok := x.hi.ConstInt(); ok {
		begin, ok := y.lo.ConstInt()
		return ok && end+x.by <= begin+y.by
	}
	if x.hi != y.lo || x.by > y.by {
		return false
	}
	if v.earlier { // then the bound must be the same in all iterations
		for r := o.Parent; r != nil && r.Parent != nil && r.Parent.Code != ir.Parallel; r = r.Parent.Parent {
			if c := r.Parent.Code; (c == ir.For || c == ir.While) && within(r.Parent, x.hi) {
				return false
			}
		}
	}
	return true
}

// commute reports whether the order of two atomic operations does not matter.
func commute(x, y *ir.Op) bool {
	kind := x.Str("kind")
	return kind == y.Str("kind") && kind != "xchg" && kind != "cas" && len(x.Results)+len(y.Results) == 0
}

func tensorOperand(o *ir.Op) *ir.Value {
	if o.Code == ir.Copy {
		return o.Operands[1]
	}
	return o.Operands[0]
}

// sameThreads reports whether two accesses that name the same elements do so in the same threads.
func (e *emitter) sameThreads(x, y *ir.Op) bool {
	if !slices.Equal(x.Subscripts(), y.Subscripts()) || x.Code == ir.Atomic && x.Mask() != nil {
		return false
	}
	if x == y {
		return x.Code != ir.Atomic || accessType(x).Kind == ir.Scalar
	}
	a, b := accessType(x), accessType(y)
	stores := x.Code != ir.Load && y.Code != ir.Load
	if a.Kind == ir.Scalar {
		return stores
	}
	if slices.ContainsFunc(x.Subscripts(), func(v *ir.Value) bool { return v.Type.Kind == ir.Tile }) && x.Code == ir.Atomic {
		return false // equal indices are in several threads
	}
	if !slices.Equal(a.Axes, b.Axes) || !a.Layout.Equal(*b.Layout) {
		return false
	}
	// Of replicas one stores, and all load.
	return stores || !e.place(a).replicated
}

// accessType is the type that says where the elements of a load, store or atomic are held.
func accessType(o *ir.Op) ir.Type {
	if o.Code == ir.Load {
		return o.Result().Type
	}
	return o.Stored()[0].Type
}

// apart reports whether an access names, in different iterations of a loop around it, other elements, or the same.
func apart(loop, o *ir.Op) bool {
	same := true
	for _, s := range o.Subscripts() {
		if loop.Code == ir.For && s == loop.Regions[0].Args[0] {
			return true
		}
		same = same && !within(loop, s)
	}
	return same
}

// within reports whether a value is made in one of an operation's regions.
func within(o *ir.Op, v *ir.Value) bool {
	r := v.Region
	if v.Def != nil {
		r = v.Def.Parent
	}
	for ; r != nil && r.Parent != nil; r = r.Parent.Parent {
		if r.Parent == o {
			return true
		}
	}
	return false
}
