package passes

import (
	"encoding/binary"
	"math"

	"github.com/tilec/tilec/ir"
)

// CSE makes equal operations on equal values one, where the first stands in the same region or one around it. An
// operation takes part if it only computes, or reads an input, which never changes. Spans and temps are identities and
// do not. An operation that may stop with an error may be merged: the first would have stopped before.
func CSE(fn *ir.Func) {
	c := &cse{fn: fn, with: make([]*ir.Value, fn.Number()), have: map[string]*ir.Op{}}
	c.region(fn.Body)
	if c.any {
		fn.Replace(c.with)
	}
}

type cse struct {
	fn   *ir.Func
	with []*ir.Value // by ID: the value that replaces it
	have map[string]*ir.Op
	key  []byte
	any  bool
}

func (c *cse) region(r *ir.Region) {
	var mine []string
	kept := r.Ops[:0]
	for _, o := range r.Ops {
		if c.mergeable(o) {
			key := string(c.text(o))
			if first := c.have[key]; first != nil {
				for i, v := range o.Results {
					c.with[v.ID] = first.Results[i]
				}
				c.any = true
				continue
			}
			c.have[key] = o
			mine = append(mine, key)
		}
		for _, q := range o.Regions {
			c.region(q)
		}
		kept = append(kept, o)
	}
	clear(r.Ops[len(kept):])
	r.Ops = kept
	for _, key := range mine {
		delete(c.have, key)
	}
}

func (c *cse) mergeable(o *ir.Op) bool {
	if len(o.Regions) > 0 || len(o.Results) == 0 {
		return false
	}
	switch e := o.Effects(); {
	case e&^ir.Checks == 0:
		return true
	case e&^ir.Checks == ir.Reads:
		return isInput(c.fn, o.Operands[0])
	}
	return false
}

// isInput reports whether v is a tensor that nothing writes while the function runs.
func isInput(fn *ir.Func, v *ir.Value) bool {
	p := fn.ParamOf(v)
	return p != nil && p.Role == ir.In
}

// find is the value that v stands for by now.
func (c *cse) find(v *ir.Value) *ir.Value {
	for c.with[v.ID] != nil {
		v = c.with[v.ID]
	}
	return v
}

// text is the key of an operation: everything that makes its results what they are.
func (c *cse) text(o *ir.Op) []byte {
	k := binary.AppendUvarint(c.key[:0], uint64(o.Code))
	ids := func(vs []*ir.Value) {
		k = binary.AppendUvarint(k, uint64(len(vs)))
		for _, v := range vs {
			k = binary.AppendUvarint(k, uint64(c.find(v).ID))
		}
	}
	switch o.Code {
	case ir.Add, ir.Mul, ir.And, ir.Or, ir.Xor, ir.Eq, ir.Ne:
		x, y := c.find(o.Operands[0]).ID, c.find(o.Operands[1]).ID
		k = binary.AppendUvarint(binary.AppendUvarint(k, uint64(min(x, y))), uint64(max(x, y)))
	default:
		ids(o.Operands)
	}
	ids(o.Axes)
	for _, a := range o.Attrs {
		k = append(append(k, a.Key...), 0)
		switch x := a.Val.(type) {
		case int64:
			k = binary.AppendVarint(append(k, 'i'), x)
		case float64:
			k = binary.LittleEndian.AppendUint64(append(k, 'f'), math.Float64bits(x))
		case bool:
			if x {
				k = append(k, 't')
			} else {
				k = append(k, 'F')
			}
		case string:
			k = append(append(append(k, 's'), x...), 0)
		case []int64:
			k = binary.AppendUvarint(append(k, 'l'), uint64(len(x)))
			for _, e := range x {
				k = binary.AppendVarint(k, e)
			}
		default:
			k = append(k, '?')
		}
	}
	for _, v := range o.Results {
		t := v.Type
		e := t.Elem
		k = append(k, byte(t.Kind), byte(e.Kind), e.Width, e.Exp, e.Man, byte(e.Specials))
		for _, a := range t.Axes {
			k = binary.AppendUvarint(k, uint64(c.find(a.Span).ID))
		}
	}
	c.key = k
	return k
}
