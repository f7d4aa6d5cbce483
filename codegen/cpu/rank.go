package cpu

import (
	"math"

	lir "github.com/llir/llvm/ir"

	"github.com/tilec/tilec/codegen/internal/llx"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
)

// The elements of a line are put in order as words: in the high half a key that ascends in the order wanted, in the low
// half the position. No two words are equal, equal elements come in the order of their positions, and the last of all
// words, all ones, is none's: it stands for no element.

// insertionMost is the number of wanted elements up to which a line is read once, the best so far in order.
const insertionMost = 32

// rank emits a topk or a sort, a line after the other.
func (e *emitter) rank(o *ir.Op) {
	x, n, j := o.Operands[0], o.Axes[0], o.Axes[1]
	t := x.Type.Elem
	down := o.Code == ir.Topk
	others := without(spansOf(x.Type), []*ir.Value{n})
	values, indices := e.destination(o.Results[0]), e.destination(o.Results[1])
	from := e.memoryOf(x)
	half := llx.I64
	if c := classOf(t); c != f64Class && c != i64Class {
		half = llx.I32
	}
	few := j.Type.Width <= insertionMost && n.Type.Width > 4*j.Type.Width
	size := int64(8)
	if half == llx.I64 {
		size = 16
	}
	e.scope(func() {
		var words, more llx.Value
		if few {
			words = e.room(j.Type.Width * size)
		} else {
			words, more = e.room(n.Type.Width*size), e.room(n.Type.Width*size)
		}
		e.nest(nestOf{axes: others, after: []*ir.Value{n}}, func(p *point) {
			r := &ranking{e: e, half: half, word: llx.IntType(int(8 * size)), size: size, words: words, more: more}
			count, live := e.span(j).n, e.span(n).n
			key := func(q *point) llx.Value { return e.rankKey(t, e.read(from, q, 1), down) }
			if few {
				r.insert(p, n, count, key)
			} else {
				r.sort(p, n, live, key)
			}
			e.For(llx.C64(0), count, 1, func(at llx.Value) {
				found := e.ICmp("slt", at, live)
				pos := r.position(e.Select(found, at, llx.C64(0)))
				// Of an empty line nothing is found, but memory may be read.
				pos = e.Select(found, pos, llx.C64(0))
				q, d := p.inside(n, pos), p.inside(j, at)
				e.write(values, d, e.Select(found, e.read(from, q, 1), leastOf(t)))
				e.write(indices, d, e.Select(found, e.Add(e.span(n).lo, pos), llx.C64(-1)))
			})
		})
	})
	e.store(o.Results[0], values)
	e.store(o.Results[1], indices)
}

// leastOf is -inf, or the least value of a type without.
func leastOf(t dtype.Type) llx.Value {
	switch least := math.Inf(-1); classOf(t) {
	case f64Class:
		return llx.F64(least)
	case f32Class:
		if !t.HasInf() {
			least = t.Lowest()
		}
		return llx.F32(least)
	case boolClass:
		return llx.Int(llx.I1, 0)
	case i32Class:
		return llx.C32(int64(int32(t.MinInt())))
	}
	return llx.C64(t.MinInt())
}

// rankKey is an unsigned key of 32 or 64 bits by which elements stand in order, NaN last.
func (e *emitter) rankKey(t dtype.Type, x llx.Value, down bool) llx.Value {
	ones := func(k llx.Type) llx.Value { return llx.Int(k, -1) }
	var key llx.Value
	switch c := classOf(t); c {
	case f32Class, f64Class:
		word, zero, bits := llx.I32, llx.F32(0), int64(32)
		if c == f64Class {
			word, zero, bits = llx.I64, llx.F64(0), 64
		}
		b := e.Bitcast(e.FAdd(x, zero), word) // the zeros are equal
		flip := e.Or(e.AShr(b, llx.Int(word, bits-1)), llx.Int(word, -1<<(bits-1)))
		key = e.Xor(b, flip)
		if down {
			key = e.Xor(key, ones(word))
		}
		return e.Select(e.FCmp("uno", x, x), ones(word), key)
	case boolClass:
		key = e.ZExt(x, llx.I32)
	case i32Class:
		key = x
		if t.Kind != dtype.UintKind {
			key = e.Xor(x, llx.Int(llx.I32, -1<<31))
		}
	default:
		key = x
		if t.Kind != dtype.UintKind {
			key = e.Xor(x, llx.Int(llx.I64, math.MinInt64))
		}
	}
	if down {
		key = e.Xor(key, ones(key.Type()))
	}
	return key
}

// ranking puts a line in order.
type ranking struct {
	e           *emitter
	half, word  llx.Type
	size        int64
	words, more llx.Value
}

func (r *ranking) at(i llx.Value) llx.Value { return r.e.Index(r.word, r.words, i) }

func (r *ranking) load(i llx.Value) llx.Value { return r.e.Load(r.word, r.at(i), 8) }

// join makes a word.
func (r *ranking) join(key, pos llx.Value) llx.Value {
	e := r.e
	bits := int64(4 * r.size)
	return e.Or(e.Shl(e.ZExt(key, r.word), llx.Int(r.word, bits)), e.ZExt(e.Trunc(pos, r.half), r.word))
}

// position is that of the i-th word.
func (r *ranking) position(i llx.Value) llx.Value {
	return r.e.ZExt(r.e.Trunc(r.load(i), r.half), llx.I64)
}

// insert leaves the first count words of a line in order.
func (r *ranking) insert(p *point, n *ir.Value, count llx.Value, key func(q *point) llx.Value) {
	e := r.e
	e.For(llx.C64(0), count, 1, func(i llx.Value) { e.Store(llx.Int(r.word, -1), r.at(i), 8) })
	e.If(e.ICmp("sgt", count, llx.C64(0)), func() {
		end := e.Sub(count, llx.C64(1))
		hole := e.Alloca(llx.I64, 1, 8)
		e.For(llx.C64(0), e.span(n).n, 1, func(i llx.Value) {
			w := r.join(key(p.inside(n, i)), i)
			e.If(e.ICmp("ult", w, r.load(end)), func() {
				e.Store(end, hole, 8)
				before := func() llx.Value { return e.Sub(e.Load(llx.I64, hole, 8), llx.C64(1)) }
				e.While(func() llx.Value {
					k := before()
					// The first word is compared once more where there is none before it.
					w2 := r.load(e.Max(k, llx.C64(0)))
					return e.And(e.ICmp("sge", k, llx.C64(0)), e.ICmp("ugt", w2, w))
				}, func() {
					k := before()
					e.Store(r.load(k), r.at(e.Add(k, llx.C64(1))), 8)
					e.Store(k, hole, 8)
				})
				e.Store(w, r.at(e.Load(llx.I64, hole, 8)), 8)
			}, nil)
		})
	}, nil)
}

// sort leaves all words of a line in order.
func (r *ranking) sort(p *point, n *ir.Value, live llx.Value, key func(q *point) llx.Value) {
	e := r.e
	e.For(llx.C64(0), live, 1, func(i llx.Value) {
		e.Store(r.join(key(p.inside(n, i)), i), r.at(i), 8)
	})
	name := "tile.sort." + llx.Suffix(r.word)
	attributes := e.g.attributes()
	e.g.m.Local(name, llx.Ptr, []*lir.Param{llx.Param("a", llx.Ptr, "noalias"), llx.Param("b", llx.Ptr, "noalias"), llx.Param("n", llx.I64)}, func(b *llx.B) {
		b.Fn.FuncAttrs = append(b.Fn.FuncAttrs, attributes...)
		mergeSort(b, r.word)
	})
	r.words = e.Call(name, llx.Ptr, r.words, r.more, live)
}

// mergeSort is a function of two buffers and a number of words in the first, which it puts in order; it gives the buffer
// in which they end.
func mergeSort(b *llx.B, word llx.Type) {
	n := b.Fn.Params[2]
	from, to := b.Alloca(llx.Ptr, 1, 8), b.Alloca(llx.Ptr, 1, 8)
	run, lo := b.Alloca(llx.I64, 1, 8), b.Alloca(llx.I64, 1, 8)
	left, right, out := b.Alloca(llx.I64, 1, 8), b.Alloca(llx.I64, 1, 8), b.Alloca(llx.I64, 1, 8)
	get := func(v llx.Value) llx.Value { return b.Load(llx.I64, v, 8) }
	b.Store(b.Fn.Params[0], from, 8)
	b.Store(b.Fn.Params[1], to, 8)
	b.Store(llx.C64(1), run, 8)
	b.While(func() llx.Value { return b.ICmp("slt", get(run), n) }, func() {
		source, target, width := b.Load(llx.Ptr, from, 8), b.Load(llx.Ptr, to, 8), get(run)
		b.Store(llx.C64(0), lo, 8)
		b.While(func() llx.Value { return b.ICmp("slt", get(lo), n) }, func() {
			first := get(lo)
			middle := b.Min(b.Add(first, width), n)
			end := b.Min(b.Add(middle, width), n)
			b.Store(first, left, 8)
			b.Store(middle, right, 8)
			b.Store(first, out, 8)
			word := func(i llx.Value) llx.Value { return b.Load(word, b.Index(word, source, i), 8) }
			put := func(w llx.Value, k llx.Value) {
				b.Store(w, b.Index(w.Type(), target, k), 8)
				b.Store(b.Add(k, llx.C64(1)), out, 8)
			}
			b.While(func() llx.Value {
				return b.And(b.ICmp("slt", get(left), middle), b.ICmp("slt", get(right), end))
			}, func() {
				i, k := get(left), get(right)
				x, y := word(i), word(k)
				take := b.ICmp("ult", y, x)
				put(b.Select(take, y, x), get(out))
				one := b.ZExt(take, llx.I64)
				b.Store(b.Add(k, one), right, 8)
				b.Store(b.Add(i, b.Sub(llx.C64(1), one)), left, 8)
			})
			for _, rest := range []struct{ at, end llx.Value }{{left, middle}, {right, end}} {
				b.While(func() llx.Value { return b.ICmp("slt", get(rest.at), rest.end) }, func() {
					i := get(rest.at)
					put(word(i), get(out))
					b.Store(b.Add(i, llx.C64(1)), rest.at, 8)
				})
			}
			b.Store(end, lo, 8)
		})
		b.Store(target, from, 8)
		b.Store(source, to, 8)
		b.Store(b.Mul(width, llx.C64(2)), run, 8)
	})
	b.Ret(b.Load(llx.Ptr, from, 8))
}
