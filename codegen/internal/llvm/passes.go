package llvm

import (
	"bytes"
	"strings"
)

// pipeline is what a module goes through before code is made of it, in the spelling that opt's -passes and LLVMRunPasses
// share.
//
// The text has done what LLVM's O2 spends its time on: it says which vectors there are, which loops are unrolled and which
// functions are one. So the passes are few: variables in memory become registers, equal and dead computations go,
// invariant ones leave loops. On the kernels of this project that takes a quarter of what making code takes; O2 takes as
// much again as that, for more instructions: it unrolls loops of unknown counts, whose registers the text has counted. GVN
// took as long as all others together and changed no instruction.
func pipeline(major int, unroll, reduce bool) string {
	// From 18 on instcombine named on its own is checked to be at a fixpoint, and ends the process where it is not.
	combine := "instcombine<no-verify-fixpoint>"
	if major < 18 {
		combine = "instcombine"
	}
	// Instcombine comes once, when invariant code has left the loops: what it makes of addresses before that keeps more of
	// them alive.
	passes := []string{"sroa<modify-cfg>", "early-cse<memssa>", "simplifycfg", "loop-mssa(loop-rotate,licm)", combine}
	if unroll {
		passes = append(passes, "loop-unroll<O2;no-partial;no-runtime;no-peeling;no-upperbound;full-unroll-max=0>", "sroa<modify-cfg>", combine)
	}
	passes = append(passes, "early-cse", "simplifycfg")
	if reduce {
		passes = append(passes, "loop(loop-reduce)")
	}
	return "always-inline,globaldce,function(" + strings.Join(passes, ",") + ")"
}

// settings are LLVM's own options for the making of code, as llc takes them. Loop strength reduction took an eighth of the
// time of a compile, and the bundled kernels' code has 1 % fewer instructions and a fifth fewer spills without it: it keeps
// a pointer in a register for each address that the text derives from another. It runs where the text asks for it.
var settings = []string{"-disable-lsr"}

// Reduce is the attribute of a function by which a module asks for loop strength reduction: a loop that does no more than
// read a stream waits for its addresses.
const Reduce = "reduce-strides"

// recipe names all of it, for the keys of objects.
func recipe(major int) string { return pipeline(major, true, true) + " " + strings.Join(settings, " ") }

// passes is the pipeline for a module: loops are unrolled where metadata asks for it, and only there.
func passes(major int, ir []byte) string {
	return pipeline(major, bytes.Contains(ir, []byte(`"llvm.loop.unroll.`)), bytes.Contains(ir, []byte(`"`+Reduce+`"`)))
}
