//go:build (linux || darwin) && (amd64 || arm64)

package llvm

import (
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
)

// childVariable names the library that this process is to serve, in the environment of a child.
const childVariable = "TILEC_LLVM_CHILD"

// answersFile is the child's file descriptor for answers: standard output may be written to by LLVM.
const answersFile = 3

func init() {
	if path := os.Getenv(childVariable); path != "" {
		os.Unsetenv(childVariable)
		serve(path, os.Stdin, os.NewFile(answersFile, "answers"))
		os.Exit(0)
	}
}

// serve answers requests until there are no more.
func serve(path string, requests io.Reader, answers io.Writer) {
	runtime.LockOSThread()
	fatal := func(reason string) {
		send(answers, []byte(answerFatal), []byte(reason))
		os.Exit(1)
	}
	l, err := open(path, fatal)
	if err != nil {
		send(answers, []byte(answerUnfit), []byte(err.Error()))
		return
	}
	if send(answers, []byte(answerReady), []byte(l.version+" "+strings.Join(l.targets, " "))) != nil {
		return
	}
	// The parent is watched while LLVM works: a compile that nobody waits for ends with it.
	incoming := make(chan [][]byte)
	go func() {
		for {
			request, err := receive(requests, requestParts)
			if err != nil {
				os.Exit(0)
			}
			incoming <- request
		}
	}()
	for request := range incoming {
		passes, o, ir := decode(request)
		answer := answerDone
		out, problem := l.compile(ir, o, passes)
		if problem != "" {
			answer, out = answerProblem, []byte(problem)
		}
		if send(answers, []byte(answer), out) != nil {
			return
		}
	}
}

const requestParts = 7

func encode(passes string, o Options, ir []byte) [][]byte {
	asm := ""
	if o.Asm {
		asm = "asm"
	}
	parts := [][]byte{}
	for _, text := range []string{passes, o.Triple, o.CPU, strings.Join(o.Features, ","), strconv.Itoa(o.level()), asm} {
		parts = append(parts, []byte(text))
	}
	return append(parts, ir)
}

func decode(parts [][]byte) (passes string, o Options, ir []byte) {
	text := func(i int) string { return string(parts[i]) }
	o = Options{Triple: text(1), CPU: text(2), Asm: text(5) != ""}
	if text(3) != "" {
		o.Features = strings.Split(text(3), ",")
	}
	o.Level, _ = strconv.Atoi(text(4)) // encode wrote it
	return text(0), o, parts[6]
}
