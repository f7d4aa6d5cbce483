package array

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sort"
	"strings"

	"github.com/tilec/tilec/ir/dtype"
)

// Safetensors is an open .safetensors file: many tensors under names. Its header has been checked
// against its size; elements are read when asked for.
type Safetensors struct {
	r       io.ReaderAt
	file    *os.File // nil where r is not ours to close
	path    string
	dataAt  int64
	tensors map[string]safetensor
}

type safetensor struct {
	DType   string  `json:"dtype"`
	Shape   []int64 `json:"shape"`
	Offsets []int64 `json:"data_offsets"`
}

// safetensorsTypes are the dtypes that are read.
var safetensorsTypes = map[string]dtype.Type{
	"BOOL": dtype.Bool, "U8": dtype.U8, "I8": dtype.I8, "U16": dtype.U16, "I16": dtype.I16, "U32": dtype.U32, "I32": dtype.I32,
	"U64": dtype.U64, "I64": dtype.I64, "F16": dtype.F16, "BF16": dtype.BF16, "F32": dtype.F32, "F64": dtype.F64,
	"F8_E4M3": dtype.F8E4M3, "F8_E5M2": dtype.F8E5M2, "F8_E8M0": dtype.E8M0,
}

// maxSafetensorsHeader is the format's own bound on the header's length in bytes.
const maxSafetensorsHeader = 100_000_000

// OpenSafetensors opens a file and reads its header. Errors, here and of Tensor, name the file.
func OpenSafetensors(path string) (*Safetensors, error) {
	f, size, err := openFile(path)
	if err != nil {
		return nil, err
	}
	s, err := DecodeSafetensors(f, size)
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	s.file, s.path = f, path
	return s, nil
}

// Close closes the file.
func (s *Safetensors) Close() error {
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}

// Names lists the tensors, sorted.
func (s *Safetensors) Names() []string {
	names := make([]string, 0, len(s.tensors))
	for name := range s.tensors {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// Tensor reads one tensor. Limit bounds its bytes.
func (s *Safetensors) Tensor(name string, limit int64) (*Array, error) {
	a, err := s.read(name, limit)
	if err != nil && s.path != "" {
		return nil, fmt.Errorf("%s: %w", s.path, err)
	}
	return a, err
}

func (s *Safetensors) read(name string, limit int64) (*Array, error) {
	t, ok := s.tensors[name]
	if !ok {
		return nil, fmt.Errorf("there is no tensor %.80q; it has %s", name, listNames(s.Names()))
	}
	elem, ok := safetensorsTypes[t.DType]
	if !ok {
		return nil, fmt.Errorf("tensor %.80q has dtype %.20q; %s are read", name, t.DType, "BOOL, U8 to U64, I8 to I64, F8_E4M3, F8_E5M2, F8_E8M0, F16, BF16, F32 and F64")
	}
	size := t.Offsets[1] - t.Offsets[0]
	if size > limit {
		return nil, tooLarge(fmt.Sprintf("tensor %.80q", name), size, limit)
	}
	a := &Array{Elem: elem, Shape: t.Shape, Data: Bytes(int(size))}
	if err := readFull(s.r, a.Data, s.dataAt+t.Offsets[0]); err != nil {
		return nil, err
	}
	return a, nil
}

// listNames is the first few names, for a message.
func listNames(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	var b strings.Builder
	for i, name := range names {
		if i == 8 {
			fmt.Fprintf(&b, " and %d more", len(names)-i)
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%.80s", name)
	}
	return b.String()
}

// DecodeSafetensors reads the header of a file of size bytes and holds it to the format: each tensor's
// bytes are what its dtype and shape take, and together they are the rest of the file, without hole or overlap.
func DecodeSafetensors(r io.ReaderAt, size int64) (*Safetensors, error) {
	var start [8]byte
	if size < 8 {
		return nil, fmt.Errorf("not a .safetensors file: only %d bytes long", size)
	}
	if err := readFull(r, start[:], 0); err != nil {
		return nil, err
	}
	length := binary.LittleEndian.Uint64(start[:])
	switch {
	case length > maxSafetensorsHeader:
		return nil, fmt.Errorf("not a .safetensors file: it claims a header of %d bytes, and %d are allowed", length, maxSafetensorsHeader)
	case int64(length) > size-8:
		return nil, fmt.Errorf("the file ends within its header, which claims %d bytes", length)
	}
	text := make([]byte, length)
	if err := readFull(r, text, 8); err != nil {
		return nil, err
	}
	tensors, err := parseSafetensorsHeader(text)
	if err != nil {
		return nil, fmt.Errorf("the header is malformed: %w", err)
	}
	s := &Safetensors{r: r, dataAt: 8 + int64(length), tensors: tensors}
	if err := s.check(size - s.dataAt); err != nil {
		return nil, fmt.Errorf("the header is wrong: %w", err)
	}
	return s, nil
}

// parseSafetensorsHeader reads the JSON object; a name given twice is an error, which
// json.Unmarshal would not see.
func parseSafetensorsHeader(text []byte) (map[string]safetensor, error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, errors.New("it is not a JSON object")
	}
	tensors, meta := map[string]safetensor{}, false
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return nil, err
		}
		name, ok := t.(string)
		if !ok {
			return nil, errors.New("it is not a JSON object")
		}
		if name == "__metadata__" {
			var m map[string]string
			if err := dec.Decode(&m); err != nil {
				return nil, fmt.Errorf("__metadata__: %w", err)
			}
			if meta {
				return nil, errors.New("__metadata__ stands twice")
			}
			meta = true
			continue
		}
		var v safetensor
		if err := dec.Decode(&v); err != nil {
			return nil, fmt.Errorf("tensor %.80q: %w", name, err)
		}
		if _, twice := tensors[name]; twice {
			return nil, fmt.Errorf("tensor %.80q stands twice", name)
		}
		if v.Shape == nil || len(v.Offsets) != 2 || v.DType == "" {
			return nil, fmt.Errorf("tensor %.80q lacks one of dtype, shape and two data_offsets", name)
		}
		tensors[name] = v
	}
	if _, err := dec.Token(); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errors.New("something stands after the object")
	}
	return tensors, nil
}

// check holds the tensors to the size of the file's data.
func (s *Safetensors) check(size int64) error {
	names := s.Names()
	for _, name := range names {
		t := s.tensors[name]
		from, to := t.Offsets[0], t.Offsets[1]
		if from < 0 || to < from || to > size {
			return fmt.Errorf("tensor %.80q lies at %d to %d of %d bytes of data", name, from, to, size)
		}
		// The size of a dtype that is not read is not known; its shape is checked as if of bits.
		elem, known := safetensorsTypes[t.DType]
		if !known {
			elem = dtype.U1
		}
		n, err := Count(elem, t.Shape)
		if err != nil {
			return fmt.Errorf("tensor %.80q: %w", name, err)
		}
		if want := int64(dtype.StreamBytes(elem.Bits(), n)); known && to-from != want {
			return fmt.Errorf("tensor %.80q of %s and shape %s takes %d bytes, but has %d", name, t.DType, shapeText(t.Shape), want, to-from)
		}
	}
	slices.SortStableFunc(names, func(a, b string) int {
		x, y := s.tensors[a].Offsets, s.tensors[b].Offsets
		return slices.Compare(x, y)
	})
	end := int64(0)
	for _, name := range names {
		o := s.tensors[name].Offsets
		if o[0] != end {
			return fmt.Errorf("tensor %.80q begins at byte %d of the data, and the one before it ends at %d", name, o[0], end)
		}
		end = o[1]
	}
	if end != size {
		return fmt.Errorf("its tensors are %d bytes, but the file has %d after it", end, size)
	}
	return nil
}
