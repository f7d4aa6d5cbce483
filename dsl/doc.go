// Package dsl reads the tile language: bytes go in, a tree and a list of
// located errors come out.
//
// Parse works in three steps. The lexer (lexer.go) turns the bytes into tokens
// and sets comments aside; a newline becomes a ";" where a statement can end.
// The grammar (grammar.go, and the parser tags of the tree in ast.go) is LL(1)
// and read by participle without lookahead, so that the first token that does
// not fit is the one reported. Three rules are read by hand: expressions, by
// precedence (expr.go), and files and blocks (recover.go), which go on behind
// an error: what cannot be read becomes a BadDecl or BadStmt that holds its
// error.
//
// It always holds that Parse returns a File, that every node lies inside its
// file and inside its parent's span, that a list without errors means a tree
// without Bad nodes, and that time and memory are bounded by the size of the
// text: MaxSource, MaxNesting, MaxChain and MaxNumber say where it refuses.
package dsl
