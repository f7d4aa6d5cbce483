// Command cpu measures tilec's kernels for the CPU and the best libraries at the same work, in one run.
//
// In goes a list of rows (all of them if none are named) and where peers are found; out come one JSON object for each
// contender at each row, and a table: ours, the best peer, their ratio, the share of the machine's limit, and the bar. It
// always holds that what a ratio or a share is of was measured in turn with it, on the same cores, and that a peer that
// is missing or fails is named and does not stop the others. docs/performance.md says how to install peers.
//
//	go run ./tests/perf/cpu -python VENV/bin/python -peers FOLDER
package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tilec/tilec/codegen/toolchain"
	"github.com/tilec/tilec/ir/dtype"
	"github.com/tilec/tilec/runtime/array"
	rtcpu "github.com/tilec/tilec/runtime/cpu"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := command(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// command is the whole program but for how it ends.
func command(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	fs := flag.NewFlagSet("cpu", flag.ContinueOnError)
	fs.SetOutput(stderr)
	pattern := fs.String("rows", "", "measure only rows whose names match this `regexp`")
	threads := fs.String("threads", "1,2", "with these `numbers` of threads")
	rounds := fs.Int("rounds", 3, "the `number` of times that all contenders of a row take their turns")
	seconds := fs.Float64("seconds", 0.3, "how long a turn is, in `seconds`")
	python := fs.String("python", os.Getenv("TILEC_PERF_PYTHON"), "the `program` that has the packages of peers/requirements.txt")
	peers := fs.String("peers", os.Getenv("TILEC_PERF_PEERS"), "a `folder` of programs that speak the protocol of peers/peer.h")
	tilec := fs.String("tilec", "", "the tilec `program` (default: built now)")
	target := fs.String("target", "cpu", "the target `name` of our kernels")
	small := fs.Bool("small", false, "small sizes, to try the command")
	only := fs.String("only", "", "measure only `ours` or peers")
	limits := fs.Bool("limits", false, "measure the machine's limits again, print and keep them, and nothing else")
	to := fs.String("o", "", "write the results to this `file`, a JSON object a line, after one that tells of the run")
	from := fs.String("table", "", "measure nothing: print the table of this `file` of results")
	if err := fs.Parse(args); err != nil {
		return err
	}
	if fs.NArg() > 0 {
		return fmt.Errorf("%q: there are only flags; -h lists them", fs.Arg(0))
	}
	if *limits {
		l, err := rtcpu.LoadLimits(ctx, toolchain.Object, 0, true)
		if err != nil {
			return err
		}
		e := json.NewEncoder(stdout)
		e.SetIndent("", "  ")
		return e.Encode(l)
	}
	size := fullSizes
	if *small {
		size = smallSizes
	}
	if *from != "" {
		head, results, err := readResults(*from)
		if err != nil {
			return err
		}
		write(stdout, head, table(size, ""), results)
		return nil
	}
	counts, err := numbers(*threads)
	if err != nil {
		return err
	}
	if *rounds < 1 || !(*seconds > 0 && *seconds <= 60) {
		return errors.New("-rounds is at least 1, and -seconds above 0 and at most 60")
	}
	match, err := regexp.Compile(*pattern)
	if err != nil {
		return fmt.Errorf("-rows: %w", err)
	}
	root, err := repository()
	if err != nil {
		return err
	}
	temp, err := os.MkdirTemp("", "tilec-perf-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	b := &bench{tilec: *tilec, target: *target, root: root, rounds: *rounds, seconds: *seconds, log: stderr, class: "avx512", small: *small}
	if rtcpu.HasAMX() {
		b.class = "amx"
	}
	switch {
	case *only != "" && *only != "ours" && *only != "peers":
		return fmt.Errorf("-only %q: ours or peers", *only)
	case *only == "peers":
		b.tilec = ""
	case b.tilec == "":
		b.tilec = filepath.Join(temp, "tilec")
		build := exec.CommandContext(ctx, "go", "build", "-o", b.tilec, "./cmd/tilec")
		build.Dir = root
		if text, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("tilec does not build: %w\n%s", err, text)
		}
	}
	if *only != "ours" {
		defer b.pool.end()
		if err := b.findPeers(filepath.Join(root, "tests/perf/cpu/peers"), temp, *python, *peers); err != nil {
			return err
		}
	}
	b.meter, err = rtcpu.NewMeter(ctx, toolchain.Object, slices.Max(counts))
	if err != nil {
		fmt.Fprintf(stderr, "# no limits: %v\n", err)
	} else {
		defer b.meter.Close()
	}
	lens := filepath.Join(temp, "lens.npy")
	if err := writeLens(lens, size.context); err != nil {
		return err
	}
	rows := table(size, lens)
	head := run{Date: time.Now().Format("2 January 2006"), Machine: machine(), Class: b.class, Target: *target, Rounds: *rounds}
	out := io.Discard
	if *to != "" {
		file, err := os.Create(*to)
		if err != nil {
			return err
		}
		defer file.Close()
		out = file
	}
	encoder := json.NewEncoder(out)
	if err := encoder.Encode(head); err != nil {
		return err
	}
	var results []result
	for _, r := range rows {
		if !match.MatchString(r.name) {
			continue
		}
		for _, n := range counts {
			fmt.Fprintf(stderr, "# %s, %d threads\n", r.name, n)
			list, err := b.row(ctx, r, n)
			if err != nil {
				return err
			}
			for _, res := range list {
				results = append(results, res)
				if err := encoder.Encode(res); err != nil {
					return err
				}
			}
		}
	}
	if len(results) == 0 {
		return fmt.Errorf("no row matches -rows %s", *pattern)
	}
	write(stdout, head, rows, results)
	return nil
}

// findPeers finds all peers that there are, and says which there are not.
func (b *bench) findPeers(drivers, temp, python, dir string) error {
	found, missing := build(drivers, temp)
	b.sources = found
	for _, m := range missing {
		fmt.Fprintf(b.log, "# missing: %s\n", m)
	}
	if python != "" {
		b.sources = append(b.sources, packages(python, drivers)...)
	} else {
		fmt.Fprintln(b.log, "# missing: onnxruntime, openvino, torch: no -python")
	}
	if dir != "" {
		fetched, err := folder(dir)
		if err != nil {
			return fmt.Errorf("-peers: %w", err)
		}
		b.sources = append(b.sources, fetched...)
	} else {
		fmt.Fprintln(b.log, "# missing: ggml, ik_llama.cpp: no -peers; recorded times stand in")
	}
	return nil
}

// numbers reads a list of thread counts.
func numbers(text string) ([]int, error) {
	var list []int
	for word := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(word))
		if err != nil || n < 1 || n > runtime.NumCPU() {
			return nil, fmt.Errorf("-threads %q: numbers from 1 to %d, the machine's cores", text, runtime.NumCPU())
		}
		list = append(list, n)
	}
	return list, nil
}

// repository is the folder of go.mod above the working directory.
func repository() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", errors.New("there is no go.mod here or above: run it in tilec's repository")
		}
		dir = up
	}
}

// writeLens writes the numbers of keys of a batch of one.
func writeLens(path string, keys int) error {
	data := binary.LittleEndian.AppendUint32(nil, uint32(keys))
	return array.WriteNpy(path, &array.Array{Elem: dtype.I32, Shape: []int64{1}, Data: data})
}

// machine names the processor for the head of the table.
func machine() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	for l := range strings.Lines(string(text)) {
		if name, ok := strings.CutPrefix(l, "model name"); ok {
			return fmt.Sprintf("%s, %d cores", strings.TrimSpace(strings.TrimLeft(name, "\t :")), runtime.NumCPU())
		}
	}
	return fmt.Sprintf("%s, %d cores", runtime.GOARCH, runtime.NumCPU())
}

// readResults reads what -o wrote.
func readResults(path string) (head run, results []result, err error) {
	file, err := os.Open(path)
	if err != nil {
		return head, nil, err
	}
	defer file.Close()
	d := json.NewDecoder(bufio.NewReader(file))
	if err := d.Decode(&head); err != nil {
		return head, nil, fmt.Errorf("%s: %w", path, err)
	}
	for {
		var res result
		if err := d.Decode(&res); err == io.EOF {
			return head, results, nil
		} else if err != nil {
			return head, nil, fmt.Errorf("%s: %w", path, err)
		}
		results = append(results, res)
	}
}
