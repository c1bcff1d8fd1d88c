"""Row kernels: an activation or a loss over rows of a workspace, compiled when a workspace first asks for it.

They are called by address: a training's kernel holds none of them. So it is compiled in less time, the next activation costs
those nothing who do not use it, and a user's own comes in as the built-in ones do. Addresses are those of one process;
`make_workspace` writes them into the workspace. `calls.py` makes the calls, whose flat arguments become one named tuple here.

Of an activation: function(memory, places, backward), memory the workspace's vector, `places` an `ActivationRows`.
    its row kernel      forward: activations y OUT, from pre-activations x. backward: dL/da in d becomes delta = dL/dz.
    its tangent kernel  for second derivatives; a directional derivative of each number lies `tangents` places after it.
                        forward: the tangents of y, from those of x. backward: the tangents of d, those of dL/da, become
                        those of delta; d itself still holds dL/da.

Of a loss: function(rows) -> float, `rows` a `LossRows`.
    its row kernel      the weighted sum of the rows' losses. D OUT: dL/dy, each row times its weight and `scale`; or delta at
                        once, where the loss says so.
    its tangent kernel  D holds tangents of y, and those of what the row kernel leaves in D when it returns. Returns 0.
    its target kernel   D holds what the row kernel leaves there, and dL/dT when it returns: as many numbers in each row as
                        T has columns. Returns 0.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numba import types
from numba.extending import intrinsic

from ..compiler.jit import JIT_DISABLED, kernel, leaf
from ..registry import named
from .calls import TYPES, plain_row_kernels
from .views import build_view

RowKernel = Callable[..., Any]

# A vector's length where nobody asks for it.
_UNKNOWN = 1 << 48


class ActivationRows(NamedTuple):
    """Rows of one layer, by their places in the workspace's vector.

    There are `rows` of them, each `stride` numbers after the one before; the first `width` numbers of each are in use.
    """

    x: int  # pre-activations begin here
    y: int  # activations; the same place as x, where the derivative is taken from the output
    d: int  # dL/da, then delta
    tangents: int  # from a number to its directional derivative
    rows: int
    stride: int
    width: int


class LossRows(NamedTuple):
    """Rows of the last layer, their targets and weights. The first n_out numbers of each row of Y and D are in use."""

    code: int
    Y: np.ndarray  # (rows, stride): outputs
    D: np.ndarray  # (rows, stride) OUT
    T: np.ndarray  # (rows, n_targets)
    weight: np.ndarray  # (rows), or empty for ones
    scale: float
    parameters: np.ndarray  # the loss's, as many as outputs for each target; of no meaning where it has none
    n_out: int


def activation_row_kernel(function: RowKernel, cached: bool = True) -> Any:
    """What `call_activation` calls: an activation's row kernel or tangent kernel."""
    body = leaf(function, inline=True)

    def row_kernel(memory, x, y, d, tangents, rows, stride, width, backward):
        body(vector_at(memory, 0, _UNKNOWN), ActivationRows(x, y, d, tangents, rows, stride, width), backward)

    return kernel(named(row_kernel, f"{function.__name__}_by_address"), cached=cached)


def loss_row_kernel(function: RowKernel, cached: bool = True) -> Any:
    """What `call_loss` calls: a loss's row kernel, tangent kernel or target kernel."""
    body = leaf(function, inline=True)

    def row_kernel(code, memory, y, d, rows, stride, n_out, T, columns, weight, weights, first, scale, parameters):
        return body(
            LossRows(
                code,
                matrix_at(memory, y, rows, stride),
                matrix_at(memory, d, rows, stride),
                read_only_matrix_at(T, first * columns, rows, columns),
                read_only_vector_at(weight, first if weights else 0, rows if weights else 0),
                scale,
                vector_at(memory, parameters, n_out // columns),
                n_out,
            )
        )

    return kernel(named(row_kernel, f"{function.__name__}_by_address"), cached=cached)


def _viewer(readonly: bool, axes: int) -> Any:
    """An intrinsic that makes an array of a pointer, a place counted from it, and a shape."""

    def typed(pointer: Any, shape: tuple[Any, ...]) -> Any:
        result = types.Array(pointer.dtype, axes, "C", readonly=readonly)

        def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            data, start, *extents = arguments
            return build_view(context, builder, result, builder.gep(data, [start]), extents)

        return result(pointer, *[types.intp] * (1 + axes)), build

    if axes == 1:
        return intrinsic(lambda typing, pointer, start, count: typed(pointer, (count,)))
    return intrinsic(lambda typing, pointer, start, rows, columns: typed(pointer, (rows, columns)))


def _plain_vector(array: Any, start: int, count: int) -> Any:
    return array.reshape(-1)[start : start + count]


def _plain_matrix(array: Any, start: int, rows: int, columns: int) -> Any:
    return array.reshape(-1)[start : start + rows * columns].reshape((rows, columns))


vector_at = _plain_vector if JIT_DISABLED else _viewer(False, 1)
matrix_at = _plain_matrix if JIT_DISABLED else _viewer(False, 2)
read_only_vector_at = _plain_vector if JIT_DISABLED else _viewer(True, 1)
read_only_matrix_at = _plain_matrix if JIT_DISABLED else _viewer(True, 2)


# Where they lie --------------------------------------------------------------------------------------------------------------

_addresses: dict[tuple[int, str, str], int] = {}
_kept: list[RowKernel] = []


def address_of(row_kernel: RowKernel | None, real: np.dtype[Any], kind: str) -> int:
    """Where the machine code of an activation's or a loss's (`kind`) row kernel lies for float32 or float64; 0 for None.

    It is compiled, or read from the disk cache.
    """
    if row_kernel is None:
        return 0
    key = id(row_kernel), real.name, kind
    if key not in _addresses:
        _kept.append(row_kernel)  # its code must outlive every workspace, and its id must not be another's
        _addresses[key] = _locate(row_kernel, real, kind)
    return _addresses[key]


def _locate(row_kernel: Any, real: np.dtype[Any], kind: str) -> int:
    if JIT_DISABLED:
        plain_row_kernels.append(row_kernel)
        return len(plain_row_kernels) - 1
    from numba import from_dtype, types

    result = types.float64 if kind == "loss" else types.none
    address: int = row_kernel.address(TYPES[kind](from_dtype(real)), result)
    return address
