package main

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tilec/tilec/runtime/array"
)

// summary describes an output. Numbers that JSON lacks are nil.
type summary struct {
	Name   string   `json:"name"`
	Type   string   `json:"type"`
	Shape  []int64  `json:"shape"`
	Min    *float64 `json:"min"` // of the finite elements; nil if there is none
	Max    *float64 `json:"max"`
	Mean   *float64 `json:"mean"`
	NaN    int      `json:"nan"`
	Inf    int      `json:"inf"`
	Path   string   `json:"path,omitempty"`
	Agree  *bool    `json:"agree,omitempty"`   // with -check
	Differ *int     `json:"differ,omitempty"`  // with -check: how many elements differ by more than is allowed
	Error  *float64 `json:"error,omitempty"`   // with -check: |got − want| where it is nearest to what is allowed, or most above it
	Bound  *float64 `json:"allowed,omitempty"` // with -check: what is allowed there
	first  []float64
	count  int
}

// shownElements is how many elements of an output are printed.
const shownElements = 6

func summarise(name string, a *array.Array) summary {
	s := summary{Name: name, Type: a.Elem.String(), Shape: a.Shape, count: a.Len()}
	lo, hi, sum, n := math.Inf(1), math.Inf(-1), 0.0, 0
	values(a, func(at int, part []float64) {
		for _, v := range part {
			switch {
			case math.IsNaN(v):
				s.NaN++
			case math.IsInf(v, 0):
				s.Inf++
			default:
				lo, hi, sum, n = min(lo, v), max(hi, v), sum+v, n+1
			}
		}
		if at == 0 {
			s.first = slices.Clone(part[:min(len(part), shownElements)])
		}
	})
	if n > 0 {
		mean := sum / float64(n)
		s.Min, s.Max = &lo, &hi
		if !math.IsInf(mean, 0) {
			s.Mean = &mean
		}
	}
	return s
}

func (s summary) text() string {
	var b strings.Builder
	extents := make([]string, len(s.Shape))
	for i, d := range s.Shape {
		extents[i] = strconv.FormatInt(d, 10)
	}
	fmt.Fprintf(&b, "%s %s[%s]", s.Name, s.Type, strings.Join(extents, ", "))
	for _, f := range []struct {
		name string
		x    *float64
	}{{"min", s.Min}, {"max", s.Max}, {"mean", s.Mean}} {
		if f.x != nil {
			fmt.Fprintf(&b, "  %s %s", f.name, number(*f.x))
		}
	}
	if s.NaN > 0 {
		fmt.Fprintf(&b, "  %d nan", s.NaN)
	}
	if s.Inf > 0 {
		fmt.Fprintf(&b, "  %d inf", s.Inf)
	}
	if s.Path != "" {
		fmt.Fprintf(&b, "  -> %s", s.Path)
	} else if len(s.first) > 0 {
		shown := make([]string, len(s.first))
		for i, v := range s.first {
			shown[i] = number(v)
		}
		if s.count > len(s.first) {
			shown = append(shown, "...")
		}
		fmt.Fprintf(&b, "\n  [%s]", strings.Join(shown, " "))
	}
	return b.String()
}

// number is a value for people: whole numbers in full, inf and nan as the language writes them.
func number(x float64) string {
	switch {
	case math.IsNaN(x):
		return "nan"
	case math.IsInf(x, 1):
		return "inf"
	case math.IsInf(x, -1):
		return "-inf"
	case x == math.Trunc(x) && math.Abs(x) < 1e15:
		return strconv.FormatFloat(x, 'f', 0, 64)
	}
	return strconv.FormatFloat(x, 'g', 6, 64)
}

// print shows the results; it fails if a comparison did.
func (l *launch) print(results []*array.Array, compared []comparison, elapsed time.Duration, outs *defines, asJSON bool) error {
	failed := false
	list := make([]summary, len(results))
	for i, a := range results {
		s := summarise(l.outs[i].Name, a)
		if n := slices.Index(outs.names, s.Name); n >= 0 {
			s.Path = outs.values[n]
		}
		if compared != nil {
			c := &compared[i]
			agree := c.differ == 0
			failed = failed || !agree
			s.Agree, s.Differ, s.Bound = &agree, &c.differ, &c.may
			if !math.IsInf(c.off, 0) {
				s.Error = &c.off
			}
		}
		list[i] = s
	}
	var binds []string
	for _, b := range l.typed.Binds {
		binds = append(binds, b.Name+" = "+b.Value)
	}
	var err error
	if asJSON {
		err = json.NewEncoder(l.env.stdout).Encode(map[string]any{
			"kernel": l.typed.Package + "." + l.typed.Name, "target": l.on.Target(), "device": l.on.Name(), "binds": append([]string{}, binds...), "ns": elapsed.Nanoseconds(), "outputs": list,
		})
	} else {
		l.printText(list, compared, elapsed, binds)
	}
	if err == nil && failed {
		err = errSilent
	}
	return err
}

func (l *launch) printText(list []summary, compared []comparison, elapsed time.Duration, binds []string) {
	out := l.env.stdout
	fmt.Fprintf(out, "%s.%s on %s: %s\n", l.typed.Package, l.typed.Name, l.on.Name(), elapsed.Round(10*time.Microsecond))
	if len(binds) > 0 {
		fmt.Fprintf(out, "  with %s\n", strings.Join(binds, ", "))
	}
	if len(l.chosen) > 0 {
		fmt.Fprintf(out, "  (%s was chosen for the generated operands; -D says otherwise)\n", strings.Join(l.chosen, ", "))
	}
	for i, s := range list {
		fmt.Fprintln(out, s.text())
		if compared != nil {
			fmt.Fprintf(out, "  %s\n", compared[i].text())
		}
	}
}
