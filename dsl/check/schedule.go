package check

import (
	"slices"
	"strings"

	"github.com/tilec/tilec/dsl"
	"github.com/tilec/tilec/dsl/diag"
	"github.com/tilec/tilec/dsl/typed"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/affine"
)

// Targets are the names of all targets, families together, older chips first.
var Targets = []string{"interp", "cpu", "sm_80", "sm_89", "sm_90a", "sm_100a", "sm_120", "gfx942", "gfx950"}

// family is the group of targets whose sections may stand in for each other's.
func family(target string) string {
	switch {
	case strings.HasPrefix(target, "sm_"):
		return "sm"
	case strings.HasPrefix(target, "gfx"):
		return "gfx"
	}
	return target
}

// wordForm says what stands behind a word of a schedule.
type wordForm uint8

const (
	flagWord   wordForm = iota // nothing: persistent
	numberWord                 // = n: stages = 3
	unitWord                   // = n unit: producer = 1 warp
	nameWord                   // a name: lanes t
	placeWord                  // a name in a place: keep q in registers
	splitWord                  // a name = n: split n = 4
	optWord                    // nothing or = n: unroll, unroll = 4
)

// words is the table of the words of schedules: their form, and the families that know them, all if it is empty.
var words = map[string]struct {
	form     wordForm
	families string
}{
	"stages": {numberWord, ""}, "warps": {numberWord, ""}, "persistent": {flagWord, ""}, "raster": {numberWord, ""},
	"unroll": {optWord, ""}, "lanes": {nameWord, ""}, "fast": {flagWord, ""}, "deterministic": {flagWord, ""},
	"keep": {placeWord, ""}, "split": {splitWord, ""}, "lookback": {nameWord, ""},
	"use": {nameWord, ""}, "forbid": {nameWord, ""}, "allow": {nameWord, ""},
	"producer": {unitWord, "sm"}, "consumers": {unitWord, "sm"}, "cluster": {numberWord, "sm"},
	"pingpong": {flagWord, "sm gfx"}, "overlap": {flagWord, "sm gfx"}, "interleave": {optWord, "gfx"},
	"chunk": {numberWord, "gfx"}, "waves": {numberWord, "gfx"},
	"threads": {numberWord, "cpu"}, "lut": {optWord, "cpu"},
}

// schedule is a schedule of the text with its values computed.
type schedule struct {
	ast      *dsl.Schedule
	sections []*section
	phases   []string // named ones of its kernels
}

// section is one section: default or a target's.
type section struct {
	name   string
	at     diag.Span
	tiles  []tileEntry
	words  []typed.Word
	phases []string // named ones of the schedule's kernels
}

type tileEntry struct {
	name string
	n    int64
	at   diag.Span
}

func (s *schedule) section(name string) *section {
	if s == nil {
		return nil
	}
	for _, sec := range s.sections {
		if sec.name == name {
			return sec
		}
	}
	return nil
}

// schedule attaches a schedule to the kernels it names.
func (l *loader) schedule(pkg *Package, s *dsl.Schedule) {
	sched := &schedule{ast: s}
	for _, id := range s.Kernels {
		k := pkg.Kernel(id.Name)
		switch {
		case k == nil:
			var names []string
			for _, k := range pkg.Kernels {
				names = append(names, k.Name)
			}
			d := l.diags.Add(codeUndefined, id.Span(), "package %s has no kernel %s", pkg.Name, id.Name)
			if near := diag.Nearest(id.Name, names); near != "" {
				d.Suggest(id.Span(), near, "did you mean %s", near)
			}
		case k.sched != nil:
			l.diags.Add(codeRedeclared, id.Span(), "kernel %s has a schedule already", id.Name).
				Note(k.sched.ast.Span(), "it stands here")
		default:
			k.sched = sched
			sched.phases = append(sched.phases, namedPhases(k.ast.Body)...)
		}
	}
	l.scheds = append(l.scheds, schedOf{sched, pkg})
}

// namedPhases lists the names of phases, in whatever arm of a condition they stand.
func namedPhases(body *dsl.Block) []string {
	var names []string
	dsl.Walk(body, func(n dsl.Node) bool {
		if p, is := n.(*dsl.Parallel); is && p.Name != nil {
			names = append(names, p.Name.Name)
		}
		return true
	})
	return names
}

type schedOf struct {
	s   *schedule
	pkg *Package
}

// schedules computes the values of all schedules and checks their words.
func (l *loader) schedules() {
	for _, so := range l.scheds {
		var f *file
		for _, g := range so.pkg.files {
			if g.ast.Name == so.s.ast.Span().File {
				f = g
			}
		}
		if f == nil {
			continue
		}
		e := newElab(l.prog, f, &l.diags)
		protect(func() { e.sections(so.s) })
	}
}

// sections checks the sections of a schedule.
func (e *elab) sections(s *schedule) {
	seen := map[string]diag.Span{}
	for _, sec := range s.ast.Sections {
		if sec.Tune {
			continue
		}
		name := sec.Name.Name
		if name != "default" && !slices.Contains(Targets, name) {
			d := e.errorf(codeTarget, sec.Name.Span(), "there is no target %s", name)
			if near := diag.Nearest(name, append([]string{"default", "tune"}, Targets...)); near != "" {
				d.Suggest(sec.Name.Span(), near, "did you mean %s", near)
			}
			continue
		}
		if at, twice := seen[name]; twice {
			e.errorf(codeRedeclared, sec.Name.Span(), "section %s stands twice", name).Note(at, "the first stands here")
			continue
		}
		seen[name] = sec.Name.Span()
		out := &section{name: name, at: sec.Name.Span(), phases: s.phases}
		e.entries(out, sec.Entries, "")
		s.sections = append(s.sections, out)
	}
	def := s.section("default")
	for _, sec := range s.sections {
		if sec == def {
			continue
		}
		for _, t := range sec.tiles {
			if def == nil || !slices.ContainsFunc(def.tiles, func(d tileEntry) bool { return d.name == t.name }) {
				d := e.errorf(codeTileDefault, t.at, "tile size %s is not in default, which gives every tile size", t.name)
				if def != nil {
					d.Note(def.at, "default stands here")
				}
			}
		}
	}
	e.tune(s, def)
}

// entries checks the entries of a section, or of a named phase in it.
func (e *elab) entries(out *section, list []*dsl.Entry, phase string) {
	for _, en := range list {
		word := en.Words[0]
		at := en.Span()
		switch {
		case en.Phase:
			if phase != "" {
				e.errorf(codeWord, at, "a phase inside a phase")
				continue
			}
			if !slices.Contains(out.phases, word.Name) {
				d := e.errorf(codeWord, word.Span(), "no phase is named %s", word.Name)
				if near := diag.Nearest(word.Name, out.phases); near != "" {
					d.Suggest(word.Span(), near, "did you mean %s", near)
				}
				continue
			}
			e.entries(out, en.Entries, word.Name)
		case upper(word.Name):
			e.tileEntry(out, en, phase)
		default:
			e.word(out, en, phase)
		}
	}
}

func (e *elab) tileEntry(out *section, en *dsl.Entry, phase string) {
	word := en.Words[0]
	if phase != "" {
		e.errorf(codeWord, word.Span(), "tile sizes stand in the section itself: they are the same in all phases")
		return
	}
	if len(en.Words) > 1 || en.Value == nil || en.Unit != nil || en.Place != nil {
		e.errorf(codeWord, en.Span(), "a tile size is written %s = 64", word.Name)
		return
	}
	n, ok := e.entryNumber(en)
	if !ok {
		return
	}
	for _, t := range out.tiles {
		if t.name == word.Name {
			e.errorf(codeRedeclared, word.Span(), "%s stands twice in %s", word.Name, out.name)
			return
		}
	}
	out.tiles = append(out.tiles, tileEntry{word.Name, n, word.Span()})
}

// entryNumber is the value of an entry: a number from 1.
func (e *elab) entryNumber(en *dsl.Entry) (int64, bool) {
	v := e.expr(en.Value)
	if v.bad() {
		return 0, false
	}
	n, ok := v.constInt()
	if !ok || n < 1 || n > maxExtent {
		e.errorf(codeWordValue, en.Value.Span(), "%s takes a number from 1 to %d", en.Words[0].Name, maxExtent)
		return 0, false
	}
	return n, true
}

// word checks one word of a section.
func (e *elab) word(out *section, en *dsl.Entry, phase string) {
	name := en.Words[0].Name
	w, known := words[name]
	if !known {
		var names []string
		for n := range words {
			names = append(names, n)
		}
		d := e.errorf(codeWord, en.Words[0].Span(), "%s is no word of schedules", name)
		if near := diag.Nearest(name, names); near != "" {
			d.Suggest(en.Words[0].Span(), near, "did you mean %s", near)
		}
		return
	}
	if w.families != "" && !slices.Contains(strings.Fields(w.families), family(out.name)) {
		e.errorf(codeWord, en.Words[0].Span(), "%s does not know the word %s", sectionName(out.name), name)
		return
	}
	var rest []string
	for _, id := range en.Words[1:] {
		rest = append(rest, id.Name)
	}
	value := strings.Join(rest, " ")
	wrong := func(form string) {
		e.errorf(codeWordValue, en.Span(), "%s is written %s", name, form)
	}
	switch w.form {
	case flagWord:
		if len(rest) > 0 || en.Value != nil || en.Place != nil {
			wrong(name + ", without more")
			return
		}
	case numberWord, optWord:
		if len(rest) > 0 || en.Place != nil || en.Unit != nil || en.Value == nil && w.form == numberWord {
			wrong(name + " = 2")
			return
		}
		if en.Value != nil {
			n, ok := e.entryNumber(en)
			if !ok {
				return
			}
			value = itoa(n)
		}
	case unitWord:
		if len(rest) > 0 || en.Place != nil || en.Value == nil || en.Unit == nil || unitThreads(en.Unit.Name) == 0 {
			wrong(name + " = 1 warp, or warpgroups, waves, threads")
			return
		}
		n, ok := e.entryNumber(en)
		if !ok {
			return
		}
		value = itoa(n) + " " + en.Unit.Name
	case nameWord:
		if len(rest) != 1 || en.Value != nil || en.Place != nil {
			wrong(name + " and a name")
			return
		}
	case placeWord:
		if len(rest) != 1 || en.Value != nil || en.Place == nil || en.Place.Name != "registers" && en.Place.Name != "shared" {
			wrong("keep x in registers, or in shared")
			return
		}
		value += " in " + en.Place.Name
	case splitWord:
		if len(rest) != 1 || en.Value == nil || en.Unit != nil || en.Place != nil {
			wrong("split n = 4")
			return
		}
		n, ok := e.entryNumber(en)
		if !ok {
			return
		}
		value += " = " + itoa(n)
	}
	out.words = append(out.words, typed.Word{Phase: phase, Name: name, Value: value, Span: en.Span()})
}

func sectionName(s string) string {
	if s == "default" {
		return "default, which is for all targets,"
	}
	return s
}

// tune checks what the tuner may try.
func (e *elab) tune(s *schedule, def *section) {
	for _, sec := range s.ast.Sections {
		if !sec.Tune {
			continue
		}
		for _, c := range sec.Choices {
			name := c.Name.Name
			if upper(name) {
				if def == nil || !slices.ContainsFunc(def.tiles, func(t tileEntry) bool { return t.name == name }) {
					e.errorf(codeTileDefault, c.Name.Span(), "tile size %s is not in default, which gives every tile size", name)
				}
			} else if w, ok := words[name]; !ok || w.form != numberWord && w.form != optWord {
				e.errorf(codeWord, c.Name.Span(), "%s is no word that tune may vary", name)
			}
			for _, r := range c.Ranges {
				for _, n := range []dsl.Expr{r.Lo, r.Hi} {
					if n == nil {
						continue
					}
					v := e.expr(n)
					if k, ok := v.constInt(); !v.bad() && (!ok || k < 1) {
						e.errorf(codeWordValue, n.Span(), "%s takes numbers from 1", name)
					}
				}
			}
		}
	}
}

// tiles are the tile sizes and words of one variant.
type tiles struct {
	names []string // in the order of default
	vals  map[string]int64
	used  map[string]bool
	words []typed.Word
}

// refine adds words; each replaces the same one of a section before.
func (t *tiles) refine(list []typed.Word) {
	for _, w := range list {
		t.words = slices.DeleteFunc(t.words, func(o typed.Word) bool {
			return o.Phase == w.Phase && o.Name == w.Name && words[w.Name].form <= unitWord
		})
		t.words = append(t.words, w)
	}
}

func (t *tiles) has(name string) bool { return t != nil && t.vals[name] > 0 }

// binds lists the tile sizes that the text reads.
func (t *tiles) binds() []ir.Bind {
	var out []ir.Bind
	for _, n := range t.names {
		if t.used[n] {
			out = append(out, ir.Bind{Name: n, Value: itoa(t.vals[n])})
		}
	}
	return out
}

// sectionFor is the section that refines default on a target: its own, else that of the nearest older chip of its
// family that is not an `a` one; nil if there is none.
func (s *schedule) sectionFor(target string) *section {
	if s == nil || target == "" || target == "interp" || target == "default" {
		return nil
	}
	if sec := s.section(target); sec != nil {
		return sec
	}
	i := slices.Index(Targets, target)
	for i--; i >= 0 && family(Targets[i]) == family(target); i-- {
		if strings.HasSuffix(Targets[i], "a") {
			continue
		}
		if sec := s.section(Targets[i]); sec != nil {
			return sec
		}
	}
	return nil
}

// tilesOf gives the tile sizes of a variant, nil where what is wanted does not exist.
func (e *elab) tilesOf(k *Kernel, b Bindings) *tiles {
	t := &tiles{vals: map[string]int64{}, used: map[string]bool{}}
	if b.Target != "" && b.Target != "default" && !slices.Contains(Targets, b.Target) {
		e.errorf(codeTarget, k.Span(), "there is no target %s", b.Target)
		return nil
	}
	for _, sec := range []*section{k.sched.section("default"), k.sched.sectionFor(b.Target)} {
		if sec == nil {
			continue
		}
		for _, te := range sec.tiles {
			if _, have := t.vals[te.name]; !have {
				t.names = append(t.names, te.name)
			}
			t.vals[te.name] = te.n
		}
		t.refine(sec.words)
	}
	t.refine(b.Words)
	for _, name := range sortedKeys(b.Tiles) {
		if _, have := t.vals[name]; !have {
			e.errorf(codeNoTile, k.Span(), "kernel %s has no tile size %s", k.Name, name)
			return nil
		}
		if n := b.Tiles[name]; n < 1 || n > maxExtent {
			e.errorf(codeWordValue, k.Span(), "tile size %s = %d is not in 1..%d", name, n, maxExtent)
			return nil
		}
		t.vals[name] = b.Tiles[name]
	}
	return t
}

// TileSize is a tile size of a kernel in its schedule's default.
type TileSize struct {
	Name string
	N    int64
}

// Tiles lists the tile sizes of default, in the order of the text; shared schedules may list some that this kernel does not use.
func (k *Kernel) Tiles() []TileSize {
	sec := k.sched.section("default")
	if sec == nil {
		return nil
	}
	out := make([]TileSize, len(sec.tiles))
	for i, t := range sec.tiles {
		out[i] = TileSize{t.name, t.n}
	}
	return out
}

// hasTile reports whether the schedule gives a tile size.
func (e *elab) hasTile(name string) bool {
	switch {
	case e.kernel != nil && e.kernel.k.ast == nil:
		// A function that nothing calls: its caller's schedule would give the tile sizes.
		return true
	case e.kernel != nil:
		return e.kernel.tiles.has(name)
	case e.test != nil:
		return e.test.tiles[name] > 0
	}
	return false
}

// tileSize resolves an upper-case name that nothing binds.
func (e *elab) tileSize(id *dsl.Ident) (value, bool) {
	at := id.Span()
	var n int64
	switch {
	case e.kernel != nil && e.kernel.tiles != nil:
		n = e.kernel.tiles.vals[id.Name]
		if n == 0 && e.kernel.k.ast == nil {
			return bad(at), true // its caller's schedule would give it
		}
		if n == 0 {
			ks := e.kernel
			if near := diag.Nearest(id.Name, e.names()); near != "" && e.local(near) != nil {
				break
			}
			d := e.errorf(codeNoTile, at, "nothing binds %s, and the schedule's default gives no tile size of that name", id.Name)
			switch {
			case ks.k.sched == nil:
				d.Note(ks.k.Span(), "kernel %s has no schedule: write `schedule %s { default { %s = 64 } }`", ks.k.Name, ks.k.Name, id.Name)
			case ks.k.sched.section("default") == nil:
				d.Note(ks.k.sched.ast.Span(), "the schedule has no default section")
			default:
				d.Note(ks.k.sched.section("default").at, "default stands here")
				if near := diag.Nearest(id.Name, ks.tiles.names); near != "" {
					d.Suggest(at, near, "did you mean %s", near)
				}
			}
			return bad(at), true
		}
		e.kernel.tiles.used[id.Name] = true
	case e.test != nil:
		n = e.test.tiles[id.Name]
	}
	if n == 0 {
		return value{}, false
	}
	v := constVal(intConst(n), at)
	v.tile, v.dim, v.ix = true, id.Name, affine.Unknown()
	return v, true
}

// RefusedSchedule reports that an error of this code refuses a schedule, not a text: with other tile sizes the kernel
// may be right.
func RefusedSchedule(code diag.Code) bool { return code == codeBytes || code == codeTooLarge }
