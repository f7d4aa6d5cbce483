//go:build (linux || darwin) && (amd64 || arm64)

package llvm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"
)

// children is the toolchain of a libLLVM: processes that have loaded it, as many as there are compiles at once.
type children struct {
	path, version, stamp string
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
}

// patience is how long a child may take to load the library. It takes 30 ms on an idle machine; this bounds the wait for
// a program that turns out not to be ours.
const patience = 30 * time.Second

func newChildren(path string) (*children, error) {
	c := &children{path: path, slots: make(chan struct{}, runtime.GOMAXPROCS(0))}
	first, version, err := start(path)
	if err != nil {
		return nil, err
	}
	c.version = version
	c.idle = []*child{first}
	c.stamp = stamp(path)
	return c, nil
}

func (c *children) Name() string { return fmt.Sprintf("libLLVM %s (%s)", c.version, c.path) }

func (c *children) ID() string { return "libLLVM " + c.version + " " + c.stamp }

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
	answer, err := k.ask(encode(o.passes(), o, attributed(ir, o)))
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
		select {
		case <-k.ended: // killed from outside while it waited
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

func (c *children) give(k *child) {
	c.mu.Lock()
	c.idle = append(c.idle, k)
	c.mu.Unlock()
}

// start starts a child and waits until it has loaded the library.
func start(path string) (*child, string, error) {
	self, err := executable()
	if err != nil {
		return nil, "", err
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
