package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"slices"
	"strings"

	"github.com/tilec/tilec/codegen"
	"github.com/tilec/tilec/codegen/cpu"
	"github.com/tilec/tilec/codegen/ptx/emu"
	"github.com/tilec/tilec/codegen/toolchain"
	"github.com/tilec/tilec/dsl/check"
	"github.com/tilec/tilec/dsl/compile"
	"github.com/tilec/tilec/dsl/typed"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/runtime"
	"github.com/tilec/tilec/runtime/jit"
)

// deviceFlags are -target and -on.
type deviceFlags struct{ target, on *string }

func addDeviceFlags(fs *flag.FlagSet) deviceFlags {
	return deviceFlags{
		fs.String("target", "", "the target `name`: interp, cpu, cpu:LEVEL for an instruction level, or a GPU: sm_80, sm_89, sm_120 (default: cpu where LLVM is found, else interp)"),
		fs.String("on", "", "the `device` to run on: interp, cpu, cpu:LEVEL, cuda:NUMBER, a GPU, emu or emu:TARGET, the emulator of a GPU"),
	}
}

// executor is a device with the compiler that makes kernels for it.
type executor struct {
	runtime.Device
	compiler *jit.Compiler
	// verify has the compiler check its own work.
	verify bool
}

// open finds the device that the flags ask for. Without any it is the CPU where LLVM is found, else the interpreter,
// which is said; where the target is a GPU, a GPU that runs it, else its emulator, which are said too. Without checks the emulator does not look for
// races and for reads of nothing.
func (f deviceFlags) open(env *environment, checks bool) (*executor, error) {
	name := *f.target
	if name != "" {
		if err := checkTarget(name); err != nil {
			return nil, err
		}
	}
	if on := *f.on; on != "" {
		kind, rest, _ := strings.Cut(on, ":")
		if kind == "emu" {
			if rest == "" {
				rest = cmp.Or(name, runtime.Emulated()[0])
			}
			return openEmulator(rest, name, checks)
		}
		if kind == "cuda" {
			return openGPU(on, name)
		}
		if !slices.Contains(targets(), kind) {
			return nil, misusef("no device %q here%s: there are %s", on, nearest(on, runtime.Devices()), strings.Join(runtime.Devices(), ", "))
		}
		target, level, _ := strings.Cut(name, ":")
		if target != "" && target != kind || level != "" && level != strings.TrimPrefix(on, kind+":") {
			return nil, misusef("-on %s is no device of target %s", on, name)
		}
		name = on
	}
	if name == "" {
		name = "interp"
		switch _, err := toolchain.LLVM(); {
		case !runtime.HasCPU():
			// There is nothing that could be installed.
		case err == nil:
			name = "cpu"
		case !toolchain.Off(err):
			fmt.Fprintln(env.stderr, "tilec: no LLVM was found, so this runs on the interpreter, which is slow: install LLVM 16 to 22, as by 'apt install llvm-19' ('tilec version' tells more; -target interp is silent)")
		}
	}
	if slices.Contains(runtime.Emulated(), name) {
		for _, gpu := range runtime.GPUs() {
			if x, err := openGPU(gpu, name); err == nil {
				fmt.Fprintf(env.stderr, "tilec: this runs on %s, %s (-on %s is silent)\n", x.Name(), x.About(), gpu)
				return x, nil
			}
		}
		fmt.Fprintf(env.stderr, "tilec: no GPU of target %s was found, so this runs on the emulator of %s (-on emu is silent)\n", name, name)
		return openEmulator(name, name, checks)
	}
	device, err := runtime.Open(name)
	if err != nil {
		return nil, misusef("%v", err)
	}
	if device.Target() == "cpu" {
		if _, err := toolchain.LLVM(); err != nil {
			return nil, fmt.Errorf("target %s: %w", device.Target(), err)
		}
	}
	return &executor{Device: device, compiler: jit.New()}, nil
}

// openGPU opens a GPU, which must run a -target, if there is one.
func openGPU(name, target string) (*executor, error) {
	device, err := runtime.Open(name)
	if err != nil {
		return nil, misusef("%v", err)
	}
	if target != "" && target != device.Target() {
		device.Close()
		return nil, misusef("-on %s is no device of target %s: it runs %s", name, target, device.Target())
	}
	return &executor{Device: device, compiler: jit.New()}, nil
}

// openEmulator opens the emulator of a target, which a -target, if there is one, must be.
func openEmulator(name, target string, checks bool) (*executor, error) {
	if target != "" && target != name {
		return nil, misusef("-on emu:%s is no device of target %s", name, target)
	}
	device, err := runtime.Emulator(name, emu.Options{NoChecks: !checks})
	if err != nil {
		return nil, misusef("%v", err)
	}
	return &executor{Device: device, compiler: jit.New()}, nil
}

// load makes a kernel of a function for the device.
func (x *executor) load(ctx context.Context, fn *ir.Func) (*runtime.Kernel, error) {
	return x.compiler.Kernel(ctx, x.Device, fn, codegen.Options{Verify: x.verify})
}

// prepare compiles a checked kernel for the device.
func (x *executor) prepare(ctx context.Context, k *typed.Kernel, o compile.Options) (*runtime.Kernel, *ir.Func, error) {
	fn, _, err := compile.Func(k, o)
	if err != nil {
		return nil, nil, err
	}
	kernel, err := x.load(ctx, fn)
	if err != nil {
		err = compile.Nearest(ctx, k, err, func(fn *ir.Func) error {
			_, err := new(jit.Compiler).Compile(ctx, x.Target(), fn, codegen.Options{})
			return err
		})
	}
	return kernel, fn, err
}

// reference is the interpreter, on which programs in float64 run.
func reference() *executor {
	device, err := runtime.Open("interp")
	if err != nil {
		panic(err) // it is always there
	}
	return &executor{Device: device, compiler: new(jit.Compiler)}
}

// targets are the targets that can run a kernel.
func targets() []string { return append([]string{"interp", "cpu"}, runtime.Emulated()...) }

// checkTarget refuses a target, with or without a level, that there is not, or not yet.
func checkTarget(name string) error {
	target, level, given := strings.Cut(name, ":")
	switch {
	case slices.Contains(targets(), target):
	case slices.Contains(check.Targets, target):
		return misusef("target %s does not run yet: the targets there are now are %s", target, listed(targets()))
	default:
		return misusef("no target %q%s: the targets there are now are %s", target, nearest(target, check.Targets), listed(targets()))
	}
	if !given {
		return nil
	}
	if target == "interp" {
		return misusef("target %s: the interpreter has no levels", name)
	}
	if target != "cpu" {
		return misusef("target %s: %s has no levels", name, target)
	}
	var names []string
	for _, l := range cpu.Levels() {
		names = append(names, l.Name)
	}
	if !slices.Contains(names, level) {
		return misusef("target %s: no level %q%s: there are %s", name, level, nearest(level, names), strings.Join(names, ", "))
	}
	return nil
}

// targetOf is a target's name without its level.
func targetOf(name string) string {
	target, _ := levelOf(name)
	return target
}

// levelOf splits TARGET or TARGET:LEVEL.
func levelOf(name string) (target, level string) {
	target, level, _ = strings.Cut(name, ":")
	return target, level
}

// checkSchedule refuses what names no target that a schedule could refine.
func checkSchedule(name string) error {
	if target := targetOf(name); !slices.Contains(check.Targets, target) {
		return misusef("no target %q%s: there are %s", target, nearest(target, check.Targets), listed(check.Targets))
	}
	return nil
}

// checkCompiled refuses targets, each with or without a level, that nothing compiles for.
func checkCompiled(names ...string) error {
	for _, name := range names {
		if err := checkTarget(name); err != nil {
			return err
		}
		if targetOf(name) == "interp" {
			return misusef("nothing is compiled for target interp, which runs the tile IR: the targets that are compiled for are %s", listed(targets()[1:]))
		}
	}
	return nil
}

// instantiate makes the variant of a kernel that the flags ask for; generics that nothing binds are misuse.
func instantiate(report *reporter, k *check.Kernel, defs *defines, target string) (*typed.Kernel, error) {
	b, err := defs.bindings(k, target)
	if err != nil {
		return nil, err
	}
	for _, g := range k.Generics() {
		if _, bound := b.Generics[g.Name]; !bound && !g.Default {
			return nil, unbound(&check.Unbound{Kernel: k.Name, Generic: g.Name, Kind: g.Kind})
		}
	}
	variant, diags := k.Instantiate(b)
	if diags.HasErrors() {
		return nil, report.all(diags)
	}
	return variant, nil
}
