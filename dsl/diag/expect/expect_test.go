package expect

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tilec/tilec/dsl/diag"
)

func TestCheck(t *testing.T) {
	src := "a // ERROR E0001: b.d\n" +
		"b // ERROR E0002: one // ERROR E0003\n" +
		"c\n" +
		"// WARNING^ E0004: three\n" +
		"d // ERROR E0005: never\n"
	var got diag.List
	on := func(line, col int) diag.Span {
		p := diag.Pos{Offset: 100*line + col, Line: line, Col: col}
		return diag.Span{File: "x", Start: p, End: p}
	}
	got.Add("E0001", on(1, 1), "bad")
	got.Add("E0003", on(2, 1), "anything")
	got.Add("E0002", on(2, 2), "the one")
	got.Warn("E0004", on(3, 1), "three")
	got.Add("E0004", on(3, 2), "three as an error")
	got.Add("E0006", on(4, 1), "extra")
	want := []string{
		"unexpected: x:3:2: error E0004: three as an error",
		"unexpected: x:4:1: error E0006: extra",
		"line 5: missing error E0005: never",
	}
	if diff := cmp.Diff(want, Check([]byte(src), got)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	codes := []diag.Code{"E0001", "E0003", "E0002", "E0004", "E0005"}
	if diff := cmp.Diff(codes, Codes([]byte(src))); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for _, bad := range []string{"x // ERROR", "x // ERROR E1: y", "x // ERROR E0001: (", "// WARNING: E0001"} {
		if got := Check([]byte(bad), nil); len(got) != 1 {
			t.Errorf("Check(%q) = %v", bad, got)
		}
	}
}
