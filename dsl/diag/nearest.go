package diag

import (
	"slices"
	"strings"
)

// Nearest finds the name most like the one written: equal but for case, or at most a third of it changed; empty if there is none.
func Nearest(name string, among []string) string {
	among = slices.Sorted(slices.Values(among))
	best, cost := "", len(name)/3+1
	for _, n := range among {
		if n == name || len(n) < 2 && len(name) > 2 {
			continue
		}
		d := distance(strings.ToLower(name), strings.ToLower(n), cost)
		if d < cost || d == 0 && cost > 0 {
			best, cost = n, d
		}
	}
	return best
}

// distance is the number of letters to insert, delete, change or swap with a neighbour, or limit if it is not less.
func distance(a, b string, limit int) int {
	if len(a) > 64 || len(b) > 64 || len(a)-len(b) >= limit || len(b)-len(a) >= limit {
		return limit
	}
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			c := 1
			if a[i-1] == b[j-1] {
				c = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+c)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return min(last[len(b)], limit)
}
