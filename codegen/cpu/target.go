// Package cpu compiles functions of the tile IR to machine code for the CPU, by way of LLVM.
//
// In goes a function in the value stage; out comes an object with, for each phase of the kernel, a function that counts
// its blocks and one that runs some of them, and the manifest by which a launcher calls them. It always holds that the
// code computes what ir/interp computes, but for the order of sums, and that it uses no instruction above the level that
// it was asked for.
//
// Each block of a phase is emitted as loops over the vectors of its tiles ([emitter.group]): chains of elementwise
// operations are evaluated in registers, and share a nest of loops where they run over the same axes. What several
// operations read, and what they need in another order, is stored in memory of the worker's own ([tile]).
package cpu

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/tilec/tilec/codegen"
	"github.com/tilec/tilec/codegen/internal/llvm"
	"github.com/tilec/tilec/ir"
)

// Target compiles for the CPU.
type Target struct {
	// Toolchain is the LLVM to compile with; nil takes the one that is found.
	Toolchain llvm.Toolchain
}

// Name is cpu.
func (t Target) Name() string { return "cpu" }

// Module is the LLVM IR of a function, with its manifest and report but without code.
func Module(fn *ir.Func, o codegen.Options) (text string, a *codegen.Artefact, err error) {
	level, err := levelOf(o.Level)
	if err != nil {
		return "", nil, err
	}
	if err := explicit(fn); err != nil {
		return "", nil, err
	}
	g := newGen(fn, level, o)
	if err := g.generate(); err != nil {
		return "", nil, err
	}
	g.report.Vectors = 32 * level.Lanes
	g.report.Scratch = g.manifest.Scratch
	return g.m.String(), &codegen.Artefact{Manifest: g.manifest, Report: g.report}, nil
}

// explicit refuses what steers warps and their memory by hand: a processor has none; and promises, of which it knows none.
func explicit(fn *ir.Func) error {
	var err error
	for _, b := range fn.Binds {
		if name := b.Name[strings.LastIndexByte(b.Name, '.')+1:]; err == nil && (name == "use" || name == "forbid") {
			err = &codegen.Unsupported{Target: "cpu", What: "the schedule word " + name + " " + b.Value, Pos: b.Pos}
		}
	}
	fn.Walk(func(o *ir.Op) {
		what := ""
		switch o.Code {
		case ir.ChanOf:
			what = "a channel"
		case ir.RoleOf:
			what = "a role of warps"
		case ir.SharedOf:
			what = "a shared tile"
		case ir.PinTo:
			what = "a pinned layout of registers"
		case ir.AsmOf:
			what = "asm " + o.Str("target")
		}
		if what != "" && err == nil {
			err = &codegen.Unsupported{Target: "cpu", What: what, Pos: o.Pos}
		}
	})
	return err
}

func levelOf(name string) (*Level, error) {
	if name == "" {
		return Host(false), nil
	}
	return LevelByName(name)
}

// Compile compiles a function. The error is a [*codegen.Unsupported] for what the target cannot do, an [*llvm.Absent]
// where there is no LLVM, or a fault of LLVM's.
func (t Target) Compile(ctx context.Context, fn *ir.Func, o codegen.Options) (*codegen.Artefact, error) {
	began := time.Now()
	bare := o
	bare.Places = false
	text, a, err := Module(fn, bare)
	if err != nil {
		return nil, err
	}
	level, err := levelOf(o.Level)
	if err != nil {
		return nil, err
	}
	step := func(name string) {
		now := time.Now()
		a.Report.Steps = append(a.Report.Steps, codegen.Step{Name: name, Nanos: now.Sub(began).Nanoseconds()})
		began = now
	}
	step("emit")
	tool := t.Toolchain
	if tool == nil {
		if tool, err = llvm.Find(); err != nil {
			return nil, err
		}
	}
	options := llvm.Options{Triple: level.Triple(), CPU: level.CPU(), Tune: level.Tune(), Features: level.Features}
	if a.Code, err = tool.Compile(ctx, []byte(text), options); err != nil {
		return nil, fmt.Errorf("kernel %s: %w", fn.Name, err)
	}
	step("llvm")
	if o.Text {
		if err := t.stages(ctx, a, fn, o, text, tool, options); err != nil {
			return nil, fmt.Errorf("kernel %s: %w", fn.Name, err)
		}
	}
	return a, nil
}

// stages adds the readable stages to an artefact, and what its report takes from them.
func (t Target) stages(ctx context.Context, a *codegen.Artefact, fn *ir.Func, o codegen.Options, text string, tool llvm.Toolchain, options llvm.Options) error {
	if o.Places {
		// Made once more, as the object is the same whether or not its places are asked for.
		var err error
		if text, _, err = Module(fn, o); err != nil {
			return err
		}
	}
	listing, err := tool.Assembly(ctx, []byte(text), options)
	if err != nil {
		return err
	}
	assembly := assemblyStage(string(listing), o.Places)
	a.Report.Instructions, a.Report.Spills = weigh(assembly.Text)
	a.Stages = []codegen.Stage{codegen.IRStage("ir", fn, o.Places), llvmStage(text, o.Places), assembly}
	return nil
}
