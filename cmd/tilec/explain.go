package main

import (
	"encoding/json"
	"flag"
	"fmt"

	"github.com/tilec/tilec/dsl/diag"
)

func explainCommand() *command {
	return &command{
		name:  "explain",
		args:  "[CODE]",
		short: "tell more about an error code",
		long:  "Explains an error code such as E0123: what it means, and an example that is wrong and one that is right. Without a code it lists them all.",
		flags: func(fs *flag.FlagSet) func(*environment, []string) error {
			asJSON := fs.Bool("json", false, "print one JSON object a code")
			return func(env *environment, args []string) error {
				encoder := json.NewEncoder(env.stdout)
				encoder.SetEscapeHTML(false)
				show := func(e diag.Entry) error {
					return encoder.Encode(map[string]string{
						"code": string(e.Code), "title": e.Title, "text": e.Explanation, "wrong": e.Wrong, "right": e.Right,
					})
				}
				if len(args) > 1 {
					return misusef("one code at a time")
				}
				if len(args) == 0 {
					for _, e := range diag.Table() {
						if *asJSON {
							show(e)
							continue
						}
						fmt.Fprintf(env.stdout, "%s  %s\n", e.Code, e.Title)
					}
					return nil
				}
				e, ok := diag.Lookup(args[0])
				if !ok {
					return misusef("no error code %q; 'tilec explain' lists them", args[0])
				}
				if *asJSON {
					return show(e)
				}
				fmt.Fprint(env.stdout, e)
				return nil
			}
		},
	}
}
