package interp

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/tilec/tilec/ir"
)

// The roles of a block run as goroutines, of which one runs at a time: at what it does to a channel it hands over to the
// scheduler, which goes on with any that can go on, as its seed says. So every order can be had again.

// task is a group of a role that runs.
type task struct {
	w     *worker
	role  *rolePlan
	group int
	sched *scheduler
	// resume lets the task go on; waits is what it waits for, nil where it can go on.
	resume chan struct{}
	waits  *wait
	done   bool
	err    error
}

// scheduler runs the tasks of a block.
type scheduler struct {
	tasks []*task
	// paused tells that the task that ran does not run any more.
	paused chan struct{}
	// over ends all tasks where they wait.
	over  bool
	turns map[*ir.Op]*turns
}

// turns is where the groups of a role are with a turn.
type turns struct {
	entered int64
	inside  bool
}

// rolePlan is a role, decoded.
type rolePlan struct {
	op       *ir.Op
	body     *block
	group    int // the cell of the group's number
	captures []int
}

// roles decodes the roles of a phase at the first of them: it runs all.
func (c *compiler) roles(o *ir.Op) (func(w *worker) error, error) {
	ops := o.Parent.Ops
	at := slices.Index(ops, o)
	if at > 0 && ops[at-1].Code == ir.RoleOf {
		return func(*worker) error { return nil }, nil
	}
	var plans []*rolePlan
	for _, q := range ops[at:] {
		if q.Code != ir.RoleOf {
			break
		}
		r := q.Regions[0]
		b, err := c.block(r, false)
		if err != nil {
			return nil, err
		}
		plans = append(plans, &rolePlan{q, b, c.cell(r.Args[0]), c.captured(nil, r)})
	}
	return func(w *worker) error { return w.together(plans) }, nil
}

// together runs roles until all have ended.
func (w *worker) together(plans []*rolePlan) error {
	s := &scheduler{paused: make(chan struct{}), turns: map[*ir.Op]*turns{}}
	for _, p := range plans {
		for group := range int(p.op.Int("groups")) {
			i := len(s.tasks)
			if i == len(w.helpers) {
				w.helpers = append(w.helpers, w.run.worker())
			}
			t := &task{w: w.helpers[i], role: p, group: group, sched: s, resume: make(chan struct{})}
			t.w.block, t.w.task, t.w.at = w.block, t, p.op
			for _, k := range p.captures {
				t.w.borrow(&t.w.cells[k], &w.cells[k])
			}
			t.w.cells[p.group].oi64[0] = int64(group)
			s.tasks = append(s.tasks, t)
			go t.run()
		}
	}
	rng := rand.New(rand.NewPCG(w.run.opts.Schedule, uint64(w.block)))
	err := s.run(rng)
	s.over = true
	for _, t := range s.tasks {
		for !t.done {
			s.step(t)
		}
		t.w.task = nil
	}
	return err
}

// run lets tasks run, one at a time, until all are done or one fails.
func (s *scheduler) run(rng *rand.Rand) error {
	var ready []*task
	for {
		ready = ready[:0]
		left := false
		for _, t := range s.tasks {
			left = left || !t.done
			if !t.done && (t.waits == nil || t.waits.ready()) {
				ready = append(ready, t)
			}
		}
		switch {
		case !left:
			return nil
		case len(ready) == 0:
			return s.stuck()
		}
		t := ready[rng.IntN(len(ready))]
		s.step(t)
		if t.done && t.err != nil {
			return t.err
		}
	}
}

// step lets a task run until it hands over.
func (s *scheduler) step(t *task) {
	t.waits = nil
	t.resume <- struct{}{}
	<-s.paused
}

// run is the goroutine of a task.
func (t *task) run() {
	<-t.resume
	if !t.sched.over {
		t.err = t.w.run.guard(t.w, func() error { return t.w.exec(t.role.body) })
	}
	t.done = true
	t.sched.paused <- struct{}{}
}

// await waits for something that others do; nil lets others run. Where no one else is there it must hold already.
func (w *worker) await(x *wait) error {
	t := w.task
	if t == nil {
		if x == nil || x.ready() {
			return nil
		}
		return x.stuck()
	}
	t.waits = x
	t.sched.paused <- struct{}{}
	<-t.resume
	if t.sched.over {
		return errAbandoned
	}
	return nil
}

// reader is the number by which the worker reads a channel, first being that of its role's first group.
func (w *worker) reader(first int) int {
	if w.task == nil {
		return first
	}
	return first + w.task.group
}

// stuck is the fault of tasks that all wait. It says who waits for what.
func (s *scheduler) stuck() error {
	f := &Fault{Kind: Deadlock, Message: "deadlock"}
	sep := ": "
	for _, t := range s.tasks {
		if t.done {
			continue
		}
		f.Message += sep + t.String() + " " + t.waits.String()
		sep = "; "
		if f.Pos == (ir.Pos{}) {
			f.Pos = t.waits.op.Pos
		} else if f.Other == (ir.Pos{}) {
			f.Other = t.waits.op.Pos
		}
	}
	return f
}

// String names the role and, where it has several, the group.
func (t *task) String() string {
	name := "role " + t.role.op.Str("name")
	if t.role.op.Int("groups") > 1 {
		name += fmt.Sprintf(" group %d", t.group)
	}
	return name
}

func (x *wait) String() string {
	if x.ch == nil {
		return "waits for its turn"
	}
	return fmt.Sprintf("waits at %s for a slot of %d of channel %s to be %s", x.op.Code, x.ch.Depth, x.ch.plan.name, x.what)
}

// turn decodes a section that the groups of a role enter in turn.
func (c *compiler) turn(o *ir.Op) (func(w *worker) error, error) {
	b, err := c.block(o.Regions[0], false)
	if err != nil {
		return nil, err
	}
	give, of := c.moves(b, c.cellsOf(o.Results)), o.Int("of")
	return func(w *worker) error {
		s := w.task.sched
		x := s.turns[o]
		if x == nil {
			x = &turns{}
			s.turns[o] = x
		}
		me := int64(w.task.group)
		if err := w.await(&wait{op: o, ready: func() bool { return !x.inside && x.entered%of == me }}); err != nil {
			return err
		}
		x.inside = true
		if err := w.exec(b); err != nil {
			return err
		}
		give.do(w)
		x.inside = false
		x.entered++
		return w.await(nil)
	}, nil
}
