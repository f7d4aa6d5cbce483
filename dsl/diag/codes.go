package diag

import (
	"fmt"
	"slices"
	"strings"
)

// Entry explains one code.
type Entry struct {
	Code  Code
	Title string // a noun phrase or short sentence, lower case
	// Explanation says in a few sentences what the rule is and why.
	Explanation string
	// Wrong and Right are a text that has the error and one that has not.
	Wrong, Right string
}

// Table returns the entries of all codes in ascending order. Each part of the
// tool keeps its own in a file codes_*.go as one function; they are joined
// here.
func Table() []Entry {
	return slices.Concat(
		parseEntries(),
		checkEntries(),
		runEntries(),
	)
}

// Lookup returns the entry of a code. It takes "E0010", "e0010" and "10".
func Lookup(code string) (Entry, bool) {
	code = strings.ToUpper(strings.TrimSpace(code))
	if !strings.HasPrefix(code, "E") && len(code) <= 4 {
		code = "E" + strings.Repeat("0", 4-len(code)) + code
	}
	for _, e := range Table() {
		if string(e.Code) == code {
			return e, true
		}
	}
	return Entry{}, false
}

// String returns the page that `tilec explain` prints.
func (e Entry) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n\n%s\n", e.Code, e.Title, wrap(e.Explanation, 80))
	section := func(title, text string) {
		if text == "" {
			return
		}
		fmt.Fprintf(&b, "\n%s:\n\n", title)
		for line := range strings.Lines(strings.Trim(text, "\n") + "\n") {
			if line != "\n" {
				b.WriteString("    ")
			}
			b.WriteString(line)
		}
	}
	section("Wrong", e.Wrong)
	section("Right", e.Right)
	return b.String()
}

// wrap breaks text at blanks so that no line is longer than width, where a
// word allows it.
func wrap(text string, width int) string {
	var b strings.Builder
	col := 0
	for _, word := range strings.Fields(text) {
		n := columns(word)
		switch {
		case col == 0:
		case col+1+n > width:
			b.WriteByte('\n')
			col = 0
		default:
			b.WriteByte(' ')
			col++
		}
		b.WriteString(word)
		col += n
	}
	return b.String()
}
