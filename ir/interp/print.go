package interp

import (
	"math"
	"strings"

	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
)

// PrintValue is a value of a print statement that ran elsewhere. Its elements are in row-major order, those of floats the
// bits of a float64, all others integers; a span is its first index and one past its last.
type PrintValue struct {
	Elem dtype.Type
	Span bool
	Dims []int64 // live lengths, none of a scalar
	Data []uint64
}

// PrintText is what a print statement with a format writes of its values, a whole line.
func PrintText(format string, values []PrintValue) string {
	// Writing a value that is there cannot fail.
	text, _ := printText(format, len(values), func(i int, b *strings.Builder) error {
		values[i].cell().write(b)
		return nil
	})
	return text
}

// cell is the value as the interpreter holds it.
func (v PrintValue) cell() *cell {
	c := &cell{kind: ir.Tile, elem: v.Elem}
	if v.Span {
		c.kind = ir.Span
		if len(v.Data) == 2 {
			c.lo, c.hi = int64(v.Data[0]), int64(v.Data[1])
		}
		return c
	}
	c.class = classOf(v.Elem)
	for _, n := range v.Dims {
		c.dims = append(c.dims, dim{n: int(n)})
	}
	stride := 1
	for i := len(c.dims) - 1; i >= 0; i-- {
		c.dims[i].s = stride
		stride *= c.dims[i].n
	}
	for _, x := range v.Data {
		switch c.class {
		case f32Class:
			c.f32 = append(c.f32, float32(math.Float64frombits(x)))
		case f64Class:
			c.f64 = append(c.f64, math.Float64frombits(x))
		case intClass:
			c.i64 = append(c.i64, int64(x))
		default:
			c.b = append(c.b, x != 0)
		}
	}
	return c
}

// printText writes a format with a number of values.
func printText(format string, values int, write func(i int, b *strings.Builder) error) (string, error) {
	var b strings.Builder
	next := 0
	for i := 0; i < len(format); i++ {
		switch {
		case format[i] != '%' || i+1 == len(format):
			b.WriteByte(format[i])
			continue
		case format[i+1] == '%':
			b.WriteByte('%')
		case format[i+1] == 'v' && next < values:
			if err := write(next, &b); err != nil {
				return "", err
			}
			next++
		default:
			b.WriteString(format[i : i+2])
		}
		i++
	}
	if !strings.HasSuffix(b.String(), "\n") {
		b.WriteByte('\n')
	}
	return b.String(), nil
}

// Poison fills a tensor with what an output starts as: NaN in floats that have one, a pattern of bits in integers.
func Poison(t *Tensor) {
	m := &memory{elem: t.Elem, dims: t.Shape, data: t.Data, bit: t.BitOffset}
	m.layout(t.Strides)
	if m.size > 0 {
		m.poison()
	}
}
