package interp

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/tilec/tilec/ir/dtype"
)

// piped is a kernel that sends tiles of a through channels; the verbs are the layouts of the slots, that of the first as
// a tile of m by n and the other as one of n by m, and the operations at the end of the loop.
const piped = `kernel @piped[%%M, %%N](%%a: tensor<%[1]s,[%%M,%%N]>) -> (%%c: tensor<%[1]s,[%%M,%%N]>) layouts(
  #0 = "%[2]s",
  #1 = "%[3]s",
  #2 = "local(16,4) * spatial(1,4) * spatial(4,1) * replica(lane,2)",
  #3 = "permute(local(16,4) * spatial(1,4) * spatial(4,1) * replica(lane,2), 1, 0)"
) {
  %%0 = const 0 : i64
  parallel %%m in %%0 .. %%M by 60 {
    %%ring = chan : chan<%[1]s,[64,16],depth 2,#0>
    %%turned = chan : chan<%[1]s,[16,64],depth 1,#1>
    for %%n in %%0 .. %%N by 13 {
      %%s = acquire %%ring : slot<%[1]s,[64,16],#0>
      copy.in %%s, %%a, %%m, %%n [%%m, %%n]
      commit %%ring, %%s
      %%t = take %%ring : slot<%[1]s,[64,16],#0>
      %%v = view %%t [%%m, %%n] : tile<%[1]s,[%%m:60,%%n:13],shared #0>
      %%r = convert %%v : tile<%[1]s,[%%m:60,%%n:13],#2>
      release %%ring, %%t
      %%b = bcast %%r : tile<%[1]s,[%%n:13,%%m:60],#3>
      %%u = acquire %%turned : slot<%[1]s,[16,64],#1>
      put %%u, %%b
      commit %%turned, %%u
      %%g = take %%turned : slot<%[1]s,[16,64],#1>
      %%h = view %%g [%%n, %%m] : tile<%[1]s,[%%n:13,%%m:60],shared #1>
      %%k = convert %%h : tile<%[1]s,[%%n:13,%%m:60],#3>
      %%l = convert %%k : tile<%[1]s,[%%n:13,%%m:60],#3>
      release %%turned, %%g
      store.in %%c[%%m, %%n] = %%l
      yield
    }
    yield
  }
  yield
}
`

// TestThroughSlots sends ragged tiles of several types through slots of several layouts, and finds them as they were.
func TestThroughSlots(t *testing.T) {
	for _, elem := range []dtype.Type{dtype.F32, dtype.BF16, dtype.I64, dtype.U8, dtype.Bool, dtype.F64, dtype.Uint(4)} {
		bits := elem.Bits()
		row := func(m, n int) string { return fmt.Sprintf("(%d,%d):(%d,%d)", m, n, n*bits, bits) }
		turned := func(m, n int) string { return fmt.Sprintf("(%d,%d):(%d,%d)", m, n, bits, (m+1)*bits) }
		swizzled := fmt.Sprintf("swizzle(2,%d,3) o %s", 2+strings.IndexByte("\x01\x02\x04\x08\x10\x20\x40", byte(bits)), row(64, 16))
		for _, slots := range [][2]string{{row(64, 16), row(16, 64)}, {turned(64, 16), turned(16, 64)}, {swizzled, row(16, 64)}} {
			p := compile(t, fmt.Sprintf(piped, elem, slots[0], slots[1]))
			a, _ := NewTensor(elem, 131, 47)
			for i := range a.Data {
				a.Data[i] = byte(i*i>>3 + i)
				if elem == dtype.Bool || elem.IsFloat() {
					a.Data[i] &= 1
				}
			}
			c, _ := NewTensor(elem, 131, 47)
			if err := p.Run([]Arg{{Tensor: a}, {Tensor: c}}, Options{}); err != nil {
				t.Fatalf("%s in %v: %v", elem, slots, err)
			}
			n := int(a.Len()) * bits / 8 * 8 / 8
			if string(a.Data[:n]) != string(c.Data[:n]) {
				t.Errorf("%s in %v: what came out is not what went in", elem, slots)
			}
		}
	}
}

// TestChannelFaults holds that what a channel cannot do is found, with both places.
func TestChannelFaults(t *testing.T) {
	const head = `kernel @k[%N](%a: tensor<f32,[%N]>) -> (%c: tensor<f32,[%N]>) layouts(
  #0 = "32:32",
  #1 = "spatial(32)"
) {
  %0 = const 0 : i64
  %n = const 3 : i64
  parallel %m in %0 .. %N by 32 {
    %ring = chan : chan<f32,[32],depth 2,#0> @1
`
	const tail = `    yield
  }
  yield
}
`
	const fill = `      %s = acquire %ring : slot<f32,[32],#0> @2
      copy.in %s, %a, %m [%m] @3
      commit %ring, %s @4
`
	const drain = `      %t = take %ring : slot<f32,[32],#0> @5
      %v = view %t [%m] : tile<f32,[%m:32],shared #0>
      %r = convert %v : tile<f32,[%m:32],#1> @6
      store.in %c[%m] = %r
      release %ring, %t @7
`
	loop := func(body string) string {
		return "    for %i in %0 .. %n {\n" + body + "      yield\n    }\n"
	}
	for _, c := range []struct {
		body, want string
		kind       Kind
	}{
		{drain + fill, "k.tile:5:1: channel ring: take waits for a slot of 2 to be committed, and the commit that does it stands behind it (the other place: k.tile:4:1)", Deadlock},
		{drain, "k.tile:5:1: channel ring: take waits for a slot of 2 to be committed, and nothing ever does that", Deadlock},
		{loop(fill) + drain, "k.tile:2:1: channel ring: acquire waits for a slot of 2 to be released, and the release that does it stands behind it (the other place: k.tile:7:1)", Deadlock},
		{fill + drain + strings.ReplaceAll(fill, "%s", "%q"), "k.tile:1:1: channel ring: at the end of a block 1 slots are held, the first of them never taken (the other place: k.tile:5:1)", Deadlock},
		{strings.Replace(fill, "copy.in %s, %a, %m [%m] @3\n", "", 1) + drain, "k.tile:6:1: channel ring: a slot is read into which nothing was put", Uninitialised},
	} {
		p := compile(t, head+c.body+tail)
		a := floats(dtype.F32, make([]float64, 70), 70)
		out, _ := NewTensor(dtype.F32, 70)
		err := p.Run([]Arg{{Tensor: a}, {Tensor: out}}, Options{})
		var f *Fault
		if !errors.As(err, &f) || f.Kind != c.kind || err.Error() != c.want {
			t.Errorf("%v; want %s", err, c.want)
		}
	}
	// One slot after the other, more often than there are slots.
	p := compile(t, head+loop(fill+drain)+tail)
	a := floats(dtype.F32, []float64{1, 2, 3}, 3)
	out, _ := NewTensor(dtype.F32, 3)
	if err := p.Run([]Arg{{Tensor: a}, {Tensor: out}}, Options{}); err != nil {
		t.Error(err)
	}
}
