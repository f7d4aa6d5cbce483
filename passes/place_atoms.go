package passes

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
	"github.com/tilec/tilec/ir/layout"
	"github.com/tilec/tilec/ir/layout/fragment"
)

// cover is how a contraction is made of matrix instructions. Its operand a is the instruction's A, and b its B.
//
// Registers of each operand: the slots of the instruction's fragment, then repeats along k (of A and B) or n (of C), then
// along m (of A and C) or n (of B), then along batch axes. A warp has a part of m, n and the batch axes that is one
// piece. Several axes of one kind count as one, the last of them the fastest.
type cover struct {
	o    *ir.Op
	atom fragment.Atom
	// The axes by kind; k in the order of operand a.
	batch, m, n, k []*ir.Value
	// rows says that warps split m alone: C is the A of another contraction, or A the C of one.
	rows    bool
	a, b, c *form
}

// axisKinds sorts the axes of a contraction.
func axisKinds(o *ir.Op) (batch, m, n, k []*ir.Value) {
	a, b, _, _, _ := o.ContractParts()
	for _, x := range a.Type.Axes {
		switch {
		case slices.Contains(o.Axes, x.Span):
			k = append(k, x.Span)
		case b.Type.Axis(x.Span) >= 0:
			batch = append(batch, x.Span)
		default:
			m = append(m, x.Span)
		}
	}
	for _, x := range b.Type.Axes {
		if !slices.Contains(o.Axes, x.Span) && a.Type.Axis(x.Span) < 0 {
			n = append(n, x.Span)
		}
	}
	return batch, m, n, k
}

// operandType is the type in which a matrix instruction takes the operands of a contraction exactly, and the name of the
// instruction without its shape; ok is false where there is none whose sums are in the result's type.
func (p *placer) operandType(o *ir.Op) (ta, tb dtype.Type, name string, ok bool) {
	a, b, sum := o.Operands[0].Type.Elem, o.Operands[1].Type.Elem, o.Result().Type.Elem
	if x, y := floats8[a], floats8[b]; x != "" && y != "" && sum == dtype.F32 {
		if x != y {
			x += "x" + y
		}
		if _, has := p.instruction(o, x, 32); has {
			return a, b, x, true
		}
	}
	switch {
	case a == dtype.F64 && b == dtype.F64 && sum == dtype.F64:
		return a, b, "f64", true
	case a == dtype.TF32 && b == dtype.TF32 && sum == dtype.F32:
		return a, b, "tf32", true
	case sum == dtype.F32 && exactIn(a, dtype.F16) && exactIn(b, dtype.F16):
		return dtype.F16, dtype.F16, "f16", true
	case sum == dtype.F32 && exactIn(a, dtype.BF16) && exactIn(b, dtype.BF16):
		return dtype.BF16, dtype.BF16, "bf16", true
	case sum == dtype.I32 && a == dtype.Uint(1) && b == a:
		return a, b, "b1", true
	case sum == dtype.I32 && byteOf(a).Valid() && byteOf(b).Valid():
		ta, tb = byteOf(a), byteOf(b)
		name = byteName(ta)
		if ta != tb {
			name += "x" + byteName(tb)
		}
		return ta, tb, name, true
	}
	return ta, tb, "", false
}

// floats8 are the types of 8-bit floats that matrix instructions take, by their names there.
var floats8 = map[dtype.Type]string{dtype.F8E4M3: "e4m3", dtype.F8E5M2: "e5m2"}

// exactIn reports whether a float type has all values of another, smaller or equal one.
func exactIn(t, in dtype.Type) bool {
	return t.IsFloat() && t.Bits() <= 16 && dtype.Widens(t, in)
}

// byteOf is the type of 8 bits that has all values of an integer type; not valid where there is none.
func byteOf(t dtype.Type) dtype.Type {
	switch {
	case !t.IsInt() || t == dtype.Bool || t.Bits() > 8:
		return dtype.Type{}
	case dtype.Widens(t, dtype.I8):
		return dtype.I8
	case dtype.Widens(t, dtype.U8):
		return dtype.U8
	}
	return dtype.Type{}
}

func byteName(t dtype.Type) string {
	if t == dtype.I8 {
		return "s8"
	}
	return "u8"
}

// instruction is the matrix instruction for types and an extent of k, of those that a contraction may be made of.
func (p *placer) instruction(o *ir.Op, types string, k int64) (fragment.Atom, bool) {
	var best fragment.Atom
	for _, name := range instructions(types) {
		a, err := fragment.Find(name)
		if err == nil && a.Has(p.m.Target) && p.promises.allowed(o, name) && (best.Name == "" || k < best.K) {
			best = a
		}
	}
	return best, best.Name != ""
}

// waste is how many times more products than there are a matrix instruction may compute.
const waste = 16

// covers chooses matrix instructions for the contractions of a region, and rewrites these: operands are cast to the
// instruction's types, and change sides where its rows would be wasted or where the result's rows are wanted on the other
// side. It comes before anything has a form.
func (p *placer) covers(r *ir.Region) (why map[*ir.Op]string) {
	list, why := p.eligible(r)
	p.sides(list)
	for _, c := range list {
		p.rewrite(c)
	}
	p.fn.Number()
	return why
}

// flat is the number of the operand of a contraction that has all axes, those of the result and those that are summed, and is
// summed where it is: nothing of it is used twice. It is -1 where no operand is so.
func (p *placer) flat(o *ir.Op) int {
	if o.Code != ir.Contract || p.cover[o] != nil || o.Int("scaled") != 0 {
		return -1
	}
	t, a, b := o.Result().Type, o.Operands[0].Type, o.Operands[1].Type
	wide := a.Elem == dtype.F64 || b.Elem == dtype.F64
	if t.Elem.IsFloat() && t.Elem != dtype.F64 && (t.Elem != dtype.F32 || wide) {
		return -1
	}
	for i, x := range []ir.Type{a, b} {
		if len(x.Axes) == len(t.Axes)+len(o.Axes) {
			return i
		}
	}
	return -1
}

// supplant makes what computes a new value compute the result of an operation, which goes.
func supplant(o *ir.Op, v *ir.Value) {
	old, d := o.Result(), v.Def
	old.Def, old.Index = d, 0
	d.Results[0] = old
	o.Remove()
}

// eligible are the contractions that have a matrix instruction; why says of the others why they have none.
func (p *placer) eligible(r *ir.Region) (list []*cover, why map[*ir.Op]string) {
	why = map[*ir.Op]string{}
	r.Walk(func(o *ir.Op) {
		if o.Code != ir.Contract {
			return
		}
		c, reason := p.coverOf(o)
		if reason != "" {
			why[o] = reason
			return
		}
		list = append(list, c)
	})
	return list, why
}

// coverOf is a matrix instruction for a contraction, or why there is none.
func (p *placer) coverOf(o *ir.Op) (c *cover, why string) {
	switch {
	case o.Int("scaled") != 0:
		return nil, "it has scales"
	case o.Result().Type.Kind != ir.Tile:
		return nil, "its result is one element"
	case inScan(o):
		return nil, "it stands in the function of a scan"
	}
	a, b, sum := o.Operands[0].Type.Elem, o.Operands[1].Type.Elem, o.Result().Type.Elem
	_, _, name, ok := p.operandType(o)
	if !ok {
		return nil, fmt.Sprintf("no instruction multiplies %s by %s exactly and sums in %s", a, b, sum)
	}
	c = &cover{o: o}
	c.batch, c.m, c.n, c.k = axisKinds(o)
	if len(c.m) == 0 || len(c.n) == 0 {
		return nil, "one of its operands has no axis of its own"
	}
	if c.atom, ok = p.instruction(o, name, width(c.k)); !ok {
		return nil, fmt.Sprintf("for its types there are %s", strings.Join(instructions(name), ", "))
	}
	// Both ways round.
	work := width(c.m) * width(c.n) * width(c.k)
	k := (width(c.k) + c.atom.K - 1) / c.atom.K * c.atom.K
	padding := min(padded(c.m, c.atom.M)*padded(c.n, 8), padded(c.n, c.atom.M)*padded(c.m, 8)) * k
	if padding > waste*work || work < 8*c.atom.K {
		return nil, fmt.Sprintf("it is %dx%dx%d, and %s would compute %d times as much", width(c.m), width(c.n), width(c.k), c.atom.Name, padding/max(work, 1))
	}
	return c, ""
}

func inScan(o *ir.Op) bool {
	for q := o.Parent.Parent; q != nil; q = q.Parent.Parent {
		if q.Code == ir.Scan {
			return true
		}
	}
	return false
}

// width is the product of the widths of spans.
func width(spans []*ir.Value) int64 {
	n := int64(1)
	for _, s := range spans {
		n *= max(s.Type.Width, 1)
	}
	return n
}

func padded(spans []*ir.Value, by int64) int64 { return (width(spans) + by - 1) / by * by }

// sides says of each contraction which operand is A, and whether warps split its rows alone. Where the result of one
// is an operand of another, summed over, it should be that one's A: the fragments of results and of A are the same
// registers, if the summed axes are the result's columns.
func (p *placer) sides(list []*cover) {
	by := map[*ir.Op]*cover{}
	for _, c := range list {
		by[c.o] = c
	}
	flip := map[*cover]bool{}
	settled := map[*cover]bool{}
	c0 := p.classes(p.fn.Body)
	uses := users(p.fn.Body)
	for _, c := range list {
		for _, q := range reached(c.o.Result(), uses) {
			next := by[q.o]
			if next == nil || next == c {
				continue
			}
			columns, rows := c.n, c.m
			if flip[c] {
				columns, rows = rows, columns
			}
			switch {
			case among(next.k, columns):
			case among(next.k, rows) && !settled[c]:
				flip[c] = !flip[c]
				columns, rows = rows, columns
			default:
				continue
			}
			if width(rows) < c.atom.M*p.warps || width(rows)%c.atom.M != 0 {
				continue // too few rows for all warps
			}
			settled[c], c.rows = true, true
			if !settled[next] {
				settled[next], next.rows = true, true
				flip[next] = q.i == 1
			}
		}
	}
	// Results that meet have their rows on one side.
	for _, c := range list {
		if settled[c] {
			continue
		}
		for _, d := range list {
			if !settled[d] || c0.find(c.o.Result()) != c0.find(d.o.Result()) {
				continue
			}
			rows := d.m
			if flip[d] {
				rows = d.n
			}
			flip[c], c.rows, settled[c] = !among(c.m, rows), d.rows, true
			break
		}
	}
	for _, c := range list {
		if !settled[c] {
			there := padded(c.m, c.atom.M) * padded(c.n, 8)
			back := padded(c.n, c.atom.M) * padded(c.m, 8)
			flip[c] = back < there
		}
		if flip[c] {
			p.turn(c)
		}
	}
}

// among reports whether all of some spans are among others.
func among(some, all []*ir.Value) bool {
	for _, s := range some {
		if !slices.Contains(all, s) {
			return false
		}
	}
	return true
}

// use is an operand of an operation.
type use struct {
	o *ir.Op
	i int
}

// users are the uses of every value.
func users(r *ir.Region) map[*ir.Value][]use {
	list := map[*ir.Value][]use{}
	r.Walk(func(o *ir.Op) {
		for i, v := range o.Operands {
			list[v] = append(list[v], use{o, i})
		}
	})
	return list
}

// reached are the uses by contractions of a value, or of what is computed from it element by element.
func reached(v *ir.Value, uses map[*ir.Value][]use) []use {
	var found []use
	seen := map[*ir.Value]bool{}
	var visit func(v *ir.Value)
	visit = func(v *ir.Value) {
		if seen[v] {
			return
		}
		seen[v] = true
		for _, u := range uses[v] {
			switch {
			case u.o.Code == ir.Contract:
				if u.i < 2 {
					found = append(found, u)
				}
			case u.o.Code.Spec().Elementwise():
				visit(u.o.Result())
			case u.o.Code == ir.Bcast && len(u.o.Result().Type.Axes) == len(v.Type.Axes):
				visit(u.o.Result())
			case u.o.Code == ir.Yield && u.o.Parent.Parent != nil && u.o.Parent.Parent.Code == ir.If:
				visit(u.o.Parent.Parent.Results[u.i])
			}
		}
	}
	visit(v)
	return found
}

// turn changes the sides of a contraction: a·b becomes b·a, whose result has its axes in another order.
func (p *placer) turn(c *cover) {
	o := c.o
	b := ir.NewBuilder(p.fn).At(o.Pos)
	b.Before(o)
	x, y, _, _, acc := o.ContractParts()
	t := o.Result().Type
	var axes []ir.Axis
	for _, a := range y.Type.Axes {
		if !slices.Contains(o.Axes, a.Span) {
			axes = append(axes, a)
		}
	}
	for _, a := range x.Type.Axes {
		if !slices.Contains(o.Axes, a.Span) && y.Type.Axis(a.Span) < 0 {
			axes = append(axes, a)
		}
	}
	if acc != nil {
		acc = b.Bcast(acc, axes)
	}
	r := b.Contract(t.Elem, y, x, nil, nil, acc, o.Axes...)
	r.Name = o.Result().Name
	c.o = r.Def
	back := b.Bcast(r, t.Axes)
	if back == r {
		back = b.Emit(&ir.Op{Code: ir.Bcast, Operands: []*ir.Value{r}, Results: []*ir.Value{{Type: t}}}).Result()
	}
	supplant(o, back)
	c.batch, c.m, c.n, c.k = axisKinds(c.o)
}

// rewrite gives a contraction its instruction, with operands of its types.
func (p *placer) rewrite(c *cover) {
	o := c.o
	ta, tb, _, _ := p.operandType(o)
	if ta != tb { // which of them is first has changed with the sides
		_, _, types, _ := p.operandType(o)
		c.atom, _ = fragment.Find(fmt.Sprintf("mma_m%dn8k%d_%s", c.atom.M, c.atom.K, types))
	}
	b := ir.NewBuilder(p.fn).At(o.Pos)
	b.Before(o)
	o.Operands[0] = b.Cast(o.Operands[0], ta, "rne", "sat")
	o.Operands[1] = b.Cast(o.Operands[1], tb, "rne", "sat")
	// Axes are at least as long as the instruction.
	p.room(c.m, c.atom.M)
	p.room(c.n, c.atom.N)
	p.room(c.k, c.atom.K)
	p.cover[o] = c
}

// room makes the last of some axes so long that their positions are a multiple of a number.
func (p *placer) room(spans []*ir.Value, by int64) {
	n := int64(1)
	for _, s := range spans {
		n *= p.extent(s)
	}
	if n%by != 0 {
		last := spans[len(spans)-1]
		p.grow(last, p.extent(last)*(by/gcd(n, by)))
	}
}

// shape gives the operands of a contraction their forms; ok is false where the digits do not fit the axes.
func (p *placer) shape(c *cover) (ok bool) {
	defer func() {
		if r := recover(); r != nil {
			if _, bad := r.(unfit); !bad {
				panic(r)
			}
			ok = false
		}
	}()
	m, n := p.product(c.m)/c.atom.M, p.product(c.n)/c.atom.N
	k := p.product(c.k) / c.atom.K
	left := p.warps
	wb := gcd(left, p.product(c.batch))
	left /= wb
	wm, wn := split(left, m, n, c.rows)
	same := left / (wm * wn)
	rm, rn, rb := m/wm, n/wn, p.product(c.batch)/wb
	build := func(v *ir.Value, operand string, rows, columns []*ir.Value, repeats, warps [][3]int64) *form {
		f, found := c.atom.Operand(operand)
		if !found {
			panic(unfit{})
		}
		digits, _ := f.Distribution.Digits()
		groups := [][]*ir.Value{rows, columns, c.batch}
		var list []digit
		for _, g := range digits {
			if g.Axis == layout.Replica {
				list = append(list, g)
				continue
			}
			list = append(list, p.along(v.Type, groups[g.Axis], g.Unit, g.Size, g.Stride)...)
		}
		for _, r := range repeats {
			list = append(list, p.along(v.Type, groups[r[0]], layout.Register, r[1], r[2])...)
		}
		for _, w := range warps {
			if w[0] < 0 {
				list = append(list, digit{Size: w[1], Unit: layout.Warp, Axis: layout.Replica})
				continue
			}
			list = append(list, p.along(v.Type, groups[w[0]], layout.Warp, w[1], w[2])...)
		}
		return p.forms.make(p.tile(v.Type), list)
	}
	am, an, ak := c.atom.M, c.atom.N, c.atom.K
	both := [][3]int64{{-1, same, 0}, {2, wb, rb}}
	c.a = build(c.o.Operands[0], "a", c.m, c.k, [][3]int64{{1, k, ak}, {0, rm, am}, {2, rb, 1}},
		append([][3]int64{{0, wm, am * rm}, {-1, wn, 0}}, both...))
	c.b = build(c.o.Operands[1], "b", c.k, c.n, [][3]int64{{0, k, ak}, {1, rn, an}, {2, rb, 1}},
		append([][3]int64{{-1, wm, 0}, {1, wn, an * rn}}, both...))
	c.c = build(c.o.Result(), "d", c.m, c.n, [][3]int64{{1, rn, an}, {0, rm, am}, {2, rb, 1}},
		append([][3]int64{{0, wm, am * rm}, {1, wn, an * rn}}, both...))
	return true
}

// unfit is thrown where a digit does not fit axes.
type unfit struct{}

// split parts warps over m and n rows and columns of instructions: so that warps have the least to read.
func split(warps, m, n int64, rows bool) (wm, wn int64) {
	if rows {
		return gcd(warps, m), 1
	}
	best := int64(-1)
	for a := int64(1); a <= warps; a++ {
		if warps%a != 0 || m%a != 0 {
			continue
		}
		b := gcd(warps/a, n)
		// What all warps read, those that repeat others included; rows of instructions are twice as long as columns.
		if cost := (warps / (a * b)) * a * b * (2*m/a + n/b); best < 0 || cost < best {
			best, wm, wn = cost, a, b
		}
	}
	return wm, wn
}

// product is the product of the extents of spans.
func (p *placer) product(spans []*ir.Value) int64 {
	n := int64(1)
	for _, s := range spans {
		n *= p.extent(s)
	}
	return n
}

// along is a digit along several axes that count as one, the last the fastest.
func (p *placer) along(t ir.Type, spans []*ir.Value, u layout.Unit, size, stride int64) []digit {
	var list []digit
	for i := len(spans) - 1; i >= 0 && size > 1; i-- {
		n := p.extent(spans[i])
		if stride >= n {
			if stride%n != 0 {
				panic(unfit{})
			}
			stride /= n
			continue
		}
		if n%stride != 0 {
			panic(unfit{})
		}
		part := min(size, n/stride)
		if size%part != 0 || n/stride%part != 0 {
			panic(unfit{})
		}
		list = append(list, digit{Size: part, Unit: u, Axis: t.Axis(spans[i]), Stride: stride})
		size /= part
		stride = 1
	}
	if size > 1 {
		panic(unfit{})
	}
	return list
}

// loadedAlong reports whether a factor is loaded by rows along a span.
func loadedAlong(v, span *ir.Value) bool {
	for v.Def != nil && (v.Def.Code == ir.Cast || v.Def.Code == ir.Rebind) {
		v = v.Def.Operands[0]
	}
	if v.Def == nil || v.Def.Code != ir.Load {
		return false
	}
	i := contiguous(v.Def, v.Type)
	return i >= 0 && v.Type.Axes[i].Span == span
}

// outer is the form of the result of a contraction by multiply-adds: each thread has a piece of both its rows and its columns,
// so that it uses what it reads often. Neighbours along an axis are a thread's own where one of the factors is read in vectors
// along it, else they are those of neighbouring lanes, which then read at places of their own. Nil where the result lacks rows or columns.
func (p *placer) outer(o *ir.Op) *form {
	batch, m, n, _ := axisKinds(o)
	if len(m) == 0 || len(n) == 0 {
		return nil
	}
	t := o.Result().Type
	tile := p.tile(t)
	left, stride := slices.Clone(tile), make([]int64, len(tile))
	for i := range stride {
		stride[i] = 1
	}
	var digits []digit
	take := func(u layout.Unit, spans []*ir.Value, n int64) int64 {
		got := int64(1)
		for _, s := range slices.Backward(spans) {
			i := t.Axis(s)
			part := gcd(n/got, left[i])
			digits = append(digits, digit{Size: part, Unit: u, Axis: i, Stride: stride[i]})
			left[i], stride[i], got = left[i]/part, stride[i]*part, got*part
		}
		return got
	}
	all := p.product(m) * p.product(n) * p.product(batch)
	vector := func(v *ir.Value, spans []*ir.Value, lanes int64) {
		if !loadedAlong(v, spans[len(spans)-1]) {
			return
		}
		n := int64(4)
		for n > 1 && (p.product(spans) < lanes*n || all < 32*p.warps*n) {
			n /= 2
		}
		all /= take(layout.Register, spans[len(spans)-1:], n)
	}
	vector(o.Operands[1], n, 8)
	vector(o.Operands[0], m, 4)
	lanes := take(layout.Lane, n, 8)
	lanes *= take(layout.Lane, m, 32/lanes)
	lanes *= take(layout.Lane, n, 32/lanes)
	lanes *= take(layout.Lane, batch, 32/lanes)
	digits = append(digits, digit{Size: 32 / lanes, Unit: layout.Lane, Axis: layout.Replica})
	warps := int64(1)
	for _, spans := range [][]*ir.Value{m, batch, n} {
		warps *= take(layout.Warp, spans, p.warps/warps)
	}
	digits = append(digits, digit{Size: p.warps / warps, Unit: layout.Warp, Axis: layout.Replica})
	for _, s := range slices.Concat(batch, m, n) {
		i := t.Axis(s)
		digits = append(digits, digit{Size: left[i], Unit: layout.Register, Axis: i, Stride: stride[i]})
	}
	return p.forms.make(tile, digits)
}
