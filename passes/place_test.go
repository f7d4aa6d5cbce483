package passes_test

import (
	"flag"
	"fmt"
	"os"
	"strings"

	"errors"
	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	"testing"

	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/passes"
)

var update = flag.Bool("update-placed", false, "write what placing gives to the golden file")

// TestPlaceGolden places the functions of testdata/place.txtar: name.in goes in, name.out comes out.
func TestPlaceGolden(t *testing.T) {
	const path = "testdata/place.txtar"
	a, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	for _, f := range a.Files {
		want[f.Name] = string(f.Data)
	}
	// Conversions in a step of the loop: of what goes through shared memory on its way.
	converts := map[string]int{"gemm": 2, "attention": 2}
	var files []txtar.File
	for _, f := range a.Files {
		name, ok := strings.CutSuffix(f.Name, ".in")
		if !ok {
			continue
		}
		fn, err := ir.ParseFunc(f.Name, f.Data)
		if err != nil {
			t.Fatal(err)
		}
		passes.HoistLoads(fn)
		passes.Edges(fn)
		if err := passes.Place(fn, passes.Machine{Target: "sm_80"}); err != nil {
			t.Fatal(err)
		}
		if err := ir.Verify(fn); err != nil {
			t.Error(err)
		}
		files = append(files, f, txtar.File{Name: name + ".out", Data: []byte(fn.String())})
		if diff := cmp.Diff(want[name+".out"], fn.String()); diff != "" && !*update {
			t.Errorf("%s: (-want +got)\n%s", name, diff)
		}
		n := 0
		fn.Walk(func(o *ir.Op) {
			if o.Code != ir.For {
				return
			}
			for _, q := range o.Regions[0].Ops {
				if q.Code == ir.Convert && q.Operands[0].Def.Code != ir.Load && q.Operands[0].Def.Code != ir.View {
					t.Errorf("%s: in a loop, %s", name, q)
				} else if q.Code == ir.Convert && o.Flag("whole") {
					n++
				}
			}
		})
		if n != converts[name] {
			t.Errorf("%s: %d conversions in a step", name, n)
		}
	}
	if *update {
		if err := os.WriteFile(path, txtar.Format(&txtar.Archive{Files: files}), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestMisfit asks for what does not fit.
func TestMisfit(t *testing.T) {
	kernel := func(binds string, m, n int) string {
		return fmt.Sprintf(`kernel @k[%%M, %%N](%%x: tensor<f32,[%%M,%%N]>) -> (%%y: tensor<f32,[%%M,%%N]>) %s {
  %%0 = const 0 : i64
  parallel %%m in %%0 .. %%M by %d, %%n in %%0 .. %%N by %d {
    %%1 = load.in %%x[%%m, %%n] : tile<f32,[%%m:%d,%%n:%d]>
    store.in %%y[%%m, %%n] = %%1
    yield
  }
  yield
}
`, binds, m, n, m, n)
	}
	for _, c := range []struct {
		text, want string
	}{
		{kernel(`binds("warps" = "4")`, 128, 128), ""},
		{kernel(`binds("warps" = "33")`, 16, 16), "warps = 33: a block has 1 to 32 warps; 32 is the nearest"},
		{kernel(`binds("warps" = "0")`, 16, 16), "warps = 0: a block has 1 to 32 warps; 1 is the nearest"},
		{kernel("", 256, 512), "tile<f32,[%m:256,%n:512]> takes 1024 registers of each of 128 threads, which have 255; with warps = 32 it takes 128"},
		{kernel(`binds("warps" = "1")`, 256, 4096), "tile<f32,[%m:256,%n:4096]> takes 32768 registers of each of 32 threads, which have 255; a tile of 64x64 fits"},
		{kernel("", 1<<15, 1<<15), "tile<f32,[%m:32768,%n:32768]> takes 8388608 registers of each of 128 threads, which have 255; a tile of 128x128 fits"},
	} {
		fn, err := ir.ParseFunc("k", []byte(c.text))
		if err != nil {
			t.Fatal(err)
		}
		err = passes.Place(fn, passes.Machine{Target: "sm_80"})
		var misfit *passes.Misfit
		switch {
		case c.want == "" && err != nil:
			t.Error(err)
		case c.want != "" && (!errors.As(err, &misfit) || misfit.Error() != c.want):
			t.Errorf("%v, not %s", err, c.want)
		}
	}
}

// BenchmarkPlace measures how long placing takes.
func BenchmarkPlace(b *testing.B) {
	a, err := txtar.ParseFile("testdata/place.txtar")
	if err != nil {
		b.Fatal(err)
	}
	for _, f := range a.Files {
		name, ok := strings.CutSuffix(f.Name, ".in")
		if !ok {
			continue
		}
		fn, err := ir.ParseFunc(f.Name, f.Data)
		if err != nil {
			b.Fatal(err)
		}
		passes.HoistLoads(fn)
		passes.Edges(fn)
		b.Run(name, func(b *testing.B) {
			for range b.N {
				if err := passes.Place(fn.Clone(), passes.Machine{Target: "sm_80"}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
