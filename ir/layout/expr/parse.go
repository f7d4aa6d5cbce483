package expr

import (
	"slices"

	"github.com/tilec/tilec/ir/layout"
)

// Grammar is the grammar of texts. Blanks may stand between its words.
const Grammar = `expression = chain [ "over" tuple ] | parts "over" tuple
chain      = product { ( "o" | "∘" ) product }
product    = operand { "*" operand }
operand    = name | name "(" [ expression { "," expression } ] ")" | layout | "[" expression { "," expression } "]"
layout     = tuple [ ":" tuple ] [ ( "+" | "-" ) [ "-" ] number ]
tuple      = [ "-" ] number | "(" [ expression { "," expression } ] ")"
parts      = part { "," part }
part       = ( "register" | "lane" | "warp" | "block" ) extents ":" steps
extents    = number | "(" number { "," number } ")"
steps      = step | "(" step { "," step } ")"
step       = number [ "@" number ]
`

// A parser evaluates a text while it reads it. A list in parentheses is a tuple if all its items are; of another item
// alone the parentheses group.
type parser struct {
	text  string
	tok   token // the next
	last  int   // where the token before it ends
	depth int
}

// An operand is a part of the text and its value: a Value, or one of the following.
type operand struct {
	value      any
	start, end int
}

type (
	// tuple is a shape as it is written; it stands for the compact layout where a layout is wanted.
	tuple = layout.Tuple
	// tiler are the layouts of a tiler by modes.
	tiler []layout.Layout
	// replicas are positions that all hold the same element, of as many axes as their neighbours in a product.
	replicas struct {
		unit layout.Unit
		n    int64
	}
	// keep is the mark of a mode that is kept.
	keep struct{}
)

// enter counts the nesting; leave must follow.
func (p *parser) enter() error {
	if p.depth++; p.depth > maxDepth {
		return p.failf(p.tok.start, p.tok.end, layout.Overflow, "brackets are nested deeper than %d", maxDepth)
	}
	return nil
}

func (p *parser) leave() { p.depth-- }

func (p *parser) expression() (operand, error) {
	if err := p.enter(); err != nil {
		return operand{}, err
	}
	defer p.leave()
	if _, ok := layout.UnitNamed(p.tok.text); ok && p.tok.kind == nameToken {
		return p.parts()
	}
	x, err := p.chain()
	if err != nil || !p.isName("over") {
		return x, err
	}
	if err := p.next(); err != nil {
		return operand{}, err
	}
	tile, err := p.tile()
	if err != nil {
		return operand{}, err
	}
	if x, err = p.convert(x, aLayout); err != nil {
		return operand{}, err
	}
	d, err := layout.DistributionOf(tile, x.value.(layout.Layout))
	return p.result(x.start, d, err)
}

// result is a value whose text goes from start to here.
func (p *parser) result(start int, value any, err error) (operand, error) {
	if err != nil {
		return operand{}, p.at(start, p.last, err)
	}
	return operand{value, start, p.last}, nil
}

// chain composes; the last one is first applied.
func (p *parser) chain() (operand, error) {
	var links []operand
	for {
		x, err := p.product()
		if err != nil {
			return operand{}, err
		}
		more, err := p.accept(ring)
		if err != nil {
			return operand{}, err
		}
		if t, ok := x.value.(tuple); !more || len(links) == 0 || !ok || !t.Equal(layout.Int(0)) { // CuTe prints Sw<3,4,3> o 0 o L
			links = append(links, x)
		}
		if !more {
			break
		}
	}
	x := links[len(links)-1]
	for i := len(links) - 2; i >= 0; i-- {
		var err error
		if x, err = p.compose(links[i], x); err != nil {
			return operand{}, err
		}
	}
	return x, nil
}

// compose is x o y.
func (p *parser) compose(x, y operand) (operand, error) {
	x, err := p.convert(x, aLayout|aSwizzle)
	if err != nil {
		return operand{}, err
	}
	if y, err = p.convert(y, aLayout|aSwizzle|aTiler); err != nil {
		return operand{}, err
	}
	var value any
	switch f := x.value.(type) {
	case layout.Swizzle:
		switch g := y.value.(type) {
		case layout.Swizzle:
			value, err = f.Mul(g)
		case layout.Layout:
			value, err = layout.WithSwizzle(f, g)
		default:
			return operand{}, p.wrong(y, "a swizzle is applied to a layout, not by modes")
		}
	case layout.Layout:
		switch g := y.value.(type) {
		case layout.Swizzle:
			return operand{}, p.wrong(y, "a swizzle stands before the layout whose offsets it maps")
		case layout.Layout:
			value, err = layout.Compose(f, g)
		case tiler:
			value, err = layout.ComposeModes(f, g...)
		}
	}
	if err != nil {
		return operand{}, p.at(x.start, y.end, err)
	}
	return operand{value, x.start, y.end}, nil
}

// product multiplies distributions.
func (p *parser) product() (operand, error) {
	x, err := p.operand()
	if err != nil || !p.is("*") {
		return x, err
	}
	factors := []operand{x}
	for p.is("*") {
		if err := p.next(); err != nil {
			return operand{}, err
		}
		y, err := p.operand()
		if err != nil {
			return operand{}, err
		}
		factors = append(factors, y)
	}
	rank := -1
	for i, f := range factors {
		if _, ok := f.value.(replicas); ok {
			continue
		}
		if factors[i], err = p.convert(f, aDistribution); err != nil {
			return operand{}, err
		}
		if rank < 0 {
			rank = len(factors[i].value.(layout.Distribution).Tile())
		}
	}
	var product layout.Distribution
	for i, f := range factors {
		d, ok := f.value.(layout.Distribution)
		if r, is := f.value.(replicas); is {
			if rank < 0 {
				return operand{}, p.wrong(f, "the number of axes of a replica is that of the factors beside it, and there is none")
			}
			d, err = layout.Replicas(r.unit, r.n, rank)
			ok = true
		}
		if ok && err == nil && i > 0 {
			d, err = product.Mul(d)
		}
		if err != nil {
			return operand{}, p.at(factors[0].start, f.end, err)
		}
		product = d
	}
	return operand{product, x.start, p.last}, nil
}

func (p *parser) operand() (operand, error) {
	start := p.tok.start
	switch {
	case p.tok.kind == nameToken:
		return p.named()
	case p.is("["):
		return p.tiler()
	case p.tok.kind == numberToken || p.is("-") || p.is("("):
		x, err := p.tuple()
		if err != nil {
			return operand{}, err
		}
		shape, isTuple := x.value.(tuple)
		if !p.is(":") && !p.is("+") && !p.is("-") {
			return x, nil
		}
		if !isTuple {
			return operand{}, p.wrong(x, "extents are numbers and lists of numbers")
		}
		return p.strides(start, shape)
	}
	return operand{}, p.unexpected("a layout")
}

// strides is what follows a shape: strides and an offset.
func (p *parser) strides(start int, shape tuple) (operand, error) {
	var l layout.Layout
	given, err := p.accept(":")
	if err != nil {
		return operand{}, err
	}
	if given {
		y, err := p.tuple()
		if err != nil {
			return operand{}, err
		}
		stride, ok := y.value.(tuple)
		if !ok {
			return operand{}, p.wrong(y, "strides are numbers and lists of numbers")
		}
		if l, err = layout.New(shape, stride); err != nil {
			return operand{}, p.at(start, p.last, err)
		}
	} else if l, err = layout.Compact(shape); err != nil {
		return operand{}, p.at(start, p.last, err)
	}
	if p.is("+") || p.is("-") {
		sign := int64(1)
		if p.is("-") {
			sign = -1
		}
		if err := p.next(); err != nil {
			return operand{}, err
		}
		if p.is("-") { // a negative offset is printed +-3
			sign = -sign
			if err := p.next(); err != nil {
				return operand{}, err
			}
		}
		if p.tok.kind != numberToken {
			return operand{}, p.unexpected("the number of an offset")
		}
		n := sign * p.tok.number
		if err := p.next(); err != nil {
			return operand{}, err
		}
		l, err = layout.Shift(l, n)
		return p.result(start, l, err)
	}
	return operand{l, start, p.last}, nil
}

// tuple is a number or a list; of a single item that is no tuple, the item.
func (p *parser) tuple() (operand, error) {
	start := p.tok.start
	if !p.is("(") {
		sign := int64(1)
		if p.is("-") {
			sign = -1
			if err := p.next(); err != nil {
				return operand{}, err
			}
		}
		if p.tok.kind != numberToken {
			return operand{}, p.unexpected("a number or a list of numbers")
		}
		n := sign * p.tok.number
		if err := p.next(); err != nil {
			return operand{}, err
		}
		return operand{layout.Int(n), start, p.last}, nil
	}
	if err := p.next(); err != nil {
		return operand{}, err
	}
	items, err := p.list(")", (*parser).expression)
	if err != nil {
		return operand{}, err
	}
	tuples := make([]tuple, len(items))
	for i, x := range items {
		switch v := x.value.(type) {
		case tuple:
			tuples[i] = v
		case Integer:
			tuples[i] = layout.Int(int64(v))
		default:
			if len(items) > 1 {
				return operand{}, p.wrong(x, "a list of numbers has numbers and lists; concat(A, B) makes one layout of several")
			}
			return operand{x.value, start, p.last}, nil
		}
	}
	return operand{layout.List(tuples...), start, p.last}, nil
}

// list is what stands before a closing bracket, with commas between.
func (p *parser) list(end string, item func(*parser) (operand, error)) ([]operand, error) {
	var items []operand
	if p.is(end) {
		return nil, p.next()
	}
	for {
		x, err := item(p)
		if err != nil {
			return nil, err
		}
		items = append(items, x)
		if p.is(",") {
			if err := p.next(); err != nil {
				return nil, err
			}
			continue
		}
		if !p.is(end) {
			return nil, p.unexpected(", or " + end)
		}
		return items, p.next()
	}
}

// tiler is a layout for each mode.
func (p *parser) tiler() (operand, error) {
	start := p.tok.start
	if err := p.next(); err != nil {
		return operand{}, err
	}
	items, err := p.list("]", (*parser).expression)
	if err != nil {
		return operand{}, err
	}
	var t tiler
	for _, x := range items {
		if x, err = p.convert(x, aLayout); err != nil {
			return operand{}, err
		}
		t = append(t, x.value.(layout.Layout))
	}
	if len(t) == 0 {
		return operand{}, p.failf(start, p.last, layout.Syntax, "a tiler has a layout for each mode")
	}
	return operand{t, start, p.last}, nil
}

// tile are the extents behind over.
func (p *parser) tile() ([]int64, error) {
	x, err := p.tuple()
	if err != nil {
		return nil, err
	}
	t, ok := x.value.(tuple)
	if !ok || t.Depth() > 1 {
		return nil, p.wrong(x, "a tile has an extent for each axis, as (16,8)")
	}
	return t.Leaves(), nil
}

// parts is a distribution by units, as it is printed.
func (p *parser) parts() (operand, error) {
	start := p.tok.start
	var digits []layout.Digit
	var units []layout.Unit
	for {
		unit, ok := layout.UnitNamed(p.tok.text)
		if !ok || p.tok.kind != nameToken {
			return operand{}, p.unexpected("register, lane, warp or block")
		}
		if slices.Contains(units, unit) {
			return operand{}, p.failf(p.tok.start, p.tok.end, layout.Syntax, "%v is there already", unit)
		}
		units = append(units, unit)
		if err := p.next(); err != nil {
			return operand{}, err
		}
		extents, err := p.flat((*parser).extent)
		if err != nil {
			return operand{}, err
		}
		if err := p.expect(":", "behind the extents"); err != nil {
			return operand{}, err
		}
		steps, err := p.flat((*parser).step)
		if err != nil {
			return operand{}, err
		}
		if len(extents) != len(steps) {
			return operand{}, p.failf(start, p.last, layout.Profile, "%d extents and %d strides of a %v", len(extents), len(steps), unit)
		}
		for i, s := range steps {
			s.Size, s.Unit = extents[i].Size, unit
			digits = append(digits, s)
		}
		more, err := p.accept(",")
		if err != nil {
			return operand{}, err
		}
		if !more {
			break
		}
	}
	if !p.isName("over") {
		return operand{}, p.unexpected("over and the extents of the tile")
	}
	if err := p.next(); err != nil {
		return operand{}, err
	}
	tile, err := p.tile()
	if err != nil {
		return operand{}, err
	}
	d, err := layout.Distribute(tile, digits...)
	return p.result(start, d, err)
}

// flat is one item, or several in parentheses.
func (p *parser) flat(item func(*parser) (layout.Digit, error)) ([]layout.Digit, error) {
	several, err := p.accept("(")
	if err != nil {
		return nil, err
	}
	var items []layout.Digit
	for {
		x, err := item(p)
		if err != nil {
			return nil, err
		}
		items = append(items, x)
		if !several {
			return items, nil
		}
		more, err := p.accept(",")
		if err != nil {
			return nil, err
		}
		if !more {
			return items, p.expect(")", "behind a list")
		}
	}
}

func (p *parser) extent() (layout.Digit, error) {
	if p.tok.kind != numberToken {
		return layout.Digit{}, p.unexpected("an extent")
	}
	d := layout.Digit{Size: p.tok.number}
	return d, p.next()
}

// step is 2@1: two elements along axis 1; or 0, where all positions hold the same.
func (p *parser) step() (layout.Digit, error) {
	if p.tok.kind != numberToken {
		return layout.Digit{}, p.unexpected("a stride")
	}
	d := layout.Digit{Axis: layout.Replica, Stride: p.tok.number}
	start := p.tok.start
	if err := p.next(); err != nil {
		return d, err
	}
	along, err := p.accept("@")
	if err != nil {
		return d, err
	}
	if !along {
		if d.Stride != 0 {
			return d, p.failf(start, p.last, layout.Syntax, "the stride %d has no axis: write %d@0", d.Stride, d.Stride)
		}
		return d, nil
	}
	if p.tok.kind != numberToken || p.tok.number >= 1<<31 {
		return d, p.unexpected("the number of an axis")
	}
	d.Axis = int(p.tok.number)
	return d, p.next()
}
