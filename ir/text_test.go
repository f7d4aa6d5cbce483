package ir

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/tilec/tilec/ir/dtype"
)

// archive reads a txtar of testdata.
func archive(t testing.TB, name string) []txtar.File {
	t.Helper()
	a, err := txtar.ParseFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return a.Files
}

// TestText holds that valid texts read and print back to the byte, and that every operation stands in one.
func TestText(t *testing.T) {
	met := map[Code]bool{}
	for _, file := range archive(t, "texts.txtar") {
		f, err := ParseFunc(file.Name, file.Data)
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		if err := Verify(f); err != nil {
			t.Errorf("%s: %v", file.Name, err)
		}
		if diff := cmp.Diff(string(file.Data), f.Text(WithLoc)); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", file.Name, diff)
		}
		if got := f.Clone().Text(WithLoc); got != string(file.Data) {
			t.Errorf("%s: the clone differs:\n%s", file.Name, got)
		}
		f.Walk(func(o *Op) { met[o.Code] = true })
	}
	for _, c := range Codes() {
		if !met[c] && !c.Spec().Elementwise() {
			t.Errorf("no text has %s", c)
		}
	}
}

// TestElementwiseText builds every elementwise operation on scalars and tiles and reads it back.
func TestElementwiseText(t *testing.T) {
	f := NewFunc("all", []*Size{{Name: "N"}}, nil, Pos{})
	b := NewBuilder(f)
	n := b.SpanOf(f.SizeArg(0), f.SizeArg(0), 8, "n")
	for _, c := range Codes() {
		s := c.Spec()
		if !s.Elementwise() || c == AsmOf { // whose text stands in testdata
			continue
		}
		for _, axes := range [][]Axis{nil, AxesOf(n)} {
			args := elementwiseArgs(t, b, c, axes)
			switch c {
			case Cast:
				b.Cast(args[0], dtype.BF16, "rz", "sat")
			case Bits:
				b.Bits(args[0], dtype.U32)
			default:
				v := b.Map(c, args...)
				if len(v.Type.Axes) != len(axes) {
					t.Errorf("%s over %v gives %s", c, axes, v.Type)
				}
			}
		}
	}
	roundTrip(t, b.Finish())
}

// elementwiseArgs finds operands that the rule of c takes.
func elementwiseArgs(t *testing.T, b *Builder, c Code, axes []Axis) []*Value {
	s := c.Spec()
	kinds := []dtype.Type{dtype.F32, dtype.I64, dtype.Bool}
	for try := range 27 {
		var args []*Value
		for i, k := 0, try; i < s.Min; i, k = i+1, k/3 {
			elem := kinds[k%3]
			args = append(args, &Value{Type: TileType(elem, axes...)})
		}
		o := &Op{Code: c, Operands: args, Results: []*Value{{Type: TileType(dtype.I64, axes...)}}}
		if c == Cast || c == Bits {
			return []*Value{b.Bcast(b.ConstFloat(dtype.F32, 1), axes)}
		}
		if _, err := s.Rule(o); err != nil {
			continue
		}
		for i, a := range args {
			switch {
			case a.Type.Elem.IsFloat():
				args[i] = b.Bcast(b.ConstFloat(dtype.F32, 0.5), axes)
			default:
				args[i] = b.Bcast(b.ConstInt(a.Type.Elem, 1), axes)
			}
		}
		return args
	}
	t.Fatalf("%s takes no operands", c)
	return nil
}

// roundTrip checks that a valid function's text reads back as the same function.
func roundTrip(t *testing.T, f *Func) {
	t.Helper()
	if err := Verify(f); err != nil {
		t.Fatal(err)
	}
	text := f.Text(WithLoc)
	g, err := ParseFunc("again", []byte(text))
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	if err := Verify(g); err != nil {
		t.Errorf("read back: %v", err)
	}
	if diff := cmp.Diff(text, g.Text(WithLoc)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if err := sameFunc(f, g); err != nil {
		t.Errorf("%v in\n%s", err, text)
	}
}

// sameFunc compares two functions part by part, names of values aside.
func sameFunc(f, g *Func) error {
	if f.Name != g.Name || f.Pos != g.Pos || !cmp.Equal(f.Binds, g.Binds) || !cmp.Equal(f.Sizes, g.Sizes) || len(f.Params) != len(g.Params) {
		return fmt.Errorf("signatures differ")
	}
	to := map[*Value]*Value{}
	var region func(r, s *Region) error
	value := func(v, w *Value) error {
		if !v.Type.mapSpans(func(v *Value) *Value { return to[v] }).Equal(w.Type) || v.Index != w.Index {
			return fmt.Errorf("values of types %s and %s", v.Type, w.Type)
		}
		to[v] = w
		return nil
	}
	same := func(vs, ws []*Value) bool {
		for i := range vs {
			if len(vs) != len(ws) || to[vs[i]] != ws[i] {
				return false
			}
		}
		return len(vs) == len(ws)
	}
	attrs := func(a, b Attr) bool {
		x, ok := a.Val.(float64)
		y, is := b.Val.(float64)
		return a.Key == b.Key && (ok && is && (math.Float64bits(x) == math.Float64bits(y) || x != x && y != y) || cmp.Equal(a.Val, b.Val))
	}
	region = func(r, s *Region) error {
		if len(r.Args) != len(s.Args) || len(r.Ops) != len(s.Ops) {
			return fmt.Errorf("regions of different length")
		}
		for i := range r.Args {
			if err := value(r.Args[i], s.Args[i]); err != nil {
				return err
			}
		}
		for i, o := range r.Ops {
			p := s.Ops[i]
			if o.Code != p.Code || o.Pos != p.Pos || !same(o.Operands, p.Operands) || !same(o.Axes, p.Axes) ||
				!cmp.Equal(o.Attrs, p.Attrs, cmp.Comparer(attrs)) || len(o.Regions) != len(p.Regions) || len(o.Results) != len(p.Results) {
				return fmt.Errorf("%s and %s", o, p)
			}
			for j := range o.Regions {
				if err := region(o.Regions[j], p.Regions[j]); err != nil {
					return err
				}
			}
			for j := range o.Results {
				if err := value(o.Results[j], p.Results[j]); err != nil {
					return err
				}
			}
		}
		return nil
	}
	return region(f.Body, g.Body)
}

// TestBroken holds that each broken text is read and breaks the rule it is named after, and that every rule has one.
func TestBroken(t *testing.T) {
	met := map[string]bool{"V0": true} // cannot be written; see TestBrokenLinks
	for _, file := range archive(t, "broken.txtar") {
		f, err := ParseFunc(file.Name, file.Data)
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		first, _, _ := strings.Cut(string(file.Data), "\n")
		want := strings.TrimPrefix(first, "// ")
		rule, _, _ := strings.Cut(file.Name, "/")
		met[rule] = true
		err = Verify(f)
		if err == nil {
			t.Errorf("%s: no error", file.Name)
			continue
		}
		var e *Error
		if !errors.As(err, &e) || e.Rule != rule || !strings.Contains(e.Msg, want) {
			t.Errorf("%s: %v; want %s: %s", file.Name, err, rule, want)
		}
	}
	rules := []string{"P1", "P2", "P3", "P4", "P5"}
	for i := range 15 {
		rules = append(rules, fmt.Sprintf("V%d", i))
	}
	for _, rule := range rules {
		if !met[rule] {
			t.Errorf("no text breaks %s", rule)
		}
	}
}

// TestBrokenLinks breaks what no text can.
func TestBrokenLinks(t *testing.T) {
	for _, c := range []struct {
		rule, want string
		spoil      func(f *Func)
	}{
		{"V0", "no operation", func(f *Func) { f.Body.Ops[0].Code = numCodes }},
		{"V0", "no operation", func(f *Func) { f.Body.Ops[0].Code = Invalid }},
		{"V1", "not defined here", func(f *Func) { f.Body.Ops[0], f.Body.Ops[1] = f.Body.Ops[1], f.Body.Ops[0] }},
		{"V11", "not in the order", func(f *Func) {
			a := f.Body.Ops[1].Regions[0].Ops[3].Attrs
			a[0], a[1] = a[1], a[0]
		}},
		{"V12", "no body", func(f *Func) { f.Body = nil }},
		{"V12", "a part is missing", func(f *Func) { f.Body.Ops[1].Operands[0] = nil }},
		{"V12", "parent", func(f *Func) { f.Body.Ops[1].Regions[0].Ops[0].Parent = nil }},
		{"V12", "parent", func(f *Func) { f.Body.Ops[1].Regions[0].Parent = nil }},
		{"V12", "linked", func(f *Func) { f.Body.Ops[0].Results[0].Def = nil }},
		{"V12", "linked", func(f *Func) { f.Body.Ops[1].Regions[0].Args[1].Index = 0 }},
		{"V3", "without type", func(f *Func) { f.Body.Ops[0].Results[0].Type = Type{} }},
		{"V7", "unknown element", func(f *Func) { f.Body.Ops[0].Results[0].Type.Elem = dtype.Type{} }},
		{"V14", "arguments for", func(f *Func) { f.Params = f.Params[1:] }},
		{"V14", "given twice", func(f *Func) { f.Sizes[1].Name = "M" }},
		{"V14", "its argument", func(f *Func) { f.Params[0].Type = ScalarType(dtype.F32) }},
		{"V14", "names size 1 of 1", func(f *Func) { f.Sizes[1].Def = SizeDim(1) }},
		{"V14", "malformed", func(f *Func) { f.Sizes[1].Def = &Dim{Op: DimAdd} }},
	} {
		f := buildGemm()
		c.spoil(f)
		err := Verify(f)
		var e *Error
		if !errors.As(err, &e) || e.Rule != c.rule || !strings.Contains(e.Msg, c.want) {
			t.Errorf("%v; want %s: %s", err, c.rule, c.want)
		}
	}
}

// TestSyntax holds that texts which are none give their error at its place.
func TestSyntax(t *testing.T) {
	for _, file := range archive(t, "syntax.txtar") {
		first, _, _ := strings.Cut(string(file.Data), "\n")
		want := file.Name + ":" + strings.TrimPrefix(first, "// ")
		_, err := ParseFunc(file.Name, file.Data)
		var e *SyntaxError
		if !errors.As(err, &e) || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v; want %s", err, want)
		}
	}
	deep := "kernel @f[%N]() -> () {" + strings.Repeat(" if %N {", 1000000)
	if _, err := ParseFunc("deep", []byte(deep)); err == nil || !strings.Contains(err.Error(), "nested") {
		t.Errorf("deep regions: %v", err)
	}
	deep = "kernel @f[%N, %M = " + strings.Repeat("(", 1000000)
	if _, err := ParseFunc("deep", []byte(deep)); err == nil || !strings.Contains(err.Error(), "nested") {
		t.Errorf("deep extents: %v", err)
	}
}

// TestNames holds that hints which clash, are no words, or look like numbers come out unique and readable.
func TestNames(t *testing.T) {
	f := NewFunc("names", []*Size{{Name: "N"}}, nil, Pos{})
	b := NewBuilder(f)
	for _, hint := range []string{"x", "x", "x_1", "x", "", "0", "", "a b", "a b", "N", "..", "a..b", "a.", ".a", "\xff", "é"} {
		b.Index(1).Name = hint
	}
	roundTrip(t, b.Finish())
	var got []string
	for _, line := range strings.Split(f.String(), "\n") {
		if name, _, ok := strings.Cut(strings.TrimSpace(line), " = const"); ok {
			got = append(got, name)
		}
	}
	want := []string{"%x", "%x_1", "%x_1_1", "%x_2", "%0", `%"0"`, "%1", `%"a b"`, `%"a b_1"`, "%N_1", `%".."`, `%"a..b"`, "%a.", `%".a"`, `%"\xff"`, `%"é"`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestModule(t *testing.T) {
	m := &Module{Funcs: []*Func{buildGemm(), buildGemm()}}
	text := m.Text(NoLoc)
	n, err := ParseModule("m", []byte(text))
	if err != nil || n.Text(NoLoc) != text {
		t.Errorf("%v: %s", err, n.Text(NoLoc))
	}
	if _, err := ParseFunc("m", []byte(text)); err == nil {
		t.Error("two kernels are one")
	}
}

// FuzzParse holds that no bytes make the parser, the verifier or the printer panic, and that what is valid and was
// read prints a text that reads back as itself.
func FuzzParse(f *testing.F) {
	for _, name := range []string{"texts.txtar", "broken.txtar", "syntax.txtar"} {
		for _, file := range archive(f, name) {
			f.Add(string(file.Data))
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		g, err := ParseFunc("fuzz", []byte(text))
		if err != nil {
			return
		}
		valid := Verify(g) == nil
		printed := g.Text(WithLoc)
		if !valid {
			return
		}
		h, err := ParseFunc("again", []byte(printed))
		if err != nil {
			t.Fatalf("%v in\n%s", err, printed)
		}
		if err := Verify(h); err != nil {
			t.Fatal(err)
		}
		if err := sameFunc(g, h); err != nil {
			t.Fatal(err)
		}
		if again := h.Text(WithLoc); again != printed {
			t.Fatalf("printed\n%s\nthen\n%s", printed, again)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	src, err := os.ReadFile(filepath.Join("testdata", "texts.txtar"))
	if err != nil {
		b.Fatal(err)
	}
	text := txtar.Parse(src).Files[1].Data
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := ParseFunc("x", text); err != nil {
			b.Fatal(err)
		}
	}
}
