package convert

import (
	"errors"
	"reflect"
	"slices"
	"testing"

	"github.com/tilec/tilec/ir/layout"
)

func must(t testing.TB, fs ...layout.Distribution) layout.Distribution {
	t.Helper()
	d := fs[0]
	for _, e := range fs[1:] {
		var err error
		if d, err = d.Mul(e); err != nil {
			t.Fatal(err)
		}
	}
	return d
}

func local(n ...int64) layout.Distribution         { return layout.Must(layout.Local(n...)) }
func columnLocal(n ...int64) layout.Distribution   { return layout.Must(layout.ColumnLocal(n...)) }
func spatial(n ...int64) layout.Distribution       { return layout.Must(layout.Spatial(n...)) }
func columnSpatial(n ...int64) layout.Distribution { return layout.Must(layout.ColumnSpatial(n...)) }
func warps(n ...int64) layout.Distribution         { return layout.Must(layout.Grid(layout.Warp, true, n...)) }

// A known is a conversion.
type known struct {
	name     string
	src, dst layout.Distribution
	bits     int
}

// cOf is the accumulator fragment of mma.m16n8 (row g+8i, columns 2t, 2t+1), aOf the A operand of 16-bit m16n8k16 (rows
// g, g+8, then k further by 8), bOf the B operand (k, n) of m16n8k8.
func cOf(t testing.TB) layout.Distribution { return must(t, local(2, 1), spatial(8, 4), local(1, 2)) }
func aOf(t testing.TB) layout.Distribution {
	return must(t, columnLocal(2, 2), spatial(8, 4), local(1, 2))
}
func bOf(t testing.TB) layout.Distribution { return must(t, columnSpatial(4, 8), local(2, 1)) }

func replicas(u layout.Unit, n int64, axes int) layout.Distribution {
	return layout.Must(layout.Replicas(u, n, axes))
}

func TestKnown(t *testing.T) {
	for _, k := range []struct {
		known
		nvidia, gfx942, gfx950 string
	}{
		{known{"the same", cOf(t), cOf(t), 32}, "nothing", "", ""},
		{known{"broadcast in registers", spatial(32), must(t, replicas(layout.Register, 4, 1), spatial(32)), 32}, "rename", "", ""},
		{known{"replicas in registers", must(t, replicas(layout.Register, 4, 1), spatial(32)), spatial(32), 32}, "nothing", "", ""},
		{known{"replicas in lanes", must(t, replicas(layout.Lane, 2, 1), spatial(16)), spatial(16), 32}, "nothing", "", ""},
		// The probabilities of attention: two D tiles of 8 columns are one A tile of 16 (kittens.md 4.1).
		{known{"C to A", must(t, columnLocal(2, 2), spatial(8, 4), local(1, 2)), aOf(t), 16}, "nothing", "", ""},
		{known{"C by rows to A", must(t, local(2, 2), spatial(8, 4), local(1, 2)), aOf(t), 16}, "rename", "rename", "rename"},
		// For 8 bits it is no rename.
		{known{"C to A, 8 bits", must(t, local(1, 4), cOf(t)), must(t, columnLocal(2, 2), spatial(8, 4), local(1, 4)), 8},
			"4 shuffles, 4 selects, 4 permutes; or 512 bytes scratch, 1 round, 1 barrier, 0 conflicts, 4 permutes",
			"512 bytes scratch, 1 round, 1 barrier, 0 conflicts, 4 permutes; or 4 shuffles, 4 selects, 4 permutes", ""},
		{known{"D to B", must(t, spatial(8, 4), local(1, 2)), bOf(t), 16},
			"1 matrix transpose; or 2 shuffles, 3 permutes", "2 shuffles, 3 permutes; or 128 bytes scratch, 1 round, 1 barrier, 0 conflicts, 1 permute", ""},
		{known{"transpose of 2x2 halves", local(2, 2), columnLocal(2, 2), 16}, "2 permutes", "", ""},
		{known{"transpose of 4x4 bytes", local(4, 4), columnLocal(4, 4), 8}, "8 permutes", "", ""},
		{known{"transpose of 8x8 nibbles", local(8, 8), columnLocal(8, 8), 4}, "32 permutes", "", ""},
		// One bit of registers and lanes exchanged, R = 2: R/2 shuffles and 3R/2 selects; gfx950 swaps lanes cheaply.
		{known{"transpose of 2x2 registers and lanes", must(t, local(2), spatial(2), spatial(16)), must(t, spatial(2), local(2), spatial(16)), 32},
			"1 shuffle, 3 selects; or 256 bytes scratch, 1 round, 1 barrier, 0 conflicts", "", ""},
		// m bits exchanged, R = 4 and 32: (1-1/2^m) R shuffles and 2mR selects.
		{known{"transpose of 4x4 registers and lanes", must(t, local(4), spatial(4), spatial(8)), must(t, spatial(4), local(4), spatial(8)), 32},
			"3 shuffles, 16 selects; or 512 bytes scratch, 1 round, 1 barrier, 0 conflicts", "512 bytes scratch, 1 round, 1 barrier, 0 conflicts; or 3 shuffles, 16 selects", ""},
		{known{"transpose of 32x32", must(t, spatial(32, 1), local(1, 32)), must(t, spatial(1, 32), local(32, 1)), 32},
			"4 KiB scratch, 1 round, 1 barrier, 0 conflicts; or about 31 shuffles, 320 selects", "", ""},
		{known{"64x64 rows to columns", must(t, local(8, 1), warps(4, 1), spatial(2, 16), local(1, 4)), must(t, local(1, 8), warps(1, 4), spatial(16, 2), local(4, 1)), 16},
			"8 KiB scratch, 1 round, 1 barrier, 0 conflicts, 32 permutes", "", ""},
		{known{"64x64 blocked to mma", must(t, local(2, 1), warps(4, 1), spatial(8, 4), local(1, 16)), must(t, local(2, 4), warps(2, 2), cOf(t)), 32},
			"16 KiB scratch, 1 round, 1 barrier, 0 conflicts", "", ""},
		{known{"64x64 nibbles blocked to A", must(t, warps(4, 1), spatial(16, 2), local(1, 32)), must(t, warps(4, 1), columnLocal(2, 2), spatial(8, 4), local(1, 8)), 4},
			"2 KiB scratch, 1 round, 1 barrier, 0 conflicts; or 4 shuffles, 16 selects", "", ""},
		{known{"24 lanes of 32", must(t, local(3), spatial(24)), must(t, spatial(24), local(3)), 32},
			"288 bytes scratch, 1 round, 1 barrier, 0 conflicts; or 3 shuffles, 16 selects", "", ""},
		{known{"48x40 rows to columns", must(t, local(6, 5), spatial(8, 4), local(1, 2)), must(t, local(3, 10), columnSpatial(8, 4), local(2, 1)), 16},
			"6 KiB scratch, 1 round, 1 barrier, 0 conflicts, 60 permutes; or 32 shuffles, 238 permutes", "", ""},
		{known{"5 warps", must(t, warps(5, 1), spatial(4, 8), local(1, 2)), must(t, spatial(10, 2), local(2, 8)), 32},
			"1280 bytes scratch, 1 round, 1 barrier, 0 conflicts", "", ""},
	} {
		for i, m := range []Machine{NVIDIA(), GFX942(), GFX950()} {
			want := []string{k.nvidia, k.gfx942, k.gfx950}[i]
			p, err := New(k.src, k.dst, k.bits, m)
			if err != nil {
				t.Errorf("%s on %s: %v", k.name, m.Name, err)
				continue
			}
			if want != "" && p.String() != want {
				t.Errorf("%s on %s: %v, want %s", k.name, m.Name, p, want)
			}
			for ; p != nil; p = p.Other {
				if _, err := p.Check(k.src, k.dst); err != nil {
					t.Errorf("%s on %s: %v: %v", k.name, m.Name, p, err)
				}
			}
		}
	}
}

// Barriers are as strong as the warps need between which elements move.
func TestScope(t *testing.T) {
	for _, k := range []struct {
		src, dst layout.Distribution
		scope    Scope
		warps    int
	}{
		{must(t, warps(4, 1), spatial(8, 4), local(1, 8)), must(t, warps(4, 1), local(8, 1), spatial(1, 32)), Warp, 1},
		{must(t, warps(2, 1), warps(2, 1), spatial(8, 4), local(1, 4)), must(t, warps(2, 1), warps(1, 2), local(16, 1), spatial(1, 8), replicas(layout.Lane, 4, 2)), Group, 2},
		{must(t, warps(4, 1), spatial(8, 4), local(1, 4)), must(t, warps(1, 4), spatial(32, 1), local(1, 4)), Block, 4},
	} {
		m := NVIDIA()
		m.Far = 1000 // shared memory even within a warp
		p, err := New(k.src, k.dst, 32, m)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Check(k.src, k.dst); err != nil {
			t.Error(err)
		}
		barriers := 0
		for _, s := range p.Steps {
			if s.Op == Barrier {
				barriers++
				if s.Scope != k.scope || int(s.Warps) != k.warps {
					t.Errorf("%v to %v: a barrier of %v, %d warps; want %v, %d", k.src, k.dst, s.Scope, s.Warps, k.scope, k.warps)
				}
			}
		}
		if barriers == 0 {
			t.Errorf("%v to %v: %v", k.src, k.dst, p)
		}
	}
}

// A plan stays within scratch by going in rounds, if need be with loads that only some warps do.
func TestScratch(t *testing.T) {
	src, dst := must(t, local(16, 2), warps(8, 1), spatial(2, 16), local(1, 8)), must(t, local(2, 16), warps(1, 8), columnSpatial(16, 2), columnLocal(8, 1))
	all := int64(256 * 256 * 2)
	for rounds := 1; rounds <= 32; rounds *= 2 {
		m := NVIDIA()
		m.Scratch = int(all) / rounds
		p, err := New(src, dst, 16, m)
		if err != nil {
			t.Fatal(err)
		}
		if p.Cost.Rounds != rounds || p.Cost.Conflicts != 0 || p.Cost.Barriers != 2*rounds-1 || p.Cost.Scratch != m.Scratch {
			t.Errorf("%d bytes: %v", m.Scratch, p)
		}
		if testing.Short() && rounds > 1 {
			continue
		}
		if _, err := p.Move(src, dst, func(e int64) uint64 { return uint64(e) }); err != nil {
			t.Errorf("%d bytes: %v", m.Scratch, err)
		}
	}
}

// Groups of warps that keep to themselves may still take over each other's bytes from one round to the next.
func TestRoundsOfGroups(t *testing.T) {
	digits := func(unit layout.Unit, sizes ...layout.Digit) []layout.Digit {
		for i := range sizes {
			sizes[i].Unit = unit
		}
		return sizes
	}
	tile := []int64{80, 6, 4}
	src := layout.Must(layout.Distribute(tile, slices.Concat(
		digits(layout.Register, layout.Digit{Size: 2, Axis: 2, Stride: 1}, layout.Digit{Size: 2, Axis: 1, Stride: 1}, layout.Digit{Size: 2, Axis: 2, Stride: 2}, layout.Digit{Size: 3, Axis: 1, Stride: 2}, layout.Digit{Size: 5, Axis: 0, Stride: 16}),
		digits(layout.Lane, layout.Digit{Size: 2, Axis: 0, Stride: 2}, layout.Digit{Size: 2, Axis: 0, Stride: 8}, layout.Digit{Size: 2, Axis: 0, Stride: 1}, layout.Digit{Size: 2, Axis: 0, Stride: 4}),
		digits(layout.Warp, layout.Digit{Size: 3, Axis: layout.Replica}))...))
	dst := layout.Must(layout.Distribute(tile, slices.Concat(
		digits(layout.Register, layout.Digit{Size: 2, Axis: 0, Stride: 8}, layout.Digit{Size: 2, Axis: 0, Stride: 4}, layout.Digit{Size: 2, Axis: 0, Stride: 1}, layout.Digit{Size: 3, Axis: 1, Stride: 2}, layout.Digit{Size: 5, Axis: 0, Stride: 16}),
		digits(layout.Lane, layout.Digit{Size: 2, Axis: 2, Stride: 1}, layout.Digit{Size: 2, Axis: 2, Stride: 2}),
		digits(layout.Warp, layout.Digit{Size: 2, Axis: 0, Stride: 2}, layout.Digit{Size: 2, Axis: 1, Stride: 1}))...))
	m := GFX950()
	m.Scratch = 2048
	p, err := New(src, dst, 64, m)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Check(src, dst); err != nil || p.Cost.Rounds < 2 {
		t.Errorf("%v: %v", p, err)
	}
}

// Every step matters: the simulator reports plans in which one is left out or changed.
func TestMutations(t *testing.T) {
	changed := map[Op]int{}
	for _, k := range []known{
		{"two rounds", must(t, warps(4, 1), spatial(8, 4), local(1, 32)), must(t, warps(1, 4), spatial(32, 1), local(1, 32)), 32},
		{"rows to columns", must(t, local(8, 1), warps(4, 1), spatial(2, 16), local(1, 4)), must(t, local(1, 8), warps(1, 4), spatial(16, 2), local(4, 1)), 16},
		{"lanes", must(t, local(4), spatial(4), spatial(8)), must(t, spatial(4), local(4), spatial(8)), 32},
		{"bytes", must(t, local(1, 4), cOf(t)), must(t, columnLocal(2, 2), spatial(8, 4), local(1, 4)), 8},
		{"nibbles", local(8, 8), columnLocal(8, 8), 4},
		{"matrix", must(t, spatial(8, 4), local(1, 2)), bOf(t), 16},
		{"5 warps", must(t, warps(5, 1), spatial(4, 8), local(1, 2)), must(t, spatial(10, 2), local(2, 8)), 32},
	} {
		m := NVIDIA()
		m.Scratch = 8 << 10
		p, err := New(k.src, k.dst, k.bits, m)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Check(k.src, k.dst); err != nil {
			t.Fatalf("%s: %v", k.name, err)
		}
		try := func(what string, change func(s *Step)) {
			steps := p.Steps
			defer func() { p.Steps = steps }()
			for i := range steps {
				p.Steps = slices.Clone(steps)
				old := p.Steps[i]
				change(&p.Steps[i])
				if reflect.DeepEqual(p.Steps[i], old) {
					continue
				}
				changed[steps[i].Op]++
				if _, err := p.Check(k.src, k.dst); err == nil {
					t.Errorf("%s: nothing is reported of step %d, %v, with %s", k.name, i, steps[i].Op, what)
				} else if _, ok := err.(*Fault); !ok {
					t.Errorf("%s: %v", k.name, err)
				}
			}
		}
		try("no barrier", func(s *Step) {
			if s.Op == Barrier {
				*s = Step{Op: Barrier, Scope: Warp, Warps: 1}
			}
		})
		try("another lane, address, mask or control", func(s *Step) {
			if s.Op == Store || s.Op == Load {
				s.By.Base ^= uint32(s.Width)
			} else if s.Op != Barrier && s.Op != Transpose {
				s.By.Base ^= 1
			}
		})
		try("a misaligned address", func(s *Step) {
			if s.Op == Store || s.Op == Load {
				s.By.Base ^= 1
			}
		})
		try("another operand", func(s *Step) {
			if s.Op == Shuffle || s.Op == Transpose || s.Op == Rotate {
				s.A = (s.A + 1) % int32(max(2, p.Source))
			}
		})
		// Without any of its barriers a plan races.
		if p.Cost.Barriers > 0 {
			for i := range p.Steps {
				if p.Steps[i].Op != Barrier {
					continue
				}
				less := *p
				less.Steps = slices.Delete(slices.Clone(p.Steps), i, i+1)
				if _, err := less.Check(k.src, k.dst); err == nil {
					t.Errorf("%s: nothing is reported without the barrier %d", k.name, i)
				}
			}
		}
	}
	for _, op := range []Op{Select, Permute, Rotate, Merge, Shuffle, Transpose, Store, Load, Barrier} {
		if changed[op] == 0 {
			t.Errorf("no %v was changed", op)
		}
	}
}

func TestFor(t *testing.T) {
	for target, name := range map[string]string{"sm_80": "nvidia", "sm_90a": "nvidia", "gfx942": "gfx942", "gfx950": "gfx950"} {
		if m, ok := For(target); !ok || m.Name != name {
			t.Errorf("%s is %v", target, m.Name)
		}
	}
	if _, ok := For("sm_1"); ok {
		t.Error("sm_1 is known")
	}
}

func TestErrors(t *testing.T) {
	wide := layout.Must(layout.Distribute([]int64{1 << 20}, layout.Digit{Size: 1 << 20, Unit: layout.Register, Axis: 0, Stride: 1}))
	blocks := func(rowMajor bool) layout.Distribution { return layout.Must(layout.Grid(layout.Block, rowMajor, 2, 2)) }
	for _, k := range []struct {
		known
		want string
	}{
		{known{"", spatial(32), spatial(32), 0}, "elements of 0 bits; they have 1 to 64"},
		{known{"", spatial(32), spatial(32), 65}, "elements of 65 bits; they have 1 to 64"},
		{known{"", spatial(32), spatial(16), 32}, "the source is a tile of (32), the destination one of (16)"},
		{known{"", spatial(33), spatial(33), 32}, "33 lanes; a warp of nvidia has 32"},
		{known{"", wide, wide, 32}, "1048576 registers, 1 warps and 1 blocks; conversions are planned for at most 16384, 64 and 65536, and 4194304 positions in all"},
		{known{"", layout.Must(layout.Distribute([]int64{32}, layout.Digit{Size: 16, Unit: layout.Lane, Axis: 0, Stride: 2})), spatial(32), 32},
			"the source holds no element [1], which the destination wants"},
		{known{"", blocks(true), blocks(false), 32}, "element [1 0] would have to come from another block to block 1"},
	} {
		_, err := New(k.src, k.dst, k.bits, NVIDIA())
		var e *layout.Error
		if !errors.As(err, &e) || e.Op != "convert" || e.Text != k.want {
			t.Errorf("%v, want %s", err, k.want)
		}
	}
	if _, err := New(spatial(32), spatial(32), 32, Machine{Lanes: 32}); err == nil {
		t.Error("a machine without shared memory is taken")
	}
	if p, err := New(blocks(true), blocks(true), 32, NVIDIA()); err != nil || p.Kind != Nothing {
		t.Errorf("blocks that stay: %v, %v", p, err)
	}
}

func benchmarks(t testing.TB) []known {
	return []known{
		{"256x256 f32 rows to mma C, 8 warps", must(t, local(8, 8), warps(8, 1), spatial(4, 8), local(1, 4)), must(t, local(8, 8), warps(2, 4), cOf(t)), 32},
		{"256x256 f16 rows to mma C, 8 warps", must(t, local(16, 4), warps(8, 1), spatial(2, 16), local(1, 4)), must(t, local(8, 8), warps(2, 4), cOf(t)), 16},
		{"256x256 f16 rows to columns, 8 warps", must(t, local(16, 2), warps(8, 1), spatial(2, 16), local(1, 8)), must(t, local(2, 16), warps(1, 8), columnSpatial(16, 2), columnLocal(8, 1)), 16},
		{"256x256 i8 rows to columns, 8 warps", must(t, local(16, 1), warps(8, 1), spatial(2, 16), local(1, 16)), must(t, local(1, 16), warps(1, 8), columnSpatial(16, 2), columnLocal(16, 1)), 8},
		{"128x256 f16 mma C to A, 4 warps", must(t, warps(4, 1), columnLocal(2, 32), spatial(8, 4), local(1, 2)), must(t, warps(4, 1), local(2, 16), columnLocal(1, 2), spatial(8, 4), local(1, 2)), 16},
		{"128x64 f16 shuffled columns, 4 warps", must(t, warps(4, 1), local(4, 8), spatial(8, 4), local(1, 2)), must(t, warps(4, 1), local(4, 4), spatial(8, 4), local(1, 4)), 16},
		{"48x40 f16 rows to columns", must(t, local(6, 5), spatial(8, 4), local(1, 2)), must(t, local(3, 10), columnSpatial(8, 4), local(2, 1)), 16},
		{"240x240 f32 rows to mma C, 5 warps", must(t, local(3, 15), warps(5, 1), local(4, 1), spatial(4, 8), local(1, 2)), must(t, local(3, 30), warps(5, 1), cOf(t)), 32},
		{"240x240 f32 irregular rows to mma C, 5 warps", must(t, local(12, 15), warps(5, 1), spatial(4, 8), local(1, 2)), must(t, local(3, 30), warps(5, 1), cOf(t)), 32},
	}
}

// What the benchmark plans is right, and free of conflicts.
func TestLarge(t *testing.T) {
	if testing.Short() {
		t.Skip("moves tiles of 65536 elements")
	}
	for i, k := range benchmarks(t) {
		m := []Machine{NVIDIA(), GFX942(), GFX950()}[i%3]
		p, err := New(k.src, k.dst, k.bits, m)
		if err != nil {
			t.Fatal(err)
		}
		trace, err := p.Move(k.src, k.dst, func(e int64) uint64 { return mix(uint64(e) + 1) })
		if err != nil || trace.Wavefronts != p.Cost.Wavefronts || trace.Conflicts != 0 {
			t.Errorf("%s: %v: %v, %+v", k.name, p, err, trace)
		}
	}
}

func BenchmarkPlan(b *testing.B) {
	for _, k := range benchmarks(b) {
		b.Run(k.name, func(b *testing.B) {
			b.ReportAllocs()
			var p *Plan
			for b.Loop() {
				p, _ = New(k.src, k.dst, k.bits, NVIDIA())
			}
			if p == nil {
				b.Fatal("no plan")
			}
			b.Log(p)
		})
	}
}
