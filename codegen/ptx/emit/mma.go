package emit

import (
	"fmt"
	"slices"

	"github.com/tilec/tilec/codegen/ptx/asm"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/layout"
	"github.com/tilec/tilec/ir/layout/fragment"
)

// matrices is a contraction by an instruction for matrices. The axes of its operands fall into four groups: batches, of
// both and the result; rows, of the first; columns, of the second; and those that are summed. Along a group positions are
// counted with its last axis fastest.
type matrices struct {
	e    *emitter
	atom fragment.Atom
	a, b *operand
	c    *operand // the result
	// steps are the first elements of all steps along the summed axes.
	steps []int64
}

// operand is one of them, whose registers are found by coordinates.
type operand struct {
	v    *value
	t    ir.Type
	p    *place
	frag fragment.Fragment
	// groups are the numbers of the tile's axes that stand for those of the fragment, and of batches.
	groups [3][]int
	// slot finds a register slot by its position along the groups.
	slot map[[3]int64]int
	// view is what lies in shared memory, nil for registers.
	view *view
	// word are the words of registers.
	word []asm.Arg
}

// mma emits a contraction by an instruction for matrices.
func (e *emitter) mma(o *ir.Op) {
	name := o.Str("atom")
	atom, err := fragment.Find(name)
	if err != nil || atom.ISA != "mma.sync" {
		e.fail("a contraction by %q, which is no instruction of %s", name, e.target.Name())
	}
	x, y, sx, sy, acc := o.ContractParts()
	if sx != nil || sy != nil {
		e.fail("a contraction with scales by %s", name)
	}
	m := &matrices{e: e, atom: atom}
	var batch, rows, cols, sums []*ir.Value
	for _, a := range x.Type.Axes {
		switch {
		case slices.Contains(o.Axes, a.Span):
			sums = append(sums, a.Span)
		case y.Type.Axis(a.Span) >= 0:
			batch = append(batch, a.Span)
		default:
			rows = append(rows, a.Span)
		}
	}
	for _, a := range y.Type.Axes {
		if !slices.Contains(o.Axes, a.Span) && x.Type.Axis(a.Span) < 0 {
			cols = append(cols, a.Span)
		}
	}
	t := o.Result().Type
	m.a = m.operand(e.value(x), "a", rows, sums, batch)
	m.b = m.operand(e.value(y), "b", sums, cols, batch)
	m.c = m.operand(&value{t: t}, "c", rows, cols, batch)
	if m.a.view != nil || m.b.view != nil {
		e.arrived()
	}
	// Steps past all that may exist are left out.
	last, width := int64(1), int64(1)
	for i, s := range sums {
		n := x.Type.Layout.Tile()[x.Type.Axis(s)]
		if i == 0 {
			width = s.Type.Width
		} else {
			width *= n
		}
		last *= n
	}
	for s := int64(0); s < min(last, width); s += atom.K {
		m.steps = append(m.steps, s)
	}
	m.run(o, acc)
}

// operand prepares an operand whose spans stand for the axes of a fragment, and for batches.
func (m *matrices) operand(v *value, short string, axis0, axis1, batch []*ir.Value) *operand {
	e := m.e
	x := &operand{v: v, t: v.t, p: e.place(v.t), slot: map[[3]int64]int{}, view: v.view}
	for i, list := range [][]*ir.Value{axis0, axis1, batch} {
		for _, s := range list {
			x.groups[i] = append(x.groups[i], v.t.Axis(s))
		}
	}
	x.frag, _ = m.atom.Operand(short)
	for i := len(x.p.coords) - 1; i >= 0; i-- {
		x.slot[x.at(i)] = i
	}
	// The lanes of every warp hold what those of the instruction hold, from somewhere on.
	d, f := x.p.d, x.frag.Distribution
	for w := range int64(e.warps) {
		first := x.position(d.Coordinates(d.Element(0, 0, w, 0)))
		for l := range int64(32) {
			at, want := x.position(d.Coordinates(d.Element(0, l, w, 0))), f.Coordinates(f.Element(0, l, 0, 0))
			if at[0]-first[0] != want[0] || at[1]-first[1] != want[1] || at[2] != first[2] {
				e.fail("operand %s of %s in the layout %s", short, m.atom.Name, d)
			}
		}
	}
	return x
}

// at is the position of a slot of the first lane.
func (x *operand) at(slot int) [3]int64 { return x.position(x.p.coords[slot]) }

// position is the position of coordinates along the groups.
func (x *operand) position(coords []int64) (at [3]int64) {
	for i, g := range x.groups {
		for _, a := range g {
			at[i] = at[i]*x.p.d.Tile()[a] + coords[a]
		}
	}
	return at
}

// registers gives the registers of the instruction for the fragment that begins at a position: for each of them the slots in it.
func (m *matrices) registers(x *operand, at [3]int64) [][]int {
	f := x.frag.Distribution
	per := 1
	if x.frag.Slot < 32 {
		per = int(32 / x.frag.Slot)
	}
	var list [][]int
	for s := range f.Count(layout.Register) {
		c := f.Coordinates(f.Element(s, 0, 0, 0))
		slot, ok := x.slot[[3]int64{at[0] + c[0], at[1] + c[1], at[2]}]
		if !ok {
			m.e.fail("operand %s has no element %d, %d in the layout %s", x.frag.Name, at[0]+c[0], at[1]+c[1], x.p.d)
		}
		if int(s)%per == 0 {
			list = append(list, nil)
		}
		list[len(list)-1] = append(list[len(list)-1], slot)
	}
	return list
}

// factor are the instruction's registers of a factor in registers, with zeros for what is absent along the summed axes.
func (m *matrices) factor(x *operand, sum int, at [3]int64) []asm.Arg {
	e := m.e
	var list []asm.Arg
	for _, slots := range m.registers(x, at) {
		ragged := false
		for _, s := range slots {
			_, ok := e.live(x.t, s, x.groups[sum])
			ragged = ragged || ok
		}
		if word, ok := m.whole(x, slots); ok {
			if ragged {
				word = e.b.And(asm.W, word, m.mask(x, sum, slots))
			}
			list = append(list, asm.R(e.b.Move(asm.W, word)))
			continue
		}
		elems := make([]asm.Arg, len(slots))
		for i, s := range slots {
			elems[i] = e.elem(x.v, s)
			if in, ok := e.live(x.t, s, x.groups[sum]); ok {
				elems[i] = asm.R(e.b.Select(classOf(x.t.Elem), in, elems[i], asm.Int(0)))
			}
		}
		if len(elems) == 1 {
			list = append(list, asm.R(e.reg(x.t.Elem, elems[0])))
		} else {
			list = append(list, asm.R(e.b.Move(asm.W, e.pack(x.t.Elem.Bits(), elems))))
		}
	}
	return list
}

// mask are the bits of a word's elements in these slots that are there along the summed axes. It is the same for all words
// whose elements stand at the same places along these.
func (m *matrices) mask(x *operand, sum int, slots []int) asm.Arg {
	b, bits := m.e.b, 32/len(slots)
	mask := asm.Int(0)
	for i, s := range slots {
		field := word(uint32(1<<bits-1) << (i * bits))
		if in, ok := m.e.live(x.t, s, x.groups[sum]); ok {
			field = asm.R(b.Select(asm.W, in, field, asm.Int(0)))
		}
		mask = b.Or(asm.W, mask, field)
	}
	return mask
}

// whole is the word that holds these slots and nothing else, where the tile has its elements packed so.
func (m *matrices) whole(x *operand, slots []int) (asm.Arg, bool) {
	if bits := x.t.Elem.Bits(); len(slots) == 1 || !packs(x.t.Elem, x.p.slots) && (x.v.words == nil || bits*len(slots) != 32) {
		return asm.Arg{}, false
	}
	for i, s := range slots {
		if s != slots[0]+i || slots[0]%len(slots) != 0 {
			return asm.Arg{}, false
		}
	}
	if x.word == nil {
		x.word = m.e.words(x.v)
	}
	return asm.R(m.e.b.Move(asm.W, x.word[slots[0]/len(slots)])), true
}

// repeats are the positions along one of the groups at which fragments of so many elements begin.
func (x *operand) repeats(group int, size int64) []int64 {
	var list []int64
	for i := range x.p.coords {
		at := x.at(i)[group] / size * size
		if !slices.Contains(list, at) {
			list = append(list, at)
		}
	}
	slices.Sort(list)
	return list
}

func (m *matrices) run(o *ir.Op, acc *ir.Value) {
	e, b := m.e, m.e.b
	t := o.Result().Type
	class := classOf(t.Elem)
	rows, cols, batches := m.c.repeats(0, m.atom.M), m.c.repeats(1, m.atom.N), m.c.repeats(2, 1)
	elems := make([]asm.Arg, m.c.p.slots)
	half := t.Elem.Bits() < 32 // two elements in a register
	place := e.inPlace(o, acc)
	for _, n := range batches {
		// The registers of each fragment, and those that it begins with.
		type sums struct{ to, from []asm.Arg }
		list := make([]sums, len(rows)*len(cols))
		for i, r := range rows {
			for j, c := range cols {
				s := &list[i*len(cols)+j]
				for _, slots := range m.registers(m.c, [3]int64{r, c, n}) {
					from := m.start(acc, class, slots)
					to := from
					if !place {
						to = asm.R(b.Reg(class))
					}
					s.from, s.to = append(s.from, from), append(s.to, to)
					if !half {
						elems[slots[0]] = to
					}
				}
			}
		}
		as, bs := m.loader(m.a, 1, n, rows), m.loader(m.b, 0, n, cols)
		as.load(0)
		bs.load(0)
		for k := range m.steps {
			if k+1 < len(m.steps) {
				as.load(k + 1)
				bs.load(k + 1)
			}
			right := make([][]asm.Arg, len(cols))
			for j := range cols {
				right[j] = bs.fragment(k, j)
			}
			for i := range rows {
				left := as.fragment(k, i)
				for j := range cols {
					s := &list[i*len(cols)+j]
					b.Emit(m.atom.Form, asm.Vec(s.to...), asm.Vec(left...), asm.Vec(right[j]...), asm.Vec(s.from...))
					s.from = s.to
				}
			}
		}
		for i, r := range rows {
			for j, c := range cols {
				for q, slots := range m.registers(m.c, [3]int64{r, c, n}) {
					for at, k := range slots {
						if half {
							elems[k] = e.unpack(t.Elem, list[i*len(cols)+j].to[q], at)
						}
					}
				}
			}
		}
	}
	for i := range elems {
		elems[i] = elems[m.c.p.twin[i]]
	}
	e.set(o.Result(), &value{elems: elems})
}

// start is a register of the accumulator, zero without one.
func (m *matrices) start(acc *ir.Value, class asm.Class, slots []int) asm.Arg {
	e := m.e
	var x asm.Arg
	switch {
	case acc == nil && class == asm.D:
		x = asm.F64(0)
	case acc == nil:
		x = asm.Int(0)
	case len(slots) > 1:
		var parts []asm.Arg
		for _, k := range slots {
			parts = append(parts, e.elem(e.value(acc), k))
		}
		x = e.pack(acc.Type.Elem.Bits(), parts)
	default:
		x = e.elem(e.value(acc), slots[0])
	}
	return asm.R(e.b.Move(class, x))
}

// inPlace reports whether a contraction may add to the registers of its accumulator: where these are carried by the loop
// around it, rescaled perhaps, and nothing else reads them.
func (e *emitter) inPlace(o *ir.Op, acc *ir.Value) bool {
	if acc != nil && acc.Def != nil && len(e.users(acc)) == 1 {
		if x := e.rescaled(acc.Def); x != nil && sameRegisters(e.value(x), e.value(acc)) {
			acc = x
		}
	}
	if acc == nil || acc.Region == nil || acc.Region != o.Parent || o.Parent.Parent == nil || o.Parent.Parent.Code != ir.For || acc.Index == 0 {
		return false
	}
	y := o.Parent.Yield()
	if y.Flag("breaks") || acc.Index > len(y.Operands) || y.Operands[acc.Index-1] != o.Result() {
		return false
	}
	return len(e.users(acc)) == 1 && len(e.users(o.Result())) == 1
}

// users are the operations of the phase that name a value, as often as they do.
func (e *emitter) users(v *ir.Value) []*ir.Op {
	if e.uses == nil {
		e.uses = map[*ir.Value][]*ir.Op{}
		e.op.Regions[0].Walk(func(o *ir.Op) {
			for _, x := range o.Operands {
				e.uses[x] = append(e.uses[x], o)
			}
		})
	}
	return e.uses[v]
}

// loader gives the fragments of a factor, step by step.
type loader struct {
	m       *matrices
	x       *operand
	sum     int // the number of the fragment's summed axis
	batch   int64
	repeats []int64
	list    [][][]asm.Arg // by step and repeat
}

func (m *matrices) loader(x *operand, sum int, batch int64, repeats []int64) *loader {
	return &loader{m: m, x: x, sum: sum, batch: batch, repeats: repeats, list: make([][][]asm.Arg, len(m.steps))}
}

// load emits the loads of a step.
func (l *loader) load(step int) {
	if l.x.v.stepwise() {
		l.list[step] = l.m.e.fragments(l.x, l.sum, l.m.steps[step], l.repeats, l.batch)
		return
	}
	for _, r := range l.repeats {
		at := [3]int64{r, r, l.batch}
		at[l.sum] = l.m.steps[step]
		l.list[step] = append(l.list[step], l.m.factor(l.x, l.sum, at))
	}
}

// fragment are the registers of a fragment that was loaded, as the instruction takes them.
func (l *loader) fragment(step, repeat int) []asm.Arg {
	list := l.list[step][repeat]
	if s := l.x.v.cast; s != nil {
		return l.m.e.castWords(s, list)
	}
	return list
}

// String is the operand for messages.
func (x *operand) String() string { return fmt.Sprintf("%s of %s", x.frag.Name, x.t) }
