package conform

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// ptxas is the assembler that $PTXAS or the path names.
func ptxas(t *testing.T) string {
	name := os.Getenv("PTXAS")
	if name == "" {
		name = "ptxas"
	}
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skip("no ptxas: set PTXAS to one of 12.9 or later")
	}
	return path
}

var targetLine = regexp.MustCompile(`(?m)^\.target (\S+)$`)

// The corpus must be PTX to the vendor's assembler too.
func TestCorpusAssembles(t *testing.T) {
	tool := ptxas(t)
	dir := t.TempDir()
	var wait sync.WaitGroup
	slots := make(chan bool, runtime.NumCPU())
	for _, c := range corpus(t) {
		wait.Add(1)
		slots <- true
		go func() {
			defer func() { <-slots; wait.Done() }()
			file := filepath.Join(dir, strings.ReplaceAll(c.Name, "/", "_")+".ptx")
			if err := os.WriteFile(file, []byte(c.PTX), 0o666); err != nil {
				t.Error(err)
				return
			}
			target := targetLine.FindStringSubmatch(c.PTX)[1]
			if out, err := exec.Command(tool, "-arch="+target, file, "-o", os.DevNull).CombinedOutput(); err != nil {
				t.Errorf("case %s, line %d: %s", c.Name, c.Line, out)
			}
		}()
	}
	wait.Wait()
}
