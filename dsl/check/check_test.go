package check

import (
	"path/filepath"
	"testing"

	"github.com/tilec/tilec/dsl/diag"
)

// kernelDirs are the folders of the bundled kernels.
func kernelDirs(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob("../../kernels/*/*.tile")
	if err != nil || len(files) == 0 {
		t.Fatalf("no kernels: %v", err)
	}
	var dirs []string
	for _, f := range files {
		if d := filepath.Dir(f); len(dirs) == 0 || dirs[len(dirs)-1] != d {
			dirs = append(dirs, d)
		}
	}
	return dirs
}

// report fails with a list as a person sees it.
func report(t testing.TB, list diag.List) {
	t.Helper()
	for _, d := range list {
		t.Error(d.Error())
		for _, n := range d.Notes {
			t.Logf("  %s: %s", n.Span, n.Message)
		}
	}
}

func TestKernelsCheck(t *testing.T) {
	for _, dir := range kernelDirs(t) {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			prog, list := Load(Config{}, dir)
			report(t, list)
			report(t, prog.Check())
		})
	}
}
