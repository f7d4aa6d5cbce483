package emu

// matrix is a matrix instruction: shape, how elements stand in registers, and the type of each operand.
type matrix struct{}

func (d *decoder) matrixOp(o *op) bool { return false }
