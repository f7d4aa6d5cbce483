package ptx

import "strings"

// matrixForms are the rows of ldmatrix, stmatrix, mma and wgmma. Shapes and types of one register count share a row.
var matrixForms = `
ldmatrix.sync.aligned.m8n8(X=.x1.x2.x4)[.trans][S=$shared].b16               ={X}b32 [S]   ; 65 75
ldmatrix.sync.aligned.m8n16(X=.x1.x2.x4)[S=$shared].b8x16(.b6x16_p32.b4x16_p64) ={X}b32 [S] ; 86 $bw
ldmatrix.sync.aligned.m16n16.x1.trans[S=$shared].b8                          ={2}b32 [S]   ; 86 $bw
ldmatrix.sync.aligned.m16n16.x2.trans[S=$shared].b8                          ={4}b32 [S]   ; 86 $bw
ldmatrix.sync.aligned.m16n16.x1.trans[S=$shared].b8x16(.b6x16_p32.b4x16_p64) ={2}b32 [S]   ; 86 $bw
ldmatrix.sync.aligned.m16n16.x2.trans[S=$shared].b8x16(.b6x16_p32.b4x16_p64) ={4}b32 [S]   ; 86 $bw
stmatrix.sync.aligned.m8n8(X=.x1.x2.x4)[.trans][S=$shared].b16               [S] {X}b32    ; 78 90
stmatrix.sync.aligned.m16n8(X=.x1.x2.x4).trans[S=$shared].b8                 [S] {X}b32    ; 86 $bw
movmatrix.sync.aligned.m8n8.trans.b16                                        =b32 b32      ; 78 75

# f16: accumulators in f16 take half the registers.
mma.sync.aligned(M=.m16n8k8).row.col(D=.f16)(A=.f16)(B=.f16)(C=.f16)         ={2}f16x2 {2}f16x2 {1}f16x2 {2}f16x2 ; 65 75
mma.sync.aligned(M=.m16n8k8).row.col(D=.f32)(A=.f16)(B=.f16)(C=.f32)         ={4}f32 {2}f16x2 {1}f16x2 {4}f32     ; 65 75
mma.sync.aligned(M=.m16n8k16).row.col(D=.f16)(A=.f16)(B=.f16)(C=.f16)        ={2}f16x2 {4}f16x2 {2}f16x2 {2}f16x2 ; 70 80
mma.sync.aligned(M=.m16n8k16).row.col(D=.f32)(A=.f16)(B=.f16)(C=.f32)        ={4}f32 {4}f16x2 {2}f16x2 {4}f32     ; 70 80
mma.sync.aligned(M=.m16n8k8).row.col(D=.f32)(A=.bf16)(B=.bf16)(C=.f32)       ={4}f32 {2}bf16x2 {1}bf16x2 {4}f32   ; 70 80
mma.sync.aligned(M=.m16n8k16).row.col(D=.f32)(A=.bf16)(B=.bf16)(C=.f32)      ={4}f32 {4}bf16x2 {2}bf16x2 {4}f32   ; 70 80
mma.sync.aligned(M=.m16n8k4).row.col(D=.f32)(A=.tf32)(B=.tf32)(C=.f32)       ={4}f32 {2}tf32 {1}tf32 {4}f32       ; 70 80
mma.sync.aligned(M=.m16n8k8).row.col(D=.f32)(A=.tf32)(B=.tf32)(C=.f32)       ={4}f32 {4}tf32 {2}tf32 {4}f32       ; 70 80
mma.sync.aligned(M=.m8n8k4).row.col(D=.f64)(A=.f64)(B=.f64)(C=.f64)          ={2}f64 {1}f64 {1}f64 {2}f64         ; 70 80
mma.sync.aligned(M=.m16n8k4).row.col(D=.f64)(A=.f64)(B=.f64)(C=.f64)         ={4}f64 {2}f64 {1}f64 {4}f64         ; 78 90
mma.sync.aligned(M=.m16n8k8).row.col(D=.f64)(A=.f64)(B=.f64)(C=.f64)         ={4}f64 {4}f64 {2}f64 {4}f64         ; 78 90
mma.sync.aligned(M=.m16n8k16).row.col(D=.f64)(A=.f64)(B=.f64)(C=.f64)        ={4}f64 {8}f64 {4}f64 {4}f64         ; 78 90
mma.sync.aligned(M=.m16n8k32).row.col(D=.f32)(A=.e4m3.e5m2)(B=.e4m3.e5m2)(C=.f32) ={4}f32 {4}b32 {2}b32 {4}f32    ; 84 89
mma.sync.aligned(M=.m16n8k32).row.col(D=.f16)(A=.e4m3.e5m2)(B=.e4m3.e5m2)(C=.f16) ={2}f16x2 {4}b32 {2}b32 {2}f16x2 ; 87 89
mma.sync.aligned(M=.m16n8k16).row.col(D=.f32)(A=.e4m3.e5m2)(B=.e4m3.e5m2)(C=.f32) ={4}f32 {2}b32 {1}b32 {4}f32    ; 87 89
mma.sync.aligned(M=.m16n8k16).row.col(D=.f16)(A=.e4m3.e5m2)(B=.e4m3.e5m2)(C=.f16) ={2}f16x2 {2}b32 {1}b32 {2}f16x2 ; 87 89
# Integers.
mma.sync.aligned(M=.m8n8k16).row.col[.satfinite](D=.s32)(A=.s8.u8)(B=.s8.u8)(C=.s32)    ={2}s32 {1}b32 {1}b32 {2}s32 ; 65 75
mma.sync.aligned(M=.m16n8k16).row.col[.satfinite](D=.s32)(A=.s8.u8)(B=.s8.u8)(C=.s32)   ={4}s32 {2}b32 {1}b32 {4}s32 ; 70 80
mma.sync.aligned(M=.m16n8k32).row.col[.satfinite](D=.s32)(A=.s8.u8)(B=.s8.u8)(C=.s32)   ={4}s32 {4}b32 {2}b32 {4}s32 ; 70 80
mma.sync.aligned(M=.m8n8k32).row.col[.satfinite](D=.s32)(A=.s4.u4)(B=.s4.u4)(C=.s32)    ={2}s32 {1}b32 {1}b32 {2}s32 ; 65 75
mma.sync.aligned(M=.m16n8k32).row.col[.satfinite](D=.s32)(A=.s4.u4)(B=.s4.u4)(C=.s32)   ={4}s32 {2}b32 {1}b32 {4}s32 ; 70 80
mma.sync.aligned(M=.m16n8k64).row.col[.satfinite](D=.s32)(A=.s4.u4)(B=.s4.u4)(C=.s32)   ={4}s32 {4}b32 {2}b32 {4}s32 ; 70 80
mma.sync.aligned(M=.m8n8k128).row.col(D=.s32)(A=.b1)(B=.b1)(C=.s32)(O=.xor).popc        ={2}s32 {1}b32 {1}b32 {2}s32 ; 70 75
mma.sync.aligned(M=.m8n8k128).row.col(D=.s32)(A=.b1)(B=.b1)(C=.s32)(O=.and).popc        ={2}s32 {1}b32 {1}b32 {2}s32 ; 71 80
mma.sync.aligned(M=.m16n8k128).row.col(D=.s32)(A=.b1)(B=.b1)(C=.s32)(O=.xor).popc       ={4}s32 {2}b32 {1}b32 {4}s32 ; 70 80
mma.sync.aligned(M=.m16n8k128).row.col(D=.s32)(A=.b1)(B=.b1)(C=.s32)(O=.and).popc       ={4}s32 {2}b32 {1}b32 {4}s32 ; 71 80
mma.sync.aligned(M=.m16n8k256).row.col(D=.s32)(A=.b1)(B=.b1)(C=.s32)(O=.xor).popc       ={4}s32 {4}b32 {2}b32 {4}s32 ; 70 80
mma.sync.aligned(M=.m16n8k256).row.col(D=.s32)(A=.b1)(B=.b1)(C=.s32)(O=.and).popc       ={4}s32 {4}b32 {2}b32 {4}s32 ; 71 80
# Eight-, six- and four-bit floats of sm_120, with and without scales.
mma.sync.aligned(M=.m16n8k32).row.col.kind::f8f6f4(D=.f32)(A=.e4m3.e5m2.e3m2.e2m3.e2m1)(B=.e4m3.e5m2.e3m2.e2m3.e2m1)(C=.f32) ={4}f32 {4}b32 {2}b32 {4}f32     ; 87 $cl
mma.sync.aligned(M=.m16n8k32).row.col.kind::f8f6f4(D=.f16)(A=.e4m3.e5m2.e3m2.e2m3.e2m1)(B=.e4m3.e5m2.e3m2.e2m3.e2m1)(C=.f16) ={2}f16x2 {4}b32 {2}b32 {2}f16x2 ; 87 $cl
mma.sync.aligned(M=.m16n8k32).row.col.kind::mxf8f6f4.block_scale[.scale_vec::1X](D=.f32)(A=.e4m3.e5m2.e3m2.e2m3.e2m1)(B=.e4m3.e5m2.e3m2.e2m3.e2m1)(C=.f32).ue8m0 ={4}f32 {4}b32 {2}b32 {4}f32 b32 {2}u16 b32 {2}u16 ; 87 $cl
mma.sync.aligned(M=.m16n8k64).row.col.kind::mxf4.block_scale[.scale_vec::2X](D=.f32)(A=.e2m1)(B=.e2m1)(C=.f32).ue8m0                   ={4}f32 {4}b32 {2}b32 {4}f32 b32 {2}u16 b32 {2}u16 ; 87 $cl
mma.sync.aligned(M=.m16n8k64).row.col.kind::mxf4nvf4.block_scale.scale_vec::2X(D=.f32)(A=.e2m1)(B=.e2m1)(C=.f32).ue8m0                 ={4}f32 {4}b32 {2}b32 {4}f32 b32 {2}u16 b32 {2}u16 ; 87 $cl
mma.sync.aligned(M=.m16n8k64).row.col.kind::mxf4nvf4.block_scale.scale_vec::4X(D=.f32)(A=.e2m1)(B=.e2m1)(C=.f32).ue4m3                 ={4}f32 {4}b32 {2}b32 {4}f32 b32 {2}u16 b32 {2}u16 ; 87 $cl
mma.sync.aligned(M=.m16n8k64).row.col.kind::mxf4nvf4.block_scale.scale_vec::4X(D=.f32)(A=.e2m1)(B=.e2m1)(C=.f32).ue8m0                 ={4}f32 {4}b32 {2}b32 {4}f32 b32 {2}u16 b32 {2}u16 ; 91 $cl
# A with two zeros in four; the metadata and the lanes that hold it come last.
mma(.sp.sp::ordered_metadata).sync.aligned(M=.m16n8k32).row.col(D=.f32)(A=.f16.bf16)(B=.f16.bf16)(C=.f32) ={4}f32 {4}b32 {4}b32 {4}f32 b32 #u32 ; 85 80
mma(.sp.sp::ordered_metadata).sync.aligned(M=.m16n8k16).row.col(D=.f32)(A=.f16.bf16)(B=.f16.bf16)(C=.f32) ={4}f32 {2}b32 {2}b32 {4}f32 b32 #u32 ; 85 80

# A warpgroup's product: D, A as descriptor or registers, B as descriptor, whether D is added, signs and transposes.
wgmma.fence.sync.aligned                                                     ; 80 90a
wgmma.commit_group.sync.aligned                                              ; 80 90a
wgmma.wait_group.sync.aligned                                                #u32 ; 80 90a
` + wgmmaForms()

// wgmmaForms are the rows of wgmma.mma_async. N is every multiple of 8 to 256; of integers 8, 24 and the multiples of 16.
func wgmmaForms() string {
	shapes := func(k string, integer bool) string {
		var s strings.Builder
		for n := 8; n <= 256; n += 8 {
			if !integer || n%16 == 0 || n == 8 || n == 24 {
				s.WriteString(".m64n" + itoa(n) + "k" + k)
			}
		}
		return "(N=" + s.String() + ")"
	}
	var b strings.Builder
	row := func(k, types, tail, d, acc, after string, integer bool) {
		head := "wgmma.mma_async.sync.aligned" + shapes(k, integer) + types + tail
		b.WriteString(head + " ={N/" + d + "}" + acc + " !b64 !b64 " + after + " ; 80 90a\n")
		b.WriteString(head + " ={N/" + d + "}" + acc + " {4}b32 !b64 " + after + " ; 80 90a\n")
	}
	const both, one = "pred #s32 #s32 #s32 #s32", "pred #s32 #s32 #s32"
	for _, t := range []string{".f16", ".bf16"} {
		head := "wgmma.mma_async.sync.aligned" + shapes("16", false) + "(D=.f32)(A=" + t + ")(B=" + t + ")"
		b.WriteString(head + " ={N/2}f32 !b64 !b64 " + both + " ; 80 90a\n")
		b.WriteString(head + " ={N/2}f32 {4}b32 !b64 " + one + " ; 80 90a\n")
	}
	head := "wgmma.mma_async.sync.aligned" + shapes("16", false) + "(D=.f16)(A=.f16)(B=.f16)"
	b.WriteString(head + " ={N/4}f16x2 !b64 !b64 " + both + " ; 80 90a\n")
	b.WriteString(head + " ={N/4}f16x2 {4}b32 !b64 " + one + " ; 80 90a\n")
	row("8", "(D=.f32)(A=.tf32)(B=.tf32)", "", "2", "f32", "pred #s32 #s32", false)
	row("32", "(D=.f32)(A=.e4m3.e5m2)(B=.e4m3.e5m2)", "", "2", "f32", "pred #s32 #s32", false)
	row("32", "(D=.f16)(A=.e4m3.e5m2)(B=.e4m3.e5m2)", "", "4", "f16x2", "pred #s32 #s32", false)
	row("32", "(D=.s32)(A=.s8.u8)(B=.s8.u8)", "[.satfinite]", "2", "s32", "pred", true)
	row("256", "(D=.s32)(A=.b1)(B=.b1)", ".and.popc", "2", "s32", "pred", true)
	head = "wgmma.mma_async.sp.sync.aligned" + shapes("32", false) + "(D=.f32)(A=.f16.bf16)(B=.f16.bf16)"
	b.WriteString(head + " ={N/2}f32 !b64 !b64 b32 #u32 " + both + " ; 82 90a\n")
	return b.String()
}

func itoa(n int) string {
	if n >= 10 {
		return itoa(n/10) + string(rune('0'+n%10))
	}
	return string(rune('0' + n))
}

const tensorForms = `
# Tensor memory (data-centre Blackwell).
tcgen05.alloc(.cta_group::1.cta_group::2).sync.aligned[S=.shared::cta].b32                   [S] u32        ; 86 $dc
tcgen05.dealloc(.cta_group::1.cta_group::2).sync.aligned.b32                                 b32 u32        ; 86 $dc
tcgen05.relinquish_alloc_permit(.cta_group::1.cta_group::2).sync.aligned                                    ; 86 $dc
tcgen05.mma(.cta_group::1.cta_group::2)(.kind::f16.kind::tf32.kind::f8f6f4)                  [] <b64> b64 b32 pred ; 86 $dc
tcgen05.mma(.cta_group::1.cta_group::2).kind::i8                                             [] <b64> b64 b32 pred ; 86 100a,100f,107a,107f,110a,110f
tcgen05.mma(.cta_group::1.cta_group::2).kind::mxf8f6f4.block_scale[.scale_vec::1X.block32]   [] <b64> b64 b32 [] [] pred ; 86 $dc
tcgen05.mma(.cta_group::1.cta_group::2).kind::mxf4.block_scale[.scale_vec::2X.block32]       [] <b64> b64 b32 [] [] pred ; 86 $dc
tcgen05.mma(.cta_group::1.cta_group::2).kind::mxf4nvf4.block_scale(.scale_vec::2X.scale_vec::4X) [] <b64> b64 b32 [] [] pred ; 87 $dc
tcgen05.mma(.cta_group::1.cta_group::2).kind::mxf4nvf4.block_scale(.block16.block32)         [] <b64> b64 b32 [] [] pred ; 88 $dc
tcgen05.mma.ws.cta_group::1(.kind::f16.kind::tf32.kind::f8f6f4)                              [] <b64> b64 b32 pred ; 86 $dc
tcgen05.mma.sp(.cta_group::1.cta_group::2)(.kind::f16.kind::tf32.kind::f8f6f4)               [] <b64> b64 [] b32 pred ; 86 $dc
tcgen05.ld.sync.aligned(.32x32b.16x64b)(X=.x1.x2.x4.x8.x16.x32.x64.x128)[.pack::16b].b32     ={X}b32 []     ; 86 $dc
tcgen05.ld.sync.aligned.16x128b(X=.x1.x2.x4.x8.x16.x32.x64)[.pack::16b].b32                  ={X*2}b32 []   ; 86 $dc
tcgen05.ld.sync.aligned.16x256b(X=.x1.x2.x4.x8.x16.x32)[.pack::16b].b32                      ={X*4}b32 []   ; 86 $dc
tcgen05.ld.red.sync.aligned.32x32b(X=.x2.x4.x8.x16.x32.x64.x128)(.min.max)[.abs][.NaN].f32   ={X}f32 =f32 [] ; 88 103a,103f,107a,107f,110a,110f
tcgen05.st.sync.aligned(.32x32b.16x64b)(X=.x1.x2.x4.x8.x16.x32.x64.x128)[.unpack::16b].b32   [] {X}b32      ; 86 $dc
tcgen05.wait::ld.sync.aligned                                                                               ; 86 $dc
tcgen05.wait::st.sync.aligned                                                                               ; 86 $dc
tcgen05.cp(.cta_group::1.cta_group::2)(.128x256b.4x256b.128x128b)                            [] b64         ; 86 $dc
tcgen05.cp(.cta_group::1.cta_group::2)(.128x256b.4x256b.128x128b).b8x16(.b6x16_p32.b4x16_p64) [] b64        ; 86 $dc
tcgen05.cp(.cta_group::1.cta_group::2).32x128b.warpx4                                        [] b64         ; 86 $dc
tcgen05.shift(.cta_group::1.cta_group::2).down                                               []             ; 86 $dc
tcgen05.commit(.cta_group::1.cta_group::2).mbarrier::arrive::one[.shared::cluster].b64       []             ; 86 $dc
tcgen05.commit(.cta_group::1.cta_group::2).mbarrier::arrive::one[.shared::cluster].multicast::cluster.b64 [] b16 ; 86 $dc
tcgen05.fence::before_thread_sync                                                                           ; 86 $dc
tcgen05.fence::after_thread_sync                                                                            ; 86 $dc
`
