package cpu

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// Team is a number of workers that run the blocks of launches, beside the goroutine that launches. It can be used by
// several goroutines at once: the workers help one launch at a time, and another runs on its own goroutine meanwhile.
//
// A worker that has nothing to do looks for work for some ten microseconds, letting other goroutines run, and then
// sleeps. While it runs blocks it is in a system call as far as the Go scheduler knows, so that other goroutines get the
// processor that they are due.
//
// Workers are bound to neither threads nor cores. With two on two cores, medians of three: a product of 2048 in f32 took
// 39.6 ms so, 40.6 with each goroutine locked to its thread and 41.2 with the threads bound to cores; a 4-bit GEMV 46, 51
// and 51 us; a softmax of 1024 by 1000 143, 147 and 147 us. Locked goroutines are woken by way of another thread.
type Team struct {
	memory *Pool

	mu      sync.Mutex // held by the launch that the workers help
	workers []*helper
	closed  bool

	idle   sync.Mutex
	unused []*seat // of launches that ended
}

// seat is what a goroutine needs to run blocks: arguments of calls, and scratch memory.
type seat struct {
	args    [4]uintptr
	scratch *Memory
	size    int64
}

// room makes sure that a seat has an amount of scratch memory.
func (s *seat) room(p *Pool, size int64) error {
	if s.size >= size {
		return nil
	}
	m, err := p.Alloc(size)
	if err != nil {
		return err
	}
	s.scratch.Free()
	s.scratch, s.size = m, size
	s.args[3] = m.Pointer()
	return nil
}

// helper is a worker of a team. Others look at its fields while it works, so it has cache lines of its own.
type helper struct {
	_      [64]byte
	number int                  // from 1: of the share it begins with
	task   atomic.Pointer[task] // what it is to do, taken by it or by who gave it
	asleep atomic.Bool
	quit   atomic.Bool
	wake   chan struct{}
	seat   seat
	_      [64]byte
}

// NewTeam makes a team without workers: they are started when a launch first asks for them. Its memory comes from a pool.
func NewTeam(memory *Pool) *Team { return &Team{memory: memory} }

// Close ends the workers and frees their memory. No launch may be running or follow.
func (t *Team) Close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	for _, w := range t.workers {
		w.quit.Store(true)
		if w.asleep.CompareAndSwap(true, false) {
			w.wake <- struct{}{}
		}
		w.seat.scratch.Free()
	}
	t.workers = nil
	t.idle.Lock()
	defer t.idle.Unlock()
	for _, s := range t.unused {
		s.scratch.Free()
	}
	t.unused = nil
}

// sit gives a seat to a goroutine that launches.
func (t *Team) sit(scratch int64) (*seat, error) {
	t.idle.Lock()
	var s *seat
	if n := len(t.unused); n > 0 {
		s, t.unused = t.unused[n-1], t.unused[:n-1]
	}
	t.idle.Unlock()
	if s == nil {
		s = new(seat)
	}
	if err := s.room(t.memory, scratch); err != nil {
		t.leave(s)
		return nil, err
	}
	return s, nil
}

// leave takes a seat back.
func (t *Team) leave(s *seat) {
	t.idle.Lock()
	defer t.idle.Unlock()
	t.unused = append(t.unused, s)
}

// spinTime is how long a worker looks for work before it sleeps, and a launch for the end of its last blocks.
const spinTime = 40 * time.Microsecond

// spins is how often pause is called between two looks at the clock: about a microsecond.
const spins = 8

// loop is a worker's life.
func (w *helper) loop() {
	var began time.Time // of looking for work; zero while there is some
	for {
		if w.task.Load() != nil {
			if task := w.task.Swap(nil); task != nil {
				task.work(w.number, &w.seat)
				task.leave()
				began = time.Time{}
				continue
			}
		}
		if w.quit.Load() {
			return
		}
		for range spins {
			pause()
			if w.task.Load() != nil {
				break
			}
		}
		if w.task.Load() != nil {
			continue
		}
		if began.IsZero() {
			began = time.Now()
		} else if time.Since(began) > spinTime {
			w.asleep.Store(true)
			// Whoever gives work after this line sees a sleeper and wakes it. What was given before is seen here.
			if (w.task.Load() != nil || w.quit.Load()) && w.asleep.CompareAndSwap(true, false) {
				continue
			}
			<-w.wake
			began = time.Time{}
		} else {
			runtime.Gosched()
		}
	}
}

// share is the blocks that one worker begins with. Others take what is left of them when they have none.
type share struct {
	_    [56]byte
	next atomic.Int64
	end  int64
	_    [56]byte
}

// task is the blocks of one phase. It is used again for the next.
type task struct {
	run, ctx uintptr
	most     int64 // blocks of a call
	least    int64
	keep     bool // nobody takes what is left of another's share
	shares   []share
	// limit is the lowest block whose chunk ended with a fault: blocks from it on need not run. fault is its number.
	limit atomic.Int64
	fault int64
	mu    sync.Mutex
	// stopped says that the launch is to end early.
	stopped atomic.Bool
	// done is the number of blocks that ran, for progress.
	done  atomic.Int64
	watch func() // called by the launching goroutine between its chunks

	pending atomic.Int32 // workers that were given the task and have not left
	waiting atomic.Bool
	left    chan struct{}
}

// prepare sets a task up for a number of blocks and shares.
func (t *task) prepare(run, ctx uintptr, blocks, most, least int64, shares int) {
	t.run, t.ctx, t.most, t.least = run, ctx, most, least
	if cap(t.shares) < shares {
		t.shares = make([]share, shares)
	}
	t.shares = t.shares[:shares]
	each, rest := blocks/int64(shares), blocks%int64(shares)
	at := int64(0)
	for i := range t.shares {
		t.shares[i].next.Store(at)
		at += each
		if int64(i) < rest {
			at++
		}
		t.shares[i].end = at
	}
	t.limit.Store(blocks)
	t.fault = 0
	t.done.Store(0)
}

// take gives the next blocks of a share: half of what is left, but not more than most nor fewer than least.
func (s *share) take(most, least int64) (lo, hi int64, ok bool) {
	for {
		lo = s.next.Load()
		left := s.end - lo
		if left <= 0 {
			return 0, 0, false
		}
		n := min(most, max(left/2, least), left)
		if s.next.CompareAndSwap(lo, lo+n) {
			return lo, lo + n, true
		}
	}
}

// work runs blocks: those of share number own, then what is left of others.
func (t *task) work(own int, s *seat) {
	n := len(t.shares)
	for k := range n {
		if k > 0 && t.keep {
			return
		}
		t.drain((own+k)%n, own, s)
	}
}

// drain runs what is left of a share.
func (t *task) drain(share, own int, s *seat) {
	for !t.stopped.Load() {
		lo, hi, ok := t.shares[share].take(t.most, t.least)
		if !ok || lo >= t.limit.Load() {
			return
		}
		t.call(lo, hi, s)
		if own == 0 && t.watch != nil {
			t.watch()
		}
	}
}

// call runs some blocks, and keeps the fault of the lowest chunk that had one.
func (t *task) call(lo, hi int64, s *seat) {
	s.args[0], s.args[1], s.args[2] = t.ctx, uintptr(lo), uintptr(hi)
	fault := int64(Call(t.run, s.args[:]...))
	t.done.Add(hi - lo)
	if fault == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if lo < t.limit.Load() {
		t.fault = fault
		t.limit.Store(lo)
	}
}

// leave says that a worker is done with the task.
func (t *task) leave() {
	if t.pending.Add(-1) == 0 && t.waiting.CompareAndSwap(true, false) {
		t.left <- struct{}{}
	}
}

// give hands the task to a worker, and wakes it if it sleeps.
func (w *helper) give(t *task) {
	w.task.Store(t)
	if w.asleep.CompareAndSwap(true, false) {
		w.wake <- struct{}{}
	}
}

// run runs a prepared task on the calling goroutine and on the workers of a team that the caller has locked, as many as
// the task has shares.
func (t *Team) run(k *task, s *seat) {
	helpers := t.workers[:len(k.shares)-1]
	k.pending.Store(int32(len(helpers)))
	for _, w := range helpers {
		w.give(k)
	}
	k.work(0, s)
	for _, w := range helpers {
		if w.task.CompareAndSwap(k, nil) { // it has not even begun
			k.pending.Add(-1)
			k.drain(w.number, 0, s)
		}
	}
	k.join()
}

// join waits until no worker has the task.
func (k *task) join() {
	for began := time.Now(); k.pending.Load() > 0; {
		for range spins {
			pause()
			if k.pending.Load() == 0 {
				return
			}
		}
		if time.Since(began) < spinTime {
			runtime.Gosched()
			continue
		}
		k.waiting.Store(true)
		if k.pending.Load() == 0 && k.waiting.CompareAndSwap(true, false) {
			return
		}
		<-k.left
	}
}

// hire makes sure that a locked team has a number of workers, each with an amount of scratch memory. It gives the number
// that there are: fewer where memory is short.
func (t *Team) hire(n int, scratch int64) int {
	for len(t.workers) < n && !t.closed {
		w := &helper{number: len(t.workers) + 1, wake: make(chan struct{}, 1)}
		t.workers = append(t.workers, w)
		go w.loop()
	}
	for i, w := range t.workers[:min(n, len(t.workers))] {
		if w.seat.room(t.memory, scratch) != nil {
			return i
		}
	}
	return min(n, len(t.workers))
}
