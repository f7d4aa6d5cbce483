package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// expand turns FILE, DIR and ./... arguments into .tile files, each once, in order; no argument means the current
// folder. A pattern that matches no file is misuse.
func expand(args []string) ([]string, error) {
	if len(args) == 0 {
		args = []string{"."}
	}
	var files []string
	for _, arg := range args {
		before := len(files)
		root, recursive := strings.CutSuffix(filepath.ToSlash(arg), "...")
		switch {
		case recursive:
			if root = strings.TrimSuffix(root, "/"); root == "" {
				root = "."
			}
			err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
				if err != nil {
					return err
				}
				name := d.Name()
				if d.IsDir() && path != root && (strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") || name == "testdata") {
					return fs.SkipDir
				}
				if !d.IsDir() && strings.HasSuffix(name, ".tile") {
					files = append(files, path)
				}
				return nil
			})
			if err != nil {
				return nil, misusef("%v", err)
			}
		default:
			info, err := os.Stat(arg)
			if err != nil {
				return nil, misusef("%v", err)
			}
			if !info.IsDir() {
				files = append(files, arg)
				break
			}
			entries, err := os.ReadDir(arg)
			if err != nil {
				return nil, misusef("%v", err)
			}
			for _, e := range entries {
				if !e.IsDir() && strings.HasSuffix(e.Name(), ".tile") {
					files = append(files, filepath.Join(arg, e.Name()))
				}
			}
		}
		if len(files) == before {
			return nil, misusef("no .tile file in %s", arg)
		}
	}
	seen := map[string]bool{}
	return slices.DeleteFunc(files, func(f string) bool {
		key := filepath.Clean(f)
		if seen[key] {
			return true
		}
		seen[key] = true
		return false
	}), nil
}

// writeBeside replaces a file whole or not at all.
func writeBeside(path string, data []byte) error {
	mode := os.FileMode(0o644)
	if info, err := os.Stat(path); err == nil {
		mode = info.Mode().Perm()
	}
	temporary, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	_, err = temporary.Write(data)
	if e := temporary.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Chmod(temporary.Name(), mode)
	}
	if err == nil {
		err = os.Rename(temporary.Name(), path)
	}
	if err != nil {
		os.Remove(temporary.Name())
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}
