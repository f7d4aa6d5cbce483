package main

import (
	"fmt"
	"os"
	"runtime/debug"
	"strings"
)

// reportFault tells of a panic inside tilec: the command line that shows it, with the source files it read, is
// written beside the temporary files as a reproducer.
func reportFault(env *environment, args []string, cause any) int {
	fmt.Fprintf(env.stderr, "tilec: a fault inside tilec: %v\n", cause)
	file, err := os.CreateTemp("", "tilec-fault-*.txt")
	if err != nil {
		fmt.Fprintf(env.stderr, "no reproducer could be written: %v\n%s", err, debug.Stack())
		return exitFault
	}
	defer file.Close()
	fmt.Fprintf(file, "tilec %s\n%s\n\nfault: %v\n\n%s\n", versionText(), strings.Join(quoteAll(args), " "), cause, debug.Stack())
	for _, arg := range args {
		path, _ := splitKernel(arg)
		if !strings.HasSuffix(path, ".tile") {
			continue
		}
		if text, err := os.ReadFile(path); err == nil {
			fmt.Fprintf(file, "-- %s --\n%s\n", path, text)
		}
	}
	fmt.Fprintf(env.stderr, "This is a defect of tilec, not of your program. What shows it was written to %s; please report it with that file.\n", file.Name())
	return exitFault
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

// nearest gives `; did you mean "x"?` for the candidate that differs from name by at most two edits.
func nearest(name string, candidates []string) string {
	best, distance := "", 3
	for _, c := range candidates {
		if d := edits(name, c); d < distance {
			best, distance = c, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

// edits is the Levenshtein distance of two short words.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
