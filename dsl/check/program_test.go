package check

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tilec/tilec/dsl/diag"
	"github.com/tilec/tilec/ir/dtype"
)

func lines(list diag.List) []string {
	var out []string
	for _, d := range list {
		s := d.Error()
		for _, n := range d.Notes {
			s += " / " + n.Span.String()
		}
		out = append(out, s)
	}
	return out
}

const copyKernel = "kernel k(x f32[N]) (y f32[N]) { parallel n in N by 64 { y[n] = x[n] } }\n"

func TestLoad(t *testing.T) {
	bundled := memory{"lib/math/math.tile": "package math\n\nconst two = 2\n\nfunc twice(x f32) f32 { return x * two }\n"}
	tests := []struct {
		name  string
		files memory
		paths []string
		want  []string
	}{
		{name: "two files of a package, in any order", files: memory{
			"b.tile": "package p\n\nkernel k(x f32[N]) (y f32[N]) { parallel n in N by c { y[n] = x[n] } }\n",
			"a.tile": "package p\n\nconst c = d * 2\n", "z.tile": "package p\n\nconst d = 8\n"}},
		{name: "a file stands for its folder", files: memory{"s/a.tile": "package p\n\nconst c = 3\n", "s/b.tile": "package p\n\nconst c = 4\n"},
			paths: []string{"s/b.tile"},
			want:  []string{"s/b.tile:3:7: error E0204: c is declared twice in package p / s/a.tile:3:7"}},
		{name: "two packages in a folder", files: memory{"a.tile": "package p\n", "b.tile": "package q\n"},
			want: []string{"b.tile:1:9: error E0201: package q stands in one folder with package p: a folder is one package / a.tile:1:9"}},
		{name: "files of other packages are one error", files: memory{"s/a.tile": "package p\n\nconst c = 3\n", "s/b.tile": "package q\n\nconst c = x\n",
			"s/c.tile": "package r\n\nconst c = 4\nkernel k() () { z = 1 }\n", "s/d.tile": "package p\n\nconst d = c\n"}, paths: []string{"s"},
			want: []string{"s/b.tile:1:9: error E0201: package q stands in one folder with package p: a folder is one package / s/a.tile:1:9"}},
		{name: "the package of the file asked for counts", files: memory{"s/a.tile": "package p\n\nconst c = 3\n", "s/b.tile": "package q\n\nconst c = x\n"},
			paths: []string{"s/b.tile", "s/a.tile"},
			want: []string{"s/a.tile:1:9: error E0201: package p stands in one folder with package q: a folder is one package / s/b.tile:1:9",
				"s/b.tile:3:11: error E0205: x is not declared"}},
		{name: "nothing there", paths: []string{"no.tile"}, want: []string{"no.tile: error E0200: cannot read the file: file does not exist"}},
		{name: "an empty folder", files: memory{"s/x.txt": ""}, paths: []string{"s"}, want: []string{"s: error E0200: the folder s has no .tile file"}},
		{name: "imports upward and bundled", files: memory{
			"s/t/k.tile":   "package p\n\nimport \"u\"\nimport \"lib/math\"\n\nfunc f(x f32) f32 { return math.twice(u.half(x)) * math.two }\n",
			"u/u.tile":     "package u\n\nfunc half(x f32) f32 { return x / 2 }\n",
			"s/t/k2.tile":  "package p\n\n" + copyKernel,
			"s/t/u.txt":    "",
			"s/not/k.tile": "package q\n"},
			paths: []string{"s/t"}},
		{name: "a name that the package has not", files: memory{"k.tile": "package p\n\nimport \"lib/math\"\n\nconst c = math.thrice\n"},
			want: []string{"k.tile:5:16: error E0205: package math has no thrice"}},
		{name: "imports are those of the file", files: memory{"a.tile": "package p\n\nimport \"lib/math\"\n", "b.tile": "package p\n\nconst c = math.two\n"},
			want: []string{"b.tile:3:11: error E0205: math is not declared"}},
		{name: "a circle", files: memory{"a/a.tile": "package a\n\nimport \"b\"\n", "b/b.tile": "package b\n\nimport \"a\"\n"}, paths: []string{"a"},
			want: []string{"b/b.tile:3:8: error E0203: package b imports a, which imports it back"}},
		{name: "odd import paths", files: memory{"k.tile": "package p\n\nimport \"../x\"\nimport \"/x\"\nimport \"\"\nimport \"a//b\"\n"},
			want: []string{
				"k.tile:3:8: error E0202: the import path \"../x\" is not a plain relative folder",
				"k.tile:4:8: error E0202: the import path \"/x\" is not a plain relative folder",
				"k.tile:5:8: error E0202: the import path \"\" is not a plain relative folder",
				"k.tile:6:8: error E0202: the import path \"a//b\" is not a plain relative folder"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			paths := test.paths
			if paths == nil {
				paths = []string{"."}
			}
			prog, list := Load(Config{FS: test.files, Bundled: bundled}, paths...)
			list = append(list, prog.Check()...)
			if d := cmp.Diff(test.want, lines(list.Sorted())); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestLoadFolders loads from the operating system's files.
func TestLoadFolders(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"u/u.tile": "package u\n\nconst two = 2\n", "s/k.tile": "package p\n\nimport \"u\"\n\nconst c = u.two\n"} {
		full := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	prog, list := Load(Config{}, filepath.Join(dir, "s", "k.tile"), filepath.Join(dir, "s"))
	report(t, list)
	if prog.Asked != 1 || len(prog.Packages) != 2 || prog.Packages[1].Name != "u" {
		t.Errorf("%d packages, %d asked for", len(prog.Packages), prog.Asked)
	}
	_, list = Load(Config{}, filepath.Join(dir, "none"))
	if len(list) != 1 || !strings.Contains(list[0].Message, "cannot read the folder") {
		t.Errorf("%v", lines(list))
	}
}

// TestSameTree makes one variant many times at once: the same bindings give the same tree, and nothing is shared.
func TestSameTree(t *testing.T) {
	prog, list := Load(Config{}, "../../kernels/attention")
	report(t, list)
	k := prog.Packages[0].Kernel("attention")
	b := Bindings{Generics: map[string]Value{"T": TypeValue(dtype.F16), "D": IntValue(64), "causal": BoolValue(true)}, Target: "sm_90a"}
	first, list := k.Instantiate(b)
	report(t, list)
	first.Again = nil // functions are not compared
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			again, _ := k.Instantiate(b)
			again.Again = nil
			if !reflect.DeepEqual(first, again) {
				t.Error("two trees of one variant differ")
			}
		})
	}
	wg.Wait()
}

// TestWords holds which section counts on a target.
func TestWords(t *testing.T) {
	prog, list := LoadText(map[string]string{"k.tile": `package p

kernel k(x f32[N]) (y f32[N]) { parallel merge: n in N by BN { y[n] = x[n] } }

schedule k {
    default { BN = 1, warps = 1 }
    sm_80 { BN = 2, warps = 2 }
    sm_90a { BN = 3 }
    gfx942 { BN = 4, merge { warps = 8 } }
    cpu { BN = 5 }
}
`})
	report(t, list)
	got := map[string]string{}
	for _, target := range append([]string{""}, Targets...) {
		v, list := prog.Packages[0].Kernels[0].Instantiate(Bindings{Target: target})
		report(t, list)
		s := v.Binds[0].Name + "=" + v.Binds[0].Value
		for _, w := range v.Words {
			s += " " + w.Phase + ":" + w.Name + "=" + w.Value
		}
		got[target] = s
	}
	want := map[string]string{
		"": "BN=1 :warps=1", "interp": "BN=1 :warps=1", "cpu": "BN=5 :warps=1",
		"sm_80": "BN=2 :warps=2", "sm_89": "BN=2 :warps=2", "sm_90a": "BN=3 :warps=1", "sm_100a": "BN=2 :warps=2", "sm_120": "BN=2 :warps=2",
		"gfx942": "BN=4 :warps=1 merge:warps=8", "gfx950": "BN=4 :warps=1 merge:warps=8",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if _, list := prog.Packages[0].Kernels[0].Instantiate(Bindings{Target: "sm_70", Tiles: map[string]int64{}}); !list.HasErrors() {
		t.Error("a target that does not exist")
	}
	for _, n := range []int64{0, -1, 1 << 40} {
		if _, list := prog.Packages[0].Kernels[0].Instantiate(Bindings{Tiles: map[string]int64{"BN": n}}); !list.HasErrors() {
			t.Errorf("a tile size of %d", n)
		}
	}
}
