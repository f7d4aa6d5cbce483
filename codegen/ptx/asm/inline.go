package asm

import (
	"strconv"
	"strings"
)

// Inline writes the instructions of a program's text, which end with semicolons: each an operation and operands, of which $0,
// $1 and so on are those of the list. What is no instruction is seen when the text of the kernel is parsed.
func (b *Builder) Inline(text string, list []Arg) {
	for _, line := range strings.Split(text, ";") {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		op, rest, _ := strings.Cut(line, " ")
		var args []Arg
		for _, s := range strings.Split(rest, ",") {
			s = strings.TrimSpace(s)
			if n, err := strconv.ParseUint(strings.TrimPrefix(s, "$"), 10, 16); err == nil && strings.HasPrefix(s, "$") && int(n) < len(list) {
				args = append(args, list[n])
			} else {
				args = append(args, Text(s))
			}
		}
		b.Emit(op, args...)
	}
}
