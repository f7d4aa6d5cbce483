package bank

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/tilec/tilec/ir/layout"
)

// brute counts wavefronts by looking at every element of every lane of every repetition: it shares nothing with Degree but
// the tables.
func brute(t *testing.T, m *Machine, a Access, l layout.Layout) []Count {
	t.Helper()
	in, ok := m.Instruction(a.Instruction)
	if !ok {
		t.Fatalf("no %s on %s", a.Instruction, m.Name)
	}
	vector := a.Elements.Mode(0).Size()
	bits := int64(in.Bytes) * 8 / vector
	lanes := a.Elements.Mode(1).Size()
	counts := make([]Count, len(in.Models))
	for i, model := range in.Models {
		counts[i].Model = model.Name
	}
	for r := range a.Elements.Size() / vector / lanes {
		for i, model := range in.Models {
			for _, phase := range model.Phases {
				var banks [64][][2]int64 // the words of each, and whose where lanes take turns
				degree := 0
				for _, lane := range phase {
					for v := range vector {
						at := l.At(a.Elements.At(v + vector*(int64(lane)+lanes*r)))
						for word := at / 32; word <= (at+bits-1)/32; word++ {
							use := [2]int64{word, 0}
							if model.Serial {
								use[1] = int64(lane)
							}
							bank := &banks[word%int64(model.Banks)]
							if !slices.Contains(*bank, use) {
								*bank = append(*bank, use)
								degree = max(degree, len(*bank))
							}
						}
					}
				}
				c := &counts[i]
				c.Wavefronts += int64(degree)
				c.Extra += int64(degree - 1)
				if degree > c.Degree {
					c.Degree, c.Repetition = degree, r
				}
			}
		}
	}
	return counts
}

// check holds Degree's report to brute force, and Phases to both.
func check(t *testing.T, m *Machine, a Access, l layout.Layout) Report {
	t.Helper()
	got, err := Degree(m, a, l)
	if err != nil {
		t.Fatalf("%s %s %v over %v: %v", m.Name, a.Instruction, a.Elements, l, err)
	}
	for i, want := range brute(t, m, a, l) {
		if got.Models[i] != want {
			t.Fatalf("%s %s %v over %v: %+v, by brute force %+v", m.Name, a.Instruction, a.Elements, l, got.Models[i], want)
		}
		phases, err := Phases(m, a, l, i, want.Repetition)
		if err != nil {
			t.Fatal(err)
		}
		degree := 0
		for _, p := range phases {
			degree = max(degree, p.Degree)
		}
		if degree != want.Degree {
			t.Fatalf("%s %s %v over %v: phases of repetition %d have degree %d, want %d", m.Name, a.Instruction, a.Elements, l, want.Repetition, degree, want.Degree)
		}
	}
	return got
}

// recheck holds a result of Solve to brute force, and to being a layout: no two elements share a bit.
func recheck(t *testing.T, m *Machine, accesses []Access, r Result, bits int64) {
	t.Helper()
	cost := int64(0)
	for i, a := range accesses {
		report := check(t, m, a, r.Layout)
		if report.Extra != r.Reports[i].Extra || report.Degree != r.Reports[i].Degree {
			t.Fatalf("%v: access %d costs %d extra wavefronts and degree %d", r, i, report.Extra, report.Degree)
		}
		cost += report.Extra * max(a.Weight, 1)
	}
	if cost != r.Cost {
		t.Fatalf("%v costs %d, not %d", r, cost, r.Cost)
	}
	seen := make(map[int64]bool)
	for _, at := range r.Layout.Values() {
		if at < 0 || at+bits > 8*r.Bytes || at%bits != 0 || seen[at] {
			t.Fatalf("%v: an element lies at bit %d, twice or outside of %d bytes", r, at, r.Bytes)
		}
		seen[at] = true
	}
	if n := (r.Layout.Size()*bits + 7) / 8; r.Bytes-r.Wasted != n {
		t.Fatalf("%v takes %d bytes with %d wasted; its elements take %d", r, r.Bytes, r.Wasted, n)
	}
}

// rows is a tile of m rows of n elements, of so many bits, a pitch of so many bytes apart.
func rows(m, n, bits, pitch int64) layout.Layout {
	return layout.Must(layout.New(layout.Ints(m, n), layout.Ints(8*pitch, bits)))
}

// elements is an access by digits over the axes of a tile of m rows: each digit a size and how far a step goes down
// and to the right. The digits stand for the elements of a lane, the lanes, and the repetitions.
func elements(m int64, modes ...[][3]int64) layout.Layout {
	var shapes, strides []layout.Tuple
	for _, digits := range modes {
		var shape, stride []layout.Tuple
		for _, d := range digits {
			shape = append(shape, layout.Int(d[0]))
			stride = append(stride, layout.Int(d[1]+m*d[2]))
		}
		shapes = append(shapes, layout.List(shape...))
		strides = append(strides, layout.List(stride...))
	}
	return layout.Must(layout.New(layout.List(shapes...), layout.List(strides...)))
}

type digits = [][3]int64

func must(t *testing.T, name string) *Machine {
	t.Helper()
	m, ok := For(name)
	if !ok {
		t.Fatalf("no machine %s", name)
	}
	return m
}

// walk is an access over a tile of m rows of so many vectors: its lanes and repetitions walk over it by random digits.
func walk(random *rand.Rand, in *Instruction, m, vector, vectors int64) layout.Layout {
	var shape, stride []int64
	down, right := int64(1), int64(1) // how far the digits so far reach
	for left := int64(in.Lanes); left > 1; {
		size := []int64{2, 4, 8}[random.IntN(3)]
		for left%size != 0 {
			size /= 2
		}
		left /= size
		switch {
		case random.IntN(6) == 0:
			shape, stride = append(shape, size), append(stride, 0)
		case down*size <= m && (random.IntN(2) == 0 || right*size > vectors):
			shape, stride = append(shape, size), append(stride, down)
			down *= size
		case right*size <= vectors:
			shape, stride = append(shape, size), append(stride, right*vector*m)
			right *= size
		default:
			shape, stride = append(shape, size), append(stride, 0)
		}
	}
	reps, steps := []int64{1}, []int64{0}
	if down < m {
		reps, steps = append(reps, m/down), append(steps, down)
	}
	if right < vectors {
		reps, steps = append(reps, vectors/right), append(steps, right*vector*m)
	}
	return layout.Must(layout.New(
		layout.List(layout.Int(vector), layout.Ints(shape...), layout.Ints(reps...)),
		layout.List(layout.Int(m), layout.Ints(stride...), layout.Ints(steps...))))
}

// Random accesses and layouts: Degree is what brute force counts.
func TestDegreeAgainstBruteForce(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	pick := func(n ...int64) int64 { return n[random.IntN(len(n))] }
	kinds := make(map[string]int)
	for range 700 {
		m := machines[random.IntN(len(machines))]
		in := &m.Instructions[random.IntN(len(m.Instructions))]
		bits := pick(4, 8, 16, 32)
		if int64(in.Bytes)*8%bits != 0 || in.Bytes == 12 && bits == 16 && random.IntN(2) == 0 {
			continue
		}
		vector := int64(in.Bytes) * 8 / bits
		// A tile whose rows hold some vectors; the lanes and repetitions walk over it by random digits.
		vectors := pick(1, 2, 3, 4, 5, 6, 8, 16)
		n := vector * vectors
		m0 := pick(8, 16, 24, 32, 40, 64)
		row := (n*bits + 7) / 8
		align := int64(in.Align)
		pitch := (row + align - 1) / align * align
		pitch += align * pick(0, 0, 0, 1, 2, 3)
		l := rows(m0, n, bits, pitch)
		kind := "affine"
		e := walk(random, in, m0, vector, vectors)
		chunk := max(int64(in.Bytes), 4)
		if chunk == 12 {
			chunk = 16
		}
		switch random.IntN(5) {
		case 0: // a swizzle
			low := 3
			for 8<<(low-3) < 8*chunk {
				low++
			}
			if in.Bytes == 12 && pitch%16 != 0 {
				break
			}
			if in.Bytes == 12 && vectors > 1 {
				break
			}
			kind = "swizzle"
			cols := make([]int64, 14)
			for k := range cols {
				cols[k] = 1 << k
				if k > low {
					cols[k] |= random.Int64N(1<<k) &^ (1<<low - 1)
				}
			}
			l = layout.Must(layout.WithSwizzle(layout.Must(layout.Linear(cols)), l))
		case 1: // a rotation
			if pitch%16 == 0 && in.Bytes != 12 {
				kind = "rotation"
				l = layout.Must(layout.WithSwizzle(layout.Must(layout.Rotation(128, pitch/16, pick(1, 2, 3))), l))
			}
		case 2: // a swizzle of the elements: which lane has which
			if m0&(m0-1) == 0 && random.IntN(2) == 0 {
				kind = "permuted"
				cols := make([]int64, 6)
				for k := range cols {
					cols[k] = 1 << k
				}
				cols[2] |= 1
				cols[1] |= 1
				e = layout.Must(layout.WithSwizzle(layout.Must(layout.Linear(cols[:3])), e))
			}
		}
		kinds[kind]++
		check(t, m, Access{Instruction: in.Name, Elements: e}, l)
	}
	for _, k := range []string{"affine", "swizzle", "rotation", "permuted"} {
		if kinds[k] < 30 {
			t.Errorf("%d cases of kind %s", kinds[k], k)
		}
	}
}
