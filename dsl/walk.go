package dsl

// Walk calls visit for n and, where visit returns true, for the nodes below it
// in the order of the text. It does not descend into comments.
func Walk(n Node, visit func(Node) bool) {
	if !visit(n) {
		return
	}
	for _, c := range Children(n) {
		Walk(c, visit)
	}
}

// Text returns the text of the comments without slashes, a line each.
func (g *CommentGroup) Text() string {
	text := ""
	for i, c := range g.List {
		if i > 0 {
			text += "\n"
		}
		line := c.Text[2:]
		if len(line) > 0 && line[0] == ' ' {
			line = line[1:]
		}
		text += line
	}
	return text
}

// Children returns the nodes right below n in the order of the text.
func Children(n Node) []Node {
	var c children
	switch n := n.(type) {
	case *File:
		c.ident(n.Package)
		add(&c, n.Decls)
	case *Import:
		c.expr(n.Path)
	case *Const:
		add(&c, n.Names)
		add(&c, n.Values)
	case *Func:
		c.ident(n.Name)
		c.generics(n.Generics)
		c.params(n.Params)
		c.typ(n.Result)
		c.params(n.Results)
		c.block(n.Body)
	case *Kernel:
		c.ident(n.Name)
		c.generics(n.Generics)
		c.params(n.Inputs)
		c.params(n.Outputs)
		c.block(n.Body)
	case *Test:
		add(&c, n.Kernels)
		c.expr(n.Name)
		c.block(n.Body)
	case *Schedule:
		add(&c, n.Kernels)
		add(&c, n.Sections)
	case *BadDecl:
		c.block(n.Body)
	case *Generics:
		add(&c, n.List)
	case *Generic:
		c.ident(n.Name)
		if n.Kind != nil {
			c.list = append(c.list, n.Kind)
		}
		c.expr(n.Default)
	case *Kind:
		add(&c, n.Alts)
	case *Alt:
		c.expr(n.Lo)
		c.expr(n.Hi)
	case *ParamList:
		add(&c, n.List)
	case *Param:
		c.ident(n.Name)
		c.typ(n.Type)
		add(&c, n.Attrs)
	case *ParamAttr:
		c.ident(n.Name)
	case *Type:
		c.ident(n.Pkg)
		c.ident(n.Name)
		add(&c, n.Args)
		if n.Width != nil {
			c.list = append(c.list, n.Width)
		}
		c.dims(n.Dims)
	case *Dims:
		add(&c, n.List)
	case *Section:
		c.ident(n.Name)
		add(&c, n.Entries)
		add(&c, n.Choices)
	case *Entry:
		add(&c, n.Words)
		c.expr(n.Value)
		c.ident(n.Unit)
		c.ident(n.Place)
		add(&c, n.Entries)
	case *Choice:
		c.ident(n.Name)
		add(&c, n.Ranges)
	case *Range:
		c.expr(n.Lo)
		c.expr(n.Hi)
	case *Option:
		c.ident(n.Word)
		c.expr(n.Value)
	case Stmt:
		c.stmt(n)
	case Expr:
		c.sub(n)
	case *IndexEntry:
		c.expr(n.X)
		c.expr(n.Colon)
		c.expr(n.Eq)
	case *Arg:
		c.expr(n.X)
		c.expr(n.Scaled)
	case *Bind:
		c.ident(n.Name)
		c.expr(n.Lo)
		c.expr(n.Hi)
		c.expr(n.By)
	}
	return c.list
}

// children gathers the nodes below one node; absent ones are left out.
type children struct{ list []Node }

func add[N Node](c *children, list []N) {
	for _, n := range list {
		c.list = append(c.list, n)
	}
}

func (c *children) expr(e Expr) {
	switch e := e.(type) {
	case nil:
	case *Ident:
		c.ident(e)
	case *String:
		if e != nil {
			c.list = append(c.list, e)
		}
	default:
		c.list = append(c.list, e)
	}
}

func (c *children) ident(n *Ident) {
	if n != nil {
		c.list = append(c.list, n)
	}
}

func (c *children) generics(n *Generics) {
	if n != nil {
		c.list = append(c.list, n)
	}
}

func (c *children) params(n *ParamList) {
	if n != nil {
		c.list = append(c.list, n)
	}
}

func (c *children) typ(n *Type) {
	if n != nil {
		c.list = append(c.list, n)
	}
}

func (c *children) dims(n *Dims) {
	if n != nil {
		c.list = append(c.list, n)
	}
}

func (c *children) block(n *Block) {
	if n != nil {
		c.list = append(c.list, n)
	}
}

// stmt gathers what is below a statement.
func (c *children) stmt(n Stmt) {
	switch n := n.(type) {
	case *Block:
		add(c, n.Stmts)
	case *Parallel:
		c.ident(n.Name)
		add(c, n.Binds)
		c.block(n.Body)
	case *For:
		add(c, n.Names)
		c.expr(n.Lo)
		c.expr(n.Hi)
		c.expr(n.By)
		c.block(n.Body)
	case *While:
		c.expr(n.Cond)
		c.block(n.Body)
	case *Where:
		c.expr(n.Cond)
		c.block(n.Body)
	case *If:
		c.expr(n.Cond)
		c.block(n.Then)
		if n.Else != nil {
			c.list = append(c.list, n.Else)
		}
	case *Axis:
		c.ident(n.Name)
		c.expr(n.X)
		c.expr(n.Hi)
		c.expr(n.Cat)
	case *Temp:
		c.ident(n.Name)
		c.typ(n.Type)
	case *Role:
		c.ident(n.Name)
		c.expr(n.Count)
		c.ident(n.Unit)
		add(c, n.Options)
		c.block(n.Body)
	case *Turn:
		c.ident(n.Name)
		c.expr(n.Count)
		c.block(n.Body)
	case *Shared:
		c.ident(n.Name)
		c.typ(n.Type)
		add(c, n.Options)
	case *Pin:
		c.ident(n.Name)
		c.dims(n.Axes)
		c.expr(n.Layout)
	case *Require:
		add(c, n.Conds)
	case *Expect:
		c.expr(n.X)
		c.expr(n.Within)
	case *Return:
		add(c, n.Values)
	case *Assign:
		add(c, n.Lhs)
		add(c, n.Rhs)
	case *Send:
		c.expr(n.Chan)
		c.expr(n.Value)
	case *ExprStmt:
		c.expr(n.X)
	case *BadStmt:
		c.block(n.Body)
	}
}

// sub gathers what is below an expression.
func (c *children) sub(n Expr) {
	switch n := n.(type) {
	case *Width:
		c.expr(n.Bits)
	case *Paren:
		c.expr(n.X)
	case *List:
		add(c, n.Elems)
	case *Selector:
		c.expr(n.X)
		c.ident(n.Sel)
	case *Index:
		c.expr(n.X)
		add(c, n.Entries)
	case *Call:
		c.expr(n.Fun)
		add(c, n.Args)
	case *Unary:
		c.expr(n.X)
	case *Recv:
		c.expr(n.X)
	case *Binary:
		c.expr(n.X)
		c.expr(n.Y)
	case *Cast:
		c.expr(n.X)
		c.typ(n.Type)
		c.ident(n.Mode)
	case *BitCast:
		c.expr(n.X)
		c.typ(n.Type)
	case *InType:
		c.expr(n.X)
		c.typ(n.Type)
	case *Edge:
		c.expr(n.X)
		c.expr(n.Else)
	case *Chan:
		c.typ(n.Type)
		add(c, n.Options)
	case *Asm:
		c.ident(n.Target)
		c.expr(n.Text)
		add(c, n.Args)
	}
}
