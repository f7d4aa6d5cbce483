package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/tilec/tilec/codegen"
	"github.com/tilec/tilec/codegen/ptx/inspect"
	"github.com/tilec/tilec/codegen/ptx/syntax"
)

// ptxReport is what report tells of PTX.
type ptxReport struct {
	Kernels []inspect.Kernel `json:"kernels"`
	// Assembled and Machine are empty where the tools are not found.
	Assembled []inspect.Assembled `json:"assembled"`
	Warnings  []string            `json:"warnings"`
	Machine   []inspect.Kernel    `json:"machine"`
}

// inspectPTX looks at the PTX of a kernel, with NVIDIA's tools as far as they are found.
func inspectPTX(ctx context.Context, c *compiled) (*ptxReport, error) {
	text := string(c.artefact.Code)
	mod, err := syntax.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("the PTX of %s: %w", c.kernel.Name, err)
	}
	r := &ptxReport{Kernels: inspect.Kernels(mod), Assembled: []inspect.Assembled{}, Warnings: []string{}, Machine: []inspect.Kernel{}}
	ptxas := inspect.Assembler()
	if ptxas == "" {
		return r, nil
	}
	a, err := inspect.Assemble(ctx, ptxas, c.artefact.Manifest.Target, text)
	if err != nil {
		return nil, err
	}
	r.Assembled = a.Kernels
	r.Warnings = append(r.Warnings, a.Warnings...)
	if nvdisasm := inspect.Disassembler(); nvdisasm != "" {
		list, err := inspect.Disassemble(ctx, nvdisasm, a.Code)
		if err != nil {
			return nil, err
		}
		r.Machine = append(r.Machine, list...)
	}
	return r, nil
}

// print tells of the kernels of some phases.
func (r *ptxReport) print(b *strings.Builder, phases []codegen.Phase) {
	for _, p := range phases {
		fmt.Fprintf(b, "  kernel %s\n", p.Entry)
		order := ""
		if p.Ordered {
			order = ", blocks one after the other, as they print"
		}
		fmt.Fprintf(b, "    block       %d threads, %d bytes of shared memory%s\n", p.Threads, p.Shared, order)
		fmt.Fprintf(b, "    values      in at least %d registers of a thread at once\n", p.Registers)
		named := func(k inspect.Kernel) bool { return k.Name == p.Entry }
		if i := slices.IndexFunc(r.Kernels, named); i >= 0 {
			k := r.Kernels[i]
			fmt.Fprintf(b, "    PTX         %d instructions, %d of matrices\n", k.Instructions, k.Matrix)
			printLoop(b, k.Loop)
		}
		if i := slices.IndexFunc(r.Assembled, func(a inspect.Assembled) bool { return a.Name == p.Entry }); i >= 0 {
			a := r.Assembled[i]
			fmt.Fprintf(b, "    ptxas       %d registers, %d bytes of spills, %d bytes of local memory\n", a.Registers, a.Spills, a.Stack)
		}
		if i := slices.IndexFunc(r.Machine, named); i >= 0 {
			k := r.Machine[i]
			fmt.Fprintf(b, "    SASS        %d instructions, %d of matrices\n", k.Instructions, k.Matrix)
			printLoop(b, k.Loop)
		}
	}
	for _, w := range r.Warnings {
		fmt.Fprintf(b, "  warning       %s\n", w)
	}
}

func printLoop(b *strings.Builder, l *inspect.Loop) {
	if l == nil {
		return
	}
	parts := make([]string, len(l.Classes))
	for i, c := range l.Classes {
		parts[i] = fmt.Sprintf("%d %s", c.N, c.Class)
	}
	each := ""
	if l.Matrix > 0 {
		each = fmt.Sprintf(", %.2f others a matrix instruction", float64(l.Instructions-l.Matrix)/float64(l.Matrix))
	}
	fmt.Fprintf(b, "      main loop %d instructions%s: %s\n", l.Instructions, each, strings.Join(parts, ", "))
}
