package runtime_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/tilec/tilec/codegen/ptx/emu"
	"github.com/tilec/tilec/codegen/ptx/syntax"
	"github.com/tilec/tilec/runtime/cuda"
)

// fakeDriver is a CUDA driver with one device, whose memory and kernels are the emulator's.
type fakeDriver struct {
	capability, version int
	memory              int64 // bytes that can be allocated
	compiles            int   // the latest version of PTX it takes, as 80 for 8.0
	sharedMost          int
	launchFails         cuda.Result // what the next launch gives

	mu        sync.Mutex
	machine   *emu.Machine
	modules   []*emu.Program
	functions []*fakeFunction
	buffers   map[cuda.Address]*emu.Buffer
	used      int64
	retained  int
	loaded    int
	lost      cuda.Result // what every call gives since a kernel's fault
	writes    int         // copies to the device of more than the first bytes of a print buffer
	clock     time.Duration
	events    []time.Duration
}

type fakeFunction struct {
	program *emu.Program
	name    string
	params  []*syntax.Var
	shared  int // what it may ask for
}

const fakeContext = 77

func newFake() *fakeDriver {
	return &fakeDriver{capability: 90, version: 12040, memory: 1 << 30, compiles: 84, sharedMost: 232448, machine: emu.New(emu.Options{}),
		buffers: map[cuda.Address]*emu.Buffer{}}
}

// fail is a call that the driver refuses.
func fail(call string, code cuda.Result) error { return &cuda.Error{Call: call, Code: code} }

func (d *fakeDriver) Init() error           { return nil }
func (d *fakeDriver) Version() (int, error) { return d.version, nil }
func (d *fakeDriver) Count() (int, error)   { return 1, nil }

func (d *fakeDriver) Name(int) (string, error) { return "Fake GPU", nil }

func (d *fakeDriver) Attribute(_ int, a cuda.DeviceAttribute) (int, error) {
	switch a {
	case cuda.CapabilityMajor:
		return d.capability / 10, nil
	case cuda.CapabilityMinor:
		return d.capability % 10, nil
	case cuda.Multiprocessors:
		return 132, nil
	case cuda.SharedMemoryAsking:
		return d.sharedMost, nil
	}
	return 0, fail("cuDeviceGetAttribute", 1)
}

func (d *fakeDriver) Memory(int) (int64, error) { return d.memory, nil }

func (d *fakeDriver) Retain(int) (cuda.Context, error) {
	d.retained++
	return fakeContext, nil
}

func (d *fakeDriver) Release(int) error {
	d.retained--
	return nil
}

func (d *fakeDriver) Enter(c cuda.Context) error {
	if c != fakeContext {
		return fail("cuCtxSetCurrent", 201)
	}
	return nil
}

func (d *fakeDriver) Available() (free, total int64, err error) {
	return d.memory - d.used, d.memory, nil
}

func (d *fakeDriver) Synchronise() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.alive("cuCtxSynchronize")
}

// alive is the error of a call in a context that a fault has ended.
func (d *fakeDriver) alive(call string) error {
	if d.lost != 0 {
		return fail(call, d.lost)
	}
	return nil
}

func (d *fakeDriver) Load(text string) (cuda.Module, string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	mod, err := syntax.Parse(text)
	if err != nil {
		return 0, "ptxas fatal : " + err.Error(), fail("cuModuleLoadDataEx", cuda.InvalidPTX)
	}
	if int(mod.Version) > d.compiles {
		return 0, "", fail("cuModuleLoadDataEx", cuda.UnsupportedPTXVersion)
	}
	p, err := d.machine.Load(mod)
	if err != nil {
		return 0, err.Error(), fail("cuModuleLoadDataEx", cuda.InvalidPTX)
	}
	d.loaded++
	d.modules = append(d.modules, p)
	for _, f := range mod.Funcs {
		d.functions = append(d.functions, &fakeFunction{program: p, name: f.Name, params: f.Params, shared: 48 << 10})
	}
	return cuda.Module(len(d.modules)), "", nil
}

func (d *fakeDriver) Unload(cuda.Module) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.loaded--
	return nil
}

func (d *fakeDriver) Function(m cuda.Module, name string) (cuda.Function, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	i := slices.IndexFunc(d.functions, func(f *fakeFunction) bool { return f.program == d.modules[m-1] && f.name == name })
	if i < 0 {
		return 0, fail("cuModuleGetFunction", cuda.NotFound)
	}
	return cuda.Function(i + 1), nil
}

func (d *fakeDriver) FunctionAttribute(_ cuda.Function, a cuda.FunctionAttribute) (int, error) {
	return map[cuda.FunctionAttribute]int{cuda.MaxThreads: 512, cuda.StaticShared: 16, cuda.Registers: 128}[a], nil
}

func (d *fakeDriver) SetFunctionAttribute(f cuda.Function, a cuda.FunctionAttribute, value int) error {
	if a != cuda.DynamicShared || value+16 > d.sharedMost {
		return fail("cuFuncSetAttribute", 1)
	}
	d.functions[f-1].shared = value
	return nil
}

func (d *fakeDriver) Resident(f cuda.Function, threads int, shared int64) (int, error) {
	if threads > 512 || int(shared) > d.functions[f-1].shared {
		return 0, fail("cuOccupancyMaxActiveBlocksPerMultiprocessor", 1)
	}
	return 1, nil
}

func (d *fakeDriver) Launch(f cuda.Function, l *cuda.Launch) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.alive("cuLaunchKernel"); err != nil {
		return err
	}
	if code := d.launchFails; code != 0 {
		d.launchFails = 0
		return fail("cuLaunchKernel", code)
	}
	g := d.functions[f-1]
	if int(l.Shared) > g.shared {
		return fail("cuLaunchKernel", 1)
	}
	n := emu.Launch{Kernel: g.name, Shared: int(l.Shared)}
	for i := range 3 {
		n.Grid[i], n.Block[i] = int(l.Grid[i]), int(l.Block[i])
	}
	for i, p := range g.params { // the driver reads of each word as much as the parameter has
		if p.Size == 4 {
			n.Args = append(n.Args, uint32(l.Params[i]))
		} else {
			n.Args = append(n.Args, l.Params[i])
		}
	}
	report, err := g.program.Launch(n)
	if err != nil {
		return fmt.Errorf("%w: %w", fail("cuLaunchKernel", 1), err)
	}
	d.clock += time.Millisecond
	for _, f := range report.Findings {
		switch f.Kind {
		case emu.OutOfBounds:
			d.lost = cuda.IllegalAddress
		case emu.Misaligned:
			d.lost = cuda.MisalignedAddress
		case emu.Trapped:
			d.lost = cuda.LaunchFailed
		}
	}
	return nil
}

func (d *fakeDriver) Alloc(n int64) (cuda.Address, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.alive("cuMemAlloc"); err != nil {
		return 0, err
	}
	if d.used+n > d.memory {
		return 0, fail("cuMemAlloc", cuda.OutOfMemory)
	}
	b, err := d.machine.Alloc("memory", int(n))
	if err != nil {
		return 0, err
	}
	d.used += n
	d.buffers[cuda.Address(b.Addr)] = b
	return cuda.Address(b.Addr), nil
}

func (d *fakeDriver) Free(at cuda.Address) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	b := d.buffers[at]
	if b == nil {
		return fail("cuMemFree", 1)
	}
	d.used -= int64(len(b.Bytes))
	delete(d.buffers, at)
	return nil
}

// at is the memory of so many bytes at the beginning of an allocation.
func (d *fakeDriver) at(call string, at cuda.Address, n int) (*emu.Buffer, error) {
	if err := d.alive(call); err != nil {
		return nil, err
	}
	b := d.buffers[at]
	if b == nil || n > len(b.Bytes) {
		return nil, fail(call, 1)
	}
	return b, nil
}

func (d *fakeDriver) Write(to cuda.Address, data []byte) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	b, err := d.at("cuMemcpyHtoD", to, len(data))
	if err != nil {
		return err
	}
	if len(data) == len(b.Bytes) {
		d.writes++
	}
	copy(b.Bytes, data)
	b.Written()
	return nil
}

func (d *fakeDriver) Read(data []byte, from cuda.Address) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	b, err := d.at("cuMemcpyDtoH", from, len(data))
	if err == nil {
		copy(data, b.Bytes)
	}
	return err
}

func (d *fakeDriver) Fill(at cuda.Address, value byte, n int64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	b, err := d.at("cuMemsetD8", at, int(n))
	if err != nil {
		return err
	}
	for i := range b.Bytes[:n] {
		b.Bytes[i] = value
	}
	if value == 0 {
		b.Written()
	}
	return nil
}

func (d *fakeDriver) NewEvent() (cuda.Event, error) {
	d.events = append(d.events, -1)
	return cuda.Event(len(d.events)), nil
}

func (d *fakeDriver) DropEvent(cuda.Event) error { return nil }

func (d *fakeDriver) Record(e cuda.Event) error {
	d.events[e-1] = d.clock
	return nil
}

func (d *fakeDriver) Elapsed(from, to cuda.Event) (time.Duration, error) {
	if d.events[from-1] < 0 || d.events[to-1] < 0 {
		return 0, errors.New("an event that was not recorded")
	}
	return d.events[to-1] - d.events[from-1], nil
}
