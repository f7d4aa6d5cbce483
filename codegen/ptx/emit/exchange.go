package emit

import (
	"github.com/tilec/tilec/codegen/ptx/asm"
	"github.com/tilec/tilec/ir/dtype"
)

// everyone is the mask of all lanes.
var everyone = asm.Int(-1)

// pick is p ? x : y, of elements of a class.
func (e *emitter) pick(c asm.Class, p asm.Reg, x, y asm.Arg) asm.Arg {
	b := e.b
	if c != asm.P {
		return asm.R(b.Select(c, p, e.plain(c, x), e.plain(c, y)))
	}
	if k, ok := y.IntValue(); ok {
		if k == 0 {
			return asm.R(b.AndP(p, b.Move(c, x)))
		}
		return asm.R(b.OrP(b.NotP(p), b.Move(c, x)))
	}
	if k, ok := x.IntValue(); ok {
		if k != 0 {
			return asm.R(b.OrP(p, b.Move(c, y)))
		}
		return asm.R(b.AndP(b.NotP(p), b.Move(c, y)))
	}
	return asm.R(b.OrP(b.AndP(p, b.Move(c, x)), b.AndP(b.NotP(p), b.Move(c, y))))
}

// plain is x as an operand of an instruction on bits: a register or an integer.
func (e *emitter) plain(c asm.Class, x asm.Arg) asm.Arg {
	if _, ok := x.IntValue(); ok {
		return x
	}
	return asm.R(e.b.Move(c, x))
}

// asWord is a predicate as a word, 1 or 0; other elements are as they are.
func (e *emitter) asWord(c asm.Class, x asm.Arg) (asm.Class, asm.Arg) {
	if c != asm.P {
		return c, e.plain(c, x)
	}
	if _, ok := x.IntValue(); ok {
		return asm.W, x
	}
	return asm.W, asm.R(e.b.Select(asm.W, e.b.Move(c, x), asm.Int(1), asm.Int(0)))
}

// ofWord undoes asWord.
func (e *emitter) ofWord(c asm.Class, x asm.Reg) asm.Arg {
	if c != asm.P {
		return asm.R(x)
	}
	return asm.R(e.b.SetP("ne", "s32", asm.R(x), asm.Int(0)))
}

// halves are the low and the high word of a double.
func (e *emitter) halves(x asm.Arg) (lo, hi asm.Reg) {
	b := e.b
	lo, hi = b.Reg(asm.W), b.Reg(asm.W)
	b.Emit("mov.b64", asm.Regs(lo, hi), x)
	return lo, hi
}

// shuffle is the element that another lane has: mode bfly with the mask of lanes, idx with the lane's number, or up with
// how far below it is, where there is none the lane's own.
func (e *emitter) shuffle(mode string, c asm.Class, x, from asm.Arg) asm.Arg {
	b := e.b
	if _, ok := x.IntValue(); ok {
		return x // all lanes have the same
	}
	clamp := asm.Int(31)
	if mode == "up" {
		clamp = asm.Int(0)
	}
	word := func(x asm.Arg) asm.Reg {
		return b.Do("shfl.sync."+mode+".b32", asm.W, x, from, clamp, everyone)
	}
	if c == asm.D {
		lo, hi := e.halves(asm.R(b.Move(c, x)))
		return asm.R(b.Do("mov.b64", asm.D, asm.Regs(word(asm.R(lo)), word(asm.R(hi)))))
	}
	_, w := e.asWord(c, x)
	return e.ofWord(c, word(asm.R(b.Move(asm.W, w))))
}

// room is how many bytes an element takes in shared memory that operations exchange tiles through.
func room(t dtype.Type) int64 {
	switch n := t.Bits(); {
	case n <= 8:
		return 1
	case n <= 16:
		return 2
	case n <= 32:
		return 4
	}
	return 8
}

// roomOf is the same for an element of a class.
func roomOf(c asm.Class) int64 {
	if c == asm.D {
		return 8
	}
	return 4
}

// keep stores an element of a class to shared memory, where a predicate holds; the zero Arg is always.
func (e *emitter) keep(c asm.Class, guard asm.Arg, at asm.Reg, offset int64, x asm.Arg) {
	c, x = e.asWord(c, x)
	e.emitIf(guard, [...]string{asm.W: "st.shared.b32", asm.D: "st.shared.b64"}[c], asm.At(at, offset), asm.R(e.b.Move(c, x)))
}

// emitIf emits an instruction, under a predicate unless guard is the zero Arg.
func (e *emitter) emitIf(guard asm.Arg, op string, args ...asm.Arg) {
	if _, ok := guard.Reg(); ok {
		e.b.EmitIf(guard, op, args...)
	} else {
		e.b.Emit(op, args...)
	}
}

// fetch loads n elements of a class that lie in a row in shared memory, at a multiple of all their bytes where n is a
// power of two.
func (e *emitter) fetch(c asm.Class, at asm.Reg, offset, n int64) []asm.Arg {
	b := e.b
	width, op := asm.W, "b32"
	if c == asm.D {
		width, op = asm.D, "b64"
	}
	var list []asm.Arg
	for n > 0 {
		k := min(n, 16/roomOf(c))
		for n%k != 0 {
			k /= 2
		}
		regs := b.Regs(width, int(k))
		if k == 1 {
			b.Emit("ld.shared."+op, asm.R(regs[0]), asm.At(at, offset))
		} else {
			b.Emit([]string{2: "ld.shared.v2.", 4: "ld.shared.v4."}[k]+op, asm.Regs(regs...), asm.At(at, offset))
		}
		for _, r := range regs {
			list = append(list, e.ofWord(c, r))
		}
		offset += k * roomOf(c)
		n -= k
	}
	return list
}
