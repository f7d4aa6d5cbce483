package ptx

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tilec/tilec/codegen"
	"github.com/tilec/tilec/dsl/check"
	"github.com/tilec/tilec/dsl/compile"
)

// TestRefused compiles programs of the explicit level that are wrong in ways which only the placed stage sees: each is refused at its
// line, and where two sides take part, with the other's.
func TestRefused(t *testing.T) {
	to := target(t, "sm_80")
	for _, c := range []struct{ name, body, want string }{
		{"two roles wait for each other", `
up := chan f32[64] depth 1
down := chan f32[64] depth 1
role one on 1 warp { for n in N by 64 {
    y[n] = <-down[n]
    up[n] <- x[n]
} }
role two on 1 warp { for n in N by 64 {
    t := <-up[n]
    down[n] <- t
} }`, "k.tile:7:12: channel down: take waits for ever, and so does channel up: take in another role or group, for N = 64 (the other place: k.tile:11:10)"},
		{"a role takes more than is sent", `
up := chan f32[64] depth 2
role one on 1 warp { for n in N by 64 { up[n] <- x[n] } }
role two on 1 warp { for n in N by 64 {
    t := <-up[n]
    u := <-up[n]
    y[n] = t + u
} }`, "k.tile:8:10: channel up: take waits for ever: no slot of 2 is filled any more, for N = 64 (the other place: k.tile:5:41)"},
		{"a role takes less than is sent", `
up := chan f32[64] depth 2
role one on 1 warp { for n in N by 64 { up[n] <- x[n] } }
role two on 1 warp { for n in 0..min(64, N) by 64 { y[n] = <-up[n] } }`, "k.tile:4:7: channel up: 1 slots are held at the end, for N = 128 (the other place: k.tile:5:41)"},
		{"a role takes far less than is sent", `
up := chan f32[64] depth 2
role one on 1 warp { for n in N by 64 { up[n] <- x[n] } }
role two on 1 warp { for n in 0..0 by 64 { y[n] = <-up[n] } }`, "k.tile:4:7: channel up: 1 slots are held at the end, for N = 64 (the other place: k.tile:5:41)"},
		{"taken before it is sent", `
ks := chan f32[64] depth 2
for n in N by 64 {
    t := <-ks[n]
    ks[n] <- x[n]
    y[n] = t
}`, "k.tile:6:10: channel ks: take waits for ever: no slot of 2 is filled before this commit, which stands behind it, for N = 64 (the other place: k.tile:7:5)"},
		{"more sent than there are slots", `
ks := chan f32[64] depth 1
for n in N by 64 {
    ks[n] <- x[n]
    ks[n] <- x[n]
    t := <-ks[n]
    u := <-ks[n]
    y[n] = t + u
}`, "k.tile:7:5: channel ks: acquire waits for ever: no slot of 1 is free before this release, which stands behind it, for N = 64 (the other place: k.tile:8:5)"},
		{"too many warps", `
up := chan f32[64] depth 2
role one on 20 warps { for n in N by 64 { up[n] <- x[n] } }
role two on 20 warps { for n in N by 64 { y[n] = <-up[n] } }`, "k.tile:3:33: the roles have 40 warps together, and a block has at most 32"},
		{"too many barriers", `
up := chan f32[64] depth 9
role one on 1 warp { for n in N by 64 { up[n] <- x[n] } }
role two on 1 warp { for n in N by 64 { y[n] = <-up[n] } }`, "k.tile:4:7: channels, turns and roles need 19 barriers, and a block has 16: give channels fewer slots, or roles fewer groups"},
		{"too much shared memory", `
up := chan f32[64, 64] depth 12
axis k = 64
for n in N by 64 {
    up[n, k] <- x[n] + 0 * k as f32
    y[n] = sum[k](<-up[n, k])
}`, "k.tile:4:7: 208896 bytes of shared memory are needed, and a block has 166912; make the tiles smaller"},
		{"no such instruction", `
for n in N by 64 { y[n] = asm ptx "frobnicate.f32 $0, $1;" (x[n]) }`, `k.tile:4:27: target sm_80: asm "frobnicate.f32 $0, $1;": frobnicate is no instruction that is known`},
		{"an instruction of wrong operands", `
for n in N by 64 { y[n] = asm ptx "add.f32 $0, $1;" (x[n]) }`, `k.tile:4:27: target sm_80: asm "add.f32 $0, $1;": `},
		{"text that leaves its instruction", `
for n in N by 64 { y[n] = asm ptx "add.f32 $0, $1, $1; ret; }" (x[n]) }`, `k.tile:4:27: target sm_80: asm "add.f32 $0, $1, $1; ret; }": `},
		{"a layout of too many positions", `
for n in N by 64 {
    v := x[n]
    pin v[n] layout local(1024) * spatial(64)
    y[n] = v
}`, "k.tile:6:5: the pinned layout of tile<f32,[%n:64]> is 65536 long along n, which does not divide the 64 positions of registers there"},
		{"a layout of more lanes than a warp", `
for n in N by 64 {
    v := x[n]
    pin v[n] layout spatial(64)
    y[n] = v
}`, "k.tile:6:5: the pinned layout"},
	} {
		text := "package k\n\nkernel k(x f32[N]) (y f32[N]) { parallel b in 1 {" + c.body + "\n} }\n"
		said := func() (said string) {
			defer func() {
				if r := recover(); r != nil {
					said = fmt.Sprint("panic: ", r)
				}
			}()
			prog, list := check.LoadText(map[string]string{"k.tile": text})
			if list.HasErrors() {
				return list.Err().Error()
			}
			k, list := prog.Packages[0].Kernels[0].Instantiate(check.Bindings{Target: "sm_80"})
			if list.HasErrors() {
				return list.Err().Error()
			}
			fn, _, err := compile.Func(k, compile.Options{Verify: true})
			if err != nil {
				return err.Error()
			}
			if _, err = to.Compile(t.Context(), fn, codegen.Options{}); err != nil {
				return err.Error()
			}
			return "nothing"
		}()
		if !strings.Contains(said, c.want) {
			t.Errorf("%s: %s\nwant %s", c.name, said, c.want)
		}
	}
}
