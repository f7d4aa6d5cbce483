package emu

import (
	"math/bits"

	"github.com/tilec/tilec/codegen/ptx"
)

// copyGroup is one cp.async of a warp that is under way. Its bytes are delivered when the thread waits for its group, as late
// as may be; until then they are poison.
type copyGroup struct {
	o     *op
	mask  uint32
	group [lanes]uint32 // the thread's group when the copy was issued
	dst   [lanes]uint32
	src   wide
	n     [lanes]uint8 // bytes that are read; the others are zeros
}

// copy decodes cp.async of sm_80.
func (d *decoder) copy(o *op) bool {
	in := o.in
	o.kind = runOp
	if len(in.Mods) < 2 {
		return false
	}
	switch in.Mods[1] {
	case ".commit_group":
		o.run = func(w *warp, _ *op, m uint32) status {
			for l := m; l != 0; l &= l - 1 {
				w.cpGroup[bits.TrailingZeros32(l)&31]++
			}
			return going
		}
		return true
	case ".wait_group":
		n := uint32(min(in.Args[0].Bits, 1<<31))
		o.run = func(w *warp, _ *op, m uint32) status {
			w.deliver(m, n)
			return going
		}
		return true
	case ".wait_all":
		o.run = func(w *warp, _ *op, m uint32) status {
			w.finishCopies(m)
			return going
		}
		return true
	case ".ca", ".cg":
	default:
		return false
	}
	size := in.Args[2].Bits
	to := d.target(o, &in.Args[0], sharedSpace)
	from := d.target(o, &in.Args[1], globalSpace)
	to.size, to.count, to.total, to.write = size, 1, size, true
	from.size, from.count, from.total = size, 1, size
	d.granule(sharedSpace, size)
	d.granule(globalSpace, size)
	rest := d.constant(size, false)
	ignore := int32(-1)
	ignoreNot := false
	if len(in.Args) > 3 {
		switch in.Form.Operands[3].Type {
		case ptx.U32:
			rest = d.slot(o, &in.Args[3], ptx.U32)
		case ptx.Pred:
			ignore, ignoreNot = d.predicate(o, &in.Args[3])
		}
	}
	o.run = func(w *warp, o *op, m uint32) status {
		w.copies = append(w.copies, copyGroup{})
		c := &w.copies[len(w.copies)-1]
		c.o, c.mask, c.group = o, m, w.cpGroup
		none := uint32(0)
		if ignore >= 0 {
			none = w.pred(ignore, ignoreNot)
		}
		c.src = *w.addresses(from)
		addr := w.addresses(to)
		w.banks(o, size, m)
		e := event(0)
		if w.checking {
			e = newEvent(w.clock.near[w.index], w.index, false, o.pc)
		}
		var last *region
		for l := m; l != 0; l &= l - 1 {
			i := bits.TrailingZeros32(l) & 31
			n := w.regs[rest][i]
			if none>>i&1 == 1 {
				n = 0
			}
			if uint64(n) > size {
				w.report(o, 1<<i, UndefinedValue, "%d bytes are to be read, %d copied", n, size)
				return stopped
			}
			c.n[i] = uint8(n)
			if n > 0 {
				part := *from
				part.total = size
				if c.src[i]&(size-1) != 0 {
					w.report(o, 1<<i, Misaligned, "%d bytes from address %#x", size, c.src[i])
					return stopped
				}
				r := w.run.m.find(c.src[i])
				if r == nil || r.base+r.size-c.src[i] < uint64(n) {
					w.report(o, 1<<i, OutOfBounds, "%d bytes from address %#x, %s", n, c.src[i], w.run.m.nearest(c.src[i]+uint64(n)-1))
					return stopped
				}
				if w.checking {
					w.inspectRead(o, r, c.src[i]-r.base, uint64(n), e, i, i)
				}
			}
			r, off, ok := w.resolve(o, to, addr[i], i, &last)
			if !ok {
				return stopped
			}
			c.dst[i] = uint32(off)
			if w.checking {
				w.inspectWrite(o, r, off, size, e, i)
				r.mark(off, size, inFlight)
				for k := range size {
					r.data[off+k] = 0xff
				}
			}
		}
		return going
	}
	return true
}

// deliver completes the copies of the lanes of m but for their newest keep groups.
func (w *warp) deliver(m, keep uint32) {
	left := w.copies[:0]
	for k := range w.copies {
		c := &w.copies[k]
		now := uint32(0)
		for l := c.mask & m; l != 0; l &= l - 1 {
			i := bits.TrailingZeros32(l) & 31
			if w.cpGroup[i] > keep && c.group[i] < w.cpGroup[i]-keep {
				now |= 1 << i
			}
		}
		w.arrived(c, now)
		if c.mask &^= now; c.mask != 0 {
			left = append(left, *c)
		}
	}
	w.copies = left
}

// finishCopies completes all copies of the lanes of m, committed or not.
func (w *warp) finishCopies(m uint32) {
	left := w.copies[:0]
	for k := range w.copies {
		c := &w.copies[k]
		w.arrived(c, c.mask&m)
		if c.mask &^= m; c.mask != 0 {
			left = append(left, *c)
		}
	}
	w.copies = left
}

// arrived writes the bytes of some lanes of a copy. For the race check the write is at the time of the wait.
func (w *warp) arrived(c *copyGroup, m uint32) {
	if m == 0 {
		return
	}
	sh := w.block.shared
	size := c.o.in.Args[2].Bits
	var r *region
	e := event(0)
	if w.checking {
		e = newEvent(w.clock.near[w.index], w.index, false, c.o.pc)
	}
	for l := m; l != 0; l &= l - 1 {
		i := bits.TrailingZeros32(l) & 31
		dst := sh.data[c.dst[i] : uint64(c.dst[i])+size]
		n := 0
		if c.n[i] > 0 {
			if r == nil || c.src[i]-r.base >= r.size {
				r = w.run.m.find(c.src[i])
			}
			n = copy(dst, r.data[c.src[i]-r.base:][:c.n[i]])
		}
		clear(dst[n:])
		if w.checking {
			sh.mark(uint64(c.dst[i]), size, written)
			if s := sh.shared; s != nil {
				for x, end := uint64(c.dst[i])>>s.shift, (uint64(c.dst[i])+size-1)>>s.shift; x <= end; x++ {
					s.write[x] = e.by(i)
				}
			}
		}
	}
}
