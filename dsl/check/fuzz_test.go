package check

import "testing"

// FuzzCheck holds that no text makes the checker panic or run without end, that errors stand at places of the text,
// and that a kernel without errors gives a tree.
func FuzzCheck(f *testing.F) {
	for _, text := range seeds(f) {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) <= 16<<10 {
			exercise(t, text)
		}
	})
}
