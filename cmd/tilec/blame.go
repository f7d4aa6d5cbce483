package main

import (
	"errors"

	"github.com/tilec/tilec/dsl"
	"github.com/tilec/tilec/dsl/diag"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/interp"
)

// faultCodes are the codes of what goes wrong while a kernel runs.
var faultCodes = map[interp.Kind]diag.Code{
	interp.BadArgs: "E0600", interp.Required: "E0601", interp.Bounds: "E0602", interp.Uninitialised: "E0603", interp.Race: "E0604",
	interp.DivideByZero: "E0605", interp.Asserted: "E0606", interp.Limit: "E0607", interp.Cancelled: "E0608",
	interp.Deadlock: "E0609",
}

// faultOf is the fault of the program in err; nil where there is none, or where it is tilec's own.
func faultOf(err error) *interp.Fault {
	var f *interp.Fault
	if !errors.As(err, &f) || f.Kind == interp.Internal {
		return nil
	}
	return f
}

// fault tells of a kernel that ended early, with the line it is about.
func (r *reporter) fault(err error) error {
	f := faultOf(err)
	switch {
	case f == nil:
		return err
	case f.Kind == interp.Cancelled && f.Pos == (ir.Pos{}):
		return errInterrupted
	}
	return r.all(r.faultList(f))
}

// faultList is a fault as a diagnostic.
func (r *reporter) faultList(f *interp.Fault) diag.List {
	var list diag.List
	message := f.Message
	if f.Kind == interp.Cancelled {
		message = "interrupted here"
	}
	d := list.Add(faultCodes[f.Kind], r.span(f.Pos, f.Kind), "%s", message)
	if f.Other != (ir.Pos{}) {
		d.Note(r.span(f.Other, f.Kind), "the other place")
	}
	return list
}

// span is the part of the text that begins at a position of an operation and that a fault of this kind is about: the
// access that goes wrong, the division by zero. Operations know only where their text begins.
func (r *reporter) span(p ir.Pos, kind interp.Kind) diag.Span {
	at := diag.Pos{Line: p.Line, Col: p.Col}
	found := diag.Span{File: p.File, Start: at, End: at}
	if kind == interp.Cancelled || kind == interp.Limit {
		return found
	}
	ast, ok := r.parsed[p.File]
	if !ok {
		ast, _ = dsl.Parse(p.File, r.source(p.File)) // what is wrong with it has been said
		r.parsed[p.File] = ast
	}
	if ast == nil {
		return found
	}
	dsl.Walk(ast, func(n dsl.Node) bool {
		s := n.Span()
		if s.Start.Line == p.Line && s.Start.Col == p.Col && about(n, kind) {
			found = s // the innermost comes last
		}
		return s.Start.Line <= p.Line && p.Line <= s.End.Line
	})
	return found
}

// about reports whether a node can be what a fault of this kind is about.
func about(n dsl.Node, kind interp.Kind) bool {
	switch kind {
	case interp.Bounds, interp.Uninitialised, interp.Race:
		_, is := n.(*dsl.Index)
		return is
	case interp.DivideByZero:
		b, is := n.(*dsl.Binary)
		return is && (b.Op == "/" || b.Op == "%")
	}
	_, is := n.(dsl.Expr)
	return is
}
