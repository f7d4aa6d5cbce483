//go:build !arm64

package cpu

// flushCode makes code that was just written safe to run: nothing to do on amd64, whose instruction fetch sees stores.
func flushCode([]byte) {}
