package llx

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/llir/llvm/ir"
	"github.com/llir/llvm/ir/metadata"
)

// places are where in sources the instructions of a module come from, as LLVM's debug locations. They reach the
// assembly as directives, and the object not at all.
type places struct {
	text   strings.Builder // the definitions
	next   int
	unit   int
	files  map[string]int
	scopes map[scope]int
	known  map[location]node
}

type scope struct {
	fn   *ir.Func
	file string
}

type location struct {
	scope     int
	line, col int
}

// node is a metadata node by its number.
type node int

func (n node) Ident() string    { return fmt.Sprintf("!%d", int(n)) }
func (n node) LLString() string { return n.Ident() }

// firstNode is above every number that the rest of a module has.
const firstNode = 1_000_000

// KeepPlaces makes the module say where its instructions come from.
func (m *Module) KeepPlaces() {
	m.places = &places{next: firstNode, files: map[string]int{}, scopes: map[scope]int{}, known: map[location]node{}}
}

// define adds a node.
func (p *places) define(format string, args ...any) int {
	n := p.next
	p.next++
	fmt.Fprintf(&p.text, "!%d = ", n)
	fmt.Fprintf(&p.text, format, args...)
	p.text.WriteByte('\n')
	return n
}

// file is the node of a source file.
func (p *places) file(name string) int {
	n, ok := p.files[name]
	if !ok {
		n = p.define("!DIFile(filename: %s, directory: \"\")", quoted(name))
		p.files[name] = n
	}
	return n
}

// quoted is a string as metadata has it.
func quoted(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range []byte(s) {
		if c < ' ' || c > '~' || c == '"' || c == '\\' {
			fmt.Fprintf(&b, "\\%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// scope is the node of a function's part that comes from a file.
func (p *places) scope(fn *ir.Func, file string, line int) int {
	n, ok := p.scopes[scope{fn, file}]
	if ok {
		return n
	}
	f := p.file(file)
	if p.unit == 0 {
		p.unit = p.define("distinct !DICompileUnit(language: DW_LANG_C, file: !%d, isOptimized: true, runtimeVersion: 0, emissionKind: DebugDirectivesOnly)", f)
	}
	whole, ok := p.scopes[scope{fn, ""}]
	if !ok {
		whole = p.define("distinct !DISubprogram(name: %s, scope: !%d, file: !%d, line: %d, spFlags: DISPFlagDefinition | DISPFlagOptimized, unit: !%d)", quoted(fn.Name()), f, f, line, p.unit)
		p.scopes[scope{fn, ""}] = whole
		fn.Metadata = append(fn.Metadata, &metadata.Attachment{Name: "dbg", Node: node(whole)})
		n = whole
	} else {
		n = p.define("!DILexicalBlockFile(scope: !%d, file: !%d, discriminator: 0)", whole, f)
	}
	p.scopes[scope{fn, file}] = n
	return n
}

// From says where what is emitted comes from, until the function that it gives is called. Without [Module.KeepPlaces] it
// does nothing.
func (b *B) From(file string, line, col int) (back func()) {
	p := b.M.places
	if p == nil || file == "" || line <= 0 {
		return nowhere
	}
	at := location{p.scope(b.Fn, file, line), line, min(max(col, 0), 1<<16-1)}
	n, ok := p.known[at]
	if !ok {
		n = node(p.define("!DILocation(line: %d, column: %d, scope: !%d)", at.line, at.col, at.scope))
		p.known[at] = n
	}
	before := b.place
	b.place = &metadata.Attachment{Name: "dbg", Node: n}
	return func() { b.place = before }
}

func nowhere() {}

// mark attaches the current place to an instruction.
func (b *B) mark(i ir.Instruction) {
	field := reflect.ValueOf(i).Elem().FieldByName("Metadata")
	if !field.IsValid() {
		return // a kind that has none
	}
	if list, ok := field.Addr().Interface().(*ir.Metadata); ok {
		*list = append(*list, b.place)
	}
}

// definitions are the nodes' text, for the end of the module's.
func (p *places) definitions() string {
	if p == nil || p.unit == 0 {
		return ""
	}
	version := p.define(`!{i32 2, !"Debug Info Version", i32 3}`)
	return fmt.Sprintf("\n!llvm.dbg.cu = !{!%d}\n!llvm.module.flags = !{!%d}\n", p.unit, version) + p.text.String()
}
