package llx

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"

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
	b.Ret(sum)
	return m
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
