package main

import (
	"fmt"
	"sync"
	"time"

	"github.com/tilec/tilec/dsl/diag"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/interp"
)

// progress shows on a terminal how far a long run is; elsewhere it shows nothing.
type progress struct {
	env   *environment
	what  string
	began time.Time

	mu    sync.Mutex
	shown time.Time
	width int
}

func newProgress(env *environment, what string) *progress {
	return &progress{env: env, what: what, began: time.Now()}
}

// update is told of blocks that are done.
func (p *progress) update(phase string, done, total int64) {
	text := fmt.Sprintf("%s: %d of %d blocks", p.what, done, total)
	if phase != "" {
		text = fmt.Sprintf("%s, %s: %d of %d blocks", p.what, phase, done, total)
	}
	p.show(text)
}

// show replaces the line, at most ten times a second, and not in the first second.
func (p *progress) show(text string) {
	if !p.env.progress {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if now.Sub(p.began) < time.Second || now.Sub(p.shown) < 100*time.Millisecond {
		return
	}
	p.shown = now
	fmt.Fprintf(p.env.stderr, "\r%-*s", p.width, text)
	p.width = len(text)
}

// clear takes the line away.
func (p *progress) clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.width > 0 {
		fmt.Fprintf(p.env.stderr, "\r%-*s\r", p.width, "")
		p.width = 0
	}
}

// faultCodes are the codes of what goes wrong while a kernel runs.
var faultCodes = map[interp.Kind]diag.Code{
	interp.BadArgs: "E0600", interp.Required: "E0601", interp.Bounds: "E0602", interp.Uninitialised: "E0603", interp.Race: "E0604",
	interp.DivideByZero: "E0605", interp.Asserted: "E0606", interp.Limit: "E0607", interp.Cancelled: "E0608",
}

// faultList is a fault as a diagnostic.
func faultList(f *interp.Fault) diag.List {
	var list diag.List
	d := list.Add(faultCodes[f.Kind], spanOf(f.Pos), "%s", f.Message)
	if f.Other != (ir.Pos{}) {
		d.Note(spanOf(f.Other), "the other place")
	}
	return list
}

func spanOf(p ir.Pos) diag.Span {
	at := diag.Pos{Line: p.Line, Col: p.Col}
	return diag.Span{File: p.File, Start: at, End: at}
}
