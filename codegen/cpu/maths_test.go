package cpu

import (
	"context"
	"flag"
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	lir "github.com/llir/llvm/ir"

	"github.com/tilec/tilec/codegen/internal/llvm"
	"github.com/tilec/tilec/codegen/internal/llx"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/maths"
	runcpu "github.com/tilec/tilec/runtime/cpu"
)

var exhaustive = flag.String("exhaustive", "", "test the functions of one f32 with all f32, or most: those from 2^-30 to 2^9 in magnitude, and a sixteenth of the others")

// A mathCase is a function and what it is held to.
type mathCase struct {
	code ir.Code
	args int
	ref  func(x, y float64) float64 // package maths
	f32  func(x, y float64) float64 // faster, and good enough for nearly all of f32
}

func one(f func(float64) float64) func(x, y float64) float64 {
	return func(x, _ float64) float64 { return f(x) }
}

func mathCases() []mathCase {
	return []mathCase{
		{ir.Exp, 1, one(maths.Exp), one(math.Exp)},
		{ir.Exp2, 1, one(maths.Exp2), one(math.Exp2)},
		{ir.Log, 1, one(maths.Log), one(math.Log)},
		{ir.Log2, 1, one(maths.Log2), one(math.Log2)},
		{ir.Sin, 1, one(maths.Sin), one(math.Sin)},
		{ir.Cos, 1, one(maths.Cos), one(math.Cos)},
		{ir.Tanh, 1, one(maths.Tanh), one(math.Tanh)},
		{ir.Erf, 1, one(maths.Erf), one(math.Erf)},
		{ir.Sigmoid, 1, one(maths.Sigmoid), one(func(x float64) float64 { return 1 / (1 + math.Exp(-x)) })},
		{ir.Gelu, 1, one(maths.Gelu), one(func(x float64) float64 { return x * (0.5 * math.Erfc(-x/math.Sqrt2)) })},
		{ir.Silu, 1, one(maths.Silu), one(func(x float64) float64 { return x / (1 + math.Exp(-x)) })},
		{ir.Softplus, 1, one(maths.Softplus), one(func(x float64) float64 { return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) })},
		{ir.Pow, 2, maths.Pow, math.Pow},
	}
}

// toolchain is the machine's LLVM.
func toolchain(t testing.TB) llvm.Toolchain {
	t.Helper()
	tc, err := shared()
	if err != nil {
		t.Skipf("no LLVM to compile with: %v", err)
	}
	return tc
}

var shared = sync.OnceValues(llvm.Find)

// options are a level's for LLVM.
func (l *Level) testOptions() llvm.Options {
	return llvm.Options{Triple: l.Triple(), CPU: l.CPU(), Tune: l.Tune(), Features: l.Features}
}

// loopOver makes a function that applies f to runs of lanes of arrays: f(ptr to, i64 n, ptr from…).
func loopOver(m *llx.Module, level *Level, name string, lanes int, to llx.Type, from []llx.Type, f func(u *unit, x []llx.Value) llx.Value) {
	params := []*lir.Param{llx.Param("to", llx.Ptr, "noalias"), llx.Param("n", llx.I64)}
	for k := range from {
		params = append(params, llx.Param(fmt.Sprintf("x%d", k), llx.Ptr, "noalias"))
	}
	b := m.Func(name, llx.I64, params, llx.Word("nounwind"))
	u := &unit{B: b, level: level}
	b.For(llx.C64(0), b.Fn.Params[1], int64(lanes), func(i llx.Value) {
		x := make([]llx.Value, len(from))
		for k, t := range from {
			x[k] = b.Load(llx.Vec(t, lanes), b.Index(t, b.Fn.Params[2+k], i), 1)
		}
		y := f(u, x)
		b.Store(y, b.Index(to, b.Fn.Params[0], i), 1)
	})
	b.Ret(llx.C64(0))
}

func mathName(code ir.Code, c class, lanes int) string {
	return fmt.Sprintf("%s_%d_%d", code, c, lanes)
}

// mathModule has every function over lanes.
func mathModule(level *Level, c class, lanes int) *llx.Module {
	m := llx.NewModule(level.Triple())
	for _, k := range mathCases() {
		from := []llx.Type{c.scalar(), c.scalar()}[:k.args]
		loopOver(m, level, mathName(k.code, c, lanes), lanes, c.scalar(), from, func(u *unit, x []llx.Value) llx.Value {
			return u.math(k.code, x, c, lanes)
		})
	}
	return m
}

func compiled(t testing.TB, m *llx.Module, level *Level) *runcpu.Module {
	t.Helper()
	obj, err := toolchain(t).Compile(context.Background(), []byte(m.String()), level.testOptions())
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := runcpu.Load(obj)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { loaded.Close() })
	return loaded
}

// runnable are the levels of this machine's architecture that it runs.
func runnable(t testing.TB) []*Level {
	var list []*Level
	for _, l := range Levels() {
		if l.Arch != runtime.GOARCH || l.AMX {
			continue
		}
		if missing, ok := l.Runs(); !ok {
			t.Logf("%s is not tested: this machine lacks %s", l.Name, missing)
			continue
		}
		list = append(list, l)
	}
	return list
}

// ulps32 is the distance of y from the exact want in units of want's last place.
func ulps32(y float32, want float64) float64 {
	if y != y || want != want {
		if y != y && want != want {
			return 0
		}
		return math.Inf(1)
	}
	got := float64(y)
	// What rounds to infinity is as good as the power of two where that begins.
	const end = 0x1p128
	got, want = max(min(got, end), -end), max(min(want, end), -end)
	if got == want {
		if got == 0 && math.Signbit(float64(y)) != math.Signbit(want) {
			return math.Inf(1)
		}
		return 0
	}
	e := math.Ilogb(want)
	if want == 0 || e < -126 {
		e = -126
	}
	if e > 127 {
		e = 127
	}
	return math.Abs(got-want) * math.Ldexp(1, 23-e)
}

// worst is where a function was off most.
type worst struct {
	ulps    float64
	x, y    float64
	got     float64
	want    float64
	samples int64
}

func (w worst) String() string {
	return fmt.Sprintf("%.3f ulp at %x %x: %x, not %x (%d samples)", w.ulps, w.x, w.y, w.got, w.want, w.samples)
}

// check32 holds what a compiled function gave to its reference, of which want are values.
func (k mathCase) check32(x, x2, y []float32, want []float64) (w worst) {
	w.samples = int64(len(y))
	for i, got := range y {
		exact := want[i]
		// Of most results the difference from the nearest f32 shows that they are not the worst.
		switch math.Float32bits(got) - math.Float32bits(float32(exact)) {
		case 0:
			if w.ulps >= 0.5 {
				continue
			}
		case 1, math.MaxUint32:
			if w.ulps >= 1.5 {
				continue
			}
		}
		u := ulps32(got, exact)
		if u <= w.ulps {
			continue
		}
		a, b := float64(x[i]), float64(x2[i])
		if u > 1 { // package math may be what is wrong
			exact = k.ref(a, b)
			u = ulps32(got, exact)
		}
		if u > w.ulps {
			w.ulps, w.x, w.y, w.got, w.want = u, a, b, float64(got), exact
		}
	}
	return w
}

// fill sets want to the function of x and x2.
func (k mathCase) fill(want []float64, x, x2 []float32) {
	for i := range want {
		want[i] = k.f32(float64(x[i]), float64(x2[i]))
	}
}

// call32 calls the compiled function.
func (k mathCase) call32(fn uintptr, x, x2, y []float32) {
	args := []uintptr{uintptr(unsafe.Pointer(&y[0])), uintptr(len(y)), uintptr(unsafe.Pointer(&x[0])), uintptr(unsafe.Pointer(&x2[0]))}
	runcpu.Call(fn, args[:2+k.args]...)
}

// specials32 are the ends of all that is special about f32, and near them.
func specials32() []float32 {
	var list []float32
	for e := range uint32(256) {
		for _, m := range []uint32{0, 1, 2, 1 << 22, 1<<22 + 1, 1<<23 - 2, 1<<23 - 1} {
			list = append(list, math.Float32frombits(e<<23|m), math.Float32frombits(1<<31|e<<23|m))
		}
	}
	for k := -1100; k < 1100; k++ { // where powers and multiples of ln 2 and π/2 round and end
		for _, x := range []float64{float64(k), float64(k) / 2, float64(k) * math.Ln2 / 2, float64(k) * math.Pi / 4} {
			y := float32(x)
			list = append(list, math.Nextafter32(y, float32(math.Inf(-1))), y, math.Nextafter32(y, float32(math.Inf(1))))
		}
	}
	return list
}

// stratified fills x with f32 of every exponent alike, and y with others.
func stratified(x, y []float32, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 1))
	near := func() float32 { return float32(math.Ldexp(r.Float64()*2-1, r.IntN(13)-5)) }
	for i := range x {
		x[i], y[i] = math.Float32frombits(r.Uint32()), math.Float32frombits(r.Uint32())
		if i&1 == 1 {
			x[i], y[i] = near(), near()
		}
	}
}

const mathBound = 2.0

func TestMaths32(t *testing.T) {
	for _, level := range runnable(t) {
		for _, lanes := range []int{1, 2, level.Lanes / 2, level.Lanes, 2 * level.Lanes} {
			m := compiled(t, mathModule(level, f32Class, lanes), level)
			n := 1 << 14
			if lanes == level.Lanes {
				n = 1 << 18
			}
			x, x2, y := make([]float32, n), make([]float32, n), make([]float32, n)
			for _, k := range mathCases() {
				stratified(x, x2, 7)
				sp := specials32()
				if k.args == 2 {
					r := rand.New(rand.NewPCG(3, 4))
					for i := range n / 2 {
						x[i], x2[i] = sp[r.IntN(len(sp))], sp[r.IntN(len(sp))]
					}
				} else {
					copy(x, sp)
				}
				fn, ok := m.Symbol(mathName(k.code, f32Class, lanes))
				if !ok {
					t.Fatalf("no symbol of %s", k.code)
				}
				want := make([]float64, n)
				k.fill(want, x, x2)
				k.call32(fn, x, x2, y)
				w := k.check32(x, x2, y, want)
				t.Logf("%s %d %s: %s", level.Name, lanes, k.code, w)
				if !(w.ulps <= mathBound) {
					t.Errorf("%s over %d lanes of %s: %s", k.code, lanes, level.Name, w)
				}
			}
		}
	}
}

// TestExact: whole powers of two and their logarithms have no error.
func TestExact(t *testing.T) {
	for _, level := range runnable(t) {
		m := compiled(t, mathModule(level, f32Class, level.Lanes), level)
		var x, power []float32
		for k := -149; k <= 127; k++ {
			x, power = append(x, float32(k)), append(power, float32(math.Ldexp(1, k)))
		}
		for len(x)%level.Lanes != 0 {
			x, power = append(x, 0), append(power, 1)
		}
		for _, c := range []struct {
			code     ir.Code
			from, to []float32
		}{{ir.Exp2, x, power}, {ir.Log2, power, x}} {
			fn, _ := m.Symbol(mathName(c.code, f32Class, level.Lanes))
			y := make([]float32, len(x))
			mathCase{args: 1}.call32(fn, c.from, c.from, y)
			if d := cmp.Diff(c.to, y); d != "" {
				t.Errorf("%s of %s (-want +got):\n%s", c.code, level.Name, d)
			}
		}
	}
}

// ulps64 is ulps32 for f64.
func ulps64(got, want float64) float64 {
	switch {
	case got != got && want != want || math.Float64bits(got) == math.Float64bits(want):
		return 0
	case got != got || want != want || got == want: // or zeros of other signs
		return math.Inf(1)
	}
	e := min(max(math.Ilogb(want), -1022), 1023)
	half := func(x float64) float64 { // the largest exponent's numbers have no sums, and infinity is 2^1024
		if math.IsInf(x, 0) {
			return math.Copysign(0x1p1023, x)
		}
		return x / 2
	}
	if e > 1000 {
		return math.Abs(half(got)-half(want)) / math.Ldexp(1, e-53)
	}
	return math.Abs(got-want) / math.Ldexp(1, e-52)
}

// samples64 are special numbers, numbers of every exponent, and of middle size.
func samples64(n int, seed uint64) []float64 {
	list := make([]float64, 0, n)
	for e := range uint64(2048) {
		for _, m := range []uint64{0, 1, 1 << 51, 1<<52 - 1} {
			list = append(list, math.Float64frombits(e<<52|m), math.Float64frombits(1<<63|e<<52|m))
		}
	}
	r := rand.New(rand.NewPCG(seed, 2))
	for k := range 1100 {
		k := float64(k)
		for _, x := range []float64{k, k / 2, k * math.Ln2 / 2, k * math.Pi / 4, k * k * math.Pi / 2} {
			list = append(list, x, -x, math.Nextafter(x, 0), -math.Nextafter(x, math.Inf(1)))
		}
	}
	r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	for len(list) < n {
		if len(list)%3 == 0 {
			list = append(list, math.Float64frombits(r.Uint64()))
		} else {
			list = append(list, math.Ldexp(r.Float64()*2-1, r.IntN(16)-6))
		}
	}
	return list[:n]
}

func TestMaths64(t *testing.T) {
	const n = 1 << 16
	x, x2, y := samples64(n, 1), samples64(n, 2), make([]float64, n)
	cases := mathCases()
	want := make([][]float64, len(cases))
	for i, k := range cases {
		want[i] = make([]float64, n)
		for j := range n {
			want[i][j] = k.ref(x[j], x2[j])
		}
	}
	for _, level := range runnable(t) {
		for _, lanes := range []int{1, level.Lanes / 2, level.Lanes} {
			m := compiled(t, mathModule(level, f64Class, lanes), level)
			for i, k := range cases {
				fn, ok := m.Symbol(mathName(k.code, f64Class, lanes))
				if !ok {
					t.Fatalf("no symbol of %s", k.code)
				}
				args := []uintptr{uintptr(unsafe.Pointer(&y[0])), n, uintptr(unsafe.Pointer(&x[0])), uintptr(unsafe.Pointer(&x2[0]))}
				runcpu.Call(fn, args[:2+k.args]...)
				var w worst
				w.samples = n
				for j, got := range y {
					if u := ulps64(got, want[i][j]); u > w.ulps {
						w.ulps, w.x, w.y, w.got, w.want = u, x[j], x2[j], got, want[i][j]
					}
				}
				t.Logf("%s %d %s: %s", level.Name, lanes, k.code, w)
				if !(w.ulps <= mathBound) {
					t.Errorf("%s of f64 over %d lanes of %s: %s", k.code, lanes, level.Name, w)
				}
			}
		}
	}
}

// TestExhaustive32 goes through every f32, a minute or so for each function, or most.
func TestExhaustive32(t *testing.T) {
	if *exhaustive == "" {
		t.Skip("-exhaustive is not given")
	}
	levels := runnable(t)
	var mods []*runcpu.Module
	for _, level := range levels {
		mods = append(mods, compiled(t, mathModule(level, f32Class, level.Lanes), level))
	}
	for _, k := range mathCases() {
		if k.args != 1 {
			continue
		}
		const chunk = 1 << 16
		all := make([]worst, len(levels))
		var mu sync.Mutex
		var wg sync.WaitGroup
		next := make(chan uint32)
		for range runtime.GOMAXPROCS(0) {
			wg.Go(func() {
				x, y, want := make([]float32, chunk), make([]float32, chunk), make([]float64, chunk)
				for hi := range next {
					for i := range x {
						x[i] = math.Float32frombits(hi<<16 | uint32(i))
					}
					k.fill(want, x, x)
					for i, level := range levels {
						fn, _ := mods[i].Symbol(mathName(k.code, f32Class, level.Lanes))
						k.call32(fn, x, x, y)
						w := k.check32(x, x, y, want)
						mu.Lock()
						n := all[i].samples + w.samples
						if w.ulps > all[i].ulps {
							all[i] = w
						}
						all[i].samples = n
						mu.Unlock()
					}
				}
			})
		}
		for hi := range uint32(1 << 16) {
			e := int(hi >> 7 & 255)
			if *exhaustive == "all" || e >= 127-30 && e <= 127+8 || hi%16 == 5 {
				next <- hi
			}
		}
		close(next)
		wg.Wait()
		for i, level := range levels {
			t.Logf("%s %s: %s", level.Name, k.code, all[i])
			if !(all[i].ulps <= mathBound) {
				t.Errorf("%s of %s: %s", k.code, level.Name, all[i])
			}
		}
	}
}

// TestInstructions counts the instructions of one vector, and finds calls, and registers of a higher level.
func TestInstructions(t *testing.T) {
	tc := toolchain(t)
	above := map[string]*regexp.Regexp{
		"sse2": regexp.MustCompile(`\n\t(v[a-z]\S*|round\S*|pmulld|pblend\S*|blend\S*|pmins[bd]|pmaxs[bd])\s`),
		"avx2": regexp.MustCompile(`%zmm\S*|%[xy]mm(1[6-9]|2\d|3\d)|%k\d`),
	}
	for _, level := range Levels() {
		if level.AMX {
			continue
		}
		for _, c := range []class{f32Class, f64Class} {
			lanes := level.Lanes
			if c == f64Class {
				lanes /= 2
			}
			text, err := tc.Assembly(context.Background(), []byte(mathModule(level, c, lanes).String()), level.testOptions())
			if err != nil {
				t.Error(err)
				continue
			}
			if r := above[level.Name]; r != nil {
				if bad := r.FindString(string(text)); bad != "" {
					t.Errorf("%s uses %q", level.Name, bad)
				}
			}
			var line strings.Builder
			for _, k := range mathCases() {
				n, calls := hotLoop(string(text), mathName(k.code, c, lanes))
				if n <= 0 {
					t.Errorf("no loop of %s", k.code)
				}
				fmt.Fprintf(&line, " %s %d", k.code, n)
				if len(calls) > 0 && k.code != ir.Sin && k.code != ir.Cos {
					t.Errorf("%s of %s calls %v", k.code, level.Name, calls)
				}
			}
			t.Logf("%s %d bits:%s", level.Name, bits.Len(uint(c))*32+32, &line)
		}
	}
}

var (
	label       = regexp.MustCompile(`(?m)^(\.LBB\d+_\d+):`)
	instruction = regexp.MustCompile(`(?m)^\t([a-z][a-z0-9.]*)\b([^\n]*)`)
)

// hotLoop counts the instructions of a function's loop, without loop control and one load and store, and lists what it
// calls.
func hotLoop(text, name string) (n int, calls []string) {
	_, body, _ := strings.Cut(text, "\n"+name+":")
	body, _, _ = strings.Cut(body, ".Lfunc_end")
	for _, l := range label.FindAllStringSubmatchIndex(body, -1) {
		name := body[l[2]:l[3]]
		jump := regexp.MustCompile(`\n\t(j|b)\S*\t`+regexp.QuoteMeta(name)+`\b`).FindAllStringIndex(body[l[1]:], -1)
		if jump == nil {
			continue
		}
		for _, f := range instruction.FindAllStringSubmatch(body[l[1]:l[1]+jump[len(jump)-1][1]], -1) {
			if strings.HasPrefix(f[1], "call") || f[1] == "bl" {
				calls = append(calls, strings.TrimSpace(f[2]))
			}
			n++
		}
		return n - 5, calls
	}
	return 0, nil
}
