package ptx

import (
	"context"
	"flag"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/tilec/tilec/codegen/ptx/emu"
	"github.com/tilec/tilec/codegen/ptx/syntax"
)

var alteredPTX = flag.Int("altered-ptx", 600, "how many altered texts of PTX to run")

// alteredLines is a text of PTX with a few lines, or words of lines, left out, copied or in each other's place.
func alteredLines(r *rand.Rand, text string) string {
	lines := strings.Split(text, "\n")
	for range 1 + r.IntN(3) {
		i, j := r.IntN(len(lines)), r.IntN(len(lines))
		switch r.IntN(8) {
		case 0:
			lines[i] = ""
		case 1:
			lines[i], lines[j] = lines[j], lines[i]
		case 2:
			lines[i] += "\n" + lines[j]
		default:
			from, to := words.FindAllString(lines[j], -1), words.FindAllString(lines[i], -1)
			if len(from) == 0 || len(to) == 0 {
				continue
			}
			if to[r.IntN(len(to))] = from[r.IntN(len(from))]; r.IntN(3) == 0 {
				to[r.IntN(len(to))] = []string{"0", "-1", "1", "31", "64", "4294967295", "-9223372036854775808", "%r0", "%d0", "%p0", ".wide", ".v4"}[r.IntN(12)]
			}
			lines[i] = strings.Join(to, "")
		}
	}
	return strings.Join(lines, "\n")
}

// TestAlteredPTX alters the PTX of bundled kernels at random and gives it to the emulator: whatever it is, it is refused, runs, or ends with a
// finding, and nothing panics or hangs. `go test ./tests/ptx -run AlteredPTX -altered-ptx 100000` looks longer.
func TestAlteredPTX(t *testing.T) {
	to := target(t, "sm_80")
	var list []*subject
	for _, pkg := range []string{"softmax", "rope", "gemm", "explicit", "lutgemv"} {
		list = append(list, subjects(t, pkg, to)...)
	}
	refused, ended, ran := 0, 0, 0
	for seed := range uint64(*alteredPTX) {
		r := rand.New(rand.NewPCG(seed, 7))
		s := list[r.IntN(len(list))]
		text := alteredLines(r, string(s.artefact.Code))
		func() {
			defer func() {
				if x := recover(); x != nil {
					t.Fatalf("seed %d, %s: %v", seed, s, x)
				}
			}()
			start := time.Now()
			defer func() {
				if d := time.Since(start); d > 20*time.Second {
					t.Errorf("seed %d, %s: it takes %v", seed, s, d)
				}
			}()
			if _, err := syntax.Parse(text); err != nil {
				refused++
				return
			}
			ctx, stop := context.WithTimeout(t.Context(), 10*time.Second)
			defer stop()
			_, err := s.launch(ctx, to.Name(), text, s.launches[0], emu.Options{Seed: seed % 3, MaxInstructions: 1 << 20}, nil)
			if err != nil {
				ended++
			} else {
				ran++
			}
		}()
	}
	t.Logf("%d texts: %d refused, %d end with a finding, %d run", *alteredPTX, refused, ended, ran)
	if refused == 0 || ended == 0 || ran == 0 {
		t.Error("the texts are all alike")
	}
}
