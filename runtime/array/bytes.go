package array

// largeBytes is the size from which memory is asked for in large pages, which are of largePage bytes.
const (
	largePage  = 2 << 20
	largeBytes = largePage
)

// Bytes is zeroed memory for the data of an array. What is large begins at a large page and lies on large pages where the
// system has them: kernels that stride through memory otherwise wait for its address more than for its contents.
func Bytes(n int) []byte {
	if n < largeBytes {
		return make([]byte, n)
	}
	// Room to begin at a page, and for the last page to be whole.
	b := make([]byte, n+2*largePage)
	skip := largePages(b, n)
	return b[skip : skip+n : skip+n]
}
