package main

import (
	"io"

	"github.com/tilec/tilec/dsl"
	"github.com/tilec/tilec/dsl/check"
	"github.com/tilec/tilec/dsl/diag"
)

// shown is how many diagnostics a command prints before it only counts them.
const shown = 50

// reporter prints diagnostics with the source lines they are about.
type reporter struct {
	out     io.Writer // where text goes
	colour  bool
	stdout  io.Writer // where JSON goes
	asJSON  bool
	sources map[string][]byte // texts that are in no file of the program
	program *check.Program    // nil before it is loaded
	parsed  map[string]*dsl.File
}

func newReporter(env *environment, asJSON bool) *reporter {
	return &reporter{out: env.stderr, colour: env.colour, stdout: env.stdout, asJSON: asJSON, sources: map[string][]byte{}, parsed: map[string]*dsl.File{}}
}

// to is r with another place for text.
func (r *reporter) to(out io.Writer, colour bool) *reporter {
	other := *r
	other.out, other.colour = out, colour
	return &other
}

// all prints a list; it returns errSilent if there was an error in it.
func (r *reporter) all(list diag.List) error {
	list = list.Sorted()
	if r.asJSON {
		if err := diag.RenderJSON(r.stdout, list); err != nil {
			return err
		}
	} else {
		(&diag.Renderer{Source: r.source, Color: r.colour, Max: shown}).Render(r.out, list)
	}
	if list.HasErrors() {
		return errSilent
	}
	return nil
}

// source is the text of a file, nil if it cannot be had: then no source line is shown.
func (r *reporter) source(file string) []byte {
	if text, ok := r.sources[file]; ok {
		return text
	}
	if r.program != nil {
		if text := r.program.Source(file); text != nil {
			return text
		}
	}
	text, _ := dsl.ReadSource(file)
	r.sources[file] = text
	return text
}
