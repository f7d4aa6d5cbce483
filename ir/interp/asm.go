package interp

import (
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
)

// Instructions runs instructions of a target on elements: result is the type of element 0 of the text and types are those of
// the others, in order. Elements go in and out as their codes ([dtype.Type.Decode]).
type Instructions func(target, text string, result dtype.Type, types []dtype.Type, in [][]uint64) (out []uint64, err error)

// asm decodes instructions of a target.
func (c *compiler) asm(o *ir.Op) func(w *worker) error {
	in, out, axes := c.cellsOf(o.Operands), c.cell(o.Result()), c.spans(o.Result().Type)
	result := o.Result().Type.Elem
	var types []dtype.Type
	for _, v := range o.Operands {
		types = append(types, v.Type.Elem)
	}
	return func(w *worker) error {
		run := w.run.opts.Instructions
		if run == nil {
			return faultf(Limit, o.Pos, "instructions of %s are not run here", o.Str("target"))
		}
		d := &w.cells[out]
		if err := w.fresh(d, axes); err != nil {
			return err
		}
		n := d.count()
		codes := make([][]uint64, len(in))
		for i, k := range in {
			s := &w.cells[k]
			if err := w.compact(s); err != nil {
				return err
			}
			codes[i] = s.codes(n)
		}
		if n == 0 {
			return nil
		}
		list, err := run(o.Str("target"), o.Str("text"), result, types, codes)
		if err != nil {
			return &Fault{Kind: Limit, Pos: o.Pos, Message: err.Error(), Err: err}
		}
		d.setCodes(list)
		return nil
	}
}

// codes are the codes of the first n elements of a row-major tile, or of a scalar.
func (c *cell) codes(n int) []uint64 {
	list := make([]uint64, n)
	for i := range list {
		switch c.class {
		case f32Class:
			list[i] = c.elem.Encode(float64(c.f32[i]), dtype.NearestEven, c.elem.Overflow())
		case f64Class:
			list[i] = c.elem.Encode(c.f64[i], dtype.NearestEven, c.elem.Overflow())
		case intClass:
			list[i] = c.elem.EncodeInt(c.i64[i], true)
		default:
			if c.b[i] {
				list[i] = 1
			}
		}
	}
	return list
}

func (c *cell) setCodes(list []uint64) {
	for i, x := range list {
		switch c.class {
		case f32Class:
			c.f32[i] = float32(c.elem.Decode(x))
		case f64Class:
			c.f64[i] = c.elem.Decode(x)
		case intClass:
			c.i64[i] = c.elem.DecodeInt(x)
		default:
			c.b[i] = x != 0
		}
	}
}
