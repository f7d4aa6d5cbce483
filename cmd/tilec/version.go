package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"runtime"
	"runtime/debug"
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
				cores := fmt.Sprintf("%d cores, %s/%s", runtime.NumCPU(), runtime.GOOS, runtime.GOARCH)
				if *asJSON {
					return json.NewEncoder(env.stdout).Encode(map[string]any{
						"version": versionText(), "go": runtime.Version(), "targets": targets(), "devices": []string{"interp: " + cores},
					})
				}
				fmt.Fprintf(env.stdout, "tilec %s (%s)\ntargets: interp\ndevices: interp (%s)\n", versionText(), runtime.Version(), cores)
				return nil
			}
		},
	}
}

// targets are the targets that can run a kernel.
func targets() []string { return []string{"interp"} }

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
