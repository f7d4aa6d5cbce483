// Package emu executes PTX text on the CPU, with checks.
//
// In goes a module of codegen/ptx/syntax, buffers and a launch; out come the buffers' bytes as the kernel leaves them and a
// Report: what was executed, and what was wrong. It always holds that the results do not depend on the machine, that a launch
// ends (a bound on the instructions ends what spins), and that no text and no arguments make it panic.
//
// # What is executed
//
// Kernels of the sm_80 class: integer, bit, f32, f64, f16 and bf16 arithmetic, conversions, memory in all spaces, atomics, votes,
// shuffles, barriers, cp.async, ldmatrix and mma.sync. What the parser reads and the emulator does not execute (calls,
// mbarriers, bulk copies, wgmma) is listed by Program.NotExecuted; reaching it is a finding that ends the launch.
//
// # Threads
//
// The threads of a warp run together while they can. Where a branch parts them, the part that is earlier in the text runs
// first, and parts that meet join again. An instruction with .sync or .aligned waits until the threads that it names are all
// there. Warps of a block take turns at barriers and after a number of instructions, blocks when they run long, in the order
// that a seed gives.
//
// # Checks
//
// Accesses outside an allocation and misaligned ones stop the launch. Reads of registers and bytes that nothing wrote, reads of
// bytes that a cp.async has not delivered yet, conflicting accesses of two warps (or blocks) without order between them,
// threads that a .sync waits for in vain, wrong counts at barriers and deadlocks are findings. Order is that of barriers and
// of release and acquire patterns, as vector clocks of the warps. Lanes of one warp are ordered by bar.warp.sync and by whatever
// else the warp's clock counts; a .sync instruction that exchanges registers orders no memory. Order between blocks is known through atomics with fences; a write
// that follows unordered reads of several blocks is found, but which of them is not known.
package emu

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"sort"

	"github.com/tilec/tilec/codegen/ptx/syntax"
)

// Options of a machine. The zero value checks everything.
type Options struct {
	// NoChecks leaves only what keeps the machine itself safe: bounds, alignment, deadlock.
	NoChecks bool
	// Seed orders warps at random where it is not 0; 0 takes them in turn.
	Seed uint64
	// MaxInstructions is the most warp instructions of a launch; 0 is 2^36.
	MaxInstructions uint64
	// Resident is the number of blocks that launchers of kernels are told the device holds at a time; 0 is 4. It runs one after
	// the other.
	Resident int
	// MaxFindings is the most findings of a launch that are kept; 0 is 16.
	MaxFindings int
}

// Machine is a device: memory and options. It is for one goroutine at a time.
type Machine struct {
	opts    Options
	regions []*region // by base
	next    uint64
}

// New is a machine with empty memory.
func New(o Options) *Machine {
	if o.MaxInstructions == 0 {
		o.MaxInstructions = 1 << 36
	}
	if o.MaxFindings == 0 {
		o.MaxFindings = 16
	}
	if o.Resident <= 0 {
		o.Resident = 4
	}
	return &Machine{opts: o, next: globalBase}
}

// Resident is how many blocks the device is said to hold at a time.
func (m *Machine) Resident() int { return m.opts.Resident }

// Buffer is an allocation in global memory. Its bytes may be read and written between launches.
type Buffer struct {
	// Addr is its address on the machine, a multiple of 256.
	Addr uint64
	// Bytes are its contents.
	Bytes []byte
	r     *region
}

// maxBuffer bounds one allocation.
const maxBuffer = 1 << 32

// Alloc is a buffer of size bytes that nothing has written: reading it before the kernel writes it is a finding.
func (m *Machine) Alloc(name string, size int) (*Buffer, error) {
	r, err := m.allocate(name, size)
	if err != nil {
		return nil, err
	}
	r.init = make([]byte, size+vectorPad)
	for i := range r.data {
		r.data[i] = 0xff // NaN in every float
	}
	return &Buffer{r.base, r.data[:size:size], r}, nil
}

// Upload is a buffer with a copy of data.
func (m *Machine) Upload(name string, data []byte) (*Buffer, error) {
	r, err := m.allocate(name, len(data))
	if err != nil {
		return nil, err
	}
	copy(r.data, data)
	return &Buffer{r.base, r.data[:len(data):len(data)], r}, nil
}

// Zeros is a buffer of size zero bytes.
func (m *Machine) Zeros(name string, size int) (*Buffer, error) {
	r, err := m.allocate(name, size)
	if err != nil {
		return nil, err
	}
	return &Buffer{r.base, r.data[:size:size], r}, nil
}

// Written says that all bytes of the buffer have been written, from outside.
func (b *Buffer) Written() { b.r.init = nil }

// vectorPad is how many bytes a region has behind its end, so that whole words can be looked at.
const vectorPad = 16

func (m *Machine) allocate(name string, size int) (*region, error) {
	if size < 0 || size > maxBuffer {
		return nil, fmt.Errorf("a buffer of %d bytes: 0 to %d are possible", size, int64(maxBuffer))
	}
	// Memory is had in whole words, so that a narrow element can be changed within its word.
	size = (size + 3) &^ 3
	r := &region{name: name, base: m.next, size: uint64(size), data: alignedBytes(size + vectorPad)[:size], space: "global"}
	m.next += (uint64(size)+255)&^255 + guard
	m.regions = append(m.regions, r)
	return r, nil
}

// find is the region that holds the address, nil where there is none.
func (m *Machine) find(addr uint64) *region {
	i := sort.Search(len(m.regions), func(i int) bool { return m.regions[i].base > addr })
	if i == 0 {
		return nil
	}
	if r := m.regions[i-1]; addr-r.base < r.size {
		return r
	}
	return nil
}

// nearest describes where an address that is in no region lies.
func (m *Machine) nearest(addr uint64) string {
	i := sort.Search(len(m.regions), func(i int) bool { return m.regions[i].base > addr })
	if i > 0 {
		if r := m.regions[i-1]; addr-r.base-r.size < 1<<20 {
			return fmt.Sprintf("%d bytes behind the end of %s, which has %d bytes", addr-r.base-r.size, r.name, r.size)
		}
	}
	if i < len(m.regions) && m.regions[i].base-addr < 1<<20 {
		return fmt.Sprintf("%d bytes before %s", m.regions[i].base-addr, m.regions[i].name)
	}
	return "in no allocation"
}

// Launch says what to run.
type Launch struct {
	Kernel string
	Grid   [3]int // zeros count as 1
	Block  [3]int
	Shared int // bytes of dynamic shared memory
	// Args are the kernel's arguments in order: *Buffer for an address, or a number or bytes of the parameter's size.
	Args []any
	// InOrder runs one block after the other.
	InOrder bool
	// Progress, if set, is told now and then how many blocks have ended; where it gives false the launch ends with ErrEnded.
	Progress func(done int) bool
}

// ErrEnded is the error of a launch that its Progress ended.
var ErrEnded = errors.New("the launch was ended")

const maxBlocks = 1 << 40

// Launch runs a kernel to its end. The error says why it could not be run at all; what went wrong in it is in the report.
func (p *Program) Launch(l Launch) (*Report, error) {
	k, err := p.kernel(l.Kernel)
	if err != nil {
		return nil, err
	}
	for i := range 3 {
		if l.Grid[i] == 0 {
			l.Grid[i] = 1
		}
		if l.Block[i] == 0 {
			l.Block[i] = 1
		}
		if l.Grid[i] < 0 || l.Block[i] < 0 || l.Grid[i] > 1<<31-1 || l.Block[i] > 1024 || i > 0 && l.Grid[i] > 65535 || i == 2 && l.Block[i] > 64 {
			return nil, fmt.Errorf("%s: a grid of %v blocks of %v threads is not possible", l.Kernel, l.Grid, l.Block)
		}
	}
	blocks := l.Grid[0] * l.Grid[1] * l.Grid[2]
	threads := l.Block[0] * l.Block[1] * l.Block[2]
	switch {
	case threads > 1024 || blocks > maxBlocks:
		return nil, fmt.Errorf("%s: %d blocks of %d threads: at most %d of 1024", l.Kernel, blocks, threads, int64(maxBlocks))
	case k.fn.ReqNTid != [3]int{} && k.fn.ReqNTid != l.Block:
		return nil, fmt.Errorf("%s: blocks of %v threads, .reqntid asks for %v", l.Kernel, l.Block, k.fn.ReqNTid)
	case k.fn.MaxNTid != [3]int{} && threads > k.fn.MaxNTid[0]*k.fn.MaxNTid[1]*k.fn.MaxNTid[2]:
		return nil, fmt.Errorf("%s: blocks of %d threads, .maxntid allows %v", l.Kernel, threads, k.fn.MaxNTid)
	case l.Shared < 0 || k.shared+l.Shared > p.mod.Target.Shared():
		return nil, fmt.Errorf("%s: %d + %d bytes of shared memory, %d are the most on %s", l.Kernel, k.shared, l.Shared, p.mod.Target.Shared(), p.mod.Target)
	}
	params, err := encodeArgs(k.fn, l.Args)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", l.Kernel, err)
	}
	r := newRun(p, k, l, params, threads)
	if n := r.footprint(); n > residentBytes {
		return nil, fmt.Errorf("%s: a block takes %d bytes here, %d are the most", l.Kernel, n, residentBytes)
	}
	if !r.all(blocks) {
		return nil, ErrEnded
	}
	return r.finish(), nil
}

// encodeArgs lays the arguments out as the parameters are.
func encodeArgs(fn *syntax.Func, args []any) ([]byte, error) {
	if len(args) != len(fn.Params) {
		return nil, fmt.Errorf("%d arguments, %d parameters", len(args), len(fn.Params))
	}
	size := int64(0)
	for _, v := range fn.Params {
		size = max(size, v.Offset+v.Size)
	}
	out := alignedBytes(int(size) + vectorPad)[:size]
	for i, v := range fn.Params {
		b, err := encodeArg(args[i])
		if err != nil {
			return nil, fmt.Errorf("argument %d: %w", i+1, err)
		}
		if int64(len(b)) != v.Size {
			return nil, fmt.Errorf("argument %d has %d bytes, parameter %s %d", i+1, len(b), v.Name, v.Size)
		}
		copy(out[v.Offset:], b)
	}
	return out, nil
}

func encodeArg(a any) ([]byte, error) {
	le := binary.LittleEndian
	switch a := a.(type) {
	case *Buffer:
		if a == nil {
			return make([]byte, 8), nil
		}
		return le.AppendUint64(nil, a.Addr), nil
	case uint64:
		return le.AppendUint64(nil, a), nil
	case int64:
		return le.AppendUint64(nil, uint64(a)), nil
	case uint32:
		return le.AppendUint32(nil, a), nil
	case int32:
		return le.AppendUint32(nil, uint32(a)), nil
	case uint16:
		return le.AppendUint16(nil, a), nil
	case int16:
		return le.AppendUint16(nil, uint16(a)), nil
	case uint8:
		return []byte{a}, nil
	case int8:
		return []byte{byte(a)}, nil
	case float32:
		return le.AppendUint32(nil, math.Float32bits(a)), nil
	case float64:
		return le.AppendUint64(nil, math.Float64bits(a)), nil
	case []byte:
		return a, nil
	}
	return nil, fmt.Errorf("a %T is no argument: buffers, numbers of fixed size and bytes are", a)
}
