package suite_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tilec/tilec/dsl/check"
	"github.com/tilec/tilec/dsl/eval"
	"github.com/tilec/tilec/dsl/suite"
)

const text = `package p

kernel scale[T: f16 | f32](a f32, x T[N]) (y f32[N]) {
    parallel n in N by BN {
        y[n] = a * x[n]
    }
}

schedule scale { default { BN = 8 } }

test scale "right" {
    for N in edges(BN) {
        x := randn(T, N)
        expect scale(2, x) == 2 * x[N]
    }
}

test scale "wrong" {
    const T, N = f32, 20
    x := ones(T, N)
    axis n = N
    expect scale(2, x)[n] == select(n == 7, 3, 2)
}

test scale "prints" {
    const T = f32
    x := [1, 2] as f32[2]
    y := scale(0.5, x)
    print(y)
    expect y == [0.5, 1] as f32[2]
}

bench scale "small" {
    const T = f32
    scale(2, randn(f32, 100))
}
`

func load(t *testing.T, text string) *check.Program {
	t.Helper()
	prog, list := check.LoadText(map[string]string{"p.tile": text})
	if list.HasErrors() {
		t.Fatal(list.Err())
	}
	return prog
}

// outcomes runs tests and gives a line for each result.
func outcomes(t *testing.T, prog *check.Program, o suite.Options) (lines []string, results []*suite.Result) {
	t.Helper()
	err := suite.Run(context.Background(), prog, o, func(r *suite.Result) {
		lines = append(lines, fmt.Sprintf("%s [%s] %v", r.Name, r.Case, !r.Failed()))
		results = append(results, r)
	})
	if err != nil {
		t.Fatal(err)
	}
	return lines, results
}

func TestRun(t *testing.T) {
	lines, results := outcomes(t, load(t, text), suite.Options{})
	want := []string{
		"p.scale/right [T = f16] true",
		"p.scale/right [T = f32] true",
		"p.scale/wrong [] false",
		"p.scale/prints [] true",
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Fatalf("(-want +got)\n%s", diff)
	}
	var failure *eval.Failure
	if !errors.As(results[2].Err, &failure) || failure.Failed != 1 || failure.Total != 20 || failure.Points[0].Index[0] != 7 {
		t.Errorf("the wrong one fails as %v", results[2].Err)
	}
	if results[0].Expects < 7 {
		t.Errorf("%d expectations held over edges", results[0].Expects)
	}
}

func TestSelect(t *testing.T) {
	lines, _ := outcomes(t, load(t, text), suite.Options{Match: regexp.MustCompile("scale/(right|prints)")})
	if len(lines) != 3 {
		t.Errorf("selected %q", lines)
	}
	if lines, _ = outcomes(t, load(t, text), suite.Options{Files: []string{"other.tile"}}); len(lines) != 0 {
		t.Errorf("selected %q of another file", lines)
	}
}

func TestPrint(t *testing.T) {
	for _, asked := range []bool{false, true} {
		o := suite.Options{Match: regexp.MustCompile("prints"), Print: asked}
		err := suite.Run(t.Context(), load(t, text), o, func(r *suite.Result) {
			if got := strings.Contains(r.Printed, "0.5"); got != asked {
				t.Errorf("asked for %v, printed %q", asked, r.Printed)
			}
		})
		if err != nil {
			t.Error(err)
		}
	}
}

// TestFuzz: rounds are drawn by seed alone, cover both types and several tile sizes, and find a kernel that is right
// only for some tile sizes.
func TestFuzz(t *testing.T) {
	o := suite.Options{Fuzz: 30, Seed: 5, Match: regexp.MustCompile("right")}
	first, _ := outcomes(t, load(t, text), o)
	again, _ := outcomes(t, load(t, text), o)
	if diff := cmp.Diff(first, again); diff != "" {
		t.Errorf("the same seed drew other rounds: %s", diff)
	}
	o.Seed = 6
	if other, _ := outcomes(t, load(t, text), o); cmp.Equal(first, other) {
		t.Error("another seed drew the same rounds")
	}
	joined := strings.Join(first, "\n")
	if len(first) != 30 || !strings.Contains(joined, "f16") || !strings.Contains(joined, "f32") || strings.Contains(joined, "false") {
		t.Errorf("rounds:\n%s", joined)
	}
	lines, _ := outcomes(t, load(t, `package p
kernel part(x f32[N]) (y f32[N]) {
    parallel n in N by BN {
        y[n] = x[n] * select(BN == 17, 0, 1)
    }
}
schedule part { default { BN = 8 } }
test part "any tile" {
    const N = 5
    x := ones(f32, N)
    expect part(x) == x[N]
}
`), suite.Options{Fuzz: 200, Seed: 1})
	if failing := strings.Count(strings.Join(lines, "\n"), "BN = 17] false"); failing == 0 || failing != strings.Count(strings.Join(lines, "\n"), "false") {
		t.Errorf("%d rounds of %d found it", failing, len(lines))
	}
}

func TestCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	err := suite.Run(ctx, load(t, text), suite.Options{}, func(*suite.Result) { t.Error("a result after the end") })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("ended with %v", err)
	}
}

func TestBench(t *testing.T) {
	var timings []*suite.Timing
	list, err := suite.Bench(context.Background(), load(t, text), suite.BenchOptions{}, func(m *suite.Timing) { timings = append(timings, m) })
	if list.HasErrors() || err != nil || len(timings) != 1 {
		t.Fatal(list.Err(), err, len(timings))
	}
	m := timings[0]
	if m.Kernel != "p.scale" || m.Bench != "small" || m.Bytes != 800 || m.Flops != 0 || len(m.Times) < 3 || m.Median() < m.Times[0] {
		t.Errorf("%+v", m)
	}
	gemm := load(t, `package p
kernel mul(a f32[M, K], b f32[N, K]) (c f32[M, N]) {
    parallel m in M by 4, n in N by 4 {
        s := f32[m, n](0)
        for k in K by 3 { s += dot[k](a[m, k], b[n, k]) }
        c[m, n] = s
    }
}
bench mul "5 6 7" { mul(randn(f32, 5, 7), randn(f32, 6, 7)) }
`)
	_, err = suite.Bench(context.Background(), gemm, suite.BenchOptions{}, func(m *suite.Timing) {
		if m.Flops != 2*5*6*7 || m.Bytes != 4*(5*7+6*7+5*6) {
			t.Errorf("%d FLOP, %d bytes", m.Flops, m.Bytes)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestOnce holds that an error of the text is new in one result only, and fails all.
func TestOnce(t *testing.T) {
	_, results := outcomes(t, load(t, `package p

kernel scale[T: f16 | f32 | bf16](x T[N]) (y T[N]) {
    parallel n in N by 4 { y[n] = 2 * x[n] }
}

test scale "wrong in every case" {
    const N = 5
    x := randn(T, N)
    expect scale(x) == 2 * z[N]
    expect scale(x) == 2 * x[9]
}

test scale "wrong too" {
    x := randn(T, 5)
    expect scale(x) == z
}
`), suite.Options{})
	var got []string
	for _, r := range results {
		got = append(got, fmt.Sprintf("%s %v %d of %d", r.Name, r.Failed(), len(r.New), len(r.Diags)))
	}
	want := []string{
		"p.scale/wrong in every case true 2 of 2", "p.scale/wrong in every case true 0 of 2", "p.scale/wrong in every case true 0 of 2",
		"p.scale/wrong too true 1 of 1", "p.scale/wrong too true 0 of 1", "p.scale/wrong too true 0 of 1",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestTimeout: a test that never ends fails by name; the others go on.
func TestTimeout(t *testing.T) {
	lines, results := outcomes(t, load(t, `package p
kernel spin(x f32[N]) (y f32[N]) {
    parallel n in N by 4 {
        while true { y[n] = x[n] }
    }
}
test spin "for ever" {
    x := ones(f32, 3)
    expect spin(x) == x
}
`), suite.Options{Timeout: 50 * time.Millisecond})
	if len(lines) != 1 || results[0].Err == nil || !strings.Contains(results[0].Err.Error(), "longer than 50ms") {
		t.Errorf("%v: %v", lines, results[0].Err)
	}
}
