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
	if threads < 1 || threads > 1024 {
		return nil, fmt.Errorf("limits of %d threads: a number from 1 to 1024", threads)
	}
	machine := thisMachine()
	module, probes := machine.probes()
	object, err := compile(ctx, module)
	if err != nil {
		return nil, fmt.Errorf("the probes of the machine's limits: %w", err)
	}
	l := &Limits{Machine: machineName(), Threads: threads}
	l.L2Bytes, l.L3Bytes = cacheSizes()
	m, err := newMeter(object, probes, threads, l)
	if err != nil {
		return nil, fmt.Errorf("the probes of the machine's limits: %w", err)
	}
	defer m.close()
	for _, run := range []struct {
		threads int
		rates   *Rates
	}{{1, &l.One}, {threads, &l.All}} {
		if run.threads == 1 && run.rates == &l.All {
			l.All = l.One
			break
		}
		if err := m.rates(ctx, run.threads, run.rates, &l.Issue); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// meter runs probes.
type meter struct {
	code    *Module
	probes  map[string]probe
	at      map[string]uintptr // where a probe is
	machine machineSet
	threads int
	pool    Pool
	memory  []*Memory // a thread's own, larger than a cache
	chains  []*Memory // a thread's operands
	l2, l3  int64     // bytes that a thread reads out of that cache
}

func newMeter(object []byte, probes []probe, threads int, l *Limits) (*meter, error) {
	m := &meter{machine: thisMachine(), threads: threads, probes: map[string]probe{}, at: map[string]uintptr{}}
	var err error
	if m.code, err = Load(object); err != nil {
		return nil, err
	}
	for _, p := range probes {
		m.probes[p.name] = p
		var ok bool
		if m.at[p.name], ok = m.code.Symbol(p.name); !ok {
			m.close()
			return nil, fmt.Errorf("the object lacks %s", p.name)
		}
	}
	// Half of a second-level cache is surely in it. What a thread reads out of the last cache is more than the second
	// level keeps of it, and with the other threads' no more than half of it.
	m.l2 = max(l.L2Bytes/2, 64<<10) &^ (readStep - 1)
	m.l3 = min(4*l.L2Bytes, max(l.L3Bytes/2/int64(threads), 2*l.L2Bytes)) &^ (readStep - 1)
	// What memory alone holds is several times the last cache.
	each := max(min(max(8*l.L3Bytes, 64<<20), 1<<30), 2*m.l3) &^ (readStep - 1)
	for range threads {
		// Reading asks for prefetchAhead bytes past the end, which no machine minds.
		memory, err := m.pool.Alloc(each)
		if err != nil {
			m.close()
			return nil, err
		}
		m.memory = append(m.memory, memory)
		chains, err := m.pool.Alloc(chainMemory)
		if err != nil {
			m.close()
			return nil, err
		}
		m.chains = append(m.chains, chains)
		// A page that was never written may be one that all share.
		for b, i := memory.Bytes(), 0; i < len(b); i += 64 {
			b[i] = 1
		}
		// bf16 1.0 twice, which as f32 is near 1, and as bytes something: no number that makes an instruction slow.
		for b, i := chains.Bytes(), 0; i < len(b); i += 4 {
			binary.LittleEndian.PutUint32(b[i:], 0x3f803f80)
		}
	}
	return m, nil
}

// close gives all memory back.
func (m *meter) close() {
	for i := range m.memory {
		m.memory[i].Free()
	}
	for i := range m.chains {
		m.chains[i].Free()
	}
	_ = m.pool.Close()
	_ = m.code.Close()
}

// rates measures all rates of some threads, and with one thread those of single instructions.
func (m *meter) rates(ctx context.Context, threads int, r *Rates, issue *Issue) error {
	var failed error
	bytes := func(name string, amount int64) float64 {
		rate, err := m.run(ctx, name, threads, amount)
		if err != nil {
			failed = err
		}
		return rate
	}
	each := int64(len(m.memory[0].Bytes()))
	r.DRAM, r.DRAMPrefetched = bytes("read", each), bytes("read_prefetched", each)
	r.L3, r.L2 = bytes("read", m.l3), bytes("read", m.l2)
	lanes := float64(m.machine.lanes)
	r.F32 = bytes("fma", 0) * 2 * lanes
	issues := Issue{FMA: r.F32 / 2 / lanes}
	optional := func(name string, at *float64) float64 {
		if _, ok := m.probes[name]; !ok || (at == nil && threads == 1) {
			return 0
		}
		rate := bytes(name, 0)
		if at != nil {
			*at = rate
		}
		return rate
	}
	r.BF16 = optional("vdpbf16ps", &issues.VDPBF16PS) * 4 * lanes
	r.I8 = optional("vpdpbusd", &issues.VPDPBUSD) * 8 * lanes
	if r.I8 == 0 {
		var triples float64
		r.I8 = optional("vpmaddubsw", &triples) * 8 * lanes
	}
	if m.machine.amx {
		for _, b := range m.chains {
			tileConfiguration(b.Bytes())
		}
		r.BF16 = max(r.BF16, optional("tdpbf16ps", &issues.TDPBF16PS)*2*16*16*32)
		r.I8 = max(r.I8, optional("tdpbssd", &issues.TDPBSSD)*2*16*16*64)
	}
	if threads == 1 {
		optional("vpshufb", &issues.VPSHUFB)
		optional("vpermb", &issues.VPERMB)
		optional("vpermi2b", &issues.VPERMI2B)
		optional("vpaddb", &issues.VPADDB)
		optional("vpsrlw", &issues.VPSRLW)
		*issue = issues
	}
	return failed
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
func (m *meter) run(ctx context.Context, name string, threads int, amount int64) (float64, error) {
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
