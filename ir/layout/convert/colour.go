package convert

// An edge of a bipartite multigraph, and the colour that it would like.
type edge struct {
	a, b   int32
	wanted int32
}

// colours gives every edge one of n colours, such that no two at a vertex share one. n is at least the largest degree,
// which is enough for every bipartite multigraph (König): an edge whose ends have no free colour in common gets one
// after the colours of an alternating path are exchanged. Of several free colours the least used is taken.
func colours(edges []edge, as, bs, n int) []int {
	atA, atB := make([]int32, as*n), make([]int32, bs*n) // the edge of a colour at a vertex, and 1
	of := make([]int, len(edges))
	used := make([]int, n)
	set := func(e, c int) {
		atA[int(edges[e].a)*n+c], atB[int(edges[e].b)*n+c] = int32(e+1), int32(e+1)
		of[e] = c
		used[c]++
	}
	for i, e := range edges {
		a, b := atA[int(e.a)*n:int(e.a+1)*n], atB[int(e.b)*n:int(e.b+1)*n]
		if w := int(e.wanted); w >= 0 && w < n && a[w] == 0 && b[w] == 0 {
			set(i, w)
			continue
		}
		common, freeA, freeB := -1, -1, -1
		for c := range n {
			if a[c] == 0 && b[c] == 0 && (common < 0 || used[c] < used[common]) {
				common = c
			}
			if a[c] == 0 {
				freeA = c
			}
			if b[c] == 0 {
				freeB = c
			}
		}
		if common >= 0 {
			set(i, common)
			continue
		}
		// The path from b by edges coloured freeA, freeB, freeA … cannot end at a, as its sides alternate.
		var path []int
		for at, side, c := int(e.b), true, freeA; ; {
			var next int32
			if side {
				next = atB[at*n+c]
			} else {
				next = atA[at*n+c]
			}
			if next == 0 {
				break
			}
			f := int(next - 1)
			path = append(path, f)
			if side {
				at = int(edges[f].a)
			} else {
				at = int(edges[f].b)
			}
			side, c = !side, freeA+freeB-c
		}
		for _, f := range path {
			atA[int(edges[f].a)*n+of[f]], atB[int(edges[f].b)*n+of[f]] = 0, 0
			used[of[f]]--
		}
		for _, f := range path {
			set(f, freeA+freeB-of[f])
		}
		set(i, freeA)
	}
	return of
}
