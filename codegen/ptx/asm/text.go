package asm

import (
	"strconv"

	"github.com/tilec/tilec/codegen/ptx"
	"github.com/tilec/tilec/ir"
)

// Kernel is an entry with its code.
type Kernel struct {
	Name    string
	Params  []Param
	Threads int // of a block
	// Shared is whether it uses dynamic shared memory, the symbol [SharedName].
	Shared bool
	// Tables are what it reads of constant memory. Those of one name are the same in all kernels of a module.
	Tables []Table
	*Builder
}

// Table is constant memory: words of 64 bits under a name.
type Table struct {
	Name  string
	Words []uint64
}

// SharedName is the symbol of the dynamic shared memory.
const SharedName = "smem"

// Module is the text of kernels for a target, under a version of PTX, and for each line the place in the source that it
// comes from.
func Module(target ptx.Target, version ptx.Version, kernels []*Kernel) (text string, places []ir.Pos) {
	w := &writer{files: map[string]int{}}
	w.line(ir.Pos{}, ".version ", version.String())
	w.line(ir.Pos{}, ".target ", target.String())
	w.line(ir.Pos{}, ".address_size 64")
	for _, k := range kernels {
		if k.Shared {
			w.line(ir.Pos{}, ".extern .shared .align 1024 .b8 ", SharedName, "[];")
			break
		}
	}
	tables := map[string]bool{}
	for _, k := range kernels {
		for _, t := range k.Tables {
			if !tables[t.Name] {
				tables[t.Name] = true
				w.table(t)
			}
		}
	}
	for _, k := range kernels {
		for _, in := range k.Code() {
			w.file(in.Pos.File)
		}
	}
	for _, k := range kernels {
		w.kernel(k)
	}
	return string(w.b), w.places
}

type writer struct {
	b      []byte
	places []ir.Pos
	files  map[string]int
}

// file declares a source file, once.
func (w *writer) file(name string) {
	if name == "" || w.files[name] > 0 {
		return
	}
	w.files[name] = len(w.files) + 1
	w.line(ir.Pos{}, ".file ", strconv.Itoa(w.files[name]), " ", strconv.Quote(name))
}

func (w *writer) line(pos ir.Pos, parts ...string) {
	for _, s := range parts {
		w.b = append(w.b, s...)
	}
	w.b = append(w.b, '\n')
	w.places = append(w.places, pos)
}

func (w *writer) table(t Table) {
	w.b = append(w.b, ".const .align 8 .b64 "...)
	w.b = append(w.b, t.Name...)
	w.b = append(w.b, '[')
	w.b = strconv.AppendInt(w.b, int64(len(t.Words)), 10)
	w.b = append(w.b, "] = {"...)
	for i, x := range t.Words {
		if i > 0 {
			w.b = append(w.b, ", "...)
		}
		w.b = append(w.b, "0x"...)
		w.b = strconv.AppendUint(w.b, x, 16)
	}
	w.line(ir.Pos{}, "};")
}

func (w *writer) kernel(k *Kernel) {
	w.line(ir.Pos{}, ".visible .entry ", k.Name, "(")
	for i, p := range k.Params {
		end := ","
		if i == len(k.Params)-1 {
			end = ""
		}
		w.line(ir.Pos{}, "  .param .b", strconv.Itoa(p.Bits), " ", p.Name, end)
	}
	w.line(ir.Pos{}, ")")
	w.line(ir.Pos{}, ".reqntid ", strconv.Itoa(k.Threads))
	// Without this ptxas saves registers for the sake of more blocks, and spills.
	w.line(ir.Pos{}, ".minnctapersm 1")
	w.line(ir.Pos{}, "{")
	for c, kind := range [...]string{P: ".pred", H: ".b16", W: ".b32", D: ".b64"} {
		if n := k.Registers(Class(c)); kind != "" && n > 0 {
			w.line(ir.Pos{}, "  .reg ", kind, " ", prefixes[c], "<", strconv.Itoa(n), ">;")
		}
	}
	var at ir.Pos
	for _, in := range k.needed() {
		if in.Label != "" {
			w.line(in.Pos, in.Label, ":")
			continue
		}
		if in.Pos != at && in.Pos.Line > 0 && in.Pos.File != "" {
			at = in.Pos
			w.line(at, "  .loc ", strconv.Itoa(w.files[at.File]), " ", strconv.Itoa(at.Line), " ", strconv.Itoa(at.Col))
		}
		w.instr(in)
	}
	w.line(ir.Pos{}, "}")
}

func (w *writer) instr(in Instr) {
	w.b = append(w.b, "  "...)
	if in.Guard.kind != 0 {
		w.b = append(w.b, '@')
		w.b = in.Guard.write(w.b)
		w.b = append(w.b, ' ')
	}
	w.b = append(w.b, in.Op...)
	for i, a := range in.Args {
		if i > 0 {
			w.b = append(w.b, ',')
		}
		w.b = append(w.b, ' ')
		w.b = a.write(w.b)
	}
	w.b = append(w.b, ';')
	if in.Note != "" {
		w.b = append(w.b, " // "...)
		w.b = append(w.b, in.Note...)
	}
	w.b = append(w.b, '\n')
	w.places = append(w.places, in.Pos)
}
