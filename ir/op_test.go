package ir

import (
	"slices"
	"strings"
	"testing"
)

// TestTable holds that every operation has a complete entry and every entry hangs together.
func TestTable(t *testing.T) {
	names := map[string]Code{}
	for _, c := range Codes() {
		s := c.Spec()
		fail := func(format string, args ...any) {
			t.Helper()
			t.Errorf("code %d, %s: "+format, append([]any{c, s.Name}, args...)...)
		}
		if !isWord(s.Name) || strings.Contains(s.Name, ".") || s.Name != strings.ToLower(s.Name) {
			fail("the name is no plain word")
		}
		if names[s.Name] != 0 {
			fail("the name is code %d's too", names[s.Name])
		}
		names[s.Name] = c
		if got, ok := CodeByName(s.Name); !ok || got != c || c.String() != s.Name {
			fail("found by its name: %d, %v", got, ok)
		}
		if s.Stages == 0 || s.Rule == nil {
			fail("no stage or no result rule")
		}
		if s.Max >= 0 && s.Min > s.Max || s.Min < 0 {
			fail("%d to %d operands", s.Min, s.Max)
		}
		if (s.Max != 0) != (s.Operands != "") {
			fail("operands %q, at most %d", s.Operands, s.Max)
		}
		for i, a := range s.Attrs {
			if i > 0 && s.Attrs[i-1].Key >= a.Key || !isWord(a.Key) {
				fail("attribute %q is out of order", a.Key)
			}
			if a.Words != nil && a.Kind != StrAttr {
				fail("attribute %s has words and is no string", a.Key)
			}
		}
		for _, key := range s.Words {
			if a := s.attr(key); a == nil || a.Words == nil || !a.Required {
				fail("the word %s is no required choice", key)
			}
		}
		control := s.Effects&Control != 0
		if control != (s.Regions != 0 || c == Yield) {
			fail("control %v with %d regions", control, s.Regions)
		}
		if s.Regions != 0 && s.Verify == nil {
			fail("regions that nothing checks")
		}
		if s.Elementwise() && (s.Results != 1 || s.Axes != 0 || s.Effects&^Checks != 0) {
			fail("elementwise, but not one result of operands alone")
		}
		if s.Results == 0 && s.Effects == 0 {
			fail("neither results nor effects")
		}
	}
	for _, c := range []Code{Invalid, numCodes, numCodes + 1} {
		if c.Spec() != nil || c.String() != "invalid" {
			t.Errorf("code %d has an entry", c)
		}
	}
}

func TestEffects(t *testing.T) {
	f, err := ParseFunc("f", []byte(`kernel @f[%N](%a: tensor<i64,[%N]>, %x: f32) -> () {
  %3 = const 3 : i64
  %0 = const 0 : i64
  %e = span %0, %3 {width = 3} : span<3>
  %b = bcast %3 : tile<i64,[%e:3]>
  %i = iota [%e] : tile<i64,[%e:3]>
  %pure = div %i, %b : tile<i64,[%e:3]>
  %pure_1 = div %x, %x : f32
  %checks = div %i, %i : tile<i64,[%e:3]>
  %checks_1 = mod %3, %0 : i64
  %reads = load.in %a[%3] : i64
  %readschecks = load.unchecked %a[%3] : i64
  %pure_2 = lookup.in %i[%e: %0] : i64
  %checks_2 = lookup.unchecked %i[%e: %0] : i64
  %identity = span %0, %3 {width = 3} : span<3>
  yield
}
`))
	if err != nil {
		t.Fatal(err)
	}
	if err := Verify(f); err != nil {
		t.Fatal(err)
	}
	words := []struct {
		word string
		Effect
	}{{"reads", Reads}, {"checks", Checks}, {"identity", Identity}}
	f.Walk(func(o *Op) {
		if len(o.Results) == 0 {
			return
		}
		name, _, _ := strings.Cut(o.Result().Name, "_")
		if !slices.Contains([]string{"pure", "checks", "reads", "readschecks", "identity"}, name) {
			return
		}
		var want Effect
		for _, w := range words {
			if strings.Contains(name, w.word) {
				want |= w.Effect
			}
		}
		if got := o.Effects(); got != want {
			t.Errorf("%s: effects %b, want %b", o, got, want)
		}
	})
}

func TestDims(t *testing.T) {
	x, y := SizeDim(0), SizeDim(1)
	for _, c := range []struct {
		d    *Dim
		want int64
		ok   bool
	}{
		{DimOf(DimAdd, x, y), 4, true},
		{DimOf(DimSub, x, y), 10, true},
		{DimOf(DimMul, x, y), -21, true},
		{DimOf(DimDiv, x, y), -3, true},
		{DimOf(DimMod, x, y), -2, true},
		{DimOf(DimCdiv, x, y), -2, true},
		{DimOf(DimMin, x, y), -3, true},
		{DimOf(DimMax, x, y), 7, true},
		{DimOf(DimDiv, x, DimOf(DimSub, x, x)), 0, false},
		{DimOf(DimMul, ConstDim(1<<62), ConstDim(2)), 0, false},
		{DimOf(DimAdd, ConstDim(1<<63-1), ConstDim(1)), 0, false},
		{DimOf(DimSub, ConstDim(-1<<63), ConstDim(1)), 0, false},
		{DimOf(DimMul, ConstDim(-1), ConstDim(-1<<63)), 0, false},
		{DimOf(DimDiv, ConstDim(-1<<63), ConstDim(-1)), 0, false},
		{DimOf(DimDiv, ConstDim(7), ConstDim(2)), 3, true},
		{SizeDim(2), 0, false},
	} {
		if got, ok := c.d.Eval([]int64{7, -3}); got != c.want && ok || ok != c.ok {
			t.Errorf("%v %d: %d, %v; want %d, %v", c.d, c.d.Op, got, ok, c.want, c.ok)
		}
	}
	if d := DimOf(DimDiv, ConstDim(6), ConstDim(2)); !d.Equal(ConstDim(3)) {
		t.Errorf("6 / 2 is not folded")
	}
	if d := DimOf(DimAdd, x, y).Subst([]*Dim{ConstDim(4), y}); !d.Equal(DimOf(DimAdd, ConstDim(4), y)) || d.Equal(DimOf(DimAdd, x, y)) {
		t.Errorf("substitution")
	}
}

// TestReplace holds that a span is replaced in types as well, that chains are followed, and that types shared between
// values are not changed behind one's back.
func TestReplace(t *testing.T) {
	f := NewFunc("f", []*Size{{Name: "N"}}, nil, Pos{})
	b := NewBuilder(f)
	x := b.SpanOf(f.SizeArg(0), f.SizeArg(0), 4, "x")
	y := b.SpanOf(f.SizeArg(0), f.SizeArg(0), 4, "y")
	z := b.SpanOf(f.SizeArg(0), f.SizeArg(0), 4, "z")
	i := b.Iota(x)
	j := b.Add(i, i)
	shared := j.Type.Axes
	b.Finish()
	if uses := f.Uses(); uses[x.ID] != 3 || uses[i.ID] != 2 || uses[f.SizeArg(0).ID] != 6 || uses[j.ID] != 0 {
		t.Errorf("uses %v", uses)
	}
	with := make([]*Value, f.Number())
	with[x.ID], with[y.ID] = y, z
	f.Replace(with)
	if err := Verify(f); err != nil {
		t.Error(err)
	}
	if i.Def.Axes[0] != z || i.Type.Axes[0].Span != z || j.Type.Axes[0].Span != z || shared[0].Span != x {
		t.Errorf("%s", f)
	}
	x.Def.Remove()
	if len(f.Body.Ops) != 5 || Verify(f) != nil {
		t.Errorf("%s", f)
	}
}

// TestBuilderFault holds that misuse is an *Error with the position it was building for.
func TestBuilderFault(t *testing.T) {
	f := NewFunc("f", []*Size{{Name: "N"}}, nil, Pos{})
	b := NewBuilder(f).At(Pos{"k.tile", 3, 4})
	defer func() {
		e, ok := recover().(*Error)
		if !ok || e.Rule != "V3" || e.Pos != (Pos{"k.tile", 3, 4}) || e.Error() != "k.tile:3:4: V3: operands have different element types i64 and bool in @f: %0 = add %N, %0" {
			t.Errorf("%v", e)
		}
	}()
	b.Add(f.SizeArg(0), b.Eq(f.SizeArg(0), f.SizeArg(0)))
}
