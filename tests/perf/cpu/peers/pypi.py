#!/usr/bin/env python3
"""Peers that are Python packages, in the protocol of peer.h.

    THREADS=1 python pypi.py onnxruntime|openvino|torch

A package that cannot be imported answers every list with no variants.
"""
import os
import sys
import time

THREADS = int(os.environ.get("THREADS", "1"))
os.environ.setdefault("OMP_NUM_THREADS", str(THREADS))

# What is read once and never again until all else was: more than a cache holds.
COLD_BYTES = 1_000_000_000


def turns(size, total=COLD_BYTES):
    """How many different ones of a size are taken in turn: enough to be out of every cache, and no more than memory likes."""
    return min(total // size + 1, 512)


class Row:
    """A row of the table: its kind and its numbers."""

    def __init__(self, text):
        words = text.split()
        self.kind = words[0]
        self.keys = dict(w.split("=", 1) for w in words[1:])

    def number(self, key, other):
        return int(self.keys.get(key, other))

    def word(self, key, other=""):
        return self.keys.get(key, other)


class OnnxRuntime:
    """MatMulNBits with int8 activations (accuracy level 4) and grouped-query attention."""

    def __init__(self):
        import numpy
        import onnx
        import onnxruntime

        self.np, self.onnx, self.ort = numpy, onnx, onnxruntime

    def variants(self, row):
        if row.kind == "mul" and row.word("form", "group") == "group" and row.number("bits", 0) in (2, 4, 8):
            return ["block128"] if row.number("cold", 0) else ["block128", "block32"]
        if row.kind in ("prefill", "decode"):
            return ["gqa-f32"]
        return []

    def session(self, nodes, inputs, outputs, initialisers=()):
        helper = self.onnx.helper
        graph = helper.make_graph(nodes, "g", inputs, outputs, list(initialisers))
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=9)
        options = self.ort.SessionOptions()
        options.intra_op_num_threads = THREADS
        options.inter_op_num_threads = 1
        return self.ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])

    def open(self, row, variant):
        return self.product(row, variant) if row.kind == "mul" else self.attention(row)

    def product(self, row, variant):
        np, helper = self.np, self.onnx.helper
        kind = self.onnx.TensorProto
        bits, k, m, n = row.number("bits", 4), row.number("k", 4096), row.number("m", 4096), row.number("n", 1)
        block = int(variant.removeprefix("block"))
        size = k * m * bits // 8 + 4 * m * (k // block)
        count = turns(size) if row.number("cold", 0) else 1
        codes = np.random.randint(0, 256, (m, k // block, block * bits // 8), dtype=np.uint8)
        scales = np.random.rand(m * (k // block)).astype(np.float32) * 0.01
        # Equal matrices would be packed once and stay in the cache.
        weights = [self.onnx.numpy_helper.from_array(codes ^ np.uint8(i & 255) if i < 256 else np.roll(codes, i), f"w{i}") for i in range(count)]
        nodes = [
            helper.make_node("MatMulNBits", [f"x{i}", f"w{i}", "s"], [f"x{i + 1}"], domain="com.microsoft", K=k, N=m, bits=bits, block_size=block, accuracy_level=4)
            for i in range(count)
        ]
        session = self.session(
            nodes,
            [helper.make_tensor_value_info("x0", kind.FLOAT, ["n", k])],
            [helper.make_tensor_value_info(f"x{count}", kind.FLOAT, ["n", m])],
            weights + [self.onnx.numpy_helper.from_array(scales, "s")],
        )
        x = (np.random.rand(n, k).astype(np.float32) - 0.5) * 1e-3
        y = np.zeros((n, m), np.float32)
        binding = session.io_binding()
        xs, ys = self.ort.OrtValue.ortvalue_from_numpy(x), self.ort.OrtValue.ortvalue_from_numpy(y)
        binding.bind_ortvalue_input("x0", xs)
        binding.bind_ortvalue_output(f"x{count}", ys)
        return lambda: session.run_with_iobinding(binding), count, size

    def attention(self, row):
        np, helper = self.np, self.onnx.helper
        f, i32, i64 = (getattr(self.onnx.TensorProto, t) for t in ("FLOAT", "INT32", "INT64"))
        del i64
        heads, groups, hs, total = row.number("heads", 32), row.number("groups", 8), row.number("hs", 128), row.number("n", 2048)
        queries = 1 if row.kind == "decode" else total
        value = helper.make_tensor_value_info
        node = helper.make_node(
            "GroupQueryAttention", ["q", "k", "v", "pk", "pv", "sl", "tl"], ["o", "ok", "ov"], domain="com.microsoft", num_heads=heads, kv_num_heads=groups
        )
        session = self.session(
            [node],
            [value("q", f, [1, queries, heads * hs]), value("k", f, [1, queries, groups * hs]), value("v", f, [1, queries, groups * hs])]
            + [value(p, f, [1, groups, "p", hs]) for p in ("pk", "pv")]
            + [value("sl", i32, [1]), value("tl", i32, [])],
            [value("o", f, [1, queries, heads * hs]), value("ok", f, [1, groups, "t", hs]), value("ov", f, [1, groups, "t", hs])],
        )
        make = self.ort.OrtValue.ortvalue_from_numpy

        def tensor(count):
            return make(np.random.rand(1, queries, count * hs).astype(np.float32) - 0.5)

        # As many caches in turn as no processor's cache holds.
        size = 2 * groups * total * hs * 4
        bindings = []
        for _ in range(turns(size, 256_000_000) if row.kind == "decode" else 1):
            b = session.io_binding()
            caches = [make(np.random.rand(1, groups, total, hs).astype(np.float32) - 0.5) for _ in "kv"]
            inputs = {"q": tensor(heads), "k": tensor(groups), "v": tensor(groups), "sl": make(np.array([total - 1], np.int32)), "tl": make(np.array(total, np.int32))}
            for name, v in {**inputs, "pk": caches[0], "pv": caches[1]}.items():
                b.bind_ortvalue_input(name, v)
            b.bind_ortvalue_output("ok", caches[0])
            b.bind_ortvalue_output("ov", caches[1])
            b.bind_output("o")
            bindings.append((b, caches, inputs))

        def call():
            for b, _, _ in bindings:
                session.run_with_iobinding(b)

        return call, len(bindings), size


class OpenVino:
    """Compressed weights with activations quantised on the way, and scaled-dot-product attention."""

    def __init__(self):
        import numpy
        import openvino
        from openvino import opset13

        self.np, self.ov, self.op, self.core = numpy, openvino, opset13, openvino.Core()

    def variants(self, row):
        # Out of memory it was half as fast as others, and building a model of so many matrices takes a minute.
        if row.kind == "mul" and row.word("form", "group") == "group" and row.number("bits", 0) in (4, 8) and not row.number("cold", 0):
            return ["group128"]
        if row.kind == "prefill":
            return ["sdpa-" + row.word("type")]
        return []

    def compile(self, outputs, inputs, **more):
        config = {"INFERENCE_NUM_THREADS": str(THREADS), "NUM_STREAMS": "1", "PERFORMANCE_HINT": "LATENCY", "ENABLE_CPU_PINNING": "NO", **more}
        return self.core.compile_model(self.ov.Model(outputs, inputs), "CPU", config).create_infer_request()

    def weights(self, bits, m, k, group, seed):
        np, op = self.np, self.op
        kind, zero = (self.ov.Type.u4 if bits == 4 else self.ov.Type.u8), 1 << (bits - 1)
        codes = np.random.default_rng(seed).integers(0, 2 * zero, (m, k // group, group), dtype=np.uint8)
        c = op.convert(op.constant(codes, dtype=kind), "f16")
        z = op.convert(op.constant(np.full((m, k // group, 1), zero, np.uint8), dtype=kind), "f16")
        s = op.constant((np.random.rand(m, k // group, 1) * 0.001).astype(np.float16))
        return op.convert(op.reshape(op.multiply(op.subtract(c, z), s), [m, k], False), "f32")

    def open(self, row, variant):
        np, op = self.np, self.op
        if row.kind == "prefill":
            heads, hs, n = row.number("heads", 32), row.number("hs", 128), row.number("n", 2048)
            # The operation has as many key heads as query heads: more to read than with fewer, the same to compute.
            inputs = [op.parameter([1, heads, n, hs], np.float32) for _ in "qkv"]
            request = self.compile([op.scaled_dot_product_attention(*inputs, causal=True)], inputs, INFERENCE_PRECISION_HINT=row.word("type"))
            for i in range(3):
                request.set_input_tensor(i, self.ov.Tensor(np.random.rand(1, heads, n, hs).astype(np.float32) - 0.5))
            return request.infer, 1, 8 * heads * n * hs
        bits, k, m, n = row.number("bits", 4), row.number("k", 4096), row.number("m", 4096), row.number("n", 1)
        size = k * m * bits // 8 + m * (k // 128) * 3
        count = turns(size) if row.number("cold", 0) else 1
        x = y = op.parameter([-1, k], np.float32)
        for i in range(count):
            y = op.matmul(y, self.weights(bits, m, k, 128, i), False, True)
        request = self.compile([y], [x], INFERENCE_PRECISION_HINT="f32", DYNAMIC_QUANTIZATION_GROUP_SIZE="128")
        request.set_input_tensor(self.ov.Tensor(np.random.rand(n, k).astype(np.float32) - 0.5))
        return request.infer, count, size


class Torch:
    """Matrix products, int4 weights and scaled-dot-product attention."""

    def __init__(self):
        import torch

        self.t = torch
        torch.set_num_threads(THREADS)
        torch.set_grad_enabled(False)

    def variants(self, row):
        if row.kind == "gemm":
            return ["mm"]
        if row.kind in ("prefill", "decode"):
            return ["sdpa-" + row.word("type")]
        if row.kind == "mul" and row.number("bits", 0) == 4 and not row.number("cold", 0):
            return ["int4pack"]
        return []

    def open(self, row, variant):
        t = self.t
        kind = {"f32": t.float32, "bf16": t.bfloat16, "i8": t.int8}.get(row.word("type"))
        if row.kind == "gemm":
            n = row.number("n", 1024)
            if row.word("type") == "i8":
                a, b = (t.randint(-7, 7, (n, n), dtype=t.int8) for _ in "ab")
                return lambda: t._int_mm(a, b), 1, 6 * n * n
            a, b = t.randn(n, n).to(kind), t.randn(n, n).to(kind)
            return lambda: t.mm(a, b), 1, 3 * n * n * a.element_size()
        if row.kind == "mul":
            k, m, n = row.number("k", 4096), row.number("m", 4096), row.number("n", 1)
            w = t._convert_weight_to_int4pack_for_cpu(t.randint(0, 16, (m, k), dtype=t.int32), 2)
            sz = t.rand(k // 128, m, 2).to(t.bfloat16)
            x = t.rand(n, k).to(t.bfloat16)
            return lambda: t._weight_int4pack_mm_for_cpu(x, w, 128, sz), 1, k * m // 2 + k // 128 * m * 4
        heads, groups, hs, n = row.number("heads", 32), row.number("groups", 8), row.number("hs", 128), row.number("n", 2048)
        sdpa = t.nn.functional.scaled_dot_product_attention
        queries = 1 if row.kind == "decode" else n
        q = t.randn(1, heads, queries, hs).to(kind)
        size = 2 * groups * n * hs * q.element_size()
        count = turns(size, 256_000_000) if row.kind == "decode" else 1
        pairs = [tuple(t.randn(1, groups, n, hs).to(kind) for _ in "kv") for _ in range(count)]

        def call():
            for k, v in pairs:
                sdpa(q, k, v, is_causal=row.kind == "prefill", enable_gqa=True)

        return call, count, size


def measure(call, count, seconds):
    """Nanoseconds of single calls after one that is not counted: three at least, unless they take three times the time."""
    times, began = [], time.perf_counter()
    call()
    while True:
        spent = time.perf_counter() - began
        if times and (len(times) >= 2000 or spent > 3 * seconds or (len(times) >= 3 and spent > seconds)):
            break
        t = time.perf_counter_ns()
        call()
        times.append((time.perf_counter_ns() - t) / count)
    return times


def main():
    kinds = {"onnxruntime": OnnxRuntime, "openvino": OpenVino, "torch": Torch}
    if len(sys.argv) != 2 or sys.argv[1] not in kinds:
        sys.exit("usage: pypi.py " + "|".join(kinds))
    # What packages print must not get among the answers.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    try:
        peer = kinds[sys.argv[1]]()
    except ImportError:
        peer = None
    opened = None
    for line in sys.stdin:
        request, _, rest = line.strip().partition(" ")
        try:
            if request == "list":
                answer = " ".join(["variants"] + (peer.variants(Row(rest)) if peer else []))
            elif request == "open":
                row, _, variant = rest.partition(" ; ")
                opened = None
                opened = peer.open(Row(row), variant)
                answer = f"ok {opened[2]}"
            elif request == "time":
                answer = "no row is open"
                if opened:
                    answer = "ns " + " ".join(f"{t:.0f}" for t in measure(opened[0], opened[1], float(rest)))
            elif request == "close":
                opened = None
                answer = "ok"
            else:
                answer = "no such request"
        except Exception as e:  # a peer that fails is a row without it
            opened = None
            answer = "no " + (" ".join(str(e).split())[:200] or type(e).__name__)
        answers.write(answer + "\n")


main()
