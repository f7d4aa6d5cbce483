package llvm

import (
	"bytes"
	"fmt"
	"strings"
)

// check refuses options that would not survive their way into the text or onto a command line.
func (o Options) check() error {
	if o.Triple == "" {
		return fmt.Errorf("llvm: no target triple")
	}
	for _, text := range append([]string{o.Triple, o.CPU, o.Tune}, o.Features...) {
		if strings.ContainsAny(text, "\"\\, \t\r\n\x00") {
			return fmt.Errorf("llvm: %q is not the name of a target, processor or feature", text)
		}
	}
	for _, f := range o.Features {
		if !strings.HasPrefix(f, "+") && !strings.HasPrefix(f, "-") {
			return fmt.Errorf("llvm: feature %q has neither + nor - before it", f)
		}
	}
	return nil
}

// attributed is the module with the processor of the options as attributes of each function that it defines, where
// the text gives none itself: a module that says "target-cpu" or "target-features" anywhere is left as it is. Attributes
// are the one way to name the tuning that libLLVM's C interface, opt and llc share, and passes read nothing else.
func attributed(ir []byte, o Options) []byte {
	if bytes.Contains(ir, []byte(`"target-cpu"`)) || bytes.Contains(ir, []byte(`"target-features"`)) {
		return ir
	}
	text := ""
	for _, a := range [][2]string{{"target-cpu", o.CPU}, {"target-features", strings.Join(o.Features, ",")}, {"tune-cpu", o.Tune}} {
		if a[1] != "" {
			text += fmt.Sprintf(" %q=%q", a[0], a[1])
		}
	}
	if text == "" {
		return ir
	}
	out := make([]byte, 0, len(ir)+len(ir)/8)
	for line := range bytes.Lines(ir) {
		if at := afterParameters(line); at >= 0 {
			out = append(out, line[:at]...)
			out = append(out, text...)
			line = line[at:]
		}
		out = append(out, line...)
	}
	return out
}

// afterParameters is where the attributes of the function begin that a line defines, -1 where it defines none.
func afterParameters(line []byte) int {
	if !bytes.HasPrefix(line, []byte("define ")) {
		return -1
	}
	at := bytes.IndexByte(line, '@')
	if at < 0 {
		return -1
	}
	depth, quoted := 0, false
	for i := at; i < len(line); i++ {
		switch c := line[i]; {
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '(':
			depth++
		case c == ')':
			if depth--; depth > 0 {
				continue
			}
			return skipWords(line, i+1)
		}
	}
	return -1
}

// skipWords is past what may stand between the parameters of a function and its attributes.
func skipWords(line []byte, i int) int {
	for {
		rest := bytes.TrimLeft(line[i:], " ")
		word, _, _ := bytes.Cut(rest, []byte(" "))
		switch text := string(word); {
		case text == "unnamed_addr", text == "local_unnamed_addr", strings.HasPrefix(text, "addrspace("):
			i = len(line) - len(rest) + len(word)
		default:
			return i
		}
	}
}
