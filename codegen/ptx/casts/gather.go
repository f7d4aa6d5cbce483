package casts

import (
	"math/bits"
	"sort"
)

// A field is bits that lie together in an input word and together in a register: width bits from bit src of the input to
// bit dst.
type field struct{ src, dst, width int }

func (f field) mask() uint32 { return span(f.dst, f.width) }

// A form is one way to gather a register: parts, each of fields that want to come from one copy, and the bits that are
// inverted or set behind them. Loose bits may come out as anything. Tag says to the recipe which of its forms it is.
type form struct {
	parts [][]field
	flip  uint32
	loose uint32
	tag   int
}

// An item is a register to be gathered, in one of some forms.
type item []form

// A copied is a register made of input words: word a, or {word b, word a} shifted right by shift, then its bytes permuted
// with those of word b (of itself after a shift), or with those of a constant, if perm is set. Before all that, word a is
// inverted at flip.
type copied struct {
	a, b  int8
	shift uint8
	perm  bool
	fixed bool   // the other bytes are those of the constant
	sel   uint16 // selector of prmt
	value uint32 // the constant
	flip  uint32
}

// base is the copy that a permuted one is made from.
func (c copied) base() copied {
	if !c.perm {
		return c
	}
	if c.shift == 0 {
		c.b = c.a
	}
	return copied{a: c.a, b: c.b, shift: c.shift, flip: c.flip}
}

// plain reports whether the copy is an input word.
func (c copied) plain() bool { return !c.perm && c.shift == 0 && c.flip == 0 }

// A take is what an item takes of a copy.
type take struct {
	from copied
	mask uint32
}

// An option is a form with the copies that give it.
type option struct {
	form  *form
	takes []take
	lops  int // instructions that mask and merge
	nodes []copied
	// Within one search, numbers of the nodes and of the constants that mask and set bits.
	ids, constants []int
}

func newOption(f *form, takes []take) option {
	o := option{form: f, takes: make([]take, 0, len(takes)), nodes: make([]copied, 0, 2*len(takes))}
	for _, t := range takes {
		seen := false
		for i := range o.takes {
			if o.takes[i].from == t.from {
				o.takes[i].mask |= t.mask
				seen = true
			}
		}
		if !seen {
			o.takes = append(o.takes, t)
			// What makes the copy may be shared with others.
			if base := t.from.base(); !base.plain() {
				o.addNode(base)
			}
			if t.from.perm {
				o.addNode(t.from)
			}
		}
	}
	o.lops = len(o.takes)
	if o.selects() {
		o.lops = 1
	}
	if t := o.takes[0]; len(o.takes) == 1 && (t.from.fixed || t.mask|f.loose == ^uint32(0) && f.flip == 0) {
		o.lops = 0
	}
	return o
}

// selects reports whether one lop3 merges two copies, each bit being one's, the other's or anything.
func (o *option) selects() bool {
	return len(o.takes) == 2 && o.form.flip == 0 && o.takes[0].mask|o.takes[1].mask|o.form.loose == ^uint32(0)
}

func (o *option) addNode(n copied) {
	for _, have := range o.nodes {
		if have == n {
			return
		}
	}
	o.nodes = append(o.nodes, n)
}

// shifts are the copies by a shift alone that bring a field to its place: of its word, rotated, and of its word and a neighbour.
func shifts(f field, words int) []copied {
	w, bit := f.src/32, f.src%32
	out := make([]copied, 0, 3)
	out = append(out, copied{a: int8(w), b: int8(w), shift: uint8((bit - f.dst) & 31)})
	if s := bit - f.dst; s > 0 && w+1 < words {
		out = append(out, copied{a: int8(w), b: int8(w + 1), shift: uint8(s)})
	}
	if s := bit + 32 - f.dst; s < 32 && w > 0 {
		out = append(out, copied{a: int8(w - 1), b: int8(w), shift: uint8(s)})
	}
	return out
}

// together are the copies each of which brings all the fields to their places.
func together(fs []field, words int) []copied {
	out := shifts(fs[0], words)
	for _, f := range fs[1:] {
		next := shifts(f, words)
		keep := out[:0]
		for _, c := range out {
			for _, d := range next {
				if c == d {
					keep = append(keep, c)
					break
				}
			}
		}
		out = keep
	}
	if c, ok := permuted(fs); ok && !contains(out, copied{a: c.a, b: c.a}) {
		out = append(out, c)
	}
	return append(out, shiftPermuted(fs, words)...)
}

func contains(cs []copied, c copied) bool {
	for _, d := range cs {
		if c == d {
			return true
		}
	}
	return false
}

// selector is the choice of bytes of a permutation, as far as it is known.
type selector [4]int8

var anyByte = selector{-1, -1, -1, -1}

// want asks for the bytes under width bits from bit dst on to come from bit src on; src and dst differ by whole bytes.
func (s *selector) want(src, dst, width int) bool {
	if (src-dst)%8 != 0 {
		return false
	}
	for b := dst / 8; b <= (dst+width-1)/8; b++ {
		from := int8(src/8 + b - dst/8)
		if s[b] >= 0 && s[b] != from {
			return false
		}
		s[b] = from
	}
	return true
}

// code is the selector of prmt. Bytes that nothing asked for continue those before or behind them, so that equal choices
// come about often.
func (s selector) code() uint16 {
	for i := range s {
		if s[i] < 0 && i > 0 && s[i-1] >= 0 && i%2 == 1 && s[i-1]%4 != 3 {
			s[i] = s[i-1] + 1
		}
	}
	for i := range s {
		if s[i] < 0 && i%2 == 0 && s[i+1] >= 0 && s[i+1]%4 != 0 {
			s[i] = s[i+1] - 1
		}
	}
	for i := range s {
		if s[i] < 0 {
			s[i] = max(s[i^2], 0)
		}
	}
	return uint16(s[0]) | uint16(s[1])<<4 | uint16(s[2])<<8 | uint16(s[3])<<12
}

// permuted is the permutation of the bytes of one or two words that brings the fields to their places.
func permuted(fs []field) (copied, bool) {
	a, b := fs[0].src/32, fs[0].src/32
	for _, f := range fs {
		a, b = min(a, f.src/32), max(b, f.src/32)
	}
	sel := anyByte
	for _, f := range fs {
		w := f.src / 32
		if w != a && w != b {
			return copied{}, false
		}
		src := f.src % 32
		if w == b && a != b {
			src += 32
		}
		if !sel.want(src, f.dst, f.width) {
			return copied{}, false
		}
	}
	return copied{a: int8(a), b: int8(b), perm: true, sel: sel.code()}, true
}

// shiftPermuted are the permutations of bytes of a shifted copy that bring the fields to their places.
func shiftPermuted(fs []field, words int) []copied {
	r := (fs[0].src - fs[0].dst) & 7
	if r == 0 {
		return nil
	}
	first, last := 1<<30, 0
	for _, f := range fs {
		if (f.src-f.dst)&7 != r {
			return nil
		}
		first, last = min(first, f.src), max(last, f.src+f.width-1)
	}
	var out []copied
	try := func(a, b, s int) {
		sel := anyByte
		for _, f := range fs {
			pos := f.src - 32*a - s
			if a == b {
				pos = (f.src - s) & 31
			}
			if pos < 0 || pos+f.width > 32 || !sel.want(pos, f.dst, f.width) {
				return
			}
		}
		out = append(out, copied{a: int8(a), b: int8(b), shift: uint8(s), perm: true, sel: sel.code()})
	}
	switch w := first / 32; {
	case last/32 == w:
		try(w, w, r)
		for s := r; s < 32 && w+1 < words; s += 8 {
			try(w, w+1, s)
		}
		for s := r; s < 32 && w > 0; s += 8 {
			try(w-1, w, s)
		}
	case last/32 == w+1:
		for s := r; s < 32; s += 8 {
			try(w, w+1, s)
		}
	}
	return out
}

// withConstant is the permutation of the bytes of one word and a constant that is the whole register: for fields of whole bytes.
func withConstant(f *form) (copied, bool) {
	word, covered := -1, uint32(0)
	sel := anyByte
	for _, p := range f.parts {
		for _, x := range p {
			if word < 0 {
				word = x.src / 32
			}
			if x.src/32 != word || x.width%8 != 0 || x.dst%8 != 0 || !sel.want(x.src%32, x.dst, x.width) {
				return copied{}, false
			}
			covered |= x.mask()
		}
	}
	c := copied{a: int8(word), b: int8(word), perm: true, fixed: true}
	for i := range 4 {
		if covered>>(8*i)&0xff != 0 {
			c.sel |= uint16(sel[i]) << (4 * i)
			continue
		}
		// The constant's byte i stands at i: so a constant serves all registers that differ in the input's bytes only.
		c.sel |= uint16(4+i) << (4 * i)
		c.value |= f.flip & (0xff << (8 * i))
	}
	// Bits of the input that are inverted are inverted in the word, for all registers at once where they agree.
	if in := f.flip & covered; in != 0 {
		lane := in >> shiftOf(covered) & 0xff
		c.flip = splat(lane, 4)
		for i := range 4 {
			if covered>>(8*i)&0xff != 0 && in>>(8*i)&0xff != lane {
				return copied{}, false
			}
		}
	}
	return c, true
}

// maxOptions bounds the options of an item that need several copies.
const maxOptions = 48

// options are ways to make a register in one of its forms.
func (it item) options(words int) []option {
	out := make([]option, 0, 4*len(it)+8)
	limit := max(maxOptions/len(it), 8)
	for i := range it {
		f := &it[i]
		if c, ok := withConstant(f); ok {
			out = append(out, newOption(f, []take{{c, ^uint32(0)}}))
		}
		var all []field
		for _, p := range f.parts {
			all = append(all, p...)
		}
		whole := together(all, words)
		for _, c := range whole {
			out = append(out, newOption(f, []take{{c, maskOf(all)}}))
		}
		if len(f.parts) == 1 && len(whole) > 0 {
			continue
		}
		// Each part from a copy of its own, or from several.
		ways := [][]take{nil}
		for _, p := range f.parts {
			ways = products(ways, partTakes(p, words), limit)
		}
		for _, w := range ways {
			out = append(out, newOption(f, w))
		}
	}
	return out
}

// products are the ways of one list followed by those of another, at most limit.
func products(ways, more [][]take, limit int) [][]take {
	var out [][]take
	for _, t := range more {
		for _, w := range ways {
			if len(out) == limit {
				return out
			}
			out = append(out, append(append(make([]take, 0, len(w)+len(t)), w...), t...))
		}
	}
	return out
}

func maskOf(fs []field) uint32 {
	m := uint32(0)
	for _, f := range fs {
		m |= f.mask()
	}
	return m
}

// partTakes are ways to bring the fields of a part to their places: one copy where one does, else one for each of the groups
// into which the fields fall.
func partTakes(p []field, words int) [][]take {
	var out [][]take
	for _, c := range together(p, words) {
		out = append(out, []take{{c, maskOf(p)}})
	}
	if len(out) > 0 {
		return out
	}
	// Fields in order of their places join the group before them while one copy serves it.
	var groups [][]field
	for _, f := range p {
		joined := false
		for i, g := range groups {
			if with := append(append([]field(nil), g...), f); len(together(with, words)) > 0 {
				groups[i], joined = with, true
				break
			}
		}
		if !joined {
			groups = append(groups, []field{f})
		}
	}
	ways := [][]take{nil}
	for _, g := range groups {
		var next [][]take
		for _, c := range together(g, words) {
			next = append(next, []take{{c, maskOf(g)}})
		}
		ways = products(ways, next, maxOptions)
	}
	return ways
}

// gather emits the items' registers, with as few instructions as a descent over their options finds, and gives the
// registers and the tags of the forms chosen.
func (b *builder) gather(items []item) (regs []Operand, tags []int) {
	chosen := choose(items, len(b.words))
	needed := make(map[copied]uint32) // bits that are read of each node
	for _, o := range chosen {
		for _, t := range o.takes {
			if !t.from.perm {
				needed[t.from] |= t.mask
			} else {
				needed[t.from.base()] |= bytesRead(t.from)
			}
		}
	}
	made := make(map[copied]Operand)
	for _, o := range chosen {
		if o.selects() {
			x, y := b.make(o.takes[0].from, needed, made), b.make(o.takes[1].from, needed, made)
			regs, tags = append(regs, b.do("lop3.b32", x, literal(o.takes[0].mask), y, literal(lutSelect))), append(tags, o.form.tag)
			continue
		}
		var acc *Operand
		for _, t := range o.takes {
			x := b.make(t.from, needed, made)
			if o.lops > 0 {
				x = b.masked(x, t.mask, o.form.flip, acc)
			}
			acc = &x
		}
		regs, tags = append(regs, *acc), append(tags, o.form.tag)
	}
	return regs, tags
}

// bytesRead are the bits of its base that a permutation reads.
func bytesRead(c copied) uint32 {
	m := uint32(0)
	for i := range 4 {
		if s := c.sel >> (4 * i) & 7; s < 4 {
			m |= 0xff << (8 * s)
		}
	}
	return m
}

// make is the register of a copy, made where it is not there yet.
func (b *builder) make(c copied, needed map[copied]uint32, made map[copied]Operand) Operand {
	if r, ok := made[c]; ok {
		return r
	}
	word := func(i int8) Operand { return b.words[i] }
	var r Operand
	switch {
	case c.plain():
		return word(c.a)
	case c.perm:
		base := b.make(c.base(), needed, made)
		other := literal(c.value)
		switch {
		case c.fixed:
		case c.shift != 0 || c.a == c.b:
			other = base
		default:
			other = word(c.b)
		}
		r = b.do("prmt.b32", base, other, literal(uint32(c.sel)))
	case c.flip != 0:
		r = b.do("xor.b32", word(c.a), literal(c.flip))
	case c.a != c.b:
		r = b.do("shf.r.wrap.b32", word(c.a), word(c.b), literal(uint32(c.shift)))
	case bits.Len32(needed[c]) <= 32-int(c.shift):
		r = b.do("shr.b32", word(c.a), literal(uint32(c.shift)))
	case shiftOf(needed[c]) >= 32-int(c.shift):
		r = b.do("shl.b32", word(c.a), literal(32-uint32(c.shift)))
	default:
		r = b.do("shf.r.wrap.b32", word(c.a), word(c.a), literal(uint32(c.shift)))
	}
	made[c] = r
	return r
}

// choose takes an option for each item, with few nodes in all.
func choose(items []item, words int) []option {
	c := chooser{opts: make([][]option, len(items))}
	ids := make(map[copied]int)
	constants := make(map[uint32]int)
	for i, it := range items {
		type key struct {
			nodes [4]int
			n     int
			lops  int
		}
		seen := make(map[key]bool)
		all := it.options(words)
		c.opts[i] = all[:0]
		for _, o := range all {
			k := key{n: len(o.nodes), lops: o.lops}
			o.ids = make([]int, len(o.nodes))
			for j, n := range o.nodes {
				id, ok := ids[n]
				if !ok {
					id = len(ids)
					ids[n] = id
					c.popular = append(c.popular, 0)
				}
				o.ids[j] = id
				if j < len(k.nodes) {
					k.nodes[j] = id
				}
			}
			if len(o.nodes) <= len(k.nodes) && seen[k] {
				continue
			}
			seen[k] = true
			if o.lops > 0 {
				number := func(v uint32) {
					id, ok := constants[v]
					if !ok {
						id = len(constants)
						constants[v] = id
					}
					o.constants = append(o.constants, id)
				}
				for _, t := range o.takes {
					number(t.mask)
				}
				if o.form.flip != 0 {
					number(o.form.flip)
				}
			}
			c.opts[i] = append(c.opts[i], o)
		}
		counted := make([]bool, len(c.popular))
		for _, o := range c.opts[i] {
			for _, id := range o.ids {
				if !counted[id] {
					counted[id] = true
					c.popular[id]++
				}
			}
		}
	}
	c.nConstants = len(constants)
	var best []int
	low := 1 << 30
	for start := range 4 {
		if at, cost := c.descend(start); cost < low {
			best, low = at, cost
		}
	}
	out := make([]option, len(items))
	for i, k := range best {
		out[i] = c.opts[i][k]
	}
	return out
}

// A chooser searches for the option of each item that is cheapest with those of the others.
type chooser struct {
	opts       [][]option
	popular    []int // by node, the number of items that could use it
	uses       []int // by node, the number of items that do
	held       []int // by constant, likewise
	nConstants int
}

// constantPrice is what a constant costs, in thousandths of an instruction: it takes a register.
const constantPrice = 3

// descend starts with options in turn, a node's price being shared in one of three ways by the items that could use it, and
// replaces single options while that helps. The cost is the number of instructions, in thousandths, and a little for constants.
func (c *chooser) descend(start int) (at []int, cost int) {
	c.uses, c.held = make([]int, len(c.popular)), make([]int, c.nConstants)
	at = make([]int, len(c.opts))
	order := make([]int, len(c.opts))
	for i := range order {
		order[i] = i
	}
	if start%2 == 0 {
		// Items with few options first.
		sort.SliceStable(order, func(a, b int) bool { return len(c.opts[order[a]]) < len(c.opts[order[b]]) })
	}
	share := [...]func(n int) int{
		func(n int) int { return 1000 / n },
		func(int) int { return 1000 },
		func(n int) int { return 1000 - 500*n/len(c.opts) },
		func(n int) int { return 1000 / n },
	}[start]
	for _, i := range order {
		at[i] = c.cheapest(i, share)
		c.add(i, at[i], 1)
	}
	for range 6 {
		changed := false
		for i := range c.opts {
			c.add(i, at[i], -1)
			k := c.cheapest(i, func(n int) int { return 1000 - min(n, 99) })
			changed = changed || k != at[i]
			at[i] = k
			c.add(i, k, 1)
		}
		if !changed {
			break
		}
	}
	for i, k := range at {
		cost += 1000 * c.opts[i][k].lops
	}
	for _, n := range c.uses {
		cost += 1000 * min(n, 1)
	}
	for _, n := range c.held {
		cost += constantPrice * min(n, 1)
	}
	return at, cost
}

func (c *chooser) add(i, k, by int) {
	for _, id := range c.opts[i][k].ids {
		c.uses[id] += by
	}
	for _, id := range c.opts[i][k].constants {
		c.held[id] += by
	}
}

// cheapest is the option of item i that costs least, a node that nobody uses yet costing what price says, in thousandths.
func (c *chooser) cheapest(i int, price func(popular int) int) int {
	best, low := 0, 1<<30
	for k := range c.opts[i] {
		o := &c.opts[i][k]
		p := 1000 * o.lops
		for _, id := range o.ids {
			if c.uses[id] == 0 {
				p += price(c.popular[id])
			}
		}
		for _, id := range o.constants {
			if c.held[id] == 0 {
				p += constantPrice
			}
		}
		if p < low {
			best, low = k, p
		}
	}
	return best
}
