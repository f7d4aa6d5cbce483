package typed

import (
	"github.com/tilec/tilec/dsl/diag"
	"github.com/tilec/tilec/ir/dtype"
	"github.com/tilec/tilec/ir/layout"
)

// Chan is a channel: a ring of Depth slots of so many elements along each of its axes.
type Chan struct {
	Name    string
	Elem    dtype.Type
	Extents []int64
	Depth   int64
	Span    diag.Span
}

// Slot is a use of a slot of a channel: from an Acquire to a Commit or, where Taken, from a Take to a Release.
type Slot struct {
	Name  string
	Chan  *Chan
	Taken bool
	Span  diag.Span
}

type (
	// ChanDecl is where a channel begins to exist: in the body of a Parallel.
	ChanDecl struct {
		S
		Chan *Chan
	}
	// SharedDecl is where a tensor of the block's own begins to exist, undefined.
	SharedDecl struct {
		S
		Tensor *Tensor
	}
	// Acquire and Take wait for a slot.
	Acquire struct {
		S
		Slot *Slot
	}
	Take struct {
		S
		Slot *Slot
	}
	// FillSlot puts a value into an acquired slot, whose axes the given ones run over; they are all of the value's.
	FillSlot struct {
		S
		Slot  *Slot
		Axes  []*Axis
		Value Expr
	}
	// Commit and Release end the use of a slot.
	Commit struct {
		S
		Slot *Slot
	}
	Release struct {
		S
		Slot *Slot
	}
	// Role is run by Groups groups of Warps warps each, at the same time as the other roles, which stand at the end of a
	// Parallel's body. Each group runs the body, on its equal part of Split where that is not nil. What stands before the
	// first role each group of each role does for itself.
	Role struct {
		S
		Name                string
		Groups, Warps, Regs int64
		Split               *Axis
		Body                []Stmt
	}
	// Turn is a section that the groups of a role, of which there are Of, enter in turn.
	Turn struct {
		S
		Name string
		Of   int64
		Body []Stmt
	}
	// PinTo gives a variable's value a register layout, whose coordinates are the axes in their order.
	PinTo struct {
		S
		Var    *Var
		Axes   []*Axis
		Layout layout.Distribution
	}
)

type (
	// SlotRead is what a taken slot holds along axes.
	SlotRead struct {
		X
		Slot *Slot
		Axes []*Axis
	}
	// Asm is what instructions of a target compute of the operands, element by element.
	Asm struct {
		X
		Target, Text string
		Args         []Expr
	}
)

// Depends reports whether the bounds of a binding name one of the others. What an inlined function reads is not looked
// for: it may name any.
func (b *Bind) Depends(others []*Bind) bool {
	var names func(e Expr) bool
	names = func(e Expr) bool {
		switch e := e.(type) {
		case nil:
			return false
		case *Ref:
			for _, o := range others {
				if o.Var == e.Var {
					return true
				}
			}
			return false
		case *Bound:
			return bound(others, e.Axis)
		case *Iota:
			return bound(others, e.Axis)
		case *Let:
			return true
		}
		for _, x := range Operands(e) {
			if names(x) {
				return true
			}
		}
		return false
	}
	return len(others) > 0 && (names(b.Lo) || names(b.Hi))
}

func bound(list []*Bind, a *Axis) bool {
	for _, o := range list {
		if o.Axis == a {
			return true
		}
	}
	return false
}
