package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Every row names a kernel that there is, has a name of its own, and asks for what can be reached.
func TestTable(t *testing.T) {
	root, err := repository()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []sizes{fullSizes, smallSizes} {
		names := map[string]bool{}
		for _, r := range table(s, "lens.npy") {
			if names[r.name] {
				t.Errorf("two rows are named %s", r.name)
			}
			names[r.name] = true
			file, kernel, _ := strings.Cut(r.file, ":")
			text, err := os.ReadFile(filepath.Join(root, file))
			if err != nil {
				t.Errorf("%s: %v", r.name, err)
			}
			if !regexp.MustCompile(`(?m)^kernel ` + kernel + `\[`).Match(text) {
				t.Errorf("%s: %s has no kernel %s", r.name, file, kernel)
			}
			if !(r.flops > 0 && r.unmasked > 0 && r.unmasked <= r.flops) || r.byBytes && !(r.bytes > 0) {
				t.Errorf("%s: %g operations, %g unmasked, %g bytes", r.name, r.flops, r.unmasked, r.bytes)
			}
			for _, b := range []bar{r.amx, r.avx512} {
				if b.share < 0 || b.share >= 1 || b.ratio < 0 || b.ratio > 20 {
					t.Errorf("%s asks for %v", r.name, b)
				}
			}
			if memory := r.limit == "l3" || r.limit == "dram"; memory != (r.bytes > 0 && !strings.HasPrefix(r.name, "batched")) {
				t.Errorf("%s: %g bytes, but the limit is %s", r.name, r.bytes, r.limit)
			}
		}
	}
}

// script writes a peer of a few lines of shell.
func script(t *testing.T, name, text string) source {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("no shell scripts")
	}
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o755); err != nil {
		t.Fatal(err)
	}
	return source{name: name, args: []string{path}}
}

const goodPeer = `
while read -r word rest; do
	case "$word" in
	list) echo "variants slow fast broken" ;;
	open) case "$rest" in
		*"; slow") time=4000000; echo "ok 1000" ;;
		*"; fast") time=2000000; echo "ok 2000" ;;
		*) echo "no such luck" ;;
		esac ;;
	time) echo "ns $time $((time + 2)) $((time + 1))" ;;
	close) echo "ok" ;;
	esac
done`

func TestRow(t *testing.T) {
	var log bytes.Buffer
	b := &bench{rounds: 3, seconds: 0.001, log: &log, class: "avx512", small: true, sources: []source{
		script(t, "good", goodPeer),
		script(t, "other", `while read -r word rest; do echo "variants"; done`),
		script(t, "dead", `exit 1`),
		script(t, "liar", `while read -r word rest; do case "$word" in list) echo "variants a";; open) echo "ok 5";; *) echo "ns soon";; esac; done`),
	}}
	defer b.pool.end()
	r := &row{name: "work", peers: "work n=1", flops: 8e6, unmasked: 8e6, limit: "f32"}
	for round := range 2 { // the second time with programs that are kept
		got, err := b.row(t.Context(), r, 1)
		if err != nil {
			t.Fatal(err)
		}
		want := []result{
			{Row: "work", Threads: 1, Who: "good slow", Peer: true, Micros: 4000.001, Best: 4000, GFLOPS: 8e6 / 4000001.0, GBPS: 1000 / 4000001.0, LimitName: "f32"},
			{Row: "work", Threads: 1, Who: "good fast", Peer: true, Micros: 2000.001, Best: 2000, GFLOPS: 8e6 / 2000001.0, GBPS: 2000 / 2000001.0, LimitName: "f32"},
			{Row: "work", Threads: 1, Who: "liar a", Peer: true, LimitName: "f32", Failure: `it answered a time of "soon"`},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("round %d (-want +got):\n%s", round, diff)
		}
	}
	for _, line := range []string{"good: broken: such luck", "dead: it ended", "liar a: it answered"} {
		if !strings.Contains(log.String(), line) {
			t.Errorf("nothing says %q:\n%s", line, log.String())
		}
	}
}

func TestAskTimesOut(t *testing.T) {
	p, err := start(script(t, "mute", `while read -r line; do :; done`), 1)
	if err != nil {
		t.Fatal(err)
	}
	defer p.end()
	if _, err := p.ask("list x", "variants", 20*time.Millisecond); err == nil || !strings.Contains(err.Error(), "no answer") {
		t.Errorf("a peer that says nothing: %v", err)
	}
}

func TestRecorded(t *testing.T) {
	r := table(fullSizes, "")[len(fullSizes.square)*3]
	b := &bench{class: "avx512"}
	got := b.recorded(r, 2)
	if got == nil || !got.Recorded || got.Micros != r.recorded.avx512[1] {
		t.Errorf("%s on two threads: %+v", r.name, got)
	}
	b.sources = []source{{name: "ik", fetched: true}}
	if got := b.recorded(r, 2); got != nil {
		t.Errorf("beside peers of a folder: %+v", got)
	}
}

func TestVerdict(t *testing.T) {
	r := &row{name: "work", limit: "f32", avx512: bar{1.5, 0.8}, amx: bar{3, 0}}
	of := func(threads int, ours, peer, share, limit float64) *line {
		l := &line{row: r, threads: threads, ours: &result{GFLOPS: ours, Share: share, Limit: limit, Micros: 1e3 / ours}}
		if peer > 0 {
			l.peer = &result{GFLOPS: peer}
		}
		return l
	}
	one := of(1, 100, 50, 0.9, 110)
	tests := []struct {
		name  string
		line  *line
		class string
		want  string
		short bool
	}{
		{"both", one, "avx512", "yes", false},
		{"the other class asks for more", one, "amx", "short: ratio", true},
		{"neither", of(1, 100, 80, 0.7, 140), "avx512", "short: ratio, share", true},
		{"no peer", of(1, 100, 0, 0.9, 110), "avx512", "yes", false},
		{"no limit", of(1, 100, 50, 0, 0), "avx512", "yes", false},
		{"not measured", &line{row: r, threads: 1}, "avx512", "not measured", true},
		{"twice as fast", of(2, 190, 300, 0.9, 220), "avx512", "yes", false},
		{"not twice", of(2, 150, 10, 0.9, 220), "avx512", "short: speed-up", true},
		{"the limit is not twice", of(2, 150, 10, 0.9, 150), "avx512", "", false},
		{"no bar", &line{row: &row{}, threads: 1}, "avx512", "", false},
	}
	for _, test := range tests {
		if got, short := test.line.verdict(test.class, one); got != test.want || short != test.short {
			t.Errorf("%s: %q, %v, want %q", test.name, got, short, test.want)
		}
	}
}

func TestWrite(t *testing.T) {
	rows := []*row{
		{name: "a", flops: 2e6, limit: "f32", avx512: bar{1.1, 0.5}},
		{name: "b", limit: "dram", bytes: 1e6, byBytes: true, avx512: bar{2, 0}},
	}
	results := []result{
		{Row: "a", Threads: 1, Who: "tilec", Micros: 10, GFLOPS: 200, LimitName: "f32", Limit: 250, Share: 0.8},
		{Row: "a", Threads: 1, Who: "x slow", Peer: true, GFLOPS: 20},
		{Row: "a", Threads: 1, Who: "x fast", Peer: true, GFLOPS: 100},
		{Row: "a", Threads: 1, Who: "y", Peer: true, Failure: "it ended"},
		{Row: "b", Threads: 1, Who: "tilec", Failure: "exit | 3"},
		{Row: "b", Threads: 1, Who: "z", Peer: true, GBPS: 12.3, Recorded: true},
	}
	var out bytes.Buffer
	write(&out, run{Date: "today", Machine: "M", Class: "avx512", Target: "cpu", Rounds: 3}, rows, results)
	want := `M, today, target cpu, medians of 3 rounds.

| kernel | threads | ours | best peer | ratio | share of limit | bar | reached |
|---|---|---|---|---|---|---|---|
| a | 1 | 200 GFLOP/s | x fast 100 GFLOP/s | 2.00x | 0.80 of f32 250 | 1.10x, 0.5 | yes |
| b | 1 | failed | z 12.3 GB/s (recorded, another run) |  |  | 2.00x | not measured |

1 of 2 bars reached.

Failed: b, 1 threads: exit / 3
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestCommandRefuses(t *testing.T) {
	damaged := filepath.Join(t.TempDir(), "r")
	if err := os.WriteFile(damaged, []byte("{}\nno\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"extra"}, {"-threads", "0"}, {"-threads", "1,x"}, {"-threads", "100000"}, {"-rounds", "0"}, {"-seconds", "-1"}, {"-rows", "("},
		{"-only", "theirs"}, {"-table", "nothing-here"}, {"-table", damaged}} {
		if err := command(context.Background(), args, io.Discard, io.Discard); err == nil {
			t.Errorf("%q is taken", args)
		}
	}
}
