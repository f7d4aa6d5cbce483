package emit

import (
	"github.com/tilec/tilec/codegen/ptx/asm"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
	"github.com/tilec/tilec/ir/layout"
)

// across emits an operation that works along an axis. Files: reduce.go, scan.go, rank.go (topk, sort), lookup.go (lookup,
// scatter, cat), pack.go; exchange.go has what they move elements with.
func (e *emitter) across(o *ir.Op) {
	switch o.Code {
	case ir.Reduce:
		e.reduce(o)
	case ir.Scan:
		e.scan(o)
	case ir.Topk, ir.Sort:
		e.rank(o)
	case ir.Lookup:
		e.lookup(o)
	case ir.Scatter:
		e.scatter(o)
	case ir.Cat:
		e.cat(o)
	case ir.Pack:
		e.packBits(o)
	case ir.Unpack:
		e.unpackBits(o)
	default:
		e.fail("%s is not compiled", o.Code)
	}
}

// function is an elementwise operation on elements of type t that gives one of type to.
func (e *emitter) function(code ir.Code, t, to dtype.Type, attrs ...ir.Attr) func(x ...asm.Arg) asm.Arg {
	o := &ir.Op{Code: code, Attrs: attrs, Pos: e.b.Pos, Results: []*ir.Value{{Type: ir.ScalarType(to)}}}
	operand := &ir.Value{Type: ir.ScalarType(t)}
	return func(x ...asm.Arg) asm.Arg {
		o.Operands = o.Operands[:0]
		for range x {
			o.Operands = append(o.Operands, operand)
		}
		return e.apply(o, x)
	}
}

// casting is the conversion from one type to another; wraps says that integers that do not fit wrap.
func (e *emitter) casting(from, to dtype.Type, wraps bool) func(x asm.Arg) asm.Arg {
	if from == to {
		return func(x asm.Arg) asm.Arg { return x }
	}
	overflow := "sat"
	if wraps {
		overflow = "wrap"
	}
	f := e.function(ir.Cast, from, to, ir.Attr{Key: "overflow", Val: overflow}, ir.Attr{Key: "round", Val: "rne"})
	return func(x asm.Arg) asm.Arg { return f(x) }
}

// code is the element of a type that has these bits.
func code(t dtype.Type, bits uint64) asm.Arg {
	switch {
	case t.IsInt():
		return asm.Int(t.DecodeInt(bits))
	case t.Bits() > 32:
		return asm.Int(int64(bits))
	}
	return asm.Int(int64(int32(bits)))
}

// number is the element of a type for a value that it has.
func number(t dtype.Type, x float64) asm.Arg {
	if t.IsInt() {
		return asm.Int(int64(x))
	}
	return code(t, t.Encode(x, dtype.NearestEven, dtype.Saturate))
}

// lowest and highest are the neutral elements of maxima and minima.
func lowest(t dtype.Type) asm.Arg {
	if t.IsFloat() && t.HasInf() {
		return code(t, infinity(t)|1<<(t.Bits()-1))
	} else if t.IsFloat() {
		return number(t, t.Lowest())
	}
	return code(t, t.EncodeInt(t.MinInt(), true))
}

func highest(t dtype.Type) asm.Arg {
	if t.IsFloat() && t.HasInf() {
		return code(t, infinity(t))
	} else if t.IsFloat() {
		return number(t, t.Max())
	}
	return code(t, t.EncodeInt(t.MaxInt(), true))
}

// infinity is the code of infinity.
func infinity(t dtype.Type) uint64 {
	return (1<<t.Exp - 1) << (t.Bits() - 1 - int(t.Exp))
}

// threadDigit is a digit of the number of a lane or of a warp.
type threadDigit struct {
	layout.Digit
	before int64 // the product of the sizes of the faster digits of its unit
}

// threads are the digits of lanes and warps of more than one position, the fastest of each first.
func (p *place) threads() []threadDigit {
	var list []threadDigit
	for _, digits := range [][]layout.Digit{p.lane, p.warp} {
		before := int64(1)
		for _, g := range digits {
			if g.Size > 1 {
				list = append(list, threadDigit{g, before})
			}
			before *= g.Size
		}
	}
	return list
}

// digitOf is the value of a digit in this thread, a word.
func (e *emitter) digitOf(g threadDigit) asm.Arg {
	if g.Unit == layout.Lane {
		return e.digit(e.lane, g.before, g.Size, 32)
	}
	return e.digit(e.warp, g.before, g.Size, int64(e.warps))
}

// linear is the sum of the thread's digits times their weights, a word.
func (e *emitter) linear(p *place, weight func(g threadDigit) int64) asm.Arg {
	sum := asm.Int(0)
	for _, g := range p.threads() {
		if w := weight(g); w != 0 {
			sum = e.b.Mad(asm.W, e.digitOf(g), asm.Int(w), sum)
		}
	}
	return sum
}
