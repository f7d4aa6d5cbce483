package main

import (
	"errors"
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
				return nil, misusef("%s: %v", arg, cause(err))
			}
		default:
			info, err := os.Stat(arg)
			if err != nil {
				if file, kernel := splitKernel(arg); kernel != "" && strings.HasSuffix(file, ".tile") {
					return nil, misusef("%s: name the file alone, %s", arg, file)
				}
				return nil, misusef("%s: %v", arg, cause(err))
			}
			if !info.IsDir() {
				if err := checkSource(arg); err != nil {
					return nil, err
				}
				files = append(files, arg)
				break
			}
			entries, err := os.ReadDir(arg)
			if err != nil {
				return nil, misusef("%s: %v", arg, cause(err))
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

// checkSource refuses a path that names no source file, before anything is read.
func checkSource(path string) error {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return misusef("%s: %v", path, cause(err))
	case info.IsDir():
		return misusef("%s is a folder; name one .tile file", path)
	case !strings.HasSuffix(path, ".tile"):
		return misusef("%s is not a .tile file", path)
	case !info.Mode().IsRegular():
		return misusef("%s is not a regular file", path)
	}
	return nil
}

// cause is what went wrong with a file, without the operation and the path that the system's error repeats.
func cause(err error) error {
	var path *fs.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &path):
		return path.Err
	case errors.As(err, &link):
		return link.Err
	}
	return err
}

// writeBeside replaces a file whole or not at all; of a symbolic link, the file it names.
func writeBeside(env *environment, path string, data []byte) (err error) {
	env.files.Lock()
	defer env.files.Unlock()
	defer func() {
		if err != nil {
			err = fmt.Errorf("%s: cannot write: %w", path, cause(err))
		}
	}()
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
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
		err = os.Chmod(temporary.Name(), info.Mode().Perm())
	}
	if err == nil {
		err = os.Rename(temporary.Name(), path)
	}
	if err != nil {
		os.Remove(temporary.Name())
	}
	return err
}
