package conform

import (
	"flag"
	"path/filepath"
	"strings"
	"testing"
)

var record = flag.Bool("record", false, "store what the GPU makes of the corpus under testdata/conformance")

const goldenDir = "../testdata/conformance"

// What the expected values say must be what a GPU does.
func TestGPUConforms(t *testing.T) {
	gpu, err := OpenCUDA()
	if err != nil {
		t.Skipf("no GPU: %v", err)
	}
	all := corpus(t)
	g, failed := Record(gpu.Device(), gpu, all)
	for _, err := range failed {
		t.Error(err)
	}
	for _, c := range all {
		if err := g.Check(c); err != nil {
			t.Errorf("case %s, line %d: on %s: %v", c.Name, c.Line, g.Device, err)
		}
	}
	if *record {
		name := strings.ReplaceAll(strings.ToLower(g.Device), " ", "_") + ".json"
		if err := g.Write(filepath.Join(goldenDir, name)); err != nil {
			t.Fatal(err)
		}
	}
}

// Records of GPUs that are stored agree with the expected values, and so with the emulator.
func TestGoldensAgree(t *testing.T) {
	files, err := filepath.Glob(goldenDir + "/*.json")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Skip("no GPU's record is stored: go test ./codegen/ptx/emu/conform -run GPU -record makes one where there is a GPU")
	}
	all := corpus(t)
	for _, f := range files {
		g, err := ReadGolden(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range all {
			if err := g.Check(c); err != nil {
				t.Errorf("%s: case %s: %v", g.Device, c.Name, err)
			}
		}
	}
}

// A record reads back as it was written, and tells a wrong output.
func TestGoldenRoundTrip(t *testing.T) {
	all := corpus(t)[:20]
	g, failed := Record("emulator", Emulator{}, all)
	if len(failed) > 0 {
		t.Fatal(failed)
	}
	file := filepath.Join(t.TempDir(), "g.json")
	if err := g.Write(file); err != nil {
		t.Fatal(err)
	}
	back, err := ReadGolden(file)
	if err != nil || back.Device != "emulator" || len(back.Outputs) != 20 {
		t.Fatalf("%+v, %v", back, err)
	}
	for _, c := range all {
		if err := back.Check(c); err != nil {
			t.Error(err)
		}
	}
	c := all[0]
	back.Outputs[c.Name] = "ff" + back.Outputs[c.Name][2:]
	if back.Check(c) == nil {
		t.Error("a wrong output passes")
	}
}
