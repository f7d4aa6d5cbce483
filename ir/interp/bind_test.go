package interp

import (
	"errors"
	"testing"

	"github.com/tilec/tilec/ir/dtype"
)

// TestFarStrides: strides that reach as far as bits can be counted need that much data.
func TestFarStrides(t *testing.T) {
	p := compile(t, "kernel @k[%M](%x: tensor<f64,[%M,1],strided>) -> (%y: tensor<f64,[%M,1],strided>) {\n  yield\n}\n")
	far := func(s int64) *Tensor {
		x := blank(dtype.F64, 2, 1)
		x.Strides = []int64{s, 1}
		return x
	}
	for _, s := range []int64{2, 1<<57 - 2, 1<<57 - 1, 1 << 57, 1<<63 - 1} {
		for _, args := range [][]Arg{tensors(far(s), far(1)), tensors(far(1), far(s))} {
			var f *Fault
			if err := p.Run(args, Options{}); !errors.As(err, &f) || f.Kind != BadArgs {
				t.Errorf("stride %d: %v", s, err)
			}
		}
	}
	if err := p.Run(tensors(far(1), far(1)), Options{}); err != nil {
		t.Error(err)
	}
}
