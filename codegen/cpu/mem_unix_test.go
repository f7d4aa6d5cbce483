//go:build unix

package cpu

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tilec/tilec/codegen/internal/llx"
	"github.com/tilec/tilec/ir/dtype"
)

// fenced is a page between two that cannot be touched.
func fenced(t *testing.T) []byte {
	page := unix.Getpagesize()
	m, err := unix.Mmap(-1, 0, 3*page, unix.PROT_NONE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Munmap(m) })
	if err := unix.Mprotect(m[page:2*page], unix.PROT_READ|unix.PROT_WRITE); err != nil {
		t.Fatal(err)
	}
	return m[page : 2*page : 2*page]
}

// stored are types of every width, and of every form of decoding.
func stored(t *testing.T) []dtype.Type {
	var types []dtype.Type
	for _, name := range []string{"u1", "bp1", "i2", "u3", "i4", "f4e2m1", "i5", "f6e3m2", "u7", "bool", "i8", "f8e4m3", "u16", "f16", "bf16", "f32", "i32", "f64", "u64"} {
		e, err := dtype.Parse(name)
		if err != nil {
			t.Fatal(err)
		}
		types = append(types, e)
	}
	return types
}

// field is one test of runs and scattered elements: a tensor in a fenced page.
type field struct {
	t     dtype.Type
	lanes int
	codes []uint64 // the tensor
	page  []byte   // where it lies, up to the end of a page
	r     *rand.Rand
}

func newField(e dtype.Type, lanes int, page []byte) *field {
	f := &field{t: e, lanes: lanes, r: rand.New(rand.NewPCG(uint64(lanes), uint64(e.Bits())))}
	f.codes = f.random(8 * (len(page) / e.Bits()))
	data := stream(e, f.codes)
	f.page = page[len(page)-len(data):]
	copy(f.page, data)
	return f
}

func (f *field) random(n int) []uint64 {
	codes := make([]uint64, n)
	for i := range codes {
		codes[i] = f.r.Uint64() >> (64 - f.t.Bits())
		if x := f.t.Decode(codes[i]); f.t == dtype.Bool || f.t.IsFloat() && x != x {
			codes[i] &= 1
		}
	}
	return codes
}

// starts are where runs of n elements begin: at both ends of the tensor and between.
func (f *field) starts(n, step int) []int {
	last := (len(f.codes) - n) / step * step
	var s []int
	for k := range 12 {
		s = append(s, k*step, last-k*step)
	}
	for range 40 {
		s = append(s, f.r.IntN(last/step)*step)
	}
	return s
}

func name(e dtype.Type, lanes int, what string) string {
	return fmt.Sprintf("%s.%d.%s", e, lanes, what)
}

// int64s packs numbers.
func int64s(v []int) []byte {
	codes := make([]uint64, len(v))
	for i, x := range v {
		codes[i] = uint64(x)
	}
	return containers(dtype.I64, codes)
}

// expect holds lanes against the values of codes.
func (f *field) expect(t *testing.T, what string, out []byte, want []uint64) {
	t.Helper()
	size := 8 * container(widest(f.t))
	bad := 0
	for i, c := range want {
		if lane := dtype.ReadCode(out, i*size, size); !same(f.t, lane, c) {
			if bad++; bad < 4 {
				t.Errorf("%s: lane %d of case %d is %s, want %s", what, i%f.lanes, i/f.lanes, show(widest(f.t), lane), show(f.t, c))
			}
		}
	}
}

func TestMemory(t *testing.T) {
	labs(t, func(t *testing.T, l *lab) {
		page := fenced(t)
		widths := slices.Compact([]int{1, l.level.Lanes, 16, 64})
		types := stored(t)
		for _, e := range types {
			wide := widest(e)
			for _, w := range widths {
				at := func(u *unit, p, k llx.Value) llx.Value {
					return u.Index(codeType(wide), p, u.Mul(k, llx.C64(int64(w))))
				}
				number := func(u *unit, p, k llx.Value) llx.Value { return u.Load(llx.I64, u.Index(llx.I64, p, k), 8) }
				l.function(name(e, w, "load"), 1, 3, func(u *unit, p []llx.Value, k llx.Value) {
					u.storeTile(wide, at(u, p[2], k), u.loadRun(e, p[0], number(u, p[1], k), w, nil), w)
				})
				l.function(name(e, w, "loadn"), 1, 4, func(u *unit, p []llx.Value, k llx.Value) {
					u.storeTile(wide, at(u, p[2], k), u.loadRun(e, p[0], number(u, p[1], k), w, number(u, p[3], k)), w)
				})
				l.function(name(e, w, "store"), 1, 3, func(u *unit, p []llx.Value, k llx.Value) {
					v := u.loadTile(e, u.Index(codeType(e), p[2], u.Mul(k, llx.C64(int64(w)))), w)
					u.storeRun(e, p[0], number(u, p[1], k), v, w, nil)
				})
				l.function(name(e, w, "storen"), 1, 4, func(u *unit, p []llx.Value, k llx.Value) {
					v := u.loadTile(e, u.Index(codeType(e), p[2], u.Mul(k, llx.C64(int64(w)))), w)
					u.storeRun(e, p[0], number(u, p[1], k), v, w, number(u, p[3], k))
				})
				if w > 16 {
					continue
				}
				indices := func(u *unit, p, k llx.Value) llx.Value {
					return u.loadTile(dtype.I64, u.Index(llx.I64, p, u.Mul(k, llx.C64(int64(w)))), w)
				}
				mask := func(u *unit, p, k llx.Value) llx.Value {
					return u.loadTile(dtype.Bool, u.Offset(p, u.Mul(k, llx.C64(int64(w)))), w)
				}
				l.function(name(e, w, "loadwhere"), 1, 4, func(u *unit, p []llx.Value, k llx.Value) {
					u.storeTile(wide, at(u, p[2], k), u.loadWhere(e, p[0], number(u, p[1], k), mask(u, p[3], k), w), w)
				})
				l.function(name(e, w, "storewhere"), 1, 4, func(u *unit, p []llx.Value, k llx.Value) {
					v := u.loadTile(e, u.Index(codeType(e), p[2], u.Mul(k, llx.C64(int64(w)))), w)
					u.storeWhere(e, p[0], number(u, p[1], k), v, mask(u, p[3], k), w)
				})
				for _, masked := range []bool{false, true} {
					l.function(name(e, w, fmt.Sprint("gather", masked)), 1, 4, func(u *unit, p []llx.Value, k llx.Value) {
						var m llx.Value
						if masked {
							m = mask(u, p[3], k)
						}
						u.storeTile(wide, at(u, p[2], k), u.gather(e, p[0], indices(u, p[1], k), m, w), w)
					})
					l.function(name(e, w, fmt.Sprint("scatter", masked)), 1, 4, func(u *unit, p []llx.Value, k llx.Value) {
						v := u.loadTile(e, u.Index(codeType(e), p[2], u.Mul(k, llx.C64(int64(w)))), w)
						var m llx.Value
						if masked {
							m = mask(u, p[3], k)
						}
						u.scatter(e, p[0], indices(u, p[1], k), v, m, w)
					})
				}
			}
		}
		l.build()
		for _, e := range types {
			for _, w := range widths {
				f := newField(e, w, page)
				f.runs(t, l)
				if w <= 16 {
					f.elements(t, l)
					f.windows(t, l)
				}
			}
		}
	})
}

// runs tests loadRun and storeRun.
func (f *field) runs(t *testing.T, l *lab) {
	e, w := f.t, f.lanes
	size := container(widest(e))
	starts := f.starts(w, 1)
	var want []uint64
	for _, s := range starts {
		want = append(want, f.codes[s:s+w]...)
	}
	out := make([]byte, len(starts)*w*size)
	l.call(name(e, w, "load"), len(starts), f.page, int64s(starts), out)
	f.expect(t, name(e, w, "load"), out, want)

	var counts []int
	starts = f.starts(1, 1)
	want = want[:0]
	for i, s := range starts {
		n := min(len(f.codes)-s, f.r.IntN(w+3)-1)
		switch {
		case i%5 == 0:
			n = min(len(f.codes)-s, w)
		case i%7 == 0:
			n = -1 << 40
		case i%11 == 0:
			n = len(f.codes) - s
		}
		counts = append(counts, n)
		for k := range w {
			c := uint64(0)
			if k < n {
				c = f.codes[s+k]
			}
			want = append(want, c)
		}
	}
	out = make([]byte, len(starts)*w*size)
	l.call(name(e, w, "loadn"), len(starts), f.page, int64s(starts), out, int64s(counts))
	for i := range want { // lanes not asked for are any defined value
		if i%w >= counts[i/w] {
			dtype.WriteCode(out, i*8*size, 8*size, valueLane(e, want[i]))
		}
	}
	f.expect(t, name(e, w, "loadn"), out, want)

	step := 1
	if w*e.Bits()%8 == 0 {
		step = max(1, 8/e.Bits())
		if e.Bits() < 8 && 8%e.Bits() != 0 {
			step = 8
		}
	}
	starts = f.starts(w, step)
	codes := f.random(len(starts) * w)
	for i, s := range starts {
		copy(f.codes[s:], codes[i*w:][:w])
	}
	l.call(name(e, w, "store"), len(starts), f.page, int64s(starts), containers(e, codes))
	f.same(t, "store")

	starts = f.starts(step, step)
	codes = f.random(len(starts) * w)
	counts = counts[:0]
	for i, s := range starts {
		n := min((f.r.IntN(w+step+1)-1)/step*step, len(f.codes)-s)
		if i%9 == 0 {
			n = -5
		}
		n = min(n, w)
		counts = append(counts, n)
		if n > 0 {
			copy(f.codes[s:][:n], codes[i*w:])
		}
	}
	l.call(name(e, w, "storen"), len(starts), f.page, int64s(starts), containers(e, codes), int64s(counts))
	f.same(t, "storen")
}

// valueLane is the lane of a code of t, as a code of widest(t).
func valueLane(t dtype.Type, code uint64) uint64 {
	w := widest(t)
	switch classOf(t) {
	case f32Class, f64Class:
		return w.Encode(t.Decode(code), dtype.NearestEven, dtype.ToInf)
	case boolClass:
		return code
	}
	return w.EncodeInt(t.DecodeInt(code), true)
}

// same holds the page against the codes that it should have.
func (f *field) same(t *testing.T, what string) {
	t.Helper()
	want := stream(f.t, f.codes)
	for i := range want {
		if f.page[i] != want[i] {
			t.Errorf("%s: byte %d is %#x, want %#x", name(f.t, f.lanes, what), i, f.page[i], want[i])
			break
		}
	}
	copy(f.page, want)
}

// elements tests gather and scatter.
func (f *field) elements(t *testing.T, l *lab) {
	e, w := f.t, f.lanes
	const cases = 40
	idx := make([]int, cases*w)
	for i := range idx {
		idx[i] = f.r.IntN(len(f.codes))
		switch i % 7 {
		case 0:
			idx[i] = len(f.codes) - 1
		case 1:
			idx[i] = 0
		case 2:
			idx[i] = f.r.IntN(5) // equal ones meet
		}
	}
	mask := make([]byte, len(idx))
	wild := slices.Clone(idx)
	for i := range mask {
		mask[i] = byte(f.r.IntN(2))
		if mask[i] == 0 {
			wild[i] = 1 << 40
		}
	}
	for _, masked := range []bool{false, true} {
		at := idx
		if masked {
			at = wild
		}
		var want []uint64
		for i, k := range idx {
			c := f.codes[k]
			if masked && mask[i] == 0 {
				c = 0
			}
			want = append(want, c)
		}
		out := make([]byte, len(idx)*container(widest(e)))
		l.call(name(e, w, fmt.Sprint("gather", masked)), cases, f.page, int64s(at), out, mask)
		for i := range want {
			if masked && mask[i] == 0 {
				dtype.WriteCode(out, i*8*container(widest(e)), 8*container(widest(e)), valueLane(e, want[i]))
			}
		}
		f.expect(t, name(e, w, fmt.Sprint("gather", masked)), out, want)

		codes := f.random(len(idx))
		for i, k := range idx {
			if !masked || mask[i] != 0 {
				f.codes[k] = codes[i]
			}
		}
		l.call(name(e, w, fmt.Sprint("scatter", masked)), cases, f.page, int64s(at), containers(e, codes), mask)
		f.same(t, fmt.Sprint("scatter", masked))
	}
}

// windows tests loadWhere and storeWhere with runs that lie across the ends of the tensor, of which the mask takes what is
// inside, all of it or some.
func (f *field) windows(t *testing.T, l *lab) {
	e, w := f.t, f.lanes
	var starts []int
	var mask []byte
	var want []uint64
	for k := range 60 {
		s := f.r.IntN(len(f.codes))
		switch k % 3 {
		case 0:
			s = f.r.IntN(2*w+1) - w
		case 1:
			s = len(f.codes) - f.r.IntN(2*w+1)
		}
		starts = append(starts, s)
		for i := range w {
			in := s+i >= 0 && s+i < len(f.codes) && (k%2 == 0 || f.r.IntN(2) == 0)
			m, c := byte(0), uint64(0)
			if in {
				m, c = 1, f.codes[s+i]
			}
			mask, want = append(mask, m), append(want, c)
		}
	}
	out := make([]byte, len(want)*container(widest(e)))
	l.call(name(e, w, "loadwhere"), len(starts), f.page, int64s(starts), out, mask)
	for i := range want {
		if mask[i] == 0 {
			dtype.WriteCode(out, i*8*container(widest(e)), 8*container(widest(e)), valueLane(e, want[i]))
		}
	}
	f.expect(t, name(e, w, "loadwhere"), out, want)

	codes := f.random(len(want))
	for k, s := range starts {
		for i := range w {
			if mask[k*w+i] != 0 {
				f.codes[s+i] = codes[k*w+i]
			}
		}
	}
	l.call(name(e, w, "storewhere"), len(starts), f.page, int64s(starts), containers(e, codes), mask)
	f.same(t, "storewhere")
}
