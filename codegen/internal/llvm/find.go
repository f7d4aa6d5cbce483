package llvm

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/tilec/tilec/runtime/cache"
)

// Variable names, in the environment, the LLVM to use: a library, a folder of libraries or tools, or "off" for none.
const Variable = "TILEC_LLVM"

// Find gives the first LLVM of the machine that can be used. The error is an [*Absent] where there is none. Called again
// it looks again, but what it finds shares its processes with what it found before.
func Find() (Toolchain, error) { return machine().find() }

// Absent says that no LLVM was found, and what to do.
type Absent struct {
	Off      bool     // the environment says so
	Searched []string // folders
	Refused  []string // what was found, with the reason for which it cannot be used
}

func (e *Absent) Error() string {
	if e.Off {
		return "LLVM is switched off: " + Variable + " is off"
	}
	text := fmt.Sprintf("no LLVM of version %d to %d was found, neither libLLVM nor opt with llc nor clang, in %s.\n", oldest, newest, strings.Join(e.Searched, ", "))
	if len(e.Refused) > 0 {
		text += "Not usable: " + strings.Join(e.Refused, "; ") + ".\n"
	}
	return text + "To install it: Debian, Ubuntu: apt install llvm-19 (or the newest llvm-NN there is). Fedora: dnf install llvm. macOS: brew install llvm. Then, if it is in none of these folders, set " + Variable + " to its library or to the folder of its tools."
}

// search is where LLVM is looked for.
type search struct {
	variable  string   // the environment's choice
	libraries []string // folders, possibly with * in them
	tools     []string
	listed    func() []string // paths of more libraries, asked for where the folders have none that works
	kept      *cache.Cache    // what earlier processes found out about files
	shared    *sync.Map       // toolchains of libraries by their files, nil to share none
}

// inUse are the libraries that this process has found.
var inUse sync.Map

// machine is this machine and its user's environment.
func machine() search {
	s := search{variable: os.Getenv(Variable), kept: cache.Open(), shared: &inUse, tools: filepath.SplitList(os.Getenv("PATH")), listed: linkerLibraries}
	s.libraries = filepath.SplitList(os.Getenv("LD_LIBRARY_PATH"))
	switch runtime.GOOS {
	case "darwin":
		for _, folder := range []string{"/opt/homebrew/opt/llvm", "/usr/local/opt/llvm", "/opt/local/libexec/llvm-"} {
			s.libraries = append(s.libraries, folder+"*/lib")
			s.tools = append(s.tools, folder+"*/bin")
		}
	case "windows":
		s.tools = append(s.tools, `C:\Program Files\LLVM\bin`)
	default:
		arch := map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[runtime.GOARCH]
		s.libraries = append(s.libraries, "/usr/lib/"+arch+"-linux-gnu", "/usr/lib64", "/usr/lib", "/usr/local/lib",
			"/usr/lib/llvm*/lib", "/usr/lib/llvm/*/lib64", "/usr/lib64/llvm*/lib", "/opt/llvm*/lib")
		s.tools = append(s.tools, "/usr/lib/llvm*/bin", "/usr/lib64/llvm*/bin", "/usr/lib/llvm/*/bin", "/opt/llvm*/bin")
	}
	return s
}

// linkerLibraries are the libraries that the dynamic linker knows of.
func linkerLibraries() []string {
	path, err := exec.LookPath("ldconfig")
	if err != nil {
		path = "/sbin/ldconfig"
	}
	out, err := exec.Command(path, "-p").Output()
	if err != nil {
		return nil
	}
	var paths []string
	for line := range strings.Lines(string(out)) {
		if _, path, ok := strings.Cut(line, " => "); ok && strings.Contains(path, "/libLLVM") {
			paths = append(paths, strings.TrimSpace(path))
		}
	}
	return paths
}

func (s search) find() (Toolchain, error) {
	absent := &Absent{}
	switch s.variable {
	case "":
	case "off":
		return nil, &Absent{Off: true}
	default:
		info, err := os.Stat(s.variable)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", Variable, err)
		}
		if !info.IsDir() {
			found, err := s.library(s.variable)
			if err != nil {
				return nil, fmt.Errorf("%s: %w (%d to %d are supported)", Variable, err, oldest, newest)
			}
			return found, nil
		}
		s.libraries, s.tools, s.listed = []string{s.variable}, []string{s.variable}, nil
	}
	folders := existing(s.libraries)
	absent.Searched = append(absent.Searched, folders...)
	paths := librariesIn(folders)
	for range 2 {
		for _, path := range newestFirst(paths) {
			found, err := s.library(path)
			if err == nil {
				return found, nil
			}
			absent.Refused = append(absent.Refused, err.Error())
		}
		if s.listed == nil {
			break
		}
		paths = slices.DeleteFunc(s.listed(), func(path string) bool { return slices.Contains(folders, filepath.Dir(path)) })
		s.listed = nil
	}
	folders = existing(s.tools)
	for _, folder := range folders {
		if !slices.Contains(absent.Searched, folder) {
			absent.Searched = append(absent.Searched, folder)
		}
	}
	found, refused := s.programs(folders)
	if found != nil {
		return found, nil
	}
	absent.Refused = append(absent.Refused, refused...)
	return nil, absent
}

// existing are the folders that patterns stand for, once each.
func existing(patterns []string) []string {
	var folders []string
	for _, pattern := range patterns {
		if pattern == "" {
			continue
		}
		found, err := filepath.Glob(pattern)
		if err != nil { // a name with brackets in it
			found = []string{pattern}
		}
		for _, folder := range found {
			if info, err := os.Stat(folder); err == nil && info.IsDir() && !slices.Contains(folders, folder) {
				folders = append(folders, folder)
			}
		}
	}
	return folders
}

// libraryName is how libLLVM is named: libLLVM.so.19.1, libLLVM-16.so.1, libLLVM-14.0.6.so.1, libLLVM.dylib.
var libraryName = regexp.MustCompile(`^libLLVM(?:-(\d+)[\d.]*)?\.(?:so(?:\.(\d+)[\d.]*)?|dylib)$`)

// versionIn is the major version that a library's file name gives, 0 for none.
func versionIn(path string) int {
	found := libraryName.FindStringSubmatch(filepath.Base(path))
	if found == nil {
		return 0
	}
	major, _ := strconv.Atoi(found[2])
	if found[1] != "" { // the number behind .so is then not LLVM's
		major, _ = strconv.Atoi(found[1])
	}
	return major
}

func librariesIn(folders []string) []string {
	var paths []string
	for _, folder := range folders {
		entries, err := os.ReadDir(folder)
		if err != nil {
			continue
		}
		for _, entry := range entries {
			if libraryName.MatchString(entry.Name()) {
				paths = append(paths, filepath.Join(folder, entry.Name()))
			}
		}
	}
	return paths
}

// newestFirst are the files behind paths, once each, by the version in their names; those without one come last.
func newestFirst(paths []string) []string {
	var files []string
	for _, path := range paths {
		if file, err := filepath.EvalSymlinks(path); err == nil && !slices.Contains(files, file) {
			files = append(files, file)
		}
	}
	slices.SortStableFunc(files, func(a, b string) int { return versionIn(b) - versionIn(a) })
	return files
}

// library is the toolchain of a library. One whose name says that it is too old or new is not loaded.
func (s search) library(path string) (Toolchain, error) {
	if major := versionIn(path); major != 0 && (major < oldest || major > newest) {
		return nil, fmt.Errorf("%s is LLVM %d", path, major)
	}
	return s.newChildren(path)
}

// toolVersion finds the version in what a tool says to --version. Apple's clang has numbers of its own.
var (
	toolVersion  = regexp.MustCompile(`(?m)^\s*(?:\w+ )?(?:LLVM|clang) version (\d+)((?:\.\d+)*)`)
	appleVersion = regexp.MustCompile(`^Apple `)
)

// programs is the toolchain of the first opt with llc, else the first clang, that can be used.
func (s search) programs(folders []string) (found Toolchain, refused []string) {
	for _, kind := range []string{"opt", "clang"} {
		t, not := s.programsOf(kind, folders)
		if t != nil {
			return t, nil
		}
		refused = append(refused, not...)
	}
	return nil, refused
}

// programsOf looks for one program: those with a version in their names first, the newest first.
func (s search) programsOf(kind string, folders []string) (found Toolchain, refused []string) {
	suffix := ""
	if runtime.GOOS == "windows" {
		suffix = ".exe"
	}
	var names []string
	for major := newest; major >= oldest; major-- {
		names = append(names, fmt.Sprintf("%s-%d", kind, major))
	}
	for _, name := range append(names, kind) {
		for _, folder := range folders {
			path := filepath.Join(folder, name+suffix)
			if info, err := os.Stat(path); err != nil || info.IsDir() {
				continue
			}
			t, err := s.program(kind, path)
			if err == nil {
				return t, nil
			}
			refused = append(refused, err.Error())
		}
	}
	return nil, refused
}

func (s search) program(kind, path string) (*tools, error) {
	version, err := s.toolVersion(path)
	if err != nil {
		return nil, err
	}
	t := &tools{first: path, version: version, stamp: stamp(path)}
	if t.major, _ = strconv.Atoi(version[:strings.IndexByte(version+".", '.')]); t.major < oldest || t.major > newest {
		return nil, fmt.Errorf("%s is LLVM %s", path, version)
	}
	if kind == "clang" {
		return t, nil
	}
	folder, name := filepath.Split(path)
	t.llc = filepath.Join(folder, "llc"+strings.TrimPrefix(name, "opt"))
	other, err := s.toolVersion(t.llc)
	if err != nil {
		return nil, fmt.Errorf("%s is there, but beside it %w", path, err)
	}
	if other != version {
		return nil, fmt.Errorf("%s is LLVM %s, and %s is %s", path, version, t.llc, other)
	}
	t.stamp += " " + stamp(t.llc)
	return t, nil
}

// toolVersion asks a tool for its version, which an earlier process may have done.
func (s search) toolVersion(path string) (string, error) {
	key := cache.Key([]byte("version of an LLVM tool"), []byte(path), []byte(stamp(path)))
	if version, ok := s.kept.Get(key); ok {
		return string(version), nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	out, err := exec.CommandContext(ctx, path, "--version").Output()
	if err != nil {
		return "", fmt.Errorf("%s --version fails: %w", path, err)
	}
	found := toolVersion.FindSubmatch(out)
	if found == nil || appleVersion.Match(out) {
		first, _, _ := strings.Cut(string(out), "\n")
		return "", fmt.Errorf("%s is not LLVM's: it says %q", path, first)
	}
	version := string(found[1]) + string(found[2])
	s.kept.Put(key, []byte(version))
	return version, nil
}

// stamp changes whenever a file does.
func stamp(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return "absent"
	}
	return fmt.Sprintf("%d bytes of %d", info.Size(), info.ModTime().UnixNano())
}
