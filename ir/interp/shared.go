package interp

import "github.com/tilec/tilec/ir"

// sharedTensor decodes a tensor of the block's own.
func (c *compiler) sharedTensor(o *ir.Op) func(w *worker) error {
	t, out := o.Result().Type, c.cell(o.Result())
	shape, _ := extents(t.Dims, nil)
	return func(w *worker) error {
		m := w.cells[out].mem
		if m == nil {
			m = &memory{name: o.Result().Name, elem: t.Elem, dims: shape, poisoned: true}
			m.layout(nil)
			bytes := (m.size*int64(t.Elem.Bits()) + 7) / 8
			if err := w.run.reserve(bytes, o); err != nil {
				return err
			}
			m.data = make([]byte, bytes)
			if err := m.alloc(w.run, defined, o); err != nil {
				return err
			}
			w.cells[out].mem = m
		}
		m.poison()
		clear(m.shadow)
		return nil
	}
}
