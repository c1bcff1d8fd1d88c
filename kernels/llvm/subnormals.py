"""The processor's mode for subnormal numbers, per thread.

Some processors take a hundred cycles for an operation on one. Flushed to zero, they cannot slow training down.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from ..compiler.jit import JIT_DISABLED
from ..compiler.processor import ARM, X86
from .emit import INDEX, INT

_FLUSH_X86 = 0x8040  # MXCSR: flush results to zero, read subnormal operands as zero
_FLUSH_ARM = 1 << 24  # FPCR: the same


def _plain_flush() -> int:
    return 0


def _plain_restore(mode: int) -> None:
    pass


def _mode_functions(module: ir.Module) -> tuple[Any, Any]:
    void = ir.VoidType()
    if X86:
        kind = ir.FunctionType(void, [ir.IntType(8).as_pointer()])
        names = ("llvm.x86.sse.stmxcsr", "llvm.x86.sse.ldmxcsr")
        return tuple(cgutils.get_or_insert_function(module, kind, name) for name in names)  # type: ignore[return-value]
    read = cgutils.get_or_insert_function(module, ir.FunctionType(INDEX, []), "llvm.aarch64.get.fpcr")
    write = cgutils.get_or_insert_function(module, ir.FunctionType(void, [INDEX]), "llvm.aarch64.set.fpcr")
    return read, write


def _set_mode(builder: Any, mode: Any) -> None:
    _, write = _mode_functions(builder.module)
    if X86:
        slot = cgutils.alloca_once_value(builder, builder.trunc(mode, INT))
        builder.store(builder.trunc(mode, INT), slot)
        builder.call(write, [builder.bitcast(slot, ir.IntType(8).as_pointer())])
    else:
        builder.call(write, [mode])


@intrinsic
def _compiled_flush(typing: Any) -> Any:
    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        if not (X86 or ARM):
            return INDEX(0)
        read, _ = _mode_functions(builder.module)
        if X86:
            slot = cgutils.alloca_once(builder, INT)
            builder.call(read, [builder.bitcast(slot, ir.IntType(8).as_pointer())])
            mode = builder.zext(builder.load(slot), INDEX)
        else:
            mode = builder.call(read, [])
        _set_mode(builder, builder.or_(mode, INDEX(_FLUSH_X86 if X86 else _FLUSH_ARM)))
        return mode

    return types.int64(), build


@intrinsic
def _compiled_restore(typing: Any, mode: Any) -> Any:
    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        if X86 or ARM:
            _set_mode(builder, arguments[0])
        return context.get_dummy_value()

    return types.void(types.int64), build


# flush_subnormals(): from here on, in this thread, subnormal numbers count as zero; returns the mode before.
flush_subnormals = _plain_flush if JIT_DISABLED else _compiled_flush
# restore_mode(mode): the mode that flush_subnormals returned.
restore_mode = _plain_restore if JIT_DISABLED else _compiled_restore
