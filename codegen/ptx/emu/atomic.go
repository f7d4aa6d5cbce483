package emu

import (
	"slices"

	"github.com/tilec/tilec/codegen/ptx"
)

// What an atomic operation needs to have been written. Narrow elements are changed within their word, in which others need not
// have been written: a byte that keeps its value stays as it was.
const (
	allBytes = iota
	someByte // of a word that is compared and swapped, one at least
	ownBytes // bits are cleared and set: those that change
	noByte   // all is overwritten, and nobody sees what was there
)

// atomic decodes atom and red on one element. Lanes take their turns in order, or in an order that the seed gives.
func (d *decoder) atomic(o *op, x *access, t ptx.Type) bool {
	in := o.in
	if in.Word("V") != "" {
		return false
	}
	x.atomic, x.write = true, true
	args := in.Args[1:]
	if in.Opcode == "atom" {
		x.elems = []element{{d.destination(&in.Args[0], t.Bits() > 32), t.Bits(), in.Args[0].Kind != 0}}
		args = in.Args[2:]
	}
	x.wide = t.Bits() == 64
	x.operands[0] = d.slot(o, &args[0], t)
	x.operands[1] = x.operands[0]
	if in.Has(".cas") {
		x.operands[1] = d.slot(o, &args[1], t)
	}
	switch x.needs = allBytes; {
	case in.Has(".exch") && len(x.elems) == 1 && x.elems[0].skip:
		x.needs = noByte
	case in.Opcode == "red" && (in.Has(".and") || in.Has(".or")):
		x.needs = ownBytes
	case in.Has(".cas"):
		x.needs = someByte
	}
	shared := x.space == sharedSpace
	x.op = atomicOp(in.Word("O"), t, shared)
	o.run = atomicRun
	return x.op != nil
}

func atomicOp(name string, t ptx.Type, shared bool) func(old, x, y uint64) uint64 {
	n := t.Bits()
	mask := ^uint64(0) >> (64 - n)
	switch name {
	case ".add":
		switch t {
		case ptx.F32:
			return func(old, x, _ uint64) uint64 {
				a, b := uint32(old), uint32(x)
				if !shared { // in global memory subnormal numbers are flushed (PTX ISA, atom)
					return uint64(flush32(bits32(f32(flush32(a)) + f32(flush32(b)))))
				}
				return uint64(bits32(f32(a) + f32(b)))
			}
		case ptx.F64:
			return func(old, x, _ uint64) uint64 { return bits64(f64(old) + f64(x)) }
		case ptx.F16, ptx.BF16, ptx.F16x2, ptx.BF16x2:
			h := formatF16
			if t == ptx.BF16 || t == ptx.BF16x2 {
				h = formatBF16
			}
			add := func(a, b uint64) uint64 {
				return uint64(h.to(addOdd(float64(h.from(uint32(a&0xffff))), float64(h.from(uint32(b&0xffff)))), nearest))
			}
			if n == 16 {
				return func(old, x, _ uint64) uint64 { return add(old, x) }
			}
			return func(old, x, _ uint64) uint64 { return add(old>>16, x>>16)<<16 | add(old, x) }
		}
		return func(old, x, _ uint64) uint64 { return (old + x) & mask }
	case ".min", ".max":
		isMax := name == ".max"
		return func(old, x, _ uint64) uint64 {
			less := old < x
			if t.Signed() {
				less = extend(old, t) < extend(x, t)
			}
			if less != isMax {
				return old
			}
			return x
		}
	case ".inc":
		return func(old, x, _ uint64) uint64 {
			if old >= x {
				return 0
			}
			return old + 1
		}
	case ".dec":
		return func(old, x, _ uint64) uint64 {
			if old == 0 || old > x {
				return x
			}
			return old - 1
		}
	case ".and":
		return func(old, x, _ uint64) uint64 { return old & x }
	case ".or":
		return func(old, x, _ uint64) uint64 { return old | x }
	case ".xor":
		return func(old, x, _ uint64) uint64 { return old ^ x }
	case ".exch":
		return func(_, x, _ uint64) uint64 { return x }
	case ".cas":
		return func(old, x, y uint64) uint64 {
			if old == x {
				return y
			}
			return old
		}
	}
	return nil
}

func atomicRun(w *warp, o *op, m uint32) status {
	x := o.mem
	addr := w.addresses(x)
	var last *region
	if x.space == sharedSpace {
		w.banks(o, x.total, m)
	}
	var before []byte
	start := 0
	if w.run.rng != nil {
		start = w.run.rng.IntN(lanes)
	}
	for k := range lanes {
		i := (start + k) & 31
		if m>>i&1 == 0 {
			continue
		}
		r, off, ok := w.resolve(o, x, addr[i], i, &last)
		if !ok {
			return stopped
		}
		if r.space == "local" {
			w.report(o, 1<<i, UndefinedValue, "an atomic on local memory")
			return stopped
		}
		before = before[:0]
		if w.checking {
			if r.init != nil && !r.allWritten(off, x.total) {
				before = append(before[:0], r.init[off:off+x.total]...)
				if x.needs == allBytes || x.needs == someByte && !slices.Contains(before, written) {
					w.unwrittenBytes(o, r, off, x.total, i)
				}
			}
			w.hear(x, r, off)
			w.inspectWrite(o, r, off, x.total, newEvent(w.clock.near[w.index], w.index, true, o.pc), i)
			w.publish(x, r, off, true)
		}
		p := r.ptr(off)
		old := read(p, x.size, false)
		var a, b uint64
		if x.wide {
			a, b = w64(&w.regs[x.operands[0]])[i], w64(&w.regs[x.operands[1]])[i]
		} else {
			a, b = uint64(w.regs[x.operands[0]][i]), uint64(w.regs[x.operands[1]][i])
		}
		next := x.op(old, a, b)
		write(p, x.size, next)
		for k, was := range before {
			if x.needs != noByte && was == unwritten && old>>(8*k)&0xff == next>>(8*k)&0xff {
				r.init[off+uint64(k)] = unwritten // it was not touched
			}
		}
		for _, el := range x.elems {
			if x.wide {
				w64(&w.regs[el.slot])[i] = old
			} else {
				w.regs[el.slot][i] = uint32(old)
			}
		}
	}
	for _, el := range x.elems {
		w.def[el.slot] |= m
	}
	return going
}
