package main

import (
	"flag"
	"fmt"

	"github.com/tilec/tilec/dsl/diag"
)

func explainCommand() *command {
	return &command{
		name:  "explain",
		args:  "CODE",
		short: "tell more about an error code",
		long:  "Explains an error code such as E0123: what it means, and an example that is wrong and one that is right. Without a code it lists them all.",
		flags: func(fs *flag.FlagSet) func(*environment, []string) error {
			return func(env *environment, args []string) error {
				if len(args) > 1 {
					return misusef("one code at a time")
				}
				if len(args) == 0 {
					for _, e := range diag.Table() {
						fmt.Fprintf(env.stdout, "%s  %s\n", e.Code, e.Title)
					}
					return nil
				}
				e, ok := diag.Lookup(args[0])
				if !ok {
					return misusef("no error code %q; 'tilec explain' lists them", args[0])
				}
				fmt.Fprint(env.stdout, e)
				return nil
			}
		},
	}
}
