package conform

import (
	"github.com/tilec/tilec/codegen/ptx/emu"
	"github.com/tilec/tilec/codegen/ptx/syntax"
)

// Executor runs a case and gives the output buffer.
type Executor interface {
	Run(c *Case) ([]byte, error)
}

// Emulator runs cases on the emulator, with its checks; a finding is an error.
type Emulator struct{ Options emu.Options }

// Run implements Executor.
func (e Emulator) Run(c *Case) ([]byte, error) {
	mod, err := syntax.Parse(c.PTX)
	if err != nil {
		return nil, err
	}
	m := emu.New(e.Options)
	p, err := m.Load(mod)
	if err != nil {
		return nil, err
	}
	in, err := m.Upload("in", c.Input)
	if err != nil {
		return nil, err
	}
	out, err := m.Upload("out", make([]byte, len(c.Want)))
	if err != nil {
		return nil, err
	}
	rep, err := p.Launch(emu.Launch{Kernel: c.Kernel, Grid: [3]int{c.Grid}, Block: [3]int{c.Block}, Args: []any{in, out}})
	if err != nil {
		return nil, err
	}
	return out.Bytes, rep.Err()
}
