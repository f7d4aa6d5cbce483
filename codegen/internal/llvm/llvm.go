// Package llvm compiles LLVM IR text into objects with the LLVM that the machine has.
//
// In go the text of a module and the processor it is for; out comes a relocatable object, or its assembly. It always
// holds that a fault in LLVM, which ends the process that it happens in, does not end this one, that the same text and
// options give the same bytes by the same toolchain, and that no pass vectorises: the text says which vectors there are.
//
// # Which LLVM
//
// [Find] takes the first that works of libLLVM 16 to 22, opt with llc, and clang. For a kernel of twenty instructions a
// library takes 2 ms, and 14 ms more the first time; the programs take 25 to 35 ms, the start of two processes. Library
// and opt run the same passes and give the same code; clang runs its own.
//
// # Why a child
//
// LLVM ends the process on what it calls a fatal error (an intrinsic that the processor lacks), overflows the stack on
// deep expressions and, built without its checks, may crash on a module that it should refuse. Therefore libLLVM is never
// loaded into the process that asks: the same executable is started once more as a child, which serves any number of
// compiles over pipes, at under 0.1 ms each for the pipes. Any program that links this package can be the child, as an
// init function takes over when the environment names the library to serve; main is never reached. So nobody has to
// remember to call anything, and tests and programs that use tilec as a library are as safe as the command. A crash costs
// one child: the caller gets an error with LLVM's last words and the path of the saved module, and the next compile starts
// another child. The child ends when its input does, so it outlives its parent by no more than a moment, however that
// ended; it also ends when it was not needed for a minute.
package llvm

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// LLVM's major versions that are supported: from the first with opaque pointers alone to the last one tried.
const (
	oldest = 16
	newest = 22
)

// Options say what a module is compiled for.
type Options struct {
	Triple   string   // as "x86_64-unknown-linux-gnu"
	CPU      string   // LLVM's name of the processor, "" for the triple's plainest
	Tune     string   // the processor that instructions are scheduled for, "" for CPU
	Features []string // as "+avx2", "-avx512fp16", over those of the CPU
	Level    int      // of optimisation, 1 to 3, 0 for 2
	Asm      bool     // assembly text instead of an object; set by Assembly
}

func (o Options) level() int {
	if o.Level == 0 {
		return 2
	}
	return min(max(o.Level, 1), 3)
}

// Toolchain compiles modules. It can be used by several goroutines at once.
type Toolchain interface {
	// Name is for people: "libLLVM 19.1.7 (/usr/lib/libLLVM.so.19.1)".
	Name() string
	// ID differs where the bytes that come out may differ: it belongs into the key of cached objects.
	ID() string
	// Compile gives the relocatable object of a module. The error is a [*ParseError] where the text is at fault, a
	// [*Crash] where LLVM ended, the context's where that is done.
	Compile(ctx context.Context, ir []byte, o Options) (obj []byte, err error)
	// Assembly gives the assembly text of what Compile gives.
	Assembly(ctx context.Context, ir []byte, o Options) (text []byte, err error)
}

// ParseError is what LLVM says about a module that it does not accept.
type ParseError struct {
	Line, Column int    // of the text, from 1; 0 where LLVM does not tell
	Text         string // that line
	Message      string
}

func (e *ParseError) Error() string {
	if e.Line == 0 {
		return "LLVM: " + e.Message
	}
	return fmt.Sprintf("LLVM: line %d:%d of the module: %s\n\t%s", e.Line, e.Column, e.Message, strings.TrimSpace(e.Text))
}

// Crash is LLVM ending while it compiled a module.
type Crash struct {
	Reason string // LLVM's last words
	Module string // path of the saved module, "" where it could not be saved
}

func (e *Crash) Error() string {
	if e.Module == "" {
		return "LLVM crashed: " + e.Reason
	}
	return fmt.Sprintf("LLVM crashed: %s (the module is saved as %s)", e.Reason, e.Module)
}

// patience is how long a program may take to say which LLVM it is: 15 to 30 ms on an idle machine. It bounds the wait for
// one that turns out to be something else.
const patience = 30 * time.Second

// bufferName is what LLVM calls the text of a module, in messages and in what it makes: the name that its programs give.
const bufferName = "<stdin>"
