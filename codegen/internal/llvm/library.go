//go:build (linux || darwin) && (amd64 || arm64)

package llvm

import (
	"fmt"
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
	options uintptr  // LLVMPassBuilderOptionsRef
	errors  []string // what LLVM reported about the module that is compiled
	// What LLVM writes to and reads from is kept here while it does: memory on the heap, which does not move, as a
	// goroutine's stack does.
	out struct {
		version        [3]uint32
		value, message uintptr
	}
	kept       [][]byte
	diagnostic uintptr // the callback that collects errors
}

// entryPoints are what is used of LLVM's C interface; all are there in 16 to 22.
var entryPoints = []string{
	"LLVMGetVersion", "LLVMDisposeMessage",
	"LLVMContextCreate", "LLVMContextDispose", "LLVMContextSetDiagnosticHandler", "LLVMGetDiagInfoDescription", "LLVMGetDiagInfoSeverity",
	"LLVMCreateMemoryBufferWithMemoryRangeCopy", "LLVMGetBufferStart", "LLVMGetBufferSize", "LLVMDisposeMemoryBuffer",
	"LLVMParseIRInContext", "LLVMVerifyModule", "LLVMDisposeModule", "LLVMSetTarget", "LLVMSetModuleDataLayout",
	"LLVMGetTargetFromTriple", "LLVMCreateTargetMachine", "LLVMCreateTargetDataLayout", "LLVMDisposeTargetData", "LLVMDisposeTargetMachine",
	"LLVMSetTargetMachineAsmVerbosity", "LLVMCreatePassBuilderOptions", "LLVMRunPasses", "LLVMGetErrorMessage", "LLVMDisposeErrorMessage",
	"LLVMTargetMachineEmitToMemoryBuffer", "LLVMInstallFatalErrorHandler", "LLVMParseCommandLineOptions",
}

// Values of LLVM's enumerations.
const (
	severityError       = 0 // LLVMDiagnosticSeverity
	returnStatus        = 2 // LLVMVerifierFailureAction
	positionIndependent = 2 // LLVMRelocMode
	defaultCodeModel    = 0 // LLVMCodeModel
	assemblyFile        = 0 // LLVMCodeGenFileType
	objectFile          = 1
)

// targetNames are the targets that code is emitted for, as they are spelled in LLVM's C interface.
var targetNames = []string{"X86", "AArch64"}

// open loads the library at path. It fails where LLVM there is too old or too new, or something is missing. Fatal is
// told what LLVM says before it ends the process; it must not return.
func open(path string, fatal func(reason string)) (*library, error) {
	// Bound at once and apart from others: another LLVM in the same process must not mix with this one.
	handle, err := purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return nil, fmt.Errorf("%s cannot be loaded: %w", path, err)
	}
	l := &library{symbol: map[string]uintptr{}}
	version, err := purego.Dlsym(handle, "LLVMGetVersion")
	if err != nil {
		return nil, fmt.Errorf("%s is older than LLVM %d (it has no LLVMGetVersion)", path, oldest)
	}
	number := &l.out.version
	purego.SyscallN(version, address(&number[0]), address(&number[1]), address(&number[2]))
	l.version = fmt.Sprintf("%d.%d.%d", number[0], number[1], number[2])
	if number[0] < oldest || number[0] > newest {
		return nil, fmt.Errorf("%s is LLVM %s", path, l.version)
	}
	for _, name := range entryPoints {
		if l.symbol[name], err = purego.Dlsym(handle, name); err != nil {
			return nil, fmt.Errorf("%s (LLVM %s) has no %s", path, l.version, name)
		}
	}
	for _, target := range targetNames {
		if initialize(handle, target) {
			l.targets = append(l.targets, target)
		}
	}
	l.call("LLVMInstallFatalErrorHandler", purego.NewCallback(func(reason uintptr) uintptr {
		fatal(textAt(reason))
		return 0
	}))
	l.set(settings)
	l.options = l.call("LLVMCreatePassBuilderOptions")
	return l, nil
}

// initialize registers a target, if the library was built with it.
func initialize(handle uintptr, target string) bool {
	for _, part := range []string{"TargetInfo", "Target", "TargetMC", "AsmPrinter", "AsmParser"} {
		f, err := purego.Dlsym(handle, "LLVMInitialize"+target+part)
		if err != nil {
			return false
		}
		purego.SyscallN(f)
	}
	return true
}

// set gives LLVM options of its programs, which hold for the whole process.
func (l *library) set(options []string) {
	words := []uintptr{l.text("tilec")}
	for _, o := range options {
		words = append(words, l.text(o))
	}
	l.call("LLVMParseCommandLineOptions", uintptr(len(words)), address(unsafe.SliceData(words)), l.text(""))
	l.kept = nil
}

func (l *library) call(name string, args ...uintptr) uintptr {
	r, _, _ := purego.SyscallN(l.symbol[name], args...)
	return r
}

// fails calls a function that gives an LLVMBool, true for failure.
func (l *library) fails(name string, args ...uintptr) bool { return int32(l.call(name, args...)) != 0 }

// address is a pointer to memory on the heap as LLVM takes it.
func address[T any](p *T) uintptr { return uintptr(unsafe.Pointer(p)) }

// bytes and text are memory that LLVM may read until forget.
func (l *library) bytes(b []byte) uintptr {
	l.kept = append(l.kept, b)
	return address(unsafe.SliceData(b))
}

func (l *library) text(s string) uintptr { return l.bytes(append([]byte(s), 0)) }

// job compiles one module.
type job struct {
	*library
	context, module, machine uintptr
}

// compile makes what o asks for out of a module. Problem is LLVM's message where the text or the target is at fault.
func (l *library) compile(ir []byte, o Options, passes string) (out []byte, problem string) {
	j := &job{library: l, context: l.call("LLVMContextCreate")}
	l.errors = nil
	defer j.close()
	j.watch()
	for _, step := range []func() string{
		func() string { return j.parse(ir) },
		func() string { return j.target(o) },
		func() string { return j.optimise(passes) },
		func() (problem string) { out, problem = j.emit(o.Asm); return problem },
	} {
		problem := step()
		if problem == "" && len(l.errors) > 0 {
			problem = strings.Join(l.errors, "\n")
		}
		if problem != "" {
			return nil, problem
		}
	}
	return out, ""
}

func (j *job) close() {
	if j.machine != 0 {
		j.call("LLVMDisposeTargetMachine", j.machine)
	}
	if j.module != 0 {
		j.call("LLVMDisposeModule", j.module)
	}
	j.call("LLVMContextDispose", j.context)
	j.kept = nil
}

// watch collects the errors that LLVM reports while it compiles, which it would print, and then exit, were they not.
func (j *job) watch() {
	if j.diagnostic == 0 {
		j.diagnostic = purego.NewCallback(func(info, _ uintptr) uintptr {
			if int32(j.call("LLVMGetDiagInfoSeverity", info)) == severityError {
				j.library.errors = append(j.library.errors, j.take(j.call("LLVMGetDiagInfoDescription", info)))
			}
			return 0
		})
	}
	j.call("LLVMContextSetDiagnosticHandler", j.context, j.diagnostic, 0)
}

func (j *job) parse(ir []byte) string {
	if len(ir) == 0 {
		return "the module is empty"
	}
	buffer := j.call("LLVMCreateMemoryBufferWithMemoryRangeCopy", j.bytes(ir), uintptr(len(ir)), j.text(bufferName))
	value, message := j.results()
	if j.fails("LLVMParseIRInContext", j.context, buffer, address(value), address(message)) {
		return j.take(*message)
	}
	j.module = *value
	_, message = j.results()
	broken := j.fails("LLVMVerifyModule", j.module, returnStatus, address(message))
	text := j.take(*message)
	if broken {
		return text
	}
	return ""
}

func (j *job) target(o Options) string {
	triple := j.text(o.Triple)
	value, message := j.results()
	if j.fails("LLVMGetTargetFromTriple", triple, address(value), address(message)) {
		return fmt.Sprintf("%s (this libLLVM compiles for %s)", j.take(*message), strings.Join(j.targets, " and "))
	}
	j.machine = j.call("LLVMCreateTargetMachine", *value, triple, j.text(o.CPU), j.text(strings.Join(o.Features, ",")),
		uintptr(o.level()), positionIndependent, defaultCodeModel)
	if j.machine == 0 {
		return "no target machine for " + o.Triple
	}
	layout := j.call("LLVMCreateTargetDataLayout", j.machine)
	j.call("LLVMSetModuleDataLayout", j.module, layout)
	j.call("LLVMDisposeTargetData", layout)
	j.call("LLVMSetTarget", j.module, triple)
	return ""
}

func (j *job) optimise(passes string) string {
	failure := j.call("LLVMRunPasses", j.module, j.text(passes), j.machine, j.options)
	if failure == 0 {
		return ""
	}
	message := j.call("LLVMGetErrorMessage", failure)
	defer j.call("LLVMDisposeErrorMessage", message)
	return "passes: " + textAt(message)
}

func (j *job) emit(assembly bool) (out []byte, problem string) {
	kind := uintptr(objectFile)
	if assembly {
		kind = assemblyFile
		// With comments, as llc writes: which instructions spill registers is told by nothing else.
		j.call("LLVMSetTargetMachineAsmVerbosity", j.machine, 1)
	}
	value, message := j.results()
	if j.fails("LLVMTargetMachineEmitToMemoryBuffer", j.machine, j.module, kind, address(message), address(value)) {
		return nil, j.take(*message)
	}
	buffer := *value
	defer j.call("LLVMDisposeMemoryBuffer", buffer)
	start := (*byte)(pointer(j.call("LLVMGetBufferStart", buffer)))
	return append([]byte{}, unsafe.Slice(start, int(j.call("LLVMGetBufferSize", buffer)))...), ""
}

// results are two cleared words for LLVM to write to.
func (l *library) results() (value, message *uintptr) {
	l.out.value, l.out.message = 0, 0
	return &l.out.value, &l.out.message
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

// textAt copies the zero-terminated text at an address of LLVM's.
func textAt(at uintptr) string {
	if at == 0 {
		return ""
	}
	p, n := pointer(at), 0
	for *(*byte)(unsafe.Add(p, n)) != 0 {
		n++
	}
	return string(unsafe.Slice((*byte)(p), n))
}

// pointer is an address outside of Go's heap.
func pointer(at uintptr) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&at)) }
