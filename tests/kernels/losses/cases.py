"""The losses as tests take them: their kernels, exact arithmetic beside them, and outputs and targets drawn for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import oracle
from hypothesis import strategies as st
from tileprop import kernels
from tileprop.kernels.losses.gaussian import LEAST_LOG_VARIANCE

REGRESSION = ["mse", "squared_error", "sum_squared_error"]
CLASSIFICATION = ["log_loss", "binary_log_loss"]
ROBUST = ["mae", "huber", "quantile"]
NAMES = [*REGRESSION, *CLASSIFICATION, "poisson", *ROBUST, "gaussian_nll"]
# Of those that `row_loss` makes, one stands for the others wherever the code around their formulas is meant: each number of
# axes, each layout, and an `out`, is a compilation of its own. The others have a loop of their own.
MADE_ALIKE = ["mae", "huber", "gaussian_nll"]
# Y and T are of one shape.
ALIKE = [name for name in NAMES if name != "gaussian_nll"]
DTYPES = ["float32", "float64"]
MOST_ULPS = 2.0

# What each takes after Y and T, in examples.
PARAMETERS: dict[str, tuple[float, ...]] = {"huber": (0.75,), "quantile": (0.3,)}

LAYOUTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "C": np.ascontiguousarray,
    "F": np.asfortranarray,
    "strided": lambda a: np.repeat(a, 3, axis=1)[:, ::3],
    "reversed": lambda a: np.ascontiguousarray(a[::-1, ::-1])[::-1, ::-1],
}


def _parameters(name: str, Y: Any, given: tuple[float, ...] | None) -> list[np.ndarray]:
    values = PARAMETERS.get(name, ()) if given is None else given
    dtype = Y.dtype if isinstance(Y, np.ndarray) and Y.dtype.kind == "f" else np.float64
    return [np.array(values, dtype)] if values else []


def value(name: str, Y: Any, T: Any, parameters: tuple[float, ...] | None = None) -> Any:
    return getattr(kernels, name)(Y, T, *_parameters(name, Y, parameters))


def backward(name: str, Y: Any, T: Any, *out: Any, parameters: tuple[float, ...] | None = None) -> Any:
    return getattr(kernels, f"{name}_backward")(Y, T, *_parameters(name, Y, parameters), *out)


def row_count(name: str, Y: np.ndarray) -> int:
    """A 1-D array is one distribution for `log_loss`, and one output for each row elsewhere."""
    if Y.ndim == 1:
        return 1 if name == "log_loss" else len(Y)
    return Y.size // Y.shape[-1]


def _exact(function: str, name: str, Y: np.ndarray, T: np.ndarray, parameters: tuple[float, ...] | None) -> Any:
    reference = oracle.clipped(Y) if name in CLASSIFICATION else Y
    given = [oracle.numbers(values) for values in _parameters(name, Y, parameters)]
    return getattr(oracle, function)(oracle.numbers(reference), oracle.numbers(T), row_count(name, Y), *given)


def exact_loss(name: str, Y: np.ndarray, T: np.ndarray, parameters: tuple[float, ...] | None = None) -> list[Any]:
    return [_exact(f"exact_{name}", name, Y, T, parameters)]


def exact_backward(name: str, Y: np.ndarray, T: np.ndarray, parameters: tuple[float, ...] | None = None) -> list[Any]:
    return _exact(f"exact_{name}_backward", name, Y, T, parameters)


def value_ulps(name: str, computed: float, Y: np.ndarray, T: np.ndarray, parameters: tuple[float, ...] | None = None) -> float:
    """How far a loss is from the exact one; gaussian_nll's, in last places of its terms, of which some are negative."""
    units = [_exact("exact_gaussian_nll_magnitude", name, Y, T, None)] if name == "gaussian_nll" else None
    return oracle.ulps(computed, exact_loss(name, Y, T, parameters), np.float64, units)


def backward_ulps(
    name: str, computed: np.ndarray, Y: np.ndarray, T: np.ndarray, parameters: tuple[float, ...] | None = None
) -> float:
    """How far a derivative is from the exact one; gaussian_nll's by s, (1 - z^2) / 2 / rows, in last places of 1 / 2 / rows."""
    exact, units = exact_backward(name, Y, T, parameters), None
    if name == "gaussian_nll":
        by_s = (np.arange(Y.shape[1]) >= Y.shape[1] // 2) & (Y >= LEAST_LOG_VARIANCE)  # or else it is 0
        units = [max(abs(v), 0.5 / len(Y)) if varies else v for v, varies in zip(exact, by_s.ravel(), strict=True)]
    return oracle.ulps(computed, exact, computed.dtype, units)


# Each number of axes, and each layout, is a compilation of its own: float32 does with one.
VECTORS = st.tuples(st.integers(1, 10))
MATRICES = st.tuples(st.integers(1, 4), st.integers(1, 4))


def _numbers(name: str, width: int) -> tuple[st.SearchStrategy[float], st.SearchStrategy[float]]:
    """Outputs and targets. Probabilities come from all of [0, 1], rates and counts so that their ratio is a number; other
    outputs so that no sum of squares overflows."""
    if name in CLASSIFICATION:
        closer = st.floats(0, 1, width=width).map(lambda v: v**8)
        y = st.one_of(st.floats(0, 1, width=width), closer, closer.map(lambda v: 1 - v))
        return y, st.one_of(st.floats(0, 1, width=width), st.sampled_from([0.0, 1.0]))
    if name == "poisson":
        largest = 2.0**60 if width == 32 else 2.0**500
        y = st.one_of(st.floats(1 / largest, largest, width=width), st.floats(2.0**-6, 8, width=width))
        return y, st.one_of(y, st.integers(0, 9).map(float))
    largest = float(np.float32(3e38)) if width == 32 else 1e140 if name == "gaussian_nll" else 1e150
    y = st.one_of(st.floats(-largest, largest, width=width), st.floats(-4, 4, width=width))
    return y, y


@st.composite
def outputs_and_targets(
    draw: st.DrawFn, name: str, dtype: str, shapes: Any = None
) -> tuple[np.ndarray, np.ndarray, tuple[float, ...] | None]:
    """Y, T, and the loss's parameter, or None for what it is in examples. Several quantiles have a matrix."""
    if shapes is None:
        shapes = MATRICES if dtype == "float32" or name in MADE_ALIKE else st.one_of(VECTORS, MATRICES)
    shape, width = draw(shapes), 32 if dtype == "float32" else 64
    y, t = _numbers(name, width)
    size = int(np.prod(shape))
    Y, T = (np.array(draw(st.lists(v, min_size=size, max_size=size)), dtype).reshape(shape) for v in (y, t))
    if name not in CLASSIFICATION and draw(st.booleans()):
        T = Y + (T * np.finfo(dtype).eps).astype(dtype)  # differences that cancel
    if name == "gaussian_nll":
        spread = st.one_of(st.floats(-4, 4, width=width), st.floats(-40, 1400, width=width))
        s = draw(st.lists(spread, min_size=size, max_size=size))
        return np.hstack([Y, np.array(s, dtype).reshape(shape)]), T, None
    if name == "huber":
        return Y, T, (draw(st.floats(2.0**-10, 2.0**10, width=width)),)
    if name == "quantile":
        level = st.floats(2.0**-10, 1 - 2.0**-10, width=width)
        levels = draw(st.lists(level, min_size=1, max_size=3 if len(shape) == 2 else 1))
        return np.hstack([Y + np.array(k, dtype) for k in range(len(levels))]), T, tuple(levels)
    return Y, T, None
