package ptx

import (
	"strings"
	"testing"
)

// Every row must parse, and what its operands refer to must be there.
func TestRowsAreSound(t *testing.T) {
	if n := len(All()); n < 300 {
		t.Errorf("%d rows", n)
	}
	seen := map[string]bool{}
	for _, f := range All() {
		if seen[f.String()] {
			t.Errorf("%s stands twice", f)
		}
		seen[f.String()] = true
		names := map[string]*Group{}
		for i := range f.Groups {
			g := &f.Groups[i]
			if g.Name != "" {
				names[g.Name] = g
			}
			words := map[string]bool{}
			for _, w := range g.Words {
				if words[w] || len(w) < 2 || strings.ContainsAny(w, "$ ()[]=") {
					t.Errorf("%s: word %q", f, w)
				}
				words[w] = true
			}
		}
		for i := range f.Operands {
			o := &f.Operands[i]
			for _, name := range []string{o.Group, o.With} {
				if name != "" && names[name] == nil {
					t.Errorf("%s: operand %d names group %s, which is not there", f, i, name)
				}
			}
			if g := names[o.Group]; g != nil {
				for _, w := range g.Words {
					if ParseType(w) == NoType {
						t.Errorf("%s: %s is no type", f, w)
					}
				}
			}
			if g := names[o.Vector]; g != nil {
				for k := range g.Words {
					p := make(Pick, len(f.Groups))
					for j := range f.Groups {
						if &f.Groups[j] == g {
							p[j] = int8(k)
						}
					}
					if n := f.Count(o, p); n < 1 || n > 256 {
						t.Errorf("%s: %d elements for %s", f, n, g.Words[k])
					}
				}
			}
		}
		if f.Version < OldestVersion || f.Version > NewestVersion {
			t.Errorf("%s: version %d", f, f.Version)
		}
	}
}

func TestMatch(t *testing.T) {
	mods := func(s string) []string {
		var m []string
		for w := range strings.SplitSeq(s, " ") {
			m = append(m, "."+w)
		}
		return m
	}
	var ld *Form
	for _, f := range Forms("ld") {
		p, ok, _, _ := f.Match(mods("global nc L1::no_allocate L2::256B v4 u32"))
		if ok {
			ld = f
			if f.Word(p, "T") != ".u32" || f.Count(&f.Operands[0], p) != 4 || f.TypeOf(&f.Operands[0], p) != U32 || !f.Has(p, ".nc") || f.Has(p, ".ca") {
				t.Errorf("%s: %v", f, p)
			}
		}
	}
	if ld == nil {
		t.Fatal("no form of ld fits")
	}
	_, ok, fitted, want := ld.Match(mods("global nc L1::never"))
	if ok || fitted != 2 || !strings.Contains(strings.Join(want, " "), ".L1::no_allocate") {
		t.Errorf("fitted %d, want %v", fitted, want)
	}
	if Forms("frob") != nil {
		t.Error("there is no frob")
	}
}

func TestTakes(t *testing.T) {
	for _, c := range []struct {
		t, r  Type
		wider bool
		want  bool
	}{
		{U32, S32, false, true}, {U32, B32, false, true}, {U32, F32, false, false}, {B32, F32, false, true}, {B32, U32, false, true},
		{F32, B32, false, true}, {F32, U32, false, false}, {U8, U32, false, false}, {U8, U32, true, true}, {U32, U16, true, false},
		{F16x2, B32, false, true}, {F16x2, F16x2, false, true}, {F16x2, U32, false, false}, {F16x2, F32, false, false},
		{BF16x2, U32, false, false}, {BF16, B16, false, true}, {BF16, U16, false, false}, {Pred, Pred, false, true}, {Pred, B8, true, false},
		{F16, F16, false, true}, {F32, B64, true, true}, {F32, F64, true, false}, {E4M3x2, B16, false, true},
	} {
		if got := c.t.Takes(c.r, c.wider); got != c.want {
			t.Errorf("%s takes %s (wider %t): %t", c.t, c.r, c.wider, got)
		}
	}
}

func TestSince(t *testing.T) {
	for _, c := range []struct {
		target, instruction string
		want                Version
	}{
		{"sm_80", "add.f32", 70}, {"sm_80", "ret", 70}, {"sm_80", "szext.clamp.u32", 76}, {"sm_80", "nothing.at.all", 70},
		{"sm_89", "add.f32", 78}, {"sm_120", "add.f32", 87},
	} {
		target, err := ParseTarget(c.target)
		if err != nil {
			t.Fatal(err)
		}
		if got := target.Since(c.instruction); got != c.want {
			t.Errorf("%s has %s since %s, not %s", c.target, c.instruction, got, c.want)
		}
	}
}

func TestTargets(t *testing.T) {
	for _, name := range []string{"sm_80", "sm_90a", "sm_100f"} {
		x, err := ParseTarget(name)
		if err != nil || x.String() != name {
			t.Errorf("%s: %v, %v", name, x, err)
		}
	}
	for _, name := range []string{"", "sm_", "sm_x", "sm_9999", "sm_20", "compute_80", "sm_-80", "sm_80b"} {
		if x, err := ParseTarget(name); err == nil {
			t.Errorf("%q is %v", name, x)
		}
	}
	a, _ := ParseTarget("sm_90a")
	if err := a.CheckVersion(79); err == nil || !strings.Contains(err.Error(), "8.0") {
		t.Errorf("sm_90a with 7.9: %v", err)
	}
	w := Where{Only: []Target{{90, 'a'}}}
	if !w.Has(a) || w.Has(Target{90, 0}) || (Where{From: 80}).Has(Target{75, 0}) || !(Where{From: 80}).Has(a) {
		t.Error("Where.Has")
	}
}
