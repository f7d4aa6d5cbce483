package dsl

import (
	"errors"
	"io"
	"os"
)

// ReadSource reads a source file, of which no more is taken into memory than what [Parse] needs to refuse it. What is
// no regular file, as a pipe or a device, is an error: it need not have an end.
func ReadSource(name string) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	switch {
	case info.IsDir():
		return nil, errors.New("it is a folder")
	case !info.Mode().IsRegular():
		return nil, errors.New("it is not a regular file")
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, MaxSource+1))
}
