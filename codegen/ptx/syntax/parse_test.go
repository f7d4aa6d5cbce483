package syntax

import (
	"strings"
	"testing"

	"github.com/tilec/tilec/codegen/ptx"
)

const sample = `
// A module with most of what there is.
.version 8.2
.target sm_80, debug
.address_size 64
.file 1 "kernel.tile"
.extern .shared .align 16 .b8 dyn[];
.global .align 8 .u64 table[2] = {generic(counts)+4, 0x10};
.const .f32 pi = 0f40490FDB, e = 2.5;
.visible .global .align 4 .b32 counts2[4] = {1, -1, (3<<4)|1, 7/2};
.func (.param .b32 r) twice (.param .b32 x)
{
	.reg .b32 %a<2>;
	ld.param.b32 %a0, [x];
	add.u32 %a1, %a0, %a0;
	st.param.b32 [r], %a1;
	ret;
}
.visible .entry main (.param .u64 .ptr .global .align 16 a, .param .align 8 .b8 big[12], .param .u16 n)
.maxntid 128, 2
.minnctapersm 1
{
	.reg .pred %p<4>;
	.reg .b32 %r<10>, %r1<3>, one;
	.reg .b64 %rd<4>;
	.shared .align 16 .b32 tile[8][4];
	.loc 1 7 3
	mov.u32 %r1, %tid.x;
	mov.b32 one, 1;
	setp.lt.u32 %p1, %r1, 5;
	@!%p1 bra DONE;
	{
		.reg .b32 %r<2>;
	LOOP:
		mov.b32 %r1, 7;
		@%p1 bra LOOP;
		bra DONE;
	}
	.loc 1 9 1, function_name name+3, inlined_at 1 8 2
	ld.shared.v2.b32 {%r2, _}, [tile+0x10];
	mov.b32 %r12, 4;
	{ LOOP: bra.uni LOOP; }
DONE:
	bar.sync 0;
	lop3.or.b32 _|%p2, %r1, %r2, %r3, 0x80, !%p1;
	ret;
}
`

func TestParseModule(t *testing.T) {
	_, err := Parse(strings.Replace(sample, "generic(counts)", "counts0", 1))
	if err == nil || !strings.Contains(err.Error(), "counts0 is no variable") {
		t.Errorf("an undeclared variable in an initialiser: %v", err)
	}
	_, err = Parse(strings.Replace(sample, "generic(counts)+4", "pi+4", 1))
	if err == nil {
		t.Error("pi is declared behind its use")
	}
	text := strings.Replace(sample, "generic(counts)+4", "8", 1)
	m, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	if m.Version != 82 || m.Target != (ptx.Target{SM: 80}) || m.Files[1] != "kernel.tile" || len(m.Vars) != 5 || len(m.Funcs) != 2 {
		t.Errorf("%+v", m)
	}
	if v := m.Vars[0]; v.Size != -1 || v.Align != 16 || v.Linkage != ".extern" {
		t.Errorf("dyn: %+v", v)
	}
	var got []uint64
	for _, i := range m.Vars[4].Init {
		got = append(got, i.Bits)
	}
	if len(got) != 4 || got[0] != 1 || got[1] != 0xffffffff || got[2] != 49 || got[3] != 3 {
		t.Errorf("counts2: %v", got)
	}
	if b := m.Vars[3].Init[0].Bits; b != 0x40200000 {
		t.Errorf("e = %#x", b)
	}
	f := m.Entry("main")
	if f == nil || f.MaxNTid != [3]int{128, 2, 1} || f.MinNCTA != 1 || len(f.Params) != 3 {
		t.Fatalf("main: %+v", f)
	}
	if p := f.Params; p[1].Offset != 8 || p[1].Size != 12 || p[2].Offset != 20 {
		t.Errorf("parameters at %d, %d", p[1].Offset, p[2].Offset)
	}
	in := f.Body[0]
	if in.Loc != (Loc{1, 7, 3}) || in.Args[1].Name != "%tid.x" || in.Name() != "mov.u32" {
		t.Errorf("%+v", in)
	}
	outer, inner := f.Body[0].Args[0].Reg, f.Body[4].Args[0].Reg
	if f.Regs[outer].Name != "%r1" || f.Regs[inner].Name != "%r1" || outer == inner {
		t.Errorf("%%r1 outside is register %d, inside %d", outer, inner)
	}
	if b := f.Body[5]; b.Args[0].Target != 4 {
		t.Errorf("LOOP is at %d", b.Args[0].Target)
	}
	if b := f.Body[9]; b.Opcode != "bra" || b.Args[0].Target != 9 {
		t.Errorf("the second LOOP is at %d", b.Args[0].Target)
	}
	if b := f.Body[3]; b.Guard == nil || !b.Guard.Not || b.Args[0].Target != 10 {
		t.Errorf("DONE is at %d", b.Args[0].Target)
	}
	if b := f.Body[7]; b.Loc != (Loc{1, 9, 1}) || b.Args[1].Offset != 16 || b.Args[0].Elems[1].Kind != SinkOperand {
		t.Errorf("%+v", b)
	}
}

// What is wrong is said where it stands, and with what could stand there.
func TestErrorsAreLocated(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"add.u32 %r1,%r2", "8:13: add.u32: operand 3 is missing, a register or constant of type u32 is expected"},
		{"add.u32 %r1,%r2,%r3,%r4", "8:21: add.u32: 4 operands, 3 are expected"},
		{"add.q32 %r1,%r2,%r3", "8:4: add does not take .q32 here:"},
		{"add.u32 %r1,%r2,%x3", "8:17: register %x3 is not declared"},
		{"add.f32 %f1,%f2,3", "8:17: add.f32: operand 3: an integer constant where one of type f32 is expected"},
		{"frob %r1", "8:1: frob is no instruction that is known"},
		{"mul.u32 %r1,%r2,%r3", ".hi, .lo, "},
		{"fma.f32 %f1,%f2,%f3,%f4", "8:4: fma does not take .f32 here:"},
		{"cp.async", "8:9: cp.async is not complete:"},
		{"bra NOWHERE", "8:5: there is no label NOWHERE"},
		{"ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%r1,%r2},[%r3]", "8:42: ldmatrix.sync.aligned.m8n8.x4.shared.b16: operand 1: 4 in braces, each a register for b32, is expected"},
		{"elect.sync %r1|%p1,-1", "elect.sync needs sm_90 or later, the text is for sm_80"},
		{"bar.sync 16", "8:10: bar.sync: barrier 16: there are 0 to 15"},
		{"cp.async.cg.shared.global [%r1],[%rd1],8", "8:40: cp.async.cg.shared.global: 8 bytes: .cg copies 16"},
		{"mov.u32 %r1,(1", "8:15: \";\" where \")\" is expected"},
		{"mov.u32 %r1,1/0", "8:14: division by zero"},
		{"mov.u32 %r1,\x00", "8:13: \"\\x00\" where a constant is expected"},
		{"setp.lt.u32 %r1,%r2,%r3", "%r1 has type b32, which cannot stand where pred is expected"},
		{"ld.shared.u32 %r1,[pa]", "pa is in .param, the instruction is for .shared"},
		{"@%r1 add.u32 %r1,%r2,%r3", "8:2: %r1 is no predicate that is declared"},
		{"mov.u32 %r1, 08", "\"08\" is not an integer"},
		{"mov.f32 %f1, 0f3f8", "8 hexadecimal digits are expected"},
	} {
		_, err := Parse(frame("7.8", "sm_80", c.text))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.text, err, c.want)
		}
	}
	_, err := Parse(frame("7.8", "sm_80", "add.q32 %r1,%r2,%r3; sub.q32 %r1,%r2,%r3; frob"))
	if e, ok := err.(Errors); !ok || len(e) != 3 {
		t.Errorf("three errors: %v", err)
	}
	_, err = Parse(frame("8.7", "sm_80", "ld.global.v8.f32 {%f1,%f2,%f3,%f4,%f5,%f6,%f7,%f8},[%rd1]"))
	if err == nil || !strings.Contains(err.Error(), "sm_100 or later") {
		t.Errorf("v8: %v", err)
	}
}

func TestHostileTexts(t *testing.T) {
	deep := strings.Repeat("(", 100000)
	for _, text := range []string{
		"", ".version", ".version 8.5", ".version 8.5 .target sm_80 .address_size 32", "\x00\xff", "/*", "\"", ".version 99999999999999999999.1",
		frame("8.0", "sm_80", "mov.u32 %r1,"+deep),
		frame("8.0", "sm_80", "mov.u32 %r1,"+strings.Repeat("-", 100000)+"1"),
		frame("8.0", "sm_80", strings.Repeat("{", 100000)),
		frame("8.0", "sm_80", ".reg .b32 %z<2000000000>; mov.b32 %z1999999999, 1"),
		frame("8.0", "sm_80", ".shared .b64 huge[1099511627776][1099511627776]"),
		frame("8.0", "sm_80", "add"+strings.Repeat(".x", 100000)+" %r1"),
		frame("8.0", "sm_80", "ld.global.v4.u32 {"+strings.Repeat("%r1,", 100000)+"%r1},[%rd1]"),
		frame("8.0", "sm_80", "bra "+strings.Repeat("%r1|", 10000)+"%r1"),
		strings.Repeat("}", 1000), ".version 8.0\n.target sm_80\n.address_size 64\n" + strings.Repeat("} { ; ", 10000),
		".version 8.0\n.target sm_80\n.address_size 64\n.func f() { call f, (", ".version 8.0\n.target sm_80\n.address_size 64\n.entry k() { x: .branchtargets x, y; brx.idx 1, x; }",
	} {
		if m, err := Parse(text); err == nil && !strings.Contains(text, "%z") {
			t.Errorf("%.60q gave %v", text, m)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(sample)
	f.Add(frame("8.5", "sm_90a", "wgmma.fence.sync.aligned"))
	f.Add(frame("7.0", "sm_80", "@!%p1 add.u32 %r1,%r2,(1<<3)+-2"))
	f.Fuzz(func(t *testing.T, text string) {
		m, err := Parse(text)
		if (m == nil) == (err == nil) {
			t.Errorf("%v, %v", m, err)
		}
		if m == nil {
			return
		}
		for _, fn := range m.Funcs {
			for _, in := range fn.Body {
				if in.Form == nil || len(in.Slots) != len(in.Form.Operands) {
					t.Errorf("%s has no form", in.Name())
				}
				for _, a := range in.Args {
					if a.Kind == LabelOperand && (a.Target < 0 || a.Target > len(fn.Body)) {
						t.Errorf("%s: label at %d of %d", in.Name(), a.Target, len(fn.Body))
					}
				}
			}
		}
	})
}

// Constant expressions are those of PTX: 64 bits, C's operators, unsigned where one operand is.
func TestConstants(t *testing.T) {
	for _, c := range []struct {
		text string
		want uint64
	}{
		{"1+2*3", 7}, {"(1+2)*3", 9}, {"-7/2", ^uint64(2)}, {"-7 % 3", ^uint64(0)}, {"7-10", ^uint64(2)}, {"1<<4|1", 17}, {"0xff&~15", 0xf0}, {"6^3", 5},
		{"-8>>1", ^uint64(3)}, {"0x8000000000000000U>>63", 1}, {"-1<1", 1}, {"-1U<1", 0}, {"3>=3", 1}, {"2>3", 0}, {"2<=1", 0}, {"1==2", 0}, {"1!=2", 1},
		{"1&&0", 0}, {"1||0", 1}, {"!5", 0}, {"!0", 1}, {"+4", 4}, {"1?2:3", 2}, {"0?2:3", 3}, {"017", 15}, {"0b101", 5}, {"0XFF", 255}, {"WARP_SZ", 32},
		{"(.u64)-1>>63", 1}, {"(.s64)1-2", ^uint64(0)}, {"1<<64", 0}, {"-1>>64", ^uint64(0)}, {"1U>>64", 0}, {"0x8000000000000000/-1", 0}, {"5 %-1", 0}, {"7U % 4", 3}, {"-5/-1", 5},
	} {
		m, err := Parse(frame("8.0", "sm_80", "mov.b64 %rd1, "+c.text))
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		if got := m.Entry("k").Body[0].Args[1].Bits; got != c.want {
			t.Errorf("%s = %#x, want %#x", c.text, got, c.want)
		}
	}
	for text, want := range map[string]float64{"1.5+2.25": 3.75, "-1.5": -1.5, "3.0*2.0-1.0": 5, "1.0/4.0": 0.25, "2e3": 2000, "1.5e-1": 0.15, "0d3FF8000000000000": 1.5} {
		m, err := Parse(frame("8.0", "sm_80", "mov.f64 %d1, "+text))
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if o := m.Entry("k").Body[0].Args[1]; o.Kind != FloatOperand || (constant{float: true, bits: o.Bits, floatBits: o.FloatBits}).value() != want {
			t.Errorf("%s: %+v", text, o)
		}
	}
	for _, text := range []string{"1+1.0", "1.0 % 2.0", "~1.0", "!1.0", "(.s64)1.0", "1.0?2:3", "0x", "0b2", "09", "18446744073709551616", "1 2", "1+", "()", "1?2", "0f123", "0d1", "1.0<2.0"} {
		if m, err := Parse(frame("8.0", "sm_80", "mov.b64 %rd1, "+text)); err == nil {
			t.Errorf("%s was read as %+v", text, m.Entry("k").Body[0].Args[1])
		}
	}
}

// Directives around and within functions.
func TestDirectives(t *testing.T) {
	const head = ".version 8.5\n.target sm_90\n.address_size 64\n"
	for _, text := range []string{
		`.section .debug_info { .b8 1, 2, 3 .b32 .debug_abbrev }`, `.pragma "nounroll";`, `.entry k() .maxnreg 64 .pragma "a"; .minnctapersm 2 { .pragma "nounroll"; ret; }`,
		`.entry k() .reqnctapercluster 2, 1, 1 .explicitcluster .maxclusterrank 8 { ret; }`, `.extern .func (.param .b32 r) f (.param .b64 x) ; .entry k() { ret; }`,
		`.func (.reg .b32 r) f (.reg .b32 x) .noreturn { mov.b32 r, x; ret; } .entry k() { .reg .b32 %a<3>; call (%a0), f, (%a1); call.uni (%a0), f, (5); ret; }`,
		`.func g(); .func g() { ret; } .entry k() { call g; ret; }`, `.weak .entry k() { }`, `.file 1 "a.tile", 12, 34 .entry k() { .loc 1 2 3 ret; }`,
		`.global .v4 .f32 v = {1.0, 2.0, 3.0, 4.0}; .global .attribute(.managed) .b32 m; .common .global .b32 c; .entry k() { }`,
		`.const .b8 text[] = {104, 105, 0}; .entry k() { }`, `.shared .b32 a, b[4], c; .entry k() { .local .b32 d, e; }`,
	} {
		if _, err := Parse(head + text); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	for text, want := range map[string]string{
		".section {": "section's name", ".section .x {": "has no }", ".pragma 5;": "a string is expected", ".entry k() .maxntid 1,1,1,1 {}": "at most three",
		".entry (.param .b32 r) k() {}": "no result", ".entry k() {} .entry k() {}": "declared twice", ".func f(); .entry f() {}": "declared twice", ".tex .u64 t;": "are not read",
		".global .b32 a; .global .b32 a;": "declared twice", ".global .b32 a = {1, 2};": "more initial values", ".shared .b32 a = 1;": "cannot have an initial value",
		".global .b32 a[];": "has no size", ".global .align 3 .b32 a;": "no power of two", ".global .align 2 .b32 a;": "less than", ".global .v4 .b64 a;": "more than 128 bits",
		".global .b32 a[-1];": "must be an integer", ".global .b32 a[2][];": "only the first dimension", ".global .pred p;": "no type of a variable", ".global .b32 p = p;": "is no variable",
		".entry k(.param .b8 x[40000]) {}": "32764 are the most", ".entry k(.reg .b32 x) {}": ".param is expected", ".entry k() { .reg .v4 .f32 x; }": "vector types", ".entry k() { call k; }": "is no function",
		".entry k() { .reg .b32 r; call f, (r); }": "is no function", ".func f(.param .b32 x) {} .entry k() { call f; }": "0 and 0 are given", ".entry k() { x: .calltargets f; }": "indirect calls",
		".entry k() { .loc 1 x 1 ret; }": "a number is expected", ".entry k() { .loc 1 1 1, y z ret; }": "function_name or inlined_at", ".entry k() { .weird; }": "no directive", ".weird": "no directive",
		".entry k() { L: L: ret; }": "stands twice", "ret;": "a directive is expected", ".entry k() { ret }": "a constant is expected", ".entry k() { @x ret; }": "no predicate", ".entry k() .weird {}": "no directive of a function",
	} {
		if _, err := Parse(head + text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
	if _, err := Parse(".version 7.0\n.target sm_80\n.address_size 64\n.entry k() .reqnctapercluster 2 {}"); err == nil || !strings.Contains(err.Error(), "needs .version 7.8") {
		t.Errorf("%v", err)
	}
}
