package convert

import "fmt"

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

	phases func(store bool, width int) []phase
}

// A phase model says which lanes shared memory serves together: those whose numbers differ by xors of lanes. Accesses
// of a phase collide if they fall on different words of one of the banks, which are 4 bytes wide.
type phase struct {
	banks int
	lanes []uint64
}

// NVIDIA is the model of a streaming multiprocessor of compute capability 8.0 to 9.0: a shuffle moves 32 words a cycle
// as a wavefront of shared memory does, logic runs on 64 lanes a cycle (CUDA programming guide, arithmetic
// throughput). Shared memory has 32 banks; 8 lanes make a phase of 16-byte accesses, 16 of 8-byte, 32 of narrower ones.
// The prices of barriers are assumptions.
func NVIDIA() Machine {
	return Machine{Name: "nvidia", Lanes: 32, Matrix: true, Scratch: 48 << 10,
		Logic: 2, Far: 4, Access: 1, Barriers: [3]int{8, 80, 120}, phases: consecutive}
}

// GFX942 is the model of a compute unit of CDNA3. ds_bpermute_b32 passes the 64 lanes of a wave through the crossbar of
// shared memory in two cycles; DPP reaches lanes within a row of 16 at the rate of arithmetic. The phases of its shared
// memory are not published: plans are free of conflicts both under consecutive lanes and under gfx950's phases.
func GFX942() Machine {
	return Machine{Name: "gfx942", Lanes: 64, Scratch: 32 << 10,
		Logic: 4, Far: 12, Near: 4, Access: 4, Barriers: [3]int{8, 120, 120},
		phases: func(store bool, width int) []phase {
			return append(consecutive(store, width), gfx950Phases(store, width)...)
		}}
}

// GFX950 is the model of a compute unit of CDNA4, which adds exchanges of lanes 16 and 32 apart (v_permlane16_swap,
// v_permlane32_swap) and has measured phases: 64 banks for reads of 8 and 16 bytes.
func GFX950() Machine {
	m := GFX942()
	m.Name, m.Scratch, m.Swap, m.phases = "gfx950", 64<<10, 8, gfx950Phases
	return m
}

func consecutive(_ bool, width int) []phase {
	switch {
	case width >= 16:
		return []phase{{32, []uint64{1, 2, 4}}}
	case width == 8:
		return []phase{{32, []uint64{1, 2, 4, 8}}}
	}
	return []phase{{32, []uint64{1, 2, 4, 8, 16}}}
}

// gfx950Phases are the measured ones: a 16-byte read serves lanes 0-3, 12-15 and 20-27 together, then 4-11, 16-19 and
// 28-31, and so on 32 lanes further; an 8-byte read serves halves of the wave. Stores go by consecutive lanes.
func gfx950Phases(store bool, width int) []phase {
	switch {
	case !store && width >= 16:
		return []phase{{64, []uint64{1, 2, 12, 20}}}
	case !store && width == 8:
		return []phase{{64, []uint64{1, 2, 4, 8, 16}}}
	}
	return consecutive(store, width)
}

// of is the number of the phase that serves a lane.
func (p phase) of(lane int) int {
	var s space
	for i, v := range p.lanes {
		s.add(v, 1<<i)
	}
	rest, _ := s.reduce(uint64(lane))
	return int(rest)
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
