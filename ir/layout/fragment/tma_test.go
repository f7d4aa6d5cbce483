package fragment

import (
	"strings"
	"testing"

	"github.com/tilec/tilec/ir/layout"
)

// A box in shared memory: element (x, y, …) is at its place in dense order, its 16-byte piece moved by the swizzle.
func TestBox(t *testing.T) {
	for _, c := range []struct {
		bits    int64
		mode    Mode
		extents []int64
	}{
		{16, NoSwizzle, []int64{64}},
		{16, Swizzle128, []int64{64, 128}},
		{16, Swizzle128, []int64{8}},
		{8, Swizzle128, []int64{128, 7}},
		{32, Swizzle64, []int64{16, 3, 5}},
		{16, Swizzle32, []int64{16, 8, 3, 2}},
		{64, NoSwizzle, []int64{2, 3, 2, 3, 2}},
		{4, Swizzle64, []int64{128, 9}},
		{16, NoSwizzle, []int64{256, 256}},
	} {
		l, err := Box(c.bits, c.mode, c.extents...)
		if err != nil {
			t.Fatalf("%v: %v", c, err)
		}
		size := int64(1)
		for _, n := range c.extents {
			size *= n
		}
		if l.Size() != size || l.Rank() != len(c.extents) {
			t.Errorf("%v: %v", c, l)
		}
		for i := range size {
			at := i * c.bits / 8
			at ^= at >> 7 & (1<<c.mode - 1) << 4
			if got := l.At(i); got != 8*at+i*c.bits%8 {
				t.Fatalf("%v: element %d is at bit %d, want byte %d", c, i, got, at)
			}
		}
	}
}

func TestBoxRefuses(t *testing.T) {
	for _, c := range []struct {
		bits    int64
		mode    Mode
		extents []int64
		reason  layout.Reason
		text    string
	}{
		{16, NoSwizzle, nil, Limit, "0 axes"},
		{16, NoSwizzle, []int64{8, 1, 1, 1, 1, 1}, Limit, "6 axes"},
		{16, NoSwizzle, []int64{257}, Limit, "257 elements along axis 0"},
		{16, NoSwizzle, []int64{64, 0}, Limit, "0 elements along axis 1"},
		{16, NoSwizzle, []int64{9}, Alignment, "9 elements of 16 bits"},
		{16, Swizzle64, []int64{64, 8}, Limit, "128 bytes, exceeds the 64"},
		{16, Swizzle128, []int64{32, 8}, Unstated, "rows of 64 bytes under a swizzle of 128"},
		{128, NoSwizzle, []int64{64}, layout.Range, "128 bits"},
		{16, 4, []int64{64}, layout.Range, "mode 4"},
	} {
		if l, err := Box(c.bits, c.mode, c.extents...); reason(err) != c.reason || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%v: %v, %v (%s), want %s: …%s…", c, l, err, reason(err), c.reason, c.text)
		}
	}
}

func TestTensorMap(t *testing.T) {
	good := func() TensorMap {
		return TensorMap{Bits: 16, Base: 1 << 20, Sizes: []int64{4096, 4096, 8}, Strides: []int64{8192, 8192 * 4096}, Box: []int64{64, 128, 1}, Mode: Swizzle128}
	}
	m := good()
	if err := m.Check(); err != nil {
		t.Fatal(err)
	}
	if l, err := m.Layout(); err != nil || l.String() != "swizzle(3,7,3) o (64,128,1):(16,1024,131072)" {
		t.Errorf("%v, %v", l, err)
	}
	if m.SharedAlignment() != 1024 || m.CheckShared(2048) != nil || reason(m.CheckShared(128)) != Alignment {
		t.Errorf("alignment %d", m.SharedAlignment())
	}
	m.Mode = NoSwizzle
	if m.SharedAlignment() != 128 {
		t.Errorf("alignment %d", m.SharedAlignment())
	}
	m = good()
	m.Steps = []int64{1, 3, 1}
	if l, err := m.Layout(); err != nil || l.String() != "swizzle(3,7,3) o (64,43,1):(16,1024,44032)" {
		t.Errorf("every third row: %v, %v", l, err)
	}
	for _, c := range []struct {
		change func(*TensorMap)
		reason layout.Reason
		text   string
	}{
		{func(m *TensorMap) { m.Bits = 24 }, layout.Range, "24 bits"},
		{func(m *TensorMap) { m.Mode = 9 }, layout.Range, "mode 9"},
		{func(m *TensorMap) { m.Sizes = nil }, Limit, "0 axes"},
		{func(m *TensorMap) { m.Sizes = make([]int64, 6) }, Limit, "6 axes"},
		{func(m *TensorMap) { m.Strides = m.Strides[:1] }, layout.Profile, "1 strides for 3 axes"},
		{func(m *TensorMap) { m.Box = m.Box[:2] }, layout.Profile, "a box of 2 extents"},
		{func(m *TensorMap) { m.Steps = []int64{1} }, layout.Profile, "1 steps"},
		{func(m *TensorMap) { m.Base = 1<<20 + 8 }, Alignment, "0x100008"},
		{func(m *TensorMap) { m.Base = -16 }, Alignment, "base"},
		{func(m *TensorMap) { m.Sizes[2] = 0 }, Limit, "0 elements along axis 2"},
		{func(m *TensorMap) { m.Sizes[0] = 1<<32 + 1 }, Limit, "4294967297"},
		{func(m *TensorMap) { m.Strides[0] = 8200 }, Alignment, "8200 bytes"},
		{func(m *TensorMap) { m.Strides[1] = 1 << 40 }, Limit, "not below 2^40"},
		{func(m *TensorMap) { m.Strides[0] = -16 }, Limit, "-16"},
		{func(m *TensorMap) { m.Steps = []int64{1, 9, 1} }, Limit, "9 elements along axis 1"},
		{func(m *TensorMap) { m.Steps = []int64{1, 0, 1} }, Limit, "0 elements along axis 1"},
		{func(m *TensorMap) { m.Steps = []int64{2, 1, 1} }, Limit, "innermost"},
		{func(m *TensorMap) { m.Box[1] = 257 }, Limit, "257 elements along axis 1"},
		{func(m *TensorMap) { m.Box[0] = 12 }, Alignment, "12 elements of 16 bits"},
		{func(m *TensorMap) { m.Box[0] = 128 }, Limit, "256 bytes, exceeds the 128"},
	} {
		m := good()
		c.change(&m)
		err := m.Check()
		if reason(err) != c.reason || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%+v: %v (%s), want %s: …%s…", m, err, reason(err), c.reason, c.text)
		}
		if _, err := m.Layout(); err == nil {
			t.Errorf("%+v has a layout", m)
		}
	}
}

// An operand in panels is its boxes one behind the other.
func TestPanels(t *testing.T) {
	for _, c := range []struct {
		major       Major
		mode        Mode
		bits, mn, k int64
	}{{MajorK, Swizzle128, 16, 64, 128}, {MajorK, Swizzle64, 8, 40, 64}, {MajorK, NoSwizzle, 32, 16, 8}, {MajorMN, Swizzle128, 16, 256, 48}, {MajorMN, Swizzle32, 16, 48, 16}} {
		l := panels(t, c.major, c.mode, c.bits, c.mn, c.k)
		inner, outer := c.k, c.mn
		if c.major == MajorMN {
			inner, outer = c.mn, c.k
		}
		span := 8 * c.mode.Span() / c.bits
		box := layout.Must(Box(c.bits, c.mode, span, outer))
		for mn := range c.mn {
			for k := range c.k {
				in, out := k, mn
				if c.major == MajorMN {
					in, out = mn, k
				}
				want := in/span*span*outer*c.bits + box.At(in%span+span*out)
				if got := l.At(mn + c.mn*k); got != want {
					t.Fatalf("%v: (%d,%d) is at %d, its box has it at %d", c, mn, k, got, want)
				}
			}
		}
		if inner%span != 0 || l.Size() != c.mn*c.k {
			t.Errorf("%v: %v", c, l)
		}
	}
	for _, err := range []error{
		second(Panels(MajorK, Swizzle128, 16, 64, 48)), second(Panels(MajorMN, Swizzle64, 16, 48, 16)), second(Panels(2, NoSwizzle, 16, 8, 8)),
		second(Panels(MajorK, NoSwizzle, 24, 8, 8)), second(Panels(MajorK, NoSwizzle, 16, 1<<40, 8)), second(Panels(MajorK, NoSwizzle, 16, 8, 0)), second(Panels(MajorK, NoSwizzle, 0, 8, 8)),
	} {
		if reason(err) == "" {
			t.Errorf("%v", err)
		}
	}
}

func second(_ layout.Layout, err error) error { return err }
