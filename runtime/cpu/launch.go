package cpu

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/tilec/tilec/codegen"
)

// Kernel is an artefact that is loaded. It can be bound and launched by several goroutines at once.
type Kernel struct {
	manifest *codegen.Manifest
	module   *Module
	phases   []entry
	sizes    int // numbers of sizes and parameters that the slots speak of, at least
	params   int
	print    int // slots, -1 for none
	cancel   int
}

// entry is a phase with the addresses of its functions; workspace is 0 where it has none.
type entry struct {
	*codegen.Phase
	grid, run, workspace uintptr
}

// LoadKernel loads an artefact for this machine. The error says what the machine lacks, or what of the artefact does
// not fit together.
func LoadKernel(a *codegen.Artefact) (*Kernel, error) {
	m := &a.Manifest
	if m.Target != "cpu" {
		return nil, fmt.Errorf("kernel %s is for target %s, not for cpu", m.Kernel, m.Target)
	}
	if missing, ok := Supports(m.Level); !ok {
		return nil, fmt.Errorf("kernel %s needs %s, which this machine lacks (level %s)", m.Kernel, missing, m.Level)
	}
	k := &Kernel{manifest: m, print: -1, cancel: -1}
	for i, s := range m.Slots {
		if s.Index < 0 || s.Dim < 0 || s.Size < 0 || s.Bits < 0 {
			return nil, fmt.Errorf("kernel %s: slot %d of its manifest is damaged", m.Kernel, i)
		}
		switch s.Kind {
		case codegen.SizeSlot:
			k.sizes = max(k.sizes, s.Index+1)
		case codegen.TensorSlot, codegen.ScalarSlot, codegen.StrideSlot:
			k.params = max(k.params, s.Index+1)
		case codegen.PrintSlot:
			k.print = i
		case codegen.CancelSlot:
			k.cancel = i
		case codegen.TempSlot, codegen.ValueSlot, codegen.BufferSlot, codegen.WorkspaceSlot:
		default:
			return nil, fmt.Errorf("kernel %s: slot %d of its manifest is of a kind %q, which this version does not know", m.Kernel, i, s.Kind)
		}
	}
	module, err := Load(a.Code)
	if err != nil {
		return nil, fmt.Errorf("kernel %s: %w", m.Kernel, err)
	}
	k.module = module
	if err := k.link(); err != nil {
		module.Close() // what it says is not what went wrong
		return nil, fmt.Errorf("kernel %s: %w", m.Kernel, err)
	}
	runtime.AddCleanup(k, func(m *Module) { m.Close() }, module)
	return k, nil
}

// link finds the functions of the phases.
func (k *Kernel) link() error {
	find := func(name string) (uintptr, error) {
		at, ok := k.module.Symbol(name)
		if !ok {
			return 0, fmt.Errorf("its code has no function %s", name)
		}
		return at, nil
	}
	for i := range k.manifest.Phases {
		p := &k.manifest.Phases[i]
		e := entry{Phase: p}
		var err error
		if e.grid, err = find(p.Grid); err != nil {
			return err
		}
		if e.run, err = find(p.Run); err != nil {
			return err
		}
		if p.Workspace != "" {
			if e.workspace, err = find(p.Workspace); err != nil {
				return err
			}
			if s := p.WorkspaceSlot; s < 0 || s >= len(k.manifest.Slots) || k.manifest.Slots[s].Kind != codegen.WorkspaceSlot {
				return fmt.Errorf("phase %d of its manifest names slot %d as that of a workspace", i, s)
			}
		}
		k.phases = append(k.phases, e)
	}
	return nil
}

// Manifest is what the kernel was loaded with.
func (k *Kernel) Manifest() *codegen.Manifest { return k.manifest }

// Value is an argument as a context holds it: the memory of a tensor, and the strides in elements where the kernel takes
// any; or the bits of a scalar.
type Value struct {
	Data    []byte
	Strides []int64
	Bits    uint64
}

// Fault is the end of a launch that the kernel itself asked for.
type Fault struct{ codegen.Fault }

func (f *Fault) Error() string {
	if f.Pos.File == "" {
		return f.Text
	}
	return f.Pos.String() + ": " + f.Text
}

// Printed is what a print statement wrote: number Print of the manifest.
type Printed struct {
	Print  int
	Values []PrintedValue
}

// PrintedValue is a value of a print statement: its live lengths, and its elements in row-major order, floats as the bits
// of a float64, all else as int64.
type PrintedValue struct {
	Lengths []int64
	Data    []uint64
}

// Run says how to launch.
type Run struct {
	// Workers is the number of threads, 0 for one a core.
	Workers int
	// Fixed gives every thread the same blocks in every launch with as many threads.
	Fixed bool
	// Progress, if set, is told now and then, on the goroutine that launches, how many blocks of a phase are done.
	Progress func(phase string, done, total int64)
	// Print, if set, takes what print statements wrote, in order.
	Print func(Printed) error
}

// Launch is a kernel bound to its arguments, which it reads and writes in place. It can run any number of times; runs of
// one launch wait for each other.
type Launch struct {
	kernel *Kernel
	team   *Team
	args   []Value // what the context points to

	mu         sync.Mutex
	first      []uint64 // the context as a run begins
	context    []uint64
	memory     *memories
	workspaces []int64 // bytes of each slot's workspace
	costs      []int64 // nanoseconds of work of each phase, in the last run; 0 is unknown
	print      *Memory
	task       task
	closed     bool
}

// memories is what a launch took of a pool.
type memories struct{ list []*Memory }

func (m *memories) free() {
	for _, x := range m.list {
		x.Free()
	}
	m.list = nil
}

// Bind binds a kernel to sizes and arguments, one for each parameter of its function, and takes the memory that it needs
// besides. Nothing about the arguments is checked but that there are enough.
func (k *Kernel) Bind(team *Team, sizes []int64, args []Value) (*Launch, error) {
	if len(sizes) < k.sizes || len(args) < k.params {
		return nil, fmt.Errorf("kernel %s takes %d sizes and %d arguments, not %d and %d", k.manifest.Kernel, k.sizes, k.params, len(sizes), len(args))
	}
	n := len(k.manifest.Slots)
	l := &Launch{kernel: k, team: team, args: args, first: make([]uint64, n), context: make([]uint64, max(n, 1)), memory: new(memories),
		workspaces: make([]int64, n), costs: make([]int64, len(k.phases))}
	l.task.left = make(chan struct{}, 1)
	for i, s := range k.manifest.Slots {
		v, err := l.slot(s, sizes)
		if err != nil {
			l.memory.free()
			return nil, fmt.Errorf("kernel %s: %w", k.manifest.Kernel, err)
		}
		l.first[i] = v
	}
	runtime.AddCleanup(l, (*memories).free, l.memory)
	return l, nil
}

// slot is what a slot holds as a run begins.
func (l *Launch) slot(s codegen.Slot, sizes []int64) (uint64, error) {
	switch s.Kind {
	case codegen.SizeSlot:
		return uint64(sizes[s.Index]), nil
	case codegen.ScalarSlot:
		return l.args[s.Index].Bits, nil
	case codegen.TensorSlot:
		if data := l.args[s.Index].Data; len(data) > 0 {
			return uint64(uintptr(unsafe.Pointer(unsafe.SliceData(data)))), nil
		}
		return uint64(uintptr(unsafe.Pointer(unsafe.SliceData(nothing)))), nil
	case codegen.StrideSlot:
		strides := l.args[s.Index].Strides
		if s.Dim >= len(strides) {
			return 0, fmt.Errorf("the argument of %s has no stride for dimension %d", s.Name, s.Dim+1)
		}
		return uint64(strides[s.Dim]), nil
	case codegen.TempSlot:
		bytes, ok := tempBytes(s, sizes)
		if !ok {
			return 0, fmt.Errorf("temp %s has an impossible size", s.Name)
		}
		m, err := l.take(bytes)
		if err != nil {
			return 0, fmt.Errorf("temp %s: %w", s.Name, err)
		}
		return uint64(m.Pointer()), nil
	case codegen.BufferSlot:
		m, err := l.take(s.Size)
		if err != nil {
			return 0, err
		}
		clear(m.Bytes())
		return uint64(m.Pointer()), nil
	case codegen.PrintSlot:
		m, err := l.take(codegen.PrintBytes)
		if err != nil {
			return 0, fmt.Errorf("memory for what it prints: %w", err)
		}
		l.print = m
		return uint64(m.Pointer()), nil
	}
	return 0, nil
}

// nothing is where a tensor without elements points.
var nothing = make([]byte, Alignment)

// take takes memory that the launch keeps.
func (l *Launch) take(size int64) (*Memory, error) {
	m, err := l.team.memory.Alloc(size)
	if err != nil {
		return nil, err
	}
	l.memory.list = append(l.memory.list, m)
	return m, nil
}

// tempBytes is the size of a temp; ok is false where it overflows or an extent cannot be computed.
func tempBytes(s codegen.Slot, sizes []int64) (n int64, ok bool) {
	total := uint64(s.Bits)
	for _, d := range s.Dims {
		extent, ok := d.Eval(sizes)
		if !ok || extent < 0 {
			return 0, false
		}
		high, low := bits.Mul64(total, uint64(extent))
		if high != 0 || low >= 1<<62 {
			return 0, false
		}
		total = low
	}
	return int64((total + 7) / 8), true
}

// Close frees what the launch took. It may not be run again.
func (l *Launch) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	l.memory.free()
}

// ErrDamaged is in the chain of an error that only a kernel or manifest that breaks its own rules can bring.
var ErrDamaged = errors.New("the kernel breaks its own rules")

// ErrClosed is the error of a launch that was closed.
var ErrClosed = errors.New("the launch was closed")

// Run runs the launch. The error is a [*Fault], the cause of the context's end, or says what memory was lacking.
func (l *Launch) Run(ctx context.Context, r Run) (err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return ErrClosed
	}
	copy(l.context, l.first)
	l.task.stopped.Store(false)
	if ctx != nil && ctx.Done() != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		ended := make(chan struct{})
		stop := context.AfterFunc(ctx, func() {
			defer close(ended)
			l.task.stopped.Store(true)
			if c := l.kernel.cancel; c >= 0 {
				atomic.StoreUint64(&l.context[c], 1)
			}
		})
		defer func() {
			if !stop() {
				<-ended
				err = context.Cause(ctx)
			}
		}()
	}
	if l.print != nil {
		l.rewind()
	}
	s, err := l.team.sit(l.kernel.manifest.Scratch)
	if err != nil {
		return fmt.Errorf("scratch memory of kernel %s: %w", l.kernel.manifest.Kernel, err)
	}
	defer l.team.leave(s)
	defer runtime.KeepAlive(l)
	for i := range l.kernel.phases {
		err := l.phase(i, s, &r)
		if l.print != nil {
			if e := l.printed(r.Print); err == nil {
				err = e
			}
		}
		if err != nil || l.task.stopped.Load() {
			return err
		}
	}
	return nil
}

// phase runs one phase.
func (l *Launch) phase(i int, s *seat, r *Run) error {
	p := &l.kernel.phases[i]
	at := uintptr(unsafe.Pointer(unsafe.SliceData(l.context)))
	if p.workspace != 0 {
		if err := l.workspace(p, at, s); err != nil {
			return err
		}
	}
	blocks := l.call(s, p.grid, at)
	if blocks < 0 {
		return l.fault(-(blocks + 1))
	}
	if blocks == 0 {
		return nil
	}
	workers := r.Workers
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	cost := l.costs[i]
	shares := int(min(int64(workers), blocks))
	if p.Serial || p.Ordered || cost > 0 && cost < alone {
		shares = 1
	} else if cost > 0 {
		shares = int(max(1, min(int64(shares), cost/leastShare)))
	}
	together := false
	if shares > 1 && l.team.mu.TryLock() {
		together = true
		shares = 1 + l.team.hire(shares-1, l.kernel.manifest.Scratch)
	} else {
		shares = 1
	}
	t := &l.task
	t.keep = r.Fixed
	most, least := chunk(blocks, shares, cost)
	if shares == 1 || t.keep {
		least = most // nobody else waits for the last call
	}
	t.prepare(p.run, at, blocks, most, least, shares)
	t.watch = nil
	if r.Progress != nil && blocks > 1 {
		t.watch = watcher(t, p.Name, blocks, r.Progress)
	}
	began := time.Now()
	if shares > 1 {
		l.team.run(t, s)
	} else {
		t.work(0, s)
	}
	l.costs[i] = max(1, time.Since(began).Nanoseconds()*int64(shares))
	if together {
		l.team.mu.Unlock()
	}
	if t.fault != 0 {
		return l.fault(t.fault - 1)
	}
	if r.Progress != nil && !t.stopped.Load() {
		r.Progress(p.Name, blocks, blocks)
	}
	return nil
}

// Waking a thread that sleeps takes some microseconds, and a call of a kernel a tenth of one.
const (
	alone      = 8000 // nanoseconds of work that one thread does by itself
	leastShare = 4000 // nanoseconds of work that are worth a thread
	leastChunk = 1000 // nanoseconds of work that are worth a call
	chunks     = 8    // calls for a share, where they are worth it
)

// chunk is how many blocks a call runs, at most and at least: towards the end of a share they become fewer, so that no worker
// waits long for the last call of another.
func chunk(blocks int64, shares int, cost int64) (most, least int64) {
	share := blocks / int64(shares)
	least = 1
	if cost > 0 && cost/leastChunk < blocks {
		least = min(blocks/max(cost/leastChunk, 1), max(share, 1))
	}
	return max(min(share/chunks, share), least), least
}

// watcher tells about blocks done, ten times a second at most.
func watcher(t *task, name string, blocks int64, progress func(string, int64, int64)) func() {
	told := time.Now()
	return func() {
		if now := time.Now(); now.Sub(told) > 100*time.Millisecond {
			told = now
			progress(name, t.done.Load(), blocks)
		}
	}
}

// call calls a function of the kernel with the context alone.
func (l *Launch) call(s *seat, fn, at uintptr) int64 {
	s.args[0] = at
	return int64(Call(fn, s.args[:1]...))
}

// workspace asks a phase for the size of its workspace and makes it, or takes that of an earlier run.
func (l *Launch) workspace(p *entry, at uintptr, s *seat) error {
	need := l.call(s, p.workspace, at)
	if need < 0 {
		return l.fault(-(need + 1))
	}
	slot := p.WorkspaceSlot
	if have := l.workspaces[slot]; l.first[slot] == 0 || have < need {
		m, err := l.take(need)
		if err != nil {
			return fmt.Errorf("the workspace of kernel %s: %w", l.kernel.manifest.Kernel, err)
		}
		l.first[slot], l.workspaces[slot] = uint64(m.Pointer()), need
	}
	l.context[slot] = l.first[slot]
	return nil
}

// fault is a fault by its number.
func (l *Launch) fault(n int64) error {
	list := l.kernel.manifest.Faults
	if n < 0 || n >= int64(len(list)) {
		return fmt.Errorf("%w: kernel %s ended with fault %d, and its manifest has %d", ErrDamaged, l.kernel.manifest.Kernel, n, len(list))
	}
	return &Fault{list[n]}
}

// The print buffer: a count of the bytes in use, itself included, then records: the number of the print statement, the
// bytes of the record, then for each value its rank, its live lengths and its elements, all words of eight bytes.
const printHead = 8

func (l *Launch) rewind() {
	binary.LittleEndian.PutUint64(l.print.Bytes(), printHead)
}

// printed hands on what the print buffer holds, and empties it.
func (l *Launch) printed(print func(Printed) error) error {
	defer l.rewind()
	err := ReadPrints(l.print.Bytes(), len(l.kernel.manifest.Prints), print)
	if errors.Is(err, ErrDamaged) {
		return fmt.Errorf("kernel %s: %w", l.kernel.manifest.Kernel, err)
	}
	return err
}

// ReadPrints hands the records of a print buffer (codegen.PrintBytes) on, of a kernel with so many print statements. The error
// is that of print, or says that the buffer is damaged.
func ReadPrints(data []byte, statements int, print func(Printed) error) error {
	damaged := fmt.Errorf("%w: its print buffer is damaged", ErrDamaged)
	used := binary.LittleEndian.Uint64(data)
	switch {
	case used == printHead:
		return nil
	case used < printHead || used > uint64(len(data)):
		return damaged
	case print == nil:
		return nil
	}
	for data = data[printHead:used]; len(data) > 0; {
		if len(data) < 16 {
			return damaged
		}
		number, size := binary.LittleEndian.Uint64(data), binary.LittleEndian.Uint64(data[8:])
		if size < 16 || size > uint64(len(data)) || number >= uint64(statements) {
			return damaged
		}
		p := Printed{Print: int(number)}
		words := data[16:size]
		data = data[size:]
		for len(words) > 0 {
			v, rest, ok := printedValue(words)
			if !ok {
				return damaged
			}
			p.Values = append(p.Values, v)
			words = rest
		}
		if err := print(p); err != nil {
			return err
		}
	}
	return nil
}

// printedValue reads a value of a record.
func printedValue(words []byte) (v PrintedValue, rest []byte, ok bool) {
	next := func() (uint64, bool) {
		if len(words) < 8 {
			return 0, false
		}
		w := binary.LittleEndian.Uint64(words)
		words = words[8:]
		return w, true
	}
	rank, ok := next()
	if !ok || rank > 64 {
		return v, nil, false
	}
	count := uint64(1)
	for range rank {
		n, ok := next()
		if !ok || n > 1<<40 {
			return v, nil, false
		}
		v.Lengths = append(v.Lengths, int64(n))
		count = min(count*n, 1<<20)
	}
	count = min(count, codegen.PrintElements)
	if count > uint64(len(words)/8) {
		return v, nil, false
	}
	v.Data = make([]uint64, count)
	for i := range v.Data {
		v.Data[i], _ = next()
	}
	return v, words, true
}
