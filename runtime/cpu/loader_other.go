//go:build !(linux && (amd64 || arm64))

package cpu

import "errors"

const canMap = false

// Call calls a function of a loaded module. On this system there are none: [Load] gives an error.
func Call(fn uintptr, args ...uintptr) uintptr { return 0 }

func resolve(string) (uintptr, error) { return 0, errors.ErrUnsupported }

func mapMemory(int) ([]byte, error) { return nil, errors.ErrUnsupported }

func unmapMemory([]byte) error { return errors.ErrUnsupported }

func protect([]byte, access) error { return errors.ErrUnsupported }

func addressOf([]byte) uintptr { return 0 }
