package main

import (
	"os/exec"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// onCores runs f, which starts a process, so that the process has only the first cores of those that this one has.
func onCores(n int, f func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var all, some unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		return f()
	}
	for core := 0; core < 1024 && some.Count() < n; core++ {
		if all.IsSet(core) {
			some.Set(core)
		}
	}
	if err := unix.SchedSetaffinity(0, &some); err != nil {
		return f()
	}
	defer func() { _ = unix.SchedSetaffinity(0, &all) }()
	return f()
}

func pause(cmd *exec.Cmd) { _ = cmd.Process.Signal(syscall.SIGSTOP) }

func resume(cmd *exec.Cmd) { _ = cmd.Process.Signal(syscall.SIGCONT) }
