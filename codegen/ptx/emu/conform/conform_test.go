package conform

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/tilec/tilec/codegen/ptx/emu"
)

func corpus(t testing.TB) []*Case {
	files, err := filepath.Glob("../testdata/conformance/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no corpus: %v", err)
	}
	var all []*Case
	seen := map[string]bool{}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		cases, err := Parse(string(text))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, c := range cases {
			if seen[c.Name] {
				t.Errorf("%s: case %s stands twice", name, c.Name)
			}
			seen[c.Name] = true
		}
		all = append(all, cases...)
	}
	all = append(all, MatrixCases()...)
	if len(all) < 200 {
		t.Errorf("%d cases", len(all))
	}
	return all
}

func TestEmulatorConforms(t *testing.T) {
	for _, c := range corpus(t) {
		t.Run(c.Name, func(t *testing.T) {
			for _, o := range []emu.Options{{}, {Seed: 1}, {NoChecks: true}} {
				out, err := Emulator{o}.Run(c)
				if err == nil {
					err = c.Compare(out)
				}
				if err != nil {
					t.Errorf("line %d (%+v): %v", c.Line, o, err)
				}
			}
		})
	}
}
