package draw

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tilec/tilec/ir/layout/bank"
)

// Banks is the picture of an access to shared memory: which banks the lanes touch in each phase. Runs of banks that
// the same lanes touch in every phase share a column.
func Banks(phases []bank.Phase) Picture {
	banks := int64(len(phases[0].Banks))
	share := int64(1)
	for share < banks && alike(phases, 2*share) {
		share *= 2
	}
	p := Picture{Rows: index("phase", int64(len(phases)))}
	p.Cols = Axis{"bank", banks / share, func(i int64) string {
		if share == 1 {
			return strconv.FormatInt(i, 10)
		}
		return fmt.Sprintf("%d-%d", i*share, i*share+share-1)
	}}
	p.At = func(row, col int64) Cell {
		phase := phases[row]
		lanes, words := phase.Banks[col*share], phase.Words[col*share]
		if len(lanes) == 0 {
			return Cell{Text: "-", Tone: Blank}
		}
		c := Cell{Text: strconv.Itoa(lanes[0])}
		c.Hint = fmt.Sprintf("phase %d, bank %s: lanes %s, %s", row, p.Cols.Label(col), ranges(lanes), plural(int64(words), "word"))
		c.Lines = []string{cut(ranges(lanes), 7)}
		switch {
		case words > 1:
			c.Text = fmt.Sprintf("x%d", words)
			c.Lines = append(c.Lines, c.Text)
			c.Strong = true
		case len(lanes) > 1:
			c.Text = ranges(lanes)
			if len(c.Text) > 5 {
				c.Text = fmt.Sprintf("%d..", lanes[0])
			}
		}
		switch {
		case words == 1:
			c.Tone = Single
		case words == 2:
			c.Tone = Double
		case words <= 4:
			c.Tone = Several
		default:
			c.Tone = Many
		}
		return c
	}
	p.Legend = "cell: lane; xN where its lanes touch N different words, one after the other; - nothing"
	p.Image = "cell: lanes; xN and a thick border where they touch N different words, one after the other"
	p.Colour = "words of a bank"
	p.Keys = []Key{{Single, "1"}, {Double, "2"}, {Several, "3 or 4"}, {Many, "more"}}
	const told = 4
	conflicts := 0
	for i, phase := range phases {
		for b := int64(0); b < banks; b += share {
			if phase.Words[b] < 2 {
				continue
			}
			if conflicts++; conflicts <= told {
				p.Notes = append(p.Notes, fmt.Sprintf("phase %d, bank %s: lanes %s touch %d words", i, p.Cols.Label(b/share), ranges(phase.Banks[b]), phase.Words[b]))
			}
		}
	}
	if conflicts > told {
		p.Notes = append(p.Notes, fmt.Sprintf("and %d more like these", conflicts-told))
	}
	return p
}

// alike tells whether in all phases each run of so many banks is touched by the same lanes.
func alike(phases []bank.Phase, share int64) bool {
	for _, p := range phases {
		for b := range p.Banks {
			first := int64(b) / share * share
			if !slices.Equal(p.Banks[b], p.Banks[first]) || p.Words[b] != p.Words[first] {
				return false
			}
		}
	}
	return true
}

// ranges are numbers in order, with what lies between them left out: 0-3 8 12-15; evenly spaced ones 0 8..56.
func ranges(list []int) string {
	if n := len(list); n > 3 {
		step := list[1] - list[0]
		even := step > 1
		for i := 1; i < n; i++ {
			even = even && list[i]-list[i-1] == step
		}
		if even {
			return fmt.Sprintf("%d %d..%d", list[0], list[1], list[n-1])
		}
	}
	var parts []string
	for i := 0; i < len(list); {
		j := i
		for j+1 < len(list) && list[j+1] == list[j]+1 {
			j++
		}
		switch {
		case j > i:
			parts = append(parts, fmt.Sprintf("%d-%d", list[i], list[j]))
		default:
			parts = append(parts, strconv.Itoa(list[i]))
		}
		i = j + 1
	}
	return strings.Join(parts, " ")
}
