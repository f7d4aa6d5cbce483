package fragment

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/tilec/tilec/ir/dtype"
	"github.com/tilec/tilec/ir/layout"
)

// get is a fragment that exists.
func get(t testing.TB, name string) Fragment {
	t.Helper()
	f, err := Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// Every fragment holds every element of its tile, as often as it says; only scales and pointers are held more than once.
// The positions are as many as the group has lanes.
func TestEveryElementIsHeld(t *testing.T) {
	checked := map[string]bool{}
	for _, a := range Atoms() {
		for _, f := range a.Operands {
			if f.Kind == Memory {
				continue
			}
			d := f.Distribution
			if lanes := d.Count(layout.Lane) * d.Count(layout.Warp) * d.Count(layout.Block); lanes != a.Group.Lanes() {
				t.Errorf("%s has %d lanes; a %v has %d", f.Name, lanes, a.Group, a.Group.Lanes())
			}
			if f.Registers*32 < d.Count(layout.Register)*f.Slot && f.Kind == Registers || int(f.Slot) < f.Type.Bits() {
				t.Errorf("%s: %d slots of %d bits in %d registers for %v", f.Name, d.Count(layout.Register), f.Slot, f.Registers, f.Type)
			}
			if len(f.Axes) != len(d.Tile()) {
				t.Errorf("%s has the axes %v for the tile %v", f.Name, f.Axes, d.Tile())
			}
			scale := strings.HasSuffix(f.Name, ".sa") || strings.HasSuffix(f.Name, ".sb")
			if f.Replicas != 1 && (f.Kind != Pointers && !scale || f.Note == "") {
				t.Errorf("%s is held %d times", f.Name, f.Replicas)
			}
			key := d.String()
			if checked[key] {
				continue
			}
			checked[key] = true
			size := int64(1)
			for _, n := range d.Tile() {
				size *= n
			}
			held := make([]int64, size)
			for _, element := range d.Layout().Values() {
				held[element]++
			}
			for element, n := range held {
				if n != f.Replicas {
					t.Fatalf("%s: element %v is held %d times, not %d", f.Name, d.Coordinates(int64(element)), n, f.Replicas)
				}
			}
		}
	}
	if len(checked) < 100 {
		t.Errorf("only %d different fragments", len(checked))
	}
}

// Every layout in memory puts its elements side by side without overlap, and fills what it covers.
func TestMemoryIsFilled(t *testing.T) {
	n := 0
	for _, name := range Names() {
		f := get(t, name)
		if f.Kind != Memory {
			continue
		}
		n++
		values := f.Layout.Values()
		slices.Sort(values)
		for i, v := range values {
			if v != int64(i)*f.Slot {
				t.Fatalf("%s: the offset number %d is bit %d", name, i, v)
			}
		}
	}
	if n != 6*4+4*4+4 {
		t.Errorf("%d layouts in memory", n)
	}
}

// The operands of an instruction have its extents, and its types.
func TestExtents(t *testing.T) {
	for _, a := range Atoms() {
		if a.M == 0 {
			continue
		}
		extent := map[string]int64{"m": a.M, "n": a.N, "k": a.K, "block": a.Blocks}
		for _, f := range a.Operands {
			if short := f.Name[len(a.Name)+1:]; short == "sa" || short == "sb" {
				continue
			}
			for i, axis := range f.Axes {
				var n int64
				if f.Kind == Memory {
					n = f.Layout.Mode(i).Size()
				} else {
					n = f.Distribution.Tile()[i]
				}
				if n != extent[axis] {
					t.Errorf("%s has %d elements along %s; %s has %d", f.Name, n, axis, a.Name, extent[axis])
				}
			}
		}
		for short, want := range map[string]dtype.Type{"a": a.A, "b": a.B, "c": a.C, "d": a.D} {
			if f, ok := a.Operand(short); ok && f.Type != want {
				t.Errorf("%s is of %v, %s takes %v", f.Name, f.Type, a.Name, want)
			}
		}
		if a.Passes != nil && len(a.Passes) != len(a.Archs) {
			t.Errorf("%s: %d numbers of passes for %v", a.Name, len(a.Passes), a.Archs)
		}
	}
}

// The table has the shapes that the instruction sets have, each name once.
func TestTable(t *testing.T) {
	count := map[string]int{}
	names := map[string]bool{}
	for _, a := range Atoms() {
		count[a.ISA]++
		if names[a.Name] {
			t.Errorf("%s twice", a.Name)
		}
		names[a.Name] = true
		if found, err := Find(a.Name); err != nil || found.Form != a.Form {
			t.Errorf("%s finds %v, %v", a.Name, found.Form, err)
		}
	}
	// mma.sync: f64 1+3, tf32 2, f16 2 shapes by 2 accumulators, bf16 2, 3 shapes by 4 pairs of bytes and of nibbles, b1 3,
	// fp8 2 shapes by 4 pairs by 2 accumulators; sm_120 25 pairs by 3, and 4 of packed fp4.
	// MFMA: 32 of gfx942; on gfx950 4 of 16 bits, 2 of i8, 8 of fp8, and 25 pairs by 2 shapes, with scales and without.
	// wgmma: f16 2, bf16, tf32, fp8 4 pairs by 2, each for 32 widths; 4 pairs of bytes and b1 for 18.
	want := map[string]int{
		"mma.sync": 4 + 2 + 4 + 2 + 24 + 3 + 16 + 75 + 4, "wgmma": 12*32 + 5*18, "ldmatrix": 6 + 2 + 6, "stmatrix": 6 + 3, "movmatrix": 1,
		"mfma": 32 + 4 + 2 + 8 + 100, "ds_read_tr": 4, "amx": 6,
	}
	for isa, n := range want {
		if count[isa] != n {
			t.Errorf("%s has %d forms, want %d", isa, count[isa], n)
		}
	}
	if len(count) != len(want) {
		t.Errorf("families: %v", count)
	}
	if !slices.IsSorted(Names()) || len(slices.Compact(slices.Clone(Names()))) != len(Names()) {
		t.Error("names are not sorted or not single")
	}
}

func TestLookup(t *testing.T) {
	for _, c := range []struct {
		name   string
		reason layout.Reason
		text   string
	}{
		{"mma_m16n8k16_bf61.a", Unknown, "did you mean mma_m16n8k16_bf16.a?"},
		{"mma_m16n8k16_bf16.x", Unknown, "it has a, b, c, d"},
		{"mma_m16n8k16_bf16", Unknown, "such as mma_m16n8k16_bf16.a"},
		{"swizzle_128", Unknown, "did you mean swizzle_128b?"},
		{"wgmma_m64n128k32_e4m3.b", NotShared, "wgmma_smem_k_{none,32b,64b,128b}_8"},
		{"", Unknown, `there is no fragment ""`},
		{"zz", Unknown, `there is no fragment "zz"`},
		{strings.Repeat("a.", 100000), Unknown, "…"},
	} {
		_, err := Lookup(c.name)
		var e *layout.Error
		if !errors.As(err, &e) || e.Reason != c.reason || !strings.Contains(e.Text, c.text) {
			t.Errorf("%.40s: %v, want %s: …%s…", c.name, err, c.reason, c.text)
		}
		if err != nil && len(err.Error()) > 300 {
			t.Errorf("%.40s: a text of %d bytes", c.name, len(err.Error()))
		}
	}
	if _, err := Find("mfma_32x32x8_f61"); err == nil || !strings.Contains(err.Error(), "mfma_32x32x8_f16") {
		t.Errorf("%v", err)
	}
	if a, err := Find("mfma_16x16x32_fp8_fnuz"); err != nil || a.A != dtype.F8E4M3FNUZ || a.Has("gfx950") || !a.Has("gfx942") {
		t.Errorf("%v, %v", a, err)
	}
	if a, err := Find("mfma_16x16x32_fp8"); err != nil || a.A != dtype.F8E4M3 || !a.Has("gfx950") || a.Has("gfx942") {
		t.Errorf("%v, %v", a, err)
	}
	if f := get(t, "swizzle_64b"); f.Kind != Swizzle || f.Swizzle.String() != "swizzle(2,4,3)" {
		t.Errorf("%v", f.Swizzle)
	}
}

func BenchmarkBuild(b *testing.B) {
	for range b.N {
		makeTable()
	}
}

func BenchmarkLookup(b *testing.B) {
	for range b.N {
		if _, err := Lookup("wgmma_m64n128k16_bf16.d"); err != nil {
			b.Fatal(err)
		}
	}
}
