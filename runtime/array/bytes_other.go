//go:build !linux

package array

func largePages([]byte, int) int { return 0 }
