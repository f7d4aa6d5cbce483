package emit

import (
	"slices"

	"github.com/tilec/tilec/codegen/ptx/asm"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
	"github.com/tilec/tilec/ir/layout"
)

// chains is how many sums of products run beside each other for a result.
const chains = 4

// dot emits a contraction of which one operand has all axes: the rows of a matrix by a vector, or products of rows. Each
// thread sums what it holds of that operand, and the sums of threads are folded as those of a reduction. It reports false,
// and emits nothing, where the contraction is another one.
func (e *emitter) dot(o *ir.Op) bool {
	x, y, sx, sy, acc := o.ContractParts()
	t, sum := o.Result().Type, sumType(o)
	if sx != nil || sy != nil || t.Elem.IsFloat() && t.Elem != sum {
		return false
	}
	all := len(t.Axes) + len(o.Axes)
	if len(x.Type.Axes) != all {
		x, y = y, x
	}
	if len(x.Type.Axes) != all || x.Type.Layout == nil || y.Type.Kind == ir.Tile && y.Type.Layout == nil {
		return false
	}
	b, p := e.b, e.place(x.Type)
	u, v := e.value(x), e.value(y)
	slots := make([]int, p.slots)
	if y.Type.Kind == ir.Tile {
		to := y.Type.In(partOf(x.Type, y.Type))
		v = e.rearranged(v, to)
		slots = e.slotsOf(to, x.Type)
	}
	var axes []int
	for _, a := range o.Axes {
		axes = append(axes, x.Type.Axis(a))
	}
	r := t
	if t.Kind == ir.Tile {
		r = t.In(partOf(x.Type, t))
	}
	class := classOf(sum)
	op := map[bool]string{true: "fma.rn.", false: "mad.lo."}[sum.IsFloat()] + map[bool]string{true: sum.String(), false: "s" + class.Suffix()}[sum.IsFloat()]
	zero := e.operand(sum, number(sum, 0))
	list := make([][]asm.Arg, 0, 1)
	add := e.function(ir.Add, sum, sum)
	f := simple(class, number(sum, 0), add)
	bytes := e.fours(sum, u, v)
	for _, group := range e.groups(x.Type, r) {
		group = slices.DeleteFunc(slices.Clone(group), func(i int) bool { return p.twin[i] != i })
		n := max(1, min(chains, len(group)/2))
		sums := make([][]asm.Arg, n)
		done := map[int]bool{}
		if bytes != nil {
			for _, i := range group {
				if i%4 != 0 || slots[i]%4 != 0 || !e.rowOf4(x.Type, group, slots, axes, i) {
					continue
				}
				s := &sums[len(done)/4%n]
				from := asm.Int(0)
				if *s != nil {
					from = (*s)[0]
				}
				*s = []asm.Arg{asm.R(b.Do("dp4a."+e.intKind(x.Type.Elem)+"."+e.intKind(y.Type.Elem), asm.W, bytes[0][i/4], bytes[1][slots[i]/4], from))}
				for k := range 4 {
					done[i+k] = true
				}
			}
		}
		for k, i := range group {
			if done[i] {
				continue
			}
			left, right := e.converted(e.elem(u, i), x.Type.Elem, sum), e.converted(e.elem(v, slots[i]), y.Type.Elem, sum)
			s := &sums[k%n]
			live, ragged := e.live(x.Type, i, axes)
			switch {
			case ragged:
				to := b.Reg(class)
				if *s == nil {
					e.move(to, zero)
					*s = []asm.Arg{asm.R(to)}
				}
				to, _ = (*s)[0].Reg()
				b.EmitIf(asm.R(live), op, asm.R(to), left, right, asm.R(to))
			case *s == nil:
				*s = []asm.Arg{asm.R(b.Do(op, class, left, right, zero))}
			default:
				*s = []asm.Arg{asm.R(b.Do(op, class, left, right, (*s)[0]))}
			}
		}
		list = append(list, f.tree(slices.DeleteFunc(sums, func(s []asm.Arg) bool { return s == nil })))
	}
	e.foldLanes(p, axes, f, list)
	e.foldWarps(p, axes, f, list)
	elems := make([]asm.Arg, len(list))
	for i := range list {
		elems[i] = list[i][0]
	}
	if acc != nil {
		from := e.value(acc)
		if t.Kind == ir.Tile {
			from = e.rearranged(from, r)
		}
		for i := range elems {
			elems[i] = add(e.converted(e.elem(from, i), t.Elem, sum), elems[i])
		}
	}
	for i := range elems {
		if t.Elem.IsInt() {
			elems[i] = e.wrapped(elems[i], t.Elem)
		}
	}
	if t.Kind == ir.Scalar {
		e.set(o.Result(), &value{scalar: elems[0]})
	} else {
		e.set(o.Result(), e.rearranged(&value{t: r, elems: elems}, t))
	}
	return true
}

// fours are the elements of both operands as bytes, four in a word, where they are small integers that lie so; else nil.
func (e *emitter) fours(sum dtype.Type, u, v *value) [][]asm.Arg {
	var list [][]asm.Arg
	for i, x := range []*value{u, v} {
		t := x.t.Elem
		if sum != dtype.I32 || !t.IsInt() || t.Bits() > 8 || x.t.Kind != ir.Tile || x.words == nil && i == 0 {
			return nil
		}
		n := e.place(x.t).slots
		switch to := dtype.Int(8); {
		case n%4 != 0:
			return nil
		case t.Bits() == 8:
			list = append(list, e.words(x))
		default:
			if !t.Signed {
				to = dtype.Uint(8)
			}
			if x.words == nil {
				return nil
			}
			y := e.sequence(t, to, x.words, n)
			if y == nil {
				return nil
			}
			list = append(list, y.words)
		}
	}
	return list
}

// rowOf4 reports whether four slots from one on are summed into one result, all of them there, and meet four in a row.
func (e *emitter) rowOf4(x ir.Type, group, slots []int, axes []int, i int) bool {
	for k := i; k < i+4; k++ {
		if _, ragged := e.live(x, k, axes); ragged || !slices.Contains(group, k) || slots[k] != slots[i]+k-i {
			return false
		}
	}
	return true
}

// partOf is the layout of a tile of type x as a part of one of type u, which has its axes: what u holds along others is
// held by replicas, but by one register.
func partOf(u, x ir.Type) *layout.Distribution {
	tile := make([]int64, len(x.Axes))
	for i, a := range x.Axes {
		tile[i] = u.Layout.Tile()[u.Axis(a.Span)]
	}
	all, _ := u.Layout.Digits()
	var digits []layout.Digit
	for _, g := range all {
		if g.Axis != layout.Replica {
			g.Axis = x.Axis(u.Axes[g.Axis].Span)
		}
		if g.Axis == layout.Replica {
			if g.Unit == layout.Register {
				continue
			}
			g.Stride = 0
		}
		digits = append(digits, g)
	}
	d, err := layout.Distribute(tile, digits...)
	if err != nil {
		panic("emit: " + err.Error()) // no digit reaches further than in u
	}
	return &d
}
