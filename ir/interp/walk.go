package interp

// piece is the longest stretch between two looks at whether the run is to stop. An operation that finds it so returns
// with its result unfinished: exec sees to the rest.
const piece = 1 << 15

// chunk is the longest stretch that the elementwise operations take at once where operands must be copied together:
// short enough that a few of them stay in the first cache.
const chunk = 1024

// walk visits the elements of up to four values over one shape, a stretch of the innermost axis at a time. Axes that
// stand behind each other in memory in all of them become one.
type walk struct {
	dims  []walkDim
	index []int
	empty bool
	n     int    // length of a stretch
	s     [4]int // strides along it
	off   [4]int // where the stretch starts
}

type walkDim struct {
	n int
	s [4]int
}

// begin forgets the axes.
func (k *walk) begin() { k.dims, k.empty = k.dims[:0], false }

// axis adds the next inner axis of length n.
func (k *walk) axis(n, s0, s1, s2, s3 int) {
	switch n {
	case 0:
		k.empty = true
		return
	case 1:
		return
	}
	s := [4]int{s0, s1, s2, s3}
	if len(k.dims) > 0 {
		o := &k.dims[len(k.dims)-1]
		if o.s[0] == s0*n && o.s[1] == s1*n && o.s[2] == s2*n && o.s[3] == s3*n {
			o.n *= n
			o.s = s
			return
		}
	}
	k.dims = append(k.dims, walkDim{n, s})
}

// start goes to the first stretch; false if there is none.
func (k *walk) start() bool {
	if k.empty {
		return false
	}
	k.off = [4]int{}
	k.index = k.index[:0]
	m := len(k.dims)
	if m == 0 {
		k.n, k.s = 1, [4]int{1, 1, 1, 1}
		return true
	}
	k.n, k.s = k.dims[m-1].n, k.dims[m-1].s
	for range m - 1 {
		k.index = append(k.index, 0)
	}
	return true
}

// next goes to the next stretch in row-major order; false after the last.
func (k *walk) next() bool {
	for i := len(k.index) - 1; i >= 0; i-- {
		d := &k.dims[i]
		if k.index[i]++; k.index[i] < d.n {
			for j := range k.off {
				k.off[j] += d.s[j]
			}
			return true
		}
		k.index[i] = 0
		for j := range k.off {
			k.off[j] -= d.s[j] * (d.n - 1)
		}
	}
	return false
}

// map1 sets each element of the row-major d to k of that of a, over the same axes, a stretch at a time.
func map1[D, A elem](w *worker, d, a *cell, k func(d []D, a []A)) {
	dd, aa := vec[D](d), vec[A](a)
	if len(d.dims) == 0 {
		k(dd, aa)
		return
	}
	wk := &w.wk
	wk.begin()
	for i, x := range d.dims {
		wk.axis(x.n, x.s, a.dims[i].s, 0, 0)
	}
	for more := wk.start(); more; more = wk.next() {
		n, o := wk.n, wk.off
		if wk.s[1] == 1 {
			for i := 0; i < n && !w.run.stop.Load(); i += piece {
				m := min(piece, n-i)
				k(dd[o[0]+i:][:m], aa[o[1]+i:][:m])
			}
			continue
		}
		for i := 0; i < n && !w.run.stop.Load(); i += chunk {
			m := min(chunk, n-i)
			k(dd[o[0]+i:][:m], stretch(w, 1, aa, o[1], wk.s[1], i, m))
		}
	}
}

// stretch is elements i … i+m-1 of the stretch of s that starts at off.
func stretch[T elem](w *worker, k int, s []T, off, stride, i, m int) []T {
	if stride == 1 {
		return s[off+i:][:m]
	}
	t := scratch[T](w, k, m)
	if stride == 0 && i > 0 {
		return t // filled for the chunk before, which was no shorter
	}
	copyRow(t, s, off+i*stride, stride)
	return t
}

// map2 is map1 of two operands.
func map2[D, A, B elem](w *worker, d, a, b *cell, k func(d []D, a []A, b []B)) {
	dd, aa, bb := vec[D](d), vec[A](a), vec[B](b)
	if len(d.dims) == 0 {
		k(dd, aa, bb)
		return
	}
	wk := &w.wk
	wk.begin()
	for i, x := range d.dims {
		wk.axis(x.n, x.s, a.dims[i].s, b.dims[i].s, 0)
	}
	for more := wk.start(); more; more = wk.next() {
		n, o := wk.n, wk.off
		if wk.s[1] == 1 && wk.s[2] == 1 {
			for i := 0; i < n && !w.run.stop.Load(); i += piece {
				m := min(piece, n-i)
				k(dd[o[0]+i:][:m], aa[o[1]+i:][:m], bb[o[2]+i:][:m])
			}
			continue
		}
		for i := 0; i < n && !w.run.stop.Load(); i += chunk {
			m := min(chunk, n-i)
			k(dd[o[0]+i:][:m], stretch(w, 1, aa, o[1], wk.s[1], i, m), stretch(w, 2, bb, o[2], wk.s[2], i, m))
		}
	}
}

// map3 is map1 of three operands.
func map3[D, A, B, C elem](w *worker, d, a, b, c *cell, k func(d []D, a []A, b []B, c []C)) {
	dd, aa, bb, cc := vec[D](d), vec[A](a), vec[B](b), vec[C](c)
	if len(d.dims) == 0 {
		k(dd, aa, bb, cc)
		return
	}
	wk := &w.wk
	wk.begin()
	for i, x := range d.dims {
		wk.axis(x.n, x.s, a.dims[i].s, b.dims[i].s, c.dims[i].s)
	}
	for more := wk.start(); more; more = wk.next() {
		n, o := wk.n, wk.off
		for i := 0; i < n && !w.run.stop.Load(); i += chunk {
			m := min(chunk, n-i)
			k(dd[o[0]+i:][:m], stretch(w, 1, aa, o[1], wk.s[1], i, m), stretch(w, 2, bb, o[2], wk.s[2], i, m),
				stretch(w, 3, cc, o[3], wk.s[3], i, m))
		}
	}
}
