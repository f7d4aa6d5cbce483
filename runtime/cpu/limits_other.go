//go:build !linux

package cpu

import "runtime"

// machineName is all that is known here of the processor.
func machineName() string { return runtime.GOARCH + " of " + runtime.GOOS }

// cacheSizes are guesses that are small enough to be in the cache for certain.
func cacheSizes() (l2, l3 int64) { return 256 << 10, 4 << 20 }

// pin does nothing: the system has no such call.
func pin(int) {}
