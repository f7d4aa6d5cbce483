// Package cache keeps what was expensive to make in files, under the hash of what it was made of.
//
// In go keys and bytes; out come the bytes again, in this process or a later one. It always holds that what comes out is
// what was put in: a damaged file counts as absent. A cache is a convenience: where there is no folder, or no room, or no
// permission, everything works as if nothing had been kept.
package cache

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Variable names the folder in the environment; "off" is for none.
const Variable = "TILEC_CACHE"

// Size is how many bytes of files are kept at most, until the oldest go.
const Size = 512 << 20

// Cache is a folder of files. It can be used by several goroutines and processes at once. A nil cache keeps nothing.
type Cache struct {
	folder string
	size   int64 // at most, in bytes
}

// Open gives the user's cache: the folder that the environment variable TILEC_CACHE names, else tilec in the user's cache
// folder. It is nil, which keeps nothing, where that is "off" or there is no such folder.
func Open() *Cache {
	switch folder := os.Getenv(Variable); folder {
	case "off":
		return nil
	case "":
		user, err := os.UserCacheDir()
		if err != nil {
			return nil
		}
		return At(filepath.Join(user, "tilec"), Size)
	default:
		return At(folder, Size)
	}
}

// At gives the cache in a folder, which is made when something is kept, with at most so many bytes of files.
func At(folder string, size int64) *Cache { return &Cache{folder: folder, size: size} }

// Folder is where the cache is, "" if it keeps nothing.
func (c *Cache) Folder() string {
	if c == nil {
		return ""
	}
	return c.folder
}

// A file is magic, the hash of the data, its length, the data. The file of a key is objects/ab/cdef… under the folder,
// ab the first byte of the key.
var magic = []byte("tilec1\n\x00")

const headSize = 8 + sha256.Size + 8

// Get gives what was put under a key. The second result is false where nothing was, or it is gone or damaged.
func (c *Cache) Get(key [32]byte) ([]byte, bool) {
	if c == nil {
		return nil, false
	}
	path := c.path(key)
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, false
	}
	if data, ok := unpack(content); ok {
		// The time of its last use decides which file goes first. A day is exact enough, and a folder that cannot be
		// written to loses nothing but order.
		if info, err := os.Stat(path); err == nil && time.Since(info.ModTime()) > 24*time.Hour {
			now := time.Now()
			os.Chtimes(path, now, now)
		}
		return data, true
	}
	os.Remove(path)
	return nil, false
}

// Put keeps data under a key.
func (c *Cache) Put(key [32]byte, data []byte) {
	if c == nil || int64(len(data)) > c.size/2 {
		return
	}
	path := c.path(key)
	if os.MkdirAll(filepath.Dir(path), 0o700) != nil {
		return
	}
	// Written aside and renamed: a reader sees the whole file or none, and of two writers the later wins.
	temp, err := os.CreateTemp(filepath.Dir(path), temporary+"*")
	if err != nil {
		return
	}
	_, err = temp.Write(pack(data))
	if closed := temp.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(temp.Name(), path)
	}
	if err != nil {
		os.Remove(temp.Name())
		return
	}
	// To look through the whole folder at each Put would cost more than the file: by its key, one in 64 does.
	if key[31]%64 == 0 {
		c.Trim()
	}
}

// temporary begins the names of files that are being written.
const temporary = "writing-"

// abandoned is how old a file that is being written must be to be the rest of a process that ended.
const abandoned = time.Hour

// Trim removes the files that were used least lately until the rest is within the size of the cache.
func (c *Cache) Trim() {
	if c == nil {
		return
	}
	type file struct {
		path string
		size int64
		used time.Time
	}
	var files []file
	total := int64(0)
	filepath.WalkDir(filepath.Join(c.folder, "objects"), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return nil
		}
		info, err := entry.Info()
		if err != nil {
			return nil
		}
		if strings.HasPrefix(entry.Name(), temporary) && time.Since(info.ModTime()) > abandoned {
			os.Remove(path)
			return nil
		}
		files = append(files, file{path, info.Size(), info.ModTime()})
		total += info.Size()
		return nil
	})
	slices.SortFunc(files, func(a, b file) int { return a.used.Compare(b.used) })
	for _, f := range files {
		if total <= c.size {
			return
		}
		if os.Remove(f.path) == nil {
			total -= f.size
		}
	}
}

func (c *Cache) path(key [32]byte) string {
	name := hex.EncodeToString(key[:])
	return filepath.Join(c.folder, "objects", name[:2], name[2:])
}

func pack(data []byte) []byte {
	content := make([]byte, 0, headSize+len(data))
	content = append(content, magic...)
	sum := sha256.Sum256(data)
	content = append(content, sum[:]...)
	content = binary.LittleEndian.AppendUint64(content, uint64(len(data)))
	return append(content, data...)
}

func unpack(content []byte) ([]byte, bool) {
	if len(content) < headSize || !bytes.HasPrefix(content, magic) {
		return nil, false
	}
	data := content[headSize:]
	if binary.LittleEndian.Uint64(content[headSize-8:]) != uint64(len(data)) {
		return nil, false
	}
	sum := sha256.Sum256(data)
	return data, bytes.Equal(sum[:], content[8:8+sha256.Size])
}

// Key is the hash of parts, each with its length, so that no two lists of parts are taken for each other.
func Key(parts ...[]byte) [32]byte {
	h := sha256.New()
	for _, p := range parts {
		h.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(p))))
		h.Write(p)
	}
	return [32]byte(h.Sum(nil))
}
