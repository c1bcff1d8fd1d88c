"""Counters that threads share, and how a thread waits."""

from __future__ import annotations

import ctypes
import sys
import threading
import time
from typing import Any

import numpy as np
from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from ..compiler.jit import JIT_DISABLED
from ..compiler.processor import ARM, X86
from .emit import INDEX, INT, data_pointer

if sys.platform == "win32":
    _yield, _sleep, NAP = ctypes.WinDLL("kernel32").SwitchToThread, ctypes.WinDLL("kernel32").Sleep, 1  # milliseconds
else:
    _yield, _sleep, NAP = ctypes.CDLL(None).sched_yield, ctypes.CDLL(None).usleep, 50  # microseconds
# By names of our own: cached machine code finds them in every process, on every platform.
binding.add_symbol("tileprop_yield", ctypes.cast(_yield, ctypes.c_void_p).value)
binding.add_symbol("tileprop_sleep", ctypes.cast(_sleep, ctypes.c_void_p).value)

_one_at_a_time = threading.Lock()


def _plain_add(counters: Any, index: int, amount: int) -> None:
    with _one_at_a_time:
        counters.view(np.int64)[index] += amount


def _plain_read(counters: Any, index: int) -> int:
    return int(counters.view(np.int64)[index])


def _plain_pause() -> None:
    pass


def _plain_yield() -> None:
    time.sleep(0)


def _integers(context: Any, builder: Any, array: Any, value: Any) -> Any:
    """Pointer to an array's memory as int64 numbers, of which a record has several."""
    return builder.bitcast(data_pointer(context, builder, array, value), INDEX.as_pointer())


@intrinsic
def _compiled_add(typing: Any, counters: Any, index: Any, amount: Any) -> Any:
    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        value, index, amount = arguments
        pointer = builder.gep(_integers(context, builder, counters, value), [index])
        builder.atomic_rmw("add", pointer, amount, "acq_rel")
        return context.get_dummy_value()

    return types.void(counters, types.intp, types.int64), build


@intrinsic
def _compiled_read(typing: Any, counters: Any, index: Any) -> Any:
    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        value, index = arguments
        pointer = builder.gep(_integers(context, builder, counters, value), [index])
        return builder.load_atomic(pointer, "acquire", 8)

    return types.int64(counters, types.intp), build


@intrinsic
def _compiled_pause(typing: Any) -> Any:
    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        if X86:
            builder.call(
                cgutils.get_or_insert_function(builder.module, ir.FunctionType(ir.VoidType(), []), "llvm.x86.sse2.pause"), []
            )
        elif ARM:
            hint = cgutils.get_or_insert_function(builder.module, ir.FunctionType(ir.VoidType(), [INT]), "llvm.aarch64.hint")
            builder.call(hint, [INT(1)])
        return context.get_dummy_value()

    return types.void(), build


@intrinsic
def _compiled_yield(typing: Any) -> Any:
    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        builder.call(cgutils.get_or_insert_function(builder.module, ir.FunctionType(INT, []), "tileprop_yield"), [])
        return context.get_dummy_value()

    return types.void(), build


def _plain_nap() -> None:
    time.sleep(50e-6)


@intrinsic
def _compiled_nap(typing: Any) -> Any:
    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        sleep = cgutils.get_or_insert_function(builder.module, ir.FunctionType(INT, [INT]), "tileprop_sleep")
        builder.call(sleep, [INT(NAP)])
        return context.get_dummy_value()

    return types.void(), build


# atomic_add(counters, index, amount) and atomic_read(counters, index): on an array's memory as int64 numbers; what was written
# before an add is seen after a read that sees it.
atomic_add = _plain_add if JIT_DISABLED else _compiled_add
atomic_read = _plain_read if JIT_DISABLED else _compiled_read
# pause(): a hint that this thread spins. yield_thread(): let another thread run.
pause = _plain_pause if JIT_DISABLED else _compiled_pause
yield_thread = _plain_yield if JIT_DISABLED else _compiled_yield
# nap(): sleep for about as short a time as the system can.
nap = _plain_nap if JIT_DISABLED else _compiled_nap
