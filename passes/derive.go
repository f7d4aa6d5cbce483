package passes

import (
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/layout"
)

// Derived is what placing finds for a function, beside the function: what a text would say to have it so.
type Derived struct {
	// Func is the function of the value stage, parted into phases.
	Func *ir.Func
	// Layout are the register layouts of its tiles; a tile whose layout follows from that of another one has it too.
	Layout map[*ir.Value]*layout.Distribution
	// Class are numbers: tiles of one number have one layout because what is computed of them wants it so. Loads and
	// what costs nothing to make in any layout have none.
	Class map[*ir.Value]int
	// Given says that a tile's layout is its operation's own, as that of a sum by a matrix instruction or of a reduction.
	Given map[*ir.Value]bool
	// Channels are the loads of a loop that are copied ahead, those of one ring together.
	Channels map[*ir.Op][]Ring
}

// Ring are loads that are copied ahead together, into channels of so many slots. Slices are what in the loop computes where the
// rows of each lie.
type Ring struct {
	Loads  []*ir.Op
	Slices [][]*ir.Op
	Depth  int64
}

// recorder notes what placing does to a copy of a function.
type recorder struct {
	d      *Derived
	values map[*ir.Value]*ir.Value // of the copy: the function's own
	ops    map[*ir.Op]*ir.Op
}

// Derive places a copy of a function and says what it found. The function is parted into phases, and stays at the value stage. The
// error is that of [Place].
func Derive(fn *ir.Func, m Machine) (*Derived, error) {
	phases(fn)
	c := fn.Clone()
	r := &recorder{
		d: &Derived{Func: fn, Layout: map[*ir.Value]*layout.Distribution{}, Class: map[*ir.Value]int{}, Given: map[*ir.Value]bool{},
			Channels: map[*ir.Op][]Ring{}},
		values: map[*ir.Value]*ir.Value{}, ops: map[*ir.Op]*ir.Op{},
	}
	var list []*ir.Value
	fn.Values(func(v *ir.Value) { list = append(list, v) })
	i := 0
	c.Values(func(v *ir.Value) {
		r.values[v] = list[i]
		i++
	})
	var ops []*ir.Op
	fn.Walk(func(o *ir.Op) { ops = append(ops, o) })
	i = 0
	c.Walk(func(o *ir.Op) {
		r.ops[o] = ops[i]
		i++
	})
	return r.d, place(c, m, r)
}

// placed notes the forms that a placer chose.
func (r *recorder) placed(p *placer) {
	if r == nil {
		return
	}
	for v, f := range p.home {
		w := r.values[v]
		if w == nil || f == nil {
			continue
		}
		r.d.Layout[w] = f.dist
		if v.Def == nil || !alone(v) {
			r.d.Class[w] = p.class.find(v)
		}
		r.d.Given[w] = p.formOf(v) != f
	}
}

// piped notes a ring.
func (r *recorder) piped(loop *ir.Op, list []*reader, depth int64) {
	if r == nil {
		return
	}
	g := Ring{Depth: depth}
	for _, x := range list {
		g.Loads = append(g.Loads, r.ops[x.load])
		var slice []*ir.Op
		for _, o := range x.slice {
			slice = append(slice, r.ops[o])
		}
		g.Slices = append(g.Slices, slice)
	}
	r.d.Channels[r.ops[loop]] = append(r.d.Channels[r.ops[loop]], g)
}
