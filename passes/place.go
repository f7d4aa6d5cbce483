package passes

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
)

// Machine is what placing has to know of a target.
type Machine struct {
	// Target is its name, such as sm_80.
	Target string
	// Shared is the most shared memory of a block, in bytes; 0 stands for 163 KiB.
	Shared int64
}

// shared is the most shared memory of a block, in bytes.
func (m Machine) shared() int64 {
	if m.Shared == 0 {
		return 163 << 10
	}
	return m.Shared
}

// Misfit is a schedule that does not fit a target.
type Misfit struct {
	// Text says what does not fit, with the numbers; Hint what would. Settled says that the hint is a schedule that fits.
	Text, Hint string
	Pos        ir.Pos
	Settled    bool
}

func (m *Misfit) Error() string {
	text := m.Text
	if m.Hint != "" {
		text += "; " + m.Hint
	}
	if m.Pos.Line == 0 {
		return text
	}
	return m.Pos.String() + ": " + text
}

// maxWarps is the largest number of warps of a block.
const maxWarps = 32

// Warps is the number of warps of a block: the schedule word warps, 4 without.
func Warps(fn *ir.Func) int {
	for _, b := range fn.Binds {
		if n, err := strconv.Atoi(b.Value); b.Name == "warps" && err == nil {
			return n
		}
	}
	return 4
}

// Place brings a function from the value stage to the placed one, in place: everything that runs on the device stands in
// a phase ([phases]), every tile in it has a register layout, contractions name the instructions that compute them, and
// conversions stand where layouts meet. The error is a [*Misfit].
//
// What layout an operation asks of its operands is in place_needs.go, and holds for every placed function.
func Place(fn *ir.Func, m Machine) error { return place(fn, m, nil) }

func place(fn *ir.Func, m Machine, rec *recorder) error {
	warps := Warps(fn)
	if warps < 1 || warps > maxWarps {
		return &Misfit{Text: fmt.Sprintf("warps = %d: a block has 1 to %d warps", warps, maxWarps), Hint: fmt.Sprintf("%d is the nearest", min(max(warps, 1), maxWarps)), Pos: fn.Pos}
	}
	asked, err := promisesOf(fn, m)
	if err != nil {
		return err
	}
	phases(fn)
	roles, explicit, err := settleExplicit(fn)
	if err != nil {
		return err
	}
	// Roles are placed by themselves, over their own warps.
	regions := make([][]*ir.Op, len(roles))
	for i, o := range roles {
		r := o.Regions[0]
		regions[i], r.Ops = r.Ops, r.Ops[len(r.Ops)-1:]
	}
	err = newPlacer(fn, m, int64(warps), asked).place(fn.Body, rec)
	for i, o := range roles {
		o.Regions[0].Ops = regions[i]
	}
	if err == nil {
		err = placeRoles(fn, m, roles, asked, rec)
	}
	fn.Number()
	if err == nil {
		err = pipeline(fn, m, asked, explicit, rec)
	}
	if err == nil {
		handLate(fn, roles)
	}
	if err == nil {
		err = asked.kept(fn)
	}
	return err
}

func newPlacer(fn *ir.Func, m Machine, warps int64, p promises) *placer {
	return &placer{fn: fn, m: m, warps: warps, promises: p, forms: newForms(), extents: map[*ir.Value]int64{}, root: map[*ir.Value]*ir.Value{},
		cover: map[*ir.Op]*cover{}, open: map[int]bool{}, home: map[*ir.Value]*form{}, at: map[*ir.Op]*form{}, pin: map[*ir.Op]*form{}, wish: map[*ir.Value]*ir.Op{},
		converted: map[conversion]*ir.Value{}, origin: map[*ir.Value]*ir.Value{},
		after: map[*ir.Op][]*ir.Op{}, first: map[*ir.Region][]*ir.Op{}}
}

// placer places a function.
type placer struct {
	fn    *ir.Func
	m     Machine
	warps int64
	forms *forms
	// promises are what the schedule asks of contractions.
	promises promises
	// extents are the padded extents of spans; root is the span whose extent another one has.
	extents map[*ir.Value]int64
	root    map[*ir.Value]*ir.Value
	cover   map[*ir.Op]*cover
	// class, uses and form are what [placer.choose] knows: classes of tiles, uses of values, and the forms of classes.
	class *classes
	uses  map[*ir.Value][]use
	form  map[int]*form
	// members are the tiles of classes; open are those that are being resolved.
	members map[int][]*ir.Value
	open    map[int]bool
	// pin are the forms that the text asks for, and wish the pins of tiles that are made in them from the start.
	pin  map[*ir.Op]*form
	wish map[*ir.Value]*ir.Op
	// home is the form in which a tile is defined.
	home map[*ir.Value]*form
	// at is the form over all axes at which a store or atomic works.
	at map[*ir.Op]*form
	// scanned is the operand of the scan whose function is being placed.
	scanned *scanned
	// converted are tiles in other forms than their home, origin what they are of.
	converted map[conversion]*ir.Value
	origin    map[*ir.Value]*ir.Value
	// after are operations to insert behind another one, first at the beginning of a region.
	after map[*ir.Op][]*ir.Op
	first map[*ir.Region][]*ir.Op
}

// conversion is a tile in a form.
type conversion struct {
	v *ir.Value
	f *form
}

func (p *placer) place(r *ir.Region, rec *recorder) error {
	p.wishes(r)
	p.joinExtents(r)
	why := p.covers(r)
	for o, c := range p.cover {
		if !p.shape(c) {
			delete(p.cover, o)
			continue
		}
		o.SetAttr("atom", c.atom.Name)
	}
	if err := p.covered(r, why); err != nil {
		return err
	}
	if err := p.fits(r); err != nil {
		return err
	}
	if err := p.pins(r); err != nil {
		return err
	}
	p.choose(r)
	p.homes(r)
	rec.placed(p)
	p.operands(r)
	p.insert(r)
	p.unpin(r)
	p.drop(r)
	return nil
}

// joinExtents gives spans that stand for each other in one layout one extent.
func (p *placer) joinExtents(r *ir.Region) {
	r.Walk(func(o *ir.Op) {
		if o.Code == ir.Rebind {
			from, to := p.rootOf(o.Axes[0]), p.rootOf(o.Axes[1])
			if from != to {
				p.root[to] = from
			}
		}
	})
}

func (p *placer) rootOf(span *ir.Value) *ir.Value {
	for p.root[span] != nil {
		span = p.root[span]
	}
	return span
}

// extent is the padded extent of a span.
func (p *placer) extent(span *ir.Value) int64 {
	span = p.rootOf(span)
	n, ok := p.extents[span]
	if !ok {
		n = extent(span.Type.Width)
		p.extents[span] = n
	}
	return n
}

// grow sets the padded extent of a span to a larger one.
func (p *placer) grow(span *ir.Value, n int64) { p.extents[p.rootOf(span)] = n }

// tile are the padded extents of a type.
func (p *placer) tile(t ir.Type) []int64 {
	tile := make([]int64, len(t.Axes))
	for i, a := range t.Axes {
		tile[i] = p.extent(a.Span)
	}
	return tile
}

// maxRegisters is the largest number of registers of a thread that one tile may take. A thread has 255; what is
// computed piece by piece may never be there at once.
const maxRegisters = 400

// fits refuses tiles that threads have no registers for.
func (p *placer) fits(r *ir.Region) error {
	var misfit *Misfit
	r.Walk(func(o *ir.Op) {
		for _, v := range o.Results {
			if v.Type.Kind != ir.Tile || misfit != nil {
				continue
			}
			if n := registers(v.Type.Elem, p.tile(v.Type), p.warps); n > maxRegisters {
				misfit = p.tooLarge(v.Type, n)
				misfit.Pos = o.Pos
			}
		}
	})
	if misfit != nil {
		return misfit
	}
	return nil
}

// registers is the least number of registers that a tile takes in each thread of so many warps.
func registers(elem dtype.Type, tile []int64, warps int64) int64 {
	n := int64(1)
	for _, e := range tile {
		n *= e
	}
	n = (n + 32*warps - 1) / (32 * warps)
	switch bits := int64(elem.Bits()); {
	case elem == dtype.Bool:
		return n / 8 // a bit of a register, or of a predicate
	case bits > 32:
		return 2 * n
	case bits == 8 || bits == 16:
		return (n*bits + 31) / 32
	}
	return n
}

func (p *placer) tooLarge(t ir.Type, n int64) *Misfit {
	m := &Misfit{Text: fmt.Sprintf("%s takes %d registers of each of %d threads, which have 255", t.Unplaced(), n, 32*p.warps)}
	for w := 2 * p.warps; w <= maxWarps; w *= 2 {
		if registers(t.Elem, p.tile(t), w) <= maxRegisters/2 {
			m.Hint = fmt.Sprintf("with warps = %d it takes %d", w, registers(t.Elem, p.tile(t), w))
			return m
		}
	}
	// Halve the widest axis until it fits.
	tile := p.tile(t)
	widths := make([]int64, len(tile))
	for i, a := range t.Axes {
		widths[i] = a.Extent
	}
	for registers(t.Elem, tile, p.warps) > maxRegisters/2 {
		i := slices.Index(tile, slices.Max(tile))
		tile[i], widths[i] = (tile[i]+1)/2, (widths[i]+1)/2
	}
	m.Hint = fmt.Sprintf("a tile of %s fits", times(widths))
	return m
}

func times(list []int64) string {
	s := ""
	for i, n := range list {
		if i > 0 {
			s += "x"
		}
		s += strconv.FormatInt(n, 10)
	}
	return s
}

// homes gives every tile of a region a form.
func (p *placer) homes(r *ir.Region) {
	for _, v := range r.Args {
		if p.home[v] == nil {
			p.settle(v, p.formOf(v))
		}
	}
	for _, o := range r.Ops {
		if o.Code == ir.Scan {
			p.scan(o)
		}
		for i, v := range o.Results {
			if v.Type.Kind == ir.Tile && v.Type.Shared == nil {
				p.settle(v, p.result(o, i))
				p.granted(o, v)
			}
		}
		for _, q := range o.Regions {
			if o.Code != ir.Scan {
				p.homes(q)
			}
			if o.Code == ir.For || o.Code == ir.While {
				args := q.Args[len(q.Args)-len(o.Results):]
				for i, v := range args {
					p.settle(v, p.home[o.Results[i]])
				}
			}
		}
	}
}

// scanned is the operand of a scan, and its form.
type scanned struct {
	t ir.Type
	f *form
}

// scan gives the results of a scan, and what its function is about, their forms.
func (p *placer) scan(o *ir.Op) {
	t := o.Operands[0].Type
	f := p.formOf(o.Results[0])
	if len(o.Regions) == 1 && !separable(o.Regions[0]) {
		f = p.kept(t, o.Axes[0])
	}
	for _, v := range o.Results {
		p.settle(v, f)
	}
	outer := p.scanned
	p.scanned = &scanned{t, f}
	for _, r := range o.Regions {
		for _, v := range r.Args {
			if v.Type.Kind == ir.Tile {
				at, _ := axesIn(t, v.Type.Axes)
				p.settle(v, p.forms.project(f, at))
			}
		}
		p.homes(r)
	}
	p.scanned = outer
}

// separable reports whether what stands in a region works on elements alone, so that each lane can run it on elements
// of its own.
func separable(r *ir.Region) bool {
	for _, o := range r.Ops {
		switch {
		case o.Code == ir.Yield, o.Code == ir.Const, o.Code.Spec().Elementwise():
		case o.Code == ir.Bcast && o.Operands[0].Type.Kind == ir.Scalar:
		default:
			return false
		}
	}
	return true
}

// kept is a form in which every thread has the whole of an axis.
func (p *placer) kept(t ir.Type, span *ir.Value) *form {
	tile := p.tile(t)
	i := t.Axis(span)
	n := tile[i]
	tile[i] = 1
	f := p.forms.blocked(tile, ordered(len(tile)), 1, p.warps)
	tile[i] = n
	return p.forms.make(tile, append([]digit{{Size: n, Axis: i, Stride: 1}}, f.digits...))
}

func (p *placer) settle(v *ir.Value, f *form) {
	if f != nil {
		p.home[v] = f
		v.Type = v.Type.In(f.dist)
	}
}

// usual is the form of a tile that nothing asks for in another; nil where the type is no tile.
func (p *placer) usual(t ir.Type) *form {
	if t.Kind != ir.Tile {
		return nil
	}
	return p.forms.blocked(p.tile(t), ordered(len(t.Axes)), 4, p.warps)
}

// operands gives every operation its operands in the forms that it needs.
func (p *placer) operands(r *ir.Region) {
	for _, o := range r.Ops {
		for i, v := range o.Operands {
			if v.Type.Kind != ir.Tile || v.Type.Shared != nil {
				continue
			}
			if f := p.need(o, i); f != nil {
				o.Operands[i] = p.in(v, f)
				p.note(o, v, o.Operands[i])
			}
		}
		for _, q := range o.Regions {
			p.operands(q)
		}
	}
}

// in is a tile in a form.
func (p *placer) in(v *ir.Value, f *form) *ir.Value {
	if w := p.origin[v]; w != nil {
		v = w
	}
	if p.home[v] == f {
		return v
	}
	key := conversion{v, f}
	if w, ok := p.converted[key]; ok {
		return w
	}
	o := v.Def
	var c *ir.Op
	if o != nil && again(o) {
		c = o.Clone(map[*ir.Value]*ir.Value{})
		if x := o.Operands; len(x) > 0 && x[0].Type.Kind == ir.Tile {
			c.Operands[0] = p.in(x[0], p.source(o, f))
		}
	} else {
		c = &ir.Op{Code: ir.Convert, Operands: []*ir.Value{v}, Results: []*ir.Value{{Name: v.Name}}}
		c.Results[0].Def = c
		if o != nil {
			c.Pos = o.Pos
		}
	}
	w := c.Results[0]
	w.Type = v.Type
	p.settle(w, f)
	p.converted[key], p.origin[w] = w, v
	if o != nil {
		c.Parent = o.Parent
		p.after[o] = append(p.after[o], c)
	} else {
		c.Parent = v.Region
		p.first[v.Region] = append(p.first[v.Region], c)
		if c.Pos == (ir.Pos{}) && v.Region.Parent != nil {
			c.Pos = v.Region.Parent.Pos
		}
	}
	return w
}

// cheap reports whether an operation costs less than to move its result: it is done again in another form.
func cheap(o *ir.Op) bool {
	switch o.Code {
	case ir.Iota, ir.Affine:
		return true
	case ir.Bcast:
		return o.Operands[0].Type.Kind == ir.Scalar
	}
	return false
}

// again reports whether an operation is done again for another form of its result, from another form of its operand: where
// the operand is smaller than the result.
func again(o *ir.Op) bool {
	return cheap(o) || o.Code == ir.Bcast || o.Code == ir.Cast && o.Operands[0].Type.Elem.Bits() < o.Result().Type.Elem.Bits()
}

// source is the form of the operand of such an operation.
func (p *placer) source(o *ir.Op, f *form) *form {
	at, _ := axesIn(o.Result().Type, o.Operands[0].Type.Axes)
	return p.forms.project(f, at)
}

// insert puts the conversions where they belong.
func (p *placer) insert(r *ir.Region) {
	var ops []*ir.Op
	ops = append(ops, p.first[r]...)
	for _, o := range r.Ops {
		for _, q := range o.Regions {
			p.insert(q)
		}
		ops = append(ops, o)
		ops = append(ops, p.after[o]...)
	}
	r.Ops = ops
}

// drop takes out operations that were done again wherever they were used.
func (p *placer) drop(r *ir.Region) {
	used := map[*ir.Value]int{}
	r.Walk(func(o *ir.Op) {
		for _, v := range o.Operands {
			used[v]++
		}
	})
	var clean func(r *ir.Region)
	clean = func(r *ir.Region) {
		for i := len(r.Ops) - 1; i >= 0; i-- {
			o := r.Ops[i]
			for _, q := range o.Regions {
				clean(q)
			}
			if (again(o) || o.Code == ir.Convert) && used[o.Result()] == 0 {
				for _, v := range o.Operands {
					used[v]--
				}
				r.Ops[i] = nil
			}
		}
		r.Ops = slices.DeleteFunc(r.Ops, func(o *ir.Op) bool { return o == nil })
	}
	clean(r)
}
