package llx

import (
	"strconv"

	"github.com/llir/llvm/ir"
	"github.com/llir/llvm/ir/constant"
	"github.com/llir/llvm/ir/enum"
	"github.com/llir/llvm/ir/types"
)

// writer writes functions as LLVM IR. It gives what llir's own methods give, which build each line out of formatted parts
// and were nine tenths of the time that a module took; what it does not know it leaves to them.
type writer struct {
	text []byte
	// constants are the texts of vector constants, many of which are used often.
	constants map[Value]string
}

// String is the module's text.
func (m *Module) String() string {
	w := &writer{constants: map[Value]string{}, text: make([]byte, 0, 1<<16)}
	funcs := m.M.Funcs
	m.M.Funcs = nil
	w.put(m.M.String())
	m.M.Funcs = funcs
	for _, f := range funcs {
		w.put("\n")
		w.function(f)
	}
	w.put(m.places.definitions())
	return string(w.text)
}

func (w *writer) put(parts ...string) {
	for _, s := range parts {
		w.text = append(w.text, s...)
	}
}

func (w *writer) function(f *ir.Func) {
	if len(f.Blocks) == 0 {
		w.put(f.LLString(), "\n")
		return
	}
	number(f)
	blocks := f.Blocks
	f.Blocks = nil
	head := f.LLString() // of a declaration
	f.Blocks = blocks
	head = head[len("declare"):]
	metadata := ""
	for _, a := range f.Metadata { // which stands elsewhere in a definition
		metadata += " " + a.String()
	}
	w.put("define", attachedLast(head, metadata), " {\n")
	for i, b := range f.Blocks {
		if i > 0 {
			w.put("\n")
		}
		w.block(b)
	}
	w.put("}\n")
}

// attachedLast moves a function's metadata from before its linkage to its end.
func attachedLast(head, metadata string) string { return head[len(metadata):] + metadata }

// number gives what has no name its number, as LLVM counts: parameters, blocks and values in their order.
func number(f *ir.Func) {
	next := int64(0)
	give := func(v interface {
		IsUnnamed() bool
		SetID(int64)
	}) {
		if v.IsUnnamed() {
			v.SetID(next)
			next++
		}
	}
	for _, p := range f.Params {
		give(p)
	}
	for _, b := range f.Blocks {
		give(b)
		for _, i := range b.Insts {
			if c, ok := i.(*ir.InstCall); ok && c.Typ.Equal(types.Void) {
				continue
			}
			if v, ok := i.(interface {
				IsUnnamed() bool
				SetID(int64)
			}); ok {
				give(v)
			}
		}
	}
}

func (w *writer) block(b *ir.Block) {
	w.put(b.Ident()[1:], ":\n")
	for _, i := range b.Insts {
		w.put("\t")
		w.instruction(i)
		w.put("\n")
	}
	w.put("\t")
	if b.Term == nil {
		panic("llx: block " + b.Ident() + " has no end")
	}
	switch t := b.Term.(type) {
	case *ir.TermBr:
		w.put("br label ")
		w.ident(t.Target)
		w.attach(t.Metadata)
	case *ir.TermCondBr:
		w.put("br ")
		w.operand(t.Cond)
		w.put(", label ")
		w.ident(t.TargetTrue)
		w.put(", label ")
		w.ident(t.TargetFalse)
		w.attach(t.Metadata)
	default:
		w.put(b.Term.LLString())
	}
	w.put("\n")
}

// instruction writes those that modules have many of.
func (w *writer) instruction(i ir.Instruction) {
	switch i := i.(type) {
	case *ir.InstAdd:
		w.binary(i, "add", i.OverflowFlags, i.X, i.Y, i.Metadata)
	case *ir.InstSub:
		w.binary(i, "sub", i.OverflowFlags, i.X, i.Y, i.Metadata)
	case *ir.InstMul:
		w.binary(i, "mul", i.OverflowFlags, i.X, i.Y, i.Metadata)
	case *ir.InstShl:
		w.binary(i, "shl", i.OverflowFlags, i.X, i.Y, i.Metadata)
	case *ir.InstLShr:
		w.binary(i, "lshr", nil, i.X, i.Y, i.Metadata)
	case *ir.InstAShr:
		w.binary(i, "ashr", nil, i.X, i.Y, i.Metadata)
	case *ir.InstAnd:
		w.binary(i, "and", nil, i.X, i.Y, i.Metadata)
	case *ir.InstOr:
		w.binary(i, "or", nil, i.X, i.Y, i.Metadata)
	case *ir.InstXor:
		w.binary(i, "xor", nil, i.X, i.Y, i.Metadata)
	case *ir.InstFAdd:
		w.binary(i, "fadd", nil, i.X, i.Y, i.Metadata)
	case *ir.InstFSub:
		w.binary(i, "fsub", nil, i.X, i.Y, i.Metadata)
	case *ir.InstFMul:
		w.binary(i, "fmul", nil, i.X, i.Y, i.Metadata)
	case *ir.InstICmp:
		w.result(i)
		w.put("icmp ", i.Pred.String(), " ")
		w.operands(i.X)
		w.put(", ")
		w.ident(i.Y)
		w.attach(i.Metadata)
	case *ir.InstFCmp:
		w.result(i)
		w.put("fcmp ", i.Pred.String(), " ")
		w.operands(i.X)
		w.put(", ")
		w.ident(i.Y)
		w.attach(i.Metadata)
	case *ir.InstTrunc:
		w.cast(i, "trunc", i.From, i.To, i.Metadata)
	case *ir.InstZExt:
		w.cast(i, "zext", i.From, i.To, i.Metadata)
	case *ir.InstSExt:
		w.cast(i, "sext", i.From, i.To, i.Metadata)
	case *ir.InstFPTrunc:
		w.cast(i, "fptrunc", i.From, i.To, i.Metadata)
	case *ir.InstFPExt:
		w.cast(i, "fpext", i.From, i.To, i.Metadata)
	case *ir.InstSIToFP:
		w.cast(i, "sitofp", i.From, i.To, i.Metadata)
	case *ir.InstBitCast:
		w.cast(i, "bitcast", i.From, i.To, i.Metadata)
	case *ir.InstSelect:
		w.result(i)
		w.put("select ")
		w.operands(i.Cond, i.ValueTrue, i.ValueFalse)
		w.attach(i.Metadata)
	case *ir.InstExtractElement:
		w.result(i)
		w.put("extractelement ")
		w.operands(i.X, i.Index)
		w.attach(i.Metadata)
	case *ir.InstInsertElement:
		w.result(i)
		w.put("insertelement ")
		w.operands(i.X, i.Elem, i.Index)
		w.attach(i.Metadata)
	case *ir.InstShuffleVector:
		w.result(i)
		w.put("shufflevector ")
		w.operands(i.X, i.Y, i.Mask)
		w.attach(i.Metadata)
	case *ir.InstGetElementPtr:
		w.result(i)
		w.put("getelementptr ")
		w.typ(i.ElemType)
		w.put(", ")
		w.operands(i.Src)
		w.put(", ")
		w.operands(i.Indices...)
		w.attach(i.Metadata)
	case *ir.InstLoad:
		w.result(i)
		w.put("load ")
		if i.Volatile {
			w.put("volatile ")
		}
		w.typ(i.ElemType)
		w.put(", ")
		w.operands(i.Src)
		w.align(i.Align)
		w.attach(i.Metadata)
	case *ir.InstStore:
		w.put("store ")
		w.operands(i.Src, i.Dst)
		w.align(i.Align)
		w.attach(i.Metadata)
	case *ir.InstPhi:
		w.result(i)
		w.put("phi ")
		w.typ(i.Typ)
		for k, from := range i.Incs {
			if k > 0 {
				w.put(",")
			}
			w.put(" [ ")
			w.ident(from.X)
			w.put(", ", from.Pred.Ident(), " ]")
		}
		w.attach(i.Metadata)
	case *ir.InstCall:
		f, ok := i.Callee.(*ir.Func)
		if !ok { // inline assembly
			w.put(i.LLString())
			return
		}
		if !i.Typ.Equal(types.Void) {
			w.result(i)
		}
		w.put("call ")
		w.typ(i.Typ)
		w.put(" ", f.Ident(), "(")
		w.operands(i.Args...)
		w.put(")")
		w.attach(i.Metadata)
	default:
		w.put(i.LLString())
	}
}

// result is what the instruction's value is called.
func (w *writer) result(v Value) {
	w.ident(v)
	w.put(" = ")
}

func (w *writer) binary(v Value, word string, flags []enum.OverflowFlag, x, y Value, m ir.Metadata) {
	w.result(v)
	w.put(word)
	for _, f := range flags {
		w.put(" ", f.String())
	}
	w.put(" ")
	w.operands(x)
	w.put(", ")
	w.ident(y)
	w.attach(m)
}

func (w *writer) cast(v Value, word string, from Value, to Type, m ir.Metadata) {
	w.result(v)
	w.put(word, " ")
	w.operands(from)
	w.put(" to ")
	w.typ(to)
	w.attach(m)
}

func (w *writer) align(n ir.Align) {
	if n != 0 {
		w.put(", align ")
		w.text = strconv.AppendInt(w.text, int64(n), 10)
	}
}

func (w *writer) attach(list ir.Metadata) {
	for _, a := range list {
		w.put(", ", a.String())
	}
}

// operands are values with their types.
func (w *writer) operands(list ...Value) {
	for i, v := range list {
		if i > 0 {
			w.put(", ")
		}
		w.operand(v)
	}
}

func (w *writer) operand(v Value) {
	w.typ(v.Type())
	w.put(" ")
	w.ident(v)
}

func (w *writer) typ(t Type) {
	switch t := t.(type) {
	case *textType:
		w.put(t.text)
	case *types.IntType:
		w.put("i")
		w.text = strconv.AppendUint(w.text, t.BitSize, 10)
	case *types.VectorType:
		w.put("<")
		w.text = strconv.AppendUint(w.text, t.Len, 10)
		w.put(" x ")
		w.typ(t.ElemType)
		w.put(">")
	default:
		w.put(t.String())
	}
}

func (w *writer) ident(v Value) {
	switch v := v.(type) {
	case asVector:
		w.ident(v.Value)
	case pointer:
		w.ident(v.Value)
	case *wordText:
		w.put(v.word)
	case *floatText:
		w.put("0x")
		const digits = "0123456789ABCDEF"
		for s := 60; s >= 0; s -= 4 {
			w.text = append(w.text, digits[v.bits>>s&15])
		}
	case *constant.Int:
		switch {
		case v.Typ.BitSize == 1 || !v.X.IsInt64():
			w.put(v.Ident())
		default:
			w.text = strconv.AppendInt(w.text, v.X.Int64(), 10)
		}
	case *splatText:
		w.constant(v, func() {
			for i := range Lanes(v.t) {
				if i > 0 {
					w.put(", ")
				}
				w.operand(v.elem)
			}
		})
	case *vectorText:
		w.constant(v, func() { w.operands(v.list...) })
	case interface {
		IsUnnamed() bool
		ID() int64
	}:
		if !v.IsUnnamed() {
			w.put(v.(Value).Ident())
			return
		}
		w.put("%")
		w.text = strconv.AppendInt(w.text, v.ID(), 10)
	default:
		w.put(v.Ident())
	}
}

// constant writes a vector constant, whose elements list writes the first time.
func (w *writer) constant(v Value, list func()) {
	if text, ok := w.constants[v]; ok {
		w.put(text)
		return
	}
	from := len(w.text)
	w.put("<")
	list()
	w.put(">")
	w.constants[v] = string(w.text[from:])
}
