package ptx

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tilec/tilec/codegen"
	"github.com/tilec/tilec/codegen/ptx/emu"
	"github.com/tilec/tilec/dsl/check"
	"github.com/tilec/tilec/dsl/suite"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/passes"
	"github.com/tilec/tilec/runtime"
	"github.com/tilec/tilec/runtime/jit"
)

var (
	alteredTexts = flag.Int("altered", 600, "how many altered programs of the explicit level to run")
	alteredFirst = flag.Uint64("altered-first", 0, "the seed of the first")
)

var words = regexp.MustCompile(`[A-Za-z_][A-Za-z0-9_]*|[0-9.]+|<-|:=|\+=|==|\.\.|[^\sA-Za-z0-9_]|\s+`)

// programs are the kernels of the explicit level's tests, each with its schedule and its tests.
func programs(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("../spec/explicit/*.tile")
	if err != nil || len(files) == 0 {
		t.Fatalf("no programs: %v", err)
	}
	var list []string
	named := regexp.MustCompile(`^(?:kernel|test|schedule) (\w+)`)
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		by := map[string]string{}
		var names []string
		for _, decl := range regexp.MustCompile(`\n\n+`).Split(string(text), -1) {
			decl = regexp.MustCompile(`(?m)^//.*\n`).ReplaceAllString(decl, "")
			m := named.FindStringSubmatch(decl)
			if m == nil {
				continue
			}
			if by[m[1]] == "" {
				names = append(names, m[1])
			}
			by[m[1]] += decl + "\n\n"
		}
		for _, n := range names {
			list = append(list, "package altered\n\n"+by[n])
		}
	}
	return list
}

// altered is a program with a few words or lines that are swapped, copied, left out, or another number.
func altered(r *rand.Rand, text string) string {
	for range 1 + r.IntN(3) {
		if r.IntN(2) == 0 {
			lines := strings.Split(text, "\n")
			i, j := r.IntN(len(lines)), r.IntN(len(lines))
			switch r.IntN(4) {
			case 0:
				lines[i] = ""
			case 1:
				lines[i], lines[j] = lines[j], lines[i]
			case 2:
				lines[i] += "\n" + lines[i]
			case 3:
				lines[i] += "\n" + lines[j]
			}
			text = strings.Join(lines, "\n")
			continue
		}
		list := words.FindAllString(text, -1)
		i, j := r.IntN(len(list)), r.IntN(len(list))
		switch r.IntN(4) {
		case 0:
			list[i] = list[j]
		case 1:
			list[i] = ""
		default:
			for k := range list { // a number, if there is one behind it
				if at := (i + k) % len(list); list[at][0] >= '0' && list[at][0] <= '9' {
					list[at] = []string{"0", "1", "2", "3", "4", "5", "8", "16", "31", "33", "64", "1000"}[r.IntN(12)]
					break
				}
			}
		}
		text = strings.Join(list, "")
	}
	return text
}

// outcome is what becomes of a program on a device: the cases of its tests that pass, that fail, that
// the device refuses, and that take too long.
type outcome struct {
	passed, failed, refused, late int
	said                          string // of the first that fails
}

// ran runs a program; a refused text gives no outcome.
func ran(t *testing.T, prog *check.Program, target string, load func(context.Context, *ir.Func) (*runtime.Kernel, error)) (o outcome) {
	t.Helper()
	err := suite.Run(t.Context(), prog, suite.Options{Target: target, Load: load, Timeout: 5 * time.Second}, func(r *suite.Result) {
		var misfit *passes.Misfit
		var no *codegen.Unsupported
		var channels *passes.ChannelFault
		switch {
		case !r.Failed():
			o.passed++
		case errors.As(r.Err, &misfit) || errors.As(r.Err, &no) || errors.As(r.Err, &channels):
			o.refused++
		case r.Err != nil && strings.Contains(r.Err.Error(), "takes longer than"):
			o.late++
		default:
			o.failed++
			if o.said == "" {
				o.said = fmt.Sprint(r.Err, r.Diags.Err())
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// TestAltered alters programs of the explicit level at random: what is not refused runs in the interpreter as it does on the
// emulator, and nothing panics or hangs. `go test ./tests/ptx -run Altered -altered 20000` looks longer.
func TestAltered(t *testing.T) {
	list := programs(t)
	device, err := runtime.Emulator("sm_80", emu.Options{})
	if err != nil {
		t.Fatal(err)
	}
	load := func(ctx context.Context, fn *ir.Func) (*runtime.Kernel, error) {
		return new(jit.Compiler).Kernel(ctx, device, fn, codegen.Options{})
	}
	refused, same := 0, 0
	for seed := *alteredFirst; seed < *alteredFirst+uint64(*alteredTexts); seed++ {
		r := rand.New(rand.NewPCG(seed, 6))
		text := altered(r, list[r.IntN(len(list))])
		func() {
			defer func() {
				if x := recover(); x != nil {
					t.Fatalf("seed %d: %v\n%s", seed, x, text)
				}
			}()
			start := time.Now()
			prog, diags := check.LoadText(map[string]string{"altered.tile": text})
			diags = append(diags, prog.Check()...)
			if diags.HasErrors() {
				refused++
				return
			}
			a, b := ran(t, prog, "sm_80", nil), ran(t, prog, "sm_80", load)
			if d := time.Since(start); d > time.Minute {
				t.Errorf("seed %d: it takes %v\n%s", seed, d, text)
			}
			if b.refused+a.late+b.late > 0 {
				refused++
				return
			}
			if a != b && (a.passed != b.passed || a.failed != b.failed) {
				t.Errorf("seed %d: %d cases pass and %d fail on interp: %s; %d and %d on sm_80: %s\n%s", seed, a.passed, a.failed, a.said, b.passed, b.failed, b.said, text)
				return
			}
			same++
		}()
	}
	t.Logf("%d programs: %d refused, %d the same", *alteredTexts, refused, same)
	if *alteredTexts >= 100 && (refused == 0 || same < *alteredTexts/20) {
		t.Error("the programs are all alike")
	}
}
