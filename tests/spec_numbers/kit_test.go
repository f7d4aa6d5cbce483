// Package numbers holds the numbers of the language to its page, docs/language.md: types, conversions, arithmetic,
// builtins.
//
// Each folder here is a package of kernels with tests, which say what a program can observe. The Go tests run kernels
// whose every result is known to the bit from something else: exact arithmetic of package math/big, a table that is
// published, a definition written down a second time. Both run as the compiler leaves kernels and as it lowered them,
// so that what passes fold is held to what runs.
package numbers

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/tilec/tilec/dsl/check"
	"github.com/tilec/tilec/dsl/compile"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
	"github.com/tilec/tilec/runtime"
	"github.com/tilec/tilec/runtime/array"
)

// kernel is a kernel of a text, as the passes leave it and as it was lowered.
type kernel struct {
	name           string
	passed, raw    *runtime.Kernel
	sizes          []*ir.Size
	params         []*ir.Param
	onlyAfterwards bool // run it after the passes only
}

// load compiles the one kernel of a text.
func load(t *testing.T, text string) *kernel {
	t.Helper()
	if !strings.HasPrefix(text, "package") {
		text = "package numbers\n\n" + text
	}
	prog, list := check.LoadText(map[string]string{"k.tile": text})
	if list.HasErrors() {
		t.Fatalf("%v\n%s", list.Err(), numbered(text))
	}
	k := prog.Packages[0].Kernels[0]
	tree, list := k.Instantiate(check.Bindings{})
	if list.HasErrors() {
		t.Fatalf("%v\n%s", list.Err(), numbered(text))
	}
	out := &kernel{name: k.Name}
	for _, raw := range []bool{false, true} {
		fn, _, err := compile.Func(tree, compile.Options{Verify: true, Raw: raw})
		if err != nil {
			t.Fatalf("%v\n%s", err, numbered(text))
		}
		ready, err := runtime.New(fn)
		if err != nil {
			t.Fatalf("%v\n%s", err, numbered(text))
		}
		if raw {
			out.raw = ready
		} else {
			out.passed, out.sizes, out.params = ready, fn.Sizes, fn.Params
		}
	}
	return out
}

func numbered(text string) string {
	lines := strings.Split(text, "\n")
	for i, l := range lines[:min(len(lines), 60)] {
		lines[i] = fmt.Sprintf("%3d  %s", i+1, l)
	}
	return strings.Join(lines[:min(len(lines), 60)], "\n")
}

// run launches a kernel on tensors. Sizes are found in the tensors' shapes by name.
func (k *kernel) run(t *testing.T, args ...*array.Array) []*array.Array {
	t.Helper()
	sizes := make([]int64, len(k.sizes))
	list := make([]runtime.Arg, len(args))
	for i, a := range args {
		list[i].Tensor = a
		for d, dim := range k.params[i].Type.Dims {
			if dim.Op == ir.DimSize {
				sizes[dim.Size] = a.Shape[d]
			}
		}
	}
	outs, err := k.passed.Launch(context.Background(), sizes, list, runtime.Options{})
	if err != nil {
		t.Fatalf("%s: %v", k.name, err)
	}
	if k.onlyAfterwards {
		return outs
	}
	again, err := k.raw.Launch(context.Background(), sizes, list, runtime.Options{})
	if err != nil {
		t.Fatalf("%s as lowered: %v", k.name, err)
	}
	for i, a := range outs {
		if !bytes.Equal(a.Data, again[i].Data) {
			t.Errorf("%s: output %d differs after the passes", k.name, i)
		}
	}
	return outs
}

// vector is a tensor of one dimension with the given codes.
func vector(e dtype.Type, codes []uint64) *array.Array { return tensor(e, codes, int64(len(codes))) }

func tensor(e dtype.Type, codes []uint64, shape ...int64) *array.Array {
	a := &array.Array{Elem: e, Shape: shape, Data: make([]byte, dtype.StreamBytes(e.Bits(), len(codes)))}
	for i, c := range codes {
		dtype.WriteCode(a.Data, i*e.Bits(), e.Bits(), c)
	}
	return a
}

// codes are the codes of a tensor's elements.
func codes(a *array.Array) []uint64 {
	out := make([]uint64, a.Len())
	for i := range out {
		out[i] = dtype.ReadCode(a.Data, i*a.Elem.Bits(), a.Elem.Bits())
	}
	return out
}

// floats makes a vector of f32 or f64.
func floats[T float32 | float64](x []T) *array.Array {
	list := make([]uint64, len(x))
	e := dtype.F64
	for i, v := range x {
		switch v := any(v).(type) {
		case float32:
			e, list[i] = dtype.F32, uint64(math.Float32bits(v))
		case float64:
			list[i] = math.Float64bits(v)
		}
	}
	return vector(e, list)
}

// parse is the type of a name.
func parse(t *testing.T, name string) dtype.Type {
	t.Helper()
	e, err := dtype.Parse(name)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// seeded is a generator of its own for each name.
func seeded(name string) *rand.Rand {
	h := uint64(14695981039346656037)
	for _, c := range []byte(name) {
		h = (h ^ uint64(c)) * 1099511628211
	}
	return rand.New(rand.NewPCG(h, 1))
}

// elementwise is the text of a kernel over x, y, … of the given types with an output for each expression: "type = expr".
func elementwise(inputs []string, outputs []string) string {
	var b strings.Builder
	b.WriteString("kernel map(")
	for i, in := range inputs {
		fmt.Fprintf(&b, "%c %s[N], ", "xyz"[i], in)
	}
	b.WriteString(") (")
	for i, out := range outputs {
		e, _, _ := strings.Cut(out, " = ")
		fmt.Fprintf(&b, "o%d %s[N], ", i, e)
	}
	b.WriteString(") {\n\tparallel n in N by 4096 {\n")
	for i := range inputs {
		fmt.Fprintf(&b, "\t\t%c := %c[n]\n", "abc"[i], "xyz"[i])
	}
	for i, out := range outputs {
		_, x, _ := strings.Cut(out, " = ")
		fmt.Fprintf(&b, "\t\to%d[n] = %s\n", i, x)
	}
	b.WriteString("\t}\n}\n")
	return b.String()
}

// operandOf is a tensor of two dimensions to be made.
type operandOf struct {
	elem  dtype.Type
	codes []uint64
	n, m  int
}

func tensors(list []operandOf) []*array.Array {
	var out []*array.Array
	for _, o := range list {
		out = append(out, tensor(o.elem, o.codes, int64(o.n), int64(o.m)))
	}
	return out
}
