package inline

import (
	"strings"
	"sync"
	"testing"

	"github.com/tilec/tilec/ir/dtype"
)

// Several goroutines run one text, over more elements than a launch takes.
func TestRun(t *testing.T) {
	var r Runner
	var all sync.WaitGroup
	for seed := range uint64(4) {
		all.Add(1)
		go func() {
			defer all.Done()
			n := 2*chunk + 7 + int(seed)
			in := [][]uint64{make([]uint64, n), make([]uint64, n)}
			for i := range n {
				in[0][i], in[1][i] = uint64(i)*7+seed, uint64(i)<<33
			}
			out, err := r.Run("ptx", "cvt.u64.u32 $0, $1; add.u64 $0, $0, $2;", dtype.U64, []dtype.Type{dtype.U32, dtype.U64}, in)
			if err != nil || len(out) != n {
				t.Errorf("%d elements: %v", len(out), err)
				return
			}
			for i, x := range out {
				if want := in[0][i] + in[1][i]; x != want {
					t.Errorf("element %d is %d, want %d", i, x, want)
					return
				}
			}
		}()
	}
	all.Wait()
	if len(r.known) != 1 {
		t.Errorf("%d kernels were compiled", len(r.known))
	}
}

// Small types: what a register holds of an element.
func TestSmall(t *testing.T) {
	var r Runner
	for _, c := range []struct {
		text  string
		t     dtype.Type
		x     uint64
		want  uint64
		fault string
	}{
		{"neg.s32 $0, $1;", dtype.I8, 0xfb, 5, ""},
		{"neg.s32 $0, $1;", dtype.I8, 5, 0xfb, ""},
		{"neg.s32 $0, $1;", dtype.I8, 0x80, 0, "$0 is 0x80, which is no i8"},
		{"neg.s32 $0, $1;", dtype.U8, 5, 0, "which is no u8"},
		{"xor.b32 $0, $1, 0x8000;", dtype.F16, 0x3c00, 0xbc00, ""},
		{"mov.b32 $0, $1;", dtype.Bool, 1, 0, "give it as u8"},
		{"mov.b32 $0, $1; } .visible .entry other() { ret;", dtype.I32, 1, 0, "and nothing else"},
		{"bra x; x: mov.b32 $0, $1;", dtype.I32, 1, 0, "asm"},
		{"mov.b32 $0, $1", dtype.I32, 3, 3, ""},
		{"", dtype.I32, 3, 0, "uninitialised"},
	} {
		out, err := r.Run("ptx", c.text, c.t, []dtype.Type{c.t}, [][]uint64{{c.x}})
		switch {
		case c.fault != "":
			if err == nil || !strings.Contains(err.Error(), c.fault) {
				t.Errorf("%q of %s: %v, want %s", c.text, c.t, err, c.fault)
			}
		case err != nil || out[0] != c.want:
			t.Errorf("%q of %s: %x %v, want %x", c.text, c.t, out, err, c.want)
		}
	}
	if _, err := r.Run("gcn", "x", dtype.I32, []dtype.Type{dtype.I32}, [][]uint64{{1}}); err == nil {
		t.Error("instructions of gcn were run")
	}
}
