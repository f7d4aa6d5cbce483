package main

import (
	"fmt"
	"strings"
)

// row is a line of the table: one piece of work, as our kernel does it and as peers do.
type row struct {
	name string
	// peers is the row in the words of the protocol; "" where no peer has it.
	peers string
	// file and args are our kernel and its operands, as `tilec bench` takes them; define are generics.
	file   string
	define []string
	args   []string
	cold   bool
	// flops of the work as peers count them, and what of them is not masked away.
	flops, unmasked float64
	// bytes that ours reads at least: of the weights with their scales, or of keys and values.
	bytes float64
	// by says what a ratio compares: the time of the same work, or the bytes read in it.
	byBytes bool
	// limit is what the share is of, as Meter.Rate names it.
	limit string
	// amx and avx512 are the bars of the two classes of machine.
	amx, avx512 bar
	// recorded are a fetched peer's best times in microseconds on the two classes, one and two threads, which stand in
	// where no folder of such peers is given.
	recorded recorded
}

// bar is what a kernel must reach: a ratio to the best peer and a share of the limit; 0 asks for nothing.
type bar struct{ ratio, share float64 }

// recorded are times in microseconds, measured once with other runs: on a machine with AMX and on one without.
type recorded struct {
	who         string
	amx, avx512 [2]float64
}

// sizes are those of the rows: the table's, or small ones to try the command with.
type sizes struct {
	square  []int // of products of square matrices
	matrix  int   // of low-bit products
	prompt  int   // of attention on a whole prompt
	context int   // of decoding
	heads   int
	groups  int
}

var (
	fullSizes  = sizes{square: []int{512, 1024, 2048, 4096}, matrix: 4096, prompt: 2048, context: 4096, heads: 32, groups: 8}
	smallSizes = sizes{square: []int{64}, matrix: 256, prompt: 64, context: 128, heads: 4, groups: 1}
)

// table lists all rows, in the order of the issue's. Lens is a file with the number of keys for decoding.
func table(s sizes, lens string) []*row {
	var list []*row
	for _, t := range []string{"f32", "bf16", "i8"} {
		for _, n := range s.square {
			list = append(list, square(t, n))
		}
	}
	for _, cold := range []bool{false, true} {
		for _, f := range formats {
			list = append(list, f.product(s.matrix, 1, cold))
		}
	}
	for _, f := range formats[:5] {
		if f.form == "ternary" {
			continue
		}
		list = append(list, f.lookup(s.matrix))
	}
	for _, f := range formats {
		for _, n := range f.batches {
			list = append(list, f.product(s.matrix, n, false))
		}
	}
	for _, t := range []string{"bf16", "f32"} {
		for _, d := range []int{128, 64} {
			list = append(list, prefill(s, t, d))
		}
	}
	for _, d := range []int{128, 64} {
		list = append(list, decode(s, d, lens))
	}
	return list
}

// square is c = a·bᵀ of matrices of n by n.
func square(t string, n int) *row {
	r := &row{
		name:  fmt.Sprintf("GEMM %s %d", t, n),
		peers: fmt.Sprintf("gemm type=%s n=%d", t, n),
		file:  "kernels/gemm/gemm.tile:gemm", define: []string{"T=" + t},
		args:  []string{fmt.Sprintf("a=randn:%dx%d:1", n, n), fmt.Sprintf("b=randn:%dx%d:2", n, n)},
		flops: 2 * float64(n) * float64(n) * float64(n), limit: t,
	}
	r.unmasked = r.flops
	large, middle := n >= 2048, n >= 1024
	switch t {
	case "f32":
		r.amx, r.avx512 = bar{1.00, 0.85}, bar{1.00, 0.95}
		if middle {
			r.amx, r.avx512 = bar{1.03, 0.81}, bar{1.00, 0.92}
		}
	case "bf16":
		r.define = append(r.define, "O=f32")
		r.amx, r.avx512 = bar{1.03, 0.56}, bar{1.00, 0.95}
		if middle {
			r.amx = bar{1.10, 0.48}
		}
		if large {
			r.amx, r.avx512 = bar{1.10, 0.46}, bar{1.05, 0.90}
		}
	case "i8":
		r.define = append(r.define, "O=i32")
		r.args = []string{fmt.Sprintf("a=randcode:%dx%d:1", n, n), fmt.Sprintf("b=randcode:%dx%d:2", n, n)}
		r.amx, r.avx512 = bar{1.03, 0.56}, bar{1.00, 0.97}
		if middle {
			r.amx = bar{1.07, 0.50}
		}
		if large {
			r.amx, r.avx512 = bar{1.17, 0.46}, bar{1.03, 0.94}
		}
	}
	return r
}

// format is a kind of low-bit weights, with its bars.
type format struct {
	bits    int
	form    string // as the protocol says it: group or ternary
	element string // of our kernel
	peer    int    // the bits of the peers to compare with, where no peer has these
	hot     [2]bar // of one row, out of the caches: with AMX, without
	cold    [2]bar // out of memory
	batches []int
	batch   map[int][2]bar
	// Times of fetched peers: hot, cold, and by batch.
	times map[string]recorded
}

var formats = []*format{
	{bits: 1, form: "group", element: "bp1", hot: [2]bar{{4, 0.73}, {5.5, 0}}, cold: [2]bar{{6, 0.88}, {4, 0.88}},
		batches: []int{16, 64}, batch: map[int][2]bar{16: {{2.5, 0}, {6, 0.85}}, 64: {{3.9, 0}, {6, 0.85}}},
		times: map[string]recorded{"hot": {"ik q1_0_g128", [2]float64{451, 225}, [2]float64{332, 202}}, "cold": {"ik q1_0_g128", [2]float64{1039, 508}, [2]float64{383, 205}},
			"16": {"ik q1_0_g128", [2]float64{5900, 3016}, [2]float64{4194, 0}}, "64": {"ik q1_0_g128", [2]float64{23598, 0}, [2]float64{16519, 0}}}},
	{bits: 2, form: "ternary", element: "i2", hot: [2]bar{{1.65, 0.92}, {3, 0.82}}, cold: [2]bar{{1.3, 0.88}, {1.25, 0.88}},
		batches: []int{16, 64}, batch: map[int][2]bar{16: {{2.5, 0}, {1, 0.94}}, 64: {{3.9, 0}, {1, 0.94}}},
		times: map[string]recorded{"hot": {"ik iq2_bn_r4", [2]float64{277, 133}, [2]float64{179, 101}}, "cold": {"ik iq2_bn_r4", [2]float64{381, 195}, [2]float64{210, 151}},
			"16": {"ik iq2_bn_r4", [2]float64{1508, 751}, [2]float64{621, 346}}, "64": {"ik iq2_bn_r4", [2]float64{6153, 3042}, [2]float64{2622, 1461}}}},
	{bits: 2, form: "group", element: "i2", hot: [2]bar{{2.1, 0.92}, {2, 0.82}}, cold: [2]bar{{1.7, 0.88}, {1.6, 0.88}},
		batches: []int{16, 64}, batch: map[int][2]bar{16: {{2.5, 0}, {2.2, 0.85}}, 64: {{3.9, 0}, {2.2, 0.85}}},
		times: map[string]recorded{"hot": {"ik q2_k_r4", [2]float64{348, 174}, [2]float64{226, 128}}, "cold": {"ik q2_K", [2]float64{518, 264}, [2]float64{273, 232}}}},
	{bits: 3, form: "group", element: "i3", hot: [2]bar{{2, 0.91}, {3.5, 0.60}}, cold: [2]bar{{1.7, 0.88}, {1.5, 0.88}},
		batches: []int{16, 64}, batch: map[int][2]bar{16: {{2.5, 0}, {3.5, 0.85}}, 64: {{3.9, 0}, {3.5, 0.85}}},
		times: map[string]recorded{"hot": {"ik q3_k_r4", [2]float64{490, 239}, [2]float64{392, 368}}, "cold": {"ik q3_k_r4", [2]float64{748, 392}, [2]float64{431, 378}},
			"16": {"ik q3_k_r4", [2]float64{3398, 0}, [2]float64{2886, 0}}, "64": {"ik q3_k_r4", [2]float64{13855, 0}, [2]float64{9988, 0}}}},
	{bits: 4, form: "group", element: "i4", hot: [2]bar{{1.09, 0.97}, {1.15, 0.85}}, cold: [2]bar{{1.03, 0.88}, {1.15, 0.88}},
		batches: []int{4, 16, 64, 512},
		batch:   map[int][2]bar{4: {{1.9, 0}, {1.6, 0.75}}, 16: {{3.4, 0.16}, {1.6, 0.85}}, 64: {{4.4, 0.24}, {1.6, 0.85}}, 512: {{4.5, 0.24}, {1.4, 0.85}}},
		times: map[string]recorded{"hot": {"ggml q4_0, ik q4_0_r8", [2]float64{329, 165}, [2]float64{173, 100}}, "cold": {"ggml q4_0, ik q4_0_r8", [2]float64{624, 321}, [2]float64{404, 314}},
			"4": {"ik q4_0_r8", [2]float64{630, 311}, [2]float64{308, 192}}, "16": {"ggml iq4_xs, ik q4_0_r8", [2]float64{1845, 0}, [2]float64{1082, 756}},
			"64": {"ggml iq4_xs, ik q4_0_r8", [2]float64{6298, 0}, [2]float64{4502, 3355}}, "512": {"ggml iq4_xs, ik q4_0_r8", [2]float64{52861, 26927}, [2]float64{36866, 26844}}}},
	{bits: 5, form: "group", element: "i5", hot: [2]bar{{1.23, 0.92}, {3, 0.80}}, cold: [2]bar{{0, 0.88}, {0, 0.88}},
		times: map[string]recorded{"hot": {"ik q5_0_r4", [2]float64{494, 249}, [2]float64{381, 220}}, "cold": {"ik q5_0_r4", [2]float64{910, 511}, [2]float64{477, 433}}}},
	{bits: 6, form: "group", element: "i6", hot: [2]bar{{1.06, 0.92}, {2.4, 0.80}}, cold: [2]bar{{0, 0.88}, {0, 0.88}},
		times: map[string]recorded{"hot": {"ik q6_0_r4", [2]float64{489, 247}, [2]float64{368, 340}}, "cold": {"ik q6_0_r4", [2]float64{1019, 583}, [2]float64{517, 496}}}},
	{bits: 7, form: "group", element: "i7", peer: 8, hot: [2]bar{{1.13, 0.95}, {1.15, 0.85}}, cold: [2]bar{{0, 0.88}, {0, 0.88}},
		times: map[string]recorded{"hot": {"ik q8_0_r8", [2]float64{613, 313}, [2]float64{219, 216}}, "cold": {"ik q8_0_r8", [2]float64{1156, 604}, [2]float64{627, 627}}}},
	{bits: 8, form: "group", element: "i8", hot: [2]bar{{1.05, 0.95}, {1.05, 0.85}}, cold: [2]bar{{1.02, 0.88}, {1, 0.93}},
		batches: []int{16, 64, 512}, batch: map[int][2]bar{16: {{2.9, 0.14}, {1.8, 0.87}}, 64: {{6.6, 0.29}, {1.35, 0.87}}, 512: {{9, 0.40}, {1.4, 0.87}}},
		times: map[string]recorded{"hot": {"ik q8_0_r8", [2]float64{613, 313}, [2]float64{219, 216}}, "cold": {"ik q8_0_r8", [2]float64{1156, 604}, [2]float64{627, 627}},
			"16": {"ggml, ik q8_0_r8", [2]float64{1877, 962}, [2]float64{1447, 0}}, "64": {"ggml, ik q8_0_r8", [2]float64{8103, 3890}, [2]float64{4936, 0}}, "512": {"ggml, ik q8_0_r8", [2]float64{63161, 31815}, [2]float64{38092, 0}}}},
}

// group is the number of weights that share a scale.
func (f *format) group(size int) int {
	if f.form == "ternary" {
		return size // of a whole row
	}
	return min(128, size)
}

func (f *format) title() string {
	if f.form == "ternary" {
		return "ternary"
	}
	return fmt.Sprintf("%d-bit", f.bits)
}

// product is y = w·x for n rows of x, in integers.
func (f *format) product(size, n int, cold bool) *row {
	g := f.group(size)
	r := &row{
		file:  "kernels/lowbit/gemv_i8.tile:gemv_wx_i8",
		args:  []string{fmt.Sprintf("x=randn:%d:1", size), fmt.Sprintf("w=randcode:%dx%d:2", size, size), fmt.Sprintf("s=uniform:%dx%d:3", size, size/g)},
		flops: 2 * float64(size) * float64(size) * float64(n), limit: "i8", cold: cold,
	}
	r.define = []string{"W=" + f.element, fmt.Sprint("G=", g)}
	r.unmasked = r.flops
	r.bytes = float64(size)*float64(size)*float64(f.bits)/8 + 2*float64(size)*float64(size/g)
	bits := f.bits
	if f.peer > 0 {
		bits = f.peer
	}
	r.peers = fmt.Sprintf("mul bits=%d form=%s k=%d m=%d n=%d cold=0", bits, f.form, size, size, n)
	bars, times := f.hot, "hot"
	switch {
	case n > 1:
		r.name = fmt.Sprintf("batched %s n=%d", f.title(), n)
		r.file = "kernels/lowbit/gemv_i8.tile:gemm_wx_i8"
		r.args[0] = fmt.Sprintf("x=randn:%dx%d:1", n, size)
		bars, times = f.batch[n], fmt.Sprint(n)
	case cold:
		r.name, r.limit = "GEMV cold "+f.title(), "dram"
		r.peers = strings.TrimSuffix(r.peers, "0") + "1"
		bars, times = f.cold, "cold"
	default:
		r.name, r.limit = "GEMV hot "+f.title(), "l3"
	}
	r.amx, r.avx512 = bars[0], bars[1]
	r.recorded = f.times[times]
	return r
}

// lookup is the product of one row by tables, with activations in f32: what stands beside the peers' is no bar of it.
func (f *format) lookup(size int) *row {
	r := f.product(size, 1, false)
	r.name = "LUT GEMV hot " + f.title()
	r.file = "kernels/lutgemv/lut_gemv.tile:lut_gemv"
	r.define = []string{fmt.Sprint("W=", f.bits), fmt.Sprint("G=", f.group(size))}
	r.amx, r.avx512 = bar{}, bar{}
	return r
}

// prefill is causal attention of a prompt to itself. Peers count the whole square.
func prefill(s sizes, t string, d int) *row {
	n := s.prompt
	r := &row{
		name:  fmt.Sprintf("attention prefill %s hs %d", t, d),
		peers: fmt.Sprintf("prefill type=%s hs=%d heads=%d groups=%d n=%d", t, d, s.heads, s.groups, n),
		file:  "kernels/attention/attention.tile:attention", define: []string{"T=" + t, fmt.Sprint("D=", d), "causal=true"},
		args: []string{fmt.Sprintf("q=randn:1x%dx%dx%d:1", s.heads, n, d), fmt.Sprintf("k=randn:1x%dx%dx%d:2", s.groups, n, d),
			fmt.Sprintf("v=randn:1x%dx%dx%d:3", s.groups, n, d), "scale=0.1", "cap=0"},
		flops: 4 * float64(d) * float64(n) * float64(n) * float64(s.heads), limit: t,
	}
	r.unmasked = r.flops / 2
	switch {
	case t == "bf16" && d == 128:
		r.amx, r.avx512 = bar{4, 0.08}, bar{2, 0.58}
	case t == "bf16":
		r.amx, r.avx512 = bar{3.1, 0.056}, bar{2.1, 0.48}
	case d == 128:
		r.amx, r.avx512 = bar{1.8, 0.52}, bar{1.35, 0.68}
	default:
		r.amx, r.avx512 = bar{1.8, 0.52}, bar{1.35, 0.54}
	}
	if t == "bf16" && d == 128 {
		r.recorded = recorded{"ik q8_0 keys and values, openvino", [2]float64{r.flops / 124e3, r.flops / 255e3}, [2]float64{r.flops / 270e3, r.flops / 361e3}}
	}
	return r
}

// decode is one new token against a paged cache of keys and values. Peers keep them in one piece, some in f32: what is
// compared is how fast they are read.
func decode(s sizes, d int, lens string) *row {
	const page = 16
	n := s.context
	r := &row{
		name:   fmt.Sprintf("attention decode bf16 hs %d", d),
		peers:  fmt.Sprintf("decode type=bf16 hs=%d heads=%d groups=%d n=%d", d, s.heads, s.groups, n),
		file:   "kernels/attention/decode.tile:decode",
		define: []string{"T=bf16", fmt.Sprint("D=", d), fmt.Sprint("R=", s.heads/s.groups), fmt.Sprint("S=", page)},
		args: []string{fmt.Sprintf("q=randn:1x%dx%d:1", s.heads, d), fmt.Sprintf("kp=randn:%dx%dx%dx%d:2", n/page, page, s.groups, d),
			fmt.Sprintf("vp=randn:%dx%dx%dx%d:3", n/page, page, s.groups, d), fmt.Sprintf("pages=iota:1x%d", n/page), "lens=" + lens, "scale=0.1"},
		flops: 4 * float64(d) * float64(n) * float64(s.heads), bytes: 4 * float64(n) * float64(s.groups) * float64(d),
		byBytes: true, cold: true, limit: "dram", amx: bar{1.8, 0.80}, avx512: bar{1.7, 0.86},
	}
	r.unmasked = r.flops
	speeds := [2][2]float64{{7.7, 16.3}, {15.2, 16.4}}
	if d == 64 {
		r.avx512.ratio = 1.15
		speeds = [2][2]float64{{8.8, 20.1}, {22.4, 22.4}}
	}
	micros := func(gbps [2]float64) [2]float64 { return [2]float64{r.bytes / gbps[0] / 1e3, r.bytes / gbps[1] / 1e3} }
	r.recorded = recorded{"ik f16 keys and values", micros(speeds[0]), micros(speeds[1])}
	return r
}
