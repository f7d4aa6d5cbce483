package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/tilec/tilec/codegen/toolchain"
	rt "github.com/tilec/tilec/runtime"
)

func versionCommand() *command {
	return &command{
		name:  "version",
		short: "print the version, targets and devices",
		long:  "Prints tilec's version, the targets it can compile for or run on, and the devices found.",
		flags: func(fs *flag.FlagSet) func(*environment, []string) error {
			asJSON := fs.Bool("json", false, "print one JSON object")
			return func(env *environment, args []string) error {
				if len(args) > 0 {
					return misusef("unexpected argument %q", args[0])
				}
				v := versionFacts()
				if *asJSON {
					return json.NewEncoder(env.stdout).Encode(v)
				}
				fmt.Fprintf(env.stdout, "tilec %s (%s)\ntargets: %s\ndevices:\n", v.Version, v.Go, strings.Join(v.Targets, " "))
				for _, d := range v.Devices {
					fmt.Fprintf(env.stdout, "  %s\n", d)
				}
				llvm := v.LLVM
				if llvm == "" {
					llvm = v.Problem
				}
				_, err := fmt.Fprintf(env.stdout, "LLVM: %s\n", llvm)
				return err
			}
		},
	}
}

// facts are what version tells.
type facts struct {
	Version string   `json:"version"`
	Go      string   `json:"go"`
	Targets []string `json:"targets"`
	Devices []string `json:"devices"`
	LLVM    string   `json:"llvm"`              // its name and where it is; empty if there is none
	Problem string   `json:"problem,omitempty"` // why there is none, and what to do
}

func versionFacts() facts {
	f := facts{Version: versionText(), Go: runtime.Version(), Targets: targets(), Devices: []string{}}
	for _, name := range rt.Devices() {
		// What is listed can be opened.
		if d, err := rt.Open(name); err == nil {
			f.Devices = append(f.Devices, name+": "+d.About())
			d.Close()
		}
	}
	name, err := toolchain.Name()
	if err != nil {
		f.Problem = err.Error()
	}
	f.LLVM = name
	return f
}

// versionText is the module's version, or its commit where it was built from a checkout.
func versionText() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	version := info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && (version == "" || version == "(devel)") {
			version = "devel-" + s.Value[:min(12, len(s.Value))]
		}
	}
	if version == "" || version == "(devel)" {
		return "devel"
	}
	return version
}
