package dtype

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// bit is one bit of a stream, the definition that everything here is held to.
func bitAt(s []byte, i int) uint64 { return uint64(s[i/8]>>(i%8)) & 1 }

func drawBits(t *rapid.T) int { return rapid.IntRange(1, 64).Draw(t, "n") }

// TestStream packs and unpacks codes of any width at any bit offset against the definition, with
// no byte to spare behind them and with some, and nothing around them changed.
func TestStream(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, at := drawBits(t), rapid.IntRange(0, 130).Draw(t, "at")
		codes := rapid.SliceOfN(rapid.Uint64(), 0, 70).Draw(t, "codes")
		size := (at+n*len(codes)+7)/8 + rapid.IntRange(0, 9).Draw(t, "slack")
		before := rapid.SliceOfN(rapid.Byte(), size, size).Draw(t, "before")
		got := bytes.Clone(before)
		Pack(got, at, codes, n)
		want, single := bytes.Clone(before), bytes.Clone(before)
		for i, c := range codes {
			WriteCode(single, at+i*n, n, c)
			for j := range n {
				p := at + i*n + j
				want[p/8] = want[p/8]&^(1<<(p%8)) | byte(c>>j&1)<<(p%8)
			}
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Fatalf("Pack (-want +got):\n%s", d)
		}
		if d := cmp.Diff(want, single); d != "" {
			t.Fatalf("WriteCode (-want +got):\n%s", d)
		}
		back := make([]uint64, len(codes))
		Unpack(back, got, at, n)
		for i := range codes {
			var c uint64
			for j := range n {
				c |= bitAt(got, at+i*n+j) << j
			}
			if back[i] != c || ReadCode(got, at+i*n, n) != c {
				t.Fatalf("code %d: Unpack %#x, ReadCode %#x, want %#x", i, back[i], ReadCode(got, at+i*n, n), c)
			}
		}
	})
}

// TestSlices loads and stores every type at any bit offset, against the scalar forms.
func TestSlices(t *testing.T) {
	types := All()
	rapid.Check(t, func(t *rapid.T) {
		x := rapid.SampledFrom(types).Draw(t, "type")
		n, count := x.Bits(), rapid.IntRange(0, 600).Draw(t, "count")
		at := rapid.IntRange(0, 40).Draw(t, "at")
		if rapid.Bool().Draw(t, "whole bytes") {
			at &^= 7
		}
		size := (at+n*count+7)/8 + rapid.IntRange(0, 9).Draw(t, "slack")
		src, canary := make([]byte, size), make([]byte, size)
		seed := rapid.Uint64().Draw(t, "seed")
		for i := range src {
			seed = seed*6364136223846793005 + 1442695040888963407
			src[i], canary[i] = byte(seed>>56), byte(seed>>48)
		}
		stored, want := bytes.Clone(canary), bytes.Clone(canary)
		f64s := make([]float64, count)
		x.DecodeF64(f64s, src, at)
		switch x.Class() {
		case ClassInt:
			got := make([]int64, count)
			x.DecodeInts(got, src, at)
			for i, v := range got {
				if w := x.DecodeInt(ReadCode(src, at+i*n, n)); v != w || f64s[i] != x.Decode(ReadCode(src, at+i*n, n)) {
					t.Fatalf("element %d is %d, as f64 %v, want %d", i, v, f64s[i], w)
				}
				WriteCode(want, at+i*n, n, x.EncodeInt(v, true))
			}
			x.EncodeInts(stored, at, got)
		case ClassF32:
			got := make([]float32, count)
			x.DecodeF32(got, src, at)
			for i, v := range got {
				if w := x.Decode(ReadCode(src, at+i*n, n)); !same(float64(v), w) || !same(f64s[i], w) {
					t.Fatalf("element %d is %v, as f64 %v, want %v", i, v, f64s[i], w)
				}
				if v != v && x != F32 {
					got[i] = 1 // stored NaNs are canonical; TestAllCodes has them
				}
				c := x.Encode(float64(got[i]), NearestEven, x.Overflow())
				if v != v && x == F32 {
					c = ReadCode(src, at+i*n, n)
					if at&7 != 0 {
						got[i], c = 1, 0x3f800000
					}
				}
				WriteCode(want, at+i*n, n, c)
			}
			x.EncodeF32(stored, at, got)
		case ClassF64:
			for i, v := range f64s {
				if w := x.Decode(ReadCode(src, at+i*n, n)); !same(v, w) {
					t.Fatalf("element %d is %v, want %v", i, v, w)
				}
				if v != v {
					f64s[i] = 1
				}
				WriteCode(want, at+i*n, n, x.Encode(f64s[i], NearestEven, ToInf))
			}
			x.EncodeF64(stored, at, f64s)
		}
		if d := cmp.Diff(want, stored); d != "" {
			t.Fatalf("%v at bit %d (-want +got):\n%s", x, at, d)
		}
	})
}

// TestCrossClass covers reading a type as values of another class, and storing from one.
func TestCrossClass(t *testing.T) {
	ints := []int64{-8, -1, 0, 7}
	stream := make([]byte, 32)
	Int(4).EncodeInts(stream, 4, ints)
	f32s, f64s := make([]float32, 4), make([]float64, 4)
	Int(4).DecodeF32(f32s, stream, 4)
	Int(4).DecodeF64(f64s, stream, 4)
	if d := cmp.Diff([]float32{-8, -1, 0, 7}, f32s); d != "" {
		t.Errorf("i4 as float32 (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]float64{-8, -1, 0, 7}, f64s); d != "" {
		t.Errorf("i4 as float64 (-want +got):\n%s", d)
	}
	Int(4).EncodeF64(stream, 0, []float64{2.5, 3.5, -100, 100})
	Int(4).DecodeInts(ints, stream, 0)
	if d := cmp.Diff([]int64{2, 4, -8, 7}, ints); d != "" {
		t.Errorf("i4 from float64 (-want +got):\n%s", d)
	}
	Int(4).EncodeF32(stream, 0, []float32{2.5, 3.5, -100, 100})
	Int(4).DecodeInts(ints, stream, 0)
	if d := cmp.Diff([]int64{2, 4, -8, 7}, ints); d != "" {
		t.Errorf("i4 from float32 (-want +got):\n%s", d)
	}
	F16.EncodeInts(stream, 0, []int64{1, -2, 2049, 1 << 40})
	F16.DecodeInts(ints, stream, 0)
	if d := cmp.Diff([]int64{1, -2, 2048, 1<<63 - 1}, ints); d != "" {
		t.Errorf("f16 as integers (-want +got):\n%s", d)
	}
	F64.EncodeF64(stream, 0, []float64{1, 2, 3, 1e300})
	F64.DecodeF32(f32s, stream, 0)
	if f32s[2] != 3 || f32s[3] <= 3e38 {
		t.Errorf("f64 as float32: %v", f32s)
	}
}
