package llvm

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// position is how LLVM begins a message about a place in the text: the buffer's name, the line, the column.
var position = regexp.MustCompile(`(?m)^(?:[^\n]*: )?(?:` + bufferName + `|<stdin>):(\d+):(\d+): (?:error: )?(.*)$`)

// problem is LLVM's message about a module as an error.
func problem(ir []byte, message string) error {
	message = strings.TrimSpace(message)
	found := position.FindStringSubmatch(message)
	if found == nil {
		return &ParseError{Message: message}
	}
	line, _ := strconv.Atoi(found[1]) // digits; an overflow is no line
	column, _ := strconv.Atoi(found[2])
	e := &ParseError{Line: line, Column: column, Message: found[3]}
	if lines := bytes.Split(ir, []byte("\n")); line >= 1 && line <= len(lines) {
		e.Text = string(lines[line-1])
	}
	return e
}

// save writes a module that LLVM crashed on where it can be looked at, and says where; "" if it cannot.
func save(ir []byte, o Options, toolchain, reason string) string {
	folder, err := os.UserCacheDir()
	if err == nil {
		folder = filepath.Join(folder, "tilec", "crash")
		err = os.MkdirAll(folder, 0o700)
	}
	if err != nil {
		folder = os.TempDir()
	}
	head := fmt.Sprintf("; %s\n; %s\n; triple %s, cpu %q, tune %q, features %q, level %d, passes %s\n", toolchain,
		strings.ReplaceAll(reason, "\n", "\n; "), o.Triple, o.CPU, o.Tune, strings.Join(o.Features, ","), o.level(), o.passes())
	path := filepath.Join(folder, fmt.Sprintf("%.8x.ll", sha256.Sum256(ir)))
	if os.WriteFile(path, append([]byte(head), attributed(ir, o)...), 0o600) != nil {
		return ""
	}
	return path
}
