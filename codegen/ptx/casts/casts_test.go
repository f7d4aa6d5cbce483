package casts

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand"
	"strings"
	"sync"
	"testing"

	"github.com/tilec/tilec/codegen/ptx"
	"github.com/tilec/tilec/codegen/ptx/emu"
	"github.com/tilec/tilec/codegen/ptx/syntax"
	"github.com/tilec/tilec/ir/dtype"
)

// sources are the types of up to 8 bits that have codes.
func sources() []dtype.Type {
	var out []dtype.Type
	for _, t := range dtype.All() {
		if t.Width <= 8 && t.Kind != dtype.BoolKind {
			out = append(out, t)
		}
	}
	return out
}

var targets = []ptx.Target{{SM: 80}, {SM: 89}, {SM: 90, Variant: 'a'}}

// names are those of the registers of kernel's text.
func names(o Operand) string {
	return fmt.Sprintf("%%%c%d", "wthoc"[o.Kind], o.Index)
}

// kernel is a kernel that casts Words words of each thread.
func kernel(name string, s *Sequence) string {
	var b strings.Builder
	fmt.Fprintf(&b, ".visible .entry %s(.param .u64 in, .param .u64 out)\n{\n", name)
	for _, r := range []struct {
		letter string
		n      int
	}{{"w", s.Words}, {"t", s.Temps}, {"o", s.Outputs()}, {"c", len(s.Constants)}} {
		if r.n > 0 {
			fmt.Fprintf(&b, ".reg .b32 %%%s<%d>;\n", r.letter, r.n)
		}
	}
	if s.Halves > 0 {
		fmt.Fprintf(&b, ".reg .b16 %%h<%d>;\n", s.Halves)
	}
	b.WriteString(".reg .b32 %thread;\n.reg .b64 %in, %out;\nmov.u32 %thread, %tid.x;\nld.param.u64 %in, [in];\nld.param.u64 %out, [out];\n")
	fmt.Fprintf(&b, "mad.wide.u32 %%in, %%thread, %d, %%in;\nmad.wide.u32 %%out, %%thread, %d, %%out;\n", 4*s.Words, 4*s.Outputs())
	for i := range s.Words {
		fmt.Fprintf(&b, "ld.global.b32 %%w%d, [%%in+%d];\n", i, 4*i)
	}
	for i, c := range s.Constants {
		fmt.Fprintf(&b, "mov.b32 %%c%d, 0x%08x;\n", i, c)
	}
	b.WriteString(s.Text(names))
	for i := range s.Outputs() {
		fmt.Fprintf(&b, "st.global.b32 [%%out+%d], %%o%d;\n", 4*i, i)
	}
	b.WriteString("ret;\n}\n")
	return b.String()
}

func module(t ptx.Target, kernels string) string {
	return fmt.Sprintf(".version 8.1\n.target %v\n.address_size 64\n%s", t, kernels)
}

const threads = 256

type request struct {
	from, to dtype.Type
	target   ptx.Target
	order    Order
	opts     Options
}

type answer struct {
	s   *Sequence
	err error
}

// answers are those of Make, which several tests want.
var answers sync.Map

func cached(from, to dtype.Type, target ptx.Target, order Order, opts Options) (*Sequence, error) {
	r := request{from, to, target, order, opts}
	if a, ok := answers.Load(r); ok {
		return a.(answer).s, a.(answer).err
	}
	s, err := Make(from, to, target, order, opts)
	answers.Store(r, answer{s, err})
	return s, err
}

// TestEveryCode runs every sequence in the emulator. Over the threads each element goes through all codes, in an order of
// its own, so that every code stands at every place beside codes that have nothing to do with it. A sequence that is the
// same on an earlier processor is not run again.
func TestEveryCode(t *testing.T) {
	for _, to := range Destinations {
		for _, order := range Orders {
			t.Run(fmt.Sprintf("%v/%v", to, order), func(t *testing.T) {
				t.Parallel()
				before := make(map[string]bool)
				for _, target := range targets {
					var text strings.Builder
					var all []*Sequence
					if to.IsFloat() && to.Width > 8 && target.SM == 80 {
						for _, from := range sources() {
							if from.Kind != dtype.FloatKind || to == dtype.F32 && from.Specials == dtype.FNUZ {
								continue
							}
							for i, o := range []Options{{Finite: true, Fold: true}, {Fold: true}} {
								if i > 0 && order != Interleaved {
									continue // the factor alone is left out the same way in every order
								}
								if s, err := cached(from, to, target, order, o); err == nil {
									text.WriteString(kernel(fmt.Sprintf("k%d", len(all)), s))
									all = append(all, s)
								}
							}
						}
					}
					for _, from := range sources() {
						if !differs(target, from, to) {
							continue
						}
						s, err := cached(from, to, target, order, Options{})
						if err != nil {
							continue
						}
						key := from.String() + s.Text(names)
						if before[key] {
							continue
						}
						before[key] = true
						text.WriteString(kernel(fmt.Sprintf("k%d", len(all)), s))
						all = append(all, s)
					}
					if len(all) == 0 {
						continue
					}
					mod, err := syntax.Parse(module(target, text.String()))
					if err != nil {
						t.Fatalf("%v: %v", target, err)
					}
					m := emu.New(emu.Options{})
					p, err := m.Load(mod)
					if err != nil {
						t.Fatal(err)
					}
					for i, s := range all {
						run(t, m, p, fmt.Sprintf("k%d", i), s)
					}
				}
			})
		}
	}
}

// differs reports whether a cast may be another than on the target before.
func differs(target ptx.Target, from, to dtype.Type) bool {
	switch target.SM {
	case 89: // has conversions of 8-bit floats
		return to.IsFloat() && to.Width == 8 || from == dtype.F8E4M3 || from == dtype.F8E5M2
	case 90: // has bf16 arithmetic beside fma
		return to == dtype.BF16
	}
	return true
}

func run(t *testing.T, m *emu.Machine, p *emu.Program, name string, s *Sequence) {
	t.Helper()
	w := int(s.From.Width)
	rng := rand.New(rand.NewSource(1))
	step, start := make([]int, s.Elements), make([]int, s.Elements)
	for e := range step {
		step[e], start[e] = rng.Intn(128)*2+1, rng.Intn(256)
	}
	code := func(thread, e int) uint64 { return uint64(thread*step[e]+start[e]) & (1<<w - 1) }
	in := make([]byte, 4*s.Words*threads)
	for e := range s.Elements {
		for bit := range w {
			at := s.Bit(e, bit)
			for th := range threads {
				in[4*s.Words*th+at/8] |= byte(code(th, e)>>bit&1) << (at % 8)
			}
		}
	}
	src, err := m.Upload(name+"in", in)
	if err != nil {
		t.Fatal(err)
	}
	dst, err := m.Alloc(name+"out", 4*s.Outputs()*threads)
	if err != nil {
		t.Fatal(err)
	}
	report, err := p.Launch(emu.Launch{Kernel: name, Block: [3]int{threads}, Args: []any{src, dst}})
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Findings) > 0 {
		t.Fatalf("%v to %v on %v, %v: %v\n%s", s.From, s.To, s.Target, s.Order, report, kernel(name, s))
	}
	width := int(s.To.Width)
	want, nan := wanted(s)
	for th := range threads {
		for e := range s.Elements {
			out := binary.LittleEndian.Uint32(dst.Bytes[4*(th*s.Outputs()+e/s.Lanes):])
			got := uint64(out) >> (e % s.Lanes * width) & (1<<width - 1)
			if c := code(th, e); got != want[c] && !(nan[c] && (isNaN(s.To, got) || s.Options.Finite)) {
				t.Fatalf("%v to %v on %v, %v: element %d, code %d: %#x, want %#x, the code of %v\n%s", s.From, s.To, s.Target, s.Order, e, c, got, want[c], s.From.Decode(c), s.Text(names))
			}
		}
	}
}

// wanted are the codes of the values of a type's codes, by the sequence's factor. Of a NaN any code of a NaN will do; where all
// are said to be finite, what is not is counted with the NaNs.
func wanted(s *Sequence) (codes []uint64, nan []bool) {
	for c := range uint64(1) << s.From.Width {
		v := s.From.Decode(c) / s.Factor
		nan = append(nan, v != v || s.Options.Finite && math.IsInf(v, 0))
		if s.To.IsFloat() {
			codes = append(codes, s.To.Encode(v, dtype.NearestEven, dtype.ToInf))
		} else {
			codes = append(codes, uint64(int64(v))&0xff)
		}
	}
	return codes, nan
}

func isNaN(t dtype.Type, code uint64) bool {
	x := t.Decode(code)
	return x != x
}

// TestPlaces holds the orders to what they promise: every bit of every element has a place of its own, the words are full,
// and a stream is what dtype reads.
func TestPlaces(t *testing.T) {
	for _, from := range sources() {
		for _, to := range Destinations {
			for _, order := range Orders {
				s, err := cached(from, to, targets[0], order, Options{})
				if err != nil {
					continue
				}
				w := int(from.Width)
				taken := make([]bool, 32*s.Words)
				for e := range s.Elements {
					for bit := range w {
						at := s.Bit(e, bit)
						if taken[at] {
							t.Fatalf("%v to %v, %v: bit %d holds two bits", from, to, order, at)
						}
						taken[at] = true
						if order == Stream && at != e*w+bit {
							t.Fatalf("%v to %v: element %d's bit %d lies at %d", from, to, e, bit, at)
						}
					}
				}
				if s.Elements*w != 32*s.Words {
					t.Errorf("%v to %v, %v: %d elements in %d words", from, to, order, s.Elements, s.Words)
				}
				// Lanes: elements of one output register lie at one place of their lanes, but for whole planes and words.
				for _, p := range s.Planes {
					part := 32 / p.Lanes
					for e := range s.Elements {
						if d := s.Bit(e, p.Low) - s.Bit(e-e%p.Lanes, p.Low); d != part*(e%p.Lanes) {
							t.Fatalf("%v to %v, %v: element %d is %d bits behind lane 0", from, to, order, e, d)
						}
					}
				}
			}
		}
	}
}

func TestRefused(t *testing.T) {
	parse := func(name string) dtype.Type {
		x, err := dtype.Parse(name)
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	for _, c := range []struct {
		from, to string
		sm       int
		order    Order
		want     string
	}{
		{"f8e6m1", "f16", 80, Stream, "code 1 is worth 4.656612873077393e-10, which is no value of f16"},
		{"e8m0", "f16", 80, Stream, "which is no value of f16"},
		{"f6e5m0", "f16", 80, Stream, "code 31 is worth 65536"},
		{"u8", "i8", 80, Stream, "code 128 is worth 128, which is no value of i8"},
		{"u5", "f8e4m3", 90, Stream, "code 17 is worth 17, which is no value of f8e4m3"},
		{"f4e2m1", "i8", 80, Stream, "no value of i8"},
		{"i4", "f8e4m3", 80, Stream, "there is no recipe"},
		{"u4", "f16", 75, Stream, "sm_80 or later"},
		{"u4", "f16", 80, Planes, "codes of 4 bits have no planes"},
		{"u4", "f16", 80, 9, "no planes"},
		{"i16", "f32", 80, Stream, "up to 8 bits"},
		{"bool", "f16", 80, Stream, "casts are from"},
		{"u4", "f64", 80, Stream, "casts are to"},
	} {
		_, err := Make(parse(c.from), parse(c.to), ptx.Target{SM: c.sm}, c.order, Options{})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s to %s on sm_%d, %v: error %v, want %q", c.from, c.to, c.sm, c.order, err, c.want)
		}
	}
	if _, err := Make(dtype.Type{}, dtype.F16, targets[0], Stream, Options{}); err == nil {
		t.Error("a cast from no type")
	}
}
