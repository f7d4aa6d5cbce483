package eval

import (
	"math"
	"slices"
	"sort"

	"github.com/tilec/tilec/dsl/diag"
	"github.com/tilec/tilec/dsl/typed"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
)

// multi computes an operation with several results over whole axes.
func (r *Runner) multi(m *typed.Multi) {
	switch {
	case m.Op == ir.Topk || m.Op == ir.Sort:
		r.multis[m] = r.ranked(m)
	case m.Kind == "func":
		r.multis[m] = r.scan(m)
	default:
		r.multis[m] = []*values{r.running(m)}
	}
}

// running is a running sum, product or maximum.
func (r *Runner) running(m *typed.Multi) *values {
	axes := append(without(m.Types[0].Axes, []*typed.Axis{m.Axis}), m.Axis)
	v := r.full(m.Args[0], axes, true)
	n := int(r.interval(m.Axis).n)
	out := &values{axes: v.axes, n: v.n}
	if v.i != nil {
		out.i = slices.Clone(v.i)
		t := m.Types[0].Elem
		for at := 0; at < len(v.i); at += n {
			for k := at + 1; k < at+n; k++ {
				switch m.Kind {
				case "sum":
					out.i[k] += out.i[k-1]
				case "prod":
					out.i[k] *= out.i[k-1]
				case "max":
					if t == dtype.U64 && uint64(out.i[k-1]) > uint64(out.i[k]) || t != dtype.U64 && out.i[k-1] > out.i[k] {
						out.i[k] = out.i[k-1]
					}
				}
				out.i[k] = t.DecodeInt(t.EncodeInt(out.i[k], true))
			}
		}
		return out
	}
	out.f, out.a, out.e = slices.Clone(v.f), slices.Clone(v.magnitude()), slices.Clone(errorsOf(v))
	for at := 0; at < len(v.f); at += n {
		for k := at + 1; k < at+n; k++ {
			switch m.Kind {
			case "sum":
				out.f[k] += out.f[k-1]
				out.a[k] += out.a[k-1]
				out.e[k] += out.e[k-1]
			case "prod":
				e := times(out.f[k], out.e[k-1]) + times(out.f[k-1], out.e[k])
				out.f[k] *= out.f[k-1]
				out.a[k] *= out.a[k-1]
				out.e[k] = e + opError*out.a[k]
			case "max":
				if x := out.f[k-1]; x > out.f[k] || out.f[k] != out.f[k] {
					out.f[k], out.a[k] = x, out.a[k-1]
				}
				out.e[k] = max(out.e[k], out.e[k-1])
			}
		}
		if m.Kind == "sum" {
			for k := at; k < at+n; k++ {
				out.e[k] += float64(k-at+1) * sumError * out.a[k]
			}
		}
		for k := at; k < at+n; k++ {
			if out.f[k]-out.f[k] != 0 {
				out.a[k], out.e[k] = 0, 0
			}
		}
	}
	return out
}

// scan is a scan with a function, one index after the other, each over all other axes at once.
func (r *Runner) scan(m *typed.Multi) []*values {
	var others []*typed.Axis
	for _, e := range m.Args {
		others = join(others, e.Type().Axes)
	}
	for _, t := range m.Types {
		others = join(others, t.Axes)
	}
	others = without(others, []*typed.Axis{m.Axis})
	axes := append([]*typed.Axis{m.Axis}, others...)
	args, out := make([]*values, len(m.Args)), make([]*values, len(m.Args))
	for i, e := range m.Args {
		args[i] = r.full(e, axes, true)
		out[i] = &values{axes: axes, n: args[i].n, f: slices.Clone(args[i].f), i: slices.Clone(args[i].i)}
		if args[i].f != nil {
			out[i].a, out[i].e = slices.Clone(args[i].magnitude()), slices.Clone(errorsOf(args[i]))
		}
	}
	rows := int(r.interval(m.Axis).n)
	row := func(v *values, k int) *values {
		x := &values{axes: others, n: v.n[1:]}
		size := v.size() / rows
		cut := func(s []float64) []float64 {
			if s == nil {
				return nil
			}
			return s[k*size : (k+1)*size]
		}
		x.f, x.a, x.e = cut(v.f), cut(v.a), cut(v.e)
		if v.i != nil {
			x.i = v.i[k*size : (k+1)*size]
		}
		return x
	}
	masks := r.masks
	r.masks = nil
	defer func() { r.masks = masks }()
	for k := 1; k < rows; k++ {
		for i := range args {
			r.vars[m.Func.Params[i]] = row(out[i], k-1)
			r.vars[m.Func.Params[len(args)+i]] = row(args[i], k)
		}
		if _, err := r.block(m.Func.Body); err != nil {
			panic(asError(m.Source, err))
		}
		next := make([]*values, len(out))
		for i, e := range m.Func.Results {
			next[i] = r.full(e, others, true)
		}
		for i, v := range next {
			to := row(out[i], k)
			copy(to.f, v.f)
			copy(to.i, v.i)
			if v.f != nil {
				copy(to.a, v.magnitude())
				copy(to.e, errorsOf(v))
			}
		}
	}
	return out
}

// ranked is topk (descending) and sort (ascending): values and their index values, NaN last.
func (r *Runner) ranked(m *typed.Multi) []*values {
	rest := without(m.Args[0].Type().Axes, []*typed.Axis{m.Axis})
	v := r.full(m.Args[0], append(rest[:len(rest):len(rest)], m.Axis), true)
	n, span := int(r.interval(m.Axis).n), r.interval(m.Axis)
	j := int(r.interval(m.To).n)
	axes := append(rest[:len(rest):len(rest)], m.To)
	shape := append(slices.Clone(v.n[:len(v.n)-1]), j)
	rows := 1
	for _, k := range v.n[:len(v.n)-1] {
		rows *= k
	}
	vals, index := &values{axes: axes, n: shape}, &values{axes: axes, n: shape, i: make([]int64, rows*j)}
	elem := m.Types[0].Elem
	if v.f != nil {
		vals.f, vals.a, vals.e = make([]float64, rows*j), make([]float64, rows*j), make([]float64, rows*j)
	} else {
		vals.i = make([]int64, rows*j)
	}
	mag, errs := magnitudes(v), errorsOf(v)
	for row := range rows {
		order := make([]int, n)
		for k := range order {
			order[k] = row*n + k
		}
		less := func(a, b int) bool {
			switch {
			case v.i != nil && elem == dtype.U64:
				return uint64(v.i[a]) < uint64(v.i[b])
			case v.i != nil:
				return v.i[a] < v.i[b]
			}
			return v.f[a] < v.f[b]
		}
		sort.SliceStable(order, func(x, y int) bool {
			a, b := order[x], order[y]
			if v.f != nil && (v.f[a] != v.f[a] || v.f[b] != v.f[b]) {
				return v.f[a] == v.f[a] && v.f[b] != v.f[b]
			}
			if m.Op == ir.Topk {
				return less(b, a)
			}
			return less(a, b)
		})
		for k := range j {
			to := row*j + k
			switch {
			case k < n && v.f != nil:
				from := order[k]
				vals.f[to], vals.a[to], vals.e[to] = v.f[from], mag[from], errs[from]
			case k < n:
				vals.i[to] = v.i[order[k]]
			case v.f != nil:
				vals.f[to] = math.Inf(-1)
			default:
				vals.i[to] = elem.MinInt()
			}
			index.i[to] = -1
			if k < n {
				index.i[to] = span.lo + int64(order[k]-row*n)
			}
		}
	}
	return []*values{vals, index}
}

// asError is any error as one of this package.
func asError(at diag.Span, err error) *Error {
	if e, ok := err.(*Error); ok {
		return e
	}
	return &Error{Span: at, Err: err}
}
