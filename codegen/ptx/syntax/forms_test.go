package syntax_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/tilec/tilec/codegen/ptx"
	"github.com/tilec/tilec/codegen/ptx/internal/sample"
	"github.com/tilec/tilec/codegen/ptx/syntax"
)

// Instances of every form of the table parse where the form exists, and not with an older version.
func TestEveryFormParses(t *testing.T) {
	n := 0
	for _, f := range ptx.All() {
		for _, s := range sample.Instances(f) {
			n++
			m, err := syntax.Parse(s.Module())
			if err != nil {
				if !strings.Contains(err.Error(), ".sat does nothing") && !strings.Contains(err.Error(), "parameter of the kernel") {
					t.Errorf("%s: %v", s.Text, err)
				}
				continue
			}
			body := m.Entry("k").Body
			if in := body[2]; !strings.HasPrefix(s.Text, in.Name()) {
				t.Errorf("%s was read as %s", s.Text, in.Name())
			}
		}
	}
	if n < 2500 {
		t.Errorf("%d instances", n)
	}
	t.Log(n, "instances")
}

// The vendor's assembler takes instances of every form too, where $PTXAS names one of 13.5.
func TestEveryFormAssembles(t *testing.T) {
	tool := os.Getenv("PTXAS")
	if tool == "" {
		t.Skip("set PTXAS to ptxas 13.5 or later")
	}
	dir := t.TempDir()
	var wait sync.WaitGroup
	slots := make(chan int, runtime.NumCPU())
	for i := range runtime.NumCPU() {
		slots <- i
	}
	for _, f := range ptx.All() {
		if f.Opcode == "call" {
			continue
		}
		for _, s := range sample.Instances(f) {
			if _, err := syntax.Parse(s.Module()); err != nil {
				continue // TestEveryFormParses says whether that is right
			}
			if s.Version == 90 {
				s.Version = 91 // what 13.0 takes with 9.0, later versions want 9.1 for
			}
			wait.Add(1)
			slot := <-slots
			go func() {
				defer func() { slots <- slot; wait.Done() }()
				file := filepath.Join(dir, string(rune('a'+slot))+".ptx")
				if err := os.WriteFile(file, []byte(s.Module()), 0o666); err != nil {
					t.Error(err)
					return
				}
				if out, err := exec.Command(tool, "-arch="+s.Target.String(), file, "-o", os.DevNull).CombinedOutput(); err != nil {
					line, _, _ := strings.Cut(string(out), "\n")
					t.Errorf("%s %s: %s: %s", s.Version, s.Target, s.Text, line[strings.Index(line, ";")+1:])
				}
			}()
		}
	}
	wait.Wait()
}
