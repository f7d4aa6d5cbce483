package main

import (
	"flag"
	"fmt"
	"strings"
)

func completionCommand() *command {
	return &command{
		name:  "completion",
		args:  "bash|zsh|fish",
		short: "print a shell's completion script",
		long: `Prints a script that teaches a shell tilec's commands and flags. For bash: source <(tilec completion bash);
for zsh the same with zsh; for fish: tilec completion fish | source.`,
		flags: func(fs *flag.FlagSet) func(*environment, []string) error {
			return func(env *environment, args []string) error {
				if len(args) != 1 {
					return misusef("name one shell: bash, zsh or fish")
				}
				var script strings.Builder
				switch args[0] {
				case "bash", "zsh":
					if args[0] == "zsh" {
						script.WriteString("autoload -U +X bashcompinit && bashcompinit\n")
					}
					script.WriteString("_tilec() {\n  local cur=${COMP_WORDS[COMP_CWORD]} words\n  if [ \"$COMP_CWORD\" -eq 1 ]; then\n")
					fmt.Fprintf(&script, "    words=\"%s\"\n  else\n    case ${COMP_WORDS[1]} in\n", strings.Join(commandNames(), " "))
					for _, c := range commands() {
						fmt.Fprintf(&script, "      %s) words=\"%s\" ;;\n", c.name, strings.Join(c.flagNames(), " "))
					}
					script.WriteString("    esac\n  fi\n  COMPREPLY=($(compgen -W \"$words\" -- \"$cur\") $(compgen -f -X '!*.tile' -- \"$cur\") $(compgen -d -- \"$cur\"))\n}\ncomplete -o filenames -F _tilec tilec\n")
				case "fish":
					for _, c := range commands() {
						fmt.Fprintf(&script, "complete -c tilec -n __fish_use_subcommand -a %s -d '%s'\n", c.name, c.short)
						for _, f := range c.flagNames() {
							fmt.Fprintf(&script, "complete -c tilec -n '__fish_seen_subcommand_from %s' -o %s\n", c.name, f[1:])
						}
					}
				default:
					return misusef("no completion for %q; there is one for bash, zsh and fish", args[0])
				}
				_, err := fmt.Fprint(env.stdout, script.String())
				return err
			}
		},
	}
}

func (c *command) flagNames() []string {
	var names []string
	fs, _ := c.flagSet()
	fs.VisitAll(func(f *flag.Flag) { names = append(names, "-"+f.Name) })
	return names
}
