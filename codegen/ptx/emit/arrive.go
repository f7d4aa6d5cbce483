package emit

import (
	"github.com/tilec/tilec/codegen/ptx/asm"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
)

// arrive emits the count of blocks. The barrier before it puts what all threads have stored before the count, the fence
// around the atomic operation puts it before what the last block reads, and what gives the count to all threads puts their
// reads behind it (PTX ISA, "Memory Consistency Model": patterns of release and acquire are cumulative over barriers).
// inc wraps to 0 at its bound: the last one leaves the counter as it was.
func (e *emitter) arrive(o *ir.Op) {
	b := e.b
	e.barrier()
	first := guard{b.SetP("eq", "s32", e.thread(), asm.Int(0)), true}
	a := e.newAccess(o, ir.ScalarType(dtype.U32))
	at := e.address(a, 0)
	of := o.Int("of")
	count := b.Reg(asm.W)
	e.move(count, asm.Int(0))
	first.emit(b, "fence.acq_rel.gpu")
	first.emit(b, "atom.relaxed.gpu.global.inc.u32", asm.R(count), at, asm.Int(of-1))
	first.emit(b, "fence.acq_rel.gpu")
	all := e.fromOwner(dtype.U32, nil, []asm.Arg{asm.R(count)})
	if e.warps == 1 { // a shuffle orders no memory
		e.barrier()
	}
	e.set(o.Result(), &value{scalar: asm.R(b.SetP("eq", "s32", e.word(all[0]), asm.Int(of-1)))})
}
