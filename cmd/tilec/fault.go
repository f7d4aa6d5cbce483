package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/tilec/tilec/codegen/toolchain"
	"github.com/tilec/tilec/dsl"
	"github.com/tilec/tilec/dsl/compile"
	"github.com/tilec/tilec/dsl/diag"
	"github.com/tilec/tilec/dsl/eval"
	"github.com/tilec/tilec/ir/interp"
)

// reportFault tells of a panic inside tilec, or of an error that can only be tilec's own: the command line that shows
// it, with the source files it names, is written to a file among the temporary ones.
func reportFault(env *environment, args []string, cause any) int {
	fmt.Fprintf(env.stderr, "tilec: a fault inside tilec: %v\n", cause)
	stack := ""
	if _, is := cause.(error); !is {
		stack = string(debug.Stack())
	} else if _, is := cause.(runtime.Error); is {
		stack = string(debug.Stack())
	}
	file, err := os.CreateTemp("", "tilec-fault-*.txt")
	if err != nil {
		fmt.Fprintf(env.stderr, "no reproducer could be written: %v\n%s", err, stack)
		return exitFault
	}
	defer file.Close()
	fmt.Fprintf(file, "tilec %s\ntilec %s\n\nfault: %v\n\n%s\n", versionText(), strings.Join(quoteAll(args), " "), cause, stack)
	for _, arg := range args {
		path, _ := splitKernel(arg)
		if !strings.HasSuffix(path, ".tile") && !strings.HasSuffix(path, "...") {
			if info, err := os.Stat(path); err != nil || !info.IsDir() {
				continue
			}
		}
		sources, _ := expand([]string{path}) // what is no source has no text to show
		for _, source := range sources {
			if text, err := dsl.ReadSource(source); err == nil {
				fmt.Fprintf(file, "-- %s --\n%s\n", source, text)
			}
		}
	}
	fmt.Fprintf(env.stderr, "This is a defect of tilec, not of your program. What shows it was written to %s; please report it with that file.\n", file.Name())
	return exitFault
}

// isFault reports whether an error can only be tilec's own: a program that was checked cannot be compiled, LLVM refuses
// what was made of it, or the interpreter or the evaluator of tests finds its own rules broken.
func isFault(err error) bool {
	var compiling *compile.Fault
	var running *interp.Fault
	var evaluating *eval.Error
	return toolchain.Broken(err) || errors.As(err, &compiling) || errors.As(err, &running) && running.Kind == interp.Internal ||
		errors.As(err, &evaluating) && strings.HasPrefix(evaluating.Msg, "internal error")
}

func quoteAll(args []string) []string {
	quoted := make([]string, len(args))
	for i, a := range args {
		quoted[i] = a
		if a == "" || strings.ContainsAny(a, " \t\n\"'\\$&|<>;()*?[]#~`") {
			quoted[i] = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		}
	}
	return quoted
}

// splitKernel splits FILE or FILE:KERNEL.
func splitKernel(arg string) (file, kernel string) {
	if i := strings.LastIndexByte(arg, ':'); i > 0 && !strings.ContainsAny(arg[i:], `/\.`) {
		return arg[:i], arg[i+1:]
	}
	return arg, ""
}

// nearest gives ` (did you mean "x"?)` for the candidate that is most like name, or nothing.
func nearest(name string, candidates []string) string {
	best := diag.Nearest(name, candidates)
	if best == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %q?)", best)
}
