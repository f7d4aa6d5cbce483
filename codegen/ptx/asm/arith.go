package asm

import "slices"

// Arithmetic on integers of a class, W or D, folded where it is with constants. Operands are registers or integers.

// Suffix is the width in the names of types: 32 in s32.
func (c Class) Suffix() string { return [...]string{"", "", "16", "32", "64"}[c] }

// fits wraps k to the class, as signed.
func (c Class) fits(k int64) int64 {
	if c == W {
		return int64(int32(k))
	}
	return k
}

// Add is x + y.
func (b *Builder) Add(c Class, x, y Arg) Arg {
	if x.kind == intArg {
		x, y = y, x
	}
	if y.kind == intArg {
		if x.kind == intArg {
			return Int(c.fits(x.num + y.num))
		}
		if y.num == 0 {
			return x
		}
	}
	return R(b.Pure("add.s"+c.Suffix(), c, x, y))
}

// Sub is x - y.
func (b *Builder) Sub(c Class, x, y Arg) Arg {
	if y.kind == intArg {
		return b.Add(c, x, Int(c.fits(-y.num)))
	}
	return R(b.Pure("sub.s"+c.Suffix(), c, x, y))
}

// Mul is x · y, its low bits.
func (b *Builder) Mul(c Class, x, y Arg) Arg {
	if x.kind == intArg {
		x, y = y, x
	}
	if y.kind == intArg {
		switch k := y.num; {
		case x.kind == intArg:
			return Int(c.fits(x.num * k))
		case k == 0:
			return Int(0)
		case k == 1:
			return x
		case k > 0 && k&(k-1) == 0:
			return b.Shl(c, x, log2(k))
		}
	}
	return R(b.Pure("mul.lo.s"+c.Suffix(), c, x, y))
}

// Mad is x · y + z.
func (b *Builder) Mad(c Class, x, y, z Arg) Arg {
	if x.kind == regArg && y.kind == regArg && !(z.kind == intArg && z.num == 0) {
		return R(b.Pure("mad.lo.s"+c.Suffix(), c, x, y, z))
	}
	return b.Add(c, b.Mul(c, x, y), z)
}

// Sum is the sum of all terms. What is known in outer loops is added there: the terms that are known furthest out come
// first, and those that are known in the same loop in the order given.
func (b *Builder) Sum(c Class, terms ...Arg) Arg {
	k := int64(0)
	var list []Arg
	for _, x := range terms {
		if x.kind == intArg {
			k = c.fits(k + x.num)
		} else {
			list = append(list, x)
		}
	}
	slices.SortStableFunc(list, func(x, y Arg) int { return b.Depth(x) - b.Depth(y) })
	sum := Int(0)
	for _, x := range list {
		sum = b.Add(c, sum, x)
	}
	return b.Add(c, sum, Int(k))
}

// Shl is x << n, Shr the logical x >> n.
func (b *Builder) Shl(c Class, x Arg, n int) Arg {
	switch {
	case n == 0:
		return x
	case x.kind == intArg:
		return Int(c.fits(x.num << n))
	}
	return R(b.Pure("shl.b"+c.Suffix(), c, x, Int(int64(n))))
}

func (b *Builder) Shr(c Class, x Arg, n int) Arg {
	if n == 0 {
		return x
	}
	if x.kind == intArg {
		if c == W {
			return Int(int64(int32(uint32(x.num) >> n)))
		}
		return Int(int64(uint64(x.num) >> n))
	}
	return R(b.Pure("shr.u"+c.Suffix(), c, x, Int(int64(n))))
}

// And, Or and Xor are bit by bit.
func (b *Builder) And(c Class, x, y Arg) Arg {
	if x.kind == intArg && y.kind == intArg {
		return Int(x.num & y.num)
	}
	if y.kind == intArg && y.num == 0 {
		return Int(0)
	}
	return R(b.Pure("and.b"+c.Suffix(), c, x, y))
}

func (b *Builder) Or(c Class, x, y Arg) Arg {
	if x.kind == intArg {
		x, y = y, x
	}
	if y.kind == intArg && y.num == 0 {
		return x
	}
	if x.kind == intArg {
		return Int(x.num | y.num)
	}
	return R(b.Pure("or.b"+c.Suffix(), c, x, y))
}

func (b *Builder) Xor(c Class, x, y Arg) Arg {
	if x.kind == intArg {
		x, y = y, x
	}
	if y.kind == intArg && y.num == 0 {
		return x
	}
	if x.kind == intArg {
		return Int(x.num ^ y.num)
	}
	return R(b.Pure("xor.b"+c.Suffix(), c, x, y))
}

// Widen is a word, sign-extended.
func (b *Builder) Widen(x Arg) Arg {
	if x.kind == intArg {
		return x
	}
	return R(b.Pure("cvt.s64.s32", D, x))
}

// Unsigned is a word, extended with zeros.
func (b *Builder) Unsigned(x Arg) Arg {
	if x.kind == intArg {
		return Int(int64(uint32(x.num)))
	}
	return R(b.Pure("cvt.u64.u32", D, x))
}

// Narrow is the low word of a double.
func (b *Builder) Narrow(x Arg) Arg {
	if x.kind == intArg {
		return Int(W.fits(x.num))
	}
	f := b.facts[x.reg]
	still := b.still(f)
	switch {
	case still && (f.op == "cvt.u64.u32" || f.op == "cvt.s64.s32"):
		return f.args[0]
	case still && f.op == "add.s64":
		return b.Add(W, b.Narrow(f.args[0]), b.Narrow(f.args[1]))
	}
	return R(b.Pure("cvt.u32.u64", W, x))
}

// Move is a register that holds x.
func (b *Builder) Move(c Class, x Arg) Reg {
	if x.kind == regArg && !x.wide {
		return x.reg
	}
	if c == P {
		k := x.num
		return b.Pure("setp.ne.s32", P, Int(k), Int(0))
	}
	return b.Pure("mov.b"+c.Suffix(), c, x)
}

// SetP compares: test is eq, ne, lt, le, gt, ge (or lo, ls, hi, hs) and kind s32, u64, f32 and the like.
func (b *Builder) SetP(test, kind string, x, y Arg) Reg {
	return b.Pure("setp."+test+"."+kind, P, x, y)
}

// AndP, OrP and NotP work on predicates.
func (b *Builder) AndP(p, q Reg) Reg { return b.Pure("and.pred", P, R(p), R(q)) }
func (b *Builder) OrP(p, q Reg) Reg  { return b.Pure("or.pred", P, R(p), R(q)) }
func (b *Builder) NotP(p Reg) Reg    { return b.Pure("not.pred", P, R(p)) }

// Select is p ? x : y.
func (b *Builder) Select(c Class, p Reg, x, y Arg) Reg {
	return b.Pure("selp.b"+c.Suffix(), c, x, y, R(p))
}

func log2(k int64) int {
	n := 0
	for k > 1 {
		k >>= 1
		n++
	}
	return n
}
