package passes

import (
	"fmt"
	"strings"

	"github.com/tilec/tilec/ir"
)

// word is a word of a schedule.
type word struct {
	// phase is the name of the phase that it refines, empty for all.
	phase, name, value string
	pos                ir.Pos
}

// words are the words of a name, those for all phases and those that refine one.
func words(fn *ir.Func, name string) []word {
	var list []word
	for _, b := range fn.Binds {
		phase, last, refines := strings.Cut(b.Name, ".")
		if !refines {
			phase, last = "", b.Name
		}
		if last == name {
			list = append(list, word{phase, name, b.Value, b.Pos})
		}
	}
	return list
}

// wordFor is the word of a name that counts for a phase: the one that refines it before the one for all.
func wordFor(fn *ir.Func, phase *ir.Op, name string) (word, bool) {
	var found word
	ok := false
	for _, w := range words(fn, name) {
		if w.phase == "" && found.phase == "" || w.phase != "" && w.phase == phase.Str("name") {
			found, ok = w, true
		}
	}
	return found, ok
}

// text is the word as the schedule has it.
func (w word) text() string {
	s := w.name
	switch {
	case strings.Contains(w.value, "=") || w.name == "use" || w.name == "forbid":
		s += " " + w.value
	case w.value != "":
		s += " = " + w.value
	}
	if w.phase != "" {
		s += " of " + w.phase
	}
	return s
}

// misfit is the error that the word cannot be obeyed.
func (w word) misfit(format string, args ...any) *Misfit {
	return &Misfit{Text: w.text() + ": " + fmt.Sprintf(format, args...), Pos: w.pos}
}
