package llvm

import "strings"

// passes is the pipeline that a module goes through before code is made of it, in the spelling that opt's -passes and
// LLVMRunPasses share.
//
// It is LLVM's O2 without what the text has done already (inlining across functions, vectorising, unrolling beyond what
// loop metadata asks for), so that a module costs about half of what O2 takes, and no more code than it asks for: O2
// unrolls loops whose counts are not known, which makes registers spill that the text has counted. What is left serves
// text that is written without care for repetition: variables in memory become registers; equal and dead computations
// go; invariant ones leave loops; loops whose metadata says so are unrolled and simplified again.
func passes(major int) string {
	// From 18 on instcombine named on its own is checked to be at a fixpoint, and ends the process where it is not.
	combine := "instcombine<no-verify-fixpoint>"
	if major < 18 {
		combine = "instcombine"
	}
	return "always-inline,globaldce,function(" + strings.Join([]string{
		"sroa<modify-cfg>", "early-cse<memssa>", "simplifycfg", combine,
		"loop-mssa(loop-rotate,licm)",
		// Only loops whose metadata asks for it.
		"loop-unroll<O2;no-partial;no-runtime;no-peeling;no-upperbound;full-unroll-max=0>",
		"sroa<modify-cfg>", "early-cse<memssa>", combine,
		"gvn", "dse", "loop-mssa(licm)", "div-rem-pairs", "adce", "simplifycfg",
	}, ",") + ")"
}
