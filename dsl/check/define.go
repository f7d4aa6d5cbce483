package check

import (
	"fmt"
	"strings"

	"github.com/tilec/tilec/dsl"
	"github.com/tilec/tilec/dsl/diag"
	"github.com/tilec/tilec/dsl/typed"
)

// IsWord reports whether a name is a word of schedules.
func IsWord(name string) bool {
	_, ok := words[name]
	return ok
}

// ParseWord reads a word of a schedule that is given apart from the text, as by `-D stages=3`, for a target. The value
// is what stands behind the word: a number for stages, "1 warp" for producer, "x in registers" for keep, "n = 4" for
// split, and true for a word that stands alone, as persistent. Nothing of it is kept: [Bindings] take the result.
func (k *Kernel) ParseWord(name, value, target string) (typed.Word, error) {
	if target == "" {
		target = "interp"
	}
	entry := name + " = " + value
	switch words[name].form {
	case flagWord, optWord:
		if value == "true" {
			entry = name
		} else if words[name].form == flagWord {
			return typed.Word{}, fmt.Errorf("%s stands alone in a schedule: give it as %s=true", name, name)
		}
	case nameWord, placeWord, splitWord:
		entry = name + " " + value
	}
	ast, diags := dsl.Parse("", []byte("package p\nschedule k { "+target+" { "+entry+" } }"))
	var entries []*dsl.Entry
	if !diags.HasErrors() && len(ast.Decls) == 1 {
		if s, is := ast.Decls[0].(*dsl.Schedule); is && len(s.Sections) == 1 {
			entries = s.Sections[0].Entries
		}
	}
	if len(entries) != 1 || entries[0].Phase {
		if words[name].form == splitWord {
			return typed.Word{}, fmt.Errorf("%q is not what stands behind split in a schedule: name a loop and its parts, as k = 4", value)
		}
		return typed.Word{}, fmt.Errorf("%q is not what stands behind %s in a schedule", value, name)
	}
	diags = nil
	e := newElab(k.Package.prog, k.file, &diags)
	out := &section{name: target}
	protect(func() { e.word(out, entries[0], "") })
	if diags.HasErrors() {
		return typed.Word{}, fmt.Errorf("%s", diags[0].Message)
	}
	word := out.words[0]
	word.Span = diag.Span{}
	word.Value = strings.TrimSpace(word.Value)
	return word, nil
}
