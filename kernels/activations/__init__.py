"""Activations, each a pair of kernels and a routine for networks.

    y = sigmoid(x), sigmoid(x, out)              any shape and layout; out may be x itself
    dx = sigmoid_backward(y, dy), (y, dy, out)   dx = dy * f'(x), from the output y; out may be dy or y

silu_backward and gelu_backward take x in place of y: their outputs do not tell their inputs. float32 or float64. At most 2
units in the last place from the exact value wherever that is a normal number, and finite for every finite input, exp excepted;
NaN passes through. But: silu and its slope may be 0 where exp(x) would be subnormal, gelu's slope where exp(-x^2 / 2) would
be; and within 1/8 of where the two slopes cross zero, at -1.278 and -0.752, they are right to 1/8 of a unit in the last
place of 1 only. softmax works along the last axis; its input may hold minus infinity.

A plan names an activation by its integer code.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

from ..jit import check_compiled
from .entry import Activation, elementwise
from .formulas import ELEMENTWISE
from .softmax import SOFTMAX_ENTRY

ACTIVATIONS: dict[str, Activation] = {entry.name: entry for entry in (*ELEMENTWISE, SOFTMAX_ENTRY)}

# Codes of users' activations: from here on, by their names, so that they are the same in every process.
USERS = 1 << 32


def activation_of(code: int) -> Activation:
    """The activation with this code. Raises ValueError for one that is not registered in this process."""
    for entry in ACTIVATIONS.values():
        if entry.code == code:
            return entry
    raise ValueError(f"there is no activation with the code {code}; register_activation it under the name that it had")


def register_activation(
    name: str, value: Callable[..., Any], slope: Callable[..., Any], bend: Callable[..., Any] | None = None
) -> None:
    """Make an activation of your own known under `name`, to networks, estimators and files.

    value(x), slope(x), its derivative, and bend(x), the second one, which only second derivatives of a network need: functions
    of one number, float32 or float64, that return a number of its type; compiled with `@njit`. They must not raise. A name
    that was registered before gets the new formulas, in workspaces made from then on. Register it in each process, before a
    network that names it is loaded.

    Raises ValueError for a name that is no identifier or a built-in activation's, TypeError for functions not compiled.
    """
    if not name.isidentifier() or (name in ACTIVATIONS and ACTIVATIONS[name].code < USERS):
        raise ValueError(f"name is {name!r}; it must be an identifier, and not that of a built-in activation")
    check_compiled(value=value, slope=slope, **({} if bend is None else {"bend": bend}))
    code = USERS + zlib.crc32(name.encode())
    other = next((entry.name for entry in ACTIVATIONS.values() if entry.code == code), name)
    if other != name:
        raise ValueError(f"name is {name!r}, whose code {other!r} has; choose another name")
    texts = {"text": f"{name}(x), element by element.", "backward_text": f"dx = dy times {name}'s slope at x."}
    ACTIVATIONS[name] = elementwise(name, code, value, slope, bend, from_input=True, users=True, **texts)
