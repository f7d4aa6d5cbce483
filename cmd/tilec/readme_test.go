package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// varying is what differs from run to run, and from machine to machine: times, the device, the last bits of sums.
var varying = regexp.MustCompile(`[0-9.]+(ms|µs| s\b|s\b)|on (interp|cpu:[a-z0-9]+):|off by .*`)

// TestReadme runs the tour of the README in an empty folder and holds what it shows to what comes out.
func TestReadme(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, tour, ok := strings.Cut(string(page), "## A tour")
	if !ok {
		t.Fatal("no tour")
	}
	t.Chdir(t.TempDir())
	source := block(t, tour, "tile")[0]
	write(t, "row.tile", source)
	write(t, filepath.Join("wrong", "row.tile"), strings.Replace(source, "x[r, d] as f32", "x[r, d + 1] as f32", 1))
	for _, shown := range block(t, tour, "console") {
		line, want, _ := strings.Cut(shown, "\n")
		args := strings.Fields(strings.TrimPrefix(line, "$ tilec "))
		var out bytes.Buffer
		Main(&environment{ctx: context.Background(), stdin: strings.NewReader(""), stdout: &out, stderr: &out}, args)
		printed := out.String()
		if strings.HasPrefix(printed, "tilec: no LLVM was found") {
			_, printed, _ = strings.Cut(printed, "\n")
		}
		if diff := cmp.Diff(varying.ReplaceAllString(want, "…"), varying.ReplaceAllString(printed, "…")); diff != "" {
			t.Errorf("%s (-shown +printed)\n%s", line, diff)
		}
	}
	if _, err := os.Stat("y.npy"); err != nil {
		t.Error(err)
	}
}

// TestQuickStart holds the README to its two commands: one that runs the main job, one that passes the tests.
func TestQuickStart(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, start, ok := strings.Cut(string(page), "## Quick start")
	if !ok {
		t.Fatal("no quick start")
	}
	start, _, _ = strings.Cut(start, "\n## ")
	commands := block(t, start, "sh")
	if len(commands) != 2 || commands[1] != "go test ./...\n" {
		t.Fatalf("commands: %q", commands)
	}
	args, ok := strings.CutPrefix(strings.TrimSpace(commands[0]), "go run ./cmd/tilec ")
	if !ok {
		t.Fatalf("the first command is %q", commands[0])
	}
	t.Chdir(filepath.Join("..", ".."))
	var out bytes.Buffer
	code := Main(&environment{ctx: context.Background(), stdin: strings.NewReader(""), stdout: &out, stderr: &out}, strings.Fields(args))
	if code != exitFine || strings.Count(out.String(), "agrees with float64") != 2 {
		t.Errorf("exit %d:\n%s", code, out.String())
	}
}

// block gives the texts of all fenced blocks of a language.
func block(t *testing.T, page, language string) []string {
	t.Helper()
	var list []string
	for _, part := range strings.Split(page, "\n```"+language+"\n")[1:] {
		text, _, ok := strings.Cut(part, "\n```")
		if !ok {
			t.Fatal("a block without an end")
		}
		list = append(list, text+"\n")
	}
	return list
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
