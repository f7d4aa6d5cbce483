package convert

import (
	"strings"
	"testing"

	"github.com/tilec/tilec/ir/layout"
)

// No machine holds a tile of 14,175 registers a lane; planning it byte by byte would take minutes.
func TestTooManyRegisters(t *testing.T) {
	src := layout.Must(layout.Must(layout.Local(60, 120)).Mul(layout.Must(layout.Spatial(1, 2))))
	dst := layout.Must(layout.Must(layout.Spatial(2, 1)).Mul(layout.Must(layout.ColumnLocal(30, 240))))
	_, err := New(src, dst, 63, NVIDIA())
	if err == nil || !strings.Contains(err.Error(), "take 14175 registers of a lane") {
		t.Error(err)
	}
}
