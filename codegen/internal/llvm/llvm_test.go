package llvm

import (
	"bytes"
	"context"
	"debug/elf"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tilec/tilec/runtime/cache"
)

const x86 = "x86_64-unknown-linux-gnu"

// scale is a module with a vector loop over memory: everything that a kernel has.
const scale = `define i64 @scale(ptr noalias %x, i64 %n, float %f) {
entry:
  %a = alloca i64
  store i64 0, ptr %a
  %s = insertelement <16 x float> poison, float %f, i64 0
  %v = shufflevector <16 x float> %s, <16 x float> poison, <16 x i32> zeroinitializer
  br label %head
head:
  %i = load i64, ptr %a
  %more = icmp slt i64 %i, %n
  br i1 %more, label %body, label %done
body:
  %p = getelementptr float, ptr %x, i64 %i
  %l = load <16 x float>, ptr %p, align 4
  %m = fmul <16 x float> %l, %v
  store <16 x float> %m, ptr %p, align 4
  %next = add i64 %i, 16
  store i64 %next, ptr %a
  br label %head
done:
  %last = load i64, ptr %a
  ret i64 %last
}
`

// Loops are unrolled where the text says so, and its variables in memory become registers of each turn.
func TestUnroll(t *testing.T) {
	ir := scale
	at := strings.LastIndex(ir, "br label %head")
	asked := ir[:at] + "br label %head, !llvm.loop !0" + ir[at+len("br label %head"):] + "!0 = distinct !{!0, !1}\n!1 = !{!\"llvm.loop.unroll.count\", i32 4}\n"
	for name, c := range toolchains(t) {
		for text, want := range map[string]bool{ir: false, asked: true} {
			asm, err := c.Assembly(context.Background(), []byte(text), Options{Triple: x86, CPU: "x86-64", Features: []string{"+avx512f"}, Tune: "sapphirerapids"})
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Count(string(asm), "vmulps"); (got >= 4) != want {
				t.Errorf("%s: %d products, unrolled: %v\n%s", name, got, want, asm)
			}
		}
	}
}

// toolchains are all that this machine has: the library, opt with llc, clang.
func toolchains(t testing.TB) map[string]Toolchain {
	t.Helper()
	all := map[string]Toolchain{}
	here := machine()
	here.variable, here.shared = "", nil
	library := here
	library.tools = nil
	if found, err := library.find(); err == nil {
		all["libLLVM"] = found
	}
	folders := existing(here.tools)
	for _, kind := range []string{"opt", "clang"} {
		if found, _ := here.programsOf(kind, folders); found != nil {
			all[kind] = found
		}
	}
	if len(all) == 0 {
		t.Skipf("no LLVM of version %d to %d on this machine", oldest, newest)
	}
	return all
}

// each runs a test with every toolchain.
func each(t *testing.T, test func(t *testing.T, c Toolchain)) {
	for name, c := range toolchains(t) {
		t.Run(name, func(t *testing.T) { test(t, c) })
	}
}

func compile(t testing.TB, c Toolchain, ir string, o Options) []byte {
	t.Helper()
	obj, err := c.Compile(context.Background(), []byte(ir), o)
	if err != nil {
		t.Fatal(err)
	}
	return obj
}

func text(t *testing.T, obj []byte) (elf.Machine, []byte) {
	t.Helper()
	f, err := elf.NewFile(bytes.NewReader(obj))
	if err != nil {
		t.Fatal(err)
	}
	data, err := f.Section(".text").Data()
	if err != nil {
		t.Fatal(err)
	}
	return f.Machine, data
}

func TestCompile(t *testing.T) {
	each(t, func(t *testing.T, c Toolchain) {
		for _, test := range []struct {
			o       Options
			machine elf.Machine
			want    string // in the assembly
			not     string
		}{
			{Options{Triple: x86}, elf.EM_X86_64, "mulps", "ymm"},
			{Options{Triple: x86, CPU: "x86-64", Features: []string{"+avx2"}}, elf.EM_X86_64, "ymm", "zmm"},
			{Options{Triple: x86, CPU: "x86-64", Features: []string{"+avx512f"}, Tune: "sapphirerapids", Level: 3}, elf.EM_X86_64, "zmm", "ymm"},
			{Options{Triple: "aarch64-unknown-linux-gnu", CPU: "generic"}, elf.EM_AARCH64, "fmul", "mulps"},
		} {
			machine, _ := text(t, compile(t, c, scale, test.o))
			if machine != test.machine {
				t.Errorf("%+v: an object for %s", test.o, machine)
			}
			asm, err := c.Assembly(context.Background(), []byte(scale), test.o)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(asm), test.want) || strings.Contains(string(asm), test.not) {
				t.Errorf("%+v: want %s and not %s in\n%s", test.o, test.want, test.not, asm)
			}
			// The counter in memory has become a register.
			if strings.Contains(string(asm), "sp)") {
				t.Errorf("%+v: the stack is used in\n%s", test.o, asm)
			}
		}
	})
}

// The library and the programs of one version make the same code.
func TestSameCode(t *testing.T) {
	all := toolchains(t)
	library, tools := all["libLLVM"], all["opt"]
	if library == nil || tools == nil || !strings.Contains(tools.Name(), strings.Fields(library.Name())[1]) {
		t.Skip("no libLLVM and opt with llc of one version")
	}
	modules := map[string]string{"scale": scale}
	for i, size := range []int{2, 30} {
		modules[string(rune('a'+i))] = large(size)
	}
	for name, ir := range modules {
		for _, o := range []Options{
			{Triple: x86, CPU: "x86-64", Tune: "sapphirerapids", Features: []string{"+avx512f", "+avx512vl"}},
			{Triple: x86, Level: 1}, {Triple: x86, CPU: "x86-64-v3", Level: 3}, {Triple: "aarch64-unknown-linux-gnu"},
		} {
			_, a := text(t, compile(t, library, ir, o))
			_, b := text(t, compile(t, tools, ir, o))
			if !bytes.Equal(a, b) {
				t.Errorf("%s, %+v: %d bytes of code by %s, %d others by %s", name, o, len(a), library.Name(), len(b), tools.Name())
			}
			// Assembly tells of spills, which tests look for.
			asm, err := library.Assembly(context.Background(), []byte(ir), o)
			if err != nil {
				t.Fatal(err)
			}
			other, err := tools.Assembly(context.Background(), []byte(ir), o)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(strings.Split(string(other), "\n"), strings.Split(string(asm), "\n")); len(diff) > 0 {
				t.Errorf("%s, %+v: assembly by the library against that by programs: %s", name, o, diff)
			}
			_, again := text(t, compile(t, library, ir, o))
			if !bytes.Equal(a, again) {
				t.Errorf("%s, %+v: other code the second time", name, o)
			}
		}
	}
}

// large is a module of as many functions.
func large(functions int) string {
	var b strings.Builder
	for i := range functions {
		b.WriteString(strings.ReplaceAll(scale, "@scale", "@scale"+strings.Repeat("_", i)))
	}
	return b.String()
}

func TestParseErrors(t *testing.T) {
	each(t, func(t *testing.T, c Toolchain) {
		for _, test := range []struct {
			name, ir, message, text string
			line                    int
		}{
			{"type", "define i64 @f(i64 %a) {\n  %b = add i32 %a, 1\n  ret i64 %b\n}\n", "'%a' defined with type 'i64' but expected 'i32'", "  %b = add i32 %a, 1", 2},
			{"no IR", "hello\n", "expected top-level entity", "hello", 1},
			{"empty", "", "the module is empty", "", 0},
			{"cut off", "define i64 @f() {\n", "", "", 2},
			{"dominance", "define i64 @f(i1 %c) {\n  br i1 %c, label %a, label %b\na:\n  %x = add i64 1, 2\n  br label %b\nb:\n  ret i64 %x\n}\n", "Instruction does not dominate all uses", "", 0},
		} {
			if test.name == "dominance" && strings.HasPrefix(c.Name(), "clang") {
				continue // clang does not verify what it reads
			}
			_, err := c.Compile(context.Background(), []byte(test.ir), Options{Triple: x86, CPU: "x86-64-v3"})
			var parse *ParseError
			if !errors.As(err, &parse) {
				t.Errorf("%s: %T %v", test.name, err, err)
				continue
			}
			if parse.Line != test.line || parse.Text != test.text || !strings.Contains(parse.Message, test.message) {
				t.Errorf("%s: line %d %q: %q", test.name, parse.Line, parse.Text, parse.Message)
			}
		}
	})
}

func TestWrongOptions(t *testing.T) {
	each(t, func(t *testing.T, c Toolchain) {
		for _, o := range []Options{
			{}, {Triple: "pdp11-dec-unix"}, {Triple: x86, CPU: `x" "y`}, {Triple: x86, Features: []string{"avx2"}}, {Triple: x86, Features: []string{"+a,+b"}}, {Triple: "a b"},
		} {
			if obj, err := c.Compile(context.Background(), []byte(scale), o); err == nil {
				t.Errorf("%+v: an object of %d bytes", o, len(obj))
			}
		}
	})
}

// unsupported makes LLVM end its process: the processor has not what the intrinsic stands for.
const unsupported = `declare <16 x float> @llvm.x86.avx512.rcp14.ps.512(<16 x float>, <16 x float>, i16)
define <16 x float> @f(<16 x float> %a) {
  %b = call <16 x float> @llvm.x86.avx512.rcp14.ps.512(<16 x float> %a, <16 x float> %a, i16 -1)
  ret <16 x float> %b
}
`

func TestCrash(t *testing.T) {
	t.Setenv(cache.Variable, t.TempDir())
	each(t, func(t *testing.T, c Toolchain) {
		_, err := c.Compile(context.Background(), []byte(unsupported), Options{Triple: x86, CPU: "x86-64"})
		var crash *Crash
		if !errors.As(err, &crash) {
			t.Fatalf("%T %v", err, err)
		}
		saved, err := os.ReadFile(crash.Module)
		if err != nil || !strings.Contains(string(saved), "@llvm.x86.avx512.rcp14.ps.512") || !strings.HasPrefix(string(saved), "; ") {
			t.Errorf("the saved module: %v\n%s", err, saved)
		}
		if crash.Reason == "" || strings.Contains(crash.Reason, "\n\n") {
			t.Errorf("reason %q", crash.Reason)
		}
		// The next is compiled as if nothing had been.
		compile(t, c, scale, Options{Triple: x86})
	})
}

func TestCancel(t *testing.T) {
	each(t, func(t *testing.T, c Toolchain) {
		compile(t, c, scale, Options{Triple: x86}) // a child is there
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Millisecond)
		defer cancel()
		start := time.Now()
		_, err := c.Compile(ctx, []byte(large(3000)), Options{Triple: x86})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("it ended after %v", took)
		}
		compile(t, c, scale, Options{Triple: x86})
	})
}

func TestConcurrent(t *testing.T) {
	each(t, func(t *testing.T, c Toolchain) {
		want := compile(t, c, large(4), Options{Triple: x86})
		var wait sync.WaitGroup
		for range 6 {
			wait.Go(func() {
				got, err := c.Compile(context.Background(), []byte(large(4)), Options{Triple: x86})
				if err != nil || !bytes.Equal(got, want) {
					t.Errorf("%d bytes, not %d: %v", len(got), len(want), err)
				}
			})
		}
		wait.Wait()
	})
}

func TestAttributed(t *testing.T) {
	o := Options{Triple: x86, CPU: "c", Tune: "t", Features: []string{"+a", "-b"}}
	const added = ` "target-cpu"="c" "target-features"="+a,-b" "tune-cpu"="t"`
	for _, test := range []struct{ ir, want string }{
		{"define void @f() {", "define void @f()" + added + " {"},
		{"define void @f() #0 {\n", "define void @f()" + added + " #0 {\n"},
		{"define i64 @\"a)(\"({ i64, ptr } %x, ptr align(8) %y) local_unnamed_addr addrspace(0) nounwind {", "define i64 @\"a)(\"({ i64, ptr } %x, ptr align(8) %y) local_unnamed_addr addrspace(0)" + added + " nounwind {"},
		{"declare void @f()\n; define\n  define\n", "declare void @f()\n; define\n  define\n"},
		{"define void @f() \"target-cpu\"=\"x\" {\ndefine void @g() {", "define void @f() \"target-cpu\"=\"x\" {\ndefine void @g() {"},
		{"define void", "define void"},
		{"define void @f(i64", "define void @f(i64"},
	} {
		if got := string(attributed([]byte(test.ir), o)); got != test.want {
			t.Errorf("%s\ngives\n%s", test.ir, got)
		}
	}
	if got := string(attributed([]byte("define void @f() {"), Options{Triple: x86})); got != "define void @f() {" {
		t.Errorf("without a processor: %s", got)
	}
}

func TestVersionIn(t *testing.T) {
	for name, want := range map[string]int{
		"libLLVM.so.19.1": 19, "libLLVM-16.so.1": 16, "libLLVM-14.0.6.so.1": 14, "libLLVM-17.so": 17, "libLLVM.so": 0, "libLLVM.dylib": 0,
		"libLLVM.so.20.1-rust": 0, "libLLVMSupport.so": 0, "libLLVM.so.21": 21, "libLLVM-19.dylib": 19,
	} {
		if got := versionIn("/x/" + name); got != want {
			t.Errorf("%s: %d", name, got)
		}
	}
	paths := librariesIn([]string{"testdata", t.TempDir()})
	if len(paths) != 0 {
		t.Errorf("%v", paths)
	}
}

// script makes a program that prints a line for --version.
func script(t *testing.T, path, says string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+says+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
}

func TestSearch(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("programs are shell scripts here")
	}
	folder := t.TempDir()
	in := func(parts ...string) string { return filepath.Join(append([]string{folder}, parts...)...) }
	script(t, in("old", "opt"), "echo 'Debian LLVM version 14.0.6'")
	script(t, in("old", "llc"), "echo 'Debian LLVM version 14.0.6'")
	script(t, in("old", "clang"), "echo 'Apple clang version 15.0.0'")
	script(t, in("good", "opt"), "echo 'LLVM (http://llvm.org/):'; echo '  LLVM version 18.1.8'")
	script(t, in("good", "llc"), "echo '  LLVM version 18.1.8'")
	script(t, in("mixed", "opt-19"), "echo 'LLVM version 19.1.7'")
	script(t, in("mixed", "llc-19"), "echo 'LLVM version 17.0.1'")
	script(t, in("alone", "opt"), "echo 'LLVM version 19.1.7'")
	script(t, in("alone", "clang-16"), "echo 'Ubuntu clang version 16.0.6 (++20231112)'")
	script(t, in("broken", "opt"), "exit 3")
	script(t, in("new", "clang"), "echo 'clang version 23.0.0'")
	for _, name := range []string{"libLLVM.so.23.1", "libLLVM-15.so.1", "libLLVM.so.17.0"} {
		script(t, in("libraries", name), "")
	}
	os.Mkdir(in("empty"), 0o700)
	tests := []struct {
		search search
		want   string   // the name
		errors []string // or what the error says
	}{
		{search: search{tools: []string{in("good")}}, want: "opt and llc 18.1.8 (" + in("good", "opt") + ")"},
		{search: search{tools: []string{in("old"), in("*d")}}, want: "opt and llc 18.1.8 (" + in("good", "opt") + ")"},
		{search: search{tools: []string{in("alone")}}, want: "clang 16.0.6 (" + in("alone", "clang-16") + ")"},
		{search: search{variable: in("good")}, want: "opt and llc 18.1.8 (" + in("good", "opt") + ")"},
		{search: search{tools: []string{in("old")}}, errors: []string{"opt is LLVM 14.0.6", "clang is not LLVM's", "16 to 22", in("old"), "apt install", "dnf install", "brew install", Variable}},
		{search: search{tools: []string{in("mixed")}}, errors: []string{"llc-19 is 17.0.1"}},
		{search: search{tools: []string{in("broken")}}, errors: []string{"--version fails: exit status 3"}},
		{search: search{tools: []string{in("new")}}, errors: []string{"clang is LLVM 23.0.0"}},
		{search: search{libraries: []string{in("libraries")}}, errors: []string{"libLLVM.so.23.1 is LLVM 23", "libLLVM-15.so.1 is LLVM 15", "libLLVM.so.17.0 cannot be loaded"}},
		{search: search{libraries: []string{in("none")}, listed: func() []string { return []string{in("libraries", "libLLVM-15.so.1")} }}, errors: []string{"libLLVM-15.so.1 is LLVM 15"}},
		{search: search{variable: in("libraries", "libLLVM-15.so.1")}, errors: []string{Variable, "is LLVM 15", "16 to 22"}},
		{search: search{variable: in("libraries", "libLLVM.so.17.0")}, errors: []string{Variable, "cannot be loaded"}},
		{search: search{variable: in("nowhere")}, errors: []string{Variable, "no such file"}},
		{search: search{variable: in("empty")}, errors: []string{"no LLVM of version", in("empty")}},
		{search: search{variable: "off"}, errors: []string{"TILEC_LLVM is off"}},
		{search: search{}, errors: []string{"no LLVM of version"}},
	}
	for _, test := range tests {
		for _, kept := range []*cache.Cache{nil, cache.At(in("cache"), 1<<20), cache.At(in("cache"), 1<<20)} {
			test.search.kept = kept
			found, err := test.search.find()
			if test.want != "" {
				if err != nil || found.Name() != test.want {
					t.Errorf("%+v: %v, %v", test.search, found, err)
				}
				continue
			}
			if err == nil {
				t.Errorf("%+v: found %s", test.search, found.Name())
				continue
			}
			for _, want := range test.errors {
				if want == "libLLVM.so.17.0 cannot be loaded" && runtime.GOOS == "windows" {
					continue
				}
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%+v: no %q in: %v", test.search, want, err)
				}
			}
		}
	}
}

func TestFrames(t *testing.T) {
	var b bytes.Buffer
	parts := [][]byte{[]byte("a"), nil, bytes.Repeat([]byte("x"), 100_000)}
	if err := send(&b, parts...); err != nil {
		t.Fatal(err)
	}
	whole := slices.Clone(b.Bytes())
	got, err := receive(&b, 3)
	if err != nil || !slices.EqualFunc(got, parts, bytes.Equal) {
		t.Errorf("%d parts, %v", len(got), err)
	}
	for _, wrong := range [][]byte{nil, whole[:3], whole[:9], whole[:len(whole)-1], append([]byte{2}, whole[1:]...), []byte("\x03\x00\x00\x00\xff\xff\xff\xff")} {
		if got, err := receive(bytes.NewReader(wrong), 3); err == nil {
			t.Errorf("%.20q: %d parts", wrong, len(got))
		}
	}
}

func TestProblem(t *testing.T) {
	ir := []byte("one\ntwo\nthree")
	for message, want := range map[string]ParseError{
		"<stdin>:2:1: error: bad\ntwo\n^":            {Line: 2, Column: 1, Text: "two", Message: "bad"},
		"opt-19: <stdin>:3:4: error: worse\nthree\n": {Line: 3, Column: 4, Text: "three", Message: "worse"},
		"<stdin>:4:1: error: past the end":           {Line: 4, Column: 1, Message: "past the end"},
		"<stdin>:99999999999999999999:1: error: far": {Message: "<stdin>:99999999999999999999:1: error: far"},
		"no place": {Message: "no place"},
	} {
		var got *ParseError
		if !errors.As(problem(ir, message), &got) || *got != want {
			t.Errorf("%s: %+v", message, got)
		}
	}
}

// The time of a compile of a small module, by each toolchain.
func BenchmarkCompile(b *testing.B) {
	for name, c := range toolchains(b) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				compile(b, c, scale, Options{Triple: x86, CPU: "x86-64-v4"})
			}
		})
	}
}
