//go:build !linux

package array

func largePages([]byte) {}
