package passes

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/layout/fragment"
)

// The schedule words use and forbid are promises, which are kept or refused. Their names:
//
//	mma               matrix instructions: of use, for every contraction
//	fma               multiply-adds: of use, for every contraction
//	mma_m16n8k16_f16  and the like: one instruction, as package fragment names it. Where use names some, every contraction is made of one of them
//	async             copies ahead of loops into shared memory: of use, in every phase that has a matrix instruction in a loop
//	convert           tiles that move from one register layout to another: only forbidden
var promised = []string{"mma", "fma", "async", "convert"}

// instructions are the shapes of the matrix instructions that contractions are made of, by the name of their types, the best
// first: what they are padded to along k is no more than needed.
func instructions(types string) []string {
	shapes := map[string][]string{"f64": {"m8n8k4"}, "tf32": {"m16n8k8", "m16n8k4"}, "f16": {"m16n8k16", "m16n8k8"},
		"bf16": {"m16n8k16", "m16n8k8"}, "b1": {"m16n8k256", "m16n8k128"}}[types]
	switch {
	case shapes != nil:
	case strings.HasPrefix(types, "e"): // of 8-bit floats those along 16 are younger, and ask for a younger driver
		shapes = []string{"m16n8k32"}
	default:
		shapes = []string{"m16n8k32", "m16n8k16"}
	}
	names := make([]string, len(shapes))
	for i, s := range shapes {
		names[i] = "mma_" + s + "_" + types
	}
	return names
}

// allInstructions are those of a target.
func allInstructions(target string) []string {
	var list []string
	for _, types := range []string{"f64", "tf32", "f16", "bf16", "b1", "s8", "u8", "s8xu8", "u8xs8", "e4m3", "e5m2", "e4m3xe5m2", "e5m2xe4m3"} {
		for _, name := range instructions(types) {
			if a, err := fragment.Find(name); err == nil && a.Has(target) {
				list = append(list, name)
			}
		}
	}
	return list
}

// promises are the words use and forbid.
type promises struct{ use, forbid []word }

// promisesOf reads a function's promises. The error is of one that no function can keep on the target.
func promisesOf(fn *ir.Func, m Machine) (promises, error) {
	p := promises{words(fn, "use"), words(fn, "forbid")}
	for _, w := range slices.Concat(p.use, p.forbid) {
		all := allInstructions(m.Target)
		if slices.Contains(promised, w.value) || slices.Contains(all, w.value) {
			continue
		}
		if a, err := fragment.Find(w.value); err == nil && !a.Has(m.Target) {
			return p, w.misfit("%s does not have it; contractions there are made of %s", m.Target, strings.Join(all, ", "))
		}
		return p, w.misfit("there is no such promise on %s: there are %s, and for contractions %s", m.Target, strings.Join(promised, ", "), strings.Join(all, ", "))
	}
	for _, w := range p.use {
		if w.value == "convert" {
			return p, w.misfit("it can only be forbidden: tiles move where their layouts ask for it")
		}
		for _, v := range p.forbid {
			if v.meets(w) && (v.value == w.value || v.value == "mma" && matrix(w)) {
				return p, w.misfit("%s says the contrary, at %s", v.text(), v.pos)
			}
		}
		for _, v := range p.use {
			if v.meets(w) && w.value == "fma" && matrix(v) {
				return p, w.misfit("%s says the contrary, at %s", v.text(), v.pos)
			}
		}
	}
	return p, nil
}

// meets reports whether two words count for one phase.
func (w word) meets(v word) bool { return v.phase == "" || w.phase == "" || v.phase == w.phase }

// matrix reports whether a word is about matrix instructions.
func matrix(w word) bool { return strings.HasPrefix(w.value, "mma") }

// phaseOf is the phase in which an operation stands, nil for none.
func phaseOf(o *ir.Op) *ir.Op {
	for ; o != nil; o = o.Parent.Parent {
		if o.Code == ir.Parallel {
			return o
		}
	}
	return nil
}

// concerns are the words of a list that count where an operation stands.
func concerns(list []word, o *ir.Op) []word {
	var mine []word
	for _, w := range list {
		if phase := phaseOf(o); w.phase == "" || phase != nil && phase.Str("name") == w.phase {
			mine = append(mine, w)
		}
	}
	return mine
}

// has reports whether a list has a word of a name for an operation.
func has(list []word, name string, o *ir.Op) bool {
	return slices.ContainsFunc(concerns(list, o), func(w word) bool { return w.value == name })
}

// allowed reports whether a contraction may be made of a matrix instruction.
func (p *promises) allowed(o *ir.Op, name string) bool {
	if has(p.forbid, "mma", o) || has(p.use, "fma", o) {
		return false
	}
	same := func(w word) bool { return eitherWay(w.value) == eitherWay(name) }
	if slices.ContainsFunc(concerns(p.forbid, o), same) {
		return false
	}
	mine := slices.DeleteFunc(concerns(p.use, o), func(w word) bool { return !strings.HasPrefix(w.value, "mma_") })
	return len(mine) == 0 || slices.ContainsFunc(mine, same)
}

// eitherWay is the name of an instruction whichever operand is the first.
func eitherWay(name string) string {
	return strings.NewReplacer("u8xs8", "s8xu8", "e5m2xe4m3", "e4m3xe5m2").Replace(name)
}

// covered checks the promises about contractions of a region that has been covered; why says of each that is made of
// multiply-adds why it is.
func (p *placer) covered(r *ir.Region, why map[*ir.Op]string) error {
	var err error
	r.Walk(func(o *ir.Op) {
		if o.Code != ir.Contract || err != nil {
			return
		}
		atom := o.Str("atom") != ""
		for _, w := range concerns(p.promises.use, o) {
			if !atom && matrix(w) {
				reason := why[o]
				if reason == "" {
					reason = "its axes cannot be parted among the instruction's registers"
				}
				err = w.misfit("the contraction at %s cannot be made of it: %s", o.Pos, reason)
			}
		}
		for _, w := range concerns(p.promises.forbid, o) {
			if !atom && w.value == "fma" {
				err = w.misfit("the contraction at %s is made of them: %s", o.Pos, why[o])
			}
		}
	})
	return err
}

// kept checks the promises about the whole of a placed function.
func (p *promises) kept(fn *ir.Func) error {
	var err error
	for _, phase := range fn.Body.Ops {
		if phase.Code != ir.Parallel {
			continue
		}
		looped, ahead := (*ir.Op)(nil), false
		phase.Regions[0].Walk(func(o *ir.Op) {
			switch o.Code {
			case ir.Contract:
				if o.Str("atom") != "" && inLoop(o) && looped == nil {
					looped = o
				}
			case ir.Copy:
				ahead = true
			case ir.Convert:
				from, to := o.Operands[0].Type, o.Result().Type
				if err != nil || from.Shared != nil || from.Layout == nil || to.Layout == nil || from.Layout.Equal(*to.Layout) {
					return
				}
				for _, w := range concerns(p.forbid, o) {
					if w.value == "convert" {
						err = w.misfit("the %s at %s moves from one register layout to another: %d bytes", from.Unplaced(), o.Pos, tileBytes(from))
					}
				}
			}
		})
		if err != nil {
			return err
		}
		for _, w := range concerns(p.use, phase) {
			if w.value == "async" && looped != nil && !ahead {
				return w.misfit("no operand of the contraction at %s can be copied ahead", looped.Pos)
			}
		}
	}
	return nil
}

func inLoop(o *ir.Op) bool {
	for q := o.Parent.Parent; q != nil && q.Code != ir.Parallel; q = q.Parent.Parent {
		if q.Code == ir.For {
			return true
		}
	}
	return false
}

// tileBytes are the bytes of a tile's elements.
func tileBytes(t ir.Type) int64 {
	n := int64(t.Elem.Bits())
	for _, a := range t.Axes {
		n *= a.Extent
	}
	return (n + 7) / 8
}

// Promises are lines for people: the promises of a function that was placed, which are kept.
func Promises(fn *ir.Func) []string {
	var list []string
	for _, w := range slices.Concat(words(fn, "use"), words(fn, "forbid")) {
		list = append(list, fmt.Sprintf("%s: kept", w.text()))
	}
	return list
}
