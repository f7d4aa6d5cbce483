package cache

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestGetWhatWasPut(t *testing.T) {
	c := At(t.TempDir(), 1<<20)
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SliceOf(rapid.Byte()).Draw(t, "name")
		data := rapid.SliceOf(rapid.Byte()).Draw(t, "data")
		c.Put(Key(name), data)
		got, ok := c.Get(Key(name))
		if !ok || !bytes.Equal(got, data) {
			t.Fatalf("got %v, %v; put %v", got, ok, data)
		}
	})
	if _, ok := c.Get(Key([]byte("never"), []byte("put"))); ok {
		t.Error("a key that was never used has data")
	}
}

func TestKeyOfParts(t *testing.T) {
	if Key([]byte("ab"), []byte("c")) == Key([]byte("a"), []byte("bc")) {
		t.Error("two lists of parts have one key")
	}
}

// A file that is damaged in any way is as absent, and goes.
func TestDamage(t *testing.T) {
	c := At(t.TempDir(), 1<<20)
	key := Key([]byte("k"))
	for name, damage := range map[string]func([]byte) []byte{
		"cut off":      func(b []byte) []byte { return b[:len(b)-1] },
		"longer":       func(b []byte) []byte { return append(b, 0) },
		"empty":        func([]byte) []byte { return nil },
		"a bit":        func(b []byte) []byte { b[len(b)-3] ^= 4; return b },
		"the head":     func(b []byte) []byte { b[0]++; return b },
		"the checksum": func(b []byte) []byte { b[10]++; return b },
		"the length":   func(b []byte) []byte { b[headSize-1] = 0xff; return b },
	} {
		c.Put(key, []byte("some data"))
		content, err := os.ReadFile(c.path(key))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(c.path(key), damage(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if data, ok := c.Get(key); ok {
			t.Errorf("%s: read %q", name, data)
		}
		if _, err := os.Stat(c.path(key)); err == nil {
			t.Errorf("%s: the damaged file is still there", name)
		}
	}
}

func TestTrimRemovesTheOldest(t *testing.T) {
	c := At(t.TempDir(), 1000)
	day := time.Now().Add(-time.Hour)
	for i := range 10 {
		key := Key([]byte{byte(i)})
		c.Put(key, make([]byte, 150))
		os.Chtimes(c.path(key), day, day.Add(time.Duration(i)*time.Minute))
	}
	left := filepath.Join(c.folder, "objects", "00", temporary+"x")
	os.MkdirAll(filepath.Dir(left), 0o700)
	os.WriteFile(left, nil, 0o600)
	os.Chtimes(left, day, day.Add(-time.Hour))
	c.Trim()
	for i := range 10 {
		if _, ok := c.Get(Key([]byte{byte(i)})); ok != (i >= 5) {
			t.Errorf("file %d of 10 is there: %v", i, ok)
		}
	}
	if _, err := os.Stat(left); err == nil {
		t.Error("what an ended process was writing is still there")
	}
	c.Put(Key([]byte("large")), make([]byte, 501))
	if _, ok := c.Get(Key([]byte("large"))); ok {
		t.Error("a file of more than half of the cache was kept")
	}
}

// Nothing that is wrong with the folder is more than a miss.
func TestNoFolder(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	os.WriteFile(file, nil, 0o600)
	readOnly := t.TempDir()
	os.Chmod(readOnly, 0o500)
	for name, c := range map[string]*Cache{"nil": nil, "a file": At(file, 1000), "below a file": At(filepath.Join(file, "x"), 1000), "NUL": At("\x00", 1000)} {
		c.Put(Key(), []byte("x"))
		if _, ok := c.Get(Key()); ok {
			t.Errorf("%s: data was kept", name)
		}
		c.Trim()
	}
	c := At(filepath.Join(readOnly, "tilec"), 1000)
	c.Put(Key(), []byte("x"))
	if data, ok := c.Get(Key()); ok && string(data) != "x" { // an administrator may write anywhere
		t.Errorf("read-only folder: %q", data)
	}
}

func TestOpen(t *testing.T) {
	folder := t.TempDir()
	t.Setenv(Variable, folder)
	if got := Open().Folder(); got != folder {
		t.Errorf("%s names %s: the cache is in %s", Variable, folder, got)
	}
	t.Setenv(Variable, "off")
	if got := Open().Folder(); got != "" {
		t.Errorf("off: the cache is in %s", got)
	}
	t.Setenv(Variable, "")
	t.Setenv("XDG_CACHE_HOME", folder)
	t.Setenv("HOME", folder)
	if got := Open().Folder(); filepath.Base(got) != "tilec" {
		t.Errorf("the cache is in %s", got)
	}
}

// Writers, readers and removers of the same few files never see anything but whole ones.
func TestConcurrent(t *testing.T) {
	c := At(t.TempDir(), 60_000)
	value := func(i int) []byte { return bytes.Repeat([]byte{byte(i)}, 1000+i*500) }
	var wait sync.WaitGroup
	for g := range 4 {
		wait.Go(func() {
			r := rand.New(rand.NewPCG(1, uint64(g)))
			for range 200 {
				i := r.IntN(10)
				key := Key(fmt.Append(nil, i))
				switch r.IntN(8) {
				case 0:
					c.Trim()
				case 1, 2:
					c.Put(key, value(i))
				default:
					if data, ok := c.Get(key); ok && !bytes.Equal(data, value(i)) {
						t.Errorf("key %d has %d bytes of %d", i, len(data), data[0])
					}
				}
			}
		})
	}
	wait.Wait()
}
