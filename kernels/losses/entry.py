"""What a loss is made of, and how the formulas of one row become one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..checks import check_loss_parameter, check_same_rows, check_same_shape
from ..compiler.jit import kernel, leaf
from ..llvm import span
from ..registry import named
from ..llvm.routines import loss_routine
from .sums import added, rounded

_d = np.float64


@dataclass(frozen=True)
class Parameter:
    """A loss's parameter: its name and default, and the bounds that it must be between. many: whether it may be a list."""

    name: str
    default: float
    low: float
    high: float
    many: bool = False


@dataclass(frozen=True, eq=False)
class Loss:
    """value(Y, T) and backward(Y, T, out=None): kernels for arrays; routine, curvature, targets: for networks (`routines.py`).

    needs: the only output activation that the loss goes with. through: whether the routine gives delta, the derivative through
    that activation, at once. heads: outputs for each target column; 0 for as many as the parameter has values. parameter: the
    kernels take it as well, after T.
    """

    name: str
    code: int
    value: Callable[..., Any]
    backward: Callable[..., Any]
    routine: Callable[..., Any]
    curvature: Callable[..., Any] | None = None
    targets: Callable[..., Any] | None = None
    needs: str = ""
    through: bool = False
    heads: int = 1
    parameter: Parameter | None = None


def row_loss(
    name: str,
    code: int,
    value: Callable[..., Any],
    gradient: Callable[..., Any],
    bend: Any,
    targets: Callable[..., Any] | None = None,
    *,
    needs: str = "",
    heads: int = 1,
    parameter: Parameter | None = None,
    averaged: bool = False,
    text: str = "",
    backward_text: str = "",
    users: bool = False,
) -> Loss:
    """A loss made of one row's: value(y, t, p), a number in two parts, and gradient(y, t, p, dy), dy OUT. Both compiled.

    bend(y, t, p, u): u OUT, times the matrix of second derivatives; None where they are not known. y, dy, u (n_out), t
    (n_targets), p the parameter's values. targets: a loss's targets, see `routines.py`. averaged: the loss is their mean over
    the outputs, besides that over the rows. text, backward_text: docstrings of the kernels. users: the formulas are a user's,
    value(y, t), one number, and gradient(y, t, dy); they are not kept in the disk cache.
    """
    if users:
        value, gradient, bend = _users_formulas(value, gradient, bend)
    single = parameter is not None and not parameter.many
    low, high = (parameter.low, parameter.high) if parameter else (0.0, 0.0)

    def total_of(Y, T, p):
        check_loss_parameter(p, single, low, high)
        check_same_rows(Y, T, heads if heads else p.size)
        outputs, targets = np.ascontiguousarray(Y), np.ascontiguousarray(T)
        n, n_out = Y.shape[0], Y.size // max(Y.shape[0], 1)
        total = _d(0.0), _d(0.0)
        for r in range(n):
            total = added(total, value(span(outputs, r * n_out, n_out), span(targets, r * (T.size // n), T.size // n), p))
        return rounded(total) / (n * n_out if averaged else n)

    def derivative_of(Y, T, p, out):
        check_loss_parameter(p, single, low, high)
        check_same_rows(Y, T, heads if heads else p.size)
        outputs, targets = np.ascontiguousarray(Y), np.ascontiguousarray(T)
        n, n_out = Y.shape[0], Y.size // max(Y.shape[0], 1)
        result, dy = np.empty(Y.shape, Y.dtype), np.empty(n_out, _d)
        for r in range(n):
            row = span(result, r * n_out, n_out)
            gradient(span(outputs, r * n_out, n_out), span(targets, r * (T.size // n), T.size // n), p, dy)
            for j in range(n_out):
                row[j] = dy[j] / (n * n_out if averaged else n)
        if out is None:
            return result
        check_same_shape(Y, out)
        out[...] = result
        return out

    total_of, derivative_of = leaf(named(total_of, f"{name}_total")), leaf(named(derivative_of, f"{name}_derivative"))

    def mean(Y, T):
        return total_of(Y, T, np.empty(0, Y.dtype))

    def mean_with(Y, T, parameter):
        return total_of(Y, T, parameter)

    def backward(Y, T, out=None):
        return derivative_of(Y, T, np.empty(0, Y.dtype), out)

    def backward_with(Y, T, parameter, out=None):
        return derivative_of(Y, T, parameter, out)

    def routine(code, S, y, d, rows, stride, n_out, T, first, weight, scale, parameters):
        targets, columns = span(T, 0, T.size), T.shape[1]
        p = span(S, parameters, n_out // columns if heads == 0 else 1)
        total = _d(0.0)
        for r in range(rows):
            row_weight = _d(weight[first + r]) if weight.size else _d(1.0)
            outputs, t, dy = (
                span(S, y + r * stride, n_out),
                span(targets, (first + r) * columns, columns),
                span(S, d + r * stride, n_out),
            )
            gradient(outputs, t, p, dy)
            factor = S.dtype.type(row_weight * scale / (n_out if averaged else 1))
            for j in range(n_out):
                dy[j] *= factor
            total += row_weight * rounded(value(outputs, t, p))
        return total / (n_out if averaged else 1)

    def curvature(code, S, y, d, rows, stride, n_out, T, first, weight, scale, parameters):
        targets, columns = span(T, 0, T.size), T.shape[1]
        p = span(S, parameters, n_out // columns if heads == 0 else 1)
        for r in range(rows):
            row_weight = _d(weight[first + r]) if weight.size else _d(1.0)
            u = span(S, d + r * stride, n_out)
            bend(span(S, y + r * stride, n_out), span(targets, (first + r) * columns, columns), p, u)
            factor = S.dtype.type(row_weight * scale / (n_out if averaged else 1))
            for j in range(n_out):
                u[j] *= factor
        return _d(0.0)

    cached = not users
    pair = (mean_with, backward_with) if parameter else (mean, backward)
    return Loss(
        name,
        code,
        kernel(named(pair[0], name, text), elementwise=True, cached=cached),
        kernel(named(pair[1], f"{name}_backward", backward_text), elementwise=True, cached=cached),
        loss_routine(named(routine, f"{name}_routine"), cached=cached),
        loss_routine(named(curvature, f"{name}_curvature"), cached=cached) if bend else None,
        targets,
        needs=needs,
        heads=heads,
        parameter=parameter,
    )


def _users_formulas(value: Any, gradient: Any, bend: Any) -> tuple[Any, Any, Any]:
    def value_of_row(y, t, p):
        return _d(value(y, t)), _d(0.0)

    def gradient_of_row(y, t, p, dy):
        gradient(y, t, dy)

    def bend_of_row(y, t, p, u):
        bend(y, t, u)

    return leaf(value_of_row), leaf(gradient_of_row), leaf(bend_of_row) if bend else None


def targets_of_rows(name: str, target_gradient: Callable[..., Any]) -> Callable[..., Any]:
    """A loss's targets, see `routines.py`, of a user's target_gradient(y, t, dt) of one row, dt OUT."""

    def targets(code, S, y, d, rows, stride, n_out, T, first, weight, scale, parameters):
        columns = T.shape[1]
        for r in range(rows):
            dt = span(S, d + r * stride, columns)
            target_gradient(span(S, y + r * stride, n_out), span(T, (first + r) * columns, columns), dt)
            factor = S.dtype.type((_d(weight[first + r]) if weight.size else _d(1.0)) * scale)
            for j in range(columns):
                dt[j] *= factor
        return _d(0.0)

    return loss_routine(named(targets, f"{name}_targets"), cached=False)
