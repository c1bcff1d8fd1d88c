"""What a loss is made of, and how the formulas of one row become one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy import float64

from ..arrays import assign
from ..checks import check_loss_parameter, check_same_rows, check_same_shape
from ..compiler.jit import kernel, leaf
from ..llvm import maximum
from ..llvm.row_kernels import loss_row_kernel
from ..llvm.views import span
from ..numerics.double_double import dd_accumulate, dd_round
from ..registry import named
from .rows import weight_of


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
    """value(Y, T) and backward(Y, T, out=None): kernels for arrays. The others are for networks, see `row_kernels.py`.

    tangent_kernel, target_kernel: None where these derivatives are not known. needs: the only output activation that the loss
    goes with; "" for any. gives_delta: whether the row kernel gives delta = dL/dz at once, z that activation's input.
    outputs_per_target: None for as many as the parameter has values. parameter: value and backward take it as well, after T.
    """

    name: str
    code: int
    value: Callable[..., Any]
    backward: Callable[..., Any]
    row_kernel: Callable[..., Any]
    tangent_kernel: Callable[..., Any] | None = None
    target_kernel: Callable[..., Any] | None = None
    needs: str = ""
    gives_delta: bool = False
    outputs_per_target: int | None = 1
    parameter: Parameter | None = None


@dataclass(frozen=True)
class RowFormulas:
    """A loss by its formulas for one row, compiled: value(y, t, p), a double-double, and gradient(y, t, p, dy), dy OUT.

    hessian_product(y, t, p, u): u OUT, the matrix of second derivatives times u; None where they are not known. y, dy, u
    (n_out), t (n_targets), p the parameter's values. mean_over_outputs: the loss is their mean over the outputs, besides that
    over the rows. text, backward_text: docstrings of the kernels. from_user: the formulas are a user's, value(y, t), one
    number, gradient(y, t, dy) and hessian_product(y, t, u); they are not kept in the disk cache. The others: see `Loss`.
    """

    name: str
    code: int
    value: Callable[..., Any]
    gradient: Callable[..., Any]
    hessian_product: Callable[..., Any] | None
    target_kernel: Callable[..., Any] | None = None
    needs: str = ""
    outputs_per_target: int | None = 1
    parameter: Parameter | None = None
    mean_over_outputs: bool = False
    text: str = ""
    backward_text: str = ""
    from_user: bool = False


def row_loss(formulas: RowFormulas) -> Loss:
    """The loss of these formulas."""
    if formulas.from_user:
        formulas = _with_parameter(formulas)
    cached = not formulas.from_user
    value, backward = _array_functions(formulas)
    rows, tangents = _row_functions(formulas)
    name = formulas.name
    tangent_kernel = None
    if formulas.hessian_product is not None:
        tangent_kernel = loss_row_kernel(named(tangents, f"{name}_tangents"), cached)
    return Loss(
        name,
        formulas.code,
        kernel(named(value, name, formulas.text), elementwise=True, cached=cached),
        kernel(named(backward, f"{name}_backward", formulas.backward_text), elementwise=True, cached=cached),
        loss_row_kernel(named(rows, f"{name}_rows"), cached),
        tangent_kernel,
        formulas.target_kernel,
        needs=formulas.needs,
        outputs_per_target=formulas.outputs_per_target,
        parameter=formulas.parameter,
    )


def _with_parameter(formulas: RowFormulas) -> RowFormulas:
    """A user's formulas, as they are made of ours."""
    value, gradient, hessian_product = formulas.value, formulas.gradient, formulas.hessian_product

    def value_of_row(y, t, p):
        return float64(value(y, t)), float64(0.0)

    def gradient_of_row(y, t, p, dy):
        gradient(y, t, dy)

    def hessian_product_of_row(y, t, p, u):
        hessian_product(y, t, u)  # type: ignore[misc]

    product = None if hessian_product is None else leaf(hessian_product_of_row)
    return replace(formulas, value=leaf(value_of_row), gradient=leaf(gradient_of_row), hessian_product=product)


def _array_functions(formulas: RowFormulas) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The loss of arrays and its derivative, before they are compiled."""
    name, value, gradient, parameter = formulas.name, formulas.value, formulas.gradient, formulas.parameter
    mean_over_outputs = formulas.mean_over_outputs
    single = parameter is not None and not parameter.many
    low, high = (parameter.low, parameter.high) if parameter else (0.0, 0.0)
    one_per_value, outputs_per_target = formulas.outputs_per_target is None, formulas.outputs_per_target or 1

    def total_of(Y, T, p):
        check_loss_parameter(p, single, low, high)
        check_same_rows(Y, T, p.size if one_per_value else outputs_per_target)
        outputs, targets = np.ascontiguousarray(Y), np.ascontiguousarray(T)
        n, n_out = Y.shape[0], Y.size // maximum(Y.shape[0], 1)
        total = float64(0.0), float64(0.0)
        for r in range(n):
            y, t = span(outputs, r * n_out, n_out), span(targets, r * (T.size // n), T.size // n)
            total = dd_accumulate(total, value(y, t, p))
        return dd_round(total) / (n * n_out if mean_over_outputs else n)

    def derivative_of(Y, T, p, out):
        check_loss_parameter(p, single, low, high)
        check_same_rows(Y, T, p.size if one_per_value else outputs_per_target)
        outputs, targets = np.ascontiguousarray(Y), np.ascontiguousarray(T)
        n, n_out = Y.shape[0], Y.size // maximum(Y.shape[0], 1)
        result, dy = np.empty(Y.shape, Y.dtype), np.empty(n_out, float64)
        for r in range(n):
            row = span(result, r * n_out, n_out)
            gradient(span(outputs, r * n_out, n_out), span(targets, r * (T.size // n), T.size // n), p, dy)
            for j in range(n_out):
                row[j] = dy[j] / (n * n_out if mean_over_outputs else n)
        if out is None:
            return result
        check_same_shape(Y, out)
        assign(out, result)
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

    return (mean_with, backward_with) if parameter else (mean, backward)


def _row_functions(formulas: RowFormulas) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """What becomes the row kernel and the tangent kernel."""
    value, gradient, hessian_product = formulas.value, formulas.gradient, formulas.hessian_product
    mean_over_outputs = formulas.mean_over_outputs

    def loss_rows(rows):
        stride, columns = rows.Y.shape[1], rows.T.shape[1]
        total = float64(0.0)
        for r in range(rows.Y.shape[0]):
            row_weight = weight_of(rows.weight, r)
            y, t = span(rows.Y, r * stride, rows.n_out), span(rows.T, r * columns, columns)
            dy = span(rows.D, r * stride, rows.n_out)
            gradient(y, t, rows.parameters, dy)
            factor = dy.dtype.type(row_weight * rows.scale / (rows.n_out if mean_over_outputs else 1))
            for j in range(dy.size):
                dy[j] *= factor
            total += row_weight * dd_round(value(y, t, rows.parameters))
        return total / (rows.n_out if mean_over_outputs else 1)

    def loss_tangents(rows):
        stride, columns = rows.Y.shape[1], rows.T.shape[1]
        for r in range(rows.Y.shape[0]):
            row_weight = weight_of(rows.weight, r)
            y, t = span(rows.Y, r * stride, rows.n_out), span(rows.T, r * columns, columns)
            u = span(rows.D, r * stride, rows.n_out)
            hessian_product(y, t, rows.parameters, u)  # type: ignore[misc]
            factor = u.dtype.type(row_weight * rows.scale / (rows.n_out if mean_over_outputs else 1))
            for j in range(u.size):
                u[j] *= factor
        return float64(0.0)

    return loss_rows, loss_tangents


def target_kernel_of(name: str, target_gradient: Callable[..., Any]) -> Callable[..., Any]:
    """A loss's target kernel, see `row_kernels.py`, of a user's target_gradient(y, t, dt) of one row, dt OUT."""

    def loss_targets(rows):
        stride, columns = rows.Y.shape[1], rows.T.shape[1]
        for r in range(rows.Y.shape[0]):
            dt = span(rows.D, r * stride, columns)
            target_gradient(span(rows.Y, r * stride, rows.n_out), span(rows.T, r * columns, columns), dt)
            factor = dt.dtype.type(weight_of(rows.weight, r) * rows.scale)
            for j in range(columns):
                dt[j] *= factor
        return float64(0.0)

    return loss_row_kernel(named(loss_targets, f"{name}_targets"), cached=False)
