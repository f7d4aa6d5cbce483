package casts

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tilec/tilec/ir/dtype"
)

// A bit is zero, one, or what some elements make of it: a set of elements.
type bit struct {
	state byte // '0', '1', '?'
	of    uint32
}

type word [32]bit

func fixedBit(v bool) bit {
	if v {
		return bit{state: '1'}
	}
	return bit{state: '0'}
}

func constant(v uint32) (w word) {
	for i := range w {
		w[i] = fixedBit(v>>i&1 != 0)
	}
	return w
}

// either is a bit that depends on all of the given ones.
func either(bs ...bit) bit {
	out := bit{state: '?'}
	for _, b := range bs {
		out.of |= b.of
	}
	return out
}

// lut is a bit of lop3: known where the table gives one value for all that the unknown operands may be, and else dependent
// on those operands that can change it.
func lut(table uint32, a, b, c bit) bit {
	in := [3]bit{c, b, a}
	var seen [2]bool
	var matter []bit
	for i := range 8 {
		if fits(a, i>>2&1) && fits(b, i>>1&1) && fits(c, i&1) {
			seen[table>>i&1] = true
			for k, x := range in {
				if j := i ^ 1<<k; x.state == '?' && table>>j&1 != table>>i&1 {
					matter = append(matter, x)
				}
			}
		}
	}
	if seen[0] != seen[1] {
		return fixedBit(seen[1])
	}
	return either(matter...)
}

func fits(b bit, v int) bool { return b.state == '?' || b.state == byte('0'+v) }

// sum adds with a carry into the lowest bit.
func sum(a, b word, carry bit) (out word) {
	for i := range out {
		out[i] = lut(0x96, a[i], b[i], carry)
		carry = lut(0xe8, a[i], b[i], carry)
	}
	return out
}

func not(a word) (out word) {
	for i := range out {
		out[i] = lut(0x0f, a[i], bit{state: '0'}, bit{state: '0'})
	}
	return out
}

// spread is n bits from bit low on that all depend on the given ones.
func spread(out *word, low, n int, from ...bit) {
	for i := range n {
		out[low+i] = either(from...)
	}
}

func (w word) up(n int) (out word) {
	for i := range out {
		out[i] = bit{state: '0'}
		if i-n >= 0 && i-n < 32 {
			out[i] = w[i-n]
		}
	}
	return out
}

// depend follows which elements each bit of the outputs depends on.
func depend(s *Sequence) (outputs []word, err error) {
	regs := map[Operand]word{}
	for i := range s.Words {
		regs[Operand{Kind: Input, Index: i}] = word{}
	}
	for e := range s.Elements {
		for b := range int(s.From.Width) {
			at := s.Bit(e, b)
			in := Operand{Kind: Input, Index: at / 32}
			w := regs[in]
			w[at%32] = bit{'?', 1 << e}
			regs[in] = w
		}
	}
	get := func(o Operand) word {
		switch o.Kind {
		case Literal, Float:
			return constant(o.Value)
		case Constant:
			return constant(s.Constants[o.Index])
		}
		return regs[o]
	}
	for _, in := range s.Code {
		src := [4]word{constant(0), constant(0), constant(0), constant(0)}
		for i, o := range in.Src {
			src[i] = get(o)
		}
		a, b, c := src[0], src[1], src[2]
		var out word
		literal := func(i int) int { return int(in.Src[i].Value) }
		bitwise := func(table uint32) {
			for i := range out {
				out[i] = lut(table, a[i], b[i], c[i])
			}
		}
		switch op := in.Op; {
		case op == "mov.b32":
			out = a
		case op == "lop3.b32":
			bitwise(uint32(literal(3)))
		case op == "and.b32":
			bitwise(0xc0)
		case op == "or.b32":
			bitwise(0xfc)
		case op == "xor.b32":
			bitwise(0x3c)
		case op == "shl.b32":
			out = a.up(literal(1))
		case op == "shr.b32":
			out = a.up(-literal(1))
		case op == "shf.r.wrap.b32":
			n := literal(2)
			lo, hi := a.up(-n), b.up(32-n)
			copy(lo[32-n:], hi[32-n:])
			out = lo
		case op == "prmt.b32":
			for i := range 4 {
				if in.Src[2].Kind != Literal {
					// A table: constants picked by a nibble.
					spread(&out, 8*i, 8, c[4*i:4*i+4]...)
					continue
				}
				from := literal(2) >> (4 * i) & 7
				copy(out[8*i:8*i+8], src[from/4][from%4*8:])
			}
		case op == "add.u32":
			out = sum(a, b, bit{state: '0'})
		case op == "sub.u32":
			out = sum(a, not(b), bit{state: '1'})
		case op == "mad.lo.u32":
			out = c
			for i := range 32 {
				if literal(1)>>i&1 != 0 {
					out = sum(out, a.up(i), bit{state: '0'})
				}
			}
		case strings.HasPrefix(op, "cvt.rn.satfinite"): // of two halves to two bytes
			spread(&out, 0, 8, a[:16]...)
			spread(&out, 8, 8, a[16:]...)
		case op == "cvt.rn.f16x2.e4m3x2" || op == "cvt.rn.f16x2.e5m2x2":
			spread(&out, 0, 16, a[:8]...)
			spread(&out, 16, 16, a[8:16]...)
		case op == "cvt.rn.f16x2.f32":
			spread(&out, 0, 16, b[:]...)
			spread(&out, 16, 16, a[:]...)
		case op == "cvt.f32.f16":
			spread(&out, 0, 32, a[:16]...)
		case op == "sub.rn.f32":
			spread(&out, 0, 32, a[:]...)
		case strings.HasSuffix(op, "f16x2"):
			for _, h := range []int{0, 16} {
				spread(&out, h, 16, append(append(append([]bit(nil), a[h:h+16]...), b[h:h+16]...), c[h:h+16]...)...)
			}
		case op == splitOp:
			regs[in.Dst[0]], regs[in.Dst[1]] = a, a.up(-16)
			continue
		case op == joinOp:
			out = a
			copy(out[16:], b[:16])
		default:
			return nil, fmt.Errorf("%s is not known here", op)
		}
		regs[in.Dst[0]] = out
	}
	for k := range s.Outputs() {
		outputs = append(outputs, regs[Operand{Kind: Output, Index: k}])
	}
	return outputs, nil
}

// TestDepends shows that an element's output depends on the bits of its own code alone: no carry, shift or mask lets a
// neighbour in. With TestEveryCode, which runs every code, that proves the sequences for all words.
//
// FNUZ's NaN is put in by an addition that carries nowhere only because of what is added to; there it shows less.
func TestDepends(t *testing.T) {
	t.Parallel()
	for _, target := range targets {
		for _, from := range sources() {
			if from.Specials == dtype.FNUZ && from.Kind == dtype.FloatKind {
				continue
			}
			for _, to := range Destinations {
				for _, order := range Orders {
					if !differs(target, from, to) {
						continue
					}
					s, err := cached(from, to, target, order, Options{})
					if err != nil {
						continue
					}
					outputs, err := depend(s)
					if err != nil {
						t.Fatalf("%v to %v: %v", from, to, err)
					}
					width := 32 / s.Lanes
					for e := range s.Elements {
						all := either(outputs[e/s.Lanes][e%s.Lanes*width:][:width]...)
						if all.of != 1<<e {
							t.Fatalf("%v to %v on %v, %v: element %d depends on elements %032b\n%s", from, to, target, order, e, all.of, s.Text(names))
						}
					}
				}
			}
		}
	}
}
