package ptx

import (
	"regexp"
	"strings"
	"testing"
)

var (
	loopLabel = regexp.MustCompile(`^(\$loop\d+):`)
	opcode    = regexp.MustCompile(`^(?:@!?%\w+\s+)?([a-z][\w.:]*)`)
)

// firstLoop are the opcodes of the first innermost loop of a text that multiplies matrices: the version of the kernel for sizes and
// parameters as they mostly are.
func firstLoop(text string) []string {
	var ops []string
	label := ""
	for _, l := range strings.Split(text, "\n") {
		l = strings.TrimSpace(l)
		if m := loopLabel.FindStringSubmatch(l); m != nil {
			label, ops = m[1], nil
			continue
		}
		m := opcode.FindStringSubmatch(l)
		if label == "" || m == nil {
			continue
		}
		ops = append(ops, m[1])
		if strings.HasPrefix(m[1], "bra") && strings.Contains(l, label+";") {
			if count(ops, "mma.") > 0 {
				return ops
			}
			label = ""
		}
	}
	return nil
}

func count(ops []string, prefix string) int {
	n := 0
	for _, o := range ops {
		if strings.HasPrefix(o, prefix) {
			n++
		}
	}
	return n
}

// TestMainLoops: main loops have no more instructions than they had, copy 16 bytes at a time, wait at one barrier, and have
// nothing in them that is for other sizes or parameters.
func TestMainLoops(t *testing.T) {
	want := []struct {
		name   string // what the variant's name begins with
		others int    // instructions of PTX beside those for matrices, of which there are so many
		matrix int
	}{
		{"gemm.gemm T=bf16", 54, 64},
		{"attention.attention T=bf16 D=24 E=24 causal=false left=-1 right=-1 BM=128 BN=64 warps=8", 235, 32},
		{"attention.attention T=bf16 D=16 E=16 causal=false left=-1 right=-1 BM=128 BN=64 warps=8", 217, 16},
	}
	const name = "sm_80"
	to := target(t, name)
	list := variants(t, name)
	for _, w := range want {
		found := false
		for _, v := range list {
			if !strings.HasPrefix(v.name, w.name) || found {
				continue
			}
			found = true
			a, err := v.build(t, to)
			if err != nil {
				t.Fatal(err)
			}
			ops := firstLoop(string(a.Code))
			matrix := count(ops, "mma.")
			if others := len(ops) - matrix; matrix != w.matrix || others > w.others {
				t.Errorf("%s: %d matrix instructions and %d others in the main loop, want %d and at most %d", v.name, matrix, others, w.matrix, w.others)
			}
			if n := count(ops, "bar.sync"); n != 1 {
				t.Errorf("%s: %d barriers in the main loop", v.name, n)
			}
			for _, cold := range []string{"ld.global", "st.", "div", "cp.async.ca"} {
				if count(ops, cold) > 0 {
					t.Errorf("%s: %s in the main loop", v.name, cold)
				}
			}
			if count(ops, "cp.async.cg") == 0 {
				t.Errorf("%s: nothing is copied 16 bytes at a time", v.name)
			}
		}
		if !found {
			t.Errorf("no variant %s", w.name)
		}
	}
}
