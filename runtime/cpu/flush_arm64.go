package cpu

// flushCode makes code that was just written safe to run: on arm64 instruction fetch does not see stores by itself.
func flushCode(memory []byte) {
	start := addressOf(memory)
	flushLines(start, start+uintptr(len(memory)))
}

//go:noescape
func flushLines(start, end uintptr)
