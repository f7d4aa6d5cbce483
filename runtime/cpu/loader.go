// Package cpu is what kernels for the CPU need at run time: objects that are loaded and called, memory, worker threads,
// and what the machine can do at most.
//
// In go relocatable objects that codegen/cpu made; out come addresses to call. It always holds that memory is never both
// writable and executable, that an object which asks for anything that is not there is refused by the name of it, and
// that memory is counted before it is taken, so that a launch that is too large is an error and not the end.
package cpu

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
)

// Module is an object that is loaded and ready to be called. It stays loaded until Close.
type Module struct {
	memory  []byte // the mapping
	symbols map[string]uintptr
	closed  atomic.Bool
}

// Load loads a relocatable ELF object that was compiled for this machine. What it calls that it does not define must be
// memcpy, memmove or memset; an object that asks for anything else is refused by the name of it. Nothing is ever both writable
// and executable.
func Load(obj []byte) (*Module, error) {
	machine, ok := machines[runtime.GOARCH]
	if !ok || !canMap {
		return nil, fmt.Errorf("%w: kernels for %s/%s", errors.ErrUnsupported, runtime.GOOS, runtime.GOARCH)
	}
	m, err := newImage(obj)
	if err != nil {
		return nil, err
	}
	if m.machine != machine {
		return nil, fmt.Errorf("the object is for %s, this machine is %s", archName(m.machine), archName(machine))
	}
	external := map[string]uint64{}
	for _, name := range m.undefined {
		at, err := resolve(name)
		if err != nil {
			return nil, err
		}
		external[name] = uint64(at)
	}
	memory, err := mapMemory(max(m.size(), 1)) // a kernel may do nothing
	if err != nil {
		return nil, fmt.Errorf("no memory for %d bytes of code: %w", m.size(), err)
	}
	base := uint64(addressOf(memory))
	if err := m.fill(memory, base, external); err != nil {
		unmapMemory(memory)
		return nil, err
	}
	for _, s := range m.segments {
		if len(memory[s.start:s.end]) == 0 {
			continue
		}
		if err := protect(memory[s.start:s.end], s.access); err != nil {
			unmapMemory(memory)
			return nil, fmt.Errorf("code cannot be made executable: %w", err)
		}
	}
	flushCode(memory)
	symbols := make(map[string]uintptr, len(m.defined))
	for name, offset := range m.defined {
		symbols[name] = uintptr(base + offset)
	}
	return &Module{memory: memory, symbols: symbols}, nil
}

// Symbol is the address of a function or variable that the object exports.
func (m *Module) Symbol(name string) (uintptr, bool) {
	at, ok := m.symbols[name]
	return at, ok
}

// Symbols are the names that the object exports, in order.
func (m *Module) Symbols() []string {
	names := make([]string, 0, len(m.symbols))
	for name := range m.symbols {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Close unloads the module. No call of its functions may be running or follow. Closing again does nothing.
func (m *Module) Close() error {
	if m.closed.Swap(true) {
		return nil
	}
	return unmapMemory(m.memory)
}

// external are the functions that an object may call without defining them: those that LLVM calls on its own for copies
// and fills of many bytes. They are libc's, which are written for the machine at hand, and libc is there, as purego is
// linked to it.
var external = []string{"memcpy", "memmove", "memset"}

var machines = map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}

func archName(m elf.Machine) string {
	for name, machine := range machines {
		if machine == m {
			return name
		}
	}
	return m.String()
}

// access is what may be done with a segment of a loaded object.
type access int

const (
	execute access = iota // and read
	readOnly
	readWrite
)

// segment is a run of whole pages of a loaded object, as offsets.
type segment struct {
	access     access
	start, end int
}

// image is an object laid out for loading: code and thunks, then constants and the table of addresses, then variables.
type image struct {
	machine   elf.Machine
	file      *elf.File
	symbols   []elf.Symbol
	offset    map[elf.SectionIndex]int // of each section that is loaded
	segments  []segment
	undefined []string          // in order of first use
	thunk     map[string]int    // offset of the jump to a function of another library
	table     map[string]int    // offset of the word that holds the address of a symbol
	defined   map[string]uint64 // exported symbols as offsets
}

// Limits of an object, beyond which it is damaged or not ours.
const (
	maxLoaded    = 1 << 30 // bytes
	maxAlignment = 4096
	pageSize     = 1 << 16 // of any system that is supported: 4, 16 or 64 KiB
	thunkSize    = 16
	wordSize     = 8
)

func newImage(obj []byte) (*image, error) {
	f, err := elf.NewFile(bytes.NewReader(obj))
	if err != nil {
		return nil, fmt.Errorf("not an ELF object: %w", err)
	}
	if f.Class != elf.ELFCLASS64 || f.ByteOrder != binary.LittleEndian || f.Type != elf.ET_REL {
		return nil, fmt.Errorf("not a relocatable 64-bit little-endian ELF object: %s, %s, %s", f.Class, f.Data, f.Type)
	}
	if _, ok := relocators[f.Machine]; !ok {
		return nil, fmt.Errorf("an object for %s, which kernels are not built for", f.Machine)
	}
	m := &image{machine: f.Machine, file: f, offset: map[elf.SectionIndex]int{}, thunk: map[string]int{}, table: map[string]int{}, defined: map[string]uint64{}}
	m.symbols, err = f.Symbols()
	if err != nil && !errors.Is(err, elf.ErrNoSymbols) {
		return nil, fmt.Errorf("symbols of the object: %w", err)
	}
	if err := m.reserve(); err != nil {
		return nil, err
	}
	if err := m.place(); err != nil {
		return nil, err
	}
	for _, s := range m.symbols {
		if elf.ST_BIND(s.Info) == elf.STB_LOCAL {
			continue
		}
		if offset, ok := m.offset[s.Section]; ok && s.Name != "" {
			m.defined[s.Name] = uint64(offset) + s.Value
		}
	}
	return m, nil
}

// loaded tells whether a section is in memory at run time. Unwinding tables are not: nothing unwinds through kernels.
func loaded(s *elf.Section) bool {
	return s.Flags&elf.SHF_ALLOC != 0 && s.Size > 0 && s.Name != ".eh_frame" && s.Type != elf.SHT_NOTE
}

// accessOf is the segment that a section goes to. Constants with addresses in them (.data.rel.ro) are only written here.
func accessOf(s *elf.Section) access {
	switch {
	case s.Flags&elf.SHF_EXECINSTR != 0:
		return execute
	case s.Flags&elf.SHF_WRITE == 0, strings.HasPrefix(s.Name, ".data.rel.ro"):
		return readOnly
	}
	return readWrite
}

// relocations gives each relocation of the sections that are loaded.
func (m *image) relocations(each func(target elf.SectionIndex, offset uint64, kind uint32, symbol *elf.Symbol, addend int64) error) error {
	for _, s := range m.file.Sections {
		if s.Type != elf.SHT_RELA && s.Type != elf.SHT_REL {
			continue
		}
		if int(s.Info) >= len(m.file.Sections) || !loaded(m.file.Sections[s.Info]) {
			continue
		}
		if s.Type == elf.SHT_REL {
			return fmt.Errorf("section %s: relocations without addends", s.Name)
		}
		data, err := s.Data()
		if err != nil {
			return fmt.Errorf("section %s: %w", s.Name, err)
		}
		const entry = 24
		for ; len(data) >= entry; data = data[entry:] {
			offset, info := binary.LittleEndian.Uint64(data), binary.LittleEndian.Uint64(data[8:])
			index := info >> 32
			if index == 0 || index > uint64(len(m.symbols)) {
				return fmt.Errorf("section %s: a relocation by symbol %d of %d", s.Name, index, len(m.symbols))
			}
			// The table's first entry, the null symbol, is not in m.symbols.
			if err := each(elf.SectionIndex(s.Info), offset, uint32(info), &m.symbols[index-1], int64(binary.LittleEndian.Uint64(data[16:]))); err != nil {
				return fmt.Errorf("section %s, offset %#x: %w", m.file.Sections[s.Info].Name, offset, err)
			}
		}
	}
	return nil
}

// reserve finds which symbols need a thunk or a word in the table of addresses; their offsets are set by place.
func (m *image) reserve() error {
	return m.relocations(func(_ elf.SectionIndex, _ uint64, kind uint32, s *elf.Symbol, _ int64) error {
		if s.Section == elf.SHN_UNDEF {
			if !slices.Contains(external, s.Name) {
				return fmt.Errorf("the object calls for %q, which nothing defines (only %s may be left to the system)", s.Name, strings.Join(external, ", "))
			}
			if !slices.Contains(m.undefined, s.Name) {
				m.undefined = append(m.undefined, s.Name)
				m.thunk[s.Name] = 0
			}
		}
		if throughTable(m.machine, kind) {
			if s.Name == "" {
				return fmt.Errorf("a table entry for a symbol without a name")
			}
			m.table[s.Name] = 0
		}
		return nil
	})
}

// place gives every section, thunk and word of the table its offset.
func (m *image) place() error {
	at := 0
	for _, access := range []access{execute, readOnly, readWrite} {
		start := at
		for i, s := range m.file.Sections {
			if !loaded(s) || accessOf(s) != access {
				continue
			}
			align := max(int(min(s.Addralign, maxAlignment+1)), 1)
			if align > maxAlignment || align&(align-1) != 0 {
				return fmt.Errorf("section %s: alignment %d", s.Name, s.Addralign)
			}
			if s.Flags&(elf.SHF_TLS|elf.SHF_COMPRESSED) != 0 {
				return fmt.Errorf("section %s: thread-local or compressed", s.Name)
			}
			if s.Size > maxLoaded || at > maxLoaded {
				return fmt.Errorf("section %s: %d bytes; an object may take %d", s.Name, s.Size, maxLoaded)
			}
			at = roundUp(at, align)
			m.offset[elf.SectionIndex(i)] = at
			at += int(s.Size)
		}
		switch access {
		case execute:
			at = roundUp(at, thunkSize)
			for _, name := range m.undefined {
				m.thunk[name] = at
				at += thunkSize
			}
		case readOnly:
			at = roundUp(at, wordSize)
			for _, name := range sortedKeys(m.table) {
				m.table[name] = at
				at += wordSize
			}
		}
		at = roundUp(at, pageSize)
		m.segments = append(m.segments, segment{access: access, start: start, end: at})
	}
	if at > maxLoaded {
		return fmt.Errorf("the object takes %d bytes, of %d that it may", at, maxLoaded)
	}
	return nil
}

func (m *image) size() int { return m.segments[len(m.segments)-1].end }

// fill writes the object as it is when its first byte is at base, and functions of other libraries are where external
// says.
func (m *image) fill(memory []byte, base uint64, external map[string]uint64) error {
	for i, s := range m.file.Sections {
		at, ok := m.offset[elf.SectionIndex(i)]
		if !ok || s.Type == elf.SHT_NOBITS {
			continue
		}
		data, err := s.Data()
		if err != nil || uint64(len(data)) != s.Size {
			return fmt.Errorf("section %s is cut off", s.Name)
		}
		copy(memory[at:], data)
	}
	for name, at := range m.thunk {
		relocators[m.machine].thunk(memory[at:at+thunkSize], external[name])
	}
	return m.relocations(func(target elf.SectionIndex, offset uint64, kind uint32, s *elf.Symbol, addend int64) error {
		start, size := m.offset[target], m.file.Sections[target].Size
		if offset >= size {
			return fmt.Errorf("outside of its section of %d bytes", size)
		}
		var address uint64
		switch section, here := m.offset[s.Section]; {
		case s.Section == elf.SHN_UNDEF:
			address = base + uint64(m.thunk[s.Name])
		case here:
			address = base + uint64(section) + s.Value
		default:
			return fmt.Errorf("%q is in a section that is not loaded", s.Name)
		}
		if throughTable(m.machine, kind) {
			word := m.table[s.Name]
			binary.LittleEndian.PutUint64(memory[word:], address)
			address = base + uint64(word)
		}
		place := memory[start+int(offset) : start+int(size)]
		if err := relocators[m.machine].apply(place, kind, base+uint64(start)+offset, address, addend); err != nil {
			return fmt.Errorf("%q: %w", s.Name, err)
		}
		return nil
	})
}

func roundUp(n, to int) int { return (n + to - 1) / to * to }

func sortedKeys(m map[string]int) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
