"""What `make_plan` and its companions check, in Python. Messages name the argument, what was given and what would be right."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from . import activations, losses

# Offsets are int64 and theta is one array: beyond this many parameters a size was mistyped.
MOST_PARAMETERS = 1 << 40


def positive_integer(name: str, value: Any) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} is {value!r}; it must be a whole number") from None
    if number < 1:
        raise ValueError(f"{name} is {number}; it must be at least 1")
    return number


def real_dtype(dtype: DTypeLike) -> np.dtype[Any]:
    real = np.dtype(dtype)
    if real not in (np.dtype(np.float32), np.dtype(np.float64)):
        raise ValueError(f"dtype is {real}; it must be float32 or float64")
    return real


def layer_sizes(sizes: Sequence[int]) -> list[int]:
    if isinstance(sizes, (str, bytes)) or not np.iterable(sizes):
        raise TypeError(f"sizes is {sizes!r}; it must be a list of layer widths, as [2, 2, 1]")
    widths = [positive_integer(f"sizes[{i}]", n) for i, n in enumerate(sizes)]
    if len(widths) < 2:
        raise ValueError(f"sizes is {widths}; it needs at least an input and an output width, as [2, 1]")
    parameters = sum((n_in + 1) * n_out for n_in, n_out in pairwise(widths))
    if parameters > MOST_PARAMETERS:
        raise ValueError(f"sizes make {parameters} parameters; at most {MOST_PARAMETERS} are possible")
    return widths


def activation_names(activation: str | Sequence[str], output_activation: str, n_layers: int) -> list[str]:
    """One name for each layer."""
    hidden = [activation] * (n_layers - 1) if isinstance(activation, str) else list(activation)
    if len(hidden) != n_layers - 1:
        raise ValueError(f"activation names {len(hidden)} layers; there are {n_layers - 1} hidden layers")
    arguments = [("activation", name) for name in [activation] if isinstance(name, str)]
    arguments += [("activation", name) for name in hidden] + [("output_activation", output_activation)]
    for argument, name in arguments:
        if name not in activations.CODES:
            raise ValueError(f"{argument} is {name!r}; it must be one of {', '.join(activations.CODES)}")
    return [*hidden, output_activation]


def loss_code(loss: str, output_activation: str, n_out: int, n_targets: int | None) -> tuple[int, int]:
    """The loss's code and the number of target columns."""
    columns = n_out if n_targets is None else positive_integer("n_targets", n_targets)
    if loss in losses.CODES:
        code = losses.CODES[loss]
        if loss == "poisson" and output_activation != "exp":
            raise ValueError(f"loss 'poisson' needs output_activation 'exp', not {output_activation!r}")
    elif loss == "log_loss":
        if output_activation == "softmax":
            code = losses.LABEL_LOG_LOSS if columns == 1 and n_out > 1 else losses.LOG_LOSS
        elif output_activation == "sigmoid":
            code = losses.BINARY_LOG_LOSS
        else:
            raise ValueError(f"loss 'log_loss' needs output_activation 'softmax' or 'sigmoid', not {output_activation!r}")
    else:
        raise ValueError(f"loss is {loss!r}; it must be one of {', '.join(losses.CODES)}, log_loss")
    if columns != n_out and code != losses.LABEL_LOG_LOSS:
        raise ValueError(f"n_targets is {columns}; loss {loss!r} over {output_activation} needs {n_out}, one for each output")
    return code, columns
