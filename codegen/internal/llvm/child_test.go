//go:build (linux || darwin) && (amd64 || arm64)

package llvm

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tilec/tilec/runtime/cache"
)

// A crash that LLVM does not see coming: its stack overflows.
func TestStackOverflow(t *testing.T) {
	library := toolchains(t)["libLLVM"]
	if library == nil {
		t.Skip("no libLLVM")
	}
	t.Setenv(cache.Variable, t.TempDir())
	ir := "@x = global i64 " + strings.Repeat("add (i64 1, i64 ", 400_000) + "2" + strings.Repeat(")", 400_000)
	_, err := library.Compile(context.Background(), []byte(ir), Options{Triple: x86})
	var crash *Crash
	if !errors.As(err, &crash) {
		t.Fatalf("%T %.300v", err, err)
	}
	if len(crash.Reason) > 500 {
		t.Errorf("reason: %s", crash.Reason)
	}
	compile(t, library, scale, Options{Triple: x86})
}

// A child that someone ends while it waits is not missed.
func TestKilledChild(t *testing.T) {
	library, ok := toolchains(t)["libLLVM"].(*children)
	if !ok {
		t.Skip("no libLLVM")
	}
	compile(t, library, scale, Options{Triple: x86})
	if len(library.idle) != 1 {
		t.Fatalf("%d children wait", len(library.idle))
	}
	library.idle[0].command.Process.Kill()
	<-library.idle[0].ended
	compile(t, library, scale, Options{Triple: x86})
}

// The process of a child ends when that of its parent does, without a word.
func TestChildEndsWithParent(t *testing.T) {
	library, ok := toolchains(t)["libLLVM"].(*children)
	if !ok {
		t.Skip("no libLLVM")
	}
	k, _, err := start(library.path)
	if err != nil {
		t.Fatal(err)
	}
	k.requests.Close()
	select {
	case <-k.ended:
	case <-time.After(10 * time.Second):
		k.kill()
		t.Error("the child goes on")
	}
}

// Find takes the library where there is one, at once when an earlier process has looked at it.
func TestFindKept(t *testing.T) {
	t.Setenv(cache.Variable, t.TempDir())
	t.Setenv(Variable, "")
	// find is as in a process of its own.
	find := func() (Toolchain, error) {
		here := machine()
		here.shared = nil
		return here.find()
	}
	first, err := find()
	var absent *Absent
	if errors.As(err, &absent) {
		t.Skip(err)
	}
	again, err := find()
	if err != nil || again.Name() != first.Name() || again.ID() != first.ID() {
		t.Errorf("%s, then %v: %v", first.Name(), again, err)
	}
	if c, ok := again.(*children); ok && len(c.idle) != 0 {
		t.Error("a process was started to find what was known")
	}
	compile(t, again, scale, Options{Triple: x86})
	if one, err := Find(); err == nil {
		if another, err := Find(); err != nil || (one.Name() == first.Name() && one != another) {
			t.Errorf("two processes for %s", one.Name())
		}
	}
}

// The library and programs that are too old on this machine, if there are some, are refused by their version.
func TestOldLibraries(t *testing.T) {
	old := 0
	for _, path := range librariesIn(existing(machine().libraries)) {
		major := versionIn(path)
		if major == 0 || major >= oldest {
			continue
		}
		old++
		if _, err := (search{}).library(path); err == nil || !strings.Contains(err.Error(), "is LLVM 1") {
			t.Errorf("%s: %v", path, err)
		}
		// Under a name that does not tell its version it is found out by what it lacks.
		link := filepath.Join(t.TempDir(), "libLLVM.so")
		if err := os.Symlink(path, link); err != nil {
			t.Fatal(err)
		}
		if _, err := (search{}).library(link); err == nil || !strings.Contains(err.Error(), "older than LLVM 16") {
			t.Errorf("%s: %v", link, err)
		}
	}
	if old == 0 {
		t.Skip("no libLLVM before 16 on this machine")
	}
}
