package emu

import (
	"math/bits"

	"github.com/tilec/tilec/codegen/ptx"
	"github.com/tilec/tilec/codegen/ptx/syntax"
)

// collective decodes what lanes of a warp do together.
func (d *decoder) collective(o *op) bool {
	in := o.in
	o.kind = runOp
	if in.Opcode == "activemask" {
		o.d = d.destination(&in.Args[0], false)
		o.run = func(w *warp, o *op, m uint32) status {
			w.each(o.d, m, func(int) uint32 { return m })
			return going
		}
		return true
	}
	o.sync = true
	o.members = d.slot(o, &in.Args[len(in.Args)-1], ptx.B32)
	switch in.Opcode {
	case "elect":
		return d.elect(o)
	case "shfl":
		return d.shuffle(o)
	case "vote":
		return d.vote(o)
	case "match":
		return d.match(o)
	case "redux":
		return d.redux(o)
	}
	return false
}

// each writes f of every lane of m to a slot.
func (w *warp) each(slot uint32, m uint32, f func(lane int) uint32) {
	d := &w.regs[slot]
	for l := m; l != 0; l &= l - 1 {
		i := bits.TrailingZeros32(l) & 31
		d[i] = f(i)
	}
	w.def[slot] |= m
}

// checkMembers reports lanes that execute a .sync instruction whose mask does not name them.
func (w *warp) checkMembers(o *op, m uint32) {
	masks := &w.regs[o.members]
	for l := m; l != 0; l &= l - 1 {
		i := bits.TrailingZeros32(l) & 31
		if masks[i]>>i&1 == 0 {
			w.report(o, 1<<i, MissingLanes, "lane %d executes %s, whose mask %#x does not name it", i, o.in.Name(), masks[i])
			return
		}
	}
}

// groups calls f for the lanes that go together: those with equal masks.
func (w *warp) groups(o *op, m uint32, f func(group uint32)) {
	w.checkMembers(o, m)
	masks := &w.regs[o.members]
	if k := masks[bits.TrailingZeros32(m)&31]; k&w.alive == m {
		f(m)
		return
	}
	for rest := m; rest != 0; {
		k := masks[bits.TrailingZeros32(rest)&31]
		group := uint32(0)
		for l := rest; l != 0; l &= l - 1 {
			i := bits.TrailingZeros32(l) & 31
			group |= bit(masks[i] == k) << i
		}
		f(group)
		rest &^= group
	}
}

func (d *decoder) shuffle(o *op) bool {
	in := o.in
	o.d, o.a = d.destination(&in.Args[0], false), d.slot(o, &in.Args[1], ptx.B32)
	o.b, o.c = d.slot(o, &in.Args[2], ptx.U32), d.slot(o, &in.Args[3], ptx.U32)
	o.pd = d.pairPredicate(&in.Args[0])
	mode := in.Word("M")
	o.run = func(w *warp, o *op, m uint32) status {
		var r vec
		inside := uint32(0)
		src, by, clamp := &w.regs[o.a], &w.regs[o.b], &w.regs[o.c]
		w.groups(o, m, func(group uint32) {
			for l := group; l != 0; l &= l - 1 {
				i := uint32(bits.TrailingZeros32(l)) & 31
				b, mask, limit := by[i]&31, clamp[i]>>8&31, clamp[i]&31
				top, bottom := i&mask|limit&^mask, i&mask
				j, ok := uint32(0), false
				switch mode {
				case ".up":
					j = i - b
					ok = int32(j) >= int32(top)
				case ".down":
					j = i + b
					ok = j <= top
				case ".bfly":
					j = i ^ b
					ok = j <= top
				default:
					j = bottom | b&^mask
					ok = j <= top
				}
				if !ok {
					j = i
				}
				if group>>j&1 == 0 && w.checking {
					w.report(o, 1<<i, UndefinedValue, "lane %d reads lane %d, which does not take part", i, j)
				}
				r[i] = src[j&31]
				inside |= bit(ok) << i
			}
		})
		merge(&w.regs[o.d], &r, m)
		w.def[o.d] |= m
		w.setPred(o.pd, inside, m)
		return going
	}
	return true
}

// elect is elect.sync: which lane leads is not promised, so with a seed it is any.
func (d *decoder) elect(o *op) bool {
	o.d, o.pd = d.destination(&o.in.Args[0], false), d.pairPredicate(&o.in.Args[0])
	o.run = func(w *warp, o *op, m uint32) status {
		w.groups(o, m, func(g uint32) {
			leader := bits.TrailingZeros32(g)
			if w.run.rng != nil {
				for leader = w.run.rng.IntN(lanes); g>>leader&1 == 0; {
					leader = (leader + 1) % lanes
				}
			}
			w.each(o.d, g, func(int) uint32 { return uint32(leader) })
			w.setPred(o.pd, 1<<leader, g)
		})
		return going
	}
	return true
}

func (d *decoder) vote(o *op) bool {
	in := o.in
	o.ps, o.psNot = d.predicate(o, &in.Args[1])
	mode := in.Word("M")
	if mode == ".ballot" {
		o.d = d.destination(&in.Args[0], false)
	} else {
		o.pd = d.result(&in.Args[0])
	}
	o.run = func(w *warp, o *op, m uint32) status {
		p := w.pred(o.ps, o.psNot)
		w.groups(o, m, func(g uint32) {
			yes := p & g
			switch mode {
			case ".ballot":
				w.each(o.d, g, func(int) uint32 { return yes })
			case ".all":
				w.setPred(o.pd, -bit(yes == g), g)
			case ".any":
				w.setPred(o.pd, -bit(yes != 0), g)
			default:
				w.setPred(o.pd, -bit(yes == g || yes == 0), g)
			}
		})
		return going
	}
	return true
}

func (d *decoder) match(o *op) bool {
	in := o.in
	t := in.Type("T")
	o.d, o.a = d.destination(&in.Args[0], false), d.slot(o, &in.Args[1], t)
	o.pd = d.pairPredicate(&in.Args[0])
	all := in.Has(".all")
	isWide := t.Bits() == 64
	o.run = func(w *warp, o *op, m uint32) status {
		value := func(i int) uint64 {
			if isWide {
				return w64(&w.regs[o.a])[i]
			}
			return uint64(w.regs[o.a][i])
		}
		w.groups(o, m, func(g uint32) {
			same := func(i int) uint32 {
				r := uint32(0)
				for l := g; l != 0; l &= l - 1 {
					k := bits.TrailingZeros32(l) & 31
					r |= bit(value(k) == value(i)) << k
				}
				return r
			}
			if !all {
				var r vec
				for l := g; l != 0; l &= l - 1 {
					i := bits.TrailingZeros32(l) & 31
					r[i] = same(i)
				}
				w.each(o.d, g, func(i int) uint32 { return r[i] })
				return
			}
			r := uint32(0)
			if same(bits.TrailingZeros32(g)&31) == g {
				r = g
			}
			w.each(o.d, g, func(int) uint32 { return r })
			w.setPred(o.pd, -bit(r != 0), g)
		})
		return going
	}
	return true
}

func (d *decoder) redux(o *op) bool {
	in := o.in
	t := in.Type("T")
	if t == ptx.F32 {
		return false
	}
	f := reduxOp(in)
	o.d, o.a = d.destination(&in.Args[0], false), d.slot(o, &in.Args[1], t)
	o.run = func(w *warp, o *op, m uint32) status {
		w.groups(o, m, func(g uint32) {
			first := bits.TrailingZeros32(g) & 31
			r := w.regs[o.a][first]
			for l := g &^ (1 << first); l != 0; l &= l - 1 {
				r = f(r, w.regs[o.a][bits.TrailingZeros32(l)&31])
			}
			w.each(o.d, g, func(int) uint32 { return r })
		})
		return going
	}
	return true
}

func reduxOp(in *syntax.Instr) func(a, b uint32) uint32 {
	signed := in.Type("T") == ptx.S32
	switch in.Word("O") {
	case ".add":
		return func(a, b uint32) uint32 { return a + b }
	case ".and":
		return func(a, b uint32) uint32 { return a & b }
	case ".or":
		return func(a, b uint32) uint32 { return a | b }
	case ".xor":
		return func(a, b uint32) uint32 { return a ^ b }
	}
	isMax := in.Has(".max")
	return func(a, b uint32) uint32 {
		less := a < b
		if signed {
			less = int32(a) < int32(b)
		}
		if less != isMax {
			return a
		}
		return b
	}
}
