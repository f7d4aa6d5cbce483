package array

// largeBytes is the size from which memory is asked for in large pages: two of them.
const largeBytes = 4 << 20

// Bytes is zeroed memory for the data of an array. What is large comes in large pages where the system has them: kernels
// that stride through memory otherwise wait for its address more than for its contents.
func Bytes(n int) []byte {
	b := make([]byte, n)
	if n >= largeBytes {
		largePages(b)
	}
	return b
}
