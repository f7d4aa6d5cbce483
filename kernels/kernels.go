// Package kernels is the bundled kernel library: sources in the tile language go in at build time, an embedded file
// system comes out.
//
// Each family is a folder and one package of the language: FAMILY/*.tile with kernels, schedules, tests and benches,
// beside a README.md. It always holds that every file of [FS] appears in [List], and that every one is described in
// this folder's README.md.
package kernels

import (
	"embed"
	"io/fs"
	"path"
)

// FS holds the sources, by slash-separated path: "gemm/grouped.tile".
//
//go:embed */*.tile
var FS embed.FS

// Source names one bundled file.
type Source struct {
	Family string // the folder, and the name of the package: "gemm"
	File   string // the file's name in it: "grouped.tile"
}

// Path is the source's path in [FS].
func (s Source) Path() string { return path.Join(s.Family, s.File) }

// List gives every bundled file, in order of path.
func List() []Source {
	paths, err := fs.Glob(FS, "*/*.tile")
	if err != nil {
		return nil // only a malformed pattern fails
	}
	list := make([]Source, 0, len(paths))
	for _, p := range paths {
		family, file := path.Split(p)
		list = append(list, Source{Family: path.Clean(family), File: file})
	}
	return list
}
