package emu

import (
	"math/bits"
	"slices"
	"strings"
	"unsafe"

	"github.com/tilec/tilec/codegen/ptx"
	"github.com/tilec/tilec/codegen/ptx/syntax"
)

// space is a state space of an access.
type space uint8

const (
	genericSpace space = iota
	globalSpace
	sharedSpace
	localSpace
	constSpace
	paramSpace
)

func spaceOf(word string) space {
	word, _, _ = strings.Cut(word, "::")
	switch word {
	case ".global":
		return globalSpace
	case ".shared":
		return sharedSpace
	case ".local":
		return localSpace
	case ".const":
		return constSpace
	case ".param":
		return paramSpace
	}
	return genericSpace
}

// access is a load, a store or an atomic.
type access struct {
	space    space
	size     uint64 // bytes of an element
	count    int    // elements
	signed   bool
	base     uint32 // slot of the address
	narrow   bool   // the slot has 32 bits
	off      uint64
	elems    []element
	total    uint64 // bytes of all elements
	atomic   bool   // strong: relaxed or more
	local    bool   // strong within the block alone
	acquire  bool
	release  bool
	op       func(old, x, y uint64) uint64 // of an atomic
	operands [2]uint32
	wide     bool // the atomic's operands have 64 bits
	needs    int  // what an atomic needs to have been written
	write    bool
	last     *region // of global memory, where the access before went
	words    bool    // all elements and registers have 32 bits
}

// element is the register of one element.
type element struct {
	slot  uint32
	width int  // bits of the register
	skip  bool // _
}

// target decodes an address.
func (d *decoder) target(o *op, a *syntax.Operand, s space) *access {
	x := &access{space: s, off: uint64(a.Offset)}
	base := &a.Elems[0]
	switch base.Kind {
	case syntax.RegOperand:
		x.base = d.slot(o, base, ptx.U64)
		x.narrow = d.k.fn.Regs[base.Reg].Type.Bits() <= 32
	case syntax.VarOperand:
		addr := d.address(base.Var)
		if s == genericSpace {
			switch base.Var.Space {
			case ".shared":
				addr += sharedWindow
			case ".local":
				addr += localWindow
			case ".param":
				x.space = paramSpace
			}
		}
		x.base = d.constant(addr, true)
	default:
		x.base = d.constant(base.Bits, true)
	}
	return x
}

// memory decodes ld, st, atom and red.
func (d *decoder) memory(o *op) bool {
	in := o.in
	if in.Has(".async") || in.Has(".bulk") {
		return false
	}
	word := in.Word("S")
	if word == "" && in.Has(".global") {
		word = ".global"
	}
	if word == ".shared::cluster" || word == ".param::func" {
		return false
	}
	var at *syntax.Operand
	for i := range in.Form.Operands {
		if in.Form.Operands[i].Kind == ptx.Address {
			at = in.Arg(i)
			break
		}
	}
	t := in.Type("T")
	x := d.target(o, at, spaceOf(word))
	if v := at.Elems[0]; v.Kind == syntax.VarOperand && v.Var.Space == ".param" {
		if _, mine := d.k.offsets[v.Var]; !mine {
			return false // a call's
		}
	}
	x.size, x.count, x.signed = uint64(t.Bits()/8), 1, t.Signed()
	x.atomic = in.Has(".relaxed") || in.Has(".acquire") || in.Has(".release") || in.Has(".acq_rel") || in.Has(".volatile")
	x.local = in.Has(".cta") || in.Has(".cluster")
	x.acquire = in.Has(".acquire") || in.Has(".acq_rel")
	x.release = in.Has(".release") || in.Has(".acq_rel")
	o.kind, o.mem = runOp, x
	switch in.Opcode {
	case "ld", "ldu":
		d.elements(o, x, &in.Args[0], t, true)
		o.run = loadRun
	case "st":
		x.write = true
		d.elements(o, x, &in.Args[1], t, false)
		o.run = storeRun
	default:
		if !d.atomic(o, x, t) {
			return false
		}
	}
	x.total = x.size * uint64(x.count)
	d.granule(x.space, x.size)
	return true
}

// granule makes the shadows' cells as small as the smallest access.
func (d *decoder) granule(s space, size uint64) {
	shift := uint(bits.TrailingZeros64(size))
	if s == sharedSpace || s == genericSpace {
		d.k.sharedShift = min(d.k.sharedShift, shift)
	}
	if s == globalSpace || s == genericSpace {
		d.k.globalShift = min(d.k.globalShift, shift)
	}
}

func (d *decoder) elements(o *op, x *access, a *syntax.Operand, t ptx.Type, load bool) {
	list := []syntax.Operand{*a}
	if a.Kind == syntax.VectorOperand {
		list = a.Elems
	}
	x.count = len(list)
	for i := range list {
		e := &list[i]
		w := d.width(e, t)
		if load {
			x.elems = append(x.elems, element{d.destination(e, w > 32), w, e.Kind != syntax.RegOperand})
		} else {
			x.elems = append(x.elems, element{d.slot(o, e, t), w, false})
		}
	}
	x.words = x.size == 4
	for _, e := range x.elems {
		x.words = x.words && e.width == 32
	}
}

// piece is where one lane's access goes: a region and an offset in it.
func (w *warp) resolve(o *op, x *access, addr uint64, lane int, last **region) (*region, uint64, bool) {
	s := x.space
	if s == genericSpace {
		switch {
		case addr-sharedWindow < windowSize:
			s, addr = sharedSpace, addr-sharedWindow
		case addr-localWindow < windowSize:
			s, addr = localSpace, addr-localWindow
		default:
			s = globalSpace
		}
	}
	var r *region
	off := addr
	switch s {
	case sharedSpace:
		r = w.block.shared
	case localSpace:
		if r = w.local; r == nil {
			w.report(o, 1<<lane, OutOfBounds, "the kernel has no local memory")
			return nil, 0, false
		}
		if n := r.size / lanes; addr >= n || n-addr < x.total {
			w.report(o, 1<<lane, OutOfBounds, "%d bytes at %#x of %d bytes of local memory", x.total, addr, n)
			return nil, 0, false
		}
		off += uint64(lane) * (r.size / lanes)
	case paramSpace:
		r = w.run.params
	default:
		if r = *last; r == nil || addr-r.base >= r.size {
			if r = w.run.m.find(addr); r == nil {
				w.report(o, 1<<lane, OutOfBounds, "%d bytes at address %#x, %s", x.total, addr, w.run.m.nearest(addr))
				return nil, 0, false
			}
			*last = r
		}
		off = addr - r.base
	}
	switch {
	case off >= r.size || r.size-off < x.total:
		w.report(o, 1<<lane, OutOfBounds, "%d bytes at byte %d of %s, which has %d", x.total, int64(off), r.name, r.size)
		return nil, 0, false
	case addr&(x.total-1) != 0:
		w.report(o, 1<<lane, Misaligned, "%d bytes at address %#x, byte %d of %s: the address must be a multiple of %d", x.total, addr, off, r.name, x.total)
		return nil, 0, false
	case x.write && r.readOnly:
		w.report(o, 1<<lane, OutOfBounds, "%s cannot be written", r.name)
		return nil, 0, false
	}
	return r, off, true
}

// together is the region that the accesses of all lanes of m go to, where it is one and nothing is wrong with them: then no
// lane need be looked at by itself. nil says nothing.
func (w *warp) together(x *access, addr *wide, m uint32) *region {
	first := addr[bits.TrailingZeros32(m)&31]
	r := x.last
	switch x.space {
	case sharedSpace:
		r = w.block.shared
	case globalSpace, genericSpace:
		if x.space == genericSpace && (first-sharedWindow < windowSize || first-localWindow < windowSize) {
			return nil
		}
		if r == nil || first-r.base >= r.size {
			r = w.run.m.find(first)
			x.last = r
		}
	default:
		return nil
	}
	if r == nil || r.size < x.total || x.write && r.readOnly {
		return nil
	}
	limit, base := r.size-x.total, r.base
	low := uint64(0)
	over := false
	if m == full {
		for _, a := range addr {
			over = over || a-base > limit
			low |= a
		}
	} else {
		for l := m; l != 0; l &= l - 1 {
			a := addr[bits.TrailingZeros32(l)&31]
			over = over || a-base > limit
			low |= a
		}
	}
	if over || low&(x.total-1) != 0 {
		return nil
	}
	return r
}

// addresses computes the lanes' addresses.
func (w *warp) addresses(x *access) *wide {
	if x.narrow {
		base := &w.regs[x.base]
		if x.space == sharedSpace || x.space == localSpace {
			for i := range base {
				w.addr[i] = uint64(base[i] + uint32(x.off))
			}
		} else {
			for i := range base {
				w.addr[i] = uint64(base[i]) + x.off
			}
		}
	} else {
		base := w64(&w.regs[x.base])
		for i := range base {
			w.addr[i] = base[i] + x.off
		}
	}
	return &w.addr
}

// inspectRead checks bytes that a lane reads, for the lane to.
func (w *warp) inspectRead(o *op, r *region, off, n uint64, e event, lane, to int) {
	if r.init != nil && !r.allWritten(off, n) && !(o.mem != nil && o.mem.partly(r, off)) {
		w.unwrittenBytes(o, r, off, n, lane)
	}
	switch {
	case r.shared != nil:
		if c, bad := r.shared.readCells(w, off, n, e.by(to)); bad {
			w.clash(o, r, off, n, lane, c, w.block.index, false, true)
		}
	case r.space == "global" && !r.readOnly && w.checking:
		if r.global == nil {
			r.global = newGlobalShadow(r.size, w.k.globalShift)
		}
		if c, block, bad := r.global.readCells(w, off, n, e.by(to)); bad {
			w.clash(o, r, off, n, lane, c, block, false, true)
		}
	}
}

// partly reports whether a strong load of words of an allocation finds a written byte in each: elements of less than a byte are
// read as they are written, by their words (ownBytes), in which others need not have been written.
func (x *access) partly(r *region, off uint64) bool {
	if !x.atomic || x.size != 4 || r.space != "global" {
		return false
	}
	for end := off + x.total; off < end; off += 4 {
		if !slices.Contains(r.init[off:off+4], written) {
			return false
		}
	}
	return true
}

// inspectWrite checks bytes that a lane writes.
func (w *warp) inspectWrite(o *op, r *region, off, n uint64, e event, lane int) {
	if r.init != nil {
		if r.space == "shared" && w.inFlightBytes(r, off, n) {
			w.report(o, 1<<lane, NotArrived, "byte %d of %s is written while a cp.async to it is under way", off, r.name)
		}
		r.mark(off, n, written)
	}
	switch {
	case r.shared != nil:
		if c, wasRead, bad := r.shared.writeCells(w, off, n, e.by(lane)); bad {
			w.clash(o, r, off, n, lane, c, w.block.index, wasRead, false)
		}
	case r.space == "global" && w.checking:
		if r.global == nil {
			r.global = newGlobalShadow(r.size, w.k.globalShift)
		}
		if c, block, wasRead, bad := r.global.writeCells(w, off, n, e.by(lane)); bad {
			w.clash(o, r, off, n, lane, c, block, wasRead, false)
		}
	}
}

func (w *warp) inFlightBytes(r *region, off, n uint64) bool {
	for _, b := range r.init[off : off+n] {
		if b == inFlight {
			return true
		}
	}
	return false
}

func (w *warp) unwrittenBytes(o *op, r *region, off, n uint64, lane int) {
	for i := off; i < off+n; i++ {
		switch r.init[i] {
		case unwritten:
			w.report(o, 1<<lane, Uninitialised, "byte %d of %s is read, and nothing wrote it", i, r.name)
			return
		case inFlight:
			w.report(o, 1<<lane, NotArrived, "byte %d of %s is read while a cp.async to it is under way: nothing waited for the copy", i, r.name)
			return
		}
	}
}

// clash reports a race and names both sides.
func (w *warp) clash(o *op, r *region, off, n uint64, lane int, other event, block int, otherRead, reads bool) {
	what, did := "is written", "a write"
	if reads {
		what = "is read"
	}
	if otherRead {
		did = "a read"
	}
	who := "by warp " + itoa(other.warp())
	if other.warp() == w.index {
		who = "by lane " + itoa(other.lane()) + " of the same warp"
		if other.lane() == allLanes {
			who = "by other lanes of the warp"
		}
	}
	if block != w.block.index {
		who = "by block " + itoa(block)
	}
	where := ""
	if pc := other.pc(); pc < len(w.k.code) {
		in := w.k.code[pc].in
		where = " at ptx " + in.Pos.String() + " " + in.Name()
		if in.Loc.Line > 0 {
			where += " (line " + itoa(in.Loc.Line) + ")"
		}
	}
	w.report(o, 1<<lane, Race, "byte %d of %s %s without order behind %s %s%s", off, r.name, what, did, who, where)
}

func itoa(n int) string {
	if n < 0 {
		return "-" + itoa(-n)
	}
	if n >= 10 {
		return itoa(n/10) + string(rune('0'+n%10))
	}
	return string(rune('0' + n))
}

// hear lets a strong read know what was published at its address.
func (w *warp) hear(x *access, r *region, off uint64) {
	if len(w.run.released) == 0 || !w.checking {
		return
	}
	p := w.run.released[w.key(r, off)]
	if p == nil {
		return
	}
	heard := &w.heard
	if p.block != w.block.index {
		if x.local {
			return
		}
		heard = &w.inward
	}
	if x.acquire {
		w.clock.acquire(w.block.index, p)
		return
	}
	if *heard == nil {
		*heard = &clock{}
	}
	(*heard).acquire(w.block.index, p)
}

// publish leaves at an address what the warp knows, for whoever acquires it. A release there goes on through atomics, whoever does
// them, and through strong writes of the warp that released; the strong write of another ends it (PTX ISA, release patterns).
func (w *warp) publish(x *access, r *region, off uint64, rmw bool) {
	if !w.checking {
		return
	}
	releases := x.release || w.fenced != nil
	if !releases && (rmw || len(w.run.released) == 0) {
		return
	}
	key := w.key(r, off)
	old := w.run.released[key]
	mine := old != nil && old.block == w.block.index && old.warp == w.index
	if !releases {
		if old != nil && !mine {
			delete(w.run.released, key)
		}
		return
	}
	now := &published{block: w.block.index, warp: w.index}
	if x.release {
		now.clock = w.clock
		defer func() { w.clock.near[w.index]++ }()
	} else {
		now.clock = *w.fenced
	}
	var out clock // what other blocks learn
	switch {
	case x.local:
	case x.release:
		out, now.out = w.clock, &out
	case w.outward != nil:
		out, now.out = *w.outward, &out
	}
	if old != nil && (rmw || mine) && !(x.local && old.block != w.block.index) { // the release before goes on
		now.clock.acquire(w.block.index, old)
		if old.out != nil && !x.local {
			inner := &published{block: old.block, clock: *old.out, out: old.out}
			out.acquire(w.block.index, inner)
			now.out = &out
		}
	}
	w.run.released[key] = now
}

// key is an address across spaces: shared memory of a block stands above all else.
func (w *warp) key(r *region, off uint64) uint64 {
	if r.space == "shared" {
		return 1<<63 | uint64(w.block.index)<<24 | off
	}
	return r.base + off
}

func loadRun(w *warp, o *op, m uint32) status {
	x := o.mem
	addr := w.addresses(x)
	var last *region
	e := event(0)
	if w.checking {
		e = newEvent(w.clock.near[w.index], w.index, x.atomic, o.pc)
	}
	if x.space == sharedSpace {
		w.banks(o, x.total, m)
	}
	one := w.together(x, addr, m)
	for l := m; l != 0; l &= l - 1 {
		i := bits.TrailingZeros32(l) & 31
		r := one
		var off uint64
		if r != nil {
			off = addr[i] - r.base
		} else {
			var ok bool
			if r, off, ok = w.resolve(o, x, addr[i], i, &last); !ok {
				return stopped
			}
		}
		if w.checking {
			w.inspectRead(o, r, off, x.total, e, i, i)
			if x.atomic {
				w.hear(x, r, off)
			}
		}
		p := r.ptr(off)
		if x.words {
			for k := range x.elems {
				w.regs[x.elems[k].slot][i] = *(*uint32)(unsafe.Add(p, 4*k))
			}
			continue
		}
		for k := range x.elems {
			el := &x.elems[k]
			v := read(p, x.size, x.signed)
			p = unsafe.Add(p, x.size)
			switch {
			case el.width > 32:
				w64(&w.regs[el.slot])[i] = v
			case el.width == 32:
				w.regs[el.slot][i] = uint32(v)
			default:
				w.regs[el.slot][i] = uint32(v) & (1<<el.width - 1)
			}
		}
	}
	for k := range x.elems {
		w.def[x.elems[k].slot] |= m
	}
	return going
}

// read is an element of 1, 2, 4 or 8 bytes, extended to 64 bits.
func read(p unsafe.Pointer, size uint64, signed bool) uint64 {
	switch size {
	case 4:
		v := *(*uint32)(p)
		if signed {
			return uint64(int64(int32(v)))
		}
		return uint64(v)
	case 8:
		return *(*uint64)(p)
	case 2:
		v := *(*uint16)(p)
		if signed {
			return uint64(int64(int16(v)))
		}
		return uint64(v)
	}
	v := *(*uint8)(p)
	if signed {
		return uint64(int64(int8(v)))
	}
	return uint64(v)
}

func write(p unsafe.Pointer, size, v uint64) {
	switch size {
	case 4:
		*(*uint32)(p) = uint32(v)
	case 8:
		*(*uint64)(p) = v
	case 2:
		*(*uint16)(p) = uint16(v)
	default:
		*(*uint8)(p) = uint8(v)
	}
}

func storeRun(w *warp, o *op, m uint32) status {
	x := o.mem
	addr := w.addresses(x)
	var last *region
	e := event(0)
	if w.checking {
		e = newEvent(w.clock.near[w.index], w.index, x.atomic, o.pc)
		if m&(m-1) != 0 && !x.atomic {
			w.collisions(o, x, addr, m)
		}
	}
	if x.space == sharedSpace {
		w.banks(o, x.total, m)
	}
	one := w.together(x, addr, m)
	for l := m; l != 0; l &= l - 1 {
		i := bits.TrailingZeros32(l) & 31
		r := one
		var off uint64
		if r != nil {
			off = addr[i] - r.base
		} else {
			var ok bool
			if r, off, ok = w.resolve(o, x, addr[i], i, &last); !ok {
				return stopped
			}
		}
		if w.checking {
			w.inspectWrite(o, r, off, x.total, e, i)
			if x.atomic {
				w.publish(x, r, off, false)
			}
		}
		p := r.ptr(off)
		if x.words {
			for k := range x.elems {
				*(*uint32)(unsafe.Add(p, 4*k)) = w.regs[x.elems[k].slot][i]
			}
			continue
		}
		for k := range x.elems {
			el := &x.elems[k]
			v := uint64(0)
			if el.width > 32 {
				v = w64(&w.regs[el.slot])[i]
			} else {
				v = uint64(w.regs[el.slot][i])
			}
			write(p, x.size, v)
			p = unsafe.Add(p, x.size)
		}
	}
	return going
}

// collisions reports lanes of one store that write different values to one address.
func (w *warp) collisions(o *op, x *access, addr *wide, m uint32) {
	prev := bits.TrailingZeros32(m) & 31
	rising := true
	for l := m & (m - 1); l != 0; l &= l - 1 {
		i := bits.TrailingZeros32(l) & 31
		if addr[i] < addr[prev]+x.total {
			rising = false
			break
		}
		prev = i
	}
	if rising {
		return
	}
	var order [lanes]uint8
	n := 0
	for l := m; l != 0; l &= l - 1 {
		i := bits.TrailingZeros32(l) & 31
		k := n
		for ; k > 0 && addr[order[k-1]] > addr[i]; k-- {
			order[k] = order[k-1]
		}
		order[k] = uint8(i)
		n++
	}
	if x.space == localSpace {
		return
	}
	for k := 1; k < n; k++ {
		a, b := int(order[k-1]), int(order[k])
		if addr[a] != addr[b] || w.sameValues(x, a, b) {
			continue
		}
		if x.space == genericSpace && addr[a]-localWindow < windowSize {
			continue
		}
		w.report(o, 1<<a|1<<b, Race, "lanes %d and %d write different values to address %#x", a, b, addr[a])
		return
	}
}

func (w *warp) sameValues(x *access, a, b int) bool {
	for k := range x.elems {
		el := &x.elems[k]
		if el.width > 32 {
			if r := w64(&w.regs[el.slot]); r[a] != r[b] {
				return false
			}
		} else if r := &w.regs[el.slot]; r[a] != r[b] {
			return false
		}
	}
	return true
}

// banks counts the passes over the 32 banks of 4 bytes that an access of n bytes a lane takes: a pass is for 128 bytes'
// worth of lanes, 32, 16 or 8 of them, and takes as many turns as the fullest bank has different words.
func (w *warp) banks(o *op, n uint64, m uint32) {
	group := lanes
	switch n {
	case 8:
		group = 16
	case 16:
		group = 8
	}
	hit := &w.run.hits[o.pc]
	for first := 0; first < lanes; first += group {
		part := m >> first & uint32(1<<group-1)
		if part == 0 {
			continue
		}
		turns := w.bankTurns(first, group, n, part)
		hit.wavefronts += uint64(turns)
		hit.conflicts += uint64(turns - 1)
	}
}

func (w *warp) bankTurns(first, group int, n uint64, part uint32) int {
	words := max(int(n/4), 1)
	// The common case: each bank is asked for one word.
	var bank [32]uint64
	clashes := false
	for l := part; l != 0; l &= l - 1 {
		i := first + bits.TrailingZeros32(l)
		at := w.addr[i&31] / 4
		for k := range words {
			b := &bank[(at+uint64(k))&31]
			if *b != 0 && *b != at+uint64(k)+1 {
				clashes = true
			}
			*b = at + uint64(k) + 1
		}
	}
	if !clashes {
		return 1
	}
	var asked [32][]uint64
	worst := 1
	for l := part; l != 0; l &= l - 1 {
		i := first + bits.TrailingZeros32(l)
		at := w.addr[i&31] / 4
		for k := range words {
			word := at + uint64(k)
			list := &asked[word&31]
			known := false
			for _, y := range *list {
				known = known || y == word
			}
			if !known {
				*list = append(*list, word)
				worst = max(worst, len(*list))
			}
		}
	}
	return worst
}
