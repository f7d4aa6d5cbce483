package raise

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/passes"
)

// region writes the operations of a region; end writes what becomes of the values that it yields.
func (p *printer) region(r *ir.Region, end func(y *ir.Op)) {
	p.operations(r.Ops, end)
}

func (p *printer) operations(list []*ir.Op, end func(y *ir.Op)) {
	for i, o := range list {
		if o.Code == ir.SpanOf && p.ragged(o) {
			// A span of known ends that is shorter than it is wide is a loop of one step.
			p.flush()
			name := p.fresh(o.Result().Name)
			p.names[o.Result()] = name
			p.open("for %s in %s..%s by %d", name, p.arg(o.Operands[0]), p.arg(o.Operands[1]), o.Int("width"))
			p.operations(list[i+1:], end)
			p.close()
			return
		}
		if o.Code == ir.Yield {
			if end != nil {
				end(o)
			}
			p.flush()
			return
		}
		p.operation(o)
	}
}

// ragged reports whether a span is shorter than it is wide.
func (p *printer) ragged(o *ir.Op) bool {
	lo, ok := o.Operands[0].ConstInt()
	hi, is := o.Operands[1].ConstInt()
	return ok && is && hi-lo < o.Int("width")
}

// order are the operands of an operation as their text has them computed.
func order(o *ir.Op) []*ir.Value {
	switch o.Code {
	case ir.Store, ir.Atomic:
		list := append(slices.Clone(o.Stored()), o.Subscripts()...)
		if m := o.Mask(); m != nil {
			list = append([]*ir.Value{m}, list...)
		}
		return list
	case ir.Contract:
		a, b, sa, sb, acc := o.ContractParts()
		var list []*ir.Value
		for _, v := range []*ir.Value{acc, a, b, sa, sb} {
			if v != nil {
				list = append(list, v)
			}
		}
		return list
	}
	return o.Operands
}

// waiting reports whether a value may be written where it is used: by one operation of the same region, and in a place that
// does not make something else of it.
func (p *printer) waiting(o *ir.Op) bool {
	v := o.Result()
	if p.uses[v] != 1 || p.pins[v] {
		return false
	}
	u := p.user[v]
	if u.Parent != o.Parent || len(u.Regions) > 0 && u.Code != ir.If {
		return false
	}
	if v.Name != "" && o.Code != ir.Const {
		// A name that stands in the text stays, but of what a loop assigns.
		if u.Code != ir.Yield || u.Parent.Parent == nil || !p.assigns(u, v) {
			return false
		}
	}
	switch u.Code {
	case ir.Reduce:
		return o.Code != ir.Mul // a product that is summed is a contraction
	case ir.Add, ir.Sub, ir.Mul, ir.Neg, ir.Div, ir.Mod:
		return o.Code != ir.Contract && o.Code != ir.Iota && o.Code != ir.Affine
	case ir.Scatter, ir.Acquire, ir.Commit, ir.Take, ir.Release, ir.PinTo:
		return false
	}
	return o.Code != ir.Load || p.loads[o] == nil
}

// assigns reports whether a yield passes a value to a variable of its name.
func (p *printer) assigns(y *ir.Op, v *ir.Value) bool {
	i := slices.Index(y.Operands, v)
	results := y.Parent.Parent.Results
	return i < len(results) && results[i].Name == v.Name
}

// operation writes one operation.
func (p *printer) operation(o *ir.Op) {
	if p.skip[o] {
		return
	}
	if o.Code == ir.PinTo {
		p.pinned(o)
		return
	}
	if p.ahead[o] {
		p.flush()
		w, _ := p.expression(o)
		p.define(o.Result(), w.text)
		return
	}
	switch o.Code {
	case ir.Const:
		return
	case ir.SpanOf, ir.SpanCopy, ir.SpanCat:
		p.flush()
		p.axis(o)
		return
	case ir.Parallel:
		p.flush()
		p.parallel(o)
		return
	case ir.For, ir.While:
		p.loop(o)
		return
	case ir.If:
		p.branch(o)
		return
	case ir.RoleOf, ir.Turn:
		p.flush()
		p.fail(o, "a %s", o.Code)
	}
	p.use(order(o)...)
	if w, ok := p.expression(o); ok {
		if p.waiting(o) {
			if o.Code == ir.Load {
				p.flush() // what is read keeps its place
			}
			p.pending = append(p.pending, pending{o.Result(), w})
			return
		}
		p.flush()
		p.define(o.Result(), w.text)
		return
	}
	p.flush()
	p.statement(o)
}

// pinned writes a pin of the text: behind the definition of a tile that nothing else uses, otherwise of a name of its own.
func (p *printer) pinned(o *ir.Op) {
	x := o.Operands[0]
	p.use(x)
	p.flush()
	name, known := p.names[x]
	if known && p.uses[x] == 1 {
		p.names[o.Result()] = name
		if !p.pins[x] {
			p.pins[o.Result()] = true
			p.pin(o.Result())
		}
		return
	}
	p.pins[o.Result()] = true
	p.define(o.Result(), p.arg(x))
}

// axis writes the declaration of an axis.
func (p *printer) axis(o *ir.Op) {
	v := o.Result()
	base := v.Name
	text := ""
	switch o.Code {
	case ir.SpanCopy:
		text = p.span(o.Axes[0])
	case ir.SpanCat:
		text = p.span(o.Axes[0]) + " ++ " + p.span(o.Axes[1])
	default:
		lo, ok := o.Operands[0].ConstInt()
		hi, is := o.Operands[1].ConstInt()
		switch {
		case !ok || !is || hi-lo > o.Int("width"):
			p.fail(o, "a span from %s to %s", o.Operands[0].Name, o.Operands[1].Name)
		case lo == 0:
			text = fmt.Sprint(hi)
		default:
			text = fmt.Sprintf("%d..%d", lo, hi)
		}
	}
	p.names[v] = p.fresh(base)
	p.say("axis %s = %s", p.names[v], text)
}

// statement writes an operation that is no expression of one value.
func (p *printer) statement(o *ir.Op) {
	masked := func(body func()) {
		if m := o.Mask(); m != nil {
			p.open("where %s", p.arg(m))
			defer p.close()
		}
		body()
	}
	switch o.Code {
	case ir.Store:
		masked(func() {
			p.access(o)
			p.say("%s%s = %s", p.element(o), p.word(o, nil), p.arg(o.Stored()[0]))
		})
	case ir.Atomic:
		var args []string
		for _, v := range o.Stored() {
			args = append(args, p.arg(v))
		}
		text := fmt.Sprintf("atomic.%s(%s%s, %s)", o.Str("kind"), p.element(o), p.word(o, nil), strings.Join(args, ", "))
		if len(o.Results) > 0 && o.Mask() != nil {
			// The old values are wanted outside of the where.
			t := o.Result().Type
			name := p.fresh(o.Result().Name)
			p.say("%s := %s", name, p.nothing(t))
			p.names[o.Result()] = name
			text = name + " = " + text
		} else if len(o.Results) > 0 {
			p.names[o.Result()] = p.fresh(o.Result().Name)
			text = p.names[o.Result()] + " := " + text
		}
		masked(func() {
			p.access(o)
			p.say("%s", text)
		})
	case ir.Scatter:
		v := o.Result()
		p.names[v] = p.fresh(v.Name)
		p.say("%s := %s", p.names[v], p.arg(o.Operands[0]))
		at := o.Operands[1]
		text := ""
		if at.Type.Kind == ir.Span {
			text = p.span(at)
		} else {
			text = p.arg(at)
		}
		if o.Flag("masked") {
			p.open("where %s", p.arg(o.Operands[3]))
		}
		p.access(o)
		p.say("%s[%s: %s]%s = %s", p.names[v], p.span(o.Axes[0]), text, p.word(o, nil), p.arg(o.Operands[2]))
		if o.Flag("masked") {
			p.close()
		}
		p.pin(v)
	case ir.Topk, ir.Sort:
		p.several(o, fmt.Sprintf("%s%s(%s)", o.Code, p.axes(o.Axes), p.arg(o.Operands[0])))
	case ir.Scan:
		var args []string
		for _, v := range o.Operands {
			args = append(args, p.arg(v))
		}
		p.several(o, fmt.Sprintf("scan%s(%s, %s)", p.axes(o.Axes), p.function(o), strings.Join(args, ", ")))
	case ir.Require:
		p.say("require %s", p.arg(o.Operands[0]))
	case ir.Assert:
		p.say("assert(%s)", p.arg(o.Operands[0]))
	case ir.Print:
		p.print(o)
	case ir.Temp:
		t := o.Result().Type
		p.names[o.Result()] = p.fresh(o.Result().Name)
		p.say("temp %s %s%s", p.names[o.Result()], t.Elem, p.dims(t.Dims))
	case ir.SharedOf:
		t := o.Result().Type
		p.names[o.Result()] = p.fresh(o.Result().Name)
		words := ""
		for _, word := range []string{"swizzle", "align"} {
			if n := o.Int(word); n > 0 {
				words += fmt.Sprintf(" %s %d", word, n)
			}
		}
		p.say("shared %s %s%s%s", p.names[o.Result()], t.Elem, p.dims(t.Dims), words)
	case ir.ChanOf:
		p.names[o.Result()] = p.fresh(o.Result().Name)
		p.channelOf(p.names[o.Result()], o.Result().Type, o.Result().Type.Depth)
	case ir.Acquire, ir.Take:
		p.names[o.Result()] = p.fresh(o.Result().Name)
		p.say("%s := %s(%s)", p.names[o.Result()], o.Code, p.arg(o.Operands[0]))
	case ir.Commit, ir.Release:
		p.say("%s(%s)", o.Code, p.arg(o.Operands[1]))
	case ir.Put:
		p.say("%s%s = %s", p.arg(o.Operands[0]), p.over(o.Operands[1].Type), p.arg(o.Operands[1]))
	case ir.Copy:
		p.access(o)
		p.say("%s%s = %s%s", p.arg(o.Operands[0]), p.axes(o.Axes), p.copied(o), p.word(o, nil))
	default:
		p.fail(o, "%s", o.Code)
	}
}

// copied is what a Copy reads.
func (p *printer) copied(o *ir.Op) string {
	var subs []string
	for _, v := range o.Operands[2:] {
		if v.Type.Kind == ir.Span {
			subs = append(subs, p.span(v))
		} else {
			subs = append(subs, p.arg(v))
		}
	}
	return p.arg(o.Operands[1]) + "[" + strings.Join(subs, ", ") + "]"
}

// several defines the results of an operation.
func (p *printer) several(o *ir.Op, text string) {
	var names []string
	for _, v := range o.Results {
		p.names[v] = p.fresh(v.Name)
		names = append(names, p.names[v])
	}
	p.say("%s := %s", strings.Join(names, ", "), text)
	for _, v := range o.Results {
		p.pin(v)
	}
}

// function writes the function of a scan behind the kernel.
func (p *printer) function(o *ir.Op) string {
	name := p.fresh("combine")
	q := &printer{Source: p.Source, fn: p.fn, line: 1, lines: map[int][]*ir.Op{}, unproven: p.unproven, names: map[*ir.Value]string{}, taken: map[string]bool{},
		uses: p.uses, user: p.user, inline: map[*ir.Value]written{}, pins: map[*ir.Value]bool{}, loads: map[*ir.Op]*channel{}}
	for w := range p.taken {
		q.taken[w] = true
	}
	r := o.Regions[0]
	inside := map[*ir.Value]bool{}
	var params, results []string
	for _, v := range r.Args {
		q.names[v] = q.fresh("x")
		inside[v] = true
		params = append(params, q.names[v]+" "+v.Type.Elem.String())
	}
	r.Walk(func(x *ir.Op) {
		for _, v := range x.Results {
			inside[v] = true
		}
		for _, v := range x.Operands {
			if !inside[v] && (v.Def == nil || v.Def.Code != ir.Const) {
				p.fail(o, "a scan whose function reads what is outside of it")
			}
		}
	})
	for i := range o.Results {
		results = append(results, fmt.Sprintf("%s %s", q.fresh("r"), o.Results[i].Type.Elem))
	}
	q.open("func %s(%s) (%s)", name, strings.Join(params, ", "), strings.Join(results, ", "))
	q.operations(r.Ops, func(y *ir.Op) {
		q.use(y.Operands...)
		var list []string
		for _, v := range y.Operands {
			list = append(list, q.arg(v))
		}
		q.flush()
		q.say("return %s", strings.Join(list, ", "))
	})
	q.close()
	p.funcs.WriteString(q.b.String())
	return name
}

// print writes a Print, whose text has a %v for each value.
func (p *printer) print(o *ir.Op) {
	var parts []string
	rest := o.Str("text")
	for i := 0; ; i++ {
		before, after, more := strings.Cut(rest, "%v")
		if s := strings.TrimSuffix(strings.TrimPrefix(before, " "), " "); s != "" {
			parts = append(parts, fmt.Sprintf("%q", strings.ReplaceAll(s, "%%", "%")))
		}
		if !more {
			break
		}
		parts = append(parts, p.arg(o.Operands[i]))
		rest = after
	}
	p.say("print(%s)", strings.Join(parts, ", "))
}

// nothing is a value of a type that nothing reads.
func (p *printer) nothing(t ir.Type) string {
	zero := "0"
	if t.IsBool() {
		zero = "false"
	}
	if t.Kind == ir.Tile {
		return t.Elem.String() + p.over(t) + "(" + zero + ")"
	}
	if t.IsBool() {
		return zero
	}
	return "(0 as " + t.Elem.String() + ")"
}

// parallel writes a phase. One without bindings is what stands at the kernel's top.
func (p *printer) parallel(o *ir.Op) {
	r := o.Regions[0]
	by := o.Ints("by")
	if len(by) == 0 {
		p.operations(r.Ops, nil)
		return
	}
	var binds []string
	p.use(o.Operands...)
	for i, n := range by {
		v := r.Args[i]
		p.names[v] = p.fresh(v.Name)
		text := fmt.Sprintf("%s in %s", p.names[v], p.bounds(o.Operands[2*i], o.Operands[2*i+1]))
		if n > 0 {
			text += fmt.Sprintf(" by %d", n)
		}
		binds = append(binds, text)
	}
	p.flush()
	head := "parallel "
	if name := o.Str("name"); name != "" {
		head += name + ": "
	}
	p.open("%s", head+strings.Join(binds, ", "))
	r.Walk(func(q *ir.Op) {
		for _, g := range p.Derived.Channels[q] {
			for _, load := range g.Loads {
				c := &channel{name: p.fresh(load.Operands[0].Name)}
				p.loads[load] = c
				p.channelOf(c.name, load.Result().Type, g.Depth)
			}
		}
	})
	p.region(r, nil)
	p.close()
}

// bounds are those of a range.
func (p *printer) bounds(lo, hi *ir.Value) string {
	if k, ok := lo.ConstInt(); ok && k == 0 {
		return p.opd(hi)
	}
	return p.opd(lo) + ".." + p.opd(hi)
}

// channelOf makes a channel.
func (p *printer) channelOf(name string, t ir.Type, depth int64) {
	var extents []string
	for _, a := range t.Axes {
		extents = append(extents, fmt.Sprint(a.Extent))
	}
	p.say("%s := chan %s[%s] depth %d", name, t.Elem, strings.Join(extents, ", "), depth)
}

// carried makes a variable of each value that a loop carries, or a branch gives.
func (p *printer) carried(o *ir.Op, inits []*ir.Value) []string {
	vars := make([]string, len(inits))
	for i, v := range inits {
		// What nothing else reads, and is made each time before the loop runs, becomes the loop's variable itself.
		if name, ok := p.names[v]; ok && p.uses[v] == 1 && v.Def != nil && v.Def.Parent == o.Parent && !slices.Contains(vars[:i], name) {
			vars[i] = name
			continue
		}
		vars[i] = p.fresh(o.Results[i].Name)
		p.say("%s := %s", vars[i], p.arg(v))
	}
	return vars
}

// assign gives variables their next values, all at once.
func (p *printer) assign(vars []string, values []*ir.Value) {
	var names, texts []string
	for i, v := range values {
		if text := p.arg(v); text != vars[i] {
			names, texts = append(names, vars[i]), append(texts, text)
		}
	}
	p.flush()
	if len(names) > 0 {
		p.say("%s = %s", strings.Join(names, ", "), strings.Join(texts, ", "))
	}
}

func (p *printer) loop(o *ir.Op) {
	var inits []*ir.Value
	rings := p.Derived.Channels[o]
	if o.Code == ir.For {
		inits = o.Operands[2:]
		p.use(append(slices.Clone(inits), o.Operands[:2]...)...)
		if len(rings) > 0 { // the bounds are written several times
			for _, v := range o.Operands[:2] {
				if w, ok := p.inline[v]; ok && p.names[v] == "" {
					p.flush()
					p.define(v, w.text)
				}
			}
		}
	} else {
		inits = o.Operands
		p.use(inits...)
	}
	p.flush()
	vars := p.carried(o, inits)
	args := func(r *ir.Region) {
		for i, v := range r.Args[len(r.Args)-len(vars):] {
			p.names[v] = vars[i]
		}
	}
	body := o.Regions[len(o.Regions)-1]
	if o.Code == ir.While {
		args(o.Regions[0])
		p.open("while %s", p.condition(o.Regions[0]))
	} else {
		index := body.Args[0]
		for _, g := range rings {
			p.fillFirst(o, g)
		}
		p.names[index] = p.fresh(index.Name)
		head := fmt.Sprintf("for %s in %s", p.names[index], p.bounds(o.Operands[0], o.Operands[1]))
		if by := o.Int("by"); by > 0 {
			head += fmt.Sprintf(" by %d", by)
		}
		p.open("%s", head)
		for _, g := range rings {
			p.take(o, g)
		}
	}
	args(body)
	p.region(body, func(y *ir.Op) {
		values, stop := y.Yielded()
		p.use(y.Operands...)
		text := ""
		if stop != nil {
			text = p.arg(stop)
			if _, named := p.names[stop]; !named || slices.Contains(vars, text) {
				p.flush()
				name := p.fresh("stop")
				p.say("%s := %s", name, text)
				text = name
			}
		}
		p.assign(vars, values)
		for _, g := range rings {
			for _, load := range g.Loads {
				p.say("release(%s)", p.loads[load].slot)
			}
		}
		if stop != nil {
			p.open("if %s", text)
			p.say("break")
			p.close()
		}
	})
	p.close()
	for i, v := range o.Results {
		p.names[v] = vars[i]
	}
}

// condition is the expression of a while's condition.
func (p *printer) condition(r *ir.Region) string {
	p.flush()
	for _, o := range r.Ops {
		switch {
		case o.Code == ir.Yield:
			return p.arg(o.Operands[0])
		default:
			p.compute(o)
		}
	}
	return ""
}

func (p *printer) branch(o *ir.Op) {
	p.use(o.Operands[0])
	cond := p.arg(o.Operands[0])
	p.flush()
	// Variables begin with what an arm passes on from outside, where it does.
	vars := make([]string, len(o.Results))
	known := func(v *ir.Value) bool { _, ok := p.names[v]; return ok && !in(v, o) }
	yields := [2]*ir.Op{o.Regions[0].Yield(), o.Regions[1].Yield()}
	for i, v := range o.Results {
		vars[i] = p.fresh(v.Name)
		switch {
		case known(yields[1].Operands[i]):
			p.say("%s := %s", vars[i], p.arg(yields[1].Operands[i]))
		case known(yields[0].Operands[i]):
			p.say("%s := %s", vars[i], p.arg(yields[0].Operands[i]))
		default:
			p.say("%s := %s", vars[i], p.nothing(v.Type))
		}
	}
	arm := func(k int) {
		p.region(o.Regions[k], func(y *ir.Op) {
			p.use(y.Operands...)
			var names []string
			var values []*ir.Value
			for i, v := range y.Operands {
				if first := yields[1].Operands[i]; known(v) && (v == first || !known(first)) {
					continue // what the variable has
				}
				names, values = append(names, vars[i]), append(values, v)
			}
			p.assign(names, values)
		})
	}
	p.open("if %s", cond)
	arm(0)
	if y := yields[1]; len(o.Regions[1].Ops) > 1 || slices.ContainsFunc(y.Operands, func(v *ir.Value) bool { return !known(v) }) {
		p.indent--
		p.say("} else {")
		p.indent++
		arm(1)
	}
	p.close()
	for i, v := range o.Results {
		p.names[v] = vars[i]
	}
}

// in reports whether a value is defined inside of an operation.
func in(v *ir.Value, o *ir.Op) bool {
	r := v.Region
	if v.Def != nil {
		r = v.Def.Parent
	}
	for ; r != nil && r.Parent != nil; r = r.Parent.Parent {
		if r.Parent == o {
			return true
		}
	}
	return false
}

// later is the text of an index some steps behind another one.
func (p *printer) later(at string, v *ir.Value, n int64) string {
	if k, ok := v.ConstInt(); ok && v.Type.Kind == ir.Scalar {
		return fmt.Sprint(k + n)
	}
	if n == 0 {
		return at
	}
	return fmt.Sprintf("%s + %d", at, n)
}

// fillFirst fills the slots of a ring for the first steps of a loop.
func (p *printer) fillFirst(o *ir.Op, g passes.Ring) {
	lo := o.Operands[0]
	for i := range g.Depth - 1 {
		p.fillAhead(o, g, p.opd(lo), lo, i)
	}
}

// fillAhead fills the slots of a ring for the step so many behind an index.
func (p *printer) fillAhead(o *ir.Op, g passes.Ring, at string, v *ir.Value, steps int64) {
	by := o.Int("by")
	step := max(by, 1)
	from, to := p.later(at, v, steps*step), p.later(at, v, (steps+1)*step)
	hi := p.opd(o.Operands[1])
	index := o.Regions[0].Args[0]
	name := p.fresh(index.Name)
	if by > 0 {
		p.open("for %s in %s..min(%s, %s) by %d", name, from, to, hi, by)
		p.fill(g, index, name)
		p.close()
		return
	}
	p.say("%s := %s", name, from)
	p.open("if %s < %s", name, hi)
	p.fill(g, index, name)
	p.close()
}

// fill sends a step's tiles.
func (p *printer) fill(g passes.Ring, index *ir.Value, name string) {
	was, inline := p.names[index], maps.Clone(p.inline)
	p.names[index] = name
	for i, load := range g.Loads {
		for _, q := range g.Slices[i] {
			p.compute(q)
			delete(p.names, q.Result())
		}
		var over []string
		for _, a := range load.Result().Type.Axes {
			if a.Span == index {
				over = append(over, name)
			} else {
				over = append(over, p.span(a.Span))
			}
		}
		p.access(load)
		p.say("%s[%s] <- %s%s", p.loads[load].name, strings.Join(over, ", "), p.element(load), p.word(load, nil))
	}
	if p.inline = inline; was == "" {
		delete(p.names, index)
	} else {
		p.names[index] = was
	}
}

// compute makes the text of an operation known where its value is used.
func (p *printer) compute(o *ir.Op) {
	if o.Code == ir.Const {
		return
	}
	w, ok := p.expression(o)
	if !ok || len(o.Regions) > 0 {
		p.fail(o, "%s in a place for expressions", o.Code)
	}
	if o.Code == ir.Load {
		p.access(o)
	}
	p.inline[o.Result()] = w
}

// take takes the slots of a step, and fills those of a later one.
func (p *printer) take(o *ir.Op, g passes.Ring) {
	index := o.Regions[0].Args[0]
	if g.Depth == 1 {
		p.fill(g, index, p.names[index])
	}
	for _, load := range g.Loads {
		c := p.loads[load]
		c.slot = p.fresh(c.name)
		p.say("%s := take(%s)", c.slot, c.name)
	}
	if g.Depth == 1 {
		return
	}
	at := p.names[index]
	if o.Int("by") > 0 {
		at += ".lo"
	}
	p.fillAhead(o, g, at, index, g.Depth-1)
}
