package passes_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/tilec/tilec/dsl/suite"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/layout"
	"github.com/tilec/tilec/passes"
	rt "github.com/tilec/tilec/runtime"
)

// TestPlace places every kernel of every program for sm_80, and checks the rules of layouts.
func TestPlace(t *testing.T) {
	functions, misfits, longest, slow := 0, 0, time.Duration(0), ""
	load := func(_ context.Context, fn *ir.Func) (*rt.Kernel, error) {
		placed := fn.Clone()
		began := time.Now()
		err := passes.Place(placed, passes.Machine{Target: "sm_80"})
		if d := time.Since(began); d > longest {
			longest, slow = d, fn.Name
		}
		var misfit *passes.Misfit
		switch {
		case errors.As(err, &misfit):
			misfits++
			t.Logf("%s: %v", fn.Name, err)
		case err != nil:
			t.Errorf("%s: %v", fn.Name, err)
		default:
			functions++
			if err := ir.Verify(placed); err != nil {
				t.Errorf("%s: %v\n%s\n%s", fn.Name, err, fn, placed)
			}
			checkLayouts(t, placed)
			return rt.New(placed)
		}
		return rt.New(fn)
	}
	programs(t, "sm_80", load, func(name string, r *suite.Result) {
		if r.Failed() {
			t.Errorf("%s: %s %s: %v %v", name, r.Name, r.Case, r.Err, r.Diags)
		}
	})
	t.Logf("%d functions, %d misfits; the longest took %v: %s", functions, misfits, longest, slow)
}

// checkLayouts checks the rules that place_needs.go lists, by the operations of ir/layout.
func checkLayouts(t *testing.T, fn *ir.Func) {
	t.Helper()
	fn.Walk(func(o *ir.Op) {
		if s := o.Code.Spec(); s.Elementwise() {
			for _, v := range o.Operands {
				same(t, fn, o, v, o.Result())
			}
		}
		switch o.Code {
		case ir.Bcast, ir.Load, ir.Lookup:
			for i, v := range o.Operands {
				if o.Code != ir.Lookup || i > 0 {
					projects(t, fn, o, v, o.Result())
				}
			}
		case ir.Reduce:
			projects(t, fn, o, o.Result(), o.Operands[0])
		case ir.Rebind:
			same(t, fn, o, o.Operands[0], o.Result())
		case ir.Scan:
			for i, v := range o.Operands {
				same(t, fn, o, v, o.Results[i])
				same(t, fn, o, v, o.Results[0])
			}
		case ir.Store, ir.Atomic:
			whole := o.Stored()[0]
			for _, v := range append(o.Operands[1:len(o.Operands):len(o.Operands)], o.Results...) {
				projects(t, fn, o, v, whole)
			}
		case ir.Scatter:
			for i, v := range o.Operands {
				if i == 1 || i == 3 {
					projects(t, fn, o, v, o.Operands[2])
				}
			}
		case ir.Contract:
			if _, _, _, _, acc := o.ContractParts(); acc != nil {
				same(t, fn, o, acc, o.Result())
			}
		}
	})
}

func same(t *testing.T, fn *ir.Func, o *ir.Op, v, w *ir.Value) {
	t.Helper()
	if v.Type.Kind == ir.Tile && (w.Type.Kind != ir.Tile || !v.Type.Layout.Equal(*w.Type.Layout)) {
		t.Errorf("%s: %s: %v and %v", fn.Name, o, v.Type.Layout, w.Type.Layout)
	}
}

// projects checks that a tile has of another one what each thread needs of it.
func projects(t *testing.T, fn *ir.Func, o *ir.Op, v, whole *ir.Value) {
	t.Helper()
	if v.Type.Kind != ir.Tile {
		return
	}
	d := *whole.Type.Layout
	axes := append([]ir.Axis(nil), whole.Type.Axes...)
	for i := len(axes) - 1; i >= 0; i-- {
		if v.Type.Axis(axes[i].Span) < 0 {
			d = layout.Must(d.Slice(i))
			axes = append(axes[:i], axes[i+1:]...)
		}
	}
	order := make([]int, len(axes))
	for i, a := range v.Type.Axes {
		for k := range axes {
			if axes[k] == a {
				order[i] = k
			}
		}
	}
	if d = layout.Must(d.Permute(order...)).Thin(); !d.Equal(*v.Type.Layout) {
		t.Errorf("%s: %s: %v, which should be %v", fn.Name, o, v.Type.Layout, d)
	}
}
