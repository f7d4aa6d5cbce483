package emit

import (
	"fmt"
	"strings"

	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/layout/convert"
	"github.com/tilec/tilec/passes"
)

// plans are lines for people: how each contraction of a placed function is computed, each once, and what of the schedule has no
// effect.
func plans(fn *ir.Func) []string {
	var list []string
	seen := map[string]bool{}
	add := func(format string, args ...any) {
		if line := fmt.Sprintf(format, args...); !seen[line] {
			seen[line] = true
			list = append(list, line)
		}
	}
	fn.Walk(func(o *ir.Op) {
		switch o.Code {
		case ir.Contract:
			how := "multiply-adds"
			if name := o.Str("atom"); name != "" {
				how = name
			}
			add("%s: %s", o.Pos, how+staged(o))
		case ir.ChanOf:
			t := o.Result().Type
			add("%s: copied ahead into %d slots of %d bytes", o.Pos, t.Depth, slotBytes(t))
		case ir.Convert:
			if pin := o.Str("pin"); pin != "" {
				add("%s: this pin disagrees with %s, which has or wants another layout: a conversion of %s, %s", pin, o.Str("use"), o.Result().Type.Unplaced(), conversion(o))
			}
		case ir.RoleOf:
			if n := o.Int("regs"); n > 0 {
				add("%s: regs %d has no effect: this target has no setmaxnreg, all warps of a block have as many registers", o.Pos, n)
			}
		}
	})
	for _, w := range passes.WaitedFor(fn) {
		x := w.Load.Operands[0]
		name := x.Name
		if name == "" {
			name = "a temp"
		}
		add("%s: %s is not copied ahead in the loop: %s", w.Load.Pos, name, w.Why)
	}
	for _, b := range fn.Binds {
		if ignored[b.Name] {
			add("the schedule word %s has no effect on this target", b.Name)
		}
	}
	return list
}

// conversion is what a conversion costs, in words.
func conversion(o *ir.Op) string {
	from, to := o.Operands[0].Type, o.Result().Type
	if from.Shared != nil {
		return "read from a slot"
	}
	p, err := convert.New(*from.Layout, *to.Layout, movedBits(to.Elem), convert.NVIDIA())
	if err != nil {
		return err.Error()
	}
	return p.Cost.String()
}

// ignored are the schedule words that nothing here obeys.
var ignored = map[string]bool{"unroll": true, "keep": true, "lanes": true, "lookback": true,
	"allow": true, "producer": true, "consumers": true, "cluster": true, "pingpong": true, "overlap": true}

// staged says which operands of a contraction are read from slots.
func staged(o *ir.Op) string {
	var from []string
	for i, v := range o.Operands[:2] {
		for v.Def != nil && (v.Def.Code == ir.Convert || v.Def.Code == ir.Cast) {
			v = v.Def.Operands[0]
		}
		if v.Def != nil && v.Def.Code == ir.View {
			from = append(from, [2]string{"a", "b"}[i])
		}
	}
	if len(from) == 0 {
		return ""
	}
	return ", " + strings.Join(from, " and ") + " from slots"
}

// slotBytes is the size of a slot.
func slotBytes(t ir.Type) int64 {
	n := int64(t.Elem.Bits())
	for _, a := range t.Axes {
		n *= a.Extent
	}
	return n / 8
}
