package suite

import (
	"github.com/tilec/tilec/dsl/check"
	"github.com/tilec/tilec/dsl/diag"
	"github.com/tilec/tilec/dsl/typed"
)

// Called is a kernel variant that a test calls.
type Called struct {
	Test string // package.kernel/name
	// Case lists what is bound in it, as Result.Case does.
	Case string
	Call *typed.Call
}

// Calls are the kernel calls of all tests that the options select, in the order of the text, without running anything: for
// each test and binding of its free generics every call. The errors are those of the tests' texts.
func Calls(prog *check.Program, o Options) (calls []Called, diags diag.List) {
	jobs, early := plan(prog, o)
	for _, r := range early {
		diags = append(diags, r.Diags...)
	}
	for _, j := range jobs {
		list, err := j.test.Run(j.what, j.opts, func(s typed.Stmt) error {
			if c, is := s.(*typed.Call); is {
				calls = append(calls, Called{j.name, j.label, c})
			}
			return nil
		})
		if err == nil { // else a require over generics excludes the case
			diags = append(diags, list...)
		}
	}
	return calls, diags
}
