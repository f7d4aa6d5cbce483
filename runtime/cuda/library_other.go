//go:build !cuda && (!linux || (!amd64 && !arm64))

package cuda

import "fmt"

// Find fails: kernels are launched on Linux only.
func Find() (Driver, error) { return nil, fmt.Errorf("%w for this system", ErrAbsent) }
