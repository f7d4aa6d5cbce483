package cuda

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
)

// oldest is the first version of the driver interface that knows sm_80.
const oldest = 11000

// Info is what a GPU is.
type Info struct {
	Name            string
	Major, Minor    int // its compute capability
	Multiprocessors int
	Memory          int64 // bytes
	Shared          int   // bytes of shared memory a block may ask for
	Version         int   // of the driver's interface, 12040 for 12.4
}

// Capability is the compute capability as a target's number: 80 for 8.0, 100 for 10.0.
func (i *Info) Capability() int { return 10*i.Major + i.Minor }

// List describes the devices that a driver has. Without any it is empty, and no error.
func List(d Driver) ([]Info, error) {
	if err := d.Init(); err != nil {
		if errors.Is(err, NoDevice) {
			return nil, nil
		}
		return nil, err
	}
	n, err := d.Count()
	if err != nil {
		return nil, err
	}
	list := make([]Info, n)
	for i := range list {
		if list[i], err = describe(d, i); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func describe(d Driver, device int) (i Info, err error) {
	if i.Name, err = d.Name(device); err != nil {
		return i, err
	}
	for _, a := range []struct {
		of DeviceAttribute
		to *int
	}{{CapabilityMajor, &i.Major}, {CapabilityMinor, &i.Minor}, {Multiprocessors, &i.Multiprocessors}, {SharedMemoryAsking, &i.Shared}} {
		if *a.to, err = d.Attribute(device, a.of); err != nil {
			return i, err
		}
	}
	if i.Memory, err = d.Memory(device); err != nil {
		return i, err
	}
	i.Version, err = d.Version()
	return i, err
}

// Device is one GPU with its primary context. It can be used by several goroutines at once.
type Device struct {
	Info
	driver  Driver
	number  int
	context Context
	lost    atomic.Pointer[Error]
	closed  atomic.Bool
}

// Open opens a driver's device, the first is 0. The error says what there is, or that the driver is too old for sm_80.
func Open(d Driver, number int) (*Device, error) {
	list, err := List(d)
	if err != nil {
		return nil, err
	}
	if number < 0 || number >= len(list) {
		if len(list) == 0 {
			return nil, errors.New("the CUDA driver has no device")
		}
		return nil, fmt.Errorf("the CUDA driver has no device %d: the last is %d", number, len(list)-1)
	}
	info := list[number]
	if info.Version < oldest {
		return nil, fmt.Errorf("the CUDA driver is of CUDA %s: sm_80 needs %s", VersionText(info.Version), VersionText(oldest))
	}
	c, err := d.Retain(number)
	if err != nil {
		return nil, err
	}
	return &Device{Info: info, driver: d, number: number, context: c}, nil
}

// VersionText is a version of the driver interface for people: 12.4 for 12040.
func VersionText(v int) string { return fmt.Sprintf("%d.%d", v/1000, v%1000/10) }

// Close gives the device's context back; what it holds ends with the last that use it.
func (d *Device) Close() error {
	if d.closed.Swap(true) {
		return nil
	}
	return d.driver.Release(d.number)
}

// Do calls the driver in the device's context, on one thread. Where a kernel's fault has ended the context, the error
// tells of that one.
func (d *Device) Do(f func(Driver) error) error {
	if d.closed.Load() {
		return errors.New("the device is closed")
	}
	if e := d.lost.Load(); e != nil {
		return &Lost{e}
	}
	runtime.LockOSThread() // a context is a thread's
	defer runtime.UnlockOSThread()
	err := d.driver.Enter(d.context)
	if err == nil {
		err = f(d.driver)
	}
	var e *Error
	if errors.As(err, &e) && e.Code.lost() {
		d.lost.CompareAndSwap(nil, e)
	}
	return err
}

// Lost is the error of all calls after a kernel's fault that the driver does not recover from.
type Lost struct{ Cause *Error }

func (l *Lost) Error() string {
	return "an earlier fault has ended all work on the GPU (" + l.Cause.Error() + "): the program must be started anew"
}

// Unwrap is the fault.
func (l *Lost) Unwrap() error { return l.Cause }

// Load compiles PTX for the device. The error has what the driver's compiler says.
func (d *Device) Load(ptx string) (m Module, err error) {
	var log string
	err = d.Do(func(driver Driver) error {
		m, log, err = driver.Load(ptx)
		return err
	})
	switch {
	case err == nil:
		return m, nil
	case errors.Is(err, UnsupportedPTXVersion):
		return 0, fmt.Errorf("the driver, of CUDA %s, is too old for the text's version of PTX: %w", VersionText(d.Version), err)
	case errors.Is(err, NoCompiler):
		return 0, fmt.Errorf("the driver has no compiler of PTX (libnvidia-ptxjitcompiler.so.1): %w", err)
	}
	if log = strings.TrimSpace(log); log != "" {
		return 0, fmt.Errorf("%w:\n%s", err, log)
	}
	return 0, err
}

// Unload drops a module.
func (d *Device) Unload(m Module) error {
	return d.Do(func(driver Driver) error { return driver.Unload(m) })
}

// Function finds a kernel, for launches with so many threads and bytes of dynamic shared memory. The error says what of
// these the device has too little of.
func (d *Device) Function(m Module, name string, threads int, shared int64) (f Function, err error) {
	err = d.Do(func(driver Driver) error {
		if f, err = driver.Function(m, name); err != nil {
			if errors.Is(err, NotFound) {
				return fmt.Errorf("its PTX has no kernel %q: %w", name, err)
			}
			return err
		}
		most, err := driver.FunctionAttribute(f, MaxThreads)
		if err != nil {
			return err
		}
		if threads > most {
			registers, err := driver.FunctionAttribute(f, Registers)
			if err != nil {
				return err
			}
			return fmt.Errorf("kernel %s has blocks of %d threads, and with its %d registers a thread they have at most %d", name, threads, registers, most)
		}
		static, err := driver.FunctionAttribute(f, StaticShared)
		if err != nil {
			return err
		}
		if need := shared + int64(static); need > int64(d.Shared) {
			return fmt.Errorf("kernel %s needs %d bytes of shared memory, and a block has at most %d", name, need, d.Shared)
		}
		if shared == 0 {
			return nil
		}
		return driver.SetFunctionAttribute(f, DynamicShared, int(shared))
	})
	return f, err
}

// Alloc is memory of the device, of at least one byte.
func (d *Device) Alloc(bytes int64) (at Address, err error) {
	err = d.Do(func(driver Driver) error {
		if at, err = driver.Alloc(max(bytes, 1)); errors.Is(err, OutOfMemory) {
			if free, _, e := driver.Available(); e == nil {
				return fmt.Errorf("it needs %d bytes, and the GPU has %d free: %w", bytes, free, err)
			}
		}
		return err
	})
	return at, err
}

// Free frees memory. After a fault that has ended the context there is none any more.
func (d *Device) Free(at Address) error {
	return d.Do(func(driver Driver) error { return driver.Free(at) })
}

// Write copies bytes to the device.
func (d *Device) Write(to Address, data []byte) error {
	if len(data) == 0 {
		return nil
	}
	return d.Do(func(driver Driver) error { return driver.Write(to, data) })
}

// Read copies bytes from the device, after what was launched before.
func (d *Device) Read(data []byte, from Address) error {
	if len(data) == 0 {
		return nil
	}
	return d.Do(func(driver Driver) error { return driver.Read(data, from) })
}

// Fill gives bytes of the device one value.
func (d *Device) Fill(at Address, value byte, bytes int64) error {
	if bytes == 0 {
		return nil
	}
	return d.Do(func(driver Driver) error { return driver.Fill(at, value, bytes) })
}

// Available is how many bytes of the device's memory are free.
func (d *Device) Available() (free int64, err error) {
	err = d.Do(func(driver Driver) error {
		free, _, err = driver.Available()
		return err
	})
	return free, err
}
