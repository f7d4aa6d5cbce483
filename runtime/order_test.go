package runtime_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tilec/tilec/codegen/ptx/emu"
	"github.com/tilec/tilec/dsl/compile"
	"github.com/tilec/tilec/ir/dtype"
	"github.com/tilec/tilec/runtime"
	"github.com/tilec/tilec/runtime/array"
)

// batched is a product of three parallel axes and a phase behind it, under some words.
const batched = `kernel batched(a i8[B, M, K], b i8[B, N, K])(c i32[B, M, N], rows i32[B, M]) {
    parallel product: m in M by 32, x in B, n in N by 16 {
        acc := i32[m, n](3)
        for k in K by 32 {
            acc += dot[k](a[x, m, k], b[x, n, k])
        }
        c[x, m, n] = acc * 2
    }
    parallel sum: x in B, m in M by 8 {
        acc := i32[m](0)
        for n in N by 32 {
            acc += sum[n](c[x, m, n])
        }
        rows[x, m] = acc
    }
}
schedule batched { default { %s } }
`

// TestOrder: whatever order the blocks run in, however many the device holds, a kernel gives what it does in the interpreter, also
// when it is launched again.
func TestOrder(t *testing.T) {
	const B, M, N, K = 3, 40, 20, 70
	args := make([]runtime.Arg, 2)
	for i, rows := range []int64{M, N} {
		x := &array.Array{Elem: dtype.I8, Shape: []int64{B, rows, K}, Data: make([]byte, B*rows*K)}
		for j := range x.Data {
			x.Data[j] = byte((j*37+i)%17 - 8)
		}
		args[i].Tensor = x
	}
	sizes := []int64{B, M, K, N}
	for _, words := range []string{"raster = 2", "persistent", "split k = 3", "raster = 3, persistent", "split k = 9, raster = 1",
		"sum { split n = 2 }, product { raster = 4, split k = 4, persistent }"} {
		k := ready(t, fmt.Sprintf(batched, words), compile.Options{})
		want, err := k.Launch(t.Context(), sizes, args, runtime.Options{})
		if err != nil {
			t.Fatal(err)
		}
		check := func(d runtime.Device) {
			t.Helper()
			b, outs, err := jitted(t, d, k.Func()).Prepare(sizes, args)
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if err := b(context.Background(), runtime.Options{}); err != nil {
					t.Fatalf("%s on %s: %v", words, d.Name(), err)
				}
				if diff := cmp.Diff(want, outs); diff != "" {
					t.Fatalf("%s on %s: %s", words, d.Name(), diff)
				}
			}
		}
		for resident := range 3 {
			d, err := runtime.Emulator("sm_80", emu.Options{Resident: 1 + 4*resident, Seed: uint64(resident)})
			if err != nil {
				t.Fatal(err)
			}
			check(d)
		}
		check(gpuOf(t, newFake()))
	}
}

// TestWorkspace: partial results that need too much memory are refused before anything runs, by the word that asks for them.
func TestWorkspace(t *testing.T) {
	k := ready(t, `kernel f(x f32[N], z i8[T])(y f32[T]) {
    parallel t in T {
        axis i = 64
        axis j = 64
        acc := f32[i, j](0)
        for n in N by 32 {
            acc += sum[n](x[n])
        }
        y[t] = sum(acc) + z[t] as f32
    }
}
schedule f { default { split n = 6 } }
`, compile.Options{})
	d, err := runtime.Emulator("sm_80", emu.Options{})
	if err != nil {
		t.Fatal(err)
	}
	x := floats(1, 2)
	f := jitted(t, d, k.Func())
	launch := func(tiles int64) error {
		_, err := f.Launch(t.Context(), []int64{2, tiles}, []runtime.Arg{{Tensor: x}, {Tensor: &array.Array{Elem: dtype.I8, Shape: []int64{tiles}, Data: make([]byte, tiles)}}}, runtime.Options{})
		return err
	}
	if err := launch(3); err != nil {
		t.Error(err)
	}
	if err := launch(20000); err == nil || !strings.Contains(err.Error(), "split n = 6: a workspace of 1875 MiB exceeds the limit of 1024 MiB") {
		t.Error(err)
	}
}
