package asm

import (
	"slices"
	"strings"

	"github.com/tilec/tilec/ir"
)

// Pressure is the most 32-bit registers of a thread that hold values at one of the places that other instructions do not pass
// (barriers, shuffles, products of matrices, where a loop begins), and where that is: a double takes two registers, a half
// one, a predicate none. What follows from values that are there anyway takes none, as an assembler computes it where it is
// needed, and where their sources are fewer these are counted. So hardly an order of the instructions in between needs fewer.
func (b *Builder) Pressure() (int, ir.Pos) {
	code := b.needed()
	blocks, loops := blocksOf(code), loopsOf(code)
	var first [D + 2]int
	for c := H; c <= D; c++ {
		first[c+1] = first[c] + int(b.count[c])
	}
	number := func(r Reg) int { return first[r.class] + int(r.id) }
	// Most registers live within one block alone. The others get places in sets.
	const nowhere = -1
	home, place := make([]int32, first[D+1]), make([]int32, first[D+1])
	for i := range home {
		home[i], place[i] = nowhere, nowhere
	}
	var across []Reg
	written := make([]int32, first[D+1]) // the block that wrote it last, and one more
	for i, k := range blocks {
		see := func(r Reg, reads bool) {
			if r.class < H {
				return
			}
			x := number(r)
			if home[x] == nowhere {
				home[x] = int32(i)
			}
			if place[x] == nowhere && (home[x] != int32(i) || reads && written[x] != int32(i)+1) {
				place[x] = int32(len(across))
				across = append(across, r)
			}
			if !reads {
				written[x] = int32(i) + 1
			}
		}
		for j := k.from; j < k.to; j++ {
			code[j].visit(func(r Reg) {}, func(r Reg) { see(r, true) })
			code[j].visit(func(r Reg) { see(r, false) }, func(Reg) {})
		}
	}
	words := (len(across) + 63) / 64
	space := make(bitset, words*(3*len(blocks)+1))
	take := func() bitset {
		s := space[:words:words]
		space = space[words:]
		return s
	}
	live, reads, kills := make([]bitset, len(blocks)), make([]bitset, len(blocks)), make([]bitset, len(blocks))
	for i, k := range blocks {
		live[i], reads[i], kills[i] = take(), take(), take()
		for j := k.to - 1; j >= k.from; j-- {
			code[j].visit(func(r Reg) {
				if r.class >= H && place[number(r)] != nowhere {
					kills[i].add(int(place[number(r)]))
					reads[i].remove(int(place[number(r)]))
				}
			}, func(r Reg) {
				if r.class >= H && place[number(r)] != nowhere {
					reads[i].add(int(place[number(r)]))
				}
			})
		}
	}
	now := take()
	for changed := true; changed; {
		changed = false
		for i := len(blocks) - 1; i >= 0; i-- {
			clear(now)
			for _, next := range blocks[i].next {
				now.union(live[next])
			}
			for w := range now {
				now[w] = now[w]&^kills[i][w] | reads[i][w]
			}
			if !slices.Equal(now, live[i]) {
				copy(live[i], now)
				changed = true
			}
		}
	}
	most, at := 0, ir.Pos{}
	holds := make([]int32, first[D+1]) // the block at whose point it holds a value, and one more
	pure := make([]*Instr, first[D+1]) // what computes it from its operands alone
	for i := range code {
		if in := &code[i]; in.pure {
			if r, ok := in.result(); ok && r.class >= H {
				pure[number(r)] = in
			}
		}
	}
	classOf := func(x int32) Class {
		switch {
		case int(x) >= first[D]:
			return D
		case int(x) >= first[W]:
			return W
		}
		return H
	}
	// derived reports whether a value follows from others that are held, in some steps; more steps are taken to be so.
	var derived func(x, mark int32, steps int) bool
	derived = func(x, mark int32, steps int) bool {
		in := pure[x]
		if in == nil {
			return false
		}
		ok := true
		for _, a := range in.Args[1:] {
			a.regs(func(r Reg) {
				if r.class < H || !ok {
					return
				}
				y := int32(number(r))
				ok = holds[y] == mark || steps == 0 || derived(y, mark, steps-1)
			})
		}
		return ok
	}
	// sources is how many registers hold what all that is held at a place is computed from: it may be computed behind that.
	reached := make([]int32, first[D+1])
	var stack []int32
	sources := func(held []int32, mark, place int32) int {
		n := 0
		for _, x := range held {
			if holds[x] == mark {
				stack = append(stack, x)
			}
		}
		for len(stack) > 0 {
			x := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			if reached[x] == place+1 {
				continue
			}
			reached[x] = place + 1
			if pure[x] == nil {
				n += classOf(x).words()
				continue
			}
			for _, a := range pure[x].Args[1:] {
				a.regs(func(r Reg) {
					if r.class >= H {
						stack = append(stack, int32(number(r)))
					}
				})
			}
		}
		return n
	}
	var held []int32 // each that holds a value, and some that did
	listed := make([]int32, first[D+1])
	hold := func(r Reg, mark int32) {
		x := number(r)
		if holds[x] = mark; listed[x] != mark {
			listed[x] = mark
			held = append(held, int32(x))
		}
	}
	for i, k := range blocks {
		clear(now)
		for _, next := range k.next {
			now.union(live[next])
		}
		size, mark := 0, int32(i)+1
		held = held[:0]
		for x, r := range across {
			if now.has(x) {
				hold(r, mark)
				size += r.class.words()
			}
		}
		for j := k.to - 1; j >= k.from; j-- {
			in := &code[j]
			if size > most && in.fixed(loops) {
				// Of the values that are held, those that follow from others are not counted.
				need := 0
				for _, x := range held {
					if holds[x] == mark && !derived(x, mark, 8) {
						need += classOf(x).words()
					}
				}
				if need > most {
					need = min(need, sources(held, mark, int32(j)))
				}
				if need > most {
					most, at = need, in.Pos
				}
			}
			in.visit(func(r Reg) {
				if r.class >= H && holds[number(r)] == mark {
					holds[number(r)] = 0
					size -= r.class.words()
				}
			}, func(r Reg) {
				if r.class >= H && holds[number(r)] != mark {
					hold(r, mark)
					size += r.class.words()
				}
			})
		}
	}
	return most, at
}

// fixed reports whether other instructions stay on their side of it.
func (in *Instr) fixed(loops map[string]bool) bool {
	return loops[in.Label] || strings.HasPrefix(in.Op, "bar") || strings.HasPrefix(in.Op, "shfl") || strings.HasPrefix(in.Op, "mma")
}

// loopsOf are the labels that a branch behind them goes to.
func loopsOf(code []Instr) map[string]bool {
	seen, loops := map[string]bool{}, map[string]bool{}
	for i := range code {
		switch in := &code[i]; {
		case in.Label != "":
			seen[in.Label] = true
		case strings.HasPrefix(in.Op, "bra") && seen[in.Args[0].text]:
			loops[in.Args[0].text] = true
		}
	}
	return loops
}

// words is how many registers of 32 bits hold one of the class.
func (c Class) words() int { return max(c.Bits()/32, 1) }

// visit visits the registers that an instruction writes for certain, then those that it reads. A guarded instruction leaves
// what it writes as it was where the guard is false, but what is written so is read under the guard alone.
func (in *Instr) visit(writes, reads func(Reg)) {
	args := in.Args
	if len(args) > 0 && args[0].kind != addrArg && in.writes() {
		if in.Guard.kind == 0 {
			args[0].regs(writes)
		}
		args = args[1:]
	}
	for _, a := range args {
		a.regs(reads)
	}
	in.Guard.regs(reads)
}

// writes reports whether the first operand is a result.
func (in *Instr) writes() bool {
	if in.Args[0].kind == textArg || in.Args[0].kind == intArg {
		return false
	}
	for _, op := range []string{"st.", "bar.", "barrier.", "red.", "bra", "cp.", "mbarrier.", "fence", "membar", "prefetch", "discard"} {
		if strings.HasPrefix(in.Op, op) {
			return false
		}
	}
	return true
}

// block is a run of instructions that are left at its end alone.
type block struct {
	from, to int
	next     []int
}

// blocksOf are the blocks of code, in its order.
func blocksOf(code []Instr) []block {
	var list []block
	labels := map[string]int{}
	from := 0
	cut := func(to int) {
		if to > from {
			list = append(list, block{from: from, to: to})
			from = to
		}
	}
	for i := range code {
		switch in := &code[i]; {
		case in.Label != "":
			cut(i)
			labels[in.Label] = len(list)
		case strings.HasPrefix(in.Op, "bra") || in.Op == "ret" || in.Op == "exit":
			cut(i + 1)
		}
	}
	cut(len(code))
	for i := range list {
		last := &code[list[i].to-1]
		always := last.Guard.kind == 0
		branch, end := strings.HasPrefix(last.Op, "bra"), last.Op == "ret" || last.Op == "exit"
		if !((branch || end) && always) && i+1 < len(list) {
			list[i].next = append(list[i].next, i+1)
		}
		if branch {
			if to := labels[last.Args[0].text]; to < len(list) {
				list[i].next = append(list[i].next, to)
			}
		}
	}
	return list
}

type bitset []uint64

func (s bitset) add(i int)      { s[i/64] |= 1 << (i % 64) }
func (s bitset) remove(i int)   { s[i/64] &^= 1 << (i % 64) }
func (s bitset) has(i int) bool { return s[i/64]>>(i%64)&1 != 0 }

func (s bitset) union(t bitset) {
	for i := range s {
		s[i] |= t[i]
	}
}
