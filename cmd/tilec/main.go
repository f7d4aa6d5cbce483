// Command tilec checks, runs and tests tile programs.
//
// In come .tile files and array files; out go diagnostics, results and artefacts. Each subcommand stands in its own
// file and only turns arguments into calls of the packages that do the work. Exit codes: 0 fine, 1 the program or its
// test is wrong, 2 misuse of the command line, 3 a fault of tilec's own, with a reproducer.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Exit codes of every command.
const (
	exitFine   = 0
	exitWrong  = 1
	exitMisuse = 2
	exitFault  = 3
)

// command is one subcommand.
type command struct {
	name  string
	args  string // the synopsis after the flags
	short string
	long  string
	// flags declares the command's flags and returns what runs once they are parsed, with the arguments left over.
	flags func(fs *flag.FlagSet) func(env *environment, args []string) error
}

// environment is what a command may touch outside its arguments.
type environment struct {
	ctx            context.Context
	stdin          io.Reader
	stdout, stderr io.Writer
	colour         bool       // stderr is a terminal that wants colour
	colourOut      bool       // stdout is
	progress       bool       // stderr is a terminal
	files          sync.Mutex // held while files are written
}

// writer passes text on and keeps the first error, so that a full disk or a closed pipe is not taken for success.
type writer struct {
	mu  sync.Mutex // tests print from several goroutines
	to  io.Writer
	err error
}

func (w *writer) Write(text []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n, err := w.to.Write(text)
	if err != nil && w.err == nil {
		w.err = err
	}
	return n, err
}

// commands are the subcommands, in the order `tilec -h` shows them.
func commands() []*command {
	return []*command{
		runCommand(), testCommand(), benchCommand(), buildCommand(), checkCommand(), fmtCommand(), lowerCommand(),
		reportCommand(), dumpCommand(), packCommand(), layoutCommand(), explainCommand(), completionCommand(), versionCommand(),
	}
}

// misuse is an error in how a command was called: exit 2.
type misuse struct{ text string }

func (e *misuse) Error() string { return e.text }

func misusef(format string, args ...any) error { return &misuse{fmt.Sprintf(format, args...)} }

// errSilent ends a command with exit 1 where everything to say has been said.
var errSilent = errors.New("said already")

// errInterrupted ends a command that a signal ended.
var errInterrupted = errors.New("interrupted")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	env := &environment{ctx: ctx, stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr}
	env.progress = isTerminal(os.Stderr)
	plain := os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb"
	env.colour = env.progress && !plain
	env.colourOut = isTerminal(os.Stdout) && !plain
	go func() {
		<-ctx.Done()
		stop() // a second signal ends the process at once
		time.Sleep(grace)
		for range 600 { // a minute, for files to be finished; none is begun then
			if env.files.TryLock() {
				break
			}
			time.Sleep(grace / 10)
		}
		fmt.Fprintln(env.stderr, "tilec: interrupted")
		os.Exit(exitWrong)
	}()
	os.Exit(Main(env, os.Args[1:]))
}

// grace is how long a command may take to end by itself once it is interrupted. Kernels and tests stop within it, and
// can say where they were; not everything else looks at the context.
const grace = time.Second

// Main runs one command line and returns its exit code.
func Main(env *environment, args []string) (code int) {
	defer func() {
		if r := recover(); r != nil {
			code = reportFault(env, args, r)
		}
	}()
	if len(args) == 0 {
		usage(env.stderr)
		return exitMisuse
	}
	name := args[0]
	switch name {
	case "-h", "-help", "--help", "help":
		if len(args) > 1 {
			if c := lookup(args[1]); c != nil {
				c.help(env.stdout)
				return exitFine
			}
			fmt.Fprintf(env.stderr, "tilec: no command %q\n", args[1])
			return exitMisuse
		}
		usage(env.stdout)
		return exitFine
	case "-version", "--version":
		name = "version"
	}
	c := lookup(name)
	if c == nil {
		fmt.Fprintf(env.stderr, "tilec: no command %q%s; 'tilec -h' lists them\n", name, nearest(name, commandNames()))
		return exitMisuse
	}
	fs, run := c.flagSet()
	rest, err := parseAnywhere(fs, args[1:])
	if err != nil {
		if errors.Is(err, flag.ErrHelp) {
			c.help(env.stdout)
			return exitFine
		}
		fmt.Fprintf(env.stderr, "tilec %s: %v; 'tilec %s -h' lists the flags\n", c.name, err, c.name)
		return exitMisuse
	}
	out := &writer{to: env.stdout}
	env.stdout = out
	err = run(env, rest)
	if err == nil && out.err != nil {
		err = fmt.Errorf("cannot write the output: %w", out.err)
	}
	switch {
	case err == nil:
		return exitFine
	case isFault(err):
		return reportFault(env, args, err)
	case errors.Is(err, errInterrupted), env.ctx.Err() != nil && !errors.Is(err, errSilent):
		fmt.Fprintf(env.stderr, "tilec %s: interrupted\n", c.name)
		return exitWrong
	case errors.Is(err, errSilent):
		return exitWrong
	default:
		fmt.Fprintf(env.stderr, "tilec %s: %v\n", c.name, err)
		var m *misuse
		if errors.As(err, &m) {
			return exitMisuse
		}
		return exitWrong
	}
}

// parseAnywhere parses flags before, between and after the other arguments, which it gives back; what follows -- is no
// flag.
func parseAnywhere(fs *flag.FlagSet, args []string) (rest []string, err error) {
	for {
		if err := fs.Parse(args); err != nil {
			return nil, err
		}
		left := fs.Args()
		if n := len(args) - len(left); n > 0 && args[n-1] == "--" || len(left) == 0 {
			return append(rest, left...), nil
		}
		rest, args = append(rest, left[0]), left[1:]
	}
}

func (c *command) flagSet() (*flag.FlagSet, func(*environment, []string) error) {
	fs := flag.NewFlagSet(c.name, flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	run := c.flags(fs)
	return fs, run
}

func (c *command) help(w io.Writer) {
	fs, _ := c.flagSet()
	hasFlags := false
	fs.VisitAll(func(*flag.Flag) { hasFlags = true })
	synopsis := "usage: tilec " + c.name
	if hasFlags {
		synopsis += " [flags]"
	}
	if c.args != "" {
		synopsis += " " + c.args
	}
	fmt.Fprintf(w, "%s\n\n%s\n", synopsis, strings.TrimSpace(c.long))
	if hasFlags {
		fmt.Fprintf(w, "\nflags:\n")
		fs.SetOutput(w)
		fs.PrintDefaults()
	}
}

func usage(w io.Writer) {
	fmt.Fprintf(w, "tilec checks, runs and tests tile programs.\n\nusage: tilec COMMAND [flags] [arguments]\n\ncommands:\n")
	for _, c := range commands() {
		fmt.Fprintf(w, "  %-11s %s\n", c.name, c.short)
	}
	fmt.Fprintf(w, "\n'tilec COMMAND -h' tells about one. Exit codes: 0 fine, 1 the program or its test is wrong,\n2 misuse, 3 a fault of tilec's own.\n")
}

func lookup(name string) *command {
	for _, c := range commands() {
		if c.name == name {
			return c
		}
	}
	return nil
}

func commandNames() []string {
	var names []string
	for _, c := range commands() {
		names = append(names, c.name)
	}
	return names
}

func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != ""
}
