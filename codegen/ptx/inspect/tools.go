package inspect

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// Assembler is the path of NVIDIA's ptxas: what PTXAS names, else the one that PATH finds; empty for none.
func Assembler() string { return tool("PTXAS", "ptxas") }

// Disassembler is the path of NVIDIA's nvdisasm: what NVDISASM names, else the one that PATH finds, else the one beside
// ptxas; empty for none.
func Disassembler() string {
	path := tool("NVDISASM", "nvdisasm")
	if as := Assembler(); path == "" && as != "" {
		if beside, err := exec.LookPath(filepath.Join(filepath.Dir(as), "nvdisasm")); err == nil {
			path = beside
		}
	}
	return path
}

func tool(variable, name string) string {
	if path := os.Getenv(variable); path != "" {
		return path
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return ""
	}
	return path
}

// Assembled is what ptxas says of a kernel.
type Assembled struct {
	Name      string `json:"name"`
	Registers int    `json:"registers"`
	// Spills are the bytes that are stored and loaded for want of registers, Stack the bytes of local memory.
	Spills int `json:"spills"`
	Stack  int `json:"stack"`
}

// Assembly is what ptxas makes of a text.
type Assembly struct {
	Kernels []Assembled
	// Warnings are all lines that do not tell of success.
	Warnings []string
	// Code is the object.
	Code []byte
}

var (
	entryLine    = regexp.MustCompile(`^ptxas info\s+: Compiling entry function '([^']+)'`)
	frameLine    = regexp.MustCompile(`^\s+(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads`)
	registerLine = regexp.MustCompile(`^ptxas info\s+: Used (\d+) registers`)
)

// Assemble runs ptxas on a text. The error says what it refuses.
func Assemble(ctx context.Context, ptxas, target, text string) (*Assembly, error) {
	dir, err := os.MkdirTemp("", "tilec-ptxas-*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	in, out := filepath.Join(dir, "kernel.ptx"), filepath.Join(dir, "kernel.cubin")
	if err := os.WriteFile(in, []byte(text), 0o600); err != nil {
		return nil, err
	}
	var said bytes.Buffer
	command := exec.CommandContext(ctx, ptxas, "-v", "-arch="+target, "-warn-spills", "-warn-lmem-usage", in, "-o", out)
	command.Stdout, command.Stderr = &said, &said
	if err := command.Run(); err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", ptxas, err, bytes.TrimSpace(said.Bytes()))
	}
	a := new(Assembly)
	if a.Code, err = os.ReadFile(out); err != nil {
		return nil, err
	}
	for line := range strings.Lines(said.String()) {
		line = strings.TrimRight(line, "\r\n")
		last := len(a.Kernels) - 1
		if m := entryLine.FindStringSubmatch(line); m != nil {
			a.Kernels = append(a.Kernels, Assembled{Name: m[1]})
		} else if m := frameLine.FindStringSubmatch(line); m != nil && last >= 0 {
			a.Kernels[last].Stack = number(m[1])
			a.Kernels[last].Spills = number(m[2]) + number(m[3])
		} else if m := registerLine.FindStringSubmatch(line); m != nil && last >= 0 {
			a.Kernels[last].Registers = number(m[1])
		} else if !strings.HasPrefix(line, "ptxas info") && strings.TrimSpace(line) != "" {
			a.Warnings = append(a.Warnings, strings.ReplaceAll(line, in, "kernel.ptx"))
		}
	}
	return a, nil
}

// number reads digits that an expression above matched.
func number(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}

var (
	functionLine = regexp.MustCompile(`^\.text\.([^:]+):`)
	labelLine    = regexp.MustCompile(`^(\.L_\w+):`)
	codeLine     = regexp.MustCompile(`^\s+/\*[0-9a-f]+\*/\s+(?:@!?U?P\w+\s+)?([A-Z][A-Z0-9_.]*)([^;]*)`)
	jumpTarget   = regexp.MustCompile("`\\((\\.L_\\w+)\\)")
)

// Disassemble tells of the machine code of an object's kernels, in the object's order. Classes are opcodes without modifiers.
func Disassemble(ctx context.Context, nvdisasm string, object []byte) ([]Kernel, error) {
	file, err := os.CreateTemp("", "tilec-*.cubin")
	if err != nil {
		return nil, err
	}
	defer os.Remove(file.Name())
	_, err = file.Write(object)
	if e := file.Close(); err == nil {
		err = e
	}
	if err != nil {
		return nil, err
	}
	var out, said bytes.Buffer
	command := exec.CommandContext(ctx, nvdisasm, "-c", file.Name())
	command.Stdout, command.Stderr = &out, &said
	if err := command.Run(); err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", nvdisasm, err, bytes.TrimSpace(said.Bytes()))
	}
	return listing(out.String()), nil
}

// listing reads what nvdisasm prints.
func listing(text string) []Kernel {
	var list []Kernel
	var code []instr
	var jumps []string
	labels := map[string]int{}
	end := func() {
		if len(list) == 0 {
			return
		}
		k := &list[len(list)-1]
		for i := range code {
			if at, ok := labels[jumps[i]]; ok {
				code[i].target = at
			}
			if code[i].class == matrixClass {
				k.Matrix++
			}
		}
		k.Instructions, k.Loop = len(code), mainLoop(code)
		code, jumps = nil, nil
		clear(labels)
	}
	for line := range strings.Lines(text) {
		if m := functionLine.FindStringSubmatch(line); m != nil {
			end()
			list = append(list, Kernel{Name: m[1]})
		} else if m := labelLine.FindStringSubmatch(line); m != nil {
			labels[m[1]] = len(code)
		} else if m := codeLine.FindStringSubmatch(line); m != nil {
			class, _, _ := strings.Cut(m[1], ".")
			jump := ""
			if class == "NOP" {
				continue
			}
			if strings.HasSuffix(class, "MMA") {
				class = matrixClass
			}
			if t := jumpTarget.FindStringSubmatch(m[2]); t != nil && class == "BRA" {
				jump = t[1]
			}
			code, jumps = append(code, instr{class: class, target: -1, ends: class == "EXIT" && !strings.Contains(line, "@")}), append(jumps, jump)
		}
	}
	end()
	return list
}
