"""What is written in LLVM: the register tile, a block's transpose, views without owners, atomics, the processor's float mode.

Numba has no vector types, so these are intrinsics that emit LLVM. Each takes arrays with offsets and strides in elements,
never addresses, and has a twin in plain Python that takes its place when the jit is off. A twin of the tile rounds each
product and each sum; with fused multiply-adds a sum of n terms differs from it by at most n units in the last place of the
largest partial sum. All other twins agree to the last bit.
"""

from __future__ import annotations

import ctypes
import itertools
import platform
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .jit import JIT_DISABLED
from .processor import SIMD

_INDEX = ir.IntType(64)
_INT = ir.IntType(32)


def _vector(array: Any, fraction: int = 1) -> ir.VectorType:
    """The vector type for the elements of `array` (a Numba type): a whole register, or a fraction of one."""
    element = ir.FloatType() if array.dtype == types.float32 else ir.DoubleType()
    return ir.VectorType(element, SIMD.vector_bytes // (array.dtype.bitwidth // 8) // fraction)


def _data(context: Any, builder: Any, array: Any, value: Any) -> Any:
    """Pointer to an array's first element."""
    from numba.np.arrayobj import make_array  # 30 ms that an import need not wait for

    return make_array(array)(context, builder, value).data


def _load(builder: Any, pointer: Any, vector: ir.VectorType) -> Any:
    loaded = builder.load(builder.bitcast(pointer, vector.as_pointer()))
    loaded.align = vector.element.get_abi_alignment(_TARGET)
    return loaded


def _store(builder: Any, value: Any, pointer: Any) -> None:
    stored = builder.store(value, builder.bitcast(pointer, value.type.as_pointer()))
    stored.align = value.type.element.get_abi_alignment(_TARGET)


_TARGET = binding.create_target_data("")


def _splat(builder: Any, scalar: Any, vector: ir.VectorType) -> Any:
    undefined = ir.Constant(vector, ir.Undefined)
    first = builder.insert_element(undefined, scalar, _INT(0))
    return builder.shuffle_vector(first, undefined, ir.Constant(ir.VectorType(_INT, vector.count), [0] * vector.count))


def _multiply_add(builder: Any, a: Any, b: Any, c: Any) -> Any:
    # Where the processor lacks it, llvm.fma would become a library call; fmuladd becomes a product and a sum.
    kind = "fma" if SIMD.fused else "fmuladd"
    suffix = "f32" if isinstance(a.type.element, ir.FloatType) else "f64"
    function_type = ir.FunctionType(a.type, [a.type] * 3)
    name = f"llvm.{kind}.v{a.type.count}{suffix}"
    return builder.call(cgutils.get_or_insert_function(builder.module, function_type, name), [a, b, c])


def _not_unrolled(module: ir.Module) -> Any:
    """Loop metadata: unrolling a tile's loop gains nothing, and costs compile time."""
    return module.add_metadata([module.add_metadata([ir.MetaDataString(module, "llvm.loop.unroll.disable")])])


# The register tile ---------------------------------------------------------------------------------------------------------


def make_tile(rows: int, vectors: int, fraction: int = 1) -> Callable[..., None]:
    """A tile of `rows` x (`vectors` x lanes) sums held in registers, lanes a full register's divided by `fraction`:

        tile(A, a_at, a_row, a_step, S, b_at, b_row, init_at, init_row, c_at, c_row, depth, alpha)
        S[c_at + i c_row + j] = S[init_at + i init_row + j] + alpha sum_k A[a_at + i a_row + k a_step] S[b_at + k b_row + j]

    for k from 0 to depth - 1, in this order, depth at least 1; A and S 1-D arrays of one dtype. Nothing is checked.
    """

    def plain_tile(
        A: Any, a_at: int, a_row: int, a_step: int, S: Any, b_at: int, b_row: int,
        init_at: int, init_row: int, c_at: int, c_row: int, depth: int, alpha: Any,
    ) -> None:  # fmt: skip
        lanes = np.arange(vectors * (SIMD.vector_bytes // S.itemsize // fraction))
        row = np.arange(rows)[:, None]
        total = np.zeros((rows, len(lanes)), S.dtype)
        for k in range(depth):
            total += A[a_at + row * a_row + k * a_step] * S[b_at + k * b_row + lanes]
        S[c_at + row * c_row + lanes] = S[init_at + row * init_row + lanes] + S.dtype.type(alpha) * total

    if JIT_DISABLED:
        return plain_tile

    @intrinsic
    def compiled_tile(
        typing: Any, A: Any, a_at: Any, a_row: Any, a_step: Any, S: Any, b_at: Any, b_row: Any,
        init_at: Any, init_row: Any, c_at: Any, c_row: Any, depth: Any, alpha: Any,
    ) -> Any:  # fmt: skip
        i = types.intp
        signature = types.void(A, i, i, i, S, i, i, i, i, i, i, i, S.dtype)
        vector = _vector(S, fraction)

        def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            A_, a_at, a_row, a_step, S_, b_at, b_row, init_at, init_row, c_at, c_row, depth, alpha = arguments
            a = builder.gep(_data(context, builder, A, A_), [a_at])
            s = _data(context, builder, S, S_)
            a_rows = [builder.gep(a, [builder.mul(a_row, _INDEX(r))]) for r in range(rows)]
            b = builder.gep(s, [b_at])
            columns = [_INDEX(v * vector.count) for v in range(vectors)]

            before, loop, after = builder.basic_block, builder.append_basic_block("k"), builder.append_basic_block("end")
            builder.branch(loop)
            builder.position_at_end(loop)
            k = builder.phi(_INDEX)
            k.add_incoming(_INDEX(0), before)
            sums = [[builder.phi(vector) for _ in columns] for _ in a_rows]
            for total in itertools.chain(*sums):
                total.add_incoming(ir.Constant(vector, [0.0] * vector.count), before)
            b_here = builder.gep(b, [builder.mul(k, b_row)])
            loaded = [_load(builder, builder.gep(b_here, [column]), vector) for column in columns]
            a_here = builder.mul(k, a_step)
            results = []
            for pointer, row_sums in zip(a_rows, sums, strict=True):
                factor = _splat(builder, builder.load(builder.gep(pointer, [a_here])), vector)
                results.append([_multiply_add(builder, factor, x, y) for x, y in zip(loaded, row_sums, strict=True)])
            following = builder.add(k, _INDEX(1))
            k.add_incoming(following, loop)
            for total, result in zip(itertools.chain(*sums), itertools.chain(*results), strict=True):
                total.add_incoming(result, loop)
            latch = builder.cbranch(builder.icmp_signed("<", following, depth), loop, after)
            latch.set_metadata("llvm.loop", _not_unrolled(builder.module))

            builder.position_at_end(after)
            scale = _splat(builder, alpha, vector)
            for r, row_results in enumerate(results):
                init = builder.gep(s, [builder.add(init_at, builder.mul(init_row, _INDEX(r)))])
                c = builder.gep(s, [builder.add(c_at, builder.mul(c_row, _INDEX(r)))])
                for column, result in zip(columns, row_results, strict=True):
                    value = _multiply_add(builder, scale, result, _load(builder, builder.gep(init, [column]), vector))
                    _store(builder, value, builder.gep(c, [column]))
            return context.get_dummy_value()

        return signature, build

    return compiled_tile


# Transpose of a block ------------------------------------------------------------------------------------------------------


def _plain_transpose(S: Any, source_at: int, source_row: int, target_at: int, target_row: int) -> None:
    lanes = np.arange(SIMD.vector_bytes // S.itemsize)
    across, down = lanes[None, :], lanes[:, None]
    S[target_at + down * target_row + across] = S[source_at + across * source_row + down]


@intrinsic
def _compiled_transpose(typing: Any, S: Any, source_at: Any, source_row: Any, target_at: Any, target_row: Any) -> Any:
    vector = _vector(S)
    count = vector.count

    def mask(step: int, low: bool) -> ir.Constant:
        """Lanes of the pair (first, second): entries of one 2 x 2 block change places across its diagonal."""
        picked = [(lane + count - step if lane & step else lane) if low else (lane + count if lane & step else lane + step) for lane in range(count)]
        return ir.Constant(ir.VectorType(_INT, count), picked)

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array, source_at, source_row, target_at, target_row = arguments
        data = _data(context, builder, S, array)

        def row(at: Any, stride: Any, number: int) -> Any:
            return builder.gep(data, [builder.add(at, builder.mul(stride, _INDEX(number)))])

        rows = [_load(builder, row(source_at, source_row, r), vector) for r in range(count)]
        step = 1
        while step < count:
            for r in range(count):
                if not r & step:
                    first, second = rows[r], rows[r + step]
                    rows[r] = builder.shuffle_vector(first, second, mask(step, True))
                    rows[r + step] = builder.shuffle_vector(first, second, mask(step, False))
            step *= 2
        for r, value in enumerate(rows):
            _store(builder, value, row(target_at, target_row, r))
        return context.get_dummy_value()

    i = types.intp
    return types.void(S, i, i, i, i), build


# Transpose a block of lanes x lanes entries: S[target_at + j target_row + i] = S[source_at + i source_row + j].
transpose_block = _plain_transpose if JIT_DISABLED else _compiled_transpose


# Lanes ---------------------------------------------------------------------------------------------------------------------


def _plain_lanes(S: Any) -> int:
    return SIMD.vector_bytes // S.itemsize


@intrinsic
def _compiled_lanes(typing: Any, S: Any) -> Any:
    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _INDEX(_vector(S).count)

    return types.intp(S), build


# Elements of the array S in a full vector register.
lanes_of = _plain_lanes if JIT_DISABLED else _compiled_lanes


# Views ---------------------------------------------------------------------------------------------------------------------
# They count no reference to the memory's owner, which Numba's own slices do with an atomic operation each, and compile sooner.
# The owner must outlive them: they never leave a kernel.


def _plain_span(array: Any, start: int, count: int) -> Any:
    return array.reshape(-1)[start : start + count]


def _plain_matrix(vector: Any, start: int, rows: int, columns: int) -> Any:
    return vector[start : start + rows * columns].reshape((rows, columns))


def _build_view(context: Any, builder: Any, result: Any, source: Any, value: Any, start: Any, shape: list[Any]) -> Any:
    from numba.np.arrayobj import make_array, populate_array

    array = make_array(source)(context, builder, value)
    view = make_array(result)(context, builder)
    strides = [array.itemsize]
    for extent in reversed(shape[1:]):
        strides.insert(0, builder.mul(strides[0], extent))
    data = builder.gep(array.data, [start])
    populate_array(view, data=data, shape=shape, strides=strides, itemsize=array.itemsize, meminfo=None)
    return view._getvalue()


@intrinsic
def _compiled_span(typing: Any, array: Any, start: Any, count: Any) -> Any:
    result = types.Array(array.dtype, 1, "C", readonly=not array.mutable)

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        value, start, count = arguments
        return _build_view(context, builder, result, array, value, start, [count])

    return result(array, types.intp, types.intp), build


@intrinsic
def _compiled_matrix(typing: Any, vector: Any, start: Any, rows: Any, columns: Any) -> Any:
    result = types.Array(vector.dtype, 2, "C", readonly=not vector.mutable)

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        value, start, rows, columns = arguments
        return _build_view(context, builder, result, vector, value, start, [rows, columns])

    return result(vector, types.intp, types.intp, types.intp), build


# span(array, start, count): (count,), entries of a C-contiguous array of any number of dimensions, from `start` on.
span = _plain_span if JIT_DISABLED else _compiled_span
# matrix(vector, start, rows, columns): (rows, columns), C-contiguous, entries of a vector from `start` on.
matrix = _plain_matrix if JIT_DISABLED else _compiled_matrix


# Atomics, and waiting ------------------------------------------------------------------------------------------------------

if sys.platform == "win32":
    _yield = ctypes.WinDLL("kernel32").SwitchToThread
else:
    _yield = ctypes.CDLL(None).sched_yield
# By a name of our own: cached machine code finds it in every process, on every platform.
binding.add_symbol("tileprop_yield", ctypes.cast(_yield, ctypes.c_void_p).value)

_X86 = platform.machine().lower() in ("x86_64", "amd64", "i386", "i686", "x86")
_ARM = platform.machine().lower() in ("aarch64", "arm64")
_one_at_a_time = threading.Lock()


def _plain_add(counters: Any, index: int, amount: int) -> None:
    with _one_at_a_time:
        counters[index] += amount


def _plain_read(counters: Any, index: int) -> int:
    return int(counters[index])


def _plain_pause() -> None:
    pass


def _plain_yield() -> None:
    time.sleep(0)


@intrinsic
def _compiled_add(typing: Any, counters: Any, index: Any, amount: Any) -> Any:
    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        value, index, amount = arguments
        pointer = builder.gep(_data(context, builder, counters, value), [index])
        builder.atomic_rmw("add", pointer, amount, "acq_rel")
        return context.get_dummy_value()

    return types.void(counters, types.intp, types.int64), build


@intrinsic
def _compiled_read(typing: Any, counters: Any, index: Any) -> Any:
    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        value, index = arguments
        pointer = builder.gep(_data(context, builder, counters, value), [index])
        return builder.load_atomic(pointer, "acquire", 8)

    return types.int64(counters, types.intp), build


@intrinsic
def _compiled_pause(typing: Any) -> Any:
    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        if _X86:
            builder.call(cgutils.get_or_insert_function(builder.module, ir.FunctionType(ir.VoidType(), []), "llvm.x86.sse2.pause"), [])
        elif _ARM:
            hint = cgutils.get_or_insert_function(builder.module, ir.FunctionType(ir.VoidType(), [_INT]), "llvm.aarch64.hint")
            builder.call(hint, [_INT(1)])
        return context.get_dummy_value()

    return types.void(), build


@intrinsic
def _compiled_yield(typing: Any) -> Any:
    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        builder.call(cgutils.get_or_insert_function(builder.module, ir.FunctionType(_INT, []), "tileprop_yield"), [])
        return context.get_dummy_value()

    return types.void(), build


# add(counters, index, amount) and read(counters, index): atomic, on int64; what was written before an add is seen after a
# read that sees it.
atomic_add = _plain_add if JIT_DISABLED else _compiled_add
atomic_read = _plain_read if JIT_DISABLED else _compiled_read
# pause(): a hint that this thread spins. yield_thread(): let another thread run.
pause = _plain_pause if JIT_DISABLED else _compiled_pause
yield_thread = _plain_yield if JIT_DISABLED else _compiled_yield


# Subnormal numbers ---------------------------------------------------------------------------------------------------------
# Some processors take a hundred cycles for an operation on one. Flushed to zero, they cannot slow training down.

_FLUSH_X86 = 0x8040  # MXCSR: flush results to zero, read subnormal operands as zero
_FLUSH_ARM = 1 << 24  # FPCR: the same


def _plain_flush() -> int:
    return 0


def _plain_restore(mode: int) -> None:
    pass


def _mode_functions(module: ir.Module) -> tuple[Any, Any]:
    void = ir.VoidType()
    if _X86:
        kind = ir.FunctionType(void, [ir.IntType(8).as_pointer()])
        names = ("llvm.x86.sse.stmxcsr", "llvm.x86.sse.ldmxcsr")
        return tuple(cgutils.get_or_insert_function(module, kind, name) for name in names)  # type: ignore[return-value]
    read = cgutils.get_or_insert_function(module, ir.FunctionType(_INDEX, []), "llvm.aarch64.get.fpcr")
    write = cgutils.get_or_insert_function(module, ir.FunctionType(void, [_INDEX]), "llvm.aarch64.set.fpcr")
    return read, write


def _set_mode(builder: Any, mode: Any) -> None:
    _, write = _mode_functions(builder.module)
    if _X86:
        slot = cgutils.alloca_once_value(builder, builder.trunc(mode, _INT))
        builder.store(builder.trunc(mode, _INT), slot)
        builder.call(write, [builder.bitcast(slot, ir.IntType(8).as_pointer())])
    else:
        builder.call(write, [mode])


@intrinsic
def _compiled_flush(typing: Any) -> Any:
    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        if not (_X86 or _ARM):
            return _INDEX(0)
        read, _ = _mode_functions(builder.module)
        if _X86:
            slot = cgutils.alloca_once(builder, _INT)
            builder.call(read, [builder.bitcast(slot, ir.IntType(8).as_pointer())])
            mode = builder.zext(builder.load(slot), _INDEX)
        else:
            mode = builder.call(read, [])
        _set_mode(builder, builder.or_(mode, _INDEX(_FLUSH_X86 if _X86 else _FLUSH_ARM)))
        return mode

    return types.int64(), build


@intrinsic
def _compiled_restore(typing: Any, mode: Any) -> Any:
    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        if _X86 or _ARM:
            _set_mode(builder, arguments[0])
        return context.get_dummy_value()

    return types.void(types.int64), build


# flush_subnormals(): from here on, in this thread, subnormal numbers count as zero; returns the mode before.
flush_subnormals = _plain_flush if JIT_DISABLED else _compiled_flush
# restore_mode(mode): the mode that flush_subnormals returned.
restore_mode = _plain_restore if JIT_DISABLED else _compiled_restore
