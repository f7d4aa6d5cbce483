package dtype

import (
	"fmt"
	"math/rand"
	"testing"
)

// Benchmarks run over 64 K elements, a tile's worth; MB/s reads as millions of elements a second.

func benchTypes(b *testing.B) []Type {
	var out []Type
	for _, name := range []string{"f32", "tf32", "f16", "bf16", "f8e4m3", "f8e5m2", "f6e3m2", "f4e2m1", "e8m0", "i8", "i16", "i32", "i64", "u1", "u2", "i3", "u4", "i7", "bp2", "bool"} {
		x, err := Parse(name)
		if err != nil {
			b.Fatal(err)
		}
		out = append(out, x)
	}
	return out
}

func BenchmarkDecode(b *testing.B) {
	const n = 1 << 16
	src := make([]byte, 8*n)
	rand.New(rand.NewSource(1)).Read(src)
	for _, x := range benchTypes(b) {
		b.Run(x.String(), func(b *testing.B) {
			b.SetBytes(n)
			f, i := make([]float32, n), make([]int64, n)
			for b.Loop() {
				if x.IsFloat() {
					x.DecodeF32(f, src, 0)
				} else {
					x.DecodeInts(i, src, 0)
				}
			}
		})
	}
}

func BenchmarkEncode(b *testing.B) {
	const n = 1 << 16
	dst := make([]byte, 8*n)
	rng := rand.New(rand.NewSource(1))
	f, i := make([]float32, n), make([]int64, n)
	for j := range f {
		f[j], i[j] = float32(rng.NormFloat64()), int64(rng.Uint64())
	}
	for _, x := range benchTypes(b) {
		b.Run(x.String(), func(b *testing.B) {
			b.SetBytes(n)
			for b.Loop() {
				if x.IsFloat() {
					x.EncodeF32(dst, 0, f)
				} else {
					x.EncodeInts(dst, 0, i)
				}
			}
		})
	}
}

func BenchmarkRound(b *testing.B) {
	const n = 1 << 16
	rng := rand.New(rand.NewSource(1))
	src, dst := make([]float32, n), make([]float32, n)
	for j := range src {
		src[j] = float32(rng.NormFloat64())
	}
	for _, x := range benchTypes(b) {
		if x.IsFloat() {
			b.Run(x.String(), func(b *testing.B) {
				b.SetBytes(n)
				for b.Loop() {
					x.RoundSlice(dst, src)
				}
			})
		}
	}
}

func BenchmarkPack(b *testing.B) {
	const n = 1 << 16
	codes, buf := make([]uint64, n), make([]byte, 8*n+8)
	for _, bits := range []int{1, 3, 4, 7, 16, 32, 64} {
		for _, at := range []int{0, 3} {
			b.Run(fmt.Sprintf("pack%d@%d", bits, at), func(b *testing.B) {
				b.SetBytes(n)
				for b.Loop() {
					Pack(buf, at, codes, bits)
				}
			})
			b.Run(fmt.Sprintf("unpack%d@%d", bits, at), func(b *testing.B) {
				b.SetBytes(n)
				for b.Loop() {
					Unpack(codes, buf, at, bits)
				}
			})
		}
	}
}
