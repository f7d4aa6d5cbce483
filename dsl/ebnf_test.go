package dsl

import (
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/participle/v2/lexer"

	"github.com/tilec/tilec/dsl/diag"
)

// rule is a part of the grammar: exactly one of the fields is used.
type rule struct {
	terminal string // "x" with quotes, or a token class
	name     string
	seq      []*rule
	alts     []*rule
	option   *rule
	repeat   *rule
}

// readEBNF parses the text that EBNF returns.
func readEBNF(t *testing.T, text string) map[string]*rule {
	t.Helper()
	words := strings.Fields(text)
	next := func() string {
		w := words[0]
		words = words[1:]
		return w
	}
	var choice func() *rule
	sequence := func() *rule {
		r := &rule{}
		for {
			switch w := words[0]; w {
			case "|", ")", "]", "}", ".":
				return r
			case "(":
				next()
				r.seq = append(r.seq, choice())
				next()
			case "[":
				next()
				r.seq = append(r.seq, &rule{option: choice()})
				next()
			case "{":
				next()
				r.seq = append(r.seq, &rule{repeat: choice()})
				next()
			default:
				next()
				if w[0] == '"' || strings.ToLower(w) == w {
					r.seq = append(r.seq, &rule{terminal: w})
				} else {
					r.seq = append(r.seq, &rule{name: w})
				}
			}
		}
	}
	choice = func() *rule {
		r := &rule{alts: []*rule{sequence()}}
		for words[0] == "|" {
			next()
			r.alts = append(r.alts, sequence())
		}
		return r
	}
	rules := map[string]*rule{}
	for len(words) > 0 {
		name := next()
		if eq := next(); eq != "=" {
			t.Fatalf("%s: %q is no =", name, eq)
		}
		rules[name] = choice()
		if dot := next(); dot != "." {
			t.Fatalf("%s ends with %q", name, dot)
		}
	}
	return rules
}

// ll1 is the grammar with its FIRST sets.
type ll1 struct {
	rules map[string]*rule
	first map[string]map[string]bool
	empty map[string]bool
	memo  map[*rule]firstSet // once the sets are complete
}

type firstSet struct {
	set   map[string]bool
	empty bool
}

// class is what the parser sees of a terminal: contextual words are names.
func class(terminal string) string {
	switch terminal {
	case `"on"`, `"layout"`, `"of"`:
		return "ident"
	}
	return terminal
}

func newLL1(rules map[string]*rule) *ll1 {
	g := &ll1{rules: rules, first: map[string]map[string]bool{}, empty: map[string]bool{}}
	for changed := true; changed; {
		changed = false
		for name, r := range rules {
			first, empty := g.firstOf(r)
			if len(first) != len(g.first[name]) || empty != g.empty[name] {
				g.first[name], g.empty[name], changed = first, empty, true
			}
		}
	}
	g.memo = map[*rule]firstSet{}
	return g
}

// begin is firstOf, each rule once.
func (g *ll1) begin(r *rule) (map[string]bool, bool) {
	f, ok := g.memo[r]
	if !ok {
		f.set, f.empty = g.firstOf(r)
		g.memo[r] = f
	}
	return f.set, f.empty
}

// firstOf returns the terminals that r can begin with and whether it can be
// empty.
func (g *ll1) firstOf(r *rule) (map[string]bool, bool) {
	set := map[string]bool{}
	join := func(r *rule) bool {
		first, empty := g.firstOf(r)
		for t := range first {
			set[t] = true
		}
		return empty
	}
	switch {
	case r.terminal != "":
		set[class(r.terminal)] = true
		return set, false
	case r.name != "":
		return g.first[r.name], g.empty[r.name]
	case r.option != nil:
		join(r.option)
		return set, true
	case r.repeat != nil:
		join(r.repeat)
		return set, true
	case r.alts != nil:
		empty := false
		for _, a := range r.alts {
			if join(a) {
				empty = true
			}
		}
		return set, empty
	}
	for _, s := range r.seq {
		if !join(s) {
			return set, false
		}
	}
	return set, true
}

// conflicts checks every choice against what may follow it.
func (g *ll1) conflicts() []string {
	follow := map[string]map[string]bool{}
	for name := range g.rules {
		follow[name] = map[string]bool{}
	}
	follow["File"]["EOF"] = true
	var bad []string
	clash := func(where string, a, b map[string]bool) {
		for t := range a {
			if b[t] {
				bad = append(bad, where+": "+t)
			}
		}
	}
	union := func(a, b map[string]bool) map[string]bool {
		out := map[string]bool{}
		for t := range a {
			out[t] = true
		}
		for t := range b {
			out[t] = true
		}
		return out
	}
	var visit func(where string, r *rule, after map[string]bool, report bool)
	visit = func(where string, r *rule, after map[string]bool, report bool) {
		switch {
		case r.name != "":
			for t := range after {
				follow[r.name][t] = true
			}
		case r.option != nil || r.repeat != nil:
			inner := r.option
			if inner == nil {
				inner = r.repeat
				first, _ := g.firstOf(inner)
				visit(where, inner, union(first, after), report)
			} else {
				visit(where, inner, after, report)
			}
			first, empty := g.firstOf(inner)
			if report {
				clash(where, first, after)
				if empty {
					bad = append(bad, where+": an option of nothing")
				}
			}
		case r.alts != nil:
			seen := map[string]bool{}
			for _, a := range r.alts {
				first, empty := g.firstOf(a)
				if empty {
					first = union(first, after)
				}
				if report {
					clash(where, first, seen)
				}
				seen = union(seen, first)
				visit(where, a, after, report)
			}
		case r.seq != nil:
			for i, s := range r.seq {
				rest, empty := g.firstOf(&rule{seq: r.seq[i+1:]})
				if empty {
					rest = union(rest, after)
				}
				visit(where, s, rest, report)
			}
		}
	}
	size := func() int {
		n := 0
		for _, f := range follow {
			n += len(f)
		}
		return n
	}
	for before := -1; before != size(); {
		before = size()
		for name, r := range g.rules {
			visit(name, r, follow[name], false)
		}
	}
	for name, r := range g.rules {
		visit(name, r, follow[name], true)
	}
	slices.Sort(bad)
	return slices.Compact(bad)
}

// accepts reads tokens by the grammar, and returns where it stopped if it does.
func (g *ll1) accepts(tokens []lexer.Token) (int, bool) {
	pos := 0
	look := func() string {
		t := tokens[pos]
		switch t.Type {
		case lexer.EOF:
			return "EOF"
		case tokIdent:
			return "ident"
		case tokNumber:
			return "number"
		case tokString:
			return "string"
		case tokWidth:
			return "widthopen"
		}
		return `"` + t.Value + `"`
	}
	var walk func(r *rule) bool
	begins := func(r *rule) bool {
		first, empty := g.begin(r)
		return empty || first[look()]
	}
	walk = func(r *rule) bool {
		switch {
		case r.terminal != "":
			if class(r.terminal) != look() || class(r.terminal) != r.terminal && `"`+tokens[pos].Value+`"` != r.terminal {
				return false
			}
			pos++
			return true
		case r.name != "":
			return walk(g.rules[r.name])
		case r.option != nil:
			return !begins(r.option) || walk(r.option)
		case r.repeat != nil:
			for begins(r.repeat) {
				if !walk(r.repeat) {
					return false
				}
			}
			return true
		case r.alts != nil:
			for _, a := range r.alts {
				if first, _ := g.begin(a); first[look()] {
					return walk(a)
				}
			}
			for _, a := range r.alts {
				if _, empty := g.begin(a); empty {
					return walk(a)
				}
			}
			return false
		}
		for _, s := range r.seq {
			if !walk(s) {
				return false
			}
		}
		return true
	}
	ok := walk(g.rules["File"]) && tokens[pos].EOF()
	return pos, ok
}

// sentence draws a text of the grammar; depth bounds how far options are taken.
func (g *ll1) sentence(rng *rand.Rand) string {
	var b strings.Builder
	var walk func(r *rule, depth int)
	walk = func(r *rule, depth int) {
		few := func() int {
			if depth > 40 {
				return 0
			}
			return rng.Intn(3)
		}
		switch {
		case r.terminal != "":
			pick := func(words ...string) { b.WriteString(words[rng.Intn(len(words))] + " ") }
			switch r.terminal {
			case "ident":
				pick("x", "BM", "on", "layout", "of", "f32", "größe")
			case "number":
				pick("0", "42", "0x1f", "1.5", "1e-3", ".5", "1_000")
			case "string":
				pick(`"a/b"`, `"x\n"`)
			case "widthopen":
				pick("u{", "i{", "bp{")
			case `";"`:
				pick(";", "; // c\n")
			default:
				b.WriteString(strings.Trim(r.terminal, `"`) + " ")
			}
		case r.name != "":
			walk(g.rules[r.name], depth+1)
		case r.option != nil:
			if few() > 0 {
				walk(r.option, depth+1)
			}
		case r.repeat != nil:
			for range few() {
				walk(r.repeat, depth+1)
			}
		case r.alts != nil:
			i := rng.Intn(len(r.alts))
			if depth > 40 {
				i = len(r.alts) - 1
				if r.alts[0].seq[0].terminal != "" {
					i = 0
				}
			}
			walk(r.alts[i], depth+1)
		default:
			for _, s := range r.seq {
				walk(s, depth+1)
			}
		}
	}
	walk(g.rules["File"], 0)
	return b.String()
}

func tokensOf(src string) []lexer.Token {
	tokens, err := lexer.ConsumeAll(newScanner("x.tile", src))
	if err != nil {
		panic(err)
	}
	return tokens
}

// TestEBNF keeps grammar.ebnf and the page docs/language.md in step with the
// parser.
func TestEBNF(t *testing.T) {
	text := EBNF()
	golden(t, "grammar.ebnf", []byte(text))
	const page = "../docs/language.md"
	src, err := os.ReadFile(page)
	if os.IsNotExist(err) {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(src), "```ebnf\n")
	if !ok {
		t.Fatalf("%s has no ebnf block", page)
	}
	_, tail, _ := strings.Cut(rest, "```\n")
	golden(t, page, []byte(head+"```ebnf\n"+text+"```\n"+tail))
}

// TestKeywords holds the reserved words to those that the grammar quotes.
func TestKeywords(t *testing.T) {
	quoted := map[string]bool{}
	for _, m := range regexp.MustCompile(`"([a-z]+)"`).FindAllStringSubmatch(EBNF(), -1) {
		if class(m[0]) != "ident" {
			quoted[m[1]] = true
		}
	}
	entry, _ := diag.Lookup("E0012")
	for word := range keywords {
		if !quoted[word] {
			t.Errorf("%s is reserved and the grammar does not use it", word)
		}
		if !slices.Contains(strings.Fields(strings.ReplaceAll(entry.Explanation, ".", " ")), word) {
			t.Errorf("E0012 does not list %s", word)
		}
		delete(quoted, word)
	}
	for word := range quoted {
		t.Errorf("%s is not reserved", word)
	}
}

func TestLL1(t *testing.T) {
	g := newLL1(readEBNF(t, EBNF()))
	for name, r := range g.rules {
		var visit func(r *rule)
		visit = func(r *rule) {
			if r.name != "" && g.rules[r.name] == nil {
				t.Errorf("%s uses %s, which has no rule", name, r.name)
			}
			for _, s := range slices.Concat(r.seq, r.alts) {
				visit(s)
			}
			for _, s := range []*rule{r.option, r.repeat} {
				if s != nil {
					visit(s)
				}
			}
		}
		visit(r)
	}
	for _, c := range g.conflicts() {
		t.Error("not LL(1):", c)
	}
}

// TestSentences holds the parser to its grammar: what the grammar derives is
// parsed, and a text with a token dropped, doubled or exchanged is parsed
// exactly when the grammar accepts it.
func TestSentences(t *testing.T) {
	g := newLL1(readEBNF(t, EBNF()))
	rng := rand.New(rand.NewSource(1))
	rounds := 1500
	if testing.Short() {
		rounds = 100
	}
	check := func(src string) bool {
		tokens := tokensOf(src)
		pos, want := g.accepts(tokens)
		_, errs := Parse("x.tile", []byte(src))
		if got := len(errs) == 0; got != want {
			t.Errorf("grammar says %v (to %s), parser says %v: %v\n%s", want, tokens[pos].Pos, got, errs.Err(), src)
			return false
		}
		return true
	}
	refused, long := 0, 0
	for range rounds {
		src := g.sentence(rng)
		if len(src) > 4000 {
			long++
			continue
		}
		if _, ok := g.accepts(tokensOf(src)); !ok {
			t.Fatalf("the grammar does not accept its own sentence\n%s", src)
		}
		if !check(src) {
			return
		}
		words := strings.Split(src, " ")
		i, j := rng.Intn(len(words)), rng.Intn(len(words))
		switch rng.Intn(3) {
		case 0:
			words = slices.Delete(words, i, i+1)
		case 1:
			words = slices.Insert(words, i, words[j])
		case 2:
			words[i], words[j] = words[j], words[i]
		}
		src = strings.Join(words, " ")
		if !check(src) {
			return
		}
		if _, ok := g.accepts(tokensOf(src)); !ok {
			refused++
		}
	}
	if refused < rounds/4 || long > rounds/2 {
		t.Errorf("of %d sentences %d were too long and %d refused when changed", rounds, long, refused)
	}
}

// corpus returns texts without errors: the examples and the bundled kernels.
func corpus(t testing.TB) map[string][]byte {
	t.Helper()
	texts := map[string][]byte{}
	for _, f := range treeFiles(t) {
		texts[f.Name] = f.Data
	}
	paths, err := filepath.Glob("../kernels/*/*.tile")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		src, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		texts[path] = src
	}
	return texts
}

// TestCorpus parses real texts without an error, and the grammar accepts them.
func TestCorpus(t *testing.T) {
	g := newLL1(readEBNF(t, EBNF()))
	for name, src := range corpus(t) {
		f, errs := Parse(name, src)
		if err := errs.Err(); err != nil {
			t.Error(err)
			continue
		}
		checkTree(t, f, src)
		tokens := tokensOf(string(src))
		if pos, ok := g.accepts(tokens); !ok {
			t.Errorf("%s: the grammar stops at %s", name, tokens[pos].Pos)
		}
	}
}

// generated returns a text of n lines and more that looks like kernels.
func generated(n int) []byte {
	var b strings.Builder
	b.WriteString("package generated\n\n")
	for i := 0; strings.Count(b.String(), "\n") < n; i++ {
		fmt.Fprintf(&b, `// kernel %[1]d: a row of statements as people write them
kernel k%[1]d[T: f16 | bf16 | f32, D: int, causal: bool = false](
    q T[B, H, M, D], k T[B, G, N, D], w u{W}[N, K/G] packed, scale f32,
) (o T[B, H, M, D], lse f32[B, H, M]) {
    require H %% G == 0
    parallel b in B, h in H, m in M by BM {
        g := h / (H / G)
        lo := select(left < 0, 0, max(0, m.lo + (N - M) - left))
        hi := select(right < 0, N, min(N, m.hi + (N - M) + right))
        top := f32[m](lowest)   // finite
        den := f32[m](0)
        for n in lo..hi by BN {
            s := dot[D](q[b, h, m, D], k[b, g, n, D]) * scale
            if cap > 0 { s = cap * tanh(s / cap) }
            p := exp2(s * log2e - top)
            for e in 0..D/4 {
                i := pack[j](bit(w[n, g*G + e*4 + j], e))
                part += ((1 << e) as f32) * sum[n](table[e: i])
            }
            den = den * r + sum[n](p)
            acc = acc * r + dot[n](p as T, v[b, g, n, D])
        }
        o[b, h, m, D] = select(den > 0, acc / den, 0) as T
        lse[b, h, m] = (top + log2(den)) / log2e
    }
}

schedule k%[1]d {
    default { BM = 64, BN = 64 }
    sm_80   { BM = 128, BN = 64, warps = 4, stages = 3 }
}

`, i)
	}
	return []byte(b.String())
}

func BenchmarkParse(b *testing.B) {
	src := generated(5000)
	lines := strings.Count(string(src), "\n")
	if _, errs := Parse("x.tile", src); len(errs) > 0 {
		b.Fatal(errs.Err())
	}
	b.SetBytes(int64(len(src)))
	b.ReportAllocs()
	b.ResetTimer()
	for b.Loop() {
		Parse("x.tile", src)
	}
	b.ReportMetric(float64(lines*b.N)/b.Elapsed().Seconds(), "lines/s")
}
