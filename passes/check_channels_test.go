package passes

import (
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/tilec/tilec/ir"
)

// ahead is a loop that copies ahead: CMP is how the condition of a copy compares, DIST how far ahead it is, and DEPTH the
// number of slots.
const ahead = `kernel @k[%N, %K](%a: tensor<f32,[%K]>) -> (%c: tensor<f32,[%K]>) layouts(
  #0 = "32:32",
  #1 = "spatial(32)"
) {
  %0 = const 0 : i64
  %w = const 32 : i64
  %d = const DIST : i64
  parallel %m in %0 .. %N by 32 {
    %ring = chan : chan<f32,[32],depth DEPTH,#0> loc("k.tile":1:1)
    for %f in %0 .. %d by 32 {
      %at = spanlo [%f] : i64
      %first = CMP %at, %K : bool
      if %first {
        %end = add %at, %w : i64
        %x = span %at, %end {width = 32} : span<32>
        %s = acquire %ring : slot<f32,[32],#0> loc("k.tile":2:1)
        copy.in %s, %a, %x [%x]
        commit %ring, %s loc("k.tile":3:1)
        yield
      } else {
        yield
      }
      yield
    }
    for %k in %0 .. %K by 32 {
      %here = spanlo [%k] : i64
      %there = add %here, %d : i64
      %more = CMP %there, %K : bool
      %t = take %ring : slot<f32,[32],#0> loc("k.tile":4:1)
      %v = view %t [%k] : tile<f32,[%k:32],shared #0>
      %r = convert %v : tile<f32,[%k:32],#1>
      if %more {
        %z = affine %there + 32 : i64
        %y = span %there, %z {width = 32} : span<32>
        %u = acquire %ring : slot<f32,[32],#0> loc("k.tile":5:1)
        copy.unchecked %u, %a, %y [%y]
        commit %ring, %u
        yield
      } else {
        yield
      }
      store.in %c[%k] = %r
      release %ring, %t loc("k.tile":6:1)
      yield
    }
    yield
  }
  yield
}
`

func TestCheckChannels(t *testing.T) {
	for _, c := range []struct{ compare, distance, depth, want string }{
		{"lt", "32", "2", ""},
		{"lt", "64", "3", ""},
		{"lt", "64", "8", ""},
		{"lt", "0", "2", "k.tile:4:1: channel ring: take waits for ever: no slot of 2 is filled before this commit, which stands behind it, for K = 32"},
		{"lt", "32", "1", "k.tile:5:1: channel ring: acquire waits for ever: no slot of 1 is free before this release, which stands behind it, for K = 64 (the other place: k.tile:6:1)"},
		{"lt", "96", "2", "k.tile:2:1: channel ring: acquire waits for ever: no slot of 2 is free before this release, which stands behind it, for K = 96 (the other place: k.tile:6:1)"},
		{"le", "32", "2", "k.tile:1:1: channel ring: 1 slots are held at the end, for K = 0 (the other place: k.tile:3:1)"},
		{"gt", "32", "2", "k.tile:4:1: channel ring: take waits for ever: no slot of 2 is filled any more, for K = 32"},
	} {
		text := strings.NewReplacer("CMP", c.compare, "DIST", c.distance, "DEPTH", c.depth).Replace(ahead)
		fn, err := ir.ParseFunc("k.tir", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if err := ir.Verify(fn); err != nil {
			t.Fatal(err)
		}
		got := ""
		if err := CheckChannels(fn); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s, distance %s, depth %s: %q; want %q", c.compare, c.distance, c.depth, got, c.want)
		}
	}
}

// TestRoles plays two roles that hand tiles to each other through two channels.
func TestRoles(t *testing.T) {
	chain := func(name string, depth int64, line int) *ir.Value {
		return &ir.Value{Name: name, Type: ir.Type{Kind: ir.Chan, Depth: depth}}
	}
	for _, c := range []struct {
		first, second string // a letter for each operation, on channel x, or y if it is a capital
		depth         int64
		want          string
	}{
		{"ac" + "TR" + "ac" + "TR", "tr" + "AC" + "tr" + "AC", 1, ""},
		{"acac" + "TRTR", "tr" + "AC" + "tr" + "AC", 2, ""},
		{"acac" + "TRTR", "trtr" + "ACAC", 1, ""},
		{"TR" + "ac", "tr" + "AC", 1, "k:1:1: channel Y: take waits for ever, and so does channel x: take in another role or group (the other place: k:1:1)"},
		{"acac" + "TR", "tr" + "AC", 2, "channel x: 1 slots are held at the end"},
		{"ac", "trtr", 1, "k:3:1: channel x: take waits for ever: no slot of 1 is filled any more"},
	} {
		x, y := chain("x", c.depth, 1), chain("Y", c.depth, 2)
		phase := &ir.Op{Code: ir.Parallel, Regions: []*ir.Region{{}}}
		for _, v := range []*ir.Value{x, y} {
			v.Def = &ir.Op{Code: ir.ChanOf, Results: []*ir.Value{v}}
			phase.Regions[0].Ops = append(phase.Regions[0].Ops, v.Def)
		}
		role := func(text string) []event {
			var list []event
			count := map[rune]int64{}
			for i, l := range text {
				e := event{chain: x, ticket: count[l], op: &ir.Op{Pos: ir.Pos{File: "k", Line: i + 1, Col: 1}}}
				count[l]++
				if l < 'a' {
					e.chain = y
					l += 'a' - 'A'
				}
				e.op.Code = map[rune]ir.Code{'a': ir.Acquire, 'c': ir.Commit, 't': ir.Take, 'r': ir.Release}[l]
				list = append(list, e)
			}
			return list
		}
		check := &channelCheck{phase: phase}
		for _, roles := range [][][]event{{role(c.first), role(c.second)}, {role(c.second), role(c.first)}} {
			err := check.play(roles)
			if (err == nil) != (c.want == "") {
				t.Errorf("%s and %s: %v; want %q", c.first, c.second, err, c.want)
			}
		}
		if err := check.play([][]event{role(c.first), role(c.second)}); err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s and %s: %v; want %q", c.first, c.second, err, c.want)
		}
	}
}

// TestCheckRoles explores a kernel of two roles, of which one has two groups that take turns.
func TestCheckRoles(t *testing.T) {
	a, err := txtar.ParseFile("../ir/testdata/texts.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range a.Files {
		if file.Name != "roles.tir" {
			continue
		}
		for _, c := range []struct{ from, to, want string }{
			{"", "", ""},
			{"        release %x, %t\n", "", "channel x: 1 slots are held at the end, for K = 32"},
			{"for %k in %0 .. %K by 32", "for %k in %0 .. %n by 32", "channel x: "},
			{"{groups = 2,", "{groups = 1,", "group 0 at a turn waits for ever"},
		} {
			fn, err := ir.ParseFunc(file.Name, []byte(strings.Replace(string(file.Data), c.from, c.to, 1)))
			if err != nil {
				t.Fatal(err)
			}
			err = CheckChannels(fn)
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("%q for %q: %v; want %q", c.to, c.from, err, c.want)
			}
		}
		return
	}
	t.Error("there is no roles.tir")
}
