package array

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"slices"
	"strings"

	"github.com/tilec/tilec/ir/dtype"
)

const npyMagic = "\x93NUMPY"

// maxNpyHeader bounds the header's length in bytes; of the arrays that are read it takes a few hundred.
const maxNpyHeader = 1 << 20

// ReadNpy reads an array file in numpy's format, version 1 to 3: any boolean, integer or real dtype, of
// either byte order, in C or Fortran order. Limit bounds the bytes it may hold. Errors name the file.
func ReadNpy(path string, limit int64) (*Array, error) {
	f, size, err := openFile(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	a, err := decodeNpy(f, size, limit)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return a, nil
}

// tooLarge is the error of what does not fit in memory.
func tooLarge(what string, size, limit int64) error {
	return fmt.Errorf("%s takes %d bytes, and %d are allowed", what, size, limit)
}

// openFile opens a regular file and gives its size.
func openFile(path string) (*os.File, int64, error) {
	f, err := os.Open(path)
	if err != nil {
		var pe *fs.PathError
		if errors.As(err, &pe) {
			err = pe.Err
		}
		return nil, 0, fmt.Errorf("%s: cannot read: %w", path, err)
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("not a regular file")
	}
	if err != nil {
		f.Close()
		return nil, 0, fmt.Errorf("%s: cannot read: %w", path, err)
	}
	return f, info.Size(), nil
}

// DecodeNpy reads a .npy of size bytes.
func DecodeNpy(r io.ReaderAt, size int64) (*Array, error) { return decodeNpy(r, size, math.MaxInt64) }

func decodeNpy(r io.ReaderAt, size, limit int64) (*Array, error) {
	h, dataAt, err := readNpyHeader(r, size)
	if err != nil {
		return nil, err
	}
	elem, bigEndian, err := npyElem(h.descr)
	if err != nil {
		return nil, err
	}
	n, err := Count(elem, h.shape)
	if err != nil {
		return nil, fmt.Errorf("the header is wrong: %w", err)
	}
	name, _ := numpyName(elem)
	want := int64(dtype.StreamBytes(elem.Bits(), n))
	if have := size - dataAt; have != want {
		return nil, fmt.Errorf("the header says shape %s of %s, %d bytes, but the file has %d after it", shapeText(h.shape), name, want, have)
	}
	if want > limit {
		return nil, tooLarge("the array", want, limit)
	}
	a := &Array{Elem: elem, Shape: h.shape, Data: Bytes(int(want))}
	if err := readFull(r, a.Data, dataAt); err != nil {
		return nil, err
	}
	if bigEndian {
		swap(a.Data, elem.Bits()/8)
	}
	if h.fortran {
		a.Data = fromFortran(a.Data, elem.Bits()/8, a.Shape)
	}
	return a, nil
}

// readFull fills p from offset at; a file cut short under our hands is an error.
func readFull(r io.ReaderAt, p []byte, at int64) error {
	n, err := r.ReadAt(p, at)
	if n == len(p) {
		return nil
	}
	if err == nil || err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("cannot read: %w", err)
}

// readNpyHeader reads magic, version and header; dataAt is where the elements begin.
func readNpyHeader(r io.ReaderAt, size int64) (h npyHeader, dataAt int64, err error) {
	var start [12]byte
	if size < 10 {
		return h, 0, fmt.Errorf("not a .npy file: only %d bytes long", size)
	}
	if err := readFull(r, start[:min(size, 12)], 0); err != nil {
		return h, 0, err
	}
	if string(start[:6]) != npyMagic {
		return h, 0, errors.New("not a .npy file: it does not begin with \\x93NUMPY")
	}
	length, dataAt := int64(0), int64(0)
	switch version := start[6]; {
	case version < 1 || version > 3 || start[7] != 0:
		return h, 0, fmt.Errorf("version %d.%d of the .npy format is unknown; 1.0, 2.0 and 3.0 are read", version, start[7])
	case version == 1:
		length, dataAt = int64(binary.LittleEndian.Uint16(start[8:])), 10
	case size < 12:
		return h, 0, errors.New("the file ends within its header")
	default:
		length, dataAt = int64(binary.LittleEndian.Uint32(start[8:])), 12
	}
	if length > size-dataAt {
		return h, 0, fmt.Errorf("the file ends within its header, which claims %d bytes", length)
	}
	if length > maxNpyHeader {
		return h, 0, fmt.Errorf("the header has %d bytes, and %d are allowed", length, maxNpyHeader)
	}
	text := make([]byte, length)
	if err := readFull(r, text, dataAt); err != nil {
		return h, 0, err
	}
	h, err = parseNpyHeader(string(text))
	if err != nil {
		return h, 0, fmt.Errorf("the header is malformed: %w", err)
	}
	return h, dataAt + length, nil
}

// npyElem is the element type of a descr such as "<f4".
func npyElem(descr string) (elem dtype.Type, bigEndian bool, err error) {
	kind := strings.TrimLeft(descr, "<>|=")
	order := descr[:len(descr)-len(kind)]
	for _, k := range npyKinds {
		if k.descr == kind && len(order) <= 1 {
			native := binary.NativeEndian.Uint16([]byte{1, 0}) != 1 && (order == "=" || order == "")
			return k.elem, order == ">" || native, nil
		}
	}
	what := "is not a dtype"
	if kind != "" && len(order) <= 1 {
		switch kind[0] {
		case 'c':
			what = "is complex; save real and imaginary parts as two arrays"
		case 'O':
			what = "holds Python objects"
		case 'S', 'U', 'a':
			what = "holds strings"
		case 'V':
			what = "is a record or a type that numpy lacks; save the raw bits of bf16 and small floats, as .view(np.uint16), and give that file as bits:FILE"
		case 'M', 'm':
			what = "holds times"
		case 'f':
			what = "is a float of another width than 16, 32 and 64 bits"
		}
	}
	return dtype.Type{}, false, fmt.Errorf("dtype %.40q %s; bool, int8 to int64, uint8 to uint64 and float16 to float64 are read", descr, what)
}

// swap reverses the bytes of each element of width bytes.
func swap(data []byte, width int) {
	if width == 1 {
		return
	}
	for i := 0; i+width <= len(data); i += width {
		slices.Reverse(data[i : i+width])
	}
}

// fromFortran is data, elements of width bytes with the first dimension fastest, in C order.
func fromFortran(data []byte, width int, shape []int64) []byte {
	if len(shape) < 2 || len(data) == 0 {
		return data
	}
	out := make([]byte, 0, len(data))
	step := make([]int, len(shape)) // in bytes of data
	s := width
	for i, d := range shape {
		step[i] = s
		s *= int(d)
	}
	last := len(shape) - 1
	at, pos := make([]int64, last), 0
	for {
		for k := range int(shape[last]) {
			p := pos + k*step[last]
			out = append(out, data[p:p+width]...)
		}
		i := last - 1
		for ; i >= 0; i-- {
			pos += step[i]
			if at[i]++; at[i] < shape[i] {
				break
			}
			pos -= step[i] * int(shape[i])
			at[i] = 0
		}
		if i < 0 {
			return out
		}
	}
}

// npyHeaderText is everything before the elements, padded so that they begin at a multiple of 64.
func npyHeaderText(a *Array) []byte {
	descr := ""
	for _, k := range npyKinds {
		if k.elem == a.Elem {
			descr = "<" + k.descr
			if a.Elem.Bits() == 8 {
				descr = "|" + k.descr
			}
		}
	}
	var dims strings.Builder
	for i, d := range a.Shape {
		if i > 0 {
			dims.WriteString(", ")
		}
		fmt.Fprint(&dims, d)
	}
	if len(a.Shape) == 1 {
		dims.WriteByte(',')
	}
	text := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", descr, dims.String())
	pad := -(len(text) + 11) & 63
	text += strings.Repeat(" ", pad) + "\n"
	head := append([]byte(npyMagic), 1, 0)
	head = binary.LittleEndian.AppendUint16(head, uint16(len(text)))
	return append(head, text...)
}
