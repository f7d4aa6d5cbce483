package ptx

import (
	"fmt"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tilec/tilec/codegen/ptx/inspect"
)

// TestAssembles: every variant of every bundled kernel that a test calls is taken by ptxas without a warning, spills
// nothing and uses no local memory.
func TestAssembles(t *testing.T) {
	ptxas := os.Getenv("PTXAS")
	if ptxas == "" {
		t.Skip("needs PTXAS, the path of NVIDIA's assembler")
	}
	assembles(t, ptxas, "sm_80", func(*variant) bool { return true })
}

// TestOthersAssemble: what differs on other processors is taken too: there all products of 8-bit floats, and the first variant
// of every kernel.
func TestOthersAssemble(t *testing.T) {
	ptxas := os.Getenv("PTXAS")
	if ptxas == "" {
		t.Skip("needs PTXAS, the path of NVIDIA's assembler")
	}
	for _, name := range []string{"sm_89", "sm_120"} {
		seen := map[string]bool{}
		assembles(t, ptxas, name, func(v *variant) bool {
			kernel, _, _ := strings.Cut(v.name, " ")
			first := !seen[kernel]
			seen[kernel] = true
			return first || strings.HasPrefix(v.name, "gemm.gemm T=f8")
		})
	}
}

// assembles holds the chosen variants to what [TestAssembles] says.
func assembles(t *testing.T, ptxas, name string, chosen func(*variant) bool) {
	t.Helper()
	to := target(t, name)
	var files []*batch
	for i, v := range variants(t, name) {
		if !chosen(v) {
			continue
		}
		a, err := v.build(t, to)
		if err != nil {
			t.Errorf("%s: %v", v.name, err)
			continue
		}
		if len(files) == 0 || files[len(files)-1].text.Len() > batchBytes {
			files = append(files, &batch{names: map[string]string{}})
		}
		files[len(files)-1].add(i, v.name, string(a.Code))
	}
	results := make([]*inspect.Assembly, len(files))
	errs := make([]error, len(files))
	next := make(chan int, len(files))
	for i := range files {
		next <- i
	}
	close(next)
	var wait sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wait.Go(func() {
			for i := range next {
				results[i], errs[i] = inspect.Assemble(t.Context(), ptxas, name, files[i].String())
			}
		})
	}
	wait.Wait()
	kernels := 0
	for i, f := range files {
		if errs[i] != nil {
			t.Errorf("%s: %v", strings.Join(f.list, ", "), errs[i])
			continue
		}
		for _, w := range results[i].Warnings {
			// Of these the figures below tell.
			if !strings.Contains(w, "Registers are spilled") && !strings.Contains(w, "Local memory used") {
				t.Errorf("%s", f.explain(w))
			}
		}
		for _, k := range results[i].Kernels {
			kernels++
			if k.Spills > 0 || k.Stack > 0 {
				t.Errorf("%s: %s spills %d bytes and has %d of local memory, with %d registers", f.names[k.Name], k.Name, k.Spills, k.Stack, k.Registers)
			}
		}
	}
	t.Logf("%s: %d kernels in %d files", name, kernels, len(files))
}

// batchBytes is how much text goes into one file: an assembler takes some time to begin.
const batchBytes = 200 << 10

// batch is several modules as one, without their places in the source.
type batch struct {
	text  strings.Builder
	head  []string
	names map[string]string // variants, by the names of their kernels in the text
	list  []string
}

var entry = regexp.MustCompile(`(?m)^(\.visible \.entry )([\w$]+)`)

// add adds a module; its kernels get names of their own.
func (b *batch) add(number int, name, text string) {
	b.list = append(b.list, name)
	for line := range strings.Lines(text) {
		word, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch word {
		case ".version", ".target", ".address_size", ".extern":
			if !slices.Contains(b.head, line) {
				b.head = append(b.head, line)
			}
		case ".file", ".loc":
		default:
			if m := entry.FindStringSubmatch(line); m != nil {
				own := fmt.Sprintf("%s_v%d", m[2], number)
				b.names[own] = name
				line = strings.Replace(line, m[2], own, 1)
			}
			b.text.WriteString(line)
		}
	}
}

// String is the text, under the highest version that a part needs.
func (b *batch) String() string {
	rank := func(line string) int {
		return slices.IndexFunc([]string{".version", ".target", ".address_size", ".extern"}, func(w string) bool { return strings.HasPrefix(line, w) })
	}
	slices.SortStableFunc(b.head, func(x, y string) int {
		if d := rank(x) - rank(y); d != 0 {
			return d
		}
		return strings.Compare(y, x)
	})
	last := 0
	for last+1 < len(b.head) && rank(b.head[last+1]) == 0 {
		last++
	}
	return b.head[0] + strings.Join(b.head[last+1:], "") + b.text.String()
}

// explain puts the variants' names to those of kernels in a warning.
func (b *batch) explain(warning string) string {
	for own, name := range b.names {
		if strings.Contains(warning, own) {
			return name + ": " + warning
		}
	}
	return warning
}

// TestCompileTime: the time that a kernel takes to compile, in process, from its tile IR to PTX.
func TestCompileTime(t *testing.T) {
	to := target(t, "sm_80")
	var times []time.Duration
	slowest := ""
	for _, v := range variants(t, "sm_80") {
		began := time.Now()
		if _, err := v.build(t, to); err != nil {
			continue // TestAssembles tells
		}
		d := time.Since(began)
		if len(times) == 0 || d > slices.Max(times) {
			slowest = v.name
		}
		times = append(times, d)
	}
	if len(times) == 0 {
		t.Fatal("nothing compiles")
	}
	slices.Sort(times)
	half, most := times[len(times)/2], times[len(times)-1]
	t.Logf("%d variants: p50 %v, p99 %v, the slowest %v (%s)", len(times), half, times[len(times)*99/100], most, slowest)
	// Four times the aim: other work may share the machine.
	if half > 200*time.Millisecond || most > 4*time.Second {
		t.Errorf("half of the kernels take %v to compile, %s takes %v", half, slowest, most)
	}
}
