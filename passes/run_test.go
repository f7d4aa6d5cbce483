package passes

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
	"github.com/tilec/tilec/ir/interp"
)

// TestMeaning runs each program of testdata/run.txtar in the interpreter before and after each pass, after all of
// them, and specialised to its sizes and scalars: outputs agree to the bit, and so does what is printed.
func TestMeaning(t *testing.T) {
	a, err := txtar.ParseFile("testdata/run.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range a.Files {
		fn, err := ir.ParseFunc(file.Name, file.Data)
		if err != nil {
			t.Error(err)
			continue
		}
		for _, scale := range []int64{0, 1, 2, 5, 9, 13} {
			call := newCall(fn, scale, uint64(scale))
			want, err := call.run(fn)
			if err != nil {
				t.Errorf("%s, %v: as written: %v", file.Name, call.known.Sizes, err)
				continue
			}
			check := func(what string, fn *ir.Func) {
				t.Helper()
				if err := ir.Verify(fn); err != nil {
					t.Errorf("%s, %v: %s: %v\n%s", file.Name, call.known.Sizes, what, err, fn)
					return
				}
				got, err := call.run(fn)
				if err != nil {
					t.Errorf("%s, %v: %s: %v\n%s", file.Name, call.known.Sizes, what, err, fn)
				} else if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s, %v: %s: (-want +got)\n%s\n%s", file.Name, call.known.Sizes, what, diff, fn)
				}
			}
			for _, p := range table {
				g := fn.Clone()
				if err := p.Run(g, &Options{Known: call.known}); err != nil {
					t.Errorf("%s: %s: %v", file.Name, p.Name, err)
					continue
				}
				check(p.Name, g)
			}
			g := fn.Clone()
			if err := Run(g, Options{VerifyEach: true}); err != nil {
				t.Errorf("%s: %v", file.Name, err)
				continue
			}
			check("all passes", g)
			if err := Run(g, Options{VerifyEach: true}); err != nil {
				t.Errorf("%s: %v", file.Name, err)
				continue
			}
			check("all passes twice", g)
			g = fn.Clone()
			if err := Run(g, Options{VerifyEach: true, Known: call.known}); err != nil {
				t.Errorf("%s: %v", file.Name, err)
				continue
			}
			check("all passes, specialised", g)
			g = fn.Clone()
			phases(g)
			check("phases", g)
			if strings.Contains(string(file.Data), " contract ") {
				continue // which of two NaN a product gives is its own affair
			}
			g = fn.Clone()
			if err := Place(g, Machine{Target: "sm_80"}); err != nil {
				t.Errorf("%s: %v", file.Name, err)
				continue
			}
			check("placed", g)
		}
	}
}

// call is a set of arguments for a function.
type call struct {
	known *Known
	args  []interp.Arg
}

// newCall makes sizes near scale and data at random: numbers on a coarse grid with zeros, extremes and NaN among them,
// indices of a few dozen.
func newCall(fn *ir.Func, scale int64, seed uint64) *call {
	rng := rand.New(rand.NewPCG(seed, 1))
	c := &call{known: &Known{Sizes: map[string]int64{}, Scalars: map[string]any{}}}
	sizes := make([]int64, len(fn.Sizes))
	for i, s := range fn.Sizes {
		sizes[i] = max(scale-int64(i), 0)
		if s.Def != nil {
			sizes[i], _ = s.Def.Eval(sizes[:i])
		}
		c.known.Sizes[s.Name] = sizes[i]
	}
	for _, p := range fn.Params {
		e := p.Type.Elem
		if p.Type.Kind == ir.Scalar {
			if e.IsFloat() {
				x := e.Round64(rng.NormFloat64())
				c.known.Scalars[p.Name] = x
				c.args = append(c.args, interp.Arg{Float: x})
			} else {
				k := rng.Int64N(2)
				c.known.Scalars[p.Name] = k
				c.args = append(c.args, interp.Arg{Int: k})
			}
			continue
		}
		var shape []int64
		for _, d := range p.Type.Dims {
			k, _ := d.Eval(sizes)
			shape = append(shape, k)
		}
		tensor, err := interp.NewTensor(e, shape...)
		if err != nil {
			panic(err)
		}
		if p.Role != ir.Out {
			for i := range int(tensor.Len()) {
				dtype.WriteCode(tensor.Data, i*e.Bits(), e.Bits(), code(e, rng))
			}
		}
		c.args = append(c.args, interp.Arg{Tensor: tensor})
	}
	return c
}

// code is a random element of type e.
func code(e dtype.Type, rng *rand.Rand) uint64 {
	switch {
	case e == dtype.I64:
		return uint64(rng.Int64N(24) - 4)
	case e == dtype.Bool:
		return uint64(rng.IntN(2))
	case e.IsFloat() && rng.IntN(4) > 0:
		return e.Encode(float64(rng.IntN(65)-32)/8, dtype.NearestEven, dtype.Saturate)
	}
	return rng.Uint64() & (1<<(e.Bits()-1)<<1 - 1)
}

// run gives the outputs' bytes and what was printed.
func (c *call) run(fn *ir.Func) (out []string, err error) {
	args := make([]interp.Arg, len(c.args))
	for i, a := range c.args {
		args[i] = a
		if a.Tensor != nil {
			t := *a.Tensor
			t.Data = bytes.Clone(t.Data)
			args[i].Tensor = &t
		}
	}
	p, err := interp.Compile(fn)
	if err != nil {
		return nil, err
	}
	var printed bytes.Buffer
	if err := p.Run(args, interp.Options{Workers: 1, Print: &printed}); err != nil {
		return nil, err
	}
	for i, q := range fn.Params {
		if args[i].Tensor != nil && q.Role != ir.In {
			out = append(out, fmt.Sprintf("%s % x", q.Name, args[i].Tensor.Data))
		}
	}
	return append(out, printed.String()), nil
}

// BenchmarkRun times the pipeline on attention, and how much of that is copying the function.
func BenchmarkRun(b *testing.B) {
	a, err := txtar.ParseFile("testdata/run.txtar")
	if err != nil {
		b.Fatal(err)
	}
	for _, file := range a.Files {
		if file.Name != "attention.tir" {
			continue
		}
		fn, err := ir.ParseFunc(file.Name, file.Data)
		if err != nil {
			b.Fatal(err)
		}
		b.Run("clone", func(b *testing.B) {
			for b.Loop() {
				fn.Clone()
			}
		})
		b.Run("passes", func(b *testing.B) {
			for b.Loop() {
				if err := Run(fn.Clone(), Options{}); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("verified", func(b *testing.B) {
			for b.Loop() {
				if err := Run(fn.Clone(), Options{VerifyEach: true}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
