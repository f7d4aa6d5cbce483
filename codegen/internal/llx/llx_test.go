package llx

import (
	"bytes"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/llir/llvm/ir"
)

// everything is a module that uses each kind of thing the package makes.
func everything() *Module {
	m := NewModule("x86_64-unknown-linux-gnu")
	b := m.Func("f", I64, []*ir.Param{Param("ctx", Ptr, "noalias", "nocapture"), Param("n", I64)}, Word("nounwind"), Attr("target-cpu", "skylake-avx512"))
	ctx, n := Value(b.Fn.Params[0]), Value(b.Fn.Params[1])
	tab := m.Table("tab", []byte{1, 2, 3, 0, 255})
	v := b.Alloca(Vec(Float, 16), 4, 64)
	b.Store(b.Splat(F32(0.1), 16), v, 64)
	b.For(C64(0), n, 16, func(i Value) {
		p := b.Index(Float, ctx, i)
		x := b.Load(Vec(Float, 16), p, 4)
		acc := b.Load(Vec(Float, 16), b.Index(Vec(Float, 16), v, C64(1)), 64)
		s := b.Splat(b.SIToFP(i, Float), 16)
		b.Store(b.Intrinsic("fma", Vec(Float, 16), x, s, acc), b.Index(Vec(Float, 16), v, C64(1)), 64)
		b.If(b.ICmp("sgt", i, C64(100)), func() { b.StoreNT(x, b.Offset(ctx, C64(64)), 64) }, nil)
	})
	h := b.Load(Vec(BFloat, 16), ctx, 2)
	f := b.FPExt(h, Vec(Float, 16))
	e := b.Extract(f, C64(3))
	g := b.Insert(f, e, C64(5))
	r := b.Shuffle(g, f, []int{0, 16, 1, 17, -1, 3, 4, 5})
	b.Store(r, ctx, 4)
	c := b.FCmp("olt", f, g)
	b.Store(b.Select(c, f, g), ctx, 4)
	b.Call("llvm.masked.store.v16f32.p0", Void, f, ctx, C32(4), c)
	bits := b.Bitcast(c, I16)
	b.Store(bits, ctx, 2)
	old := b.Atomic("add", ctx, n)
	_, ok := b.CmpXchg(ctx, old, n)
	k := b.Load(I8, b.Offset(tab, C64(3)), 1)
	sum := b.Add(b.ZExt(k, I64), b.ZExt(ok, I64))
	b.Asm("pause", "~{memory}", true, Void)
	b.While(func() Value { return b.ICmp("ne", b.Volatile(I64, ctx, 8), C64(0)) }, func() { b.Store(C64(0), ctx, 8) })
	shifted := b.AShr(b.LShr(b.Shl(b.And(sum, n), C64(3)), C64(1)), C64(1))
	mixed := b.Xor(b.Or(shifted, b.Mul(n, n)), b.Sub(b.Max(sum, n), b.SDiv(sum, b.Freeze(n))))
	wide := b.SExt(b.Trunc(mixed, I32), I64)
	b.Store(b.FMul(b.FAdd(f, b.FNeg(g)), b.FSub(f, b.Splat(F32(1.5), 16))), ctx, 4)
	b.Store(b.FPTrunc(b.Splat(F32(2), 16), Vec(Half, 16)), ctx, 2)
	b.Store(b.Choose(b.FCmp("uno", e, e), func() Value { return e }, func() Value { return F32(0) }), ctx, 4)
	b.Store(b.Load(I16, b.Indices(I8, ctx, b.Steps(I64, 1)), 2), ctx, 2)
	b.Store(Ints(I8, 1, -2, 100000), ctx, 1)
	m.Local("own", Void, []*ir.Param{Param("", Ptr)}, func(b *B) {
		b.Store(Int(I1, 1), b.Fn.Params[0], 1)
		b.Ret(nil)
	})
	b.Call("own", Void, ctx)
	b.Ret(b.Select(Int(I1, 0), wide, C64(-1)))
	return m
}

// The module's text is llir's, but for the notation of numbers.
func TestWriter(t *testing.T) {
	for _, places := range []bool{false, true} {
		m := everything()
		if places {
			m = NewModule("x86_64-unknown-linux-gnu")
			m.KeepPlaces()
			b := m.Func("f", I64, []*ir.Param{Param("n", I64)}, Word("nounwind"))
			back := b.From("a.tile", 3, 4)
			b.Call("g", Void, b.Add(b.Fn.Params[0], b.Load(I64, Null(), 8)))
			back()
			b.Ret(b.Mul(b.Fn.Params[0], b.Fn.Params[0]))
		}
		got := m.String()
		hex := regexp.MustCompile("u0x[0-9A-F]+")
		want := hex.ReplaceAllStringFunc(m.M.String(), func(s string) string {
			n, err := strconv.ParseUint(s[3:], 16, 64)
			if err != nil {
				t.Fatal(err)
			}
			return strconv.FormatUint(n, 10)
		})
		if diff := cmp.Diff(want, got[:min(len(got), len(want))]); diff != "" {
			t.Errorf("(-llir +ours):\n%s", diff)
		}
		if places != (len(got) > len(want)) {
			t.Errorf("%d bytes, llir's are %d", len(got), len(want))
		}
	}
}

func TestText(t *testing.T) {
	text := everything().String()
	if text != everything().String() {
		t.Error("two makings of one module differ")
	}
	for _, want := range []string{"ptr noalias nocapture %ctx", "!nontemporal !{i32 1}", "0x3FB99999A0000000", "<16 x bfloat>"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
	llc, err := exec.LookPath("llc-19")
	if err != nil {
		t.Skip("llc-19 is not installed")
	}
	cmd := exec.Command(llc, "-O1", "-o", "-")
	cmd.Stdin = strings.NewReader(text)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	if out, err := cmd.Output(); err != nil || !bytes.Contains(out, []byte("vfmadd")) {
		t.Fatalf("%v: %s\n%s", err, errs.String(), text)
	}
}

func TestFold(t *testing.T) {
	m := NewModule("")
	b := m.Func("f", I64, nil)
	if v, ok := ConstInt(b.Add(b.Mul(C64(3), C64(5)), b.Sub(C64(1), C64(-2)))); !ok || v != 18 {
		t.Errorf("3·5 + (1 - -2) is %d, %v", v, ok)
	}
	if v, ok := ConstInt(b.Add(Int(I8, 127), Int(I8, 1))); !ok || v != -128 {
		t.Errorf("127 + 1 in i8 is %d, %v", v, ok)
	}
	if n := len(b.Cur.Insts); n != 0 {
		t.Errorf("%d instructions for constants", n)
	}
}
