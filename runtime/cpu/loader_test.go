package cpu

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// elfObject describes an ELF object to write.
type elfObject struct {
	machine  elf.Machine
	kind     elf.Type // ET_REL where 0
	sections []section
	symbols  []symbol
}

type section struct {
	name  string
	flags elf.SectionFlag
	kind  elf.SectionType // SHT_PROGBITS where 0
	align uint64
	data  []byte
	size  uint64 // of one without data
	rela  []rela
}

type symbol struct {
	name    string
	section int // 1 + index in sections, 0 for one that is not defined
	value   uint64
	local   bool
}

type rela struct {
	offset uint64
	kind   uint32
	symbol int // 1 + index in symbols
	addend int64
}

// bytes writes the object.
func (o elfObject) bytes() []byte {
	le := binary.LittleEndian
	var names bytes.Buffer
	names.WriteByte(0)
	name := func(s string) uint32 {
		at := names.Len()
		names.WriteString(s + "\x00")
		return uint32(at)
	}
	body := make([]byte, 64)
	var heads []elf.Section64
	add := func(h elf.Section64, data []byte) {
		for len(body)%16 != 0 {
			body = append(body, 0)
		}
		h.Off = uint64(len(body))
		if data != nil {
			h.Size = uint64(len(data))
		}
		body = append(body, data...)
		heads = append(heads, h)
	}
	add(elf.Section64{}, nil)
	for _, s := range o.sections {
		if s.kind == 0 {
			s.kind = elf.SHT_PROGBITS
		}
		add(elf.Section64{Name: name(s.name), Type: uint32(s.kind), Flags: uint64(s.flags), Addralign: max(s.align, 1), Size: s.size}, s.data)
	}
	symbols := make([]byte, 24)
	for _, s := range o.symbols {
		info := elf.ST_INFO(elf.STB_GLOBAL, elf.STT_NOTYPE)
		if s.local {
			info = elf.ST_INFO(elf.STB_LOCAL, elf.STT_NOTYPE)
		}
		symbols = le.AppendUint32(symbols, name(s.name))
		symbols = append(symbols, info, 0)
		symbols = le.AppendUint16(symbols, uint16(s.section))
		symbols = le.AppendUint64(symbols, s.value)
		symbols = le.AppendUint64(symbols, 0)
	}
	table := len(o.sections) + 1
	add(elf.Section64{Name: name(".symtab"), Type: uint32(elf.SHT_SYMTAB), Link: uint32(table + 1), Entsize: 24}, symbols)
	strings := len(heads)
	heads = append(heads, elf.Section64{Name: name(".strtab"), Type: uint32(elf.SHT_STRTAB)})
	for i, s := range o.sections {
		var data []byte
		for _, r := range s.rela {
			data = le.AppendUint64(data, r.offset)
			data = le.AppendUint64(data, uint64(r.symbol)<<32|uint64(r.kind))
			data = le.AppendUint64(data, uint64(r.addend))
		}
		if data != nil {
			add(elf.Section64{Name: name(".rela" + s.name), Type: uint32(elf.SHT_RELA), Link: uint32(table), Info: uint32(i + 1), Entsize: 24}, data)
		}
	}
	heads[strings].Off, heads[strings].Size = uint64(len(body)), uint64(names.Len())
	body = append(body, names.Bytes()...)
	kind := o.kind
	if kind == 0 {
		kind = elf.ET_REL
	}
	head := elf.Header64{Type: uint16(kind), Machine: uint16(o.machine), Version: 1, Shoff: uint64(len(body)), Ehsize: 64, Shentsize: 64, Shnum: uint16(len(heads)), Shstrndx: uint16(strings)}
	copy(head.Ident[:], "\x7fELF\x02\x01\x01")
	var first, last bytes.Buffer
	binary.Write(&first, le, head)
	binary.Write(&last, le, heads)
	copy(body, first.Bytes())
	return append(body, last.Bytes()...)
}

const (
	code     = elf.SHF_ALLOC | elf.SHF_EXECINSTR
	constant = elf.SHF_ALLOC
	variable = elf.SHF_ALLOC | elf.SHF_WRITE
)

func words(list ...uint32) []byte {
	var b []byte
	for _, w := range list {
		b = binary.LittleEndian.AppendUint32(b, w)
	}
	return b
}

// sample is an object for this machine that uses each kind of section and symbol:
//
//	number() is the constant 42; count() adds 1 to a variable that begins as 7, and gives it; zero() reads one that
//	begins as 0; again() calls number through a table of addresses in memory; fill(p, byte, n) is memset; shared() is
//	number's constant through the loader's table.
func sample(t testing.TB) []byte {
	t.Helper()
	o := elfObject{
		sections: []section{
			{name: ".text", flags: code, align: 16},
			{name: ".rodata", flags: constant, align: 64, data: append(make([]byte, 60), 42, 0, 0, 0)},
			{name: ".data", flags: variable, align: 4, data: []byte{7, 0, 0, 0}},
			{name: ".bss", flags: variable, align: 16, kind: elf.SHT_NOBITS, size: 100_000},
			{name: ".data.rel.ro", flags: variable, align: 8, data: make([]byte, 16)},
			{name: ".eh_frame", flags: constant, data: make([]byte, 8)},
			{name: ".comment", data: []byte("no part of memory")},
		},
		symbols: []symbol{
			{name: ".rodata", section: 2, local: true},
			{name: ".data", section: 3, local: true},
			{name: ".bss", section: 4, local: true},
			{name: ".data.rel.ro", section: 5, local: true},
			{name: "memset"},
			{name: "constant", section: 2, value: 60},
		},
	}
	const rodata, data, bss, table, memset, fixed, number = 1, 2, 3, 4, 5, 6, 7
	text := &o.sections[0]
	define := func(name string, instructions []byte, relas ...rela) {
		at := uint64(len(text.data))
		o.symbols = append(o.symbols, symbol{name: name, section: 1, value: at})
		for _, r := range relas {
			r.offset += at
			text.rela = append(text.rela, r)
		}
		text.data = append(text.data, instructions...)
	}
	switch runtime.GOARCH {
	case "amd64":
		o.machine = elf.EM_X86_64
		pc32, plt32, got := uint32(elf.R_X86_64_PC32), uint32(elf.R_X86_64_PLT32), uint32(elf.R_X86_64_REX_GOTPCRELX)
		define("number", []byte{0x8b, 5, 0, 0, 0, 0, 0xc3}, rela{2, pc32, rodata, 60 - 4})                                        // mov eax, [rip+rodata+60]; ret
		define("count", []byte{0xff, 5, 0, 0, 0, 0, 0x8b, 5, 0, 0, 0, 0, 0xc3}, rela{2, pc32, data, -4}, rela{8, pc32, data, -4}) // inc dword [rip+data]; mov eax, [rip+data]; ret
		define("zero", []byte{0x8b, 5, 0, 0, 0, 0, 0xc3}, rela{2, pc32, bss, 99_990 - 4})                                         // mov eax, [rip+bss+99990]; ret
		define("again", []byte{0xff, 0x25, 0, 0, 0, 0}, rela{2, pc32, table, 8 - 4})                                              // jmp [rip+table+8]
		define("fill", []byte{0xe9, 0, 0, 0, 0}, rela{1, plt32, memset, -4})                                                      // jmp memset
		define("shared", []byte{0x48, 0x8b, 5, 0, 0, 0, 0, 0x8b, 0, 0xc3}, rela{3, got, fixed, -4})                               // mov rax, [rip+table of constant]; mov eax, [rax]; ret
		o.sections[4].rela = []rela{{8, uint32(elf.R_X86_64_64), number, 0}}
	case "arm64":
		o.machine = elf.EM_AARCH64
		page, add, load := uint32(elf.R_AARCH64_ADR_PREL_PG_HI21), uint32(elf.R_AARCH64_ADD_ABS_LO12_NC), uint32(elf.R_AARCH64_LDST32_ABS_LO12_NC)
		const adrp8, ret = 0x90000008, 0xd65f03c0
		define("number", words(adrp8, 0xb9400100, ret), rela{0, page, rodata, 60}, rela{4, load, rodata, 60})                             // adrp x8, rodata; ldr w0, [x8, lo]; ret
		define("count", words(adrp8, 0x91000108, 0xb9400100, 0x11000400, 0xb9000100, ret), rela{0, page, data, 0}, rela{4, add, data, 0}) // adrp x8; add x8, x8, lo; ldr w0, [x8]; add w0, w0, 1; str w0, [x8]; ret
		define("zero", words(adrp8, 0xb9400100, ret), rela{0, page, bss, 99_988}, rela{4, load, bss, 99_988})
		define("again", words(adrp8, 0xf9400108, 0xd61f0100), rela{0, page, table, 8}, rela{4, uint32(elf.R_AARCH64_LDST64_ABS_LO12_NC), table, 8}) // adrp; ldr x8, [x8, lo]; br x8
		define("fill", words(0x14000000), rela{0, uint32(elf.R_AARCH64_JUMP26), memset, 0})
		define("shared", words(adrp8, 0xf9400108, 0xb9400100, ret), rela{0, uint32(elf.R_AARCH64_ADR_GOT_PAGE), fixed, 0}, rela{4, uint32(elf.R_AARCH64_LD64_GOT_LO12_NC), fixed, 0})
		o.sections[4].rela = []rela{{8, uint32(elf.R_AARCH64_ABS64), number, 0}}
	default:
		t.Skipf("no code for %s", runtime.GOARCH)
	}
	return o.bytes()
}

func TestLoad(t *testing.T) {
	obj := sample(t)
	if !canMap {
		if _, err := Load(obj); !errors.Is(err, errors.ErrUnsupported) {
			t.Fatalf("on %s: %v", runtime.GOOS, err)
		}
		t.Skipf("no code is loaded on %s", runtime.GOOS)
	}
	m, err := Load(obj)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"again", "constant", "count", "fill", "number", "shared", "zero"}, m.Symbols()); diff != "" {
		t.Error(diff)
	}
	call := func(name string, args ...uintptr) uint32 {
		t.Helper()
		at, ok := m.Symbol(name)
		if !ok {
			t.Fatalf("no %s", name)
		}
		return uint32(Call(at, args...))
	}
	for _, test := range []struct {
		name string
		want uint32
	}{{"number", 42}, {"count", 8}, {"count", 9}, {"zero", 0}, {"again", 42}, {"shared", 42}} {
		if got := call(test.name); got != test.want {
			t.Errorf("%s() = %d, not %d", test.name, got, test.want)
		}
	}
	memory, err := pool(t).Alloc(100)
	if err != nil {
		t.Fatal(err)
	}
	defer memory.Free()
	clear(memory.Bytes())
	call("fill", memory.Pointer(), 3, 50)
	if want := append(bytes.Repeat([]byte{3}, 50), make([]byte, 50)...); !bytes.Equal(memory.Bytes(), want) {
		t.Errorf("fill left %v", memory.Bytes())
	}
	if at, _ := m.Symbol("constant"); at%64 != 60 {
		t.Errorf("a constant at 60 of a section that is aligned to 64 is at %#x", at)
	}
	if _, ok := m.Symbol(".rodata"); ok {
		t.Error("a local symbol is exported")
	}
	if err := errors.Join(m.Close(), m.Close()); err != nil {
		t.Error(err)
	}
}

// An object with nothing in it, of a kernel that does nothing, is loaded too.
func TestLoadEmpty(t *testing.T) {
	if !canMap {
		t.Skipf("no code is loaded on %s", runtime.GOOS)
	}
	machine := map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}[runtime.GOARCH]
	m, err := Load(elfObject{machine: machine, sections: []section{{name: ".text", flags: code}}}.bytes())
	if err != nil {
		t.Fatal(err)
	}
	if names := m.Symbols(); len(names) != 0 {
		t.Errorf("it has %v", names)
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
}

// A second module with the same names is apart from the first.
func TestLoadTwice(t *testing.T) {
	if !canMap {
		t.Skipf("no code is loaded on %s", runtime.GOOS)
	}
	for range 2 {
		m, err := Load(sample(t))
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		at, _ := m.Symbol("count")
		if got := Call(at); uint32(got) != 8 {
			t.Errorf("count() of a fresh module = %d", got)
		}
	}
}

func TestLoadRefuses(t *testing.T) {
	text := section{name: ".text", flags: code, data: make([]byte, 16)}
	with := func(change func(o *elfObject)) []byte {
		o := elfObject{machine: elf.EM_X86_64, sections: []section{text}, symbols: []symbol{{name: "f", section: 1}, {name: "sin"}, {name: "memcpy"}}}
		change(&o)
		return o.bytes()
	}
	relocate := func(r rela) []byte {
		return with(func(o *elfObject) { o.sections[0].rela = []rela{r} })
	}
	for _, test := range []struct {
		name string
		obj  []byte
		want string
	}{
		{"nothing", nil, "not an ELF object"},
		{"text", []byte("hello, world, this is no object at all, whatever it is called"), "not an ELF object"},
		{"a program", with(func(o *elfObject) { o.kind = elf.ET_EXEC }), "not a relocatable"},
		{"of another machine", with(func(o *elfObject) { o.machine = elf.EM_RISCV }), "EM_RISCV"},
		{"undefined", relocate(rela{0, uint32(elf.R_X86_64_PLT32), 2, 0}), `"sin", which nothing defines`},
		{"not position independent", relocate(rela{0, uint32(elf.R_X86_64_32S), 1, 0}), "position independent"},
		{"an unknown kind", relocate(rela{0, 200, 1, 0}), "position independent"},
		{"outside", relocate(rela{16, uint32(elf.R_X86_64_PC32), 1, 0}), "outside of its section"},
		{"over the end", relocate(rela{13, uint32(elf.R_X86_64_PC32), 1, 0}), "over the end"},
		{"far outside", relocate(rela{1 << 63, uint32(elf.R_X86_64_64), 1, 0}), "outside of its section"},
		{"a word over the end", relocate(rela{12, uint32(elf.R_X86_64_64), 1, 0}), "over the end"},
		{"too far", relocate(rela{0, uint32(elf.R_X86_64_PC32), 1, 1 << 40}), "32-bit offset"},
		{"no symbol", relocate(rela{0, uint32(elf.R_X86_64_PC32), 0, 0}), "symbol 0 of 3"},
		{"no such symbol", relocate(rela{0, uint32(elf.R_X86_64_PC32), 9, 0}), "symbol 9 of 3"},
		{"a symbol of a section that is not loaded", with(func(o *elfObject) {
			o.sections = append(o.sections, section{name: ".debug", data: make([]byte, 8)})
			o.symbols[0].section = 2
			o.sections[0].rela = []rela{{0, uint32(elf.R_X86_64_PC32), 1, 0}}
		}), "not loaded"},
		{"a huge variable", with(func(o *elfObject) {
			o.sections = append(o.sections, section{name: ".bss", flags: variable, kind: elf.SHT_NOBITS, size: 1 << 40})
		}), "bytes"},
		{"many large variables", with(func(o *elfObject) {
			for range 3 {
				o.sections = append(o.sections, section{name: ".bss", flags: variable, kind: elf.SHT_NOBITS, size: maxLoaded / 2})
			}
		}), "bytes"},
		{"alignment", with(func(o *elfObject) { o.sections[0].align = 1 << 20 }), "alignment"},
		{"odd alignment", with(func(o *elfObject) { o.sections[0].align = 3 }), "alignment"},
		{"thread-local", with(func(o *elfObject) {
			o.sections = append(o.sections, section{name: ".tdata", flags: variable | elf.SHF_TLS, data: make([]byte, 8)})
		}), "thread-local"},
		{"relocations without addends", with(func(o *elfObject) {
			o.sections = append(o.sections, section{name: ".rel.text", kind: elf.SHT_REL, data: make([]byte, 16)})
		}), ""},
	} {
		_, err := image64(test.obj, 0x7f0000000000)
		if test.want == "" {
			continue
		}
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", test.name, err)
		}
		if _, err := Load(test.obj); err == nil {
			t.Errorf("%s was loaded", test.name)
		}
	}
	// One for the other kind of machine is refused by its name.
	other := map[string]elf.Machine{"amd64": elf.EM_AARCH64, "arm64": elf.EM_X86_64}[runtime.GOARCH]
	if _, err := Load(with(func(o *elfObject) { o.machine = other })); canMap && (err == nil || !strings.Contains(err.Error(), "this machine is "+runtime.GOARCH)) {
		t.Errorf("an object for %s: %v", other, err)
	}
}

// image64 is the bytes of an object as loaded at an address, on any machine.
func image64(obj []byte, base uint64) ([]byte, error) {
	m, err := newImage(obj)
	if err != nil {
		return nil, err
	}
	memory := make([]byte, m.size())
	external := map[string]uint64{}
	for i, name := range m.undefined {
		external[name] = uint64(i+1) << 40
	}
	return memory, m.fill(memory, base, external)
}

// No damage to an object does worse than be refused.
func TestDamagedObjects(t *testing.T) {
	whole := sample(t)
	rapid.Check(t, func(t *rapid.T) {
		obj := bytes.Clone(whole)
		for range rapid.IntRange(1, 6).Draw(t, "changes") {
			at := rapid.IntRange(0, len(obj)-1).Draw(t, "at")
			obj[at] = rapid.OneOf(rapid.Byte(), rapid.SampledFrom([]byte{0, 1, 0x7f, 0x80, 0xff})).Draw(t, "byte")
		}
		if rapid.Bool().Draw(t, "cut") {
			obj = obj[:rapid.IntRange(0, len(obj)).Draw(t, "length")]
		}
		m, err := newImage(obj)
		if err != nil || m.size() > 16<<20 {
			return
		}
		m.fill(make([]byte, m.size()), 0x10000, map[string]uint64{})
	})
}

// Each relocation of arm64 as the instruction that it makes, with the symbol before and after the instruction. The
// instructions are what an assembler makes of the comment.
func TestRelocationsARM64(t *testing.T) {
	const at = 0x5500_0001_2340
	for _, test := range []struct {
		kind   elf.R_AARCH64
		symbol uint64
		addend int64
		in     uint32
		want   uint32
		fails  string
	}{
		{elf.R_AARCH64_CALL26, at + 8, 0, 0x94000000, 0x94000002, ""},                          // bl .+8
		{elf.R_AARCH64_CALL26, at, -4, 0x94000000, 0x97ffffff, ""},                             // bl .-4
		{elf.R_AARCH64_JUMP26, at + 1<<27 - 4, 0, 0x14000000, 0x15ffffff, ""},                  // b .+134217724
		{elf.R_AARCH64_JUMP26, at + 1<<27, 0, 0x14000000, 0, "branch"},                         // over its reach
		{elf.R_AARCH64_JUMP26, at + 2, 0, 0x14000000, 0, "branch"},                             // not an instruction
		{elf.R_AARCH64_CONDBR19, at - 16, 0, 0x54000001, 0x54ffff81, ""},                       // b.ne .-16
		{elf.R_AARCH64_TSTBR14, at + 32, 0, 0x36000000, 0x36000100, ""},                        // tbz w0, 0, .+32
		{elf.R_AARCH64_LD_PREL_LO19, at + 12, 0, 0x58000000, 0x58000060, ""},                   // ldr x0, .+12
		{elf.R_AARCH64_ADR_PREL_LO21, at + 5, 0, 0x10000000, 0x30000020, ""},                   // adr x0, .+5
		{elf.R_AARCH64_ADR_PREL_LO21, at + 1<<21, 0, 0x10000000, 0, "reaches"},                 // over its reach
		{elf.R_AARCH64_ADR_PREL_PG_HI21, 0x5500_0001_5abc, 0, 0x90000000, 0xf0000000, ""},      // adrp x0, 3 pages on
		{elf.R_AARCH64_ADR_PREL_PG_HI21, 0x5500_0001_1fff, 0, 0x90000000, 0xf0ffffe0, ""},      // adrp x0, 1 page back
		{elf.R_AARCH64_ADR_PREL_PG_HI21, at + 1<<33, 0, 0x90000000, 0, "reaches"},              // over its reach
		{elf.R_AARCH64_ADD_ABS_LO12_NC, 0x5500_0001_5abc, 1, 0x91000000, 0x912af400, ""},       // add x0, x0, 0xabd
		{elf.R_AARCH64_LDST8_ABS_LO12_NC, 0x5500_0001_5abd, 0, 0x39400000, 0x396af400, ""},     // ldrb w0, [x0, 0xabd]
		{elf.R_AARCH64_LDST16_ABS_LO12_NC, 0x5500_0001_5abe, 0, 0x79400000, 0x79557c00, ""},    // ldrh w0, [x0, 0xabe]
		{elf.R_AARCH64_LDST32_ABS_LO12_NC, 0x5500_0001_5abc, 0, 0xb9400000, 0xb94abc00, ""},    // ldr w0, [x0, 0xabc]
		{elf.R_AARCH64_LDST64_ABS_LO12_NC, 0x5500_0001_5ab8, 0, 0xf9400000, 0xf9455c00, ""},    // ldr x0, [x0, 0xab8]
		{elf.R_AARCH64_LDST128_ABS_LO12_NC, 0x5500_0001_5ab0, 0, 0x3dc00000, 0x3dc2ac00, ""},   // ldr q0, [x0, 0xab0]
		{elf.R_AARCH64_LDST128_ABS_LO12_NC, 0x5500_0001_5ab8, 0, 0x3dc00000, 0, "multiple of"}, // not aligned
		{elf.R_AARCH64_PREL32, at - 8, 0, 0, 0xfffffff8, ""},
		{elf.R_AARCH64_PREL32, at + 1<<33, 0, 0, 0, "32-bit"},
		{elf.R_AARCH64_ABS32, 0, 0, 0, 0, "position independent"},
	} {
		place := words(test.in)
		err := applyARM64(place, uint32(test.kind), at, test.symbol, test.addend)
		if test.fails != "" {
			if err == nil || !strings.Contains(err.Error(), test.fails) {
				t.Errorf("%s to %#x: %v", test.kind, test.symbol, err)
			}
			continue
		}
		if got := binary.LittleEndian.Uint32(place); err != nil || got != test.want {
			t.Errorf("%s to %#x: %#08x, not %#08x: %v", test.kind, test.symbol, got, test.want, err)
		}
	}
	long := make([]byte, 8)
	if err := applyARM64(long, uint32(elf.R_AARCH64_PREL64), at, at-16, 0); err != nil || int64(binary.LittleEndian.Uint64(long)) != -16 {
		t.Errorf("PREL64: %v, %v", long, err)
	}
}

func TestRelocationsAMD64(t *testing.T) {
	const at = 0x7f00_0000_1000
	for _, test := range []struct {
		kind   elf.R_X86_64
		symbol uint64
		addend int64
		want   uint64
		fails  bool
	}{
		{elf.R_X86_64_PC32, at + 100, -4, 96, false},
		{elf.R_X86_64_PLT32, at - 100, -4, 0xffff_ff98, false},
		{elf.R_X86_64_PC32, at + 1<<31, 0, 0, true},
		{elf.R_X86_64_PC32, at - 1<<31, 0, 0x8000_0000, false},
		{elf.R_X86_64_64, 0x1234_5678_9abc, 4, 0x1234_5678_9ac0, false},
		{elf.R_X86_64_PC64, at - 1, 0, ^uint64(0), false},
		{elf.R_X86_64_NONE, 5, 5, 0, false},
		{elf.R_X86_64_TLSGD, 0, 0, 0, true},
	} {
		place := make([]byte, 8)
		err := applyAMD64(place, uint32(test.kind), at, test.symbol, test.addend)
		if got := binary.LittleEndian.Uint64(place); (err != nil) != test.fails || got != test.want {
			t.Errorf("%s to %#x: %#x, not %#x: %v", test.kind, test.symbol, got, test.want, err)
		}
	}
}

// What is loaded cannot be both written and run, on pages that the system says so of.
func TestProtection(t *testing.T) {
	m, err := newImage(sample(t))
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range m.segments {
		if s.start%pageSize != 0 || s.end%pageSize != 0 || s.access != access(i) {
			t.Errorf("segment %d: %+v", i, s)
		}
	}
	for name, want := range map[string]access{".text": execute, ".rodata": readOnly, ".data.rel.ro": readOnly, ".data": readWrite, ".bss": readWrite} {
		index := -1
		for i, s := range m.file.Sections {
			if s.Name == name {
				index = i
			}
		}
		at, ok := m.offset[elf.SectionIndex(index)]
		if s := m.segments[want]; !ok || at < s.start || at >= s.end {
			t.Errorf("%s is at %#x, %v, and not in %+v", name, at, ok, s)
		}
	}
}

func BenchmarkCall(b *testing.B) {
	m, err := Load(sample(b))
	if err != nil {
		b.Skip(err)
	}
	defer m.Close()
	at, _ := m.Symbol("number")
	for b.Loop() {
		Call(at, 1, 2, 3, 4)
	}
}

func BenchmarkLoad(b *testing.B) {
	obj := sample(b)
	for b.Loop() {
		m, err := Load(obj)
		if err != nil {
			b.Skip(err)
		}
		m.Close()
	}
}
