package eval

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"

	"github.com/tilec/tilec/dsl/diag"
	"github.com/tilec/tilec/dsl/typed"
	"github.com/tilec/tilec/ir/dtype"
)

// The bound of `expect x == y`. While y is evaluated in float64, each value v carries a magnitude a and an error e:
//
//	an input            a = |v|               e = 0
//	a kernel's result   a = |v|               e = half an ulp of its type, inside an expression
//	v + w, v − w        a = a + a'            e = e + e' + 2⁻²²·a
//	v · w, v / w        a = a·a', a/|w|       e = Σ|∂f/∂v|·e + 2⁻²²·a
//	f(v)                a = |f|               e = Σ|∂f/∂v|·e + 2⁻²²·a
//	sum, dot over n     a = Σa                e = Σe + 2n·2⁻²⁴·a
//	v as T              a                     0 where e is 0, else e + an ulp of T
//	floor and the like  a = |f|               how far the result moves within the argument's error
//	−v, |v|, select, min, max, copies: those of the value taken; comparisons and integers are exact
//
// The error that an argument's error e gives √v is at most √e, which the derivative exceeds near 0.
//
// x may then differ from y by e + r·h·a + half an ulp of x's type + the type's smallest subnormal, r·h as roundings
// gives it. Subnormals count for types with arithmetic, which may flush them: no conversion to a smaller type does. A
// bound that is infinite bounds nothing: such an element fails, unless x is y.

// halfUlp is half the distance of neighbouring values of a float type around x; 0 for other types and where x is not
// finite.
func halfUlp(t dtype.Type, x float64) float64 {
	if !t.IsFloat() || x-x != 0 {
		return 0
	}
	exp := int(math.Float64bits(x)>>52&0x7ff) - 1023
	least := math.Ilogb(t.MinNormal())
	return math.Ldexp(1, max(exp, least)-int(t.Man)-1)
}

// Point is an element at which an expectation fails. Index has the index along each axis of the failure. Bound is what
// Got may differ from Want by, 0 where they must be equal.
type Point struct {
	Index            []int64
	Got, Want, Bound float64
}

// Failure is an expectation that does not hold.
type Failure struct {
	Span   diag.Span
	Text   string   // the expectation as written
	Axes   []string // the names of the dimensions
	Shape  []int64  // their extents
	Points []Point  // the first few that fail, in row-major order
	Failed int      // how many fail
	Total  int      // of how many
	Bool   bool     // the expectation is a condition: points have no values
	Exact  bool     // the values are integers or bits
}

// Error is the place, the sentence and the points, a line each.
func (f *Failure) Error() string {
	return fmt.Sprintf("%s: %s: %s\n    %s", f.Span, f.Message(), f.Text, strings.Join(f.Lines(), "\n    "))
}

// Message says how many elements of which extents fail.
func (f *Failure) Message() string {
	var b strings.Builder
	fmt.Fprintf(&b, "the expectation fails at %d of %d elements", f.Failed, f.Total)
	for i, name := range f.Axes {
		fmt.Fprintf(&b, "%s%s %d", [...]string{", ", " × "}[min(i, 1)], name, f.Shape[i])
	}
	return b.String()
}

// Lines tell of the first points, each in a line.
func (f *Failure) Lines() []string {
	var lines []string
	for _, p := range f.Points {
		var b strings.Builder
		for i, k := range p.Index {
			fmt.Fprintf(&b, "%s%s %d", [...]string{"at ", ", "}[min(i, 1)], f.Axes[i], k)
		}
		if len(p.Index) > 0 {
			b.WriteString(": ")
		}
		switch {
		case f.Bool:
			b.WriteString("false")
		case f.Exact:
			fmt.Fprintf(&b, "got %v, want %v", number(p.Got), number(p.Want))
		case p.Bound-p.Bound != 0:
			fmt.Fprintf(&b, "got %v, want %v, and no bound can be derived: say within", number(p.Got), number(p.Want))
		default:
			fmt.Fprintf(&b, "got %v, want %v, off by %.3g, bound %.3g", number(p.Got), number(p.Want), math.Abs(p.Got-p.Want), p.Bound)
		}
		lines = append(lines, b.String())
	}
	if f.Failed > len(f.Points) {
		lines = append(lines, fmt.Sprintf("and %d more", f.Failed-len(f.Points)))
	}
	return lines
}

// number is a value for people: integers without an exponent.
func number(x float64) string {
	if x == math.Trunc(x) && math.Abs(x) < 1e15 {
		return fmt.Sprintf("%.0f", x)
	}
	return fmt.Sprintf("%.9g", x)
}

// shown is how many points a failure names.
const shown = 5

// rule decides one element of an expectation.
type rule struct {
	r      *Runner
	s      *typed.Expect
	x      typed.Expr
	elem   dtype.Type // x's type in memory where x is a kernel's result alone, else the zero type
	ulp    dtype.Type // the type whose smallest subnormal is allowed
	weight float64    // r·h
	within float64
	exact  bool
}

// expect checks an expectation.
func (r *Runner) expect(s *typed.Expect) error {
	rule := &rule{r: r, s: s, x: s.X, ulp: dtype.F32}
	r.inline(s.X)
	axes := s.X.Type().Axes
	yAxes := axes
	if s.Y != nil {
		r.inline(s.Y)
		yAxes = s.Y.Type().Axes
		rule.prepare()
		if len(without(yAxes, axes)) > 0 && len(without(axes, yAxes)) > 0 {
			if err := r.aligned(s, axes, yAxes); err != nil { // by position
				return err
			}
		} else if len(yAxes) > len(axes) {
			axes = yAxes
		}
	}
	if s.Within != nil {
		t := r.whole(s.Within)
		if t.f == nil {
			t.f = toFloats(s.Within.Type().Elem, t.i)
		}
		rule.within = t.f[0]
	}
	byPosition := len(without(yAxes, axes)) > 0
	b := &box{axes: axes}
	shape := make([]int64, len(axes))
	for i, a := range axes {
		b.at = append(b.at, r.positions(a))
		shape[i] = b.at[i].n
	}
	f := &Failure{Span: s.At, Text: s.Text, Total: count(s.At, "an expectation", shape), Bool: s.Y == nil, Exact: rule.exact || s.Op == "same"}
	for _, a := range axes {
		f.Axes = append(f.Axes, a.Name)
	}
	f.Shape = shape
	var mu sync.Mutex
	r.each(b, func(w *worker, k int, part *box) {
		w.track = rule.tracksX()
		x := w.eval(s.X, part).spread(part)
		var y *values
		if s.Y != nil {
			w.track = rule.tracks()
			to := part
			if byPosition {
				to = &box{axes: yAxes, at: part.at}
			}
			y = w.eval(s.Y, to).spread(to)
		}
		var points []Point
		failed := 0
		for i := range part.size() {
			p, ok := rule.holds(x, y, i)
			if ok {
				continue
			}
			if failed++; len(points) < shown {
				p.Index = part.index(r, i)
				points = append(points, p)
			}
		}
		if failed == 0 {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		f.Failed += failed
		f.Points = append(f.Points, points...)
	}, false)
	if f.Failed == 0 {
		return nil
	}
	slices.SortFunc(f.Points, func(a, b Point) int { return slices.Compare(a.Index, b.Index) })
	f.Points = f.Points[:min(shown, len(f.Points))]
	return f
}

// aligned checks that two sets of axes may be compared by position.
func (r *Runner) aligned(s *typed.Expect, x, y []*typed.Axis) error {
	if len(x) != len(y) {
		return failf(s.At, "internal error: %d axes compared with %d others", len(x), len(y))
	}
	for i := range x {
		if n, m := r.interval(x[i]).n, r.interval(y[i]).n; n != m {
			return failf(s.At, "axis %s has %d indices and axis %s, at the same place, %d", x[i].Name, n, y[i].Name, m)
		}
	}
	return nil
}

// index is the index along each axis of element i of a block.
func (b *box) index(r *Runner, i int) []int64 {
	out := make([]int64, len(b.axes))
	for d := len(b.axes) - 1; d >= 0; d-- {
		n := int(b.at[d].n)
		out[d] = r.interval(b.axes[d]).lo + b.at[d].lo + int64(i%n)
		i /= n
	}
	return out
}

// prepare finds what the expectation compares.
func (c *rule) prepare() {
	s := c.s
	if t := c.r.alone(s.X); t != nil {
		c.elem, c.ulp, c.weight = t.elem, t.elem, t.weight
		c.exact = !t.elem.IsFloat()
		return
	}
	c.exact = isInt(s.X.Type().Elem)
	if !c.weigh(s.X) {
		c.weigh(s.Y)
	}
}

// alone is the tensor whose elements an expression is, if it is a kernel's.
func (r *Runner) alone(e typed.Expr) *tensor {
	switch e := e.(type) {
	case *typed.Load:
		if t := r.tensors[e.Tensor]; t != nil && t.result && e.Mode != typed.Else {
			return t
		}
	case *typed.Cast:
		if dtype.Widens(e.Value.Type().Elem, e.T.Elem) {
			return r.alone(e.Value)
		}
	case *typed.Let:
		return r.alone(e.Value)
	}
	return nil
}

// weigh takes the largest weight of the kernels' results in an expression, and reports whether there are any.
func (c *rule) weigh(e typed.Expr) bool {
	any := false
	if l, ok := e.(*typed.Load); ok {
		if t := c.r.tensors[l.Tensor]; t != nil && t.result {
			any = true
			c.weight = max(c.weight, t.weight)
			if t.elem.IsFloat() && t.elem.SmallestSubnormal() > c.ulp.SmallestSubnormal() {
				c.ulp = t.elem
			}
		}
	}
	if l, ok := e.(*typed.Let); ok {
		return c.weigh(l.Value)
	}
	for _, x := range typed.Operands(e) {
		any = c.weigh(x) || any
	}
	return any
}

// tracks and tracksX report whether errors are needed of y and of x.
func (c *rule) tracks() bool  { return !c.exact && c.s.Within == nil && c.s.Op == "==" }
func (c *rule) tracksX() bool { return c.tracks() && c.elem == dtype.Type{} }

// holds decides element i, and says what it is where it fails.
func (c *rule) holds(x, y *values, i int) (Point, bool) {
	if y == nil {
		return Point{}, x.i[i] != 0
	}
	if x.i != nil && y.i != nil {
		p := Point{Got: float64(x.i[i]), Want: float64(y.i[i])}
		if c.s.Within != nil {
			p.Bound = c.within * (1 + math.Abs(p.Want))
			// The difference as unsigned is exact, so within 0 is too.
			return p, float64(uint64(max(x.i[i], y.i[i]))-uint64(min(x.i[i], y.i[i]))) <= p.Bound
		}
		return p, x.i[i] == y.i[i]
	}
	got, want := at(x, i), at(y, i)
	if c.s.Op == "same" {
		same := got == want && math.Signbit(got) == math.Signbit(want) || got != got && want != want
		return Point{Got: got, Want: want}, same
	}
	if got == want || got != got && want != want {
		return Point{}, true
	}
	if c.s.Within != nil {
		p := Point{Got: got, Want: want, Bound: c.within * (1 + math.Abs(want))}
		return p, finiteBoth(got, want) && math.Abs(got-want) <= p.Bound
	}
	if c.exact {
		if c.elem.Valid() && !c.elem.IsFloat() {
			want = min(max(want, c.elem.Lowest()), c.elem.Max()) // what is outside the type saturates
		}
		return Point{Got: got, Want: want}, got == want
	}
	return c.close(x, y, i, got, want)
}

func finiteBoth(x, y float64) bool { return x-x == 0 && y-y == 0 }

func at(v *values, i int) float64 {
	if v.f != nil {
		return v.f[i]
	}
	return float64(v.i[i])
}

// close applies the bound.
func (c *rule) close(x, y *values, i int, got, want float64) (Point, bool) {
	if want-want != 0 {
		return Point{Got: got, Want: want}, false
	}
	var slack float64
	if y.e != nil {
		slack = y.e[i]
	}
	if x.e != nil {
		slack += x.e[i]
	}
	a := math.Abs(want)
	if y.a != nil {
		a = y.a[i]
	}
	slack += c.weight * a
	if slack-slack != 0 {
		return Point{Got: got, Want: want, Bound: slack}, false
	}
	t := c.elem
	if t.Valid() && math.Abs(want) > t.Max() {
		// Outside the range of x's type. Where y's own error reaches back inside, what is nearest inside will do, too.
		back := t.Round64(math.Copysign(max(math.Abs(want)-slack, 0), want))
		want = t.Round64(want)
		if got == want || finiteBoth(back, got) && math.Abs(got) >= math.Abs(back) && math.Signbit(got) == math.Signbit(back) {
			return Point{}, true
		}
		if want-want != 0 {
			return Point{Got: got, Want: want}, false
		}
	}
	p := Point{Got: got, Want: want, Bound: slack}
	if c.ulp.Arithmetic() {
		p.Bound += c.ulp.SmallestSubnormal()
	}
	if t.Valid() {
		// What was rounded to t may lie as far out as the slack allows, where the values of t are wider apart.
		p.Bound += halfUlp(t, math.Abs(want)+slack)
		if got-got != 0 && got == got { // overflow at the very end of the range
			return p, t.Round64(want+math.Copysign(slack, want)) == got
		}
	}
	return p, math.Abs(got-want) <= p.Bound
}
