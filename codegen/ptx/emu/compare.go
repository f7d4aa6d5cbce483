package emu

import (
	"math"

	"github.com/tilec/tilec/codegen/ptx"
	"github.com/tilec/tilec/codegen/ptx/syntax"
)

// compareOp sets a bit of the mask for each lane of which the comparison holds.
type compareOp func(a, b *vec) uint32

// relation is what a comparison asks of two values that are ordered so.
type relation struct{ less, equal, greater, unordered bool }

var relations = map[string]relation{
	".eq": {equal: true}, ".ne": {less: true, greater: true},
	".lt": {less: true}, ".le": {less: true, equal: true}, ".gt": {greater: true}, ".ge": {greater: true, equal: true},
	".lo": {less: true}, ".ls": {less: true, equal: true}, ".hi": {greater: true}, ".hs": {greater: true, equal: true},
	".equ": {equal: true, unordered: true}, ".neu": {less: true, greater: true, unordered: true},
	".ltu": {less: true, unordered: true}, ".leu": {less: true, equal: true, unordered: true},
	".gtu": {greater: true, unordered: true}, ".geu": {greater: true, equal: true, unordered: true},
	".num": {less: true, equal: true, greater: true}, ".nan": {unordered: true},
}

// compare is the comparison of set and setp; nil where it is not executed. Of pairs it is that of the low halves.
func compare(in *syntax.Instr) compareOp {
	r := relations[in.Word("C")]
	t := in.Type("T")
	ftz := in.Has(".ftz")
	switch t {
	case ptx.F32:
		return floats(r, func(x uint32) float64 {
			if ftz {
				x = flush32(x)
			}
			return float64(f32(x))
		})
	case ptx.F16, ptx.F16x2:
		return floats(r, func(x uint32) float64 { return float64(fromF16(formatF16.flushIf(ftz, x&0xffff))) })
	case ptx.BF16, ptx.BF16x2:
		return floats(r, func(x uint32) float64 { return float64(fromBF16(x & 0xffff)) })
	case ptx.F64:
		return wides(func(a, b uint64) bool { return r.holds(f64(a), f64(b)) })
	}
	switch t.Bits() {
	case 64:
		if t.Signed() {
			return wides(func(a, b uint64) bool { return ordered(r, int64(a), int64(b)) })
		}
		return wides(func(a, b uint64) bool { return ordered(r, a, b) })
	case 16:
		if t.Signed() {
			return narrows(func(a, b uint32) bool { return ordered(r, int16(a), int16(b)) })
		}
		return narrows(func(a, b uint32) bool { return ordered(r, uint16(a), uint16(b)) })
	}
	return ints32(r, t.Signed())
}

func ordered[T int16 | uint16 | int64 | uint64](r relation, a, b T) bool {
	return r.less && a < b || r.equal && a == b || r.greater && a > b
}

func (r relation) holds(a, b float64) bool {
	switch {
	case a < b:
		return r.less
	case a > b:
		return r.greater
	case a == b:
		return r.equal
	}
	return r.unordered
}

func floats(r relation, value func(uint32) float64) compareOp {
	return func(a, b *vec) (m uint32) {
		for i := range a {
			m |= bit(r.holds(value(a[i]), value(b[i]))) << i
		}
		return m
	}
}

func wides(f func(a, b uint64) bool) compareOp {
	return func(a, b *vec) (m uint32) {
		a64, b64 := w64(a), w64(b)
		for i := range a64 {
			m |= bit(f(a64[i], b64[i])) << i
		}
		return m
	}
}

func narrows(f func(a, b uint32) bool) compareOp {
	return func(a, b *vec) (m uint32) {
		for i := range a {
			m |= bit(f(a[i], b[i])) << i
		}
		return m
	}
}

// ints32 finds the lanes that are equal and those that are less, from which every relation follows.
func ints32(r relation, signed bool) compareOp {
	bias := uint32(0)
	if signed {
		bias = 1 << 31
	}
	return func(a, b *vec) uint32 {
		var eq, lt uint32
		if r.equal != r.less || r.equal != r.greater {
			if r.less == r.greater || r.equal {
				for i := range a {
					eq |= bit(a[i] == b[i]) << i
				}
			}
			if r.less != r.greater {
				for i := range a {
					lt |= bit(a[i]^bias < b[i]^bias) << i
				}
			}
		}
		switch {
		case r.less && r.greater:
			return ^eq
		case r.less && r.equal:
			return lt | eq
		case r.less:
			return lt
		case r.greater && r.equal:
			return ^lt
		case r.greater:
			for i := range a {
				eq |= bit(a[i] == b[i]) << i
			}
			return ^(lt | eq)
		}
		return eq
	}
}

// combine joins a comparison with the predicate of setp.and and the like.
func combine(op string, c, p uint32) uint32 {
	switch op {
	case ".and":
		return c & p
	case ".or":
		return c | p
	case ".xor":
		return c ^ p
	}
	return c
}

// testOp is testp.
func testOp(in *syntax.Instr) compareOp {
	mode := in.Word("M")
	f := func(x float64, subnormal bool) bool {
		switch mode {
		case ".finite":
			return x-x == 0
		case ".infinite":
			return math.IsInf(x, 0)
		case ".number":
			return x == x
		case ".notanumber":
			return x != x
		case ".normal":
			return x-x == 0 && !subnormal // zeros count as normal (PTX ISA, testp)
		}
		return subnormal
	}
	if in.Type("T") == ptx.F64 {
		return wides(func(a, _ uint64) bool { return f(f64(a), a<<1>>53 == 0 && a<<1 != 0) })
	}
	return narrows(func(a, _ uint32) bool { return f(float64(f32(a)), a<<1>>24 == 0 && a<<1 != 0) })
}
