package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"time"

	rtcpu "github.com/tilec/tilec/runtime/cpu"
)

// result is what was measured of one contender at one row: medians over the rounds of each round's median.
type result struct {
	Row     string  `json:"row"`
	Threads int     `json:"threads"`
	Who     string  `json:"who"`  // "tilec", or the peer and its variant
	Peer    bool    `json:"peer"` // not ours
	Micros  float64 `json:"us"`
	Best    float64 `json:"us_best"`
	GFLOPS  float64 `json:"gflops"` // as peers count
	GBPS    float64 `json:"gbps"`   // of weights, or of keys and values
	// Limit is the row's limit, of the same rounds, and Share how much of it this is: by what is not masked away, and
	// by the bytes that this contender's format has.
	LimitName string  `json:"limit_name"`
	Limit     float64 `json:"limit"`
	Share     float64 `json:"share"`
	// Recorded says that the time is of another run, on another machine of the class.
	Recorded bool   `json:"recorded,omitempty"`
	Failure  string `json:"failure,omitempty"`
}

// bench measures rows.
type bench struct {
	tilec   string // the program, "" to measure peers alone
	target  string
	root    string // of the repository
	sources []source
	pool    pool
	rounds  int
	seconds float64
	meter   *rtcpu.Meter // nil where the limits are unknown
	class   string       // "amx" or "avx512"
	small   bool         // sizes to try the command with
	log     io.Writer
}

// contender is one way to do a row's work.
type contender struct {
	who   string
	bytes float64
	peer  bool
	// time measures once, in nanoseconds.
	time  func(ctx context.Context) ([]float64, error)
	end   func()
	times []float64 // the median of each round
	best  float64
	err   error
}

// row measures a row with a number of threads: ours, the peers and the limit in turn, some rounds.
func (b *bench) row(ctx context.Context, r *row, threads int) ([]result, error) {
	var list []*contender
	if b.tilec != "" {
		list = append(list, &contender{who: "tilec", bytes: r.bytes, end: func() {}, time: func(ctx context.Context) ([]float64, error) { return b.ours(ctx, r, threads) }})
	}
	defer func() {
		for _, c := range list {
			c.end()
		}
	}()
	for _, s := range b.sources {
		more, err := b.contenders(s, r, threads)
		if err != nil {
			fmt.Fprintf(b.log, "# %s: %s: %v\n", r.name, s.name, err)
		}
		list = append(list, more...)
	}
	var limits []float64
	for range b.rounds {
		if b.meter != nil {
			rate, err := b.meter.Rate(ctx, r.limit, threads)
			if err != nil {
				return nil, err
			}
			limits = append(limits, rate)
		}
		for _, c := range list {
			if c.err != nil {
				continue
			}
			ns, err := c.time(ctx)
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			if err != nil {
				c.err = err
				fmt.Fprintf(b.log, "# %s: %s: %v\n", r.name, c.who, err)
				continue
			}
			slices.Sort(ns)
			c.times = append(c.times, median(ns))
			if c.best == 0 || ns[0] < c.best {
				c.best = ns[0]
			}
		}
	}
	limit := median(limits)
	var results []result
	for _, c := range list {
		res := result{Row: r.name, Threads: threads, Who: c.who, Peer: c.peer, LimitName: r.limit, Limit: limit}
		if c.err != nil {
			res.Failure = c.err.Error()
		} else {
			res.set(r, median(c.times), c.best, c.bytes)
		}
		results = append(results, res)
	}
	if w := b.recorded(r, threads); w != nil {
		w.Limit, w.LimitName = limit, r.limit
		results = append(results, *w)
	}
	return results, nil
}

// set fills in what follows from a time in nanoseconds.
func (res *result) set(r *row, ns, best, bytes float64) {
	res.Micros, res.Best = ns/1e3, best/1e3
	res.GFLOPS, res.GBPS = r.flops/ns, bytes/ns
	if res.Limit > 0 {
		switch res.LimitName {
		case "dram", "l3", "l2":
			res.Share = res.GBPS / res.Limit
		default:
			res.Share = r.unmasked / ns / res.Limit
		}
	}
}

// recorded gives the recorded time of a fetched peer, where no fetched peers are measured.
func (b *bench) recorded(r *row, threads int) *result {
	times := r.recorded.avx512
	if b.class == "amx" {
		times = r.recorded.amx
	}
	if b.small || b.fetched() || threads > 2 || times[threads-1] == 0 {
		return nil
	}
	res := &result{Row: r.name, Threads: threads, Who: r.recorded.who, Peer: true, Recorded: true}
	res.set(r, times[threads-1]*1e3, times[threads-1]*1e3, r.bytes)
	return res
}

// fetched tells whether there are peers from a folder.
func (b *bench) fetched() bool {
	return slices.ContainsFunc(b.sources, func(s source) bool { return s.fetched })
}

// contenders starts a program for each way in which a peer does the row's work. What it cannot do is in the error; the
// other ways are given all the same.
func (b *bench) contenders(s source, r *row, threads int) (list []*contender, err error) {
	if r.peers == "" {
		return nil, nil
	}
	first, err := b.pool.take(s, threads)
	if err != nil {
		return nil, err
	}
	variants, err := first.variants(r.peers)
	if err != nil {
		first.end()
		return nil, err
	}
	if len(variants) == 0 {
		b.pool.give(first, threads)
		return nil, nil
	}
	var failures []error
	for i, v := range variants {
		p := first
		if i > 0 {
			if p, err = b.pool.take(s, threads); err != nil {
				return list, err
			}
		}
		bytes, err := p.open(r.peers, v)
		if err != nil {
			p.end()
			failures = append(failures, fmt.Errorf("%s: %w", v, err))
			continue
		}
		c := &contender{who: s.name + " " + v, bytes: bytes, peer: true}
		c.time = func(context.Context) ([]float64, error) { return p.time(b.seconds) }
		c.end = func() {
			if c.err != nil {
				p.end()
				return
			}
			b.pool.give(p, threads)
		}
		list = append(list, c)
	}
	return list, errors.Join(failures...)
}

// ours measures our kernel by the command that everyone has.
func (b *bench) ours(ctx context.Context, r *row, threads int) ([]float64, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	args := []string{"bench", "-target", b.target, "-json", "-threads", fmt.Sprint(threads), "-time", fmt.Sprintf("%gs", b.seconds)}
	if r.cold {
		args = append(args, "-cold")
	}
	for _, d := range r.define {
		args = append(args, "-D", d)
	}
	args = append(args, r.file)
	args = append(args, r.args...)
	cmd := exec.CommandContext(ctx, b.tilec, args...)
	cmd.Dir = b.root
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := onCores(threads, cmd.Start); err != nil {
		return nil, err
	}
	if err := cmd.Wait(); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		lines := strings.Split(strings.TrimSpace(problems.String()), "\n")
		return nil, fmt.Errorf("%w: %s", err, strings.Join(lines[max(0, len(lines)-3):], " / "))
	}
	var line struct {
		Target string  `json:"target"`
		NS     float64 `json:"ns"`
		Min    float64 `json:"ns_min"`
	}
	if err := json.Unmarshal(out.Bytes(), &line); err != nil || !(line.NS > 0) {
		return nil, fmt.Errorf("tilec bench printed %.200q", out.String())
	}
	if line.Target != b.target {
		return nil, fmt.Errorf("tilec bench ran on %s", line.Target)
	}
	// The median stands for all runs but the best.
	return []float64{line.Min, line.NS, line.NS}, nil
}

// median of a list, which it sorts; 0 for none.
func median(list []float64) float64 {
	if len(list) == 0 {
		return 0
	}
	slices.Sort(list)
	if n := len(list); n%2 == 0 {
		return (list[n/2-1] + list[n/2]) / 2
	}
	return list[len(list)/2]
}
