package interp

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/tilec/tilec/ir/dtype"
)

// TestLongLines: a line long enough for its digits to be sorted comes out as a stable sort has it.
func TestLongLines(t *testing.T) {
	const n = 1500
	rng := rand.New(rand.NewPCG(3, 4))
	special := []float64{0, math.Copysign(0, -1), math.Inf(1), math.Inf(-1), math.NaN(), 1, -1, 0x1p-149, 1e300, -1e300}
	for _, elem := range []dtype.Type{dtype.F64, dtype.F32, dtype.BF16, dtype.I64, dtype.U64, dtype.I8, dtype.Bool} {
		for _, op := range []string{"topk", "sort"} {
			t.Run(op+" "+elem.String(), func(t *testing.T) {
				x := blank(elem, n)
				line := make([]float64, n)
				for i := range line {
					code := rng.Uint64()
					switch {
					case elem == dtype.Bool:
						code &= 1
					case elem.IsFloat() && i%3 == 0:
						code = elem.Encode(special[rng.IntN(len(special))], dtype.NearestEven, dtype.ToInf)
					case i%5 == 0:
						code = 5
					case elem == dtype.I64 || elem == dtype.U64:
						code &= 1<<52 - 1 // what a float64 holds
						if i%2 == 0 && elem == dtype.U64 {
							code <<= 12
						}
					}
					code &= ^uint64(0) >> (64 - elem.Bits())
					dtype.WriteCode(x.Data, i*elem.Bits(), elem.Bits(), code)
					switch {
					case elem == dtype.U64:
						line[i] = float64(code)
					case elem.IsFloat():
						line[i] = elem.Decode(code)
					default:
						line[i] = float64(elem.DecodeInt(code))
					}
				}
				at := blank(dtype.I64, n)
				text := fmt.Sprintf(`
kernel @k[%%N](%%x: tensor<%[1]v,[%%N]>) -> (%%at: tensor<i64,[%%N]>) {
  %%0 = const 0 : i64
  for %%n in %%0 .. %%N by %[2]d {
    %%v = load.in %%x[%%n] : tile<%[1]v,[%%n:%[2]d]>
    %%j = spancopy [%%n] : span<%[2]d>
    %%s, %%i = %[3]s %%v [%%n, %%j] : tile<%[1]v,[%%j:%[2]d]>, tile<i64,[%%j:%[2]d]>
    store.in %%at[%%j] = %%i
    yield
  }
  yield
}
`, elem, n, op)
				mustRun(t, text, x, at)
				want := ordered(line, op == "topk")
				for i, k := range intsOf(at) {
					if k != int64(want[i]) {
						t.Fatalf("position %d has element %d (%v), not %d (%v)", i, k, line[k], want[i], line[want[i]])
					}
				}
			})
		}
	}
}

// TestLongOperations: a run that is one operation on large tiles ends soon after its context does.
func TestLongOperations(t *testing.T) {
	const text = `
kernel @k[%N](%x: tensor<f32,[%N,%N]>) -> (%y: tensor<f32,[%N,%N]>) {
  %0 = const 0 : i64
  %1 = const 1 : i64
  PHASE %i in %0 .. %1 {
    %m = span %0, %N {width = 4096} : span<4096>
    %n = span %0, %N {width = 4096} : span<4096>
    %k = span %0, %N {width = 4096} : span<4096>
    %a = load.in %x[%m, %k] : tile<f32,[%m:4096,%k:4096]>
    OPERATION
    yield
  }
  yield
}
`
	operations := map[string]string{
		"contract": `%b = load.in %x[%n, %k] : tile<f32,[%n:4096,%k:4096]>
    %c = contract %a, %b [%k] : tile<f32,[%m:4096,%n:4096]>
    store.in %y[%m, %n] = %c`,
		"contract in f16": `%b = load.in %x[%n, %k] : tile<f32,[%n:4096,%k:4096]>
    %c = contract %a, %b [%k] : tile<f16,[%m:4096,%n:4096]>
    %d = cast.rne.sat %c : tile<f32,[%m:4096,%n:4096]>
    store.in %y[%m, %n] = %d`,
		"elementwise": `%i2 = affine 4096*%m + %k : tile<i64,[%m:4096,%k:4096]>
    %b = normal %i2, %i2 : tile<f32,[%m:4096,%k:4096]>
    store.in %y[%m, %k] = %b`,
		"sort": `%s, %q = sort %a [%k, %n] : tile<f32,[%m:4096,%n:4096]>, tile<i64,[%m:4096,%n:4096]>
    store.in %y[%m, %n] = %s`,
		"reduce": `%b = cast.rne.sat %a : tile<bf16,[%m:4096,%k:4096]>
    %r = reduce.sum %b [%m] : tile<bf16,[%k:4096]>
    %f = cast.rne.sat %r : tile<f32,[%k:4096]>
    store.in %y[%0, %k] = %f`,
	}
	x, y := blank(dtype.F32, 4096, 4096), blank(dtype.F32, 4096, 4096)
	for name, op := range operations {
		for _, phase := range []string{"for", "parallel"} {
			t.Run(name+" "+phase, func(t *testing.T) {
				p := compile(t, strings.NewReplacer("PHASE", phase, "OPERATION", op).Replace(text))
				ctx, cancel := context.WithCancel(context.Background())
				timer := time.AfterFunc(100*time.Millisecond, cancel)
				defer timer.Stop()
				began := time.Now()
				err := p.Run(tensors(x, y), Options{Context: ctx})
				if !errors.Is(err, context.Canceled) {
					t.Errorf("ended with %v", err)
				}
				if d := time.Since(began); d > 3*time.Second {
					t.Errorf("ended after %v", d)
				}
			})
		}
	}
}
