package interp

import (
	bin "encoding/binary"
	"math"

	"github.com/tilec/tilec/ir"
)

// arrival is an element at which blocks arrive.
type arrival struct {
	m   *memory
	off int
}

// residents is how many blocks are held at a time where nobody says a number: few, so that small grids go round too.
const residents = 3

// resident decodes the question how many blocks of the next phase are held.
func (c *compiler) resident(o *ir.Op) func(w *worker) error {
	d := c.cell(o.Result())
	return func(w *worker) error {
		n, opts := int64(residents), &w.run.opts
		if opts.Resident > 0 {
			n = opts.Resident
		}
		if opts.Device != nil {
			var err error
			if n, err = opts.Device.Resident(o); err != nil {
				return err
			}
		}
		w.cells[d].setInt(max(n, 1))
		return nil
	}
}

// arrive decodes the count of blocks at an element. The last of them has seen what all others did before.
func (c *compiler) arrive(o *ir.Op) func(w *worker) error {
	d, tensor, subs, of := c.cell(o.Result()), c.cell(o.Operands[0]), c.cellsOf(o.Operands[1:]), o.Int("of")
	return func(w *worker) error {
		m := w.cells[tensor].mem
		off := 0
		for i, k := range subs {
			at := w.cells[k].oi64[0]
			if at < 0 || at >= m.dims[i] {
				return faultf(Internal, o.Pos, "a block arrives at %d of %d elements", at, m.dims[i])
			}
			off += int(at) * m.strides[i]
		}
		r := w.run
		r.arriving.Lock()
		defer r.arriving.Unlock()
		p := m.data[4*off:]
		n := int64(bin.LittleEndian.Uint32(p)) + 1
		if n > of || of > math.MaxUint32 {
			return faultf(Internal, o.Pos, "more than %d blocks arrive", of)
		}
		key := arrival{m, off}
		if n < of {
			bin.LittleEndian.PutUint32(p, uint32(n))
			if r.arrived == nil {
				r.arrived = map[arrival][]uint32{}
			}
			r.arrived[key] = append(r.arrived[key], uint32(w.block)&r.ownerMask)
		} else {
			bin.LittleEndian.PutUint32(p, 0)
			if w.seen == nil {
				w.seen = map[uint32]bool{}
			}
			for _, b := range r.arrived[key] {
				w.seen[b] = true
			}
			delete(r.arrived, key)
		}
		w.cells[d].ob[0] = n == of
		return nil
	}
}
