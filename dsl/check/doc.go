// Package check turns source packages into diagnostics and checked trees.
//
// In go folders of .tile files ([Load]); out come a list of what is wrong with them ([Program.Check]), variants of
// kernels as trees of package typed ([Kernel.Instantiate]), what the arguments of a launch bind ([Kernel.BindArgs],
// [Sizes]), and the statements of tests and benches, one by one ([Test.Run]).
//
// Checking is per variant, as templates are: generics and tile sizes are values when a body is elaborated, functions are
// inlined, and what a compile-time condition excludes is looked at for its names only. Beside each integer expression
// stands what it is as an index (package ir/affine), so that subscripts can be proven inside. [Program.Check] elaborates
// a covering set of variants: every alternative of every generic, the tile sizes of every section.
//
// It always holds that
//
//   - a tree comes without errors, and an error without a tree: what is in a tree keeps every rule of the language;
//   - one mistake gives one error, at the place of the text it is about, and every code has a page and a test;
//   - a subscript that the tree calls proven is inside for all arguments that the launch accepts;
//   - no text makes the checker panic, hang, or use memory out of proportion: nesting, inlining, unrolling, constants,
//     axes and tiles are bounded;
//   - a [Program] does not change after Load: variants may be made from several goroutines, and the same bindings give
//     the same tree.
//
// What is where: program.go loads; elab.go has the state of an elaboration; expr.go, cast.go, call.go, builtins.go,
// reduce.go and subscript.go elaborate expressions; stmt.go, assign.go and control.go statements; kernel.go and phase.go
// what is special about kernels; test.go and generate.go about tests; schedule.go, generics.go, args.go what is bound;
// cases.go and variants.go choose variants; explicit.go is the explicit level.
package check
