package casts

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tilec/tilec/codegen/ptx"
	"github.com/tilec/tilec/ir/dtype"
)

var update = flag.Bool("update", false, "write docs/casts.md")

const page = "../../../docs/casts.md"

const intro = `# Fast casts

How many instructions a cast of packed codes takes, by element, in the sequences of ` + "`codegen/ptx/casts`" + `. Every sequence is
run in the emulator on every code at every place of its words, shown to let no element's bits into another's result, and
assembled where there is a ptxas (` + "`go test ./codegen/ptx/casts`" + `); this page is written by the same tests (` + "`-update`" + `) and
held by them.

Counted are all instructions but those that set constants once before a loop, and moves that name the halves of a register
or join two: in what ptxas 13.5 makes of them, conversions read and write halves in place. In its code for u4, i4 and u3 to
16-bit floats and i4 to f8e4m3 the instructions counted here stand one for one. An instruction of the machine holds one
constant, so masks and magic numbers take registers besides: about two for each kind of place that codes have in a word.

Each cell has up to three figures, one for each order in which the codes may lie:

- **stream**: code after code, as in memory, across word boundaries;
- **interleaved**: each half of a word (byte, nibble: as the destination asks) a stream of its own, of every second (fourth,
  eighth) element, so that one mask picks the elements of a register. Packing follows it: ` + "`Sequence.Planes`" + ` has the layout;
- **planes**: widths that do not divide 32 cut into planes of 4, 2 and 1 bits; floats of 4 and 8 bits into magnitudes and
  signs within each half of a word.

A dash: some code has no value of the destination (the error names it), or, to 8-bit floats before sm_89, there is no
conversion. Multiplying by the power of two that makes up for a smaller exponent bias is counted, half an instruction by
element, and so is what makes NaN and infinities of the codes that are none of the numbers; the last table but one is without.

`

const others = `## Beside others

Those of floats with the same left out as the others leave out.

| cast | here: stream / interleaved / planes | known |
|---|---|---|
`

// known are counts of others by element, taken from descriptions of their sources.
var known = []struct {
	from, to dtype.Type
	opts     Options
	text     string
}{
	{dtype.U4, dtype.F16, Options{}, "Marlin 1.125, nibbles in the order 0,2,4,6,1,3,5,7, which is the interleaved one here; Tilus 1.625 in stream order, 4 permutations behind it"},
	{dtype.I4, dtype.F16, Options{}, "Tilus 1.75: an exclusive or besides"},
	{dtype.U1, dtype.F16, Options{}, "Tilus: 1 shift or more, 2 lop3 and a subtraction by 2 elements"},
	{dtype.U8, dtype.F16, Options{}, "Tilus 1"},
	{dtype.I8, dtype.F16, Options{}, "Tilus 1.25"},
	{dtype.I4, dtype.BF16, Options{}, "Tilus: element by element"},
	{dtype.U8, dtype.BF16, Options{}, "through f32 2.5"},
	{dtype.F8E4M3, dtype.F16, Options{Finite: true}, "Tilus: as here without NaN, whose code it makes 480"},
	{dtype.F4E2M1, dtype.F16, Options{Finite: true, Fold: true}, "vLLM's Marlin shifts bits into place and folds the product too; its count is not known"},
}

func cell(from, to dtype.Type, target ptx.Target, opts Options) string {
	var out []string
	for _, o := range Orders {
		if s, err := cached(from, to, target, o, opts); err == nil {
			out = append(out, fmt.Sprintf("%.4g", roundTo(s.PerElement())))
		}
	}
	if out == nil {
		return "-"
	}
	return strings.Join(out, " / ")
}

func roundTo(x float64) float64 { return float64(int(x*1000+0.5)) / 1000 }

func writeTable(b *strings.Builder, target ptx.Target, opts Options, types, to []dtype.Type) {
	b.WriteString("| from |")
	for _, t := range to {
		fmt.Fprintf(b, " %v |", t)
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(to)) + "\n")
	for _, from := range types {
		fmt.Fprintf(b, "| %v |", from)
		for _, t := range to {
			fmt.Fprintf(b, " %s |", cell(from, t, target, opts))
		}
		b.WriteString("\n")
	}
}

// TestPage holds the page to the sequences.
func TestPage(t *testing.T) {
	var ints, floats []dtype.Type
	for _, s := range sources() {
		plain, err := dtype.Parse(fmt.Sprintf("f%de%dm%d", s.Width, s.Exp, s.Man))
		switch {
		case s.Kind != dtype.FloatKind:
			ints = append(ints, s)
		case s == dtype.E8M0 || err == nil && plain == s:
			floats = append(floats, s)
		}
	}
	var b strings.Builder
	b.WriteString(intro)
	b.WriteString("## sm_80\n\n")
	writeTable(&b, targets[0], Options{}, ints, []dtype.Type{dtype.F16, dtype.BF16, dtype.F32, dtype.I8, dtype.U8, dtype.F8E4M3, dtype.F8E5M2})
	b.WriteString("\n")
	writeTable(&b, targets[0], Options{}, floats, []dtype.Type{dtype.F16, dtype.BF16, dtype.F32, dtype.F8E4M3, dtype.F8E5M2})
	b.WriteString("\n## sm_89 and later, where it differs\n\n")
	var differ []dtype.Type
	bytes := []dtype.Type{dtype.F16, dtype.BF16, dtype.F32, dtype.F8E4M3, dtype.F8E5M2}
	for _, s := range append(append([]dtype.Type(nil), ints...), floats...) {
		for _, to := range bytes {
			if cell(s, to, targets[0], Options{}) != cell(s, to, targets[1], Options{}) {
				differ = append(differ, s)
				break
			}
		}
	}
	writeTable(&b, targets[1], Options{}, differ, bytes)
	b.WriteString("\n## sm_80, no NaN or infinity, the product left to the user\n\n`Options.Finite` and `Options.Fold`: for weights, whose scale takes the power of two in.\n\n")
	writeTable(&b, targets[0], Options{Finite: true, Fold: true}, floats, []dtype.Type{dtype.F16, dtype.BF16, dtype.F32})
	b.WriteString("\n" + others)
	for _, k := range known {
		fmt.Fprintf(&b, "| %v to %v | %s | %s |\n", k.from, k.to, cell(k.from, k.to, targets[0], k.opts), k.text)
	}
	if *update {
		if err := os.WriteFile(page, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(have), b.String()); d != "" {
		t.Errorf("docs/casts.md is not what the sequences are (-update writes it):\n%s", d)
	}
}

// TestAssembles gives every sequence to ptxas.
func TestAssembles(t *testing.T) {
	name := os.Getenv("PTXAS")
	if name == "" {
		name = "ptxas"
	}
	ptxas, err := exec.LookPath(name)
	if err != nil {
		t.Skip("no ptxas: set PTXAS to one of 12.9 or later")
	}
	if testing.Short() {
		t.Skip("assembles every sequence, which takes a quarter of a minute")
	}
	for _, target := range targets {
		t.Run(target.String(), func(t *testing.T) {
			t.Parallel()
			for _, to := range Destinations {
				var text strings.Builder
				n := 0
				for _, order := range Orders {
					for _, from := range sources() {
						if s, err := cached(from, to, target, order, Options{}); err == nil {
							text.WriteString(kernel(fmt.Sprintf("k%d", n), s))
							n++
						}
					}
				}
				if n == 0 {
					continue
				}
				file := filepath.Join(t.TempDir(), "casts.ptx")
				if err := os.WriteFile(file, []byte(module(target, text.String())), 0o644); err != nil {
					t.Fatal(err)
				}
				out, err := exec.Command(ptxas, "-v", "-arch="+target.String(), file, "-o", os.DevNull).CombinedOutput()
				if err != nil {
					t.Errorf("%v: %v\n%s", to, err, out)
				}
				for line := range strings.SplitSeq(string(out), "\n") {
					if strings.Contains(line, "warning") || strings.Contains(line, "spill") && !strings.Contains(line, "0 bytes spill stores, 0 bytes spill loads") {
						t.Errorf("%v: %s", to, line)
					}
				}
			}
		})
	}
}
