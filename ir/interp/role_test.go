package interp

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/tilec/tilec/ir/dtype"
)

// TestRoles runs a role that fills a channel and two groups that both read it, in many orders.
func TestRoles(t *testing.T) {
	a, err := txtar.ParseFile("../testdata/texts.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range a.Files {
		if file.Name != "roles.tir" {
			continue
		}
		p := compile(t, string(file.Data))
		const k = 100
		in := make([]float64, k)
		for i := range in {
			in[i] = float64(i)
		}
		for seed := range uint64(20) {
			c, _ := NewTensor(dtype.F32, 2, k)
			// One block stores all of c.
			if err := p.Run([]Arg{{Tensor: floats(dtype.F32, in, k)}, {Int: 1}, {Tensor: c}}, Options{Schedule: seed}); err != nil {
				t.Fatal(err)
			}
			for i, x := range floatsOf(c) {
				if x != 2*in[i%k] {
					t.Fatalf("seed %d: element %d is %v", seed, i, x)
				}
			}
		}
		return
	}
	t.Error("there is no roles.tir")
}

// crossed is a kernel of two roles that hand tiles to each other; the verbs are what they do.
const crossed = `kernel @k[%%N](%%a: tensor<f32,[%%N]>) -> (%%c: tensor<f32,[%%N]>) layouts(
  #0 = "32:32",
  #1 = "spatial(32)"
) {
  %%0 = const 0 : i64
  %%n = const 3 : i64
  %%one = const 1 : i64
  parallel %%m in %%0 .. %%N by 32 {
    %%x = chan : chan<f32,[32],depth 1,#0> @1
    %%y = chan : chan<f32,[32],depth 1,#0> @2
    role {groups = 1, name = "left", warps = 1} (%%p: i64) {
%s      yield
    }
    role {groups = 1, name = "right", warps = 1} (%%q: i64) {
%s      yield
    }
    yield
  }
  yield
}
`

func TestRoleFaults(t *testing.T) {
	count := 0
	fill := func(ch string, line int) string {
		count++
		return strings.NewReplacer("@2", fmt.Sprintf("@%d", line), "CH", ch, "%s", fmt.Sprintf("%%s%d", count)).Replace(`      %s = acquire %CH : slot<f32,[32],#0> @2
      copy.in %s, %a, %m [%m]
      commit %CH, %s
`)
	}
	drain := func(ch string, line int) string {
		count++
		return strings.NewReplacer("@2", fmt.Sprintf("@%d", line), "CH", ch, "%t", fmt.Sprintf("%%t%d", count)).Replace(`      %t = take %CH : slot<f32,[32],#0> @2
      release %CH, %t
`)
	}
	for _, c := range []struct{ left, right, want string }{
		{fill("x", 10) + drain("y", 11), drain("x", 20) + fill("y", 21), ""},
		{drain("y", 11) + fill("x", 10), drain("x", 20) + fill("y", 21),
			"k.tile:11:1: deadlock: role left waits at take for a slot of 1 of channel y to be committed; role right waits at take for a slot of 1 of channel x to be committed (the other place: k.tile:20:1)"},
		{fill("x", 10) + fill("x", 12), drain("x", 20),
			"k.tile:1:1: channel x: at the end of a block 1 slots are held, the first of them never taken (the other place: k.tile:20:1)"},
		{fill("x", 10), drain("x", 20) + drain("x", 21), "k.tile:21:1: deadlock: role right waits at take for a slot of 1 of channel x to be committed"},
	} {
		p := compile(t, fmt.Sprintf(crossed, c.left, c.right))
		for seed := range uint64(8) {
			out, _ := NewTensor(dtype.F32, 70)
			err := p.Run([]Arg{{Tensor: floats(dtype.F32, make([]float64, 70), 70)}, {Tensor: out}}, Options{Schedule: seed})
			var f *Fault
			switch {
			case c.want == "" && err != nil:
				t.Errorf("seed %d: %v", seed, err)
			case c.want != "" && (!errors.As(err, &f) || f.Kind != Deadlock || err.Error() != c.want):
				t.Errorf("seed %d: %v; want %s", seed, err, c.want)
			}
		}
	}
}
