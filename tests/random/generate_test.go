package random

import (
	"testing"

	"github.com/tilec/tilec/dsl"
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
