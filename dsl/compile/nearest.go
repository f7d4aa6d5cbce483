package compile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tilec/tilec/dsl/typed"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/passes"
)

const (
	// maxTries and maxTime bound the search for a schedule that fits.
	maxTries = 64
	maxTime  = 2 * time.Second
	// leastTile is the smallest tile size that is proposed.
	leastTile = 8
)

// Nearest is the error that a schedule of k does not fit ([*passes.Misfit]), with the nearest schedule that does: the one with the fewest
// tile sizes and words changed, and these by the least powers of two. Try compiles a function for the target. Other errors, and misfits
// that know better, are given back as they are.
func Nearest(ctx context.Context, k *typed.Kernel, err error, try func(*ir.Func) error) error {
	var m *passes.Misfit
	if !errors.As(err, &m) || m.Settled || k.Again == nil {
		return err
	}
	end := time.Now().Add(maxTime)
	tries := 0
	for _, c := range changes(k) {
		if tries++; tries > maxTries || time.Now().After(end) || ctx.Err() != nil {
			break
		}
		other, no := k.Again(c.tiles, c.words)
		if no != nil {
			continue
		}
		if fn, _, no := Func(other, Options{}); no == nil && try(fn) == nil {
			return &passes.Misfit{Text: m.Text, Hint: c.String() + " is the nearest that fits", Pos: m.Pos, Settled: true}
		}
	}
	return err
}

// change is another schedule.
type change struct {
	tiles map[string]int64
	words []typed.Word
	names []string // name = value, in the order of the schedule
	cost  int
}

func (c *change) String() string { return strings.Join(c.names, ", ") }

// with is both changes.
func (c *change) with(o *change) *change {
	all := &change{tiles: map[string]int64{}, cost: c.cost + o.cost}
	for _, x := range []*change{c, o} {
		for name, n := range x.tiles {
			all.tiles[name] = n
		}
		all.words, all.names = append(all.words, x.words...), append(all.names, x.names...)
	}
	return all
}

// changes are other schedules of a kernel, the nearest first: those that change one number, and then those that change two.
func changes(k *typed.Kernel) []*change {
	var of [][]*change // by what they change
	word := func(name string, n int64) *change {
		return &change{words: []typed.Word{{Name: name, Value: strconv.FormatInt(n, 10)}}, names: []string{fmt.Sprintf("%s = %d", name, n)}}
	}
	warps, stages := int64(4), int64(0)
	for _, w := range k.Words {
		n, err := strconv.ParseInt(w.Value, 10, 64)
		switch {
		case err != nil || w.Phase != "":
		case w.Name == "warps":
			warps = n
		case w.Name == "stages":
			stages = n
		}
	}
	var list []*change
	for n := int64(1); n <= 32; n *= 2 {
		if n == warps {
			continue
		}
		c := word("warps", n)
		c.cost = 2 * halvings(warps, n)
		if n < warps {
			c.cost++ // more warps have more registers
		}
		list = append(list, c)
	}
	of = append(of, list)
	list = nil
	for n := stages - 1; n >= 1 && n >= stages-8; n-- {
		c := word("stages", n)
		c.cost = 2*int(stages-n) + 1
		list = append(list, c)
	}
	of = append(of, list)
	for _, t := range k.Tiles {
		list = nil
		n := int64(1)
		for 2*n < t.Value {
			n *= 2
		}
		for ; n >= leastTile; n /= 2 {
			list = append(list, &change{tiles: map[string]int64{t.Name: n}, names: []string{fmt.Sprintf("%s = %d", t.Name, n)}, cost: 2 * halvings(t.Value, n)})
		}
		of = append(of, list)
	}
	var one, two []*change
	for i, list := range of {
		one = append(one, list...)
		for _, others := range of[:i] {
			for _, x := range others {
				for _, y := range list {
					two = append(two, x.with(y))
				}
			}
		}
	}
	byCost := func(x, y *change) int { return x.cost - y.cost }
	slices.SortStableFunc(one, byCost)
	slices.SortStableFunc(two, byCost)
	return append(one, two...)
}

// halvings is how many powers of two lie between two numbers.
func halvings(x, y int64) int {
	if x < y {
		x, y = y, x
	}
	n := 0
	for ; x > y; x = (x + 1) / 2 {
		n++
	}
	return n
}
