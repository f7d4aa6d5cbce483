package emu

import (
	"strings"
	"testing"
)

// aluLoop is a loop of integer and float arithmetic.
var aluLoop = "mov.b32 %r4, 0; mov.b32 %r5, 1; mov.f32 %f0, 1.0; mov.f32 %f1, 0.5;\nL:\n" + strings.Repeat(`
	add.u32 %r5, %r5, %r0; xor.b32 %r6, %r5, %r4; shl.b32 %r7, %r6, 3; and.b32 %r6, %r7, 0xff; mad.lo.u32 %r5, %r6, 3, %r5;
	lop3.b32 %r6, %r5, %r7, %r4, 0xe8; mul.rn.f32 %f1, %f1, %f0; fma.rn.f32 %f1, %f1, %f0, %f0; max.f32 %f1, %f1, %f0;`, 8) + `
	add.u32 %r4, %r4, 1; setp.lt.u32 %p0, %r4, 2000; @%p0 bra L;`

// memoryLoop is a loop of the kind of a matrix product's: copies, shared memory, a barrier, arithmetic between.
var memoryLoop = `mov.b32 %r4, 0; mov.b32 %r5, 1; st.shared.b32 [%r3], %r0; bar.sync 0;
L:	ld.shared.b32 %r6, [%r3]; add.u32 %r5, %r5, %r6; ld.global.b32 %r7, [%rd3]; add.u32 %r5, %r5, %r7; xor.b32 %r8, %r5, %r4; shl.b32 %r8, %r8, 1;
	bar.sync 0; st.shared.b32 [%r3], %r8; mad.lo.u32 %r5, %r8, 3, %r5; and.b32 %r5, %r5, 0xffff; or.b32 %r9, %r5, 1; sub.u32 %r9, %r9, %r4;
	bar.sync 0; add.u32 %r4, %r4, 1; setp.lt.u32 %p0, %r4, 2000; @%p0 bra L;`

var matrixLoop = `mov.b32 %r4, 0; mov.b32 %r5, 0; mov.b32 %r6, 0; mov.b32 %r7, 0; mov.b32 %r8, 0; mov.b32 %r9, 0;
	mov.f32 %f0, 0.0; mov.f32 %f1, 0.0; mov.f32 %f2, 0.0; mov.f32 %f3, 0.0;
L:	mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%f0,%f1,%f2,%f3},{%r5,%r6,%r7,%r8},{%r9,%r5},{%f0,%f1,%f2,%f3};
	add.u32 %r4, %r4, 1; setp.lt.u32 %p0, %r4, 2000; @%p0 bra L;`

func BenchmarkLanes(b *testing.B) {
	for _, c := range []struct{ name, body string }{{"alu", aluLoop}, {"memory", memoryLoop}, {"mma", matrixLoop}} {
		for _, o := range []Options{{}, {NoChecks: true}} {
			name := c.name + "/checked"
			if o.NoChecks {
				name = c.name + "/unchecked"
			}
			b.Run(name, func(b *testing.B) {
				lanes := uint64(0)
				for b.Loop() {
					rep, _ := launch(b, c.body, setup{block: 128, o: o})
					if err := rep.Err(); err != nil {
						b.Fatal(err)
					}
					lanes += rep.Lanes
				}
				b.ReportMetric(float64(lanes)/b.Elapsed().Seconds()/1e6, "Mlanes/s")
			})
		}
	}
}
