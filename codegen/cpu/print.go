package cpu

import (
	"github.com/tilec/tilec/codegen"
	"github.com/tilec/tilec/codegen/internal/llx"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
)

// printValues emits a print statement: a record in the print buffer, as [codegen.PrintBytes] lays it out. Only phases of
// one thread print.
func (e *emitter) printValues(o *ir.Op) {
	if e.g.print < 0 {
		e.g.print = e.g.slot(codegen.Slot{Kind: codegen.PrintSlot})
	}
	number := len(e.g.manifest.Prints)
	entry := codegen.Print{Text: o.Str("text"), Pos: o.Pos}
	for _, v := range o.Operands {
		entry.Types = append(entry.Types, v.Type)
	}
	e.g.manifest.Prints = append(e.g.manifest.Prints, entry)

	// The size first, so that a record is whole or not there.
	counts := make([]llx.Value, len(o.Operands))
	words := llx.Value(llx.C64(2))
	for i, v := range o.Operands {
		n := llx.Value(llx.C64(1))
		switch v.Type.Kind {
		case ir.Span:
			n = llx.C64(2)
			words = e.Add(words, llx.C64(2))
		default:
			for _, a := range v.Type.Axes {
				n = e.Mul(n, e.span(a.Span).n)
			}
			n = e.Min(n, llx.C64(codegen.PrintElements))
			words = e.Add(words, llx.C64(int64(1+len(v.Type.Axes))))
		}
		counts[i] = n
		words = e.Add(words, n)
	}
	size := e.Mul(words, llx.C64(8))
	buffer := e.Load(llx.Ptr, e.slotAddress(e.g.print), 8)
	used := e.Load(llx.I64, buffer, 8)
	end := e.Add(used, size)
	fault := e.g.fault("print", "what the kernel prints does not fit into its buffer: print less in one phase", o.Pos)
	e.If(e.ICmp("sgt", end, llx.C64(codegen.PrintBytes)), func() { e.Ret(llx.C64(fault)) }, nil)

	next := e.Alloca(llx.Ptr, 1, 8)
	e.Store(e.Offset(buffer, used), next, 8)
	put := func(x llx.Value) {
		at := e.Load(llx.Ptr, next, 8)
		e.Store(x, at, 8)
		e.Store(e.Offset(at, llx.C64(8)), next, 8)
	}
	put(llx.C64(int64(number)))
	put(size)
	for i, v := range o.Operands {
		switch v.Type.Kind {
		case ir.Span:
			s := e.span(e.resolve(v))
			put(llx.C64(1))
			put(llx.C64(2))
			put(s.lo)
			put(e.hi(s))
		case ir.Scalar:
			put(llx.C64(0))
			put(e.printWord(v.Type.Elem, e.scalar(v)))
		default:
			put(llx.C64(int64(len(v.Type.Axes))))
			for _, a := range v.Type.Axes {
				put(e.span(a.Span).n)
			}
			left := e.Alloca(llx.I64, 1, 8)
			e.Store(counts[i], left, 8)
			e.nest(nestOf{axes: spansOf(v.Type), refs: []*ir.Value{v}}, func(p *point) {
				n := e.Load(llx.I64, left, 8)
				e.If(e.ICmp("sgt", n, llx.C64(0)), func() {
					put(e.printWord(v.Type.Elem, e.at(v, p)))
					e.Store(e.Sub(n, llx.C64(1)), left, 8)
				}, nil)
			})
		}
	}
	e.Store(end, buffer, 8)
}

// printWord is an element as eight bytes of a record.
func (e *emitter) printWord(t dtype.Type, x llx.Value) llx.Value {
	switch classOf(t) {
	case f32Class:
		return e.Bitcast(e.FPExt(x, llx.Double), llx.I64)
	case f64Class:
		return e.Bitcast(x, llx.I64)
	case boolClass:
		return e.ZExt(x, llx.I64)
	case i32Class:
		if t.Kind == dtype.UintKind {
			return e.ZExt(x, llx.I64)
		}
		return e.SExt(x, llx.I64)
	}
	return x
}
