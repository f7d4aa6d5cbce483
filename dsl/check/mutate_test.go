package check

import (
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/tilec/tilec/dsl/diag"
	"github.com/tilec/tilec/dsl/typed"
)

var tokens = regexp.MustCompile(`[A-Za-z_][A-Za-z0-9_]*|[0-9.]+|[^\sA-Za-z0-9_]|\s+`)

// mutant changes a few tokens of a text: swaps, copies, deletes and replaces them by ones from the same text.
func mutant(r *rand.Rand, text string) string {
	list := tokens.FindAllString(text, -1)
	for range 1 + r.Intn(4) {
		i, j := r.Intn(len(list)), r.Intn(len(list))
		switch r.Intn(4) {
		case 0:
			list[i] = list[j]
		case 1:
			list[i], list[j] = list[j], list[i]
		case 2:
			list[i] = ""
		case 3:
			list[i] += " " + list[j]
		}
	}
	out := ""
	for _, t := range list {
		out += t
	}
	return out
}

// seeds are the texts that mutants are made of.
func seeds(t testing.TB) []string {
	var out []string
	for _, pattern := range []string{"../testdata/check/*.tile", "../../kernels/*/*.tile"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range files {
			src, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, string(src))
		}
	}
	return out
}

// TestMutants checks texts that are almost right: none may panic, and none may take long.
func TestMutants(t *testing.T) {
	list := seeds(t)
	n, seed := 200, int64(1)
	if more := os.Getenv("TILEC_MUTANTS"); more != "" { // "5000 7": how many, and the seed
		if _, err := fmt.Sscan(more, &n, &seed); err != nil {
			t.Fatal(err)
		}
	}
	r := rand.New(rand.NewSource(seed))
	for i := range n {
		text := mutant(r, list[i%len(list)])
		start := time.Now()
		func() {
			defer func() {
				if x := recover(); x != nil {
					panic(fmt.Sprint(x, "\n", text))
				}
			}()
			exercise(t, text)
		}()
		if d := time.Since(start); d > 3*time.Second {
			t.Fatalf("%v for\n%s", d, text)
		}
	}
}

// exercise loads, checks and elaborates a text.
func exercise(t *testing.T, text string) {
	prog, list := LoadText(map[string]string{"k.tile": text})
	list = append(list, prog.Check()...)
	for _, d := range list {
		if d.Message == "" || d.Span.IsValid() && d.Span.Start.Offset > len(text) {
			t.Fatalf("%v", d)
		}
	}
	if list.HasErrors() || len(prog.Packages) == 0 {
		return
	}
	for _, k := range prog.Packages[0].Kernels {
		for _, row := range k.rows() {
			if v, list := k.Instantiate(Bindings{Generics: row}); v == nil && !list.HasErrors() {
				t.Fatalf("kernel %s gives neither a tree nor an error", k.Name)
			}
		}
	}
	for _, test := range prog.Packages[0].Tests {
		cases, _ := test.Cases()
		for _, c := range cases {
			_, _ = test.Run(c, RunOptions{Edges: onlyOnes}, func(typed.Stmt) error { return nil })
		}
	}
}

// onlyOnes keeps loops over edges short.
func onlyOnes(_ diag.Span, args []int64) [][]int64 {
	row := make([]int64, len(args))
	for i := range row {
		row[i] = 1
	}
	return [][]int64{row}
}
