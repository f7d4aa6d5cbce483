// Package conform holds the corpus of tiny PTX kernels that executors of PTX are held against: the emulator, and a GPU where
// there is one.
//
// In goes a corpus as text, out come cases: PTX, inputs and expected outputs. The expected values are written down, or computed,
// from the meaning of the instruction, never by the emulator. It always holds that a case's PTX is what both executors run.
//
// # The text
//
// Cases are separated by empty lines. A case begins with `case NAME`; lines of `#` say what it is about.
//
//	case add.u32
//	# The sum modulo 2^32.
//	code add.u32 %d, %a, %b;
//	regs d:u32 a:u32 b:u32
//	1 2 -> 3
//	0xffffffff 1 -> 0
//
// Each row is run by a thread: registers on the left of the arrow are loaded, code is executed, those on the right are
// stored. Which are which follows from the first row: regs lists results first. Values are integers, floats by value in
// registers of f32 and f64 (nan is any NaN), or bits in hexadecimal. `within 2^-22` allows a relative error, `absolute 2^-11` one that
// does not grow with the value, `lanes` gives each row of a warp in order (rows then are lanes 0, 1, 2 …).
package conform

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"strings"
)

// Case is one kernel with what goes in and what must come out.
type Case struct {
	Name    string
	Doc     string
	PTX     string
	Kernel  string
	Grid    int
	Block   int
	Input   []byte // the first parameter's buffer
	Want    []byte // the second parameter's buffer, which begins as zeros
	Element []Value
	Line    int // in the corpus
}

// Value says how a part of the output is compared.
type Value struct {
	Offset   int
	Bits     int    // 8 to 64
	Float    string // "f32" or "f64" where it is compared as a number
	AnyNaN   bool
	Relative float64
	Absolute float64
}

// register is one of the case's registers.
type register struct {
	name, typ string
	bits      int
}

var registerBits = map[string]int{
	"pred": 32, "b8": 8, "u8": 8, "s8": 8, "b16": 16, "u16": 16, "s16": 16, "f16": 16, "b32": 32, "u32": 32, "s32": 32, "f32": 32, "f16x2": 32,
	"b64": 64, "u64": 64, "s64": 64, "f64": 64,
}

// slotBytes is the room of one value in the buffers.
const slotBytes = 8

// Parse reads a corpus.
func Parse(text string) ([]*Case, error) {
	var cases []*Case
	var b *builder
	finish := func() error {
		if b == nil {
			return nil
		}
		c, err := b.build()
		if err != nil {
			return fmt.Errorf("line %d: case %s: %w", b.line, b.name, err)
		}
		cases = append(cases, c)
		b = nil
		return nil
	}
	for n, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		word, rest, _ := strings.Cut(line, " ")
		rest = strings.TrimSpace(rest)
		switch {
		case line == "":
			if err := finish(); err != nil {
				return nil, err
			}
			continue
		case word == "case":
			if err := finish(); err != nil {
				return nil, err
			}
			b = &builder{name: rest, line: n + 1, version: "8.5", target: "sm_80"}
			continue
		case strings.HasPrefix(line, "#") && b == nil:
			continue
		case b == nil:
			return nil, fmt.Errorf("line %d: %q stands in no case", n+1, line)
		}
		var err error
		switch word {
		case "#":
			b.doc = strings.TrimSpace(b.doc + " " + rest)
		case "code":
			b.code = append(b.code, rest)
		case "regs":
			err = b.setRegisters(rest)
		case "within":
			b.relative, err = power(rest)
		case "absolute":
			b.absolute, err = power(rest)
		case "target":
			b.target = rest
		case "version":
			b.version = rest
		case "declare":
			b.declare = append(b.declare, rest)
		case "lanes":
			b.lanes = true
		default:
			err = b.row(line)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n+1, err)
		}
	}
	return cases, finish()
}

type builder struct {
	name, doc, version, target string
	line                       int
	code, declare              []string
	regs                       []register
	rows                       [][]string
	results                    int
	relative, absolute         float64
	lanes                      bool
}

func power(s string) (float64, error) {
	var e int
	if n, err := fmt.Sscanf(s, "2^%d", &e); n != 1 || err != nil {
		return 0, fmt.Errorf("%q is no power of two", s)
	}
	return math.Ldexp(1, e), nil
}

func (b *builder) setRegisters(text string) error {
	for f := range strings.FieldsSeq(text) {
		name, typ, ok := strings.Cut(f, ":")
		n := registerBits[typ]
		if !ok || n == 0 {
			return fmt.Errorf("%q is no register with a type", f)
		}
		b.regs = append(b.regs, register{name, typ, n})
	}
	return nil
}

func (b *builder) row(line string) error {
	in, out, ok := strings.Cut(line, "->")
	if !ok {
		return fmt.Errorf("%q has no arrow", line)
	}
	ins, outs := strings.Fields(in), strings.Fields(out)
	if len(ins)+len(outs) != len(b.regs) {
		return fmt.Errorf("%d values for %d registers", len(ins)+len(outs), len(b.regs))
	}
	if len(b.rows) > 0 && b.results != len(outs) {
		return fmt.Errorf("%d results, the first row has %d", len(outs), b.results)
	}
	b.results = len(outs)
	b.rows = append(b.rows, append(outs, ins...))
	return nil
}

// encode is the bits of a value in a register.
func (r register) encode(s string) (uint64, error) {
	if !strings.HasPrefix(s, "0x") && (r.typ == "f32" || r.typ == "f64") {
		x, err := strconv.ParseFloat(s, 64)
		if err != nil {
			return 0, fmt.Errorf("%q is no number", s)
		}
		if r.typ == "f32" {
			if float64(float32(x)) != x && x == x && !math.IsInf(x, 0) {
				return 0, fmt.Errorf("%s is no f32: give its bits", s)
			}
			return uint64(math.Float32bits(float32(x))), nil
		}
		return math.Float64bits(x), nil
	}
	neg := strings.HasPrefix(s, "-")
	v, err := strconv.ParseUint(strings.TrimPrefix(s, "-"), 0, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is no value", s)
	}
	if r.bits < 64 && bits.Len64(v) > r.bits {
		return 0, fmt.Errorf("%s has more than %d bits", s, r.bits)
	}
	if neg {
		v = -v
	}
	return v & (^uint64(0) >> (64 - r.bits)), nil
}

func (b *builder) build() (*Case, error) {
	if len(b.code) == 0 || len(b.rows) == 0 {
		return nil, fmt.Errorf("code and rows are needed")
	}
	n := len(b.rows)
	c := &Case{Name: b.name, Doc: b.doc, Kernel: "k", Grid: 1, Block: (n + 31) / 32 * 32, Line: b.line}
	if b.lanes {
		c.Block = n
	}
	if c.Block > 1024 {
		return nil, fmt.Errorf("%d rows, 1024 are the most", n)
	}
	inputs := b.regs[b.results:]
	c.Input = make([]byte, n*len(inputs)*slotBytes)
	c.Want = make([]byte, n*b.results*slotBytes)
	for i, row := range b.rows {
		for k, r := range b.regs {
			v, err := r.encode(row[k])
			if err != nil {
				return nil, err
			}
			if k >= b.results {
				binary.LittleEndian.PutUint64(c.Input[((k-b.results)*n+i)*slotBytes:], v)
				continue
			}
			at := (k*n + i) * slotBytes
			binary.LittleEndian.PutUint64(c.Want[at:], v)
			e := Value{Offset: at, Bits: 64, AnyNaN: row[k] == "nan", Relative: b.relative, Absolute: b.absolute}
			if r.typ == "f32" || r.typ == "f64" {
				e.Float = r.typ
			}
			if r.typ == "f16" || r.typ == "b16" && (b.relative != 0 || b.absolute != 0) {
				e.Float = "f16"
			}
			c.Element = append(c.Element, e)
		}
	}
	c.PTX = b.text(n)
	return c, nil
}

// text is the kernel around the code.
func (b *builder) text(n int) string {
	var s strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&s, format+"\n", args...) }
	p(".version %s\n.target %s\n.address_size 64", b.version, b.target)
	p(".visible .entry k(.param .u64 in, .param .u64 out)\n{")
	p(".reg .b64 %%in, %%out, %%off;\n.reg .b32 %%row, %%word;\n.reg .pred %%over;")
	for _, r := range b.regs {
		p(".reg .%s %%%s;", r.typ, r.name)
	}
	for _, d := range b.declare {
		p("%s", d)
	}
	p("ld.param.u64 %%in, [in];\nld.param.u64 %%out, [out];\nmov.u32 %%row, %%tid.x;")
	p("setp.ge.u32 %%over, %%row, %d;\n@%%over bra DONE;", n)
	p("mul.wide.u32 %%off, %%row, %d;\nadd.u64 %%in, %%in, %%off;\nadd.u64 %%out, %%out, %%off;", slotBytes)
	for k, r := range b.regs[b.results:] {
		at := k * n * slotBytes
		if r.typ == "pred" {
			p("ld.global.b32 %%word, [%%in+%d];\nsetp.ne.b32 %%%s, %%word, 0;", at, r.name)
			continue
		}
		p("ld.global.b%d %%%s, [%%in+%d];", r.bits, r.name, at)
	}
	for _, line := range b.code {
		p("%s", line)
	}
	for k, r := range b.regs[:b.results] {
		at := k * n * slotBytes
		if r.typ == "pred" {
			p("selp.b32 %%word, 1, 0, %%%s;\nst.global.b32 [%%out+%d], %%word;", r.name, at)
			continue
		}
		p("st.global.b%d [%%out+%d], %%%s;", r.bits, at, r.name)
	}
	p("DONE:\nret;\n}")
	return s.String()
}

// Compare says how an output differs from what must come out; nil where it does not.
func (c *Case) Compare(out []byte) error {
	if len(out) != len(c.Want) {
		return fmt.Errorf("%d bytes came out, %d must", len(out), len(c.Want))
	}
	for i, v := range c.Element {
		got, want := word(out[v.Offset:], v.Bits), word(c.Want[v.Offset:], v.Bits)
		if got == want || v.near(got, want) {
			continue
		}
		return fmt.Errorf("value %d: got %s, want %s", i, v.show(got), v.show(want))
	}
	return nil
}

func word(b []byte, n int) uint64 {
	switch n {
	case 8:
		return uint64(b[0])
	case 16:
		return uint64(binary.LittleEndian.Uint16(b))
	case 32:
		return uint64(binary.LittleEndian.Uint32(b))
	}
	return binary.LittleEndian.Uint64(b)
}

func (v Value) value(x uint64) float64 {
	switch v.Float {
	case "f32":
		return float64(math.Float32frombits(uint32(x)))
	case "f64":
		return math.Float64frombits(x)
	}
	// f16
	m := float64(x & 0x3ff)
	e := int(x >> 10 & 31)
	switch {
	case e == 31 && m != 0:
		return math.NaN()
	case e == 31:
		m = math.Inf(1)
	case e == 0:
		m = math.Ldexp(m, -24)
	default:
		m = math.Ldexp(m+1024, e-25)
	}
	if x>>15&1 == 1 {
		m = -m
	}
	return m
}

func (v Value) near(got, want uint64) bool {
	if v.Float == "" {
		return false
	}
	g, w := v.value(got), v.value(want)
	if w != w {
		return v.AnyNaN && g != g
	}
	if math.IsInf(w, 0) || math.IsInf(g, 0) {
		return g == w
	}
	return math.Abs(g-w) <= v.Relative*math.Abs(w)+v.Absolute
}

func (v Value) show(x uint64) string {
	if v.Float != "" {
		return fmt.Sprintf("%#x (%v)", x, v.value(x))
	}
	return fmt.Sprintf("%#x", x)
}
