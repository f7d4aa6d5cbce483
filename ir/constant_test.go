package ir

import (
	"strings"
	"testing"
)

// TestConstants: a constant is a value of its type, and a function's body yields nothing.
func TestConstants(t *testing.T) {
	tests := []struct{ good, bad string }{
		{"255 : u8", "256 : u8"},
		{"0 : u8", "-1 : u8"},
		{"-128 : i8", "128 : i8"},
		{"7 : i4", "8 : i4"},
		{"1 : bool", "2 : bool"},
		{"-1 : bp1", "0 : bp1"},
		{"3 : bp2", "2 : bp2"},
		{"0.5 : f16", "0.1 : f16"},
		{"256.0 : bf16", "1e300 : f32"},
		{"inf : f8e5m2", "inf : f8e4m3"},
		{"nan : f8e4m3", "nan : f4e2m1"},
		{"-0.0 : f4e2m1", "-0.0 : f8e4m3fnuz"},
		{"1.0 : e8m0", "0.0 : e8m0"},
	}
	verify := func(body string) error {
		t.Helper()
		f, err := ParseFunc("k.tir", []byte("kernel @k[]() -> () {\n  "+body+"\n}\n"))
		if err != nil {
			return err
		}
		return Verify(f)
	}
	for _, tt := range tests {
		if err := verify("%0 = const " + tt.good + "\n  yield"); err != nil {
			t.Errorf("%s: %v", tt.good, err)
		}
		if err := verify("%0 = const " + tt.bad + "\n  yield"); err == nil || !strings.Contains(err.Error(), "V7: ") || !strings.Contains(err.Error(), "is no value of") {
			t.Errorf("%s: %v", tt.bad, err)
		}
	}
	// A malformed operation in the function of a scan, which is asked for its effects.
	if err := verify(`%0 = const 0 : i64
  %n = span %0, %0 {width = 4} : span<4>
  %1 = bcast %0 : tile<i64,[%n:4]>
  %2 = scan.func %1 [%n] : tile<i64,[%n:4]> (%a: i64, %b: i64) {
    div %a
  }
  yield`); err == nil || !strings.Contains(err.Error(), "V12") {
		t.Errorf("an operation without an operand: %v", err)
	}
	if err := verify("%0 = const 1 : i64\n  yield %0"); err == nil || !strings.Contains(err.Error(), "V9") {
		t.Errorf("a body that yields: %v", err)
	}
}
