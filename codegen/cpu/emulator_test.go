package cpu

import (
	"bytes"
	"fmt"
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

// emulator runs functions on the level of arm64, where this machine has no such processor.
type emulator struct {
	clang, linker, qemu string
}

// newEmulator finds the programs; the test is skipped where one is not installed.
func newEmulator(t *testing.T) emulator {
	t.Helper()
	find := func(names ...string) string {
		for _, name := range names {
			if path, err := exec.LookPath(name); err == nil {
				return path
			}
		}
		t.Skipf("%s is not installed", names[0])
		return ""
	}
	return emulator{find("clang-19", "clang"), find("ld.lld-19", "ld.lld"), find("qemu-aarch64", "qemu-aarch64-static")}
}

// run links functions of an object with the driver and runs it on two arrays of the same size, one after the other in in.
// Each function is given room of that size, the count and both arrays; what it leaves there follows what the one before left.
func (m emulator) run(t *testing.T, object []byte, functions []string, count int, in []byte) []byte {
	t.Helper()
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	for name, data := range map[string][]byte{"code.o": object, "driver.c": []byte(neonDriver)} {
		if err := os.WriteFile(path(name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	execute := func(in []byte, name string, args ...string) []byte {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), name, args...)
		var errs bytes.Buffer
		cmd.Stdin, cmd.Stderr = bytes.NewReader(in), &errs
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v: %s", name, err, &errs)
		}
		return out
	}
	execute(nil, m.clang, "--target=aarch64-linux-gnu", "-O1", "-ffreestanding", "-fno-builtin", "-fno-pic", "-c", "-o", path("driver.o"), path("driver.c"),
		fmt.Sprintf("-DSIZE=%d", len(in)/2), fmt.Sprintf("-DCOUNT=%d", count), "-DLIST="+strings.Join(functions, ","))
	execute(nil, m.linker, "-static", "-o", path("program"), path("driver.o"), path("code.o"))
	return execute(in, m.qemu, path("program"))
}
