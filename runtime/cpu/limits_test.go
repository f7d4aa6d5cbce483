package cpu

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// clang compiles with the tool of that name, or the test is skipped.
func clang(t *testing.T) Compile {
	t.Helper()
	for _, name := range []string{"clang-19", "clang"} {
		path, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		return func(ctx context.Context, module string) ([]byte, error) {
			dir := t.TempDir()
			out := filepath.Join(dir, "probes.o")
			// Left alone clang compiles for its own machine, whatever the module says.
			triple := regexp.MustCompile(`target triple = "(.*)"`).FindStringSubmatch(module)[1]
			cmd := exec.CommandContext(ctx, path, "--target="+triple, "-O2", "-c", "-fPIC", "-Wno-override-module", "-x", "ir", "-", "-o", out)
			cmd.Stdin = strings.NewReader(module)
			if text, err := cmd.CombinedOutput(); err != nil {
				return nil, errors.New(string(text))
			}
			return os.ReadFile(out)
		}
	}
	t.Skip("no clang-19 or clang: the probes cannot be compiled")
	return nil
}

func TestMeasureLimits(t *testing.T) {
	if !canMap {
		t.Skip("no objects are loaded on this system")
	}
	l, err := MeasureLimits(t.Context(), clang(t), 2)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", *l)
	// Wide bounds: the machine may be doing something else.
	for name, rate := range map[string]float64{"DRAM": l.One.DRAM, "DRAM prefetched": l.One.DRAMPrefetched, "L3": l.One.L3, "L2": l.One.L2, "f32": l.One.F32,
		"DRAM of all": l.All.DRAM, "L3 of all": l.All.L3, "L2 of all": l.All.L2, "f32 of all": l.All.F32} {
		if rate < 0.1 || rate > 1e6 {
			t.Errorf("%s: %g", name, rate)
		}
	}
	if l.One.L2 < l.One.DRAM {
		t.Errorf("the second-level cache reads %g GB/s, memory %g", l.One.L2, l.One.DRAM)
	}
	if m := thisMachine(); m.vnni && (l.One.I8 < l.One.F32 || l.Issue.VPDPBUSD == 0) {
		t.Errorf("i8 %g, f32 %g, vpdpbusd %g", l.One.I8, l.One.F32, l.Issue.VPDPBUSD)
	}
}

func TestMeter(t *testing.T) {
	if !canMap {
		t.Skip("no objects are loaded on this system")
	}
	m, err := NewMeter(t.Context(), clang(t), 2)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	for _, limit := range []string{"dram", "l3", "l2", "f32"} {
		for threads := 1; threads <= 2; threads++ {
			if rate, err := m.Rate(t.Context(), limit, threads); err != nil || rate <= 0 {
				t.Errorf("%s of %d threads: %g, %v", limit, threads, rate, err)
			}
		}
	}
	if _, err := m.Rate(t.Context(), "l4", 1); err == nil {
		t.Error("there is an l4")
	}
	for _, threads := range []int{0, 3} {
		if _, err := m.Rate(t.Context(), "l2", threads); err == nil {
			t.Errorf("a meter of 2 threads measures %d", threads)
		}
	}
}

func TestMeasureLimitsFailures(t *testing.T) {
	broken := errors.New("no such instruction")
	if _, err := MeasureLimits(t.Context(), func(context.Context, string) ([]byte, error) { return nil, broken }, 1); !errors.Is(err, broken) {
		t.Errorf("LLVM fails: %v", err)
	}
	if _, err := MeasureLimits(t.Context(), func(context.Context, string) ([]byte, error) { return []byte("not an object"), nil }, 1); err == nil {
		t.Error("a damaged object is measured")
	}
	for _, threads := range []int{0, -1, 1 << 20} {
		if _, err := MeasureLimits(t.Context(), nil, threads); err == nil {
			t.Errorf("%d threads are measured", threads)
		}
	}
	if !canMap {
		return
	}
	ctx, cancel := context.WithCancel(t.Context())
	compile := clang(t)
	_, err := MeasureLimits(ctx, func(_ context.Context, module string) ([]byte, error) {
		object, err := compile(context.Background(), module)
		cancel()
		return object, err
	}, 1)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
}

// The probes of every kind of machine compile to the instruction that they are named after.
func TestProbesOfEveryMachine(t *testing.T) {
	objdump, err := exec.LookPath("llvm-objdump-19")
	if err != nil {
		if objdump, err = exec.LookPath("llvm-objdump"); err != nil {
			t.Skip("no llvm-objdump-19 or llvm-objdump")
		}
	}
	compile := clang(t)
	avx512 := machineSet{triple: "x86_64-unknown-linux-gnu", cpu: "x86-64", tune: "sapphirerapids", lanes: 16, chains: 24, fma: true, bytes512: true, vnni: true, vbmi: true, bf16: true,
		features: []string{"+avx512f", "+avx512bw", "+avx512dq", "+avx512vl", "+avx512vnni", "+avx512vbmi", "+avx512bf16"}}
	amx := avx512
	amx.amx = true
	amx.features = append(amx.features[:7:7], "+amx-tile", "+amx-int8", "+amx-bf16")
	tests := []struct {
		name    string
		machine machineSet
		want    map[string]string // the instruction that a probe repeats; reads are of memory
	}{
		{"sse2", machineSet{triple: "x86_64-unknown-linux-gnu", cpu: "x86-64", tune: "x86-64", lanes: 4, chains: 12},
			map[string]string{"read": `paddd|movdqa|movdqu`, "read_prefetched": `prefetcht0`, "fma": `addps`}},
		{"avx2", machineSet{triple: "x86_64-unknown-linux-gnu", cpu: "x86-64", tune: "x86-64-v3", features: []string{"+avx2", "+fma"}, lanes: 8, chains: 12, fma: true, avx2: true},
			map[string]string{"read": `vpaddd.*ymm`, "read_prefetched": `prefetcht0`, "fma": `vfmadd\d+ps.*ymm`, "vpmaddubsw": `vpmaddubsw.*ymm`}},
		{"avx512", avx512,
			map[string]string{"read": `vpaddd.*zmm`, "read_prefetched": `prefetcht0`, "fma": `vfmadd\d+ps.*zmm`, "vpdpbusd": `vpdpbusd.*zmm`, "vdpbf16ps": `vdpbf16ps.*zmm`,
				"vpshufb": `vpshufb.*zmm`, "vpermb": `vpermb.*zmm`, "vpermi2b": `vperm[it]2b.*zmm`, "vpaddb": `vpaddb.*zmm`, "vpsrlw": `vpsrlw.*zmm`}},
		{"amx", amx, map[string]string{"tdpbf16ps": `\ttdpbf16ps`, "tdpbssd": `\ttdpbssd`, "vpdpbusd": `vpdpbusd.*zmm`}},
		{"arm64", machineSet{triple: "aarch64-unknown-linux-gnu", cpu: "generic", tune: "generic", features: []string{"+neon"}, lanes: 4, chains: 24, fma: true},
			map[string]string{"read": `add\s+v\d+\.4s`, "read_prefetched": `prfm\s+pldl1keep`, "fma": `fmla\s+v\d+\.4s`}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			module, probes := test.machine.probes()
			object, err := compile(t.Context(), module)
			if err != nil {
				t.Fatalf("%v in\n%s", err, module)
			}
			file := filepath.Join(t.TempDir(), "probes.o")
			if err := os.WriteFile(file, object, 0o644); err != nil {
				t.Fatal(err)
			}
			text, err := exec.Command(objdump, "-d", "--no-show-raw-insn", file).Output()
			if err != nil {
				t.Fatal(err)
			}
			functions := map[string]string{}
			for _, f := range regexp.MustCompile(`(?s)<(\w+)>:\n(.*?)(\n\n|$)`).FindAllStringSubmatch(string(text), -1) {
				functions[f[1]] = f[2]
			}
			for name, want := range test.want {
				var perTurn int
				for _, p := range probes {
					if p.name == name {
						perTurn = p.perTurn
					}
				}
				n := len(regexp.MustCompile(want).FindAllString(functions[name], -1))
				if perTurn > 0 && n != perTurn || n == 0 {
					t.Errorf("%s has %d of %s, not %d:\n%s", name, n, want, perTurn, functions[name])
				}
			}
		})
	}
}

func TestLoadLimits(t *testing.T) {
	if !canMap {
		t.Skip("no objects are loaded on this system")
	}
	cache := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", cache)
	t.Setenv("HOME", cache)
	if l, err := LoadLimits(t.Context(), nil, 1, false); !errors.Is(err, ErrUnmeasured) {
		t.Fatalf("without LLVM: %v, %v", l, err)
	}
	compiled := 0
	compile := clang(t)
	count := func(ctx context.Context, module string) ([]byte, error) { compiled++; return compile(ctx, module) }
	first, err := LoadLimits(t.Context(), count, 1, false)
	if err != nil {
		t.Fatal(err)
	}
	kept, err := LoadLimits(t.Context(), nil, 1, false)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first, kept); diff != "" {
		t.Errorf("kept limits differ (-measured +kept):\n%s", diff)
	}
	if _, err := LoadLimits(t.Context(), count, 1, true); err != nil || compiled != 2 {
		t.Errorf("again: %v, %d compiles", err, compiled)
	}
	for _, damage := range []string{"", "{", `{"machine":"another"}`, `[1]`} {
		if err := os.WriteFile(limitsFile(1), []byte(damage), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadLimits(t.Context(), nil, 1, false); !errors.Is(err, ErrUnmeasured) {
			t.Errorf("a file of %q: %v", damage, err)
		}
	}
	// Where nothing can be kept, limits are measured all the same.
	if err := os.RemoveAll(filepath.Join(cache, "tilec")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(cache, "tilec"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadLimits(t.Context(), count, 1, false); err != nil {
		t.Errorf("with a cache that cannot be written: %v", err)
	}
}

func TestBound(t *testing.T) {
	l := &Limits{Threads: 4, L2Bytes: 1 << 20, L3Bytes: 32 << 20,
		One: Rates{DRAM: 10, DRAMPrefetched: 12, L3: 50, L2: 100, F32: 200, BF16: 400, I8: 800},
		All: Rates{DRAM: 18, DRAMPrefetched: 16, L3: 200, L2: 400, F32: 800, BF16: 1600, I8: 3200}}
	tests := []struct {
		name    string
		work    Work
		threads int
		seconds float64
		limit   string
	}{
		{"nothing", Work{}, 1, 0, ""},
		{"a cold read", Work{Bytes: 12e6, Cold: true}, 1, 1e-3, "dram"},
		{"the same by two threads", Work{Bytes: 18e6, Cold: true}, 2, 1e-3, "dram"},
		{"the last cache", Work{Bytes: 5e6}, 1, 1e-4, "l3"},
		{"more than it", Work{Bytes: 120e6}, 1, 1e-2, "dram"},
		{"a core's cache", Work{Bytes: 1e6}, 1, 1e-5, "l2"},
		{"all cores' caches", Work{Bytes: 4e6}, 0, 1e-5, "l2"},
		{"f32", Work{Bytes: 1e6, Flops: 2e9, Type: "f32"}, 1, 1e-2, "f32"},
		{"f16 is computed as f32", Work{Flops: 2e9, Type: "f16"}, 1, 1e-2, "f32"},
		{"bf16", Work{Flops: 4e9, Type: "bf16"}, 1, 1e-2, "bf16"},
		{"i8", Work{Flops: 8e9, Type: "i8"}, 3, 1e-2 / 3, "i8"},
		{"more threads than were measured", Work{Flops: 32e9, Type: "i8"}, 99, 1e-2, "i8"},
	}
	for _, test := range tests {
		seconds, limit := l.Bound(test.work, test.threads)
		if diff := seconds - test.seconds; diff > 1e-9 || diff < -1e-9 || limit != test.limit {
			t.Errorf("%s: %g by %q, want %g by %q", test.name, seconds, limit, test.seconds, test.limit)
		}
	}
	// Where bf16 has no instruction it is f32's rate, and so has i8.
	slow := &Limits{Threads: 1, One: Rates{F32: 100, BF16: 50}, All: Rates{F32: 100, BF16: 50}}
	for _, kind := range []string{"bf16", "i8"} {
		if seconds, limit := slow.Bound(Work{Flops: 1e9, Type: kind}, 1); seconds != 1e-2 || limit != "f32" {
			t.Errorf("%s: %g by %q", kind, seconds, limit)
		}
	}
}
