package main

import (
	"math"
	"strconv"
	"strings"
)

// operand is one name=value argument of run or bench.
type operand struct {
	name, text string

	// Exactly one of these says what the value is.
	scalar bool   // text is a number, inf, nan, true or false
	path   string // an array file
	kind   string // a generator: randn, uniform, randcode, zeros, ones, iota

	tensor string // path: the tensor of a safetensors file
	packed bool   // path: what 'tilec pack' wrote
	bits   bool   // path: raw codes, not values
	shape  []int64
	seed   uint64
}

// packedExt ends the names of files that 'tilec pack' writes.
const packedExt = ".packed"

// generators are the kinds of generated operands.
var generators = []string{"randn", "uniform", "randcode", "zeros", "ones", "iota"}

// parseOperands reads name=value arguments; a name given twice is misuse.
func parseOperands(args []string) ([]*operand, error) {
	var out []*operand
	seen := map[string]bool{}
	for _, arg := range args {
		o, err := parseOperand(arg)
		if err != nil {
			return nil, err
		}
		if seen[o.name] {
			return nil, misusef("operand %s is given twice", o.name)
		}
		seen[o.name] = true
		out = append(out, o)
	}
	return out, nil
}

func parseOperand(arg string) (*operand, error) {
	name, value, ok := strings.Cut(arg, "=")
	if !ok || name == "" {
		return nil, misusef("operand %q is not of the form name=value", arg)
	}
	o := &operand{name: name, text: value}
	if value == "" {
		return nil, misusef("operand %s has no value", name)
	}
	if rest, ok := strings.CutPrefix(value, "bits:"); ok {
		o.bits = true
		value = rest
	}
	file, tensor, _ := strings.Cut(value, "#")
	if strings.HasSuffix(value, packedExt) && !o.bits {
		o.path, o.packed = value, true
		return o, nil
	}
	if strings.HasSuffix(file, ".npy") || strings.HasSuffix(file, ".safetensors") || o.bits {
		o.path, o.tensor = file, tensor
		switch {
		case file == "":
			return nil, misusef("operand %s names no file", name)
		case !strings.HasSuffix(file, ".npy") && !strings.HasSuffix(file, ".safetensors"):
			return nil, misusef("operand %s: %s is no .npy or .safetensors file", name, file)
		case strings.HasSuffix(file, ".npy") && tensor != "":
			return nil, misusef("operand %s: a .npy file holds one array, so %q cannot name one in it", name, "#"+tensor)
		case strings.HasSuffix(file, ".safetensors") && tensor == "":
			return nil, misusef("operand %s: name a tensor of the file, as in %s=%s#NAME", name, name, file)
		}
		return o, nil
	}
	parts := strings.Split(value, ":")
	for _, kind := range generators {
		if parts[0] != kind {
			continue
		}
		o.kind = kind
		if len(parts) < 2 || len(parts) > 3 {
			return nil, misusef("operand %s: a generated tensor is written %s:SHAPE or %s:SHAPE:SEED, as in %s:8x512x64:1", name, kind, kind, kind)
		}
		for _, extent := range strings.Split(parts[1], "x") {
			n, err := strconv.ParseInt(extent, 10, 64)
			if err != nil || n < 0 {
				return nil, misusef("operand %s: %q in the shape %q is not an extent", name, extent, parts[1])
			}
			o.shape = append(o.shape, n)
		}
		if len(parts) == 3 {
			seed, err := strconv.ParseUint(parts[2], 10, 64)
			if err != nil {
				return nil, misusef("operand %s: %q is not a seed: an integer from 0 to %d", name, parts[2], uint64(math.MaxUint64))
			}
			o.seed = seed
		}
		return o, nil
	}
	if len(parts) > 1 {
		return nil, misusef("operand %s: no generator %q%s; there are %s", name, parts[0], nearest(parts[0], generators), strings.Join(generators, ", "))
	}
	if !isScalar(value) {
		return nil, misusef("operand %s: %q is neither a number, a .npy, .safetensors or .packed file, nor a generated tensor such as randn:8x64", name, value)
	}
	o.scalar = true
	return o, nil
}

// isScalar reports whether text is a number, however large, or true or false.
func isScalar(text string) bool {
	text = strings.ReplaceAll(text, "_", "")
	_, asFloat := strconv.ParseFloat(text, 64)
	_, asInt := strconv.ParseInt(text, 0, 64)
	return text == "true" || text == "false" || asFloat == nil || asInt == nil || isRange(asFloat) || isRange(asInt)
}

func isRange(err error) bool {
	e, ok := err.(*strconv.NumError)
	return ok && e.Err == strconv.ErrRange
}
