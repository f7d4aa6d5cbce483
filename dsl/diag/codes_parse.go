package diag

// parseEntries explains the codes of the lexer and parser, E0001 to E0199.
func parseEntries() []Entry {
	return []Entry{
		{
			Code:  "E0001",
			Title: "a character that is no part of the language",
			Explanation: "A source file is UTF-8 text. Outside of comments and strings it consists of names, " +
				"numbers, strings and the operators of the grammar; NUL characters and byte order marks " +
				"inside the text are allowed nowhere.",
			Wrong: "acc := a · b",
			Right: "acc := a * b",
		},
		{
			Code:  "E0002",
			Title: "a string without an end",
			Explanation: "A string begins and ends with a double quote on the same line. A line end inside " +
				"is written \\n.",
			Wrong: "import \"lib/math",
			Right: "import \"lib/math\"",
		},
		{
			Code:  "E0003",
			Title: "a wrong escape in a string",
			Explanation: "A backslash in a string begins one of Go's escapes: \\n, \\t, \\\\, \\\", \\x41, \\u00e9 " +
				"and their kin. A backslash itself is written twice.",
			Wrong: "import \"lib\\math\"",
			Right: "import \"lib/math\"",
		},
		{
			Code:  "E0004",
			Title: "a malformed number",
			Explanation: "Numbers are Go's: 42, 1_000, 0x1f, 0b101, 0o17, 1.5, 1e-3, 0x1p-2, without the imaginary " +
				"ones. No letter may follow a number directly, and a digit must fit its base.",
			Wrong: "x := 0b102",
			Right: "x := 0b101",
		},
		{
			Code:  "E0005",
			Title: "a number too long",
			Explanation: "Constants are exact, so the size of a literal is bounded: at most 1000 characters and an " +
				"exponent of at most 9999. No type of the language comes near.",
			Wrong: "x := 1e99999",
			Right: "x := inf",
		},
		{
			Code:  "E0006",
			Title: "a file too large",
			Explanation: "A file has at most 2 MiB. Programs are far shorter; large tables belong into tensors, " +
				"which are read at run time.",
		},
		{
			Code:  "E0007",
			Title: "nesting too deep",
			Explanation: "Brackets nest at most 200 deep, and a chain of if and else has at most 200 branches, so " +
				"that no text can exhaust the stack. Give a name to a part, or use a table.",
		},
		{
			Code:  "E0008",
			Title: "an expression too long",
			Explanation: "One expression has at most 1000 operators, casts or suffixes in a row. Give a name to a " +
				"part of it, or write a sum as sum[n](x) over an axis.",
		},
		{
			Code:  "E0009",
			Title: "a block comment",
			Explanation: "Comments begin with // and end with the line. There are no block comments, so that a " +
				"comment never hides where a line ends.",
			Wrong: "/* the accumulator */",
			Right: "// the accumulator",
		},
		{
			Code:  "E0010",
			Title: "something else was expected",
			Explanation: "The text departs from the grammar at the marked place: after what stands before it only " +
				"what the message names can follow. A statement ends with its line; to go on, end the line " +
				"with an operator, a comma or an open bracket.",
			Wrong: "for n of N { }",
			Right: "for n in N { }",
		},
		{
			Code:        "E0011",
			Title:       "an expression was expected",
			Explanation: "An operator, a bracket or a keyword before the marked place needs an expression after it.",
			Wrong:       "x := a * ",
			Right:       "x := a * b",
		},
		{
			Code:  "E0012",
			Title: "a keyword used as a name",
			Explanation: "The words of the grammar are reserved: as asm axis bench bits break by chan const continue " +
				"else expect for func if import in inout kernel package packed parallel peer pin require " +
				"return role scaled schedule shared strided temp test tune turn type unchecked where while " +
				"within. The words on, layout and of are names elsewhere.",
			Wrong: "const by = 4",
			Right: "const step = 4",
		},
		{
			Code:  "E0013",
			Title: "a brace on the next line",
			Explanation: "A line end closes a statement, so the { of a block stands on the line of the word it " +
				"belongs to.",
			Wrong: "for n in N\n{\n}",
			Right: "for n in N {\n}",
		},
		{
			Code:  "E0014",
			Title: "a bracket that is not closed",
			Explanation: "Each ( [ { needs its partner. The note shows the one that is open. In a list that is " +
				"broken over several lines every line ends with a comma, also the last, unless the bracket " +
				"closes on it.",
			Wrong: "y := max(a,\n    b\n)",
			Right: "y := max(a,\n    b,\n)",
		},
		{
			Code:  "E0015",
			Title: "a missing package clause",
			Explanation: "A file begins with package and a name, once; all files of a folder have the same. " +
				"Comments may stand before it.",
			Wrong: "kernel copy(a f32[N]) (b f32[N]) { }",
			Right: "package copy\n\nkernel copy(a f32[N]) (b f32[N]) { }",
		},
		{
			Code:        "E0016",
			Title:       "an import behind other declarations",
			Explanation: "Imports stand right after the package clause, so that a reader sees at once what a file uses.",
			Wrong:       "const k = 4\nimport \"math\"",
			Right:       "import \"math\"\nconst k = 4",
		},
		{
			Code:  "E0017",
			Title: "not a declaration",
			Explanation: "At the top of a file stand only import, const, func, kernel, schedule, test and bench. " +
				"Statements stand inside their braces; a brace too many earlier closes them too soon.",
			Wrong: "package p\nx := 4",
			Right: "package p\nconst x = 4",
		},
		{
			Code:  "E0018",
			Title: "a chain of comparisons",
			Explanation: "a < b < c would compare a truth value with c. Write both comparisons and join them with " +
				"&&, or put parentheses where a comparison of truth values is meant.",
			Wrong: "if 0 <= i < n { }",
			Right: "if 0 <= i && i < n { }",
		},
		{
			Code:        "E0019",
			Title:       "a bracket that closes nothing",
			Explanation: "The marked bracket has no partner before it.",
			Wrong:       "x := (a + b))",
			Right:       "x := (a + b)",
		},
		{
			Code:  "E0020",
			Title: "<- inside an expression",
			Explanation: "The two characters <- are one token: it sends to a channel as a statement, and before an " +
				"operand it receives. A comparison with a negative value needs a blank.",
			Wrong: "if a <-1 { }",
			Right: "if a < -1 { }",
		},
		{
			Code:  "E0021",
			Title: "an assignment inside an expression",
			Explanation: "=, := and the like are statements and have no value; there is no ++ or --. To compare, " +
				"write ==.",
			Wrong: "if a = b { }",
			Right: "if a == b { }",
		},
		{
			Code:        "E0022",
			Title:       "else on a line of its own",
			Explanation: "A line end after } closes the statement, so else stands on the line of the } before it.",
			Wrong:       "if a > b { x = a }\nelse { x = b }",
			Right:       "if a > b { x = a } else { x = b }",
		},
	}
}
