package emu

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tilec/tilec/codegen/ptx/syntax"
)

// FuzzLaunch runs whatever parses: it may be wrong in every way, but it must end, and it must not panic.
func FuzzLaunch(f *testing.F) {
	for _, body := range []string{
		"st.global.b32 [%rd4], %r0;", "L: bra L;", "bar.sync %r0, %r1;", "ld.shared.b32 %r4, [%r3+-4];", "cp.async.ca.shared.global [%r3], [%rd3], 16, %r0;",
		"shfl.sync.idx.b32 %r4, %r0, %r0, %r0, %r0;", "atom.add.u32 %r4, [%rd3], %r0;", "ldmatrix.sync.aligned.m8n8.x4.trans.b16 {%r4,%r5,%r6,%r7}, [%rd0];",
		"T: .branchtargets A, B; brx.idx %r0, T; A: exit; B: trap;", "@%p0 bar.red.popc.u32 %r4, 3, 64, %p1;", "bfi.b32 %r4, %r0, %r0, %r0, %r0; bfe.s32 %r4, %r0, %r0, %r0;",
		"fns.b32 %r4, %r0, %r0, %r0; div.s32 %r4, %r0, %r8; rem.s64 %rd5, %rd0, %rd6;", "cvt.rzi.s64.f32 %rd5, %f0; cvt.rn.f16.s32 %h0, %r0;", aluLoop, memoryLoop, matrixLoop,
		"{ .local .b8 big[400000]; st.local.b8 [big+399999], %r0; }", "mov.b64 %rd5, -1; ld.b8 %r4, [%rd5+1]; st.local.b32 [%rd5], %r0;",
		"match.any.sync.b64 %r4, %rd3, -1; redux.sync.add.u32 %r5, %r0, 0; vote.sync.ballot.b32 %r6, 1, %r0;",
	} {
		f.Add(kernelText(body))
	}
	files, _ := filepath.Glob("testdata/conformance/*.txt")
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if code, ok := strings.CutPrefix(line, "code "); ok && !strings.ContainsAny(code, ":") {
				f.Add(kernelText("mov.b32 %r8, 5;" + strings.NewReplacer("%d", "%r4", "%a", "%r0", "%b", "%r3", "%c", "%r8").Replace(code)))
			}
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		mod, err := syntax.Parse(text)
		if err != nil {
			return
		}
		for _, fn := range mod.Funcs {
			if !fn.Entry || !fn.HasBody {
				continue
			}
			for _, o := range []Options{{MaxInstructions: 2000}, {MaxInstructions: 2000, Seed: 3}, {MaxInstructions: 2000, NoChecks: true}} {
				m := New(o)
				p, err := m.Load(mod)
				if err != nil {
					return
				}
				var args []any
				for _, v := range fn.Params {
					if v.Size == 8 {
						b, _ := m.Upload(v.Name, make([]byte, 1024))
						args = append(args, b)
					} else {
						args = append(args, make([]byte, v.Size))
					}
				}
				rep, err := p.Launch(Launch{Kernel: fn.Name, Grid: [3]int{2}, Block: [3]int{40}, Args: args})
				if err == nil {
					_ = rep.Err()
				}
			}
		}
	})
}
