// Package ring is what a channel of the placed stage does, without the data: a ring of slots that are acquired,
// committed, taken and released in turn. In go the operations in the order in which they happen; out comes the slot
// each of them is about, or why it may not happen. The interpreter moves data by it, and the model check of channels
// explores it: both have the one definition.
package ring

import "fmt"

// A Ring is the state of a channel. Each operation is numbered by how many of its kind came before: the number is the
// ticket of a use of slot number mod Depth. Held uses run from Released up to Acquired, those that are filled up to
// Committed, and those that are being read up to Taken. The zero value with a Depth is a ring whose slots are all free.
type Ring struct {
	Depth                                int64
	Acquired, Committed, Taken, Released int64
}

// Slot is the slot of a ticket.
func (r *Ring) Slot(ticket int64) int64 { return ticket % r.Depth }

// Free reports whether a slot can be acquired now: else Acquire waits until one is released.
func (r *Ring) Free() bool { return r.Acquired-r.Released < r.Depth }

// Filled reports whether a slot can be taken now: else Take waits until one is committed.
func (r *Ring) Filled() bool { return r.Taken < r.Committed }

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

// Take hands out the next slot to be read. It must be filled.
func (r *Ring) Take() (ticket int64, err error) {
	if !r.Filled() {
		return 0, fmt.Errorf("a slot is taken before it is committed")
	}
	r.Taken++
	return r.Taken - 1, nil
}

// Release frees the slot of a ticket: that of the oldest Take which is not released.
func (r *Ring) Release(ticket int64) error {
	switch {
	case r.Released == r.Taken:
		return fmt.Errorf("a slot is released that was not taken")
	case ticket != r.Released:
		return fmt.Errorf("a slot is released out of turn: use %d, the next is %d", ticket, r.Released)
	}
	r.Released++
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

// Readable says why the slot of a ticket may not be read, nil if it may: it is taken and not released.
func (r *Ring) Readable(ticket int64) error {
	switch {
	case ticket >= r.Committed || ticket < 0:
		return fmt.Errorf("a slot is read before it is committed")
	case ticket >= r.Taken:
		return fmt.Errorf("a slot is read before it is taken")
	case ticket < r.Released:
		return fmt.Errorf("a slot is read after it was released")
	}
	return nil
}

// Idle reports whether all slots are free: what was acquired was committed, taken and released.
func (r *Ring) Idle() bool { return r.Released == r.Acquired }

// State is the ring up to what is still to happen: rings of equal states do the same from now on, for the tickets that
// count from the oldest one held.
func (r *Ring) State() (held, filled, reading int64) {
	return r.Acquired - r.Released, r.Committed - r.Released, r.Taken - r.Released
}
