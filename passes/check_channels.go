package passes

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
	"github.com/tilec/tilec/ir/ring"
)

// CheckChannels explores what the channels of a placed function can do, and returns a [*ChannelFault] for a use of
// them that can go wrong: a wait that nothing ends, a slot that is filled before it is free or read before it is filled,
// slots that are not given back at the end. It is a model check: no data are moved, and what decides how often loops run
// and which way conditions go is tried out. Numbers that the function does not know (sizes, elements of tensors) take a
// few values each, so that loops that use channels run no times, once, and more often than channels have slots, in whole
// steps and not; conditions on anything else are both true and false. Up to maxRuns combinations are tried.
//
// Each role of a phase becomes the list of what it does to channels. As every channel has one role that fills it and one
// that empties it, a step that is possible stays so whatever the others do: all orders end alike, and one is run.
func CheckChannels(fn *ir.Func) error {
	for _, o := range fn.Body.Ops {
		if o.Code != ir.Parallel || !touches(o) {
			continue
		}
		c := &channelCheck{fn: fn, phase: o, names: map[*ir.Value]string{}}
		for i, s := range fn.Sizes {
			c.names[fn.SizeArg(i)] = s.Name
		}
		c.domains()
		for range maxRuns {
			if err := c.run(); err != nil {
				return err
			}
			if c.work += c.steps; c.work > maxWork || !c.next() {
				break
			}
		}
	}
	return nil
}

const (
	// maxRuns bounds the combinations that are tried of one phase, maxEvents what a role does to channels in one of them,
	// maxSteps all that is followed in one of them, and maxWork in all of them.
	maxRuns   = 2000
	maxEvents = 1 << 14
	maxSteps  = 1 << 17
	maxWork   = 1 << 22
	// maxValues bounds the values that an unknown number takes.
	maxValues = 24
)

// ChannelFault is a use of a channel that can go wrong. Other is the place of what it waits for or meets, if there is one.
type ChannelFault struct {
	Pos, Other ir.Pos
	Text       string
}

func (f *ChannelFault) Error() string {
	s := f.Pos.String() + ": " + f.Text
	if f.Other != (ir.Pos{}) {
		s += " (the other place: " + f.Other.String() + ")"
	}
	return s
}

// event is one operation of a role on a channel.
type event struct {
	op     *ir.Op
	chain  *ir.Value // nil of a turn
	ticket int64     // of the slot that it is about
	reader int       // of the channel, for what reads
	group  int64     // of a turn
	leaves bool      // of a turn: it is its end
}

// channelCheck explores one phase.
type channelCheck struct {
	fn    *ir.Func
	phase *ir.Op
	names map[*ir.Value]string
	// numbers are the values that unknown numbers take, most the number of iterations after which a loop whose end is
	// unknown is left.
	numbers []int64
	most    int

	// Of one run: the choices, what is known, and what happens.
	choices []choice
	chosen  int
	env     map[*ir.Value]int64 // a span by its first index
	ends    map[*ir.Value]int64 // of spans, the last index and one
	slots   map[*ir.Value]event
	count   map[*ir.Value]*[2]int64 // of acquired and taken slots
	events  []event
	long    bool
	group   int64 // of the role that is followed
	steps   int   // operations so far
	work    int   // steps of all runs before
}

// choice is one of the values of something unknown.
type choice struct {
	v          *ir.Value
	value      int64
	next, many int
}

// touches reports whether something inside an operation works on channels.
func touches(o *ir.Op) bool {
	found := false
	for _, r := range o.Regions {
		r.Walk(func(q *ir.Op) { found = found || isChannel(q) })
	}
	return found
}

func isChannel(o *ir.Op) bool {
	switch o.Code {
	case ir.Acquire, ir.Commit, ir.Take, ir.Release, ir.Copy, ir.Put, ir.View, ir.Turn:
		return true
	}
	return false
}

// domains finds the values that unknown numbers take.
func (c *channelCheck) domains() {
	depth := int64(1)
	steps := []int64{1}
	c.phase.Regions[0].Walk(func(o *ir.Op) {
		if o.Code == ir.ChanOf {
			depth = max(depth, o.Result().Type.Depth)
		}
		if o.Code == ir.For && touches(o) {
			steps = append(steps, max(1, o.Int("by")))
		}
	})
	c.most = int(min(depth, 64)) + 2
	c.numbers = []int64{0}
	// Of the largest steps first, as what is tried at all is bounded.
	slices.Sort(steps)
	steps = slices.Compact(steps)
	slices.Reverse(steps)
	for _, s := range steps {
		for k := range int64(c.most) {
			for _, n := range []int64{(k + 1) * s, k*s + 1} {
				if len(c.numbers) < maxValues && !slices.Contains(c.numbers, n) {
					c.numbers = append(c.numbers, n)
				}
			}
		}
	}
}

// next goes on to the next combination of choices; false after the last.
func (c *channelCheck) next() bool {
	for len(c.choices) > 0 {
		last := &c.choices[len(c.choices)-1]
		if last.next < last.many {
			return true
		}
		c.choices = c.choices[:len(c.choices)-1]
	}
	return false
}

// choose gives something unknown one of its values, another in each run.
func (c *channelCheck) choose(v *ir.Value, values []int64) int64 {
	i := c.chosen
	c.chosen++
	if i == len(c.choices) {
		c.choices = append(c.choices, choice{v: v, many: len(values)})
	}
	x := &c.choices[i]
	if i == len(c.choices)-1 && x.next < x.many {
		x.value = values[x.next]
		x.next++
	}
	return x.value
}

// run tries one combination.
func (c *channelCheck) run() error {
	c.chosen, c.long, c.steps = 0, false, 0
	c.env, c.ends = map[*ir.Value]int64{}, map[*ir.Value]int64{}
	var roles [][]event
	follow := func(o *ir.Op) {
		c.events, c.slots, c.count = nil, map[*ir.Value]event{}, map[*ir.Value]*[2]int64{}
		c.region(o.Regions[0])
		list := postponed(o, c.events)
		for _, q := range c.phase.Regions[0].Ops {
			if q.Code == ir.RoleOf {
				list = joined(q, list)
			}
		}
		roles = append(roles, list)
	}
	for _, o := range c.phase.Regions[0].Ops {
		if o.Code != ir.RoleOf {
			continue
		}
		for c.group = range o.Int("groups") {
			c.env[o.Regions[0].Args[0]] = c.group
			follow(o)
		}
	}
	if c.group = 0; roles == nil {
		follow(c.phase)
	}
	if c.long {
		return nil // what it does first, shorter runs show
	}
	return c.play(roles)
}

// turns is where the groups of a role are with a turn.
type turns struct {
	entered int64
	inside  bool
}

// play runs what roles do, each as far as it can go, until all are done.
func (c *channelCheck) play(roles [][]event) error {
	rings := map[*ir.Value]*ring.Ring{}
	at := make([]int, len(roles))
	last := map[*ir.Value]map[int64]*ir.Op{} // on each slot
	sections := map[*ir.Op]*turns{}
	for _, list := range roles {
		for _, e := range list {
			if e.chain == nil {
				sections[e.op] = &turns{}
				continue
			}
			if rings[e.chain] == nil {
				r := ring.New(e.chain.Type.Depth, c.readers(e.chain))
				rings[e.chain], last[e.chain] = &r, map[int64]*ir.Op{}
			}
		}
	}
	for moved := true; moved; {
		moved = false
		for i, list := range roles {
			for at[i] < len(list) {
				e := list[at[i]]
				if e.chain == nil {
					if !sections[e.op].step(e) {
						break
					}
				} else {
					r := rings[e.chain]
					if e.op.Code == ir.Acquire && !r.Free() || e.op.Code == ir.Take && !r.Filled(e.reader) {
						break
					}
					if err := step(r, e); err != nil {
						return c.fault(e.op, last[e.chain][r.Slot(e.ticket)], "channel %s: %v", e.chain.Name, err)
					}
					last[e.chain][r.Slot(e.ticket)] = e.op
				}
				at[i]++
				moved = true
			}
		}
	}
	for i, list := range roles {
		if at[i] < len(list) {
			return c.stuck(roles, at, i)
		}
	}
	for _, o := range c.phase.Regions[0].Ops {
		if o.Code != ir.ChanOf {
			continue
		}
		if r := rings[o.Result()]; r != nil && r.Held() > 0 {
			return c.fault(o, last[o.Result()][r.Slot(r.Released())], "channel %s: %d slots are held at the end", o.Result().Name, r.Held())
		}
	}
	return nil
}

// readers is how many groups of roles read a channel.
func (c *channelCheck) readers(chain *ir.Value) int {
	n := 0
	for _, o := range c.phase.Regions[0].Ops {
		if o.Code == ir.RoleOf && takes(o, chain) {
			n += int(o.Int("groups"))
		}
	}
	return max(n, 1)
}

func takes(role *ir.Op, chain *ir.Value) bool {
	found := false
	role.Regions[0].Walk(func(o *ir.Op) { found = found || o.Code == ir.Take && o.Operands[0] == chain })
	return found
}

// reader is the number of the reader of a channel that the group which is followed is: groups count in the order of their roles.
func (c *channelCheck) reader(o *ir.Op, chain *ir.Value) int {
	role := o
	for role.Code != ir.RoleOf {
		if role = role.Parent.Parent; role == c.phase {
			return 0
		}
	}
	n := 0
	for _, q := range c.phase.Regions[0].Ops {
		if q == role {
			break
		}
		if q.Code == ir.RoleOf && takes(q, chain) {
			n += int(q.Int("groups"))
		}
	}
	return n + int(c.group)
}

// step enters or leaves a turn; false where it is another group's.
func (t *turns) step(e event) bool {
	switch {
	case e.leaves:
		t.inside = false
		t.entered++
		return true
	case t.inside || t.entered%e.op.Int("of") != e.group:
		return false
	}
	t.inside = true
	return true
}

// step does one event.
func step(r *ring.Ring, e event) error {
	switch e.op.Code {
	case ir.Acquire:
		_, err := r.Acquire()
		return err
	case ir.Commit:
		return r.Commit(e.ticket)
	case ir.Take:
		_, err := r.Take(e.reader)
		return err
	case ir.Release:
		return r.Release(e.reader, e.ticket)
	case ir.Copy, ir.Put:
		return r.Writable(e.ticket)
	}
	return r.Readable(e.reader, e.ticket)
}

// stuck says which roles wait for what; i is the first of them.
func (c *channelCheck) stuck(roles [][]event, at []int, i int) error {
	e := roles[i][at[i]]
	for role := range roles {
		if at[role] < len(roles[role]) && role != i {
			o := roles[role][at[role]]
			return c.fault(e.op, o.op, "%s waits for ever, and so does %s in another role or group", e, o)
		}
	}
	if e.chain == nil {
		return c.fault(e.op, nil, "%s waits for ever: the group before it does not enter so often", e)
	}
	need, what := ir.Release, "free"
	if e.op.Code == ir.Take {
		need, what = ir.Commit, "filled"
	}
	// What would end it comes later, or never.
	for _, later := range roles[i][at[i]:] {
		if later.chain == e.chain && later.op.Code == need {
			return c.fault(e.op, later.op, "channel %s: %s waits for ever: no slot of %d is %s before this %s, which stands behind it",
				e.chain.Name, e.op.Code, e.chain.Type.Depth, what, need)
		}
	}
	var last *ir.Op // what would end it, and has ended
	c.phase.Regions[0].Walk(func(o *ir.Op) {
		if o.Code == need && o.Operands[0] == e.chain {
			last = o
		}
	})
	return c.fault(e.op, last, "channel %s: %s waits for ever: no slot of %d is %s any more", e.chain.Name, e.op.Code, e.chain.Type.Depth, what)
}

// String names an event for a message.
func (e event) String() string {
	if e.chain == nil {
		return fmt.Sprintf("group %d at a turn", e.group)
	}
	return fmt.Sprintf("channel %s: %s", e.chain.Name, e.op.Code)
}

func (c *channelCheck) fault(o, other *ir.Op, format string, args ...any) error {
	f := &ChannelFault{Pos: o.Pos, Text: fmt.Sprintf(format, args...)}
	if other != nil {
		f.Other = other.Pos
	}
	var given []string
	for _, x := range c.choices[:c.chosen] {
		if name := c.names[x.v]; name != "" {
			given = append(given, fmt.Sprintf("%s = %d", name, x.value))
		}
	}
	if len(given) > 0 {
		f.Text += ", for " + strings.Join(given, ", ")
	}
	return f
}

// region runs what a region does to channels. It reports whether its yield says to leave the loop around it.
func (c *channelCheck) region(r *ir.Region) (stop bool) {
	for _, o := range r.Ops {
		for _, v := range o.Results { // of an iteration before
			delete(c.env, v)
			delete(c.ends, v)
		}
		if c.steps++; c.steps > maxSteps {
			c.long = true
		}
		switch {
		case c.long:
			return true
		case o.Code == ir.Turn:
			c.events = append(c.events, event{op: o, group: c.group})
			c.region(o.Regions[0])
			values, _ := o.Regions[0].Yield().Yielded()
			c.carry(o.Results, values)
			c.events = append(c.events, event{op: o, group: c.group, leaves: true})
		case isChannel(o):
			c.event(o)
		case len(o.Regions) > 0 && touches(o):
			switch o.Code {
			case ir.For:
				c.loop(o)
			case ir.While:
				c.while(o)
			case ir.If:
				arm := o.Regions[1]
				if c.eval(o.Operands[0]) != 0 {
					arm = o.Regions[0]
				}
				c.region(arm)
				values, _ := arm.Yield().Yielded()
				c.carry(o.Results, values)
			}
		}
	}
	_, end := r.Yield().Yielded()
	return end != nil && c.eval(end) != 0
}

// event appends what an operation does to a channel.
func (c *channelCheck) event(o *ir.Op) {
	if len(c.events) >= maxEvents {
		c.long = true
		return
	}
	e := event{op: o}
	switch o.Code {
	case ir.Acquire, ir.Take:
		e.chain = o.Operands[0]
		n := c.count[e.chain]
		if n == nil {
			n = new([2]int64)
			c.count[e.chain] = n
		}
		which := 0
		if o.Code == ir.Take {
			which = 1
		}
		e.ticket = n[which]
		n[which]++
		e.reader = c.reader(o, e.chain)
		c.slots[o.Result()] = e
	default:
		s := c.slots[o.Operands[0]]
		if o.Code == ir.Commit || o.Code == ir.Release {
			s = c.slots[o.Operands[1]]
		}
		e.chain, e.ticket, e.reader = s.chain, s.ticket, s.reader
	}
	c.events = append(c.events, e)
}

// carry gives values those that others have, so far as these are numbers that can be known.
func (c *channelCheck) carry(to, from []*ir.Value) {
	known := make([]int64, len(from))
	for i, v := range from {
		if countable(v) {
			known[i] = c.eval(v)
		}
	}
	for i, v := range to {
		delete(c.env, v)
		if countable(v) {
			c.env[v] = known[i]
		}
	}
}

// countable reports whether a value is a scalar integer or truth.
func countable(v *ir.Value) bool { return v.Type.Kind == ir.Scalar && !v.Type.Elem.IsFloat() }

func (c *channelCheck) loop(o *ir.Op) {
	r, by := o.Regions[0], o.Int("by")
	lo, hi := c.eval(o.Operands[0]), c.eval(o.Operands[1])
	c.carry(r.Args[1:], o.Operands[2:])
	for i := lo; i < hi && !c.long; i += max(by, 1) {
		c.env[r.Args[0]] = i
		if by > 0 {
			c.ends[r.Args[0]] = min(hi, i+by)
		}
		stop := c.region(r)
		values, _ := r.Yield().Yielded()
		c.carry(r.Args[1:], values)
		if stop {
			break
		}
	}
	c.carry(o.Results, r.Args[1:])
}

func (c *channelCheck) while(o *ir.Op) {
	cond, body := o.Regions[0], o.Regions[1]
	c.carry(cond.Args, o.Operands)
	for n := 0; ; n++ {
		c.region(cond)
		c.long = c.long || n > c.most
		if c.long || c.eval(cond.Yield().Operands[0]) == 0 {
			break
		}
		c.carry(body.Args, cond.Args)
		stop := c.region(body)
		values, _ := body.Yield().Yielded()
		c.carry(cond.Args, values)
		if stop {
			break
		}
	}
	c.carry(o.Results, cond.Args)
}

// eval is the value of a scalar integer or truth, or the first index of a span.
func (c *channelCheck) eval(v *ir.Value) int64 {
	if x, ok := c.env[v]; ok {
		return x
	}
	x, ok := int64(0), false
	if v.Def != nil {
		x, ok = c.compute(v.Def)
	} else if v.Region == c.phase.Regions[0] {
		x, ok = c.eval(c.phase.Operands[2*v.Index]), true // the first block
		if by := c.phase.Ints("by")[v.Index]; by > 0 {
			c.ends[v] = c.end(x, c.phase.Operands[2*v.Index+1], by)
		}
	}
	if !ok {
		values := c.numbers
		if v.Type.Elem == dtype.Bool {
			values = []int64{0, 1}
		}
		x = c.choose(v, values)
	}
	if v.Type.Kind == ir.Scalar && v.Type.Elem != dtype.Bool {
		x = v.Type.Elem.IntOfInt(dtype.I64, x, dtype.Wrap)
	}
	c.env[v] = x
	return x
}

// end is one past the last index of a span from lo on, to hi, of a width.
func (c *channelCheck) end(lo int64, hi *ir.Value, width int64) int64 {
	return min(max(lo, c.eval(hi)), lo+width)
}

// compute is the value of an operation's result; ok is false where it is not known.
func (c *channelCheck) compute(o *ir.Op) (x int64, ok bool) {
	truth := func(b bool) (int64, bool) {
		if b {
			return 1, true
		}
		return 0, true
	}
	switch o.Code {
	case ir.Const:
		x, ok = o.Attr("value").(int64)
		return x, ok
	case ir.SpanOf:
		x = c.eval(o.Operands[0])
		c.ends[o.Result()] = c.end(x, o.Operands[1], o.Int("width"))
		return x, true
	case ir.SpanCopy:
		x = c.eval(o.Axes[0])
		c.ends[o.Result()] = c.ends[o.Axes[0]]
		return x, true
	case ir.SpanLo:
		return c.eval(o.Axes[0]), true
	case ir.SpanHi:
		c.eval(o.Axes[0])
		return c.ends[o.Axes[0]], true
	case ir.Affine:
		return c.affine(o)
	}
	for _, v := range o.Operands {
		if !countable(v) {
			return 0, false
		}
	}
	if !o.Code.Spec().Elementwise() || len(o.Operands) == 0 || !countable(o.Result()) || o.Operands[0].Type.Elem == dtype.U64 {
		return 0, false
	}
	arg := func(i int) int64 { return c.eval(o.Operands[i]) }
	switch o.Code {
	case ir.Neg:
		return -arg(0), true
	case ir.Not:
		if o.Result().Type.Elem == dtype.Bool {
			return 1 - arg(0), true
		}
		return ^arg(0), true
	case ir.Add:
		return arg(0) + arg(1), true
	case ir.Sub:
		return arg(0) - arg(1), true
	case ir.Mul:
		return arg(0) * arg(1), true
	case ir.Div, ir.Mod:
		a, b := arg(0), arg(1)
		if b == 0 {
			return 0, true // it has failed
		}
		if o.Code == ir.Div {
			return ir.FloorDiv(a, b), true
		}
		return ir.FloorMod(a, b), true
	case ir.Min:
		return min(arg(0), arg(1)), true
	case ir.Max:
		return max(arg(0), arg(1)), true
	case ir.And:
		return arg(0) & arg(1), true
	case ir.Or:
		return arg(0) | arg(1), true
	case ir.Xor:
		return arg(0) ^ arg(1), true
	case ir.Eq:
		return truth(arg(0) == arg(1))
	case ir.Ne:
		return truth(arg(0) != arg(1))
	case ir.Lt:
		return truth(arg(0) < arg(1))
	case ir.Le:
		return truth(arg(0) <= arg(1))
	case ir.Gt:
		return truth(arg(0) > arg(1))
	case ir.Ge:
		return truth(arg(0) >= arg(1))
	case ir.Select:
		if arg(0) != 0 {
			return arg(1), true
		}
		return arg(2), true
	case ir.Cast:
		if o.Str("overflow") == "sat" && o.Result().Type.Elem != dtype.I64 {
			return 0, false
		}
		return arg(0), true
	}
	return 0, false
}

// affine is the value of an index expression over scalars.
func (c *channelCheck) affine(o *ir.Op) (int64, bool) {
	if o.Result().Type.Kind != ir.Scalar {
		return 0, false
	}
	terms, k, div, mod := o.AffineTerms()
	for _, t := range terms {
		x := t.Coef * c.eval(t.Var)
		if t.Factor != nil {
			x *= c.eval(t.Factor)
		}
		k += x
	}
	if k = ir.FloorDiv(k, div); mod != 0 {
		k = ir.FloorMod(k, mod)
	}
	return k, true
}
