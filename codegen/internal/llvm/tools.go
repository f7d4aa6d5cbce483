package llvm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// tools is the toolchain of LLVM's programs: opt, whose output llc reads, or clang where llc is "".
type tools struct {
	first, llc     string // paths
	version, stamp string
	major          int
}

func (t *tools) Name() string {
	if t.llc == "" {
		return fmt.Sprintf("clang %s (%s)", t.version, t.first)
	}
	return fmt.Sprintf("opt and llc %s (%s)", t.version, t.first)
}

func (t *tools) ID() string { return t.Name() + " " + t.stamp + " " + recipe(t.major) }

func (t *tools) Compile(ctx context.Context, ir []byte, o Options) ([]byte, error) {
	o.Asm = false
	return t.run(ctx, ir, o)
}

func (t *tools) Assembly(ctx context.Context, ir []byte, o Options) ([]byte, error) {
	o.Asm = true
	return t.run(ctx, ir, o)
}

func (t *tools) run(ctx context.Context, ir []byte, o Options) ([]byte, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	if len(ir) == 0 {
		return nil, &ParseError{Message: "the module is empty"}
	}
	var commands []*exec.Cmd
	if t.llc == "" {
		commands = []*exec.Cmd{exec.CommandContext(ctx, t.first, t.clangArguments(o)...)}
	} else {
		commands = []*exec.Cmd{
			exec.CommandContext(ctx, t.first, "-passes="+passes(t.major, ir), "-mtriple="+o.Triple, "-o", "-"),
			exec.CommandContext(ctx, t.llc, t.llcArguments(o)...),
		}
	}
	out, said, failed := pipe(commands, attributed(ir, o))
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case failed == nil:
		return out, nil
	}
	var exit *exec.ExitError
	if !errors.As(failed, &exit) {
		return nil, fmt.Errorf("LLVM: %w", failed)
	}
	if reason, crashed := crash(exit, said); crashed {
		return nil, &Crash{Reason: reason, Module: save(ir, o, t.Name(), reason)}
	}
	return nil, problem(ir, said)
}

func (t *tools) llcArguments(o Options) []string {
	kind := "obj"
	if o.Asm {
		kind = "asm"
	}
	arguments := []string{"-O" + strconv.Itoa(o.level()), "-filetype=" + kind, "-relocation-model=pic", "-mtriple=" + o.Triple, "-o", "-", "-disable-verify"} // opt has verified the module
	arguments = append(arguments, settings...)
	if o.CPU != "" {
		arguments = append(arguments, "-mcpu="+o.CPU)
	}
	if len(o.Features) > 0 {
		arguments = append(arguments, "-mattr="+strings.Join(o.Features, ","))
	}
	return arguments
}

// clangArguments have clang run its own passes: it takes no other list of them.
func (t *tools) clangArguments(o Options) []string {
	kind := "-c"
	if o.Asm {
		kind = "-S"
	}
	arguments := []string{"-x", "ir", "-", kind, "-o", "-", "--target=" + o.Triple, "-O" + strconv.Itoa(o.level()), "-fPIC",
		"-fno-vectorize", "-fno-slp-vectorize", "-fno-unroll-loops", "-Wno-override-module", "-Qunused-arguments"}
	for _, s := range settings {
		arguments = append(arguments, "-mllvm", s)
	}
	return arguments
}

// pipe runs commands, each of which reads what the one before writes, all at once. It gives the output of the last, and
// the first failure with what that command said.
func pipe(commands []*exec.Cmd, input []byte) (out []byte, said string, failed error) {
	commands[0].Stdin = bytes.NewReader(input)
	var last bytes.Buffer
	words := make([]bytes.Buffer, len(commands))
	commands[len(commands)-1].Stdout = &last
	for i := range commands[1:] {
		reader, writer, err := os.Pipe()
		if err != nil {
			return nil, "", err
		}
		defer reader.Close()
		defer writer.Close()
		commands[i].Stdout, commands[i+1].Stdin = writer, reader
	}
	for i, c := range commands {
		c.Stderr = &words[i]
		c.WaitDelay = time.Second
		if err := c.Start(); err != nil {
			for _, started := range commands[:i] {
				started.Process.Kill()
				started.Wait()
			}
			return nil, "", err
		}
		// Only the commands hold the ends of pipes now, so that each sees the end of its input.
		for _, end := range []any{c.Stdin, c.Stdout} {
			if file, ok := end.(*os.File); ok {
				file.Close()
			}
		}
	}
	for i, c := range commands {
		if err := c.Wait(); err != nil && failed == nil {
			failed, said = err, strings.TrimSpace(words[i].String())
		}
	}
	return last.Bytes(), said, failed
}

// fatal is how LLVM's programs begin what they say before they end on purpose.
var fatal = regexp.MustCompile(`(?:LLVM ERROR|fatal error: error in backend): ([^\n]*)`)

// crash tells whether a program ended by a signal or by a fatal error of LLVM's, rather than by a message about the text.
func crash(exit *exec.ExitError, said string) (reason string, crashed bool) {
	if found := fatal.FindStringSubmatch(said); found != nil {
		return found[1], true
	}
	if exit.Exited() && !strings.Contains(said, "PLEASE submit a bug report") {
		return "", false
	}
	first, _, _ := strings.Cut(said, "\n")
	return strings.TrimSpace(exit.String() + ": " + first), true
}
