//go:build !linux || (!amd64 && !arm64)

package conform

import "errors"

// CUDA runs cases on a GPU; there is none on this system.
type CUDA struct{}

// OpenCUDA fails: there is no CUDA driver for this system.
func OpenCUDA() (*CUDA, error) { return nil, errors.New("no CUDA driver for this system") }

// Device is the GPU's name.
func (*CUDA) Device() string { return "" }

// Run implements Executor.
func (*CUDA) Run(*Case) ([]byte, error) { return nil, errors.New("no CUDA driver for this system") }
