package check

import (
	"testing"

	"github.com/tilec/tilec/dsl/typed"
)

// TestPrintText holds that a format has a place for each value and every other percent sign doubled, once.
func TestPrintText(t *testing.T) {
	prog, list := LoadText(map[string]string{"k.tile": `package p

kernel k(x f32[N]) (y f32[N]) {
    parallel n in N by 64 {
        y[n] = x[n]
        print("100% of %v", N, "and", x[n])
    }
}
`})
	report(t, list)
	v, list := prog.Packages[0].Kernels[0].Instantiate(Bindings{})
	report(t, list)
	for _, s := range v.Body[0].(*typed.Parallel).Body {
		if p, ok := s.(*typed.Print); ok && p.Text != "100%% of %%v %v and %v" {
			t.Errorf("format %q", p.Text)
		}
	}
}
