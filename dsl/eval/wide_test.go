package eval

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/tilec/tilec/dsl/typed"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
)

// TestTooWide: what no derived bound should let pass, with what is written of it.
func TestTooWide(t *testing.T) {
	x := memory("x", dtype.F64)
	third := op(ir.Div, num(1), num(3))
	none := op(ir.Sub, op(ir.Mul, third, num(3)), num(1)) // 0 with an error
	tests := []struct {
		name string
		elem dtype.Type
		got  float64
		want typed.Expr
		says string // empty: it holds
	}{
		{"the root of 0 with an error", dtype.F32, 12345, op(ir.Sqrt, none), "bound 0.0"},
		{"the root of 0 within its error", dtype.F32, 0x1p-12, op(ir.Sqrt, none), ""},
		{"no bound", dtype.F32, 12345, op(ir.Div, num(1e-310), op(ir.Mul, third, num(1e-200))), "no bound can be derived: say within"},
		{"no bound, infinite", dtype.F32, math.Inf(1), op(ir.Div, num(1e-310), op(ir.Mul, third, num(1e-200))), "no bound can be derived"},
		{"a neighbour in f4", dtype.F4E2M1, 1.5, num(1), "bound 0.25"},
		{"the same in f4", dtype.F4E2M1, 1, num(1.2), ""},
		{"flushed in f16", dtype.F16, 0, num(0x1p-24), ""},
		{"a fraction in i4", dtype.I4, 2, num(2.7), "want 2.7"},
		{"beyond i4", dtype.I4, 7, num(30.5), ""},
		{"beyond i4, below", dtype.I4, -8, num(math.Inf(-1)), ""},
		{"between the values of bp2", dtype.Bipolar(2), 1, num(0), "want 0"},
		{"beyond bp2", dtype.Bipolar(2), 3, num(40), ""},
		{"NaN in i4", dtype.I4, 0, num(math.NaN()), "want NaN"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			x.Elem = tt.elem
			r := &Runner{}
			run(t, r, fake(r, x, tt.got))
			err := r.Exec(equal(load(x), tt.want))
			switch {
			case tt.says == "" && err != nil:
				t.Error(err)
			case tt.says != "" && (err == nil || !strings.Contains(err.Error(), tt.says)):
				t.Errorf("got %v, want %q in it", err, tt.says)
			}
		})
	}
}

// TestCancelled: a large expectation ends soon after its context, whatever it is made of, and names its place.
func TestCancelled(t *testing.T) {
	m, n, k := axis("m", 1<<11), axis("n", 1<<11), axis("k", 1<<11)
	x := memory("x", dtype.F32, 1<<11, 1<<11)
	for name, e := range map[string]typed.Expr{
		"a contraction": reduce("sum", op(ir.Mul, load(x, indices(m), indices(k)), load(x, indices(n), indices(k))), k),
		"elements":      op(ir.Pow, op(ir.Pow, load(x, indices(m), indices(n)), num(1.5)), num(0.25)),
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(context.Background())
			r := &Runner{Context: ctx}
			run(t, r, generated(x, "randn", 1))
			timer := time.AfterFunc(50*time.Millisecond, cancel)
			defer timer.Stop()
			start := time.Now()
			err := r.Exec(equal(e, num(0)))
			var at *Error
			if !errors.Is(err, context.Canceled) || !errors.As(err, &at) || at.Span != here {
				t.Errorf("ended with %v", err)
			}
			if d := time.Since(start); d > 5*time.Second {
				t.Errorf("ended after %v", d)
			}
		})
	}
}
