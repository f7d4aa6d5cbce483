// Package ptx describes the PTX instruction set as data: which instructions there are, with which modifiers, operand
// kinds and types, and from which PTX version and on which processor each form exists.
//
// The text parser (codegen/ptx/syntax), the emulator (codegen/ptx/emu) and an emitter read the same table, so that what is
// emitted, what is accepted and what is executed cannot drift apart. Facts are from NVIDIA's "PTX ISA" 7.0 to 9.x, held
// against ptxas on the texts under codegen/ptx/syntax/testdata.
package ptx

import "strings"

// Type is a PTX type: of a register, of a variable or of an instruction.
type Type uint8

// The types. Those from F16x2 on name how an instruction reads the bits of an untyped register.
const (
	NoType Type = iota
	Pred
	B8
	B16
	B32
	B64
	B128
	U8
	U16
	U32
	U64
	S8
	S16
	S32
	S64
	F16
	F32
	F64
	F16x2
	BF16
	BF16x2
	TF32
	U16x2
	S16x2
	F32x2
	E4M3
	E5M2
	E2M1
	E2M3
	E3M2
	E4M3x2
	E5M2x2
	E2M1x2
	E2M3x2
	E3M2x2
	UE8M0x2
	E4M3x4
	E5M2x4
	E2M1x4
	E2M3x4
	E3M2x4
	S4
	U4
	B1
	B1024
	numTypes
)

// Class says which registers an instruction type takes.
type Class uint8

// The classes. An integer type takes integer and untyped registers, a float type float and untyped ones, an untyped type
// any, a packed type untyped ones and those declared with just that type: always of its own width.
const (
	NoClass Class = iota
	PredClass
	BitsClass
	IntClass
	FloatClass
	PackedClass
)

type typeInfo struct {
	name  string
	bits  int
	class Class
}

var typeTable = [numTypes]typeInfo{
	Pred: {"pred", 1, PredClass},
	B8:   {"b8", 8, BitsClass}, B16: {"b16", 16, BitsClass}, B32: {"b32", 32, BitsClass}, B64: {"b64", 64, BitsClass},
	B128: {"b128", 128, BitsClass}, B1024: {"b1024", 1024, BitsClass},
	U8: {"u8", 8, IntClass}, U16: {"u16", 16, IntClass}, U32: {"u32", 32, IntClass}, U64: {"u64", 64, IntClass},
	S8: {"s8", 8, IntClass}, S16: {"s16", 16, IntClass}, S32: {"s32", 32, IntClass}, S64: {"s64", 64, IntClass},
	F16: {"f16", 16, FloatClass}, F32: {"f32", 32, FloatClass}, F64: {"f64", 64, FloatClass},
	F16x2: {"f16x2", 32, PackedClass}, BF16: {"bf16", 16, PackedClass}, BF16x2: {"bf16x2", 32, PackedClass},
	TF32: {"tf32", 32, PackedClass}, U16x2: {"u16x2", 32, PackedClass}, S16x2: {"s16x2", 32, PackedClass},
	F32x2: {"f32x2", 64, PackedClass},
	E4M3:  {"e4m3", 8, PackedClass}, E5M2: {"e5m2", 8, PackedClass}, E2M1: {"e2m1", 4, PackedClass},
	E2M3: {"e2m3", 6, PackedClass}, E3M2: {"e3m2", 6, PackedClass},
	E4M3x2: {"e4m3x2", 16, PackedClass}, E5M2x2: {"e5m2x2", 16, PackedClass}, E2M1x2: {"e2m1x2", 8, PackedClass},
	E2M3x2: {"e2m3x2", 16, PackedClass}, E3M2x2: {"e3m2x2", 16, PackedClass}, UE8M0x2: {"ue8m0x2", 16, PackedClass},
	E4M3x4: {"e4m3x4", 32, PackedClass}, E5M2x4: {"e5m2x4", 32, PackedClass}, E2M1x4: {"e2m1x4", 16, PackedClass},
	E2M3x4: {"e2m3x4", 32, PackedClass}, E3M2x4: {"e3m2x4", 32, PackedClass},
	S4: {"s4", 4, PackedClass}, U4: {"u4", 4, PackedClass}, B1: {"b1", 1, PackedClass},
}

var typeNames = func() map[string]Type {
	m := make(map[string]Type, numTypes)
	for t := Pred; t < numTypes; t++ {
		m[typeTable[t].name] = t
	}
	return m
}()

// ParseType is the type of a name with or without its leading dot; NoType where there is none of that name.
func ParseType(name string) Type { return typeNames[strings.TrimPrefix(name, ".")] }

// String is the type's name without a dot.
func (t Type) String() string {
	if t == NoType || t >= numTypes {
		return "none"
	}
	return typeTable[t].name
}

// Bits is the width of a register of the type; 1 for a predicate.
func (t Type) Bits() int { return typeTable[min(t, numTypes-1)].bits }

// Class is the family of the type.
func (t Type) Class() Class { return typeTable[min(t, numTypes-1)].class }

// Signed reports whether t is a signed integer.
func (t Type) Signed() bool { return t >= S8 && t <= S64 }

// Wide is the type of twice the width that mul.wide and mad.wide give; NoType where there is none.
func (t Type) Wide() Type {
	switch t {
	case U16, U32, S16, S32, U8, S8:
		return t + 1
	}
	return NoType
}

// Declarable reports whether a register or a variable may have the type.
func (t Type) Declarable() bool { return t != NoType && (t <= F16x2 || t == B128) }

// Takes reports whether an operand of instruction type t may be a register declared as r. With wider, as in ld, st and cvt, an untyped
// or integer register may also be wider than the type.
func (t Type) Takes(r Type, wider bool) bool {
	tc, rc := t.Class(), r.Class()
	if tc == PredClass || rc == PredClass {
		return tc == rc
	}
	if rb, tb := r.Bits(), t.Bits(); rb != tb {
		if !wider || rb < tb || rc == FloatClass || rc == PackedClass {
			return false
		}
	}
	switch {
	case t == r || rc == BitsClass:
		return true
	case tc == BitsClass:
		return true
	case tc == IntClass:
		return rc == IntClass
	case t == F16x2 || r == F16x2:
		return false
	}
	return tc == FloatClass && rc == FloatClass
}
