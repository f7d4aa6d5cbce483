package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"time"
)

// source is how a peer is started: a program that speaks the protocol of peers/peer.h.
type source struct {
	name string
	args []string
	// fetched says that it is of the folder of the user's: a peer that only exists as somebody's repository.
	fetched bool
}

// environment is what peers are told of threads, of cores that their libraries do not know, and of large pages.
func environment(threads int) []string {
	t := strconv.Itoa(threads)
	return append(os.Environ(), "THREADS="+t, "OMP_NUM_THREADS="+t, "OPENBLAS_NUM_THREADS="+t, "BLIS_NUM_THREADS="+t, "MKL_NUM_THREADS="+t,
		// CPUID misleads the libraries on the machines that this was written on: they take kernels for lesser ones.
		"OPENBLAS_CORETYPE=Cooperlake", "BLIS_ARCH_TYPE=skx",
		"GLIBC_TUNABLES=glibc.malloc.hugetlb=1")
}

// library is one of Debian's, with the driver that calls it.
type library struct {
	name   string
	driver string
	// Where its header is and what to link, of several installed versions the threaded one.
	include, lib, link string
}

var libraries = []library{
	{name: "openblas", driver: "blas.c", include: "openblas-pthread", lib: "openblas-pthread", link: "openblas"},
	{name: "blis", driver: "blas.c", include: "blis-openmp", lib: "blis-openmp", link: "blis"},
	{name: "onednn", driver: "dnnl.cpp", link: "dnnl"},
}

// build compiles the drivers of the libraries that are installed into a folder. What cannot be built is left out, and
// missing says why.
func build(drivers, into string) (found []source, missing []string) {
	for _, l := range libraries {
		compilers := []string{"cc", "gcc", "clang-19", "clang"}
		if strings.HasSuffix(l.driver, ".cpp") {
			compilers = []string{"c++", "g++", "clang++-19", "clang++"}
		}
		compiler := ""
		for _, c := range compilers {
			if path, err := exec.LookPath(c); err == nil {
				compiler = path
				break
			}
		}
		if compiler == "" {
			missing = append(missing, l.name+": no C or C++ compiler")
			continue
		}
		out := filepath.Join(into, l.name)
		args := []string{"-O2", filepath.Join(drivers, l.driver), "-o", out}
		triplet := "x86_64-linux-gnu"
		if l.include != "" {
			args = append(args, "-I/usr/include/"+triplet+"/"+l.include)
		}
		if l.lib != "" {
			dir := "/usr/lib/" + triplet + "/" + l.lib
			args = append(args, "-L"+dir, "-Wl,-rpath,"+dir)
		}
		args = append(args, "-l"+l.link, "-lm")
		if text, err := exec.Command(compiler, args...).CombinedOutput(); err != nil {
			line, _, _ := strings.Cut(strings.TrimSpace(string(text)), "\n")
			missing = append(missing, fmt.Sprintf("%s: %v: %s", l.name, err, line))
			continue
		}
		found = append(found, source{name: l.name, args: []string{out}})
	}
	return found, missing
}

// packages are the peers of a Python that has them.
func packages(python, drivers string) []source {
	var list []source
	for _, p := range []string{"onnxruntime", "openvino", "torch"} {
		list = append(list, source{name: p, args: []string{python, filepath.Join(drivers, "pypi.py"), p}})
	}
	return list
}

// folder lists the programs in a folder, each a peer of its own.
func folder(dir string) ([]source, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var list []source
	for _, e := range entries {
		info, err := os.Stat(filepath.Join(dir, e.Name()))
		if err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			list = append(list, source{name: e.Name(), args: []string{filepath.Join(dir, e.Name())}, fetched: true})
		}
	}
	sort.Slice(list, func(i, j int) bool { return list[i].name < list[j].name })
	return list, nil
}

// peer is a running program. It is stopped but while it is asked something: threads that spin while they wait would take
// the cores of what is measured.
type peer struct {
	name    string
	process *exec.Cmd
	in      io.WriteCloser
	lines   chan string
}

// start starts a peer on the first cores.
func start(s source, threads int) (*peer, error) {
	cmd := exec.Command(s.args[0], s.args[1:]...)
	cmd.Env = environment(threads)
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := onCores(threads, cmd.Start); err != nil {
		return nil, err
	}
	p := &peer{name: s.name, process: cmd, in: in, lines: make(chan string)}
	go func() {
		r := bufio.NewReaderSize(out, 1<<16)
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				close(p.lines)
				return
			}
			p.lines <- strings.TrimSpace(line)
		}
	}()
	return p, nil
}

var errGone = errors.New("it ended")

// pool keeps the programs that were started, a peer's for each number of threads, as some take seconds to start.
type pool struct {
	idle map[poolKey][]*peer
}

type poolKey struct {
	name    string
	threads int
}

// take gives a program that has no row open.
func (l *pool) take(s source, threads int) (*peer, error) {
	key := poolKey{s.name, threads}
	if n := len(l.idle[key]); n > 0 {
		p := l.idle[key][n-1]
		l.idle[key] = l.idle[key][:n-1]
		return p, nil
	}
	return start(s, threads)
}

// give takes a program back, or ends it where it does not close its row.
func (l *pool) give(p *peer, threads int) {
	if _, err := p.ask("close", "ok", time.Minute); err != nil {
		p.end()
		return
	}
	if l.idle == nil {
		l.idle = map[poolKey][]*peer{}
	}
	key := poolKey{p.name, threads}
	l.idle[key] = append(l.idle[key], p)
}

// end ends all that are idle.
func (l *pool) end() {
	for _, list := range l.idle {
		for _, p := range list {
			p.end()
		}
	}
}

// ask sends a line and waits for the answer: what follows the word that it must begin with.
func (p *peer) ask(request, word string, limit time.Duration) (string, error) {
	resume(p.process)
	defer pause(p.process)
	if _, err := io.WriteString(p.in, request+"\n"); err != nil {
		return "", errGone
	}
	select {
	case line, ok := <-p.lines:
		if !ok {
			return "", errGone
		}
		first, rest, _ := strings.Cut(line, " ")
		if first != word {
			return "", errors.New(strings.TrimPrefix(line, "no "))
		}
		return rest, nil
	case <-time.After(limit):
		return "", fmt.Errorf("no answer to %q for %v", request, limit)
	}
}

// end ends the program, however it is.
func (p *peer) end() {
	resume(p.process)
	_ = p.in.Close()
	_ = p.process.Process.Kill()
	go func() {
		for range p.lines {
		}
	}()
	_ = p.process.Wait()
}

// variants asks a peer in which ways it computes a row.
func (p *peer) variants(row string) ([]string, error) {
	text, err := p.ask("list "+row, "variants", time.Minute)
	if err != nil {
		return nil, err
	}
	return strings.Fields(text), nil
}

// open lets a peer make its data, and gives how many bytes of weights or of keys and values it reads.
func (p *peer) open(row, variant string) (bytes float64, err error) {
	text, err := p.ask("open "+row+" ; "+variant, "ok", 5*time.Minute)
	if err != nil {
		return 0, err
	}
	return strconv.ParseFloat(text, 64)
}

// time gives the times of single calls in nanoseconds.
func (p *peer) time(seconds float64) ([]float64, error) {
	text, err := p.ask(fmt.Sprintf("time %g", seconds), "ns", 2*time.Minute)
	if err != nil {
		return nil, err
	}
	var list []float64
	for _, f := range strings.Fields(text) {
		ns, err := strconv.ParseFloat(f, 64)
		if err != nil || !(ns > 0) {
			return nil, fmt.Errorf("it answered a time of %q", f)
		}
		list = append(list, ns)
	}
	if len(list) == 0 {
		return nil, errors.New("it answered no times")
	}
	return list, nil
}
