package cpu

import (
	"github.com/tilec/tilec/codegen/internal/llx"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
)

// atomic emits an atomic operation, an element after the other, as subscripts may be equal.
func (e *emitter) atomic(o *ir.Op) {
	v := o.Operands[0]
	elem := v.Type.Elem
	if elem.Bits() < 8 {
		e.g.fail(o.Pos, "an atomic operation on elements of type %s, which share bytes", elem)
	}
	base := e.tensorOf(v).base
	var result *ir.Value
	var old *tile
	var variable llx.Value
	c := classOf(elem)
	if len(o.Results) > 0 {
		result = o.Result()
		if result.Type.Kind == ir.Tile {
			old = e.destination(result)
		} else {
			variable = e.Alloca(varType(c, 1), 1, 8)
		}
	}
	give := func(p *point, x llx.Value) {
		switch {
		case old != nil:
			e.write(old, p, x)
		case variable != nil:
			e.Store(e.toVar(c, x, 1), variable, 8)
		}
	}
	refs := append([]*ir.Value{}, o.Operands[1:]...)
	e.nest(nestOf{axes: storeAxes(o), refs: refs}, func(p *point) {
		if result != nil {
			give(p, zeroOf(c))
		}
		update := func() {
			at := e.placeOf(v, o.Subscripts(), p, 1, o.Str("mode") == "skip")
			do := func() {
				var values []llx.Value
				for _, x := range o.Stored() {
					values = append(values, e.at(x, p))
				}
				place := e.Offset(base, e.Mul(at.base, llx.C64(int64(container(elem)))))
				x := e.exchange(o.Str("kind"), elem, place, values)
				if result != nil {
					give(p, x)
				}
			}
			if at.inside == nil {
				do()
			} else {
				e.If(at.inside, do, nil)
			}
		}
		if m := o.Mask(); m != nil {
			e.If(e.at(m, p), update, nil)
		} else {
			update()
		}
	})
	switch {
	case old != nil:
		e.store(result, old)
	case variable != nil:
		set(e, e.scalars, result, e.fromVar(c, e.Load(varType(c, 1), variable, 8), 1))
	}
}

func zeroOf(c class) llx.Value {
	switch c {
	case f32Class:
		return llx.F32(0)
	case f64Class:
		return llx.F64(0)
	}
	return llx.Int(c.scalar(), 0)
}

// exchange does one atomic operation and gives the old value.
func (e *emitter) exchange(kind string, t dtype.Type, place llx.Value, values []llx.Value) llx.Value {
	word := codeType(t)
	x := values[0]
	if kind == "xchg" {
		return e.decode(t, e.Atomic("xchg", place, e.encode(t, x, 1)), 1)
	}
	if kind == "cas" {
		old, _ := e.CmpXchg(place, e.encode(t, x, 1), e.encode(t, values[1], 1))
		return e.decode(t, old, 1)
	}
	if !t.IsFloat() {
		op := kind
		if t.Kind == dtype.UintKind && (kind == "max" || kind == "min") {
			op = "u" + kind
		}
		return e.decode(t, e.Atomic(op, place, e.encode(t, x, 1)), 1)
	}
	code := map[string]ir.Code{"add": ir.Add, "max": ir.Max, "min": ir.Min}[kind]
	seen := e.Alloca(word, 1, 8)
	e.Store(e.Volatile(word, place, container(t)), seen, 8)
	before := e.Alloca(word, 1, 8)
	e.While(func() llx.Value {
		old := e.Load(word, seen, 8)
		e.Store(old, before, 8)
		next := e.binary(code, t, e.decode(t, old, 1), x, 1)
		now, ok := e.CmpXchg(place, old, e.encode(t, next, 1))
		e.Store(now, seen, 8)
		return e.ICmp("eq", e.ZExt(ok, llx.I8), llx.Int(llx.I8, 0))
	}, func() {})
	return e.decode(t, e.Load(word, before, 8), 1)
}
