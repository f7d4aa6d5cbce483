package check

import "testing"

func TestParseWord(t *testing.T) {
	prog, list := LoadText(map[string]string{"k.tile": `package p

kernel k(x f32[N]) (y f32[N]) {
    parallel n in N by BN { y[n] = x[n] }
}

schedule k { default { BN = 64, stages = 2 } }
`})
	report(t, list)
	k := prog.Packages[0].Kernels[0]
	for _, test := range []struct{ name, value, target, want string }{
		{"stages", "3", "", "3"}, {"stages", "0", "", "stages takes a number from 1 to 16777216"},
		{"stages", "three", "", "three is not declared"}, {"stages", "3 warps", "", "stages is written stages = 2"},
		{"persistent", "true", "", ""}, {"persistent", "3", "", "persistent stands alone in a schedule: give it as persistent=true"},
		{"unroll", "true", "", ""}, {"unroll", "4", "", "4"}, {"lanes", "n", "", "n"}, {"lanes", "1", "", `"1" is not what stands behind lanes in a schedule`},
		{"keep", "x in registers", "", "x in registers"}, {"keep", "x", "", "keep is written keep x in registers, or in shared"}, {"split", "n = 4", "", "n = 4"},
		{"split", "4", "", `"4" is not what stands behind split in a schedule: name a loop and its parts, as k = 4`},
		{"producer", "1 warp", "sm_90a", "1 warp"}, {"producer", "1 warp", "", "interp does not know the word producer"},
		{"producer", "1", "sm_90a", "producer is written producer = 1 warp, or warpgroups, waves, threads"},
		{"stages", "3 } sm_80 { warps = 2", "", `"3 } sm_80 { warps = 2" is not what stands behind stages in a schedule`},
		{"stages", "3, warps = 2", "", `"3, warps = 2" is not what stands behind stages in a schedule`},
	} {
		got := ""
		if w, err := k.ParseWord(test.name, test.value, test.target); err != nil {
			got = err.Error()
		} else {
			got = w.Value
		}
		if got != test.want {
			t.Errorf("%s=%s on %q: %q, want %q", test.name, test.value, test.target, got, test.want)
		}
	}
	stages, err := k.ParseWord("stages", "5", "")
	if err != nil {
		t.Fatal(err)
	}
	v, diags := k.Instantiate(Bindings{Words: []Word{stages}})
	report(t, diags)
	if len(v.Words) != 1 || v.Words[0].Value != "5" {
		t.Errorf("the schedule's stages = 2 is not replaced: %v", v.Words)
	}
}
