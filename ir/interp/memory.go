package interp

import (
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"strings"
	"sync"

	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
)

// memory is a tensor that a function reaches: a parameter or a temp.
//
// Its shadow has a word for each element: whether something has written it, and who touched it in this phase. Blocks
// that touch a tensor which some block of the phase writes go through locks, each over a stripe of elements that begins
// at a byte; so shadows, the bytes that narrow elements share, and atomic operations need no care of their own.
type memory struct {
	name    string
	elem    dtype.Type
	class   class
	dims    []int64
	strides []int
	data    []byte
	bit     int   // where element 0 starts
	width   int   // bits of an element
	size    int64 // one past the largest offset of an element
	// poisoned says that the memory starts undefined, so that reads must be checked.
	poisoned bool

	mode   track
	shadow []uint32
	shift  uint // stripe i holds elements i<<shift … (i+1)<<shift-1
	locks  []sync.Mutex
}

// track is how much is checked of a tensor in a phase.
type track uint8

const (
	untracked track = iota // nothing: nothing writes it, or one block alone does, and all of it is defined
	defined                // that what is read has been written; one block writes, or none
	shared                 // that, and that blocks do not meet
)

// A shadow word, from the top: defined, what was done (3 bits), mark, the operation that did it, the block that did it
// (as many bits as the operations leave). The mark stands only while one store runs, on what it has written.
const (
	definedBit = 1 << 31
	doneShift  = 28
	markBit    = 1 << 27
)

// what was done to an element in this phase
const (
	untouched   = iota
	readOnce    // by one block
	readMany    // by several
	stored      // by one block, which may also have read it or added to it
	atomicOnce  // atomically, by one block
	atomicMany  // atomically, by several
	readAtomic  // read, and touched atomically, by one block
	actRead     = readOnce
	actStore    = stored
	actAtomic   = atomicOnce
	actExchange = atomicMany // atomically, without a look at the old value: an xchg whose result is dropped
)

// maxSites is how many memory operations shadows tell apart; of more, a fault names the one place it knows.
const maxSites = 1 << 12

// alloc gives the memory what its mode needs.
func (m *memory) alloc(r *run, mode track, at *ir.Op) error {
	m.mode = mode
	if mode == untracked {
		return nil
	}
	if m.shadow == nil {
		if m.size > math.MaxInt/8 {
			return r.tooMuch(at)
		}
		if err := r.reserve(4*m.size, at); err != nil {
			return err
		}
		m.shadow = make([]uint32, m.size)
		if !m.poisoned {
			for i := range m.shadow {
				m.shadow[i] = definedBit
			}
		}
	}
	if mode == shared && m.locks == nil {
		m.shift = uint(max(3, min(10, bits.Len64(uint64(m.size)/256))))
		if m.bit&7 != 0 {
			m.shift = 62 // no stripe but the whole begins at a byte
		}
		m.locks = make([]sync.Mutex, min(m.size>>m.shift+1, 1024))
	}
	return nil
}

// settle ends a phase: who did what is forgotten.
func (m *memory) settle() {
	if m.mode == shared {
		for i := range m.shadow {
			m.shadow[i] &= definedBit
		}
	}
	m.mode = untracked
}

// lock takes the stripe of element off and gives the end of the stripe.
func (m *memory) lock(off int) (*sync.Mutex, int) {
	s := off >> m.shift
	l := &m.locks[s%len(m.locks)]
	l.Lock()
	return l, (s + 1) << m.shift
}

// note records that the worker's block does act to n elements from off on, and reports what that breaks.
func (m *memory) note(w *worker, p *accessPlan, off, n, act int) error {
	sh := m.shadow[off : off+n]
	if m.mode == defined {
		switch act {
		case actRead, actAtomic:
			for i, s := range sh {
				if s&definedBit == 0 {
					return m.undefined(p, off+i)
				}
			}
		default:
			for i := range sh {
				sh[i] |= definedBit
			}
		}
		return nil
	}
	me := uint32(w.block)&w.run.ownerMask | p.site
	mask := w.run.ownerMask
	for i, s := range sh {
		same := (s^me)&mask == 0 || w.seen != nil && w.seen[s&mask] && s>>doneShift&7 == stored
		done := s >> doneShift & 7
		bad := false
		switch act {
		case actStore:
			bad = done != untouched && (!same || done == readMany || done == atomicMany)
			done = stored
		case actRead:
			if s&definedBit == 0 {
				return m.undefined(p, off+i)
			}
			switch done {
			case untouched:
				done = readOnce
			case readOnce, readMany:
				if !same {
					done = readMany
				}
			case atomicOnce:
				bad = !same
				done = readAtomic
			default:
				if same && done != atomicMany {
					continue
				}
				bad = true
			}
		default:
			if act == actAtomic && s&definedBit == 0 {
				return m.undefined(p, off+i)
			}
			switch done {
			case untouched:
				done = atomicOnce
			case readOnce:
				if same { // the place of the read stays
					sh[i] = s&^(7<<doneShift) | readAtomic<<doneShift
					continue
				}
				bad = true
			case readMany:
				bad = true
			case stored, readAtomic:
				if same {
					continue
				}
				bad = true
			default:
				if !same {
					done = atomicMany
				}
			}
		}
		if bad {
			return m.raced(w, p, off+i, s, act)
		}
		sh[i] = definedBit | s&markBit | done<<doneShift | me
	}
	return nil
}

// mark notes that a store whose subscripts may meet themselves writes n elements from off on.
func (m *memory) mark(w *worker, p *accessPlan, off, n int) error {
	sh := m.shadow[off : off+n]
	for i, s := range sh {
		if s&markBit != 0 {
			return faultf(Race, p.op.Pos, "one store writes %s twice, from two elements of its tile", m.at(off+i))
		}
		sh[i] = s | markBit
	}
	w.acc.marks = append(w.acc.marks, [2]int{off, n})
	return nil
}

// unmark takes the marks away that one store has made.
func (m *memory) unmark(w *worker) {
	for _, r := range w.acc.marks {
		off, end := r[0], r[0]+r[1]
		for off < end {
			stop := end
			var l *sync.Mutex
			if m.mode == shared {
				l, stop = m.lock(off)
				stop = min(stop, end)
			}
			for i := off; i < stop; i++ {
				m.shadow[i] &^= markBit
			}
			if l != nil {
				l.Unlock()
			}
			off = stop
		}
	}
	w.acc.marks = w.acc.marks[:0]
}

func (m *memory) undefined(p *accessPlan, off int) error {
	return faultf(Uninitialised, p.op.Pos, "%s is read before anything has written it", m.at(off))
}

// raced reports that act meets what the shadow word s says another block did.
func (m *memory) raced(w *worker, p *accessPlan, off int, s uint32, act int) error {
	verb := func(act int) string {
		switch act {
		case readOnce, readMany, readAtomic:
			return "reads"
		case stored:
			return "stores"
		}
		return "atomically updates"
	}
	mask := w.run.ownerMask
	other := w.block&^int64(mask) | int64(s&mask)
	done := int(s >> doneShift & 7)
	f := &Fault{Kind: Race, Pos: p.op.Pos, block: max(w.block, other)}
	if site := s &^ (definedBit | 7<<doneShift | markBit | mask) >> w.run.prog.ownerBits; site > 0 {
		f.Other = w.run.prog.sites[site-1].Pos
	}
	var advice string
	switch {
	case act == actStore && done == stored:
		advice = "two blocks of one phase both store " + m.at(off) + ": give each element one block, or add with +="
	case done == readMany || done == atomicMany:
		advice = fmt.Sprintf("one block %s %s, which other blocks of the same phase %s: move one of them to another phase",
			verb(act), m.at(off), strings.TrimSuffix(verb(done), "s"))
		if done == atomicMany {
			advice = strings.Replace(advice, "atomically update", "update atomically", 1)
		}
	default:
		// The same sentence whichever block came first.
		a, b := verb(act), verb(done)
		if other < w.block {
			a, b = b, a
			f.Pos, f.Other = f.Other, f.Pos
		}
		advice = fmt.Sprintf("one block %s %s and another block of the same phase %s it: move one of them to another phase",
			a, m.at(off), b)
	}
	if f.Pos == (ir.Pos{}) {
		f.Pos, f.Other = f.Other, f.Pos
	}
	if f.Pos == f.Other {
		f.Other = ir.Pos{}
	}
	f.Message = advice
	return f
}

// at names the element at an offset.
func (m *memory) at(off int) string {
	var b strings.Builder
	b.WriteString(m.name)
	b.WriteByte('[')
	for i, s := range m.strides {
		if i > 0 {
			b.WriteString(", ")
		}
		k := 0
		if s > 0 {
			k = off / s
			if m.dims[i] > 0 {
				k = min(k, int(m.dims[i])-1)
			}
			off -= k * s
		}
		b.WriteString(strconv.Itoa(k))
	}
	b.WriteByte(']')
	return b.String()
}

// poison fills memory that starts undefined: NaN in floats that have one, a pattern of bits elsewhere.
func (m *memory) poison() {
	code := uint64(0xCCCCCCCCCCCCCCCC)
	if m.elem.IsFloat() {
		code = m.elem.Encode(math.NaN(), dtype.NearestEven, m.elem.Overflow())
	}
	if m.elem == dtype.Bool {
		code = 0
	}
	dense, n := true, 1
	for i := len(m.dims) - 1; i >= 0; i-- {
		dense = dense && (m.strides[i] == n || m.dims[i] == 1)
		n *= int(m.dims[i])
	}
	if dense && m.bit&7 == 0 && m.width >= 8 && n > 0 {
		// Write one element and double what is there.
		d := m.data[m.bit/8:][:n*m.width/8]
		dtype.WriteCode(d, 0, m.width, code)
		for k := m.width / 8; k < len(d); k *= 2 {
			copy(d[k:], d[:k])
		}
		return
	}
	m.each(0, 0, func(off int) { dtype.WriteCode(m.data, m.bit+off*m.width, m.width, code) })
}

// each calls f for the offset of every element of the dimensions from i on.
func (m *memory) each(i, off int, f func(off int)) {
	if i == len(m.dims) {
		f(off)
		return
	}
	for range m.dims[i] {
		m.each(i+1, off, f)
		off += m.strides[i]
	}
}

// decode reads len(d) elements from offset off on. T is the type of the memory's class.
func decode[T elem](m *memory, d []T, off int) {
	bit := m.bit + off*m.width
	switch d := any(&d).(type) {
	case *[]float32:
		m.elem.DecodeF32(*d, m.data, bit)
	case *[]float64:
		m.elem.DecodeF64(*d, m.data, bit)
	case *[]int64:
		m.elem.DecodeInts(*d, m.data, bit)
	case *[]bool:
		if bit&7 == 0 {
			src := m.data[bit>>3:][:len(*d)]
			for i, x := range src {
				(*d)[i] = x != 0
			}
			return
		}
		for i := range *d {
			(*d)[i] = dtype.ReadCode(m.data, bit+8*i, 8) != 0
		}
	}
}

// encode writes the elements of s from offset off on.
func encode[T elem](m *memory, s []T, off int) {
	bit := m.bit + off*m.width
	switch s := any(&s).(type) {
	case *[]float32:
		m.elem.EncodeF32(m.data, bit, *s)
		if m.width <= 8 && m.elem.HasInf() {
			// Converting to such a type saturates; what is stored is of the type already, infinities too.
			for i, x := range *s {
				if math.IsInf(float64(x), 0) {
					dtype.WriteCode(m.data, bit+i*m.width, m.width, m.elem.Encode(float64(x), dtype.NearestEven, dtype.ToInf))
				}
			}
		}
	case *[]float64:
		m.elem.EncodeF64(m.data, bit, *s)
	case *[]int64:
		m.elem.EncodeInts(m.data, bit, *s)
	case *[]bool:
		for i, x := range *s {
			var code uint64
			if x {
				code = 1
			}
			dtype.WriteCode(m.data, bit+8*i, 8, code)
		}
	}
}
