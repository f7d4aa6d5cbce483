package cpu

import (
	"runtime"

	"github.com/tilec/tilec/runtime/cpu/feature"
)

// Levels are the names of the instruction levels of this machine's architecture, the plainest first.
func Levels() []string { return feature.Levels(runtime.GOARCH) }

// Supports tells whether this machine runs code of a level, and if not, what it lacks. The matrix unit must be there, and
// the system must let this process use it.
func Supports(level string) (missing string, ok bool) {
	if missing, ok = feature.Has(level); ok && level == "amx" && !HasAMX() {
		return "AMX", false
	}
	return missing, ok
}
