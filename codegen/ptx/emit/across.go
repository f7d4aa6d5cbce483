package emit

import "github.com/tilec/tilec/ir"

func (e *emitter) across(o *ir.Op) { e.fail("%s is not compiled", o.Code) }
