package main

import (
	"os"

	"github.com/tilec/tilec/dsl/diag"
)

// shown is how many diagnostics a command prints before it only counts them.
const shown = 50

// reporter prints diagnostics with the source lines they are about.
type reporter struct {
	env     *environment
	asJSON  bool
	sources map[string][]byte
}

func newReporter(env *environment, asJSON bool) *reporter {
	return &reporter{env: env, asJSON: asJSON, sources: map[string][]byte{}}
}

// all prints a list; it returns errSilent if there was an error in it.
func (r *reporter) all(list diag.List) error {
	list = list.Sorted()
	if r.asJSON {
		if err := diag.RenderJSON(r.env.stdout, list); err != nil {
			return err
		}
	} else {
		(&diag.Renderer{Source: r.source, Color: r.env.colour, Max: shown}).Render(r.env.stderr, list)
	}
	if list.HasErrors() {
		return errSilent
	}
	return nil
}

func (r *reporter) source(file string) []byte {
	text, ok := r.sources[file]
	if !ok {
		text, _ = os.ReadFile(file) // a file that cannot be read shows no source line
		r.sources[file] = text
	}
	return text
}
