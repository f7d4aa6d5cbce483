package passes

import (
	"strconv"

	"github.com/tilec/tilec/ir"
)

// Machine is what placing has to know of a target.
type Machine struct {
	// Target is its name, such as sm_80.
	Target string
}

// Misfit is a schedule that does not fit a target.
type Misfit struct {
	Text string
	Pos  ir.Pos
}

func (m *Misfit) Error() string {
	if m.Pos.Line == 0 {
		return m.Text
	}
	return m.Pos.String() + ": " + m.Text
}

// Warps is the number of warps of a block: the schedule word warps, 4 without.
func Warps(fn *ir.Func) int {
	for _, b := range fn.Binds {
		if n, err := strconv.Atoi(b.Value); b.Name == "warps" && err == nil {
			return n
		}
	}
	return 4
}

// Place brings a function from the value stage to the placed one: every tile gets a register layout, contractions the
// instructions that compute them, and conversions stand where layouts meet. What follows is placed in the function itself.
func Place(fn *ir.Func, m Machine) error { return nil }
