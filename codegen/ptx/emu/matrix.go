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

// operand is one operand of an mma: its registers and which element of the tile each lane holds in each slot. Elements of one
// bit are taken 32 at a time.
type operand struct {
	t     dtype.Type
	regs  []uint32
	bits  int
	place [][lanes]uint16 // of each slot, in the order of registers and bits: row * columns + column, B as k * n + n
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
		if len(to.place)*to.bits != len(to.regs)*max(32, to.bits) {
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
		list = append(list, placeOperand(f))
	}
	placedOperands.Store(atom.Form, list)
	return list
}

// placeOperand tabulates a fragment.
func placeOperand(f fragment.Fragment) operand {
	x := operand{t: f.Type, bits: int(f.Slot)}
	slots := f.Distribution.Count(layout.Register)
	step := int64(1)
	if f.Slot == 1 {
		step = 32 // whole registers: the elements of one follow each other along k
	}
	tile := f.Distribution.Tile()
	for s := int64(0); s < slots; s += step {
		var p [lanes]uint16
		for l := range int64(lanes) {
			c := f.Distribution.Coordinates(f.Distribution.Element(s, l, 0, 0))
			row, col, columns := c[0], c[1], tile[1]
			if f.Slot == 1 {
				if f.Axes[0] == "k" {
					row /= 32
				} else {
					col, columns = col/32, columns/32
				}
			}
			p[l] = uint16(row*columns + col)
		}
		x.place = append(x.place, p)
	}
	if f.Slot == 1 {
		x.bits = 1
		x.place = expandBits(x.place)
	}
	return x
}

// expandBits keeps the count of slots that of registers times 32, so that all operands are measured alike.
func expandBits(p [][lanes]uint16) [][lanes]uint16 {
	out := make([][lanes]uint16, 32*len(p))
	for i := range out {
		out[i] = p[i/32]
	}
	return out
}

// decodeFloat is the value of a code of a float type in an operand.
func decodeFloat(t dtype.Type) func(uint32) float64 {
	switch t {
	case dtype.F32:
		return func(x uint32) float64 { return float64(f32(x)) }
	case dtype.TF32: // the low 13 bits are not looked at
		return func(x uint32) float64 { return float64(f32(x &^ 0x1fff)) }
	case dtype.F16:
		return func(x uint32) float64 { return float64(fromF16(x)) }
	case dtype.BF16:
		return func(x uint32) float64 { return float64(fromBF16(x)) }
	}
	var table [256]float64
	for i := range table {
		table[i] = t.Decode(uint64(i))
	}
	return func(x uint32) float64 { return table[x&0xff] }
}

var decoders = sync.OnceValue(func() map[dtype.Type]func(uint32) float64 {
	m := map[dtype.Type]func(uint32) float64{}
	for _, t := range []dtype.Type{dtype.F32, dtype.TF32, dtype.F16, dtype.BF16, dtype.F8E4M3, dtype.F8E5M2} {
		m[t] = decodeFloat(t)
	}
	return m
})

// gather reads a float operand into its tile.
func (x *operand) gather(w *warp, tile []float64) {
	if x.t == dtype.F64 {
		for s := range x.place {
			r := w64(&w.regs[x.regs[s]])
			for l, at := range x.place[s] {
				tile[at] = f64(r[l])
			}
		}
		return
	}
	per := 32 / x.bits
	switch x.t {
	case dtype.BF16:
		for s := range x.place {
			r, shift := &w.regs[x.regs[s/2]], 16*(1-s%2)
			for l, at := range x.place[s] {
				tile[at] = float64(f32(r[l] << shift & 0xffff0000))
			}
		}
		return
	case dtype.F32:
		for s := range x.place {
			r := &w.regs[x.regs[s]]
			for l, at := range x.place[s] {
				tile[at] = float64(f32(r[l]))
			}
		}
		return
	}
	decode := decoders()[x.t]
	mask := uint32(1)<<(x.bits&31) - 1
	if x.bits == 32 {
		mask = full
	}
	for s := range x.place {
		r, shift := &w.regs[x.regs[s/per]], s%per*x.bits
		for l, at := range x.place[s] {
			tile[at] = decode(r[l] >> shift & mask)
		}
	}
}

// gatherInts reads an integer operand into its tile.
func (x *operand) gatherInts(w *warp, tile []int32) {
	per := 32 / x.bits
	up := 32 - x.bits
	for s := range x.place {
		r, shift := &w.regs[x.regs[s/per]], s%per*x.bits
		for l, at := range x.place[s] {
			v := r[l] >> shift << up
			if x.t.Signed {
				tile[at] = int32(v) >> up
			} else {
				tile[at] = int32(v >> up)
			}
		}
	}
}

// product is c + a·b over tiles of float64: products of up to 24 bits are exact, and so is nearly every sum; the result
// is rounded once. Hardware sums in an order and with intermediate roundings that PTX leaves open.
func product(m, k int, a, b, c []float64) {
	for i := range m {
		row := a[i*k : i*k+k]
		var s [8]float64
		for j, x := range row {
			y := (*[8]float64)(b[8*j:])
			s[0] += x * y[0]
			s[1] += x * y[1]
			s[2] += x * y[2]
			s[3] += x * y[3]
			s[4] += x * y[4]
			s[5] += x * y[5]
			s[6] += x * y[6]
			s[7] += x * y[7]
		}
		out := (*[8]float64)(c[8*i:])
		for n := range out {
			out[n] += s[n]
		}
	}
}

func mmaFloatRun(w *warp, o *op, m uint32) status {
	x := o.mat
	var at [16 * 32]float64
	var bt [32 * 8]float64
	var ct [16 * 8]float64
	a, b, c := at[:x.m*x.k], bt[:x.k*8], ct[:x.m*8]
	x.a.gather(w, a)
	x.b.gather(w, b)
	x.c.gather(w, c)
	if x.d.t == dtype.F64 {
		for i := range x.m { // each step is one fused multiply-add
			for n := range 8 {
				s := c[8*i+n]
				for k := range x.k {
					s = math.FMA(a[i*x.k+k], b[8*k+n], s)
				}
				c[8*i+n] = s
			}
		}
	} else {
		product(x.m, x.k, a, b, c)
	}
	switch x.d.t {
	case dtype.F64:
		for s := range x.d.place {
			r := w64(&w.regs[x.d.regs[s]])
			for l, at := range x.d.place[s] {
				r[l] = bits64(c[at])
			}
		}
	case dtype.F16:
		for s := range x.d.place {
			r := &w.regs[x.d.regs[s/2]]
			for l, at := range x.d.place[s] {
				h := toF16(c[at], nearest)
				if s%2 == 0 {
					r[l] = h
				} else {
					r[l] |= h << 16
				}
			}
		}
	default:
		for s := range x.d.place {
			r := &w.regs[x.d.regs[s]]
			for l, at := range x.d.place[s] {
				r[l] = bits32(float32(c[at]))
			}
		}
	}
	for _, r := range x.d.regs {
		w.def[r] |= m
	}
	return going
}

func mmaIntRun(w *warp, o *op, m uint32) status {
	x := o.mat
	var at [16 * 64]int32
	var bt [64 * 8]int32
	var ct [16 * 8]int32
	x.a.gatherInts(w, at[:])
	x.b.gatherInts(w, bt[:])
	x.c.gatherInts(w, ct[:])
	for i := range x.m {
		var s [8]int64
		for n := range s {
			s[n] = int64(ct[8*i+n])
		}
		for k := range x.k {
			v := int64(at[i*x.k+k])
			y := (*[8]int32)(bt[8*k:])
			for n := range s {
				s[n] += v * int64(y[n])
			}
		}
		for n := range s {
			if x.satfinite {
				s[n] = min(max(s[n], math.MinInt32), math.MaxInt32)
			}
			ct[8*i+n] = int32(s[n])
		}
	}
	x.scatterInts(w, ct[:], m)
	return going
}

func (x *matrix) scatterInts(w *warp, c []int32, m uint32) {
	for s := range x.d.place {
		r := &w.regs[x.d.regs[s]]
		for l, at := range x.d.place[s] {
			r[l] = uint32(c[at])
		}
		w.def[x.d.regs[s]] |= m
	}
}

func mmaBitsRun(w *warp, o *op, m uint32) status {
	x := o.mat
	words := x.k / 32
	var at, bt [16 * 8]uint32
	var ct [16 * 8]int32
	for i, r := range x.a.regs {
		for l, p := range x.a.place[32*i] {
			at[p] = w.regs[r][l]
		}
	}
	for i, r := range x.b.regs {
		for l, p := range x.b.place[32*i] {
			bt[p] = w.regs[r][l]
		}
	}
	x.c.gatherInts(w, ct[:])
	for i := range x.m {
		for n := range 8 {
			s := ct[8*i+n]
			for k := range words {
				v := at[i*words+k]
				if x.xor {
					v ^= bt[8*k+n]
				} else {
					v &= bt[8*k+n]
				}
				s += int32(bits.OnesCount32(v))
			}
			ct[8*i+n] = s
		}
	}
	x.scatterInts(w, ct[:], m)
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
