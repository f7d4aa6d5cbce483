// Package random writes random well-typed kernels, each with a test that states the same on whole tensors.
//
// In goes a seed; out comes the text of a .tile file. It always holds that the file checks, that its test passes on a
// correct compiler, and that equal seeds give equal texts. A kernel's expressions are written once and used twice: cut
// into blocks, loops and phases in the kernel, and over whole axes in the test, where tiles, spans and schedules do not
// exist. What differs between the two is what the compiler does.
package random

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// Generate gives the text of one package with one kernel, its schedule and its test.
func Generate(seed uint64) string {
	g := &generator{r: rand.New(rand.NewPCG(seed, 0x7469_6c65)), exact: seed%3 != 0}
	return g.file()
}

// axis is an axis that the kernel and the test both have under one name. The dimension of a span is the name in upper
// case; a fixed axis has its length in the text.
type axis struct {
	name  string
	fixed int
}

func (a axis) dim() string {
	if a.fixed > 0 {
		return fmt.Sprint(a.fixed)
	}
	return strings.ToUpper(a.name)
}

// tensor is an input.
type tensor struct {
	name, elem string
	axes       []axis
	dims       []string // of axes, except where the tensor is gathered
	data       string   // the generator call of the test
}

type generator struct {
	r      *rand.Rand
	exact  bool // small integers only, so that any order of sums is exact
	inputs []*tensor
	fresh  int
}

var (
	blockA = axis{name: "a"}
	blockB = axis{name: "b"}
	loopC  = axis{name: "c"}
)

func (g *generator) pick(n int) int             { return g.r.IntN(n) }
func (g *generator) chance(n int) bool          { return g.r.IntN(n) == 0 }
func choose[T any](g *generator, list ...T) T   { return list[g.r.IntN(len(list))] }
func (g *generator) fixedAxis(name string) axis { return axis{name: name, fixed: 1 + g.pick(9)} }

// bits are the widths of the types of which any code will do.
var bits = map[string]int{"u1": 1, "u2": 2, "u3": 3, "u4": 4, "i2": 2, "i3": 3, "i4": 4, "bp1": 1, "bp2": 2, "f4e2m1": 4, "f6e3m2": 6}

// input makes a tensor over axes.
func (g *generator) input(elem string, axes []axis) *tensor {
	t := &tensor{name: fmt.Sprintf("x%d", len(g.inputs)), elem: elem, axes: axes}
	for _, a := range axes {
		t.dims = append(t.dims, a.dim())
	}
	dims := strings.Join(t.dims, ", ")
	switch elem {
	case "u1", "u2", "u3", "u4", "i2", "i3", "i4", "bp1", "bp2", "f4e2m1", "f6e3m2": // any code
		t.data = fmt.Sprintf("randcode(%s, 0, %d, %s)", elem, 1<<bits[elem], dims)
	case "f8e4m3":
		t.data = fmt.Sprintf("randint(%s, -4, 5, %s)", elem, dims)
	case "u8", "u16":
		t.data = fmt.Sprintf("randint(%s, 0, 6, %s)", elem, dims)
	default:
		if g.exact || strings.HasPrefix(elem, "i") {
			t.data = fmt.Sprintf("randint(%s, -4, 5, %s)", elem, dims)
		} else {
			t.data = fmt.Sprintf("randn(%s, %s)", elem, dims)
		}
	}
	g.inputs = append(g.inputs, t)
	return t
}

// subset draws a non-empty subset of axes, in a random order.
func (g *generator) subset(axes []axis) []axis {
	shuffled := slices.Clone(axes)
	g.r.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	return shuffled[:1+g.pick(len(shuffled))]
}

// leaf is an operand of kind "f32" or "i32" over some of axes.
func (g *generator) leaf(kind string, axes []axis) string {
	switch g.pick(12) {
	case 0:
		return fmt.Sprintf("(%s as %s)", choose(g, axes...).name, kind)
	case 1:
		if kind == "f32" {
			return choose(g, "f32(1.5)", "f32(-2)", "0.25", "3.0")
		}
		return choose(g, "i32(1)", "i32(-2)", "i32(3)", "i32(5)")
	case 2, 3:
		return g.neighbour(kind, axes)
	case 4:
		return g.gather(kind, axes)
	}
	var t *tensor
	if len(g.inputs) > 3 && g.chance(2) {
		for _, old := range g.inputs {
			if readable(old, kind) && within(old.axes, axes) && len(old.dims) == len(old.axes) {
				t = old
			}
		}
	}
	if t == nil {
		t = g.input(g.elem(kind), g.subset(axes))
	}
	return g.cast(t, fmt.Sprintf("%s[%s]", t.name, names(t.axes)), kind)
}

func (g *generator) elem(kind string) string {
	if kind == "i32" {
		return choose(g, "i32", "i32", "i8", "u8", "u4", "i4", "u1", "i3", "bp2", "i16", "u16")
	}
	return choose(g, "f32", "f32", "f32", "f16", "bf16", "f8e4m3", "f4e2m1", "f6e3m2", "i8", "u4")
}

func readable(t *tensor, kind string) bool {
	return kind == "f32" || strings.HasPrefix(t.elem, "i") || strings.HasPrefix(t.elem, "u") || strings.HasPrefix(t.elem, "bp")
}

// cast wraps a load of t so that it is of the kind.
func (g *generator) cast(t *tensor, load, kind string) string {
	if t.elem == kind {
		return load
	}
	return fmt.Sprintf("(%s as %s)", load, kind)
}

// neighbour reads beside an index, with a value outside.
func (g *generator) neighbour(kind string, axes []axis) string {
	t := g.input(kind, g.subset(axes))
	var subscripts []string
	for i, a := range t.axes {
		if i == 0 {
			subscripts = append(subscripts, a.name+choose(g, " - 1", " + 1", " - 2", " * 2 - 1"))
		} else {
			subscripts = append(subscripts, a.name)
		}
	}
	return fmt.Sprintf("(%s[%s] else %s)", t.name, strings.Join(subscripts, ", "), choose(g, "0", "1", "3"))
}

// gather reads rows by index, proven by clamp or promised.
func (g *generator) gather(kind string, axes []axis) string {
	at := choose(g, axes...)
	index := g.input("i32", []axis{at})
	index.data = fmt.Sprintf("randint(i32, 0, 7, %s)", at.dim())
	t := g.input(kind, []axis{at})
	rest := slices.DeleteFunc(slices.Clone(axes), func(a axis) bool { return a == at })
	t.dims = []string{"7"}
	inner := ""
	if len(rest) > 0 && g.chance(2) {
		t.dims = append(t.dims, rest[0].dim())
		t.axes = []axis{at, rest[0]}
		inner = ", " + rest[0].name
	}
	t.axes = append(t.axes, axis{}) // never read again as a plain tensor
	t.data = fmt.Sprintf("randint(%s, -4, 5, %s)", kind, strings.Join(t.dims, ", "))
	if g.chance(2) {
		return fmt.Sprintf("%s[clamp(%s[%s], 0, 6)%s]", t.name, index.name, at.name, inner)
	}
	return fmt.Sprintf("(%s[%s[%s]%s] unchecked)", t.name, index.name, at.name, inner)
}

func within(inner, outer []axis) bool {
	for _, a := range inner {
		if !slices.Contains(outer, a) {
			return false
		}
	}
	return true
}

func names(axes []axis) string {
	var list []string
	for _, a := range axes {
		list = append(list, a.name)
	}
	return strings.Join(list, ", ")
}

// cond is a condition on exact values.
func (g *generator) cond(axes []axis) string {
	a := choose(g, axes...)
	switch g.pick(4) {
	case 0:
		return fmt.Sprintf("%s %% %d == %d", a.name, 2+g.pick(3), g.pick(2))
	case 1:
		return fmt.Sprintf("%s %s %s", a.name, choose(g, "<", "<=", ">", ">=", "!="), choose(g, axes...).name)
	case 2:
		t := g.input("i32", g.subset(axes))
		return fmt.Sprintf("%s[%s] %s %d", t.name, names(t.axes), choose(g, "<", ">", "=="), g.pick(3)-1)
	}
	t := g.input("u8", g.subset(axes))
	return fmt.Sprintf("bit(%s[%s], %d)", t.name, names(t.axes), g.pick(3))
}

// condOver is a condition that varies over e.
func (g *generator) condOver(axes []axis, e axis) string {
	return fmt.Sprintf("%s %s %s", e.name, choose(g, "<", ">=", "!="), choose(g, axes...).name)
}

// expr is an expression of a kind over some of axes.
func (g *generator) expr(kind string, axes []axis, depth int) string {
	if depth == 0 || g.chance(5) {
		return g.leaf(kind, axes)
	}
	x := func() string { return g.expr(kind, axes, depth-1) }
	switch n := g.pick(12); {
	case n < 4:
		return fmt.Sprintf("(%s %s %s)", x(), choose(g, "+", "-"), x())
	case n < 6:
		return fmt.Sprintf("(%s * %s)", g.leaf(kind, axes), g.leaf(kind, axes))
	case n == 6:
		return fmt.Sprintf("%s(%s, %s)", choose(g, "min", "max"), x(), x())
	case n == 7:
		return fmt.Sprintf("select(%s, %s, %s)", g.cond(axes), x(), x())
	case n == 8:
		return choose(g, "abs(", "-(", "min(4, ") + x() + ")"
	case n == 9:
		e := g.fixedAxis(fmt.Sprintf("e%d", g.fresh))
		g.fresh++
		return g.inner(kind, axes, e, depth-1)
	}
	if kind == "f32" && !g.exact {
		switch g.pick(5) {
		case 0:
			return fmt.Sprintf("tanh(%s)", x())
		case 1:
			return fmt.Sprintf("exp2(clamp(%s, -8, 4))", x())
		case 2:
			return fmt.Sprintf("sigmoid(%s)", x())
		case 3:
			return fmt.Sprintf("log2(2 + abs(%s))", x())
		case 4:
			return fmt.Sprintf("sqrt(1 + abs(%s))", x())
		}
	}
	return x()
}

// fixed axes must be declared before they are used; inner marks them so that the printer can.
func (g *generator) inner(kind string, axes []axis, e axis, depth int) string {
	body := g.expr(kind, append(slices.Clone(axes), e), depth) + g.anchor(kind, e)
	mark := fmt.Sprintf("@%s=%d@", e.name, e.fixed)
	switch g.pick(8) {
	case 0: // one element of a scan
		return fmt.Sprintf("%s[%s](%s)[%s: %d]%s", choose(g, "cumsum", "cummax"), e.name, body, e.name, g.pick(e.fixed), mark)
	case 1: // an element that may be outside
		return fmt.Sprintf("((%s)[%s: %s + %d] else 2)%s", body, e.name, choose(g, axes...).name, g.pick(3)-2, mark)
	case 2:
		return fmt.Sprintf("last[%s](%s)%s", e.name, body, mark)
	case 3: // how many
		return fmt.Sprintf("(sum[%s](select(%s, 1, 0)) as %s)%s", e.name, g.condOver(axes, e), kind, mark)
	case 4: // where the greatest is, of values that are exact
		return fmt.Sprintf("(argmax[%s](%s) as %s)%s", e.name, g.leaf("i32", append(slices.Clone(axes), e))+g.anchor("i32", e), kind, mark)
	}
	return fmt.Sprintf("%s[%s](%s)%s", choose(g, "sum", "max", "min"), e.name, body, mark)
}

// anchor makes sure that a body varies over e, as a reduction demands.
func (g *generator) anchor(kind string, e axis) string {
	return fmt.Sprintf(" + (%s as %s)", e.name, kind)
}

// declare takes the marks of fixed axes out of an expression and gives their declarations.
func declare(expr string) (clean string, axes []string) {
	for {
		i := strings.IndexByte(expr, '@')
		if i < 0 {
			return expr, axes
		}
		j := i + 1 + strings.IndexByte(expr[i+1:], '@')
		name, length, _ := strings.Cut(expr[i+1:j], "=")
		axes = append(axes, fmt.Sprintf("axis %s = %s", name, length))
		expr = expr[:i] + expr[j+1:]
	}
}

// nextPhase stands between the statements of two phases.
const nextPhase = "---"

func dimsOf(axes []axis) string {
	var list []string
	for _, a := range axes {
		list = append(list, a.dim())
	}
	return strings.Join(list, ", ")
}

// file puts a kernel and its test together. The result is y over a and b (or a and a fixed axis).
func (g *generator) file() string {
	kind := choose(g, "f32", "f32", "i32")
	out := []axis{blockA, blockB}
	if g.chance(3) {
		out = []axis{blockA}
	}
	var kernel, test []string // statements
	add := func(expr string) string {
		clean, axes := declare(expr)
		for _, a := range axes {
			kernel = append(kernel, a)
			test = append(test, a)
		}
		return clean
	}
	// A reduction over c, in a loop; then an expression around it.
	acc := ""
	all := append(slices.Clone(out), loopC)
	switch g.pick(4) {
	case 0: // none
	case 1: // dot
		x, y := g.input(g.float(kind), g.subset(out)), g.input(g.float(kind), g.subset(out))
		for _, t := range []*tensor{x, y} {
			t.axes = append(t.axes, loopC)
			t.dims = append(t.dims, "C")
			t.data = strings.TrimSuffix(t.data, ")") + ", C)"
		}
		kernel = append(kernel, fmt.Sprintf("acc := %s[%s](0)", kind, names(out)), "for c in C by BC {",
			fmt.Sprintf("acc += dot[c](%s[%s], %s[%s])", x.name, names(x.axes), y.name, names(y.axes)), "}")
		whole := func(t *tensor) string { return g.cast(t, fmt.Sprintf("%s[%s]", t.name, names(t.axes)), kind) }
		test = append(test, fmt.Sprintf("acc := sum[c](%s * %s)", whole(x), whole(y)))
		acc = "acc"
	default:
		reduction := choose(g, "sum", "sum", "max", "min")
		body := g.expr(kind, all, 2) + g.anchor(kind, loopC)
		clean, axes := declare(body)
		start := map[string]string{"sum": "0", "max": "-1024", "min": "1024"}[reduction]
		combine := fmt.Sprintf("acc += sum[c](%s)", clean)
		whole := fmt.Sprintf("acc := sum[c](%s)", clean)
		if reduction != "sum" {
			combine = fmt.Sprintf("acc = %s(acc, %s[c](%s))", reduction, reduction, clean)
			whole = fmt.Sprintf("acc := %s(%s, %s[c](%s))", reduction, start, reduction, clean)
		}
		lo, hi := "0", "C"
		if g.chance(3) {
			lo = "min(2, C)"
			inside := fmt.Sprintf("select(c >= 2, %s, %s)", clean, map[string]string{"sum": "0", "max": start, "min": start}[reduction])
			whole = strings.Replace(whole, "("+clean+")", "("+inside+")", 1)
		}
		kernel = append(kernel, fmt.Sprintf("acc := %s[%s](%s)", kind, names(out), start))
		kernel = append(kernel, fmt.Sprintf("for c in %s..%s by BC {", lo, hi))
		kernel = append(kernel, axes...)
		kernel = append(kernel, combine, "}")
		test = append(append(test, axes...), whole)
		acc = "acc"
	}
	value := add(g.expr(kind, out, 3))
	switch {
	case acc != "" && g.chance(3):
		value = fmt.Sprintf("select(%s, %s, %s)", g.cond(out), acc, value)
	case acc != "":
		value = fmt.Sprintf("%s + %s", acc, value)
	}
	expect := value
	if g.chance(4) { // a masked assignment
		cond, other := g.cond(out), add(g.expr(kind, out, 2))
		kernel = append(kernel, fmt.Sprintf("v := %s[%s](0)", kind, names(out)), "v = "+value, fmt.Sprintf("where %s {", cond), "v = "+other, "}")
		value, expect = "v", fmt.Sprintf("select(%s, %s, %s)", cond, other, expect)
	}
	elem := kind
	target, index := dimsOf(out), names(out)
	switch {
	case g.chance(5): // a second phase reads what other blocks of the first have written
		near := fmt.Sprintf("a %s", choose(g, "- 1", "+ 2"))
		test = append(test, fmt.Sprintf("t := %s[%s](0)", map[string]string{"f32": "f64", "i32": "i64"}[kind], index), "t = "+expect)
		kernel = append(kernel, fmt.Sprintf("t[%s] = %s", index, value), nextPhase,
			fmt.Sprintf("y[%s] = t[%s] - (t[%s%s] else 3)", index, index, near, strings.TrimPrefix(index, "a")))
		expect = fmt.Sprintf("t - (t[a: %s] else 3)", near)
	case g.chance(5) && (g.exact || kind == "i32"): // added up by index, over cleared elements
		at := g.input("i32", out)
		at.data = fmt.Sprintf("randint(i32, 0, 7, %s)", target)
		kernel = append(kernel, fmt.Sprintf("y[%s[%s]] unchecked += %s", at.name, index, value))
		expect = fmt.Sprintf("sum[%s](select(%s[%s] == z, %s, 0))", index, at.name, index, expect)
		test = append(test, "axis z = 7")
		target, index = "7", "z"
	default:
		if kind == "f32" && g.chance(3) {
			elem = choose(g, "f16", "bf16")
			value = fmt.Sprintf("(%s) as %s", value, elem)
		}
		kernel = append(kernel, fmt.Sprintf("y[%s] = %s", index, value))
	}

	var b strings.Builder
	b.WriteString("package random\n\nkernel k(")
	for i, t := range g.inputs {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%s %s[%s]", t.name, t.elem, strings.Join(t.dims, ", "))
	}
	// Dimensions that no input has bare are bound by one that does.
	for _, d := range []string{"A", "B", "C"} {
		if d == "B" && len(out) == 1 || g.binds(d) {
			continue
		}
		t := &tensor{name: "bind" + strings.ToLower(d), elem: "u8", dims: []string{d}, data: fmt.Sprintf("zeros(u8, %s)", d)}
		if len(g.inputs) > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%s u8[%s]", t.name, d)
		g.inputs = append(g.inputs, t)
	}
	fmt.Fprintf(&b, ") (y %s[%s]) {\n", elem, target)
	phase := "    parallel a in A by BA"
	if len(out) > 1 {
		phase += ", b in B by BB"
	}
	phase += " {\n"
	if slices.Contains(kernel, nextPhase) {
		fmt.Fprintf(&b, "    temp t %s[%s]\n", kind, dimsOf(out))
	}
	if index == "z" {
		b.WriteString("    parallel z in 7 {\n        y[z] = 0\n    }\n")
	}
	b.WriteString(phase)
	indent := "        "
	for _, s := range kernel {
		if s == nextPhase {
			b.WriteString("    }\n" + phase)
			continue
		}
		if s == "}" {
			indent = indent[4:]
		}
		fmt.Fprintf(&b, "%s%s\n", indent, s)
		if strings.HasSuffix(s, "{") {
			indent += "    "
		}
	}
	b.WriteString("    }\n}\n\n")
	fmt.Fprintf(&b, "schedule k { default { BA = %d", choose(g, 1, 3, 4, 8, 16))
	if len(out) > 1 {
		fmt.Fprintf(&b, ", BB = %d", choose(g, 1, 2, 5, 8, 32))
	}
	if acc != "" {
		fmt.Fprintf(&b, ", BC = %d", choose(g, 1, 2, 7, 16))
	}
	fmt.Fprintf(&b, " } }\n\ntest k \"whole tensors\" {\n    const A, B, C = %d, %d, %d\n", g.size(), g.size(), g.size())
	for _, t := range g.inputs {
		fmt.Fprintf(&b, "    %s := %s\n", t.name, t.data)
	}
	b.WriteString("    axis a = A\n    axis b = B\n    axis c = C\n")
	for _, s := range test {
		fmt.Fprintf(&b, "    %s\n", s)
	}
	var args []string
	for _, t := range g.inputs {
		args = append(args, t.name)
	}
	fmt.Fprintf(&b, "    expect k(%s)[%s] == %s", strings.Join(args, ", "), index, expect)
	if g.exact && elem == kind {
		b.WriteString(" within 0")
	}
	b.WriteString("\n}\n")
	return b.String()
}

func (g *generator) float(kind string) string {
	if kind == "i32" {
		return choose(g, "i8", "u8", "i8", "u4", "bp1", "i4")
	}
	return choose(g, "f32", "f16", "bf16", "f8e4m3", "f4e2m1")
}

func (g *generator) size() int { return choose(g, 0, 1, 2, 3, 5, 7, 8, 9, 16, 17, 33) }

// binds reports whether an input has d as a bare dimension.
func (g *generator) binds(d string) bool {
	return slices.ContainsFunc(g.inputs, func(t *tensor) bool { return slices.Contains(t.dims, d) })
}
