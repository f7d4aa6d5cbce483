package cpu

import (
	"fmt"

	"github.com/tilec/tilec/codegen/internal/llx"
	"github.com/tilec/tilec/ir/dtype"
)

// loadTile and storeTile move lanes of t at p, one container after the other, aligned as a container is.
func (u *unit) loadTile(t dtype.Type, p llx.Value, lanes int) llx.Value {
	return u.decode(t, u.Load(llx.Vec(codeType(t), lanes), p, container(t)), lanes)
}

func (u *unit) storeTile(t dtype.Type, p, v llx.Value, lanes int) {
	u.Store(u.encode(t, v, lanes), p, container(t))
}

// prefix is the mask of the first n lanes; n is an i64 of any value.
func (u *unit) prefix(n llx.Value, lanes int) llx.Value {
	if lanes == 1 {
		return u.ICmp("sgt", n, llx.C64(0))
	}
	n = u.Trunc(u.Max(u.Min(n, llx.C64(int64(lanes))), llx.C64(0)), llx.I32)
	return u.ICmp("slt", u.Steps(llx.I32, lanes), u.Splat(n, lanes))
}

// loadRun reads elements i, i+1, … (i an i64) of the dense tensor of t at base. n, an i64, is how many of them may be
// touched; nil is all of them. The other lanes are the value of code 0.
func (u *unit) loadRun(t dtype.Type, base, i llx.Value, lanes int, n llx.Value) llx.Value {
	if t.Bits() < 8 {
		return u.decode(t, u.loadBits(t.Bits(), base, i, lanes, n), lanes)
	}
	w := codeType(t)
	return u.decode(t, u.loadCodes(w, u.Index(w, base, i), lanes, n), lanes)
}

// native reports whether the level loads and stores a part of a vector of w.
func (u *unit) native(w llx.Type, lanes int) bool {
	if lanes == 1 {
		return true
	}
	return u.level.AVX512 || u.level.Name == "avx2" && (w.Equal(llx.I32) || w.Equal(llx.I64))
}

// loadCodes reads the first n of lanes of w at p, or all of them; the others are 0.
func (u *unit) loadCodes(w llx.Type, p llx.Value, lanes int, n llx.Value) llx.Value {
	size := bytesOf(w)
	v := llx.Vec(w, lanes)
	if k, ok := constantCount(n); n == nil || ok && k >= int64(lanes) {
		return u.Load(v, p, size)
	}
	zero := u.k(w, 0, lanes)
	if lanes == 1 {
		return u.Choose(u.prefix(n, 1), func() llx.Value { return u.Load(w, p, size) }, func() llx.Value { return zero })
	}
	if u.native(w, lanes) {
		name := fmt.Sprintf("llvm.masked.load.%s.p0", llx.Suffix(v))
		return u.Call(name, v, p, llx.C32(int64(size)), u.prefix(n, lanes), zero)
	}
	// One by one, by way of memory.
	return u.Choose(u.ICmp("sge", n, llx.C64(int64(lanes))), func() llx.Value { return u.Load(v, p, size) }, func() llx.Value {
		room := u.Alloca(v, 1, 64)
		u.Store(zero, room, size)
		u.For(llx.C64(0), n, 1, func(k llx.Value) { u.Store(u.Load(w, u.Index(w, p, k), size), u.Index(w, room, k), size) })
		return u.Load(v, room, size)
	})
}

// storeCodes writes the first n of lanes of w at p, or all of them.
func (u *unit) storeCodes(w llx.Type, p, v llx.Value, lanes int, n llx.Value) {
	size := bytesOf(w)
	if k, ok := constantCount(n); n == nil || ok && k >= int64(lanes) {
		u.Store(v, p, size)
		return
	}
	if lanes == 1 {
		u.If(u.prefix(n, 1), func() { u.Store(v, p, size) }, nil)
		return
	}
	if k, ok := constantCount(n); ok && k == 1 {
		u.Store(u.Extract(v, llx.C32(0)), p, size)
		return
	}
	if u.native(w, lanes) {
		// LLVM 22.1.8 makes a masked store of one lane, known when compiling, that is narrowed before, a store of the wide lane. So
		// it must not find the number of lanes by itself.
		n = u.Asm("", "=r,0", false, llx.I64, n)
		name := fmt.Sprintf("llvm.masked.store.%s.p0", llx.Suffix(v.Type()))
		u.Call(name, llx.Void, v, p, llx.C32(int64(size)), u.prefix(n, lanes))
		return
	}
	u.If(u.ICmp("sge", n, llx.C64(int64(lanes))), func() { u.Store(v, p, size) }, func() {
		room := u.Alloca(v.Type(), 1, 64)
		u.Store(v, room, size)
		u.For(llx.C64(0), n, 1, func(k llx.Value) { u.Store(u.Load(w, u.Index(w, room, k), size), u.Index(w, p, k), size) })
	})
}

// loadWhere reads those of elements i, i+1, … (i an i64, of any value) whose lanes of mask hold; the other lanes are any
// defined value.
func (u *unit) loadWhere(t dtype.Type, base, i, mask llx.Value, lanes int) llx.Value {
	each := func() llx.Value { return u.gather(t, base, u.following(i, lanes), mask, lanes) }
	w := codeType(t)
	if lanes == 1 || t.Bits() < 8 {
		return each()
	}
	if u.native(w, lanes) {
		v := llx.Vec(w, lanes)
		name := fmt.Sprintf("llvm.masked.load.%s.p0", llx.Suffix(v))
		return u.decode(t, u.Call(name, v, u.Index(w, base, i), llx.C32(int64(bytesOf(w))), mask, u.k(w, 0, lanes)), lanes)
	}
	return u.Choose(u.all(mask, lanes), func() llx.Value { return u.loadRun(t, base, i, lanes, nil) }, each)
}

// storeWhere writes those of elements i, i+1, … whose lanes of mask hold.
func (u *unit) storeWhere(t dtype.Type, base, i, v, mask llx.Value, lanes int) {
	each := func() { u.scatter(t, base, u.following(i, lanes), v, mask, lanes) }
	w := codeType(t)
	switch {
	case lanes == 1 || t.Bits() < 8:
		each()
	case u.native(w, lanes):
		c := u.encode(t, v, lanes)
		name := fmt.Sprintf("llvm.masked.store.%s.p0", llx.Suffix(c.Type()))
		u.Call(name, llx.Void, c, u.Index(w, base, i), llx.C32(int64(bytesOf(w))), mask)
	default:
		u.If(u.all(mask, lanes), func() { u.storeRun(t, base, i, v, lanes, nil) }, each)
	}
}

// following are the indices i, i+1, ….
func (u *unit) following(i llx.Value, lanes int) llx.Value {
	if lanes == 1 {
		return i
	}
	return u.Add(u.Splat(i, lanes), u.Steps(llx.I64, lanes))
}

// all reports whether every lane of a mask holds.
func (u *unit) all(mask llx.Value, lanes int) llx.Value {
	return u.Xor(u.Any(u.Xor(mask, u.k(llx.I1, 1, lanes))), llx.Int(llx.I1, 1))
}

// constantCount is the value of n, where it is given and constant.
func constantCount(n llx.Value) (int64, bool) {
	if n == nil {
		return 0, false
	}
	return llx.ConstInt(n)
}

// bytesOf is the size of an integer type of whole bytes.
func bytesOf(w llx.Type) int {
	for _, n := range []int{1, 2, 4} {
		if w.Equal(llx.IntType(8 * n)) {
			return n
		}
	}
	return 8
}

// storeRun writes elements i, i+1, … (i an i64) of the dense tensor of t at base: the first n, an i64, nil for all. Of
// types under 8 bits a run whose lanes make whole bytes starts at a byte and ends at one, as the language has it; of
// other runs each element is put into its byte alone, which no other thread may write meanwhile.
func (u *unit) storeRun(t dtype.Type, base, i, v llx.Value, lanes int, n llx.Value) {
	code := u.encode(t, v, lanes)
	bits := t.Bits()
	switch {
	case bits >= 8:
		w := codeType(t)
		u.storeCodes(w, u.Index(w, base, i), code, lanes, n)
	case lanes*bits%8 == 0:
		bytes := lanes * bits / 8
		at := u.Offset(base, u.LShr(u.Mul(i, llx.C64(int64(bits))), llx.C64(3)))
		if n != nil {
			n = u.AShr(u.Add(u.Mul(n, llx.C64(int64(bits))), llx.C64(7)), llx.C64(3))
		}
		u.storeCodes(llx.I8, at, u.joined(bits, code, lanes), bytes, n)
	default:
		if n == nil {
			n = llx.C64(int64(lanes))
		}
		u.eachLane(lanes, n, nil, []llx.Value{code}, func(k llx.Value, x []llx.Value) { u.putBits(bits, base, u.Add(i, k), x[0]) })
	}
}

// eachLane runs body for lanes 0 … n-1 in order, of which mask, if there is one, holds, with that lane of each of the
// vectors.
func (u *unit) eachLane(lanes int, n, mask llx.Value, vectors []llx.Value, body func(k llx.Value, x []llx.Value)) {
	if lanes == 1 {
		c := u.prefix(n, 1)
		if mask != nil {
			c = u.And(c, mask)
		}
		if k, ok := llx.ConstInt(n); ok && k > 0 {
			c = llx.Int(llx.I1, 1)
			if mask != nil {
				c = mask
			}
		}
		u.If(c, func() { body(llx.C64(0), vectors) }, nil)
		return
	}
	if mask != nil {
		vectors = append([]llx.Value{u.ZExt(mask, llx.Vec(llx.I8, lanes))}, vectors...)
	}
	rooms := make([]llx.Value, len(vectors))
	for i, v := range vectors {
		rooms[i] = u.Alloca(v.Type(), 1, 64)
		u.Store(v, rooms[i], 1)
	}
	u.For(llx.C64(0), u.Min(n, llx.C64(int64(lanes))), 1, func(k llx.Value) {
		x := make([]llx.Value, len(vectors))
		for i, v := range vectors {
			w := llx.Elem(v.Type())
			x[i] = u.Load(w, u.Index(w, rooms[i], k), 1)
		}
		if mask == nil {
			body(k, x)
			return
		}
		u.If(u.ICmp("ne", x[0], llx.Int(llx.I8, 0)), func() { body(k, x[1:]) }, nil)
	})
}

// bitAt is the byte and the position in it at which element i of some bits begins, and the byte that holds its last bit.
func (u *unit) bitAt(bits int, i llx.Value, lanes int) (first, phase, last llx.Value) {
	k := func(v int64) llx.Value { return u.k(llx.I64, v, lanes) }
	at := u.Mul(i, k(int64(bits)))
	return u.LShr(at, k(3)), u.And(at, k(7)), u.LShr(u.Add(at, k(int64(bits-1))), k(3))
}

// putBits replaces element i, of some bits, by an i8 code; other bits stay.
func (u *unit) putBits(bits int, base, i, code llx.Value) {
	first, phase, last := u.bitAt(bits, i, 1)
	phase = u.Trunc(phase, llx.I16)
	ones := u.Shl(llx.Int(llx.I16, 1<<bits-1), phase)
	word := u.Shl(u.ZExt(code, llx.I16), phase)
	put := func(at, ones, word llx.Value) {
		p := u.Offset(base, at)
		old := u.And(u.Load(llx.I8, p, 1), u.Xor(u.Trunc(ones, llx.I8), llx.Int(llx.I8, -1)))
		u.Store(u.Or(old, u.Trunc(word, llx.I8)), p, 1)
	}
	put(first, ones, word)
	if 8%bits != 0 {
		eight := llx.Int(llx.I16, 8)
		u.If(u.ICmp("ne", first, last), func() { put(last, u.LShr(ones, eight), u.LShr(word, eight)) }, nil)
	}
}

// gather reads the elements of indices idx, lanes of i64, where mask, if there is one, holds; the other lanes are the
// value of code 0.
func (u *unit) gather(t dtype.Type, base, idx, mask llx.Value, lanes int) llx.Value {
	if bits := t.Bits(); bits < 8 {
		first, phase, last := u.bitAt(bits, idx, lanes)
		c := u.ZExt(u.gatherCodes(llx.I8, base, first, mask, lanes), llx.Vec(llx.I32, lanes))
		if 8%bits != 0 {
			d := u.ZExt(u.gatherCodes(llx.I8, base, last, mask, lanes), llx.Vec(llx.I32, lanes))
			c = u.Or(c, u.Shl(d, u.k32(8, lanes)))
		}
		c = u.LShr(c, u.Trunc(phase, llx.Vec(llx.I32, lanes)))
		return u.decode(t, u.Trunc(c, llx.Vec(llx.I8, lanes)), lanes)
	}
	return u.decode(t, u.gatherCodes(codeType(t), base, idx, mask, lanes), lanes)
}

func (u *unit) gatherCodes(w llx.Type, base, idx, mask llx.Value, lanes int) llx.Value {
	size := bytesOf(w)
	if lanes == 1 {
		load := func() llx.Value { return u.Load(w, u.Index(w, base, idx), size) }
		if mask == nil {
			return load()
		}
		return u.Choose(mask, load, func() llx.Value { return llx.Int(w, 0) })
	}
	v := llx.Vec(w, lanes)
	if mask == nil {
		mask = u.k(llx.I1, 1, lanes)
	}
	p := u.Indices(w, base, idx)
	name := fmt.Sprintf("llvm.masked.gather.%s.%s", llx.Suffix(v), llx.Suffix(p.Type()))
	return u.Call(name, v, p, llx.C32(int64(size)), mask, u.k(w, 0, lanes))
}

// scatter writes the elements of indices idx, lanes of i64, where mask, if there is one, holds, in ascending order: of
// equal indices the last stays.
func (u *unit) scatter(t dtype.Type, base, idx, v, mask llx.Value, lanes int) {
	code := u.encode(t, v, lanes)
	if bits := t.Bits(); bits < 8 {
		u.eachLane(lanes, llx.C64(int64(lanes)), mask, []llx.Value{idx, code}, func(_ llx.Value, x []llx.Value) {
			u.putBits(bits, base, x[0], x[1])
		})
		return
	}
	w := codeType(t)
	size := bytesOf(w)
	if lanes == 1 {
		store := func() { u.Store(code, u.Index(w, base, idx), size) }
		if mask == nil {
			store()
			return
		}
		u.If(mask, store, nil)
		return
	}
	if mask == nil {
		mask = u.k(llx.I1, 1, lanes)
	}
	p := u.Indices(w, base, idx)
	name := fmt.Sprintf("llvm.masked.scatter.%s.%s", llx.Suffix(code.Type()), llx.Suffix(p.Type()))
	u.Call(name, llx.Void, code, p, llx.C32(int64(size)), mask)
}
