"""Losses, averaged over the rows. Each a pair, `loss(Y, T)` a float and `loss_backward(Y, T)` the array dL/dY, and row kernels.

mse               mean over outputs and rows of (y - t)^2
squared_error     half of that
sum_squared_error half the sum over outputs of (y - t)^2, averaged over the rows: what scikit-learn's MLPRegressor descends
log_loss          - sum_j t_j log y_j over the last axis (cross-entropy; Y from softmax), averaged over the rows
binary_log_loss   - sum_j t_j log y_j + (1 - t_j) log(1 - y_j) (Y from sigmoid), averaged over the rows
poisson           sum over outputs of t log(t / y) - t + y, half the Poisson deviance (Y from exp), averaged over the rows
mae, huber, quantile   means over outputs and rows of other functions of y - t; see each
gaussian_nll      sum over targets of (s + (t - m)^2 exp(-s)) / 2, outputs m and s, averaged over the rows

Sums run in float64 and carry their rounding errors along: losses and derivatives are within 2 units in the last place of the
exact value; those of gaussian_nll, whose terms may cancel, of the sum of their magnitudes.

`loss_registry` knows them by their names, and by the codes that a plan has. To add one: a value and a gradient of one row, and
an entry in a tuple `ENTRIES`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..compiler.jit import check_compiled
from ..registry import RegisteredName, Registry
from . import entropies, gaussian, poisson, robust, squares
from .entry import Loss, RowFormulas, row_loss, target_kernel_of

_MODULES = (squares, entropies, poisson, robust, gaussian)
loss_registry: Registry[Loss] = Registry("loss", [entry for module in _MODULES for entry in module.ENTRIES])


def register_loss(
    name: str,
    value: Callable[..., Any],
    gradient: Callable[..., Any],
    bend: Callable[..., Any] | None = None,
    target_gradient: Callable[..., Any] | None = None,
) -> str:
    """Make a loss of your own known under a name, to networks and estimators.

    The loss of a network is the mean over the rows, weighted by sample weights. Register it in each process, before a network
    that names it is loaded. A name that was registered before gets the new formulas, in workspaces made from then on.

    Parameters
    ----------
    name : str
        An identifier, not that of a built-in loss.
    value : callable
        Function value(y, t): the loss of one row, a float, from its outputs y and targets t, both (n_out,), float32 or float64;
        compiled with `@njit`, as the others. None of them may raise.
    gradient : callable
        Function gradient(y, t, dy): writes the derivatives to the outputs into dy (n_out,).
    bend : callable, optional
        Function bend(y, t, u): overwrites u (n_out,) with the matrix of second derivatives times u. Only second derivatives of
        a network need it.
    target_gradient : callable, optional
        Function target_gradient(y, t, dt): writes the derivatives to the targets into dt (n_targets,).

    Returns
    -------
    str
        The name, as a string that carries the formulas along where it is pickled: worker processes of an estimator that was
        given this string have the loss too.

    Raises
    ------
    ValueError
        If `name` is not an identifier, or a built-in loss has it.
    TypeError
        If a function is not compiled, or takes other arguments.

    Examples
    --------
    >>> from numba import njit
    >>> from tileprop.kernels import make_plan, register_loss
    >>> @njit
    ... def fourth_power(y, t):
    ...     return ((y - t) ** 4).sum()
    >>> @njit
    ... def fourth_power_gradient(y, t, dy):
    ...     dy[:] = 4 * (y - t) ** 3
    >>> make_plan([2, 1], loss=register_loss("fourth_power", fourth_power, fourth_power_gradient)).loss
    'fourth_power'
    """
    loss_registry.check_new_name(name)
    check_compiled(value=(value, "y, t"), gradient=(gradient, "y, t, dy"))
    if bend is not None:
        check_compiled(bend=(bend, "y, t, u"))
    if target_gradient is not None:
        check_compiled(target_gradient=(target_gradient, "y, t, dt"))

    def make(name: str, code: int) -> Loss:
        targets = None if target_gradient is None else target_kernel_of(name, target_gradient)
        return row_loss(RowFormulas(name, code, value, gradient, bend, targets, from_user=True))

    formulas = value, gradient, bend, target_gradient
    loss_registry.register(name, formulas, make)
    return RegisteredName(name, register_loss, formulas)
