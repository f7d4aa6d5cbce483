package interp

import (
	"math/rand/v2"
	"regexp"
	"testing"

	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
)

var lineMark = regexp.MustCompile(`@(\d+)\n`)

// parse reads a function from text; @n at the end of a line is line n of k.tile.
func parse(t testing.TB, text string) *ir.Func {
	t.Helper()
	text = lineMark.ReplaceAllString(text, "loc(\"k.tile\":$1:1)\n")
	f, err := ir.ParseFunc("test.tir", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// compile decodes a function from text.
func compile(t testing.TB, text string) *Program {
	t.Helper()
	p, err := Compile(parse(t, text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// floats makes a tensor of values.
func floats(elem dtype.Type, v []float64, shape ...int64) *Tensor {
	x, err := NewTensor(elem, shape...)
	if err != nil {
		panic(err)
	}
	elem.EncodeF64(x.Data, 0, v)
	return x
}

func ints(elem dtype.Type, v []int64, shape ...int64) *Tensor {
	x, err := NewTensor(elem, shape...)
	if err != nil {
		panic(err)
	}
	elem.EncodeInts(x.Data, 0, v)
	return x
}

// floatsOf and intsOf are a dense tensor's values.
func floatsOf(x *Tensor) []float64 {
	v := make([]float64, x.Len())
	x.Elem.DecodeF64(v, x.Data, x.BitOffset)
	return v
}

func intsOf(x *Tensor) []int64 {
	v := make([]int64, x.Len())
	x.Elem.DecodeInts(v, x.Data, x.BitOffset)
	return v
}

// randn makes a tensor of normally distributed values.
func randn(seed uint64, elem dtype.Type, shape ...int64) *Tensor {
	r := rand.New(rand.NewPCG(seed, 1))
	n, _ := volume(shape)
	v := make([]float64, n)
	for i := range v {
		v[i] = r.NormFloat64()
	}
	return floats(elem, v, shape...)
}

// blank makes a tensor of zeros.
func blank(elem dtype.Type, shape ...int64) *Tensor {
	x, err := NewTensor(elem, shape...)
	if err != nil {
		panic(err)
	}
	return x
}

func tensors(ts ...*Tensor) []Arg {
	args := make([]Arg, len(ts))
	for i, t := range ts {
		args[i].Tensor = t
	}
	return args
}
