package kernels

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// maxLines is the length above which a kernel file is no shop window any more: it must stay under this.
const maxLines = 150

func TestListIsComplete(t *testing.T) {
	onDisk, err := filepath.Glob("*/*.tile")
	if err != nil {
		t.Fatal(err)
	}
	list := List()
	if len(onDisk) == 0 || len(list) != len(onDisk) {
		t.Fatalf("List has %d files, the folder %d", len(list), len(onDisk))
	}
	for i, s := range list {
		if want := filepath.ToSlash(onDisk[i]); s.Path() != want {
			t.Errorf("List()[%d].Path() = %q, want %q", i, s.Path(), want)
		}
	}
}

func TestEveryFileIsDescribed(t *testing.T) {
	index, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range List() {
		if !strings.Contains(string(index), "`"+s.Path()+"`") {
			t.Errorf("README.md does not list %s", s.Path())
		}
		family, err := os.ReadFile(filepath.Join(s.Family, "README.md"))
		if err != nil {
			t.Error(err)
			continue
		}
		for _, name := range declared(t, s, "kernel") {
			if !strings.Contains(string(family), "`"+name+"`") {
				t.Errorf("%s/README.md does not describe `%s`", s.Family, name)
			}
		}
	}
}

// Every kernel has a schedule, a test and a bench or shares one, every file names its folder as its package, and
// stays short.
func TestShape(t *testing.T) {
	for _, s := range List() {
		text := read(t, s)
		if n := strings.Count(text, "\n"); n >= maxLines {
			t.Errorf("%s has %d lines, must be under %d", s.Path(), n, maxLines)
		}
		if want := "package " + s.Family + "\n"; !strings.HasPrefix(text, want) {
			t.Errorf("%s does not begin with %q", s.Path(), want)
		}
		kernels := declared(t, s, "kernel")
		if len(kernels) == 0 {
			t.Errorf("%s declares no kernel", s.Path())
		}
		for _, block := range []string{"schedule", "test"} {
			has := map[string]bool{}
			for _, name := range declared(t, s, block) {
				has[name] = true
			}
			for _, k := range kernels {
				if !has[k] {
					t.Errorf("%s: kernel %s has no %s", s.Path(), k, block)
				}
			}
		}
		if len(declared(t, s, "bench")) == 0 {
			t.Errorf("%s has no bench", s.Path())
		}
	}
}

// The limits on the two kernels that everybody reads first.
func TestShopWindow(t *testing.T) {
	for _, c := range []struct {
		source Source
		kernel string
		lines  int
	}{
		{Source{"gemm", "gemm.tile"}, "gemm", 10},
		{Source{"attention", "attention.tile"}, "attention", 35},
	} {
		_, body, ok := strings.Cut(read(t, c.source), "\nkernel "+c.kernel+"[")
		if !ok {
			t.Errorf("%s: no kernel %s", c.source.Path(), c.kernel)
			continue
		}
		body, _, _ = strings.Cut(body, "\n}\n")
		if n := strings.Count(body, "\n") + 2; n > c.lines {
			t.Errorf("%s: kernel %s has %d lines, at most %d are allowed", c.source.Path(), c.kernel, n, c.lines)
		}
	}
}

func read(t *testing.T, s Source) string {
	t.Helper()
	text, err := FS.ReadFile(s.Path())
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// declared gives the names after a keyword that begins a line: "test a, b" gives a and b.
func declared(t *testing.T, s Source, keyword string) []string {
	t.Helper()
	var names []string
	for _, line := range strings.Split(read(t, s), "\n") {
		rest, ok := strings.CutPrefix(line, keyword+" ")
		if !ok {
			continue
		}
		rest = rest[:strings.IndexAny(rest+"{", "[({\"")]
		for _, name := range strings.Split(rest, ",") {
			names = append(names, strings.TrimSpace(name))
		}
	}
	return names
}
