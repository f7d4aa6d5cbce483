// Package bank counts the bank conflicts of shared memory and finds layouts without them.
//
// Shared memory is cut into banks of 4 bytes. An instruction of a warp is served in phases, each for some of the lanes;
// a phase takes as many wavefronts as the busiest bank has different words to serve. Conflicts are counted inside a
// phase alone. What an instruction's phases are is data of the [Machine]; an [Access] says which elements of a tile the
// lanes of an instruction touch; [Degree] counts, [Phases] shows who meets whom where, and [Solve] looks for the layout
// of a tile (an XOR swizzle, a padding or a rotation) with the fewest conflicts over all instructions that read and
// write it. Every count is exact. Where a machine's phases are not published, all that are plausible are counted and
// the worst stands.
package bank

import (
	"fmt"
	"slices"
	"strings"
)

// WordBytes is the width of a bank.
const WordBytes = 4

// A Machine is the shared memory of a target: its instructions, by name in order.
type Machine struct {
	Name         string
	Lanes        int // of a warp
	Line         int // bytes of one row of all banks: at this distance addresses share a bank under every model
	Instructions []Instruction
}

// An Instruction is a kind of access to shared memory.
type Instruction struct {
	Name    string
	Write   bool
	Bytes   int     // that a lane addresses; for ldmatrix and transposing reads not what it receives
	Lanes   int     // how many lanes give an address: the first ones
	Align   int     // bytes that the address of a lane must be a multiple of
	Models  []Model // the phases; several where they are not published, of which the worst counts
	Assumed string  // what is assumed about the instruction and not published; empty if nothing is
}

// A Model is one way in which an instruction may be served.
type Model struct {
	Name   string
	Banks  int
	Phases [][]int // the lanes served together
	Serial bool    // lanes that touch the same word are served one after another; else together
}

// Instruction is the instruction of a name.
func (m *Machine) Instruction(name string) (*Instruction, bool) {
	i, ok := slices.BinarySearchFunc(m.Instructions, name, func(in Instruction, name string) int { return strings.Compare(in.Name, name) })
	if !ok {
		return nil, false
	}
	return &m.Instructions[i], true
}

// Widest is the instruction that moves the most bytes of a lane's own, but at most limit, by plain reads or writes of
// 32 bits and more; or, if limit is less, of 8 or 16 bits. False where there is none.
func (m *Machine) Widest(write bool, limit int) (*Instruction, bool) {
	var best *Instruction
	for i := range m.Instructions {
		in := &m.Instructions[i]
		plain := !strings.Contains(in.Name, "matrix") && !strings.Contains(in.Name, "_tr_") && !strings.HasPrefix(in.Name, "cp.")
		if plain && in.Write == write && in.Bytes <= limit && in.Bytes&(in.Bytes-1) == 0 && (best == nil || in.Bytes > best.Bytes) {
			best = in
		}
	}
	return best, best != nil
}

// Machines are the names of the machines that For knows.
func Machines() []string {
	names := make([]string, len(machines))
	for i, m := range machines {
		names[i] = m.Name
	}
	return names
}

// For is the machine of a target's name.
func For(target string) (*Machine, bool) {
	for _, m := range machines {
		if m.Name == target {
			return m, true
		}
	}
	return nil, false
}

var machines = []*Machine{
	nvidia("sm_80", false), nvidia("sm_89", false), nvidia("sm_90a", true), nvidia("sm_100a", true), nvidia("sm_120", true),
	gfx942(), gfx950(),
}

// runs are phases of n consecutive lanes each.
func runs(lanes, n int) [][]int {
	phases := make([][]int, lanes/n)
	for i := range phases {
		for l := range n {
			phases[i] = append(phases[i], i*n+l)
		}
	}
	return phases
}

// grouped are the phases of a function from a lane to the number of its phase.
func grouped(lanes, phases int, of func(lane int) int) [][]int {
	groups := make([][]int, phases)
	for l := range lanes {
		groups[of(l)] = append(groups[of(l)], l)
	}
	return groups
}

func machine(name string, lanes, line int, instructions []Instruction) *Machine {
	slices.SortFunc(instructions, func(a, b Instruction) int { return strings.Compare(a.Name, b.Name) })
	return &Machine{Name: name, Lanes: lanes, Line: line, Instructions: instructions}
}

// nvidia is the memory of all of NVIDIA's machines here: 32 banks; a warp's 32-bit access is one phase, a 64-bit one
// two of half a warp, a 128-bit one four of 8 lanes (CUDA C++ Programming Guide, shared memory of compute capability
// 5.x and on). ldmatrix and stmatrix serve a matrix, 8 rows of 16 bytes, at a time. Lanes at the same word are served
// together, reads and writes alike.
func nvidia(name string, stmatrix bool) *Machine {
	model := func(lanes, each int) []Model {
		return []Model{{Name: fmt.Sprintf("%d lanes", min(lanes, each)), Banks: 32, Phases: runs(lanes, min(lanes, each))}}
	}
	var list []Instruction
	for _, k := range []struct {
		suffix string
		bytes  int
	}{{".b8", 1}, {".b16", 2}, {"", 4}, {".v2", 8}, {".v4", 16}} {
		each := min(32, 128/k.bytes)
		list = append(list,
			Instruction{Name: "ld.shared" + k.suffix, Bytes: k.bytes, Lanes: 32, Align: k.bytes, Models: model(32, each)},
			Instruction{Name: "st.shared" + k.suffix, Write: true, Bytes: k.bytes, Lanes: 32, Align: k.bytes, Models: model(32, each)})
		if k.bytes >= 4 {
			list = append(list, Instruction{Name: fmt.Sprintf("cp.async.%d", k.bytes), Write: true, Bytes: k.bytes, Lanes: 32, Align: k.bytes,
				Models: model(32, each), Assumed: "an asynchronous copy writes in the phases of a store of its width"})
		}
	}
	for _, n := range []int{1, 2, 4} {
		list = append(list, Instruction{Name: fmt.Sprintf("ldmatrix.x%d", n), Bytes: 16, Lanes: 8 * n, Align: 16, Models: model(8*n, 8)})
		if stmatrix {
			list = append(list, Instruction{Name: fmt.Sprintf("stmatrix.x%d", n), Write: true, Bytes: 16, Lanes: 8 * n, Align: 16, Models: model(8*n, 8)})
		}
	}
	return machine(name, 32, 128, list)
}

// The lanes that gfx950 serves together in wide reads, as measured for HipKittens (arXiv 2511.08083): a lane's phase is
// a linear function of the bits of its number.
var (
	// ds_read_b96: {0-3,20-23}, {4-7,16-19}, {8-11,28-31}, {12-15,24-27}, then the same 32 on.
	eights = grouped(64, 8, func(l int) int { return l>>5<<2 | l>>3&1<<1 | (l>>2^l>>4)&1 })
	// ds_read_b128: {0-3,12-15,20-27}, {4-11,16-19,28-31}, then the same 32 on.
	sixteens = grouped(64, 4, func(l int) int { return l>>5<<1 | (l>>2^l>>3^l>>4)&1 })
)

const serial = "; that writes of one word by several lanes take turns"

// gfx942 has 32 banks. Its phases are not published: wide accesses are taken to be served 8 lanes at once, either
// consecutive ones or those of gfx950's 8-lane phases; a layout should be free of conflicts under both.
func gfx942() *Machine {
	return machine("gfx942", 64, 128, amd(func(bytes int, write bool) ([]Model, string) {
		const unknown = "the phases, which are not published"
		switch {
		case bytes <= 4:
			return []Model{{Name: "32 lanes", Banks: 32, Phases: runs(64, 32), Serial: write}}, unknown
		case bytes == 8:
			return []Model{{Name: "16 lanes", Banks: 32, Phases: runs(64, 16), Serial: write}}, unknown
		}
		return []Model{
			{Name: "8 lanes", Banks: 32, Phases: runs(64, 8), Serial: write},
			{Name: "8 lanes of gfx950", Banks: 32, Phases: eights, Serial: write},
		}, unknown
	}))
}

// gfx950 has 64 banks of which b96 reads and writes use 32 at a time; the phases of ds_read_b64, b96, b128 and
// ds_write_b64 are measured (HipKittens, arXiv 2511.08083). The others' are not known.
func gfx950() *Machine {
	list := amd(func(bytes int, write bool) ([]Model, string) {
		switch {
		case write && bytes <= 4:
			return []Model{{Name: "32 lanes", Banks: 32, Phases: runs(64, 32), Serial: true}},
				"that phases are of 128 bytes of consecutive lanes, as of ds_write_b64"
		case write && bytes == 8:
			return []Model{{Name: "16 lanes", Banks: 32, Phases: runs(64, 16), Serial: true}}, ""
		case write:
			models := []Model{
				{Name: "8 lanes", Banks: 32, Phases: runs(64, 8), Serial: true},
				{Name: "phases of ds_read_b96", Banks: 32, Phases: eights, Serial: true},
			}
			if bytes == 16 {
				models = append(models, Model{Name: "phases of ds_read_b128", Banks: 64, Phases: sixteens, Serial: true})
			}
			return models, "the phases, which are not published"
		case bytes <= 4:
			return []Model{
				{Name: "64 lanes", Banks: 64, Phases: runs(64, 64)},
				{Name: "32 lanes", Banks: 32, Phases: runs(64, 32)},
			}, "the phases, which are not published"
		case bytes == 8:
			return []Model{{Name: "32 lanes", Banks: 64, Phases: runs(64, 32)}}, ""
		case bytes == 12:
			return []Model{{Name: "8 lanes", Banks: 32, Phases: eights}}, ""
		}
		return []Model{{Name: "16 lanes", Banks: 64, Phases: sixteens}}, ""
	})
	for _, bits := range []string{"4", "8", "16"} {
		list = append(list, Instruction{Name: "ds_read_b64_tr_b" + bits, Bytes: 8, Lanes: 64, Align: 8, Models: []Model{
			{Name: "phases of ds_read_b64", Banks: 64, Phases: runs(64, 32)},
			{Name: "16 lanes", Banks: 32, Phases: runs(64, 16)},
		}, Assumed: "the phases, which are not published"})
	}
	return machine("gfx950", 64, 256, list)
}

func amd(models func(bytes int, write bool) ([]Model, string)) []Instruction {
	var list []Instruction
	for _, k := range []struct {
		read, write string
		bytes       int
	}{
		{"ds_read_u8", "ds_write_b8", 1}, {"ds_read_u16", "ds_write_b16", 2}, {"ds_read_b32", "ds_write_b32", 4},
		{"ds_read_b64", "ds_write_b64", 8}, {"ds_read_b96", "ds_write_b96", 12}, {"ds_read_b128", "ds_write_b128", 16},
	} {
		align := k.bytes
		if k.bytes == 12 {
			align = WordBytes
		}
		for _, write := range []bool{false, true} {
			in := Instruction{Name: k.read, Write: write, Bytes: k.bytes, Lanes: 64, Align: align}
			in.Models, in.Assumed = models(k.bytes, write)
			if write {
				in.Name = k.write
				in.Assumed = strings.TrimPrefix(in.Assumed+serial, "; ")
			}
			list = append(list, in)
		}
	}
	return list
}
