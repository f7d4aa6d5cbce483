package cpu

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// neonDriver reads two arrays, calls each function with them and writes what it gives; it is a program of its own, without
// libraries.
const neonDriver = `
static long call(long n, long a, long b, long c) {
	register long x8 asm("x8") = n, x0 asm("x0") = a, x1 asm("x1") = b, x2 asm("x2") = c;
	asm volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
	return x0;
}
static char x[SIZE] __attribute__((aligned(64))), x2[SIZE] __attribute__((aligned(64))), y[SIZE] __attribute__((aligned(64)));
static void all(long n, long file, char *p) {
	for (long at = 0; at < SIZE;) {
		long got = call(n, file, (long)(p + at), SIZE - at);
		if (got <= 0) call(93, 1, 0, 0);
		at += got;
	}
}
typedef long function(void *to, long n, void *x, void *x2);
extern function LIST;
static function *const functions[] = {LIST};
void _start(void) {
	all(63, 0, x);
	all(63, 0, x2);
	for (unsigned long i = 0; i < sizeof functions / sizeof *functions; i++) {
		functions[i](y, COUNT, x, x2);
		all(64, 1, y);
	}
	call(93, 0, 0, 0);
}
`

// TestMathsNeon runs the functions of the level of arm64 in an emulator, where this machine has no such processor.
func TestMathsNeon(t *testing.T) {
	var tools []string
	for _, names := range [][]string{{"clang-19", "clang"}, {"ld.lld-19", "ld.lld"}, {"qemu-aarch64", "qemu-aarch64-static"}} {
		path := ""
		for _, name := range names {
			if path, _ = exec.LookPath(name); path != "" {
				break
			}
		}
		if path == "" {
			t.Skipf("%s is not installed", names[0])
		}
		tools = append(tools, path)
	}
	tc := toolchain(t)
	level, err := LevelByName("neon")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	run := func(in []byte, name string, args ...string) []byte {
		t.Helper()
		cmd := exec.Command(name, args...)
		var errs bytes.Buffer
		cmd.Stdin, cmd.Stderr = bytes.NewReader(in), &errs
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v: %s", name, err, &errs)
		}
		return out
	}
	// outputs builds the program of all functions over lanes and runs it.
	outputs := func(c class, lanes, count int, in []byte) []byte {
		obj, err := tc.Compile(context.Background(), []byte(mathModule(level, c, lanes).String()), level.testOptions())
		if err != nil {
			t.Fatal(err)
		}
		var list []string
		for _, k := range mathCases() {
			list = append(list, mathName(k.code, c, lanes))
		}
		file := func(name string, data []byte) string {
			path := filepath.Join(dir, fmt.Sprintf("%d_%d_%s", c, lanes, name))
			if data != nil {
				if err := os.WriteFile(path, data, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			return path
		}
		maths, source, driver, program := file("maths.o", obj), file("driver.c", []byte(neonDriver)), file("driver.o", nil), file("program", nil)
		run(nil, tools[0], "--target=aarch64-linux-gnu", "-O1", "-ffreestanding", "-fno-builtin", "-fno-pic", "-c", "-o", driver, source,
			fmt.Sprintf("-DSIZE=%d", len(in)/2), fmt.Sprintf("-DCOUNT=%d", count), "-DLIST="+strings.Join(list, ","))
		run(nil, tools[1], "-static", "-o", program, driver, maths)
		return run(in, tools[2], program)
	}
	const n = 1 << 14
	bound := func(k mathCase, c class, lanes int, w worst) {
		t.Helper()
		t.Logf("class %d, %d lanes, %s: %s", c, lanes, k.code, w)
		if !(w.ulps <= mathBound) {
			t.Errorf("%s of class %d over %d lanes: %s", k.code, c, lanes, w)
		}
	}
	x, x2, y, want := make([]float32, n), make([]float32, n), make([]float32, n), make([]float64, n)
	stratified(x, x2, 11)
	copy(x, specials32()[:n/2])
	for _, lanes := range []int{1, 4} {
		var in bytes.Buffer
		binary.Write(&in, binary.LittleEndian, x)
		binary.Write(&in, binary.LittleEndian, x2)
		out := outputs(f32Class, lanes, n, in.Bytes())
		for _, k := range mathCases() {
			for i := range y {
				y[i] = math.Float32frombits(binary.LittleEndian.Uint32(out[4*i:]))
			}
			out = out[4*n:]
			k.fill(want, x, x2)
			bound(k, f32Class, lanes, k.check32(x, x2, y, want))
		}
	}
	a, b := samples64(n, 3), samples64(n, 4)
	for _, lanes := range []int{1, 2} {
		var in bytes.Buffer
		binary.Write(&in, binary.LittleEndian, a)
		binary.Write(&in, binary.LittleEndian, b)
		out := outputs(f64Class, lanes, n, in.Bytes())
		for _, k := range mathCases() {
			w := worst{samples: n}
			for i := range n {
				got := math.Float64frombits(binary.LittleEndian.Uint64(out[8*i:]))
				exact := k.ref(a[i], b[i])
				if u := ulps64(got, exact); u > w.ulps {
					w.ulps, w.x, w.y, w.got, w.want = u, a[i], b[i], got, exact
				}
			}
			out = out[8*n:]
			bound(k, f64Class, lanes, w)
		}
	}
}
