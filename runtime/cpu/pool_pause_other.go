//go:build !(amd64 || arm64)

package cpu

// pause tells the processor that its thread waits for another, where it can be told.
func pause() {}
