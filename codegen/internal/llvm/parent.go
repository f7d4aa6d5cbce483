//go:build (linux || darwin) && (amd64 || arm64)

package llvm

import (
	"bytes"
	"context"
	"debug/buildinfo"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tilec/tilec/runtime/cache"
)

// children is the toolchain of a libLLVM: processes that have loaded it, as many as there are compiles at once.
type children struct {
	path, version, stamp string
	major                int
	slots                chan struct{} // one for each child that may compile

	mu   sync.Mutex
	idle []*child
}

// child is a process that serves a libLLVM, for one compile at a time.
type child struct {
	command  *exec.Cmd
	requests io.WriteCloser
	answers  *os.File
	errors   *tail
	ended    chan struct{}
	timer    *time.Timer // ends it where it waits too long
}

// rest is how long a child waits for another compile before it is ended: long enough for a program that compiles now and
// then, and its memory is not held for ever.
const rest = time.Minute

// newChildren is the toolchain of the library at path. Whether it can be used is found out by the first child, unless an
// earlier process did: then nothing is started until there is something to compile.
func (s search) newChildren(path string) (Toolchain, error) {
	c := &children{path: path, stamp: stamp(path), slots: make(chan struct{}, runtime.GOMAXPROCS(0))}
	if s.shared != nil {
		if found, ok := s.shared.Load(path + " " + c.stamp); ok {
			return found.(*children), nil
		}
	}
	key := cache.Key([]byte("version of a libLLVM"), []byte(path), []byte(c.stamp))
	version, ok := s.kept.Get(key)
	if !ok {
		first, found, err := start(path)
		if err != nil {
			return nil, err
		}
		version = []byte(found)
		s.kept.Put(key, version)
		c.give(first)
	}
	c.version = string(version)
	if _, err := fmt.Sscan(c.version, &c.major); err != nil {
		return nil, fmt.Errorf("%s: version %q", path, c.version)
	}
	if s.shared != nil {
		// Of two that look at once the first stays; the child of the other ends when it has waited long enough.
		found, _ := s.shared.LoadOrStore(path+" "+c.stamp, c)
		return found.(*children), nil
	}
	return c, nil
}

func (c *children) Name() string { return fmt.Sprintf("libLLVM %s (%s)", c.version, c.path) }

func (c *children) ID() string { return c.Name() + " " + c.stamp + " " + recipe(c.major) }

func (c *children) Compile(ctx context.Context, ir []byte, o Options) ([]byte, error) {
	o.Asm = false
	return c.run(ctx, ir, o)
}

func (c *children) Assembly(ctx context.Context, ir []byte, o Options) ([]byte, error) {
	o.Asm = true
	return c.run(ctx, ir, o)
}

func (c *children) run(ctx context.Context, ir []byte, o Options) ([]byte, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	k, err := c.take()
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, k.kill)
	answer, err := k.ask(encode(passes(c.major, ir), o, attributed(ir, o)))
	if !stop() {
		k.kill()
		return nil, ctx.Err()
	}
	if err != nil {
		reason := k.lastWords(err)
		return nil, &Crash{Reason: reason, Module: save(ir, o, c.Name(), reason)}
	}
	out := answer[1]
	switch string(answer[0]) {
	case answerDone:
		c.give(k)
		return out, nil
	case answerProblem:
		c.give(k)
		return nil, problem(ir, string(out))
	}
	k.kill()
	return nil, &Crash{Reason: string(out), Module: save(ir, o, c.Name(), string(out))}
}

// take gives a child that waits, or starts one.
func (c *children) take() (*child, error) {
	c.mu.Lock()
	for len(c.idle) > 0 {
		k := c.idle[len(c.idle)-1]
		c.idle = c.idle[:len(c.idle)-1]
		k.timer.Stop()
		select {
		case <-k.ended: // by someone else, while it waited
			continue
		default:
		}
		c.mu.Unlock()
		return k, nil
	}
	c.mu.Unlock()
	k, _, err := start(c.path)
	return k, err
}

// give has a child wait for another compile.
func (c *children) give(k *child) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.idle = append(c.idle, k)
	k.timer = time.AfterFunc(rest, func() {
		c.mu.Lock()
		at := slices.Index(c.idle, k)
		if at >= 0 {
			c.idle = slices.Delete(c.idle, at, at+1)
		}
		c.mu.Unlock()
		if at >= 0 {
			k.kill()
		}
	})
}

// start starts a child and waits until it has loaded the library.
func start(path string) (*child, string, error) {
	self, err := executable()
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", path, err)
	}
	reader, writer, err := os.Pipe()
	if err != nil {
		return nil, "", fmt.Errorf("a process for %s: %w", path, err)
	}
	command := exec.Command(self)
	command.Args = []string{filepath.Base(os.Args[0])}
	command.Env = append(os.Environ(), childVariable+"="+path)
	command.ExtraFiles = []*os.File{writer}
	k := &child{command: command, answers: reader, errors: &tail{}, ended: make(chan struct{})}
	command.Stderr = k.errors
	if k.requests, err = command.StdinPipe(); err == nil {
		err = command.Start()
	}
	writer.Close()
	if err != nil {
		reader.Close()
		return nil, "", fmt.Errorf("a process for %s: %w", path, err)
	}
	go func() {
		command.Wait() // its state is read from command
		close(k.ended)
	}()
	timer := time.AfterFunc(patience, k.kill)
	hello, err := receive(reader, 2)
	timer.Stop()
	if err != nil {
		return nil, "", fmt.Errorf("%s: %s", path, k.lastWords(err))
	}
	if string(hello[0]) != answerReady {
		k.kill()
		return nil, "", errors.New(string(hello[1]))
	}
	version, _, _ := strings.Cut(string(hello[1]), " ")
	return k, version, nil
}

func (k *child) ask(request [][]byte) ([][]byte, error) {
	if err := send(k.requests, request...); err != nil {
		return nil, err
	}
	return receive(k.answers, 2)
}

// kill ends a child that is not wanted any more.
func (k *child) kill() {
	k.command.Process.Kill()
	k.requests.Close()
}

// lastWords are what a child that broke off its answer left: LLVM's message and stack, or how it ended.
func (k *child) lastWords(err error) string {
	k.requests.Close()
	select {
	case <-k.ended:
	case <-time.After(time.Second):
		k.kill()
		<-k.ended
	}
	k.answers.Close()
	if text := k.errors.summary(); text != "" {
		return text
	}
	if state := k.command.ProcessState; state != nil && !state.Success() {
		return "the process that ran it ended: " + state.String()
	}
	return "the process that ran it broke off: " + err.Error()
}

// tail keeps the beginning of what a child writes to standard error, where the cause of a crash stands; the stacks that
// follow are dropped.
type tail struct {
	mu   sync.Mutex
	text []byte
}

func (t *tail) Write(p []byte) (int, error) {
	const most = 4096
	t.mu.Lock()
	t.text = append(t.text, p[:min(len(p), max(0, most-len(t.text)))]...)
	t.mu.Unlock()
	return len(p), nil
}

func (t *tail) summary() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	text, _, _ := bytes.Cut(t.text, []byte("\n\n"))
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[:min(len(lines), 3)], "; ")
}

// executable is this program's file, if it is one that can be the child: a program in Go that links this package, and
// not one in another language that has loaded us as a library. On Linux the file is found even where it was deleted.
func executable() (string, error) {
	path := "/proc/self/exe"
	if runtime.GOOS != "linux" {
		var err error
		if path, err = os.Executable(); err != nil {
			return "", err
		}
	}
	built, err := buildinfo.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("libLLVM is only used by programs in Go, which can be started once more to run it: %w", err)
	}
	own, ok := debug.ReadBuildInfo()
	if ok && own.Path != built.Path {
		return "", fmt.Errorf("libLLVM is only used by programs that can be started once more to run it, and this is a part of %s", built.Path)
	}
	return path, nil
}
