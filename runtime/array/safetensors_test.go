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

	"github.com/tilec/tilec/ir/dtype"
)

// tensors is a .safetensors file of a header and data.
func tensors(header string, data []byte) []byte {
	return append(append(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header...), data...)
}

func TestSafetensors(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.safetensors")
	file := tensors(`{"__metadata__":{"format":"pt"},"w":{"dtype":"BF16","shape":[2,1],"data_offsets":[0,4]},`+
		`"e":{"dtype":"F8_E4M3","shape":[0,7],"data_offsets":[4,4]},"s":{"dtype":"F8_E8M0","shape":[],"data_offsets":[4,5]},`+
		`"z":{"dtype":"C64","shape":[1],"data_offsets":[5,13]}}   `, []byte{0x80, 0x3f, 0, 0xc0, 127, 0, 0, 0, 0, 0, 0, 0, 0})
	if err := os.WriteFile(path, file, 0o666); err != nil {
		t.Fatal(err)
	}
	s, err := OpenSafetensors(path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if d := cmp.Diff([]string{"e", "s", "w", "z"}, s.Names()); d != "" {
		t.Errorf("names (-want +got):\n%s", d)
	}
	for name, want := range map[string]*Array{
		"w": {dtype.BF16, []int64{2, 1}, []byte{0x80, 0x3f, 0, 0xc0}}, "e": {dtype.F8E4M3, []int64{0, 7}, []byte{}}, "s": {dtype.E8M0, []int64{}, []byte{127}},
	} {
		got, err := s.Tensor(name, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		if n := int64(len(got.Data)); n > 0 {
			if _, err := s.Tensor(name, n-1); err == nil || !strings.HasSuffix(err.Error(), fmt.Sprintf("takes %d bytes, and %d are allowed", n, n-1)) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
	for name, want := range map[string]string{"z": `dtype "C64"`, "q": "it has e, s, w, z"} {
		if _, err := s.Tensor(name, 1<<20); err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), path) {
			t.Errorf("%s: %v, want %q in it", name, err, want)
		}
	}
	if _, err := OpenSafetensors(path + ".none"); err == nil || !strings.Contains(err.Error(), "cannot read") {
		t.Errorf("a file that is not there: %v", err)
	}
	empty, err := DecodeSafetensors(bytes.NewReader(tensors("{}", nil)), 10)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := empty.Tensor("a", 1<<20); err == nil || !strings.Contains(err.Error(), "it has none") {
		t.Errorf("a tensor of an empty file: %v", err)
	}
}

func TestSafetensorsErrors(t *testing.T) {
	huge := tensors("{}", nil)
	binary.LittleEndian.PutUint64(huge, math.MaxUint64)
	long := tensors("{}", nil)
	binary.LittleEndian.PutUint64(long, 3)
	one := func(text string) []byte { return tensors(`{"a":`+text+`}`, []byte{1, 2, 3, 4}) }
	for _, c := range []struct {
		file []byte
		want string
	}{
		{nil, "only 0 bytes"}, {[]byte("1234567"), "only 7 bytes"}, {huge, "claims a header of 18446744073709551615"}, {long, "ends within its header, which claims 3"},
		{tensors("", nil), "not a JSON object"}, {tensors("[]", nil), "not a JSON object"}, {tensors("{", nil), "malformed"}, {tensors(`{"a"`, nil), "malformed"},
		{tensors(`{"a":1`, nil), "malformed"}, {tensors("{} {}", nil), "something stands after"}, {tensors("{}x", nil), "something stands after"}, {tensors("{}", []byte{1}), "its tensors are 0 bytes, but the file has 1"},
		{tensors(`{"__metadata__":{"a":1}}`, nil), "__metadata__"}, {tensors(`{"__metadata__":{},"__metadata__":{}}`, nil), "stands twice"},
		{tensors(strings.Repeat(`{"a":`, 20000), nil), "malformed"},
		{one(`1`), `tensor "a"`}, {one(`null`), "lacks one of"}, {one(`{"dtype":"U8","shape":[4]}`), "lacks one of"}, {one(`{"dtype":"U8","data_offsets":[0,4]}`), "lacks one of"},
		{one(`{"shape":[4],"data_offsets":[0,4]}`), "lacks one of"}, {one(`{"dtype":"U8","shape":[4],"data_offsets":[0,4,5]}`), "lacks one of"},
		{one(`{"dtype":"U8","shape":[4.5],"data_offsets":[0,4]}`), "malformed"}, {one(`{"dtype":"U8","shape":[1e30],"data_offsets":[0,4]}`), "malformed"},
		{one(`{"dtype":"U8","shape":[-4],"data_offsets":[0,4]}`), "negative extent"}, {one(`{"dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[0,4]}`), "too large"},
		{one(`{"dtype":"U8","shape":[4],"data_offsets":[0,5]}`), "lies at 0 to 5 of 4"}, {one(`{"dtype":"U8","shape":[4],"data_offsets":[4,0]}`), "lies at"},
		{one(`{"dtype":"U8","shape":[4],"data_offsets":[-1,3]}`), "lies at"}, {one(`{"dtype":"U8","shape":[4],"data_offsets":[0,9223372036854775807]}`), "lies at"},
		{one(`{"dtype":"U8","shape":[3],"data_offsets":[0,4]}`), "takes 3 bytes, but has 4"}, {one(`{"dtype":"F32","shape":[4],"data_offsets":[0,4]}`), "takes 16 bytes, but has 4"},
		{one(`{"dtype":"U8","shape":[3],"data_offsets":[0,3]}`), "its tensors are 3 bytes, but the file has 4"}, {one(`{"dtype":"U8","shape":[3],"data_offsets":[1,4]}`), "begins at byte 1"},
		{one(`{"dtype":"X9","shape":[4294967296,4294967296],"data_offsets":[0,4]}`), "too large"},
		{one(`{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}`), "begins at byte 1"},
		{one(`{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}`), "stands twice"},
	} {
		s, err := DecodeSafetensors(bytes.NewReader(c.file), int64(len(c.file)))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.100q: got %v, error %v, want %q in it", c.file, s, err, c.want)
		}
	}
}

func FuzzSafetensors(f *testing.F) {
	f.Add(tensors(`{"__metadata__":{"format":"pt"},"w":{"dtype":"BF16","shape":[2,1],"data_offsets":[0,4]},"e":{"dtype":"F8_E4M3","shape":[0,7],"data_offsets":[4,4]}}`, []byte{1, 2, 3, 4}))
	f.Add(tensors(`{"a":{"dtype":"X","shape":[],"data_offsets":[0,1]}}`, []byte{1}))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := DecodeSafetensors(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return
		}
		total := 0
		for _, name := range s.Names() {
			a, err := s.Tensor(name, 1<<20)
			if err != nil {
				continue // a dtype that is not read
			}
			if len(a.Data)*8 != a.Len()*a.Elem.Bits() {
				t.Fatalf("%d bytes for shape %v of %v", len(a.Data), a.Shape, a.Elem)
			}
			total += len(a.Data)
		}
		if total > len(data) {
			t.Fatalf("%d bytes of tensors from a file of %d", total, len(data))
		}
	})
}
