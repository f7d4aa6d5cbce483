package passes

import (
	"reflect"
	"slices"

	"github.com/tilec/tilec/ir"
)

// Ahead finds channels of the text that do what the compiler's own do: a loop takes a slot in each step, and what the slot
// holds is what a load of that step would give, copied some steps earlier; the first slots are filled before the loop. Such
// a channel becomes that load, marked with the channel's depth, and [pipeline] makes the channel of it again, in the form that the
// target copies and reads best. All other channels stay as they are written.
//
// In the text that is, for a channel of depth 3 and a loop over k in lo..hi by W:
//
//	for a in lo..min(lo + W, hi) by W         { w := acquire(ks); w[m, a] = x[m, a]; commit(w) }
//	for b in lo + W..min(lo + 2*W, hi) by W   { … }
//	for k in lo..hi by W {
//	    r := take(ks)
//	    for c in k.lo + 2*W..min(k.lo + 3*W, hi) by W { … }
//	    … r[m, k] …
//	    release(r)
//	}
//
// A loop over single indices has conditions in the place of the small loops: if k + 2 < hi { … }. A channel of depth 1 is filled
// in the loop, right before it is taken.
func Ahead(fn *ir.Func) {
	for _, o := range fn.Body.Ops {
		if o.Code != ir.Parallel {
			continue
		}
		written := writtenIn(o)
		for _, q := range slices.Clone(o.Regions[0].Ops) {
			if q.Code != ir.ChanOf || q.Attr("ring") != nil {
				continue
			}
			a := &lookahead{fn: fn, chain: q.Result(), written: written}
			if a.find(o) {
				a.restore(q)
			}
		}
	}
	fn.Number()
}

// lookahead looks at one channel.
type lookahead struct {
	fn      *ir.Func
	chain   *ir.Value
	written map[*ir.Value]bool

	fills         []*fill
	take, release *ir.Op
	views         []*ir.Op
	loop          *ir.Op
}

// fill is where a slot is filled.
type fill struct {
	acquire, copy, commit *ir.Op
	// around is the loop or branch that the three stand in, or nil; it has no other purpose where it is one of one step.
	around *ir.Op
}

// at is the operation of a region that a fill stands in, itself or by what is around it.
func (f *fill) at() *ir.Op {
	if f.around != nil {
		return f.around
	}
	return f.acquire
}

func (a *lookahead) find(phase *ir.Op) bool {
	good := true
	slots := map[*ir.Value]*fill{}
	phase.Regions[0].Walk(func(o *ir.Op) {
		uses := func(v *ir.Value) bool { return len(o.Operands) > 0 && o.Operands[0] == v }
		switch {
		case o.Code == ir.RoleOf:
			good = false
		case o.Code == ir.Acquire && uses(a.chain):
			f := &fill{acquire: o}
			slots[o.Result()] = f
			a.fills = append(a.fills, f)
		case o.Code == ir.Take && uses(a.chain):
			good = good && a.take == nil
			a.take = o
		case o.Code == ir.Copy && slots[o.Operands[0]] != nil:
			f := slots[o.Operands[0]]
			good = good && f.copy == nil
			f.copy = o
		case o.Code == ir.Put && slots[o.Operands[0]] != nil:
			good = false
		case o.Code == ir.Commit && uses(a.chain):
			slots[o.Operands[1]].commit = o
		case o.Code == ir.Release && uses(a.chain):
			a.release = o
		case o.Code == ir.View && a.take != nil && uses(a.take.Result()):
			a.views = append(a.views, o)
		}
	})
	if !good || a.take == nil || a.release == nil || len(a.views) == 0 {
		return false
	}
	a.loop = a.take.Parent.Parent
	if a.loop.Code != ir.For || a.loop.Regions[0].Yield().Flag("breaks") {
		return false
	}
	return a.filled() && a.loads()
}

// filled checks when slots are filled: those before the loop, and in it those of later steps.
func (a *lookahead) filled() bool {
	l := a.loop
	depth := a.chain.Type.Depth
	step := max(l.Int("by"), 1)
	body := l.Regions[0]
	now := linearOf(body.Args[0])
	lo, hi := linearOf(l.Operands[0]), linearOf(l.Operands[1])
	place := func(r *ir.Region, o *ir.Op) int { return slices.Index(r.Ops, o) }
	var before, inside []*fill
	for _, f := range a.fills {
		if f.copy == nil || f.commit == nil || f.acquire.Parent != f.copy.Parent || f.copy.Parent != f.commit.Parent {
			return false
		}
		r := f.acquire.Parent
		if r != l.Parent && r != body {
			f.around = r.Parent
			r = f.around.Parent
			if f.around.Code != ir.For && f.around.Code != ir.If || len(f.around.Results) > 0 || f.acquire.Parent != f.around.Regions[0] {
				return false
			}
		}
		switch {
		case r == body:
			inside = append(inside, f)
		case r == l.Parent && place(r, f.at()) < place(r, l):
			before = append(before, f)
		default:
			return false
		}
	}
	if len(inside) != 1 || int64(len(before)) > depth-1 {
		return false
	}
	if first := place(body, inside[0].at()) < place(body, a.take); first != (depth == 1) {
		return false
	}
	for i := range depth - 1 {
		from := lo.plus(i * step)
		if i >= int64(len(before)) {
			// Folded away: there is no such step.
			if x, ok := hi.minus(from).constant(); !ok || x > 0 {
				return false
			}
			continue
		}
		if !a.covers(before[i], from, hi) {
			return false
		}
	}
	if depth == 1 {
		return inside[0].around == nil
	}
	return a.covers(inside[0], now.plus((depth-1)*step), hi)
}

// covers reports whether a fill is of the step that begins at an index, if there is one before the end.
func (a *lookahead) covers(f *fill, from, end linearForm) bool {
	step := max(a.loop.Int("by"), 1)
	within := func(lo, hi *ir.Value) bool { // lo … min(lo + step, end)
		if !linearOf(lo).equal(from) {
			return false
		}
		if d := hi.Def; d != nil && d.Code == ir.Min {
			x, y := linearOf(d.Operands[0]), linearOf(d.Operands[1])
			next := from.plus(step)
			return x.equal(next) && y.equal(end) || y.equal(next) && x.equal(end)
		}
		if linearOf(hi).equal(end) { // the end is not further than a step, or it is the next step's beginning
			x, ok := end.minus(from).constant()
			return ok && x <= step
		}
		x, ok := end.minus(from).constant()
		return ok && x >= step && linearOf(hi).equal(from.plus(step))
	}
	index := a.index(f)
	if index == nil || !a.same(f) {
		return false
	}
	o := f.around
	switch {
	case o == nil:
		// What is known to be there is filled without a condition.
		x, ok := end.minus(from).constant()
		if !ok || x <= 0 || !linearOf(index).equal(from) {
			return false
		}
		return a.loop.Int("by") == 0 ||
			index.Def != nil && index.Def.Code == ir.SpanOf && index.Type.Width == step && within(index.Def.Operands[0], index.Def.Operands[1])
	case a.loop.Int("by") == 0:
		return o.Code == ir.If && linearOf(index).equal(from) && linearOf(o.Operands[0].Def.Operands[1]).equal(end)
	}
	return o.Code == ir.For && o.Int("by") == step && within(o.Operands[0], o.Operands[1])
}

// ref is the fill in the loop, with which the others are compared.
func (a *lookahead) ref() *fill { return a.fills[len(a.fills)-1] }

// index is the value in the place of the loop's index in a fill, nil where none is known.
func (a *lookahead) index(f *fill) *ir.Value {
	ref := a.ref()
	switch o := f.around; {
	case o != nil && o.Code == ir.For:
		return o.Regions[0].Args[0]
	case o != nil:
		if c := o.Operands[0].Def; c != nil && c.Code == ir.Lt {
			return c.Operands[0]
		}
		return nil
	case f == ref:
		return a.loop.Regions[0].Args[0]
	}
	// It stands where the fill in the loop has its own.
	at := a.index(ref)
	for i, v := range ref.copy.Operands {
		if v == at && i < len(f.copy.Operands) {
			return f.copy.Operands[i]
		}
	}
	return nil
}

// same reports whether a fill copies what the one in the loop does, with an index of its own.
func (a *lookahead) same(f *fill) bool {
	ref := a.ref()
	if f == ref {
		return true
	}
	s := &alike{a: a, x: a.index(f), y: a.index(ref), done: map[[2]*ir.Value]bool{}}
	return s.y != nil && f.copy.Str("mode") == ref.copy.Str("mode") && slices.EqualFunc(f.copy.Operands[1:], ref.copy.Operands[1:], s.value) &&
		slices.EqualFunc(f.copy.Axes, ref.copy.Axes, s.value)
}

// alike compares what two fills compute, of which the second is the one in the loop.
type alike struct {
	a    *lookahead
	x, y *ir.Value // their indices
	done map[[2]*ir.Value]bool
}

func (s *alike) value(v, w *ir.Value) bool {
	key := [2]*ir.Value{v, w}
	if known, ok := s.done[key]; ok {
		return known
	}
	s.done[key] = s.compare(v, w)
	return s.done[key]
}

func (s *alike) compare(v, w *ir.Value) bool {
	o, q := v.Def, w.Def
	switch {
	case w == s.y:
		return v == s.x
	case v == w:
		return !within(v, s.a.loop.Regions[0])
	case o == nil || q == nil || o.Code != q.Code || len(o.Regions) > 0 || v.Index != w.Index || !slices.EqualFunc(o.Attrs, q.Attrs, sameAttr):
		return false
	case o.Code == ir.Const:
		return v.Type.Elem == w.Type.Elem
	}
	return s.a.repeats(o) && s.a.repeats(q) && slices.EqualFunc(o.Operands, q.Operands, s.value) && slices.EqualFunc(o.Axes, q.Axes, s.value) &&
		v.Type.Kind == w.Type.Kind && v.Type.Elem == w.Type.Elem && slices.EqualFunc(spansOf(v.Type), spansOf(w.Type), s.value)
}

func sameAttr(x, y ir.Attr) bool { return x.Key == y.Key && reflect.DeepEqual(x.Val, y.Val) }

// repeats reports whether an operation gives the same whenever it is done.
func (a *lookahead) repeats(o *ir.Op) bool {
	switch o.Code {
	case ir.Const, ir.Affine, ir.Iota, ir.Bcast, ir.SpanLo, ir.SpanHi:
		return true
	case ir.Load:
		return !a.written[o.Operands[0]]
	}
	return o.Code.Spec().Elementwise()
}

// loads checks what is copied, and how it is seen.
func (a *lookahead) loads() bool {
	ref := a.ref()
	c, t := ref.copy, a.chain.Type
	if a.written[c.Operands[1]] || a.release.Parent != a.loop.Regions[0] || len(t.Axes) < 2 || t.Elem.Bits()%8 != 0 || c.Operands[1].Type.Mem == ir.Packed {
		return false
	}
	index := a.index(ref)
	for _, v := range a.views {
		for i, s := range v.Axes {
			if w := c.Axes[i]; w == index && s != a.loop.Regions[0].Args[0] || w != index && s != w {
				return false
			}
		}
	}
	for _, v := range c.Operands[2:] {
		if _, ok := a.shifted(nil, v, nil); !ok {
			return false
		}
	}
	return true
}

// shifted is what the fill in the loop computes, for the loop's own step. Without a builder it says whether there is such.
func (a *lookahead) shifted(b *ir.Builder, v *ir.Value, done map[*ir.Value]*ir.Value) (*ir.Value, bool) {
	ref := a.ref()
	switch {
	case v == a.index(ref):
		return a.loop.Regions[0].Args[0], true
	case ref.around == nil || !within(v, ref.acquire.Parent):
		return v, ref.around == nil || !within(v, a.loop.Regions[0])
	case done[v] != nil:
		return done[v], true
	case v.Def == nil || len(v.Def.Regions) > 0 || !a.repeats(v.Def):
		return nil, false
	}
	to := map[*ir.Value]*ir.Value{}
	for _, x := range slices.Concat(v.Def.Operands, v.Def.Axes, spansOf(v.Type)) {
		y, ok := a.shifted(b, x, done)
		if !ok {
			return nil, false
		}
		to[x] = y
	}
	if b == nil {
		return v, true
	}
	w := b.Emit(v.Def.Clone(to)).Results[v.Index]
	done[v] = w
	return w, true
}

// restore puts loads in the place of the channel.
func (a *lookahead) restore(chain *ir.Op) {
	ref := a.ref()
	a.fn.Number()
	b := ir.NewBuilder(a.fn)
	// All that is seen of a slot is one load, where it is first seen, or where the slot was taken.
	b.At(a.views[0].Pos).Before(a.take)
	if v := a.views[0]; v.Parent == a.take.Parent {
		b.Before(v)
	}
	var subs []*ir.Value
	done := map[*ir.Value]*ir.Value{}
	for _, v := range ref.copy.Operands[2:] {
		w, _ := a.shifted(b, v, done)
		subs = append(subs, w)
	}
	load := b.Load(ref.copy.Operands[1], subs, ref.copy.Str("mode"), nil)
	load.Def.SetAttr("stages", a.chain.Type.Depth)
	load.Name = a.views[0].Result().Name
	seen := load
	if t := a.views[0].Result().Type; !load.Type.Equal(t) {
		seen = b.Bcast(load, t.Axes)
	}
	with := make([]*ir.Value, a.fn.Number())
	for _, v := range a.views {
		with[v.Result().ID] = seen
	}
	a.fn.Replace(with)
	for _, v := range a.views {
		v.Remove()
	}
	for _, f := range a.fills {
		f.commit.Remove()
		f.copy.Remove()
		f.acquire.Remove()
		if o := f.around; o != nil && idle(o) {
			o.Remove()
		}
	}
	a.release.Remove()
	a.take.Remove()
	chain.Remove()
}

// idle reports whether running an operation makes no difference.
func idle(o *ir.Op) bool {
	return o.AllEffects()&(ir.Writes|ir.IO|ir.Asserts) == 0 && len(o.Results) == 0
}

// linearForm is a sum of values, each with a factor, and a constant. A span stands for its first index.
type linearForm struct {
	terms map[*ir.Value]int64
	k     int64
}

// linearOf is the form of a scalar of i64, or of the first index of a span.
func linearOf(v *ir.Value) linearForm {
	f := linearForm{terms: map[*ir.Value]int64{}}
	f.add(v, 1, 0)
	return f
}

// maxLinear is how many operations a form looks through.
const maxLinear = 32

func (f *linearForm) add(v *ir.Value, by int64, depth int) {
	term := func(v *ir.Value) {
		if f.terms[v] += by; f.terms[v] == 0 {
			delete(f.terms, v)
		}
	}
	o := v.Def
	if o == nil || depth > maxLinear {
		term(v)
		return
	}
	switch o.Code {
	case ir.Const:
		if k, ok := v.ConstInt(); ok {
			f.k += by * k
			return
		}
	case ir.Add:
		f.add(o.Operands[0], by, depth+1)
		f.add(o.Operands[1], by, depth+1)
		return
	case ir.Sub:
		f.add(o.Operands[0], by, depth+1)
		f.add(o.Operands[1], -by, depth+1)
		return
	case ir.Mul:
		for i, x := range o.Operands {
			if k, ok := x.ConstInt(); ok {
				f.add(o.Operands[1-i], by*k, depth+1)
				return
			}
		}
	case ir.SpanLo:
		f.add(o.Axes[0], by, depth+1)
		return
	case ir.SpanOf:
		f.add(o.Operands[0], by, depth+1)
		return
	}
	term(v)
}

// plus is the form with a constant added.
func (f linearForm) plus(k int64) linearForm {
	f.k += k
	return f
}

// minus is the difference of two forms.
func (f linearForm) minus(g linearForm) linearForm {
	d := linearForm{terms: map[*ir.Value]int64{}, k: f.k - g.k}
	for v, k := range f.terms {
		d.terms[v] = k
	}
	for v, k := range g.terms {
		if d.terms[v] -= k; d.terms[v] == 0 {
			delete(d.terms, v)
		}
	}
	return d
}

// constant is the form's value where no value is in it.
func (f linearForm) constant() (int64, bool) { return f.k, len(f.terms) == 0 }

func (f linearForm) equal(g linearForm) bool {
	k, ok := f.minus(g).constant()
	return ok && k == 0
}
