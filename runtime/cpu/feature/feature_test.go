package feature

import (
	"runtime"
	"slices"
	"strings"
	"testing"
)

// TestHas: the levels of this machine come before those that it lacks, and others' are none of it.
func TestHas(t *testing.T) {
	lacking := ""
	for _, name := range Levels(runtime.GOARCH) {
		missing, ok := Has(name)
		if ok != (missing == "") {
			t.Errorf("%s: %v, lacking %q", name, ok, missing)
		}
		if !strings.HasPrefix(missing, lacking) {
			t.Errorf("%s lacks %q, and a plainer level %q", name, missing, lacking)
		}
		lacking = missing
	}
	for _, arch := range []string{"amd64", "arm64"} {
		for _, name := range Levels(arch) {
			if missing, ok := Has(name); arch != runtime.GOARCH && (ok || !strings.Contains(missing, name)) {
				t.Errorf("%s of %s: %v, %q", name, arch, ok, missing)
			}
		}
	}
	if missing, ok := Has("avx1024"); ok || !strings.Contains(missing, "avx1024") {
		t.Errorf("%v, %q", ok, missing)
	}
	if all := Levels("amd64"); !slices.Equal(all, []string{"sse2", "avx2", "avx512", "amx"}) || Levels("riscv64") != nil {
		t.Errorf("%v, %v", all, Levels("riscv64"))
	}
}
