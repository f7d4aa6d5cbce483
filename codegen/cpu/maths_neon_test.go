package cpu

import (
	"bytes"
	"context"
	"encoding/binary"
	"math"
	"testing"
)

// TestMathsNeon runs the functions of the level of arm64 in an emulator, where this machine has no such processor.
func TestMathsNeon(t *testing.T) {
	arm := newEmulator(t)
	tc := toolchain(t)
	level, err := LevelByName("neon")
	if err != nil {
		t.Fatal(err)
	}
	// outputs builds the program of all functions over lanes and runs it.
	outputs := func(c class, lanes, count int, in []byte) []byte {
		obj, err := tc.Compile(context.Background(), []byte(mathModule(level, c, lanes).String()), level.testOptions())
		if err != nil {
			t.Fatal(err)
		}
		var list []string
		for _, k := range mathCases() {
			list = append(list, mathName(k.code, c, lanes))
		}
		return arm.run(t, obj, list, count, in)
	}
	const n = 1 << 14
	bound := func(k mathCase, c class, lanes int, w worst) {
		t.Helper()
		t.Logf("class %d, %d lanes, %s: %s", c, lanes, k.code, w)
		if !(w.ulps <= mathBound) {
			t.Errorf("%s of class %d over %d lanes: %s", k.code, c, lanes, w)
		}
	}
	x, x2, y, want := make([]float32, n), make([]float32, n), make([]float32, n), make([]float64, n)
	stratified(x, x2, 11)
	copy(x, specials32()[:n/2])
	for _, lanes := range []int{1, 4} {
		var in bytes.Buffer
		binary.Write(&in, binary.LittleEndian, x)
		binary.Write(&in, binary.LittleEndian, x2)
		out := outputs(f32Class, lanes, n, in.Bytes())
		for _, k := range mathCases() {
			for i := range y {
				y[i] = math.Float32frombits(binary.LittleEndian.Uint32(out[4*i:]))
			}
			out = out[4*n:]
			k.fill(want, x, x2)
			bound(k, f32Class, lanes, k.check32(x, x2, y, want))
		}
	}
	a, b := samples64(n, 3), samples64(n, 4)
	for _, lanes := range []int{1, 2} {
		var in bytes.Buffer
		binary.Write(&in, binary.LittleEndian, a)
		binary.Write(&in, binary.LittleEndian, b)
		out := outputs(f64Class, lanes, n, in.Bytes())
		for _, k := range mathCases() {
			w := worst{samples: n}
			for i := range n {
				got := math.Float64frombits(binary.LittleEndian.Uint64(out[8*i:]))
				exact := k.ref(a[i], b[i])
				if u := ulps64(got, exact); u > w.ulps {
					w.ulps, w.x, w.y, w.got, w.want = u, a[i], b[i], got, exact
				}
			}
			out = out[8*n:]
			bound(k, f64Class, lanes, w)
		}
	}
}
