package layout

import "fmt"

// A Reason says which condition fails where an operation has no result.
type Reason string

// The reasons for which an operation on layouts is refused.
const (
	Divisibility Reason = "divisibility" // extents or strides do not divide
	Carry        Reason = "carry"        // parts of an index add with a carry, so that no layout is their sum
	Injectivity  Reason = "injectivity"  // two indices share an offset
	Overflow     Reason = "overflow"     // a size, stride or offset does not fit
	ZeroExtent   Reason = "zero extent"  // an extent is not at least 1
	Range        Reason = "out of range" // an argument or coordinate is outside of what is defined
	Profile      Reason = "profile"      // tuples do not have the same nesting, or a rank does not fit
	Nonlinear    Reason = "not linear"   // a swizzle meets an index that is not a set of independent bits
	Undecided    Reason = "undecided"    // more indices than can be tried would have to be
	Syntax       Reason = "syntax"       // text that is not a layout
)

// An Error says why an operation on layouts has no result.
type Error struct {
	Op     string // the operation, or ""
	Reason Reason
	Text   string // what fails, with the numbers
	Offset int    // for text: the byte at which it fails
}

func (e *Error) Error() string {
	if e.Op == "" {
		return e.Text
	}
	return e.Op + ": " + e.Text
}

func failf(r Reason, format string, args ...any) error {
	return &Error{Reason: r, Text: fmt.Sprintf(format, args...)}
}

// within names the operation in which an error arose.
func within(op string, err error) error {
	e, ok := err.(*Error)
	if !ok {
		return err
	}
	named := *e
	named.Op, named.Text = op, e.Error()
	return &named
}
