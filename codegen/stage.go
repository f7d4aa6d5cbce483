package codegen

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/tilec/tilec/ir"
)

var place = regexp.MustCompile(` loc\(("(?:[^"\\]|\\.)*"):(\d+):(\d+)\)`)

// IRStage is a function of the tile IR as a stage of that name.
func IRStage(name string, fn *ir.Func, places bool) Stage {
	s := Stage{Name: name, Ext: ".tir", Text: fn.Text(ir.Loc(places))}
	if !places {
		return s
	}
	digits := func(s string) int {
		n, _ := strconv.Atoi(s) // what is too large is no line of a text
		return n
	}
	lines := strings.Split(strings.TrimSuffix(s.Text, "\n"), "\n")
	for i, line := range lines {
		var at ir.Pos
		if m := place.FindAllStringSubmatch(line, -1); m != nil {
			last := m[len(m)-1] // of the operation, after those of what it has
			file, _ := strconv.Unquote(last[1])
			at = ir.Pos{File: file, Line: digits(last[2]), Col: digits(last[3])}
		}
		lines[i] = place.ReplaceAllString(line, "")
		s.Places = append(s.Places, at)
	}
	s.Text = strings.Join(lines, "\n") + "\n"
	return s
}
