package syntax

import (
	"math"
	"strconv"
	"strings"
)

// constant is the value of a constant expression: an integer of 64 bits, signed unless a U or its size says otherwise, or
// a float with its bits as written.
type constant struct {
	float     bool
	bits      uint64
	floatBits int // 32, 64 of 0f…, 0d…; 0 of a decimal number, whose bits are a float64's
	unsigned  bool
}

func intConstant(v int64) constant { return constant{bits: uint64(v)} }

// value is a float constant as a float64.
func (c constant) value() float64 {
	if c.floatBits == 32 {
		return float64(math.Float32frombits(uint32(c.bits)))
	}
	return math.Float64frombits(c.bits)
}

const maxDepth = 64 // of nested parentheses, operators before an operand, and braces

// precedence of the binary operators, from loosest to tightest.
var precedence = map[string]int{
	"||": 1, "&&": 2, "|": 3, "^": 4, "&": 5, "==": 6, "!=": 6, "<": 7, "<=": 7, ">": 7, ">=": 7, "<<": 8, ">>": 8, "+": 9, "-": 9, "*": 10, "/": 10, "%": 10,
}

// expression reads a constant expression.
func (p *parser) expression(depth int) constant {
	c := p.binary(1, depth)
	if !p.is("?") {
		return c
	}
	p.next()
	a := p.expression(p.deeper(depth))
	p.expect(":")
	b := p.expression(p.deeper(depth))
	if c.float {
		p.fail(p.tok.pos, "the condition before ? is a floating-point constant, an integer is expected")
	}
	if c.bits != 0 {
		return a
	}
	return b
}

func (p *parser) deeper(depth int) int {
	if depth >= maxDepth {
		p.fail(p.tok.pos, "the expression is nested more than %d deep", maxDepth)
	}
	return depth + 1
}

func (p *parser) binary(level, depth int) constant {
	a := p.unary(p.deeper(depth))
	for p.tok.kind == symbolToken {
		op := p.tok
		prec := precedence[op.text]
		if prec < level || prec == 0 {
			break
		}
		p.next()
		b := p.binary(prec+1, p.deeper(depth))
		a = p.apply(op, a, b)
	}
	return a
}

func (p *parser) apply(op token, a, b constant) constant {
	if a.float || b.float {
		if !a.float || !b.float {
			p.fail(op.pos, "%s has an integer and a floating-point operand", op.describe())
		}
		x, y := a.value(), b.value()
		switch op.text {
		case "+":
			x += y
		case "-":
			x -= y
		case "*":
			x *= y
		case "/":
			x /= y
		default:
			p.fail(op.pos, "%s does not take floating-point constants", op.describe())
		}
		return constant{float: true, bits: math.Float64bits(x)}
	}
	x, y, u := a.bits, b.bits, a.unsigned || b.unsigned
	r := uint64(0)
	truth := func(signed, unsigned bool) {
		if u && unsigned || !u && signed {
			r = 1
		}
		u = false
	}
	switch op.text {
	case "+":
		r = x + y
	case "-":
		r = x - y
	case "*":
		r = x * y
	case "/", "%":
		if y == 0 {
			p.fail(op.pos, "division by zero")
		}
		switch {
		case op.text == "/" && u:
			r = x / y
		case op.text == "/" && int64(y) == -1:
			r = -x
		case op.text == "/":
			r = uint64(int64(x) / int64(y))
		case u:
			r = x % y
		case int64(y) == -1:
			r = 0
		default:
			r = uint64(int64(x) % int64(y))
		}
	case "<<":
		u = a.unsigned
		if y < 64 {
			r = x << y
		}
	case ">>":
		u = a.unsigned
		if u {
			r = x >> min(y, 64)
		} else {
			r = uint64(int64(x) >> min(y, 63))
		}
	case "&":
		r = x & y
	case "|":
		r = x | y
	case "^":
		r = x ^ y
	case "&&":
		truth(x != 0 && y != 0, x != 0 && y != 0)
	case "||":
		truth(x != 0 || y != 0, x != 0 || y != 0)
	case "==":
		truth(x == y, x == y)
	case "!=":
		truth(x != y, x != y)
	case "<":
		truth(int64(x) < int64(y), x < y)
	case "<=":
		truth(int64(x) <= int64(y), x <= y)
	case ">":
		truth(int64(x) > int64(y), x > y)
	case ">=":
		truth(int64(x) >= int64(y), x >= y)
	}
	return constant{bits: r, unsigned: u}
}

func (p *parser) unary(depth int) constant {
	t := p.tok
	switch {
	case t.kind == intToken:
		p.next()
		return p.integer(t)
	case t.kind == floatToken:
		p.next()
		return p.floating(t)
	case t.kind == wordToken && t.text == "WARP_SZ":
		p.next()
		return intConstant(32)
	case t.kind == symbolToken:
		switch t.text {
		case "-", "+", "~", "!":
			p.next()
			c := p.unary(p.deeper(depth))
			if c.float {
				switch t.text {
				case "-":
					if c.floatBits == 32 {
						c.bits ^= 1 << 31
					} else {
						c.bits ^= 1 << 63
					}
				case "~", "!":
					p.fail(t.pos, "%s does not take a floating-point constant", t.describe())
				}
				return c
			}
			switch t.text {
			case "-":
				c.bits = -c.bits
			case "~":
				c.bits = ^c.bits
			case "!":
				if c.bits == 0 {
					return intConstant(1)
				}
				return intConstant(0)
			}
			return c
		case "(":
			p.next()
			if p.tok.kind == dotToken && (p.tok.text == ".s64" || p.tok.text == ".u64") {
				u := p.tok.text == ".u64"
				p.next()
				p.expect(")")
				c := p.unary(p.deeper(depth))
				if c.float {
					p.fail(t.pos, "a cast takes an integer constant")
				}
				c.unsigned = u
				return c
			}
			c := p.expression(p.deeper(depth))
			p.expect(")")
			return c
		}
	}
	p.fail(t.pos, "%s where a constant is expected", t.describe())
	return constant{}
}

func (p *parser) integer(t token) constant {
	text, u := strings.CutSuffix(t.text, "U")
	base, digits := 10, text
	switch {
	case strings.HasPrefix(text, "0x"), strings.HasPrefix(text, "0X"):
		base, digits = 16, text[2:]
	case strings.HasPrefix(text, "0b"), strings.HasPrefix(text, "0B"):
		base, digits = 2, text[2:]
	case len(text) > 1 && text[0] == '0':
		base, digits = 8, text[1:]
	}
	v, err := strconv.ParseUint(digits, base, 64)
	if err != nil {
		p.fail(t.pos, "%s is not an integer of 64 bits", t.describe())
	}
	return constant{bits: v, unsigned: u || v > math.MaxInt64}
}

func (p *parser) floating(t token) constant {
	if len(t.text) > 2 && t.text[0] == '0' && strings.IndexByte("fFdD", t.text[1]) >= 0 {
		n := 64
		if t.text[1]|0x20 == 'f' {
			n = 32
		}
		v, err := strconv.ParseUint(t.text[2:], 16, 64)
		if err != nil || len(t.text) != 2+n/4 {
			p.fail(t.pos, "%s is no floating-point constant: %d hexadecimal digits are expected behind %s", t.describe(), n/4, t.text[:2])
		}
		return constant{float: true, bits: v, floatBits: n}
	}
	v, err := strconv.ParseFloat(t.text, 64)
	if err != nil && !math.IsInf(v, 0) {
		p.fail(t.pos, "%s is no floating-point constant", t.describe())
	}
	return constant{float: true, bits: math.Float64bits(v)}
}
