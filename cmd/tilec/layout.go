package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/bits"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/tilec/tilec/dsl/check"
	"github.com/tilec/tilec/dsl/typed"
	"github.com/tilec/tilec/ir/layout"
	"github.com/tilec/tilec/ir/layout/draw"
	"github.com/tilec/tilec/ir/layout/expr"
	"github.com/tilec/tilec/ir/layout/fragment"
)

func layoutCommand() *command {
	return &command{
		name:  "layout",
		args:  "EXPR | -json - | -list [WORD ...] | -value V FILE[:KERNEL]",
		short: "show what a layout is, and who holds what",
		long: `Evaluates an expression about layouts and prints the result, a table and what the colours in it mean; -svg draws an image.
A layout is written as in CuTe, (4,(2,3)):(1,(4,8)); a distribution of a tile over registers and lanes as
local(2,1) * spatial(8,4) * local(1,2); a swizzle stands before a layout, swizzle(3,4,3) o (8,64):(64,1); operands of matrix
instructions go by name, mma_m16n8k16_bf16.a. Operations, such as compose(A, B), are nested freely; docs/layouts.md has
them all. Quote the expression for your shell.

With -json - every line of the standard input is an expression, and gives an object in a line: "layout" and "values",
the offsets of all indices with the first mode fastest, or "error". Blank lines and lines that begin with # give nothing.

With -access a layout is memory that lanes share, whose offsets count elements, and the picture shows which banks an
instruction touches in each phase; -solve finds the layout with the fewest conflicts for all of some accesses.

With -value the pinned layout of a value of a kernel is shown.`,
		flags: func(fs *flag.FlagSet) func(*environment, []string) error {
			var c layoutCall
			fs.BoolVar(&c.asJSON, "json", false, "print a JSON object; with - in the place of the expression, one for every line of the input")
			fs.BoolVar(&c.svg, "svg", false, "draw an SVG image, on the standard output or with -o in a file")
			fs.StringVar(&c.out, "o", "", "the `file` for -svg")
			fs.IntVar(&c.width, "width", 0, "the `characters` of a line that a table may take (default: $COLUMNS, or 120)")
			list := fs.Bool("list", false, "list the operands of matrix instructions that go by name")
			kernel := fs.String("kernel", "", "the `kernel` of -value, where the file has several")
			value := fs.String("value", "", "show the pinned layout of this `value` of a kernel")
			fs.Var(&c.access, "access", "show the banks that an `instruction` touches: read, write, ldmatrix, stmatrix or one of the target's (repeatable, each with its -of)")
			fs.Var(&c.of, "of", "which elements the lanes move, with -access: a `distribution`, as mma_m16n8k16_bf16.a")
			fs.Int64Var(&c.bits, "bits", 0, "the `bits` of an element, with -access (default: those of the operand in -of)")
			fs.BoolVar(&c.solve, "solve", false, "find the swizzle, padding or rotation with the fewest conflicts, with -access")
			target := fs.String("target", "", "the target `name`: of -access (default: sm_80), or whose schedule gives tile sizes, with -value")
			var defs defines
			fs.Var(&defs, "D", "give a generic or a tile size, with -value, `name=value` (repeatable)")
			return func(env *environment, args []string) error {
				c.env = env
				c.target = cmp.Or(*target, "sm_80")
				if err := c.check(); err != nil {
					return err
				}
				switch {
				case *list:
					return c.list(args)
				case *value != "":
					if len(args) != 1 {
						return misusef("name one .tile file")
					}
					return c.pinned(args[0], *kernel, *value, &defs, cmp.Or(*target, "interp"))
				case *kernel != "" || len(defs.names) > 0:
					return misusef("-kernel and -D go with -value")
				case *target != "" && len(c.access) == 0:
					return misusef("-target goes with -access or -value")
				case len(args) == 1 && args[0] == "-":
					if !c.asJSON {
						return misusef("- reads expressions with -json alone")
					}
					return c.stream(env.stdin)
				case len(args) == 0:
					return misusef("give an expression, such as '(4,8):(8,1)'")
				}
				return c.one(strings.Join(args, " "))
			}
		},
	}
}

// A layoutCall is one call of the command.
type layoutCall struct {
	env         *environment
	asJSON, svg bool
	out         string
	width       int

	access, of repeated // of each access
	bits       int64    // of an element; 0: as the operands say
	target     string
	solve      bool
}

// repeated are the values of a flag that may be given several times.
type repeated []string

func (r *repeated) String() string { return "" }

func (r *repeated) Set(text string) error {
	*r = append(*r, text)
	return nil
}

func (c *layoutCall) check() error {
	switch {
	case c.asJSON && c.svg:
		return misusef("-json and -svg are two kinds of output")
	case c.out != "" && !c.svg:
		return misusef("-o goes with -svg")
	case len(c.access) != len(c.of):
		return misusef("-access INSTRUCTION and -of DISTRIBUTION go together")
	case len(c.access) > 0 && c.asJSON:
		return misusef("-access has no JSON")
	case c.bits < 0 || c.bits > 0 && len(c.access) == 0:
		return misusef("-bits is the width of the elements of -access")
	case c.solve && len(c.access) == 0:
		return misusef("-solve goes with -access")
	case len(c.access) > 1 && c.svg:
		return misusef("an image shows one -access")
	case c.width < 0:
		return misusef("-width %d", c.width)
	}
	if c.width == 0 {
		c.width = 120
		if n, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && n > 0 {
			c.width = n
		}
	}
	return nil
}

// one shows the value of an expression.
func (c *layoutCall) one(text string) error {
	v, err := expr.Eval(text)
	if c.asJSON {
		if _, e := c.env.stdout.Write(layoutObject(nil, v, err)); e != nil || err == nil {
			return e
		}
		return errSilent
	}
	if err != nil {
		return located("", text, err)
	}
	if len(c.access) > 0 {
		l, ok := v.(layout.Layout)
		if !ok {
			return misusef("-access is to a layout in memory; %s is none", text)
		}
		return c.banks(text, l)
	}
	return c.show(text, v)
}

// located is the error of an expression with the place.
func located(of, text string, err error) error {
	if of != "" {
		err = fmt.Errorf("%s: %w", of, err)
	}
	if e := (*expr.Error)(nil); errors.As(err, &e) {
		return fmt.Errorf("%w\n    %s", err, strings.ReplaceAll(e.Mark(text), "\n", "\n    "))
	}
	return err
}

// list prints the names of fragments that contain a word, or all.
func (c *layoutCall) list(words []string) error {
	var b strings.Builder
	for _, name := range fragment.Names() {
		f, err := fragment.Lookup(name)
		if err != nil {
			return err
		}
		has := func(word string) bool { return strings.Contains(name, word) }
		if !slices.ContainsFunc(words, func(word string) bool { return !has(word) }) {
			fmt.Fprintf(&b, "%-40s %s of %v, %v\n", name, strings.Join(f.Axes, " "), f.Type, f.Kind)
		}
	}
	if b.Len() == 0 {
		return fmt.Errorf("no name has %s in it", strings.Join(words, " and "))
	}
	_, err := io.WriteString(c.env.stdout, b.String())
	return err
}

// show prints or draws a value.
func (c *layoutCall) show(title string, v expr.Value) error {
	var p draw.Picture
	switch v := v.(type) {
	case layout.Layout:
		p = draw.Layout(v)
	case layout.Distribution:
		p = draw.Distribution(v)
		if f, err := fragment.Lookup(strings.TrimSpace(title)); err == nil {
			p.Axes(f.Axes)
			p.Facts = append(p.Facts, fragmentFact(f))
		}
	default:
		if c.svg {
			return misusef("%v has no picture; a swizzle is drawn with the layout that it is applied to, as in swizzle(3,0,3) o (8,8):(8,1)", v)
		}
		p.Title = v.String()
		if s, ok := v.(layout.Swizzle); ok {
			p.Facts = swizzleFacts(s)
		}
	}
	return c.picture(title, p)
}

// fragmentFact says what is known of an operand beside its layout.
func fragmentFact(f fragment.Fragment) string {
	fact := f.Type.String()
	if f.Registers > 0 {
		fact += fmt.Sprintf(" in %s of 32 bits", counted(int(f.Registers), "register"))
	}
	if f.Note != "" {
		fact += "; " + f.Note
	}
	return fact
}

// picture prints a picture, or writes it as an image.
func (c *layoutCall) picture(title string, p draw.Picture) error {
	if !c.svg {
		return p.Text(c.env.stdout, c.width, c.env.colourOut)
	}
	if title != p.Title {
		p.Facts = append([]string{p.Title}, p.Facts...)
		p.Title = title
	}
	if c.out == "" {
		return p.SVG(c.env.stdout)
	}
	var b strings.Builder
	if err := p.SVG(&b); err != nil {
		return err
	}
	c.env.files.Lock()
	defer c.env.files.Unlock()
	if info, err := os.Stat(c.out); err == nil && info.IsDir() {
		return misusef("-o %s is a folder; name an .svg file", c.out)
	}
	if err := replaceFile(c.out, []byte(b.String())); err != nil {
		return err
	}
	_, err := fmt.Fprintf(c.env.stdout, "wrote %s\n", c.out)
	return err
}

// swizzleFacts says where a linear swizzle sends the bits that it moves.
func swizzleFacts(s layout.Swizzle) []string {
	var facts []string
	for k := 0; s.IsLinear() && k < s.Bits(); k++ {
		if s.Column(k) == 1<<k {
			continue
		}
		var to []string
		for c := uint64(s.Column(k)); c != 0; c &= c - 1 {
			to = append(to, strconv.Itoa(bits.TrailingZeros64(c)))
		}
		if len(to) == 0 {
			to = []string{"none"}
		}
		facts = append(facts, fmt.Sprintf("bit %d of an offset goes to bits %s", k, strings.Join(to, ", ")))
	}
	return facts
}

// stream evaluates every line of a text, and writes an object for each. It goes on after errors, which are answers too.
func (c *layoutCall) stream(in io.Reader) error {
	lines := bufio.NewReaderSize(in, expr.MaxText+2) // with the end of the line
	var object []byte
	for {
		line, err := lines.ReadSlice('\n')
		if c.env.ctx.Err() != nil {
			return errInterrupted
		}
		tooLong := false
		for errors.Is(err, bufio.ErrBufferFull) {
			tooLong = true
			_, err = lines.ReadSlice('\n')
		}
		if err != nil && err != io.EOF {
			return fmt.Errorf("cannot read the expressions: %w", err)
		}
		text := strings.TrimRight(string(line), "\r\n")
		if at := strings.TrimSpace(text); at != "" && at[0] != '#' {
			if tooLong {
				object = layoutObject(object[:0], nil, &layout.Error{Reason: layout.Overflow, Offset: expr.MaxText,
					Text: fmt.Sprintf("the line has more than %d bytes", expr.MaxText)})
			} else {
				v, err := expr.Eval(text)
				object = layoutObject(object[:0], v, err)
			}
			if _, err := c.env.stdout.Write(object); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
	}
}

// maxValues is how many offsets an object has at most.
const maxValues = 1 << 20

// layoutObject appends the JSON object of a value, or of an error, and the end of the line.
func layoutObject(to []byte, v expr.Value, err error) []byte {
	field := func(name string, value any) {
		text, _ := json.Marshal(value) // of texts and numbers, which cannot fail
		to = append(strconv.AppendQuote(to, name), ':')
		to = append(to, text...)
	}
	to = append(to, '{')
	if err != nil {
		field("error", err.Error())
		if e := (*layout.Error)(nil); errors.As(err, &e) {
			to = append(to, ',')
			field("reason", e.Reason)
			to = append(to, ',')
			field("offset", e.Offset)
		}
		return append(to, '}', '\n')
	}
	l, ok := v.(layout.Layout)
	switch v := v.(type) {
	case layout.Distribution:
		l, ok = v.Layout(), true
		field("layout", v.String())
		to = append(to, ',')
		field("tile", append([]int64{}, v.Tile()...))
	case layout.Layout:
		field("layout", v.String())
	case layout.Swizzle:
		field("swizzle", v.String())
		if bits := v.Bits(); v.IsLinear() && bits < layout.MaxBits { // of the offsets that it moves
			if every, err := layout.New(layout.Int(1<<bits), layout.Int(1)); err == nil {
				if l, err = layout.WithSwizzle(v, every); err == nil {
					ok = true
					to = append(to, ',')
					field("layout", l.String())
				}
			}
		}
	default:
		field("value", v)
	}
	switch {
	case ok && l.Size() <= maxValues:
		to = append(to, `,"values":[`...)
		for i, x := range l.Values() {
			if i > 0 {
				to = append(to, ',')
			}
			to = strconv.AppendInt(to, x, 10)
		}
		to = append(to, ']')
	case ok:
		to = append(to, ',')
		field("size", l.Size())
		to = append(to, ',')
		field("omitted", fmt.Sprintf("the values, of which there are more than %d", maxValues))
	}
	return append(to, '}', '\n')
}

// pinned shows the layout that a kernel's text gives a value.
func (c *layoutCall) pinned(arg, kernel, value string, defs *defines, target string) error {
	if _, named := splitKernel(arg); kernel != "" {
		if named != "" && named != kernel {
			return misusef("%s and -kernel %s name two kernels", arg, kernel)
		}
		if named == "" {
			arg += ":" + kernel
		}
	}
	if err := checkSchedule(target); err != nil {
		return err
	}
	report := newReporter(c.env, c.asJSON)
	k, err := loadKernel(report, arg)
	if err != nil {
		return err
	}
	b, err := defs.bindings(k, targetOf(target))
	if err != nil {
		return err
	}
	for _, g := range k.Generics() {
		if _, bound := b.Generics[g.Name]; !bound && !g.Default {
			return unbound(&check.Unbound{Kernel: k.Name, Generic: g.Name, Kind: g.Kind})
		}
	}
	pins, diags := k.Pins(b)
	if diags.HasErrors() {
		return report.all(diags)
	}
	var names []string
	var found []typed.Pin
	for _, p := range pins {
		names = append(names, p.Value)
		if p.Value == value {
			found = append(found, p)
		}
	}
	switch {
	case len(names) == 0:
		return fmt.Errorf("kernel %s pins no layout; layouts of other values are derived for GPU targets, which do not exist yet (docs/limits.md)", k.Name)
	case len(found) == 0:
		return fmt.Errorf("kernel %s pins no layout of %s%s, but of %s; other layouts are derived for GPU targets, which do not exist yet (docs/limits.md)", k.Name, value, nearest(value, names), listed(names))
	}
	if c.svg && len(found) > 1 {
		return fmt.Errorf("kernel %s pins %d layouts of %s; an image shows one", k.Name, len(found), value)
	}
	for i, pin := range found {
		if c.asJSON {
			if _, err := c.env.stdout.Write(layoutObject(nil, pin.Layout, nil)); err != nil {
				return err
			}
			continue
		}
		if i > 0 {
			fmt.Fprintln(c.env.stdout)
		}
		p := draw.Distribution(pin.Layout)
		axes := make([]string, len(pin.Axes))
		for i, a := range pin.Axes {
			axes[i] = a.Name
		}
		p.Axes(axes)
		p.Facts = append([]string{fmt.Sprintf("%v: %s[%s]", pin.Span, value, strings.Join(axes, ", "))}, p.Facts...)
		if err := c.picture(fmt.Sprintf("%s[%s] of %s", value, strings.Join(axes, ", "), k.Name), p); err != nil {
			return err
		}
	}
	return nil
}
