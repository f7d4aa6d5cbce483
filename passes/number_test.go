package passes

import (
	"math"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
)

// TestConstants holds folding to the interpreter: for every type with arithmetic, every elementwise operation of it on
// constants, at the edges and at random, is computed by both. It also holds that folding does most of them.
func TestConstants(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	elems := []dtype.Type{dtype.Bool, dtype.I8, dtype.U8, dtype.I16, dtype.U16, dtype.I32, dtype.U32, dtype.I64, dtype.U64,
		dtype.F16, dtype.BF16, dtype.TF32, dtype.F32, dtype.F64, dtype.I4, dtype.Bipolar(2), dtype.F8E4M3, dtype.F4E2M1}
	for _, elem := range elems {
		k := newCases()
		for range 25 {
			for _, c := range ir.Codes() {
				k.add(c, elem, rng)
			}
			for _, to := range elems {
				k.cast(elem, to, rng)
			}
		}
		fn := k.b.Finish()
		if err := ir.Verify(fn); err != nil {
			t.Fatal(err)
		}
		call := newCall(fn, 0, 1)
		want, err := call.run(fn)
		if err != nil {
			t.Fatalf("%s: %v", elem, err)
		}
		Fold(fn)
		got, err := call.run(fn)
		if err != nil {
			t.Fatalf("%s: folded: %v", elem, err)
		}
		for i, what := range k.names {
			if want[i] != got[i] {
				t.Errorf("%s\ninterpreter %s\nfolded      %s", what, want[i], got[i])
			}
		}
		left := map[string]int{}
		fn.Walk(func(o *ir.Op) {
			if o.Code.Spec().Elementwise() {
				left[o.Code.String()]++
			}
		})
		for _, c := range []ir.Code{ir.Add, ir.Sub, ir.Mul, ir.Lt, ir.Eq, ir.Select, ir.And, ir.Shl, ir.Neg, ir.Cast} {
			if n := left[c.String()]; n > 10 && n > k.count[c]/4 {
				t.Errorf("%s: %d of %d %s are left", elem, n, k.count[c], c)
			}
		}
	}
}

// cases is a function with an output of one element for each case.
type cases struct {
	b     *ir.Builder
	names []string
	count map[ir.Code]int
}

func newCases() *cases {
	return &cases{b: ir.NewBuilder(ir.NewFunc("cases", nil, nil, ir.Pos{})), count: map[ir.Code]int{}}
}

// constant is a value of elem: an edge or at random.
func (k *cases) constant(elem dtype.Type, rng *rand.Rand) *ir.Value {
	if elem.IsFloat() {
		var x float64
		switch rng.IntN(10) {
		case 0:
			x = 0
		case 1:
			x = math.Copysign(0, -1)
		case 2:
			x = elem.Max()
		case 3:
			x = elem.SmallestSubnormal()
		case 4:
			x = elem.Decode(rng.Uint64() & (1<<(elem.Bits()-1)<<1 - 1))
		case 5:
			x = math.Inf(1)
		case 6:
			x = 1
		case 7:
			x = math.NaN()
		default:
			x = rng.NormFloat64() * 10
		}
		return k.b.ConstFloat(elem, elem.FloatOfFloat(x, dtype.Default))
	}
	if elem == dtype.Bool {
		return k.b.ConstInt(elem, rng.Int64N(2))
	}
	var i int64
	switch rng.IntN(6) {
	case 0:
		i = elem.MinInt()
	case 1:
		i = elem.MaxInt()
	case 2:
		i = rng.Int64N(4)
	case 3:
		i = -rng.Int64N(4)
	default:
		i = int64(rng.Uint64())
	}
	return k.b.ConstInt(elem, elem.IntOfInt(dtype.I64, i, dtype.Wrap))
}

// add makes a case of code on constants of elem, if it takes them.
func (k *cases) add(code ir.Code, elem dtype.Type, rng *rand.Rand) {
	s := code.Spec()
	if !s.Elementwise() || code == ir.AsmOf || code == ir.Cast || code == ir.Bits || code == ir.Rand || code == ir.Uniform || code == ir.Normal {
		return
	}
	args := make([]*ir.Value, s.Min)
	probe := &ir.Op{Code: code, Operands: args, Results: []*ir.Value{{Type: ir.ScalarType(dtype.I32)}}}
	for i := range args {
		e := elem
		switch {
		case code == ir.Select && i == 0:
			e = dtype.Bool
		case (code == ir.Ldexp || code == ir.BitOf) && i == 1:
			e = dtype.I64
		}
		args[i] = k.constant(e, rng)
		if e == dtype.I64 && i == 1 && code != ir.Add && code != ir.Sub && code != ir.Mul {
			args[i] = k.b.Index(1 + rng.Int64N(8)) // no division by zero, no negative shift
		}
	}
	if _, err := s.Rule(probe); err != nil {
		return
	}
	switch code {
	case ir.Div, ir.Mod, ir.Shl, ir.Shr, ir.Rotl:
		if c, ok := args[1].ConstInt(); ok && (c == 0 || code != ir.Div && code != ir.Mod && c < 0) {
			return
		}
	}
	k.output(k.b.Map(code, args...), args)
}

func (k *cases) cast(from, to dtype.Type, rng *rand.Rand) {
	if from == to {
		return
	}
	x := k.constant(from, rng)
	k.output(k.b.Cast(x, to, "rne", "sat"), []*ir.Value{x})
	if dtype.CheckMode(from, to, dtype.Wrap) == nil {
		k.output(k.b.Cast(x, to, "rne", "wrap"), []*ir.Value{x})
	}
	if dtype.CheckMode(from, to, dtype.RZ) == nil {
		k.output(k.b.Cast(x, to, "rz", "sat"), []*ir.Value{x})
	}
}

// output stores v to a parameter of its own.
func (k *cases) output(v *ir.Value, args []*ir.Value) {
	fn := k.b.Func()
	t := ir.TensorType(v.Type.Elem, ir.Dense)
	fn.Params = append(fn.Params, &ir.Param{Name: "o" + strconv.Itoa(len(fn.Params)), Role: ir.Out, Type: t})
	arg := fn.Body.AddArg("o", t)
	k.b.Store(arg, nil, v, "in", nil)
	what := v.Def.String()
	for _, a := range args {
		what += "; " + a.Def.String()
	}
	k.names = append(k.names, what)
	k.count[v.Def.Code]++
}
