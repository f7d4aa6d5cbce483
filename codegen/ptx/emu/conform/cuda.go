//go:build linux && (amd64 || arm64)

package conform

import (
	"fmt"
	"runtime"
	"unsafe"

	"github.com/ebitengine/purego"
)

// CUDA runs cases on a GPU, through the driver library.
type CUDA struct {
	symbol  map[string]uintptr
	context uintptr
	device  string
}

// driverCalls are the functions of the driver that are used.
var driverCalls = []string{
	"cuInit", "cuDeviceGetCount", "cuDeviceGet", "cuDeviceGetName", "cuDevicePrimaryCtxRetain", "cuCtxSetCurrent", "cuCtxSynchronize",
	"cuModuleLoadData", "cuModuleUnload", "cuModuleGetFunction", "cuMemAlloc_v2", "cuMemFree_v2",
	"cuMemcpyHtoD_v2", "cuMemcpyDtoH_v2", "cuLaunchKernel", "cuGetErrorName",
}

// OpenCUDA finds the driver and its first device. The error says what is not there.
func OpenCUDA() (*CUDA, error) {
	handle, err := purego.Dlopen("libcuda.so.1", purego.RTLD_NOW|purego.RTLD_GLOBAL)
	if err != nil {
		return nil, fmt.Errorf("no CUDA driver: %w", err)
	}
	g := &CUDA{symbol: map[string]uintptr{}}
	for _, name := range driverCalls {
		if g.symbol[name], err = purego.Dlsym(handle, name); err != nil {
			return nil, fmt.Errorf("the CUDA driver has no %s", name)
		}
	}
	if err := g.call("cuInit", 0); err != nil {
		return nil, err
	}
	var count, device int32
	if err := g.call("cuDeviceGetCount", uintptr(unsafe.Pointer(&count))); err != nil {
		return nil, err
	}
	if count == 0 {
		return nil, fmt.Errorf("the CUDA driver has no device")
	}
	if err := g.call("cuDeviceGet", uintptr(unsafe.Pointer(&device)), 0); err != nil {
		return nil, err
	}
	var name [128]byte
	if err := g.call("cuDeviceGetName", uintptr(unsafe.Pointer(&name[0])), uintptr(len(name)-1), uintptr(device)); err != nil {
		return nil, err
	}
	g.device = text(name[:])
	return g, g.call("cuDevicePrimaryCtxRetain", uintptr(unsafe.Pointer(&g.context)), uintptr(device))
}

func text(b []byte) string {
	for i, c := range b {
		if c == 0 {
			return string(b[:i])
		}
	}
	return string(b)
}

// Device is the GPU's name.
func (g *CUDA) Device() string { return g.device }

// call calls the driver; what is not success is an error with its name.
func (g *CUDA) call(name string, args ...uintptr) error {
	r, _, _ := purego.SyscallN(g.symbol[name], args...)
	if code := uint32(r); code != 0 {
		var word *byte
		purego.SyscallN(g.symbol["cuGetErrorName"], uintptr(code), uintptr(unsafe.Pointer(&word)))
		if word != nil {
			return fmt.Errorf("%s: %s", name, text(unsafe.Slice(word, 64)))
		}
		return fmt.Errorf("%s: error %d", name, code)
	}
	return nil
}

// Run implements Executor.
func (g *CUDA) Run(c *Case) (out []byte, err error) {
	runtime.LockOSThread() // a context is a thread's
	defer runtime.UnlockOSThread()
	if err := g.call("cuCtxSetCurrent", g.context); err != nil {
		return nil, err
	}
	image := append([]byte(c.PTX), 0)
	var module, function uintptr
	if err := g.call("cuModuleLoadData", uintptr(unsafe.Pointer(&module)), uintptr(unsafe.Pointer(&image[0]))); err != nil {
		return nil, err
	}
	defer g.call("cuModuleUnload", module)
	name := append([]byte(c.Kernel), 0)
	if err := g.call("cuModuleGetFunction", uintptr(unsafe.Pointer(&function)), module, uintptr(unsafe.Pointer(&name[0]))); err != nil {
		return nil, err
	}
	in, err := g.upload(c.Input)
	if err != nil {
		return nil, err
	}
	defer g.call("cuMemFree_v2", uintptr(in))
	to, err := g.upload(make([]byte, len(c.Want)))
	if err != nil {
		return nil, err
	}
	defer g.call("cuMemFree_v2", uintptr(to))
	var pin runtime.Pinner // the driver reads the parameters through pointers to them
	defer pin.Unpin()
	pin.Pin(&in)
	pin.Pin(&to)
	params := [2]unsafe.Pointer{unsafe.Pointer(&in), unsafe.Pointer(&to)}
	if err := g.call("cuLaunchKernel", function, uintptr(c.Grid), 1, 1, uintptr(c.Block), 1, 1, 0, 0, uintptr(unsafe.Pointer(&params[0])), 0); err != nil {
		return nil, err
	}
	if err := g.call("cuCtxSynchronize"); err != nil {
		return nil, err
	}
	out = make([]byte, len(c.Want))
	return out, g.call("cuMemcpyDtoH_v2", uintptr(unsafe.Pointer(&out[0])), uintptr(to), uintptr(len(out)))
}

// upload is device memory with a copy of data; of nothing it is still an allocation.
func (g *CUDA) upload(data []byte) (uint64, error) {
	var at uint64
	if err := g.call("cuMemAlloc_v2", uintptr(unsafe.Pointer(&at)), uintptr(max(len(data), 8))); err != nil {
		return 0, err
	}
	if len(data) == 0 {
		return at, nil
	}
	return at, g.call("cuMemcpyHtoD_v2", uintptr(at), uintptr(unsafe.Pointer(&data[0])), uintptr(len(data)))
}
