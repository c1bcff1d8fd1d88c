"""Activations, each a pair of kernels for arrays, and row kernels for networks.

    y = sigmoid(x), sigmoid(x, out)              any shape and layout; out may be x itself
    dx = sigmoid_backward(y, dy), (y, dy, out)   dx = dy * f'(x), from the output y; out may be dy or y

silu_backward and gelu_backward take x in place of y: their outputs do not tell their inputs. float32 or float64. At most 2
units in the last place from the exact value wherever that is a normal number, and finite for every finite input, exp excepted;
NaN passes through. But: silu and its slope may be 0 where exp(x) would be subnormal, gelu's slope where exp(-x^2 / 2) would
be; and within 1/8 of where the two slopes cross zero, at -1.278 and -0.752, they are right to 1/8 of a unit in the last
place of 1 only. softmax works along the last axis; its input may hold minus infinity.

`activation_registry` knows them by their names, and by the codes that a plan has.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..compiler.jit import check_compiled
from ..registry import RegisteredName, Registry
from . import formulas, softmax
from .entry import Activation, ScalarFormulas, elementwise

activation_registry: Registry[Activation] = Registry("activation", [*formulas.ENTRIES, softmax.ENTRY])


def register_activation(
    name: str, value: Callable[..., Any], slope: Callable[..., Any], bend: Callable[..., Any] | None = None
) -> str:
    """Make an activation of your own known under a name, to networks, estimators and files.

    Register it in each process, before a network that names it is loaded. A name that was registered before gets the new
    formulas, in workspaces made from then on.

    Parameters
    ----------
    name : str
        An identifier, not that of a built-in activation.
    value : callable
        Function f(x) of one number, float32 or float64, that returns a number of its type, compiled with `@njit`; as the
        other two. None of them may raise.
    slope : callable
        Derivative of `value` at x.
    bend : callable, optional
        Second derivative at x. Only second derivatives of a network need it.

    Returns
    -------
    str
        The name, as a string that carries the formulas along where it is pickled: worker processes of an estimator that was
        given this string have the activation too.

    Raises
    ------
    ValueError
        If `name` is not an identifier, or a built-in activation has it.
    TypeError
        If a function is not compiled, or takes other arguments.

    Examples
    --------
    >>> import numpy as np
    >>> from numba import njit
    >>> from tileprop.kernels import make_plan, register_activation
    >>> @njit
    ... def bell(x):
    ...     return np.exp(-x * x)
    >>> @njit
    ... def bell_slope(x):
    ...     return -(x + x) * np.exp(-x * x)
    >>> make_plan([2, 8, 1], activation=register_activation("bell", bell, bell_slope)).activations
    ['bell', 'sigmoid']
    """
    activation_registry.check_new_name(name)
    check_compiled(value=(value, "x"), slope=(slope, "x"))
    if bend is not None:
        check_compiled(bend=(bend, "x"))

    def make(name: str, code: int) -> Activation:
        return elementwise(
            ScalarFormulas(
                name,
                code,
                value,
                slope,
                bend,
                from_input=True,
                text=f"{name}(x), element by element.",
                backward_text=f"dx = dy times {name}'s slope at x.",
                from_user=True,
            )
        )

    activation_registry.register(name, (value, slope, bend), make)
    return RegisteredName(name, register_activation, (value, slope, bend))
