package check

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tilec/tilec/dsl"
	"github.com/tilec/tilec/dsl/diag"
	"github.com/tilec/tilec/dsl/typed"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/affine"
	"github.com/tilec/tilec/ir/dtype"
)

// Test is a test or bench block.
type Test struct {
	Package *Package
	Bench   bool
	Kernels []*Kernel // those it is about
	ast     *dsl.Test
	file    *file
	bad     bool // it names a kernel that does not exist
}

// Name is the text behind the kernels' names.
func (t *Test) Name() string {
	if t.ast.Name == nil {
		return ""
	}
	return t.ast.Name.Value
}

// Span is where the block stands.
func (t *Test) Span() diag.Span { return t.ast.Span() }

// resolve finds the kernels of a test.
func (t *Test) resolve(l *loader) {
	for _, id := range t.ast.Kernels {
		if k := t.Package.Kernel(id.Name); k != nil {
			t.Kernels = append(t.Kernels, k)
			continue
		}
		t.bad = true
		var names []string
		for _, k := range t.Package.Kernels {
			names = append(names, k.Name)
		}
		d := l.diags.Add(codeUndefined, id.Span(), "package %s has no kernel %s", t.Package.Name, id.Name)
		if near := diag.Nearest(id.Name, names); near != "" {
			d.Suggest(id.Span(), near, "did you mean %s", near)
		}
	}
}

// Case is one binding of the free generics of a test.
type Case struct {
	Generics map[string]Value
	names    []string
}

// String lists the bindings: "T = f16, W = 3"; empty if the test has no free generic.
func (c Case) String() string {
	s := make([]string, len(c.names))
	for i, n := range c.names {
		s[i] = n + " = " + c.Generics[n].String()
	}
	return strings.Join(s, ", ")
}

// NewCase binds free generics as the caller likes; names gives their order in messages.
func NewCase(names []string, vals map[string]Value) Case { return Case{Generics: vals, names: names} }

// RunOptions say how a test is elaborated.
type RunOptions struct {
	// Target names the section of the schedules that refines default.
	Target string
	// Tiles override tile sizes of the tested kernels.
	Tiles map[string]int64
	// Edges, if not nil, replaces what edges(t, …) gives: rows with one size for each argument.
	Edges func(at diag.Span, args []int64) [][]int64
}

// ErrNoVariant is the error of Run where a require over generics excludes this case.
var ErrNoVariant = errors.New("a require over generics excludes this case")

// testState is what elaborating a test keeps.
type testState struct {
	t        *Test
	opts     RunOptions
	tiles    map[string]int64
	axes     map[string]*axis // by name and length
	root     *scope
	seed     uint64
	exec     func(typed.Stmt) error
	err      error
	variants map[string]*typed.Kernel
	leave    leaving
	dry      bool // nothing is run
}

type leaving uint8

const (
	notLeaving leaving = iota
	leaveBreak
	leaveContinue
)

// Run elaborates a test for one case, statement by statement, and hands each typed statement to exec. An error of exec
// ends the run and is returned. Errors of the text are in the list; then exec has not seen everything.
func (t *Test) Run(c Case, o RunOptions, exec func(typed.Stmt) error) (diag.List, error) {
	return t.run(c, o, exec, nil)
}

// run is Run; without exec it only checks.
func (t *Test) run(c Case, o RunOptions, exec func(typed.Stmt) error, used map[*Func]bool) (diag.List, error) {
	var diags diag.List
	if t.bad {
		return nil, nil
	}
	e := newElab(t.Package.prog, t.file, &diags)
	ts := &testState{t: t, opts: o, tiles: t.tiles(o), axes: map[string]*axis{}, exec: exec, variants: map[string]*typed.Kernel{}, dry: exec == nil}
	e.test, ts.root, e.used = ts, e.scope, used
	protect(func() {
		for _, name := range sortedKeys(c.Generics) {
			v := c.Generics[name].value(t.Span())
			ent := &entity{name: name, kind: entValue, val: v, at: t.Span()}
			if v.kind == vConst && v.k.isInt() {
				ent.dim = name
			}
			if e.scope.names == nil {
				e.scope.names = map[string]*entity{}
			}
			e.scope.names[name] = ent
		}
		e.defaultsOf(t, c)
		e.push()
		for _, s := range t.ast.Body.Stmts {
			e.stmt(s)
			e.flush()
		}
		e.pop()
	})
	return diags.Sorted(), ts.err
}

// defaultsOf declares generics of the tested kernels that have a default and are neither free nor constants of the test.
func (e *elab) defaultsOf(t *Test, c Case) {
	declared := t.constNames()
	for _, k := range t.Kernels {
		for _, g := range k.generics {
			if g.ast.Default == nil || declared[g.name] || e.scope.names[g.name] != nil {
				continue
			}
			// A default may need a generic that only arguments bind: then it has no meaning here.
			was := e.diags
			e.diags = new(diag.List)
			v := e.expr(g.ast.Default)
			e.diags = was
			if v.kind == vConst || v.kind == vType || v.kind == vFunc {
				if e.scope.names == nil {
					e.scope.names = map[string]*entity{}
				}
				ent := &entity{name: g.name, kind: entValue, val: v, at: g.at, soft: true}
				if v.kind == vConst && v.k.isInt() {
					ent.dim = g.name
				}
				e.scope.names[g.name] = ent
			}
		}
	}
}

// flush hands out the statements made so far.
func (e *elab) flush() {
	ts := e.test
	list := *e.out
	*e.out = nil
	for _, s := range list {
		if ts.err != nil || e.diags.HasErrors() {
			break
		}
		if ts.exec != nil {
			ts.err = ts.exec(s)
		}
	}
	if ts.err != nil {
		panic(bailout{})
	}
}

// tiles are the tile sizes of the tested kernels.
func (t *Test) tiles(o RunOptions) map[string]int64 {
	out := map[string]int64{}
	for _, k := range t.Kernels {
		for _, sec := range []*section{k.sched.section("default"), k.sched.sectionFor(o.Target)} {
			if sec == nil {
				continue
			}
			for _, te := range sec.tiles {
				out[te.name] = te.n
			}
		}
	}
	for name, n := range o.Tiles {
		if _, ok := out[name]; ok && n >= 1 && n <= maxExtent {
			out[name] = n
		}
	}
	return out
}

// testStmt elaborates what has a meaning of its own in tests; it gives true for the rest.
func (e *elab) testStmt(s dsl.Stmt) bool {
	if e.test.leave != notLeaving {
		return false
	}
	if e.ret != nil {
		return true
	}
	switch s := s.(type) {
	case *dsl.Expect:
		if e.test.t.Bench {
			e.errorf(codeTestStmt, s.Span(), "a bench makes operands and calls kernels; expect is for tests")
			return false
		}
		e.expectStmt(s)
		return false
	case *dsl.For:
		e.testFor(s)
		return false
	case *dsl.Parallel, *dsl.Temp, *dsl.Require:
		e.errorf(codeTestStmt, s.Span(), "this is for kernels; a test works on whole tensors")
		return false
	}
	return true
}

// testFor unrolls a loop of a test: over integers, over the rows that edges gives.
func (e *elab) testFor(s *dsl.For) {
	if s.By != nil {
		e.errorf(codeFor, s.By.Span(), "loops of tests run over integers; `by` makes spans, for kernels")
		return
	}
	rows, ok := e.testRows(s)
	if !ok {
		// The body may still have errors of its own; names stand for something unknown.
		return
	}
	for _, row := range rows {
		e.inScope(func() {
			for i, id := range s.Names {
				e.declareConst(id, constVal(intConst(row[i]), id.Span()))
			}
			e.loops = append(e.loops, &loopState{wheres: len(e.wheres), unrolled: true})
			for _, b := range s.Body.Stmts {
				e.stmt(b)
				e.flush()
			}
			e.loops = e.loops[:len(e.loops)-1]
		})
		left := e.test.leave
		e.test.leave = notLeaving
		if left == leaveBreak || e.diags.HasErrors() {
			break
		}
	}
}

// maxRows bounds what one loop of a test unrolls to.
const maxRows = 1 << 16

// testRows are the values that the names of a loop take.
func (e *elab) testRows(s *dsl.For) ([][]int64, bool) {
	if call, is := s.Hi.(*dsl.Call); is && s.Lo == nil {
		if id, is := call.Fun.(*dsl.Ident); is && id.Name == "edges" && e.local("edges") == nil {
			return e.edgeRows(call, len(s.Names))
		}
	}
	if len(s.Names) != 1 {
		e.errorf(codeFor, s.Span(), "a loop over a range binds one name; several take their values from edges(…)")
		return nil, false
	}
	lo, hi := int64(0), int64(0)
	for _, l := range []struct {
		n  dsl.Expr
		to *int64
	}{{s.Lo, &lo}, {s.Hi, &hi}} {
		if l.n == nil {
			continue
		}
		v := e.expr(l.n)
		if v.bad() {
			return nil, false
		}
		n, ok := v.constInt()
		if !ok {
			d := e.errorf(codeNotConst, l.n.Span(), "the range of a loop in a test must be known without reading data: loop over all of it with a mask, as sum[%s](select(%s, …, 0))", s.Names[0].Name, e.rangeMask(s))
			if at := s.Names[0].Span(); v.kind == vExpr && len(v.axes()) == 0 {
				d.Note(at, "an axis over all of it is made by `axis %s = …`", s.Names[0].Name)
			}
			return nil, false
		}
		*l.to = n
	}
	if hi-lo > maxRows {
		e.errorf(codeBudget, s.Span(), "this loop runs %d times, more than %d", hi-lo, maxRows)
		return nil, false
	}
	if e.test.dry {
		hi = min(hi, lo+2)
	}
	var rows [][]int64
	for i := lo; i < hi; i++ {
		rows = append(rows, []int64{i})
	}
	return rows, true
}

// rangeMask is the condition that the name of a loop is in its range.
func (e *elab) rangeMask(s *dsl.For) string {
	name := s.Names[0].Name
	mask := name + " < " + e.text(s.Hi.Span())
	if s.Lo != nil {
		mask = e.text(s.Lo.Span()) + " <= " + name + " && " + mask
	}
	return mask
}

// edgeRows elaborates edges(t, …) for as many names.
func (e *elab) edgeRows(n *dsl.Call, names int) ([][]int64, bool) {
	if len(n.Args) != names || names == 0 {
		e.errorf(codeArgs, n.Span(), "edges has %s for %s", plural(len(n.Args), "argument"), plural(names, "name"))
		return nil, false
	}
	ts := make([]int64, names)
	for i, a := range n.Args {
		v := e.expr(a.X)
		if v.bad() {
			return nil, false
		}
		t, ok := v.constInt()
		if !ok || t < 1 || t > maxExtent {
			e.errorf(codeNotConst, a.Span(), "edges takes tile sizes: numbers from 1 that are known when the test is read")
			return nil, false
		}
		ts[i] = t
	}
	if e.test.opts.Edges != nil {
		rows := e.test.opts.Edges(n.Span(), ts)
		for _, r := range rows {
			if len(r) != names {
				e.errorf(codeArgs, n.Span(), "%d sizes for %s", len(r), plural(names, "name"))
				return nil, false
			}
		}
		return rows, true
	}
	if e.test.dry {
		// One row that is not degenerate shows all there is to check.
		row := make([]int64, names)
		for i, t := range ts {
			row[i] = 2*t + 1
		}
		return [][]int64{row}, true
	}
	return EdgeRows(ts), true
}

// EdgeRows is the covering set of edges(t, …): for each tile size 0, 1, t−1, t, t+1, 2t+1 and a prime, each at least
// once, combined so that no two arguments go in step.
func EdgeRows(tiles []int64) [][]int64 {
	var cols [][]int64
	most := 0
	for i, t := range tiles {
		col := []int64{t + 1, 1, t, 2*t + 1, primeAfter(t + t/2), max(t-1, 0), 0}
		var uniq []int64
		for _, n := range col {
			if !slices.Contains(uniq, n) {
				uniq = append(uniq, n)
			}
		}
		// Each column goes through its sizes in steps of its own, so that rows mix small and large.
		n := len(uniq)
		step := 1 + i%n
		for gcd(step, n) != 1 {
			step = step%n + 1
		}
		turned := make([]int64, n)
		for r := range turned {
			turned[r] = uniq[(r*step+3*i)%n]
		}
		cols = append(cols, turned)
		most = max(most, len(uniq))
	}
	// First come a row in which everything is ragged and nothing empty, and one in which everything has three spans: what
	// is wrong from the third span on must not hide behind an empty dimension beside it.
	rows := make([][]int64, 2)
	for _, t := range tiles {
		rows[0] = append(rows[0], t+1)
		rows[1] = append(rows[1], 2*t+1)
	}
	for r := range most {
		row := make([]int64, len(cols))
		for i, col := range cols {
			row[i] = col[r%len(col)]
		}
		if !slices.Equal(row, rows[0]) && !slices.Equal(row, rows[1]) {
			rows = append(rows, row)
		}
	}
	return rows
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// primeAfter is the least prime above n.
func primeAfter(n int64) int64 {
	for p := max(n+1, 2); ; p++ {
		prime := true
		for d := int64(2); d*d <= p; d++ {
			if p%d == 0 {
				prime = false
				break
			}
		}
		if prime {
			return p
		}
	}
}

func (e *elab) edgesCall(c *call) value {
	e.errorf(codeFor, c.at, "edges gives the values of a loop, as `for M, N in edges(BM, BN)`")
	return bad(c.at)
}

func (e *elab) sameCall(c *call) value {
	e.errorf(codeTestStmt, c.at, "same compares bits in an expectation: expect same(x, y)")
	return bad(c.at)
}

// expectStmt is expect x == y within t.
func (e *elab) expectStmt(s *dsl.Expect) {
	at := s.Span()
	out := &typed.Expect{S: typed.S{At: at}, Text: e.text(s.X.Span())}
	x := dsl.Unparen(s.X)
	var left, right dsl.Expr
	switch n := x.(type) {
	case *dsl.Binary:
		if n.Op == "==" {
			out.Op, left, right = "==", n.X, n.Y
		}
	case *dsl.Call:
		if id, is := n.Fun.(*dsl.Ident); is && id.Name == "same" && e.local("same") == nil {
			if len(n.Args) != 2 {
				e.errorf(codeArgs, at, "same takes 2 arguments, and %s", thereAre(len(n.Args), ""))
				return
			}
			out.Op, left, right = "same", n.Args[0].X, n.Args[1].X
		}
	}
	if out.Op == "" {
		if s.Within != nil {
			e.errorf(codeTestStmt, s.Within.Span(), "within is for expect x == y")
			return
		}
		v, ok := e.typedOf(e.expr(s.X))
		if !ok {
			return
		}
		if v.elem() != dtype.Bool {
			e.errorf(codeOperand, s.X.Span(), "expect takes x == y, same(x, y) or a bool, not %s", v.elem())
			return
		}
		out.X = v.e
		e.emit(out)
		return
	}
	if s.Within != nil {
		w := e.expr(s.Within)
		if w.bad() {
			return
		}
		t, ok := e.to(w, dtype.F64, "within")
		if !ok {
			return
		}
		if len(t.Type().Axes) > 0 || out.Op == "same" {
			e.errorf(codeTestStmt, s.Within.Span(), "within takes one number, and stands behind ==")
			return
		}
		out.Within = t
	}
	v, ok1 := e.rvalue(e.expr(left))
	w, ok2 := e.rvalue(e.expr(right))
	if !ok1 || !ok2 {
		return
	}
	a, b, ok := e.expected(v, w, at)
	if !ok {
		return
	}
	ax, bx := a.Type().Axes, b.Type().Axes
	switch extra := minus(bx, ax); {
	case len(extra) == 0:
	case len(minus(ax, bx)) == 0:
		e.errorf(codeExpectAxes, at, "the right side is over %s and the left is not: only the right repeats along axes that it lacks", axisNames(extra))
		return
	default:
		if len(ax) != len(bx) {
			e.errorf(codeExpectAxes, at, "the left side is over %s and the right over %s: neither repeats along the other, nor do they have as many dimensions", axisNames(ax), axisNames(bx))
			return
		}
		for i := range ax {
			if ax[i].Extent != bx[i].Extent {
				e.errorf(codeExpectAxes, at, "the sides compare by position, and dimension %d is %d long on the left (%s) and %d on the right (%s)", i+1, ax[i].Extent, ax[i].Name, bx[i].Extent, bx[i].Name)
				return
			}
		}
	}
	out.X, out.Y = a, b
	e.emit(out)
}

// expected brings the sides of an expectation to one type.
func (e *elab) expected(v, w value, at diag.Span) (a, b typed.Expr, ok bool) {
	if v.kind == vConst && w.kind == vConst {
		t := e.defaultType(v.k)
		if u := e.defaultType(w.k); u == dtype.F64 {
			t = u
		}
		a, ok1 := e.to(v, t, "")
		b, ok2 := e.to(w, t, "")
		return a, b, ok1 && ok2
	}
	a, b, _, ok = e.unify(v, w, "==", at)
	return a, b, ok
}

// testAxis is the axis of an upper-case integer of a test: one for each name and length.
func (e *elab) testAxis(v value) *axis {
	n, ok := v.constInt()
	if !ok || n < 0 || n > maxExtent {
		e.errorf(codeTooLarge, v.at, "an axis has 0 to %d indices, not %s", maxExtent, v.k)
		return nil
	}
	return e.testAxisNamed(lastPart(v.dim), n, v.at)
}

func (e *elab) testAxisNamed(name string, n int64, at diag.Span) *axis {
	key := fmt.Sprint(name, "#", n)
	if a := e.test.axes[key]; a != nil {
		return a
	}
	a := e.rootAxis(name, n, at)
	e.test.axes[key] = a
	return a
}

// rootAxis makes an axis that lives as long as the test.
func (e *elab) rootAxis(name string, n int64, at diag.Span) *axis {
	was := e.scope
	e.scope = e.test.root
	a := e.constAxis(name, 0, n, at)
	e.scope = was
	if a != nil {
		e.emit(&typed.AxisDecl{S: typed.S{At: at}, Axis: a.t})
	}
	return a
}

// wholeTensor is a tensor of a test without subscripts: over its dimensions' axes.
func (e *elab) wholeTensor(v value) value {
	t := v.ten
	elem := typed.ReadType(t.t.Elem)
	if t.define == nil {
		seen := map[*typed.Axis]bool{}
		for i, n := range t.bare {
			var a *axis
			if key := t.keys[i]; key != "" {
				a = e.testAxisNamed(key, n, v.at)
			}
			if a == nil || seen[a.t] {
				a = e.rootAxis(t.t.Name+itoa(int64(i+1)), n, v.at)
			}
			if a == nil {
				return bad(v.at)
			}
			seen[a.t] = true
			t.define = append(t.define, a.t)
		}
		if t.define == nil {
			t.define = []*typed.Axis{}
		}
	}
	load := &typed.Load{X: x(elem, t.define, v.at), Tensor: t.t, Mode: typed.Unchecked}
	for _, a := range t.define {
		load.Index = append(load.Index, e.position(a, v.at))
	}
	r := exprVal(load)
	r.ix = e.loaded(elem, t.t.Name)
	return r
}

// position is the place of an axis's index in a tensor that holds a tile over it.
func (e *elab) position(a *typed.Axis, at diag.Span) typed.Expr {
	i := &typed.Iota{X: x(dtype.I64, []*typed.Axis{a}, at), Axis: a}
	lo := e.axes[a].start
	if n, ok := lo.IsConst(); ok && n == 0 || !lo.Known() {
		return i
	}
	n, _ := lo.IsConst()
	return e.mapOp(ir.Sub, dtype.I64, at, i, intExpr(n, dtype.I64, at))
}

// testWidens reports conversions that only tests make by themselves.
func (e *elab) testWidens(from, to dtype.Type) bool { return false }

// testCommon is the type in which a test combines two types of which neither holds the other.
func testCommon(a, b dtype.Type) (dtype.Type, bool) {
	if a.IsInt() && b.IsInt() {
		return dtype.I64, true
	}
	return dtype.Type{}, false
}

// testDefine is x := e in a test, maybe with axes written behind the name.
func (e *elab) testDefine(id *dsl.Ident, l dsl.Expr, v value) {
	if ix, is := l.(*dsl.Index); is {
		w, ok := e.typedOf(v)
		if ok {
			w, ok = e.declaredAxes(ix, w)
		}
		if !ok {
			e.declare(id, &entity{kind: entValue, val: bad(id.Span())})
			return
		}
		v = w
	}
	e.testBind(id, v)
}

// testBind gives a name of a test a value: tensors and constants are what they are, tiles become tensors.
func (e *elab) testBind(id *dsl.Ident, v value) {
	switch v.kind {
	case vTensor:
		e.declare(id, &entity{kind: entTensor, ten: v.ten})
		return
	case vConst:
		if !v.k.isString() {
			e.declare(id, &entity{kind: entValue, val: v})
			return
		}
	}
	v, ok := e.typedOf(v)
	if !ok {
		e.declare(id, &entity{kind: entValue, val: bad(id.Span())})
		return
	}
	if e.ret != nil || len(v.axes()) == 0 {
		w := &typed.Var{Name: id.Name, Type: v.e.Type(), Span: id.Span()}
		e.emit(&typed.Assign{S: typed.S{At: id.Span()}, Vars: []*typed.Var{w}, Values: []typed.Expr{v.e}})
		val := v
		val.dim = ""
		e.declare(id, &entity{kind: entVar, v: w, val: val})
		return
	}
	e.declare(id, &entity{kind: entTensor, ten: e.defineTensor(id.Name, v, id.Span())})
}

// defineTensor makes a tensor of a tile.
func (e *elab) defineTensor(name string, v value, at diag.Span) *tensor {
	t := &typed.Tensor{Name: name, Elem: v.elem(), Span: at}
	ten := &tensor{t: t, define: v.axes()}
	for _, a := range v.axes() {
		t.Dims = append(t.Dims, ir.ConstDim(a.Extent))
		ten.bare = append(ten.bare, a.Extent)
		ten.dims = append(ten.dims, affine.Const(a.Extent))
		key := ""
		if e.test.axes[fmt.Sprint(a.Name, "#", a.Extent)] == e.axes[a] {
			key = a.Name
		}
		ten.keys = append(ten.keys, key)
	}
	e.emit(&typed.Define{S: typed.S{At: at}, Tensor: t, Axes: v.axes(), Value: v.e})
	return ten
}

// testHold computes a value of a simultaneous assignment, in the type of what it is for, before anything is assigned.
func (e *elab) testHold(ent *entity, v value, name string) (value, bool) {
	if v.kind == vConst {
		return v, true
	}
	var t dtype.Type
	switch ent.kind {
	case entVar:
		t = ent.v.Type.Elem
	case entResult:
		t = ent.val.typ
	case entTensor:
		t = ent.ten.t.Elem
	default:
		t = e.defaultType(ent.val.k)
	}
	x, ok := e.to(v, t, name)
	if !ok {
		return v, false
	}
	held := exprVal(x)
	held.at = v.at
	return e.hold(held), true
}

// testAssign is x = e in a test.
func (e *elab) testAssign(id *dsl.Ident, ent *entity, v value) {
	at := id.Span()
	switch ent.kind {
	case entValue:
		// A constant becomes whatever is assigned.
		if v.kind == vConst {
			ent.val = v
			return
		}
		w, ok := e.typedOf(v)
		if !ok {
			return
		}
		if len(w.axes()) > 0 {
			e.errorf(codeExtraAxes, v.at, "the value is over %s, and %s over no axis: reduce it first", axisNames(w.axes()), id.Name).Note(ent.at, "%s is declared here", id.Name)
			return
		}
		x, ok := e.to(w, e.defaultType(ent.val.k), id.Name)
		if !ok {
			return
		}
		va := &typed.Var{Name: id.Name, Type: x.Type(), Span: at}
		e.emit(&typed.Assign{S: typed.S{At: at}, Vars: []*typed.Var{va}, Values: []typed.Expr{x}})
		ent.kind, ent.v = entVar, va
		ent.val = exprVal(x)
		return
	case entVar:
		x, ok := e.to(v, ent.v.Type.Elem, id.Name)
		if !ok {
			return
		}
		if extra := minus(x.Type().Axes, ent.v.Type.Axes); len(extra) > 0 {
			e.errorf(codeExtraAxes, v.at, "the value is over %s, and %s over %s: reduce it first", axisNames(x.Type().Axes), id.Name, orNothing(ent.v.Type.Axes)).Note(ent.at, "%s is declared here", id.Name)
			return
		}
		e.emit(&typed.Assign{S: typed.S{At: at}, Vars: []*typed.Var{ent.v}, Values: []typed.Expr{x}})
		e.havoc(ent)
		return
	case entResult:
		x, ok := e.to(v, ent.val.typ, id.Name)
		if !ok {
			return
		}
		ent.kind = entVar
		ent.v = &typed.Var{Name: id.Name, Type: x.Type(), Span: ent.at}
		ent.val = exprVal(x)
		e.emit(&typed.Assign{S: typed.S{At: at}, Vars: []*typed.Var{ent.v}, Values: []typed.Expr{x}})
		return
	}
	t := ent.ten
	x, ok := e.to(v, t.t.Elem, id.Name)
	if !ok {
		return
	}
	if extra := minus(x.Type().Axes, t.define); len(extra) > 0 {
		e.errorf(codeExtraAxes, v.at, "the value is over %s, and %s over %s: reduce it first", axisNames(x.Type().Axes), id.Name, orNothing(t.define)).Note(ent.at, "%s is declared here", id.Name)
		return
	}
	e.emit(&typed.Define{S: typed.S{At: at}, Tensor: t.t, Axes: t.define, Value: x})
}
