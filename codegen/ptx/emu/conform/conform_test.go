package conform

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
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

// A comparison takes what is within the bound and nothing else.
func TestCompare(t *testing.T) {
	cases, err := Parse(`case a
within 2^-10
code mov.f32 %d, %a;
regs d:f32 a:f32
1 -> 1
1 -> nan
1 -> inf

case b
absolute 2^-10
code mov.b16 %d, %a;
regs d:b16 a:b16
0 -> 0x3c00
0 -> 0x0001
`)
	if err != nil {
		t.Fatal(err)
	}
	words := func(v ...uint64) (b []byte) {
		for _, x := range v {
			b = binary.LittleEndian.AppendUint64(b, x)
		}
		return b
	}
	const one, nan, inf = 0x3f800000, 0x7fc00000, 0x7f800000
	for _, c := range []struct {
		of   int
		out  []byte
		good bool
	}{
		{0, words(one, nan, inf), true}, {0, words(one+8192, 0xffffffff, inf), true}, {0, words(one+8193, nan, inf), false}, {0, words(one-8192, nan, inf), true}, {0, words(one-16500, nan, inf), false},
		{0, words(nan, nan, inf), false}, {0, words(one, one, inf), false}, {0, words(one, nan, one), false}, {0, words(one, nan), false},
		{1, words(0x3c01, 1), true}, {1, words(0x3c02, 1), false}, {1, words(0x3bff, 0x8001), true}, {1, words(0x7c00, 1), false}, {1, words(0x7e00, 1), false},
	} {
		if err := cases[c.of].Compare(c.out); (err == nil) != c.good {
			t.Errorf("%x: %v", c.out, err)
		}
	}
}

// What is wrong with a corpus is said with its line.
func TestCorpusErrors(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"code x;", "line 1"}, {"case a\ncode x;\nregs d:b99", "no register with a type"}, {"case a\ncode x;\nregs d:b32 a:b32\n1", "has no arrow"},
		{"case a\ncode x;\nregs d:b32 a:b32\n1 2 -> 3", "3 values for 2 registers"}, {"case a\ncode x;\nregs d:b32 a:b32\n1 -> 2\n-> 1 2", "2 results, the first row has 1"},
		{"case a\ncode x;\nregs d:b16 a:b16\n0x10000 -> 2", "more than 16 bits"}, {"case a\ncode x;\nregs d:b16 a:b16\nx -> 2", "is no value"}, {"case a\ncode x;\nregs d:f32 a:f32\nx -> 2", "is no number"},
		{"case a\ncode x;\nregs d:f32 a:f32\n0.1 -> 2", "is no f32"}, {"case a", "are needed"}, {"case a\nwithin 5", "no power of two"},
	} {
		if _, err := Parse(c.text); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want %s", c.text, err, c.want)
		}
	}
}
