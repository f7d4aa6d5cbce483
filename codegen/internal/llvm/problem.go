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

	"github.com/tilec/tilec/runtime/cache"
)

// position is how LLVM begins a message about a place in the text: the buffer's name, the line, the column.
var position = regexp.MustCompile(`(?m)^(?:[^\n]*: )?` + bufferName + `:(\d+):(\d+): (?:error: )?(.*)$`)

// mostLines of a message of LLVM's are kept.
const mostLines = 12

// nth is where the n-th c in the text is, -1 where it has fewer.
func nth(text string, c byte, n int) int {
	for i := range len(text) {
		if text[i] == c {
			if n--; n == 0 {
				return i
			}
		}
	}
	return -1
}

// problem is LLVM's message about a module as an error.
func problem(ir []byte, message string) error {
	message = strings.TrimSpace(message)
	if end := nth(message, '\n', mostLines); end >= 0 {
		message = message[:end] + "\n…" // the verifier reports each wrong use of each value
	}
	found := position.FindStringSubmatch(message)
	if found == nil {
		return &ParseError{Message: message}
	}
	line, err := strconv.Atoi(found[1])
	if err != nil { // more than an int
		return &ParseError{Message: message}
	}
	column, _ := strconv.Atoi(found[2]) // as above, and no line is that long
	e := &ParseError{Line: line, Column: column, Message: found[3]}
	if lines := bytes.Split(ir, []byte("\n")); line >= 1 && line <= len(lines) {
		e.Text = string(lines[line-1])
	}
	return e
}

// save writes a module that LLVM crashed on where it can be looked at, and says where; "" if it cannot.
func save(ir []byte, o Options, toolchain, reason string) string {
	folder := cache.Open().Folder()
	if folder != "" {
		folder = filepath.Join(folder, "crash")
		if os.MkdirAll(folder, 0o700) != nil {
			folder = ""
		}
	}
	if folder == "" {
		folder = os.TempDir()
	}
	head := fmt.Sprintf("; %s\n; %s\n; triple %s, cpu %q, tune %q, features %q, level %d\n", toolchain,
		strings.ReplaceAll(reason, "\n", "\n; "), o.Triple, o.CPU, o.Tune, strings.Join(o.Features, ","), o.level())
	path := filepath.Join(folder, fmt.Sprintf("%.8x.ll", sha256.Sum256(ir)))
	if os.WriteFile(path, append([]byte(head), attributed(ir, o)...), 0o600) != nil {
		return ""
	}
	return path
}
