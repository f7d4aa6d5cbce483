//go:build !cuda && linux && (amd64 || arm64)

package cuda

import (
	"bytes"
	"fmt"
	"math"
	"runtime"
	"time"
	"unsafe"

	"github.com/ebitengine/purego"
)

// libraryName is the driver's library, which comes with the driver itself.
const libraryName = "libcuda.so.1"

// library is libcuda, loaded into this process.
type library struct{ symbol [calls]uintptr }

// call is a function of the library.
type call int

const (
	cuInit call = iota
	cuDriverGetVersion
	cuDeviceGetCount
	cuDeviceGet
	cuDeviceGetName
	cuDeviceGetAttribute
	cuDeviceTotalMem
	cuDevicePrimaryCtxRetain
	cuDevicePrimaryCtxRelease
	cuCtxSetCurrent
	cuCtxSynchronize
	cuMemGetInfo
	cuModuleLoadDataEx
	cuModuleUnload
	cuModuleGetFunction
	cuFuncGetAttribute
	cuFuncSetAttribute
	cuOccupancyMaxActiveBlocksPerMultiprocessor
	cuLaunchKernel
	cuMemAlloc
	cuMemFree
	cuMemcpyHtoD
	cuMemcpyDtoH
	cuMemsetD8
	cuEventCreate
	cuEventDestroy
	cuEventRecord
	cuEventElapsedTime
	cuGetErrorName
	calls
)

// symbols are the names that the library has for the calls: cuda.h maps some to a later version of theirs.
var symbols = [calls]string{
	"cuInit", "cuDriverGetVersion", "cuDeviceGetCount", "cuDeviceGet", "cuDeviceGetName", "cuDeviceGetAttribute", "cuDeviceTotalMem_v2",
	"cuDevicePrimaryCtxRetain", "cuDevicePrimaryCtxRelease_v2", "cuCtxSetCurrent", "cuCtxSynchronize", "cuMemGetInfo_v2",
	"cuModuleLoadDataEx", "cuModuleUnload", "cuModuleGetFunction", "cuFuncGetAttribute", "cuFuncSetAttribute",
	"cuOccupancyMaxActiveBlocksPerMultiprocessor", "cuLaunchKernel",
	"cuMemAlloc_v2", "cuMemFree_v2", "cuMemcpyHtoD_v2", "cuMemcpyDtoH_v2", "cuMemsetD8_v2",
	"cuEventCreate", "cuEventDestroy_v2", "cuEventRecord", "cuEventElapsedTime", "cuGetErrorName",
}

// Options of the driver's compiler (CUjit_option).
const (
	jitErrorLog     = 5
	jitErrorLogSize = 6
)

// logBytes is how much of what the driver's compiler says is kept.
const logBytes = 16 << 10

// Find loads the driver's library. The error, which is ErrAbsent where there is none, says what is missing.
func Find() (Driver, error) { return open(libraryName) }

func open(path string) (Driver, error) {
	handle, err := purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_GLOBAL)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAbsent, err)
	}
	l := &library{}
	for i, name := range symbols {
		if l.symbol[i], err = purego.Dlsym(handle, name); err != nil {
			return nil, fmt.Errorf("the CUDA driver is too old: %s has no %s", path, name)
		}
	}
	return l, nil
}

// call calls a function. What is not success is an error with the driver's name for it. Pointers must be converted to
// uintptr in the call itself, so that what they point to is on the heap and stays there.
//
//go:uintptrescapes
func (l *library) call(c call, args ...uintptr) error {
	r, _, _ := purego.SyscallN(l.symbol[c], args...)
	code := uint32(r) // a CUresult is an int in C: the upper half of the register is anything
	if code == 0 {
		return nil
	}
	return &Error{Call: symbols[c], Code: Result(code), Name: l.name(code)}
}

// name is the driver's name of a result, empty where it has none.
func (l *library) name(code uint32) string {
	word := new(*byte)
	purego.SyscallN(l.symbol[cuGetErrorName], uintptr(code), uintptr(unsafe.Pointer(word)))
	if *word == nil {
		return ""
	}
	n := 0
	for *(*byte)(unsafe.Add(unsafe.Pointer(*word), n)) != 0 {
		n++
	}
	return string(unsafe.Slice(*word, n))
}

// text is the C string at the beginning of b.
func text(b []byte) string {
	before, _, _ := bytes.Cut(b, []byte{0})
	return string(before)
}

// terminated is a text as C has it.
func terminated(s string) *byte { return &append([]byte(s), 0)[0] }

func (l *library) Init() error { return l.call(cuInit, 0) }

func (l *library) Version() (int, error) {
	var v int32
	err := l.call(cuDriverGetVersion, uintptr(unsafe.Pointer(&v)))
	return int(v), err
}

func (l *library) Count() (int, error) {
	var n int32
	err := l.call(cuDeviceGetCount, uintptr(unsafe.Pointer(&n)))
	return int(n), err
}

// device is the driver's handle of a device, a CUdevice.
func (l *library) device(number int) (uintptr, error) {
	var d int32
	err := l.call(cuDeviceGet, uintptr(unsafe.Pointer(&d)), uintptr(number))
	return uintptr(d), err
}

func (l *library) Name(device int) (string, error) {
	d, err := l.device(device)
	if err != nil {
		return "", err
	}
	name := make([]byte, 256)
	if err := l.call(cuDeviceGetName, uintptr(unsafe.Pointer(&name[0])), uintptr(len(name)), d); err != nil {
		return "", err
	}
	return text(name), nil
}

func (l *library) Attribute(device int, a DeviceAttribute) (int, error) {
	d, err := l.device(device)
	if err != nil {
		return 0, err
	}
	var v int32
	err = l.call(cuDeviceGetAttribute, uintptr(unsafe.Pointer(&v)), uintptr(a), d)
	return int(v), err
}

func (l *library) Memory(device int) (int64, error) {
	d, err := l.device(device)
	if err != nil {
		return 0, err
	}
	var n uint64
	err = l.call(cuDeviceTotalMem, uintptr(unsafe.Pointer(&n)), d)
	return int64(n), err
}

func (l *library) Retain(device int) (Context, error) {
	d, err := l.device(device)
	if err != nil {
		return 0, err
	}
	var c Context
	err = l.call(cuDevicePrimaryCtxRetain, uintptr(unsafe.Pointer(&c)), d)
	return c, err
}

func (l *library) Release(device int) error {
	d, err := l.device(device)
	if err != nil {
		return err
	}
	return l.call(cuDevicePrimaryCtxRelease, d)
}

func (l *library) Enter(c Context) error { return l.call(cuCtxSetCurrent, uintptr(c)) }

func (l *library) Available() (free, total int64, err error) {
	var f, t uint64
	err = l.call(cuMemGetInfo, uintptr(unsafe.Pointer(&f)), uintptr(unsafe.Pointer(&t)))
	return int64(f), int64(t), err
}

func (l *library) Synchronise() error { return l.call(cuCtxSynchronize) }

func (l *library) Load(ptx string) (m Module, log string, err error) {
	said := make([]byte, logBytes)
	var pin runtime.Pinner // its address is behind another
	defer pin.Unpin()
	pin.Pin(&said[0])
	options := []int32{jitErrorLog, jitErrorLogSize}
	values := []uintptr{uintptr(unsafe.Pointer(&said[0])), uintptr(len(said))}
	err = l.call(cuModuleLoadDataEx, uintptr(unsafe.Pointer(&m)), uintptr(unsafe.Pointer(terminated(ptx))), uintptr(len(options)),
		uintptr(unsafe.Pointer(&options[0])), uintptr(unsafe.Pointer(&values[0])))
	return m, text(said), err
}

func (l *library) Unload(m Module) error { return l.call(cuModuleUnload, uintptr(m)) }

func (l *library) Function(m Module, name string) (f Function, err error) {
	err = l.call(cuModuleGetFunction, uintptr(unsafe.Pointer(&f)), uintptr(m), uintptr(unsafe.Pointer(terminated(name))))
	return f, err
}

func (l *library) FunctionAttribute(f Function, a FunctionAttribute) (int, error) {
	var v int32
	err := l.call(cuFuncGetAttribute, uintptr(unsafe.Pointer(&v)), uintptr(a), uintptr(f))
	return int(v), err
}

func (l *library) SetFunctionAttribute(f Function, a FunctionAttribute, value int) error {
	return l.call(cuFuncSetAttribute, uintptr(f), uintptr(a), uintptr(value))
}

func (l *library) Resident(f Function, threads int, shared int64) (int, error) {
	var n int32
	err := l.call(cuOccupancyMaxActiveBlocksPerMultiprocessor, uintptr(unsafe.Pointer(&n)), uintptr(f), uintptr(threads), uintptr(shared))
	return int(n), err
}

func (l *library) Launch(f Function, n *Launch) error {
	values := append([]uint64{0}, n.Params...) // never empty, and on the heap
	pointers := make([]*uint64, len(values))
	for i := range n.Params {
		pointers[i] = &values[i+1]
	}
	var pin runtime.Pinner
	defer pin.Unpin()
	pin.Pin(&values[0])
	return l.call(cuLaunchKernel, uintptr(f), uintptr(n.Grid[0]), uintptr(n.Grid[1]), uintptr(n.Grid[2]),
		uintptr(n.Block[0]), uintptr(n.Block[1]), uintptr(n.Block[2]), uintptr(n.Shared), 0, uintptr(unsafe.Pointer(&pointers[0])), 0)
}

func (l *library) Alloc(size int64) (at Address, err error) {
	err = l.call(cuMemAlloc, uintptr(unsafe.Pointer(&at)), uintptr(size))
	return at, err
}

func (l *library) Free(at Address) error { return l.call(cuMemFree, uintptr(at)) }

func (l *library) Write(to Address, data []byte) error {
	return l.call(cuMemcpyHtoD, uintptr(to), uintptr(unsafe.Pointer(unsafe.SliceData(data))), uintptr(len(data)))
}

func (l *library) Read(data []byte, from Address) error {
	return l.call(cuMemcpyDtoH, uintptr(unsafe.Pointer(unsafe.SliceData(data))), uintptr(from), uintptr(len(data)))
}

func (l *library) Fill(at Address, value byte, size int64) error {
	return l.call(cuMemsetD8, uintptr(at), uintptr(value), uintptr(size))
}

func (l *library) NewEvent() (e Event, err error) {
	err = l.call(cuEventCreate, uintptr(unsafe.Pointer(&e)), 0)
	return e, err
}

func (l *library) DropEvent(e Event) error { return l.call(cuEventDestroy, uintptr(e)) }

func (l *library) Record(e Event) error { return l.call(cuEventRecord, uintptr(e), 0) }

func (l *library) Elapsed(from, to Event) (time.Duration, error) {
	var ms float32
	err := l.call(cuEventElapsedTime, uintptr(unsafe.Pointer(&ms)), uintptr(from), uintptr(to))
	return time.Duration(math.Round(float64(ms) * 1e6)), err
}
