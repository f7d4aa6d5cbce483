package cpu

import (
	"context"
	"encoding/binary"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// probeTime is how long one run of a probe takes about: long enough for the clock, short enough that some runs
	// meet no interruption.
	probeTime = 400 * time.Microsecond
	// probeRuns of each probe: the best counts, as nothing makes a machine faster than it is.
	probeRuns = 9
	// chainMemory is the memory of a probe of an instruction: its operands, and a tile configuration.
	chainMemory = 4 << 10
)

// MeasureLimits measures this machine's limits with a number of threads. The threads run on cores of their own while it
// does, so nothing else should be measured then. It fails where LLVM does, or where no memory is left.
func MeasureLimits(ctx context.Context, compile Compile, threads int) (*Limits, error) {
	m, err := NewMeter(ctx, compile, threads)
	if err != nil {
		return nil, err
	}
	defer m.Close()
	l := &Limits{Machine: machineName(), Threads: threads, L2Bytes: m.l2Bytes, L3Bytes: m.l3Bytes}
	if err := m.rates(ctx, 1, &l.One, &l.Issue); err != nil {
		return nil, err
	}
	l.All = l.One
	if threads > 1 {
		if err := m.rates(ctx, threads, &l.All, nil); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// Meter measures single limits, again and again: what a benchmark does beside each of its kernels, as clocks and
// neighbours change. It holds memory for its threads until Close. It may be used by one goroutine at a time.
type Meter struct {
	machine machineSet
	threads int
	code    *Module
	probes  map[string]probe
	at      map[string]uintptr // where a probe is
	pool    Pool
	memory  []*Memory // a thread's own, larger than a cache
	chains  []*Memory // a thread's operands
	// The sizes of caches, and what a thread reads out of them.
	l2Bytes, l3Bytes, l2, l3 int64
}

// NewMeter prepares to measure with up to a number of threads.
func NewMeter(ctx context.Context, compile Compile, threads int) (*Meter, error) {
	if threads < 1 || threads > 1024 {
		return nil, fmt.Errorf("limits of %d threads: a number from 1 to 1024", threads)
	}
	m := &Meter{machine: thisMachine(), threads: threads, probes: map[string]probe{}, at: map[string]uintptr{}}
	module, probes := m.machine.probes()
	object, err := compile(ctx, module)
	if err == nil {
		m.code, err = Load(object)
	}
	if err != nil {
		return nil, fmt.Errorf("the probes of the machine's limits: %w", err)
	}
	for _, p := range probes {
		m.probes[p.name] = p
		var ok bool
		if m.at[p.name], ok = m.code.Symbol(p.name); !ok {
			m.Close()
			return nil, fmt.Errorf("the probes of the machine's limits: the object lacks %s", p.name)
		}
	}
	// Half of a second-level cache is surely in it. What a thread reads out of the last cache is more than the second
	// level keeps of it, and with the other threads' no more than half of it.
	m.l2Bytes, m.l3Bytes = cacheSizes()
	m.l2 = max(m.l2Bytes/2, 64<<10) &^ (readStep - 1)
	m.l3 = min(4*m.l2Bytes, max(m.l3Bytes/2/int64(threads), 2*m.l2Bytes)) &^ (readStep - 1)
	// What memory alone holds is several times the last cache.
	each := max(min(max(8*m.l3Bytes, 64<<20), 1<<30/int64(threads)), 2*m.l3) &^ (readStep - 1)
	for range threads {
		// Reading asks for prefetchAhead bytes past the end, which no machine minds.
		memory, err := m.pool.Alloc(each)
		if err == nil {
			m.memory = append(m.memory, memory)
			var chains *Memory
			if chains, err = m.pool.Alloc(chainMemory); err == nil {
				m.chains = append(m.chains, chains)
			}
		}
		if err != nil {
			m.Close()
			return nil, fmt.Errorf("the probes of the machine's limits: %w", err)
		}
	}
	for thread := range threads {
		// A page that was never written may be one that all share.
		for b, i := m.memory[thread].Bytes(), 0; i < len(b); i += 64 {
			b[i] = 1
		}
		// bf16 1.0 twice, which as f32 is near 1, and as bytes something: no number that makes an instruction slow.
		for b, i := m.chains[thread].Bytes(), 0; i < len(b); i += 4 {
			binary.LittleEndian.PutUint32(b[i:], 0x3f803f80)
		}
	}
	return m, nil
}

// Close gives all memory back.
func (m *Meter) Close() {
	for _, list := range [][]*Memory{m.memory, m.chains} {
		for _, memory := range list {
			memory.Free()
		}
	}
	_ = m.pool.Close()
	_ = m.code.Close()
}

// Rate measures one limit with a number of threads: dram, l3 or l2 in GB/s, f32 or bf16 in GFLOP/s, i8 in GOP/s, as
// [Limits.Bound] names them. It is 0 where the machine lacks the instruction.
func (m *Meter) Rate(ctx context.Context, limit string, threads int) (float64, error) {
	if threads < 1 || threads > m.threads {
		return 0, fmt.Errorf("the meter has %d threads, not %d", m.threads, threads)
	}
	var r Rates
	for _, p := range m.parts(&r, nil) {
		if p.limit != limit {
			continue
		}
		if err := m.part(ctx, p, threads); err != nil {
			return 0, err
		}
	}
	switch limit {
	case "dram":
		return max(r.DRAM, r.DRAMPrefetched), nil
	case "l3":
		return r.L3, nil
	case "l2":
		return r.L2, nil
	case "f32":
		return r.F32, nil
	case "bf16":
		return r.BF16, nil
	case "i8":
		return r.I8, nil
	}
	return 0, fmt.Errorf("there is no limit %q: there are dram, l3, l2, f32, bf16 and i8", limit)
}

// part is one probe and where its rate belongs.
type part struct {
	limit  string // of Rate, "" for none
	probe  string
	amount int64    // bytes to read
	unit   float64  // operations of an instruction
	rate   *float64 // the best of the parts that share it
	issue  *float64 // instructions, may be nil
}

// parts are all probes of the machine; issue may be nil.
func (m *Meter) parts(r *Rates, issue *Issue) []part {
	each, lanes := int64(len(m.memory[0].Bytes())), float64(m.machine.lanes)
	all := issue != nil
	if !all {
		issue = new(Issue)
	}
	list := []part{
		{"dram", "read", each, 1, &r.DRAM, nil},
		{"dram", "read_prefetched", each, 1, &r.DRAMPrefetched, nil},
		{"l3", "read", m.l3, 1, &r.L3, nil},
		{"l2", "read", m.l2, 1, &r.L2, nil},
		{"f32", "fma", 0, 2 * lanes, &r.F32, &issue.FMA},
		{"bf16", "vdpbf16ps", 0, 4 * lanes, &r.BF16, &issue.VDPBF16PS},
		{"i8", "vpdpbusd", 0, 8 * lanes, &r.I8, &issue.VPDPBUSD},
		{"i8", "vpmaddubsw", 0, 8 * lanes, &r.I8, nil},
		{"bf16", "tdpbf16ps", 0, 2 * 16 * 16 * 32, &r.BF16, &issue.TDPBF16PS},
		{"i8", "tdpbssd", 0, 2 * 16 * 16 * 64, &r.I8, &issue.TDPBSSD},
	}
	if all {
		list = append(list, part{"", "vpshufb", 0, 0, new(float64), &issue.VPSHUFB}, part{"", "vpermb", 0, 0, new(float64), &issue.VPERMB},
			part{"", "vpermi2b", 0, 0, new(float64), &issue.VPERMI2B}, part{"", "vpaddb", 0, 0, new(float64), &issue.VPADDB},
			part{"", "vpsrlw", 0, 0, new(float64), &issue.VPSRLW})
	}
	return slices.DeleteFunc(list, func(p part) bool { _, ok := m.probes[p.probe]; return !ok })
}

// part measures one.
func (m *Meter) part(ctx context.Context, p part, threads int) error {
	if p.probe == "tdpbf16ps" || p.probe == "tdpbssd" {
		for _, memory := range m.chains {
			tileConfiguration(memory.Bytes())
		}
	}
	n, err := m.run(ctx, p.probe, threads, p.amount)
	if err != nil {
		return err
	}
	*p.rate = max(*p.rate, n*p.unit)
	if p.issue != nil {
		*p.issue = n
	}
	return nil
}

// rates measures all of them with a number of threads, and the rates of instructions where issue is not nil.
func (m *Meter) rates(ctx context.Context, threads int, r *Rates, issue *Issue) error {
	for _, p := range m.parts(r, issue) {
		if err := m.part(ctx, p, threads); err != nil {
			return err
		}
	}
	return nil
}

// tileConfiguration writes one for eight tiles of 16 rows of 64 bytes, over what is the first operand of other probes:
// they take any bytes.
func tileConfiguration(b []byte) {
	clear(b[:64])
	b[0] = 1
	for tile := range 8 {
		binary.LittleEndian.PutUint16(b[16+2*tile:], 64)
		b[48+tile] = 16
	}
}

// run measures a probe in 1e9 bytes or instructions a second, of all threads together: the best of several runs.
// Amount is how many bytes each thread reads, 0 for a probe of an instruction.
func (m *Meter) run(ctx context.Context, name string, threads int, amount int64) (float64, error) {
	p := m.probes[name]
	memory, unit := m.chains, float64(p.perTurn)
	if amount > 0 {
		memory, unit = m.memory, float64(amount)
	}
	once := func(times int64) time.Duration {
		return together(threads, func(thread int) {
			Call(m.at[name], memory[thread].Pointer(), uintptr(amount), uintptr(times))
		})
	}
	times := int64(1)
	once(times) // what is read is now where it will be read from
	for took := once(times); took < probeTime/2 && times < 1<<40; took = once(times) {
		times = max(2*times, int64(float64(times)*float64(probeTime)/float64(max(took, time.Microsecond))/2))
	}
	best := time.Duration(1<<63 - 1)
	for range probeRuns {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		best = min(best, once(times))
	}
	return unit * float64(times) * float64(threads) / float64(max(best, 1)), nil
}

// together calls f on some threads at once, each on a core of its own, and gives the time of the slowest.
func together(threads int, f func(thread int)) time.Duration {
	var wait sync.WaitGroup
	var ready atomic.Int32
	times := make([]time.Duration, threads)
	for thread := range threads {
		wait.Go(func() {
			// The thread stays locked, so it ends with the function and its core is forgotten.
			runtime.LockOSThread()
			pin(thread)
			ready.Add(1)
			for int(ready.Load()) < threads {
				// Where there are fewer cores than threads, the others must get on.
				runtime.Gosched()
			}
			began := time.Now()
			f(thread)
			times[thread] = time.Since(began)
		})
	}
	wait.Wait()
	return slices.Max(times)
}
