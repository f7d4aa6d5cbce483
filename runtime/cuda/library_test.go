//go:build !cuda && linux && (amd64 || arm64)

package cuda

import (
	"bytes"
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/ebitengine/purego"
	"github.com/google/go-cmp/cmp"
)

// fakeLibrary builds the library of testdata; it gives the driver and what was called since the last time.
func fakeLibrary(t *testing.T) (Driver, func() string) {
	t.Helper()
	cc, err := exec.LookPath("cc")
	if err != nil {
		t.Skip("no C compiler (cc) builds the fake driver")
	}
	file := filepath.Join(t.TempDir(), "libcuda.so.1")
	if out, err := exec.Command(cc, "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", file, "testdata/fake.c").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	d, err := open(file)
	if err != nil {
		t.Fatal(err)
	}
	handle, err := purego.Dlopen(file, purego.RTLD_NOW)
	if err != nil {
		t.Fatal(err)
	}
	record, err := purego.Dlsym(handle, "fakeRecord")
	if err != nil {
		t.Fatal(err)
	}
	return d, func() string {
		at, _, _ := purego.SyscallN(record)
		p := *(*unsafe.Pointer)(unsafe.Pointer(&at))
		return text(unsafe.Slice((*byte)(p), 1<<16))
	}
}

// TestLibrary: what arrives in the library is what each call means, in cuda.h's order and types.
func TestLibrary(t *testing.T) {
	driver, record := fakeLibrary(t)
	list, err := List(driver)
	if err != nil {
		t.Fatal(err)
	}
	want := []Info{
		{"Fake 40", 75040, 76040, 16040, 80<<30 | 40, 97040, 12040},
		{"Fake 41", 75041, 76041, 16041, 80<<30 | 41, 97041, 12040},
	}
	if diff := cmp.Diff(want, list); diff != "" {
		t.Error(diff)
	}
	d, err := Open(driver, 1)
	if err != nil {
		t.Fatal(err)
	}
	record()
	m, err := d.Load("text")
	if err != nil {
		t.Fatal(err)
	}
	f, err := d.Function(m, "kernel", 128, 70000)
	if err != nil {
		t.Fatal(err)
	}
	var took time.Duration
	var a, b Event
	err = d.Do(func(driver Driver) error {
		if a, err = driver.NewEvent(); err != nil {
			return err
		}
		b = a + 8
		if n, err := driver.Resident(f, 128, 70000); n != 2 || err != nil {
			t.Errorf("%d blocks are resident: %v", n, err)
		}
		l := &Launch{Grid: [3]uint32{1 << 31, 2, 3}, Block: [3]uint32{4, 5, 6}, Shared: 70000, Params: []uint64{0xdeadbeef, 0x123456789abcdef0}}
		err := errors.Join(driver.Record(a), driver.Launch(f, l), driver.Record(b), driver.Synchronise())
		took, _ = driver.Elapsed(a, b)
		return errors.Join(err, driver.DropEvent(b))
	})
	if err != nil || took != 1500*time.Microsecond {
		t.Error(took, err)
	}
	if err := errors.Join(d.Unload(m), d.Close(), d.Close()); err != nil {
		t.Error(err)
	}
	const wantCalls = `cuCtxSetCurrent(0x700000001230)
cuModuleLoadDataEx(text, 2, 5, 6=16384)
cuCtxSetCurrent(0x700000001230)
cuModuleGetFunction(0x700000004560, kernel)
cuFuncGetAttribute(0, 0x700000007890)
cuFuncGetAttribute(1, 0x700000007890)
cuFuncSetAttribute(0x700000007890, 8, 70000)
cuCtxSetCurrent(0x700000001230)
cuEventCreate(0)
cuOccupancyMaxActiveBlocksPerMultiprocessor(0x700000007890, 128, 70000)
cuEventRecord(0x70000000aaa0, (nil))
cuLaunchKernel(0x700000007890, 2147483648 2 3, 4 5 6, 70000, (nil), deadbeef 123456789abcdef0, (nil))
cuEventRecord(0x70000000aaa8, (nil))
cuCtxSynchronize()
cuEventElapsedTime(0x70000000aaa0, 0x70000000aaa8)
cuEventDestroy(0x70000000aaa8)
cuCtxSetCurrent(0x700000001230)
cuModuleUnload(0x700000004560)
cuDevicePrimaryCtxRelease(41)
`
	if diff := cmp.Diff(wantCalls, record()); diff != "" {
		t.Error(diff)
	}
	if err := d.Write(0, []byte{1}); err == nil {
		t.Error("a closed device writes")
	}
}

// TestLibraryMemory: bytes come to the device and back.
func TestLibraryMemory(t *testing.T) {
	driver, _ := fakeLibrary(t)
	d, err := Open(driver, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	at, err := d.Alloc(5)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Free(at)
	back := make([]byte, 5)
	if err := errors.Join(d.Write(at, []byte("abcde")), d.Fill(at+1, 'x', 2), d.Read(back, at)); err != nil || !bytes.Equal(back, []byte("axxde")) {
		t.Errorf("%q, %v", back, err)
	}
	if free, err := d.Available(); err != nil || free != 5<<32 {
		t.Error(free, err)
	}
}

// TestLibraryErrors: errors have the driver's names, a text's what the compiler said, and a fault of a kernel stays.
func TestLibraryErrors(t *testing.T) {
	driver, _ := fakeLibrary(t)
	for want, f := range map[string]func(d *Device) error{
		"cuModuleLoadDataEx: CUDA_ERROR_INVALID_PTX:\nline 1: wrong": func(d *Device) error { _, err := d.Load("wrong"); return err },
		"it needs 1099511627776 bytes, and the GPU has 21474836480 free: cuMemAlloc_v2: CUDA_ERROR_OUT_OF_MEMORY": func(d *Device) error {
			_, err := d.Alloc(1 << 40)
			return err
		},
		`its PTX has no kernel "none": cuModuleGetFunction: CUDA_ERROR_NOT_FOUND`: func(d *Device) error {
			_, err := d.Function(1, "none", 32, 0)
			return err
		},
		"kernel k has blocks of 2048 threads, and with its 16 registers a thread they have at most 1024": func(d *Device) error {
			_, err := d.Function(1, "k", 2048, 0)
			return err
		},
		"kernel k needs 97041 bytes of shared memory, and a block has at most 97040": func(d *Device) error {
			_, err := d.Function(1, "k", 32, 97025)
			return err
		},
		"cuLaunchKernel: CUDA error 777": func(d *Device) error { return launchOf(d, 98) },
		"an earlier fault has ended all work on the GPU (cuLaunchKernel: CUDA_ERROR_ILLEGAL_ADDRESS): the program must be started anew": func(d *Device) error {
			if err := launchOf(d, 99); !errors.Is(err, IllegalAddress) {
				t.Error(err)
			}
			return launchOf(d, 1)
		},
	} {
		d, err := Open(driver, 0)
		if err != nil {
			t.Fatal(err)
		}
		if err := f(d); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
		d.Close()
	}
	if _, err := Open(driver, 2); err == nil || err.Error() != "the CUDA driver has no device 2: the last is 1" {
		t.Error(err)
	}
}

func launchOf(d *Device, grid uint32) error {
	return d.Do(func(driver Driver) error {
		return driver.Launch(1, &Launch{Grid: [3]uint32{grid, 1, 1}, Block: [3]uint32{32, 1, 1}, Params: []uint64{1, 2}})
	})
}

// TestLibraryAbsent: without the driver there is an error that can be told from others; another library is refused.
func TestLibraryAbsent(t *testing.T) {
	if _, err := open("libcuda-none.so.1"); !errors.Is(err, ErrAbsent) || !strings.HasPrefix(err.Error(), "there is no CUDA driver: ") {
		t.Error(err)
	}
	if _, err := open("libc.so.6"); err == nil || err.Error() != "the CUDA driver is too old: libc.so.6 has no cuInit" {
		t.Error(err)
	}
}
