// Package ring is what a channel of the placed stage does, without the data: a ring of slots that are acquired,
// committed, taken and released in turn. In go the operations in the order in which they happen; out comes the slot
// each of them is about, or why it may not happen. The interpreter moves data by it, and the model check of channels
// explores it: both have the one definition.
package ring

import "fmt"

// A Ring is the state of a channel, which one role fills and one or more read: every reader gets every slot. Each operation is
// numbered by how many of its kind came before: the number is the ticket of a use of slot number mod Depth. Acquired uses are
// held until all readers have released them; those below Committed are filled. A Ring is made by [New].
type Ring struct {
	Depth               int64
	Acquired, Committed int64
	Readers             []Reader
}

// A Reader is how far one of those that read a channel has come.
type Reader struct{ Taken, Released int64 }

// New is a ring of so many slots, all free, with so many readers, at least 1.
func New(depth int64, readers int) Ring {
	return Ring{Depth: depth, Readers: make([]Reader, max(readers, 1))}
}

// Released is the number of uses whose slots are free again.
func (r *Ring) Released() int64 {
	n := r.Readers[0].Released
	for _, x := range r.Readers[1:] {
		n = min(n, x.Released)
	}
	return n
}

// Slot is the slot of a ticket.
func (r *Ring) Slot(ticket int64) int64 { return ticket % r.Depth }

// Free reports whether a slot can be acquired now: else Acquire waits until all readers have released one.
func (r *Ring) Free() bool { return r.Acquired-r.Released() < r.Depth }

// Filled reports whether a reader can take a slot now: else Take waits until one is committed.
func (r *Ring) Filled(reader int) bool { return r.Readers[reader].Taken < r.Committed }

// Acquire hands out the next slot to be filled. It must be free.
func (r *Ring) Acquire() (ticket int64, err error) {
	if !r.Free() {
		return 0, fmt.Errorf("a slot is acquired while none of %d is free", r.Depth)
	}
	r.Acquired++
	return r.Acquired - 1, nil
}

// Commit gives on the slot of a ticket: that of the oldest Acquire which is not committed.
func (r *Ring) Commit(ticket int64) error {
	switch {
	case r.Committed == r.Acquired:
		return fmt.Errorf("a slot is committed that was not acquired")
	case ticket != r.Committed:
		return fmt.Errorf("a slot is committed out of turn: use %d, the next is %d", ticket, r.Committed)
	}
	r.Committed++
	return nil
}

// Take hands out the next slot to a reader. It must be filled.
func (r *Ring) Take(reader int) (ticket int64, err error) {
	if !r.Filled(reader) {
		return 0, fmt.Errorf("a slot is taken before it is committed")
	}
	x := &r.Readers[reader]
	x.Taken++
	return x.Taken - 1, nil
}

// Release ends a reader's use of the slot of a ticket: that of its oldest Take which is not released.
func (r *Ring) Release(reader int, ticket int64) error {
	x := &r.Readers[reader]
	switch {
	case x.Released == x.Taken:
		return fmt.Errorf("a slot is released that was not taken")
	case ticket != x.Released:
		return fmt.Errorf("a slot is released out of turn: use %d, the next is %d", ticket, x.Released)
	}
	x.Released++
	return nil
}

// Writable says why the slot of a ticket may not be written, nil if it may: it is acquired and not committed.
func (r *Ring) Writable(ticket int64) error {
	switch {
	case ticket >= r.Acquired || ticket < 0:
		return fmt.Errorf("a slot is filled before it is acquired")
	case ticket < r.Committed:
		return fmt.Errorf("a slot is filled after it was committed")
	}
	return nil
}

// Readable says why a reader may not read the slot of a ticket, nil if it may: it has taken and not released it.
func (r *Ring) Readable(reader int, ticket int64) error {
	x := &r.Readers[reader]
	switch {
	case ticket >= r.Committed || ticket < 0:
		return fmt.Errorf("a slot is read before it is committed")
	case ticket >= x.Taken:
		return fmt.Errorf("a slot is read before it is taken")
	case ticket < x.Released:
		return fmt.Errorf("a slot is read after it was released")
	}
	return nil
}

// Held is the number of slots that are not free: 0 when what was acquired was committed, and taken and released by all.
func (r *Ring) Held() int64 { return r.Acquired - r.Released() }
