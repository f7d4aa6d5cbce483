package emit

import (
	"slices"

	"github.com/tilec/tilec/codegen/ptx/asm"
)

// even says that an operand that all threads have alike is a multiple of a power of two.
type even struct {
	x   asm.Arg
	log int
}

// claims are multiples that would have to be.
type claims struct {
	e    *emitter
	list []even
}

// multiple claims that the lowest bits of x are 0; it is false where they are not, or nothing is known of x when the kernel
// begins.
func (c *claims) multiple(x asm.Arg, log int) bool {
	b := c.e.b
	if b.Zeros(x) >= log {
		return true
	}
	if !c.e.assumes || !b.Early(x) {
		return false
	}
	c.list = append(c.list, even{x, log})
	return true
}

// assume has the kernel look whether the claims hold.
func (e *emitter) assume(c claims) {
	for _, m := range c.list {
		known := false
		for i, old := range e.assumed {
			x, _ := old.x.Reg()
			if y, _ := m.x.Reg(); x == y {
				e.assumed[i].log = max(old.log, m.log)
				known = true
			}
		}
		if !known {
			e.assumed = append(e.assumed, m)
		}
	}
}

// suppose has the kernel look whether a predicate holds that all threads have alike; it is false where nothing is known of it
// when the kernel begins.
func (e *emitter) suppose(p asm.Reg) bool {
	if !e.assumes || !e.b.Early(asm.R(p)) {
		return false
	}
	if !slices.Contains(e.supposed, p) {
		e.supposed = append(e.supposed, p)
	}
	return true
}

// otherwise puts before the block's code that looks whether what it assumes is true, and behind it the code for where it is not.
func (e *emitter) otherwise() {
	b := e.b
	other := b.Label("unaligned")
	b.Before(func() {
		rest := asm.Int(0)
		for _, m := range e.assumed {
			x := b.Again(m.x)
			if r, ok := x.Reg(); ok && r.Class() == asm.D {
				x = b.Narrow(x)
			}
			rest = b.Or(asm.W, rest, b.And(asm.W, x, asm.Int(1<<m.log-1)))
		}
		// One branch, behind all that it depends on.
		all := guard{b.SetP("eq", "s32", e.word(rest), asm.Int(0)), true}
		for _, p := range e.supposed {
			q, _ := b.Again(asm.R(p)).Reg()
			all = e.and(all, q)
		}
		b.EmitIf(asm.Not(all.p), "bra.uni", asm.Text(other))
	})
	b.Place(other)
	s := newEmitter(e.target, e.fn, e.op, e.m)
	s.b, s.kernel, s.params, s.written = b, e.kernel, e.params, e.written
	s.places, s.maps, s.plans = e.places, e.maps, e.plans
	b.Inside(s.block)
	e.params = s.params
	e.shared.high = max(e.shared.high, s.shared.high)
}
