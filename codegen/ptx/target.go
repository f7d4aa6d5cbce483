package ptx

import (
	"fmt"
	"strconv"
	"strings"
)

// Version is a PTX ISA version, ten times it: 85 is 8.5.
type Version int

// The versions that the table knows.
const (
	OldestVersion Version = 60
	NewestVersion Version = 95
)

// String is the version as .version spells it.
func (v Version) String() string { return fmt.Sprintf("%d.%d", int(v)/10, int(v)%10) }

// Target is a processor: sm_90a is {90, 'a'}.
type Target struct {
	SM      int
	Variant byte // 0, 'a' for the features of that processor alone, 'f' for its family's
}

// ParseTarget reads sm_80, sm_90a and the like.
func ParseTarget(name string) (Target, error) {
	digits, ok := strings.CutPrefix(name, "sm_")
	if !ok {
		return Target{}, fmt.Errorf("%q is not a processor: they are named sm_80, sm_90a and so on", name)
	}
	t := Target{}
	if n := len(digits); n > 0 && (digits[n-1] == 'a' || digits[n-1] == 'f') {
		t.Variant, digits = digits[n-1], digits[:n-1]
	}
	n, err := strconv.Atoi(digits)
	if err != nil || len(digits) > 3 || n < 50 {
		return Target{}, fmt.Errorf("%q is not a processor that is known: sm_50 and later are", name)
	}
	t.SM = n
	return t, nil
}

// String is the processor's name.
func (t Target) String() string {
	s := "sm_" + strconv.Itoa(t.SM)
	if t.Variant != 0 {
		s += string(t.Variant)
	}
	return s
}

// since is the first version whose assembler knows the processor.
func (t Target) since() Version {
	switch {
	case t.SM >= 107 && t.SM < 110:
		return 94
	case t.SM == 110 || t.SM == 88:
		return 90
	case t.SM == 103 || t.SM == 121:
		return 88
	case t.SM >= 120:
		return 87
	case t.SM >= 100:
		return 86
	case t.SM == 90 && t.Variant != 0:
		return 80
	case t.SM >= 89:
		return 78
	case t.SM == 87:
		return 74
	case t.SM == 86:
		return 71
	case t.SM >= 80:
		return 70
	case t.SM >= 75:
		return 63
	}
	return OldestVersion
}

// Shared is the most shared memory of a block, in bytes (CUDA C++ Programming Guide, "Technical Specifications per Compute
// Capability").
func (t Target) Shared() int {
	switch sm := t.SM; {
	case sm < 75:
		return 96 << 10
	case sm < 80:
		return 64 << 10
	case sm == 80 || sm == 87:
		return 163 << 10
	case sm == 86 || sm == 89 || sm >= 120:
		return 99 << 10
	}
	return MaxShared
}

// MaxShared is the most shared memory of a block of any processor, in bytes.
const MaxShared = 227 << 10

// CheckVersion says why text of version v cannot be for the target.
func (t Target) CheckVersion(v Version) error {
	if s := t.since(); v < s {
		return fmt.Errorf("%s needs .version %s or later, the text says %s", t, s, v)
	}
	return nil
}

// Where is the set of processors that have a form: those from From on, or, where Only is not empty, just those.
type Where struct {
	From int
	Only []Target
}

// Has reports whether t has the form. A processor's family variant has what the processor itself has from From on.
func (w Where) Has(t Target) bool {
	if len(w.Only) == 0 {
		return t.SM >= w.From
	}
	for _, o := range w.Only {
		if o == t {
			return true
		}
	}
	return false
}

// String names the set: "sm_80 or later", "sm_90a", "sm_100a, sm_103a or sm_110a".
func (w Where) String() string {
	if len(w.Only) == 0 {
		return Target{SM: w.From}.String() + " or later"
	}
	var names []string
	for _, o := range w.Only {
		names = append(names, o.String())
	}
	if n := len(names); n > 1 {
		return strings.Join(names[:n-1], ", ") + " or " + names[n-1]
	}
	return names[0]
}
