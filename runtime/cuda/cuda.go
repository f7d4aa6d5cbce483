// Package cuda drives NVIDIA's GPUs through the driver library that is found at run time.
//
// In go PTX texts and bytes; out come launches and bytes. A [Driver] is the driver interface of CUDA, call by call, and a
// [Device] one GPU, whose calls may come from any goroutine. It always holds that nothing is loaded before it is asked
// for, that what the driver refuses is an [*Error] with the driver's name for it, and that after a fault which the
// driver does not recover from all calls say so.
//
// The driver is found by dlopen and needs no C compiler. Built with the tag cuda, it is gorgonia.org/cu instead, which
// needs cgo, cuda.h of a CUDA before 13, and libcuda to link with; such a program ends at its start where the driver does
// not begin, as cu has it.
package cuda

import (
	"errors"
	"fmt"
	"time"
)

// Handles of the driver: addresses of its own, and those of a device's memory.
type (
	Context  uintptr
	Module   uintptr
	Function uintptr
	Event    uintptr
	Address  uint64
)

// DeviceAttribute is a CUdevice_attribute.
type DeviceAttribute int

// The attributes of devices that are used, as cuda.h numbers them.
const (
	SharedMemory       DeviceAttribute = 8 // bytes a block has without asking
	Multiprocessors    DeviceAttribute = 16
	CapabilityMajor    DeviceAttribute = 75
	CapabilityMinor    DeviceAttribute = 76
	SharedMemoryAsking DeviceAttribute = 97 // bytes a block has with [DynamicShared]
)

// FunctionAttribute is a CUfunction_attribute.
type FunctionAttribute int

// The attributes of functions that are used, as cuda.h numbers them.
const (
	MaxThreads    FunctionAttribute = 0 // of a block
	StaticShared  FunctionAttribute = 1 // bytes
	Registers     FunctionAttribute = 4 // of a thread
	DynamicShared FunctionAttribute = 8 // the most bytes a launch may ask for; it can be set
)

// Launch is what cuLaunchKernel takes. Params are the kernel's parameters, each in the low bytes of a word.
type Launch struct {
	Grid, Block [3]uint32
	Shared      uint32 // bytes of dynamic shared memory
	Params      []uint64
}

// Driver is what is used of the driver interface: a method for each call, in the context that the thread has. Memory that
// is written and read is Go's. All errors are *Error.
type Driver interface {
	// Init is cuInit: it comes before all else, and again is harmless.
	Init() error
	// Version is that of the CUDA interface, such as 12040 for 12.4.
	Version() (int, error)
	Count() (int, error)
	Name(device int) (string, error)
	Attribute(device int, a DeviceAttribute) (int, error)
	// Memory is how many bytes a device has.
	Memory(device int) (int64, error)

	// Retain is a device's primary context, which Release gives back; Enter makes a context the calling thread's.
	Retain(device int) (Context, error)
	Release(device int) error
	Enter(c Context) error
	// Free memory and all there is, in bytes, of the thread's context.
	Available() (free, total int64, err error)
	Synchronise() error

	// Load compiles PTX; log is what the compiler says, also where there is an error.
	Load(ptx string) (m Module, log string, err error)
	Unload(m Module) error
	Function(m Module, name string) (Function, error)
	FunctionAttribute(f Function, a FunctionAttribute) (int, error)
	SetFunctionAttribute(f Function, a FunctionAttribute, value int) error
	// Resident is how many blocks of a function, of so many threads and bytes of dynamic shared memory, a multiprocessor holds.
	Resident(f Function, threads int, shared int64) (int, error)
	Launch(f Function, l *Launch) error

	Alloc(bytes int64) (Address, error)
	Free(at Address) error
	Write(to Address, data []byte) error
	Read(data []byte, from Address) error
	Fill(at Address, value byte, bytes int64) error

	// Elapsed is the time between two events, which have happened: Record puts one behind what was launched, and
	// Synchronise waits for it.
	NewEvent() (Event, error)
	DropEvent(e Event) error
	Record(e Event) error
	Elapsed(from, to Event) (time.Duration, error)
}

// Result is a CUresult.
type Result int

// Results that are told apart.
const (
	OutOfMemory           Result = 2
	NoDevice              Result = 100
	InvalidDevice         Result = 101
	NoBinary              Result = 209
	Uncorrectable         Result = 214
	InvalidPTX            Result = 218
	NoCompiler            Result = 221
	UnsupportedPTXVersion Result = 222
	NotFound              Result = 500
	IllegalAddress        Result = 700
	OutOfResources        Result = 701
	LaunchTimeout         Result = 702
	ContextDestroyed      Result = 709
	DeviceAssert          Result = 710
	StackError            Result = 714
	IllegalInstruction    Result = 715
	MisalignedAddress     Result = 716
	InvalidAddressSpace   Result = 717
	InvalidPC             Result = 718
	LaunchFailed          Result = 719
	UnknownError          Result = 999
)

// names are the driver's names of results, without CUDA_ERROR_ in front, for drivers that do not tell.
var names = map[Result]string{
	1: "INVALID_VALUE", OutOfMemory: "OUT_OF_MEMORY", 3: "NOT_INITIALIZED", 4: "DEINITIALIZED", 34: "STUB_LIBRARY",
	NoDevice: "NO_DEVICE", InvalidDevice: "INVALID_DEVICE", 200: "INVALID_IMAGE", 201: "INVALID_CONTEXT", NoBinary: "NO_BINARY_FOR_GPU",
	Uncorrectable: "ECC_UNCORRECTABLE", InvalidPTX: "INVALID_PTX", NoCompiler: "JIT_COMPILER_NOT_FOUND",
	UnsupportedPTXVersion: "UNSUPPORTED_PTX_VERSION", 223: "JIT_COMPILATION_DISABLED", 400: "INVALID_HANDLE", 401: "ILLEGAL_STATE",
	NotFound: "NOT_FOUND", 600: "NOT_READY", IllegalAddress: "ILLEGAL_ADDRESS", OutOfResources: "LAUNCH_OUT_OF_RESOURCES",
	LaunchTimeout: "LAUNCH_TIMEOUT", ContextDestroyed: "CONTEXT_IS_DESTROYED", DeviceAssert: "ASSERT", StackError: "HARDWARE_STACK_ERROR",
	IllegalInstruction: "ILLEGAL_INSTRUCTION", MisalignedAddress: "MISALIGNED_ADDRESS", InvalidAddressSpace: "INVALID_ADDRESS_SPACE",
	InvalidPC: "INVALID_PC", LaunchFailed: "LAUNCH_FAILED", 802: "SYSTEM_NOT_READY", 803: "SYSTEM_DRIVER_MISMATCH",
	804: "COMPAT_NOT_SUPPORTED_ON_DEVICE", UnknownError: "UNKNOWN",
}

// String is the driver's name of the result.
func (r Result) String() string {
	if name, ok := names[r]; ok {
		return "CUDA_ERROR_" + name
	}
	return fmt.Sprintf("CUDA error %d", int(r))
}

// lost reports whether the driver does not recover from the result: a kernel's fault, after which every call in the
// context gives the same (CUDA Driver API, "CUresult").
func (r Result) lost() bool {
	switch r {
	case Uncorrectable, IllegalAddress, LaunchTimeout, ContextDestroyed, DeviceAssert, StackError, IllegalInstruction, MisalignedAddress,
		InvalidAddressSpace, InvalidPC, LaunchFailed:
		return true
	}
	return false
}

// Error is what the driver refuses.
type Error struct {
	Call string // cuMemAlloc
	Code Result
	Name string // the driver's for the code, empty where it was not asked
}

func (e *Error) Error() string {
	if e.Name != "" {
		return e.Call + ": " + e.Name
	}
	return e.Call + ": " + e.Code.String()
}

// Is makes errors.Is tell results: errors.Is(err, cuda.OutOfMemory).
func (e *Error) Is(target error) bool {
	r, ok := target.(Result)
	return ok && r == e.Code
}

// Error makes a Result a target of errors.Is.
func (r Result) Error() string { return r.String() }

// ErrAbsent says that there is no driver here.
var ErrAbsent = errors.New("there is no CUDA driver")
