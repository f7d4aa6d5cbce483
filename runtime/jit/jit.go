// Package jit compiles functions for the devices of this machine, in process.
//
// In go functions of the tile IR after the passes; out come kernels that are ready to be launched. It always holds that
// what was compiled before, by this or an earlier process with the same LLVM where that is used, is not compiled again, and that what comes
// from the cache is what would be compiled.
package jit

import (
	"context"
	"debug/elf"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/tilec/tilec/codegen"
	"github.com/tilec/tilec/codegen/cpu"
	"github.com/tilec/tilec/codegen/ptx"
	"github.com/tilec/tilec/codegen/ptx/emit"
	"github.com/tilec/tilec/codegen/toolchain"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/passes"
	"github.com/tilec/tilec/runtime"
	"github.com/tilec/tilec/runtime/cache"
)

// Target is a compiler by the name of its target. The error says which there are.
func Target(name string) (codegen.Target, error) {
	if slices.Contains(runtime.Emulated(), name) {
		sm, err := ptx.ParseTarget(name)
		return emit.Target{SM: sm}, err
	}
	if name != "cpu" {
		return nil, noTarget(name)
	}
	tool, err := toolchain.LLVM()
	if err != nil {
		return nil, err
	}
	return cpu.Target{Toolchain: tool}, nil
}

func noTarget(name string) error {
	return fmt.Errorf("nothing compiles for target %s: there are cpu, %s", name, strings.Join(runtime.Emulated(), ", "))
}

// Text is what a target makes of a function before any program of others works on it: for cpu its LLVM IR, for a GPU its PTX.
func Text(ctx context.Context, target string, fn *ir.Func, o codegen.Options) (string, error) {
	if target != "cpu" {
		t, err := Target(target)
		if err != nil {
			return "", err
		}
		a, err := t.Compile(ctx, fn, o)
		if err != nil {
			return "", err
		}
		return string(a.Code), nil
	}
	text, _, err := cpu.Module(fn, o)
	return text, err
}

// Placed is a function as it is placed for a target, a GPU. The function is not changed.
func Placed(target string, fn *ir.Func) (*ir.Func, error) {
	gpu, err := placing(target)
	if err != nil {
		return nil, err
	}
	return gpu.Placed(fn)
}

// Derived is what placing finds for a function for a target, a GPU. The function is not changed.
func Derived(target string, fn *ir.Func) (*passes.Derived, error) {
	gpu, err := placing(target)
	if err != nil {
		return nil, err
	}
	return gpu.Derived(fn)
}

// placing is a target that places tiles.
func placing(target string) (emit.Target, error) {
	t, err := Target(target)
	if err != nil {
		return emit.Target{}, err
	}
	gpu, ok := t.(emit.Target)
	if !ok {
		return gpu, fmt.Errorf("target %s has no placed stage: those that have are %s", target, strings.Join(runtime.Emulated(), ", "))
	}
	return gpu, nil
}

// Compiler compiles for targets and keeps artefacts in files. The zero value keeps none.
type Compiler struct {
	Cache *cache.Cache
}

// New is a compiler with the user's cache.
func New() *Compiler { return &Compiler{Cache: cache.Open()} }

// Kernel compiles a function for a device and loads it.
func (c *Compiler) Kernel(ctx context.Context, d runtime.Device, fn *ir.Func, o codegen.Options) (*runtime.Kernel, error) {
	if d.Target() == "interp" {
		return d.Load(fn, nil)
	}
	o.Level = d.Level()
	a, err := c.Compile(ctx, d.Target(), fn, o)
	if err != nil {
		return nil, err
	}
	return d.Load(fn, a)
}

// Compile compiles a function for a target. Artefacts with readable stages are made anew each time.
func (c *Compiler) Compile(ctx context.Context, target string, fn *ir.Func, o codegen.Options) (*codegen.Artefact, error) {
	t, err := Target(target)
	if err != nil {
		return nil, err
	}
	if o.Text || c.Cache == nil {
		return t.Compile(ctx, fn, o)
	}
	began := time.Now()
	id := ""
	if target == "cpu" {
		if id, err = toolchain.ID(); err != nil {
			return nil, err
		}
	}
	key := cache.Key([]byte("artefact"), []byte(build()), []byte(id), []byte(target), []byte(o.Level), strconv.AppendBool(nil, o.Deterministic), []byte(fn.Text(ir.WithLoc)))
	if data, ok := c.Cache.Get(key); ok {
		var a codegen.Artefact
		if json.Unmarshal(data, &a) == nil {
			a.Report.Steps = []codegen.Step{{Name: "cache", Nanos: time.Since(began).Nanoseconds()}}
			return &a, nil
		}
	}
	a, err := t.Compile(ctx, fn, o)
	if err != nil {
		return nil, err
	}
	if data, err := json.Marshal(a); err == nil {
		c.Cache.Put(key, data)
	}
	return a, nil
}

// build names the program that runs: another build of it may compile in another way.
var build = sync.OnceValue(func() string {
	path, err := os.Executable()
	if err != nil {
		return time.Now().String() // known to no other process
	}
	if f, err := elf.Open(path); err == nil {
		defer f.Close()
		if s := f.Section(".note.go.buildid"); s != nil {
			if id, err := s.Data(); err == nil {
				return hex.EncodeToString(id)
			}
		}
	}
	info, err := os.Stat(path)
	if err != nil {
		return time.Now().String()
	}
	return fmt.Sprint(info.Size(), info.ModTime().UnixNano())
})
