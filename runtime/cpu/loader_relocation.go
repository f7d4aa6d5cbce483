package cpu

import (
	"debug/elf"
	"encoding/binary"
	"fmt"
	"math"
)

// relocator knows the instructions of a machine that addresses are written into. The kinds and their arithmetic are those
// of the processor supplements of the System V ABI and of Arm's "ELF for the Arm 64-bit Architecture".
type relocator struct {
	// apply writes the relocation kind of symbol+addend to place, whose own address is at.
	apply func(place []byte, kind uint32, at, symbol uint64, addend int64) error
	// thunk writes a jump to target, anywhere in memory.
	thunk func(place []byte, target uint64)
}

var relocators = map[elf.Machine]relocator{
	elf.EM_X86_64:  {applyAMD64, thunkAMD64},
	elf.EM_AARCH64: {applyARM64, thunkARM64},
}

// throughTable tells whether a relocation is by the word in the table of addresses that holds the symbol's address.
func throughTable(machine elf.Machine, kind uint32) bool {
	if machine == elf.EM_AARCH64 {
		switch elf.R_AARCH64(kind) {
		case elf.R_AARCH64_ADR_GOT_PAGE, elf.R_AARCH64_LD64_GOT_LO12_NC, elf.R_AARCH64_GOT_LD_PREL19:
			return true
		}
		return false
	}
	switch elf.R_X86_64(kind) {
	case elf.R_X86_64_GOTPCREL, elf.R_X86_64_GOTPCRELX, elf.R_X86_64_REX_GOTPCRELX:
		return true
	}
	return false
}

// room is an error where place has less than n bytes.
func room(place []byte, n int) error {
	if len(place) < n {
		return fmt.Errorf("a relocation of %d bytes over the end of its section", n)
	}
	return nil
}

func applyAMD64(place []byte, kind uint32, at, symbol uint64, addend int64) error {
	value := symbol + uint64(addend)
	switch elf.R_X86_64(kind) {
	case elf.R_X86_64_NONE:
		return nil
	case elf.R_X86_64_64, elf.R_X86_64_PC64:
		if err := room(place, 8); err != nil {
			return err
		}
		if elf.R_X86_64(kind) == elf.R_X86_64_PC64 {
			value -= at
		}
		binary.LittleEndian.PutUint64(place, value)
		return nil
	case elf.R_X86_64_PC32, elf.R_X86_64_PLT32, elf.R_X86_64_GOTPCREL, elf.R_X86_64_GOTPCRELX, elf.R_X86_64_REX_GOTPCRELX:
		if err := room(place, 4); err != nil {
			return err
		}
		distance := int64(value - at)
		if distance != int64(int32(distance)) {
			return fmt.Errorf("%d bytes away, over what a 32-bit offset reaches", distance)
		}
		binary.LittleEndian.PutUint32(place, uint32(distance))
		return nil
	}
	return fmt.Errorf("relocation %s: the object must be position independent (PIC), of the small code model", elf.R_X86_64(kind))
}

// thunkAMD64 is jmp [rip+2]; two bytes that stop; the address.
func thunkAMD64(place []byte, target uint64) {
	copy(place, []byte{0xff, 0x25, 2, 0, 0, 0, 0x0f, 0x0b})
	binary.LittleEndian.PutUint64(place[8:], target)
}

func applyARM64(place []byte, kind uint32, at, symbol uint64, addend int64) error {
	value := symbol + uint64(addend)
	distance := int64(value - at)
	r := elf.R_AARCH64(kind)
	switch r {
	case elf.R_AARCH64_NONE, elf.R_AARCH64_NULL:
		return nil
	case elf.R_AARCH64_ABS64, elf.R_AARCH64_PREL64:
		if err := room(place, 8); err != nil {
			return err
		}
		if r == elf.R_AARCH64_PREL64 {
			value = uint64(distance)
		}
		binary.LittleEndian.PutUint64(place, value)
		return nil
	}
	if err := room(place, 4); err != nil {
		return err
	}
	word := binary.LittleEndian.Uint32(place)
	// set puts a field of the given width into the instruction.
	set := func(value int64, low, width int) {
		mask := uint32(1)<<width - 1
		word = word&^(mask<<low) | uint32(value)&mask<<low
		binary.LittleEndian.PutUint32(place, word)
	}
	// branch puts a distance in instructions into a field.
	branch := func(low, width int) error {
		if reach := int64(1) << (width + 1); distance < -reach || distance >= reach || distance%4 != 0 {
			return fmt.Errorf("%d bytes away, over what the branch reaches", distance)
		}
		set(distance>>2, low, width)
		return nil
	}
	// unsigned puts the low bits of the address into the scaled offset of a load or store.
	unsigned := func(shift int) error {
		low := int64(value & 0xfff)
		if low&(1<<shift-1) != 0 {
			return fmt.Errorf("the address %#x is not a multiple of %d", value, 1<<shift)
		}
		set(low>>shift, 10, 12)
		return nil
	}
	// address puts a 21-bit number into the two fields of adr and adrp.
	address := func(n int64) error {
		if n < -1<<20 || n >= 1<<20 {
			return fmt.Errorf("%d bytes away, over what the instruction reaches", distance)
		}
		set(n&3, 29, 2)
		set(n>>2, 5, 19)
		return nil
	}
	switch r {
	case elf.R_AARCH64_PREL32:
		if distance < math.MinInt32 || distance > math.MaxUint32 {
			return fmt.Errorf("%d bytes away, over what a 32-bit offset reaches", distance)
		}
		binary.LittleEndian.PutUint32(place, uint32(distance))
		return nil
	case elf.R_AARCH64_CALL26, elf.R_AARCH64_JUMP26:
		return branch(0, 26)
	case elf.R_AARCH64_CONDBR19, elf.R_AARCH64_LD_PREL_LO19, elf.R_AARCH64_GOT_LD_PREL19:
		return branch(5, 19)
	case elf.R_AARCH64_TSTBR14:
		return branch(5, 14)
	case elf.R_AARCH64_ADR_PREL_LO21:
		return address(distance)
	case elf.R_AARCH64_ADR_PREL_PG_HI21, elf.R_AARCH64_ADR_PREL_PG_HI21_NC, elf.R_AARCH64_ADR_GOT_PAGE:
		return address(int64(value&^0xfff-at&^0xfff) >> 12)
	case elf.R_AARCH64_ADD_ABS_LO12_NC, elf.R_AARCH64_LDST8_ABS_LO12_NC:
		return unsigned(0)
	case elf.R_AARCH64_LDST16_ABS_LO12_NC:
		return unsigned(1)
	case elf.R_AARCH64_LDST32_ABS_LO12_NC:
		return unsigned(2)
	case elf.R_AARCH64_LDST64_ABS_LO12_NC, elf.R_AARCH64_LD64_GOT_LO12_NC:
		return unsigned(3)
	case elf.R_AARCH64_LDST128_ABS_LO12_NC:
		return unsigned(4)
	}
	return fmt.Errorf("relocation %s: the object must be position independent (PIC), of the small code model", r)
}

// thunkARM64 is ldr x16, next word but one; br x16; the address. X16 is the register that calls may change on their way.
func thunkARM64(place []byte, target uint64) {
	binary.LittleEndian.PutUint32(place, 0x58000050)
	binary.LittleEndian.PutUint32(place[4:], 0xd61f0200)
	binary.LittleEndian.PutUint64(place[8:], target)
}
