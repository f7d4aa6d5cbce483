package main

import (
	"fmt"
	"sync"
	"time"
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
