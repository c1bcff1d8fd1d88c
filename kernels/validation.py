"""What `make_plan` and its companions check, in Python. Messages name the argument, what was given and what would be right."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from itertools import pairwise
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from .activations import activation_registry
from .losses import loss_registry
from .losses.codes import LABEL_LOG_LOSS, LOG_LOSS
from .losses.entry import Loss

# Offsets are int64 and theta is one array: beyond this many parameters a size was mistyped.
MOST_PARAMETERS = 1 << 40
MOST_INTEGER = (1 << 63) - 1


def positive_integer(name: str, value: Any, most: int = MOST_INTEGER) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} is {value!r}; it must be a whole number") from None
    if not 1 <= number <= most:
        raise ValueError(f"{name} is {number}; it must be at {f'most {most}' if number > most else 'least 1'}")
    return number


def real_number(name: str, value: Any) -> float:
    """As a float. Raises TypeError for what is no real number, ValueError for NaN and for one that is too large."""
    if not isinstance(value, Real):
        raise TypeError(f"{name} is {value!r}; it must be a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.nan
    if math.isnan(number):
        raise ValueError(f"{name} is {value!r}; it must be a number within the range of a float")
    return number


def seed_number(value: Any) -> int:
    try:
        seed = operator.index(value)
    except TypeError:
        raise TypeError(f"seed is {value!r}; it must be a whole number from 0 to 2^32 - 1") from None
    if not 0 <= seed < 1 << 32:
        raise ValueError(f"seed is {seed}; it must be a whole number from 0 to 2^32 - 1")
    return seed


def real_dtype(dtype: DTypeLike) -> np.dtype[Any]:
    try:
        real = np.dtype(dtype)
    except (TypeError, ValueError):
        raise TypeError(f"dtype is {dtype!r}; it must be float32 or float64") from None
    if real not in (np.dtype(np.float32), np.dtype(np.float64)):
        raise ValueError(f"dtype is {real}; it must be float32 or float64")
    return real


def layer_sizes(sizes: Sequence[int]) -> list[int]:
    if isinstance(sizes, (str, bytes)) or not np.iterable(sizes):
        raise TypeError(f"sizes is {sizes!r}; it must be a list of layer widths, such as [2, 2, 1]")
    widths = [positive_integer(f"sizes[{i}]", n) for i, n in enumerate(sizes)]
    if len(widths) < 2:
        raise ValueError(f"sizes is {widths}; it needs at least an input and an output width, such as [2, 1]")
    parameters = sum((n_in + 1) * n_out for n_in, n_out in pairwise(widths))
    if parameters > MOST_PARAMETERS:
        raise ValueError(f"sizes make {parameters} parameters; at most {MOST_PARAMETERS} are possible")
    return widths


def activation_names(activation: str | Sequence[str], output_activation: str, n_layers: int) -> list[str]:
    """One name for each layer."""
    if not np.iterable(activation):
        raise TypeError(f"activation is {activation!r}; it must be a name, such as 'tanh', or a list of names")
    hidden = [activation] * (n_layers - 1) if isinstance(activation, str) else list(activation)
    if len(hidden) != n_layers - 1:
        raise ValueError(f"activation has {len(hidden)} names, but there are {n_layers - 1} hidden layers")
    arguments = [("activation", name) for name in [activation] if isinstance(name, str)]
    arguments += [("activation", name) for name in hidden] + [("output_activation", output_activation)]
    for argument, name in arguments:
        if not isinstance(name, str) or name not in activation_registry:
            raise ValueError(f"{argument} is {name!r}; it must be one of {', '.join(activation_registry)}, or a registered one")
    return [*hidden, output_activation]


def chosen_loss(name: str, output_activation: str) -> Loss:
    """The loss of this name that goes with the output activation; with softmax the one over rows of targets."""
    candidates = loss_registry.named(name) if isinstance(name, str) else []
    if not candidates:
        raise ValueError(f"loss is {name!r}; it must be one of {', '.join(loss_registry)}, or a registered one")
    for loss in candidates:
        if loss.needs in ("", output_activation):
            return loss
    needed = " or ".join(dict.fromkeys(repr(loss.needs) for loss in candidates))
    raise ValueError(f"loss {name!r} needs output_activation {needed}, not {output_activation!r}")


def loss_parameters(loss: Loss, **given: Any) -> np.ndarray:
    """The values of a loss's parameter, of those given by name (or None); its default where it is not."""
    parameter = loss.parameter
    for name, other in given.items():
        if other is not None and (parameter is None or parameter.name != name):
            raise ValueError(f"{name} is {other!r}; loss {loss.name!r} has no such parameter")
    if parameter is None:
        return np.zeros(0)
    value: Any = given.get(parameter.name)
    try:
        values = np.atleast_1d(np.asarray(parameter.default if value is None else value, np.float64))
    except (TypeError, ValueError):
        raise TypeError(f"{parameter.name} is {value!r}; it must be a number") from None
    single = np.ndim(value) == 0
    rising = values.ndim == 1 and values.size > 0 and bool((np.diff(values) > 0).all())
    if not rising or not (single or parameter.many) or not ((parameter.low < values) & (values < parameter.high)).all():
        what = "a number, or a rising list of numbers," if parameter.many else "a number"
        raise ValueError(
            f"{parameter.name} is {value!r}; it must be {what} above {parameter.low:g} and below {parameter.high:g}"
        )
    return values


def heads_of(name: str, **parameters: Any) -> int:
    """How many outputs the loss of this name has for each target column."""
    loss = loss_registry[name]
    return loss.outputs_per_target or len(loss_parameters(loss, **parameters))


def target_columns(loss: Loss, n_out: int, n_parameters: int, n_targets: int | None) -> tuple[Loss, int]:
    """How many columns T has; and the loss, which is another one for a single column of class indices."""
    per_target = loss.outputs_per_target or n_parameters
    if n_out % per_target:
        raise ValueError(f"sizes end in {n_out} outputs; loss {loss.name!r} needs {per_target} for each target")
    columns = n_out // per_target if n_targets is None else positive_integer("n_targets", n_targets)
    if loss.code == LOG_LOSS and columns == 1 and n_out > 1:
        return loss_registry.with_code(LABEL_LOG_LOSS), columns
    if columns * per_target != n_out:
        raise ValueError(f"n_targets is {columns}; loss {loss.name!r} over {n_out} outputs needs {n_out // per_target}")
    return loss, columns
