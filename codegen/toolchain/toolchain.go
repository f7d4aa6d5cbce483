// Package toolchain is the LLVM that the machine has, as the commands and the compilers for its targets share it.
//
// In goes nothing, or a module of LLVM IR; out come the toolchain's name, or an object for this machine. It always holds
// that a process looks for LLVM once.
package toolchain

import (
	"context"
	"errors"
	"runtime"
	"sync"

	"github.com/tilec/tilec/codegen/internal/llvm"
)

// LLVM is the machine's LLVM. The error says what was looked for and what to install; it is the same in every call.
var LLVM = sync.OnceValues(llvm.Find)

// Name is LLVM's name and version, for people.
func Name() (string, error) {
	t, err := LLVM()
	if err != nil {
		return "", err
	}
	return t.Name(), nil
}

// ID differs where the bytes that LLVM makes may differ.
func ID() (string, error) {
	t, err := LLVM()
	if err != nil {
		return "", err
	}
	return t.ID(), nil
}

// Object compiles a module of LLVM IR, whose functions say which instructions they use, for this machine.
func Object(ctx context.Context, module string) ([]byte, error) {
	t, err := LLVM()
	if err != nil {
		return nil, err
	}
	o := llvm.Options{Triple: "x86_64-unknown-linux-gnu", CPU: "x86-64"}
	if runtime.GOARCH == "arm64" {
		o = llvm.Options{Triple: "aarch64-unknown-linux-gnu", CPU: "generic"}
	}
	return t.Compile(ctx, []byte(module), o)
}

// Off reports that an error of this package says that LLVM is switched off, by choice.
func Off(err error) bool {
	var absent *llvm.Absent
	return errors.As(err, &absent) && absent.Off
}

// Broken reports that an error says that LLVM refused a module or crashed on it: a fault of who made the module, or LLVM's.
func Broken(err error) bool {
	var parse *llvm.ParseError
	var crash *llvm.Crash
	return errors.As(err, &parse) || errors.As(err, &crash)
}
