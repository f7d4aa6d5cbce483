package ptx

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
)

// Form is one row of the table: an opcode, the modifiers in the order of the manual, the operands, and where it exists.
//
// A row is written as text, see forms.go. Modifiers are groups: `.x` must stand, `(.x.y)` is one of several, `[.x.y]` at most
// one; `(T=.u32.s32)` names the group, so that operands can refer to it.
type Form struct {
	Opcode   string
	Groups   []Group
	Operands []Operand
	Version  Version
	Where    Where
	row      string
}

// Group is a place for one modifier.
type Group struct {
	Name     string // empty unless operands refer to it
	Words    []string
	Optional bool
}

// OperandKind is what an operand may be.
type OperandKind uint8

// The kinds.
const (
	Value     OperandKind = iota // a register or a constant of a type
	Register                     // a register only
	Constant                     // a constant only
	Symbolic                     // a register, a constant or the address of a variable
	Result                       // a register that is written
	Address                      // [register + constant] or [variable + constant]
	Tensor                       // [register, {coordinates}]
	Label                        // a place in the code
	Targets                      // a list of labels
	Callee                       // a function with its argument lists
	SharedRef                    // a descriptor or an address, as tcgen05 takes them
)

// Operand is a place for one operand.
//
// Type is its type, or Group names the modifier group that holds it; Wide doubles its width, Wider lets a register be
// wider than it (ld, st, cvt). Vector, where it is not empty, is the number of elements in braces: a number or a group whose
// word ends in one. With is the group that must be present for the operand to be, Optional that it may be left out with all
// behind it, Pair that a predicate may follow it behind a bar (`d|p`), MustPair that it must. Sink lets `_` stand in its place.
type Operand struct {
	Kind     OperandKind
	Type     Type
	Group    string
	Space    string // of an address: a group, or a state space
	Vector   string
	Times    int // the number of elements is the group's n times this (tcgen05.ld), where it is not 0
	Divide   int // or divided by this (wgmma)
	With     string
	Wide     bool
	Wider    bool
	Optional bool
	Pair     bool
	MustPair bool
	Sink     bool
}

// String is the row that the form was written as.
func (f *Form) String() string { return f.row }

// Pick says which word of each group an instruction has: an index into Group.Words, -1 where an optional group is absent.
type Pick []int8

// Word is the modifier in the named group with its dot, "" where it is absent.
func (f *Form) Word(p Pick, group string) string {
	for i, g := range f.Groups {
		if g.Name == group && i < len(p) && p[i] >= 0 {
			return g.Words[p[i]]
		}
	}
	return ""
}

// Has reports whether the instruction has the modifier, written with its dot.
func (f *Form) Has(p Pick, word string) bool {
	for i, g := range f.Groups {
		if i < len(p) && p[i] >= 0 && g.Words[p[i]] == word {
			return true
		}
	}
	return false
}

// TypeOf is the type of an operand of an instruction with the given modifiers.
func (f *Form) TypeOf(o *Operand, p Pick) Type {
	t := o.Type
	if o.Group != "" {
		t = ParseType(f.Word(p, o.Group))
	}
	if o.Wide {
		t = t.Wide()
	}
	return t
}

// Count is the number of elements of a vector operand, 0 where the operand is no vector.
func (f *Form) Count(o *Operand, p Pick) int {
	if o.Vector == "" {
		return 0
	}
	n, err := strconv.Atoi(o.Vector)
	if err != nil {
		n = lastNumber(f.Word(p, o.Vector))
	}
	switch {
	case o.Times > 0:
		n *= o.Times
	case o.Divide > 0:
		n /= o.Divide
	}
	return n
}

// lastNumber is what stands behind the last n, v, x or d of a word: 4 of .v4, 128 of .m64n128k16's n; 0 without one.
func lastNumber(word string) int {
	if i := strings.IndexByte(word, 'n'); i > 0 && strings.HasPrefix(word, ".m") {
		word = word[i+1:]
		if k := strings.IndexByte(word, 'k'); k >= 0 {
			word = word[:k]
		}
	}
	word = strings.TrimLeft(word, ".vx")
	word = strings.TrimSuffix(word, "d")
	n, err := strconv.Atoi(word)
	if err != nil {
		return 0
	}
	return n
}

// wordSince are the modifiers that need more than the form that has them.
var wordSince = map[string]struct {
	version Version
	sm      int
}{
	".cluster": {78, 90}, ".shared::cluster": {78, 90}, ".shared::cta": {78, 0}, ".param::entry": {83, 0}, ".param::func": {83, 0},
	".block32": {88, 0},
}

// Needs is the first version and the processors that have the form with the modifiers picked.
func (f *Form) Needs(p Pick) (Version, Where) {
	v, w := f.Version, f.Where
	for i, g := range f.Groups {
		if p[i] < 0 {
			continue
		}
		if x, ok := wordSince[g.Words[p[i]]]; ok {
			v = max(v, x.version)
			w.From = max(w.From, x.sm)
		}
	}
	return v, w
}

// Match holds modifiers, each with its dot, against the form's groups. It returns the words picked, or how many modifiers
// fitted before one did not and what could have stood there; the end of the modifiers is the empty word.
func (f *Form) Match(mods []string) (p Pick, ok bool, fitted int, want []string) {
	p = make(Pick, len(f.Groups))
	ok = f.match(mods, 0, 0, p, &fitted, &want)
	return p, ok, fitted, want
}

func (f *Form) match(mods []string, at, group int, p Pick, fitted *int, want *[]string) bool {
	note := func(words ...string) {
		if at > *fitted {
			*fitted, *want = at, nil
		}
		if at == *fitted {
			*want = append(*want, words...)
		}
	}
	if group == len(f.Groups) {
		if at == len(mods) {
			return true
		}
		note("")
		return false
	}
	g := &f.Groups[group]
	if at < len(mods) {
		for i, w := range g.Words {
			if w == mods[at] {
				p[group] = int8(i)
				if f.match(mods, at+1, group+1, p, fitted, want) {
					return true
				}
				break
			}
		}
	}
	note(g.Words...)
	if g.Optional {
		p[group] = -1
		return f.match(mods, at, group+1, p, fitted, want)
	}
	return false
}

// Since is the first version in which a target has an instruction, an opcode with its modifiers; that of the target itself for
// one that it does not have.
func (t Target) Since(instruction string) Version {
	words := strings.SplitAfter(strings.ReplaceAll(instruction, ".", "\x00."), "\x00")
	for i := range words {
		words[i] = strings.TrimSuffix(words[i], "\x00")
	}
	first := Version(0)
	for _, f := range Forms(words[0]) {
		p, ok, _, _ := f.Match(words[1:])
		if !ok {
			continue
		}
		if v, w := f.Needs(p); w.Has(t) && (first == 0 || v < first) {
			first = v
		}
	}
	return max(first, t.since())
}

// Forms are the rows of an opcode, the word before the first dot; nil where there is no such instruction.
func Forms(opcode string) []*Form { return table()[opcode] }

// All is the table, in the order in which it is written.
func All() []*Form { return allForms() }

var allForms = sync.OnceValue(func() []*Form {
	var all []*Form
	for _, text := range []string{arithmeticForms, logicForms, convertForms, memoryForms, asyncForms, syncForms, matrixForms, tensorForms, controlForms} {
		for line := range strings.SplitSeq(text, "\n") {
			line = strings.TrimSpace(line)
			if line == "" || strings.HasPrefix(line, "#") {
				continue
			}
			f, err := parseForm(line)
			if err != nil {
				panic(fmt.Sprintf("ptx: row %q: %v", line, err)) // the rows are constants, and a test reads them all
			}
			all = append(all, f)
		}
	}
	return all
})

var table = sync.OnceValue(func() map[string][]*Form {
	m := make(map[string][]*Form)
	for _, f := range allForms() {
		m[f.Opcode] = append(m[f.Opcode], f)
	}
	return m
})

// parseForm reads a row.
func parseForm(row string) (*Form, error) {
	text := row
	for i := 0; i+1 < len(shorthands); i += 2 {
		text = strings.ReplaceAll(text, shorthands[i], shorthands[i+1])
	}
	text, where, _ := strings.Cut(text, " ; ")
	fields := strings.Fields(text)
	if len(fields) == 0 {
		return nil, fmt.Errorf("no opcode")
	}
	f := &Form{Version: OldestVersion, row: row}
	if err := f.parseHead(fields[0]); err != nil {
		return nil, err
	}
	for _, s := range fields[1:] {
		o, err := parseOperand(s)
		if err != nil {
			return nil, err
		}
		f.Operands = append(f.Operands, o)
	}
	return f, f.parseWhere(strings.Fields(where))
}

func (f *Form) parseHead(s string) error {
	i := strings.IndexAny(s, ".([")
	if i < 0 {
		f.Opcode = s
		return nil
	}
	f.Opcode, s = s[:i], s[i:]
	for s != "" {
		switch s[0] {
		case '.':
			n := len(s)
			if i := strings.IndexAny(s[1:], ".(["); i >= 0 {
				n = i + 1
			}
			f.Groups = append(f.Groups, Group{Words: []string{s[:n]}})
			s = s[n:]
		case '(', '[':
			end := strings.IndexByte(s, map[byte]byte{'(': ')', '[': ']'}[s[0]])
			if end < 0 {
				return fmt.Errorf("no end of %q", s)
			}
			g := Group{Optional: s[0] == '['}
			body := s[1:end]
			if name, rest, ok := strings.Cut(body, "="); ok {
				g.Name, body = name, rest
			}
			for w := range strings.SplitSeq(strings.TrimPrefix(body, "."), ".") {
				g.Words = append(g.Words, "."+w)
			}
			f.Groups = append(f.Groups, g)
			s = s[end+1:]
		default:
			return fmt.Errorf("%q is no modifier", s)
		}
	}
	return nil
}

// parseOperand reads `=T`, `T`, `2T`, `~T`, `#u32`, `!b64`, `@T`, `={V}~T`, `[S]`, `[S;2]`, `=b32|pred?`, `u32?`, `b64?H`, `label` and so on.
func parseOperand(s string) (Operand, error) {
	o := Operand{}
	whole := s
	if rest, ok := strings.CutSuffix(s, "|p?"); ok {
		o.Pair, s = true, rest
	} else if rest, ok := strings.CutSuffix(s, "|p"); ok {
		o.MustPair, s = true, rest
	} else if i := strings.LastIndexByte(s, '?'); i >= 0 {
		o.With, s = s[i+1:], s[:i]
		o.Optional = o.With == ""
	}
	switch s {
	case "label":
		o.Kind = Label
		return o, nil
	case "targets":
		o.Kind = Targets
		return o, nil
	case "callee":
		o.Kind = Callee
		return o, nil
	}
	if rest, ok := strings.CutPrefix(s, "<"); ok {
		o.Kind, o.Type = SharedRef, ParseType(strings.TrimSuffix(rest, ">"))
		return o, nil
	}
	if body, ok := strings.CutPrefix(s, "["); ok {
		body = strings.TrimSuffix(body, "]")
		o.Kind, o.Space = Address, body
		if space, n, ok := strings.Cut(body, ";"); ok {
			o.Kind, o.Space, o.Vector, o.Type = Tensor, space, n, S32
		}
		return o, nil
	}
	for s != "" {
		switch s[0] {
		case '=':
			o.Kind = Result
		case '#':
			o.Kind = Constant
		case '!':
			o.Kind = Register
		case '@':
			o.Kind = Symbolic
		case '~':
			o.Wider = true
		case '_':
			o.Sink = true
		case '2':
			o.Wide = true
		case '{':
			end := strings.IndexByte(s, '}')
			if end < 0 {
				return o, fmt.Errorf("no } in %q", whole)
			}
			o.Vector = s[1:end]
			if n, d, ok := strings.Cut(o.Vector, "/"); ok {
				o.Vector = n
				o.Divide, _ = strconv.Atoi(d)
			} else if n, d, ok := strings.Cut(o.Vector, "*"); ok {
				o.Vector = n
				o.Times, _ = strconv.Atoi(d)
			}
			s = s[end:]
		default:
			if t := ParseType(s); t != NoType {
				o.Type = t
			} else if s[0] >= 'A' && s[0] <= 'Z' {
				o.Group = s
			} else {
				return o, fmt.Errorf("operand %q: what is %q?", whole, s)
			}
			return o, nil
		}
		s = s[1:]
	}
	return o, fmt.Errorf("operand %q has no type", whole)
}

// parseWhere reads `78 90`, `80 90a`, `86 100a,103a,110a`: the version and the processors.
func (f *Form) parseWhere(fields []string) error {
	if len(fields) == 0 {
		return nil
	}
	v, err := strconv.Atoi(fields[0])
	if err != nil {
		return err
	}
	f.Version = Version(v)
	if len(fields) == 1 {
		return nil
	}
	if n, err := strconv.Atoi(fields[1]); err == nil {
		f.Where.From = n
		return nil
	}
	for name := range strings.SplitSeq(fields[1], ",") {
		t, err := ParseTarget("sm_" + name)
		if err != nil {
			return err
		}
		f.Where.Only = append(f.Where.Only, t)
	}
	return nil
}
