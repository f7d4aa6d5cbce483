//go:build !linux

package main

import "os/exec"

// onCores runs f: the system cannot keep a process on some cores.
func onCores(_ int, f func() error) error { return f() }

// pause and resume do nothing: peers that spin while they wait disturb what is measured with more than one thread.
func pause(*exec.Cmd) {}

func resume(*exec.Cmd) {}
