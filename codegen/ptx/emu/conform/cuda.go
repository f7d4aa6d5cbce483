package conform

import (
	"github.com/tilec/tilec/runtime/cuda"
)

// CUDA runs cases on a GPU, through the driver library.
type CUDA struct{ device *cuda.Device }

// OpenCUDA finds the driver and its first device. The error says what is not there.
func OpenCUDA() (*CUDA, error) {
	driver, err := cuda.Find()
	if err != nil {
		return nil, err
	}
	device, err := cuda.Open(driver, 0)
	if err != nil {
		return nil, err
	}
	return &CUDA{device}, nil
}

// Device is the GPU's name.
func (g *CUDA) Device() string { return g.device.Name }

// Run implements Executor.
func (g *CUDA) Run(c *Case) ([]byte, error) {
	d := g.device
	module, err := d.Load(c.PTX)
	if err != nil {
		return nil, err
	}
	defer d.Unload(module)
	f, err := d.Function(module, c.Kernel, c.Block, 0)
	if err != nil {
		return nil, err
	}
	in, err := d.Alloc(int64(len(c.Input)))
	if err != nil {
		return nil, err
	}
	defer d.Free(in)
	if err := d.Write(in, c.Input); err != nil {
		return nil, err
	}
	to, err := d.Alloc(int64(len(c.Want)))
	if err != nil {
		return nil, err
	}
	defer d.Free(to)
	if err := d.Fill(to, 0, int64(len(c.Want))); err != nil {
		return nil, err
	}
	err = d.Do(func(driver cuda.Driver) error {
		l := &cuda.Launch{Grid: [3]uint32{uint32(c.Grid), 1, 1}, Block: [3]uint32{uint32(c.Block), 1, 1}, Params: []uint64{uint64(in), uint64(to)}}
		if err := driver.Launch(f, l); err != nil {
			return err
		}
		return driver.Synchronise()
	})
	if err != nil {
		return nil, err
	}
	out := make([]byte, len(c.Want))
	return out, d.Read(out, to)
}
