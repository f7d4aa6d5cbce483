#include "textflag.h"

// func fmaBlock4(c *float32, ldc int, x *float32, xRow, xSum int, y *float32, ldy, sum int)
//
// Four rows of 16 columns stay in registers; each step multiplies 16 elements of y by one of x in each row.
TEXT ·fmaBlock4(SB), NOSPLIT, $0-64
	MOVQ c+0(FP), DI
	MOVQ ldc+8(FP), SI
	MOVQ x+16(FP), R8
	MOVQ xRow+24(FP), R9
	MOVQ xSum+32(FP), R10
	MOVQ y+40(FP), R11
	MOVQ ldy+48(FP), R12
	MOVQ sum+56(FP), CX
	SHLQ $2, SI
	SHLQ $2, R9
	SHLQ $2, R10
	SHLQ $2, R12
	LEAQ (R9)(R9*2), R13
	LEAQ (SI)(SI*2), DX
	VMOVUPS (DI), Y0
	VMOVUPS 32(DI), Y1
	VMOVUPS (DI)(SI*1), Y2
	VMOVUPS 32(DI)(SI*1), Y3
	VMOVUPS (DI)(SI*2), Y4
	VMOVUPS 32(DI)(SI*2), Y5
	VMOVUPS (DI)(DX*1), Y6
	VMOVUPS 32(DI)(DX*1), Y7
loop4:
	VMOVUPS (R11), Y8
	VMOVUPS 32(R11), Y9
	VBROADCASTSS (R8), Y10
	VBROADCASTSS (R8)(R9*1), Y11
	VBROADCASTSS (R8)(R9*2), Y12
	VBROADCASTSS (R8)(R13*1), Y13
	VFMADD231PS Y8, Y10, Y0
	VFMADD231PS Y9, Y10, Y1
	VFMADD231PS Y8, Y11, Y2
	VFMADD231PS Y9, Y11, Y3
	VFMADD231PS Y8, Y12, Y4
	VFMADD231PS Y9, Y12, Y5
	VFMADD231PS Y8, Y13, Y6
	VFMADD231PS Y9, Y13, Y7
	ADDQ R10, R8
	ADDQ R12, R11
	DECQ CX
	JNZ  loop4
	VMOVUPS Y0, (DI)
	VMOVUPS Y1, 32(DI)
	VMOVUPS Y2, (DI)(SI*1)
	VMOVUPS Y3, 32(DI)(SI*1)
	VMOVUPS Y4, (DI)(SI*2)
	VMOVUPS Y5, 32(DI)(SI*2)
	VMOVUPS Y6, (DI)(DX*1)
	VMOVUPS Y7, 32(DI)(DX*1)
	VZEROUPPER
	RET

// func fmaBlock1(c *float32, x *float32, xSum int, y *float32, ldy, sum int)
TEXT ·fmaBlock1(SB), NOSPLIT, $0-48
	MOVQ c+0(FP), DI
	MOVQ x+8(FP), R8
	MOVQ xSum+16(FP), R10
	MOVQ y+24(FP), R11
	MOVQ ldy+32(FP), R12
	MOVQ sum+40(FP), CX
	SHLQ $2, R10
	SHLQ $2, R12
	VMOVUPS (DI), Y0
	VMOVUPS 32(DI), Y1
loop1:
	VBROADCASTSS (R8), Y10
	VFMADD231PS (R11), Y10, Y0
	VFMADD231PS 32(R11), Y10, Y1
	ADDQ R10, R8
	ADDQ R12, R11
	DECQ CX
	JNZ  loop1
	VMOVUPS Y0, (DI)
	VMOVUPS Y1, 32(DI)
	VZEROUPPER
	RET

// func cpuid(leaf, sub uint32) (a, b, c, d uint32)
TEXT ·cpuid(SB), NOSPLIT, $0-24
	MOVL leaf+0(FP), AX
	MOVL sub+4(FP), CX
	CPUID
	MOVL AX, a+8(FP)
	MOVL BX, b+12(FP)
	MOVL CX, c+16(FP)
	MOVL DX, d+20(FP)
	RET

// func xgetbv() uint32
TEXT ·xgetbv(SB), NOSPLIT, $0-4
	XORL CX, CX
	XGETBV
	MOVL AX, ret+0(FP)
	RET
