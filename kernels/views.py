"""A matrix as a view of a stretch of a vector, built in LLVM: Numba's slice and reshape take 0.3 s longer to compile."""

from __future__ import annotations

from typing import Any

from numba import types
from numba.core.imputils import impl_ret_borrowed
from numba.extending import intrinsic

from .jit import JIT_DISABLED, leaf


def _plain_view(vector: Any, start: int, rows: int, columns: int) -> Any:
    return vector[start : start + rows * columns].reshape((rows, columns))


@intrinsic
def _compiled_view(typing: Any, vector: Any, start: Any, rows: Any, columns: Any) -> Any:
    from numba.np.arrayobj import make_array, populate_array  # 30 ms that an import need not wait for

    result = types.Array(vector.dtype, 2, "C", readonly=not vector.mutable)

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array, start, rows, columns = arguments
        source = make_array(vector)(context, builder, array)
        view = make_array(result)(context, builder)
        populate_array(
            view,
            data=builder.gep(source.data, [start]),
            shape=[rows, columns],
            strides=[builder.mul(columns, source.itemsize), source.itemsize],
            itemsize=source.itemsize,
            meminfo=source.meminfo,
            parent=source.parent,
        )
        return impl_ret_borrowed(context, builder, result, view._getvalue())

    return result(vector, types.intp, types.intp, types.intp), build


_view = _plain_view if JIT_DISABLED else _compiled_view


@leaf
def matrix(vector: Any, start: int, rows: int, columns: int) -> Any:
    """(rows, columns), C-contiguous: a view of `vector` (n), also C-contiguous, from `start` on."""
    if start + rows * columns > vector.size:
        raise ValueError("a vector is too short for this plan; make the workspace for the same plan")
    return _view(vector, start, rows, columns)
