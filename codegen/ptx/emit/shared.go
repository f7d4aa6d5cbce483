package emit

import "github.com/tilec/tilec/codegen/ptx/asm"

// arena hands out shared memory. What is held is below; scratch is above it, and shared by all that need some for a
// moment: a barrier stands before each use ([emitter.scratch]).
type arena struct {
	held, high int64
	// used says that scratch may still be read by other warps.
	used bool
}

// sharedLimit is the most shared memory of a block, in bytes.
func (e *emitter) sharedLimit() int64 { return 163 << 10 }

// hold takes shared memory for the rest of the kernel, and gives its offset. It comes before any scratch.
func (e *emitter) hold(size int64) int64 {
	at := e.shared.held
	e.shared.held += (size + 1023) &^ 1023
	e.room(e.shared.held)
	return at
}

func (e *emitter) room(high int64) {
	e.shared.high = max(e.shared.high, high)
	if e.shared.high > e.sharedLimit() {
		e.fail("%d bytes of shared memory are needed, and a block has %d: make the tiles smaller", e.shared.high, e.sharedLimit())
	}
}

// scratch is so many bytes of shared memory, free to write for all threads, until the next call of it. The offset is
// from the beginning of shared memory; base is that as an address, a word.
func (e *emitter) scratch(size int64) (offset int64, base asm.Reg) {
	e.room(e.shared.held + size)
	if e.shared.used {
		e.barrier()
	}
	e.shared.used = true
	return e.shared.held, e.sharedBase()
}

// sharedBase is the address of shared memory, a word.
func (e *emitter) sharedBase() asm.Reg {
	return e.b.Pure("mov.u32", asm.W, asm.Text(asm.SharedName))
}

// barrier lets all threads of the block wait for each other; what they wrote is seen by all of them.
func (e *emitter) barrier() {
	e.b.Emit("bar.sync", asm.Int(0))
	e.order.settle()
}
