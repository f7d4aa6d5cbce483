package convert

import (
	"github.com/tilec/tilec/ir/layout"
	"math/rand/v2"
	"testing"
)

func TestDbg(t *testing.T) {
	machines := []Machine{NVIDIA(), GFX942(), GFX950()}
	for _, bits := range []int{4, 8, 16, 32} {
		for mi, m := range machines {
			r := rand.New(rand.NewPCG(4, 7))
			lin, linplan, conf, tconf, tn, better, worse := 0, 0, 0, 0, 0, 0, 0
			shown := 0
			for range 1000 {
				src, dst := randomPair(r)
				p, err := New(src, dst, bits, m)
				if err != nil {
					t.Log(err)
					continue
				}
				l, ok := linearOf(src, dst, bits, m)
				if ok {
					lin++
					if lp := l.plan(); lp != nil {
						linplan++
						for q := lp; q != nil; q = q.Other {
							if q.Cost.Conflicts > 0 {
								conf++
								if shown < 3 && mi == 0 {
									shown++
									t.Log("CONFLICT", src, "->", dst, bits, q)
								}
							}
						}
						tp, _ := newTable(src, dst, bits, m)
						if lp.Cost.Cycles < tp.Cost.Cycles {
							better++
						}
						if lp.Cost.Cycles > tp.Cost.Cycles {
							worse++
							if shown < 3 && mi == 0 {
								shown++
								t.Log("WORSE", src, "->", dst, bits, lp, lp.Cost, "table", tp.Cost)
							}
						}
					}
				} else {
					tn++
					for q := p; q != nil; q = q.Other {
						if q.Cost.Conflicts > 0 {
							tconf++
						}
					}
				}
			}
			t.Log(bits, m.Name, "linear", lin, "planned", linplan, "conflicts", conf, "better", better, "worse", worse, "tables", tn, "conflicts", tconf)
		}
	}
	_ = layout.Lane
}
