package layout

// A leaf is one extent of a shape with its stride.
type leaf struct {
	size, stride int64
}

// leavesOf pairs extents with strides.
func leavesOf(sizes, strides []int64) []leaf {
	leaves := make([]leaf, len(sizes))
	for i, s := range sizes {
		leaves[i] = leaf{s, strides[i]}
	}
	return leaves
}

// merge drops leaves of extent 1 and joins neighbours of which the second goes on where the first ends. No two lists
// that it returns are the same function: each extent is the first index at which the function leaves its first stride.
func merge(leaves []leaf) []leaf {
	merged := make([]leaf, 0, len(leaves))
	for _, l := range leaves {
		if l.size != 1 {
			merged = join(merged, l)
		}
	}
	return merged
}

// join appends a leaf, to the last one if it goes on there.
func join(to []leaf, l leaf) []leaf {
	if n := len(to); n > 0 {
		if step, ok := multiply(to[n-1].size, to[n-1].stride); ok && step == l.stride {
			to[n-1].size *= l.size
			return to
		}
	}
	return append(to, l)
}

// unbounded are the merged leaves of a layout as a function of all indices, past its size too: the last one takes what
// is left of an index. There is at least one.
func (l Layout) unbounded() []leaf {
	n := len(l.sizes)
	if n == 0 {
		return []leaf{{1, 0}}
	}
	merged := merge(leavesOf(l.sizes[:n-1], l.strides[:n-1]))
	return join(merged, leaf{l.sizes[n-1], l.strides[n-1]})
}

// merged are the merged leaves of a layout within its size. There may be none.
func (l Layout) merged() []leaf { return merge(leavesOf(l.sizes, l.strides)) }

// tuples are the shape and strides of some leaves: integers for a single one, 1:0 for none, else flat lists.
func tuples(leaves []leaf) (shape, stride Tuple) {
	switch len(leaves) {
	case 0:
		return Int(1), Int(0)
	case 1:
		return Int(leaves[0].size), Int(leaves[0].stride)
	}
	shapes, strides := make([]Tuple, len(leaves)), make([]Tuple, len(leaves))
	for i, l := range leaves {
		shapes[i], strides[i] = Int(l.size), Int(l.stride)
	}
	return List(shapes...), List(strides...)
}

// flat is the layout of some leaves of l with its offset and swizzle.
func (l Layout) flat(leaves []leaf) Layout {
	shape, stride := tuples(leaves)
	return mustBuild(shape, stride, l.offset, l.swizzle)
}

// mustBuild is for parts that are known to make a layout.
func mustBuild(shape, stride Tuple, offset int64, swizzle Swizzle) Layout {
	l, err := build(shape, stride, offset, swizzle)
	if err != nil {
		panic(err)
	}
	return l
}

// Coalesce is the same function with the fewest leaves: an integer shape for at most one, else a flat list. Leaves of
// extent 1 go, and a leaf that goes on where the one before it ends is joined to it. The swizzle stays as it is.
// Layouts without a swizzle are the same function if and only if this gives the same. See Canonical for the others.
func (l Layout) Coalesce() Layout { return l.flat(l.merged()) }

// CoalesceModes coalesces by mode: each integer of the profile stands for a mode that is coalesced on its own, each
// list for a mode whose items are. Modes beyond those of the profile stay. It refuses a profile with more items than
// the shape has.
func (l Layout) CoalesceModes(profile Tuple) (Layout, error) {
	shape, stride, err := coalesceModes(l.shape, l.stride, profile)
	if err != nil {
		return Layout{}, within("coalesce", err)
	}
	return mustBuild(shape, stride, l.offset, l.swizzle), nil
}

func coalesceModes(shape, stride, profile Tuple) (Tuple, Tuple, error) {
	if profile.IsInt() {
		s, d := tuples(merge(leavesOf(shape.Leaves(), stride.Leaves())))
		return s, d, nil
	}
	if shape.IsInt() && profile.Rank() == 1 {
		return coalesceModes(shape, stride, profile.Mode(0))
	}
	if shape.IsInt() || profile.Rank() > shape.Rank() {
		return Tuple{}, Tuple{}, failf(Profile, "the profile %v has %d modes, the shape %v has %d", profile, profile.Rank(), shape, shape.Rank())
	}
	shapes, strides := make([]Tuple, shape.Rank()), make([]Tuple, shape.Rank())
	for i := range shapes {
		shapes[i], strides[i] = shape.Mode(i), stride.Mode(i)
		if i < profile.Rank() {
			var err error
			if shapes[i], strides[i], err = coalesceModes(shapes[i], strides[i], profile.Mode(i)); err != nil {
				return Tuple{}, Tuple{}, err
			}
		}
	}
	return List(shapes...), List(strides...), nil
}

// Flatten is the layout without the nesting of its shape, an integer where there is one leaf.
func (l Layout) Flatten() Layout {
	if len(l.sizes) == 1 {
		return mustBuild(Int(l.sizes[0]), Int(l.strides[0]), l.offset, l.swizzle)
	}
	return mustBuild(Ints(l.sizes...), Ints(l.strides...), l.offset, l.swizzle)
}

// Filter is the coalesced layout without the leaves of stride 0: it reaches the same offsets, each fewer times.
func (l Layout) Filter() Layout { return l.flat(l.filtered()) }

func (l Layout) filtered() []leaf {
	var leaves []leaf
	for i, s := range l.sizes {
		if s != 1 && l.strides[i] != 0 {
			leaves = join(leaves, leaf{s, l.strides[i]})
		}
	}
	return leaves
}
