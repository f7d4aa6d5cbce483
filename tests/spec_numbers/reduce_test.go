package numbers

import (
	"fmt"
	"math"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/tilec/tilec/ir/dtype"
)

// resultOf is the type of a reduction or scan of a type, by the decisions of the page on types.
func resultOf(kind, name string, e dtype.Type) string {
	small := name
	if e.IsFloat() && (e.Bits() < 32 || name == "tf32") {
		small = "f32"
	} else if !e.IsFloat() && (e.Bits() < 32 || e == dtype.Bool) {
		small = "i32"
	}
	switch kind {
	case "argmax", "argmin":
		return "i64"
	case "any", "all":
		return "bool"
	case "mean":
		if !e.IsFloat() {
			return "f32"
		}
		return small
	case "sum", "prod", "cumsum", "cumprod":
		return small
	}
	arithmetic := e.IsInt() && e.Bits() >= 8 || e.IsFloat() && e.Bits() >= 16
	if arithmetic || name == "bool" {
		return name
	}
	return small
}

// reductions are those that a type has.
func reductions(name string) []string {
	if name == "bool" {
		return []string{"sum", "mean", "any", "all", "last"}
	}
	return []string{"sum", "prod", "mean", "max", "min", "maxnan", "minnan", "last", "argmax", "argmin"}
}

// lines are rows of elements: of any codes, so with NaN, infinities and ties, and of small numbers whose sums and products are
// exact.
func lines(t *testing.T, name string, n, m int, any bool) []uint64 {
	e := parse(t, name)
	r := seeded(fmt.Sprint("lines ", name, n, m, any))
	out := make([]uint64, n*m)
	for i := range out {
		if any {
			out[i] = r.Uint64() >> (64 - e.Bits())
			switch {
			case name == "bool" && i/m < 4:
				out[i] = uint64(i / m & 1) // lines of one value
			case name == "bool":
				out[i] &= 1
			case name == "tf32":
				out[i] = out[i] >> 13 << 13
			case e.IsFloat() && e.Bits() >= 16 && r.IntN(3) > 0:
				out[i] = code(e, []float64{math.NaN(), math.Inf(1), math.Inf(-1), 0, math.Copysign(0, -1), 1, 2.5, -3}[r.IntN(8)])
			case e.IsFloat() && e.Bits() >= 16:
				out[i] = code(e, math.Ldexp(r.NormFloat64(), r.IntN(30)-15))
			case r.IntN(3) == 0 && i > 0:
				out[i] = out[i-1]
			}
			if i/m < 2 && e.IsFloat() && e.Bits() >= 16 {
				out[i] = code(e, math.NaN()) // whole lines of it
			}
			continue
		}
		for {
			out[i] = r.Uint64() >> (64 - e.Bits())
			if name == "bool" {
				out[i] &= 1
			}
			if e.Bits() >= 16 && e.IsFloat() {
				out[i] = code(e, []float64{1, 2, 0.5, -1, -2, 4, 1, 0.25}[r.IntN(8)])
			}
			v := decode(e, out[i])
			if e.Bits() > 8 && e.IsInt() {
				break // wraps, exactly
			}
			if a := math.Abs(scalar(v)); a <= 16 && (a >= 1 || a >= 0.125 && math.Mod(a, 0.125) == 0) || a == 1 || !v.float {
				break
			}
		}
	}
	return out
}

// TestReduce reduces lines of every type, by every reduction, and looks at the type of the result: its codes come out
// by `bits`, which takes types of one width only.
func TestReduce(t *testing.T) {
	const n, m = 24, 8
	for _, name := range types {
		e := parse(t, name)
		for _, kind := range reductions(name) {
			result := resultOf(kind, name, e)
			r := parse(t, result)
			as, out := fmt.Sprintf(" bits u%d", r.Bits()), fmt.Sprintf("u%d", r.Bits())
			if result == "bool" {
				as, out = "", "bool"
			} else if r.IsInt() && r.Kind == dtype.UintKind {
				as = fmt.Sprintf(" bits i%d", r.Bits())
				out = fmt.Sprintf("i%d", r.Bits())
			}
			text := fmt.Sprintf("kernel reduce(x %s[N, %d]) (y %s[N]) {\n\tparallel n in N by 32 {\n\t\taxis m = %d\n\t\ty[n] = %s[m](x[n, m])%s\n\t}\n}\n", name, m, out, m, kind, as)
			k := load(t, text)
			for _, any := range []bool{false, true} {
				if any && (kind == "sum" || kind == "prod" || kind == "mean") && e.IsFloat() {
					continue
				}
				x := lines(t, name, n, m, any)
				for i, got := range codes(k.run(t, tensor(e, x, n, m))[0]) {
					line := make([]value, m)
					for j := range line {
						line[j] = decode(e, x[i*m+j])
					}
					want := reduced(kind, r, line)
					if g := decode(r, got); !g.same(want) {
						t.Errorf("%s of %s %v = %v, want %v", kind, name, line, g, want)
						break
					}
				}
			}
		}
	}
}

// reduced is the reduction of a line, in type r.
func reduced(kind string, r dtype.Type, line []value) value {
	best, at := value{}, -1
	for i, v := range line {
		if at < 0 || before(v, best, kind == "argmin") {
			best, at = v, i
		}
	}
	switch kind {
	case "argmax", "argmin":
		return integer(int64(at))
	case "any", "all":
		for _, v := range line {
			if (v.mag != 0) == (kind == "any") {
				return v
			}
		}
		return value{mag: map[string]uint64{"any": 0, "all": 1}[kind]}
	case "last":
		return convert(line[len(line)-1], r, "")
	case "sum", "prod", "mean":
		return total(kind, r, line)
	}
	return extreme(kind, r, line)
}

// before reports that v comes before w in descending order (ascending if up), NaN last.
func before(v, w value, up bool) bool {
	if v.float {
		if v.f != v.f || w.f != w.f {
			return v.f == v.f && w.f != w.f
		}
		return up && v.f < w.f || !up && v.f > w.f
	}
	c := compare(v, w)
	return up && c < 0 || !up && c > 0
}

func compare(v, w value) int {
	x, y := new(big.Int).SetUint64(v.mag), new(big.Int).SetUint64(w.mag)
	if v.neg {
		x.Neg(x)
	}
	if w.neg {
		y.Neg(y)
	}
	return x.Cmp(y)
}

func total(kind string, r dtype.Type, line []value) value {
	if kind == "mean" && !line[0].float {
		// The sum of converted integers.
		for i, v := range line {
			line[i] = convert(v, r, "")
		}
	}
	if line[0].float {
		s := 0.0
		if kind == "prod" {
			s = 1
		}
		for _, v := range line {
			if kind == "prod" {
				s = toFloat(r, s*v.f, false)
			} else {
				s = toFloat(r, s+v.f, false)
			}
		}
		if kind == "mean" {
			s = toFloat(r, s/float64(len(line)), false)
		}
		return float(s)
	}
	s := big.NewInt(int64(len(kind) - 3)) // 0 or 1
	for _, v := range line {
		x := new(big.Int).SetUint64(v.mag)
		if v.neg {
			x.Neg(x)
		}
		if kind == "prod" {
			s.Mul(s, x)
		} else {
			s.Add(s, x)
		}
	}
	return decode(r, pattern(r, s))
}

func extreme(kind string, r dtype.Type, line []value) value {
	least := strings.HasPrefix(kind, "min")
	if !line[0].float {
		best := line[0]
		for _, v := range line[1:] {
			if before(v, best, least) {
				best = v
			}
		}
		return convert(best, r, "")
	}
	s := math.Inf(-1) // of nothing, or of NaN alone
	f := math.Max
	if least {
		s, f = -s, math.Min
	}
	for _, v := range line {
		if strings.HasSuffix(kind, "nan") {
			s = nanFirst(s, v.f, f)
		} else {
			s = number(s, v.f, f)
		}
	}
	return float(s)
}

// TestScans: cumsum, cumprod and cummax of every type, along the inner and the outer axis.
func TestScans(t *testing.T) {
	const n, m = 8, 24
	for _, name := range types {
		e := parse(t, name)
		for _, kind := range []string{"cumsum", "cumprod", "cummax"} {
			if name == "bool" && kind != "cumsum" {
				continue
			}
			result := resultOf(kind, name, e)
			r := parse(t, result)
			text := fmt.Sprintf("kernel scans(x %s[%d, %d]) (y %s[%d, %d], z %s[%d, %d]) {\n\tparallel i in 1 {\n\t\taxis n = %d\n\t\taxis m = %d\n\t\ty[n, m] = %s[n](x[n, m])\n\t\tz[m, n] = %s[n](x[n, m])\n\t}\n}\n",
				name, n, m, result, n, m, result, m, n, n, m, kind, kind)
			k := load(t, text)
			for _, any := range []bool{false, true} {
				if any && kind != "cummax" && e.IsFloat() {
					continue
				}
				x := lines(t, name, n, m, any)
				out := k.run(t, tensor(e, x, n, m))
				y, z := codes(out[0]), codes(out[1])
				for j := range m {
					for i := range n {
						line := make([]value, i+1)
						for k := range line {
							line[k] = decode(e, x[k*m+j])
						}
						var want value
						switch kind {
						case "cummax":
							want = extreme("max", r, line)
							if first := line[0]; first.float && !slices.ContainsFunc(line, func(v value) bool { return v.f == v.f }) {
								want = first // NaN until there is a number
							}
						default:
							want = total(kind[3:], r, line)
						}
						g, h := decode(r, y[i*m+j]), decode(r, z[j*n+i])
						if !g.same(want) || !h.same(want) {
							t.Fatalf("%s of %s %v = %v and %v, want %v", kind, name, line, g, h, want)
						}
					}
				}
			}
		}
	}
}

// TestOrder sorts and ranks lines of every type: NaN last, equal ones by their index, results of another length than the
// line padded or cut off.
func TestOrder(t *testing.T) {
	const n, m = 16, 11
	for _, name := range types {
		if name == "bool" {
			continue
		}
		e := parse(t, name)
		result := resultOf("max", name, e)
		r := parse(t, result)
		for _, length := range []int{0, 1, 4, m, m + 5} {
			text := fmt.Sprintf(`kernel order(x %s[%d, %d]) (s %s[%d, %d], i int[%d, %d], t %s[%d, %d], j int[%d, %d]) {
	parallel b in 1 {
		axis n = %d
		axis m = 3..%d
		axis k = %d
		s[n, k], i[n, k] = sort[m, k](x[n, m - 3])
		t[n, k], j[n, k] = topk[m, k](x[n, m - 3])
	}
}
`, name, n, m, result, n, length, n, length, result, n, length, n, length, n, m+3, length)
			x := lines(t, name, n, m, true)
			out := load(t, text).run(t, tensor(e, x, n, m))
			for b := range n {
				line := make([]value, m)
				order := make([]int, m)
				for k := range line {
					line[k], order[k] = decode(e, x[b*m+k]), k
				}
				for o, up := range []bool{true, false} {
					slices.SortStableFunc(order, func(p, q int) int {
						switch {
						case before(line[p], line[q], up):
							return -1
						case before(line[q], line[p], up):
							return 1
						}
						return p - q
					})
					values, index := codes(out[2*o]), codes(out[2*o+1])
					for k := range length {
						var want value
						at := int64(-1)
						switch {
						case k < m:
							want, at = convert(line[order[k]], r, ""), int64(order[k]+3)
							if r == e {
								want = line[order[k]]
							}
						case r.IsFloat():
							want = float(math.Inf(-1))
						default:
							want, _ = limits(r)
						}
						g, i := decode(r, values[b*length+k]), int64(index[b*length+k])
						if !g.same(want) || i != at {
							t.Fatalf("%s ascending %v: number %d of %v is %v from %d, want %v from %d", name, up, k, line, g, i, want, at)
						}
					}
				}
			}
		}
	}
}

// TestNothing: what reductions give where nothing exists, in every type.
func TestNothing(t *testing.T) {
	inf := math.Inf(1)
	for _, name := range types {
		e := parse(t, name)
		for _, kind := range reductions(name) {
			result := resultOf(kind, name, e)
			r := parse(t, result)
			text := fmt.Sprintf("kernel nothing(x %s[0]) (y %s[1]) {\n\tparallel i in 1 {\n\t\taxis m = 0\n\t\ty[i] = %s[m](x[m])\n\t}\n}\n", name, result, kind)
			if r.Bits() < 8 {
				text = strings.Replace(text, "y[i] =", "axis o = 1\n\t\ty[o] =", 1)
			}
			var want value
			switch kind {
			case "sum", "last", "any":
				want = value{float: r.IsFloat()}
			case "prod", "all":
				want = convert(integer(1), r, "")
			case "mean":
				want = float(math.NaN())
			case "argmax", "argmin":
				want = integer(-1)
			default:
				if r.IsFloat() {
					want = float(-inf)
					if strings.HasPrefix(kind, "min") {
						want = float(inf)
					}
					break
				}
				least, most := limits(r)
				want = least
				if strings.HasPrefix(kind, "min") {
					want = most
				}
			}
			got := codes(load(t, text).run(t, vector(e, nil))[0])[0]
			if g := decode(r, got); !g.same(want) {
				t.Errorf("%s of no %s is %v, want %v", kind, name, g, want)
			}
		}
	}
}
