package cpu

import (
	"github.com/tilec/tilec/codegen/internal/llx"
	"github.com/tilec/tilec/ir"
)

// turnedLoad is a load in a loop whose elements lie apart along an axis, and side by side along the loop's index, as scales
// s[n, g] in a loop over g. What some turns of the loop load is copied before them, so that each finds its own side by side.
type turnedLoad struct {
	o     *ir.Op
	index *ir.Value // the loop's
	cols  *ir.Value // the axis
	tile  *tile     // of the first turn; those of the others follow
}

// turnsAtOnce is for how many turns of a loop loads are copied: long enough for memory to be read in long runs, short
// enough for what is copied to stay in the first cache.
const turnsAtOnce = 32

// turnedAhead is how many rows ahead of those that are copied memory is asked for, at least: so many that it has come when
// their block begins.
const turnedAhead = 128

// turnedLoads finds the loads of a loop over integers that are better copied.
func (e *emitter) turnedLoads(o *ir.Op) []*turnedLoad {
	r := o.Regions[0]
	if o.Code != ir.For || o.Int("by") != 0 || e.scratch == nil {
		return nil
	}
	lo, okLo := o.Operands[0].ConstInt()
	hi, okHi := o.Operands[1].ConstInt()
	if okLo && okHi && hi-lo < turnsAtOnce/4 {
		return nil
	}
	var list []*turnedLoad
	for _, q := range r.Ops {
		if q.Code != ir.Load || q.Str("mode") != "in" || e.g.written[q.Operands[0]] || q.Result().Type.Kind != ir.Tile {
			continue
		}
		t := q.Operands[0].Type
		subs := q.Subscripts()
		bits := t.Elem.Bits()
		if t.Mem == ir.Packed || len(subs) < 2 || subs[len(subs)-1] != r.Args[0] || bits != 8 && bits != 16 && bits != 32 {
			continue
		}
		var cols *ir.Value
		fits := true
		for _, s := range subs[:len(subs)-1] {
			switch {
			case s.Def != nil && s.Def.Parent == r || s.Region == r:
				fits = false
			case s.Type.Kind == ir.Span && cols == nil:
				cols = s
			case s.Type.Kind != ir.Scalar:
				fits = false
			}
		}
		if fits && cols != nil && cols.Type.Width >= int64(e.level.Lanes) {
			list = append(list, &turnedLoad{o: q, index: r.Args[0], cols: cols})
		}
	}
	return list
}

// someTurns goes through a loop in runs of turns; before each run what its turns load is copied.
func (e *emitter) someTurns(list []*turnedLoad, lo, hi llx.Value, body func(first, n llx.Value)) {
	e.scope(func() {
		for _, q := range list {
			q.tile = e.newTileShape(q.o.Result().Type)
			q.tile.base = e.room(q.tile.bytes() * turnsAtOnce)
		}
		e.For(lo, hi, turnsAtOnce, func(first llx.Value) {
			n := e.Min(e.Sub(hi, first), llx.C64(turnsAtOnce))
			for _, q := range list {
				e.scope(func() { q.copy(e, first, n) })
			}
			body(first, n)
		})
	})
}

// bindTurn makes the loads stand for their copies of a turn, counted from the first one of the run.
func (e *emitter) bindTurn(list []*turnedLoad, turn llx.Value) {
	for _, q := range list {
		t := *q.tile
		t.base = e.Offset(t.base, e.Mul(turn, llx.C64(t.bytes())))
		e.store(q.o.Result(), &t)
	}
}

// copy copies what is loaded in n turns from the first on.
func (q *turnedLoad) copy(e *emitter, first, n llx.Value) {
	t := q.tile
	lanes := int64(e.level.Lanes)
	tensor := e.tensorOf(q.o.Operands[0])
	set(e, e.scalars, q.index, first)
	place := func(i llx.Value) llx.Value {
		at := e.placeOf(q.o.Operands[0], q.o.Subscripts(), e.point().inside(q.cols, i), 1, false)
		return e.Mul(at.base, llx.C64(t.size))
	}
	row := func(i llx.Value) llx.Value { return e.Offset(tensor.base, place(i)) }
	code := llx.IntType(int(8 * t.size))
	live := e.span(q.cols).n
	slowly := func() {
		e.For(llx.C64(0), live, 1, func(i llx.Value) {
			from, to := row(i), e.Offset(t.base, e.Mul(i, llx.C64(t.size)))
			e.For(llx.C64(0), n, 1, func(j llx.Value) {
				v := e.Load(code, e.Offset(from, e.Mul(j, llx.C64(t.size))), int(t.size))
				e.Store(v, e.Offset(to, e.Mul(j, llx.C64(t.bytes()))), int(t.size))
			})
		})
	}
	// Rows that a block to come will read are asked for: each is a line or two, which no hardware sees coming.
	ahead := q.cols.Type.Width
	for ahead < turnedAhead {
		ahead += q.cols.Type.Width
	}
	// A square of dwords is turned: as many rows as a vector has lanes, whose lanes have elements of so many turns.
	per := 4 / t.size
	step := e.Sub(place(llx.C64(1)), place(llx.C64(0)))
	square := func(rows, at llx.Value, from int64, masked bool) {
		parts := make([]llx.Value, lanes)
		for k := range parts {
			p := e.Offset(rows, e.Add(e.Mul(step, llx.C64(int64(k))), llx.C64(from*t.size)))
			if from*t.size%64 == 0 {
				prefetch(e.B, e.Offset(p, e.Mul(step, llx.C64(ahead))), false, 3)
			}
			if !masked {
				parts[k] = e.Load(llx.Vec(llx.I32, int(lanes)), p, int(t.size))
				continue
			}
			some := llx.Vec(code, int(lanes*per))
			mask := e.ICmp("slt", e.Steps(llx.I64, int(lanes*per)), e.Splat(e.Sub(n, llx.C64(from)), int(lanes*per)))
			v := e.Call("llvm.masked.load."+llx.Suffix(some)+".p0", some, p, llx.C32(t.size), mask, llx.Zero(some))
			parts[k] = e.Bitcast(v, llx.Vec(llx.I32, int(lanes)))
		}
		// In each lane the turns follow each other: all of the first one come before all of the next.
		order := make([]int, lanes*per)
		for k := range order {
			order[k] = k%int(lanes)*int(per) + k/int(lanes)
		}
		for k, v := range e.turn(parts) {
			some := e.Bitcast(v, llx.Vec(code, len(order)))
			some = e.Shuffle(some, some, order)
			for p := range int(per) {
				if j := from + int64(k)*per + int64(p); j < turnsAtOnce {
					one := e.Shuffle(some, some, sequence(len(order))[p*int(lanes):(p+1)*int(lanes)])
					e.Store(one, e.Offset(at, llx.C64(j*t.bytes())), int(t.size))
				}
			}
		}
	}
	// A square for a few turns is mostly nothing.
	masked, least := e.level.AVX512, int64(turnsAtOnce)
	if masked {
		least = turnsAtOnce / 8
	}
	fits := e.And(e.ICmp("sge", live, llx.C64(lanes)), e.ICmp("sge", n, llx.C64(least)))
	e.If(fits, func() {
		e.For(llx.C64(0), live, lanes, func(i llx.Value) {
			// The last square ends at the last row.
			i = e.Min(i, e.Sub(live, llx.C64(lanes)))
			at, rows := e.Offset(t.base, e.Mul(i, llx.C64(t.size))), row(i)
			for from := int64(0); from < turnsAtOnce; from += lanes * per {
				square(rows, at, from, masked)
			}
		})
	}, slowly)
}
