"""The slow oracle: what the kernels compute, written to be obviously right and never to be fast.

Two parts, both independent of the kernels. *Exact numbers*: one element or one row at a time with mpmath, and the distance
of a computed number from them in units in the last place. *Networks*: forward, loss, gradient, step rules and epochs in
float64, one sample at a time, every derivative as a whole Jacobian.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import mpmath
import numpy as np
from mpmath import mpf

# Exact numbers ---------------------------------------------------------------------------------------------------------------

# Sums and products of float64 numbers, subnormal to largest, are exact in 5000 bits; 200 bits are plenty for exp and log.
EXACT_BITS = 5000
PRECISE_BITS = 200


def exact_sigmoid(x: Iterable[mpf]) -> list[mpf]:
    with mpmath.workprec(PRECISE_BITS):
        return [1 / (1 + mpmath.exp(-v)) for v in x]


def exact_tanh(x: Iterable[mpf]) -> list[mpf]:
    with mpmath.workprec(PRECISE_BITS):
        return [mpmath.tanh(v) for v in x]


def exact_relu(x: Iterable[mpf]) -> list[mpf]:
    return [max(v, mpf(0)) for v in x]


def exact_identity(x: Iterable[mpf]) -> list[mpf]:
    return list(x)


def exact_softmax(x: Sequence[mpf]) -> list[mpf]:
    with mpmath.workprec(EXACT_BITS):
        shifted = [v - max(x) for v in x]
    with mpmath.workprec(PRECISE_BITS):
        powers = [mpmath.exp(v) for v in shifted]
        total = mpmath.fsum(powers)
        return [p / total for p in powers]


def exact_softmax_of_two(x: float, other: float, count: int) -> tuple[mpf, mpf]:
    """The entries of a row of one x and `count` others that are all the same."""
    with mpmath.workprec(PRECISE_BITS):
        power = mpmath.exp(mpf(other) - mpf(x))
        total = 1 + count * power
        return 1 / total, power / total


def exact_exp(x: Iterable[mpf]) -> list[mpf]:
    """Far beyond either end it is cut: there it is zero, or infinite, in any dtype."""
    with mpmath.workprec(PRECISE_BITS):
        return [_far_exp(v) for v in x]


def exact_leaky_relu(x: Iterable[mpf]) -> list[mpf]:
    with mpmath.workprec(EXACT_BITS):
        return [v if v >= 0 else v / 100 for v in x]


def exact_elu(x: Iterable[mpf]) -> list[mpf]:
    with mpmath.workprec(PRECISE_BITS):
        return [v if v >= 0 else mpmath.expm1(max(v, mpf(-10_000))) for v in x]


def exact_silu(x: Iterable[mpf]) -> list[mpf]:
    with mpmath.workprec(PRECISE_BITS):
        return [v / (1 + _far_exp(-v)) for v in x]


def exact_gelu(x: Iterable[mpf]) -> list[mpf]:
    with mpmath.workprec(PRECISE_BITS):
        return [v * mpmath.ncdf(max(v, mpf(-200))) for v in x]


def exact_softplus(x: Iterable[mpf]) -> list[mpf]:
    with mpmath.workprec(PRECISE_BITS):
        return [max(v, mpf(0)) + mpmath.log1p(_far_exp(-abs(v))) for v in x]


def _far_exp(x: mpf) -> mpf:
    """exp, cut where more bits would be of no use in any dtype."""
    return mpmath.exp(max(min(x, mpf(10_000)), mpf(-10_000)))


def exact_sigmoid_backward(y: Sequence[mpf], dy: Sequence[mpf]) -> list[mpf]:
    with mpmath.workprec(EXACT_BITS):
        return [d * v * (1 - v) for v, d in zip(y, dy, strict=True)]


def exact_tanh_backward(y: Sequence[mpf], dy: Sequence[mpf]) -> list[mpf]:
    with mpmath.workprec(EXACT_BITS):
        return [d * (1 - v * v) for v, d in zip(y, dy, strict=True)]


def exact_relu_backward(y: Sequence[mpf], dy: Sequence[mpf]) -> list[mpf]:
    return [d if v > 0 else mpf(0) for v, d in zip(y, dy, strict=True)]


def exact_identity_backward(y: Sequence[mpf], dy: Sequence[mpf]) -> list[mpf]:
    return list(dy)


def exact_exp_backward(y: Sequence[mpf], dy: Sequence[mpf]) -> list[mpf]:
    with mpmath.workprec(EXACT_BITS):
        return [d * v for v, d in zip(y, dy, strict=True)]


def exact_leaky_relu_backward(y: Sequence[mpf], dy: Sequence[mpf]) -> list[mpf]:
    with mpmath.workprec(EXACT_BITS):
        return [d if v > 0 else d / 100 for v, d in zip(y, dy, strict=True)]


def exact_elu_backward(y: Sequence[mpf], dy: Sequence[mpf]) -> list[mpf]:
    with mpmath.workprec(EXACT_BITS):
        return [d if v > 0 else d * (1 + v) for v, d in zip(y, dy, strict=True)]


def exact_silu_backward(x: Sequence[mpf], dy: Sequence[mpf]) -> list[mpf]:
    """From the input, as gelu's."""
    with mpmath.workprec(PRECISE_BITS):
        pairs = ((v, d, 1 / (1 + _far_exp(-v)), 1 / (1 + _far_exp(v))) for v, d in zip(x, dy, strict=True))
        return [d * s * (1 + v * rest) for v, d, s, rest in pairs]


def exact_gelu_backward(x: Sequence[mpf], dy: Sequence[mpf]) -> list[mpf]:
    with mpmath.workprec(PRECISE_BITS):
        near = [max(min(v, mpf(200)), mpf(-200)) for v in x]
        return [d * (mpmath.ncdf(v) + v * mpmath.npdf(v)) for v, d in zip(near, dy, strict=True)]


def exact_softplus_backward(y: Sequence[mpf], dy: Sequence[mpf]) -> list[mpf]:
    with mpmath.workprec(PRECISE_BITS):
        return [-d * mpmath.expm1(-min(v, mpf(10_000))) for v, d in zip(y, dy, strict=True)]


def exact_softmax_backward(y: Sequence[mpf], dy: Sequence[mpf]) -> list[mpf]:
    with mpmath.workprec(EXACT_BITS):
        mean = sum((v * d for v, d in zip(y, dy, strict=True)), mpf(0))
        return [v * (d - mean) for v, d in zip(y, dy, strict=True)]


def exact_mse(y: Sequence[mpf], t: Sequence[mpf], n_rows: int) -> mpf:
    with mpmath.workprec(EXACT_BITS):
        return sum(((a - b) ** 2 for a, b in zip(y, t, strict=True)), mpf(0)) / len(y)


def exact_mse_backward(y: Sequence[mpf], t: Sequence[mpf], n_rows: int) -> list[mpf]:
    with mpmath.workprec(EXACT_BITS):
        return [2 * (a - b) / len(y) for a, b in zip(y, t, strict=True)]


def exact_squared_error(y: Sequence[mpf], t: Sequence[mpf], n_rows: int) -> mpf:
    with mpmath.workprec(EXACT_BITS):
        return exact_mse(y, t, n_rows) / 2


def exact_squared_error_backward(y: Sequence[mpf], t: Sequence[mpf], n_rows: int) -> list[mpf]:
    with mpmath.workprec(EXACT_BITS):
        return [(a - b) / len(y) for a, b in zip(y, t, strict=True)]


def exact_sum_squared_error(y: Sequence[mpf], t: Sequence[mpf], n_rows: int) -> mpf:
    with mpmath.workprec(EXACT_BITS):
        return sum(((a - b) ** 2 for a, b in zip(y, t, strict=True)), mpf(0)) / 2 / n_rows


def exact_sum_squared_error_backward(y: Sequence[mpf], t: Sequence[mpf], n_rows: int) -> list[mpf]:
    with mpmath.workprec(EXACT_BITS):
        return [(a - b) / n_rows for a, b in zip(y, t, strict=True)]


def exact_poisson(y: Sequence[mpf], t: Sequence[mpf], n_rows: int) -> mpf:
    with mpmath.workprec(EXACT_BITS):
        differences = [a - b for a, b in zip(y, t, strict=True)]
    with mpmath.workprec(PRECISE_BITS):
        terms = ((b * mpmath.log(b / a) if b else mpf(0)) + d for a, b, d in zip(y, t, differences, strict=True))
        return mpmath.fsum(terms) / n_rows


def exact_poisson_backward(y: Sequence[mpf], t: Sequence[mpf], n_rows: int) -> list[mpf]:
    with mpmath.workprec(EXACT_BITS):
        return [(a - b) / a / n_rows for a, b in zip(y, t, strict=True)]


def exact_log_loss(y: Sequence[mpf], t: Sequence[mpf], n_rows: int) -> mpf:
    with mpmath.workprec(PRECISE_BITS):
        return -mpmath.fsum(b * mpmath.log(a) for a, b in zip(y, t, strict=True)) / n_rows


def exact_log_loss_backward(y: Sequence[mpf], t: Sequence[mpf], n_rows: int) -> list[mpf]:
    with mpmath.workprec(PRECISE_BITS):
        return [-b / a / n_rows for a, b in zip(y, t, strict=True)]


def exact_binary_log_loss(y: Sequence[mpf], t: Sequence[mpf], n_rows: int) -> mpf:
    with mpmath.workprec(PRECISE_BITS):
        terms = (b * mpmath.log(a) + (1 - b) * mpmath.log(1 - a) for a, b in zip(y, t, strict=True))
        return -mpmath.fsum(terms) / n_rows


def exact_binary_log_loss_backward(y: Sequence[mpf], t: Sequence[mpf], n_rows: int) -> list[mpf]:
    with mpmath.workprec(EXACT_BITS):
        return [(a - b) / (a * (1 - a)) / n_rows for a, b in zip(y, t, strict=True)]


def exact_mae(y: Sequence[mpf], t: Sequence[mpf], n_rows: int) -> mpf:
    with mpmath.workprec(EXACT_BITS):
        return sum((abs(a - b) for a, b in zip(y, t, strict=True)), mpf(0)) / len(y)


def exact_mae_backward(y: Sequence[mpf], t: Sequence[mpf], n_rows: int) -> list[mpf]:
    with mpmath.workprec(EXACT_BITS):
        return [mpmath.sign(a - b) / len(y) for a, b in zip(y, t, strict=True)]


def exact_huber(y: Sequence[mpf], t: Sequence[mpf], n_rows: int, delta: Sequence[mpf]) -> mpf:
    with mpmath.workprec(EXACT_BITS):
        distances = [abs(a - b) for a, b in zip(y, t, strict=True)]
        terms = (d * d / 2 if d <= delta[0] else delta[0] * (d - delta[0] / 2) for d in distances)
        return sum(terms, mpf(0)) / len(y)


def exact_huber_backward(y: Sequence[mpf], t: Sequence[mpf], n_rows: int, delta: Sequence[mpf]) -> list[mpf]:
    with mpmath.workprec(EXACT_BITS):
        return [min(max(a - b, -delta[0]), delta[0]) / len(y) for a, b in zip(y, t, strict=True)]


def _levels_and_targets(
    y: Sequence[mpf], t: Sequence[mpf], n_rows: int, levels: Sequence[mpf]
) -> Iterable[tuple[mpf, mpf, mpf]]:
    """Each output with its target and its level: a row's outputs are all targets at the first level, then at the next."""
    columns = len(t) // n_rows
    for i, output in enumerate(y):
        row, j = divmod(i, columns * len(levels))
        yield output, t[row * columns + j % columns], levels[j // columns]


def exact_quantile(y: Sequence[mpf], t: Sequence[mpf], n_rows: int, levels: Sequence[mpf]) -> mpf:
    with mpmath.workprec(EXACT_BITS):
        terms = (max(q * (b - a), (q - 1) * (b - a)) for a, b, q in _levels_and_targets(y, t, n_rows, levels))
        return sum(terms, mpf(0)) / len(y)


def exact_quantile_backward(y: Sequence[mpf], t: Sequence[mpf], n_rows: int, levels: Sequence[mpf]) -> list[mpf]:
    with mpmath.workprec(EXACT_BITS):
        slopes = [(1 - q if a > b else -q if a < b else mpf(0)) for a, b, q in _levels_and_targets(y, t, n_rows, levels)]
        return [slope / len(y) for slope in slopes]


def _means_and_log_variances(y: Sequence[mpf], t: Sequence[mpf], n_rows: int) -> list[tuple[mpf, mpf, mpf]]:
    """m, s and t of each target: a row's outputs are all means, then all s, none of which counts as less than -30."""
    columns = len(t) // n_rows
    rows = [y[start : start + 2 * columns] for start in range(0, len(y), 2 * columns)]
    return [(row[j], max(row[columns + j], mpf(-30)), t[i * columns + j]) for i, row in enumerate(rows) for j in range(columns)]


def exact_gaussian_nll(y: Sequence[mpf], t: Sequence[mpf], n_rows: int) -> mpf:
    return _gaussian_terms(y, t, n_rows, magnitudes=False)


def exact_gaussian_nll_magnitude(y: Sequence[mpf], t: Sequence[mpf], n_rows: int) -> mpf:
    """The same, but of all terms' magnitudes: a sum of which some are negative is no more exact than a part of this."""
    return _gaussian_terms(y, t, n_rows, magnitudes=True)


def _gaussian_terms(y: Sequence[mpf], t: Sequence[mpf], n_rows: int, magnitudes: bool) -> mpf:
    with mpmath.workprec(EXACT_BITS):
        parts = [(s, (b - m) ** 2) for m, s, b in _means_and_log_variances(y, t, n_rows)]
        terms = ((abs(s) if magnitudes else s) + square * mpmath.exp(-s, prec=PRECISE_BITS) for s, square in parts)
        return sum(terms, mpf(0)) / 2 / n_rows


def exact_gaussian_nll_backward(y: Sequence[mpf], t: Sequence[mpf], n_rows: int) -> list[mpf]:
    columns = len(t) // n_rows
    with mpmath.workprec(EXACT_BITS):
        slopes = []
        for m, s, b in _means_and_log_variances(y, t, n_rows):
            precision = mpmath.exp(-s, prec=PRECISE_BITS)
            slopes.append(((m - b) * precision / n_rows, (1 - (m - b) ** 2 * precision) / 2 / n_rows))
        rows = [slopes[start : start + columns] for start in range(0, len(t), columns)]
        result = [pair[k] for row in rows for k in (0, 1) for pair in row]
        at_floor = [i % (2 * columns) >= columns and y[i] < -30 for i in range(len(y))]
        return [mpf(0) if floor else slope for slope, floor in zip(result, at_floor, strict=True)]


def clipped(y: np.ndarray) -> np.ndarray:
    """Probabilities kept inside [eps, 1 - eps] of their own dtype: both log losses do this first."""
    eps = np.finfo(y.dtype).eps
    return np.clip(y, eps, y.dtype.type(1) - eps)


def numbers(array: Any) -> list[mpf]:
    """The elements, exactly, in row-major order."""
    return [mpf(float(v)) for v in np.asarray(array).ravel()]


def ulps(computed: Any, exact: Sequence[mpf], dtype: Any, units_of: Sequence[mpf] | None = None) -> float:
    """Largest distance of `computed` from `exact` in units in the last place of the exact value, or of `units_of`, in `dtype`.

    Below the smallest normal number a distance of at most that number counts as none, a larger one as infinite. Above the
    largest number, infinity of the right sign counts as exact.
    """
    info = np.finfo(dtype)
    digits = info.nmant + 1
    worst = 0.0
    with mpmath.workprec(EXACT_BITS):
        for value, true, sized in zip(np.asarray(computed, np.float64).ravel(), exact, units_of or exact, strict=True):
            if np.isnan(value):
                return np.inf
            unit = mpf(2) ** (int(mpmath.frexp(sized)[1]) - digits)
            if abs(sized) < mpf(float(info.tiny)):
                distance = 0.0 if abs(mpf(float(value)) - true) <= mpf(float(info.tiny)) else np.inf
            elif abs(true) + unit / 2 >= mpf(2) ** int(info.maxexp):
                distance = 0.0 if value == float(mpmath.sign(true)) * np.inf else np.inf
            else:
                distance = float(abs(mpf(float(value)) - true) / unit)
            worst = max(worst, distance)
    return worst


def ulps_of_many(computed: np.ndarray, wide: np.ndarray) -> np.ndarray:
    """The same distances for many elements at once, from a reference in a wider float type."""
    info = np.finfo(computed.dtype)
    distance = np.abs(computed.astype(wide.dtype) - wide)
    unit = np.ldexp(np.ones_like(wide), np.maximum(np.frexp(wide)[1], info.minexp) - (info.nmant + 1))
    return np.where(np.abs(wide) < info.tiny, np.where(distance <= info.tiny, 0.0, np.inf), distance / unit)


# Networks --------------------------------------------------------------------------------------------------------------------


@dataclass
class Network:
    """What a network is; parameters come as one vector: W0, b0, W1, b1, ..., each W (n_in, n_out) row by row."""

    sizes: Sequence[int]
    activations: Sequence[str]  # one for each layer
    # "mse", "squared_error", "sum_squared_error", "log_loss", "label_log_loss", "binary_log_loss", "poisson", "mae", "huber",
    # "quantile" or "gaussian_nll"
    loss: str
    bias: bool = True
    parameters: Sequence[float] = ()  # Huber's delta; the quantiles' levels

    @property
    def layers(self) -> list[slice]:
        """The part of the parameter vector that belongs to each layer, W and b together."""
        parts, start = [], 0
        for n_in, n_out in zip(self.sizes[:-1], self.sizes[1:], strict=True):
            stop = start + n_in * n_out + (n_out if self.bias else 0)
            parts.append(slice(start, stop))
            start = stop
        return parts

    def unflatten(self, theta: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
        """Each layer's W and b, in float64; b is zeros in a network without biases."""
        pairs = []
        for part, n_in, n_out in zip(self.layers, self.sizes[:-1], self.sizes[1:], strict=True):
            values = np.array(theta[part], np.float64)
            W = values[: n_in * n_out].reshape(n_in, n_out)
            pairs.append((W, values[n_in * n_out :] if self.bias else np.zeros(n_out)))
        return pairs


def activate(name: str, z: np.ndarray) -> np.ndarray:
    if name == "sigmoid":
        return np.array([1 / (1 + np.exp(-v)) if v >= 0 else np.exp(v) / (1 + np.exp(v)) for v in z])
    if name == "tanh":
        return np.tanh(z)
    if name == "relu":
        return np.array([max(v, 0.0) for v in z])
    if name == "softmax":
        e = np.exp(z - z.max())
        return e / e.sum()
    if name == "exp":
        return np.exp(z)
    if name == "leaky_relu":
        return np.array([v if v > 0 else 0.01 * v for v in z])
    if name == "elu":
        return np.array([v if v > 0 else math.expm1(v) for v in z])
    if name == "silu":
        return z * activate("sigmoid", z)
    if name == "gelu":
        return z * normal_distribution(z)
    if name == "softplus":
        return np.logaddexp(0, z)
    assert name == "identity"
    return z.copy()


def normal_distribution(z: np.ndarray) -> np.ndarray:
    return np.array([math.erfc(-v / math.sqrt(2)) / 2 for v in z])


def jacobian(name: str, z: np.ndarray, a: np.ndarray) -> np.ndarray:
    """J[i, j] = d a_i / d z_j."""
    if name == "sigmoid":
        return np.diag(a * (1 - a))
    if name == "tanh":
        return np.diag(1 / np.cosh(z) ** 2)
    if name == "relu":
        return np.diag([1.0 if v > 0 else 0.0 for v in z])
    if name == "softmax":
        return np.diag(a) - np.outer(a, a)
    if name == "exp":
        return np.diag(a)
    if name == "leaky_relu":
        return np.diag([1.0 if v > 0 else 0.01 for v in z])
    if name == "elu":
        return np.diag([1.0 if v > 0 else math.exp(v) for v in z])
    if name == "silu":
        s = activate("sigmoid", z)
        return np.diag(s + z * s * (1 - s))
    if name == "gelu":
        return np.diag(normal_distribution(z) + z * np.exp(-z * z / 2) / math.sqrt(2 * math.pi))
    if name == "softplus":
        return np.diag(activate("sigmoid", z))
    assert name == "identity"
    return np.eye(len(z))


def row_loss(name: str, y: np.ndarray, t: np.ndarray, parameters: Sequence[float] = ()) -> float:
    if name == "mse":
        return float(np.mean((y - t) ** 2))
    if name == "squared_error":
        return float(np.mean((y - t) ** 2) / 2)
    if name == "sum_squared_error":
        return float(np.sum((y - t) ** 2) / 2)
    if name == "poisson":
        return float(sum((q * np.log(q / p) if q != 0 else 0.0) - q + p for p, q in zip(y, t, strict=True)))
    if name == "log_loss":
        return -sum(q * np.log(p) for p, q in zip(y, t, strict=True) if q != 0)
    if name == "label_log_loss":
        return -np.log(y[int(t[0])])
    if name == "mae":
        return float(np.mean(np.abs(y - t)))
    if name == "huber":
        (delta,) = parameters
        return float(np.mean([d * d / 2 if abs(d) <= delta else delta * (abs(d) - delta / 2) for d in y - t]))
    if name == "quantile":
        # All targets at the first level, then at the next.
        pairs = zip(np.repeat(parameters, len(t)), y, np.tile(t, len(parameters)), strict=True)
        return float(np.mean([q * (b - a) if b > a else (1 - q) * (a - b) for q, a, b in pairs]))
    if name == "gaussian_nll":
        m, s = y[: len(t)], np.maximum(y[len(t) :], -30)
        return float(np.sum(s + (t - m) ** 2 / np.exp(s)) / 2)
    assert name == "binary_log_loss"
    return -sum(q * np.log(p) + (1 - q) * np.log1p(-p) for p, q in zip(y, t, strict=True))


def row_loss_slope(name: str, y: np.ndarray, t: np.ndarray, parameters: Sequence[float] = ()) -> np.ndarray:
    """dL/dy of one row; 0 at the kink of a loss, where output and target meet."""
    if name == "mse":
        return 2 * (y - t) / len(y)
    if name == "squared_error":
        return (y - t) / len(y)
    if name == "sum_squared_error":
        return y - t
    if name == "poisson":
        return 1 - t / y
    if name == "log_loss":
        return -t / y
    if name == "label_log_loss":
        return np.array([-1 / p if j == int(t[0]) else 0.0 for j, p in enumerate(y)])
    if name == "mae":
        return np.sign(y - t) / len(y)
    if name == "huber":
        (delta,) = parameters
        return np.array([d if abs(d) <= delta else delta * np.sign(d) for d in y - t]) / len(y)
    if name == "quantile":
        pairs = zip(np.repeat(parameters, len(t)), y, np.tile(t, len(parameters)), strict=True)
        return np.array([(1 - q if a > b else -q) if a != b else 0.0 for q, a, b in pairs]) / len(y)
    if name == "gaussian_nll":
        m, s = y[: len(t)], np.maximum(y[len(t) :], -30)
        by_log_variance = np.where(y[len(t) :] < -30, 0, (1 - (t - m) ** 2 / np.exp(s)) / 2)
        return np.concatenate([(m - t) / np.exp(s), by_log_variance])
    assert name == "binary_log_loss"
    return (y - t) / (y * (1 - y))


def forward_row(
    network: Network, theta: np.ndarray, x: np.ndarray, stored_as: Any = np.float64
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Every layer's pre-activations, and the activations from the inputs on, rounded to a dtype if that is asked for."""
    zs, activations = [], [np.array(x, np.float64)]
    for (W, b), name in zip(network.unflatten(theta), network.activations, strict=True):
        zs.append(activations[-1] @ W + b)
        activations.append(activate(name, zs[-1]).astype(stored_as).astype(np.float64))
    return zs, activations


def forward(network: Network, theta: np.ndarray, X: np.ndarray) -> np.ndarray:
    return np.array([forward_row(network, theta, x)[1][-1] for x in X])


def nearest_kink(network: Network, theta: np.ndarray, x: np.ndarray) -> float:
    """How close a pre-activation of a relu or the like comes to zero, where the derivative (elu: the second one) jumps."""
    zs, _ = forward_row(network, theta, x)
    bent = ("relu", "leaky_relu", "elu")
    return min((float(np.abs(z).min()) for z, name in zip(zs, network.activations, strict=True) if name in bent), default=1.0)


def row_loss_and_grad(
    network: Network, theta: np.ndarray, x: np.ndarray, t: np.ndarray, stored_as: Any = np.float64
) -> tuple[float, np.ndarray]:
    zs, activations = forward_row(network, theta, x, stored_as)
    layers = network.unflatten(theta)
    slope = row_loss_slope(network.loss, activations[-1], np.asarray(t, np.float64), network.parameters)
    grads: list[np.ndarray] = []
    for layer in reversed(range(len(layers))):
        delta = slope @ jacobian(network.activations[layer], zs[layer], activations[layer + 1])
        dW = np.outer(activations[layer], delta)
        grads.insert(0, np.concatenate([dW.ravel(), delta if network.bias else []]))
        slope = (layers[layer][0] @ delta).astype(stored_as).astype(np.float64)
    loss = row_loss(network.loss, activations[-1], np.asarray(t, np.float64), network.parameters)
    return loss, np.concatenate(grads)


def loss_and_grad(
    network: Network,
    theta: np.ndarray,
    X: np.ndarray,
    T: np.ndarray,
    weight: Sequence[float] | None = None,
    stored_as: Any = np.float64,
) -> tuple[float, np.ndarray]:
    """Averages over the rows; weighted where weights are given, and zero where they sum to zero.

    stored_as: the dtype that activations, and the slopes on the way back, are rounded to. All else stays float64, so that
    the difference shows what no arithmetic on arrays of that dtype can avoid.
    """
    weights = [1.0] * len(X) if weight is None else [float(w) for w in weight]
    loss, grad = 0.0, np.zeros(len(theta))
    if sum(weights) == 0:
        return loss, grad
    for x, t, w in zip(X, T, weights, strict=True):
        row, row_grad = row_loss_and_grad(network, theta, x, t, stored_as)
        loss += w * row
        grad += w * row_grad
    return loss / sum(weights), grad / sum(weights)


def penalty_and_grad(network: Network, theta: np.ndarray, alpha: float, total_weight: float) -> tuple[float, np.ndarray]:
    """alpha / 2 times the sum of squared weights, biases left out, over a batch's sum of sample weights."""
    value, grad = 0.0, np.zeros(len(theta))
    for part, n_in, n_out in zip(network.layers, network.sizes[:-1], network.sizes[1:], strict=True):
        for i in range(part.start, part.start + n_in * n_out):
            if total_weight:
                value += alpha / 2 * float(theta[i]) ** 2 / total_weight
                grad[i] = alpha * float(theta[i]) / total_weight
    return value, grad


def finite_differences(f: Callable[[np.ndarray], float], theta: np.ndarray, step: float = 1e-3) -> np.ndarray:
    """The gradient of f by central differences of fourth order."""
    grad = np.zeros(len(theta))
    for i in range(len(theta)):
        values = []
        for k in (-2, -1, 1, 2):
            moved = np.array(theta, np.float64)
            moved[i] += k * step
            values.append(f(moved))
        grad[i] = (values[0] - 8 * values[1] + 8 * values[2] - values[3]) / (12 * step)
    return grad


# Step rules. `step` returns the new parameters.


@dataclass
class SGD:
    learning_rate: float

    def step(self, theta: np.ndarray, grad: np.ndarray) -> np.ndarray:
        return theta - self.learning_rate * grad


@dataclass
class Momentum:
    """Polyak's, or Nesterov's as Sutskever et al. (2013) write it: move, then look ahead by the velocity once more."""

    learning_rate: float
    momentum: float
    nesterov: bool = False
    velocity: Any = 0.0

    def step(self, theta: np.ndarray, grad: np.ndarray) -> np.ndarray:
        self.velocity = self.momentum * self.velocity - self.learning_rate * grad
        if self.nesterov:
            return theta - self.learning_rate * grad + self.momentum * self.velocity
        return theta + self.velocity


@dataclass
class Adam:
    """Kingma and Ba (2015): algorithm 1, or with "epsilon hat" the form at the end of their section 2."""

    learning_rate: float
    beta_1: float
    beta_2: float
    epsilon: float
    epsilon_hat: bool = False
    steps: int = 0
    first: Any = 0.0
    second: Any = 0.0

    def step(self, theta: np.ndarray, grad: np.ndarray) -> np.ndarray:
        self.steps += 1
        self.first = self.beta_1 * self.first + (1 - self.beta_1) * grad
        self.second = self.beta_2 * self.second + (1 - self.beta_2) * grad**2
        correction_1 = 1 - self.beta_1**self.steps
        correction_2 = 1 - self.beta_2**self.steps
        if self.epsilon_hat:
            rate = self.learning_rate * np.sqrt(correction_2) / correction_1
            return theta - rate * self.first / (np.sqrt(self.second) + self.epsilon)
        return theta - self.learning_rate * (self.first / correction_1) / (np.sqrt(self.second / correction_2) + self.epsilon)


@dataclass
class Nadam:
    """Dozat (2016) with PyTorch's conventions: the product of all momenta so far is carried along."""

    learning_rate: float
    beta_1: float
    beta_2: float
    epsilon: float
    steps: int = 0
    product: float = 1.0
    first: Any = 0.0
    second: Any = 0.0

    def step(self, theta: np.ndarray, grad: np.ndarray) -> np.ndarray:
        self.steps += 1
        momentum = self.beta_1 * (1 - 0.5 * 0.96 ** (self.steps * 0.004))
        following = self.beta_1 * (1 - 0.5 * 0.96 ** ((self.steps + 1) * 0.004))
        self.product *= momentum
        self.first = self.beta_1 * self.first + (1 - self.beta_1) * grad
        self.second = self.beta_2 * self.second + (1 - self.beta_2) * grad**2
        ahead = following * self.first / (1 - self.product * following) + (1 - momentum) * grad / (1 - self.product)
        return theta - self.learning_rate * ahead / (np.sqrt(self.second / (1 - self.beta_2**self.steps)) + self.epsilon)


@dataclass
class Epoch:
    """What an epoch leaves behind. loss: averaged over the rows. batch_mean, penalty: the batches', by numbers of rows."""

    theta: np.ndarray
    loss: float
    batch_losses: list[float] = field(default_factory=list)
    batch_mean: float = 0.0
    penalty: float = 0.0


def epoch(
    network: Network,
    theta: np.ndarray,
    rule: Any,
    X: np.ndarray,
    T: np.ndarray,
    weight: Sequence[float] | None,
    order: Sequence[int] | None,
    batch_size: int,
    alpha: float = 0.0,
) -> Epoch:
    """A step after each batch; the loss of each batch, and the penalty on weights, are taken before its step and averaged."""
    rows = list(range(len(X))) if order is None else list(order)
    result = Epoch(np.array(theta, np.float64), 0.0)
    total = total_weight = 0.0
    for start in range(0, len(rows), batch_size):
        batch = rows[start : start + batch_size]
        weights = None if weight is None else [weight[i] for i in batch]
        batch_weight = len(batch) if weights is None else sum(weights)
        loss, grad = loss_and_grad(network, result.theta, X[batch], T[batch], weights)
        penalty, penalty_grad = penalty_and_grad(network, result.theta, alpha, batch_weight)
        result.theta = rule.step(result.theta, grad + penalty_grad)
        result.batch_losses.append(loss)
        result.batch_mean += loss * len(batch) / len(rows)
        result.penalty += penalty * len(batch) / len(rows)
        total += loss * batch_weight
        total_weight += batch_weight
    result.loss = total / total_weight if total_weight else 0.0
    return result
