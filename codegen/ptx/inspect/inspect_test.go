package inspect

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tilec/tilec/codegen/ptx/syntax"
)

// loops has a loop in a loop, of which the inner one multiplies matrices, a longer one without, and a kernel without any.
const loops = `.version 7.0
.target sm_80
.address_size 64
.visible .entry many(.param .b64 t, .param .b32 n)
{
  .reg .b32 %r<20>;
  .reg .b64 %d<8>;
  .reg .pred %p<2>;
  ld.param.b64 %d0, [t];
  ld.param.b32 %r0, [n];
  ld.global.v4.b32 {%r4, %r5, %r6, %r7}, [%d0];
  ld.global.v4.b32 {%r8, %r9, %r10, %r11}, [%d0];
$outer:
  mov.b32 %r1, %r0;
$inner:
  mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%r8, %r9, %r10, %r11}, {%r4, %r5, %r6, %r7}, {%r4, %r5}, {%r8, %r9, %r10, %r11};
  add.s32 %r1, %r1, -1;
  setp.gt.s32 %p0, %r1, 0;
  @%p0 bra $inner;
  add.s32 %r0, %r0, -1;
  setp.gt.s32 %p0, %r0, 0;
  @%p0 bra.uni $outer;
  mov.b32 %r2, 9;
$plain:
  add.s32 %r2, %r2, -1;
  ld.global.b32 %r3, [%d0];
  ld.global.b32 %r3, [%d0+4];
  add.s32 %r8, %r8, %r3;
  setp.gt.s32 %p0, %r2, 0;
  @%p0 bra $plain;
  st.global.v4.b32 [%d0], {%r8, %r9, %r10, %r11};
  ret;
}
.visible .entry none()
{
  ret;
}
`

func TestKernels(t *testing.T) {
	mod, err := syntax.Parse(loops)
	if err != nil {
		t.Fatal(err)
	}
	want := []Kernel{
		{Name: "many", Instructions: 21, Matrix: 1, Loop: &Loop{Instructions: 4, Matrix: 1,
			Classes: []Count{{"integer", 2}, {"control", 1}, {"matrix", 1}}}},
		{Name: "none", Instructions: 1},
	}
	if diff := cmp.Diff(want, Kernels(mod)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestListing(t *testing.T) {
	got := listing(`
//--------------------- .text.one               --------------------------
one:
.text.one:
        /*0000*/                   IMAD.MOV.U32 R1, RZ, RZ, c[0x0][0x28] ;
.L_x_1:
        /*00b0*/                   HMMA.16816.F32.BF16 R4, R4, R8, R4 ;
        /*00d0*/              @!P0 ISETP.GT.AND P1, PT, R0, 0x3, PT ;
        /*0110*/               @P1 BRA ` + "`(.L_x_1)" + ` ;
.L_x_0:
        /*0200*/                   EXIT ;
.L_x_4:
        /*0210*/                   BRA ` + "`(.L_x_4)" + `;
        /*0220*/                   NOP;
.text.two:
        /*0000*/                   EXIT ;
`)
	want := []Kernel{
		{Name: "one", Instructions: 6, Matrix: 1, Loop: &Loop{Instructions: 3, Matrix: 1, Classes: []Count{{"BRA", 1}, {"ISETP", 1}, {"matrix", 1}}}},
		{Name: "two", Instructions: 1},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestAssemble: what the tools say of kernels; text that ptxas refuses is told with its line.
func TestAssemble(t *testing.T) {
	ptxas := os.Getenv("PTXAS")
	if ptxas == "" {
		t.Skip("needs PTXAS, the path of NVIDIA's assembler")
	}
	a, err := Assemble(t.Context(), ptxas, "sm_80", loops)
	if err != nil {
		t.Fatal(err)
	}
	if len(a.Warnings) > 0 || len(a.Kernels) != 2 {
		t.Errorf("%+v", a)
	}
	for _, k := range a.Kernels {
		if k.Registers < 4 || k.Spills != 0 || k.Stack != 0 {
			t.Errorf("%+v", k)
		}
	}
	if _, err := Assemble(t.Context(), ptxas, "sm_80", strings.Replace(loops, "ret;", "rot;", 1)); err == nil || !strings.Contains(err.Error(), "line 32") {
		t.Error(err)
	}
	nvdisasm := Disassembler()
	if nvdisasm == "" {
		t.Skip("needs NVDISASM, the path of NVIDIA's disassembler")
	}
	list, err := Disassemble(t.Context(), nvdisasm, a.Code)
	if err != nil {
		t.Fatal(err)
	}
	matrices := 0
	for _, k := range list {
		matrices += k.Matrix
	}
	if len(list) != 2 || matrices == 0 {
		t.Errorf("%+v", list)
	}
}
