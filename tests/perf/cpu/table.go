package main

import (
	"fmt"
	"io"
	"strings"
)

// run is the head of a file of results: what the table says of where they are from.
type run struct {
	Date    string `json:"date"`
	Machine string `json:"machine"`
	Class   string `json:"class"` // "amx" or "avx512"
	Target  string `json:"target"`
	Rounds  int    `json:"rounds"`
}

// line is a row of the table with some threads, out of its results.
type line struct {
	row     *row
	threads int
	ours    *result // nil where it was not measured
	peer    *result // the best, nil for none
	failure string  // ours
}

// rate is what a ratio compares.
func (r *row) rate(res *result) float64 {
	if r.byBytes {
		return res.GBPS
	}
	return res.GFLOPS
}

// collect sorts results into lines, in the order of the rows.
func collect(rows []*row, results []result) []*line {
	var list []*line
	for _, r := range rows {
		for threads := 1; threads <= 1024; threads++ {
			l := &line{row: r, threads: threads}
			any := false
			for i := range results {
				res := &results[i]
				if res.Row != r.name || res.Threads != threads {
					continue
				}
				any = true
				switch {
				case !res.Peer && res.Failure != "":
					l.failure = res.Failure
				case !res.Peer:
					l.ours = res
				case res.Failure == "" && (l.peer == nil || r.rate(res) > r.rate(l.peer)):
					l.peer = res
				}
			}
			if any {
				list = append(list, l)
			}
		}
	}
	return list
}

// ratio of ours to the best peer, 0 where one is missing.
func (l *line) ratio() float64 {
	if l.ours == nil || l.peer == nil {
		return 0
	}
	return l.row.rate(l.ours) / l.row.rate(l.peer)
}

// Two threads must be this much faster than one, where their limit is about twice that of one.
const (
	wantedSpeedup  = 1.85
	limitsDoubleAt = 1.9
)

// verdict says whether the bar is reached: "yes", what is short, or "" where nothing is asked for. One is the same row
// with one thread, nil if it was not measured: the bar is of one thread, and of two that they are faster.
func (l *line) verdict(class string, one *line) (text string, short bool) {
	want := l.row.avx512
	if class == "amx" {
		want = l.row.amx
	}
	if want == (bar{}) {
		return "", false
	}
	if l.ours == nil {
		return "not measured", true
	}
	var lacks []string
	if l.threads == 1 {
		if want.ratio > 0 && l.peer != nil && l.ratio() < want.ratio {
			lacks = append(lacks, "ratio")
		}
		if want.share > 0 && l.ours.Limit > 0 && l.ours.Share < want.share {
			lacks = append(lacks, "share")
		}
	} else {
		if one == nil || one.ours == nil || l.threads != 2 || l.ours.Limit < limitsDoubleAt*one.ours.Limit {
			return "", false
		}
		if one.ours.Micros/l.ours.Micros < wantedSpeedup {
			lacks = append(lacks, "speed-up")
		}
	}
	if len(lacks) == 0 {
		return "yes", false
	}
	return "short: " + strings.Join(lacks, ", "), true
}

// write prints the table in Markdown and how many of its bars are reached.
func write(w io.Writer, head run, rows []*row, results []result) {
	lines := collect(rows, results)
	fmt.Fprintf(w, "%s, %s, target %s, medians of %d rounds.\n\n", head.Machine, head.Date, head.Target, head.Rounds)
	fmt.Fprintln(w, "| kernel | threads | ours | best peer | ratio | share of limit | bar | reached |")
	fmt.Fprintln(w, "|---|---|---|---|---|---|---|---|")
	asked, reached := 0, 0
	var ones = map[*row]*line{}
	var failures []string
	for _, l := range lines {
		if l.threads == 1 {
			ones[l.row] = l
		}
		verdict, short := l.verdict(head.Class, ones[l.row])
		if verdict != "" {
			asked++
			if !short {
				reached++
			}
		}
		ours, share := "not measured", ""
		if l.ours != nil {
			ours = l.show(l.ours)
			if l.ours.Limit > 0 {
				share = fmt.Sprintf("%.2f of %s %s", l.ours.Share, l.ours.LimitName, number(l.ours.Limit))
			}
			if one := ones[l.row]; l.threads > 1 && one != nil && one.ours != nil {
				ours += fmt.Sprintf(" (%.2fx of 1T)", one.ours.Micros/l.ours.Micros)
			}
		} else if l.failure != "" {
			ours = "failed"
			failures = append(failures, fmt.Sprintf("%s, %d threads: %s", l.row.name, l.threads, l.failure))
		}
		peer, ratio := "none", ""
		if l.peer != nil {
			peer = l.peer.Who + " " + l.show(l.peer)
			if l.peer.Recorded {
				peer += " (recorded, another run)"
			}
			if l.ratio() > 0 {
				ratio = fmt.Sprintf("%.2fx", l.ratio())
			}
		}
		fmt.Fprintf(w, "| %s | %d | %s | %s | %s | %s | %s | %s |\n", l.row.name, l.threads, ours, peer, ratio, share, l.bar(head.Class, ones[l.row]), verdict)
	}
	fmt.Fprintf(w, "\n%d of %d bars reached.\n", reached, asked)
	for _, f := range failures {
		fmt.Fprintf(w, "\nFailed: %s\n", strings.ReplaceAll(f, "|", "/"))
	}
}

// bar is what is asked for, for people.
func (l *line) bar(class string, one *line) string {
	want := l.row.avx512
	if class == "amx" {
		want = l.row.amx
	}
	if want == (bar{}) {
		return ""
	}
	if l.threads > 1 {
		if l.threads == 2 && l.ours != nil && one != nil && one.ours != nil && l.ours.Limit >= limitsDoubleAt*one.ours.Limit {
			return fmt.Sprintf("%.2fx of 1T", wantedSpeedup)
		}
		return ""
	}
	var parts []string
	if want.ratio > 0 {
		parts = append(parts, fmt.Sprintf("%.2fx", want.ratio))
	}
	if want.share > 0 {
		parts = append(parts, fmt.Sprint(want.share))
	}
	return strings.Join(parts, ", ")
}

// show is a result in the unit of its row.
func (l *line) show(res *result) string {
	switch {
	case l.row.byBytes:
		return fmt.Sprintf("%s GB/s", number(res.GBPS))
	case l.row.limit == "l3" || l.row.limit == "dram":
		return fmt.Sprintf("%s us", number(res.Micros))
	case l.row.limit == "i8":
		return fmt.Sprintf("%s GOP/s", number(res.GFLOPS))
	}
	return fmt.Sprintf("%s GFLOP/s", number(res.GFLOPS))
}

// number has three digits, or all before the point.
func number(x float64) string {
	switch {
	case x >= 100:
		return fmt.Sprintf("%.0f", x)
	case x >= 10:
		return fmt.Sprintf("%.1f", x)
	}
	return fmt.Sprintf("%.2f", x)
}
