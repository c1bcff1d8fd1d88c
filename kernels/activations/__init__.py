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
    """Make an activation of your own known under `name`, to networks, estimators and files.

    value(x), slope(x), its derivative, and bend(x), the second one, which only second derivatives of a network need: functions
    of one number, float32 or float64, that return a number of its type; compiled with `@njit`. They must not raise. A name
    that was registered before gets the new formulas, in workspaces made from then on. Register it in each process, before a
    network that names it is loaded.

    Returns the name, a string that carries the formulas along where it is pickled: an estimator that was given this one has its
    activation in worker processes, too.

    Raises ValueError for a name that is no identifier or a built-in activation's, TypeError for functions that are not compiled
    or take other arguments.
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
