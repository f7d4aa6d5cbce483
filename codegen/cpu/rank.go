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
			r.keys = func(q *point) llx.Value { return e.rankKey(t, e.read(from, q, q.lanes), down) }
			if from.last() == n {
				r.vec = n
			}
			if few {
				r.insert(p, n, count)
			} else {
				r.sort(p, n, live)
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

// rankKey are unsigned keys of 32 or 64 bits, in as many lanes as x has, by which elements stand in order, NaN last.
func (e *emitter) rankKey(t dtype.Type, x llx.Value, down bool) llx.Value {
	lanes := llx.Lanes(x.Type())
	word := llx.Type(llx.I32)
	if c := classOf(t); c == f64Class || c == i64Class {
		word = llx.I64
	}
	top, last := int64(math.MinInt64), int64(63)
	if word.Equal(llx.I32) {
		top, last = math.MinInt32, 31
	}
	key := x
	switch c := classOf(t); c {
	case f32Class, f64Class:
		b := e.Bitcast(e.FAdd(x, e.kf(c, 0, lanes)), llx.Vec(word, lanes)) // the zeros are equal
		sign := e.AShr(b, e.k(word, last, lanes))
		key = e.Xor(b, e.Or(sign, e.k(word, top, lanes)))
	case boolClass:
		key = e.ZExt(x, llx.Vec(llx.I32, lanes))
	default:
		if t.Kind != dtype.UintKind {
			key = e.Xor(x, e.k(word, top, lanes))
		}
	}
	if down {
		key = e.Xor(key, e.k(word, -1, lanes))
	}
	if t.IsFloat() {
		key = e.Select(e.isNaN(x), e.k(word, -1, lanes), key)
	}
	return key
}

// ranking puts a line in order.
type ranking struct {
	e           *emitter
	half, word  llx.Type
	size        int64
	words, more llx.Value
	keys        func(q *point) llx.Value
	vec         *ir.Value // the line's axis, where its elements lie side by side
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

// each runs body for every key of a line, in order. Of a vector of keys among which none may matter it takes none.
func (r *ranking) each(p *point, n *ir.Value, matters func(keys llx.Value) llx.Value, body func(key, pos llx.Value)) {
	e := r.e
	e.nestFrom(p, nestOf{axes: []*ir.Value{n}, vec: r.vec}, func(q *point) {
		keys, pos := r.keys(q), q.pos[n]
		if q.lanes == 1 {
			body(keys, pos)
			return
		}
		some := matters(keys)
		count := llx.Value(llx.C64(int64(q.lanes)))
		if m := e.mask(q); m != nil {
			some, count = e.And(some, m), q.live
		}
		e.If(e.Any(some), func() {
			room := e.Alloca(keys.Type(), 1, 64)
			e.Store(keys, room, 64)
			e.For(llx.C64(0), count, 1, func(i llx.Value) {
				body(e.Load(r.half, e.Index(r.half, room, i), int(r.size/2)), e.Add(pos, i))
			})
		}, nil)
	})
}

// insert leaves the first count words of a line in order.
func (r *ranking) insert(p *point, n *ir.Value, count llx.Value) {
	e := r.e
	e.For(llx.C64(0), count, 1, func(i llx.Value) { e.Store(llx.Int(r.word, -1), r.at(i), 8) })
	e.If(e.ICmp("sgt", count, llx.C64(0)), func() {
		end := e.Sub(count, llx.C64(1))
		hole := e.Alloca(llx.I64, 1, 8)
		matters := func(keys llx.Value) llx.Value {
			worst := e.Trunc(e.LShr(r.load(end), llx.Int(r.word, 4*r.size)), r.half)
			return e.ICmp("ule", keys, e.Splat(worst, llx.Lanes(keys.Type())))
		}
		r.each(p, n, matters, func(key, pos llx.Value) {
			w := r.join(key, pos)
			e.If(e.ICmp("ult", w, r.load(end)), func() {
				e.Store(end, hole, 8)
				before := func() llx.Value { return e.Sub(e.Load(llx.I64, hole, 8), llx.C64(1)) }
				e.While(func() llx.Value {
					k := before()
					// The first word is compared once more where there is none before it.
					other := r.load(e.Max(k, llx.C64(0)))
					return e.And(e.ICmp("sge", k, llx.C64(0)), e.ICmp("ugt", other, w))
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
func (r *ranking) sort(p *point, n *ir.Value, live llx.Value) {
	e := r.e
	r.vec = nil
	r.each(p, n, nil, func(key, pos llx.Value) { e.Store(r.join(key, pos), r.at(pos), 8) })
	name := "tile.sort." + llx.Suffix(r.word)
	attributes := e.g.attributes()
	e.g.m.Local(name, llx.Ptr, []*lir.Param{llx.Param("a", llx.Ptr, "noalias"), llx.Param("b", llx.Ptr, "noalias"), llx.Param("n", llx.I64)}, func(b *llx.B) {
		b.Fn.FuncAttrs = append(b.Fn.FuncAttrs, attributes...)
		s := &sorter{B: b, word: r.word, size: r.size, n: b.Fn.Params[2], from: b.Alloca(llx.Ptr, 1, 8), to: b.Alloca(llx.Ptr, 1, 8)}
		b.Store(b.Fn.Params[0], s.from, 8)
		b.Store(b.Fn.Params[1], s.to, 8)
		b.If(b.ICmp("slt", s.n, llx.C64(fewWords)), s.merge, s.radix)
		b.Ret(b.Load(llx.Ptr, s.from, 8))
	})
	r.words = e.Call(name, llx.Ptr, r.words, r.more, live)
}

// fewWords is the number of words from which on counting digits is quicker than comparing words.
const fewWords = 400

// sorter is a function of two buffers and a number of words in the first, which it puts in order; they end in from.
type sorter struct {
	*llx.B
	word     llx.Type
	size     int64
	n        llx.Value
	from, to llx.Value
}

func (s *sorter) swap(source, target llx.Value) {
	s.Store(target, s.from, 8)
	s.Store(source, s.to, 8)
}

// merge sorts by merging runs of 1, 2, 4, … words.
func (s *sorter) merge() {
	run, lo := s.Alloca(llx.I64, 1, 8), s.Alloca(llx.I64, 1, 8)
	left, right, out := s.Alloca(llx.I64, 1, 8), s.Alloca(llx.I64, 1, 8), s.Alloca(llx.I64, 1, 8)
	get := func(v llx.Value) llx.Value { return s.Load(llx.I64, v, 8) }
	s.Store(llx.C64(1), run, 8)
	s.While(func() llx.Value { return s.ICmp("slt", get(run), s.n) }, func() {
		source, target, width := s.Load(llx.Ptr, s.from, 8), s.Load(llx.Ptr, s.to, 8), get(run)
		s.Store(llx.C64(0), lo, 8)
		s.While(func() llx.Value { return s.ICmp("slt", get(lo), s.n) }, func() {
			first := get(lo)
			middle := s.Min(s.Add(first, width), s.n)
			end := s.Min(s.Add(middle, width), s.n)
			s.Store(first, left, 8)
			s.Store(middle, right, 8)
			s.Store(first, out, 8)
			word := func(i llx.Value) llx.Value { return s.Load(s.word, s.Index(s.word, source, i), 8) }
			put := func(w llx.Value) {
				k := get(out)
				s.Store(w, s.Index(s.word, target, k), 8)
				s.Store(s.Add(k, llx.C64(1)), out, 8)
			}
			s.While(func() llx.Value {
				return s.And(s.ICmp("slt", get(left), middle), s.ICmp("slt", get(right), end))
			}, func() {
				i, k := get(left), get(right)
				x, y := word(i), word(k)
				take := s.ICmp("ult", y, x)
				put(s.Select(take, y, x))
				one := s.ZExt(take, llx.I64)
				s.Store(s.Add(k, one), right, 8)
				s.Store(s.Add(i, s.Sub(llx.C64(1), one)), left, 8)
			})
			for _, rest := range []struct{ at, end llx.Value }{{left, middle}, {right, end}} {
				s.While(func() llx.Value { return s.ICmp("slt", get(rest.at), rest.end) }, func() {
					i := get(rest.at)
					put(word(i))
					s.Store(s.Add(i, llx.C64(1)), rest.at, 8)
				})
			}
			s.Store(end, lo, 8)
		})
		s.swap(source, target)
		s.Store(s.Mul(width, llx.C64(2)), run, 8)
	})
}

// radix sorts by the digits of the keys to the base 256, the lowest first; words of equal digits stay in order, so that
// positions, which ascend at first, need no turn.
func (s *sorter) radix() {
	digits := int(s.size / 2)
	counts := s.Alloca(llx.I64, digits*256, 64)
	count := func(d int, digit llx.Value) llx.Value {
		return s.Index(llx.I64, counts, s.Add(digit, llx.C64(int64(256*d))))
	}
	digit := func(w llx.Value, d int) llx.Value {
		return s.And(s.Trunc(s.LShr(w, llx.Int(s.word, 4*s.size+int64(8*d))), llx.I64), llx.C64(255))
	}
	word := func(p, i llx.Value) llx.Value { return s.Load(s.word, s.Index(s.word, p, i), 8) }
	s.For(llx.C64(0), llx.C64(int64(256*digits)), 1, func(i llx.Value) { s.Store(llx.C64(0), s.Index(llx.I64, counts, i), 8) })
	first := s.Load(llx.Ptr, s.from, 8)
	s.For(llx.C64(0), s.n, 1, func(i llx.Value) {
		w := word(first, i)
		for d := range digits {
			at := count(d, digit(w, d))
			s.Store(s.Add(s.Load(llx.I64, at, 8), llx.C64(1)), at, 8)
		}
	})
	sum := s.Alloca(llx.I64, 1, 8)
	for d := range digits {
		source := s.Load(llx.Ptr, s.from, 8)
		same := s.ICmp("eq", s.Load(llx.I64, count(d, digit(word(source, llx.C64(0)), d)), 8), s.n)
		s.If(same, func() {}, func() {
			target := s.Load(llx.Ptr, s.to, 8)
			s.Store(llx.C64(0), sum, 8)
			s.For(llx.C64(0), llx.C64(256), 1, func(i llx.Value) {
				at, before := count(d, i), s.Load(llx.I64, sum, 8)
				s.Store(s.Add(before, s.Load(llx.I64, at, 8)), sum, 8)
				s.Store(before, at, 8)
			})
			s.For(llx.C64(0), s.n, 1, func(i llx.Value) {
				w := word(source, i)
				at := count(d, digit(w, d))
				k := s.Load(llx.I64, at, 8)
				s.Store(w, s.Index(s.word, target, k), 8)
				s.Store(s.Add(k, llx.C64(1)), at, 8)
			})
			s.swap(source, target)
		})
	}
}
