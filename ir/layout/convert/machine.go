package convert

import (
	"fmt"
	"math/bits"

	"github.com/tilec/tilec/ir/layout/bank"
)

// A Machine is what a plan has to know of a target: lanes of a warp, primitives, the phases of shared memory, and
// prices. Prices are in cycles of a multiprocessor (a compute unit) for one warp's instruction, all schedulers
// together, in quarters of a cycle; they model throughput, not latency.
type Machine struct {
	Name    string
	Lanes   int  // of a warp
	Matrix  bool // has movmatrix, which transposes an 8x8 tile of 16-bit elements across a warp
	Scratch int  // bytes of shared memory that a conversion may take in a block; plans go in rounds to stay within

	Logic    int // a select, byte permute, rotate or merge
	Far      int // a shuffle in which every lane names the lane it reads
	Near     int // a shuffle within 16 lanes that the arithmetic units can do themselves; 0: there is none
	Swap     int // an exchange of lanes 16 or 32 apart in the arithmetic units; 0: there is none
	Access   int // the issue of a load or store, besides its wavefronts
	Barriers [3]int

	access *[2][5][]bank.Model // the phases of loads and of stores of 1, 2, 4, 8 and 16 bytes
}

// NVIDIA is the model of a streaming multiprocessor of compute capability 8.0 to 9.0: a shuffle moves 32 words a cycle
// as a wavefront of shared memory does, logic runs on 64 lanes a cycle (CUDA programming guide, arithmetic
// throughput). The prices of barriers, and that of movmatrix as two shuffles, are assumptions.
func NVIDIA() Machine {
	return Machine{Name: "nvidia", Lanes: 32, Matrix: true, Scratch: 48 << 10,
		Logic: 2, Far: 4, Access: 1, Barriers: [3]int{8, 80, 120}}.with("sm_90a")
}

// GFX942 is the model of a compute unit of CDNA3. ds_bpermute_b32 passes the 64 lanes of a wave through the crossbar of
// shared memory in two cycles; DPP reaches lanes within a row of 16 at the rate of arithmetic. The prices of barriers
// are assumptions.
func GFX942() Machine {
	return Machine{Name: "gfx942", Lanes: 64, Scratch: 32 << 10,
		Logic: 4, Far: 12, Near: 4, Access: 4, Barriers: [3]int{8, 120, 120}}.with("gfx942")
}

// GFX950 is the model of a compute unit of CDNA4, which adds exchanges of lanes 16 and 32 apart (v_permlane16_swap,
// v_permlane32_swap).
func GFX950() Machine {
	m := GFX942()
	m.Name, m.Scratch, m.Swap = "gfx950", 64<<10, 8
	return m.with("gfx950")
}

// For is the model of a target: one of NVIDIA's from sm_80 on, gfx942 or gfx950.
func For(target string) (Machine, bool) {
	switch _, ok := bank.For(target); {
	case !ok:
		return Machine{}, false
	case target == "gfx942":
		return GFX942(), true
	case target == "gfx950":
		return GFX950(), true
	}
	return NVIDIA().with(target), true
}

// with is the machine with the shared memory of a target.
func (m Machine) with(target string) Machine {
	if m.access = accesses[target]; m.access == nil {
		panic(target + " has no phase tables")
	}
	return m
}

// accesses are the phase tables of all targets.
var accesses = func() map[string]*[2][5][]bank.Model {
	all := map[string]*[2][5][]bank.Model{}
	for _, target := range bank.Machines() {
		memory, _ := bank.For(target)
		access := new([2][5][]bank.Model)
		for write := range 2 {
			for k := range access[write] {
				in, ok := memory.Widest(write == 1, 1<<k)
				if !ok {
					panic(target + " lacks an access of shared memory")
				}
				access[write][k] = in.Models
			}
		}
		all[target] = access
	}
	return all
}()

// models are the phases in which an access of so many bytes by every lane is served; several if they are not published.
func (m Machine) models(store bool, width int) []bank.Model {
	write := 0
	if store {
		write = 1
	}
	return m.access[write][bits.TrailingZeros(uint(width))]
}

// lanes are those of a warp that the machine's memory serves.
func (m Machine) lanes() int {
	n := 0
	for _, phase := range m.models(false, 4)[0].Phases {
		n += len(phase)
	}
	return n
}

// phaseOf is the number of the phase of each lane.
func phaseOf(m bank.Model, lanes int) []int {
	of := make([]int, lanes)
	for i, phase := range m.Phases {
		for _, l := range phase {
			of[l] = i
		}
	}
	return of
}

// A Scope is the set of warps that wait for each other at a barrier.
type Scope uint8

// The scopes, the cheapest first.
const (
	Warp  Scope = iota // the lanes of a warp
	Group              // an aligned group of warps
	Block              // the whole block
)

func (s Scope) String() string { return [...]string{"warp", "group", "block"}[s] }

// Cost is what a plan takes: instructions of one warp, shared memory of a block, and the time of a block.
type Cost struct {
	Shuffles   int
	Matrices   int // of Shuffles, those that are movmatrix
	Selects    int // a word chosen by lane
	Permutes   int // byte permutes, rotates and merges
	Stores     int
	Loads      int
	Wavefronts int // passes of shared memory over all warps of a block
	Conflicts  int // of these, those that conflict-free accesses would not need
	Barriers   int
	Scratch    int // bytes of shared memory of a block
	Rounds     int // times that scratch is filled
	Cycles     int // of a multiprocessor for a block
}

// Free tells whether the cost is nothing at all.
func (c Cost) Free() bool { return c == Cost{} }

// String is the cost as an author reads it: "12 shuffles, 8 selects" or "4 KiB scratch, 2 rounds, 3 barriers,
// 0 conflicts".
func (c Cost) String() string {
	if c.Free() {
		return "free"
	}
	s := ""
	part := func(n int, one, many string) {
		if s != "" {
			s += ", "
		}
		if n == 1 {
			many = one
		}
		s += fmt.Sprintf("%d %s", n, many)
	}
	if c.Rounds > 0 {
		if c.Scratch%1024 == 0 {
			part(c.Scratch/1024, "KiB scratch", "KiB scratch")
		} else {
			part(c.Scratch, "byte scratch", "bytes scratch")
		}
		part(c.Rounds, "round", "rounds")
		part(c.Barriers, "barrier", "barriers")
		part(c.Conflicts, "conflict", "conflicts")
	}
	if n := c.Shuffles - c.Matrices; n > 0 {
		part(n, "shuffle", "shuffles")
	}
	if c.Matrices > 0 {
		part(c.Matrices, "matrix transpose", "matrix transposes")
	}
	if c.Selects > 0 {
		part(c.Selects, "select", "selects")
	}
	if c.Permutes > 0 {
		part(c.Permutes, "permute", "permutes")
	}
	return s
}
