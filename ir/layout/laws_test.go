package layout

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
)

// A source makes random layouts, the same ones in every run.
type source struct{ *rand.Rand }

func newSource(seed uint64) source { return source{rand.New(rand.NewPCG(seed, 5))} }

func (r source) pick(from ...int64) int64 { return from[r.IntN(len(from))] }

// shape is a random shape of few leaves, nested now and then.
func (r source) shape(depth int, sizes ...int64) Tuple {
	if depth == 0 || r.IntN(3) == 0 {
		return Int(r.pick(sizes...))
	}
	items := make([]Tuple, 1+r.IntN(3))
	for i := range items {
		items[i] = r.shape(depth-1, sizes...)
	}
	return List(items...)
}

// strides are of a random kind: a permutation of compact ones, padded ones, or any.
func (r source) strides(shape Tuple) Tuple {
	sizes := shape.Leaves()
	strides := make([]int64, len(sizes))
	kind := r.IntN(4)
	step := int64(1)
	for _, i := range r.Perm(len(sizes)) {
		strides[i] = step
		switch {
		case kind == 3:
			strides[i] = r.Int64N(20)
		case kind == 2 && r.IntN(3) == 0:
			step += r.pick(1, 2, 3, 4)
		}
		step *= sizes[i]
	}
	if r.IntN(6) == 0 {
		strides[r.IntN(len(strides))] = 0
	}
	return shape.With(strides)
}

func (r source) swizzle() Swizzle {
	switch r.IntN(8) {
	case 0:
		n := 1 + r.IntN(4)
		columns := make([]int64, n)
		for k := range columns {
			columns[k] = r.Int64N(1 << n)
		}
		return Must(Linear(columns))
	case 1:
		return Must(Rotation(r.pick(1, 2, 3, 4), r.pick(2, 3, 4, 5), r.pick(1, 2)))
	default:
		n := r.IntN(3)
		shift := n + r.IntN(3)
		if r.IntN(4) == 0 {
			shift = -shift
		}
		return Must(XOR(n, r.IntN(3), shift))
	}
}

var (
	anySizes   = []int64{1, 2, 2, 3, 4, 4, 5, 6, 8}
	powerSizes = []int64{1, 2, 2, 4, 4, 8}
)

// layout is a random layout; kind 0 has no swizzle, kind 1 may have one, kind 2 is of powers of two and has one.
func (r source) layout(kind int) Layout {
	sizes := anySizes
	if kind == 2 {
		sizes = powerSizes
	}
	for {
		shape := r.shape(2, sizes...)
		offset := int64(0)
		if r.IntN(5) == 0 {
			offset = r.Int64N(9)
		}
		s := Swizzle{}
		if kind == 2 || kind == 1 && r.IntN(2) == 0 {
			s = r.swizzle()
		}
		l, err := build(shape, r.strides(shape), offset, s)
		if err == nil && l.size <= 512 {
			return l
		}
	}
}

func equalValues(a, b Layout) bool { return slices.Equal(a.Values(), b.Values()) }

// peels tells whether the values are a layout of one mode: split at the first break, the blocks must repeat.
func peels(values []int64) bool {
	n := len(values)
	if n <= 2 {
		return true
	}
	first := 2
	for first < n && values[first]-values[first-1] == values[1]-values[0] {
		first++
	}
	if first == n {
		return true
	}
	if n%first != 0 {
		return false
	}
	var heads []int64
	for i := 0; i < n; i += first {
		heads = append(heads, values[i])
		for k := range first {
			if values[i+k]-values[i] != values[k]-values[0] {
				return false
			}
		}
	}
	return peels(heads)
}

// hasProfile tells whether the values are a layout of a shape's leaves, each of which may be split.
func hasProfile(values []int64, sizes []int64) bool {
	strides := make([]int, len(sizes))
	step := 1
	for i, s := range sizes {
		strides[i] = step
		step *= int(s)
	}
	for i, v := range values {
		sum, rest := values[0], i
		for k, s := range sizes {
			sum += values[rest%int(s)*strides[k]] - values[0]
			rest /= int(s)
		}
		if v != sum {
			return false
		}
	}
	for k, s := range sizes {
		var line []int64
		for i := range int(s) {
			line = append(line, values[i*strides[k]])
		}
		if !peels(line) {
			return false
		}
	}
	return true
}

func isReason(err error, reasons ...Reason) bool {
	var e *Error
	return errors.As(err, &e) && slices.Contains(reasons, e.Reason) && e.Text != ""
}

// values of a after b by definition.
func after(a, b Layout) []int64 {
	values := b.Values()
	for i, x := range values {
		values[i] = a.At(x)
	}
	return values
}

// splits tells whether a shape is another one with some leaves split.
func splits(shape, into Tuple) bool {
	if shape.IsInt() {
		n, _ := into.Product()
		return n == shape.Value()
	}
	if into.IsInt() || shape.Rank() != into.Rank() {
		return false
	}
	for i := range shape.Rank() {
		if !splits(shape.Mode(i), into.Mode(i)) {
			return false
		}
	}
	return true
}

func TestComposeLaw(t *testing.T) {
	r := newSource(1)
	var accepted, refused [3]int
	for n := range 60000 {
		kind := n % 3
		a, b := r.layout(kind), r.layout(kind)
		if len(a.unbounded()) > 1 && b.low < 0 {
			continue
		}
		want := after(a, b)
		got, err := Compose(a, b)
		if err == nil {
			accepted[kind]++
			if !slices.Equal(got.Values(), want) {
				t.Fatalf("%v o %v = %v: %v, want %v", a, b, got, got.Values(), want)
			}
			if !splits(b.shape, got.shape) {
				t.Fatalf("%v o %v = %v: another profile", a, b, got)
			}
			continue
		}
		refused[kind]++
		if !isReason(err, Divisibility, Carry, Nonlinear, Range) {
			t.Fatalf("%v o %v: %v", a, b, err)
		}
		if hasProfile(want, b.sizes) {
			t.Fatalf("%v o %v is a layout, %v; refused: %v", a, b, want, err)
		}
	}
	t.Log("accepted", accepted, "refused", refused)
}

func TestConcatSlicePermuteReshape(t *testing.T) {
	r := newSource(2)
	var accepted, refused [3]int
	for n := range 20000 {
		kind := n % 3
		a, b := r.layout(kind), r.layout(kind)
		if kind == 1 {
			b = r.layout(0)
		}
		if a.size*b.size > 4096 {
			continue
		}
		got, err := Concat(a, b)
		if err != nil {
			refused[kind]++
			if kind == 0 || !isReason(err, Nonlinear) {
				t.Fatalf("(%v, %v): %v", a, b, err)
			}
		} else {
			accepted[kind]++
			var want []int64
			for _, y := range b.Values() {
				for _, x := range a.Values() {
					want = append(want, x+y)
				}
			}
			if !slices.Equal(got.Values(), want) || got.Rank() != 2 {
				t.Fatalf("(%v, %v) = %v: %v, want %v", a, b, got, got.Values(), want)
			}
		}

		at := make([]int64, a.Rank())
		var kept []Layout
		place, start := int64(1), int64(0)
		for i := range at {
			at[i] = -1
			m := a.Mode(i)
			if r.IntN(2) == 0 {
				at[i] = r.Int64N(m.size)
				start += at[i] * place
			} else {
				kept = append(kept, Must(New(Int(m.size), Int(place))))
			}
			place *= m.size
		}
		index := Must(Concat(append(kept, Must(New(Int(1), Int(0))))...))
		index.offset = start
		if got, want := Must(a.Slice(at...)).Values(), after(a, index); !slices.Equal(got, want) {
			t.Fatalf("%v at %v: %v, want %v", a, at, got, want)
		}

		order := r.Perm(a.Rank())
		p := Must(a.Permute(order...))
		places := make([]int64, a.Rank())
		place = 1
		for i := range places {
			places[i] = place
			place *= a.Mode(i).size
		}
		var modes []Layout
		for _, k := range order {
			modes = append(modes, Must(New(Int(a.Mode(k).size), Int(places[k]))))
		}
		if index := Must(Concat(modes...)); !slices.Equal(p.Values(), after(a, index)) {
			t.Fatalf("%v by %v is %v", a, order, p)
		}

		back, err := a.Coalesce().Reshape(a.shape)
		if err != nil || !equalValues(a, back) || !splits(a.shape, back.shape) {
			t.Fatalf("%v coalesced and back: %v, %v", a, back, err)
		}
	}
	t.Log("concat accepted", accepted, "refused", refused)
	l := Must(RowMajor(4, 6))
	for _, err := range []error{
		second(l.Slice(0)), second(l.Slice(4, 0)), second(l.Slice(0, -2)), second(l.Permute(0)), second(l.Permute(0, 0)), second(l.Permute(0, 2)),
		second(l.Reshape(Ints(5, 5))), second(l.Reshape(Ints(3, 8))), second(l.CoalesceModes(Ints(1, 1, 1))),
	} {
		if !isReason(err, Range, Profile, Divisibility, Carry) {
			t.Error(err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestEqualAndCanonical(t *testing.T) {
	r := newSource(3)
	same, forms := 0, 0
	check := func(a, b Layout) {
		want := a.size == b.size && equalValues(a, b)
		if got := a.Equal(b); got != want {
			t.Fatalf("%v equals %v: %v, want %v", a, b, got, want)
		}
		if want {
			same++
		}
		_, linear := a.Matrix()
		if swizzled(a.Canonical()) && !linear {
			return // not a unique form
		}
		forms++
		if got := a.Canonical().Identical(b.Canonical()); got != want {
			t.Fatalf("%v and %v are in form %v and %v: the same is %v", a, b, a.Canonical(), b.Canonical(), want)
		}
	}
	var small []Layout
	for n := range 1500 {
		a := r.layout(n % 3)
		if !equalValues(a, a.Coalesce()) || !equalValues(a, a.Canonical()) || !equalValues(a, a.Flatten()) {
			t.Fatalf("%v coalesced is %v, in form %v", a, a.Coalesce(), a.Canonical())
		}
		if a.size <= 12 && len(small) < 400 {
			small = append(small, a)
		}
		check(a, a.Canonical())
		check(a, r.layout(n%3))
		if b, err := Compose(a, Must(New(Int(a.size), Int(1)))); err == nil {
			check(a, b)
		}
		// The same with a column that is not reached, or changed at one place.
		s := a.swizzle
		if s.IsLinear() && a.low >= 0 {
			columns := slices.Clone(s.matrix(12).columns)
			columns[11] = 1 << 10
			columns[10] = 1 << 11
			b := a
			b.swizzle = Must(Linear(columns))
			check(a, b)
			columns[r.IntN(4)] ^= 1 << r.IntN(4)
			b.swizzle = Must(Linear(columns))
			check(a, b)
		}
	}
	for _, a := range small {
		for _, b := range small {
			check(a, b)
		}
	}
	t.Log(same, "equal pairs,", forms, "compared by form")
	if same < 1000 || forms < 10000 {
		t.Error("too few")
	}
}

// linearByValues is the definition of Matrix.
func linearByValues(l Layout) bool {
	values := l.Values()
	if n := len(values); n&(n-1) != 0 || slices.Min(values) < 0 {
		return false
	}
	for i, v := range values {
		x := values[0]
		for k := 1; k < len(values); k *= 2 {
			if i&k != 0 {
				x ^= values[k] ^ values[0]
			}
		}
		if x != v {
			return false
		}
	}
	return true
}

func TestMatrixAndImage(t *testing.T) {
	r := newSource(4)
	linear := 0
	for n := range 20000 {
		l := r.layout(n % 3)
		values := l.Values()
		m, ok := l.Matrix()
		if want := linearByValues(l); ok != want {
			t.Fatalf("%v is linear over F2: %v, want %v", l, ok, want)
		}
		if ok {
			linear++
			for i, v := range values {
				if v != values[0]^m.At(int64(i)) {
					t.Fatalf("%v: matrix %v", l, m)
				}
			}
		}
		if got, want := Must(l.Cosize()), slices.Max(values)+1; got != want {
			t.Fatalf("%v has cosize %d, want %d", l, got, want)
		}
		image := slices.Clone(values)
		slices.Sort(image)
		image = slices.Compact(image)
		if got := Must(l.Image()); !slices.Equal(got, image) {
			t.Fatalf("%v has image %v, want %v", l, got, image)
		}
		if got, want := l.Injective(), len(image) == len(values); got != want {
			t.Fatalf("%v is injective: %v, want %v", l, got, want)
		}
		for mode := range l.Rank() {
			got, want := l.Vector(mode), vector(l, mode)
			_, linear := l.linear()
			if got != want && (got > want || !swizzled(l) || linear) {
				t.Fatalf("mode %d of %v has vectors of %d, want %d", mode, l, got, want)
			}
		}
	}
	t.Log(linear, "linear")
}

// vector is the definition of Vector: by all groups of consecutive indices of a mode.
func vector(l Layout, mode int) int64 {
	inner, own := int64(1), l.Mode(mode).size
	for i := range mode {
		inner *= l.Mode(i).size
	}
	most := int64(1)
	for v := int64(2); v <= own; v++ {
		ok := own%v == 0
		for i := int64(0); ok && i < l.size; i++ {
			at := i / inner % own % v
			head := l.At(i - at*inner)
			ok = head%v == 0 && l.At(i) == head+at
		}
		if ok {
			most = v
		}
	}
	return most
}

func TestF2(t *testing.T) {
	r := newSource(5)
	random := func() F2 {
		columns := make([]int64, r.IntN(6))
		for k := range columns {
			columns[k] = r.Int64N(1 << (1 + r.IntN(5)))
		}
		return Must(NewF2(columns...))
	}
	for range 5000 {
		m := random()
		images := map[int64]bool{}
		for x := range int64(1) << m.Bits() {
			images[m.At(x)] = true
		}
		if 1<<m.Rank() != len(images) || m.Rank()+len(m.Kernel()) != m.Bits() || len(m.Image()) != m.Rank() {
			t.Fatalf("%v: rank %d, kernel %v", m, m.Rank(), m.Kernel())
		}
		for _, x := range m.Kernel() {
			if x == 0 || m.At(x) != 0 {
				t.Fatalf("%v: kernel %v", m, m.Kernel())
			}
		}
		for y := range int64(64) {
			if x, ok := m.Solve(y); ok != images[y] || ok && m.At(x) != y {
				t.Fatalf("%v: %d comes from %d, %v", m, y, x, ok)
			}
		}
		g := m.Inverse(m.Rows())
		for x := range int64(1) << m.Bits() {
			if back := g.At(m.At(x)); m.At(back) != m.At(x) || m.Rank() == m.Bits() && back != x {
				t.Fatalf("%v has the inverse %v", m, g)
			}
		}
		n := random()
		if p, err := m.Mul(n); err == nil {
			for x := range int64(1) << n.Bits() {
				if p.At(x) != m.At(n.At(x)) {
					t.Fatalf("%v after %v is %v", m, n, p)
				}
			}
		} else if n.Rows() <= m.Bits() {
			t.Fatal(err)
		}
	}
}

func TestInverses(t *testing.T) {
	r := newSource(6)
	var right, left, refused [3]int
	for n := range 20000 {
		kind := n % 3
		a := r.layout(kind)
		if n%7 == 0 {
			a.offset = 0
			a = mustBuild(a.shape, a.stride, 0, a.swizzle)
		}
		if b, err := RightInverse(a); err == nil {
			right[kind]++
			for i := range b.size {
				if got := a.At(b.At(i)); got != i {
					t.Fatalf("%v has the right inverse %v: %d goes to %d", a, b, i, got)
				}
			}
		} else if !isReason(err, Range, Injectivity, Nonlinear, Divisibility, Carry) {
			t.Fatalf("right inverse of %v: %v", a, err)
		}
		b, err := LeftInverse(a)
		if err != nil {
			refused[kind]++
			if !isReason(err, Range, Injectivity, Nonlinear, Divisibility, Carry) {
				t.Fatalf("left inverse of %v: %v", a, err)
			}
			continue
		}
		left[kind]++
		injective := a.Injective()
		for i := range a.size {
			x := a.At(i)
			back := b.At(x)
			if injective && back != i || a.At(back) != x || back < 0 || back >= a.size || x >= b.size && b.size > 1 {
				t.Fatalf("%v has the left inverse %v: offset %d of %d goes to %d", a, b, x, i, back)
			}
		}
	}
	t.Log("right", right, "left", left, "refused", refused)
}

func TestRecast(t *testing.T) {
	r := newSource(7)
	var accepted, refused, round int
	for n := range 20000 {
		a := r.layout(n % 3)
		from, to := r.pick(1, 2, 4, 6, 8, 16, 32), r.pick(1, 2, 4, 6, 8, 16, 32)
		b, err := Recast(a, from, to)
		if err != nil {
			refused++
			if !isReason(err, Divisibility, Injectivity, Nonlinear, Carry) {
				t.Fatalf("%v from %d to %d bits: %v", a, from, to, err)
			}
			continue
		}
		accepted++
		// Coordinates of the leaves, divided or multiplied, have the offset divided or multiplied.
		wide, narrow, n := a, b, from/gcd(from, to)
		if to%from == 0 {
			wide, narrow, n = b, a, to/from
		} else if from%to != 0 {
			continue
		}
		for i := range narrow.size {
			rest, j, place := i, int64(0), int64(1)
			for k, s := range narrow.sizes {
				c := rest % s
				rest /= s
				j += c * wide.sizes[k] / s * place
				place *= wide.sizes[k]
			}
			if got, want := wide.At(j), narrow.At(i)/n; got != want {
				t.Fatalf("%v from %d to %d bits is %v: element %d lies in %d, want %d", a, from, to, b, i, got, want)
			}
		}
		if from%to == 0 {
			round++
			if one := slices.Contains(wide.strides, 1); one && narrow.size != wide.size*n || !one && narrow.size != wide.size {
				t.Fatalf("%v from %d to %d bits is %v", a, from, to, b)
			}
			if back, err := Recast(b, to, from); err != nil || !back.Equal(a) || !back.shape.Equal(a.shape) {
				t.Fatalf("%v from %d to %d bits is %v, and back %v, %v", a, from, to, b, back, err)
			}
		}
	}
	t.Log("accepted", accepted, "refused", refused, "round trips", round)
}
