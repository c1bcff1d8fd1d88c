"""Small pieces of LLVM that the intrinsics of this folder are written with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from llvmlite import ir
from llvmlite.ir.values import MDValue
from numba import types
from numba.core import cgutils
from numba.core.errors import TypingError

from ..compiler.processor import SIMD

INDEX = ir.IntType(64)
INT = ir.IntType(32)
DOUBLE = ir.DoubleType()


def check_one_dtype(*arrays: Any) -> None:
    """Raise TypingError where arrays (Numba types) differ in dtype."""
    if len({array.dtype for array in arrays}) > 1:
        given = ", ".join(str(array.dtype) for array in arrays)
        raise TypingError(f"theta, X, T, weight, the state and the workspace must have one dtype; these have {given}")


def vector_type(array: Any, fraction: int = 1) -> ir.VectorType:
    """The vector type for the elements of `array` (a Numba type): a whole register, or a fraction of one."""
    element = ir.FloatType() if array.dtype == types.float32 else ir.DoubleType()
    return ir.VectorType(element, SIMD.vector_bytes // (array.dtype.bitwidth // 8) // fraction)


def data_pointer(context: Any, builder: Any, array: Any, value: Any) -> Any:
    """Pointer to an array's first element."""
    from numba.np.arrayobj import make_array  # 30 ms that an import need not wait for

    return make_array(array)(context, builder, value).data


def count_of(context: Any, builder: Any, array: Any, value: Any) -> Any:
    """How many elements an array has."""
    from numba.np.arrayobj import make_array

    return make_array(array)(context, builder, value).nitems


def load(builder: Any, pointer: Any, vector: ir.VectorType) -> Any:
    loaded = builder.load(builder.bitcast(pointer, vector.as_pointer()))
    loaded.align = alignment(vector.element)
    return loaded


def store(builder: Any, value: Any, pointer: Any) -> None:
    stored = builder.store(value, builder.bitcast(pointer, value.type.as_pointer()))
    stored.align = alignment(value.type.element)


def alignment(element: Any) -> int:
    """In bytes. llvmlite could tell, and would parse a module to do so."""
    return 4 if element in (ir.FloatType(), INT) else 8


def splat(builder: Any, scalar: Any, vector: ir.VectorType) -> Any:
    undefined = ir.Constant(vector, ir.Undefined)
    first = builder.insert_element(undefined, scalar, INT(0))
    return builder.shuffle_vector(first, undefined, ir.Constant(ir.VectorType(INT, vector.count), [0] * vector.count))


def multiply_add(builder: Any, a: Any, b: Any, c: Any) -> Any:
    """a b + c, of numbers or of vectors."""
    # Where the processor lacks it, llvm.fma would become a library call; fmuladd becomes a product and a sum.
    vector = isinstance(a.type, ir.VectorType)
    suffix = "f32" if (a.type.element if vector else a.type) == ir.FloatType() else "f64"
    name = f"llvm.{'fma' if SIMD.fused else 'fmuladd'}.{f'v{a.type.count}' if vector else ''}{suffix}"
    function_type = ir.FunctionType(a.type, [a.type] * 3)
    return builder.call(cgutils.get_or_insert_function(builder.module, function_type, name), [a, b, c])


def horizontal_sum(builder: Any, vector: Any) -> Any:
    """The sum of a vector's elements, halves added to halves."""
    count = vector.type.count
    while count > 1:
        count //= 2
        undefined = ir.Constant(vector.type, ir.Undefined)
        kind = ir.VectorType(INT, count)
        low, high = (
            builder.shuffle_vector(vector, undefined, ir.Constant(kind, [*range(first, first + count)])) for first in (0, count)
        )
        vector = builder.fadd(low, high)
    return builder.extract_element(vector, INT(0))


class LoopOptions(MDValue):
    """Metadata for a loop's last branch. LLVM wants a node of its own that names itself first; llvmlite has no word for it."""

    def __init__(self, module: ir.Module, *options: tuple[Any, ...]) -> None:
        nodes = [module.add_metadata([ir.MetaDataString(module, name), *values]) for name, *values in options]
        super().__init__(module, nodes, name=str(len(module.metadata)))

    def descr(self, buffer: list[str]) -> None:
        nodes = ", ".join(node.get_reference() for node in (self, *self.operands))
        buffer += (f"distinct !{{ {nodes} }}", "\n")


def not_unrolled(module: ir.Module) -> LoopOptions:
    """Unrolling a tile's loop gains nothing, and costs compile time."""
    return LoopOptions(module, ("llvm.loop.unroll.disable",))


@contextmanager
def loop(builder: Any, count: Any, options: LoopOptions) -> Iterator[Any]:
    """A loop of `count` turns, at least one; the number of the turn."""
    before, body, after = builder.basic_block, builder.append_basic_block("turn"), builder.append_basic_block("after")
    builder.branch(body)
    builder.position_at_end(body)
    turn = builder.phi(INDEX)
    turn.add_incoming(INDEX(0), before)
    yield turn
    following = builder.add(turn, INDEX(1))
    turn.add_incoming(following, builder.basic_block)
    branch = builder.cbranch(builder.icmp_signed("<", following, count), body, after)
    branch.set_metadata("llvm.loop", options)
    builder.position_at_end(after)


def local_memory(builder: Any, element: Any, count: int) -> Any:
    """Memory of the function's own for so many elements, which LLVM keeps in registers where it can."""
    return cgutils.alloca_once(builder, element, INDEX(count))


def prefetch(builder: Any, pointer: Any) -> None:
    """Have a cache line fetched, to be read soon. It reads nothing, so that it may lie beyond an array's end."""
    byte = ir.IntType(8).as_pointer()
    kind = ir.FunctionType(ir.VoidType(), [byte, INT, INT, INT])
    function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
    builder.call(function, [builder.bitcast(pointer, byte), INT(0), INT(3), INT(1)])  # for reading, to all caches, of data
