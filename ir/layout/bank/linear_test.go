package bank

import (
	"math/bits"
	"math/rand/v2"
	"testing"
)

// Against every linear swizzle there is: tiles of 1 KiB are 64 chunks of 16 bytes, and which banks chunks go to is said
// by three linear functions of 6 bits for 32 banks, and a fourth one for 64. All of them are tried.
func TestLinearMinimum(t *testing.T) {
	random := rand.New(rand.NewPCG(9, 8))
	parity := func(x int64) int64 { return int64(bits.OnesCount64(uint64(x)) & 1) }
	// Spaces of three functions, by their elements; and what may be added to them.
	type banks struct{ functions [4]int64 }
	var all []banks
	seen := make(map[uint64]bool)
	for a := int64(1); a < 64; a++ {
		for b := a + 1; b < 64; b++ {
			for c := b + 1; c < 64; c++ {
				space := uint64(0)
				for n := range int64(8) {
					space |= 1 << (a*(n&1) ^ b*(n>>1&1) ^ c*(n>>2))
				}
				if bits.OnesCount64(space) != 8 || seen[space] {
					continue
				}
				seen[space] = true
				covered := space
				for d := int64(1); d < 64; d++ {
					if covered>>d&1 != 0 {
						continue
					}
					for x := range int64(64) {
						if space>>x&1 != 0 {
							covered |= 1 << (x ^ d)
						}
					}
					all = append(all, banks{[4]int64{a, b, c, d}})
				}
			}
		}
	}
	if len(seen) != 1395 || len(all) != 1395*7 {
		t.Fatalf("%d spaces, %d with a fourth function", len(seen), len(all))
	}
	names := map[string][]string{
		"sm_90a": {"ld.shared.v4", "st.shared.v4", "ldmatrix.x4", "ld.shared.v2"},
		"gfx942": {"ds_read_b128", "ds_write_b128", "ds_read_b64"},
		"gfx950": {"ds_read_b128", "ds_write_b128", "ds_read_b64", "ds_write_b64"},
	}
	conflicts, free, moved, proven := 0, 0, 0, 0
	for _, target := range []string{"sm_90a", "gfx942", "gfx950"} {
		m := must(t, target)
		tries := 40
		if target == "sm_90a" {
			tries = 200
		}
		for range tries {
			pitch := []int64{32, 64, 128, 256}[random.IntN(4)]
			tall := 1024 / pitch
			base := rows(tall, pitch/2, 16, pitch)
			var accesses []Access
			for range 2 + random.IntN(7) {
				in, _ := m.Instruction(names[target][random.IntN(len(names[target]))])
				// The lanes run over the bits of the tile's vectors in any order.
				vector := int64(in.Bytes) / 2
				var steps digits
				for k := vector; k < pitch/2; k *= 2 {
					steps = append(steps, [3]int64{2, 0, k})
				}
				for k := int64(1); k < tall; k *= 2 {
					steps = append(steps, [3]int64{2, k, 0})
				}
				random.Shuffle(len(steps), func(i, j int) { steps[i], steps[j] = steps[j], steps[i] })
				lanes := bits.Len(uint(in.Lanes)) - 1
				accesses = append(accesses, Access{Instruction: in.Name, Elements: elements(tall, digits{{vector, 0, 1}}, steps[:lanes], append(steps[lanes:], [3]int64{1, 0, 0}))})
			}
			r, err := Solve(m, base, accesses, Options{Forms: Swizzled, Chunk: 16})
			if err != nil {
				t.Fatal(err)
			}
			recheck(t, m, accesses, r, 16)
			if r.Cost == 0 {
				free++
				continue
			}
			conflicts++
			for k := range 7 {
				if r.Swizzle.Column(k) != 1<<k {
					moved++
					break
				}
			}
			// The chunks, and halves of them, that the lanes of every phase touch, by the models of every access.
			type places struct {
				banks  int
				phases [][][2]int64
			}
			var touched [][]places
			for _, a := range accesses {
				in, _ := m.Instruction(a.Instruction)
				vector := int64(in.Bytes) / 2
				var models []places
				for _, model := range in.Models {
					p := places{banks: model.Banks}
					for rep := range a.Elements.Size() / vector / int64(in.Lanes) {
						for _, phase := range model.Phases {
							var list [][2]int64
							for _, lane := range phase {
								x := base.At(a.Elements.At(vector*(int64(lane)+int64(in.Lanes)*rep))) / 8
								list = append(list, [2]int64{x / 16, x % 16 / 8})
							}
							p.phases = append(p.phases, list)
						}
					}
					models = append(models, p)
				}
				touched = append(touched, models)
			}
			least := int64(1 << 62)
			for _, f := range all {
				var bank [64]int64
				for x := range bank {
					for k, g := range f.functions {
						bank[x] |= parity(int64(x)&g) << k
					}
				}
				cost := int64(0)
				for _, models := range touched {
					worst := int64(0)
					for _, p := range models {
						extra := int64(0)
						for _, phase := range p.phases {
							var count [16][2]int64
							most := int64(0)
							for _, x := range phase {
								n := &count[bank[x[0]]&int64(p.banks/4-1)][x[1]]
								*n++
								most = max(most, *n)
							}
							extra += most - 1
						}
						worst = max(worst, extra)
					}
					if cost += worst; cost >= least {
						break
					}
				}
				least = min(least, cost)
			}
			if r.Minimal && r.Cost != least || r.Cost < least {
				t.Errorf("%s pitch %d: %v costs %d (%s), the least of all linear swizzles %d", target, pitch, r, r.Cost, r.Proof, least)
			}
			if r.Minimal {
				proven++
			}
		}
	}
	t.Logf("%d free, %d with conflicts, of which %d move bits of the line, %d proven", free, conflicts, moved, proven)
	if free < 20 || conflicts < 10 || moved == 0 || proven < conflicts-5 {
		t.Errorf("%d free, %d with conflicts, of which %d move bits of the line, %d proven", free, conflicts, moved, proven)
	}
}
