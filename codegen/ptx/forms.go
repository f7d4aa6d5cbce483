package ptx

import "strings"

// How a row reads:
//
//	opcode.modifiers  operands  ; version processors
//
// Modifiers: .x must stand, (.x.y) is one of several, [.x.y] at most one; (T=.u32.s32) has a name. Operands: T or u32 is a
// register or a constant of that type, =T is written, !T a register, #T a constant, @T may be a variable's address, 2T is
// of twice the width, ~T may be a wider register, _T may be the sink `_`; {4}T is a vector, {V}T one of as many elements as
// group V says (or none without it); [S] is an address in space S; T? may be left out, T?H is there when group H is;
// T|p? may be followed by a predicate, T|p must be. The last part is the first .version, ten times it, and the first
// processor or the only ones; without it the form is everywhere.
var shorthands = []string{
	"$rnd", ".rn.rz.rm.rp",
	"$int", ".u16.u32.u64.s16.s32.s64",
	"$bool", ".and.or.xor",
	"$scope", ".cta.cluster.gpu.sys",
	"$shared", ".shared.shared::cta",
	"$anyshared", ".shared.shared::cta.shared::cluster",
	"$evict1", "[.L1::evict_normal.L1::evict_unchanged.L1::evict_first.L1::evict_last.L1::no_allocate]",
	"$evict2", "[.L2::evict_normal.L2::evict_first.L2::evict_last]",
	"$hint", "[H=.L2::cache_hint]",
	"$fetch", "[.L2::64B.L2::128B.L2::256B]",
	"$narrow", "(T=.b8.b16.b32.b64.u8.u16.u32.u64.s8.s16.s32.s64.f32.f64)",
	"$vec4", "(T=.b8.b16.b32.u8.u16.u32.s8.s16.s32.f32)",
	"$vec8", "(T=.b32.u32.s32.f32)",
	"$wide4", "(T=.b64.u64.s64.f64)",
	"$bw", "100a,100f,103a,103f,107a,107f,110a,110f,120a,120f,121a,121f",
	"$dc", "100a,100f,103a,103f,107a,107f,110a,110f",
	"$rs", "100a,103a,107a",
	"$cl", "120a,120f,121a,121f",
}

const arithmeticForms = `
# Integers.
add(T=$int)                                  =T T T
sub(T=$int)                                  =T T T
add.sat.s32                                  =s32 s32 s32
sub.sat.s32                                  =s32 s32 s32
add(T=.u16x2.s16x2)                          =T T T         ; 80 90
add.cc(T=.u32.s32.u64.s64)                   =T T T
sub.cc(T=.u32.s32.u64.s64)                   =T T T
addc[.cc](T=.u32.s32.u64.s64)                =T T T
subc[.cc](T=.u32.s32.u64.s64)                =T T T
mul(M=.lo.hi)(T=$int)                        =T T T
mul.wide(T=.u16.u32.s16.s32)                 =2T T T
mad(M=.lo.hi)(T=$int)                        =T T T T
mad.wide(T=.u16.u32.s16.s32)                 =2T T T 2T
mad.hi.sat.s32                               =s32 s32 s32 s32
mad(M=.lo.hi).cc(T=.u32.s32.u64.s64)         =T T T T
madc(M=.lo.hi)[.cc](T=.u32.s32.u64.s64)      =T T T T
mul24(M=.lo.hi)(T=.u32.s32)                  =T T T
mad24(M=.lo.hi)(T=.u32.s32)                  =T T T T
sad(T=$int)                                  =T T T T
div(T=$int)                                  =T T T
rem(T=$int)                                  =T T T
abs(T=.s16.s32.s64)                          =T T
neg(T=.s16.s32.s64)                          =T T
min(T=$int)                                  =T T T
max(T=$int)                                  =T T T
min(T=.u16x2)                                =T T T         ; 80 90
max(T=.u16x2)                                =T T T         ; 80 90
min[.relu](T=.s16x2)                         =T T T         ; 80 90
max[.relu](T=.s16x2)                         =T T T         ; 80 90
min.relu.s32                                 =s32 s32 s32   ; 80 90
max.relu.s32                                 =s32 s32 s32   ; 80 90
popc(T=.b32.b64)                             =u32 T
clz(T=.b32.b64)                              =u32 T
bfind[.shiftamt](T=.u32.u64.s32.s64)         =u32 T
fns.b32                                      =b32 b32 b32 s32
brev(T=.b32.b64)                             =T T
bfe(T=.u32.u64.s32.s64)                      =T T u32 u32
bfi(T=.b32.b64)                              =T T T u32 u32
szext(M=.clamp.wrap)(T=.u32.s32)             =T T u32       ; 76 70
bmsk(M=.clamp.wrap).b32                      =b32 b32 u32   ; 76 70
dp4a(A=.u32.s32)(B=.u32.s32)                 =s32 A B s32
dp2a(M=.lo.hi)(A=.u32.s32)(B=.u32.s32)       =s32 A B s32

# f32 and f64.
add[R=$rnd][.ftz][.sat].f32                  =f32 f32 f32
sub[R=$rnd][.ftz][.sat].f32                  =f32 f32 f32
mul[R=$rnd][.ftz][.sat].f32                  =f32 f32 f32
add[R=$rnd].f64                              =f64 f64 f64
sub[R=$rnd].f64                              =f64 f64 f64
mul[R=$rnd].f64                              =f64 f64 f64
fma(R=$rnd)[.ftz][.sat].f32                  =f32 f32 f32 f32
fma(R=$rnd).f64                              =f64 f64 f64 f64
mad(R=$rnd)[.ftz][.sat].f32                  =f32 f32 f32 f32
mad(R=$rnd).f64                              =f64 f64 f64 f64
div(.approx.full)[.ftz].f32                  =f32 f32 f32
div(R=$rnd)[.ftz].f32                        =f32 f32 f32
div(R=$rnd).f64                              =f64 f64 f64
neg[.ftz].f32                                =f32 f32
neg.f64                                      =f64 f64
abs[.ftz].f32                                =f32 f32
abs.f64                                      =f64 f64
min[.ftz][.NaN].f32                          =f32 f32 f32
max[.ftz][.NaN].f32                          =f32 f32 f32
min[.ftz][.NaN].xorsign.abs.f32              =f32 f32 f32   ; 72 86
max[.ftz][.NaN].xorsign.abs.f32              =f32 f32 f32   ; 72 86
min[.ftz][.NaN][.abs].f32                    =f32 f32 f32 f32 ; 88 100
max[.ftz][.NaN][.abs].f32                    =f32 f32 f32 f32 ; 88 100
min.f64                                      =f64 f64 f64
max.f64                                      =f64 f64 f64
rcp.approx[.ftz].f32                         =f32 f32
rcp(R=$rnd)[.ftz].f32                        =f32 f32
rcp(R=$rnd).f64                              =f64 f64
rcp.approx.ftz.f64                           =f64 f64
sqrt.approx[.ftz].f32                        =f32 f32
sqrt(R=$rnd)[.ftz].f32                       =f32 f32
sqrt(R=$rnd).f64                             =f64 f64
rsqrt.approx[.ftz].f32                       =f32 f32
rsqrt.approx.f64                             =f64 f64
rsqrt.approx.ftz.f64                         =f64 f64
sin.approx[.ftz].f32                         =f32 f32
cos.approx[.ftz].f32                         =f32 f32
lg2.approx[.ftz].f32                         =f32 f32
ex2.approx[.ftz].f32                         =f32 f32
tanh.approx.f32                              =f32 f32       ; 70 75
copysign(T=.f32.f64)                         =T T T
testp(M=.finite.infinite.number.notanumber.normal.subnormal)(T=.f32.f64) =pred T

# f16 and bf16, one and two a register.
add[.rn][.ftz][.sat](T=.f16.f16x2)           =T T T
sub[.rn][.ftz][.sat](T=.f16.f16x2)           =T T T
mul[.rn][.ftz][.sat](T=.f16.f16x2)           =T T T
fma.rn[.ftz][.sat](T=.f16.f16x2)             =T T T T
fma.rn[.ftz].relu(T=.f16.f16x2)              =T T T T       ; 70 80
add[.rn](T=.bf16.bf16x2)                     =T T T         ; 78 90
sub[.rn](T=.bf16.bf16x2)                     =T T T         ; 78 90
mul[.rn](T=.bf16.bf16x2)                     =T T T         ; 78 90
fma.rn[.relu](T=.bf16.bf16x2)                =T T T T       ; 70 80
fma.rn.oob[.relu](T=.f16.f16x2.bf16.bf16x2)  =T T T T       ; 81 90
neg[.ftz](T=.f16.f16x2)                      =T T
abs[.ftz](T=.f16.f16x2)                      =T T
neg(T=.bf16.bf16x2)                          =T T           ; 70 80
abs(T=.bf16.bf16x2)                          =T T           ; 70 80
min[.ftz][.NaN](T=.f16.f16x2)                =T T T         ; 70 80
max[.ftz][.NaN](T=.f16.f16x2)                =T T T         ; 70 80
min[.ftz][.NaN].xorsign.abs(T=.f16.f16x2)    =T T T         ; 72 86
max[.ftz][.NaN].xorsign.abs(T=.f16.f16x2)    =T T T         ; 72 86
min[.NaN](T=.bf16.bf16x2)                    =T T T         ; 70 80
max[.NaN](T=.bf16.bf16x2)                    =T T T         ; 70 80
min[.NaN].xorsign.abs(T=.bf16.bf16x2)        =T T T         ; 72 86
max[.NaN].xorsign.abs(T=.bf16.bf16x2)        =T T T         ; 72 86
ex2.approx(T=.f16.f16x2)                     =T T           ; 70 75
ex2.approx.ftz(T=.bf16.bf16x2)               =T T           ; 78 90
tanh.approx(T=.f16.f16x2)                    =T T           ; 70 75
tanh.approx(T=.bf16.bf16x2)                  =T T           ; 78 90

# Two f32 a register; f32 with a narrow operand.
add[R=$rnd][.ftz].f32x2                      =f32x2 f32x2 f32x2       ; 86 100
sub[R=$rnd][.ftz].f32x2                      =f32x2 f32x2 f32x2       ; 86 100
mul[R=$rnd][.ftz].f32x2                      =f32x2 f32x2 f32x2       ; 86 100
fma(R=$rnd)[.ftz].f32x2                      =f32x2 f32x2 f32x2 f32x2 ; 86 100
add[R=$rnd][.sat].f32(A=.f16.bf16)           =f32 A f32               ; 86 100
sub[R=$rnd][.sat].f32(A=.f16.bf16)           =f32 A f32               ; 86 100
fma(R=$rnd)[.sat].f32(A=.f16.bf16)           =f32 A A f32             ; 86 100
`

const logicForms = `
and(T=.pred.b16.b32.b64)                     =T T T
or(T=.pred.b16.b32.b64)                      =T T T
xor(T=.pred.b16.b32.b64)                     =T T T
not(T=.pred.b16.b32.b64)                     =T T
cnot(T=.b16.b32.b64)                         =T T
lop3.b32                                     =b32 b32 b32 b32 #u32
lop3(B=.or.and).b32                          =_b32|p b32 b32 b32 #u32 pred ; 82 70
shl(T=.b16.b32.b64)                          =T T u32
shr(T=.b16.b32.b64.u16.u32.u64.s16.s32.s64)  =T T u32
shf(D=.l.r)(M=.clamp.wrap).b32               =b32 b32 b32 u32
prmt.b32[M=.f4e.b4e.rc8.ecl.ecr.rc16]        =b32 b32 b32 b32

setp(C=.eq.ne.lt.le.gt.ge)(T=.s16.s32.s64)                             =pred|p? T T
setp(C=.eq.ne.lt.le.gt.ge)(B=$bool)(T=.s16.s32.s64)                    =pred|p? T T pred
setp(C=.eq.ne.lt.le.gt.ge.lo.ls.hi.hs)(T=.u16.u32.u64)                 =pred|p? T T
setp(C=.eq.ne.lt.le.gt.ge.lo.ls.hi.hs)(B=$bool)(T=.u16.u32.u64)        =pred|p? T T pred
setp(C=.eq.ne)(T=.b16.b32.b64)                                         =pred|p? T T
setp(C=.eq.ne)(B=$bool)(T=.b16.b32.b64)                                =pred|p? T T pred
setp(C=.eq.ne.lt.le.gt.ge.equ.neu.ltu.leu.gtu.geu.num.nan)[.ftz](T=.f32)               =pred|p? T T
setp(C=.eq.ne.lt.le.gt.ge.equ.neu.ltu.leu.gtu.geu.num.nan)[.ftz](T=.f16)               =pred T T
setp(C=.eq.ne.lt.le.gt.ge.equ.neu.ltu.leu.gtu.geu.num.nan)(B=$bool)[.ftz](T=.f16)      =pred T T pred
setp(C=.eq.ne.lt.le.gt.ge.equ.neu.ltu.leu.gtu.geu.num.nan)(B=$bool)[.ftz](T=.f32)      =pred|p? T T pred
setp(C=.eq.ne.lt.le.gt.ge.equ.neu.ltu.leu.gtu.geu.num.nan)(T=.f64)                     =pred|p? T T
setp(C=.eq.ne.lt.le.gt.ge.equ.neu.ltu.leu.gtu.geu.num.nan)(B=$bool)(T=.f64)            =pred|p? T T pred
setp(C=.eq.ne.lt.le.gt.ge.equ.neu.ltu.leu.gtu.geu.num.nan)[.ftz](T=.f16x2)             =pred|p T T
setp(C=.eq.ne.lt.le.gt.ge.equ.neu.ltu.leu.gtu.geu.num.nan)(B=$bool)[.ftz](T=.f16x2)    =pred|p T T pred
setp(C=.eq.ne.lt.le.gt.ge.equ.neu.ltu.leu.gtu.geu.num.nan)(T=.bf16)                    =pred T T    ; 78 90
setp(C=.eq.ne.lt.le.gt.ge.equ.neu.ltu.leu.gtu.geu.num.nan)(T=.bf16x2)                  =pred|p T T  ; 78 90
set(C=.eq.ne.lt.le.gt.ge)(D=.u32.s32.f32)(T=.s16.s32.s64)                              =D T T
set(C=.eq.ne.lt.le.gt.ge.lo.ls.hi.hs)(D=.u32.s32.f32)(T=.u16.u32.u64)                  =D T T
set(C=.eq.ne)(D=.u32.s32.f32)(T=.b16.b32.b64)                                          =D T T
set(C=.eq.ne.lt.le.gt.ge.equ.neu.ltu.leu.gtu.geu.num.nan)[.ftz](D=.u32.s32.f32)(T=.f32) =D T T
set(C=.eq.ne.lt.le.gt.ge.equ.neu.ltu.leu.gtu.geu.num.nan)(D=.u32.s32.f32)(T=.f64)      =D T T
selp(T=.b16.b32.b64.u16.u32.u64.s16.s32.s64.f32.f64)                                   =T T T pred
slct(T=.b16.b32.b64.u16.u32.u64.s16.s32.s64.f32.f64).s32                               =T T T s32
slct[.ftz](T=.b16.b32.b64.u16.u32.u64.s16.s32.s64.f32.f64).f32                         =T T T f32
`

const convertForms = `
# Integer to integer; a wider register may hold either.
cvt[.sat](D=.u8.u16.u32.u64.s8.s16.s32.s64)(A=.u8.u16.u32.u64.s8.s16.s32.s64)  =~D ~A
# Float to integer, and integer to float: the rounding must be said.
cvt(R=.rni.rzi.rmi.rpi)[.ftz][.sat](D=.u8.u16.u32.u64.s8.s16.s32.s64)(A=.f32)  =~D ~A
cvt(R=.rni.rzi.rmi.rpi)[.sat](D=.u8.u16.u32.u64.s8.s16.s32.s64)(A=.f16.f64)    =~D ~A
cvt(R=.rni.rzi.rmi.rpi)(D=.u8.u16.u32.u64.s8.s16.s32.s64)(A=.bf16)             =D A   ; 78 90
cvt(R=$rnd)[.sat](D=.f16.f32.f64)(A=.u8.u16.u32.u64.s8.s16.s32.s64)            =~D ~A
cvt(R=$rnd)(D=.bf16)(A=.u8.u16.u32.u64.s8.s16.s32.s64)                         =D A   ; 78 90
# Float to float. To the same width a rounding is one to an integer; a widening has none.
cvt[R=.rni.rzi.rmi.rpi][.ftz][.sat](D=.f32)(A=.f32)                            =~D ~A
cvt[R=.rni.rzi.rmi.rpi][.sat](D=.f64)(A=.f64)                                  =~D ~A
cvt[R=.rni.rzi.rmi.rpi][.sat](D=.f16)(A=.f16)                                  =~D ~A
cvt[R=.rni.rzi.rmi.rpi](D=.bf16)(A=.bf16)                                      =D A   ; 78 90
cvt[.ftz][.sat](D=.f32)(A=.f16)                                                =~D ~A
cvt[.ftz][.sat](D=.f64)(A=.f32)                                                =~D ~A
cvt[.sat](D=.f64)(A=.f16)                                                      =~D ~A
cvt(R=$rnd)[.ftz][.sat](D=.f32)(A=.f64)                                        =~D ~A
cvt(R=.rn.rz.rm.rp)[.sat](D=.f16)(A=.f64)                                      =~D ~A
cvt(R=.rn.rz.rm.rp)[.ftz][.sat](D=.f16)(A=.f32)                                =~D ~A
cvt(R=.rn.rz).relu(D=.f16)(A=.f32)                                             =D A   ; 70 80
cvt(R=.rn.rz)[.relu](D=.bf16)(A=.f32)                                          =D A   ; 70 80
cvt(R=.rn.rz)[.relu].satfinite(D=.f16.bf16)(A=.f32)                            =D A   ; 81 80
cvt(D=.f32)(A=.bf16)                                                           =~D A  ; 71 80
cvt(R=.rn.rz.rm.rp)(D=.bf16)(A=.f16.f64)                                       =D A   ; 78 90
cvt[R=.rn.rz.rm.rp](D=.f16.f64)(A=.bf16)                                       =D A   ; 78 90
cvt.rna(D=.tf32)(A=.f32)                                                       =D A   ; 70 80
cvt.rna.satfinite(D=.tf32)(A=.f32)                                             =D A   ; 81 80
cvt(R=.rn.rz)[.relu](D=.tf32)(A=.f32)                                          =D A   ; 78 90
cvt(R=.rn.rz)[.relu].satfinite(D=.tf32)(A=.f32)                                =D A   ; 86 100
# Pairs: the first source is the upper half.
cvt(R=.rn.rz)[.relu](D=.f16x2.bf16x2)(A=.f32)                                  =D A A ; 70 80
cvt(R=.rn.rz)[.relu].satfinite(D=.f16x2.bf16x2)(A=.f32)                        =D A A ; 81 80
cvt.rn.satfinite[.relu](D=.e4m3x2.e5m2x2)(A=.f32)                              =D A A ; 81 89
cvt.rn.satfinite[.relu](D=.e4m3x2.e5m2x2)(A=.f16x2)                            =D A   ; 81 89
cvt.rn.satfinite[.relu](D=.e4m3x2.e5m2x2)(A=.bf16x2)                           =D A   ; 92 $bw
cvt.rn[.relu](D=.f16x2)(A=.e4m3x2.e5m2x2)                                      =D A   ; 81 89
cvt.rn[.relu](D=.bf16x2)(A=.e4m3x2.e5m2x2)                                     =D A   ; 92 $bw
cvt.rn.satfinite[.relu](D=.e2m1x2.e2m3x2.e3m2x2)(A=.f32)                       =D A A ; 86 $bw
cvt.rn.satfinite[.relu](D=.e2m1x2.e2m3x2.e3m2x2)(A=.f16x2)                     =D A   ; 90 $bw
cvt.rn[.relu](D=.f16x2)(A=.e2m1x2.e2m3x2.e3m2x2)                               =D A   ; 86 $bw
cvt.rn[.relu](D=.bf16x2)(A=.e2m1x2.e2m3x2.e3m2x2)                              =D A   ; 92 $bw
cvt(R=.rz.rp)[.satfinite](D=.ue8m0x2)(A=.f32)                                  =D A A ; 86 $bw
cvt(R=.rz.rp)[.satfinite](D=.ue8m0x2)(A=.bf16x2)                               =D A   ; 86 $bw
cvt.rn(D=.bf16x2)(A=.ue8m0x2)                                                  =D A   ; 86 $bw
cvt.rs[.relu][.satfinite](D=.f16x2.bf16x2)(A=.f32)                             =D A A b32 ; 87 $rs
cvt.rs[.relu].satfinite(D=.e4m3x4.e5m2x4.e2m1x4.e2m3x4.e3m2x4)(A=.f32)         =D {4}A b32 ; 87 $rs
# Four or eight integers packed.
cvt.pack.sat(D=.u16.s16)(A=.s32)                                               =b32 A A     ; 65 72
cvt.pack.sat(D=.u8.s8)(A=.s32).b32                                             =b32 A A b32 ; 65 72
cvt.pack.sat(D=.u4.s4.u2.s2)(A=.s32).b32                                       =b32 A A b32 ; 65 75

mov(T=.b16.b32.b64.u16.u32.u64.s16.s32.s64.f32.f64)                            =T @T
mov(T=.pred)                                                                   =T T
mov(T=.b128)                                                                   =T T          ; 83 70
mov(T=.b16)                                                                    =T {2}b8
mov(T=.b16)                                                                    ={2}_b8 T
mov(T=.b32)                                                                    =T {2}b16
mov(T=.b32)                                                                    ={2}_b16 T
mov(T=.b32)                                                                    =T {4}b8
mov(T=.b32)                                                                    ={4}_b8 T
mov(T=.b64)                                                                    =T {2}b32
mov(T=.b64)                                                                    ={2}_b32 T
mov(T=.b64)                                                                    =T {4}b16
mov(T=.b64)                                                                    ={4}_b16 T
mov(T=.b128)                                                                   =T {2}b64     ; 83 70
mov(T=.b128)                                                                   ={2}_b64 T    ; 83 70
cvta(S=.global.local.shared.shared::cta.shared::cluster.const.param.param::entry)(T=.u64)   =T @T
cvta.to(S=.global.local.shared.shared::cta.shared::cluster.const.param.param::entry)(T=.u64) =T T
isspacep(S=.global.local.shared.shared::cta.shared::cluster.const.param.param::entry)           =pred u64
mapa[.shared::cluster](T=.u32.u64)                                                   =T @T u32    ; 78 90
getctarank[.shared::cluster](T=.u32.u64)                                       =u32 @T      ; 78 90
`

// memoryForms are the rows of loads, stores, atomics and what else names memory.
var memoryForms = loadForms() + storeForms() + `
# Atomics: the old value is the result. red has none.
atom[.relaxed.acquire.release.acq_rel][$scope][S=.global](O=.add)$hint(T=.u32.s32.u64.f32.f64)     =_T [S] T b64?H
atom[.relaxed.acquire.release.acq_rel][$scope](S=.shared.shared::cta.shared::cluster)(O=.add)(T=.u32.s32.u64.f32.f64)     =_T [S] T
atom[.relaxed.acquire.release.acq_rel][$scope][S=.global](O=.add).noftz$hint(T=.f16.f16x2)         =_T [S] T b64?H ; 63 70
atom[.relaxed.acquire.release.acq_rel][$scope](S=.shared.shared::cta.shared::cluster)(O=.add).noftz(T=.f16.f16x2)         =_T [S] T ; 63 70
atom[.relaxed.acquire.release.acq_rel][$scope][S=.global](O=.add).noftz$hint(T=.bf16.bf16x2)       =_T [S] T b64?H ; 78 90
atom[.relaxed.acquire.release.acq_rel][$scope](S=.shared.shared::cta.shared::cluster)(O=.add).noftz(T=.bf16.bf16x2)       =_T [S] T ; 78 90
atom[.relaxed.acquire.release.acq_rel][$scope][S=.global](O=.min.max)$hint(T=.u32.s32.u64.s64)     =_T [S] T b64?H
atom[.relaxed.acquire.release.acq_rel][$scope](S=.shared.shared::cta.shared::cluster)(O=.min.max)(T=.u32.s32.u64.s64)     =_T [S] T
atom[.relaxed.acquire.release.acq_rel][$scope][S=.global](O=.inc.dec)$hint(T=.u32)                 =_T [S] T b64?H
atom[.relaxed.acquire.release.acq_rel][$scope](S=.shared.shared::cta.shared::cluster)(O=.inc.dec)(T=.u32)                 =_T [S] T
atom[.relaxed.acquire.release.acq_rel][$scope][S=.global](O=.and.or.xor.exch)$hint(T=.b32.b64)     =_T [S] T b64?H
atom[.relaxed.acquire.release.acq_rel][$scope](S=.shared.shared::cta.shared::cluster)(O=.and.or.xor.exch)(T=.b32.b64)     =_T [S] T
atom[.relaxed.acquire.release.acq_rel][$scope][S=.global.shared.shared::cta.shared::cluster](O=.cas)(T=.b32.b64)                 =_T [S] T T
atom[.relaxed.acquire.release.acq_rel][$scope][S=.global.shared.shared::cta.shared::cluster](O=.cas)(T=.b16)                     =_T [S] T T ; 63 70
atom[.relaxed.acquire.release.acq_rel][$scope](S=.global)(O=.add)$hint(V=.v2.v4)(T=.f32)                  ={V}_T [S] {V}T b64?H ; 81 90
atom[.relaxed.acquire.release.acq_rel][$scope](S=.global)(O=.add.min.max).noftz$hint(V=.v2.v4.v8)(T=.f16.bf16) ={V}_T [S] {V}T b64?H ; 81 90
atom[.relaxed.acquire.release.acq_rel][$scope](S=.global)(O=.add.min.max).noftz$hint(V=.v2.v4)(T=.f16x2.bf16x2) ={V}_T [S] {V}T b64?H ; 81 90
red[.relaxed.release][$scope][S=.global](O=.add)$hint(T=.u32.s32.u64.f32.f64)                      [S] T b64?H
red[.relaxed.release][$scope](S=.shared.shared::cta.shared::cluster)(O=.add)(T=.u32.s32.u64.f32.f64)                      [S] T
red[.relaxed.release][$scope][S=.global](O=.add).noftz$hint(T=.f16.f16x2)                          [S] T b64?H ; 63 70
red[.relaxed.release][$scope](S=.shared.shared::cta.shared::cluster)(O=.add).noftz(T=.f16.f16x2)                          [S] T ; 63 70
red[.relaxed.release][$scope][S=.global](O=.add).noftz$hint(T=.bf16.bf16x2)                        [S] T b64?H ; 78 90
red[.relaxed.release][$scope](S=.shared.shared::cta.shared::cluster)(O=.add).noftz(T=.bf16.bf16x2)                        [S] T ; 78 90
red[.relaxed.release][$scope][S=.global](O=.min.max)$hint(T=.u32.s32.u64.s64)                      [S] T b64?H
red[.relaxed.release][$scope](S=.shared.shared::cta.shared::cluster)(O=.min.max)(T=.u32.s32.u64.s64)                      [S] T
red[.relaxed.release][$scope][S=.global](O=.inc.dec)$hint(T=.u32)                                  [S] T b64?H
red[.relaxed.release][$scope](S=.shared.shared::cta.shared::cluster)(O=.inc.dec)(T=.u32)                                  [S] T
red[.relaxed.release][$scope][S=.global](O=.and.or.xor)$hint(T=.b32.b64)                           [S] T b64?H
red[.relaxed.release][$scope](S=.shared.shared::cta.shared::cluster)(O=.and.or.xor)(T=.b32.b64)                           [S] T
red[.relaxed.release][$scope](S=.global)(O=.add)$hint(V=.v2.v4)(T=.f32)                         [S] {V}T b64?H ; 81 90
red[.relaxed.release][$scope](S=.global)$hint(V=.v2.v4)(T=.f32)(O=.add)                         [S] {V}T b64?H ; 81 90
red[.relaxed.release][$scope](S=.global)(O=.add.min.max).noftz$hint(V=.v2.v4.v8)(T=.f16.bf16)   [S] {V}T b64?H ; 81 90
red[.relaxed.release][$scope](S=.global)(O=.add.min.max).noftz$hint(V=.v2.v4)(T=.f16x2.bf16x2)  [S] {V}T b64?H ; 81 90
red[.relaxed.release][$scope](S=.global)$hint(V=.v2.v4)(T=.f16x2.bf16x2)(O=.add.min.max).noftz  [S] {V}T b64?H ; 81 90

createpolicy.fractional(.L2::evict_last.L2::evict_normal.L2::evict_first.L2::evict_unchanged).b64                       =b64 #f32? ; 74 80
createpolicy.fractional(.L2::evict_last.L2::evict_normal.L2::evict_first.L2::evict_unchanged)(.L2::evict_first.L2::evict_unchanged).b64 =b64 #f32? ; 74 80
createpolicy.range[.global](.L2::evict_last.L2::evict_normal.L2::evict_first)[.L2::evict_first.L2::evict_unchanged].b64 =b64 [.global] u32 u32 ; 74 80
createpolicy.cvt.L2.b64                                             =b64 b64  ; 74 80
prefetch[S=.global.local](.L1.L2)                                   [S]
prefetch.global(.L2::evict_last.L2::evict_normal)                   [.global] ; 74 80
prefetchu.L1                                                        []
prefetch[S=.const.param].tensormap                                  [S]       ; 80 90
discard[.global].L2                                                 [.global] #u32 ; 74 80
applypriority[.global].L2::evict_normal                             [.global] #u32 ; 74 80
`

// vectors writes a load's or store's row once for one element, two and four, with the operands around the data.
func vectors(b *strings.Builder, head, before, after string) {
	for _, v := range [][2]string{{"$narrow", ""}, {"(V=.v2)$narrow", "{V}"}, {"(V=.v4)$vec4", "{V}"}} {
		sink := ""
		if before == "=" && v[1] != "" {
			sink = "_"
		}
		if before == "=" {
			b.WriteString(head + v[0] + " =" + v[1] + sink + "~T " + after + "\n")
		} else {
			b.WriteString(head + v[0] + " " + before + " " + v[1] + "~T " + after + "\n")
		}
	}
}

// loadForms are the rows of ld: weak, volatile, relaxed and acquire. What is said of caches is for global memory alone; so
// are 32 bytes at a time, on newer processors.
func loadForms() string {
	var b strings.Builder
	const other = "(S=.const.local.param.param::entry.param::func.shared.shared::cta.shared::cluster)"
	vectors(&b, "ld[.weak]"+other+"[.ca.cg.cs.lu.cv]", "=", "[S]")
	vectors(&b, "ld[.weak][S=.global]$evict1$hint$fetch", "=", "[S] b64?H")
	vectors(&b, "ld[.weak][S=.global](.ca.cg.cs.lu.cv)$hint$fetch", "=", "[S] b64?H")
	vectors(&b, "ld.volatile[S=.global]$fetch", "=", "[S]")
	vectors(&b, "ld.volatile(S=.shared.shared::cta.shared::cluster)", "=", "[S]")
	vectors(&b, "ld.volatile(S=.local)", "=", "[S] ; 91 50")
	vectors(&b, "ld(.relaxed.acquire)($scope)[S=.global]$evict1$hint$fetch", "=", "[S] b64?H")
	vectors(&b, "ld(.relaxed.acquire)($scope)(S=.shared.shared::cta.shared::cluster)", "=", "[S]")
	vectors(&b, "ld.global.nc$evict1$hint$fetch", "=", "[.global] b64?H")
	vectors(&b, "ld.global(.ca.cg.cs).nc$hint$fetch", "=", "[.global] b64?H")
	vectors(&b, "ldu[S=.global]", "=", "[S]")
	for _, nc := range []string{"[.weak](S=.global)", "(S=.global).nc"} {
		b.WriteString("ld" + nc + "$evict1$evict2$hint$fetch(V=.v8)$vec8 ={V}_T [S] b64?H ; 88 100\n")
		b.WriteString("ld" + nc + "$evict1$evict2$hint$fetch(V=.v4)$wide4 ={V}_T [S] b64?H ; 88 100\n")
	}
	return b.String()
}

// storeForms are the rows of st.
func storeForms() string {
	var b strings.Builder
	vectors(&b, "st[.weak](S=.local.param.param::func.shared.shared::cta.shared::cluster)[.wb.cg.cs.wt]", "[S]", "")
	vectors(&b, "st[.weak][S=.global]$evict1$hint", "[S]", "b64?H")
	vectors(&b, "st[.weak][S=.global](.wb.cg.cs.wt)$hint", "[S]", "b64?H")
	vectors(&b, "st.volatile[S=.global.shared.shared::cta.shared::cluster]", "[S]", "")
	vectors(&b, "st.volatile(S=.local)", "[S]", " ; 91 50")
	vectors(&b, "st(.relaxed.release)($scope)[S=.global]$evict1$hint", "[S]", "b64?H")
	vectors(&b, "st(.relaxed.release)($scope)(S=.shared.shared::cta.shared::cluster)", "[S]", "")
	b.WriteString("st[.weak](S=.global)$evict1$evict2$hint(V=.v8)$vec8 [S] {V}T b64?H ; 88 100\n")
	b.WriteString("st[.weak](S=.global)$evict1$evict2$hint(V=.v4)$wide4 [S] {V}T b64?H ; 88 100\n")
	b.WriteString("st.bulk[.weak][S=.shared::cta] [S] u64 #u64 ; 86 100\n")
	return b.String()
}

const asyncForms = `
# Copies of a few bytes a thread (sm_80): destination, source, size, and the bytes that are really read.
cp.async.ca($shared).global$hint$fetch                              [.shared] [.global] #u32 b64?H          ; 70 80
cp.async.ca($shared).global$hint$fetch                              [.shared] [.global] #u32 u32 b64?H      ; 70 80
cp.async.cg($shared).global$hint$fetch                              [.shared] [.global] #u32 b64?H          ; 70 80
cp.async.cg($shared).global$hint$fetch                              [.shared] [.global] #u32 u32 b64?H      ; 70 80
cp.async(.ca.cg)($shared).global$hint$fetch                         [.shared] [.global] #u32 pred b64?H     ; 80 80
cp.async.commit_group                                                                                      ; 70 80
cp.async.wait_group                                                 #u32                                    ; 70 80
cp.async.wait_all                                                                                          ; 70 80
cp.async.mbarrier.arrive[.noinc][S=$shared].b64                     [S]                                     ; 70 80

# Bulk copies and reductions.
cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes$hint                                  [.shared] [.global] u32 [.shared] b64?H     ; 80 90
cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes.multicast::cluster$hint               [.shared] [.global] u32 [.shared] b16 b64?H ; 80 90
cp.async.bulk.shared::cta.global.mbarrier::complete_tx::bytes$hint                                      [.shared] [.global] u32 [.shared] b64?H     ; 86 90
cp.async.bulk.shared::cta.global.mbarrier::complete_tx::bytes.ignore_oob$hint                           [.shared] [.global] u32 u32 u32 [.shared] b64?H ; 92 90
cp.async.bulk.shared::cluster.shared::cta.mbarrier::complete_tx::bytes                                  [.shared] [.shared] u32 [.shared] ; 80 90
cp.async.bulk.global.shared::cta.bulk_group$hint                                                        [.global] [.shared] u32 b64?H ; 80 90
cp.async.bulk.global.shared::cta.bulk_group$hint.cp_mask                                                [.global] [.shared] u32 b64?H b16 ; 86 100
cp.async.bulk.prefetch.L2.global$hint                                                                   [.global] u32 b64?H ; 80 90
cp.async.bulk.commit_group                                                                                                  ; 80 90
cp.async.bulk.wait_group[.read]                                                                         #u32                ; 80 90
cp.reduce.async.bulk.shared::cluster.shared::cta.mbarrier::complete_tx::bytes(.and.or.xor)(.b32) [.shared] [.shared] u32 [.shared] ; 80 90
cp.reduce.async.bulk.shared::cluster.shared::cta.mbarrier::complete_tx::bytes(.add.min.max)(.s32.u32) [.shared] [.shared] u32 [.shared] ; 80 90
cp.reduce.async.bulk.shared::cluster.shared::cta.mbarrier::complete_tx::bytes(.add)(.u64) [.shared] [.shared] u32 [.shared] ; 80 90
cp.reduce.async.bulk.shared::cluster.shared::cta.mbarrier::complete_tx::bytes(.inc.dec)(.u32) [.shared] [.shared] u32 [.shared] ; 80 90
cp.reduce.async.bulk.global.shared::cta.bulk_group$hint(.and.or.xor)(.b32.b64) [.global] [.shared] u32 b64?H ; 80 90
cp.reduce.async.bulk.global.shared::cta.bulk_group$hint(.add)(.u32.s32.u64.f32.f64) [.global] [.shared] u32 b64?H ; 80 90
cp.reduce.async.bulk.global.shared::cta.bulk_group$hint(.min.max)(.u32.s32.u64.s64) [.global] [.shared] u32 b64?H ; 80 90
cp.reduce.async.bulk.global.shared::cta.bulk_group$hint(.inc.dec)(.u32) [.global] [.shared] u32 b64?H ; 80 90
cp.reduce.async.bulk.global.shared::cta.bulk_group$hint.add.noftz(.f16.bf16)                            [.global] [.shared] u32 b64?H ; 80 90
cp.reduce.async.bulk.global.shared::cta.bulk_group$hint(.min.max)(.f16.bf16)                            [.global] [.shared] u32 b64?H ; 80 90

# Tensor copies (TMA).
cp.async.bulk.tensor(N=.1d.2d.3d.4d.5d).shared::cluster.global[.tile].mbarrier::complete_tx::bytes$hint                        [.shared] [.global;N] [.shared] b64?H      ; 80 90
cp.async.bulk.tensor(N=.1d.2d.3d.4d.5d).shared::cluster.global[.tile].mbarrier::complete_tx::bytes.multicast::cluster$hint     [.shared] [.global;N] [.shared] b16 b64?H  ; 80 90
cp.async.bulk.tensor(N=.1d.2d.3d.4d.5d).shared::cluster.global[.tile].mbarrier::complete_tx::bytes(.cta_group::1.cta_group::2)$hint [.shared] [.global;N] [.shared] b64?H ; 86 $dc
cp.async.bulk.tensor(N=.1d.2d.3d.4d.5d).shared::cta.global[.tile].mbarrier::complete_tx::bytes$hint                            [.shared] [.global;N] [.shared] b64?H      ; 86 90
cp.async.bulk.tensor.2d(.shared::cta.shared::cluster).global.tile::gather4.mbarrier::complete_tx::bytes$hint                   [.shared] [.global;5] [.shared] b64?H      ; 86 $bw
cp.async.bulk.tensor(N=.3d).shared::cluster.global.im2col.mbarrier::complete_tx::bytes$hint                                    [.shared] [.global;N] [.shared] {1}b16 b64?H ; 80 90
cp.async.bulk.tensor(N=.4d).shared::cluster.global.im2col.mbarrier::complete_tx::bytes$hint                                    [.shared] [.global;N] [.shared] {2}b16 b64?H ; 80 90
cp.async.bulk.tensor(N=.5d).shared::cluster.global.im2col.mbarrier::complete_tx::bytes$hint                                    [.shared] [.global;N] [.shared] {3}b16 b64?H ; 80 90
cp.async.bulk.tensor(N=.1d.2d.3d.4d.5d).global.shared::cta[.tile].bulk_group$hint                                              [.global;N] [.shared] b64?H                ; 80 90
cp.async.bulk.tensor(N=.3d.4d.5d).global.shared::cta.im2col_no_offs.bulk_group$hint                                            [.global;N] [.shared] b64?H                ; 80 90
cp.async.bulk.tensor.2d.global.shared::cta.tile::scatter4.bulk_group$hint                                                      [.global;5] [.shared] b64?H                ; 86 $dc
cp.reduce.async.bulk.tensor(N=.1d.2d.3d.4d.5d).global.shared::cta(.add.min.max.inc.dec.and.or.xor)[.tile].bulk_group$hint      [.global;N] [.shared] b64?H                ; 80 90
cp.async.bulk.prefetch.tensor(N=.1d.2d.3d.4d.5d).L2.global[.tile]$hint                                                         [.global;N] b64?H                          ; 80 90
tensormap.replace.tile(.global_address)[S=.global.shared::cta].b1024.b64                                                       [S] b64       ; 83 90a,$bw
tensormap.replace.tile(.rank)[S=.global.shared::cta].b1024.b32                                                                 [S] b32       ; 83 90a,$bw
tensormap.replace.tile(.box_dim.global_dim.element_stride)[S=.global.shared::cta].b1024.b32                                    [S] #u32 b32  ; 83 90a,$bw
tensormap.replace.tile.global_stride[S=.global.shared::cta].b1024.b64                                                          [S] #u32 b64  ; 83 90a,$bw
tensormap.replace.tile(.elemtype.interleave_layout.swizzle_mode.fill_mode)[S=.global.shared::cta].b1024.b32                    [S] #u32      ; 83 90a,$bw

st.async[.weak][.shared::cluster].mbarrier::complete_tx::bytes(T=.b32.b64.u32.u64.s32.s64.f32.f64)              [.shared] T [.shared]       ; 81 90
st.async[.weak][.shared::cluster].mbarrier::complete_tx::bytes(V=.v2)(T=.b32.b64.u32.u64.s32.s64.f32.f64)       [.shared] {V}T [.shared]    ; 81 90
st.async[.weak][.shared::cluster].mbarrier::complete_tx::bytes(V=.v4)(T=.b32.u32.s32.f32)                       [.shared] {V}T [.shared]    ; 81 90
red.async.relaxed.cluster.mbarrier::complete_tx::bytes[.shared::cluster](.and.or.xor)(T=.b32) [.shared] T [.shared] ; 81 90
red.async.relaxed.cluster[.shared::cluster].mbarrier::complete_tx::bytes(.and.or.xor)(T=.b32) [.shared] T [.shared] ; 81 90
red.async.relaxed.cluster.mbarrier::complete_tx::bytes[.shared::cluster](.add.min.max)(T=.u32.s32) [.shared] T [.shared] ; 81 90
red.async.relaxed.cluster[.shared::cluster].mbarrier::complete_tx::bytes(.add.min.max)(T=.u32.s32) [.shared] T [.shared] ; 81 90
red.async.relaxed.cluster.mbarrier::complete_tx::bytes[.shared::cluster](.add)(T=.u64) [.shared] T [.shared] ; 81 90
red.async.relaxed.cluster[.shared::cluster].mbarrier::complete_tx::bytes(.add)(T=.u64) [.shared] T [.shared] ; 81 90
red.async.relaxed.cluster.mbarrier::complete_tx::bytes[.shared::cluster](.inc.dec)(T=.u32) [.shared] T [.shared] ; 81 90
red.async.relaxed.cluster[.shared::cluster].mbarrier::complete_tx::bytes(.inc.dec)(T=.u32) [.shared] T [.shared] ; 81 90
clusterlaunchcontrol.try_cancel.async[.shared::cta].mbarrier::complete_tx::bytes.b128                           [.shared] [.shared]         ; 86 100
clusterlaunchcontrol.try_cancel.async[.shared::cta].mbarrier::complete_tx::bytes.multicast::cluster::all.b128   [.shared] [.shared]         ; 86 $bw
clusterlaunchcontrol.query_cancel.is_canceled.pred.b128                                                         =pred b128                  ; 86 100
clusterlaunchcontrol.query_cancel(.get_first_ctaid::x.get_first_ctaid::y.get_first_ctaid::z).b32.b128           =b32 b128                   ; 86 100
clusterlaunchcontrol.query_cancel.get_first_ctaid.v4.b32.b128                                                   ={4}_b32 b128               ; 86 100
`
