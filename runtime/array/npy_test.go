package array

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tilec/tilec/ir/dtype"
)

// npy is a file of the given version with header text and data.
func npy(version byte, header string, data []byte) []byte {
	out := append([]byte(npyMagic), version, 0)
	if version == 1 {
		out = binary.LittleEndian.AppendUint16(out, uint16(len(header)))
	} else {
		out = binary.LittleEndian.AppendUint32(out, uint32(len(header)))
	}
	return append(append(out, header...), data...)
}

func header(descr, order, shape string) string {
	return fmt.Sprintf("{'descr': '%s', 'fortran_order': %s, 'shape': %s, }          \n", descr, order, shape)
}

func decode(data []byte) (*Array, error) {
	return DecodeNpy(bytes.NewReader(data), int64(len(data)))
}

func TestNpyRead(t *testing.T) {
	six := []byte{0, 1, 2, 3, 4, 5}
	for _, c := range []struct {
		name  string
		file  []byte
		elem  dtype.Type
		shape []int64
		data  []byte
	}{
		{"v1", npy(1, header("|u1", "False", "(2, 3)"), six), dtype.U8, []int64{2, 3}, six},
		{"v2", npy(2, header("|i1", "False", "(6,)"), six), dtype.I8, []int64{6}, six},
		{"v3", npy(3, header("<u2", "False", "(3,)"), six), dtype.U16, []int64{3}, six},
		{"big-endian", npy(1, header(">i2", "False", "(3,)"), six), dtype.I16, []int64{3}, []byte{1, 0, 3, 2, 5, 4}},
		{"big-endian f8", npy(1, header(">f8", "False", "()"), []byte{0x3f, 0xf0, 0, 0, 0, 0, 0, 0}), dtype.F64, []int64{}, []byte{0, 0, 0, 0, 0, 0, 0xf0, 0x3f}},
		{"fortran", npy(1, header("|u1", "True", "(2, 3)"), six), dtype.U8, []int64{2, 3}, []byte{0, 2, 4, 1, 3, 5}},
		{"fortran big-endian", npy(1, header(">u2", "True", "(1, 3)"), six), dtype.U16, []int64{1, 3}, []byte{1, 0, 3, 2, 5, 4}},
		{"fortran 1-d", npy(1, header("|u1", "True", "(6,)"), six), dtype.U8, []int64{6}, six},
		{"scalar", npy(1, header("<u4", "False", "()"), six[:4]), dtype.U32, []int64{}, six[:4]},
		{"empty", npy(1, header("<f4", "False", "(0, 3)"), nil), dtype.F32, []int64{0, 3}, []byte{}},
		{"empty, and huge", npy(1, header("<f4", "True", "(4611686018427387904, 0, 4611686018427387904)"), nil), dtype.F32, []int64{1 << 62, 0, 1 << 62}, []byte{}},
		{"bool", npy(1, header("|b1", "False", "(2,)"), six[:2]), dtype.Bool, []int64{2}, six[:2]},
		{"python 2", npy(1, "{'descr': '<f2', 'fortran_order': False, 'shape': (3L,), }\n", six), dtype.F16, []int64{3}, six},
		{"tight, other order", npy(1, `{"shape":(1,6),"fortran_order":False,"descr":"u1"}`, six), dtype.U8, []int64{1, 6}, six},
	} {
		a, err := decode(c.file)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if d := cmp.Diff(&Array{c.elem, c.shape, c.data}, a); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, d)
		}
	}
}

func TestNpyErrors(t *testing.T) {
	four := []byte{0, 1, 2, 3}
	h := func(descr, order, shape string) []byte { return npy(1, header(descr, order, shape), four) }
	raw := func(text string) []byte { return npy(1, text, four) }
	long := npy(2, header("|u1", "False", "(4,)"), four)
	binary.LittleEndian.PutUint32(long[8:], math.MaxUint32)
	for _, c := range []struct {
		file []byte
		want string
	}{
		{nil, "only 0 bytes"}, {[]byte(npyMagic), "only 6 bytes"}, {[]byte("PK\x03\x04 an archive of arrays"), "does not begin with"},
		{npy(4, "", nil), "version 4.0"}, {append([]byte(npyMagic), 1, 1, 0, 0), "version 1.1"}, {append([]byte(npyMagic), 2, 0, 0, 0), "ends within its header"},
		{long, "ends within its header, which claims 4294967295"}, {append([]byte(npyMagic), 1, 0, 9, 0, '{'), "claims 9 bytes"},
		{raw(""), "not a dictionary"}, {raw("["), "not a dictionary"}, {raw("{"), "no string"}, {raw("{}"), `no "descr"`},
		{raw("{'descr': '<f4', 'descr': '<f4'}"), "stands twice"}, {raw("{'shape': (1,), 'fortran_order': False}"), `no "descr"`},
		{raw("{'descr' '<f4'}"), "no ':'"}, {raw("{'descr': '<f4' 'x'}"), "neither ','"}, {raw("{'descr': '<f4"), "does not end"}, {raw("{'descr': '\\x41'"), "does not end"},
		{raw("{'descr': 4}"), "no string"}, {raw("{'other': 4}"), "unknown key"}, {raw("{'fortran_order': 1}"), "neither True"},
		{raw("{'shape': 4}"), "no tuple"}, {raw("{'shape': (4)}"), "not a tuple"}, {raw("{'shape': (4 5)}"), "neither ','"}, {raw("{'shape': (x,)}"), "no extent"},
		{raw("{'shape': (,)}"), "no extent"}, {raw("{'shape': (1,"), "no extent"}, {raw("{'shape': (99999999999999999999,)}"), "too large"},
		{raw("{'shape': (" + strings.Repeat("1,", 65) + ")}"), "more than 64"}, {raw(header("|u1", "False", "(4,)") + "x"), "something stands after"},
		{raw("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}"), "record"},
		{h("|u1", "False", "(5,)"), "5 bytes, but the file has 4"}, {h("|u1", "False", "(3,)"), "3 bytes, but the file has 4"}, {h("<f8", "False", "(1,)"), "8 bytes, but the file has 4"},
		{h("|u1", "False", "(-4,)"), "negative extent"}, {h("|u1", "False", "(4294967296, 4294967296)"), "too large"}, {h("<f8", "False", "(2305843009213693952,)"), "too large"},
		{h("|u1", "False", "(4611686018427387904,)"), "too large"}, {h("|u1", "False", "(1000000000000,)"), "but the file has 4"},
		{h("<c8", "False", "(1,)"), "complex"}, {h("|O", "False", "(1,)"), "Python objects"}, {h("<U1", "False", "(1,)"), "strings"}, {h("|S4", "False", "(1,)"), "strings"},
		{h("|V2", "False", "(2,)"), "bits:"}, {h("<M8[ns]", "False", "(1,)"), "times"}, {h("<f16", "False", "(1,)"), "another width"}, {h("", "False", "(1,)"), "not a dtype"},
		{h("<<f4", "False", "(1,)"), "not a dtype"}, {h("<i3", "False", "(1,)"), "not a dtype"}, {h("<", "False", "(1,)"), "not a dtype"},
	} {
		a, err := decode(c.file)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.80q: got %v, error %v, want %q in it", c.file, a, err, c.want)
		}
	}
}

// TestNpyRoundTrip writes random arrays of random types, reads them back, and reads their transposes
// in Fortran order.
func TestNpyRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.npy")
	rapid.Check(t, func(t *rapid.T) {
		elem := rapid.SampledFrom(npyKinds).Draw(t, "type")
		shape := rapid.SliceOfN(rapid.Int64Range(0, 5), 0, 5).Draw(t, "shape")
		n, err := Count(elem.elem, shape)
		if err != nil {
			t.Fatal(err)
		}
		width := elem.elem.Bits() / 8
		a := &Array{elem.elem, shape, rapid.SliceOfN(rapid.Byte(), n*width, n*width).Draw(t, "data")}
		if err := WriteNpy(path, a); err != nil {
			t.Fatal(err)
		}
		file, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if len(file)%64 != len(a.Data)%64 {
			t.Fatalf("the elements do not begin at a multiple of 64 in a file of %d bytes", len(file))
		}
		back, err := ReadNpy(path, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(a, back); d != "" {
			t.Fatalf("(-want +got):\n%s", d)
		}
		// The bytes of a in Fortran order, by the definition.
		fortran := make([]byte, len(a.Data))
		for k := range n {
			rest, at, stride := k, 0, 1
			index := make([]int, len(shape))
			for i := len(shape) - 1; i >= 0; i-- {
				index[i] = rest % int(shape[i])
				rest /= int(shape[i])
			}
			for i := range shape {
				at += index[i] * stride
				stride *= int(shape[i])
			}
			copy(fortran[at*width:][:width], a.Data[k*width:])
		}
		file = append(bytes.Replace(file[:len(file)-len(fortran)], []byte("False"), []byte("True "), 1), fortran...)
		if back, err = decode(file); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(a, back); d != "" {
			t.Fatalf("from Fortran order (-want +got):\n%s", d)
		}
	})
}

// TestNpyGolden fixes the bytes that are written.
func TestNpyGolden(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.npy")
	if err := WriteNpy(path, &Array{dtype.F32, []int64{1, 2}, []byte{0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0}}); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := "\x93NUMPY\x01\x00v\x00{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2), }" + strings.Repeat(" ", 58) + "\n\x00\x00\x80\x3f\x00\x00\x00\xc0"
	if d := cmp.Diff(want, string(got)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestWriteWhole(t *testing.T) {
	dir := t.TempDir()
	a := &Array{dtype.U8, []int64{2}, []byte{1, 2}}
	only := func(names ...string) {
		t.Helper()
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range entries {
			got = append(got, e.Name())
		}
		if d := cmp.Diff(names, got); d != "" {
			t.Errorf("files left (-want +got):\n%s", d)
		}
	}
	target := filepath.Join(dir, "real.npy")
	if err := WriteNpy(target, a); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("real.npy", filepath.Join(dir, "link.npy")); err != nil {
		t.Fatal(err)
	}
	b := &Array{dtype.U8, []int64{2}, []byte{3, 4}}
	if err := WriteNpy(filepath.Join(dir, "link.npy"), b); err != nil {
		t.Fatal(err)
	}
	if got, err := ReadNpy(target, 1<<20); err != nil || !bytes.Equal(got.Data, b.Data) {
		t.Errorf("through a link: %v, %v", got, err)
	}
	only("link.npy", "real.npy")
	if err := os.Mkdir(filepath.Join(dir, "sub"), 0o777); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		filepath.Join(dir, "sub"): "it is a directory", filepath.Join(dir, "none", "a.npy"): "no such file",
	} {
		if err := WriteNpy(path, a); err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), path) {
			t.Errorf("writing %s: %v, want %q in it", path, err, want)
		}
	}
	only("link.npy", "real.npy", "sub")
	if err := WriteNpy(os.DevNull, a); err != nil {
		t.Errorf("writing to %s: %v", os.DevNull, err)
	}
	if info, err := os.Stat(os.DevNull); err != nil || info.Mode().IsRegular() {
		t.Fatalf("%s was replaced", os.DevNull)
	}
	for path, want := range map[string]string{
		filepath.Join(dir, "none.npy"): "no such file", dir: "not a regular file", os.DevNull: "not a regular file",
	} {
		if _, err := ReadNpy(path, 1<<20); err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), path+": cannot read: ") {
			t.Errorf("reading %s: %v, want %q in it", path, err, want)
		}
	}
}

// failing is a reader whose file shrank after its size was taken.
type failing struct{ r *bytes.Reader }

func (f failing) ReadAt(p []byte, at int64) (int, error) { return f.r.ReadAt(p, at) }

func TestShrunkFile(t *testing.T) {
	file := npy(1, header("|u1", "False", "(4,)"), []byte{0, 1, 2, 3})
	for _, cut := range []int{5, 20, len(file) - 1} {
		if _, err := DecodeNpy(failing{bytes.NewReader(file[:cut])}, int64(len(file))); err == nil || !strings.Contains(err.Error(), "cannot read") {
			t.Errorf("cut to %d bytes: %v", cut, err)
		}
	}
}

func FuzzNpy(f *testing.F) {
	f.Add(npy(1, header("|u1", "False", "(2, 3)"), []byte{0, 1, 2, 3, 4, 5}))
	f.Add(npy(2, header(">f4", "True", "(2, 3)"), make([]byte, 24)))
	f.Add(npy(3, "{'descr': '|V2', 'fortran_order': False, 'shape': (99999999999999999999L,), }", nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := decode(data)
		if err != nil {
			return
		}
		if len(a.Data) > len(data) || len(a.Data)*8 != a.Len()*a.Elem.Bits() {
			t.Fatalf("%d bytes for shape %v of %v from a file of %d", len(a.Data), a.Shape, a.Elem, len(data))
		}
		var out bytes.Buffer
		out.Write(npyHeaderText(a))
		out.Write(a.Data)
		back, err := decode(out.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(a, back); d != "" {
			t.Fatalf("written and read again (-want +got):\n%s", d)
		}
	})
}

// TestLimits: an honest file of any size is not read into memory that is not there.
func TestLimits(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.npy")
	text := "{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,), }\n"
	head := append([]byte(npyMagic+"\x01\x00"), byte(len(text)), 0)
	if err := os.WriteFile(path, append(head, text...), 0o666); err != nil {
		t.Fatal(err)
	}
	size := int64(len(head)+len(text)) + 4e12
	if err := os.Truncate(path, size); err != nil {
		t.Skipf("no file of %d bytes here: %v", size, err)
	}
	want := path + ": the array takes 4000000000000 bytes, and 1048576 are allowed"
	if _, err := ReadNpy(path, 1<<20); err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	long := strings.NewReader(npyMagic + "\x02\x00\x01\x00\x10\x00" + strings.Repeat(" ", 1<<20+1))
	if _, err := DecodeNpy(long, long.Size()); err == nil || err.Error() != "the header has 1048577 bytes, and 1048576 are allowed" {
		t.Error(err)
	}
}
