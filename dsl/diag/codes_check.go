package diag

// checkEntries explains the codes of the checker, E0200 to E0599. Wrong and Right are whole declarations, or statements
// of a phase over
//
//	kernel k(x f32[M, N], ids i32[M], s f16[M], w u4[M, N], a f32) (y f32[M, N])
//
// in which m and n are spans of 64; a test of the checker runs them all.
func checkEntries() []Entry {
	return []Entry{
		{
			Code: "E0200", Title: "a file or folder that cannot be read",
			Explanation: "A package is a folder with .tile files in it. The path given on the command line does not exist, is no " +
				"folder with such files, or may not be read.",
		},
		{
			Code: "E0201", Title: "two packages in one folder",
			Explanation: "All files of a folder are one package and begin with the same package clause. Move the other files to a " +
				"folder of their own.",
		},
		{
			Code: "E0202", Title: "an import that is not found",
			Explanation: "An import path is a folder, looked for in the folder of the importing file, then in each folder above it, " +
				"then among the bundled kernels. It is relative and has no `..` in it.",
			Wrong: "import \"no/such/folder\"",
			Right: "import \"lib\"",
		},
		{
			Code: "E0203", Title: "packages that import each other",
			Explanation: "Imports form no circle. Move what both packages need to a third one.",
		},
		{
			Code: "E0204", Title: "a name declared twice",
			Explanation: "A name means one thing where it is live. A local name may hide a builtin or a name of its package, but " +
				"never a live local; assign with = instead of := if the same variable is meant.",
			Wrong: "v := x[m, n]\nv := a",
			Right: "v := x[m, n]\nv = a",
		},
		{
			Code: "E0205", Title: "a name that nothing declares",
			Explanation: "Every name is declared: by a parameter, a generic, a shape, :=, axis, const, a loop, a declaration of the " +
				"package, or the language. A variable is declared by its first assignment with :=.",
			Wrong: "y[m, n] = tan(x[m, n])",
			Right: "y[m, n] = tanh(x[m, n])",
		},
		{
			Code: "E0206", Title: "a name of the wrong case",
			Explanation: "Dimensions and tile sizes begin with an upper-case letter; variables, spans, axes and parameters with a " +
				"lower-case one. A reader sees from the name alone whether it is known before the kernel runs.",
			Wrong: "V := x[m, n]",
			Right: "v := x[m, n]",
		},
		{
			Code: "E0207", Title: "something that is not a value",
			Explanation: "Types, functions, packages, kernels and whole tensors are not values. A tensor is subscripted, a function " +
				"called. In tests, where all dimensions are known, a whole tensor is a value.",
			Wrong: "y[m, n] = x + 1",
			Right: "y[m, n] = x[m, n] + 1",
		},
		{
			Code: "E0208", Title: "a dot behind something without parts",
			Explanation: "A dot stands between a package and its name, behind an axis for its bounds (m.lo, m.hi), and in the atomics " +
				"(atomic.add). Nothing else has parts.",
			Wrong: "for j in 0..m.len { y[m, n] = x[m, n] }",
			Right: "for j in 0..m.hi - m.lo { y[m, n] = x[m, n] }",
		},
		{
			Code: "E0209", Title: "a function that calls itself",
			Explanation: "Functions are inlined where they are called, so a chain of calls cannot come back to its beginning. Write a loop.",
			Wrong:       "func f(v f32) f32 { return f(v) + 1 }\n\nkernel k(x f32[N]) (y f32[N]) {\n    parallel n in N by 64 { y[n] = f(x[n]) }\n}",
			Right:       "func f(v f32) f32 { return v + 1 }\n\nkernel k(x f32[N]) (y f32[N]) {\n    parallel n in N by 64 { y[n] = f(x[n]) }\n}",
		},
		{
			Code: "E0210", Title: "a text that expands too far",
			Explanation: "Calls are inlined and loops of tests unrolled. What comes out is bounded: 500,000 steps, calls 64 deep, " +
				"65,536 rounds of one loop of a test.",
		},
		{
			Code: "E0211", Title: "an axis or tile too large",
			Explanation: "An axis has at most 2^24 indices, and a tile at most 2^24 elements, all its axes together. Tiles are what one " +
				"block holds at once: loop over spans of a long dimension.",
			Wrong: "axis j = 100000000\ny[m, n] = sum[j](x[m, n] + j as f32)",
			Right: "axis j = 100\ny[m, n] = sum[j](x[m, n] + j as f32)",
		},
		{
			Code: "E0212", Title: "a result without a value",
			Explanation: "A named result of a function is assigned before it is read, and before the function ends.",
			Wrong:       "func f(v f32) (r f32) { _ = v }\n\nkernel k(x f32[N]) (y f32[N]) {\n    parallel n in N by 64 { y[n] = f(x[n]) }\n}",
			Right:       "func f(v f32) (r f32) { r = v }\n\nkernel k(x f32[N]) (y f32[N]) {\n    parallel n in N by 64 { y[n] = f(x[n]) }\n}",
		},
		{
			Code: "E0213", Title: "a value that is not used",
			Explanation: "An expression stands alone only for its effect: a call of print, assert or an atomic.",
			Wrong:       "x[m, n] + 1",
			Right:       "y[m, n] = x[m, n] + 1",
		},
		{
			Code: "E0220", Title: "a constant expression without a value",
			Explanation: "Constants are exact and computed when compiling. Division by zero, shifts by negative counts, operators on " +
				"kinds that do not have them, and numbers of thousands of digits have no value.",
			Wrong: "const c = 1 / 0",
			Right: "const c = 1 / 2.0",
		},
		{
			Code: "E0221", Title: "a value that must be known when compiling",
			Explanation: "Constants, widths of spans, lengths of axes, widths of types and generics are known when compiling: made of " +
				"literals, constants, generics and tile sizes. Dimensions of tensors are known at launch only.",
			Wrong: "axis j = N",
			Right: "axis j = 16",
		},
		{
			Code: "E0222", Title: "a constant that needs itself",
			Explanation: "Constants of a package may stand in any order, but none may need its own value.",
			Wrong:       "const a = b + 1\nconst b = a - 1",
			Right:       "const a = b + 1\nconst b = 1",
		},
		{
			Code: "E0223", Title: "a constant that its type does not hold",
			Explanation: "An untyped number takes the type of the other operand, the variable or the parameter, which must hold it: 300 " +
				"is no u8, 0.5 no integer, inf nothing that has no infinity. `as` rounds and saturates where that is meant.",
			Wrong: "v := ids[m]\nv = 0.5",
			Right: "v := ids[m]\nv = 5",
		},
		{
			Code: "E0224", Title: "numbers of names and values that differ",
			Explanation: "An assignment has as many values on the right as names on the left, or one call with as many results.",
			Wrong:       "v, u := x[m, n]",
			Right:       "v, u := x[m, n], a",
		},
		{
			Code: "E0225", Title: "a generic bound to the wrong kind",
			Explanation: "A generic is a type, an integer, a bool, a function or, of functions only, an axis; its alternatives are all of " +
				"one kind, and what it is bound to is of that kind.",
			Wrong: "const W = 4\ny[m, n] = fold[W](x[m, n])\n\n// with\n\nfunc fold[T: type](v T) T { return v }",
			Right: "y[m, n] = fold[f32](x[m, n])\n\n// with\n\nfunc fold[T: type](v T) T { return v }",
		},
		{
			Code: "E0226", Title: "a generic that does not exist",
			Explanation: "In brackets behind a function or kernel stand its generics, by position or as name = value, each at most once.",
			Wrong:       "y[m, n] = fold[U = f32](x[m, n])\n\n// with\n\nfunc fold[T: type](v T) T { return v }",
			Right:       "y[m, n] = fold[T = f32](x[m, n])\n\n// with\n\nfunc fold[T: type](v T) T { return v }",
		},
		{
			Code: "E0227", Title: "a generic bound to none of its alternatives",
			Explanation: "A generic with alternatives, as T: f16 | f32 or W: 1..8, takes one of them and nothing else.",
			Wrong:       "y[m, n] = fold[f64](x[m, n])\n\n// with\n\nfunc fold[T: f16 | f32](v T) T { return v }",
			Right:       "y[m, n] = fold[f32](x[m, n])\n\n// with\n\nfunc fold[T: f16 | f32](v T) T { return v }",
		},
		{
			Code: "E0228", Title: "a generic that nothing binds",
			Explanation: "A generic is bound by an argument whose type or dimension names it, else in brackets, else by its default.",
			Wrong:       "y[m, n] = grow(x[m, n])\n\n// with\n\nfunc grow[C: int](v f32) f32 { return v * C }",
			Right:       "y[m, n] = grow[3](x[m, n])\n\n// with\n\nfunc grow[C: int](v f32) f32 { return v * C }",
		},
		{
			Code: "E0229", Title: "something called that cannot be, or with wrong brackets",
			Explanation: "Functions and builtins are called, and reductions, scans and dot take axes in brackets. Other builtins take " +
				"nothing there.",
			Wrong: "y[m, n] = exp[n](x[m, n])",
			Right: "y[m, n] = exp(x[m, n])",
		},
		{
			Code: "E0230", Title: "a wrong number of arguments",
			Explanation: "A function takes as many arguments as it has parameters; some builtins take more than one number of them.",
			Wrong:       "y[m, n] = clamp(x[m, n], 0)",
			Right:       "y[m, n] = clamp(x[m, n], 0, 1)",
		},
		{
			Code: "E0231", Title: "an argument of the wrong kind",
			Explanation: "A parameter with dimensions takes a tensor of that element type; one without takes a scalar or a tile.",
			Wrong:       "y[m, n] = first(x[m, n])\n\n// with\n\nfunc first(t f32[A, B]) f32 { return t[0, 0] else 0 }",
			Right:       "y[m, n] = first(x)\n\n// with\n\nfunc first(t f32[A, B]) f32 { return t[0, 0] else 0 }",
		},
		{
			Code: "E0232", Title: "a parameter that cannot be",
			Explanation: "Parameters have types. Outputs are tensors; packed is for inputs of kernels, not with strided; inout, packed " +
				"and strided are for kernels.",
			Wrong: "kernel k(x f32[N]) (y f32) {\n    parallel n in N by 64 { y = x[n] }\n}",
			Right: "kernel k(x f32[N]) (y f32[N]) {\n    parallel n in N by 64 { y[n] = x[n] }\n}",
		},
		{
			Code: "E0233", Title: "a misplaced return",
			Explanation: "return is the last statement of a function, outside loops and run-time branches. Choose between values with " +
				"select, or assign a named result.",
			Wrong: "func f(v f32, c bool) f32 {\n    if c { return 0 }\n    return v\n}\n\nkernel k(x f32[N], c bool) (y f32[N]) {\n    parallel n in N by 64 { y[n] = f(x[n], c) }\n}",
			Right: "func f(v f32, c bool) f32 {\n    return select(c, 0, v)\n}\n\nkernel k(x f32[N], c bool) (y f32[N]) {\n    parallel n in N by 64 { y[n] = f(x[n], c) }\n}",
		},
		{
			Code: "E0234", Title: "a tensor argument of other dimensions",
			Explanation: "Where a shape of a function's parameter repeats a name or has a number, the argument must be shown to agree.",
			Wrong:       "y[m, n] = corner(x)\n\n// with\n\nfunc corner(t f32[A, A]) f32 { return t[0, 0] else 0 }",
			Right:       "y[m, n] = corner(x)\n\n// with\n\nfunc corner(t f32[A, B]) f32 { return t[0, 0] else 0 }",
		},
		{
			Code: "E0240", Title: "something that is not a type",
			Explanation: "A type is a name such as f16, a generic bound to one, u{W} with an integer W, or wide(T). There is no u9.",
			Wrong:       "y[m, n] = x[m, n] as abs",
			Right:       "y[m, n] = x[m, n] as f32",
		},
		{
			Code: "E0241", Title: "a conversion that must be written",
			Explanation: "Only exact widening is implicit: f16 to f32, u8 to i32. Whatever may lose something is written `as T`.",
			Wrong:       "h := s[m]\nh = x[m, n] * 2",
			Right:       "h := s[m]\nh = h * 2",
		},
		{
			Code: "E0242", Title: "operands of which neither type holds the other",
			Explanation: "The operands of an operator take the wider of their types. Integer with float, f16 with bf16, i8 with u8 have " +
				"none: convert one of them.",
			Wrong: "y[m, n] = x[m, n] * ids[m]",
			Right: "y[m, n] = x[m, n] * ids[m] as f32",
		},
		{
			Code: "E0243", Title: "arithmetic on a type that has none",
			Explanation: "Types under 8 bits, 8-bit floats and bipolar types are for storage. They are copied, compared, reduced, given to " +
				"dot and bit, and index; for anything else convert them first.",
			Wrong: "y[m, n] = (w[m, n] + 1) as f32",
			Right: "y[m, n] = w[m, n] as f32 + 1",
		},
		{
			Code: "E0244", Title: "an operand of the wrong type",
			Explanation: "Each operator and builtin says what it takes: && and select a bool, % integers, exp a float.",
			Wrong:       "y[m, n] = select(x[m, n], 1, 0)",
			Right:       "y[m, n] = select(x[m, n] > 0, 1, 0)",
		},
		{
			Code: "E0245", Title: "a number that must be an integer",
			Explanation: "Subscripts, ends of ranges, shift counts, seeds and numbers of bits are integers.",
			Wrong:       "y[m, n] = x[s[m], n] unchecked",
			Right:       "y[m, n] = x[s[m] as int, n] unchecked",
		},
		{
			Code: "E0246", Title: "a mode that this conversion does not have",
			Explanation: "`as T wrap` keeps the low bits of an integer, `as T rz` rounds to a float toward zero. Neither fits everywhere.",
			Wrong:       "y[m, n] = x[m, n] as f32 wrap",
			Right:       "y[m, n] = ids[m] as f32 rz",
		},
		{
			Code: "E0247", Title: "bits between types of different widths",
			Explanation: "`x bits T` reads the same bits as another type, so both have the same width, and neither is bool.",
			Wrong:       "v := x[m, n] bits u16",
			Right:       "v := x[m, n] bits u32",
		},
		{
			Code: "E0248", Title: "`in` where nothing is summed in a type",
			Explanation: "`dot[k](a, b) in T` sums in T, which has arithmetic and is a float exactly if the operands are. Nothing else takes `in`.",
			Wrong:       "axis j = n\nv := dot[n](x[m, n], x[m, n]) in i32",
			Right:       "axis j = n\nv := dot[n](x[m, n], x[m, n]) in f64",
		},
		{
			Code: "E0249", Title: "a scale in the wrong place",
			Explanation: "`a scaled s` stands in the arguments of dot. The scale is a float over axes of its operand.",
			Wrong:       "v := abs(x[m, n] scaled s[m])",
			Right:       "v := dot[n](x[m, n] scaled s[m], x[m, n])",
		},
		{
			Code: "E0250", Title: "bits that do not fit",
			Explanation: "pack makes an unsigned integer of as many bits as its axis has indices: 1 to 8, 16, 32 or 64. unpack takes no more " +
				"bits than its operand has.",
			Wrong: "axis j = 9\nv := pack[j](bit(ids[m], j))",
			Right: "axis j = 8\nv := pack[j](bit(ids[m], j))",
		},
		{
			Code: "E0300", Title: "something that is not an axis",
			Explanation: "In the brackets of a reduction or of a made tile, and left of `:` in a lookup, stand axes: spans, what `axis` makes, " +
				"and compile-time dimensions.",
			Wrong: "y[m, n] = sum[a](x[m, n])",
			Right: "y[m, n] = sum[n](x[m, n])",
		},
		{
			Code: "E0301", Title: "an axis that the value is not over",
			Explanation: "A reduction, dot, scan or lookup names axes of its operand.",
			Wrong:       "y[m, n] = sum[n](s[m])",
			Right:       "y[m, n] = sum[m](s[m])",
		},
		{
			Code: "E0302", Title: "a value over an axis that its place lacks",
			Explanation: "Assignment keeps the axes of a name, and a store has those of its subscripts. Axes that a value lacks repeat; one " +
				"that it has too many cannot vanish: reduce over it, or subscript with it.",
			Wrong: "v := f32[m](0)\nv = x[m, n]",
			Right: "v := f32[m](0)\nv = sum[n](x[m, n])",
		},
		{
			Code: "E0303", Title: "an axis that has ceased to exist",
			Explanation: "An axis lives in the block of text where it is made. A value over it is reduced or stored before that block ends; " +
				"a function's own axes do not leave it.",
			Wrong: "y[m, n] = sum(ramp(x[m, n]))\n\n// with\n\nfunc ramp(v f32) f32 {\n    axis j = 4\n    return v * j as f32\n}",
			Right: "y[m, n] = ramp(x[m, n])\n\n// with\n\nfunc ramp(v f32) f32 {\n    axis j = 4\n    return sum[j](v * j as f32)\n}",
		},
		{
			Code: "E0304", Title: "a dimension known at launch only, used as an axis",
			Explanation: "A tile has a size that is known when compiling. A dimension of which only the launch knows the size is walked by a " +
				"loop over spans; a generic dimension, as D: int, may be an axis.",
			Wrong: "y[m, n] = sum(x[m, N])",
			Right: "t := f32[m](0)\nfor j in N by 32 { t += sum[j](x[m, j]) }\ny[m, n] = t",
		},
		{
			Code: "E0305", Title: "an axis named twice",
			Explanation: "Each axis stands once in the brackets of a reduction, a dot or a made tile.",
			Wrong:       "y[m, n] = sum[n, n](x[m, n])",
			Right:       "y[m, n] = sum[n](x[m, n])",
		},
		{
			Code: "E0306", Title: "axes written that are not the value's",
			Explanation: "Axes written on a definition are checked: they are exactly those of the value, in any order.",
			Wrong:       "v[n] := x[m, n]",
			Right:       "v[n, m] := x[m, n]",
		},
		{
			Code: "E0307", Title: "cat along an axis that joins nothing",
			Explanation: "cat[u](x, y) puts x before y along u, which `axis u = a ++ b` made; x is over a and y over b.",
			Wrong:       "axis u = 8\nv := cat[u](s[m], s[m])",
			Right:       "axis j = m\naxis u = m ++ j\nv := cat[u](s[m], s[j])",
		},
		{
			Code: "E0308", Title: "a range that ends at no integer",
			Explanation: "The ends of a range are integer scalars, the same for the whole block. A tile is reduced first; the indices of an " +
				"axis go from m.lo to m.hi.",
			Wrong: "for j in 0..m { y[m, n] = x[m, n] }",
			Right: "for j in m.lo..m.hi { y[m, n] = x[m, n] }",
		},
		{
			Code: "E0320", Title: "a subscript on something that takes none, or of the wrong form",
			Explanation: "A tensor is subscripted by position, t[i, j]; a tile by axis, t[e: i]. A constant or a scalar has no elements.",
			Wrong:       "v := x[m, n]\nu := v[0, 1]",
			Right:       "v := x[m, n]\nu := v[n: m.lo] else 0",
		},
		{
			Code: "E0321", Title: "a wrong number of subscripts",
			Explanation: "A tensor has one subscript for each of its dimensions.",
			Wrong:       "y[m, n] = x[n]",
			Right:       "y[m, n] = x[m, n]",
		},
		{
			Code: "E0322", Title: "a subscript that may be outside",
			Explanation: "The compiler must prove every subscript inside its dimension. It knows the ranges of spans, axes and loops, + - * / " +
				"% min max clamp select of them, conditions of if, and every require. Where that does not do, say what is outside: " +
				"`else v` gives v there, `unchecked` is your promise, `else skip` stores nothing.",
			Wrong: "y[m, n] = x[m, n - 1]",
			Right: "y[m, n] = x[m, n - 1] else 0",
		},
		{
			Code: "E0323", Title: "`else` or `unchecked` in the wrong place",
			Explanation: "The word stands right behind a subscript. Read, `else` gives a scalar; written to, it is `else skip`.",
			Wrong:       "y[m, n + 1] else 0 = x[m, n]",
			Right:       "y[m, n] = x[m, n + 1] else 0",
		},
		{
			Code: "E0324", Title: "a store to an input",
			Explanation: "Inputs are read-only. A parameter declared inout is read and written.",
			Wrong:       "x[m, n] = 0",
			Right:       "y[m, n] = 0",
		},
		{
			Code: "E0325", Title: "a read of what nothing has written",
			Explanation: "Outputs and temps start undefined. They are read, and added to, only after a plain store in an earlier phase or " +
				"earlier in the same one; an inout has a value from the start.",
			Wrong: "kernel k(x f32[N]) (y f32[N]) {\n    parallel n in N by 64 { y[n] += x[n] }\n}",
			Right: "kernel k(x f32[N]) (y f32[N]) {\n    parallel n in N by 64 { y[n] = 0 }\n    parallel n in N by 64 { y[n] += x[n] }\n}",
		},
		{
			Code: "E0326", Title: "an output that is never written",
			Explanation: "An output starts undefined, so a kernel that never stores to it cannot be right.",
			Wrong:       "kernel k(x f32[N]) (y f32[N], z f32[N]) {\n    parallel n in N by 64 { y[n] = x[n] }\n}",
			Right:       "kernel k(x f32[N]) (y f32[N]) {\n    parallel n in N by 64 { y[n] = x[n] }\n}",
		},
		{
			Code: "E0327", Title: "blocks that store to the same elements",
			Explanation: "Blocks run in any order, so two plain stores to one element are a race. A store whose subscripts do not depend on " +
				"one of the bindings of its parallel is done by every block along it. Add with +=, or store in a phase of its own.",
			Wrong: "kernel k(x f32[M, N]) (y f32[N]) {\n    parallel m in M, n in N by 64 { y[n] = x[m, n] }\n}",
			Right: "kernel k(x f32[M, N]) (y f32[N]) {\n    parallel n in N by 64 { y[n] = 0 }\n    parallel m in M, n in N by 64 { y[n] += x[m, n] }\n}",
		},
		{
			Code: "E0328", Title: "a read of what another block writes",
			Explanation: "Within a phase, blocks run in any order. What one of them stores, another reads in a later phase.",
			Wrong:       "kernel k(x f32[M, N]) (y f32[M, N]) {\n    parallel m in M, n in N by 64 {\n        y[m, n] = x[m, n] + y[m - 1, n] else 0\n    }\n}",
			Right:       "kernel k(x f32[M, N]) (y f32[M, N]) {\n    parallel n in N by 64 {\n        for m in M { y[m, n] = x[m, n] + y[m - 1, n] else 0 }\n    }\n}",
		},
		{
			Code: "E0329", Title: "a store that shares a byte with another tile",
			Explanation: "Elements narrower than a byte lie densely, so a tile that is stored into them covers whole bytes, or ends with the " +
				"row: its last subscript is one axis, steps by one, and begins and ends at whole bytes, and rows are whole bytes.",
			Wrong: "kernel k(x i32[N]) (y u4[N]) {\n    parallel n in N by 5 { y[n] = x[n] as u4 }\n}",
			Right: "kernel k(x i32[N]) (y u4[N]) {\n    parallel n in N by 64 { y[n] = x[n] as u4 }\n}",
		},
		{
			Code: "E0330", Title: "an atomic that does not exist",
			Explanation: "Atomics work on elements of tensors of 8 bits or more: add, max, min on types with arithmetic, and, or, xor on " +
				"integers, xchg and cas on all.",
			Wrong: "y[m, n] = atomic.and(y[m, n], 1)",
			Right: "y[m, n] = atomic.max(y[m, n], 1)",
		},
		{
			Code: "E0340", Title: "an assignment to what is no variable",
			Explanation: "Variables, elements of tensors and elements of tile variables are assigned. Constants, axes, loop variables and " +
				"parameters of kernels keep their values; tensors take = and +=.",
			Wrong: "a = 2",
			Right: "b := a\nb = 2",
		},
		{
			Code: "E0341", Title: "something other than a name left of :=",
			Explanation: "Only names, with axes behind them or without, are defined. Elements are assigned with =.",
			Wrong:       "a + 1 := x[m, n]",
			Right:       "v := x[m, n]",
		},
		{
			Code: "E0342", Title: "a name assigned twice at once",
			Explanation: "A simultaneous assignment gives each name one value.",
			Wrong:       "v, u := a, a\nv, v = u, a",
			Right:       "v, u := a, a\nv, u = u, v",
		},
		{
			Code: "E0343", Title: "a condition that is not the same for the whole block",
			Explanation: "if and while take one bool for the whole block. A tile of bools is reduced with any or all, chooses values in " +
				"select, or masks effects in where.",
			Wrong: "if x[m, n] > 0 { y[m, n] = 1 }",
			Right: "if any(x[m, n] > 0) { y[m, n] = 1 }",
		},
		{
			Code: "E0344", Title: "an effect without the axes of its where",
			Explanation: "where masks element by element, so every store, atomic and assignment to a name from outside inside it is over at " +
				"least the axes of the condition.",
			Wrong: "t := f32[m](0)\nwhere x[m, n] > 0 { t = 1 }",
			Right: "t := f32[m, n](0)\nwhere x[m, n] > 0 { t = 1 }",
		},
		{
			Code: "E0345", Title: "a break or continue without its loop",
			Explanation: "break and continue leave the innermost loop for the whole block, so they stand in one, and not in a where.",
			Wrong:       "if a > 0 { break }",
			Right:       "for i in 4 { if a > 0 { break } }",
		},
		{
			Code: "E0346", Title: "a loop of the wrong form",
			Explanation: "A loop binds one name over a range. In tests several names take their values from edges(…), and there are no spans.",
			Wrong:       "for i, j in 4 { y[m, n] = x[m, n] }",
			Right:       "for i in 4 { y[m, n] = x[m, n] }",
		},
		{
			Code: "E0347", Title: "a parallel that is not at the top",
			Explanation: "parallel makes the blocks of a phase and stands at the top of a kernel, nowhere else. Inside it, for makes spans and scalars.",
			Wrong:       "parallel j in 4 { y[m, n] = x[m, n] }",
			Right:       "for j in 4 { y[m, n] = x[m, n] }",
		},
		{
			Code: "E0348", Title: "a statement in the wrong place",
			Explanation: "The top of a kernel is a sequence of phases (parallel, for), with temp, require, const, axis and names between " +
				"them. Stores and other effects stand inside phases; temp and require at the top only.",
			Wrong: "require N % 4 == 0",
			Right: "assert(N % 4 == 0)",
		},
		{
			Code: "E0400", Title: "a dimension that nothing binds",
			Explanation: "A dimension is bound by the arguments. One that stands only in outputs is defined by `require P == …`, or is a generic.",
			Wrong:       "kernel k(x f32[N]) (y f32[P]) {\n    parallel p in P by 64 { y[p] = x[2*p] else 0 }\n}",
			Right:       "kernel k(x f32[N]) (y f32[P]) {\n    require P == N / 2\n    parallel p in P by 64 { y[p] = x[2*p] else 0 }\n}",
		},
		{
			Code: "E0401", Title: "a dimension that cannot be solved for",
			Explanation: "A dimension that no input has alone is solved from an expression in which it stands once, under + - * /, and in which " +
				"all else is known: K from K/4 or 2*K, G from K/G where another dimension is K. Anything else does not say what it is: " +
				"let it stand alone somewhere, or make it a generic.",
			Wrong: "kernel k(x f32[N*N]) (y f32[N]) {\n    parallel n in N by 64 { y[n] = x[n] else 0 }\n}",
			Right: "kernel k(x f32[2*N]) (y f32[N]) {\n    parallel n in N by 64 { y[n] = x[n] else 0 }\n}",
		},
		{
			Code: "E0402", Title: "a shape that is no shape",
			Explanation: "Dimensions are names of dimensions, integers, and + - * / % min max cdiv of them. temps, channels and shared tiles have " +
				"shapes.",
			Wrong: "kernel k(x f32[N], i int) (y f32[N, i]) {\n    parallel n in N by 64 { y[n, 0] = x[n] }\n}",
			Right: "kernel k(x f32[N]) (y f32[N, 1]) {\n    parallel n in N by 64 { y[n, 0] = x[n] }\n}",
		},
		{
			Code: "E0403", Title: "a negative dimension",
			Explanation: "The extent of a dimension is 0 or more, so an expression in a shape must not come out negative.",
			Wrong:       "const C = 3\n\nkernel k(x f32[C - 4]) (y f32[N]) {\n    require N == 1\n    parallel n in N by 64 { y[n] = 1 }\n}",
			Right:       "const C = 5\n\nkernel k(x f32[C - 4]) (y f32[N]) {\n    require N == 1\n    parallel n in N by 64 { y[n] = 1 }\n}",
		},
		{
			Code: "E0404", Title: "a variant that a require excludes",
			Explanation: "A require over generics alone is checked when the variant is made. A variant that breaks it does not exist.",
		},
		{
			Code: "E0420", Title: "a target that does not exist",
			Explanation: "Sections of a schedule are default, tune, and targets: interp, cpu, sm_80, sm_89, sm_90a, sm_100a, sm_120, gfx942, gfx950.",
			Wrong:       "kernel k(x f32[N]) (y f32[N]) {\n    parallel n in N by BN { y[n] = x[n] }\n}\n\nschedule k {\n    default { BN = 64 }\n    sm_90 { BN = 128 }\n}",
			Right:       "kernel k(x f32[N]) (y f32[N]) {\n    parallel n in N by BN { y[n] = x[n] }\n}\n\nschedule k {\n    default { BN = 64 }\n    sm_90a { BN = 128 }\n}",
		},
		{
			Code: "E0421", Title: "a tile size that no schedule gives",
			Explanation: "An upper-case name that nothing binds is a tile size, and the default section of the kernel's schedule gives it.",
			Wrong:       "kernel k(x f32[N]) (y f32[N]) {\n    parallel n in N by BN { y[n] = x[n] }\n}",
			Right:       "kernel k(x f32[N]) (y f32[N]) {\n    parallel n in N by BN { y[n] = x[n] }\n}\n\nschedule k { default { BN = 64 } }",
		},
		{
			Code: "E0422", Title: "a tile size that default lacks",
			Explanation: "default gives every tile size; other sections and tune vary those.",
			Wrong:       "kernel k(x f32[N]) (y f32[N]) {\n    parallel n in N by BN { y[n] = x[n] }\n}\n\nschedule k {\n    default { BN = 64 }\n    cpu { BM = 128 }\n}",
			Right:       "kernel k(x f32[N]) (y f32[N]) {\n    parallel n in N by BN { y[n] = x[n] }\n}\n\nschedule k {\n    default { BN = 64 }\n    cpu { BN = 128 }\n}",
		},
		{
			Code: "E0423", Title: "a word that its target does not know",
			Explanation: "Every target knows tile sizes, stages, warps, persistent, raster, unroll, lanes, fast, deterministic, keep, split, " +
				"lookback, use, forbid and allow. NVIDIA chips add producer, consumers, cluster, pingpong, overlap; AMD ones pingpong, " +
				"overlap, interleave, chunk, waves; cpu threads and lut.",
			Wrong: "kernel k(x f32[N]) (y f32[N]) {\n    parallel n in N by BN { y[n] = x[n] }\n}\n\nschedule k {\n    default { BN = 64 }\n    cpu { BN = 64, cluster = 2 }\n}",
			Right: "kernel k(x f32[N]) (y f32[N]) {\n    parallel n in N by BN { y[n] = x[n] }\n}\n\nschedule k {\n    default { BN = 64 }\n    cpu { BN = 64, threads = 2 }\n}",
		},
		{
			Code: "E0424", Title: "a word of a schedule with a wrong value",
			Explanation: "Each word has its form: stages = 3, persistent, producer = 1 warp, lanes t, keep x in registers, split n = 4.",
			Wrong:       "kernel k(x f32[N]) (y f32[N]) {\n    parallel n in N by BN { y[n] = x[n] }\n}\n\nschedule k {\n    default { BN = 64, persistent = 3 }\n}",
			Right:       "kernel k(x f32[N]) (y f32[N]) {\n    parallel n in N by BN { y[n] = x[n] }\n}\n\nschedule k {\n    default { BN = 64, persistent }\n}",
		},
		{
			Code: "E0425", Title: "a result that depends on a tile size",
			Explanation: "This is a warning. A schedule changes speed, never the result; a text whose values read a tile size or the bounds of a " +
				"span breaks that. Ranges, shapes of temps and names that only feed them may read both. A literal tile, as `by 64`, " +
				"makes the size a part of the algorithm.",
			Wrong: "kernel k(x f32[N]) (y f32[N]) {\n    parallel n in N by BN { y[n] = x[n] + BN }\n}\n\nschedule k { default { BN = 64 } }",
			Right: "kernel k(x f32[N]) (y f32[N]) {\n    parallel n in N by 64 { y[n] = x[n] + 64 }\n}",
		},
		{
			Code: "E0426", Title: "a kernel without a variant",
			Explanation: "The checker tries a covering set of generics. If the requires over generics exclude every one of them, nothing of the " +
				"kernel is checked.",
			Wrong: "kernel k[W: 1..4](x f32[N]) (y f32[N]) {\n    require W > 5\n    parallel n in N by 64 { y[n] = x[n] }\n}",
			Right: "kernel k[W: 1..4](x f32[N]) (y f32[N]) {\n    require W > 2\n    parallel n in N by 64 { y[n] = x[n] }\n}",
		},
		{
			Code: "E0440", Title: "something for tests only",
			Explanation: "expect, kernels called, and randn, zeros and their kin make tests and benches. In a kernel, assert checks.",
			Wrong:       "expect a == 1",
			Right:       "assert(a == 1)",
		},
		{
			Code: "E0441", Title: "something that tests do not have",
			Explanation: "A test works on whole tensors: it defines new ones with :=, calls kernels, and expects. Phases, stores and atomics are " +
				"for kernels; within is for ==.",
			Wrong: "kernel k(x f32[N]) (y f32[N]) {\n    parallel n in N by 64 { y[n] = x[n] }\n}\n\ntest k \"copies\" {\n    const N = 5\n    x := randn(f32, N)\n    x[N] = 0\n    expect k(x) == x\n}",
			Right: "kernel k(x f32[N]) (y f32[N]) {\n    parallel n in N by 64 { y[n] = x[n] }\n}\n\ntest k \"copies\" {\n    const N = 5\n    x := randn(f32, N)\n    expect k(x) == x\n}",
		},
		{
			Code: "E0442", Title: "arguments that do not fit a kernel",
			Explanation: "The arguments of a kernel have the ranks and types of its parameters and agree on its dimensions; the message names " +
				"both places that do not.",
			Wrong: "kernel k(x f32[N], z f32[N]) (y f32[N]) {\n    parallel n in N by 64 { y[n] = x[n] + z[n] }\n}\n\ntest k \"adds\" {\n    x, z := randn(f32, 5), randn(f32, 6)\n    expect k(x, z) == x\n}",
			Right: "kernel k(x f32[N], z f32[N]) (y f32[N]) {\n    parallel n in N by 64 { y[n] = x[n] + z[n] }\n}\n\ntest k \"adds\" {\n    const N = 5\n    x, z := randn(f32, N), randn(f32, N)\n    expect k(x, z) == x + z\n}",
		},
		{
			Code: "E0443", Title: "an expectation between tiles that do not meet",
			Explanation: "The sides of `expect x == y` are over the same axes, one may lack some of the other's, or they compare by position: " +
				"then they have as many dimensions, of the same lengths.",
			Wrong: "kernel k(x f32[N]) (y f32[N]) {\n    parallel n in N by 64 { y[n] = x[n] }\n}\n\ntest k \"copies\" {\n    const N, M = 5, 6\n    expect k(randn(f32, N)) == randn(f32, M)\n}",
			Right: "kernel k(x f32[N]) (y f32[N]) {\n    parallel n in N by 64 { y[n] = x[n] }\n}\n\ntest k \"copies\" {\n    const N = 5\n    x := randn(f32, N)\n    expect k(x) == x\n}",
		},
		{
			Code: "E0444", Title: "a generic that a test does not bind",
			Explanation: "A test runs over the alternatives of each generic that neither a const, an argument nor a default binds. An integer " +
				"without alternatives has none: bind it, as `const G = 32`.",
			Wrong: "kernel k[C: int](x f32[N]) (y f32[N]) {\n    parallel n in N by 64 { y[n] = x[n] * C }\n}\n\ntest k \"scales\" {\n    const N = 5\n    x := randn(f32, N)\n    expect k(x) == x[N] * C\n}",
			Right: "kernel k[C: int](x f32[N]) (y f32[N]) {\n    parallel n in N by 64 { y[n] = x[n] * C }\n}\n\ntest k \"scales\" {\n    const N, C = 5, 3\n    x := randn(f32, N)\n    expect k(x) == x[N] * C\n}",
		},
		{
			Code: "E0500", Title: "something of the explicit level out of its place",
			Explanation: "Channels and roles stand in the body of a parallel whose bindings do not depend on each other, roles with nothing between " +
				"them, turns in roles. Operations on channels stand in kernels, and not in a where or in the condition of a while.",
			Wrong: "for i in 4 {\n    c := chan f32[64, 64] depth 2\n    c[m, n] <- x[m, n]\n    y[m, n] = <-c[m, n]\n}",
			Right: "c := chan f32[64, 64] depth 2\nfor i in 4 {\n    c[m, n] <- x[m, n]\n    y[m, n] = <-c[m, n]\n}",
		},
		{
			Code: "E0501", Title: "something that is not a channel",
			Explanation: "Sends and receives name a channel and the axes of the positions, as ks[n, D] <- x and <-ks[n, D]; acquire, commit, " +
				"take and release take a channel or its slot.",
			Wrong: "v := <-x[m, n]",
			Right: "c := chan f32[64, 64] depth 2\nc[m, n] <- x[m, n]\nv := <-c[m, n]",
		},
		{
			Code: "E0502", Title: "an option that does not exist",
			Explanation: "A channel has a depth, a role split and regs and a unit (warps, warpgroups, waves, threads), a shared tile a " +
				"swizzle (32, 64 or 128) and an align (a power of two up to 1024); each once, and with a number from 1.",
			Wrong: "c := chan f32[64, 64] deep 2",
			Right: "c := chan f32[64, 64] depth 2",
		},
		{
			Code: "E0503", Title: "something that is not a layout",
			Explanation: "A layout is a product of factors: local(…) says how elements lie among a lane's registers, spatial(…), warps(…) and " +
				"blocks(…) among lanes, warps and blocks, with a number from 1 for each axis, the last axis fastest (with column_ before the " +
				"name the first); replica(lane, 4) lets 4 lanes hold the same.",
			Wrong: "v := x[m, n]\npin v[m, n] layout 3",
			Right: "v := x[m, n]\npin v[m, n] layout local(2, 1) * spatial(8, 4)",
		},
		{
			Code: "E0504", Title: "tensors of other devices",
			Explanation: "peer, signal, wait and rank are reserved for kernels of several devices. They are parsed, and refused.",
			Wrong:       "kernel k(x peer f32[N]) (y f32[N]) {\n    parallel n in N by 64 { y[n] = x[n] }\n}",
			Right:       "kernel k(x f32[N]) (y f32[N]) {\n    parallel n in N by 64 { y[n] = x[n] }\n}",
		},
		{
			Code: "E0505", Title: "a layout that does not fit its tile",
			Explanation: "The coordinates of a layout are the axes that pin names, in their order: it has as many axes, its extents divide the tile's, " +
				"and so do those of factors that are multiplied.",
			Wrong: "v := x[m, n]\npin v[m, n] layout local(2) * spatial(8)",
			Right: "v := x[m, n]\npin v[m, n] layout local(2, 1) * spatial(8, 4)",
		},
		{
			Code: "E0506", Title: "a slot that is not given on once and in turn",
			Explanation: "A slot is committed or released once, in the block in which it was acquired or taken, and not used behind that. One slot of a " +
				"channel is acquired at a time; slots are released in the order in which they were taken.",
			Wrong: "c := chan f32[64, 64] depth 2\nout := acquire(c)\nout[m, n] = x[m, n]\ncommit(out)\ncommit(out)",
			Right: "c := chan f32[64, 64] depth 2\nout := acquire(c)\nout[m, n] = x[m, n]\ncommit(out)\ny[m, n] = <-c[m, n]",
		},
		{
			Code: "E0507", Title: "roles that meet outside of channels",
			Explanation: "Roles run at the same time. One role sends to a channel, and others take from it; what a role writes, a variable, a tensor or " +
				"a shared tile, no other role touches. As many roles enter a turn as it says.",
			Wrong: "kernel k(x f32[N]) (y f32[N]) {\n    parallel n in N by 64 {\n        shared t f32[64]\n        role one on 1 warp { t[n] = x[n] }\n        role two on 1 warp { y[n] = t[n] }\n    }\n}",
			Right: "kernel k(x f32[N]) (y f32[N]) {\n    parallel n in N by 64 {\n        c := chan f32[64] depth 1\n        role one on 1 warp { c[n] <- x[n] }\n        role two on 1 warp { y[n] = <-c[n] }\n    }\n}",
		},
	}
}
