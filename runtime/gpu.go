package runtime

import (
	"context"
	"fmt"
	goruntime "runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/tilec/tilec/codegen"
	"github.com/tilec/tilec/codegen/ptx"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
	"github.com/tilec/tilec/ir/interp"
	"github.com/tilec/tilec/runtime/array"
	"github.com/tilec/tilec/runtime/cuda"
)

// gpu is a GPU that the CUDA driver has.
type gpu struct {
	*cuda.Device
	number int
	target ptx.Target
}

// driver is the CUDA driver of this machine, looked for when it is first asked for.
var driver = sync.OnceValues(cuda.Find)

// GPUs are the names of the GPUs of this machine that kernels are compiled for.
func GPUs() []string {
	d, err := driver()
	if err != nil {
		return nil
	}
	list, err := cuda.List(d)
	if err != nil {
		return nil
	}
	var names []string
	for i := range list {
		if _, err := gpuTarget(&list[i]); err == nil {
			names = append(names, "cuda:"+strconv.Itoa(i))
		}
	}
	return names
}

// openGPU opens cuda:NUMBER, or cuda, the first.
func openGPU(name string) (Device, error) {
	_, rest, given := strings.Cut(name, ":")
	n := 0
	if given {
		var err error
		if n, err = strconv.Atoi(rest); err != nil || n < 0 {
			return nil, fmt.Errorf("device %s: the devices of the CUDA driver are cuda:0, cuda:1 and so on", name)
		}
	}
	d, err := driver()
	if err != nil {
		return nil, fmt.Errorf("device %s: %w", name, err)
	}
	return GPU(d, n)
}

// GPU is the device cuda:NUMBER of a driver.
func GPU(d cuda.Driver, number int) (Device, error) {
	name := "cuda:" + strconv.Itoa(number)
	device, err := cuda.Open(d, number)
	if err != nil {
		return nil, fmt.Errorf("device %s: %w", name, err)
	}
	target, err := gpuTarget(&device.Info)
	if err != nil {
		device.Close()
		return nil, fmt.Errorf("device %s: %w", name, err)
	}
	return &gpu{device, number, target}, nil
}

// gpuTarget is the target whose text a GPU runs, which the driver compiles for it: of those of its own compute capability or of
// an earlier one whose blocks have room on it, the one whose blocks have most shared memory, and of equals the latest. So
// capability 9.0 takes sm_80 before sm_89.
func gpuTarget(i *cuda.Info) (ptx.Target, error) {
	best := ptx.Target{}
	for _, name := range emulated {
		t, err := ptx.ParseTarget(name)
		if err != nil {
			return t, err
		}
		room := (ptx.Target{SM: i.Capability()}).Shared()
		switch {
		case t.SM > i.Capability() || t.Variant != 0 && t.SM != i.Capability():
		case best.SM == 0, t.Shared() <= room && (best.Shared() > room || t.Shared() >= best.Shared()):
			best = t
		}
	}
	if best.SM == 0 {
		return best, fmt.Errorf("%s has compute capability %d.%d: kernels are compiled for %s and later", i.Name, i.Major, i.Minor, emulated[0])
	}
	return best, nil
}

func (d *gpu) Name() string   { return "cuda:" + strconv.Itoa(d.number) }
func (d *gpu) Target() string { return d.target.String() }
func (d *gpu) Level() string  { return "" }

func (d *gpu) About() string {
	return fmt.Sprintf("%s, compute capability %d.%d, %d multiprocessors, %s, CUDA %s", d.Device.Name, d.Major, d.Minor, d.Multiprocessors,
		bytesText(d.Memory), cuda.VersionText(d.Version))
}

// Limits has the memory of the GPU, all of it where what is free is not known.
func (d *gpu) Limits() Limits {
	free, err := d.Available()
	if err != nil {
		free = d.Memory
	}
	return Limits{Workers: d.Multiprocessors, Memory: free}
}

// Upload copies an array to the GPU, where launches use it as it is until the buffer is freed.
func (d *gpu) Upload(a *array.Array, layout string) (*Buffer, error) {
	if layout != "" {
		return nil, fmt.Errorf("device %s has no layout %s: it takes dense tensors", d.Name(), layout)
	}
	b, err := share(a)
	if err != nil {
		return nil, err
	}
	n, err := array.Count(a.Elem, a.Shape)
	if err != nil {
		return nil, err
	}
	size := dtype.StreamBytes(a.Elem.Bits(), n)
	m, err := d.alloc(size)
	if err != nil {
		return nil, err
	}
	if err := d.Write(m.at, a.Data[:size]); err != nil {
		m.free()
		return nil, err
	}
	b.Shape = slices.Clone(a.Shape)
	b.data, b.remote = array.Bytes(size), m
	goruntime.AddCleanup(b, (*gpuMemory).free, m)
	return b, nil
}

// gpuMemory is an allocation on a GPU.
type gpuMemory struct {
	device *gpu
	at     cuda.Address
	size   int
	once   sync.Once
}

func (d *gpu) alloc(size int) (*gpuMemory, error) {
	at, err := d.Alloc(int64(size))
	return &gpuMemory{device: d, at: at, size: size}, err
}

// free frees the memory, once. On a closed or lost device nothing is left to free.
func (m *gpuMemory) free() { m.once.Do(func() { m.device.Free(m.at) }) }

// Load has the driver compile the artefact's PTX.
func (d *gpu) Load(fn *ir.Func, a *codegen.Artefact) (*Kernel, error) {
	return load(d, fn, a, func(text string) (code, error) {
		m, err := d.Device.Load(text)
		if err != nil {
			return nil, err
		}
		c := &gpuCode{device: d, module: m, functions: map[string]cuda.Function{}}
		goruntime.AddCleanup(c, func(m cuda.Module) { d.Unload(m) }, m)
		return c, nil
	})
}

// gpuCode is a module that the driver has.
type gpuCode struct {
	device    *gpu
	module    cuda.Module
	functions map[string]cuda.Function // by their names
}

func (c *gpuCode) entry(p *codegen.Phase) (err error) {
	c.functions[p.Entry], err = c.device.Function(c.module, p.Entry, p.Threads, p.Shared)
	return err
}

// machine allocates nothing yet: memory is taken where it is first asked for, and kept for the runs that follow.
func (c *gpuCode) machine(_ *ir.Func, b *binding) (machine, error) {
	return &gpuMachine{code: c, binding: b, held: map[any]*gpuMemory{}}, nil
}

// gpuMachine is the memory of a launch on a GPU.
type gpuMachine struct {
	code    *gpuCode
	binding *binding
	ctx     context.Context
	options Options
	held    map[any]*gpuMemory // by the number of an argument, a temp, the name of a block
}

// get is the memory of something that is held, as large as it must be.
func (m *gpuMachine) get(what any, size int) (*gpuMemory, error) {
	if g := m.held[what]; g != nil {
		if g.size == size {
			return g, nil
		}
		delete(m.held, what)
		g.free()
	}
	g, err := m.code.device.alloc(size)
	if err == nil {
		m.held[what] = g
	}
	return g, err
}

func (m *gpuMachine) close() {
	for _, g := range m.held {
		g.free()
	}
	clear(m.held)
}

func (m *gpuMachine) begin(ctx context.Context, o Options) error {
	m.ctx, m.options = ctx, o
	return nil
}

// memoryLimit is none: what does not fit into the GPU is refused when it is allocated.
func (m *gpuMachine) memoryLimit() int64 { return 1 << 62 }

// gpuView is a memory with what the host program sees of it.
type gpuView struct {
	*gpuMemory
	seen     []byte
	resident bool // it is a buffer's, and stays on the GPU
}

func (v *gpuView) host() []byte { return v.seen }

func (v *gpuView) pull(n int) error {
	if n < 0 {
		n = len(v.seen)
	}
	return v.device.Read(v.seen[:n], v.at)
}

func (v *gpuView) push() error { return v.device.Write(v.at, v.seen) }

func (v *gpuView) result(to []byte) error {
	if v.resident {
		return nil
	}
	return v.device.Read(to, v.at)
}

// unwritten is what the bytes are that nothing has written: floats are NaN.
const unwritten = 0xff

func (m *gpuMachine) tensor(i int, p *ir.Param) (memory, error) {
	data := m.binding.args[i].Tensor.Data
	d := m.code.device
	if b := m.binding.buffers[i]; b != nil && b.on(d) {
		return &gpuView{b.remote, data, true}, nil
	}
	g, err := m.get(i, len(data))
	if err != nil {
		return nil, err
	}
	if p.Role == ir.Out {
		err = d.Fill(g.at, unwritten, int64(len(data)))
	} else {
		err = d.Write(g.at, data)
	}
	return &gpuView{g, data, false}, err
}

func (m *gpuMachine) temp(o *ir.Op, bytes int, host bool) (memory, error) {
	held := m.held[o.Result()]
	g, err := m.get(o.Result(), bytes)
	if err != nil {
		return nil, err
	}
	v := &gpuView{gpuMemory: g}
	if host {
		v.seen = make([]byte, bytes)
	}
	switch {
	case !o.Flag("zero"):
		err = m.code.device.Fill(g.at, unwritten, int64(bytes))
	case g != held: // else the run before has left zeros
		err = m.code.device.Fill(g.at, 0, int64(bytes))
	}
	return v, err
}

func (m *gpuMachine) resident(p *codegen.Phase) (int64, error) {
	d := m.code.device
	n := 0
	err := d.Do(func(r cuda.Driver) (err error) {
		n, err = r.Resident(m.code.functions[p.Entry], p.Threads, p.Shared)
		return err
	})
	return int64(n) * int64(d.Multiprocessors), err
}

func (m *gpuMachine) block(name string, first []byte, bytes int) (memory, error) {
	g, err := m.get(name, bytes)
	if err != nil {
		return nil, err
	}
	d := m.code.device
	if err := d.Fill(g.at, 0, int64(bytes)); err != nil {
		return nil, err
	}
	return &gpuView{g, array.Bytes(bytes), false}, d.Write(g.at, first)
}

func (m *gpuMachine) launch(k *kernelLaunch) (found, err error) {
	p := k.phase
	l := &cuda.Launch{Grid: [3]uint32{uint32(k.blocks), 1, 1}, Block: [3]uint32{uint32(p.Threads), 1, 1}, Shared: uint32(p.Shared)}
	for _, a := range k.args {
		switch a := a.(type) {
		case *gpuView:
			l.Params = append(l.Params, uint64(a.at))
		case uint32:
			l.Params = append(l.Params, uint64(a))
		case uint64:
			l.Params = append(l.Params, a)
		case int64: // a size or a stride
			l.Params = append(l.Params, uint64(a))
		default:
			return nil, fmt.Errorf("a parameter of %T", a)
		}
	}
	f := m.code.functions[p.Entry]
	err = m.code.device.Do(func(d cuda.Driver) error {
		if m.options.Took == nil {
			if err := d.Launch(f, l); err != nil {
				return err
			}
			return d.Synchronise()
		}
		took, err := timed(d, f, l)
		if err == nil {
			m.options.Took(p.Name, took)
		}
		return err
	})
	if err != nil {
		return nil, &gpuFault{p.Entry, err}
	}
	return nil, nil
}

// timed launches a kernel between two events, and waits.
func timed(d cuda.Driver, f cuda.Function, l *cuda.Launch) (time.Duration, error) {
	from, err := d.NewEvent()
	if err != nil {
		return 0, err
	}
	defer d.DropEvent(from)
	to, err := d.NewEvent()
	if err != nil {
		return 0, err
	}
	defer d.DropEvent(to)
	if err := d.Record(from); err != nil {
		return 0, err
	}
	if err := d.Launch(f, l); err != nil {
		return 0, err
	}
	if err := d.Record(to); err != nil {
		return 0, err
	}
	if err := d.Synchronise(); err != nil {
		return 0, err
	}
	return d.Elapsed(from, to)
}

// gpuFault is what a launch has ended with.
type gpuFault struct {
	kernel string
	error
}

func (f *gpuFault) Error() string { return "kernel " + f.kernel + ": " + f.error.Error() }
func (f *gpuFault) Unwrap() error { return f.error }

// gpuKind is the driver's refusal as the kind of a fault. What no program in the language can do is a failure of the
// compiler.
func gpuKind(r cuda.Result) interp.Kind {
	switch r {
	case cuda.OutOfMemory, cuda.OutOfResources, cuda.LaunchTimeout:
		return interp.Limit
	case cuda.IllegalAddress:
		return interp.Bounds
	}
	return interp.Internal
}
