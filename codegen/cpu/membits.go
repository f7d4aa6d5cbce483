package cpu

import (
	"fmt"

	"github.com/tilec/tilec/codegen/internal/llx"
)

// Codes of less than 8 bits stand in a stream of bits. A group is the least number of codes that fill whole bytes: two of 4
// bits, four of 2 or 6, eight of 1, 3, 5 or 7. In a register a group is an integer with a byte for each code, made from the
// dense bits by moving its upper half up, then the upper halves of both halves, and so on.

// groupOf is the number of codes in a group.
func groupOf(bits int) int {
	n := 8
	for b := bits; b%2 == 0; b /= 2 {
		n /= 2
	}
	return n
}

// loadBits reads the codes of elements i, i+1, … as loadRun does, in lanes of i8. Bits above the codes' mean nothing.
func (u *unit) loadBits(bits int, base, i llx.Value, lanes int, n llx.Value) llx.Value {
	first, phase, _ := u.bitAt(bits, i, 1)
	p := u.Offset(base, first)
	k := func(v int64) llx.Value { return llx.C64(v) }
	all := lanes * bits
	if g := groupOf(bits); lanes%g != 0 {
		return u.loadFew(bits, base, i, lanes, n)
	}
	bytes := all / 8
	count := llx.C64(int64(lanes))
	if n != nil {
		count = n
	}
	// The bytes from the first one on, and the one after them, which only a run that starts within a byte reaches into.
	end := u.LShr(u.Add(u.Add(phase, u.Mul(count, k(int64(bits)))), k(7)), k(3)) // bytes that may be touched
	var lead, after llx.Value
	if n == nil {
		lead = u.Load(llx.Vec(llx.I8, bytes), p, 1)
		after = u.Load(llx.I8, u.Offset(p, u.Sub(end, k(1))), 1)
	} else {
		end = u.Select(u.ICmp("sgt", n, k(0)), end, k(0))
		lead = u.loadCodes(llx.I8, p, bytes, end)
		after = u.loadCodes(llx.I8, u.Offset(p, k(int64(bytes))), 1, u.Sub(end, k(int64(bytes))))
	}
	return u.spread(bits, u.advanced(lead, after, phase, bytes), lanes)
}

// advanced are the bytes of the stream of lead and after from bit phase, 0 … 7, of the first one on. Where phase is 0,
// after means nothing.
func (u *unit) advanced(lead, after, phase llx.Value, bytes int) llx.Value {
	if bytes <= 8 && bytes&(bytes-1) == 0 {
		w := llx.IntType(8 * bytes)
		x := u.Bitcast(lead, w)
		y := u.ZExt(after, w)
		s := u.resizedInt(phase, w)
		return u.Bitcast(u.Intrinsic("fshr", w, y, x, s), lead.Type())
	}
	order := make([]int, bytes)
	for i := range order {
		order[i] = i + 1
	}
	order[bytes-1] = bytes
	one := u.Insert(llx.Undef(lead.Type()), after, llx.C64(0))
	next := u.Shuffle(lead, one, order)
	wide := llx.Vec(llx.I16, bytes)
	x := u.Or(u.ZExt(lead, wide), u.Shl(u.ZExt(next, wide), u.k(llx.I16, 8, bytes)))
	return u.Trunc(u.LShr(x, u.Splat(u.Trunc(phase, llx.I16), bytes)), lead.Type())
}

// resizedInt is an i64 of a few bits as another integer type.
func (u *unit) resizedInt(v llx.Value, w llx.Type) llx.Value {
	if w.Equal(llx.I64) {
		return v
	}
	return u.Trunc(v, w)
}

// loadFew is loadBits of lanes that make no whole bytes: each code from the bytes that hold its first and last bit.
func (u *unit) loadFew(bits int, base, i llx.Value, lanes int, n llx.Value) llx.Value {
	if lanes == 1 {
		read := func() llx.Value {
			first, phase, last := u.bitAt(bits, i, 1)
			c := u.ZExt(u.Load(llx.I8, u.Offset(base, first), 1), llx.I16)
			if 8%bits != 0 {
				d := u.ZExt(u.Load(llx.I8, u.Offset(base, last), 1), llx.I16)
				c = u.Or(c, u.Shl(d, llx.Int(llx.I16, 8)))
			}
			return u.Trunc(u.LShr(c, u.Trunc(phase, llx.I16)), llx.I8)
		}
		if n == nil {
			return read()
		}
		return u.Choose(u.prefix(n, 1), read, func() llx.Value { return llx.Int(llx.I8, 0) })
	}
	v := u.k(llx.I8, 0, lanes)
	for l := range lanes {
		var m llx.Value
		if n != nil {
			m = u.Sub(n, llx.C64(int64(l)))
		}
		v = u.Insert(v, u.loadFew(bits, base, u.Add(i, llx.C64(int64(l))), 1, m), llx.C64(int64(l)))
	}
	return v
}

// spread gives each code of a dense stream a lane of i8. Bits above the codes' mean nothing.
func (u *unit) spread(bits int, bytes llx.Value, lanes int) llx.Value {
	if u.level.VBMI && (lanes == 16 || lanes == 32 || lanes == 64) {
		return u.multishifted(bits, bytes, lanes)
	}
	g := groupOf(bits)
	groups, size := lanes/g, g*bits/8
	w := llx.IntType(8 * g)
	word := llx.Vec(w, groups)
	// Each group's bytes at the bottom of a word of g bytes.
	var x llx.Value
	if size == 1 {
		x = u.ZExt(u.Bitcast(bytes, llx.Vec(llx.I8, groups)), word)
	} else {
		order := make([]int, groups*g)
		for i := range order {
			order[i] = groups * size // a zero
			if j := i % g; j < size {
				order[i] = i/g*size + j
			}
		}
		x = u.Bitcast(u.Shuffle(bytes, llx.Zero(bytes.Type()), order), word)
	}
	for n := g / 2; n >= 1; n /= 2 {
		// Pieces of 2n codes become pieces of n, 8n bits apart.
		low := repeated(1<<(n*bits)-1, 16*n, 8*g)
		up := u.Shl(x, u.k(w, int64(n*(8-bits)), groups))
		x = u.Or(u.And(x, u.k(w, low, groups)), u.And(up, u.k(w, low<<(8*n), groups)))
	}
	return u.Bitcast(x, llx.Vec(llx.I8, lanes))
}

// multishifted is spread by an instruction that takes eight bits from anywhere in a word of 64: the bytes of each eight
// codes go to a word of their own.
func (u *unit) multishifted(bits int, bytes llx.Value, lanes int) llx.Value {
	order := make([]int, lanes)
	shifts := make([]int64, lanes)
	for i := range order {
		order[i] = lanes * bits / 8 // a zero
		if j := i % 8; j < bits {
			order[i] = i/8*bits + j
		}
		shifts[i] = int64(i % 8 * bits)
	}
	words := u.Shuffle(bytes, llx.Zero(bytes.Type()), order)
	name := fmt.Sprintf("llvm.x86.avx512.pmultishift.qb.%d", 8*lanes)
	return u.Call(name, words.Type(), llx.Ints(llx.I8, shifts...), words)
}

// joined is the reverse of spread: the dense bytes of lanes of i8 whose bits above the codes' are 0.
func (u *unit) joined(bits int, code llx.Value, lanes int) llx.Value {
	g := groupOf(bits)
	groups, size := lanes/g, g*bits/8
	w := llx.IntType(8 * g)
	x := u.Bitcast(code, llx.Vec(w, groups))
	for n := 1; n < g; n *= 2 {
		low := repeated(1<<(n*bits)-1, 16*n, 8*g)
		down := u.LShr(x, u.k(w, int64(n*(8-bits)), groups))
		x = u.Or(u.And(x, u.k(w, low, groups)), u.And(down, u.k(w, low<<(n*bits), groups)))
	}
	if size == 1 {
		return u.Trunc(x, llx.Vec(llx.I8, groups))
	}
	b := u.Bitcast(x, llx.Vec(llx.I8, groups*g))
	order := make([]int, groups*size)
	for i := range order {
		order[i] = i/size*g + i%size
	}
	return u.Shuffle(b, llx.Undef(b.Type()), order)
}

// repeated is a pattern at every so many bits of a word.
func repeated(pattern uint64, every, width int) int64 {
	var v uint64
	for at := 0; at < width; at += every {
		v |= pattern << at
	}
	return int64(v)
}
