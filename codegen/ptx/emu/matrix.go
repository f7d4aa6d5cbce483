package emu

import (
	"math"
	"math/bits"
	"strings"
	"sync"

	"github.com/tilec/tilec/codegen/ptx"
	"github.com/tilec/tilec/ir/dtype"
	"github.com/tilec/tilec/ir/layout"
	"github.com/tilec/tilec/ir/layout/fragment"
)

// matrix is an mma.sync: its shape, its types, and how elements stand in registers.
type matrix struct {
	m, n, k    int
	a, b, c, d operand
	satfinite  bool
	xor        bool
}

// operand is one operand of an mma: its registers and where the elements stand in its tile. Elements of one bit are taken 32 at a
// time, as words.
//
// Tiles keep n and k in an order of their own, in which the four lanes of a row hold neighbours: of n, and of k in registers of
// two elements, 0, 2, 4, 6, 1, 3, 5, 7; of registers of four, 0, 4, 8, 12, 1, 5 and so on. A product is the same in any order of n, and of k as
// far as sums are exact.
type operand struct {
	t    dtype.Type
	regs []uint32
	bits int
	base []uint16 // of each slot, in the order of registers and bits: where lane 0's element stands
	step int      // from one row of lanes, of four, to the next
	turn bool     // B: the lanes of a row stand in a column of the tile, k x 8
}

// mmaForms finds an instruction's fragments by its text.
var mmaForms = sync.OnceValue(func() map[string]fragment.Atom {
	m := map[string]fragment.Atom{}
	for _, a := range fragment.Atoms() {
		if a.ISA == "mma.sync" {
			m[a.Form] = a
		}
	}
	return m
})

func (d *decoder) matrixOp(o *op) bool {
	if !d.matrixForm(o) {
		return false
	}
	run := o.run
	o.run = func(w *warp, o *op, m uint32) status {
		if m != full {
			w.report(o, m, MissingLanes, "%s needs a whole warp; %s have ended or never were", o.in.Name(), laneList(^m))
			return stopped
		}
		return run(w, o, m)
	}
	return true
}

func (d *decoder) matrixForm(o *op) bool {
	in := o.in
	o.kind, o.sync = runOp, true
	switch in.Opcode {
	case "ldmatrix":
		return d.loadMatrix(o)
	case "movmatrix":
		o.d, o.a = d.destination(&in.Args[0], false), d.slot(o, &in.Args[1], ptx.B32)
		o.run = moveMatrixRun
		return true
	}
	if in.Has(".sp") || in.Has(".sp::ordered_metadata") || in.Has(".block_scale") || in.Has(".kind::f8f6f4") {
		return false
	}
	name := strings.Replace(in.Name(), ".satfinite", "", 1)
	name = strings.Replace(name, ".xor.popc", ".and.popc", 1)
	atom, ok := mmaForms()[name]
	if !ok {
		return false
	}
	x := &matrix{m: int(atom.M), n: int(atom.N), k: int(atom.K), satfinite: in.Has(".satfinite"), xor: in.Has(".xor")}
	placed := placeOperands(atom)
	if placed == nil {
		return false
	}
	for i, to := range []*operand{&x.d, &x.a, &x.b, &x.c} {
		*to = placed[i]
		t := typeOf(in, i)
		for k := range in.Args[i].Elems {
			e := &in.Args[i].Elems[k]
			if i == 0 {
				to.regs = append(to.regs, d.destination(e, t.Bits() == 64))
			} else {
				to.regs = append(to.regs, d.slot(o, e, t))
			}
		}
		if per := max(1, 32/to.bits); to.bits > 1 && len(to.base) != len(to.regs)*per || to.bits == 1 && len(to.base) != len(to.regs) {
			return false
		}
	}
	o.mat = x
	switch {
	case x.a.bits == 1:
		o.run = mmaBitsRun
	case atom.D.Kind == dtype.IntKind:
		o.run = mmaIntRun
	default:
		o.run = mmaFloatRun
	}
	return true
}

// placedOperands keeps what placeOperands tabulated, by the instruction's text.
var placedOperands sync.Map

// placeOperands tabulates D, A, B and C of an instruction, once; nil where the fragments lack one.
func placeOperands(atom fragment.Atom) []operand {
	if p, ok := placedOperands.Load(atom.Form); ok {
		return p.([]operand)
	}
	var list []operand
	for _, name := range []string{"d", "a", "b", "c"} {
		f, ok := atom.Operand(name)
		if !ok {
			return nil
		}
		x, ok := placeOperand(f)
		if !ok {
			return nil
		}
		list = append(list, x)
	}
	placedOperands.Store(atom.Form, list)
	return list
}

// placeOperand finds where a fragment's elements stand; false where its lanes are not four in a row.
func placeOperand(f fragment.Fragment) (operand, bool) {
	x := operand{t: f.Type, bits: int(f.Slot), turn: f.Axes[0] == "k"}
	per := max(1, 32/f.Slot)
	tile := f.Distribution.Tile()
	order := func(axis string, at int64) int64 {
		per := per
		switch {
		case axis == "m":
			return at
		case axis == "n":
			per = 2
		case f.Slot == 1:
			return at / 32
		}
		return at/(4*per)*4*per + at%per*4 + at%(4*per)/per
	}
	columns := order(f.Axes[1], tile[1]-1) + 1
	at := func(s, l int64) int64 {
		c := f.Distribution.Coordinates(f.Distribution.Element(s, l, 0, 0))
		return order(f.Axes[0], c[0])*columns + order(f.Axes[1], c[1])
	}
	step := int64(1)
	if f.Slot == 1 {
		step = 32 // whole registers
	}
	x.step = int(columns)
	for s := int64(0); s < f.Distribution.Count(layout.Register); s += step {
		base := at(s, 0)
		x.base = append(x.base, uint16(base))
		for l := range int64(lanes) {
			if at(s, l) != base+int64(x.offset(int(l))) {
				return x, false
			}
		}
	}
	return x, true
}

// offset is how far behind lane 0's element that of lane l stands.
func (x *operand) offset(l int) int {
	if x.turn {
		return l%4*8 + l/4%2*4 + l/8
	}
	return l/4*x.step + l%4
}

// gather reads a float operand into its tile.
func (x *operand) gather(w *warp, tile *floatTile) {
	left, mask, per := 0, uint32(full), 1
	switch x.t {
	case dtype.F64:
		for s, base := range x.base {
			r := w64(&w.regs[x.regs[s]])
			for l := range r {
				tile[(int(base)+x.offset(l))%len(tile)] = f64(r[l])
			}
		}
		return
	case dtype.F8E4M3, dtype.F8E5M2:
		value := bytes8()[x.t]
		for s, base := range x.base {
			r, shift := &w.regs[x.regs[s/4]], s%4*8
			for l := range r {
				tile[(int(base)+x.offset(l))%len(tile)] = value[r[l]>>shift&0xff]
			}
		}
		return
	case dtype.TF32: // the low 13 bits are not looked at
		mask = 0xffffe000
	case dtype.BF16:
		left, mask, per = 16, 0xffff0000, 2
	case dtype.F16:
		per = 2
	}
	for s, base := range x.base {
		r, left := &w.regs[x.regs[s/per]], left
		if x.t == dtype.F16 {
			halves(&w.tmp[0], r, 16*(s%2))
			r = &w.tmp[0]
		} else if s%per == 1 {
			left = 0
		}
		if x.turn {
			widenTurned(tile, int(base), r, left, mask)
		} else {
			widen(tile, int(base), x.step, r, left, mask)
		}
	}
}

// bytes8 are the values of the codes of floats of 8 bits.
var bytes8 = sync.OnceValue(func() map[dtype.Type]*[256]float64 {
	m := map[dtype.Type]*[256]float64{}
	for _, t := range []dtype.Type{dtype.F8E4M3, dtype.F8E5M2} {
		m[t] = new([256]float64)
		for i := range m[t] {
			m[t][i] = t.Decode(uint64(i))
		}
	}
	return m
})

// gatherInts reads an integer operand into its tile.
func (x *operand) gatherInts(w *warp, tile *intTile) {
	per := 32 / x.bits
	up := (32 - x.bits) & 31
	for s, base := range x.base {
		r, down := &w.regs[x.regs[s/per]], (32-x.bits-s%per*x.bits)&31
		for l, v := range r {
			v = v << down
			if x.t.Signed {
				v = uint32(int32(v) >> up)
			} else {
				v >>= up
			}
			tile[(int(base)+x.offset(l))%len(tile)] = int32(v)
		}
	}
}

// mmaFloatRun computes in float64. F64 is a chain of fused multiply-adds that starts at c. Of smaller types products are exact
// and so is nearly every sum: c is added to the sum of all products, and the result is rounded once. Hardware sums in an order
// and with intermediate roundings that PTX leaves open.
func mmaFloatRun(w *warp, o *op, m uint32) status {
	x, t := o.mat, w.tiles()
	x.a.gather(w, &t.a)
	x.b.gather(w, &t.b)
	x.c.gather(w, &t.c)
	switch x.d.t {
	case dtype.F64:
		chain(x.m, x.k, &t.a, &t.b, &t.c)
		for s, base := range x.d.base {
			r := w64(&w.regs[x.d.regs[s]])
			for l := range r {
				r[l] = bits64(t.c[int(base)+x.d.offset(l)])
			}
		}
	case dtype.F16:
		t.products(x)
		for s, base := range x.d.base {
			r, shift := &w.regs[x.d.regs[s/2]], 16*(s%2)
			for l := range r {
				i := int(base) + x.d.offset(l)
				r[l] = r[l]&(0xffff0000>>shift) | toF16(t.c[i]+t.sum[i], nearest)<<shift
			}
		}
	default:
		t.products(x)
		for s, base := range x.d.base {
			narrowSum(&w.regs[x.d.regs[s]], &t.c, &t.sum, int(base))
		}
	}
	for _, r := range x.d.regs {
		w.def[r] |= m
	}
	return going
}

// products sums all products of an element.
func (t *tiles) products(x *matrix) {
	clear(t.sum[:8*x.m])
	chain(x.m, x.k, &t.a, &t.b, &t.sum)
}

// mmaIntRun sums products, of 8 bits at most a factor, in 32 bits without overflow, and adds c in 64.
func mmaIntRun(w *warp, o *op, m uint32) status {
	x, t := o.mat, w.tiles()
	x.a.gatherInts(w, &t.ia)
	x.b.gatherInts(w, &t.ib)
	x.c.gatherInts(w, &t.ic)
	if x.satfinite {
		c := t.ic
		clear(t.ic[:8*x.m])
		chainInts(x.m, x.k, &t.ia, &t.ib, &t.ic)
		for i, s := range t.ic[:8*x.m] {
			t.ic[i] = int32(min(max(int64(c[i])+int64(s), math.MinInt32), math.MaxInt32))
		}
	} else {
		chainInts(x.m, x.k, &t.ia, &t.ib, &t.ic)
	}
	x.scatterInts(w, &t.ic, m)
	return going
}

func (x *matrix) scatterInts(w *warp, c *intTile, m uint32) {
	for s, base := range x.d.base {
		r := &w.regs[x.d.regs[s]]
		for l := range r {
			r[l] = uint32(c[(int(base)+x.d.offset(l))%len(c)])
		}
		w.def[x.d.regs[s]] |= m
	}
}

func mmaBitsRun(w *warp, o *op, m uint32) status {
	x, t := o.mat, w.tiles()
	words := x.k / 32
	for _, from := range []struct {
		x  *operand
		to *intTile
	}{{&x.a, &t.ia}, {&x.b, &t.ib}} {
		for s, base := range from.x.base {
			r := &w.regs[from.x.regs[s]]
			for l := range r {
				from.to[(int(base)+from.x.offset(l))%len(from.to)] = int32(r[l])
			}
		}
	}
	x.c.gatherInts(w, &t.ic)
	for i := range x.m {
		for n := range 8 {
			s := t.ic[8*i+n]
			for k := range words {
				v := uint32(t.ia[i*words+k])
				if x.xor {
					v ^= uint32(t.ib[8*k+n])
				} else {
					v &= uint32(t.ib[8*k+n])
				}
				s += int32(bits.OnesCount32(v))
			}
			t.ic[8*i+n] = s
		}
	}
	x.scatterInts(w, &t.ic, m)
	return going
}

// loadMatrix decodes ldmatrix of 8 x 8 elements of 16 bits: lane l points at row l%8 of matrix l/8; register i of lane l is
// bytes 4t to 4t+3 of row g of matrix i, g = l/4 and t = l%4, or of the transpose its elements 2t and 2t+1 of column g (PTX ISA, ldmatrix).
func (d *decoder) loadMatrix(o *op) bool {
	in := o.in
	if !in.Has(".m8n8") {
		return false
	}
	x := d.target(o, &in.Args[1], sharedSpace)
	if in.Word("S") == "" {
		x.space = genericSpace
	}
	x.size, x.count, x.total = 16, 1, 16
	d.granule(sharedSpace, 16)
	var to []uint32
	for i := range in.Args[0].Elems {
		to = append(to, d.destination(&in.Args[0].Elems[i], false))
	}
	trans := in.Has(".trans")
	o.mem = x
	o.run = func(w *warp, o *op, m uint32) status {
		addr := w.addresses(x)
		pointing := m & uint32(1<<(8*len(to))-1)
		if len(to) == 4 {
			pointing = m
		}
		var rows [lanes][4]uint32
		var last *region
		e := event(0)
		if w.checking {
			e = newEvent(w.clock.near[w.index], w.index, false, o.pc)
		}
		for l := pointing; l != 0; l &= l - 1 {
			i := bits.TrailingZeros32(l) & 31
			r, off, ok := w.resolve(o, x, addr[i], i, &last)
			if !ok {
				return stopped
			}
			if r.space != "shared" {
				w.report(o, 1<<i, OutOfBounds, "address %#x is not in shared memory", addr[i])
				return stopped
			}
			if w.checking {
				w.inspectRead(o, r, off, 16, e, i, allLanes)
			}
			rows[i] = *(*[4]uint32)(r.ptr(off))
		}
		w.banks(o, 16, pointing)
		for k, slot := range to {
			d := &w.regs[slot]
			part := rows[8*k : 8*k+8]
			for l := range d {
				g, t := l/4, l%4
				if trans {
					shift := 16 * (g % 2)
					d[l] = part[2*t][g/2]>>shift&0xffff | part[2*t+1][g/2]>>shift<<16
				} else {
					d[l] = part[g][t]
				}
			}
			w.def[slot] |= m
		}
		return going
	}
	return true
}

// moveMatrixRun transposes an 8 x 8 matrix of 16-bit elements across the lanes, a row in four lanes.
func moveMatrixRun(w *warp, o *op, m uint32) status {
	a := w.regs[o.a]
	element := func(row, col int) uint32 { return a[4*row+col/2] >> (16 * (col % 2)) & 0xffff }
	d := &w.regs[o.d]
	for l := range d {
		g, t := l/4, l%4
		d[l] = element(2*t, g) | element(2*t+1, g)<<16
	}
	w.def[o.d] |= m
	return going
}
