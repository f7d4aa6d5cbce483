package cpu

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

// Limits are what this machine was measured to do at most: what a kernel's speed is a share of, and what a choice
// between two plans rests on. A rate of 0 says that the machine lacks the instruction.
type Limits struct {
	// Machine names the processor and its instruction sets.
	Machine string `json:"machine"`
	// Threads is the number of threads that All was measured with.
	Threads int `json:"threads"`
	// L2Bytes and L3Bytes are the sizes of a core's second-level cache and of the last cache, as the system reports
	// them, or a guess.
	L2Bytes int64 `json:"l2_bytes"`
	L3Bytes int64 `json:"l3_bytes"`
	// One and All are the rates of one thread, and of all threads together.
	One Rates `json:"one"`
	All Rates `json:"all"`
	// Issue are the rates of single instructions of one thread.
	Issue Issue `json:"issue"`
}

// Rates are those of memory in GB/s (1e9 bytes), of f32 and bf16 in GFLOP/s, and of i8 in GOP/s (a multiply-add counts
// two).
type Rates struct {
	DRAM           float64 `json:"dram_gbps"`            // read one after the other
	DRAMPrefetched float64 `json:"dram_prefetched_gbps"` // the same, asked for 1 KiB ahead
	L3             float64 `json:"l3_gbps"`
	L2             float64 `json:"l2_gbps"`
	F32            float64 `json:"f32_gflops"`
	BF16           float64 `json:"bf16_gflops"` // the best of vdpbf16ps and the matrix unit, 0 where there is neither
	I8             float64 `json:"i8_gops"`     // the best of byte dot products and the matrix unit
}

// Issue are instructions of the widest vectors, in 1e9 a second.
type Issue struct {
	FMA       float64 `json:"fma"` // of f32
	VDPBF16PS float64 `json:"vdpbf16ps"`
	VPDPBUSD  float64 `json:"vpdpbusd"`
	VPSHUFB   float64 `json:"vpshufb"`  // look-ups in tables of 16 bytes
	VPERMB    float64 `json:"vpermb"`   // of 64 bytes
	VPERMI2B  float64 `json:"vpermi2b"` // of 128 bytes
	VPADDB    float64 `json:"vpaddb"`
	VPSRLW    float64 `json:"vpsrlw"`
	TDPBF16PS float64 `json:"tdpbf16ps"`
	TDPBSSD   float64 `json:"tdpbssd"`
}

// Compile turns a module of LLVM IR text into an object file for this machine.
type Compile func(ctx context.Context, module string) (object []byte, err error)

// ErrUnmeasured says that the limits are unknown, as there is no LLVM to build the probes with.
var ErrUnmeasured = errors.New("the machine's limits are unknown: measuring them needs LLVM")

// probeVersion changes whenever the probes measure something else.
const probeVersion = 1

// LoadLimits gives the limits of this machine with a number of threads (0: one a core) from the user's cache. Where
// they are not there, or again is set, it measures them, which takes a second or two, and keeps them. Compile may
// be nil: then limits that are not kept give ErrUnmeasured.
func LoadLimits(ctx context.Context, compile Compile, threads int, again bool) (*Limits, error) {
	if threads <= 0 {
		threads = runtime.NumCPU()
	}
	file, machine := limitsFile(threads), machineName()
	if !again && file != "" {
		if l := readLimits(file, machine, threads); l != nil {
			return l, nil
		}
	}
	if compile == nil {
		return nil, ErrUnmeasured
	}
	l, err := MeasureLimits(ctx, compile, threads)
	if err != nil {
		return nil, err
	}
	// Limits that cannot be kept are as good: they are measured again next time.
	_ = writeLimits(file, l)
	return l, nil
}

// limitsFile is where the limits of this machine are kept, "" where the user has no cache.
func limitsFile(threads int) string {
	dir, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	key := sha256.Sum256(fmt.Appendf(nil, "%d\n%s\n%d", probeVersion, machineName(), threads))
	return filepath.Join(dir, "tilec", "limits", hex.EncodeToString(key[:12])+".json")
}

// readLimits reads a kept file. One that is absent, damaged or of another machine is no limits.
func readLimits(file, machine string, threads int) *Limits {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	l := new(Limits)
	if err := json.Unmarshal(text, l); err != nil || l.Machine != machine || l.Threads != threads || !(l.One.F32 > 0 && l.One.DRAM > 0) {
		return nil
	}
	return l
}

// writeLimits keeps limits so that a reader sees a whole file or none.
func writeLimits(file string, l *Limits) error {
	if file == "" {
		return nil
	}
	text, err := json.MarshalIndent(l, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	temp, err := os.CreateTemp(filepath.Dir(file), "limits-*")
	if err != nil {
		return err
	}
	_, err = temp.Write(append(text, '\n'))
	if e := temp.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(temp.Name(), file)
	}
	if err != nil {
		os.Remove(temp.Name())
	}
	return err
}

// Work is what a call of a kernel has to do at least.
type Work struct {
	Bytes int64 // of memory, each once
	Cold  bool  // none of them in a cache
	// Flops are its operations (two a multiply-add), and Type what they multiply: "f32", "bf16" or "i8"; any other
	// float is computed as f32.
	Flops int64
	Type  string
}

// Bound is the least time in seconds that the work takes with a number of threads (0: all), and the name of the limit
// that says so, as in Rates. It is 0 for no work.
func (l *Limits) Bound(w Work, threads int) (seconds float64, limit string) {
	if threads <= 0 || threads > l.Threads {
		threads = l.Threads
	}
	memory, name := l.memory(w, threads)
	bound := func(amount, rate float64, name string) {
		if rate > 0 && amount/rate > seconds {
			seconds, limit = amount/rate, name
		}
	}
	bound(float64(w.Bytes)/1e9, memory, name)
	compute, name := l.rate(func(r *Rates) float64 { return r.F32 }, threads), "f32"
	switch w.Type {
	case "bf16":
		if rate := l.rate(func(r *Rates) float64 { return r.BF16 }, threads); rate > compute {
			compute, name = rate, "bf16"
		}
	case "i8":
		if rate := l.rate(func(r *Rates) float64 { return r.I8 }, threads); rate > 0 {
			compute, name = rate, "i8"
		}
	}
	bound(float64(w.Flops)/1e9, compute, name)
	return seconds, limit
}

// memory is the rate of the nearest memory that holds the work's bytes.
func (l *Limits) memory(w Work, threads int) (gbps float64, name string) {
	switch {
	case w.Cold || w.Bytes > l.L3Bytes/4*3:
		return l.rate(func(r *Rates) float64 { return max(r.DRAM, r.DRAMPrefetched) }, threads), "dram"
	case w.Bytes > l.L2Bytes*int64(threads):
		return l.rate(func(r *Rates) float64 { return r.L3 }, threads), "l3"
	}
	return l.rate(func(r *Rates) float64 { return r.L2 }, threads), "l2"
}

// rate is that of some threads: as many times one thread's, as far as all threads together reach it.
func (l *Limits) rate(of func(*Rates) float64, threads int) float64 {
	if threads >= l.Threads {
		return of(&l.All)
	}
	return min(float64(threads)*of(&l.One), max(of(&l.All), of(&l.One)))
}
