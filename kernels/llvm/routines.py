"""Routines: an activation or a loss over rows of a workspace, compiled when a workspace first asks for it, called by address.

A training's kernel holds none of them. So it is compiled in less time, the next activation costs those nothing who do not use
it, and a user's own comes in as the built-in ones do. Addresses are those of one process; `make_workspace` writes them into
the workspace.

An activation's routine     routine(S, x, y, d, rows, stride, width, backward)
    S the workspace's vector; pre-activations from place x on, activations from y on (the same place, where the derivative is
    taken from the output), `rows` rows `stride` apart, `width` numbers of each in use. Forward: y OUT. Backward: dL/da from
    place d on, overwritten by delta = dL/dz.

A loss's routine            routine(code, S, y, d, rows, stride, n_out, T, first, weight, scale, parameters) -> float
    The weighted sum of the rows' losses. Outputs from place y on; T (n, n_targets) and weight (n) or empty, of which the rows
    from `first` on count; the loss's parameters from place `parameters` on. From d on OUT: dL/dy, each row times its weight
    and `scale`, or delta at once, where the loss says so.

For second derivatives, a directional derivative of each number lies `tangents` places after it.

An activation's curvature   curvature(S, x, y, d, tangents, rows, stride, width, backward)
    Forward: the tangents of y, from those of x. Backward: those of d, from dL/da in d and its tangents to delta's.

A loss's curvature          curvature(code, S, y, d, rows, stride, n_out, T, first, weight, scale, parameters) -> 0
    From d on, tangents of y, overwritten by those of what the routine leaves in d.

A loss's targets            targets(code, S, y, d, rows, stride, n_out, T, first, weight, scale, parameters) -> 0
    From d on, what the routine leaves there, overwritten by dL/dT: as many numbers of each row as T has columns.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..compiler.jit import JIT_DISABLED, kernel, leaf
from .calls import (
    activation_types,
    curvature_types,
    loss_types,
    plain_routines,
    read_only_matrix_at,
    read_only_vector_at,
    vector_at,
)
from ..registry import named

Routine = Callable[..., Any]

# A vector's length where nobody asks for it.
_UNKNOWN = 1 << 48

_TYPES = {"activation": activation_types, "loss": loss_types, "curvature": curvature_types}
_addresses: dict[tuple[int, str, str], int] = {}
_kept: list[Routine] = []


def activation_routine(function: Routine, cached: bool = True) -> Any:
    """What `call_activation` calls, of a function as it stands above."""
    body = leaf(function, inline=True)

    def routine(S, x, y, d, rows, stride, width, backward):
        body(vector_at(S, _UNKNOWN), x, y, d, rows, stride, width, backward)

    return kernel(named(routine, f"{function.__name__}_by_address"), cached=cached)


def curvature_routine(function: Routine, cached: bool = True) -> Any:
    """What `call_curvature` calls."""
    body = leaf(function, inline=True)

    def routine(S, x, y, d, tangents, rows, stride, width, backward):
        body(vector_at(S, _UNKNOWN), x, y, d, tangents, rows, stride, width, backward)

    return kernel(named(routine, f"{function.__name__}_by_address"), cached=cached)


def loss_routine(function: Routine, cached: bool = True) -> Any:
    """What `call_loss` calls: a loss's routine, or its curvature."""
    body = leaf(function, inline=True, read_only="T weight")

    def routine(code, S, y, d, rows, stride, n_out, T, columns, weight, weights, first, scale, parameters):
        targets, row_weights = read_only_matrix_at(T, first + rows, columns), read_only_vector_at(weight, weights)
        return body(code, vector_at(S, _UNKNOWN), y, d, rows, stride, n_out, targets, first, row_weights, scale, parameters)

    return kernel(named(routine, f"{function.__name__}_by_address"), cached=cached)


def address_of(routine: Routine | None, real: np.dtype[Any], kind: str) -> int:
    """Where a routine's machine code lies for float32 or float64; it is compiled, or read from the disk cache. 0 for None."""
    if routine is None:
        return 0
    key = id(routine), real.name, kind
    if key not in _addresses:
        _kept.append(routine)  # its code must outlive every workspace, and its id must not be another's
        _addresses[key] = _locate(routine, real, kind)
    return _addresses[key]


def _locate(routine: Any, real: np.dtype[Any], kind: str) -> int:
    if JIT_DISABLED:
        plain_routines.append(routine)
        return len(plain_routines) - 1
    from numba import from_dtype, types

    result = types.float64 if kind == "loss" else types.none
    address: int = routine.address(_TYPES[kind](from_dtype(real)), result)
    return address
