package layout

import "testing"

// TestInjects: an answer comes soon, or none.
func TestInjects(t *testing.T) {
	sizes, strides := make([]int64, 30), make([]int64, 30)
	for i := range sizes {
		sizes[i], strides[i] = 2, 1_000_000_007+int64(i*i*i)*7919+1<<i
	}
	hard := Must(New(Ints(sizes...), Ints(strides...)))
	if yes, err := hard.Injects(); yes || !isReason(err, Overflow) {
		t.Errorf("%v: %v, %v", hard, yes, err)
	}
	if hard.Injective() {
		t.Error("what is not known is not true")
	}
	few := Must(New(Ints(sizes[:18]...), Ints(strides[:18]...)))
	values := few.Values()
	seen := map[int64]bool{}
	for _, x := range values {
		seen[x] = true
	}
	if yes, err := few.Injects(); err != nil || yes != (len(seen) == len(values)) {
		t.Errorf("%v: %v, %v", few, yes, err)
	}
	wide := Must(New(Ints(1000, 1001, 1003, 1007, 1009), Ints(100003, 100019, 100043, 100049, 100057)))
	if yes, err := wide.Injects(); yes || err != nil && !isReason(err, Overflow) {
		t.Errorf("%v: %v, %v", wide, yes, err)
	}
}
