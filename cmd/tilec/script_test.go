package main

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/tilec/tilec/codegen/toolchain"
	"github.com/tilec/tilec/ir/dtype"
	"github.com/tilec/tilec/runtime/array"
)

var update = flag.Bool("update", false, "rewrite what the scripts compare with")

func TestMain(m *testing.M) { testscript.Main(m, map[string]func(){"tilec": main}) }

// TestScript runs the scripts of testdata/script: each is a session at the command line with the files that it needs.
func TestScript(t *testing.T) {
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Setup: func(env *testscript.Env) error {
			env.Setenv("ROOT", root)
			env.Setenv("TILEC_LLVM", "off") // what is printed does not depend on the machine; a script may say otherwise
			program, err := os.Executable()
			env.Setenv("TILEC", program)
			return err
		},
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		UpdateScripts:       *update,
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"code": code, "array": makeArray, "holds": holds, "bytes": makeBytes, "header": makeHeader, "sparse": sparse,
		},
		Condition: func(name string) (bool, error) {
			switch name {
			case "root":
				return os.Geteuid() == 0, nil
			case "llvm":
				_, err := toolchain.LLVM()
				return err == nil, nil
			}
			return false, fmt.Errorf("no condition %s", name)
		},
	})
}

// code N COMMAND … runs a command whose exit code is N.
func code(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N command …")
	}
	err := ts.Exec(args[1], args[2:]...)
	got := 0
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if strconv.Itoa(got) != args[0] {
		ts.Fatalf("exit code %d, want %s", got, args[0])
	}
}

// makeArray is: array FILE.npy DESCR SHAPE VALUE …, or array FILE.safetensors#NAME DTYPE SHAPE VALUE …. One value fills
// the whole array. SHAPE is 2x3, or scalar. The bytes are made here, by the formats' own rules.
func makeArray(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: array file type shape value …")
	}
	var shape []int
	count := 1
	if args[2] != "scalar" {
		for _, d := range strings.Split(args[2], "x") {
			n, err := strconv.Atoi(d)
			ts.Check(err)
			shape = append(shape, n)
			count *= n
		}
	}
	values := args[3:]
	if len(values) == 1 {
		values = slices.Repeat(values, count)
	}
	if len(values) != count {
		ts.Fatalf("%d values for %d elements", len(values), count)
	}
	file, tensor, isTensor := strings.Cut(args[0], "#")
	var data []byte
	for _, text := range values {
		data = append(data, element(ts, args[1], text)...)
	}
	var head []byte
	if isTensor {
		entry := map[string]any{"dtype": args[1], "shape": append([]int{}, shape...), "data_offsets": []int{0, len(data)}}
		text, err := json.Marshal(map[string]any{tensor: entry})
		ts.Check(err)
		head = binary.LittleEndian.AppendUint64(nil, uint64(len(text)))
		head = append(head, text...)
	} else {
		dims := ""
		for _, d := range shape {
			dims += fmt.Sprintf("%d, ", d)
		}
		text := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%s), }\n", args[1], dims)
		head = append([]byte("\x93NUMPY\x01\x00"), byte(len(text)), byte(len(text)>>8))
		head = append(head, text...)
	}
	ts.Check(os.WriteFile(ts.MkAbs(file), append(head, data...), 0o666))
}

// element is a value as an element of a file.
func element(ts *testscript.TestScript, typ, text string) []byte {
	le := binary.LittleEndian
	x, err := strconv.ParseFloat(text, 64)
	ts.Check(err)
	switch typ {
	case "<f8", "F64":
		return le.AppendUint64(nil, math.Float64bits(x))
	case "<f4", "F32":
		return le.AppendUint32(nil, math.Float32bits(float32(x)))
	case "<f2", "F16":
		return le.AppendUint16(nil, uint16(dtype.F16.Encode(x, dtype.NearestEven, dtype.ToInf)))
	case "BF16":
		return le.AppendUint16(nil, uint16(math.Float32bits(float32(x))>>16))
	case "|b1", "|i1", "|u1", "U8", "I8", "BOOL":
		return []byte{byte(int64(x))}
	case "<i2", "<u2", "I16":
		return le.AppendUint16(nil, uint16(int64(x)))
	case "<i4", "<u4", "I32":
		return le.AppendUint32(nil, uint32(int64(x)))
	case "<i8", "<u8", "I64":
		return le.AppendUint64(nil, uint64(int64(x)))
	case "<c8":
		return le.AppendUint64(nil, uint64(math.Float32bits(float32(x))))
	}
	ts.Fatalf("no element of type %s", typ)
	return nil
}

// holds FILE.npy TYPE SHAPE VALUE … compares what a file holds; one value stands for all.
func holds(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: holds file type shape value …")
	}
	a, err := array.ReadNpy(ts.MkAbs(args[0]), 1<<20)
	ts.Check(err)
	dims := make([]string, len(a.Shape))
	for i, d := range a.Shape {
		dims[i] = strconv.FormatInt(d, 10)
	}
	got := []string{a.Elem.String(), strings.Join(dims, "x")}
	for i := range a.Len() {
		code := dtype.ReadCode(a.Data, i*a.Elem.Bits(), a.Elem.Bits())
		got = append(got, strconv.FormatFloat(a.Elem.Decode(code), 'g', 8, 64))
	}
	want := slices.Clone(args[1:])
	if len(want) == 3 {
		want = append(want[:2], slices.Repeat(want[2:], a.Len())...)
	}
	if !slices.Equal(got, want) {
		ts.Fatalf("%s holds %v, want %v", args[0], got, want)
	}
}

// makeBytes is: bytes FILE TEXT …, with Go's escapes.
func makeBytes(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: bytes file text …")
	}
	var data []byte
	for _, text := range args[1:] {
		s, err := strconv.Unquote(`"` + text + `"`)
		ts.Check(err)
		data = append(data, s...)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), data, 0o666))
}

// makeHeader is: header FILE.npy TEXT DATA: a .npy file whose header is TEXT, whatever that is.
func makeHeader(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: header file text data")
	}
	head := append([]byte("\x93NUMPY\x01\x00"), byte(len(args[1])+1), byte((len(args[1])+1)>>8))
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), append(head, args[1]+"\n"+args[2]...), 0o666))
}

// sparse FILE N makes a file longer, to N bytes, without taking room.
func sparse(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: sparse file bytes")
	}
	n, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	file, err := os.OpenFile(ts.MkAbs(args[0]), os.O_CREATE|os.O_WRONLY, 0o666)
	ts.Check(err)
	ts.Check(file.Truncate(n))
	ts.Check(file.Close())
}
