package fragment

import (
	"slices"
	"testing"
)

// Positions and what they hold, by hand from the vendors' figures and by AMD's calculator: the first and last lanes and
// slots, and some between.
func TestSpots(t *testing.T) {
	spots := []struct {
		name             string
		lane, warp, slot int64
		at               []int64
	}{
		// mma.sync
		{"mma_m16n8k16_bf16.a", 0, 0, 0, []int64{0, 0}},
		{"mma_m16n8k16_bf16.a", 0, 0, 7, []int64{8, 9}},
		{"mma_m16n8k16_bf16.a", 1, 0, 0, []int64{0, 2}},
		{"mma_m16n8k16_bf16.a", 13, 0, 4, []int64{3, 10}},
		{"mma_m16n8k16_bf16.a", 18, 0, 1, []int64{4, 5}},
		{"mma_m16n8k16_bf16.a", 31, 0, 0, []int64{7, 6}},
		{"mma_m16n8k16_bf16.a", 31, 0, 7, []int64{15, 15}},
		{"mma_m16n8k16_bf16.b", 0, 0, 3, []int64{9, 0}},
		{"mma_m16n8k16_bf16.b", 13, 0, 2, []int64{10, 3}},
		{"mma_m16n8k16_bf16.b", 31, 0, 0, []int64{6, 7}},
		{"mma_m16n8k16_bf16.b", 31, 0, 3, []int64{15, 7}},
		{"mma_m16n8k16_bf16.d", 0, 0, 3, []int64{8, 1}},
		{"mma_m16n8k16_bf16.d", 1, 0, 0, []int64{0, 2}},
		{"mma_m16n8k16_bf16.d", 13, 0, 2, []int64{11, 2}},
		{"mma_m16n8k16_bf16.d", 31, 0, 3, []int64{15, 7}},
		{"mma_m16n8k16_f16_f16.d", 31, 0, 2, []int64{15, 6}},
		{"mma_m16n8k8_f16.a", 31, 0, 3, []int64{15, 7}},
		{"mma_m16n8k8_f16.b", 22, 0, 1, []int64{5, 5}},
		{"mma_m16n8k4_tf32.a", 31, 0, 1, []int64{15, 3}},
		{"mma_m16n8k4_tf32.b", 30, 0, 0, []int64{2, 7}},
		{"mma_m16n8k8_tf32.a", 0, 0, 3, []int64{8, 4}},
		{"mma_m16n8k8_tf32.a", 13, 0, 2, []int64{3, 5}},
		{"mma_m16n8k8_tf32.a", 18, 0, 1, []int64{12, 2}},
		{"mma_m16n8k8_tf32.b", 31, 0, 1, []int64{7, 7}},
		{"mma_m16n8k16_s8.a", 31, 0, 7, []int64{15, 15}},
		{"mma_m8n8k16_s8.a", 31, 0, 3, []int64{7, 15}},
		{"mma_m8n8k16_s8.d", 31, 0, 1, []int64{7, 7}},
		{"mma_m16n8k32_s8.a", 0, 0, 15, []int64{8, 19}},
		{"mma_m16n8k32_s8.a", 13, 0, 8, []int64{3, 20}},
		{"mma_m16n8k32_e4m3xe5m2.a", 31, 0, 0, []int64{7, 12}},
		{"mma_m16n8k32_e4m3xe5m2.b", 31, 0, 7, []int64{31, 7}},
		{"mma_m16n8k64_s4.a", 31, 0, 31, []int64{15, 63}},
		{"mma_m16n8k64_s4.b", 0, 0, 15, []int64{39, 0}},
		{"mma_m16n8k64_s4.b", 13, 0, 8, []int64{40, 3}},
		{"mma_m16n8k256_b1.a", 0, 0, 127, []int64{8, 159}},
		{"mma_m16n8k256_b1.a", 13, 0, 64, []int64{3, 160}},
		{"mma_m8n8k128_b1.b", 31, 0, 31, []int64{127, 7}},
		{"mma_m8n8k4_f64.a", 22, 0, 0, []int64{5, 2}},
		{"mma_m8n8k4_f64.d", 22, 0, 1, []int64{5, 5}},
		{"mma_m16n8k16_f64.a", 0, 0, 7, []int64{8, 12}},
		{"mma_m16n8k16_f64.a", 13, 0, 4, []int64{3, 9}},
		{"mma_m16n8k16_f64.b", 31, 0, 3, []int64{15, 7}},
		{"mma_m16n8k32_e2m1xe3m2_f8f6f4.a", 31, 0, 15, []int64{15, 31}},
		{"mma_m16n8k64_e2m1_mxf4.a", 31, 0, 31, []int64{15, 63}},
		{"mma_m16n8k64_e2m1_mxf4.sa", 4, 0, 1, []int64{1, 1}},
		{"mma_m16n8k64_e2m1_mxf4.sa", 5, 0, 0, []int64{9, 0}},
		{"mma_m16n8k64_e2m1_mxf4.sa", 31, 0, 1, []int64{15, 1}},
		{"mma_m16n8k64_e2m1_mxf4nvf4_ue4m3_4x.sb", 31, 0, 3, []int64{3, 7}},

		// ldmatrix, stmatrix, movmatrix
		{"ldmatrix_x4.rows", 0, 0, 7, []int64{0, 7, 0}},
		{"ldmatrix_x4.rows", 13, 0, 0, []int64{5, 0, 1}},
		{"ldmatrix_x4.rows", 31, 0, 7, []int64{7, 7, 3}},
		{"ldmatrix_x1.rows", 7, 0, 0, []int64{7, 0, 0}},
		{"ldmatrix_x2.rows", 15, 0, 0, []int64{7, 0, 1}},
		{"ldmatrix_x4.d", 0, 0, 1, []int64{0, 1, 0}},
		{"ldmatrix_x4.d", 13, 0, 4, []int64{3, 2, 2}},
		{"ldmatrix_x4.d", 31, 0, 7, []int64{7, 7, 3}},
		{"ldmatrix_x4_trans.d", 0, 0, 1, []int64{1, 0, 0}},
		{"ldmatrix_x4_trans.d", 13, 0, 5, []int64{3, 3, 2}},
		{"ldmatrix_x4_trans.d", 14, 0, 0, []int64{4, 3, 0}},
		{"ldmatrix_x4_trans.d", 31, 0, 7, []int64{7, 7, 3}},
		{"movmatrix_trans.a", 30, 0, 0, []int64{7, 4}},
		{"movmatrix_trans.d", 30, 0, 0, []int64{4, 7}},
		{"ldmatrix_m16n16_x2_trans.d", 31, 0, 15, []int64{15, 15, 1}},
		{"ldmatrix_m16n16_x2_trans.d", 6, 0, 5, []int64{9, 9, 0}},
		{"ldmatrix_x4_b4x16_p64.d", 6, 0, 5, []int64{1, 9, 1}},
		{"stmatrix_m16n8_x1_trans.a", 6, 0, 3, []int64{5, 9, 0}},
		{"stmatrix_m16n8_x1_trans.a", 6, 0, 1, []int64{5, 1, 0}},
		{"stmatrix_m16n8_x2_trans.a", 31, 0, 6, []int64{6, 15, 1}},

		// wgmma
		{"wgmma_m64n256k16_bf16.d", 0, 0, 0, []int64{0, 0}},
		{"wgmma_m64n256k16_bf16.d", 0, 0, 2, []int64{8, 0}},
		{"wgmma_m64n256k16_bf16.d", 0, 0, 4, []int64{0, 8}},
		{"wgmma_m64n256k16_bf16.d", 13, 1, 7, []int64{27, 11}},
		{"wgmma_m64n256k16_bf16.d", 31, 0, 127, []int64{15, 255}},
		{"wgmma_m64n256k16_bf16.d", 0, 3, 0, []int64{48, 0}},
		{"wgmma_m64n256k16_bf16.d", 31, 3, 127, []int64{63, 255}},
		{"wgmma_m64n8k16_f16_f16.d", 31, 3, 3, []int64{63, 7}},
		{"wgmma_m64n24k32_s8.d", 31, 2, 11, []int64{47, 23}},
		{"wgmma_m64n64k16_bf16.a", 13, 2, 4, []int64{35, 10}},
		{"wgmma_m64n64k16_bf16.a", 31, 3, 7, []int64{63, 15}},
		{"wgmma_m64n64k8_tf32.a", 31, 1, 3, []int64{31, 7}},
		{"wgmma_m64n64k32_e4m3.a", 31, 3, 15, []int64{63, 31}},
		{"wgmma_m64n64k256_b1.a", 31, 3, 127, []int64{63, 255}},

		// MFMA
		{"mfma_32x32x8_f16.a", 0, 0, 3, []int64{0, 3}},
		{"mfma_32x32x8_f16.a", 37, 0, 2, []int64{5, 6}},
		{"mfma_32x32x8_f16.b", 63, 0, 0, []int64{4, 31}},
		{"mfma_32x32x8_f16.d", 0, 0, 15, []int64{27, 0}},
		{"mfma_32x32x8_f16.d", 37, 0, 8, []int64{20, 5}},
		{"mfma_32x32x8_f16.d", 63, 0, 0, []int64{4, 31}},
		{"mfma_32x32x8_f16.d", 63, 0, 15, []int64{31, 31}},
		{"mfma_16x16x16_bf16.a", 37, 0, 2, []int64{5, 10}},
		{"mfma_16x16x16_bf16.d", 37, 0, 2, []int64{10, 5}},
		{"mfma_16x16x16_bf16.d", 63, 0, 0, []int64{12, 15}},
		{"mfma_4x4x4_16b_f16.a", 37, 0, 2, []int64{1, 2, 9}},
		{"mfma_4x4x4_16b_f16.d", 37, 0, 2, []int64{2, 1, 9}},
		{"mfma_32x32x1_2b_f32.b", 37, 0, 0, []int64{0, 5, 1}},
		{"mfma_32x32x1_2b_f32.d", 0, 0, 31, []int64{27, 0, 1}},
		{"mfma_32x32x1_2b_f32.d", 37, 0, 16, []int64{4, 5, 1}},
		{"mfma_16x16x4_f64.a", 37, 0, 0, []int64{5, 2}},
		{"mfma_16x16x4_f64.d", 37, 0, 2, []int64{10, 5}},
		{"mfma_16x16x4_f64.d", 0, 0, 3, []int64{12, 0}},
		{"mfma_4x4x4_4b_f64.a", 37, 0, 0, []int64{1, 2, 1}},
		{"mfma_4x4x4_4b_f64.d", 37, 0, 0, []int64{2, 1, 1}},
		{"mfma_16x16x32_i8.a", 37, 0, 4, []int64{5, 20}},
		{"mfma_16x16x32_fp8xbf8_fnuz.b", 63, 0, 0, []int64{24, 15}},
		{"mfma_16x16x8_xf32.a", 63, 0, 1, []int64{15, 7}},
		{"mfma_16x16x32_f16.a", 63, 0, 0, []int64{15, 24}},
		{"mfma_32x32x16_bf16.b", 32, 0, 7, []int64{15, 0}},
		{"mfma_16x16x64_i8.a", 16, 0, 0, []int64{0, 16}},
		{"mfma_16x16x128_fp8.a", 17, 0, 0, []int64{1, 16}},
		{"mfma_16x16x128_fp8.a", 17, 0, 16, []int64{1, 80}},
		{"mfma_16x16x128_fp8.a", 63, 0, 31, []int64{15, 127}},
		{"mfma_32x32x64_fp8xfp4.a", 32, 0, 16, []int64{0, 48}},
		{"mfma_32x32x64_fp8xfp4.b", 32, 0, 0, []int64{32, 0}},
		{"mfma_16x16x128_fp6.a", 17, 0, 16, []int64{1, 48}},
		{"mfma_32x32x64_bf6.b", 32, 0, 1, []int64{33, 0}},
		{"mfma_scale_16x16x128_fp4.a", 63, 0, 31, []int64{15, 127}},
		{"mfma_scale_16x16x128_fp4.sa", 37, 0, 0, []int64{5, 2}},
		{"mfma_scale_32x32x64_fp4.sb", 63, 0, 0, []int64{1, 31}},

		// ds_read_tr
		{"ds_read_b64_tr_b16.rows", 0, 0, 3, []int64{0, 3, 0}},
		{"ds_read_b64_tr_b16.rows", 6, 0, 0, []int64{1, 8, 0}},
		{"ds_read_b64_tr_b16.rows", 63, 0, 3, []int64{3, 15, 3}},
		{"ds_read_b64_tr_b16.d", 6, 0, 3, []int64{3, 6, 0}},
		{"ds_read_b64_tr_b16.d", 63, 0, 0, []int64{0, 15, 3}},
		{"ds_read_b64_tr_b8.rows", 7, 0, 0, []int64{3, 8, 0}},
		{"ds_read_b64_tr_b8.d", 7, 0, 5, []int64{5, 7, 0}},
		{"ds_read_b64_tr_b4.rows", 23, 0, 15, []int64{7, 15, 1}},
		{"ds_read_b64_tr_b4.d", 23, 0, 15, []int64{15, 7, 1}},
		{"ds_read_b96_tr_b6.rows", 47, 0, 0, []int64{15, 0, 2}},
		{"ds_read_b96_tr_b6.d", 47, 0, 1, []int64{1, 15, 2}},
	}
	for _, s := range spots {
		d := get(t, s.name).Distribution
		if got := d.Coordinates(d.Element(s.slot, s.lane, s.warp, 0)); !slices.Equal(got, s.at) {
			t.Errorf("%s: slot %d of lane %d of warp %d holds %v, want %v", s.name, s.slot, s.lane, s.warp, got, s.at)
		}
	}
}

// The same fragments, whole, as CUTLASS's traits write them: from (lane, slot) to the tile with m or n fastest.
func TestTraits(t *testing.T) {
	for _, c := range []struct {
		name          string
		lanes         []int64 // extents and strides in turn
		slots         []int64
		registers     int64
		secondFastest bool // the tile is (k, n), the trait's (n, k)
	}{
		{"mma_m16n8k8_f16.a", []int64{4, 32, 8, 1}, []int64{2, 16, 2, 8}, 2, false},
		{"mma_m16n8k8_f16.b", []int64{4, 16, 8, 1}, []int64{2, 8}, 1, true},
		{"mma_m16n8k16_f16.a", []int64{4, 32, 8, 1}, []int64{2, 16, 2, 8, 2, 128}, 4, false},
		{"mma_m16n8k16_bf16.b", []int64{4, 16, 8, 1}, []int64{2, 8, 2, 64}, 2, true},
		{"mma_m16n8k16_f16.c", []int64{4, 32, 8, 1}, []int64{2, 16, 2, 8}, 4, false},
		{"mma_m16n8k16_f16_f16.c", []int64{4, 32, 8, 1}, []int64{2, 16, 2, 8}, 2, false},
		{"mma_m16n8k4_tf32.a", []int64{4, 16, 8, 1}, []int64{2, 8}, 2, false},
		{"mma_m16n8k4_tf32.b", []int64{4, 8, 8, 1}, nil, 1, true},
		{"mma_m16n8k8_tf32.a", []int64{4, 16, 8, 1}, []int64{2, 8, 2, 64}, 4, false},
		{"mma_m16n8k8_tf32.b", []int64{4, 8, 8, 1}, []int64{2, 32}, 2, true},
		{"mma_m8n8k4_f64.a", []int64{4, 8, 8, 1}, nil, 2, false},
		{"mma_m8n8k4_f64.c", []int64{4, 16, 8, 1}, []int64{2, 8}, 4, false},
		{"mma_m16n8k4_f64.a", []int64{4, 16, 8, 1}, []int64{2, 8}, 4, false},
		{"mma_m16n8k8_f64.b", []int64{4, 8, 8, 1}, []int64{2, 32}, 4, true},
		{"mma_m16n8k16_f64.a", []int64{4, 16, 8, 1}, []int64{2, 8, 4, 64}, 16, false},
		{"mma_m16n8k16_f64.b", []int64{4, 8, 8, 1}, []int64{4, 32}, 8, true},
		{"mma_m16n8k16_f64.d", []int64{4, 32, 8, 1}, []int64{2, 16, 2, 8}, 8, false},
		{"mma_m8n8k16_s8.a", []int64{4, 32, 8, 1}, []int64{4, 8}, 1, false},
		{"mma_m16n8k16_s8xu8.a", []int64{4, 64, 8, 1}, []int64{4, 16, 2, 8}, 2, false},
		{"mma_m16n8k32_u8.a", []int64{4, 64, 8, 1}, []int64{4, 16, 2, 8, 2, 256}, 4, false},
		{"mma_m16n8k32_e5m2.b", []int64{4, 32, 8, 1}, []int64{4, 8, 2, 128}, 2, true},
		{"mma_m8n8k32_s4.a", []int64{4, 64, 8, 1}, []int64{8, 8}, 1, false},
		{"mma_m16n8k32_u4xs4.a", []int64{4, 128, 8, 1}, []int64{8, 16, 2, 8}, 2, false},
		{"mma_m16n8k64_s4.a", []int64{4, 128, 8, 1}, []int64{8, 16, 2, 8, 2, 512}, 4, false},
		{"mma_m16n8k64_s4.b", []int64{4, 64, 8, 1}, []int64{8, 8, 2, 256}, 2, true},
		{"mma_m16n8k256_b1.a", []int64{4, 512, 8, 1}, []int64{32, 16, 2, 8, 2, 2048}, 4, false},
		{"mma_m16n8k256_b1.b", []int64{4, 256, 8, 1}, []int64{32, 8, 2, 1024}, 2, true},
		{"mma_m16n8k32_e2m3_f8f6f4.a", []int64{4, 64, 8, 1}, []int64{4, 16, 2, 8, 2, 256}, 4, false},
		{"mma_m16n8k64_e2m1_mxf4.b", []int64{4, 64, 8, 1}, []int64{8, 8, 2, 256}, 2, true},
		{"mma_m16n8k64_e2m1_mxf4.sa", []int64{2, 8, 2, 0, 8, 1}, []int64{2, 16}, 1, false},
		{"mma_m16n8k64_e2m1_mxf4.sb", []int64{4, 0, 8, 1}, []int64{2, 8}, 1, true},
		{"mma_m16n8k32_e4m3_mxf8f6f4.sa", []int64{2, 8, 2, 0, 8, 1}, nil, 1, false},
	} {
		f := get(t, c.name)
		d := f.Distribution
		if f.Registers != c.registers {
			t.Errorf("%s has %d registers, want %d", c.name, f.Registers, c.registers)
		}
		slots := int64(1)
		for i := 0; i < len(c.slots); i += 2 {
			slots *= c.slots[i]
		}
		for lane := range int64(32) {
			for slot := range slots {
				want := offset(lane, c.lanes) + offset(slot, c.slots)
				at := d.Coordinates(d.Element(slot, lane, 0, 0))
				got := at[0] + d.Tile()[0]*at[1]
				if c.secondFastest {
					got = at[1] + d.Tile()[1]*at[0]
				}
				if got != want {
					t.Fatalf("%s: slot %d of lane %d holds %v, not element %d", c.name, slot, lane, at, want)
				}
			}
		}
	}
}

func offset(i int64, modes []int64) int64 {
	x := int64(0)
	for ; len(modes) > 0; modes = modes[2:] {
		x += i % modes[0] * modes[1]
		i /= modes[0]
	}
	return x
}

// AMX tiles, bytes by hand: A row-major, B two bf16 or four bytes of a column in 32 bits.
func TestTileRegisters(t *testing.T) {
	for _, c := range []struct {
		name      string
		i, j, bit int64
	}{
		{"amx_m16n16k32_bf16.a", 0, 1, 16},
		{"amx_m16n16k32_bf16.a", 1, 0, 512},
		{"amx_m16n16k32_bf16.a", 15, 31, 8*1024 - 16},
		{"amx_m16n16k32_bf16.b", 0, 1, 32},
		{"amx_m16n16k32_bf16.b", 1, 0, 16},
		{"amx_m16n16k32_bf16.b", 2, 0, 512},
		{"amx_m16n16k32_bf16.b", 31, 15, 8*1024 - 16},
		{"amx_m16n16k32_f16.b", 5, 3, 2*512 + 3*32 + 16},
		{"amx_m16n16k64_s8.a", 3, 9, 3*512 + 72},
		{"amx_m16n16k64_u8xs8.b", 3, 0, 24},
		{"amx_m16n16k64_u8xs8.b", 4, 0, 512},
		{"amx_m16n16k64_u8xs8.b", 7, 2, 512 + 2*32 + 24},
		{"amx_m16n16k64_s8.d", 2, 3, 2*512 + 3*32},
	} {
		l := get(t, c.name).Layout
		if got := l.At(c.i + l.Mode(0).Size()*c.j); got != c.bit {
			t.Errorf("%s: (%d,%d) is at bit %d, want %d", c.name, c.i, c.j, got, c.bit)
		}
	}
}
