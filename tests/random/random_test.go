package random

import (
	"context"
	"flag"
	"testing"

	"github.com/tilec/tilec/dsl"
	"github.com/tilec/tilec/dsl/check"
	"github.com/tilec/tilec/dsl/suite"
)

var (
	seeds = flag.Uint64("seeds", 400, "how many random kernels to run")
	first = flag.Uint64("first", 0, "the seed of the first")
)

// TestParses holds the generator to the grammar.
func TestParses(t *testing.T) {
	for seed := range uint64(500) {
		text := Generate(seed)
		if _, list := dsl.Parse("random.tile", []byte(text)); list.HasErrors() {
			t.Fatalf("seed %d: %v\n%s", seed, list.Err(), text)
		}
	}
}

// TestAgree runs random kernels and holds their results to the same expressions on whole tensors: exactly where the data
// are small integers, within the derived bound otherwise. `go test ./tests/random -seeds 100000` looks longer.
func TestAgree(t *testing.T) {
	t.Parallel()
	held := 0
	for seed := *first; seed < *first+*seeds; seed++ {
		text := Generate(seed)
		prog, list := check.LoadText(map[string]string{"random.tile": text})
		if list.HasErrors() {
			t.Fatalf("seed %d: %v\n%s", seed, list.Err(), text)
		}
		err := suite.Run(context.Background(), prog, suite.Options{Seed: seed}, func(r *suite.Result) {
			held += r.Expects
			if r.Failed() {
				t.Errorf("seed %d: %v %v\n%s", seed, r.Diags.Err(), r.Err, text)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		if t.Failed() {
			break
		}
	}
	if !t.Failed() && held != int(*seeds) {
		t.Errorf("%d expectations held for %d kernels", held, *seeds)
	}
}
