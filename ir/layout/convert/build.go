package convert

import (
	"math"
	"math/bits"
	"slices"
)

// A ref names a field of a register: field at of reg, or nothing that matters if reg is negative.
type ref struct {
	reg int32
	at  int32
}

var anything = ref{-1, 0}

// A wish is a word to be made: its fields, lowest first, for every thread (of one warp, if all warps do the same, or of
// all), or for one, if all threads do the same.
type wish []ref

// A builder appends steps that make words out of words.
type builder struct {
	bits, fields int // of a field; of a word
	lanes        int
	steps        []Step
	next         int32
	made         []instruction // by first operand in lists
	first        []int32       // by register: the last of its list in made, and 1
	chosen       map[string]int32
	splits       []split
	slab         wish    // room for short wishes
	room         []int32 // for results
	number       []int32 // by register, between uses 0
	words        []int32
	key          []byte
	recipes      map[string]recipe
	tape         []instruction // what once was asked for, with its result
}

// blank is a wish of so many fields in which nothing matters.
func (b *builder) blank(n int) wish {
	if len(b.slab) < n {
		b.slab = make(wish, max(n, 1024))
		for i := range b.slab {
			b.slab[i] = anything
		}
	}
	w := b.slab[:n:n]
	b.slab = b.slab[n:]
	return w
}

// An instruction with the same operands gives the same word.
type instruction struct {
	op   Op
	a, b int32
	by   uint32
	to   int32
	next int32 // of the same first operand, and 1
}

// A split is a predicate of lanes, the parity of lane & mask, and a lane difference that turns it over and none of the
// others.
type split struct {
	mask, flip int
	by         Number
}

func splitOf(mask, flip int) split {
	by := make([]uint32, bits.Len(uint(mask)))
	for k := range by {
		by[k] = uint32(mask >> k & 1)
	}
	return split{mask, flip, Number{By: &Terms{Lane: by}}}
}

func newBuilder(field, lanes int, registers int32) *builder {
	b := &builder{bits: field, fields: 32 / field, lanes: lanes, next: registers, chosen: map[string]int32{}}
	for k := 1; k < lanes; k <<= 1 {
		b.splits = append(b.splits, splitOf(k, k))
	}
	return b
}

func (b *builder) emit(s Step) int32 {
	s.To = b.next
	b.next++
	b.steps = append(b.steps, s)
	return s.To
}

// once emits a step that does the same in all threads, unless it was emitted before.
func (b *builder) once(op Op, x, y int32, by uint32) int32 {
	r := b.unless(op, x, y, by)
	if b.tape != nil {
		b.tape = append(b.tape, instruction{op: op, a: x, b: y, by: by, to: r})
	}
	return r
}

// unless is once for any use.
func (b *builder) unless(op Op, x, y int32, by uint32) int32 {
	if n := int(x) - len(b.first); n >= 0 {
		b.first = append(b.first, make([]int32, n+1)...)
	}
	for i := b.first[x]; i != 0; {
		m := &b.made[i-1]
		if m.op == op && m.b == y && m.by == by {
			return m.to
		}
		i = m.next
	}
	r := b.emit(Step{Op: op, A: x, B: y, By: Number{Base: by}})
	b.made = append(b.made, instruction{op, x, y, by, r, b.first[x]})
	b.first[x] = int32(len(b.made))
	return r
}

// make emits what makes the words, and returns their registers.
func (b *builder) make(wishes []wish) []int32 {
	alike := 0
	for i, w := range wishes {
		if wishes[i] = b.narrowed(w); len(wishes[i]) == b.fields {
			alike++
		}
	}
	if alike == len(wishes) {
		return b.uniform(wishes)
	}
	same := make([]int, 0, alike)
	for i, w := range wishes {
		if len(w) == b.fields {
			same = append(same, i)
		}
	}
	out := make([]int32, len(wishes))
	together := make([]wish, len(same))
	for k, i := range same {
		together[k] = wishes[i]
	}
	for k, r := range b.uniform(together) {
		out[same[k]] = r
	}
	for i, w := range wishes {
		if len(w) > b.fields {
			out[i] = b.byThread(w)
		}
	}
	return out
}

// narrowed is the wish with one entry where all threads agree, and with one for every lane where all warps do.
func (b *builder) narrowed(w wish) wish {
	for _, n := range []int{b.fields, b.fields * b.lanes} {
		if len(w) <= n {
			break
		}
		one := slices.Clone(w[:n])
		fits := true
		for i, r := range w {
			if r.reg < 0 {
				continue
			}
			if c := &one[i%n]; c.reg < 0 {
				*c = r
			} else if *c != r {
				fits = false
				break
			}
		}
		if fits {
			return one
		}
	}
	return w
}

// sources are the registers of a wish, in the order in which they occur.
func (w wish) sources(to []int32) []int32 {
	to = to[:0]
	for _, r := range w {
		if r.reg >= 0 && !slices.Contains(to, r.reg) {
			to = append(to, r.reg)
		}
	}
	return to
}

// uniform makes words that are the same for all threads. A word out of more than two others is made in levels: pairs of
// words are mixed so that what stays together for several results shares an instruction, as in the transpose of a 4x4
// matrix of bytes, which takes 8 and not 12.
func (b *builder) uniform(wishes []wish) []int32 {
	var room [8]int32
	buf := room[:0]
	var many []int
	for i, w := range wishes {
		if buf = w.sources(buf); len(buf) > 2 {
			many = append(many, i)
		}
	}
	out := carve(&b.room, len(wishes))
	for i := range out {
		out[i] = -1
	}
	if many != nil {
		since := len(b.steps)
		parts := b.related(wishes, many)
		for i, part := range parts {
			b.together(wishes, part, out)
			if i == 0 {
				b.grow(since, len(parts)-1)
			}
		}
	}
	since := len(b.steps)
	for i, w := range wishes {
		if out[i] < 0 {
			out[i] = b.pair(w)
		}
		if i == 1 {
			b.grow(since, (len(wishes)-2)/2)
		}
	}
	return out
}

// A recipe is how words are made out of others, whatever registers these are in. Words are numbered: the sources in the
// order of their registers, then what every step makes.
type recipe struct {
	steps   []instruction
	results []int32
}

// together makes some of the wishes, which have more than two sources each. What was made of other registers in the
// same way before is not thought over again. It uses the wishes up.
func (b *builder) together(wishes []wish, part []int, out []int32) {
	words := b.words[:0]
	defer func() { b.words = words }()
	for _, i := range part {
		for _, r := range wishes[i] {
			if r.reg >= 0 && *b.numbered(r.reg) == 0 {
				*b.numbered(r.reg) = 1
				words = append(words, r.reg)
			}
		}
	}
	slices.Sort(words)
	for k, reg := range words {
		*b.numbered(reg) = int32(k + 1)
	}
	key := b.key[:0]
	for _, i := range part {
		for _, r := range wishes[i] {
			n := int32(0)
			if r.reg >= 0 {
				n = *b.numbered(r.reg)
			}
			key = append(key, byte(n), byte(n>>8), byte(n>>16), byte(r.at))
		}
	}
	b.key = key
	known, ok := b.recipes[string(key)]
	if ok {
		for _, reg := range words {
			*b.numbered(reg) = 0
		}
		for _, s := range known.steps {
			words = append(words, b.once(s.op, words[s.a], words[s.b], s.by))
		}
		for k, i := range part {
			out[i] = words[known.results[k]]
		}
		return
	}
	b.tape = make([]instruction, 0, 4*len(part))
	var buf []int32
	for left := slices.Clone(part); len(left) > 0; {
		b.level(wishes, left)
		left = slices.DeleteFunc(left, func(i int) bool {
			buf = wishes[i].sources(buf)
			return len(buf) <= 2
		})
	}
	for _, i := range part {
		out[i] = b.pair(wishes[i])
	}
	known.steps, b.tape = b.tape, nil
	for k := range known.steps {
		s := &known.steps[k]
		words = append(words, s.to)
		if n := b.numbered(s.to); *n == 0 {
			*n = int32(len(words))
		}
		s.a, s.b = *b.numbered(s.a)-1, *b.numbered(s.b)-1
	}
	known.results = make([]int32, len(part))
	for k, i := range part {
		known.results[k] = *b.numbered(out[i]) - 1
	}
	for _, reg := range words {
		*b.numbered(reg) = 0
	}
	if b.recipes == nil {
		b.recipes = map[string]recipe{}
	}
	b.recipes[string(key)] = known
}

// related parts some of the wishes so that those which have a source in common are in one part.
func (b *builder) related(wishes []wish, some []int) [][]int {
	n := len(some)
	if n == 1 {
		return [][]int{some}
	}
	room := make([]int, 3*n)
	part, size, all := room[:n], room[n:2*n], room[2*n:] // part of each wish: an earlier one of it, or itself
	root := func(k int) int {
		for part[k] != k {
			part[k] = part[part[k]]
			k = part[k]
		}
		return k
	}
	for k, i := range some {
		part[k] = k
		for _, r := range wishes[i] {
			if r.reg < 0 {
				continue
			}
			last := b.numbered(r.reg) // the wish that the source was seen in last, and 1
			if j := int(*last) - 1; j >= 0 && j != k {
				x, y := root(j), root(k)
				part[max(x, y)] = min(x, y)
			}
			*last = int32(k + 1)
		}
	}
	count := 0
	for k, i := range some {
		if x := root(k); x == k {
			count++
		}
		size[root(k)]++
		for _, r := range wishes[i] {
			if r.reg >= 0 {
				*b.numbered(r.reg) = 0
			}
		}
	}
	parts := make([][]int, 0, count)
	for k, i := range some {
		if part[k] == k {
			parts = append(parts, all[:0:size[k]])
			all = all[size[k]:]
			size[k] = len(parts) - 1
		}
		p := &parts[size[root(k)]]
		*p = append(*p, i)
	}
	return parts
}

// numbered is a register's entry in number.
func (b *builder) numbered(reg int32) *int32 {
	if n := int(reg) - len(b.number); n >= 0 {
		b.number = append(b.number, make([]int32, n+1)...)
	}
	return &b.number[reg]
}

// grow makes room for as many instructions again as were made since there were so many, and that so many times.
func (b *builder) grow(since, times int) {
	if n := (len(b.steps) - since) * times; n > 0 {
		b.steps, b.made = slices.Grow(b.steps, n), slices.Grow(b.made, n)
	}
}

// level mixes pairs of the words that many wishes are made of, those first that most wishes have in common.
func (b *builder) level(wishes []wish, many []int) {
	var sources, buf []int32
	for _, i := range many {
		buf = wishes[i].sources(buf)
		sources = append(sources, buf...)
	}
	slices.Sort(sources)
	sources = slices.Compact(sources)
	n, most := len(sources), 0
	weight := make([]int, n*n)
	for _, i := range many {
		buf = wishes[i].sources(buf)
		for k := range buf {
			at, _ := slices.BinarySearch(sources, buf[k])
			buf[k] = int32(at)
		}
		slices.Sort(buf)
		for k, x := range buf {
			for _, y := range buf[k+1:] {
				at := int(x)*n + int(y)
				weight[at]++
				most = max(most, weight[at])
			}
		}
	}
	taken := make([]bool, n)
	for ; most > 0; most-- {
		for x := range n {
			for y := x + 1; y < n && !taken[x]; y++ {
				if !taken[y] && weight[x*n+y] == most {
					taken[x], taken[y] = true, true
					b.mix(wishes, many, [2]int32{sources[x], sources[y]})
				}
			}
		}
	}
}

// mix packs what the wishes take from both registers of a pair into as few words as it can, and lets them take it from
// there. Fields keep their places within bytes, so that bytes can be moved from then on; where they come from another
// place, those that turn by the same amount share a word.
func (b *builder) mix(wishes []wish, many []int, p [2]int32) {
	type group struct {
		wish   int
		fields []int
	}
	groups := make([]group, 0, len(many))
	total := 0
	room := make([]int, 0, len(many)*b.fields)
	for _, i := range many {
		fields := room[len(room):]
		first, second := false, false
		for f, r := range wishes[i] {
			if r.reg == p[0] || r.reg == p[1] {
				fields = append(fields, f)
				first, second = first || r.reg == p[0], second || r.reg == p[1]
			}
		}
		if first && second {
			room = room[:len(room)+len(fields)]
			groups = append(groups, group{i, fields[:len(fields):len(fields)]})
			total += len(fields)
		}
	}
	inByte := max(1, 8/b.bits)
	type mixed struct {
		word  wish
		parts []part
	}
	var words []mixed
	type move struct{ wish, field, word, at int }
	moves := make([]move, 0, total)
	for _, g := range groups {
		w := wishes[g.wish]
		// The turns that a shift of the fields needs, besides those of a word; none where they move as bytes.
		turns := func(have []part, shift int) (more []part) {
			bytes := true
			for _, f := range g.fields {
				bytes = bytes && int(w[f].at)%inByte == f%inByte
			}
			for _, f := range g.fields {
				t := part{reg: w[f].reg, turn: (f + shift - int(w[f].at) + b.fields) % b.fields}
				if !bytes && !slices.Contains(have, t) && !slices.Contains(more, t) {
					more = append(more, t)
				}
			}
			return more
		}
		best, at, least := -1, 0, 1<<20
		for k := range words {
		search:
			for shift := 0; shift < b.fields; shift += inByte {
				for _, f := range g.fields {
					if r := words[k].word[(f+shift)%b.fields]; r.reg >= 0 && r != w[f] {
						continue search
					}
				}
				if n := len(turns(words[k].parts, shift)); n < least {
					best, at, least = k, shift, n
				}
			}
		}
		if best < 0 || least > 0 && len(words) < (total+b.fields-1)/b.fields {
			best, at, least = len(words), 0, 1<<20
			words = append(words, mixed{word: b.blank(b.fields)})
			for shift := 0; shift < b.fields; shift += inByte {
				n := 0
				for _, t := range turns(nil, shift) {
					n += 2
					if t.turn == 0 {
						n--
					}
				}
				if n < least {
					at, least = shift, n
				}
			}
		}
		words[best].parts = append(words[best].parts, turns(words[best].parts, at)...)
		for _, f := range g.fields {
			to := (f + at) % b.fields
			words[best].word[to] = w[f]
			moves = append(moves, move{g.wish, f, best, to})
		}
	}
	made := make([]int32, len(words))
	for k, w := range words {
		made[k] = b.pair(w.word)
	}
	for _, m := range moves {
		wishes[m.wish][m.field] = ref{made[m.word], int32(m.at)}
	}
}

// pair makes a word out of at most two.
func (b *builder) pair(w wish) int32 {
	x, y := int32(-1), int32(-1)
	still := true
	for f, r := range w {
		switch {
		case r.reg < 0:
			continue
		case x < 0 || x == r.reg:
			x = r.reg
		default:
			y = r.reg
		}
		still = still && int(r.at) == f
	}
	switch {
	case x < 0:
		return 0 // nothing of the word matters
	case y < 0 && still:
		return x
	case y < 0:
		y = x
	}
	if by, ok := b.bytes(w, x, y); ok {
		return b.once(Permute, x, y, by)
	}
	// Fields smaller than bytes: a rotation of a word brings some to their places, and merges keep these.
	var parts []part
	for f, r := range w {
		if r.reg < 0 {
			continue
		}
		t := (f - int(r.at)) * b.bits & 31
		mask := (uint32(1)<<b.bits - 1) << (f * b.bits)
		i := slices.IndexFunc(parts, func(p part) bool { return p.reg == r.reg && p.turn == t })
		if i < 0 {
			i = len(parts)
			parts = append(parts, part{r.reg, t, 0})
		}
		parts[i].mask |= mask
	}
	acc := int32(-1)
	for _, p := range parts {
		r := p.reg
		if p.turn != 0 {
			r = b.once(Rotate, r, r, uint32(p.turn))
		}
		if acc < 0 {
			acc = r
		} else {
			acc = b.once(Merge, acc, r, p.mask)
		}
	}
	return acc
}

type part struct {
	reg  int32
	turn int
	mask uint32
}

// bytes is the control of a byte permute of x and y that makes the word; false where fields do not move as bytes.
func (b *builder) bytes(w wish, x, y int32) (uint32, bool) {
	by := uint32(0)
	for i := range 4 {
		from := i // of a byte that does not matter
		first := true
		for bit := 8 * i; bit < 8*i+8; bit += min(b.bits, 8) {
			r := w[bit/b.bits]
			if r.reg < 0 {
				continue
			}
			at := int(r.at)*b.bits + bit%b.bits
			if at%8 != bit%8 {
				return 0, false
			}
			at /= 8
			if r.reg == y && y != x {
				at += 4
			} else if r.reg != x {
				return 0, false
			}
			if !first && at != from {
				return 0, false
			}
			from, first = at, false
		}
		by |= uint32(from) << (4 * i)
	}
	return by, true
}

// byThread makes a word that differs between threads.
func (b *builder) byThread(w wish) int32 {
	threads := len(w) / b.fields
	whole := make([]int32, threads)
	isWhole := true
	for t := range threads {
		whole[t] = -1
		for f, r := range w[t*b.fields : (t+1)*b.fields] {
			if r.reg < 0 {
				continue
			}
			if int(r.at) != f || whole[t] >= 0 && whole[t] != r.reg {
				isWhole = false
			}
			whole[t] = r.reg
		}
	}
	if isWhole {
		return b.choose(whole)
	}
	sources := w.sources(nil)
	if acc, ok := b.permuteByThread(w, sources); ok {
		return acc
	}
	// Fields below a byte: as many rotations of each source as the thread that needs most.
	acc := int32(-1)
	for _, reg := range sources {
		for {
			turn, mask := make([]uint32, threads), make([]uint32, threads)
			found := false
			for t := range threads {
				for f, r := range w[t*b.fields : (t+1)*b.fields] {
					if r.reg != reg {
						continue
					}
					by := uint32((f-int(r.at))*b.bits) & 31
					if mask[t] == 0 {
						turn[t] = by
					} else if turn[t] != by {
						continue
					}
					mask[t] |= (uint32(1)<<b.bits - 1) << (f * b.bits)
					w[t*b.fields+f] = anything
					found = true
				}
			}
			if !found {
				break
			}
			r := reg
			if slices.ContainsFunc(turn, func(x uint32) bool { return x != 0 }) {
				r = b.emit(Step{Op: Rotate, A: r, By: numberOf(turn, b.lanes)})
			}
			if acc < 0 {
				acc = r
			} else {
				acc = b.emit(Step{Op: Merge, A: acc, B: r, By: numberOf(mask, b.lanes)})
			}
		}
	}
	return acc
}

// permuteByThread adds one source after another by byte permutes whose controls differ between threads.
func (b *builder) permuteByThread(w wish, sources []int32) (int32, bool) {
	threads := len(w) / b.fields
	controls := make([][]uint32, max(1, len(sources)-1))
	for k := range controls {
		controls[k] = make([]uint32, threads)
	}
	scratch := make(wish, b.fields)
	for t := range threads {
		have := w[t*b.fields : (t+1)*b.fields]
		for k := range controls {
			// Operand x is what was made so far; y is the next source.
			x, y := int32(math.MaxInt32), sources[min(k+1, len(sources)-1)]
			for f, r := range have {
				scratch[f] = anything
				switch i := slices.Index(sources, r.reg); {
				case r.reg < 0 || i > k+1:
				case k == 0 && i == 0:
					scratch[f] = ref{x, r.at}
				case i == k+1:
					scratch[f] = r
				default:
					scratch[f] = ref{x, int32(f)}
				}
			}
			by, ok := b.bytes(scratch, x, y)
			if !ok {
				return 0, false
			}
			controls[k][t] = by
		}
	}
	acc := sources[0]
	for k, c := range controls {
		acc = b.emit(Step{Op: Permute, A: acc, B: sources[min(k+1, len(sources)-1)], By: numberOf(c, b.lanes)})
	}
	return acc, true
}

// choose makes the word that is a register of its own for every thread; a negative entry is any.
func (b *builder) choose(of []int32) int32 {
	values := make([]int32, 0, 8)
	for _, v := range of {
		if v >= 0 && !slices.Contains(values, v) {
			values = append(values, v)
		}
	}
	switch len(values) {
	case 0:
		return 0
	case 1:
		return values[0]
	}
	if len(of) != b.lanes {
		return b.chooseAmong(of, values)
	}
	var room [3 * 64]byte
	key := room[:0]
	for _, v := range of {
		key = append(key, byte(v), byte(v>>8), byte(v>>16))
	}
	if r, ok := b.chosen[string(key)]; ok {
		return r
	}
	r := b.chooseAmong(of, values)
	b.chosen[string(key)] = r
	return r
}

func (b *builder) chooseAmong(of, values []int32) int32 {
	pick := func(low, high int32, isHigh func(i int, v int32) bool) int32 {
		by := make([]uint32, len(of))
		for i, v := range of {
			if isHigh(i, v) {
				by[i] = 1
			}
		}
		return b.emit(Step{Op: Select, A: low, B: high, By: numberOf(by, b.lanes)})
	}
	if len(of) == b.lanes {
		// Halves that have no value in common cost no more than a chain, and other words may share them.
		var room [2][8]int32
		for _, s := range b.splits {
			halves := [2][]int32{room[0][:0], room[1][:0]}
			for lane, v := range of {
				h := &halves[bits.OnesCount(uint(lane&s.mask))&1]
				if v >= 0 && !slices.Contains(*h, v) {
					*h = append(*h, v)
				}
			}
			if len(halves[0])+len(halves[1]) != len(values) || len(halves[0]) == 0 || len(halves[1]) == 0 {
				continue
			}
			if len(values) == 2 {
				return b.emit(Step{Op: Select, A: halves[0][0], B: halves[1][0], By: s.by})
			}
			low, high := carve(&b.room, b.lanes), carve(&b.room, b.lanes)
			for lane := range of {
				low[lane], high[lane] = of[lane], of[lane^s.flip]
				if bits.OnesCount(uint(lane&s.mask))&1 != 0 {
					low[lane], high[lane] = high[lane], low[lane]
				}
			}
			x, y := b.choose(low), b.choose(high)
			return b.emit(Step{Op: Select, A: x, B: y, By: s.by})
		}
	}
	acc := values[0]
	for k, v := range values[1:] {
		// Threads of later values may have either.
		acc = pick(acc, v, func(_ int, u int32) bool { return u == v || u >= 0 && !slices.Contains(values[:k+1], u) })
	}
	return acc
}
