// Package expect holds diagnostics to comments in the text they are about.
//
// In go a source text whose lines carry `// ERROR E0010: regexp` (or
// `// WARNING …`; several, one behind the other, where a line has several) and
// the diagnostics that were reported for it. Out comes a list of what does not
// agree: each comment wants one diagnostic of its line, each diagnostic one
// comment. A comment on a line of its own, `// ERROR^ E0010: regexp`, speaks
// of the line above it; use it where a comment cannot stand.
package expect

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/tilec/tilec/dsl/diag"
)

// want is one expected diagnostic.
type want struct {
	line     int
	severity diag.Severity
	code     diag.Code
	text     string
	match    *regexp.Regexp
	met      bool
}

var pattern = regexp.MustCompile(`// (ERROR|WARNING)(\^*) (E[0-9]{4})(?:: (.*))?$`)

// parse returns the expectations of a text.
func parse(src string) ([]*want, error) {
	var all []*want
	for i, line := range strings.Split(src, "\n") {
		for {
			line = strings.TrimRight(line, " \t\r")
			// The last comment first: an earlier one ends where it begins.
			at := max(strings.LastIndex(line, "// ERROR"), strings.LastIndex(line, "// WARNING"))
			if at < 0 {
				break
			}
			m := pattern.FindStringSubmatch(line[at:])
			if m == nil {
				return nil, fmt.Errorf("line %d: cannot read %q", i+1, line[at:])
			}
			w := &want{line: i + 1 - len(m[2]), code: diag.Code(m[3]), text: m[4]}
			if m[1] == "WARNING" {
				w.severity = diag.Warning
			}
			var err error
			if w.match, err = regexp.Compile(m[4]); err != nil {
				return nil, fmt.Errorf("line %d: %w", i+1, err)
			}
			all = append(all, w)
			line = line[:at]
		}
	}
	return all, nil
}

// Check compares the diagnostics of one file with the comments of its text.
// Each string that it returns is one disagreement; an unreadable comment is
// one too.
func Check(src []byte, got diag.List) []string {
	wants, err := parse(string(src))
	if err != nil {
		return []string{err.Error()}
	}
	var bad []string
next:
	for _, d := range got.Sorted() {
		for _, w := range wants {
			if !w.met && w.line == d.Span.Start.Line && w.code == d.Code &&
				w.severity == d.Severity && w.match.MatchString(d.Message) {
				w.met = true
				continue next
			}
		}
		bad = append(bad, "unexpected: "+d.Error())
	}
	for _, w := range wants {
		if !w.met {
			bad = append(bad, fmt.Sprintf("line %d: missing %s %s: %s", w.line, w.severity, w.code, w.text))
		}
	}
	return bad
}

// Codes returns the codes that the comments of a text name.
func Codes(src []byte) []diag.Code {
	wants, err := parse(string(src))
	if err != nil {
		return nil
	}
	codes := make([]diag.Code, len(wants))
	for i, w := range wants {
		codes[i] = w.code
	}
	return codes
}
