package expr

import (
	"slices"
	"strings"

	"github.com/tilec/tilec/ir/layout"
	"github.com/tilec/tilec/ir/layout/fragment"
)

// named is a call, or a name that stands for a value.
func (p *parser) named() (operand, error) {
	name, start, end := p.tok.text, p.tok.start, p.tok.end
	if err := p.next(); err != nil {
		return operand{}, err
	}
	open, closed := "(", ")"
	if name == "Swizzle" || name == "Sw" { // as CuTe writes and prints it: Swizzle<3,4,3>
		name, open, closed = "swizzle", "<", ">"
	}
	i := slices.IndexFunc(functions, func(f function) bool { return f.name == name })
	called, err := p.accept(open)
	switch {
	case err != nil:
		return operand{}, err
	case called && name == "replica":
		return p.replica(start)
	case called && i >= 0:
		return p.call(start, functions[i], closed)
	case called:
		return operand{}, p.failf(start, end, fragment.Unknown, "there is no operation %s%s", shortened(name), suggest(name, functionNames()))
	case i >= 0:
		return operand{}, p.failf(start, end, layout.Syntax, "%s is an operation: %s(%s)", name, name, functions[i].args)
	case name == "identity":
		return operand{layout.Swizzle{}, start, end}, nil
	case name == "true" || name == "false":
		return operand{Truth(name == "true"), start, end}, nil
	case name == "_":
		return operand{keep{}, start, end}, nil
	}
	f, err := fragment.Lookup(name)
	if err != nil {
		if near := suggest(name, functionNames()); near != "" || !strings.ContainsAny(name, "_.") {
			return operand{}, p.failf(start, end, fragment.Unknown, "there is nothing named %s%s", shortened(name), near)
		}
		return operand{}, p.at(start, end, err)
	}
	switch f.Kind {
	case fragment.Memory:
		return operand{f.Layout, start, end}, nil
	case fragment.Swizzle:
		return operand{f.Swizzle, start, end}, nil
	}
	return operand{f.Distribution, start, end}, nil
}

// call reads the arguments of an operation, and applies it.
func (p *parser) call(start int, f function, closed string) (operand, error) {
	if err := p.enter(); err != nil {
		return operand{}, err
	}
	defer p.leave()
	args, err := p.list(closed, (*parser).expression)
	if err != nil {
		return operand{}, err
	}
	if n := len(args); n < f.need || n > len(f.params) && !f.more {
		return operand{}, p.failf(start, p.last, layout.Syntax, "%s has %d arguments; it takes %s(%s)", f.name, n, f.name, f.args)
	}
	values := make([]any, len(args))
	for i, x := range args {
		if args[i], err = p.convert(x, f.params[min(i, len(f.params)-1)]); err != nil {
			return operand{}, err
		}
		values[i] = args[i].value
	}
	if f.apply == nil { // compose
		x := args[len(args)-1]
		for i := len(args) - 2; i >= 0; i-- {
			if x, err = p.compose(args[i], x); err != nil {
				return operand{}, err
			}
		}
		return operand{x.value, start, p.last}, nil
	}
	value, err := f.apply(values)
	return p.result(start, value, err)
}

// replica reads the arguments of a replica.
func (p *parser) replica(start int) (operand, error) {
	unit, ok := layout.UnitNamed(p.tok.text)
	if !ok || p.tok.kind != nameToken {
		return operand{}, p.unexpected("register, lane, warp or block")
	}
	if err := p.next(); err != nil {
		return operand{}, err
	}
	if err := p.expect(",", "behind the unit"); err != nil {
		return operand{}, err
	}
	if p.tok.kind != numberToken {
		return operand{}, p.unexpected("the number of replicas")
	}
	n := p.tok.number
	if err := p.next(); err != nil {
		return operand{}, err
	}
	if err := p.expect(")", "behind a replica"); err != nil {
		return operand{}, err
	}
	return operand{replicas{unit, n}, start, p.last}, nil
}

func functionNames() []string {
	var names []string
	for _, f := range functions {
		names = append(names, f.name)
	}
	return names
}

// suggest is the end of a message about a name that is not there: the one of some names that is nearest to it.
func suggest(name string, among []string) string {
	best, cost := "", len(name)/3+1
	for _, n := range among {
		if d := distance(strings.ToLower(name), n, cost); d < cost {
			best, cost = n, d
		}
	}
	if best == "" {
		return ""
	}
	return "; did you mean " + best + "?"
}

// distance is the number of letters to insert, delete or change, or limit if it is not less.
func distance(a, b string, limit int) int {
	if len(a) > 64 || max(len(a), len(b))-min(len(a), len(b)) >= limit {
		return limit
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		corner := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := corner + 1
			if a[i] == b[j] {
				cost = corner
			}
			corner = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return min(row[len(b)], limit)
}
