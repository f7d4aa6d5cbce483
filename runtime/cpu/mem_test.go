package cpu

import (
	"errors"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// pool is a pool for a test, which skips where there are none.
func pool(t *testing.T) *Pool {
	t.Helper()
	if !canMap {
		t.Skipf("no memory for kernels on %s/%s", runtime.GOOS, runtime.GOARCH)
	}
	p := &Pool{}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func TestAllocSizes(t *testing.T) {
	p := pool(t)
	var all []*Memory
	for _, size := range []int64{0, 1, 63, 64, 192, 193, 4096, largest - Slack, largest - Slack + 1, HugePage - Slack, HugePage - 1, HugePage, HugePage + 1, 9 << 20} {
		m, err := p.Alloc(size)
		if err != nil {
			t.Fatalf("%d bytes: %v", size, err)
		}
		if int64(len(m.Bytes())) != size {
			t.Errorf("%d bytes: got %d", size, len(m.Bytes()))
		}
		align := uintptr(Alignment)
		if size >= HugePage {
			align = HugePage
		}
		if m.Pointer()%align != 0 {
			t.Errorf("%d bytes: %#x is not aligned to %d", size, m.Pointer(), align)
		}
		for i := range m.Bytes() {
			m.Bytes()[i] = byte(len(all))
		}
		all = append(all, m)
	}
	for i, m := range all {
		for at, b := range m.Bytes() {
			if b != byte(i) {
				t.Fatalf("allocation %d: byte %d was changed to that of allocation %d", i, at, b)
			}
		}
		m.Free()
		m.Free()
	}
}

// What is freed is given again, so that a launch in a loop takes nothing from the system.
func TestAllocReuse(t *testing.T) {
	p := pool(t)
	for _, size := range []int64{100, 5000, 3 << 20} {
		m, err := p.Alloc(size)
		if err != nil {
			t.Fatal(err)
		}
		at := m.Pointer()
		m.Free()
		again, err := p.Alloc(size)
		if err != nil {
			t.Fatal(err)
		}
		if again.Pointer() != at {
			t.Errorf("%d bytes: freed at %#x, given at %#x", size, at, again.Pointer())
		}
		again.Free()
	}
}

func TestAllocTooMuch(t *testing.T) {
	p := pool(t)
	p.Free = func() int64 { return 10 << 20 }
	if _, err := p.Alloc(10 << 20); err == nil || !strings.Contains(err.Error(), "10485760 bytes are free") {
		t.Errorf("more than is free: %v", err)
	}
	m, err := p.Alloc(9 << 20)
	if err != nil {
		t.Fatal(err)
	}
	m.Free()
	// What is kept goes back before an allocation is refused.
	p.Free = func() int64 {
		if len(p.kept) > 0 {
			return 2 << 20
		}
		return 12 << 20
	}
	if m, err = p.Alloc(11 << 20); err != nil {
		t.Fatal(err)
	}
	m.Free()
	p.Free = nil
	for _, size := range []int64{-1, 1 << 46, 1 << 62} {
		if _, err := p.Alloc(size); err == nil {
			t.Errorf("%d bytes were given", size)
		}
	}
}

func TestAllocConcurrent(t *testing.T) {
	p := pool(t)
	var wait sync.WaitGroup
	for g := range 4 {
		wait.Go(func() {
			for i := range 300 {
				m, err := p.Alloc(int64(i * i * 40))
				if err != nil {
					t.Error(err)
					return
				}
				b := m.Bytes()
				for j := 0; j < len(b); j += 64 {
					b[j] = byte(g)
				}
				for j := 0; j < len(b); j += 64 {
					if b[j] != byte(g) {
						t.Error("memory is shared")
						return
					}
				}
				m.Free()
			}
		})
	}
	wait.Wait()
}

func TestHasAMX(t *testing.T) {
	info, err := os.ReadFile("/proc/cpuinfo")
	if errors.Is(err, os.ErrNotExist) || runtime.GOARCH != "amd64" {
		t.Skip("no /proc/cpuinfo of an amd64 to compare with")
	}
	// The system lists a feature where it lets processes use it.
	if listed := strings.Contains(string(info), " amx_tile"); HasAMX() != listed {
		t.Errorf("HasAMX is %v, and the system lists amx_tile: %v", HasAMX(), listed)
	}
}
