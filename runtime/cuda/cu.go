//go:build cuda

package cuda

// #cgo linux CFLAGS: -I/usr/local/cuda/include
// #cgo linux LDFLAGS: -L/usr/local/cuda/lib64 -lcuda
// #include <cuda.h>
import "C"

import (
	"bytes"
	"math"
	"reflect"
	"runtime"
	"time"
	"unsafe"

	"gorgonia.org/cu"
)

// linked is the driver as gorgonia.org/cu has it.
type linked struct{}

// Find is the driver that the program is linked with.
func Find() (Driver, error) { return linked{}, nil }

// logBytes is how much of what the driver's compiler says is kept.
const logBytes = 16 << 10

// refused is an error of cu, whose type is its own: an int, the CUresult.
func refused(call string, err error) error {
	if err == nil {
		return nil
	}
	code := UnknownError
	if v := reflect.ValueOf(err); v.CanInt() {
		code = Result(v.Int())
	}
	return &Error{Call: call, Code: code}
}

// result is the same of what cu does not call.
func result(call string, r C.CUresult) error {
	if r == C.CUDA_SUCCESS {
		return nil
	}
	return &Error{Call: call, Code: Result(r)}
}

// Handles of cu are structures of one pointer of the driver's.

func handle[T cu.CUContext | cu.Module | cu.Function | cu.Event](h T) uintptr {
	return *(*uintptr)(unsafe.Pointer(&h))
}

func wrapped[T cu.CUContext | cu.Module | cu.Function | cu.Event](h uintptr) T {
	return *(*T)(unsafe.Pointer(&h))
}

// Init has nothing to do but to ask whether cu, which begins by itself, could.
func (linked) Init() error { return result("cuInit", C.cuInit(0)) }

func (linked) Version() (int, error) {
	var v C.int
	err := result("cuDriverGetVersion", C.cuDriverGetVersion(&v))
	return int(v), err
}

func (linked) Count() (int, error) {
	n, err := cu.NumDevices()
	return n, refused("cuDeviceGetCount", err)
}

func (linked) Name(device int) (string, error) {
	name, err := cu.Device(device).Name()
	return name, refused("cuDeviceGetName", err)
}

func (linked) Attribute(device int, a DeviceAttribute) (int, error) {
	v, err := cu.Device(device).Attribute(cu.DeviceAttribute(a))
	return v, refused("cuDeviceGetAttribute", err)
}

func (linked) Memory(device int) (int64, error) {
	n, err := cu.Device(device).TotalMem()
	return n, refused("cuDeviceTotalMem", err)
}

func (linked) Retain(device int) (Context, error) {
	c, err := cu.Device(device).RetainPrimaryCtx()
	return Context(handle(c)), refused("cuDevicePrimaryCtxRetain", err)
}

func (linked) Release(device int) error {
	return refused("cuDevicePrimaryCtxRelease", cu.Device(device).ReleasePrimaryCtx())
}

func (linked) Enter(c Context) error {
	return refused("cuCtxSetCurrent", cu.SetCurrentContext(wrapped[cu.CUContext](uintptr(c))))
}

func (linked) Available() (free, total int64, err error) {
	free, total, err = cu.MemInfo()
	return free, total, refused("cuMemGetInfo", err)
}

func (linked) Synchronise() error { return refused("cuCtxSynchronize", cu.Synchronize()) }

func (linked) Load(ptx string) (Module, string, error) {
	said := make([]byte, logBytes)
	var pin runtime.Pinner // its address is behind another
	defer pin.Unpin()
	pin.Pin(&said[0])
	m, err := cu.LoadDataEx(ptx, &cu.JITErrorLogBuffer{Buffer: said})
	log, _, _ := bytes.Cut(said, []byte{0})
	return Module(handle(m)), string(log), refused("cuModuleLoadDataEx", err)
}

// Unload is not in cu.
func (linked) Unload(m Module) error {
	return result("cuModuleUnload", C.cuModuleUnload(*(*C.CUmodule)(unsafe.Pointer(&m))))
}

func (linked) Function(m Module, name string) (Function, error) {
	f, err := wrapped[cu.Module](uintptr(m)).Function(name)
	return Function(handle(f)), refused("cuModuleGetFunction", err)
}

func (linked) FunctionAttribute(f Function, a FunctionAttribute) (int, error) {
	v, err := wrapped[cu.Function](uintptr(f)).Attribute(cu.FunctionAttribute(a))
	return v, refused("cuFuncGetAttribute", err)
}

// SetFunctionAttribute is not in cu.
func (linked) SetFunctionAttribute(f Function, a FunctionAttribute, value int) error {
	return result("cuFuncSetAttribute", C.cuFuncSetAttribute(*(*C.CUfunction)(unsafe.Pointer(&f)), C.CUfunction_attribute(a), C.int(value)))
}

// Resident is not in cu.
func (linked) Resident(f Function, threads int, shared int64) (int, error) {
	var n C.int
	err := result("cuOccupancyMaxActiveBlocksPerMultiprocessor",
		C.cuOccupancyMaxActiveBlocksPerMultiprocessor(&n, *(*C.CUfunction)(unsafe.Pointer(&f)), C.int(threads), C.size_t(shared)))
	return int(n), err
}

func (linked) Launch(f Function, l *Launch) error {
	params := make([]unsafe.Pointer, len(l.Params))
	for i := range l.Params {
		params[i] = unsafe.Pointer(&l.Params[i]) // which cu copies, eight bytes of each
	}
	return refused("cuLaunchKernel", wrapped[cu.Function](uintptr(f)).Launch(int(l.Grid[0]), int(l.Grid[1]), int(l.Grid[2]),
		int(l.Block[0]), int(l.Block[1]), int(l.Block[2]), int(l.Shared), cu.NoStream, params))
}

func (linked) Alloc(size int64) (Address, error) {
	at, err := cu.MemAlloc(size)
	return Address(at), refused("cuMemAlloc", err)
}

func (linked) Free(at Address) error { return refused("cuMemFree", cu.MemFree(cu.DevicePtr(at))) }

func (linked) Write(to Address, data []byte) error {
	return refused("cuMemcpyHtoD", cu.MemcpyHtoD(cu.DevicePtr(to), unsafe.Pointer(unsafe.SliceData(data)), int64(len(data))))
}

func (linked) Read(data []byte, from Address) error {
	return refused("cuMemcpyDtoH", cu.MemcpyDtoH(unsafe.Pointer(unsafe.SliceData(data)), cu.DevicePtr(from), int64(len(data))))
}

func (linked) Fill(at Address, value byte, size int64) error {
	return refused("cuMemsetD8", cu.MemsetD8(cu.DevicePtr(at), value, size))
}

func (linked) NewEvent() (Event, error) {
	e, err := cu.MakeEvent(cu.DefaultEvent)
	return Event(handle(e)), refused("cuEventCreate", err)
}

func (linked) DropEvent(e Event) error {
	h := wrapped[cu.Event](uintptr(e))
	return refused("cuEventDestroy", cu.DestroyEvent(&h))
}

func (linked) Record(e Event) error {
	return refused("cuEventRecord", wrapped[cu.Event](uintptr(e)).Record(cu.NoStream))
}

func (linked) Elapsed(from, to Event) (time.Duration, error) {
	ms, err := wrapped[cu.Event](uintptr(from)).Elapsed(wrapped[cu.Event](uintptr(to)))
	return time.Duration(math.Round(ms * 1e6)), refused("cuEventElapsedTime", err)
}
