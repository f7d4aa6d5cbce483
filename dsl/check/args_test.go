package check

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tilec/tilec/ir/dtype"
)

// tensorArg and scalarArg describe arguments.
func tensorArg(t dtype.Type, dims ...int64) ArgInfo {
	if dims == nil {
		dims = []int64{}
	}
	return ArgInfo{Elem: t, Dims: dims}
}

func scalarArg() ArgInfo { return ArgInfo{} }

func TestBindArgs(t *testing.T) {
	prog, list := LoadText(map[string]string{"k.tile": `package p

kernel gemm[T: f16 | f32, O: type = T](a T[M, K], b T[N, K], s f32) (c O[M, N]) {
    parallel m in M by 16, n in N by 16 {
        t := f32[m, n](0)
        for k in K by 16 { t += dot[k](a[m, k], b[n, k]) }
        c[m, n] = (t * s) as O
    }
}

kernel groups[W: 1..8, G: int, D: int, E: int = 2 * D](w u{W}[N, K] packed, s f16[N, K/G], off i32[X+1], q f32[D], v f32[1 << W]) (y f32[N, X, E]) {
    parallel n in N by 16, i in X { 
        axis e = E
        y[n, i, e] = off[i] as f32 + v[0]
    }
}

kernel pair(x f32[2*P, N-1]) (inout z f32[N], y f32[Q]) {
    require Q == P + N
    parallel i in P { y[i] = x[2*i, 0] else 0 }
    parallel n in N by 16 { z[n] += 1 }
}

kernel solved(s f32[K/G], x f32[K+1], h f32[cdiv(K, 4)]) (y f32[K], z f32[(K+1)/2+1]) {
    parallel k in K by 16 { y[k] = s[k/G] }
    parallel k in (K+1)/2+1 by 16 { z[k] = 0 }
}
`})
	report(t, list)
	f16, f32, u4 := dtype.F16, dtype.F32, dtype.U4
	tests := []struct {
		kernel string
		args   []ArgInfo
		given  map[string]Value
		want   string // generics and sizes, or the error
	}{
		{"gemm", []ArgInfo{tensorArg(f16, 3, 4), tensorArg(f16, 5, 4), scalarArg()}, nil, "T=f16 | M=3 K=4 N=5 | c [3 5]"},
		{"gemm", []ArgInfo{tensorArg(f16, 3, 4), tensorArg(f16, 5, 4), scalarArg()}, map[string]Value{"O": TypeValue(f32)}, "O=f32 T=f16 | M=3 K=4 N=5 | c [3 5]"},
		{"gemm", []ArgInfo{tensorArg(f16, 3, 4), tensorArg(f16, 5, 6), scalarArg()}, nil, "dimension 2 of b is 6, and K is 4, by dimension 2 of a"},
		{"gemm", []ArgInfo{tensorArg(f16, 3), tensorArg(f16, 5, 6), scalarArg()}, nil, "parameter a of gemm has 2 dimensions ([M, K]), and a has 1 [3]"},
		{"gemm", []ArgInfo{scalarArg(), tensorArg(f16, 5, 6), scalarArg()}, nil, "parameter a of gemm is a tensor of 2 dimensions, and a is a scalar"},
		{"gemm", []ArgInfo{tensorArg(f16, 3, 4), tensorArg(f16, 5, 4), tensorArg(f16, 1)}, nil, "parameter s of gemm is a scalar, and s has 1 dimension"},
		{"gemm", []ArgInfo{tensorArg(f16, 3, 4)}, nil, "kernel gemm takes 3 arguments, and there is 1"},
		{"gemm", []ArgInfo{tensorArg(dtype.Type{}, 3, 4), tensorArg(dtype.Type{}, 5, 4), scalarArg()}, nil, "nothing binds generic T (f16 | f32) of kernel gemm: give it, as T=…"},
		{"gemm", []ArgInfo{tensorArg(dtype.F64, 3, 4), tensorArg(dtype.F64, 5, 4), scalarArg()}, nil, "k.tile:3:13: error E0227: generic T of gemm is one of f16 | f32, not f64"},
		{"groups", []ArgInfo{tensorArg(u4, 6, 64), tensorArg(f16, 6, 2), tensorArg(dtype.I32, 8), tensorArg(f32, 5), tensorArg(f32, 16)}, nil,
			"D=5 G=32 W=4 | N=6 K=64 X+1=8 X=7 | y [6 7 10]"},
		{"groups", []ArgInfo{tensorArg(u4, 6, 64), tensorArg(f16, 6, 3), tensorArg(dtype.I32, 8), tensorArg(f32, 5), tensorArg(f32, 16)}, map[string]Value{"G": IntValue(32)},
			"dimension 2 of s is 3, and K/G is 2, by K = 64 by dimension 2 of w, G = 32 by the value given"},
		{"groups", []ArgInfo{tensorArg(u4, 6, 63), tensorArg(f16, 6, 2), tensorArg(dtype.I32, 8), tensorArg(f32, 5), tensorArg(f32, 16)}, map[string]Value{"G": IntValue(32)},
			"dimension 2 of s is K/G, and 63 is not a multiple of 32, by K = 63 by dimension 2 of w, G = 32 by the value given"},
		{"groups", []ArgInfo{tensorArg(u4, 6, 64), tensorArg(f16, 6, 2), tensorArg(dtype.I32, 0), tensorArg(f32, 5), tensorArg(f32, 16)}, nil,
			"dimension X would be -1, by dimension 1 of off"},
		{"groups", []ArgInfo{tensorArg(u4, 6, 64), tensorArg(f16, 6, 2), tensorArg(dtype.I32, 8), tensorArg(f32, 5), tensorArg(f32, 8)}, nil,
			"dimension 1 of v is 8, and 1 << W is 16, by W = 4 by the type of w"},
		{"pair", []ArgInfo{tensorArg(f32, 6, 3), tensorArg(f32, 4)}, nil, " | N=4 2*P=6 P=3 Q=7 | z [4] y [7]"},
		{"pair", []ArgInfo{tensorArg(f32, 6, 3), tensorArg(f32, 5)}, nil, "dimension 2 of x is 3, and N-1 is 4, by N = 5 by dimension 1 of z"},
		{"pair", []ArgInfo{tensorArg(f32, 7, 3), tensorArg(f32, 4)}, nil, "dimension 1 of x is 7, and no P makes that of 2*P"},
		{"solved", []ArgInfo{tensorArg(f32, 3), tensorArg(f32, 16), tensorArg(f32, 4)}, nil, " | K+1=16 K=15 K/G=3 G=5 | y [15] z [9]"},
		{"solved", []ArgInfo{tensorArg(f32, 4), tensorArg(f32, 16), tensorArg(f32, 4)}, nil, "dimension 1 of s is 4, and no G makes that of K/G, by K = 15 by dimension 1 of x"},
		{"solved", []ArgInfo{tensorArg(f32, 0), tensorArg(f32, 1), tensorArg(f32, 0)}, nil,
			"dimension 1 of s is 0, which says nothing about G in K/G: make G a generic, `[G: int]`, and give it"},
		{"solved", []ArgInfo{tensorArg(f32, 3), tensorArg(f32, 16), tensorArg(f32, 3)}, nil, "dimension 1 of h is 3, and cdiv(K, 4) is 4, by K = 15 by dimension 1 of x"},
	}
	for i, test := range tests {
		t.Run(fmt.Sprint(i, test.kernel), func(t *testing.T) {
			got := bindText(prog.Packages[0].Kernel(test.kernel), test.args, test.given)
			if d := cmp.Diff(test.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

// bindText binds arguments and describes what came of it.
func bindText(k *Kernel, args []ArgInfo, given map[string]Value) string {
	b, err := k.BindArgs(args, Bindings{Generics: given})
	if err != nil {
		return err.Error()
	}
	var parts []string
	for _, name := range sortedKeys(b.Generics) {
		parts = append(parts, name+"="+b.Generics[name].String())
	}
	v, list := k.Instantiate(b)
	if v == nil {
		return list[0].Error()
	}
	var dims [][]int64
	for _, a := range args {
		dims = append(dims, a.Dims)
	}
	sizes, err := Sizes(v, dims)
	if err != nil {
		return err.Error()
	}
	var ss, outs []string
	for i, s := range v.Sizes {
		ss = append(ss, s.Name+"="+itoa(sizes[i]))
	}
	for _, p := range v.Params {
		if p.Role != 0 {
			d, err := OutputDims(p, sizes)
			if err != nil {
				return err.Error()
			}
			outs = append(outs, fmt.Sprint(p.Name, " ", d))
		}
	}
	return strings.Join(parts, " ") + " | " + strings.Join(ss, " ") + " | " + strings.Join(outs, " ")
}

func TestParseGeneric(t *testing.T) {
	prog, list := LoadText(map[string]string{"k.tile": `package p

func mine(x f32) f32 { return x }

kernel k[T: f16 | f32, W: 1..8, c: bool, D: int, act: none | relu | mine](x T[D]) (y T[D]) {
    parallel d in D by 16 { y[d] = act(x[d] as f32) as T }
}
`})
	report(t, list)
	k := prog.Packages[0].Kernels[0]
	tests := []struct{ name, text, want string }{
		{"T", "f16", "f16"}, {"T", "f64", "generic T of k is one of f16 | f32, not f64"}, {"T", "3", "generic T of k is a type, not 3"},
		{"T", "nonsense", "T=nonsense: there is no nonsense"}, {"W", "8", "8"}, {"W", "9", "generic W of k is one of 1..8, not 9"},
		{"W", "0x4", "4"}, {"c", "true", "true"}, {"c", "1", "generic c of k is a bool, not 1"}, {"D", "-3", "-3"}, {"D", "f16", "generic D of k is an integer, not f16"},
		{"act", "relu", "relu"}, {"act", "mine", "mine"}, {"act", "gelu", "generic act of k is one of none | relu | mine, not gelu"},
		{"acts", "relu", "kernel k has no generic acts: did you mean act?"},
	}
	for _, test := range tests {
		got := ""
		if v, err := k.ParseGeneric(test.name, test.text); err != nil {
			got = err.Error()
		} else {
			got = v.String()
		}
		if got != test.want {
			t.Errorf("%s=%s: %q, want %q", test.name, test.text, got, test.want)
		}
	}
}

// TestEdgeRows holds that every size of every tile appears, that no two columns go in step, and that rows are few.
func TestEdgeRows(t *testing.T) {
	for _, tiles := range [][]int64{{64}, {64, 32}, {64, 64, 32}, {1, 2, 3, 4}, {8, 8, 8, 8, 8}, {1}} {
		rows := EdgeRows(tiles)
		if len(rows) > 9 {
			t.Errorf("%v: %d rows", tiles, len(rows))
		}
		for i, b := range tiles {
			for _, n := range []int64{0, 1, b - 1, b, b + 1, 2*b + 1, primeAfter(b + b/2)} {
				if !slices.ContainsFunc(rows, func(r []int64) bool { return r[i] == n }) {
					t.Errorf("%v: size %d of tile %d never appears in %v", tiles, n, i, rows)
				}
			}
		}
		for i := 1; i < len(tiles); i++ {
			same := 0
			for _, r := range rows {
				if (r[i] <= 1) == (r[0] <= 1) {
					same++
				}
			}
			if len(tiles) > 1 && tiles[0] > 2 && same == len(rows) {
				t.Errorf("%v: columns 0 and %d are small together: %v", tiles, i, rows)
			}
		}
	}
}

func TestCases(t *testing.T) {
	prog, list := LoadText(map[string]string{"k.tile": `package p

kernel k[T: f16 | f32, W: type, V: 1..8, c: bool, D: int = 3](w W[N], x T[N], u u{V}[N]) (y T[N]) {
    require bitsof(W) <= 8
    parallel n in N by 16 { y[n] = x[n] + (w[n] as T) }
}

test k "all" {
    const N = 5
    expect k(randcode(W, N), randn(T, N), randcode(u{V}, N)) == k[c = true](randcode(W, N), randn(T, N), randcode(u{V}, N))
}

test k "one" {
    const N, T, W, c = 5, f16, u4, true
    expect k(randcode(W, N), randn(T, N), randcode(u4, N)) == 3
}
`})
	report(t, list)
	var got [][]string
	for _, test := range prog.Packages[0].Tests {
		cases, list := test.Cases()
		report(t, list)
		var s []string
		for _, c := range cases {
			s = append(s, c.String())
		}
		got = append(got, s)
	}
	want := [][]string{{
		"T = f16, W = u1, V = 1", "T = f32, W = u3, V = 4", "T = f16, W = u4, V = 8", "T = f32, W = i4, V = 8", "T = f16, W = i8, V = 1",
		"T = f32, W = bp2, V = 4", "T = f16, W = f4e2m1, V = 4", "T = f32, W = f6e3m2, V = 8", "T = f16, W = f8e4m3, V = 1",
	}, {""}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}
