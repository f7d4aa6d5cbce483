package emit

import (
	"github.com/tilec/tilec/codegen"
	"github.com/tilec/tilec/codegen/ptx/asm"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
)

// assert ends the kernel with a fault where a condition does not hold. What is absent does not count.
func (e *emitter) assert(o *ir.Op) {
	b, x := e.b, e.value(o.Operands[0])
	var bad asm.Reg
	any := false
	fails := func(c asm.Arg, live guard) {
		var p asm.Reg
		if k, ok := c.IntValue(); ok {
			if k != 0 {
				return
			}
			if p = live.p; !live.ok {
				p = e.reg(dtype.Bool, asm.Int(1))
			}
		} else {
			p = b.NotP(e.reg(dtype.Bool, c))
			if live.ok {
				p = b.AndP(p, live.p)
			}
		}
		if any {
			p = b.OrP(bad, p)
		}
		bad, any = p, true
	}
	if x.t.Kind == ir.Scalar {
		fails(x.scalar, guard{})
	} else {
		p := e.place(x.t)
		for slot := range p.slots {
			if p.twin[slot] == slot {
				var live guard
				live.p, live.ok = e.live(x.t, slot, nil)
				fails(e.elem(x, slot), live)
			}
		}
	}
	if any {
		e.fault(bad, codegen.Fault{Kind: "assert", Text: o.Str("text"), Pos: o.Pos})
	}
}

// print writes a record to the print buffer, as codegen.PrintBytes lays it out. Blocks that print run one after the other.
func (e *emitter) print(o *ir.Op) {
	b := e.b
	number := len(e.m.Prints)
	entry := codegen.Print{Text: o.Str("text"), Pos: o.Pos}
	for _, v := range o.Operands {
		entry.Types = append(entry.Types, v.Type)
	}
	e.m.Prints = append(e.m.Prints, entry)

	// The size first, so that a record is whole or not there. Counts are in words of eight bytes.
	counts := make([]asm.Arg, len(o.Operands))
	words := asm.Int(2)
	for i, v := range o.Operands {
		n, head := asm.Int(1), int64(1)
		switch v.Type.Kind {
		case ir.Span:
			n, head = asm.Int(2), 2
		case ir.Tile:
			head += int64(len(v.Type.Axes))
			for _, a := range v.Type.Axes {
				n = b.Mul(asm.D, n, b.Widen(e.live32(e.value(a.Span))))
			}
			if k, ok := n.IntValue(); ok {
				n = asm.Int(min(k, codegen.PrintElements))
			} else {
				n = asm.R(b.Pure("min.s64", asm.D, n, asm.Int(codegen.PrintElements)))
			}
		}
		counts[i] = n
		words = b.Sum(asm.D, words, n, asm.Int(head))
	}
	size := b.Mul(asm.D, words, asm.Int(8))
	buffer := e.param(codegen.Slot{Kind: codegen.PrintSlot})
	// All threads read how much is in use before one of them says that it is more, and after one has said so before.
	e.barrier()
	used := b.Do("ld.relaxed.gpu.global.b64", asm.D, asm.At(buffer, 0))
	e.barrier()
	end := b.Add(asm.D, asm.R(used), size)
	fits := b.SetP("le", "s64", end, asm.Int(codegen.PrintBytes))
	e.fault(b.NotP(fits), codegen.Fault{Kind: "print", Text: "what the kernel prints does not fit into its buffer: print less in one phase", Pos: o.Pos})
	one := b.AndP(fits, e.first())
	at := b.Add(asm.D, asm.R(buffer), asm.R(used))
	// put writes a word of the record where p holds; index is its number in the record, a double.
	put := func(p asm.Reg, index asm.Arg, x asm.Arg) {
		var to asm.Arg
		if k, ok := index.IntValue(); ok {
			to = asm.At(b.Move(asm.D, at), 8*k)
		} else {
			to = asm.At(b.Move(asm.D, b.Add(asm.D, at, b.Mul(asm.D, index, asm.Int(8)))), 0)
		}
		b.EmitIf(asm.R(p), "st.global.b64", to, e.double(x))
	}
	b.EmitIf(asm.R(one), "st.relaxed.gpu.global.b64", asm.At(buffer, 0), e.double(end))
	put(one, asm.Int(0), asm.Int(int64(number)))
	put(one, asm.Int(1), size)
	next := asm.Int(2)
	header := func(x asm.Arg) {
		put(one, next, x)
		next = b.Add(asm.D, next, asm.Int(1))
	}
	for i, v := range o.Operands {
		x := e.value(v)
		switch v.Type.Kind {
		case ir.Span:
			header(asm.Int(1))
			header(asm.Int(2))
			header(x.lo)
			header(e.end(v))
			continue
		case ir.Scalar:
			header(asm.Int(0))
			header(e.printed(v.Type.Elem, x.scalar))
			continue
		}
		header(asm.Int(int64(len(v.Type.Axes))))
		for _, a := range v.Type.Axes {
			header(b.Widen(e.live32(e.value(a.Span))))
		}
		p := e.place(v.Type)
		own, replicated := e.owner(p)
		for slot := range p.slots {
			if p.twin[slot] != slot {
				continue
			}
			index := asm.Int(0)
			for k, a := range v.Type.Axes {
				index = b.Add(asm.D, b.Mul(asm.D, index, b.Widen(e.live32(e.value(a.Span)))), b.Widen(e.coord(p, slot, k)))
			}
			g := guard{fits, true}
			if live, ok := e.live(v.Type, slot, nil); ok {
				g = e.and(g, live)
			}
			if replicated {
				g = e.and(g, own)
			}
			g = e.and(g, b.SetP("lt", "s64", e.double(index), counts[i]))
			put(g.p, b.Add(asm.D, next, index), e.printed(v.Type.Elem, e.elem(x, slot)))
		}
		next = b.Add(asm.D, next, counts[i])
	}
}

// first is a predicate that holds in the first thread of the block.
func (e *emitter) first() asm.Reg {
	return e.b.SetP("eq", "s32", e.thread(), asm.Int(0))
}

// printed is an element as eight bytes of a record.
func (e *emitter) printed(t dtype.Type, x asm.Arg) asm.Arg {
	if t.IsFloat() {
		return e.casting(t, dtype.F64, false)(x)
	}
	if t.Bits() == 64 {
		return x
	}
	return e.casting(t, dtype.I64, false)(x)
}
