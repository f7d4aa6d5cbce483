package llvm

import (
	"encoding/binary"
	"fmt"
	"io"
)

// Parent and child talk in messages: a count of parts, then each part as its length and its bytes.
//
//	request:  passes, triple, CPU, features joined by commas, level, "asm" or "", the module
//	answer:   one of the words below, then the text or object that belongs to it
const (
	answerReady   = "ready"   // once, before any request: LLVM's version; then the targets
	answerUnfit   = "unfit"   // instead: why the library cannot be used; the child ends
	answerDone    = "done"    // the object or assembly
	answerProblem = "problem" // what LLVM says about the module
	answerFatal   = "fatal"   // what LLVM said before it ended the child
)

// maxPart bounds a part: what is longer is a sign of a child that is not ours.
const maxPart = 1 << 30

func send(w io.Writer, parts ...[]byte) error {
	size := 4
	for _, p := range parts {
		size += 4 + len(p)
	}
	message := binary.LittleEndian.AppendUint32(make([]byte, 0, size), uint32(len(parts)))
	for _, p := range parts {
		message = binary.LittleEndian.AppendUint32(message, uint32(len(p)))
		message = append(message, p...)
	}
	_, err := w.Write(message)
	return err
}

// receive reads a message of the given number of parts.
func receive(r io.Reader, count int) ([][]byte, error) {
	var word [4]byte
	number := func() (uint32, error) {
		_, err := io.ReadFull(r, word[:])
		return binary.LittleEndian.Uint32(word[:]), err
	}
	n, err := number()
	if err != nil {
		return nil, err
	}
	if int(n) != count {
		return nil, fmt.Errorf("a message of %d parts, not %d", n, count)
	}
	parts := make([][]byte, count)
	for i := range parts {
		size, err := number()
		if err != nil {
			return nil, err
		}
		if size > maxPart {
			return nil, fmt.Errorf("a message part of %d bytes", size)
		}
		parts[i] = make([]byte, size)
		if _, err := io.ReadFull(r, parts[i]); err != nil {
			return nil, err
		}
	}
	return parts, nil
}
