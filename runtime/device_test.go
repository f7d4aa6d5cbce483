package runtime_test

import (
	"bytes"
	"os"
	"path/filepath"
	goruntime "runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tilec/tilec/codegen"
	"github.com/tilec/tilec/codegen/packed"
	"github.com/tilec/tilec/dsl/compile"
	"github.com/tilec/tilec/ir/dtype"
	"github.com/tilec/tilec/runtime"
	"github.com/tilec/tilec/runtime/array"
)

// TestOpen: every device that is listed opens under its name, and what is none is refused with what there is.
func TestOpen(t *testing.T) {
	names := runtime.Devices()
	if names[0] != "interp" {
		t.Errorf("devices: %v", names)
	}
	for _, name := range names {
		d, err := runtime.Open(name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if again := d.Name(); !slices.Contains(names, again) || !strings.HasPrefix(again, name) || !strings.HasPrefix(name, "cuda:") && !strings.HasPrefix(strings.TrimPrefix(name, "emu:"), d.Target()) {
			t.Errorf("%s calls itself %s, of target %s", name, again, d.Target())
		}
		if l := d.Limits(); l.Workers < 1 || l.Memory < 1<<20 {
			t.Errorf("%s: %+v", name, l)
		}
		if err := d.Close(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, want := range map[string]string{
		"gpu": `there is no device "gpu": there are interp`, "": "there is no device", "interp:avx2": "the interpreter has no levels",
		"cpu:avx9": "lacks the level avx9, which is none of " + goruntime.GOARCH, "cpu:": "", "cuda:x": "the devices of the CUDA driver are cuda:0", "cuda:99": "device cuda:99: ",
	} {
		if _, err := runtime.Open(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// TestLoad: a device refuses what is not for it.
func TestLoad(t *testing.T) {
	if !slices.Contains(runtime.Devices(), "cpu") {
		t.Skip("needs a CPU that kernels are compiled for")
	}
	d, err := runtime.Open("cpu")
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	fn := ready(t, double, compile.Options{}).Func()
	for _, c := range []struct {
		a    *codegen.Artefact
		want string
	}{
		{nil, "runs artefacts, and there is none"},
		{&codegen.Artefact{Manifest: codegen.Manifest{Kernel: "other", Target: "cpu"}}, "the artefact is of kernel other, not of double"},
		{&codegen.Artefact{Manifest: codegen.Manifest{Kernel: "double", Target: "sm_80"}}, "is for target sm_80"},
		{&codegen.Artefact{Manifest: codegen.Manifest{Kernel: "double", Target: "cpu", Level: d.Level()}, Code: []byte("damaged")}, "not an ELF object"},
	} {
		if _, err := d.Load(fn, c.a); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v", err)
		}
	}
}

// TestBufferFile: what is written is read again, in any layout; a file that was changed anywhere in its head or its length
// is read as what it says or refused, and never more than it has.
func TestBufferFile(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		n, k := rapid.IntRange(0, 40).Draw(t, "n"), rapid.IntRange(0, 70).Draw(t, "k")
		elem := rapid.SampledFrom([]dtype.Type{dtype.Int(4), dtype.Uint(3), dtype.Int(8), dtype.Bipolar(2)}).Draw(t, "type")
		a := &array.Array{Elem: elem, Shape: []int64{int64(n), int64(k)}, Data: make([]byte, dtype.StreamBytes(elem.Bits(), n*k))}
		for i := range n * k {
			dtype.WriteCode(a.Data, i*elem.Bits(), elem.Bits(), rapid.Uint64Range(0, 1<<elem.Bits()-1).Draw(t, "code"))
		}
		layout := ""
		if l, ok := packed.Panels(16, elem, 32); ok && rapid.Bool().Draw(t, "packed") {
			layout = l.String()
		}
		b, err := runtime.Pack(a, layout)
		if err != nil {
			t.Fatal(err)
		}
		var text bytes.Buffer
		if _, err := b.WriteTo(&text); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, "w.packed")
		read := func(data []byte) (*runtime.Buffer, error) {
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
			return runtime.ReadBuffer(path, 1<<30)
		}
		again, err := read(text.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		dense, err := again.Dense()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(a, dense); diff != "" || again.Layout != layout {
			t.Fatalf("layout %q (-want +got)\n%s", again.Layout, diff)
		}
		changed := slices.Clone(text.Bytes())
		if rapid.Bool().Draw(t, "cut") {
			changed = changed[:rapid.IntRange(0, len(changed)-1).Draw(t, "length")]
			if _, err := read(changed); err == nil {
				t.Fatalf("a file cut to %d of %d bytes is read", len(changed), text.Len())
			}
			return
		}
		changed[rapid.IntRange(0, min(len(changed), 128)-1).Draw(t, "at")] = rapid.Byte().Draw(t, "byte")
		if b, err := read(changed); err == nil && b.Size() > int64(len(changed)) {
			t.Fatalf("a buffer of %d bytes from a file of %d", b.Size(), len(changed))
		}
	})
	if _, err := runtime.ReadBuffer(dir, 1<<30); err == nil {
		t.Error("a folder is read")
	}
}

// TestLimit: a packed file that is larger than what is free is refused.
func TestLimit(t *testing.T) {
	b, err := runtime.Pack(floats(make([]float64, 1000)...), "")
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	if _, err := b.WriteTo(&text); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "x.packed")
	if err := os.WriteFile(path, text.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := runtime.ReadBuffer(path, 3999); err == nil || !strings.Contains(err.Error(), "it needs 4000 bytes, and 3999 bytes are free") {
		t.Errorf("%v", err)
	}
}

// TestMultiplies: loops whose turns count the same are not counted one by one, so that any number of them is told; a count
// that no int64 holds is not.
func TestMultiplies(t *testing.T) {
	for _, c := range []struct {
		name, text string
		sizes      []int64
		want       int64
		silent     bool
	}{
		{"matrices", `kernel k(a f32[M, K], b f32[N, K]) (c f32[M, N]) { parallel m in M by 16, n in N by 16 {
			acc := f32[m, n](0)
			for k in K by 8 { acc += dot[k](a[m, k], b[n, k]) }
			c[m, n] = acc } }`,
			[]int64{37, 21, 50}, 37 * 21 * 50, false},
		{"many blocks", `kernel k(a f32[M, K], b f32[N, K]) (c f32[M, N]) { parallel m in M by 2, n in N by 2 {
			acc := f32[m, n](0)
			for k in K by 2 { acc += dot[k](a[m, k], b[n, k]) }
			c[m, n] = acc } }`,
			[]int64{100_000, 101, 99_999}, 100_000 * 101 * 99_999, false},
		{"too many", `kernel k(a f32[M, K], b f32[N, K]) (c f32[M, N]) { parallel m in M by 2, n in N by 2 {
			acc := f32[m, n](0)
			for k in K by 2 { acc += dot[k](a[m, k], b[n, k]) }
			c[m, n] = acc } }`,
			[]int64{1 << 30, 1 << 30, 1 << 30}, 0, true},
	} {
		fn := ready(t, c.text, compile.Options{}).Func()
		sizes := make([]int64, len(fn.Sizes))
		for i, s := range fn.Sizes {
			sizes[i] = c.sizes[strings.Index("MNK", s.Name)]
		}
		n, ok := runtime.Multiplies(fn, sizes, nil)
		if ok == c.silent || n != c.want {
			t.Errorf("%s: %d, %v", c.name, n, ok)
		}
	}
}
