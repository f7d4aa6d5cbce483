package cpu

import (
	"fmt"
	"runtime"
	"strings"

	xcpu "golang.org/x/sys/cpu"
)

// A probe is a function of the probes' module, i64 name(ptr memory, i64 amount, i64 times): a loop that does one thing
// as fast as the machine can. It returns a sum of all it computed, so that nothing of it can be left out.
type probe struct {
	name string
	// perTurn is the number of instructions that a turn of its loop has; 0 for a probe that reads amount bytes.
	perTurn int
}

// machineSet is what of the machine the probes use.
type machineSet struct {
	triple   string
	cpu      string // LLVM's name of the plainest processor
	tune     string
	features []string
	lanes    int // of 32 bits in the widest vector
	chains   int // vectors in flight: enough to hide an instruction's latency, few enough for the registers
	fma      bool
	avx2     bool // byte products by vpmaddubsw and vpmaddwd
	bytes512 bool // AVX512BW
	vnni     bool
	vbmi     bool
	bf16     bool
	amx      bool
}

// thisMachine finds what the machine has.
func thisMachine() machineSet {
	x := &xcpu.X86
	switch {
	case runtime.GOARCH == "arm64":
		return machineSet{triple: "aarch64-unknown-linux-gnu", cpu: "generic", tune: "generic", features: []string{"+neon"}, lanes: 4, chains: 24, fma: true}
	case x.HasAVX512F && x.HasAVX512BW && x.HasAVX512DQ && x.HasAVX512VL:
		m := machineSet{triple: "x86_64-unknown-linux-gnu", cpu: "x86-64", tune: "sapphirerapids", lanes: 16, chains: 24, fma: true, bytes512: true,
			features: []string{"+avx", "+avx2", "+fma", "+avx512f", "+avx512bw", "+avx512dq", "+avx512vl"},
			vnni:     x.HasAVX512VNNI, vbmi: x.HasAVX512VBMI, bf16: x.HasAVX512BF16, amx: HasAMX()}
		for _, f := range []struct {
			has  bool
			name string
		}{{m.vnni, "+avx512vnni"}, {m.vbmi, "+avx512vbmi"}, {m.bf16, "+avx512bf16"}} {
			if f.has {
				m.features = append(m.features, f.name)
			}
		}
		if m.amx {
			m.features = append(m.features, "+amx-tile", "+amx-int8", "+amx-bf16")
		}
		return m
	case x.HasAVX2 && x.HasFMA:
		return machineSet{triple: "x86_64-unknown-linux-gnu", cpu: "x86-64", tune: "x86-64-v3", features: []string{"+avx", "+avx2", "+fma"}, lanes: 8, chains: 12, fma: true, avx2: true}
	}
	return machineSet{triple: "x86_64-unknown-linux-gnu", cpu: "x86-64", tune: "x86-64", lanes: 4, chains: 12}
}

// prefetchAhead is how far ahead the probe of prefetched memory asks, in bytes.
const prefetchAhead = 1024

// readStep is how many bytes a turn of the reading loops reads.
const readStep = 512

// probes writes the module of all probes of a machine, and lists them.
func (m machineSet) probes() (module string, list []probe) {
	w := &probeWriter{machineSet: m}
	fmt.Fprintf(&w.text, "target triple = %q\n", m.triple)
	w.read("read", false)
	w.read("read_prefetched", true)
	float, ints, bytes, words := w.vector("float", 1), w.vector("i32", 1), w.vector("i8", 4), w.vector("i16", 2)
	if m.fma {
		w.chain("fma", float, func(acc string) string {
			return w.call("llvm.fma."+mangled(float), float, float+" %x, "+float+" %y, "+float+" "+acc)
		})
	} else {
		// Without fused instructions a multiply-add is two. The product is of the chain, or it would leave the loop.
		w.chain("fma", float, func(acc string) string {
			p := w.op("fmul %s %s, %%x", float, acc)
			return w.op("fadd %s %s, %%y", float, p)
		})
	}
	if m.bytes512 {
		w.chain("vpshufb", bytes, func(acc string) string {
			return w.call("llvm.x86.avx512.pshuf.b.512", bytes, bytes+" %x, "+bytes+" "+acc)
		})
		w.chain("vpaddb", bytes, func(acc string) string { return w.op("add %s %s, %%x", bytes, acc) })
		w.chain("vpsrlw", words, func(acc string) string {
			return w.op("lshr %s %s, <%s>", words, acc, strings.Repeat("i16 1, ", 2*m.lanes-1)+"i16 1")
		})
	}
	if m.vbmi {
		w.chain("vpermb", bytes, func(acc string) string {
			return w.call("llvm.x86.avx512.permvar.qi.512", bytes, bytes+" %x, "+bytes+" "+acc)
		})
		w.chain("vpermi2b", bytes, func(acc string) string {
			return w.call("llvm.x86.avx512.vpermi2var.qi.512", bytes, bytes+" %x, "+bytes+" "+acc+", "+bytes+" %y")
		})
	}
	if m.vnni {
		w.chain("vpdpbusd", ints, func(acc string) string {
			return w.call("llvm.x86.avx512.vpdpbusd.512", ints, ints+" "+acc+", "+ints+" %x, "+ints+" %y")
		})
	} else if m.avx2 {
		// Bytes to pairs, pairs to quads, and the sum: the first operand depends on the chain, or the product would leave
		// the loop.
		w.chain("vpmaddubsw", ints, func(acc string) string {
			b := w.op("bitcast %s %s to %s", ints, acc, bytes)
			y := w.op("bitcast %s %%y to %s", ints, bytes)
			x := w.op("bitcast %s %%x to %s", ints, words)
			p := w.call("llvm.x86.avx2.pmadd.ub.sw", words, bytes+" "+b+", "+bytes+" "+y)
			q := w.call("llvm.x86.avx2.pmadd.wd", ints, words+" "+p+", "+words+" "+x)
			return w.op("add %s %s, %s", ints, acc, q)
		})
	}
	if m.bf16 {
		pairs := fmt.Sprintf("<%d x bfloat>", 2*m.lanes)
		w.chain("vdpbf16ps", float, func(acc string) string {
			x := w.op("bitcast %s %%x to %s", float, pairs)
			y := w.op("bitcast %s %%y to %s", float, pairs)
			return w.call("llvm.x86.avx512bf16.dpbf16ps.512", float, float+" "+acc+", "+pairs+" "+x+", "+pairs+" "+y)
		})
	}
	if m.amx {
		w.tiles("tdpbf16ps")
		w.tiles("tdpbssd")
	}
	w.finish()
	return w.text.String(), w.list
}

// probeWriter writes LLVM IR text.
type probeWriter struct {
	machineSet
	text     strings.Builder
	list     []probe
	declared []string
	next     int
}

// vector is the type of the widest vector with some elements to 32 bits.
func (w *probeWriter) vector(elem string, perLane int) string {
	return fmt.Sprintf("<%d x %s>", w.lanes*perLane, elem)
}

// mangled is a vector type in an intrinsic's name.
func mangled(vector string) string {
	var n int
	var elem string
	fmt.Sscanf(vector, "<%d x %s", &n, &elem)
	elem = strings.TrimSuffix(elem, ">")
	if elem == "float" {
		elem = "f32"
	}
	return fmt.Sprintf("v%d%s", n, elem)
}

// op writes an instruction and gives its value.
func (w *probeWriter) op(format string, args ...any) string {
	w.next++
	v := fmt.Sprintf("%%v%d", w.next)
	fmt.Fprintf(&w.text, "  %s = %s\n", v, fmt.Sprintf(format, args...))
	return v
}

// call writes a call of an intrinsic, and remembers to declare it.
func (w *probeWriter) call(name, result, args string) string {
	w.declare(name, result, args)
	return w.op("call %s @%s(%s)", result, name, args)
}

// declare notes an intrinsic's type: the arguments' without their values.
func (w *probeWriter) declare(name, result, args string) {
	var types []string
	for a := range strings.SplitSeq(args, ", ") {
		if a != "" {
			types = append(types, a[:strings.LastIndexByte(a, ' ')])
		}
	}
	line := fmt.Sprintf("declare %s @%s(%s)", result, name, strings.Join(types, ", "))
	for _, d := range w.declared {
		if d == line {
			return
		}
	}
	w.declared = append(w.declared, line)
}

func (w *probeWriter) begin(name string) {
	w.next = 0
	fmt.Fprintf(&w.text, "\ndefine i64 @%s(ptr %%memory, i64 %%amount, i64 %%times) #0 {\nentry:\n", name)
}

// sum writes the sum of some vectors of i32 and returns it.
func (w *probeWriter) sum(vectors []string) {
	t := w.vector("i32", 1)
	total := vectors[0]
	for _, v := range vectors[1:] {
		total = w.op("xor %s %s, %s", t, total, v)
	}
	r := w.call("llvm.vector.reduce.xor."+mangled(t), "i32", t+" "+total)
	r = w.op("zext i32 %s to i64", r)
	fmt.Fprintf(&w.text, "  ret i64 %s\n}\n", r)
}

// read writes a probe that reads amount bytes of memory, a multiple of readStep, some times over.
func (w *probeWriter) read(name string, prefetch bool) {
	const streams = 8
	t := w.vector("i32", 1)
	w.begin(name)
	w.text.WriteString("  br label %again\nagain:\n  %turn = phi i64 [ 0, %entry ], [ %turns, %done ]\n")
	for s := range streams {
		fmt.Fprintf(&w.text, "  %%o%d = phi %s [ zeroinitializer, %%entry ], [ %%n%d, %%done ]\n", s, t, s)
	}
	w.text.WriteString("  br label %loop\nloop:\n  %at = phi i64 [ 0, %again ], [ %to, %loop ]\n")
	for s := range streams {
		fmt.Fprintf(&w.text, "  %%a%d = phi %s [ %%o%d, %%again ], [ %%n%d, %%loop ]\n", s, t, s, s)
	}
	if prefetch {
		for line := 0; line < readStep; line += 64 {
			i := w.op("add i64 %%at, %d", prefetchAhead+line)
			p := w.op("getelementptr i8, ptr %%memory, i64 %s", i)
			fmt.Fprintf(&w.text, "  call void @llvm.prefetch.p0(ptr %s, i32 0, i32 3, i32 1)\n", p)
		}
		w.declare("llvm.prefetch.p0", "void", "ptr p, i32 0, i32 3, i32 1")
	}
	// As many vectors as make a step, added to the sums in turn.
	vectors := readStep / (4 * w.lanes)
	for v := range vectors {
		i := w.op("add i64 %%at, %d", v*4*w.lanes)
		p := w.op("getelementptr i8, ptr %%memory, i64 %s", i)
		align := 64
		if v*4*w.lanes%64 != 0 {
			align = 16 // only the first of a line's vectors is aligned to it
		}
		x := w.op("load %s, ptr %s, align %d", t, p, align)
		from, to := fmt.Sprintf("%%a%d", v%streams), fmt.Sprintf("%%b%d", v)
		if v >= streams {
			from = fmt.Sprintf("%%b%d", v-streams)
		}
		if v >= vectors-streams {
			to = fmt.Sprintf("%%n%d", v%streams)
		}
		fmt.Fprintf(&w.text, "  %s = add %s %s, %s\n", to, t, from, x)
	}
	fmt.Fprintf(&w.text, "  %%to = add i64 %%at, %d\n", readStep)
	w.text.WriteString("  %more = icmp ult i64 %to, %amount\n  br i1 %more, label %loop, label %done, !llvm.loop !0\ndone:\n")
	w.text.WriteString("  %turns = add i64 %turn, 1\n  %rest = icmp ult i64 %turns, %times\n  br i1 %rest, label %again, label %out\nout:\n")
	var sums []string
	for s := range streams {
		sums = append(sums, fmt.Sprintf("%%n%d", s))
	}
	w.sum(sums)
	w.list = append(w.list, probe{name: name})
}

// chain writes a probe of one instruction: as many chains of it as hide its latency, %x and %y its other operands.
// Memory holds the operands and where each chain begins; they must not be known to be equal.
func (w *probeWriter) chain(name, t string, step func(acc string) string) {
	w.begin(name)
	size := 4 * w.lanes
	fmt.Fprintf(&w.text, "  %%x = load %s, ptr %%memory, align 16\n", t)
	fmt.Fprintf(&w.text, "  %%py = getelementptr i8, ptr %%memory, i64 %d\n  %%y = load %s, ptr %%py, align 16\n", size, t)
	for c := range w.chains {
		fmt.Fprintf(&w.text, "  %%p%d = getelementptr i8, ptr %%memory, i64 %d\n  %%i%d = load %s, ptr %%p%d, align 16\n", c, (2+c)*size, c, t, c)
	}
	w.text.WriteString("  br label %loop\nloop:\n  %turn = phi i64 [ 0, %entry ], [ %turns, %loop ]\n")
	// The values of the next turn are named when they are written: the phis come first, their text last.
	head := w.text.String()
	w.text.Reset()
	results := make([]string, w.chains)
	for c := range w.chains {
		results[c] = step(fmt.Sprintf("%%a%d", c))
	}
	body := w.text.String()
	w.text.Reset()
	w.text.WriteString(head)
	for c := range w.chains {
		fmt.Fprintf(&w.text, "  %%a%d = phi %s [ %%i%d, %%entry ], [ %s, %%loop ]\n", c, t, c, results[c])
	}
	w.text.WriteString(body)
	w.text.WriteString("  %turns = add i64 %turn, 1\n  %rest = icmp ult i64 %turns, %times\n  br i1 %rest, label %loop, label %out, !llvm.loop !0\nout:\n")
	ints := w.vector("i32", 1)
	var sums []string
	for _, r := range results {
		if t != ints {
			r = w.op("bitcast %s %s to %s", t, r, ints)
		}
		sums = append(sums, r)
	}
	w.sum(sums)
	w.list = append(w.list, probe{name: name, perTurn: w.chains})
}

// tiles writes a probe of a product of the matrix unit, on tiles of 16 rows of 64 bytes. The memory begins with a tile
// configuration.
func (w *probeWriter) tiles(name string) {
	const products = 8
	w.begin(name)
	w.text.WriteString("  call void @llvm.x86.ldtilecfg(ptr %memory)\n")
	for tile := range 8 {
		fmt.Fprintf(&w.text, "  call void @llvm.x86.tilezero(i8 %d)\n", tile)
	}
	w.text.WriteString("  br label %loop\nloop:\n  %turn = phi i64 [ 0, %entry ], [ %turns, %loop ]\n")
	for p := range products {
		fmt.Fprintf(&w.text, "  call void @llvm.x86.%s(i8 %d, i8 6, i8 7)\n", name, p%4)
	}
	w.text.WriteString("  %turns = add i64 %turn, 1\n  %rest = icmp ult i64 %turns, %times\n  br i1 %rest, label %loop, label %out, !llvm.loop !0\nout:\n")
	w.text.WriteString("  call void @llvm.x86.tilerelease()\n  ret i64 0\n}\n")
	w.declare("llvm.x86.ldtilecfg", "void", "ptr p")
	w.declare("llvm.x86.tilezero", "void", "i8 0")
	w.declare("llvm.x86."+name, "void", "i8 0, i8 6, i8 7")
	w.declare("llvm.x86.tilerelease", "void", "")
	w.list = append(w.list, probe{name: name, perTurn: products})
}

// finish writes the declarations and the attributes of all functions.
func (w *probeWriter) finish() {
	w.text.WriteByte('\n')
	for _, d := range w.declared {
		w.text.WriteString(d + "\n")
	}
	fmt.Fprintf(&w.text, "\nattributes #0 = { nounwind \"target-cpu\"=%q \"tune-cpu\"=%q \"target-features\"=%q \"prefer-vector-width\"=\"%d\" \"min-legal-vector-width\"=\"%d\" }\n",
		w.cpu, w.tune, strings.Join(w.features, ","), 32*w.lanes, 32*w.lanes)
	// What a turn does is what is counted: no turns made one.
	w.text.WriteString("!0 = distinct !{!0, !1}\n!1 = !{!\"llvm.loop.unroll.disable\"}\n")
}
