package ir

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/tilec/tilec/ir/layout"
	"github.com/tilec/tilec/ir/layout/expr"
)

// The text of the placed stage. Layouts stand once, at the head of the kernel, in the order in which the body first
// names them, as the expressions that package expr reads:
//
//	kernel @f[%M](%a: tensor<f32,[%M]>) -> () layouts(
//	  #0 = "register 2:1@0, lane 32:2@0 over (64)",
//	  #1 = "(64):(32)"
//	) {
//	  %c = chan : chan<f32,[64],depth 2,#1>
//	  …
//	  %1 = load.in %a[%m] : tile<f32,[%m:64],#0>
//	  %s = acquire %c : slot<f32,[64],#1>
//	  %v = view %s [%m] : tile<f32,[%m:64],shared #1>
//
// A type may hold the expression itself in the place of a number.

// quoteLayout is a layout in the text of a type alone.
func quoteLayout(l fmt.Stringer) string { return strconv.Quote(l.String()) }

// layoutTable numbers layouts by their first appearance. The zero value is empty.
type layoutTable struct {
	known map[fmt.Stringer]string // by the layout's address
	texts map[string]string
	list  []string
}

func (t *layoutTable) name(l fmt.Stringer) string {
	if name, ok := t.known[l]; ok {
		return name
	}
	if t.known == nil {
		t.known, t.texts = map[fmt.Stringer]string{}, map[string]string{}
	}
	text := l.String()
	name, ok := t.texts[text]
	if !ok {
		name = "#" + strconv.Itoa(len(t.list))
		t.list = append(t.list, text)
		t.texts[text] = name
	}
	t.known[l] = name
	return name
}

// write writes the list of a kernel's head, if there are any.
func (t *layoutTable) write(b *strings.Builder) {
	if len(t.list) == 0 {
		return
	}
	b.WriteString(" layouts(")
	for i, text := range t.list {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString("\n  #" + strconv.Itoa(i) + " = " + strconv.Quote(text))
	}
	b.WriteString("\n)")
}

func (p *printer) layout(l fmt.Stringer) string {
	if p.short {
		return quoteLayout(l)
	}
	return p.layouts.name(l)
}

// layoutList takes the layouts of a kernel's head, if there are any.
func (p *parser) layoutList() {
	if !p.accept("layouts") {
		return
	}
	p.expect("(")
	for n := 0; !p.is(")"); n++ {
		if n > 0 {
			p.expect(",")
		}
		t := p.tok
		number := p.take(layoutToken, "a layout's number")
		if number != strconv.Itoa(n) {
			p.failAt(t, "%s stands where #%d is expected", t, n)
		}
		p.expect("=")
		if p.tok.kind != stringToken {
			p.fail("expected a layout in quotes, found %s", p.tok)
		}
		p.layouts[number] = p.layout()
	}
	p.expect(")")
}

// layout takes a number, or a layout in quotes: it is a *layout.Distribution or a *layout.Layout.
func (p *parser) layout() any {
	t := p.tok
	switch t.kind {
	case layoutToken:
		p.advance()
		l, ok := p.layouts[t.text]
		if !ok {
			p.failAt(t, "%s is no layout of the kernel's head", t)
		}
		return l
	case stringToken:
		p.advance()
		v, err := expr.Eval(t.text)
		if err != nil {
			at := t
			if e := (*expr.Error)(nil); errors.As(err, &e) {
				at.col += 1 + e.Start
			}
			p.failAt(at, "%v", err)
		}
		switch l := v.(type) {
		case layout.Distribution:
			return &l
		case layout.Layout:
			return &l
		}
		p.failAt(t, "%s is no layout", t)
	}
	p.fail("expected a layout, found %s", p.tok)
	return nil
}

// registers takes a layout of registers, memory one of memory.
func (p *parser) registers() *layout.Distribution {
	t := p.tok
	d, ok := p.layout().(*layout.Distribution)
	if !ok {
		p.failAt(t, "%s is a layout of memory, not of registers", t)
	}
	return d
}

func (p *parser) memory() *layout.Layout {
	t := p.tok
	l, ok := p.layout().(*layout.Layout)
	if !ok {
		p.failAt(t, "%s is a layout of registers, not of memory", t)
	}
	return l
}

// tilePlace takes where a tile's elements are, if it is said.
func (p *parser) tilePlace(t *Type) {
	for p.accept(",") {
		switch {
		case t.Shared == nil && p.accept("shared"):
			t.Shared = p.memory()
		case t.Layout == nil && t.Shared == nil:
			t.Layout = p.registers()
		default:
			p.fail("a tile's place is given twice")
		}
	}
}

// ring takes the rest of the type of a channel or slot.
func (p *parser) ring(t Type) Type {
	p.expect("<")
	t.Elem = p.elem()
	p.expect(",")
	p.expect("[")
	for !p.is("]") {
		if len(t.Axes) > 0 {
			p.expect(",")
		}
		t.Axes = append(t.Axes, Axis{Extent: p.int()})
	}
	p.expect("]")
	if t.Kind == Chan {
		p.expect(",")
		p.expect("depth")
		t.Depth = p.int()
	}
	if p.accept(",") {
		t.Shared = p.memory()
	}
	p.expect(">")
	return t
}
