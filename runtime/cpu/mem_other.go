//go:build !(linux && (amd64 || arm64))

package cpu

import (
	"errors"
	"unsafe"
)

func mapPages(int64) (unsafe.Pointer, error) { return nil, errors.ErrUnsupported }

func unmapPages(unsafe.Pointer, int64) error { return errors.ErrUnsupported }
