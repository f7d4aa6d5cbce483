//go:build !(linux && amd64)

package cpu

// HasAMX tells whether this process may use AMX.
func HasAMX() bool { return false }
