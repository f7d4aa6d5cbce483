package cpu

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"

	lir "github.com/llir/llvm/ir"

	"github.com/tilec/tilec/codegen/internal/llx"
	"github.com/tilec/tilec/ir/dtype"
)

// TestLowbitDotNeon runs products on the level of arm64 in an emulator, where this machine has no such processor.
func TestLowbitDotNeon(t *testing.T) {
	tools := lowbitTools(t)
	arm := newEmulator(t)
	l, err := LevelByName("neon")
	if err != nil {
		t.Fatal(err)
	}
	// Each function reads its own part of both arrays, and writes to the third.
	const rows = 3
	type variant struct {
		p       lowbit
		codes   []uint64
		at, wAt int
	}
	rnd := rand.New(rand.NewPCG(5, 6))
	var list []variant
	var x, w []byte
	var names []string
	m := llx.NewModule(l.Triple())
	for i, elem := range lowTypes() {
		group := []int{32, 36}[i%2]
		p, ok := planLowbit(l, elem, group, rows)
		if !ok {
			t.Fatalf("no plan for %v", elem)
		}
		v := variant{p: p, at: len(x), wAt: len(w), codes: make([]uint64, l.Lanes*group)}
		for j := range v.codes {
			v.codes[j] = rnd.Uint64() & (1<<elem.Bits() - 1)
		}
		dense := make([]byte, dtype.StreamBytes(elem.Bits(), len(v.codes)))
		dtype.Pack(dense, 0, v.codes, elem.Bits())
		panel, err := p.layout.Pack(dense, elem, l.Lanes, group)
		if err != nil {
			t.Fatal(err)
		}
		w = append(w, panel...)
		for range rows * group {
			x = append(x, byte(rnd.Uint32()))
		}
		name := fmt.Sprintf("dot%d", i)
		names = append(names, name)
		b := m.Func(name, llx.Void, []*lir.Param{llx.Param("y", llx.Ptr), llx.Param("n", llx.I64), llx.Param("x", llx.Ptr), llx.Param("w", llx.Ptr)}, lowbitAttributes(l)...)
		u := &unit{b, l}
		var xs []llx.Value
		for r := range rows {
			xs = append(xs, u.Offset(b.Fn.Params[2], llx.C64(int64(v.at+r*group))))
		}
		sums := u.lowbitDot(p, []llx.Value{u.Offset(b.Fn.Params[3], llx.C64(int64(v.wAt)))}, xs, u.lowbitOffsets(p, xs))
		for r, d := range sums[0] {
			u.Store(d, u.Offset(b.Fn.Params[0], llx.C64(int64(4*r*l.Lanes))), 4)
		}
		b.Ret(nil)
		list = append(list, v)
	}
	size := (max(len(x), len(w), 4*rows*l.Lanes) + 63) / 64 * 64
	in := make([]byte, 2*size)
	copy(in, x)
	copy(in[size:], w)
	out := arm.run(t, lowbitObject(t, tools, m, l), names, 0, in)
	for i, v := range list {
		y := out[i*size:]
		for r := range rows {
			for lane := range l.Lanes {
				var want int32
				for j := range v.p.group {
					want += int32(v.p.elem.DecodeInt(v.codes[lane*v.p.group+j])) * int32(int8(x[v.at+r*v.p.group+j]))
				}
				if got := int32(binary.LittleEndian.Uint32(y[4*(r*l.Lanes+lane):])); got != want {
					t.Errorf("%v, row %d of x, row %d of w: %d, want %d", v.p.elem, r, lane, got, want)
				}
			}
		}
	}
}
