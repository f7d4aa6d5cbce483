package conform

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"
)

// MatrixCases are the cases of mma.sync and ldmatrix. Where elements stand follows from the formulas of the PTX ISA, written
// out here; values are small integers, whose sums are exact in any order.
func MatrixCases() []*Case {
	var cases []*Case
	for _, s := range []struct {
		m, k       int
		d, a, b    string
		tail, more string
		target     string
	}{
		{16, 8, "f16", "f16", "f16", "", "", "sm_80"}, {16, 16, "f16", "f16", "f16", "", "", "sm_80"},
		{16, 8, "f32", "f16", "f16", "", "", "sm_80"}, {16, 16, "f32", "f16", "f16", "", "", "sm_80"},
		{16, 8, "f32", "bf16", "bf16", "", "", "sm_80"}, {16, 16, "f32", "bf16", "bf16", "", "", "sm_80"},
		{16, 4, "f32", "tf32", "tf32", "", "", "sm_80"}, {16, 8, "f32", "tf32", "tf32", "", "", "sm_80"},
		{8, 4, "f64", "f64", "f64", "", "", "sm_80"}, {16, 4, "f64", "f64", "f64", "", "", "sm_90"}, {16, 8, "f64", "f64", "f64", "", "", "sm_90"}, {16, 16, "f64", "f64", "f64", "", "", "sm_90"},
		{16, 32, "f32", "e4m3", "e4m3", "", "", "sm_89"}, {16, 32, "f32", "e5m2", "e4m3", "", "", "sm_89"},
		{8, 16, "s32", "s8", "s8", "", "", "sm_80"}, {16, 16, "s32", "s8", "u8", "", "", "sm_80"}, {16, 32, "s32", "u8", "s8", "", ".satfinite", "sm_80"}, {16, 32, "s32", "u8", "u8", "", "", "sm_80"},
		{8, 32, "s32", "s4", "s4", "", "", "sm_80"}, {16, 32, "s32", "u4", "s4", "", "", "sm_80"}, {16, 64, "s32", "s4", "u4", "", "", "sm_80"},
		{8, 128, "s32", "b1", "b1", ".and.popc", "", "sm_80"}, {16, 128, "s32", "b1", "b1", ".xor.popc", "", "sm_80"}, {16, 256, "s32", "b1", "b1", ".and.popc", "", "sm_80"}, {16, 256, "s32", "b1", "b1", ".xor.popc", "", "sm_80"},
	} {
		cases = append(cases, mmaCase(s.m, s.k, s.d, s.a, s.b, s.tail, s.more, s.target))
	}
	for _, n := range []int{1, 2, 4} {
		for _, trans := range []bool{false, true} {
			cases = append(cases, ldmatrixCase(n, trans))
		}
	}
	return cases
}

var elementBits = map[string]int{"f16": 16, "bf16": 16, "tf32": 32, "f64": 64, "f32": 32, "s32": 32, "e4m3": 8, "e5m2": 8, "s8": 8, "u8": 8, "s4": 4, "u4": 4, "b1": 1}

// code is the bits of a small integer in a type.
func code(t string, v int) uint64 {
	float := func(exp, man, bias int) uint64 {
		if v == 0 {
			return 0
		}
		frac, e := math.Frexp(math.Abs(float64(v)))
		c := uint64(e-1+bias)<<man | uint64(math.Ldexp(frac*2-1, man))
		if v < 0 {
			c |= 1 << (exp + man)
		}
		return c
	}
	switch t {
	case "f16":
		return float(5, 10, 15)
	case "bf16":
		return float(8, 7, 127)
	case "f32":
		return float(8, 23, 127)
	case "tf32": // the low 13 bits are not looked at: they are not zero here
		return float(8, 23, 127) | 0x1abc&0x1fff
	case "f64":
		return float(11, 52, 1023)
	case "e4m3":
		return float(4, 3, 7)
	case "e5m2":
		return float(5, 2, 15)
	}
	return uint64(v) & (1<<elementBits[t] - 1)
}

// draw is a small integer of a type that depends on its arguments alone.
func draw(t string, i, salt int) int {
	x := uint32(i*2654435761+salt*40503+12345) * 2246822519
	x ^= x >> 15
	switch t {
	case "b1":
		return int(x >> 7 & 1)
	case "u4":
		return int(x >> 7 & 15)
	case "s4":
		return int(x>>7&15) - 8
	case "u8":
		return int(x >> 7 & 255)
	case "s8":
		return int(x>>7&255) - 128
	case "e5m2":
		return int(x>>7%7)%7 - 3
	}
	return int(x>>7&15) - 8
}

// mmaCase computes C + A·B of small integers.
func mmaCase(m, k int, d, a, b, tail, more, target string) *Case {
	name := fmt.Sprintf("mma.m%dn8k%d.%s.%s.%s%s%s", m, k, d, a, b, tail, more)
	ab, cb := elementBits[a], elementBits[d]
	A, B, C := make([]int, m*k), make([]int, k*8), make([]int, m*8)
	for i := range A {
		A[i] = draw(a, i, 1)
	}
	for i := range B {
		B[i] = draw(b, i, 2)
	}
	for i := range C {
		C[i] = draw("", i, 3)
	}
	D := make([]int, m*8)
	for i := range m {
		for n := range 8 {
			s := C[8*i+n]
			for j := range k {
				x, y := A[i*k+j], B[8*j+n]
				switch tail {
				case ".and.popc":
					s += x & y
				case ".xor.popc":
					s += x ^ y
				default:
					s += x * y
				}
			}
			D[8*i+n] = s
		}
	}
	// Registers of each lane. With g = lane/4, t = lane%4: A of register r, element e: row g + 8(r&1), k = (32/bits)t +
	// (128/bits)(r>>1) + e; of 8 rows and of f64 there is one register or element a step of k. B: k = (32/bits)t + (128/bits)r + e, n = g.
	// C and D: row g + 8(i>>1), column 2t + (i&1). (PTX ISA, "Matrix Fragments for mma")
	unit := max(32, ab)
	per := unit / ab
	aRegs, bRegs := m*k*ab/32/unit, 8*k*ab/32/unit
	word := func(of []int, t string, at func(e int) int) uint64 {
		w := uint64(0)
		for e := range per {
			w |= code(t, of[at(e)]) << (e * ab)
		}
		return w
	}
	perC := max(1, 32/cb)
	cRegs := m * 8 * cb / 32 / max(32, cb)
	var in, want []byte
	for l := range 32 {
		g, t := l/4, l%4
		for r := range aRegs {
			row, step := g+8*(r&1), r>>1
			if m == 8 {
				row, step = g, r
			}
			in = binary.LittleEndian.AppendUint64(in, word(A, a, func(e int) int { return row*k + per*t + 4*per*step + e }))
		}
		for r := range bRegs {
			in = binary.LittleEndian.AppendUint64(in, word(B, b, func(e int) int { return 8*(per*t+4*per*r+e) + g }))
		}
		acc := func(of []int, r int) uint64 {
			w := uint64(0)
			for e := range perC {
				i := r*perC + e
				w |= code(d, of[8*(g+8*(i>>1))+2*t+i&1]) << (e * cb)
			}
			return w
		}
		for r := range cRegs {
			in = binary.LittleEndian.AppendUint64(in, acc(C, r))
		}
		for r := range cRegs {
			want = binary.LittleEndian.AppendUint64(want, acc(D, r))
		}
	}
	regType, accType := "b32", map[string]string{"f32": "f32", "s32": "s32", "f16": "b32", "f64": "f64"}[d]
	if a == "f64" {
		regType = "f64"
	}
	var s strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&s, format+"\n", args...) }
	head(&s, target, fmt.Sprintf(".reg .%s %%a<%d>, %%b<%d>;\n.reg .%s %%c<%d>;", regType, aRegs, bRegs, accType, cRegs), 8*(aRegs+bRegs+cRegs), 8*cRegs)
	at := 0
	load := func(name string, n int, typ string) string {
		var list []string
		for r := range n {
			p("ld.global.%s %%%s%d, [%%in+%d];", typ, name, r, at)
			list = append(list, fmt.Sprintf("%%%s%d", name, r))
			at += 8
		}
		return "{" + strings.Join(list, ", ") + "}"
	}
	as, bs := load("a", aRegs, regType), load("b", bRegs, regType)
	cs := load("c", cRegs, strings.Replace(accType, "s32", "b32", 1))
	p("mma.sync.aligned.m%dn8k%d.row.col%s.%s.%s.%s.%s%s %s, %s, %s, %s;", m, k, more, d, a, b, d, tail, cs, as, bs, cs)
	for r := range cRegs {
		p("st.global.%s [%%out+%d], %%c%d;", strings.Replace(accType, "s32", "b32", 1), 8*r, r)
	}
	p("ret;\n}")
	return wholeCase(name, "C + A·B of small integers", s.String(), in, want)
}

// head begins a kernel of one warp, each lane with its own bytes of input and output.
func head(s *strings.Builder, target, regs string, inBytes, outBytes int) {
	fmt.Fprintf(s, ".version 8.5\n.target %s\n.address_size 64\n.visible .entry k(.param .u64 in, .param .u64 out)\n{\n", target)
	fmt.Fprintf(s, ".reg .b64 %%in, %%out, %%x;\n.reg .b32 %%t;\n%s\n", regs)
	fmt.Fprintf(s, "ld.param.u64 %%in, [in];\nld.param.u64 %%out, [out];\nmov.u32 %%t, %%tid.x;\n")
	fmt.Fprintf(s, "mul.wide.u32 %%x, %%t, %d;\nadd.u64 %%in, %%in, %%x;\nmul.wide.u32 %%x, %%t, %d;\nadd.u64 %%out, %%out, %%x;\n", inBytes, outBytes)
}

func wholeCase(name, doc, text string, in, want []byte) *Case {
	c := &Case{Name: name, Doc: doc, PTX: text, Kernel: "k", Grid: 1, Block: 32, Input: in, Want: want}
	for at := 0; at < len(want); at += 8 {
		c.Element = append(c.Element, Value{Offset: at, Bits: 64})
	}
	return c
}

// ldmatrixCase loads n matrices whose element (row, column) of matrix i is 256i + 16·row + column. The rows stand in shared memory in an
// order that is not that of their numbers: row r of matrix i at place 8i + (r ^ 5).
func ldmatrixCase(n int, trans bool) *Case {
	var in, want []byte
	for l := range 32 { // lane l stores what belongs at place l
		i, r := l/8, l%8^5
		for c := 0; c < 8; c += 4 {
			w := uint64(0)
			for e := range 4 {
				w |= uint64(256*i+16*r+c+e) << (16 * e)
			}
			in = binary.LittleEndian.AppendUint64(in, w)
		}
	}
	for l := range 32 {
		g, t := l/4, l%4
		for i := range n {
			element := func(e int) uint64 {
				if trans {
					return uint64(256*i + 16*(2*t+e) + g)
				}
				return uint64(256*i + 16*g + 2*t + e)
			}
			want = binary.LittleEndian.AppendUint64(want, element(0)|element(1)<<16)
		}
	}
	var s strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&s, format+"\n", args...) }
	head(&s, "sm_80", ".reg .b32 %d<4>, %s, %r;\n.reg .b64 %y, %z;\n.shared .align 16 .b8 tile[512];", 16, 8*n)
	p("ld.global.v2.b64 {%%y, %%z}, [%%in];\nmov.u32 %%s, tile;\nmad.lo.u32 %%r, %%t, 16, %%s;\nst.shared.v2.b64 [%%r], {%%y, %%z};\nbar.sync 0;")
	p("xor.b32 %%r, %%t, 5;\nmad.lo.u32 %%r, %%r, 16, %%s;")
	word, list := "", []string{}
	if trans {
		word = ".trans"
	}
	for i := range n {
		list = append(list, fmt.Sprintf("%%d%d", i))
	}
	p("ldmatrix.sync.aligned.m8n8.x%d%s.shared.b16 {%s}, [%%r];", n, word, strings.Join(list, ", "))
	for i := range n {
		p("st.global.b32 [%%out+%d], %%d%d;", 8*i, i)
	}
	p("ret;\n}")
	return wholeCase(fmt.Sprintf("ldmatrix.x%d%s", n, word), "rows by pointer", s.String(), in, want)
}
