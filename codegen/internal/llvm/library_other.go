//go:build !((linux || darwin) && (amd64 || arm64))

package llvm

import (
	"errors"
	"fmt"
	"runtime"
)

// newChildren fails: on this system only LLVM's programs are used.
func (s search) newChildren(path string) (Toolchain, error) {
	return nil, fmt.Errorf("%s: %w: libraries on %s/%s", path, errors.ErrUnsupported, runtime.GOOS, runtime.GOARCH)
}
