package emu

import (
	"github.com/tilec/tilec/codegen/ptx"
	"github.com/tilec/tilec/codegen/ptx/syntax"
)

func (d *decoder) setp(o *op) bool {
	in := o.in
	t := in.Type("T")
	o.cmp = compare(in)
	o.kind = predOp
	o.a, o.b = d.slot(o, &in.Args[1], t), d.slot(o, &in.Args[2], t)
	o.pd, o.pd2 = d.result(&in.Args[0]), d.pairPredicate(&in.Args[0])
	o.bool = in.Word("B")
	if len(in.Args) > 3 {
		o.ps, o.psNot = d.predicate(o, &in.Args[3])
	}
	if t == ptx.F16x2 || t == ptx.BF16x2 {
		return d.setpPair(o)
	}
	return true
}

// result is the index of a predicate that is written, -1 for _.
func (d *decoder) result(a *syntax.Operand) int32 {
	if a.Kind == syntax.RegOperand {
		return int32(d.k.regs[a.Reg])
	}
	return -1
}

// setpPair compares halves: the low ones into the first predicate, the upper ones into the second.
func (d *decoder) setpPair(o *op) bool {
	o.kind = runOp
	o.run = func(w *warp, o *op, m uint32) status {
		var a, b vec
		for i := range a {
			a[i], b[i] = w.regs[o.a][i]>>16, w.regs[o.b][i]>>16
		}
		lo, hi := o.cmp(&w.regs[o.a], &w.regs[o.b]), o.cmp(&a, &b)
		if o.ps >= 0 {
			p := w.pred(o.ps, o.psNot)
			lo, hi = combine(o.bool, lo, p), combine(o.bool, hi, p)
		}
		w.setPred(o.pd, lo, m)
		w.setPred(o.pd2, hi, m)
		return going
	}
	return true
}

// set is a comparison into a register: all ones or 1.0 where it holds.
func (d *decoder) set(o *op) bool {
	in := o.in
	t := in.Type("T")
	o.cmp = compare(in)
	o.d = d.destination(&in.Args[0], false)
	o.a, o.b = d.slot(o, &in.Args[1], t), d.slot(o, &in.Args[2], t)
	yes := full
	if in.Type("D") == ptx.F32 {
		yes = 0x3f800000
	}
	o.fn = func(d, a, b, _ *vec) {
		m := o.cmp(a, b)
		for i := range d {
			d[i] = -(m >> i & 1) & yes
		}
	}
	return true
}

func (d *decoder) test(o *op) bool {
	in := o.in
	o.kind, o.pd = predOp, d.result(&in.Args[0])
	if in.Opcode == "testp" {
		t := in.Type("T")
		o.a = d.slot(o, &in.Args[1], t)
		o.b = o.a
		o.cmp = testOp(in)
		return true
	}
	o.a = d.slot(o, &in.Args[1], ptx.U64)
	o.b = o.a
	space := in.Word("S")
	o.cmp = wides(func(a, _ uint64) bool {
		shared, local := a-sharedWindow < windowSize, a-localWindow < windowSize
		switch space {
		case ".shared", ".shared::cta", ".shared::cluster":
			return shared
		case ".local":
			return local
		case ".global":
			return !shared && !local
		}
		return false
	})
	return true
}

func (d *decoder) selects(o *op) bool {
	in := o.in
	t := in.Type("T")
	wideType := t.Bits() == 64
	o.d = d.destination(&in.Args[0], wideType)
	o.a, o.b = d.slot(o, &in.Args[1], t), d.slot(o, &in.Args[2], t)
	var chosen func(w *warp, o *op) uint32
	if in.Opcode == "selp" {
		o.ps, o.psNot = d.predicate(o, &in.Args[3])
		chosen = func(w *warp, o *op) uint32 { return w.pred(o.ps, o.psNot) }
	} else {
		isFloat, ftz := in.Has(".f32") && typeOf(in, 3) == ptx.F32, in.Has(".ftz")
		o.c = d.slot(o, &in.Args[3], typeOf(in, 3))
		chosen = func(w *warp, o *op) (m uint32) {
			for i, x := range w.regs[o.c] {
				yes := int32(x) >= 0
				if isFloat {
					if ftz {
						x = flush32(x)
					}
					yes = f32(x) >= 0
				}
				m |= bit(yes) << i
			}
			return m
		}
	}
	o.kind = runOp
	o.run = func(w *warp, o *op, m uint32) status {
		p := chosen(w, o)
		if wideType {
			dst, a, b := w64(&w.regs[o.d]), w64(&w.regs[o.a]), w64(&w.regs[o.b])
			var r wide
			for i := range r {
				x := -uint64(p >> i & 1)
				r[i] = a[i]&x | b[i]&^x
			}
			mergeWide(dst, &r, m)
		} else {
			dst, a, b := &w.regs[o.d], &w.regs[o.a], &w.regs[o.b]
			if m == full {
				for i := range dst {
					x := -(p >> i & 1)
					dst[i] = a[i]&x | b[i]&^x
				}
			} else {
				var r vec
				for i := range r {
					x := -(p >> i & 1)
					r[i] = a[i]&x | b[i]&^x
				}
				merge(dst, &r, m)
			}
		}
		w.def[o.d] |= m
		return going
	}
	return true
}

func (d *decoder) lop3(o *op) bool {
	in := o.in
	o.d = d.destination(&in.Args[0], false)
	o.a, o.b, o.c = d.slot(o, &in.Args[1], ptx.B32), d.slot(o, &in.Args[2], ptx.B32), d.slot(o, &in.Args[3], ptx.B32)
	o.fn = lop3Op(uint32(in.Args[4].Bits))
	if len(in.Args) == 5 {
		return true
	}
	// The predicate is (result != 0) joined with the source predicate.
	o.pd = d.pairPredicate(&in.Args[0])
	o.ps, o.psNot = d.predicate(o, &in.Args[5])
	o.bool = in.Word("B")
	o.kind = runOp
	o.run = func(w *warp, o *op, m uint32) status {
		var r vec
		o.fn(&r, &w.regs[o.a], &w.regs[o.b], &w.regs[o.c])
		some := uint32(0)
		for i, x := range r {
			some |= bit(x != 0) << i
		}
		merge(&w.regs[o.d], &r, m)
		w.def[o.d] |= m
		w.setPred(o.pd, combine(o.bool, some, w.pred(o.ps, o.psNot)), m)
		return going
	}
	return true
}

func (d *decoder) predicates(o *op) bool {
	in := o.in
	o.kind, o.pd = runOp, d.result(&in.Args[0])
	a, aNot := d.predicate(o, &in.Args[1])
	b, bNot := int32(0), false
	if len(in.Args) > 2 {
		b, bNot = d.predicate(o, &in.Args[2])
	}
	opcode := in.Opcode
	o.run = func(w *warp, o *op, m uint32) status {
		x, y := w.pred(a, aNot), w.pred(b, bNot)
		switch opcode {
		case "and":
			x &= y
		case "or":
			x |= y
		case "xor":
			x ^= y
		default:
			x = ^x
		}
		w.setPred(o.pd, x, m)
		return going
	}
	return true
}
