package casts

import (
	"math"

	"github.com/tilec/tilec/codegen/ptx"
	"github.com/tilec/tilec/ir/dtype"
)

// floats are the recipes from small floats to f16, bf16 and f32.
func floats(from, to dtype.Type, target ptx.Target, order Order) []recipe {
	var all []recipe
	for _, half := range []dtype.Type{dtype.BF16, dtype.F16} {
		if exact(from, half) != nil {
			continue
		}
		for _, pairs := range halfRecipes(from, half, target, order) {
			switch {
			case to == dtype.BF16 && pairs.native:
				all = append(all, func(b *builder) {
					for k, r := range pairs.make(b, adjacent(b.s)) {
						lo, hi := b.halves(r)
						b.output(k, b.do("prmt.b32", b.do("cvt.f32.f16", lo), b.do("cvt.f32.f16", hi), literal(0x7632)))
					}
				})
			case to == half:
				byBytes := from.Width == 8 || order != Stream
				if byBytes || pairs.native {
					all = append(all, func(b *builder) { b.finish(pairs.make(b, adjacent(b.s))) })
				}
				if order == Stream && !pairs.native {
					all = append(all, func(b *builder) { b.restore(pairs.make) })
				}
			case to == dtype.F32:
				all = append(all, func(b *builder) {
					ps := apart(b.s)
					if pairs.native {
						ps = adjacent(b.s)
					}
					for k, r := range pairs.make(b, ps) {
						b.widen(half, r, ps[k])
					}
				})
			}
		}
	}
	if to == dtype.F16 && from.Exp == to.Exp && from.Bias != to.Bias {
		// Through f32, where an exponent of f16's size does not fit f16's own bits.
		for _, pairs := range halfRecipes(from, dtype.BF16, target, order) {
			all = append(all, func(b *builder) {
				for k, r := range pairs.make(b, adjacent(b.s)) {
					lo, hi := b.do("shl.b32", r, literal(16)), b.do("and.b32", r, literal(0xffff0000))
					b.output(k, b.do("cvt.rn.f16x2.f32", hi, lo))
				}
			})
		}
	}
	return all
}

// finish makes registers of pairs of elements the outputs.
func (b *builder) finish(regs []Operand) {
	for k, r := range regs {
		b.output(k, r)
	}
}

// restore makes the outputs of pairs of elements that lie apart, by swapping halves.
func (b *builder) restore(pairs func(*builder, [][]int) []Operand) {
	ps := apart(b.s)
	regs := pairs(b, ps)
	if ps[0][1] == 1 {
		b.finish(regs)
		return
	}
	of := make(map[int]Operand)
	for k, p := range ps {
		of[p[0]] = regs[k]
	}
	for _, p := range ps {
		if e := p[0]; e%2 == 0 {
			b.output(e/2, b.do("prmt.b32", of[e], of[e+1], literal(0x5410)))
			b.output(p[1]/2, b.do("prmt.b32", of[e], of[e+1], literal(0x7632)))
		}
	}
}

// adjacent pairs elements 2k and 2k+1.
func adjacent(s *Sequence) [][]int {
	out := make([][]int, s.Elements/2)
	for k := range out {
		out[k] = lanesOf(k, 2)
	}
	return out
}

// apart pairs the elements of a stream that lie in the same place of the halves of a word, or at least of bytes. In other orders
// adjacent elements do.
func apart(s *Sequence) [][]int {
	w := int(s.From.Width)
	if s.Order != Stream {
		return adjacent(s)
	}
	d := 8
	if 16%w == 0 {
		d = 16 / w
	}
	var out [][]int
	for base := 0; base < s.Elements; base += 2 * d {
		for i := range d {
			out = append(out, []int{base + i, base + i + d})
		}
	}
	return out
}

// widen makes the two halves of a register f32.
func (b *builder) widen(half dtype.Type, r Operand, es []int) {
	if half == dtype.BF16 {
		b.output(es[0], b.do("shl.b32", r, literal(16)))
		b.output(es[1], b.do("and.b32", r, literal(0xffff0000)))
		return
	}
	lo, hi := b.halves(r)
	b.output(es[0], b.do("cvt.f32.f16", lo))
	b.output(es[1], b.do("cvt.f32.f16", hi))
}

// A pairsRecipe makes registers of pairs of elements. A native one is a conversion of the processor, which takes elements
// that lie side by side.
type pairsRecipe struct {
	make   func(b *builder, pairs [][]int) []Operand
	native bool
}

func halfRecipes(from, half dtype.Type, target ptx.Target, order Order) []pairsRecipe {
	if from == dtype.E8M0 {
		return []pairsRecipe{{make: scales}}
	}
	var all []pairsRecipe
	if from.Exp != half.Exp || from.Bias == half.Bias {
		// Else codes with f16's largest exponent, which there are no numbers, could be numbers.
		aligned := order != Stream || 16%from.Width == 0 // pairs can lie in one place of the halves of a word
		if aligned {
			all = append(all, pairsRecipe{make: func(b *builder, pairs [][]int) []Operand {
				return b.inPlace(half, pairs, func(_ int, es []int, low, n, at int) form {
					return b.s.gatherForm(es, low, n, repeat(at, 2), 0, 0)
				})
			}})
		}
		if !aligned || order == Stream && from.Width == 8 {
			all = append(all, pairsRecipe{make: func(b *builder, pairs [][]int) []Operand {
				return b.inPlace(half, pairs, b.staged(pairs))
			}})
		}
	}
	if half == dtype.F16 && target.SM >= 89 && (from == dtype.F8E4M3 || from == dtype.F8E5M2) {
		all = append(all, pairsRecipe{make: (*builder).converted, native: true})
	}
	return all
}

// converted is the conversion that processors from sm_89 on have: two bytes that lie side by side at a time.
func (b *builder) converted(pairs [][]int) []Operand {
	op := "cvt.rn.f16x2.e4m3x2"
	if b.s.From == dtype.F8E5M2 {
		op = "cvt.rn.f16x2.e5m2x2"
	}
	// Two pairs to a register, which is a word as it is where the codes lie in the order of the elements.
	var items []item
	for i := 0; i < len(pairs); i += 2 {
		es := append(append([]int(nil), pairs[i]...), pairs[i+1]...)
		items = append(items, item{b.s.gatherForm(es, 0, 8, repeat(0, 4), 0, 0)})
	}
	regs, _ := b.gather(items)
	var out []Operand
	for _, r := range regs {
		lo, hi := b.halves(r)
		out = append(out, b.do(op, lo), b.do(op, hi))
	}
	return out
}

// A former is how bits low to low+n of a pair's codes are brought to bit at of their lanes.
type former func(k int, es []int, low, n, at int) form

// staged gathers each pair's codes to one place of the lanes of a register first, what else is in it being anything, and gathers
// from that.
func (b *builder) staged(pairs [][]int) former {
	s := b.s
	w := int(s.From.Width)
	items := make([]item, len(pairs))
	for k, es := range pairs {
		for at := 16 - w; at >= 0; at-- {
			f := s.gatherForm(es, 0, w, repeat(at, 2), 0, at)
			f.loose = ^(span(at, w) | span(at+16, w))
			items[k] = append(items[k], f)
		}
	}
	regs, at := b.gather(items)
	b.words = regs
	return func(k int, _ []int, low, n, to int) form {
		src := 32*k + at[k] + low
		return form{parts: [][]field{{{src, to, n}, {src + 16, to + 16, n}}}}
	}
}

// inPlace brings sign, exponent and mantissa to their places in f16 or bf16 and multiplies by the power of two that makes
// up for the smaller bias. A subnormal code is then a subnormal number, and the product its value.
//
// Codes that are no numbers need more. An exponent of ones (IEEE) or a magnitude of ones (FN) is found by an addition that
// carries out of the exponent then and only then; the carry, spread over the exponent's upper bits, makes infinity or NaN of
// it. FNUZ's NaN is found by its distance from the code of -0.
func (b *builder) inPlace(half dtype.Type, pairs [][]int, f former) []Operand {
	t := b.s.From
	man, exp := int(half.Man), int(half.Exp)
	mag := int(t.Exp) + int(t.Man)
	low := man - int(t.Man) // the place of the lowest bit of the magnitude
	factor := math.Ldexp(1, int(half.Bias-t.Bias))
	scale := splat(uint32(half.Encode(factor, dtype.NearestEven, dtype.ToInf)), 2)
	special := !b.s.Options.Finite
	spread := special && half.Exp > t.Exp && (t.Specials == dtype.IEEE || t.Specials == dtype.FN)
	zero := special && t.Specials == dtype.FNUZ
	if b.s.Options.Fold && b.s.To.Width > 8 && !spread && factor != 1 {
		b.s.Factor, factor = factor, 1
	}

	var items []item
	for k, es := range pairs {
		m := f(k, es, 0, mag, low)
		sign := f(k, es, mag, 1, 15)
		if spread {
			// The sign goes with the factor: the magnitude stays alone for the addition.
			sign.flip = scale
			items = append(items, item{m}, item{sign})
			continue
		}
		items = append(items, item{form{parts: append(m.parts, sign.parts...)}})
		if zero {
			code := f(k, es, 0, mag+1, 0)
			code.flip = splat(1<<mag, 2)
			items = append(items, item{code})
		}
	}
	regs, _ := b.gather(items)
	out := make([]Operand, len(pairs))
	for k := range pairs {
		switch {
		case spread:
			m, signed := regs[2*k], regs[2*k+1]
			step := uint32(1) << man // the exponent's lowest bit
			if t.Specials == dtype.FN {
				step = 1 << low
			}
			carry := splat(1<<(man+int(t.Exp)), 2)
			sum := b.do("add.u32", m, literal(splat(step, 2)))
			if exp-int(t.Exp) == 1 {
				m = b.masked(sum, carry, 0, &m)
			} else {
				c := b.do("and.b32", sum, literal(carry))
				m = b.do("mad.lo.u32", c, literal(1<<(exp-int(t.Exp))-1), m)
			}
			if t.Man == 0 {
				// All ones are infinity's exponent; a NaN has a bit of mantissa too.
				c := b.do("shr.b32", sum, literal(uint32(man+int(t.Exp)-(man-1))))
				m = b.masked(c, splat(1<<(man-1), 2), 0, &m)
			}
			out[k] = b.times(half, m, signed)
		case zero:
			out[k] = b.notNegativeZero(half, b.scaled(half, regs[2*k], factor), regs[2*k+1])
		default:
			out[k] = b.scaled(half, regs[k], factor)
		}
	}
	return out
}

// scaled multiplies by a power of two, unless it is 1.
func (b *builder) scaled(half dtype.Type, x Operand, factor float64) Operand {
	if factor == 1 {
		return x
	}
	return b.times(half, x, b.constant(splat(uint32(half.Encode(factor, dtype.NearestEven, dtype.ToInf)), 2)))
}

// notNegativeZero makes NaN of the elements of x whose code, with the sign inverted, is zero.
func (b *builder) notNegativeZero(half dtype.Type, x, code Operand) Operand {
	w := int(b.s.From.Width)
	// 2^w less the code has bit w only where the code is zero.
	d := b.do("sub.u32", literal(splat(1<<w, 2)), code)
	d = b.do("and.b32", d, literal(splat(1<<w, 2)))
	lowest := int(half.Man) - 1 // of NaN's bits
	if w > lowest {
		d = b.do("shr.b32", d, literal(uint32(w-lowest)))
		w = lowest
	}
	nan := uint32(1<<(half.Exp+1)-1) << lowest
	return b.do("mad.lo.u32", d, literal(nan>>w), x)
}

// scales is the recipe from e8m0 to bf16. The exponent is the code. Codes 0, worth the subnormal 2^-127, and 255, the NaN,
// want bit 6 of the mantissa besides: they are those of which code+1 has none of the bits 1 to 7.
func scales(b *builder, pairs [][]int) []Operand {
	var items []item
	for _, es := range pairs {
		items = append(items, item{b.s.gatherForm(es, 0, 8, repeat(7, 2), 0, 0)})
	}
	regs, _ := b.gather(items)
	for k, v := range regs {
		c := b.do("add.u32", v, literal(0x00800080))
		c = b.do("and.b32", c, literal(0x7f007f00))
		c = b.do("sub.u32", literal(0x80008000), c)
		c = b.do("shr.b32", c, literal(9))
		regs[k] = b.masked(c, 0x00400040, 0, &v)
	}
	return regs
}
