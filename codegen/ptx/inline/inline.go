// Package inline runs the instructions that a program writes with asm, element by element, on the emulator.
package inline

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/tilec/tilec/codegen/ptx"
	"github.com/tilec/tilec/codegen/ptx/asm"
	"github.com/tilec/tilec/codegen/ptx/emu"
	"github.com/tilec/tilec/codegen/ptx/syntax"
	"github.com/tilec/tilec/ir/dtype"
)

// Runner runs instructions. Each text is compiled once for each list of types. It is for any number of goroutines; the zero
// value is ready.
type Runner struct {
	mu    sync.Mutex
	known map[string]*kernel
}

// kernel is a text for elements of some types, as a kernel of the parameters n, the number of elements, and the tensors of
// $0, $1 and so on, an element in a word of its register's size.
type kernel struct {
	mod   *syntax.Module
	err   error
	types []dtype.Type // of $0, $1 and so on

	mu   sync.Mutex
	idle []*device
}

// device is a machine that has a kernel, for one goroutine at a time.
type device struct {
	program *emu.Program
	args    []any
	tensors []*emu.Buffer
}

const (
	threads = 32   // of a block
	chunk   = 1024 // the most elements of a launch
)

// sm is the processor whose instructions are taken.
var sm = ptx.Target{SM: 80}

// Run computes an element of type result from those of in, which have the given types, for each element: instructions are as
// in [ir.AsmOf], elements are codes ([dtype.Type.Decode]), equally many in each list of in. An error says which instruction of
// the text is none, needs other threads or memory, is not executed, or what it gives that is no value of the type.
func (r *Runner) Run(target, text string, result dtype.Type, types []dtype.Type, in [][]uint64) ([]uint64, error) {
	if target != "ptx" {
		return nil, fmt.Errorf("instructions of %s are not run here", target)
	}
	k := r.kernel(text, append([]dtype.Type{result}, types...))
	if k.err != nil {
		return nil, fmt.Errorf("asm %q: %w", text, k.err)
	}
	d, err := k.take()
	if err != nil {
		return nil, err
	}
	out := make([]uint64, 0, len(in[0]))
	for len(out) < len(in[0]) {
		if out, err = k.run(d, in, out); err != nil {
			return nil, fmt.Errorf("asm %q: %w", text, err)
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.idle = append(k.idle, d)
	return out, nil
}

// kernel is the one of a text and types.
func (r *Runner) kernel(text string, types []dtype.Type) *kernel {
	key := fmt.Sprint(types, text)
	r.mu.Lock()
	defer r.mu.Unlock()
	k := r.known[key]
	if k == nil {
		k = &kernel{types: types}
		if k.err = check(text, types); k.err == nil {
			k.mod, k.err = compile(text, types)
		}
		if r.known == nil {
			r.known = map[string]*kernel{}
		}
		r.known[key] = k
	}
	return k
}

// check refuses what is no function of an element: whatever depends on other threads, on memory or on where it runs.
func check(text string, types []dtype.Type) error {
	b := asm.NewBuilder()
	var list []asm.Arg
	for _, t := range types {
		if t == dtype.Bool {
			return fmt.Errorf("a bool is in no register: give it as u8")
		}
		list = append(list, asm.R(b.Reg(asm.ClassOf(room(t)*8))))
	}
	b.Inline(text, list)
	b.Emit("ret")
	mod, err := parse(&asm.Kernel{Name: "text", Threads: threads, Builder: b})
	if err != nil {
		return err
	}
	if len(mod.Funcs) != 1 || len(mod.Vars) > 0 {
		return fmt.Errorf("instructions are wanted, and nothing else")
	}
	body := mod.Funcs[0].Body
	for _, in := range body[:len(body)-1] {
		switch emu.ClassOf(in) {
		case emu.IntegerClass, emu.FloatClass, emu.ConvertClass, emu.MoveClass:
		default:
			return fmt.Errorf("%s is not run here: it is more than a function of an element", in.Name())
		}
		if slices.Contains(in.Mods, ".sync") {
			return fmt.Errorf("%s is not run here: it needs a whole warp", in.Name())
		}
		for _, a := range in.Args {
			if a.Kind == syntax.SpecialOperand {
				return fmt.Errorf("%s is not run here: %s depends on where an element is computed", in.Name(), a.Name)
			}
		}
	}
	m := emu.New(emu.Options{})
	p, err := m.Load(mod)
	if err != nil {
		return err
	}
	if bad := p.NotExecuted("text"); len(bad) > 0 {
		_, name, _ := strings.Cut(bad[0], " ")
		return fmt.Errorf("%s is not executed by the emulator", name)
	}
	return nil
}

// compile makes the kernel.
func compile(text string, types []dtype.Type) (*syntax.Module, error) {
	b := asm.NewBuilder()
	k := &asm.Kernel{Name: "text", Threads: threads, Builder: b, Params: []asm.Param{{Name: "n", Bits: 32}}}
	i := b.Do("mov.u32", asm.W, asm.Text("%ctaid.x"))
	lane := b.Do("mov.u32", asm.W, asm.Text("%tid.x"))
	at := b.Do("mad.lo.u32", asm.W, asm.R(i), asm.Int(threads), asm.R(lane))
	n := b.Do("ld.param.u32", asm.W, asm.Sym("n", 0))
	past := b.Do("setp.ge.u32", asm.P, asm.R(at), asm.R(n))
	b.EmitIf(asm.R(past), "ret")
	var list []asm.Arg
	var places []asm.Reg
	for j, t := range types {
		name := fmt.Sprintf("x%d", j)
		k.Params = append(k.Params, asm.Param{Name: name, Bits: 64})
		base := b.Do("ld.param.u64", asm.D, asm.Sym(name, 0))
		place := b.Do("mad.wide.u32", asm.D, asm.R(at), asm.Int(int64(room(t))), asm.R(base))
		places = append(places, place)
		c := asm.ClassOf(room(t) * 8)
		if j == 0 {
			list = append(list, asm.R(b.Reg(c)))
		} else {
			list = append(list, asm.R(b.Do("ld.global.b"+c.Suffix(), c, asm.At(place, 0))))
		}
	}
	b.Inline(text, list)
	b.Emit("st.global.b"+asm.ClassOf(room(types[0])*8).Suffix(), asm.At(places[0], 0), list[0])
	b.Emit("ret")
	return parse(k)
}

// parse gives the first error without its place, which is not one of the program.
func parse(k *asm.Kernel) (*syntax.Module, error) {
	text, _ := asm.Module(sm, ptx.NewestVersion, []*asm.Kernel{k})
	mod, err := syntax.Parse(text)
	if list, ok := err.(syntax.Errors); ok {
		return nil, fmt.Errorf("%s", list[0].Msg)
	}
	return mod, err
}

// room is how many bytes an element's register has.
func room(t dtype.Type) int {
	if t.Bits() > 32 {
		return 8
	}
	return 4
}

// take gives a machine that nothing uses.
func (k *kernel) take() (*device, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if last := len(k.idle) - 1; last >= 0 {
		d := k.idle[last]
		k.idle = k.idle[:last]
		return d, nil
	}
	m := emu.New(emu.Options{})
	p, err := m.Load(k.mod)
	if err != nil {
		return nil, err
	}
	d := &device{program: p, args: []any{uint32(0)}}
	for j, t := range k.types {
		b, err := m.Zeros(fmt.Sprintf("$%d", j), chunk*room(t))
		if err != nil {
			return nil, err
		}
		d.args, d.tensors = append(d.args, b), append(d.tensors, b)
	}
	return d, nil
}

// run appends the next elements of the result.
func (k *kernel) run(d *device, in [][]uint64, out []uint64) ([]uint64, error) {
	first := len(out)
	n := min(len(in[0])-first, chunk)
	for j, list := range in {
		t, data := k.types[j+1], d.tensors[j+1].Bytes
		for i, code := range list[first : first+n] {
			put(data, i, room(t), widen(t, code))
		}
	}
	d.args[0] = uint32(n)
	report, err := d.program.Launch(emu.Launch{Kernel: "text", Grid: [3]int{(n + threads - 1) / threads}, Block: [3]int{threads}, Args: d.args})
	if err != nil {
		return nil, err
	}
	if len(report.Findings) > 0 {
		f := report.Findings[0]
		return nil, fmt.Errorf("%s: %s", f.Kind, f.Text)
	}
	t, data := k.types[0], d.tensors[0].Bytes
	for i := range n {
		x := get(data, i, room(t))
		code := x & (^uint64(0) >> (64 - t.Bits()))
		if whole := widen(t, code); room(t) == 8 && x != whole || room(t) == 4 && uint32(x) != uint32(whole) {
			return nil, fmt.Errorf("$0 is %#x, which is no %s", x, t)
		}
		out = append(out, code)
	}
	return out, nil
}

// widen is what a register holds of an element: of an integer its value, of all else the code with zeros above.
func widen(t dtype.Type, code uint64) uint64 {
	if t.Kind == dtype.IntKind || t.Kind == dtype.UintKind {
		return uint64(t.DecodeInt(code))
	}
	return code
}

func put(data []byte, i, size int, x uint64) {
	if size == 8 {
		binary.LittleEndian.PutUint64(data[8*i:], x)
	} else {
		binary.LittleEndian.PutUint32(data[4*i:], uint32(x))
	}
}

func get(data []byte, i, size int) uint64 {
	if size == 8 {
		return binary.LittleEndian.Uint64(data[8*i:])
	}
	return uint64(binary.LittleEndian.Uint32(data[4*i:]))
}
