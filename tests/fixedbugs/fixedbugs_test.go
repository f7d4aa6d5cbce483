// Package fixedbugs keeps small programs that once went wrong: each .tile file of this folder passes its own tests.
package fixedbugs

import (
	"testing"

	"github.com/tilec/tilec/dsl/check"
	"github.com/tilec/tilec/dsl/suite"
)

func TestFixed(t *testing.T) {
	prog, list := check.Load(check.Config{}, ".")
	if !list.HasErrors() {
		list = append(list, prog.Check()...)
	}
	if err := list.Err(); err != nil {
		t.Fatal(err)
	}
	held := 0
	err := suite.Run(t.Context(), prog, suite.Options{}, func(r *suite.Result) {
		held += r.Expects
		if r.Failed() {
			t.Errorf("%s [%s]: %v %v", r.Name, r.Case, r.Err, r.Diags.Err())
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if held == 0 {
		t.Fatal("nothing was expected")
	}
}
