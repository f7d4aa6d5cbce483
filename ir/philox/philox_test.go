package philox

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestKnownAnswers holds the generator to the vectors published with the paper's Random123.
func TestKnownAnswers(t *testing.T) {
	const f = 0xffffffff
	for _, c := range []struct {
		counter [4]uint32
		key     [2]uint32
		want    [4]uint32
	}{
		{[4]uint32{}, [2]uint32{}, [4]uint32{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
		{[4]uint32{f, f, f, f}, [2]uint32{f, f}, [4]uint32{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
		{[4]uint32{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, [2]uint32{0xa4093822, 0x299f31d0},
			[4]uint32{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
	} {
		if d := cmp.Diff(c.want, block(c.counter, c.key)); d != "" {
			t.Errorf("counter %x key %x (-want +got):\n%s", c.counter, c.key, d)
		}
	}
	if Rand(0, 2) != 0xbc57ac4c || Rand(0, 3) != 0x9b00dbd8 {
		t.Error("Rand does not take word i mod 4 of block i/4")
	}
	if Rand(0x299f31d0a4093822, -1) != Words(0x299f31d0a4093822, 1<<64-1)[3] {
		t.Error("the index -1 is not the last word of the last counter")
	}
}

// TestFixedForEver: these numbers are part of the language.
func TestFixedForEver(t *testing.T) {
	got := fmt.Sprintf("%x %x %x %x %x", Uniform(0, 0), Uniform(7, 12345678901), Normal(0, 0), Normal(0, 1), Normal(-3, 1001))
	const want = "0x1.989fap-02 0x1.cc71cp-04 0x1.fb766p-01 -0x1.d96d66p-01 0x1.254b6p-06"
	if got != want {
		t.Errorf("numbers changed:\n got %s\nwant %s", got, want)
	}
	buf := make([]float32, 1<<16)
	h := fnv.New64a()
	FillNormal(buf, 42, 0)
	binary.Write(h, binary.LittleEndian, buf)
	if got := h.Sum64(); got != 0x86129efe0a853470 {
		t.Errorf("the hash of 65,536 normals changed to %#x", got)
	}
}

// TestFill compares runs with single numbers, from every place in a block.
func TestFill(t *testing.T) {
	for start := int64(-5); start < 6; start++ {
		for n := range 11 {
			w, u, v := make([]uint32, n), make([]float32, n), make([]float32, n)
			FillRand(w, 9, start)
			FillUniform(u, 9, start)
			FillNormal(v, 9, start)
			for k := range n {
				i := start + int64(k)
				if w[k] != Rand(9, i) || u[k] != Uniform(9, i) || v[k] != Normal(9, i) {
					t.Fatalf("index %d of a run from %d differs", i, start)
				}
			}
		}
	}
}

// TestNormal compares the transform with the standard library's functions, at the ends of both
// words and over many pairs, and looks at the moments.
func TestNormal(t *testing.T) {
	check := func(a, b uint32) {
		t.Helper()
		even, odd := pair(a, b)
		r := math.Sqrt(-2 * math.Log(float64(a>>8+1)*0x1p-24))
		sin, cos := math.Sincos(2 * math.Pi * (float64(b>>8) * 0x1p-24))
		for _, c := range []struct {
			got  float32
			want float64
		}{{even, r * cos}, {odd, r * sin}} {
			if !(math.Abs(float64(c.got)-c.want) <= math.Abs(c.want)*0x1p-23+1e-14) {
				t.Fatalf("words %#x %#x give %v, want %v", a, b, c.got, c.want)
			}
		}
	}
	edge := []uint32{0, 1 << 8, 1 << 29, 1<<29 - 256, 1<<30 - 256, 1 << 30, 3 << 29, 1 << 31, 3 << 30, 5 << 29, 7 << 29, math.MaxUint32}
	for _, a := range edge {
		for _, b := range edge {
			check(a, b)
		}
	}
	for i := range uint64(50000) {
		w := Words(1, i)
		check(w[0], w[1])
		check(w[2], w[3])
	}
	if even, _ := pair(0, 0); math.Abs(float64(even)-5.768) > 0.001 {
		t.Errorf("the largest normal number is %v", even)
	}
	const n = 1 << 18
	buf := make([]float32, n)
	FillNormal(buf, 3, 0)
	var sum, square, fourth float64
	for _, x := range buf {
		v := float64(x)
		sum, square, fourth = sum+v, square+v*v, fourth+v*v*v*v
	}
	if math.Abs(sum/n) > 0.01 || math.Abs(square/n-1) > 0.015 || math.Abs(fourth/n-3) > 0.1 {
		t.Errorf("mean %v, variance %v, fourth moment %v", sum/n, square/n, fourth/n)
	}
	FillUniform(buf, 3, 0)
	sum = 0
	for _, x := range buf {
		if x < 0 || x >= 1 {
			t.Fatalf("uniform gave %v", x)
		}
		sum += float64(x)
	}
	if math.Abs(sum/n-0.5) > 0.005 {
		t.Errorf("mean of uniform %v", sum/n)
	}
}

func BenchmarkNormal(b *testing.B) {
	buf := make([]float32, 1<<14)
	b.SetBytes(1 << 14)
	for b.Loop() {
		FillNormal(buf, 1, 0)
	}
}

func BenchmarkUniform(b *testing.B) {
	buf := make([]float32, 1<<14)
	b.SetBytes(1 << 14)
	for b.Loop() {
		FillUniform(buf, 1, 0)
	}
}
