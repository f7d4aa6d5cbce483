package dsl

import (
	"bytes"
	"testing"

	"github.com/tilec/tilec/dsl/diag"
)

// FuzzParse feeds any bytes to the parser. A tree comes back whose spans are
// right, errors lie inside the file and have explanations, and there are Bad
// nodes only with errors; the renderers print every error.
func FuzzParse(f *testing.F) {
	for _, src := range corpus(f) {
		f.Add(src)
	}
	for _, file := range errorFiles(f) {
		f.Add(file.Data)
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		if len(src) > 1<<14 {
			return // the limits have tests of their own; checkTree is quadratic
		}
		file, errs := Parse("x.tile", src)
		checkTree(t, file, src)
		bad := 0
		Walk(file, func(n Node) bool {
			switch n.(type) {
			case *BadDecl, *BadStmt:
				bad++
			}
			return true
		})
		if bad > 0 && len(errs) == 0 {
			t.Errorf("%d Bad nodes and no error", bad)
		}
		for _, d := range errs {
			if d.Span.Start.Offset < 0 || d.Span.End.Offset > len(src) || d.Span.Start.Line < 1 ||
				d.Span.Start.Offset > d.Span.End.Offset {
				t.Errorf("%v: span %v–%v of %d bytes", d, d.Span.Start, d.Span.End, len(src))
			}
			if _, ok := diag.Lookup(string(d.Code)); !ok {
				t.Errorf("%v: no explanation", d)
			}
		}
		r := diag.Renderer{Source: diag.Sources(map[string][]byte{"x.tile": src}), Color: true}
		var out bytes.Buffer
		if err := r.Render(&out, errs); err != nil {
			t.Error(err)
		}
		if err := diag.RenderJSON(&out, errs); err != nil {
			t.Error(err)
		}
		Dump(file)
	})
}
