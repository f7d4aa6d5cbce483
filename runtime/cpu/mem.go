package cpu

import (
	"errors"
	"fmt"
	"math/bits"
	"runtime"
	"slices"
	"sync"
	"unsafe"
)

// Sizes of memory, in bytes.
const (
	// Alignment is that of all memory of a pool: a line of cache, and the widest vector.
	Alignment = 64
	// Slack is how far past the end of memory of a pool may be read.
	Slack = 64
	// HugePage is the size of the pages that large memory is asked for on, and the alignment of that.
	HugePage = 2 << 20

	smallest = 256       // block of a slab
	largest  = 1 << 20   // block of a slab; what is larger has a mapping of its own
	keepMost = 512 << 20 // freed mappings that are kept for the next Alloc
)

// Pool gives memory for tensors, workspaces and launches: outside of Go's heap, where it does not move and stands on 2 MiB
// pages when it is large. Its zero value is ready. It can be used by several goroutines at once.
type Pool struct {
	// Free, if set, tells how many bytes may still be taken from the system; more is refused before it is touched.
	Free func() int64

	mu    sync.Mutex
	slabs []unsafe.Pointer     // mappings of HugePage bytes that are cut into blocks
	free  [16][]unsafe.Pointer // blocks by the logarithm of their size over smallest
	kept  []mapping            // freed, not given back to the system
}

// mapping is memory of its own from the system: a multiple of HugePage at a multiple of it.
type mapping struct {
	start unsafe.Pointer
	size  int64
}

// Memory is bytes of a pool. What they are at first is not said.
type Memory struct {
	pool  *Pool
	bytes []byte
	class int     // of the block, -1 for a mapping
	whole mapping // class -1
}

// Alloc gives memory of a number of bytes, 0 included. The error says how much is free where that is too little.
func (p *Pool) Alloc(size int64) (*Memory, error) {
	if size < 0 || size >= 1<<46 {
		return nil, fmt.Errorf("%d bytes cannot be allocated", size)
	}
	if !canMap {
		return nil, fmt.Errorf("%w: memory for kernels on %s/%s", errors.ErrUnsupported, runtime.GOOS, runtime.GOARCH)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if size+Slack <= largest {
		return p.block(size)
	}
	whole, err := p.mapping((size + Slack + HugePage - 1) &^ (HugePage - 1))
	if err != nil {
		return nil, fmt.Errorf("%d bytes: %w", size, err)
	}
	return &Memory{pool: p, bytes: unsafe.Slice((*byte)(whole.start), size), class: -1, whole: whole}, nil
}

// Bytes are the memory. They may not be used after Free.
func (m *Memory) Bytes() []byte { return m.bytes }

// Pointer is the address of the first byte.
func (m *Memory) Pointer() uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(m.bytes))) }

// Free gives the memory back to its pool. Freeing again does nothing.
func (m *Memory) Free() {
	if m == nil || m.pool == nil {
		return
	}
	p := m.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	if m.pool == nil {
		return
	}
	if m.class >= 0 {
		p.free[m.class] = append(p.free[m.class], unsafe.Pointer(unsafe.SliceData(m.bytes)))
	} else {
		p.kept = append(p.kept, m.whole)
		p.drop(keepMost)
	}
	m.pool, m.bytes = nil, nil
}

// Close gives all that the pool holds back to the system. No memory of it may be in use, nor be asked for again.
func (p *Pool) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.drop(0)
	var failed error
	for _, slab := range p.slabs {
		failed = errors.Join(failed, unmapPages(slab, HugePage))
	}
	p.slabs, p.free = nil, [16][]unsafe.Pointer{}
	return failed
}

// block takes a block of a slab, whose size is the next power of two.
func (p *Pool) block(size int64) (*Memory, error) {
	class := max(bits.Len64(uint64(size+Slack-1))-bits.Len64(smallest-1), 0)
	if len(p.free[class]) == 0 {
		slab, err := p.mapping(HugePage)
		if err != nil {
			return nil, fmt.Errorf("%d bytes: %w", size, err)
		}
		p.slabs = append(p.slabs, slab.start)
		for at := HugePage - smallest<<class; at >= 0; at -= smallest << class {
			p.free[class] = append(p.free[class], unsafe.Add(slab.start, at))
		}
	}
	last := len(p.free[class]) - 1
	start := p.free[class][last]
	p.free[class] = p.free[class][:last]
	return &Memory{pool: p, bytes: unsafe.Slice((*byte)(start), size), class: class}, nil
}

// mapping takes a kept mapping that fits, or one from the system.
func (p *Pool) mapping(size int64) (mapping, error) {
	best := -1
	for i, k := range p.kept {
		if k.size >= size && k.size <= size+size/4 && (best < 0 || k.size < p.kept[best].size) {
			best = i
		}
	}
	if best >= 0 {
		found := p.kept[best]
		p.kept = slices.Delete(p.kept, best, best+1)
		return found, nil
	}
	if p.Free != nil {
		free := p.Free()
		if size > free && len(p.kept) > 0 {
			p.drop(0)
			free = p.Free()
		}
		if size > free {
			return mapping{}, fmt.Errorf("out of memory: %d bytes are free", free)
		}
	}
	start, err := mapPages(size)
	if err != nil {
		p.drop(0)
		if start, err = mapPages(size); err != nil {
			return mapping{}, fmt.Errorf("out of memory: %w", err)
		}
	}
	return mapping{start, size}, nil
}

// drop gives kept mappings back to the system, the oldest first, until at most so many bytes are kept.
func (p *Pool) drop(most int64) {
	total := int64(0)
	for _, k := range p.kept {
		total += k.size
	}
	for total > most {
		// Unmapping what was mapped fails only where the arguments are wrong.
		unmapPages(p.kept[0].start, p.kept[0].size)
		total -= p.kept[0].size
		p.kept = p.kept[1:]
	}
}
