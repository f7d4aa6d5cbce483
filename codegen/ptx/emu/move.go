package emu

import (
	"math/bits"

	"github.com/tilec/tilec/codegen/ptx"
	"github.com/tilec/tilec/codegen/ptx/syntax"
)

func copyVec(d, a, _, _ *vec)  { *d = *a }
func copyWide(d, a, _, _ *vec) { *w64(d) = *w64(a) }

// move is mov: of registers, constants, addresses, special registers, predicates, and between a register and its parts.
func (d *decoder) move(o *op) bool {
	in := o.in
	t := in.Type("T")
	dst, src := &in.Args[0], &in.Args[1]
	switch {
	case t == ptx.B128:
		return false
	case t == ptx.Pred:
		o.kind, o.pd = runOp, d.result(dst)
		if src.Kind == syntax.SpecialOperand {
			return false
		}
		o.ps, o.psNot = d.predicate(o, src)
		o.run = func(w *warp, o *op, m uint32) status {
			w.setPred(o.pd, w.pred(o.ps, o.psNot), m)
			return going
		}
		return true
	case src.Kind == syntax.VectorOperand:
		return d.pack(o, t, src)
	case dst.Kind == syntax.VectorOperand:
		return d.unpack(o, t, dst)
	}
	o.d, o.a = d.destination(dst, t.Bits() == 64), d.slot(o, src, t)
	if src.Kind == syntax.SpecialOperand && (src.Name == "%clock" || src.Name == "%clock64" || src.Name == "%globaltimer" || src.Name == "%clock_hi" || src.Name == "%globaltimer_lo" || src.Name == "%globaltimer_hi") {
		o.kind = runOp
		wideClock := t.Bits() == 64
		o.run = func(w *warp, o *op, m uint32) status {
			for l := m; l != 0; l &= l - 1 {
				i := bits.TrailingZeros32(l) & 31
				if wideClock {
					w64(&w.regs[o.d])[i] = w.run.executed
				} else {
					w.regs[o.d][i] = uint32(w.run.executed)
				}
			}
			w.def[o.d] |= m
			return going
		}
		return true
	}
	switch {
	case t.Bits() == 64:
		o.kind, o.fn = aluWideOp, copyWide
	case t.Bits() == 16 && src.Kind == syntax.SpecialOperand:
		o.fn = narrow(copyVec)
	default:
		o.fn = copyVec
	}
	return true
}

func (d *decoder) pack(o *op, t ptx.Type, src *syntax.Operand) bool {
	n := len(src.Elems)
	part := t.Bits() / n
	element := map[int]ptx.Type{8: ptx.B8, 16: ptx.B16, 32: ptx.B32}[part]
	from := make([]uint32, n)
	for i := range from {
		from[i] = d.slot(o, &src.Elems[i], element)
	}
	o.d = d.destination(&o.in.Args[0], t.Bits() == 64)
	o.kind = runOp
	toWide := t.Bits() == 64
	o.run = func(w *warp, o *op, m uint32) status {
		for l := m; l != 0; l &= l - 1 {
			i := bits.TrailingZeros32(l) & 31
			x := uint64(0)
			for k, s := range from {
				x |= (uint64(w.regs[s][i]) & (1<<part - 1)) << (k * part)
			}
			if toWide {
				w64(&w.regs[o.d])[i] = x
			} else {
				w.regs[o.d][i] = uint32(x)
			}
		}
		w.def[o.d] |= m
		return going
	}
	return true
}

func (d *decoder) unpack(o *op, t ptx.Type, dst *syntax.Operand) bool {
	n := len(dst.Elems)
	part := t.Bits() / n
	to := make([]uint32, n)
	for i := range to {
		to[i] = d.destination(&dst.Elems[i], false)
	}
	o.a = d.slot(o, &o.in.Args[1], t)
	o.kind = runOp
	fromWide := t.Bits() == 64
	o.run = func(w *warp, o *op, m uint32) status {
		for l := m; l != 0; l &= l - 1 {
			i := bits.TrailingZeros32(l) & 31
			x := uint64(w.regs[o.a][i])
			if fromWide {
				x = w64(&w.regs[o.a])[i]
			}
			for k, s := range to {
				w.regs[s][i] = uint32(x >> (k * part) & (1<<part - 1))
			}
		}
		for _, s := range to {
			w.def[s] |= m
		}
		return going
	}
	return true
}

// toAddress is cvta, to generic addresses and back.
func (d *decoder) toAddress(o *op) bool {
	in := o.in
	o.d, o.a = d.destination(&in.Args[0], true), d.slot(o, &in.Args[1], ptx.U64)
	o.kind = aluWideOp
	window := uint64(0)
	switch in.Word("S") {
	case ".shared", ".shared::cta":
		window = sharedWindow
	case ".local":
		window = localWindow
	case ".global", ".const":
	default:
		return false
	}
	if in.Has(".to") {
		window = -window
	}
	o.fn = func(d, a, _, _ *vec) {
		d64, a64 := w64(d), w64(a)
		for i := range d64 {
			d64[i] = a64[i] + window
		}
	}
	return true
}

// fourOperands is bfi and fns, which have more operands than an op has slots for.
func (d *decoder) fourOperands(o *op) bool {
	in := o.in
	if in.Opcode == "fns" {
		o.d, o.a, o.b, o.c = d.destination(&in.Args[0], false), d.slot(o, &in.Args[1], ptx.B32), d.slot(o, &in.Args[2], ptx.B32), d.slot(o, &in.Args[3], ptx.S32)
		o.fn = three32(func(a, b, c uint32) uint32 { return nthSet(a, b, int32(c)) })
		return true
	}
	t := in.Type("T")
	isWide := t.Bits() == 64
	o.d = d.destination(&in.Args[0], isWide)
	a, b := d.slot(o, &in.Args[1], t), d.slot(o, &in.Args[2], t)
	pos, n := d.slot(o, &in.Args[3], ptx.U32), d.slot(o, &in.Args[4], ptx.U32)
	o.kind = runOp
	o.run = func(w *warp, o *op, m uint32) status {
		for l := m; l != 0; l &= l - 1 {
			i := bits.TrailingZeros32(l) & 31
			if isWide {
				w64(&w.regs[o.d])[i] = insert(w64(&w.regs[a])[i], w64(&w.regs[b])[i], w.regs[pos][i], w.regs[n][i], 64)
			} else {
				w.regs[o.d][i] = uint32(insert(uint64(w.regs[a][i]), uint64(w.regs[b][i]), w.regs[pos][i], w.regs[n][i], 32))
			}
		}
		w.def[o.d] |= m
		return going
	}
	return true
}

// carrying is add and sub with the carry, or borrow, of each lane going out (.cc) or in (addc, subc).
func (d *decoder) carrying(o *op) bool {
	in := o.in
	t := in.Type("T")
	isWide := t.Bits() == 64
	o.d = d.destination(&in.Args[0], isWide)
	o.a, o.b = d.slot(o, &in.Args[1], t), d.slot(o, &in.Args[2], t)
	takes, gives := in.Opcode == "addc" || in.Opcode == "subc", in.Has(".cc")
	minus := in.Opcode == "sub" || in.Opcode == "subc"
	shift := 64 - t.Bits() // 32-bit operands stand at the top, so that their carries leave at the same place
	o.kind = runOp
	o.run = func(w *warp, o *op, m uint32) status {
		for l := m; l != 0; l &= l - 1 {
			i := bits.TrailingZeros32(l) & 31
			var x, y uint64
			if isWide {
				x, y = w64(&w.regs[o.a])[i], w64(&w.regs[o.b])[i]
			} else {
				x, y = uint64(w.regs[o.a][i])<<shift, uint64(w.regs[o.b][i])<<shift
			}
			c := uint64(0)
			if takes {
				c = uint64(w.carry >> i & 1)
			}
			var r, r2, out, out2 uint64
			if minus {
				r, out = bits.Sub64(x, y, 0)
				r2, out2 = bits.Sub64(r, c<<shift, 0)
			} else {
				r, out = bits.Add64(x, y, 0)
				r2, out2 = bits.Add64(r, c<<shift, 0)
			}
			if isWide {
				w64(&w.regs[o.d])[i] = r2
			} else {
				w.regs[o.d][i] = uint32(r2 >> shift)
			}
			if gives {
				w.carry = w.carry&^(1<<i) | uint32(out|out2)<<i
			}
		}
		w.def[o.d] |= m
		return going
	}
	return true
}
