package runtime

import (
	"fmt"
	goruntime "runtime"

	"github.com/tilec/tilec/ir/dtype"
	"github.com/tilec/tilec/runtime/array"
)

// Buffer is a tensor where a device's kernels reach it: an argument that is brought there once and used in many launches.
type Buffer struct {
	// Elem and Shape are those of the tensor, whatever its layout.
	Elem  dtype.Type
	Shape []int64
	// Layout is how its elements lie, "" for row-major without gaps.
	Layout string

	data   []byte     // where it is remote, as many bytes as it has, of no meaning
	remote *gpuMemory // nil where the bytes are in this machine's memory
}

// on reports whether the buffer is in a GPU's memory.
func (b *Buffer) on(d *gpu) bool { return b.remote != nil && b.remote.device == d }

// Free frees a buffer on a GPU, sooner than Go would. It may not be used any more.
func (b *Buffer) Free() {
	if b.remote != nil {
		b.remote.free()
	}
}

// Size is the number of bytes that the buffer takes.
func (b *Buffer) Size() int64 { return int64(len(b.data)) }

// Array is the buffer's tensor as an array, which shares the buffer's memory; from a GPU it is a copy. A buffer in a layout
// of its own has none.
func (b *Buffer) Array() (*array.Array, error) {
	if b.Layout != "" {
		return nil, fmt.Errorf("the buffer is in layout %s: only a dense one is an array", b.Layout)
	}
	if b.remote != nil {
		data := array.Bytes(len(b.data))
		err := b.remote.device.Read(data, b.remote.at)
		goruntime.KeepAlive(b)
		return &array.Array{Elem: b.Elem, Shape: b.Shape, Data: data}, err
	}
	return &array.Array{Elem: b.Elem, Shape: b.Shape, Data: b.data}, nil
}

// share makes a dense buffer over an array's memory, which must have all its bytes.
func share(a *array.Array) (*Buffer, error) {
	n, err := array.Count(a.Elem, a.Shape)
	if err != nil {
		return nil, err
	}
	if need := dtype.StreamBytes(a.Elem.Bits(), n); len(a.Data) < need {
		return nil, fmt.Errorf("an array of %d elements of %s needs %d bytes and has %d", n, a.Elem, need, len(a.Data))
	}
	return &Buffer{Elem: a.Elem, Shape: a.Shape, data: a.Data}, nil
}
