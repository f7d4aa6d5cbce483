//go:build (linux || darwin) && (amd64 || arm64)

package llvm

import (
	"fmt"
	"runtime"
	"strings"
	"unsafe"

	"github.com/ebitengine/purego"
)

// library is a libLLVM that is loaded into this process: the child's, as a fault in LLVM ends the process it is in.
// It is for one goroutine at a time.
type library struct {
	symbol  map[string]uintptr
	version string // as "19.1.7"
	targets []string
	options uintptr // LLVMPassBuilderOptionsRef
}

// entryPoints are what is used of LLVM's C interface; all are there in 16 to 22.
var entryPoints = []string{
	"LLVMGetVersion", "LLVMDisposeMessage",
	"LLVMContextCreate", "LLVMContextDispose", "LLVMContextSetDiagnosticHandler", "LLVMGetDiagInfoDescription", "LLVMGetDiagInfoSeverity",
	"LLVMCreateMemoryBufferWithMemoryRangeCopy", "LLVMGetBufferStart", "LLVMGetBufferSize", "LLVMDisposeMemoryBuffer",
	"LLVMParseIRInContext", "LLVMVerifyModule", "LLVMDisposeModule", "LLVMSetTarget", "LLVMSetModuleDataLayout",
	"LLVMGetTargetFromTriple", "LLVMCreateTargetMachine", "LLVMCreateTargetDataLayout", "LLVMDisposeTargetData", "LLVMDisposeTargetMachine",
	"LLVMCreatePassBuilderOptions", "LLVMRunPasses", "LLVMGetErrorMessage", "LLVMDisposeErrorMessage",
	"LLVMTargetMachineEmitToMemoryBuffer", "LLVMInstallFatalErrorHandler",
}

// targetNames are the targets that code is emitted for, as they are spelled in LLVM's C interface.
var targetNames = []string{"X86", "AArch64"}

// open loads the library at path. It fails where LLVM there is too old or too new, or something is missing.
func open(path string) (*library, error) {
	// Local and bound at once: another LLVM in the same process (a Mesa driver's) must not mix with this one.
	handle, err := purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return nil, fmt.Errorf("cannot load %s: %w", path, err)
	}
	l := &library{symbol: map[string]uintptr{}}
	version, err := purego.Dlsym(handle, "LLVMGetVersion")
	if err != nil {
		return nil, fmt.Errorf("%s is older than LLVM %d: it has no LLVMGetVersion", path, oldest)
	}
	var major, minor, patch uint32
	purego.SyscallN(version, address(&major), address(&minor), address(&patch))
	l.version = fmt.Sprintf("%d.%d.%d", major, minor, patch)
	if major < oldest || major > newest {
		return nil, fmt.Errorf("%s is LLVM %s, and %d to %d are supported", path, l.version, oldest, newest)
	}
	for _, name := range entryPoints {
		if l.symbol[name], err = purego.Dlsym(handle, name); err != nil {
			return nil, fmt.Errorf("%s (LLVM %s) has no %s", path, l.version, name)
		}
	}
	for _, target := range targetNames {
		if l.initialize(handle, target) {
			l.targets = append(l.targets, target)
		}
	}
	if len(l.targets) == 0 {
		return nil, fmt.Errorf("%s (LLVM %s) was built without the targets %s", path, l.version, strings.Join(targetNames, " and "))
	}
	l.options = l.call("LLVMCreatePassBuilderOptions")
	return l, nil
}

// initialize registers a target, if the library was built with it.
func (l *library) initialize(handle uintptr, target string) bool {
	for _, part := range []string{"TargetInfo", "Target", "TargetMC", "AsmPrinter", "AsmParser"} {
		f, err := purego.Dlsym(handle, "LLVMInitialize"+target+part)
		if err != nil {
			return false
		}
		purego.SyscallN(f)
	}
	return true
}

func (l *library) call(name string, args ...uintptr) uintptr {
	r, _, _ := purego.SyscallN(l.symbol[name], args...)
	return r
}

// address is a pointer as LLVM takes it. The variable must live until the call is over: where it is a local one that
// LLVM keeps nothing of, as everywhere here, the escape to the heap and runtime.KeepAlive see to that.
func address[T any](p *T) uintptr { return uintptr(unsafe.Pointer(p)) }

// onFatal has LLVM call f, with its message, before it would end the process. F must not return.
func (l *library) onFatal(f func(reason string)) {
	l.call("LLVMInstallFatalErrorHandler", purego.NewCallback(func(reason uintptr) uintptr {
		f(textAt(reason))
		return 0
	}))
}

// compile makes an object, or assembly text, out of a module as [Toolchain] says. Problem is set where the text or the
// target is at fault.
func (l *library) compile(ir []byte, o Options, diagnostics *handler) (out []byte, problem string) {
	context := l.call("LLVMContextCreate")
	defer l.call("LLVMContextDispose", context)
	diagnostics.messages = nil
	l.call("LLVMContextSetDiagnosticHandler", context, diagnostics.callback, 0)

	name := cstring(bufferName)
	buffer := l.call("LLVMCreateMemoryBufferWithMemoryRangeCopy", address(unsafe.SliceData(ir)), uintptr(len(ir)), address(&name[0]))
	runtime.KeepAlive(ir)
	runtime.KeepAlive(name)
	var module, message uintptr
	if l.call("LLVMParseIRInContext", context, buffer, address(&module), address(&message))&0xff != 0 || module == 0 {
		return nil, l.take(message)
	}
	defer l.call("LLVMDisposeModule", module)
	const returnStatus = 2
	message = 0
	if l.call("LLVMVerifyModule", module, returnStatus, address(&message))&0xff != 0 {
		return nil, l.take(message)
	}
	l.take(message)

	triple, cpu, features := cstring(o.Triple), cstring(o.CPU), cstring(strings.Join(o.Features, ","))
	var target uintptr
	message = 0
	if l.call("LLVMGetTargetFromTriple", address(&triple[0]), address(&target), address(&message))&0xff != 0 {
		return nil, fmt.Sprintf("this libLLVM cannot compile for %s: it was built for %s (%s)", o.Triple, strings.Join(l.targets, ", "), l.take(message))
	}
	const picRelocation, defaultModel = 2, 0
	machine := l.call("LLVMCreateTargetMachine", target, address(&triple[0]), address(&cpu[0]), address(&features[0]), uintptr(o.level()), picRelocation, defaultModel)
	if machine == 0 {
		return nil, fmt.Sprintf("LLVM has no target machine for %s", o.Triple)
	}
	defer l.call("LLVMDisposeTargetMachine", machine)
	layout := l.call("LLVMCreateTargetDataLayout", machine)
	l.call("LLVMSetModuleDataLayout", module, layout)
	l.call("LLVMDisposeTargetData", layout)
	l.call("LLVMSetTarget", module, address(&triple[0]))

	passes := cstring(o.passes())
	if failure := l.call("LLVMRunPasses", module, address(&passes[0]), machine, l.options); failure != 0 {
		text := l.call("LLVMGetErrorMessage", failure)
		problem := textAt(text)
		l.call("LLVMDisposeErrorMessage", text)
		return nil, "pass pipeline: " + problem
	}
	runtime.KeepAlive(passes)
	kind := uintptr(1)
	if o.Asm {
		kind = 0
	}
	var object uintptr
	message = 0
	failed := l.call("LLVMTargetMachineEmitToMemoryBuffer", machine, module, kind, address(&message), address(&object))&0xff != 0
	runtime.KeepAlive(triple)
	runtime.KeepAlive(cpu)
	runtime.KeepAlive(features)
	if failed {
		return nil, l.take(message)
	}
	defer l.call("LLVMDisposeMemoryBuffer", object)
	if len(diagnostics.messages) > 0 {
		return nil, strings.Join(diagnostics.messages, "\n")
	}
	start, size := l.call("LLVMGetBufferStart", object), l.call("LLVMGetBufferSize", object)
	return append([]byte{}, unsafe.Slice((*byte)(pointer(start)), int(size))...), ""
}

// handler collects the errors that LLVM reports about a module while it compiles it, which it would print, and then
// exit, were there no handler.
const severityError = 0

type handler struct {
	callback uintptr
	messages []string
}

func (l *library) newHandler() *handler {
	h := &handler{}
	h.callback = purego.NewCallback(func(info, _ uintptr) uintptr {
		if l.call("LLVMGetDiagInfoSeverity", info)&0xffffffff == severityError {
			h.messages = append(h.messages, l.take(l.call("LLVMGetDiagInfoDescription", info)))
		}
		return 0
	})
	return h
}

// take copies a message of LLVM's and frees it.
func (l *library) take(message uintptr) string {
	if message == 0 {
		return ""
	}
	text := textAt(message)
	l.call("LLVMDisposeMessage", message)
	return text
}

func cstring(s string) []byte { return append([]byte(s), 0) }

// textAt copies the zero-terminated text at an address of LLVM's.
func textAt(at uintptr) string {
	if at == 0 {
		return ""
	}
	p := (*byte)(pointer(at))
	n := 0
	for *(*byte)(unsafe.Add(unsafe.Pointer(p), n)) != 0 {
		n++
	}
	return string(unsafe.Slice(p, n))
}

// pointer is an address outside of Go's heap as a pointer; written so that vet sees no arithmetic on one inside of it.
func pointer(at uintptr) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&at)) }
