package eval

import (
	"fmt"
	"math"
	"slices"
	"sync"

	"github.com/tilec/tilec/dsl/diag"
	"github.com/tilec/tilec/dsl/typed"
	"github.com/tilec/tilec/ir/dtype"
	"github.com/tilec/tilec/ir/philox"
	"github.com/tilec/tilec/runtime/array"
)

// maxElements is the largest number of elements of a value of a test; a tensor that no expression reads may have more.
const maxElements = 1 << 26

// maxBits is the largest size of a tensor of a test.
const maxBits = 1 << 34

// tensor is a tensor of a test, row-major: f for types that a test reads as f64, else i. Its bits, if there are any, are
// raw.
type tensor struct {
	elem  dtype.Type
	shape []int64
	f     []float64
	a, e  []float64 // as in values
	i     []int64
	raw   *array.Array // decoded when an expression first reads the tensor
	once  sync.Once
	at    diag.Span

	// result says that a kernel computed it; weight is then what roundings gives for it.
	result bool
	weight float64
}

// newTensor is a tensor of the type and shape of t, without elements.
func newTensor(t *typed.Tensor, at diag.Span) *tensor {
	out := &tensor{elem: t.Elem, at: at, shape: make([]int64, len(t.Dims))}
	for i, d := range t.Dims {
		n, ok := d.Eval(nil)
		if !ok || n < 0 {
			panic(failf(at, "dimension %d of %s has no extent", i, t.Name))
		}
		out.shape[i] = n
	}
	if n := out.len(); n > maxBits/t.Elem.Bits() {
		panic(failf(at, "%s of shape %v has more than %d bits, the most that a test holds", t.Name, out.shape, int64(maxBits)))
	}
	return out
}

// count is the number of elements of a shape; too many are an error.
func count(at diag.Span, what string, shape []int64) int {
	n := volume(shape)
	if n > maxElements {
		panic(failf(at, "%s of shape %v has more than %d elements, the most that a test computes with", what, shape, maxElements))
	}
	return n
}

// volume is the number of elements of a shape, or a number beyond all limits.
func volume(shape []int64) int {
	n := int64(1)
	for _, d := range shape {
		if d == 0 {
			return 0
		}
	}
	for _, d := range shape {
		if n > math.MaxInt64/2/d {
			return math.MaxInt64
		}
		n *= d
	}
	return int(n)
}

func (t *tensor) len() int { return volume(t.shape) }

// floats reports whether a test reads the elements as f64.
func (t *tensor) floats() bool { return typed.ReadType(t.elem) == dtype.F64 }

// take makes the array the tensor's memory.
func (t *tensor) take(a *array.Array) error {
	if a == nil || a.Elem != t.elem || !slices.Equal(a.Shape, t.shape) {
		return fmt.Errorf("an array of another type or shape than %s %v", t.elem, t.shape)
	}
	n := t.len()
	if len(a.Data) < dtype.StreamBytes(t.elem.Bits(), n) {
		return fmt.Errorf("%d bytes for %s %v", len(a.Data), t.elem, t.shape)
	}
	t.raw = a
	return nil
}

// decode makes the elements from memory, once.
func (t *tensor) decode() {
	t.once.Do(func() {
		if t.raw == nil || t.f != nil || t.i != nil {
			return
		}
		n := count(t.at, "a tensor", t.shape)
		if t.floats() {
			t.f = make([]float64, n)
			t.elem.DecodeF64(t.f, t.raw.Data, 0)
		} else {
			t.i = make([]int64, n)
			t.elem.DecodeInts(t.i, t.raw.Data, 0)
		}
	})
}

// encode is the tensor in memory, its elements rounded to elem.
func (t *tensor) encode(elem dtype.Type) *array.Array {
	if t.raw != nil && t.raw.Elem == elem {
		return t.raw
	}
	t.decode()
	n := t.len()
	out := &array.Array{Elem: elem, Shape: t.shape, Data: make([]byte, dtype.StreamBytes(elem.Bits(), n))}
	switch {
	case t.f != nil && elem.IsFloat():
		elem.EncodeF64(out.Data, 0, t.f)
	case t.f != nil:
		elem.EncodeInts(out.Data, 0, toInts(elem, t.f))
	case elem.IsFloat():
		elem.EncodeF64(out.Data, 0, toFloats(t.elem, t.i))
	default:
		from := typed.ReadType(t.elem)
		ints := make([]int64, n)
		for k, v := range t.i {
			ints[k] = elem.IntOfInt(from, v, dtype.Default)
		}
		elem.EncodeInts(out.Data, 0, ints)
	}
	return out
}

// toInts is float values as integers of a type.
func toInts(elem dtype.Type, f []float64) []int64 {
	out := make([]int64, len(f))
	for k, v := range f {
		out[k] = elem.IntOfFloat(v, dtype.Default)
	}
	return out
}

// toFloats is integer values as float64.
func toFloats(elem dtype.Type, i []int64) []float64 {
	out := make([]float64, len(i))
	for k, v := range i {
		if elem == dtype.U64 {
			out[k] = float64(uint64(v))
		} else {
			out[k] = float64(v)
		}
	}
	return out
}

// seed mixes the run's seed into a generator's.
func (r *Runner) seed(s uint64) int64 {
	w := philox.Words(r.Seed, s)
	return int64(uint64(w[0]) | uint64(w[1])<<32)
}

// generate makes a tensor.
func (r *Runner) generate(s *typed.Gen) error {
	t := newTensor(s.Tensor, s.At)
	n, seed := t.len(), r.seed(s.Seed)
	raw := &array.Array{Elem: t.elem, Shape: t.shape, Data: make([]byte, dtype.StreamBytes(t.elem.Bits(), n))}
	ints := func(v []int64) { raw = (&tensor{elem: dtype.I64, shape: t.shape, i: v, at: s.At}).encode(t.elem) }
	lo, hi := math.Floor(s.Lo), math.Ceil(s.Hi)
	switch s.Kind {
	case "randn":
		array.Randn(raw.Data, t.elem, n, seed)
	case "uniform":
		array.Uniform(raw.Data, t.elem, n, s.Lo, s.Hi, seed)
	case "randint":
		array.RandInt(raw.Data, t.elem, n, int64(lo), int64(hi), seed)
	case "randcode":
		if hi <= lo {
			lo, hi = 0, math.Ldexp(1, t.elem.Bits())
		}
		if t.elem == dtype.Bool {
			hi = min(hi, 2)
		}
		array.RandCode(raw.Data, t.elem, n, uint64(max(lo, 0)), uint64(min(hi, 1<<63)), seed)
	case "randperm":
		v, err := permutation(s, int64(hi), n, seed)
		if err != nil {
			return err
		}
		ints(v)
	case "zeros":
		array.Full(raw.Data, t.elem, n, 0)
	case "ones":
		array.Full(raw.Data, t.elem, n, 1)
	case "iota":
		array.Iota(raw.Data, t.elem, n)
	case "full":
		if len(s.Values) != 1 {
			return failf(s.At, "internal error: %d values of full", len(s.Values))
		}
		array.Full(raw.Data, t.elem, n, r.scalar(s.Values[0]))
	case "values":
		list, err := r.literal(s, t, n)
		if err != nil {
			return err
		}
		raw = list.encode(t.elem)
	default:
		return failf(s.At, "internal error: no generator %q", s.Kind)
	}
	if err := t.take(raw); err != nil {
		return failf(s.At, "internal error: %v", err)
	}
	r.tensors[s.Tensor] = t
	return nil
}

// permutation is count distinct numbers below n, by the first count steps of a shuffle.
func permutation(s *typed.Gen, n int64, count int, seed int64) ([]int64, error) {
	if n < int64(count) {
		return nil, failf(s.At, "there are no %d distinct numbers below %d", count, n)
	}
	if n > maxElements {
		return nil, failf(s.At, "a permutation of %d numbers; at most %d are supported", n, maxElements)
	}
	v := make([]int64, n)
	for i := range v {
		v[i] = int64(i)
	}
	for i := range count {
		w := uint64(philox.Rand(seed, 2*int64(i))) | uint64(philox.Rand(seed, 2*int64(i)+1))<<32
		j := i + int(w%uint64(n-int64(i)))
		v[i], v[j] = v[j], v[i]
	}
	return v[:count], nil
}

// scalar is a value as a float64.
func (r *Runner) scalar(e typed.Expr) float64 {
	v := r.whole(e)
	if v.f != nil {
		return v.f[0]
	}
	return toFloats(e.Type().Elem, v.i)[0]
}

// literal is a tensor of all the values listed.
func (r *Runner) literal(s *typed.Gen, t *tensor, n int) (*tensor, error) {
	if len(s.Values) != n {
		return nil, failf(s.At, "%d values for a tensor of %d elements", len(s.Values), n)
	}
	out := &tensor{elem: dtype.F64, shape: t.shape, at: s.At}
	if !t.floats() {
		out.elem, out.i = dtype.I64, make([]int64, n)
	} else {
		out.f = make([]float64, n)
	}
	for k, e := range s.Values {
		switch v := r.whole(e); {
		case out.f != nil:
			out.f[k] = r.scalar(e)
		case v.f != nil:
			out.i[k] = dtype.I64.IntOfFloat(v.f[0], dtype.Default)
		default:
			out.i[k] = v.i[0]
		}
	}
	return out, nil
}
