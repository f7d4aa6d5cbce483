package emit

import (
	"math/bits"

	"github.com/tilec/tilec/codegen/ptx/asm"
	"github.com/tilec/tilec/ir/layout"
)

// stream loads a tile of elements of less than a byte whose rows begin anywhere: for each run of slots that follow each other in
// memory the words that have a bit of an element that is there, shifted together. Nil where the tile has no such runs, or
// where what lies beside its elements may change.
func (e *emitter) stream(a *access) *value {
	axis, ok := a.inner()
	if !ok || a.bits >= 8 || a.o.Str("mode") == "else" || e.written[a.o.Operands[0]] {
		return nil
	}
	runs := e.wordRuns(a, axis)
	if runs == nil {
		return nil
	}
	b := e.b
	n := int64(len(runs[0]))
	count := n * a.bits / 32
	var others []int
	for i := range a.t.Axes {
		if i != axis {
			others = append(others, i)
		}
	}
	span := e.value(a.t.Axes[axis].Span)
	list := make([]asm.Arg, int64(a.p.slots)*a.bits/32)
	for _, run := range runs {
		var there guard
		there.p, there.ok = e.live(a.t, run[0], others)
		end := asm.Int(n) // of the run's elements that are there
		if extent := a.t.Axes[axis].Extent; !span.full || extent%n != 0 || a.p.d.Tile()[axis] > extent {
			end = b.Sub(asm.W, e.live32(span), e.coord(a.p, run[0], axis))
			end = asm.R(b.Pure("min.s32", asm.W, e.word(end), asm.Int(n)))
			there = e.and(there, b.SetP("gt", "s32", end, asm.Int(0)))
		}
		at, shift := e.wordAddress(a, run[0])
		last := b.Mad(asm.W, end, asm.Int(a.bits), shift) // the bit behind them
		words := make([]asm.Arg, count+1)
		for i := range words {
			r := b.Reg(asm.W)
			e.move(r, asm.Int(0))
			g := there
			if _, known := end.IntValue(); !known && i > 0 || int64(i) == count {
				g = e.and(g, b.SetP("gt", "s32", e.word(last), asm.Int(int64(32*i))))
			}
			g.emit(b, "ld.global.nc.b32", asm.R(r), asm.At(at, int64(4*i)))
			words[i] = asm.R(r)
		}
		for i := range count {
			list[int64(run[0])*a.bits/32+i] = asm.R(b.Pure("shf.r.wrap.b32", asm.W, words[i], words[i+1], shift))
		}
	}
	return &value{words: list}
}

// wordRuns are the longest runs of slots along an axis that fill words and follow each other; nil where there are none.
func (e *emitter) wordRuns(a *access, axis int) [][]int {
	longest := int64(1) << bits.TrailingZeros64(uint64(a.p.d.Tile()[axis]))
	for _, list := range [][]layout.Digit{a.p.lane, a.p.warp} {
		for _, g := range list {
			if g.Axis == axis && g.Size > 1 {
				longest = min(longest, g.Stride&-g.Stride)
			}
		}
	}
	for n := min(longest, int64(a.p.slots)); n*a.bits >= 32; n /= 2 {
		v := &vector{runs: a.p.runs(axis, n, a.first)}
		if v.runs == nil || n*a.bits%32 != 0 || len(v.runs)*int(n) != a.p.slots || !v.follow(int(n)) {
			continue
		}
		good := true
		for _, run := range v.runs {
			good = good && a.alike(run)
		}
		if good {
			return v.runs
		}
	}
	return nil
}
