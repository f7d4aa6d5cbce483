package bank

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/tilec/tilec/ir/layout"
)

// minimum is the least cost over all XOR swizzles that add bits of sources to bits of destinations, found by trying
// every one; and the number of them. It counts on addresses in bytes by itself.
func minimum(t *testing.T, m *Machine, accesses []Access, l layout.Layout, sources, destinations []int, allow func(columns []int64) bool) (least int64, tried int) {
	t.Helper()
	type one struct {
		in     *Instruction
		weight int64
		reps   [][]int64
	}
	var all []one
	for _, a := range accesses {
		in, _ := m.Instruction(a.Instruction)
		vector, lanes := a.Elements.Mode(0).Size(), a.Elements.Mode(1).Size()
		o := one{in, max(a.Weight, 1), nil}
		for r := range a.Elements.Size() / vector / lanes {
			row := make([]int64, lanes)
			for lane := range row {
				row[lane] = l.At(a.Elements.At(vector*(int64(lane)+lanes*r))) / 8
			}
			o.reps = append(o.reps, row)
		}
		all = append(all, o)
	}
	columns := make([]int64, len(sources))
	at := func(x int64) int64 {
		y := x
		for k, j := range sources {
			if x>>j&1 != 0 {
				y ^= columns[k]
			}
		}
		return y
	}
	least = 1 << 62
	for n := range int64(1) << (len(sources) * len(destinations)) {
		for k := range columns {
			columns[k] = 0
			for i, d := range destinations {
				if n>>(k*len(destinations)+i)&1 != 0 {
					columns[k] |= 1 << d
				}
			}
			if columns[k]>>sources[k] != 0 {
				columns[k] = 1 << 62 // adds to a bit from below: not looked at
			}
		}
		if slices.Max(columns) == 1<<62 || allow != nil && !allow(columns) {
			continue
		}
		tried++
		cost := int64(0)
		for _, o := range all {
			worst := int64(0)
			for _, model := range o.in.Models {
				extra := int64(0)
				for _, row := range o.reps {
					for _, phase := range model.Phases {
						var words [64][]int64
						most := 0
						for _, lane := range phase {
							x := at(row[lane])
							for w := x / 4; w <= (x+int64(o.in.Bytes)-1)/4; w++ {
								b := w % int64(model.Banks)
								if model.Serial || !slices.Contains(words[b], w) {
									words[b] = append(words[b], w)
									most = max(most, len(words[b]))
								}
							}
						}
						extra += int64(most - 1)
					}
				}
				worst = max(worst, extra)
			}
			if cost += worst * o.weight; cost >= least {
				break
			}
		}
		least = min(least, cost)
		if least == 0 {
			break
		}
	}
	return least, tried
}

// Against the search through all XOR masks of small tiles: what the solver calls minimal is, and where there is a
// swizzle without conflicts it finds one.
func TestMinimum(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	names := map[string][]string{
		"sm_90a": {"ld.shared", "st.shared", "ld.shared.v2", "st.shared.v2", "ld.shared.v4", "st.shared.v4", "ldmatrix.x4", "stmatrix.x4"},
		"gfx942": {"ds_read_b32", "ds_read_b64", "ds_read_b128", "ds_write_b64", "ds_write_b128"},
		"gfx950": {"ds_read_b32", "ds_read_b64", "ds_read_b128", "ds_write_b64", "ds_read_b64_tr_b16", "ds_write_b128"},
	}
	var conflicts, free, proven, cases int
	for range 180 {
		target := []string{"sm_90a", "gfx942", "gfx950"}[random.IntN(3)]
		m := must(t, target)
		pitch := []int64{64, 128, 128, 256, 96, 80, 160}[random.IntN(7)]
		tall := 1024 / pitch
		if tall < 16 && random.IntN(2) == 0 {
			tall *= 2
		}
		if pitch&(pitch-1) != 0 {
			tall = 12
		}
		base := rows(tall, pitch/2, 16, pitch)
		var accesses []Access
		for range 1 + random.IntN(3) {
			name := names[target][random.IntN(len(names[target]))]
			in, _ := m.Instruction(name)
			vector := int64(in.Bytes) / 2
			accesses = append(accesses, Access{Instruction: name, Weight: int64(random.IntN(4)), Elements: walk(random, in, tall, vector, pitch/2/vector)})
		}
		r, err := Solve(m, base, accesses, Options{Forms: Swizzled, Chunk: 16})
		if err != nil {
			t.Fatal(err)
		}
		recheck(t, m, accesses, r, 16)
		cases++
		if r.Minimal {
			proven++
		} else if pitch&(pitch-1) == 0 {
			t.Errorf("%s pitch %d: %v is not proven to be minimal", target, pitch, r)
		}
		if r.Cost == 0 {
			free++
			continue
		}
		sources, destinations := []int{7, 8, 9}, []int{4, 5, 6}
		if pitch*tall > 1024 {
			sources = append(sources, 10)
		}
		if target == "gfx950" {
			destinations = append(destinations, 7)
		}
		// More than 512 masks only now and then.
		if n := len(sources) * len(destinations); n > 9 && random.IntN(8) != 0 || n > 12 && random.IntN(4) != 0 {
			continue
		}
		conflicts++
		least, tried := minimum(t, m, accesses, base, sources, destinations, nil)
		if tried < 512 && least > 0 {
			t.Fatalf("only %d masks tried", tried)
		}
		if r.Minimal && r.Cost != least || r.Cost < least || least == 0 {
			t.Errorf("%s pitch %d: %v costs %d, minimal %t (%s); the least of all masks is %d", target, pitch, r, r.Cost, r.Minimal, r.Proof, least)
			for _, a := range accesses {
				t.Errorf("  %s %v weight %d", a.Instruction, a.Elements, a.Weight)
			}
		} else if r.Cost != least {
			t.Logf("%s pitch %d: %v costs %d, the least of all masks %d", target, pitch, r, r.Cost, least)
		}
	}
	t.Logf("%d cases, %d free of conflicts, %d proven, %d compared with all masks", cases, free, proven, conflicts)
	if free < 20 || conflicts < 15 || proven == cases {
		t.Errorf("%d free, %d with conflicts, %d proven", free, conflicts, proven)
	}
}

// Random tiles of any pitch on every machine: results cost what brute force counts, and no more than the tile as it is.
func TestSolveRandom(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	forms := make(map[Form]int)
	for range 120 {
		m := machines[random.IntN(len(machines))]
		bits := []int64{4, 8, 16, 32}[random.IntN(4)]
		pitch := 16 * (1 + random.Int64N(20))
		tall := []int64{8, 12, 16, 32, 40}[random.IntN(5)]
		base := rows(tall, pitch*8/bits, bits, pitch)
		var accesses []Access
		for range 1 + random.IntN(3) {
			in := &m.Instructions[random.IntN(len(m.Instructions))]
			if int64(in.Bytes)*8%bits != 0 || in.Bytes == 12 {
				continue
			}
			vector := int64(in.Bytes) * 8 / bits
			accesses = append(accesses, Access{Instruction: in.Name, Elements: walk(random, in, tall, vector, pitch/int64(in.Bytes))})
		}
		if len(accesses) == 0 {
			continue
		}
		o := Options{Forms: Form(random.IntN(16))}
		r, err := Solve(m, base, accesses, o)
		if err != nil {
			t.Fatal(err)
		}
		recheck(t, m, accesses, r, bits)
		if o.Forms != 0 && r.Form != Plain && r.Form&o.Forms == 0 {
			t.Errorf("%v is not of the forms %v", r, o.Forms)
		}
		plain := int64(0)
		for _, a := range accesses {
			plain += check(t, m, a, base).Extra
		}
		if r.Cost > plain {
			t.Errorf("%v costs %d, the tile as it is %d", r, r.Cost, plain)
		}
		forms[r.Form]++
		again, _ := Solve(m, base, accesses, o)
		if !again.Layout.Identical(r.Layout) {
			t.Errorf("%v, then %v", r, again)
		}
	}
	for f := Plain; f <= Rotated; f <<= 1 {
		if forms[f] < 3 {
			t.Errorf("%d results are %v", forms[f], f)
		}
	}
}

// The options: forms that hardware knows, swizzles that a wave can undo, bounds of padding.
func TestOptions(t *testing.T) {
	m := must(t, "gfx950")
	// A wave copies 1 KiB, 16 bytes a lane; a matrix instruction reads rows of 64, 128 and 256 bytes.
	for _, pitch := range []int64{64, 128, 256} {
		tall := int64(32)
		e := elements(tall, digits{{8, 0, 1}}, digits{{16, 1, 0}, {4, 0, 8}}, digits{{pitch / 64, 0, 32}, {2, 16, 0}})
		a := []Access{{Instruction: "ds_read_b128", Elements: e}}
		base := rows(tall, pitch/2, 16, pitch)
		r, err := Solve(m, base, a, Options{Wave: true})
		if err != nil {
			t.Fatal(err)
		}
		recheck(t, m, a, r, 16)
		for x := range int64(1 << 12) {
			y := r.Swizzle.At(x)
			if r.Swizzle.At(y) != x || y>>10 != x>>10 || y&15 != x&15 {
				t.Fatalf("%v moves %d to %d", r, x, y)
			}
		}
		least, _ := minimum(t, m, a, base, []int{7, 8, 9}, []int{4, 5, 6, 7}, func(c []int64) bool {
			return c[0] == 0 || (c[1]|c[2])&(1<<7) == 0
		})
		if r.Cost != least || !r.Minimal {
			t.Errorf("pitch %d: %v costs %d (minimal: %t), the least is %d", pitch, r, r.Cost, r.Minimal, least)
		}
		t.Log(pitch, r)
	}

	n := must(t, "sm_90a")
	e := elements(64, digits{{8, 0, 1}}, digits{{8, 1, 0}, {4, 8, 0}}, digits{{6, 0, 8}, {2, 32, 0}})
	a := []Access{{Instruction: "ldmatrix.x4", Elements: e}}
	base := rows(64, 48, 16, 96)
	for _, x := range []struct {
		o    Options
		form Form
	}{
		{Options{}, Padded}, {Options{MaxWaste: 63 * 16}, Padded}, {Options{MaxWaste: 1000}, Swizzled}, {Options{Forms: Padded, MaxWaste: 1000}, Plain},
		{Options{Canonical: true}, Swizzled}, {Options{Forms: Plain}, Plain}, {Options{Forms: Padded, Chunk: 64}, Plain}, {Options{Forms: Padded, Chunk: 32}, Plain},
	} {
		r, err := Solve(n, base, a, x.o)
		if err != nil {
			t.Fatal(err)
		}
		recheck(t, n, a, r, 16)
		if r.Form != x.form {
			t.Errorf("%+v gives %v, want it %v", x.o, r, x.form)
		}
	}
	// Only the canonical forms: the least of the four, found so by counting all.
	e = elements(64, digits{{1, 0, 0}}, digits{{4, 0, 2}, {8, 1, 0}}, digits{{2, 0, 1}, {4, 0, 8}, {8, 8, 0}})
	a = []Access{{Instruction: "st.shared", Elements: e}}
	base = rows(64, 32, 32, 128)
	r, err := Solve(n, base, a, Options{Canonical: true})
	if err != nil {
		t.Fatal(err)
	}
	recheck(t, n, a, r, 32)
	least := check(t, n, a[0], base).Extra
	for i := 1; i <= 3; i++ {
		s := layout.Must(layout.XOR(i, 7, 3)) // on bits
		least = min(least, check(t, n, a[0], layout.Must(layout.WithSwizzle(s, base))).Extra)
	}
	if r.Cost != least || !r.Minimal || r.Cost == 0 {
		t.Errorf("%v costs %d, the least of the canonical forms is %d", r, r.Cost, least)
	}
}

// The phases are those of the tables, and each machine's are a partition of the lanes that fits its banks.
func TestMachines(t *testing.T) {
	for _, name := range Machines() {
		m := must(t, name)
		for _, in := range m.Instructions {
			if found, ok := m.Instruction(in.Name); !ok || found.Name != in.Name {
				t.Errorf("%s: %s is not found", name, in.Name)
			}
			for _, model := range in.Models {
				seen := make([]bool, in.Lanes)
				for _, phase := range model.Phases {
					if len(phase)*max(in.Bytes, 4) > model.Banks*WordBytes {
						t.Errorf("%s: %d lanes of %s in a phase of %d banks", name, len(phase), in.Name, model.Banks)
					}
					for _, lane := range phase {
						if seen[lane] {
							t.Errorf("%s: lane %d of %s has two phases", name, lane, in.Name)
						}
						seen[lane] = true
					}
				}
				if slices.Contains(seen, false) {
					t.Errorf("%s: a lane of %s has no phase", name, in.Name)
				}
				if model.Banks*WordBytes > m.Line {
					t.Errorf("%s: %d banks in a line of %d bytes", name, model.Banks, m.Line)
				}
			}
		}
	}
	m := must(t, "gfx950")
	span := func(ranges ...int) (lanes []int) {
		for i := 0; i < len(ranges); i += 2 {
			for l := ranges[i]; l <= ranges[i+1]; l++ {
				lanes = append(lanes, l)
			}
		}
		return lanes
	}
	for _, x := range []struct {
		name  string
		banks int
		half  [][]int // of the first 32 lanes; the others follow 32 on
	}{
		{"ds_read_b128", 64, [][]int{span(0, 3, 12, 15, 20, 27), span(4, 11, 16, 19, 28, 31)}},
		{"ds_read_b96", 32, [][]int{span(0, 3, 20, 23), span(4, 7, 16, 19), span(8, 11, 28, 31), span(12, 15, 24, 27)}},
		{"ds_read_b64", 64, [][]int{span(0, 31)}},
		{"ds_write_b64", 32, [][]int{span(0, 15), span(16, 31)}},
	} {
		in, _ := m.Instruction(x.name)
		want := slices.Clone(x.half)
		for _, phase := range x.half {
			other := slices.Clone(phase)
			for i := range other {
				other[i] += 32
			}
			want = append(want, other)
		}
		if len(in.Models) != 1 || in.Models[0].Banks != x.banks || !slices.EqualFunc(in.Models[0].Phases, want, slices.Equal) {
			t.Errorf("%s: %+v", x.name, in.Models)
		}
		if published := !in.Write == (in.Assumed == ""); !published {
			t.Errorf("%s assumes %q", x.name, in.Assumed)
		}
	}
	if _, ok := For("sm_10"); ok {
		t.Error("sm_10 is a machine")
	}
	if _, ok := must(t, "sm_80").Instruction("stmatrix.x4"); ok {
		t.Error("sm_80 has stmatrix")
	}
}

// What cannot be counted is refused with the condition.
func TestRefused(t *testing.T) {
	m := must(t, "sm_90a")
	good := elements(32, digits{{4, 0, 1}}, digits{{32, 1, 0}}, digits{{8, 0, 4}})
	tile := rows(32, 32, 32, 128)
	vector := "ld.shared.v4"
	for _, x := range []struct {
		name   string
		access Access
		tile   layout.Layout
		reason layout.Reason
		text   string
	}{
		{"no instruction", Access{Instruction: "ds_read_b32", Elements: good}, tile, layout.Range, "ds_read_b32"},
		{"no layout", Access{Instruction: vector}, tile, layout.Profile, "no layout"},
		{"no tile", Access{Instruction: vector, Elements: good}, layout.Layout{}, layout.Profile, "no layout"},
		{"one mode", Access{Instruction: vector, Elements: layout.Must(layout.New(layout.Int(128), layout.Int(1)))}, tile, layout.Profile, "one mode"},
		{"lanes", Access{Instruction: vector, Elements: elements(32, digits{{4, 0, 1}}, digits{{16, 1, 0}})}, tile, layout.Range, "16 lanes"},
		{"bytes", Access{Instruction: vector, Elements: elements(32, digits{{3, 0, 1}}, digits{{32, 1, 0}})}, tile, layout.Divisibility, "3 elements"},
		{"weight", Access{Instruction: vector, Weight: -1, Elements: good}, tile, layout.Range, "weight -1"},
		{"outside", Access{Instruction: vector, Elements: elements(32, digits{{4, 0, 1}}, digits{{32, 1, 0}}, digits{{9, 0, 4}})}, tile, layout.Range, "touches element"},
		{"apart", Access{Instruction: vector, Elements: elements(32, digits{{4, 1, 0}}, digits{{32, 0, 1}})}, tile, layout.Divisibility, "side by side"},
		{"alignment", Access{Instruction: vector, Elements: good}, rows(32, 32, 32, 136), layout.Divisibility, "16 bytes"},
		{"torn", Access{Instruction: vector, Elements: good}, layout.Must(layout.WithSwizzle(layout.Must(layout.XOR(1, 5, 5)), tile)), layout.Divisibility, "side by side"},
	} {
		_, err := Degree(m, x.access, x.tile)
		var e *layout.Error
		if !errors.As(err, &e) || e.Reason != x.reason || !strings.Contains(e.Text, x.text) || e.Op != "degree" {
			t.Errorf("%s: %v", x.name, err)
		}
		if x.name != "torn" {
			if _, err := Solve(m, x.tile, []Access{x.access}, Options{}); !errors.As(err, &e) || e.Reason != x.reason {
				t.Errorf("%s: solve gives %v", x.name, err)
			}
		}
		if _, err := Phases(m, x.access, x.tile, 0, 0); err == nil && x.name != "outside" {
			t.Errorf("%s: phases gives no error", x.name)
		}
	}
	a := Access{Instruction: vector, Elements: good}
	for _, o := range []Options{{Chunk: 3}, {Chunk: 256}, {Chunk: -16}, {MaxWaste: -1}, {Forms: 16}} {
		if _, err := Solve(m, tile, []Access{a}, o); err == nil {
			t.Errorf("%+v gives no error", o)
		}
	}
	if _, err := Solve(m, tile, nil, Options{}); err == nil {
		t.Error("no accesses, no error")
	}
	if _, err := Solve(m, layout.Must(layout.WithSwizzle(layout.Must(layout.XOR(3, 7, 3)), tile)), []Access{a}, Options{}); err == nil {
		t.Error("a swizzled base, no error")
	}
	for _, x := range [][2]int64{{1, 0}, {-1, 0}, {0, 8}, {0, -1}} {
		if _, err := Phases(m, a, tile, int(x[0]), x[1]); err == nil {
			t.Errorf("model %d, repetition %d: no error", x[0], x[1])
		}
	}
}

// Whatever layouts come, an answer or an error comes back, and what Degree and Solve count is right.
func TestAnyLayout(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	number := func() int64 {
		switch random.IntN(12) {
		case 0:
			return -1 << random.IntN(8)
		case 1:
			return 1 << random.IntN(60)
		case 2, 3:
			return random.Int64N(100)
		}
		return 1 << random.IntN(8)
	}
	random3 := func() (shape, stride layout.Tuple) {
		var a, b []int64
		for range 1 + random.IntN(3) {
			a, b = append(a, 1<<random.IntN(4)), append(b, number())
		}
		return layout.Ints(a...), layout.Ints(b...)
	}
	counted, solved := 0, 0
	for range 5000 {
		m := machines[random.IntN(len(machines))]
		in := &m.Instructions[random.IntN(len(m.Instructions))]
		bits := []int64{4, 8, 16, 32}[random.IntN(4)]
		vector := int64(in.Bytes) * 8 / bits
		if vector == 0 || random.IntN(20) == 0 {
			vector = 3
		}
		lanes, steps := layout.Ints(4, int64(in.Lanes)/4), layout.Ints(number(), number())
		more, moreSteps := random3()
		e, err := layout.New(layout.List(layout.Int(vector), lanes, more), layout.List(layout.Int([]int64{1, 8, number()}[random.IntN(3)]), steps, moreSteps))
		if err != nil {
			continue
		}
		shape, stride := random3()
		l, err := layout.New(layout.List(layout.Int(8<<random.IntN(4)), layout.Int(8<<random.IntN(4)), shape), layout.List(layout.Int(number()), layout.Int(bits), stride))
		if err != nil {
			continue
		}
		if random.IntN(4) == 0 {
			if l, err = layout.WithSwizzle(layout.Must(layout.XOR(random.IntN(4), random.IntN(9), 4)), l); err != nil {
				continue
			}
		}
		a := Access{Instruction: in.Name, Elements: e}
		if _, err := Degree(m, a, l); err == nil {
			check(t, m, a, l)
			counted++
		}
		if _, err := Phases(m, a, l, 0, random.Int64N(4)); err != nil && err.Error() == "" {
			t.Error("an error without a text")
		}
		r, err := Solve(m, l, []Access{a}, Options{Forms: Form(random.IntN(16)), Wave: random.IntN(4) == 0, Canonical: random.IntN(8) == 0})
		if err == nil {
			if got := check(t, m, a, r.Layout); got.Extra != r.Cost {
				t.Errorf("%v costs %d", r, got.Extra)
			}
			solved++
		}
	}
	t.Logf("%d counted, %d solved", counted, solved)
	if counted < 50 || solved < 50 {
		t.Errorf("%d counted, %d solved", counted, solved)
	}
}

// Of gives the access of a distribution: every element that a lane holds, once, by the widest instruction that fits.
func TestOf(t *testing.T) {
	product := func(ds ...layout.Distribution) layout.Distribution {
		d := ds[0]
		for _, e := range ds[1:] {
			d = layout.Must(d.Mul(e))
		}
		return d
	}
	local := func(n ...int64) layout.Distribution { return layout.Must(layout.Local(n...)) }
	spatial := func(n ...int64) layout.Distribution { return layout.Must(layout.Spatial(n...)) }
	warps := func(n ...int64) layout.Distribution { return layout.Must(layout.Grid(layout.Warp, true, n...)) }
	accumulator := product(local(2, 1), spatial(8, 4), local(1, 2))
	for _, x := range []struct {
		d     layout.Distribution
		bits  int64
		limit int
		by    bool // columns, not rows
		want  string
	}{
		{accumulator, 32, 16, false, "st.shared.v2"},
		{accumulator, 32, 4, false, "st.shared"},
		{accumulator, 16, 16, false, "st.shared"},
		{accumulator, 8, 16, false, "st.shared.b16"},
		{accumulator, 16, 16, true, "st.shared.b16"},
		{product(warps(4, 1), local(4, 2), spatial(8, 4), local(1, 8)), 16, 16, false, "st.shared.v4"},
		{product(warps(2, 2), local(4, 2), spatial(8, 4), local(2, 8)), 32, 16, false, "st.shared.v4"},
		{product(spatial(4, 8), local(1, 32)), 4, 16, false, "st.shared.v4"},
		{product(spatial(4, 8), local(1, 12)), 32, 16, false, "st.shared.v4"},
		{product(spatial(4, 8), local(1, 3)), 32, 16, false, "st.shared"},
		{product(spatial(4, 8), local(1, 6)), 16, 16, false, "st.shared"},
		{product(layout.Must(layout.Replicas(layout.Register, 2, 2)), spatial(4, 8), local(1, 4)), 32, 16, false, "st.shared.v4"},
	} {
		m := must(t, "sm_90a")
		rows, columns := x.d.Tile()[0], x.d.Tile()[1]
		strides := layout.Ints(columns*x.bits, x.bits)
		if x.by {
			strides = layout.Ints(x.bits, rows*x.bits)
		}
		tile := layout.Must(layout.New(layout.Ints(rows, columns), strides))
		a, err := Of(m, true, x.d, tile, x.bits, x.limit)
		if err != nil {
			t.Errorf("%v: %v", x.d, err)
			continue
		}
		if a.Instruction != x.want {
			t.Errorf("%v of %d bits is stored by %s, want %s", x.d, x.bits, a.Instruction, x.want)
		}
		check(t, m, a, tile)
		// What each lane moves, over all warps, is what it holds.
		vector, lanes := a.Elements.Mode(0).Size(), a.Elements.Mode(1).Size()
		for lane := range lanes {
			var moved, held []int64
			for r := range a.Elements.Size() / vector / lanes {
				for v := range vector {
					moved = append(moved, a.Elements.At(v+vector*(lane+lanes*r)))
				}
			}
			for w := range x.d.Count(layout.Warp) {
				for r := range x.d.Count(layout.Register) {
					held = append(held, x.d.Element(r, lane, w, 0))
				}
			}
			slices.Sort(moved)
			slices.Sort(held)
			if held = slices.Compact(held); !slices.Equal(moved, held) {
				t.Errorf("%v: lane %d moves %v and holds %v", x.d, lane, moved, held)
			}
		}
	}
	if _, err := Of(must(t, "sm_90a"), true, product(spatial(4, 8), local(1, 1)), rows(4, 8, 4, 4), 4, 16); err == nil {
		t.Error("single elements of 4 bits are stored")
	}
	if _, err := Of(must(t, "gfx950"), true, accumulator, rows(16, 8, 32, 32), 32, 16); err == nil {
		t.Error("32 lanes are a wave of gfx950")
	}
}
