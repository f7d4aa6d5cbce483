package array

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Staged is an array file that is written but not yet at its place: [Staged.Commit] puts it there, [Staged.Discard]
// takes it away. One of them must be called; a Discard after a Commit does nothing.
type Staged struct {
	name   string   // as given, for messages
	path   string   // the place, symbolic links followed
	beside string   // where it is now; empty once it is at its place or gone
	parts  [][]byte // for what is not a regular file, which is written to straight
}

// WriteNpy writes a, converted by Numpy, as a .npy file of version 1, in C order and little-endian. It
// writes beside path and renames, so that path is the whole array or what it was before; to what is not
// a regular file, as /dev/null, it writes straight. Errors name the file.
func WriteNpy(path string, a *Array) error {
	s, err := StageNpy(path, a)
	if err != nil {
		return err
	}
	return s.Commit()
}

// StageNpy is the first half of [WriteNpy], after which little can go wrong: with several files, stage all before the
// first is committed.
func StageNpy(path string, a *Array) (*Staged, error) {
	a = a.Numpy()
	s := &Staged{name: path, path: path}
	if err := s.write([][]byte{npyHeaderText(a), a.Data}); err != nil {
		s.Discard()
		return nil, s.failure(err)
	}
	return s, nil
}

func (s *Staged) failure(err error) error {
	var pe *fs.PathError
	var le *os.LinkError
	switch {
	case errors.As(err, &pe):
		err = pe.Err
	case errors.As(err, &le):
		err = le.Err
	}
	return fmt.Errorf("%s: cannot write: %w", s.name, err)
}

// Commit puts the file at its place.
func (s *Staged) Commit() error {
	if s.parts != nil {
		file, err := os.OpenFile(s.path, os.O_WRONLY, 0)
		if err == nil {
			err = writeParts(file, s.parts)
		}
		if err != nil {
			return s.failure(err)
		}
		return nil
	}
	if err := os.Rename(s.beside, s.path); err != nil {
		s.Discard()
		return s.failure(err)
	}
	s.beside = ""
	return nil
}

// Discard removes what is not at its place.
func (s *Staged) Discard() {
	if s.beside != "" {
		os.Remove(s.beside)
		s.beside = ""
	}
}

func (s *Staged) write(parts [][]byte) error {
	if info, err := os.Stat(s.path); err == nil {
		switch {
		case info.IsDir():
			return errors.New("it is a directory")
		case !info.Mode().IsRegular():
			s.parts = parts
			return nil
		}
		// The file that a symbolic link names is replaced, not the link.
		if s.path, err = filepath.EvalSymlinks(s.path); err != nil {
			return err
		}
	}
	file, err := createBeside(s.path)
	if err != nil {
		return err
	}
	s.beside = file.Name()
	return writeParts(file, parts)
}

// createBeside makes a new file in path's folder, with the permissions of any new file (which
// os.CreateTemp does not give).
func createBeside(path string) (*os.File, error) {
	for i := 0; ; i++ {
		name := fmt.Sprintf("%s.%d-%d.tmp", path, os.Getpid(), i)
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		if !errors.Is(err, fs.ErrExist) || i == 1000 {
			return f, err
		}
	}
}

// writeParts writes and closes f.
func writeParts(f *os.File, parts [][]byte) error {
	for _, p := range parts {
		if _, err := f.Write(p); err != nil {
			f.Close()
			return err
		}
	}
	return f.Close()
}
