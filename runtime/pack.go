package runtime

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"

	"github.com/tilec/tilec/codegen/packed"
	"github.com/tilec/tilec/ir/dtype"
	"github.com/tilec/tilec/runtime/array"
)

// pack brings a dense matrix into a layout of a packed parameter.
func pack(b *Buffer, layout string) (*Buffer, error) {
	l, err := packed.Parse(layout)
	if err != nil {
		return nil, err
	}
	n, k, err := matrix(b.Shape)
	if err != nil {
		return nil, err
	}
	data, err := l.Pack(b.data, b.Elem, int(n), int(k))
	if err != nil {
		return nil, err
	}
	// It is packed to be read many times.
	large := array.Bytes(len(data))
	copy(large, data)
	return &Buffer{Elem: b.Elem, Shape: slices.Clone(b.Shape), Layout: layout, data: large}, nil
}

// matrix is a shape as that of a matrix.
func matrix(shape []int64) (n, k int64, err error) {
	if len(shape) != 2 {
		return 0, 0, fmt.Errorf("a tensor of %d dimensions cannot be packed: a matrix can", len(shape))
	}
	return shape[0], shape[1], nil
}

// Dense is the buffer's tensor as an array, brought back from its layout where it has one.
func (b *Buffer) Dense() (*array.Array, error) {
	if b.Layout == "" {
		return b.Array()
	}
	l, err := packed.Parse(b.Layout)
	if err != nil {
		return nil, err
	}
	n, k, err := matrix(b.Shape)
	if err != nil {
		return nil, err
	}
	data, err := l.Unpack(b.data, b.Elem, int(n), int(k))
	if err != nil {
		return nil, err
	}
	return &array.Array{Elem: b.Elem, Shape: slices.Clone(b.Shape), Data: data}, nil
}

// Pack brings an array into a layout that a manifest names, "" for the dense one, which shares the array's memory.
func Pack(a *array.Array, layout string) (*Buffer, error) {
	b, err := share(a)
	if err != nil || layout == "" {
		return b, err
	}
	return pack(b, layout)
}

// A file of a packed tensor is packedMagic, a header in JSON, a new line, blanks up to a multiple of packedAlign bytes,
// and the tensor's bytes.
const (
	packedMagic = "tilec packed tensor 1\n"
	packedAlign = 64
	maxHeader   = 1 << 16
)

type packedHeader struct {
	Type   string  `json:"type"`
	Shape  []int64 `json:"shape"`
	Layout string  `json:"layout"`
	Bytes  int64   `json:"bytes"`
}

// WriteTo writes the buffer as a file of a packed tensor, for [ReadBuffer].
func (b *Buffer) WriteTo(w io.Writer) (int64, error) {
	header, err := json.Marshal(packedHeader{b.Elem.String(), b.Shape, b.Layout, int64(len(b.data))})
	if err != nil {
		return 0, err
	}
	head := append([]byte(packedMagic), header...)
	head = append(head, '\n')
	for len(head)%packedAlign != 0 {
		head = append(head, ' ')
	}
	n, err := w.Write(head)
	if err != nil {
		return int64(n), err
	}
	m, err := w.Write(b.data)
	return int64(n) + int64(m), err
}

// ReadBuffer reads what [Buffer.WriteTo] wrote. A file that was cut off, or says what cannot be, is an error; no more is
// taken than the file has, and than the limit.
func ReadBuffer(path string, limit int64) (*Buffer, error) {
	b, err := readBuffer(path, limit)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return b, nil
}

func readBuffer(path string, limit int64) (*Buffer, error) {
	file, err := os.Open(path)
	if err != nil {
		var at *fs.PathError
		if errors.As(err, &at) {
			err = at.Err
		}
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("not a regular file")
	}
	head := make([]byte, min(info.Size(), maxHeader))
	if _, err := io.ReadFull(file, head); err != nil {
		return nil, err
	}
	text, ok := bytes.CutPrefix(head, []byte(packedMagic))
	end := bytes.IndexByte(text, '\n')
	if !ok || end < 0 {
		return nil, errors.New("not a packed tensor: 'tilec pack' writes them")
	}
	var h packedHeader
	if err := json.Unmarshal(text[:end], &h); err != nil {
		return nil, fmt.Errorf("its header is damaged: %w", err)
	}
	elem, err := dtype.Parse(h.Type)
	if err != nil {
		return nil, fmt.Errorf("its header is damaged: %w", err)
	}
	n, err := array.Count(elem, h.Shape)
	if err != nil {
		return nil, err
	}
	need := int64(dtype.StreamBytes(elem.Bits(), n))
	if h.Layout != "" {
		l, err := packed.Parse(h.Layout)
		if err != nil {
			return nil, err
		}
		rows, k, err := matrix(h.Shape)
		if err != nil {
			return nil, err
		}
		if l.Bits != elem.Bits() {
			return nil, fmt.Errorf("layout %s is not for %s", h.Layout, h.Type)
		}
		need = l.Size(l.Bits, rows, k)
	}
	start := int64(len(packedMagic)+end+1+packedAlign-1) / packedAlign * packedAlign
	if h.Bytes != need || info.Size() != start+need {
		return nil, fmt.Errorf("it has %d bytes, and its header tells of %d", info.Size(), start+need)
	}
	if need > limit {
		return nil, fmt.Errorf("it needs %s, and %s are free", bytesText(need), bytesText(limit))
	}
	data := array.Bytes(int(need))
	if _, err := file.ReadAt(data, start); err != nil && need > 0 {
		return nil, err
	}
	return &Buffer{Elem: elem, Shape: h.Shape, Layout: h.Layout, data: data}, nil
}
