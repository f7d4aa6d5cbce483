package convert

import (
	"math/bits"
	"slices"

	"github.com/tilec/tilec/ir/layout"
)

// A repeated is a pair of distributions of digits that do the same again and again: factors of the tile that are no
// powers of two, and lie in registers on both sides, are taken out, and what is left is linear. So a tile of 48x40 is
// converted as 15 tiles of 16x8. A factor of warps that are the same on both sides is taken out too.
type repeated struct {
	core           *linear
	bits           int
	src, dst       []int // the words of the whole that the core's are in the first repetition
	allSrc, allDst int   // how many words the whole has
	fromSrc, to    []int // by repetition: how many words further these are
	warps          int   // the factor of warps
}

// position is a refined digit's place on one side.
type position struct {
	unit layout.Unit
	step int64 // slots, lanes or warps
}

// axisStep names a refined digit.
type axisStep struct {
	axis int
	step int64
}

func repeatedOf(src, dst layout.Distribution, width int, m Machine) (*repeated, bool) {
	from, ok := src.Digits()
	to, also := dst.Digits()
	if !ok || !also {
		return nil, false
	}
	tile := slices.Clone(src.Tile())
	cuts, ok := cutsOf(tile, from, to)
	if !ok {
		return nil, false
	}
	from, to = refined(from, cuts), refined(to, cuts)
	fromAt, toAt := places(from), places(to)
	odd := map[axisStep]int64{}
	r := &repeated{bits: width, warps: 1, fromSrc: []int{0}, to: []int{0}}
	var order []axisStep
	for _, d := range from {
		k := axisStep{d.Axis, d.Stride}
		if d.Axis == layout.Replica || d.Size&(d.Size-1) == 0 {
			continue
		}
		p, q := fromAt[k], toAt[k]
		switch {
		case p.unit != q.unit || q.step == 0:
			return nil, false
		case p.unit == layout.Register && p.step*int64(width)%32 == 0 && q.step*int64(width)%32 == 0:
			r.fromSrc, r.to = repeat(r.fromSrc, d.Size, p.step*int64(width)/32), repeat(r.to, d.Size, q.step*int64(width)/32)
		case p.unit == layout.Warp && src.Count(layout.Warp) == d.Size && dst.Count(layout.Warp) == d.Size && r.warps == 1:
			r.warps = int(d.Size)
		default:
			return nil, false
		}
		odd[k] = d.Size
		order = append(order, k)
	}
	if len(odd) == 0 || len(r.to) > 1<<10 {
		return nil, false
	}
	for _, k := range order {
		tile[k.axis] /= odd[k]
	}
	coreSrc, err := layout.Distribute(tile, without(from, odd)...)
	if err != nil {
		return nil, false
	}
	coreDst, err := layout.Distribute(tile, without(to, odd)...)
	if err != nil {
		return nil, false
	}
	if r.core, ok = linearOf(coreSrc, coreDst, width, m); !ok {
		return nil, false
	}
	r.src, r.dst = words(from, odd, width), words(to, odd, width)
	r.allSrc, r.allDst = (int(src.Count(layout.Register))*width+31)/32, (int(dst.Count(layout.Register))*width+31)/32
	// Where parts of words travel alone, repetitions could share words: small tiles are better written out.
	apart := len(r.core.together(r.core.inner, space{})) < r.core.inner
	return r, !apart || max(src.Layout().Size(), dst.Layout().Size()) > 1<<13
}

// cutsOf are, for each axis, the strides at which a digit of either side begins or ends, and those that part powers of
// two from the rest; false where one does not divide the next.
func cutsOf(tile []int64, sides ...[]layout.Digit) ([][]int64, bool) {
	cuts := make([][]int64, len(tile))
	for a, n := range tile {
		cuts[a] = []int64{1, n}
		for _, side := range sides {
			for _, d := range side {
				if d.Axis == a {
					cuts[a] = append(cuts[a], d.Stride, d.Stride*d.Size)
				}
			}
		}
		slices.Sort(cuts[a])
		cuts[a] = slices.Compact(cuts[a])
		for i := 1; i < len(cuts[a]); i++ {
			if cuts[a][i]%cuts[a][i-1] != 0 {
				return nil, false
			}
			n := cuts[a][i] / cuts[a][i-1]
			if low := n & -n; low > 1 && low < n {
				cuts[a] = slices.Insert(cuts[a], i, cuts[a][i-1]*low)
			}
		}
	}
	return cuts, true
}

// refined are the digits cut.
func refined(digits []layout.Digit, cuts [][]int64) []layout.Digit {
	var out []layout.Digit
	for _, d := range digits {
		if d.Axis == layout.Replica {
			out = append(out, d)
			continue
		}
		for i, c := range cuts[d.Axis][:len(cuts[d.Axis])-1] {
			if c >= d.Stride && c < d.Stride*d.Size {
				out = append(out, layout.Digit{Size: cuts[d.Axis][i+1] / c, Unit: d.Unit, Axis: d.Axis, Stride: c})
			}
		}
	}
	return out
}

func places(digits []layout.Digit) map[axisStep]position {
	at := map[axisStep]position{}
	step := [layout.Units]int64{1, 1, 1, 1}
	for _, d := range digits {
		if d.Axis != layout.Replica {
			at[axisStep{d.Axis, d.Stride}] = position{d.Unit, step[d.Unit]}
		}
		step[d.Unit] *= d.Size
	}
	return at
}

func repeat(at []int, size, step int64) []int {
	n := len(at)
	for i := int64(1); i < size; i++ {
		for _, x := range at[:n] {
			at = append(at, x+int(i*step))
		}
	}
	return at
}

// without are the digits that are left of a tile whose odd factors are gone.
func without(digits []layout.Digit, odd map[axisStep]int64) []layout.Digit {
	var out []layout.Digit
	for _, d := range digits {
		if d.Axis != layout.Replica {
			if odd[axisStep{d.Axis, d.Stride}] != 0 {
				continue
			}
			stride := d.Stride
			for k, n := range odd {
				if k.axis == d.Axis && k.step < d.Stride {
					stride /= n
				}
			}
			d.Stride = stride
		}
		out = append(out, d)
	}
	return out
}

// words are the words of the whole that the words of the core are in the first repetition.
func words(digits []layout.Digit, odd map[axisStep]int64, width int) []int {
	slots := []int{0}
	step := int64(1)
	for _, d := range digits {
		if d.Unit != layout.Register {
			continue
		}
		if d.Axis == layout.Replica || odd[axisStep{d.Axis, d.Stride}] == 0 {
			slots = repeat(slots, d.Size, step)
		}
		step *= d.Size
	}
	var out []int
	for i := 0; i*32 < len(slots)*width; i++ {
		out = append(out, slots[i*32/width]*width/32+i*32%width/32)
	}
	return out
}

// plan repeats the core's plan and its alternative, and takes the cheaper.
func (r *repeated) plan() *Plan {
	p := r.core.plan()
	if p == nil {
		return nil
	}
	var plans []*Plan
	for q := p; q != nil; q = q.Other {
		plans = append(plans, r.whole(q))
	}
	best, err := cheapest(plans...)
	if err != nil {
		return nil
	}
	if best.Other == nil {
		best.Estimate = Cost{Shuffles: p.Estimate.Shuffles * len(r.to), Selects: p.Estimate.Selects * len(r.to)}
	}
	return best.priced()
}

// whole repeats a plan of the core. Repetitions share a round as far as scratch allows.
func (r *repeated) whole(core *Plan) *Plan {
	p := &Plan{Machine: core.Machine, Bits: r.bits, Warps: core.Warps * r.warps, Blocks: core.Blocks, Source: r.allSrc, Result: make([]int32, r.allDst)}
	next := int32(p.Source)
	apart := 0 // bytes from one warp's scratch to the next's
	together := len(r.to)
	if core.rounds > 0 {
		together = core.Machine.Scratch / core.scratch
		if r.warps > 1 {
			together = core.Machine.Scratch / (core.scratch << bits.Len(uint(r.warps-1)))
			if together > 0 {
				together = 1 << (bits.Len(uint(together)) - 1)
			}
		}
		if core.rounds > 1 {
			together = min(together, 1)
		}
		if together == 0 {
			return nil
		}
		together = min(together, len(r.to))
		if r.warps > 1 {
			apart = core.scratch << bits.Len(uint(together-1))
		}
		p.rounds = (len(r.to) + together - 1) / together * core.rounds
		p.scratch = core.scratch*together + apart*(r.warps-1)
	}
	var warp []uint32
	for k := 0; apart > 0 && 1<<k < r.warps; k++ {
		warp = append(warp, uint32(apart)<<k)
	}
	moved := map[*Terms]*Terms{} // addresses of the core, with those of warps
	for i := range core.Steps {
		if by := core.Steps[i].By.By; apart > 0 && core.Steps[i].Width > 0 && moved[by] == nil {
			moved[by] = &Terms{Warp: warp}
			if by != nil {
				moved[by].Lane, moved[by].Table = by.Lane, by.Table
			}
		}
	}
	barrier := slices.IndexFunc(core.Steps, func(s Step) bool { return s.Op == Barrier })
	maps := make([][]int32, together)
	emit := func(steps []Step, at int) {
		register := maps[at]
		for _, s := range steps {
			if s.Op == Load || s.Op == Store {
				for k := range max(1, int(s.Width)/4) {
					if register[s.Vector[k]] < 0 {
						register[s.Vector[k]] = next
						next++
					}
					s.Vector[k] = register[s.Vector[k]]
				}
				s.By.Base ^= uint32(at * core.scratch)
				if apart > 0 {
					s.By.By = moved[s.By.By]
				}
			} else if s.Op != Barrier {
				s.A, s.B = register[s.A], register[s.B]
				register[s.To] = next
				s.To = next
				next++
			}
			p.Steps = append(p.Steps, s)
		}
	}
	p.Steps = make([]Step, 0, len(core.Steps)*len(r.to))
	for first := 0; first < len(r.to); first += together {
		batch := min(together, len(r.to)-first)
		for at := range batch {
			maps[at] = make([]int32, core.Registers)
			for k := range maps[at] {
				maps[at][k] = -1
				if k < core.Source {
					maps[at][k] = int32(r.src[k] + r.fromSrc[first+at])
				}
			}
		}
		if first > 0 && barrier >= 0 {
			p.Steps = append(p.Steps, core.Steps[barrier])
		}
		if barrier >= 0 && core.rounds == 1 {
			for at := range batch {
				emit(core.Steps[:barrier], at)
			}
			p.Steps = append(p.Steps, core.Steps[barrier])
			for at := range batch {
				emit(core.Steps[barrier+1:], at)
			}
		} else {
			for at := range batch {
				emit(core.Steps, at)
			}
		}
		for at := range batch {
			for k, reg := range core.Result {
				p.Result[r.dst[k]+r.to[first+at]] = maps[at][reg]
			}
		}
	}
	p.Registers = int(next)
	return p
}
