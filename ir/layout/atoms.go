package layout

import "slices"

// atoms are the factors that texts of distributions name, with a number for each axis.
var atoms = []struct {
	name     string
	unit     Unit
	rowMajor bool
}{
	{"local", Register, true},
	{"column_local", Register, false},
	{"spatial", Lane, true},
	{"column_spatial", Lane, false},
	{"warps", Warp, true},
	{"column_warps", Warp, false},
	{"blocks", Block, true},
	{"column_blocks", Block, false},
}

// AtomNames are the names of Atom.
func AtomNames() []string {
	var names []string
	for _, a := range atoms {
		names = append(names, a.name)
	}
	return names
}

// Atom is the distribution over one unit that a text names: local(2,1) has 2 by 1 registers of a lane, spatial lanes,
// warps warps, blocks blocks; the last axis runs fastest, with column_ before the name the first.
func Atom(name string, extents ...int64) (Distribution, error) {
	for _, a := range atoms {
		if a.name == name {
			return grid(a.unit, a.rowMajor, extents)
		}
	}
	return Distribution{}, failf(Syntax, "%s is not a factor of a layout: there are %v and replica", name, AtomNames())
}

// UnitNamed is the unit of a name: register, lane, warp or block.
func UnitNamed(name string) (Unit, bool) {
	i := slices.Index(unitNames[:], name)
	return Unit(max(i, 0)), i >= 0
}
