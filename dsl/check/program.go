package check

import (
	"cmp"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tilec/tilec/dsl"
	"github.com/tilec/tilec/dsl/diag"
	"github.com/tilec/tilec/dsl/typed"
	"github.com/tilec/tilec/ir/affine"
	"github.com/tilec/tilec/ir/dtype"
)

// Config says where sources are.
type Config struct {
	// FS, if not nil, is read instead of the operating system's files; paths are slash-separated.
	FS fs.FS
	// Bundled holds the kernels that come with the tool; imports are looked for there last.
	Bundled fs.FS
}

// Program is a set of loaded packages with all names of all declarations in place. It does not change any more; its
// methods and those of its parts may be used from several goroutines.
type Program struct {
	// Packages are those that were asked for, in that order; imported ones follow.
	Packages []*Package
	// Asked is the number of packages that were asked for.
	Asked   int
	sources map[string][]byte
}

// Source is the text of a file of the program, nil if it has none of that name.
func (p *Program) Source(file string) []byte { return p.sources[file] }

// Package is one folder of files.
type Package struct {
	Name string
	Dir  string

	Kernels   []*Kernel // in the order of files by name, then of the text
	Tests     []*Test
	files     []*file
	funcs     []*Func
	schedules []*dsl.Schedule
	names     map[string]*decl
	prog      *Program
}

// file is one source file with its imports.
type file struct {
	ast     *dsl.File
	pkg     *Package
	imports map[string]*Package
}

// decl is a package-level name.
type decl struct {
	name   string
	at     diag.Span
	file   *file
	konst  *constDecl
	fn     *Func
	kernel *Kernel
}

// constDecl is a package-level constant; its value is computed when the program is loaded.
type constDecl struct {
	expr  dsl.Expr
	state uint8 // 0 not yet, 1 being computed, 2 done
	val   value
}

// Func is a function of the program.
type Func struct {
	Name     string
	Package  *Package
	ast      *dsl.Func
	file     *file
	generics []*generic
}

// Kernel is a kernel of the program.
type Kernel struct {
	Name     string
	Package  *Package
	ast      *dsl.Kernel
	file     *file
	generics []*generic
	sched    *schedule // nil if the package has none for it
}

// Span is where the kernel's name stands.
func (k *Kernel) Span() diag.Span { return k.ast.Name.Span() }

// Doc is the comment above the kernel, without slashes.
func (k *Kernel) Doc() string { return k.ast.DocText() }

// Kernel finds a kernel of the package.
func (p *Package) Kernel(name string) *Kernel {
	for _, k := range p.Kernels {
		if k.Name == name {
			return k
		}
	}
	return nil
}

// loader loads packages; each folder once.
type loader struct {
	cfg    Config
	prog   *Program
	diags  diag.List
	dirs   map[string]*Package
	scheds []schedOf
}

// Load reads packages: each path is a folder, or a file, which stands for its folder. Where files of a folder name
// different packages, those of the first path into it that is a file count, else those of the first file; the others are
// one error, and not read further. The list has every error of the
// text that does not need a variant of a kernel: [Program.Check] finds the others. A path that cannot be read is an
// error without a position.
func Load(cfg Config, paths ...string) (*Program, diag.List) {
	l := &loader{cfg: cfg, prog: &Program{sources: map[string][]byte{}}, dirs: map[string]*Package{}}
	for _, p := range paths {
		dir, first := p, ""
		if strings.HasSuffix(p, ".tile") {
			dir, first = l.join(p, ".."), path.Base(filepath.ToSlash(p))
			if _, err := l.read(p); err != nil {
				l.diags.Add(codeFile, diag.Span{File: p}, "cannot read the file: %v", reason(err))
				continue
			}
		}
		l.load(source{dir: dir, first: first}, diag.Span{File: p})
	}
	l.prog.Asked = len(l.prog.Packages)
	l.imports()
	if l.prog.Packages != nil {
		l.constants()
		l.schedules()
	}
	return l.prog, l.diags.Sorted()
}

// LoadText loads one package from texts in memory: file name → text.
func LoadText(files map[string]string) (*Program, diag.List) {
	m := memory{}
	for name, text := range files {
		m[name] = text
	}
	return Load(Config{FS: m}, ".")
}

// source is a folder: of the files asked for, or of the bundled kernels.
type source struct {
	dir     string
	bundled bool
	first   string // the file whose package counts; "" if no file was asked for
}

func (l *loader) join(elem ...string) string {
	if l.cfg.FS != nil {
		return path.Join(elem...)
	}
	return filepath.Join(elem...)
}

func (l *loader) read(name string) ([]byte, error) {
	if l.cfg.FS != nil {
		return fs.ReadFile(l.cfg.FS, path.Clean(name))
	}
	return dsl.ReadSource(name)
}

// list gives the names of the .tile files of a folder, sorted.
func (l *loader) list(s source) ([]string, error) {
	var entries []fs.DirEntry
	var err error
	switch {
	case s.bundled:
		entries, err = fs.ReadDir(l.cfg.Bundled, s.dir)
	case l.cfg.FS != nil:
		entries, err = fs.ReadDir(l.cfg.FS, path.Clean(s.dir))
	default:
		entries, err = os.ReadDir(s.dir)
	}
	var names []string
	for _, e := range entries {
		if !e.IsDir() && strings.HasSuffix(e.Name(), ".tile") {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names, err
}

// key identifies a folder, however it is spelt.
func (l *loader) key(s source) string {
	switch {
	case s.bundled:
		return "bundled:" + s.dir
	case l.cfg.FS != nil:
		return path.Clean(s.dir)
	}
	if abs, err := filepath.Abs(s.dir); err == nil {
		return abs
	}
	return filepath.Clean(s.dir)
}

// load reads the package of a folder, nil if there is none.
func (l *loader) load(s source, from diag.Span) *Package {
	key := l.key(s)
	if pkg, ok := l.dirs[key]; ok {
		return pkg
	}
	l.dirs[key] = nil
	names, err := l.list(s)
	if err != nil {
		l.diags.Add(codeFile, from, "cannot read the folder %s: %v", s.dir, reason(err))
		return nil
	}
	if len(names) == 0 {
		l.diags.Add(codeFile, from, "the folder %s has no .tile file", s.dir)
		return nil
	}
	pkg := &Package{Dir: s.dir, names: map[string]*decl{}, prog: l.prog}
	for _, name := range names {
		full := l.join(s.dir, name)
		var text []byte
		if s.bundled {
			full = path.Join(s.dir, name)
			text, err = fs.ReadFile(l.cfg.Bundled, full)
		} else {
			text, err = l.read(full)
		}
		if err != nil {
			l.diags.Add(codeFile, diag.Span{File: full}, "cannot read the file: %v", reason(err))
			continue
		}
		l.prog.sources[full] = text
		ast, list := dsl.Parse(full, text)
		l.diags = append(l.diags, list...)
		pkg.files = append(pkg.files, &file{ast: ast, pkg: pkg, imports: map[string]*Package{}})
	}
	l.dirs[key] = pkg
	l.prog.Packages = append(l.prog.Packages, pkg)
	l.onePackage(pkg, l.join(s.dir, s.first))
	l.declare(pkg)
	return pkg
}

func reason(err error) string {
	var pe *fs.PathError
	if e, ok := err.(*fs.PathError); ok {
		pe = e
	}
	if pe != nil {
		return pe.Err.Error()
	}
	return err.Error()
}

// onePackage names a package and leaves out the files that name another one: first, if it is among the files, is right.
func (l *loader) onePackage(pkg *Package, first string) {
	var clause, other *dsl.Ident
	for _, f := range pkg.files {
		if id := f.ast.Package; id != nil && (clause == nil || f.ast.Name == first) {
			clause, pkg.Name = id, id.Name
		}
	}
	pkg.files = slices.DeleteFunc(pkg.files, func(f *file) bool {
		id := f.ast.Package
		if id == nil || id.Name == clause.Name {
			return false
		}
		if other == nil {
			other = id
		}
		return true
	})
	if other != nil {
		l.diags.Add(codePackage, other.Span(), "package %s stands in one folder with package %s: a folder is one package", other.Name, clause.Name).
			Note(clause.Span(), "package %s is named here", clause.Name)
	}
}

// declare enters the declarations of a package.
func (l *loader) declare(pkg *Package) {
	for _, f := range pkg.files {
		for _, d := range f.ast.Decls {
			l.declareOne(f, d)
		}
	}
	for _, s := range pkg.schedules {
		l.schedule(pkg, s)
	}
}

func (l *loader) declareOne(f *file, d dsl.Decl) {
	pkg := f.pkg
	switch d := d.(type) {
	case *dsl.Const:
		if len(d.Names) != len(d.Values) {
			l.diags.Add(codeCount, d.Span(), "%s for %s", plural(len(d.Values), "value"), plural(len(d.Names), "name"))
			return
		}
		for i, id := range d.Names {
			l.name(&decl{name: id.Name, at: id.Span(), file: f, konst: &constDecl{expr: d.Values[i]}})
		}
	case *dsl.Func:
		fn := &Func{Name: d.Name.Name, Package: pkg, ast: d, file: f}
		pkg.funcs = append(pkg.funcs, fn)
		fn.generics = l.generics(d.Generics, true)
		l.name(&decl{name: fn.Name, at: d.Name.Span(), file: f, fn: fn})
	case *dsl.Kernel:
		k := &Kernel{Name: d.Name.Name, Package: pkg, ast: d, file: f}
		pkg.Kernels = append(pkg.Kernels, k)
		k.generics = l.generics(d.Generics, false)
		l.name(&decl{name: k.Name, at: d.Name.Span(), file: f, kernel: k})
	case *dsl.Schedule:
		pkg.schedules = append(pkg.schedules, d)
	case *dsl.Test:
		pkg.Tests = append(pkg.Tests, &Test{Package: pkg, Bench: d.Bench, ast: d, file: f})
	}
}

func (l *loader) name(d *decl) {
	names := d.file.pkg.names
	if d.name == "_" {
		return
	}
	if old := names[d.name]; old != nil {
		l.diags.Add(codeRedeclared, d.at, "%s is declared twice in package %s", d.name, d.file.pkg.Name).
			Note(old.at, "%s was declared here", d.name)
		return
	}
	names[d.name] = d
}

// imports resolves the imports of all packages, loading what they name.
func (l *loader) imports() {
	for i := 0; i < len(l.prog.Packages); i++ {
		pkg := l.prog.Packages[i]
		for _, f := range pkg.files {
			for _, d := range f.ast.Decls {
				imp, ok := d.(*dsl.Import)
				if !ok || imp.Path == nil {
					continue
				}
				if to := l.find(pkg, imp); to != nil {
					name := path.Base(imp.Path.Value)
					if old := f.imports[name]; old != nil && old != to {
						l.diags.Add(codeRedeclared, imp.Span(), "two imports are named %s in this file: the last part of the path names a package", name)
						continue
					}
					f.imports[name] = to
				}
			}
		}
	}
	l.cycles()
	for _, pkg := range l.prog.Packages {
		for _, f := range pkg.files {
			for name := range f.imports {
				if d := pkg.names[name]; d != nil && d.file == f {
					l.diags.Add(codeRedeclared, d.at, "%s is also the name of an import of this file: give it another", name)
				}
			}
		}
	}
	for _, pkg := range l.prog.Packages {
		for _, t := range pkg.Tests {
			t.resolve(l)
		}
	}
}

// find looks for an imported folder upward from the package's own, then among the bundled kernels.
func (l *loader) find(pkg *Package, imp *dsl.Import) *Package {
	p := imp.Path.Value
	if p == "" || path.IsAbs(p) || path.Clean(p) != p || p == "." || strings.HasPrefix(p, "..") || strings.Contains(p, `\`) {
		l.diags.Add(codeImport, imp.Path.Span(), "the import path %q is not a plain relative folder", p)
		return nil
	}
	bundled := strings.HasPrefix(l.keyOf(pkg), "bundled:")
	if !bundled {
		dir := pkg.Dir
		for range 64 {
			s := source{dir: l.join(dir, p)}
			if names, err := l.list(s); err == nil && len(names) > 0 {
				return l.load(s, imp.Path.Span())
			}
			up := l.join(dir, "..")
			if l.key(source{dir: up}) == l.key(source{dir: dir}) || l.cfg.FS != nil && dir == "." {
				break
			}
			dir = up
		}
	}
	if l.cfg.Bundled != nil {
		s := source{dir: p, bundled: true}
		if names, err := l.list(s); err == nil && len(names) > 0 {
			return l.load(s, imp.Path.Span())
		}
	}
	l.diags.Add(codeImport, imp.Path.Span(), "no folder %q with .tile files upward of this file, nor among the bundled kernels", p)
	return nil
}

func (l *loader) keyOf(pkg *Package) string {
	for key, p := range l.dirs {
		if p == pkg {
			return key
		}
	}
	return ""
}

// cycles reports packages that import themselves.
func (l *loader) cycles() {
	const (
		active = 1
		done   = 2
	)
	state := map[*Package]int{}
	var visit func(pkg *Package)
	visit = func(pkg *Package) {
		state[pkg] = active
		for _, f := range pkg.files {
			for _, d := range f.ast.Decls {
				imp, ok := d.(*dsl.Import)
				if !ok || imp.Path == nil {
					continue
				}
				to := f.imports[path.Base(imp.Path.Value)]
				switch {
				case to == nil:
				case state[to] == active:
					l.diags.Add(codeImportCycle, imp.Path.Span(), "package %s imports %s, which imports it back", pkg.Name, to.Name)
				case state[to] == 0:
					visit(to)
				}
			}
		}
		state[pkg] = done
	}
	for _, pkg := range l.prog.Packages {
		if state[pkg] == 0 {
			visit(pkg)
		}
	}
}

// constants computes all package-level constants.
func (l *loader) constants() {
	for _, pkg := range l.prog.Packages {
		var list []*decl
		for _, d := range pkg.names {
			if d.konst != nil {
				list = append(list, d)
			}
		}
		slices.SortFunc(list, func(a, b *decl) int {
			return cmp.Or(cmp.Compare(a.at.File, b.at.File), cmp.Compare(a.at.Start.Offset, b.at.Start.Offset))
		})
		for _, d := range list {
			e := newElab(l.prog, d.file, &l.diags)
			protect(func() { e.packageConst(d) })
			if d.konst.state != 2 {
				d.konst.state, d.konst.val = 2, bad(d.at)
			}
		}
	}
}

// packageConst computes a constant of a package. A constant that needs itself is an error.
func (e *elab) packageConst(d *decl) value {
	c := d.konst
	switch c.state {
	case 1:
		e.errorf(codeConstCycle, d.at, "constant %s needs its own value", d.name)
		return bad(d.at)
	case 2:
		return c.val
	}
	c.state = 1
	was := e.scope
	e.scope = &scope{root: d.file.pkg, file: d.file}
	v := e.expr(c.expr)
	e.scope = was
	switch v.kind {
	case vConst, vType, vFunc:
	case vBad:
	default:
		e.errorf(codeNotConst, c.expr.Span(), "the value of constant %s is not known when compiling: it is made of literals, constants, types and functions", d.name)
		v = bad(d.at)
	}
	v.dim = ""
	c.val, c.state = v, 2
	return v
}

// newElab makes an elaborator that knows the names of a file.
func newElab(prog *Program, f *file, diags *diag.List) *elab {
	e := &elab{
		prog:  prog,
		diags: diags,
		space: affine.NewSpace(),
		facts: affine.NewFacts(),
		scope: &scope{root: f.pkg, file: f},
		axes:  map[*typed.Axis]*axis{},
	}
	e.out = new([]typed.Stmt)
	return e
}

// genericKind is what a generic may be bound to.
type genericKind uint8

const (
	anyGeneric genericKind = iota // no kind written: what its use says
	typeGeneric
	intGeneric
	boolGeneric
	funcGeneric
	axisGeneric
)

var genericNames = [...]string{"a value", "a type", "an integer", "a bool", "a function", "an axis"}

// generic is one compile-time parameter.
type generic struct {
	name string
	at   diag.Span
	ast  *dsl.Generic
	kind genericKind
	alts []*dsl.Alt // nil: any value of the kind
}

// generics reads the heads of a declaration's generics; alternatives are looked at where a value is bound.
func (l *loader) generics(list *dsl.Generics, function bool) []*generic {
	if list == nil {
		return nil
	}
	var out []*generic
	seen := map[string]*generic{}
	for _, g := range list.List {
		n := &generic{name: g.Name.Name, at: g.Name.Span(), ast: g}
		if k := g.Kind; k != nil {
			n.kind, n.alts = l.genericKind(k)
		}
		if n.kind == axisGeneric && !function {
			l.diags.Add(codeGenericKind, n.at, "an axis is a generic of functions only")
		}
		if old := seen[n.name]; old != nil {
			l.diags.Add(codeRedeclared, n.at, "generic %s is declared twice", n.name).Note(old.at, "%s was declared here", n.name)
			continue
		}
		seen[n.name] = n
		out = append(out, n)
	}
	return out
}

func (l *loader) genericKind(k *dsl.Kind) (genericKind, []*dsl.Alt) {
	switch k.Word {
	case "type":
		return typeGeneric, nil
	case "axis":
		return axisGeneric, nil
	}
	kind := anyGeneric
	for i, a := range k.Alts {
		got := funcGeneric
		switch lo := a.Lo.(type) {
		case *dsl.Number, *dsl.Unary:
			got = intGeneric
		case *dsl.Width:
			got = typeGeneric
		case *dsl.Ident:
			if len(k.Alts) == 1 && a.Hi == nil {
				switch lo.Name {
				case "int":
					return intGeneric, nil
				case "bool":
					return boolGeneric, nil
				}
			}
			if _, err := dtype.Parse(lo.Name); err == nil || lo.Name == "int" {
				got = typeGeneric
			}
		}
		if a.Hi != nil {
			got = intGeneric
		}
		if i > 0 && got != kind {
			l.diags.Add(codeGenericKind, a.Span(), "the alternatives of a generic are of one kind, not %s and %s", genericNames[kind], genericNames[got])
			return kind, k.Alts[:i]
		}
		kind = got
	}
	return kind, k.Alts
}
