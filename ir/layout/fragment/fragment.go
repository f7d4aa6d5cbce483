// Package fragment holds the operands of matrix instructions as layouts: which element of a tile each register slot of
// each lane holds, and where an operand lies in memory. What goes in is a name, what comes out is a
// [layout.Distribution] or a [layout.Layout]; nothing here knows how a kernel uses them.
//
// # Names
//
// An instruction is called isa_mMnNkK_types, an operand instruction.operand:
//
//	mma_m16n8k16_bf16.a            mma.sync, bf16 operands, the default accumulator (f32; s32 for integers; f64)
//	mma_m16n8k16_f16_f16.c         f16 operands, f16 accumulator
//	mma_m16n8k32_e4m3xe5m2.b       A is e4m3, B is e5m2
//	mma_m16n8k64_e2m1_mxf4.sa      the scales of A
//	wgmma_m64n256k16_bf16.d        a warpgroup's accumulator; .a is A from registers
//	wgmma_smem_k_128b_16           an atom of shared memory for 16-bit operands: K-major, 128-byte swizzle
//	ldmatrix_x4_trans.d            what lanes receive; .rows is what lanes point at
//	mfma_32x32x8_f16.a             one block; mfma_4x4x4_16b_f16.a has sixteen
//	mfma_scale_16x16x128_fp8xfp4.sb
//	ds_read_b64_tr_b16.d
//	amx_m16n16k32_bf16.b           bits of a tile register
//	swizzle_128b                   of byte addresses
//
// [Lookup] finds an operand by name, [Find] an instruction, [Names] lists all.
//
// # Conventions
//
// The axes of a tile stand in the order m, k for A; k, n for B; m, n for C and D; matrices that one instruction holds
// side by side (blocks of an MFMA, matrices of ldmatrix) are a last axis. A register slot is one element. Slots fill
// the lane's 32-bit registers from the low bits, Slot bits each; slots of 64 bits take two registers. Offsets in
// memory count bits.
//
// The layouts are made from formulas with the element width and the shape. Sources: PTX ISA 8.8, sections on the
// fragments of mma, wgmma and ldmatrix; AMD's matrix instruction calculator for CDNA3 and the CDNA4 ISA guide;
// Intel's Software Developer's Manual, chapter on AMX.
//
// # Left out
//
// mma.m8n8k4 with f16 operands (only sm_70 runs it as one instruction, which is no target), sparse forms (mma.sp,
// wgmma.sp, smfmac), the broadcasts that cbsz, abid and blgp give to some MFMA, and tcgen05, whose operands lie in
// memories that no other target has; and of ldmatrix the transposed 16 x 16 forms that spread out fp4 and fp6.
package fragment

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/tilec/tilec/ir/dtype"
	"github.com/tilec/tilec/ir/layout"
)

// A Kind says what an entry of the table is.
type Kind uint8

// The kinds.
const (
	Registers Kind = iota // a Distribution over the register slots of lanes
	Pointers              // a Distribution too: which elements lie in the bytes that a lane points at
	Memory                // a Layout from the tile's coordinates to bits
	Swizzle               // a Swizzle of byte addresses
)

var kindNames = [...]string{"registers", "pointers", "memory", "swizzle"}

func (k Kind) String() string { return kindNames[k] }

// A Group is how many lanes execute an instruction together.
type Group uint8

// The groups.
const (
	Core      Group = iota // one core of a processor
	Warp                   // 32 lanes
	Warpgroup              // 4 warps of 32 lanes, the first of which has a number divisible by 4
	Wave                   // 64 lanes
)

var groupNames = [...]string{"core", "warp", "warpgroup", "wave"}

func (g Group) String() string { return groupNames[g] }

// Lanes is the number of lanes of the group.
func (g Group) Lanes() int64 { return [...]int64{1, 32, 128, 64}[g] }

// A Fragment is one operand of an instruction, or another named layout.
type Fragment struct {
	Name string
	Kind Kind
	Atom string   // the instruction, "" for what belongs to none
	Axes []string // of the tile
	Type dtype.Type
	// Slot is the number of bits that an element takes in a register. It exceeds the type's where the instruction wants
	// small elements in bytes (mma kind::f8f6f4).
	Slot int64
	// Registers is the number of 32-bit registers of each lane; 0 in memory.
	Registers int64
	// Replicas is the number of positions that hold each element. Where it is more than 1, Note says whether the
	// replicas must agree or are not read.
	Replicas int64
	// Distribution is that of Registers and Pointers, Layout that of Memory, Swizzle that of Swizzle.
	Distribution layout.Distribution
	Layout       layout.Layout
	Swizzle      layout.Swizzle
	Note         string
}

// Place is where a slot stands in its lane: the 32-bit register and the bit in it at which the slot starts. Slots of 6
// bits may end in the next register.
func (f Fragment) Place(slot int64) (register, bit int64) {
	return slot * f.Slot / 32, slot * f.Slot % 32
}

// An Atom is an instruction with the fragments of its operands.
type Atom struct {
	Name       string
	ISA        string   // mma.sync, wgmma, ldmatrix, stmatrix, movmatrix, mfma, ds_read_tr, amx
	Form       string   // the instruction as assemblers read it, without operands
	Archs      []string // the targets that have it
	M, N, K    int64    // 0 for instructions that only move data
	Blocks     int64    // products that one instruction computes side by side
	Group      Group
	A, B, C, D dtype.Type
	Operands   []Fragment
	Shared     []string // the operands that may come from shared memory through a descriptor; with a fragment, from registers too
	// Passes are the passes of 4 cycles that each of Archs takes; nil or 0 where no source states them.
	Passes []int
	Note   string
}

// Operand is the operand of this short name: a, b, c, d, sa, sb, rows.
func (a Atom) Operand(short string) (Fragment, bool) {
	for _, f := range a.Operands {
		if f.Name[len(a.Name)+1:] == short {
			return f, true
		}
	}
	return Fragment{}, false
}

// Has tells whether a target has the instruction.
func (a Atom) Has(arch string) bool { return slices.Contains(a.Archs, arch) }

// The reasons for which this package refuses beyond those of package layout.
const (
	Unknown   layout.Reason = "unknown name"
	Alignment layout.Reason = "alignment" // an address or distance is not a multiple of what the hardware wants
	Limit     layout.Reason = "limit"     // a number exceeds what a field or the hardware holds
	NotShared layout.Reason = "in memory" // the operand lies in shared memory
	NoForm    layout.Reason = "no form"   // a layout has none of the forms that the hardware reads
	Unstated  layout.Reason = "unstated"  // no public source says what the hardware does
)

func failf(op string, r layout.Reason, format string, args ...any) error {
	return &layout.Error{Op: op, Reason: r, Text: fmt.Sprintf(format, args...)}
}

type table struct {
	atoms     []Atom
	names     []string             // of fragments, sorted
	fragments map[string]*Fragment // by name
	byName    map[string]*Atom
}

var build = sync.OnceValue(makeTable)

func makeTable() *table {
	t := &table{}
	t.atoms = slices.Concat(mmaAtoms(), matrixAtoms(), wgmmaAtoms(), mfmaAtoms(), transposeAtoms(), amxAtoms())
	more := sharedAtoms()
	for _, m := range []Mode{Swizzle32, Swizzle64, Swizzle128} {
		more = append(more, Fragment{Name: fmt.Sprintf("swizzle_%db", m.Span()), Kind: Swizzle, Swizzle: m.Swizzle(),
			Note: "of byte addresses in shared memory"})
	}
	t.byName = make(map[string]*Atom, len(t.atoms))
	t.fragments = make(map[string]*Fragment, 4*len(t.atoms))
	enter := func(fs []Fragment) {
		for i := range fs {
			t.fragments[fs[i].Name] = &fs[i]
			t.names = append(t.names, fs[i].Name)
		}
	}
	for i := range t.atoms {
		t.byName[t.atoms[i].Name] = &t.atoms[i]
		enter(t.atoms[i].Operands)
	}
	enter(more)
	slices.Sort(t.names)
	return t
}

// Names are the names of all fragments, sorted. The slice must not be changed.
func Names() []string { return build().names }

// Atoms are all instructions. The slice must not be changed.
func Atoms() []Atom { return build().atoms }

// Lookup is the fragment of a name. The error of an unknown name proposes the nearest one.
func Lookup(name string) (Fragment, error) {
	t := build()
	if f, ok := t.fragments[name]; ok {
		return *f, nil
	}
	if atom, short, ok := strings.Cut(name, "."); ok {
		if a, ok := t.byName[atom]; ok {
			if slices.Contains(a.Shared, short) {
				return Fragment{}, failf("", NotShared, "operand %s of %s is read from shared memory through a descriptor; its layouts are %s", short, atom, sharedNames(*a))
			}
			var have []string
			for _, f := range a.Operands {
				have = append(have, f.Name[len(a.Name)+1:])
			}
			return Fragment{}, failf("", Unknown, "%s has no operand %s; it has %s", atom, quote(short), strings.Join(have, ", "))
		}
	} else if a, ok := t.byName[name]; ok {
		return Fragment{}, failf("", Unknown, "%s is an instruction; name one of its operands, such as %s", name, a.Operands[0].Name)
	}
	return Fragment{}, unknown("fragment", name, t.names)
}

// Find is the instruction of a name. The error of an unknown name proposes the nearest one.
func Find(name string) (Atom, error) {
	t := build()
	if a, ok := t.byName[name]; ok {
		return *a, nil
	}
	names := make([]string, len(t.atoms))
	for i, a := range t.atoms {
		names[i] = a.Name
	}
	return Atom{}, unknown("instruction", name, names)
}

func quote(s string) string {
	if len(s) > 60 {
		s = s[:60] + "…"
	}
	return fmt.Sprintf("%q", s)
}

func unknown(what, name string, names []string) error {
	if near := nearest(name, names); near != "" {
		return failf("", Unknown, "there is no %s %s; did you mean %s?", what, quote(name), near)
	}
	return failf("", Unknown, "there is no %s %s", what, quote(name))
}

// nearest is the name with the fewest edits from a text, the first of those; "" where more than a third would change.
func nearest(text string, names []string) string {
	if len(text) == 0 || len(text) > 60 {
		return ""
	}
	best, found := len(text)/3+1, ""
	row := make([]int, len(text)+1)
	for _, name := range names {
		if max(len(name)-len(text), len(text)-len(name)) >= best {
			continue
		}
		if d := edits(text, name, row, best); d < best {
			best, found = d, name
		}
	}
	return found
}

// edits is the number of letters to insert, remove or replace between two texts, or limit if it is at least that.
func edits(a, b string, row []int, limit int) int {
	for i := range row {
		row[i] = i
	}
	for j := range len(b) {
		diagonal, least := row[0], j+1
		row[0] = j + 1
		for i := range len(a) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[i], row[i+1])
			}
			diagonal, row[i+1] = row[i+1], cost
			least = min(least, cost)
		}
		if least >= limit {
			return limit
		}
	}
	return row[len(a)]
}
