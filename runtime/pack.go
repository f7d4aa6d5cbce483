package runtime

import (
	"fmt"
	"slices"

	"github.com/tilec/tilec/codegen/packed"
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
	return &Buffer{Elem: b.Elem, Shape: slices.Clone(b.Shape), Layout: layout, data: data}, nil
}

// matrix is a shape as that of a matrix.
func matrix(shape []int64) (n, k int64, err error) {
	if len(shape) != 2 {
		return 0, 0, fmt.Errorf("a tensor of %d dimensions cannot be packed: a matrix can", len(shape))
	}
	return shape[0], shape[1], nil
}
