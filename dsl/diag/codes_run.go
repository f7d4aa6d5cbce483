package diag

// runEntries explains the codes of what a kernel does wrong while it runs, E0600 and up.
func runEntries() []Entry {
	return []Entry{
		{
			Code: "E0600", Title: "an argument does not fit its parameter",
			Explanation: "The element type, rank or extents of an argument are not those of the kernel's parameter, or two arguments disagree about a dimension. The message names both.",
			Wrong:       "tilec run first.tile a=2 x=randn:100 y=randn:101    // x and y are over N",
			Right:       "tilec run first.tile a=2 x=randn:100 y=randn:100",
		},
		{
			Code: "E0601", Title: "a launch contract does not hold",
			Explanation: "A `require` at the top of the kernel is false for these arguments. The kernel was compiled assuming it, so nothing was run.",
			Wrong:       "kernel k(q f32[H], k f32[G]) (o f32[H]) {\n    require H % G == 0      // called with H = 6, G = 4\n    …",
			Right:       "call it with a multiple of G heads",
		},
		{
			Code: "E0602", Title: "a subscript is outside its tensor or tile",
			Explanation: "A subscript marked `unchecked` was outside, so the author's promise does not hold. On other targets the result would be undefined. Bound the index, or write `else`.",
			Wrong:       "y[t, d] = emb[ids[t], d] unchecked        // an id is -1",
			Right:       "y[t, d] = emb[ids[t], d] else 0",
		},
		{
			Code: "E0603", Title: "what is read was never written",
			Explanation: "Outputs and temps start undefined. The kernel reads an element that no earlier statement or phase has written; `+=` reads too. Clear it in an earlier phase, or take it as `inout`.",
			Wrong:       "kernel count(x i32[N]) (c i32[10]) {\n    parallel n in N by BN { c[x[n]] else skip += 1 }\n}",
			Right:       "kernel count(x i32[N]) (c i32[10]) {\n    parallel i in 10 { c[i] = 0 }\n    parallel n in N by BN { c[x[n]] else skip += 1 }\n}",
		},
		{
			Code: "E0604", Title: "two blocks of a phase meet in one element",
			Explanation: "Blocks run in any order and at once. Here two of them plainly store to one element, or one reads what another writes in the same phase, so the result would depend on luck. Split the phase, let each element belong to one block, or add with `+=`.",
			Wrong:       "parallel m in M by BM, n in N by BN { s[m] = sum[n](x[m, n]) }    // every block of n stores s[m]",
			Right:       "parallel m in M by BM {\n    t := f32[m](0)\n    for n in N by BN { t += sum[n](x[m, n]) }\n    s[m] = t\n}",
		},
		{
			Code: "E0605", Title: "an integer is divided by zero",
			Explanation: "`/` or `%` of integers had zero on its right side. Where the divisor can be zero, choose another with `select` or `max` first.",
			Wrong:       "y[n] = a[n] / b[n]              // b has a 0",
			Right:       "y[n] = a[n] / max(b[n], 1)",
		},
		{
			Code: "E0606", Title: "an assertion does not hold",
			Explanation: "An `assert` of the kernel was false for some element.",
			Wrong:       "assert(x[n] >= 0)               // x has a negative element",
			Right:       "assert(finite(x[n]))",
		},
		{
			Code: "E0607", Title: "the run needs too much memory or too many steps",
			Explanation: "A temp, a tile or the number of blocks and loop steps is beyond what this run may use. Take smaller tiles or arrays.",
			Wrong:       "temp t f32[N, N]                // with N = 1000000",
			Right:       "temp t f32[N, S]",
		},
		{
			Code: "E0608", Title: "the run was interrupted",
			Explanation: "The run was ended from outside, by an interrupt or a deadline. No output was written.",
		},
		{
			Code: "E0609", Title: "roles or channels wait for ever",
			Explanation: "A slot of a channel is waited for that nothing gives on: all roles wait, or slots are still held at the end of a block. The message says who waits for what, and where.",
			Wrong:       "kernel k(x f32[N]) (y f32[N]) {\n    parallel n in N by 64 {\n        c := chan f32[64] depth 1\n        c[n] <- x[n]\n        c[n] <- x[n]\n        y[n] = <-c[n]\n    }\n}",
			Right:       "kernel k(x f32[N]) (y f32[N]) {\n    parallel n in N by 64 {\n        c := chan f32[64] depth 1\n        c[n] <- x[n]\n        y[n] = <-c[n]\n    }\n}",
		},
		{
			Code: "E0610", Title: "an expectation fails",
			Explanation: "A kernel's result is not what the test expects: an integer differs, or a float by more than the bound that follows from the types, or than `within` allows. The message lists the first elements that fail, by index.",
			Wrong:       "expect scale(2, x) == 3 * x[N]",
			Right:       "expect scale(2, x) == 2 * x[N]",
		},
		{
			Code: "E0611", Title: "a statement of a test cannot be run",
			Explanation: "A subscript of the test is outside its tensor, a tensor is too large, or a kernel could not be launched. The message says which.",
		},
	}
}
