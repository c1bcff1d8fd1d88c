"""The slow oracle of derivatives, and the networks that it is asked about.

First derivatives are complex steps of values alone: the imaginary part of f(x + i h) over an h so small that nothing is rounded
away (Squire and Trapp 1998). Second ones are complex steps of a gradient made with whole Jacobians. It imports nothing of the
kernels but what describes a network to them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st
from scipy.special import erf
from tileprop.kernels import Plan, Workspace, make_plan, make_workspace

STEP = 1e-30
LEAK = 0.01
DTYPES = ["float32", "float64"]

VALUES: dict[str, Callable[[Any], Any]] = {
    "identity": lambda z: z,
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "tanh": np.tanh,
    "relu": lambda z: np.where(z.real > 0, z, 0),
    "softmax": lambda z: np.exp(z) / np.exp(z).sum(axis=-1, keepdims=True),
    "exp": np.exp,
    "leaky_relu": lambda z: np.where(z.real > 0, z, LEAK * z),
    "elu": lambda z: np.where(z.real > 0, z, np.exp(z) - 1),
    "silu": lambda z: z / (1 + np.exp(-z)),
    "gelu": lambda z: z * (1 + erf(z / np.sqrt(2))) / 2,
    "softplus": lambda z: np.log(1 + np.exp(z)),
}
SLOPES: dict[str, Callable[[Any], Any]] = {
    "identity": np.ones_like,
    "sigmoid": lambda z: 1 / (2 + np.exp(z) + np.exp(-z)),
    "tanh": lambda z: 1 / np.cosh(z) ** 2,
    "relu": lambda z: np.where(z.real > 0, 1 + 0 * z, 0),
    "exp": np.exp,
    "leaky_relu": lambda z: np.where(z.real > 0, 1 + 0 * z, LEAK),
    "elu": lambda z: np.where(z.real > 0, 1 + 0 * z, np.exp(z)),
    "silu": lambda z: (1 + np.exp(-z) + z * np.exp(-z)) / (1 + np.exp(-z)) ** 2,
    "gelu": lambda z: (1 + erf(z / np.sqrt(2))) / 2 + z * np.exp(-z * z / 2) / np.sqrt(2 * np.pi),
    "softplus": lambda z: 1 / (1 + np.exp(-z)),
}
ACTIVATIONS = list(VALUES)


def magnitude(d: Any) -> Any:
    return np.where(d.real < 0, -d, d)


def huber(d: Any, delta: float) -> Any:
    return np.where(magnitude(d).real <= delta, d * d / 2, delta * (magnitude(d) - delta / 2))


def pinball(d: Any, q: Any) -> Any:
    return np.where(d.real > 0, q * d, (q - 1) * d)


def squared_scores(m: Any, s: Any, t: Any) -> Any:
    return (s + (t - m) ** 2 * np.exp(-s)) / 2


# The loss of each row: outputs Y and targets T (rows, columns), p the loss's parameter.
ROW_LOSSES: dict[str, Callable[[Any, Any, Any], Any]] = {
    "mse": lambda Y, T, p: ((Y - T) ** 2).mean(axis=1),
    "squared_error": lambda Y, T, p: ((Y - T) ** 2).mean(axis=1) / 2,
    "sum_squared_error": lambda Y, T, p: ((Y - T) ** 2).sum(axis=1) / 2,
    "mae": lambda Y, T, p: magnitude(Y - T).mean(axis=1),
    "huber": lambda Y, T, p: huber(Y - T, p).mean(axis=1),
    "quantile": lambda Y, T, p: pinball(np.tile(T, len(p)) - Y, np.repeat(p, T.shape[1])).mean(axis=1),
    "gaussian_nll": lambda Y, T, p: squared_scores(Y[:, : T.shape[1]], Y[:, T.shape[1] :], T).sum(axis=1),
    "log_loss": lambda Y, T, p: -(T * np.log(Y)).sum(axis=1),
    "label_log_loss": lambda Y, T, p: -np.log(Y[np.arange(len(Y)), T[:, 0].real.astype(int)]),
    "binary_log_loss": lambda Y, T, p: -(T * np.log(Y) + (1 - T) * np.log(1 - Y)).sum(axis=1),
    "poisson": lambda Y, T, p: (T * np.log(np.where(T == 0, 1, T) / Y) - T + Y).sum(axis=1),
}
LOSSES = list(ROW_LOSSES)
# The output activation that a loss asks for; losses through it give delta at once.
NEEDS = {
    "log_loss": "softmax",
    "label_log_loss": "softmax",
    "binary_log_loss": "sigmoid",
    "poisson": "exp",
    "gaussian_nll": "identity",
}
THROUGH = ("log_loss", "label_log_loss", "binary_log_loss", "poisson")
PARAMETERS: dict[str, Any] = {"huber": 0.5, "quantile": [0.2, 0.7]}
# Losses whose slope jumps where an output meets its target.
KINKED = ("mae", "quantile")


@dataclass
class Case:
    """A network and rows for it: arrays of the dtype that is tested; all that is computed here is float64."""

    sizes: list[int]
    activations: list[str]
    loss: str
    bias: bool
    theta: np.ndarray
    X: np.ndarray
    T: np.ndarray
    weight: np.ndarray

    @cached_property
    def plan(self) -> Plan:
        name = "log_loss" if "log_loss" in self.loss else self.loss
        parameter = {"huber": "delta", "quantile": "quantile"}.get(self.loss)
        return make_plan(
            self.sizes,
            self.activations[:-1],
            self.activations[-1],
            name,
            self.bias,
            n_targets=1 if self.loss == "label_log_loss" else None,
            **({parameter: PARAMETERS[self.loss]} if parameter else {}),
        )

    @property
    def dtype(self) -> str:
        return self.theta.dtype.name

    @property
    def rows(self) -> int:
        return len(self.X)

    @property
    def row_weights(self) -> np.ndarray:
        return self.weight.astype(np.float64) if self.weight.size else np.ones(self.rows)

    @property
    def layers(self) -> list[slice]:
        """Of theta."""
        ends = np.cumsum([n_in * n_out + (n_out if self.bias else 0) for n_in, n_out in pairwise(self.sizes)])
        return [slice(int(a), int(b)) for a, b in pairwise([0, *ends])]

    def workspace(self, batch_size: int = 16, **options: Any) -> Workspace:
        return make_workspace(self.plan, batch_size, self.dtype, **options)

    def empty(self, *shape: int) -> np.ndarray:
        """An array to be written to, of the case's dtype."""
        return np.full(shape, np.nan, self.dtype)

    # Values, for real and for complex arrays --------------------------------------------------------------------------------

    def pairs(self, theta: Any) -> list[tuple[Any, Any]]:
        found = []
        for part, (n_in, n_out) in zip(self.layers, pairwise(self.sizes), strict=True):
            values = theta[part]
            found.append(
                (values[: n_in * n_out].reshape(n_in, n_out), values[n_in * n_out :] if self.bias else np.zeros(n_out))
            )
        return found

    def forward(self, theta: Any, X: Any) -> tuple[list[Any], list[Any]]:
        """Pre-activations of every layer, and activations from the inputs on."""
        zs, outputs = [], [X]
        for (W, b), name in zip(self.pairs(theta), self.activations, strict=True):
            zs.append(outputs[-1] @ W + b)
            outputs.append(VALUES[name](zs[-1]))
        return zs, outputs

    def outputs(self, theta: Any, X: Any) -> Any:
        return self.forward(theta, X)[1][-1]

    def row_losses(self, theta: Any, X: Any, T: Any) -> Any:
        return self.losses_of(self.outputs(theta, X), T)

    def losses_of(self, Y: Any, T: Any) -> Any:
        return ROW_LOSSES[self.loss](Y, T, np.asarray(PARAMETERS.get(self.loss, 0.0)))

    # First derivatives, by complex steps of these ---------------------------------------------------------------------------

    @cached_property
    def exact(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """theta, X and T in float64."""
        return tuple(a.astype(np.float64) for a in (self.theta, self.X, self.T))  # type: ignore[return-value]

    def loss_value(self) -> float:
        return float(self.row_weights @ self.row_losses(*self.exact) / self.row_weights.sum())

    def input_jacobian(self) -> np.ndarray:
        """(rows, n_out, n_in)."""
        theta, X, _ = self.exact
        return complex_steps(lambda X: self.outputs(theta, X), X)

    def parameter_jacobian(self) -> np.ndarray:
        """(rows, n_out, n_parameters)."""
        theta, X, _ = self.exact
        return complex_steps(lambda theta: self.outputs(theta, X), theta)

    def sample_gradients(self) -> np.ndarray:
        """(rows, n_parameters), not divided by anything."""
        theta, X, T = self.exact
        return complex_steps(lambda theta: self.row_losses(theta, X, T), theta) * self.row_weights[:, None]

    def gradient(self) -> np.ndarray:
        return self.sample_gradients().sum(axis=0) / self.row_weights.sum()

    def input_gradient(self) -> np.ndarray:
        theta, X, T = self.exact
        found = complex_steps(lambda X: self.row_losses(theta, X, T), X)
        return found * (self.row_weights / self.row_weights.sum())[:, None]

    def target_gradient(self) -> np.ndarray:
        theta, X, T = self.exact
        found = complex_steps(lambda T: self.row_losses(theta, X, T), T)
        return found * (self.row_weights / self.row_weights.sum())[:, None]

    # Second derivatives: complex steps of a gradient ------------------------------------------------------------------------

    def complex_gradient(self, theta: Any) -> Any:
        """By the chain rule with whole Jacobians, for complex parameters."""
        _, X, T = self.exact
        zs, outputs = self.forward(theta, X)
        slope = self.output_slope(outputs[-1], T) * (self.row_weights / self.row_weights.sum())[:, None]
        pieces: list[Any] = []
        for layer in reversed(range(len(zs))):
            delta = np.einsum("ri,rij->rj", slope, jacobians(self.activations[layer], zs[layer]))
            dW = np.einsum("rk,rj->kj", outputs[layer], delta)
            pieces = [dW.ravel(), *([delta.sum(axis=0)] if self.bias else []), *pieces]
            slope = delta @ self.pairs(theta)[layer][0].T
        return np.concatenate(pieces)

    def output_slope(self, Y: Any, T: Any) -> Any:
        """Each row's dL/dy, for complex outputs."""
        n_out, q = Y.shape[1], np.asarray(PARAMETERS.get(self.loss, 0.0))
        if self.loss in ("mse", "squared_error"):
            return (Y - T) * ((2 if self.loss == "mse" else 1) / n_out)
        if self.loss == "sum_squared_error":
            return Y - T
        if self.loss == "mae":
            return np.where((Y - T).real > 0, 1, -1) / n_out + 0 * Y
        if self.loss == "huber":
            d = Y - T
            return np.where(magnitude(d).real <= q, d, q * np.sign(d.real)) / n_out
        if self.loss == "quantile":
            levels = np.repeat(q, T.shape[1])
            return np.where((np.tile(T, len(q)) - Y).real > 0, -levels, 1 - levels) / n_out + 0 * Y
        if self.loss == "gaussian_nll":
            m, s = np.split(Y, 2, axis=1)
            return np.hstack([(m - T) * np.exp(-s), (1 - (T - m) ** 2 * np.exp(-s)) / 2])
        if self.loss == "poisson":
            return 1 - T / Y
        if self.loss == "binary_log_loss":
            return (Y - T) / (Y * (1 - Y))
        return -(np.eye(n_out)[T[:, 0].real.astype(int)] if self.loss == "label_log_loss" else T) / Y

    def hessian_vector(self, v: np.ndarray) -> np.ndarray:
        return self.complex_gradient(self.exact[0] + 1j * STEP * v.astype(np.float64)).imag / STEP

    def gauss_newton_vector(self, v: np.ndarray) -> np.ndarray:
        """J^T H J v; with a loss through its activation, of and to the last pre-activations."""
        theta, X, T = self.exact
        name = self.activations[-1] if self.loss in THROUGH else "identity"

        def ends(theta: Any) -> Any:
            zs, outputs = self.forward(theta, X)
            return zs[-1] if self.loss in THROUGH else outputs[-1]

        def slope(end: Any) -> Any:
            Y = VALUES[name](end)
            return np.einsum("ri,rij->rj", self.output_slope(Y, T), jacobians(name, end))

        J = complex_steps(ends, theta)
        moved = slope(ends(theta) + 1j * STEP * (J @ v.astype(np.float64))).imag / STEP
        return np.einsum("ri,rip->p", moved * (self.row_weights / self.row_weights.sum())[:, None], J)


def jacobians(name: str, z: Any) -> Any:
    """da_i / dz_j of each row."""
    if name == "softmax":
        a = VALUES[name](z)
        return a[:, :, None] * (np.eye(z.shape[1]) - a[:, None, :])
    return SLOPES[name](z)[:, :, None] * np.eye(z.shape[1])


def complex_steps(f: Callable[[Any], Any], x: np.ndarray) -> np.ndarray:
    """Derivatives of f to each entry of a vector x, or to each column of a matrix, along a new last axis."""
    found = []
    for i in range(x.shape[-1]):
        moved = x.astype(complex)
        moved[..., i] += 1j * STEP
        found.append(f(moved).imag / STEP)
    return np.stack(found, axis=-1)


# Networks to ask about -------------------------------------------------------------------------------------------------------


def fitting(loss: str, activations: list[str]) -> list[str]:
    """With the output activation that the loss asks for, and tanh before an exp, which is soon beyond all bounds."""
    names = [*activations[:-1], NEEDS.get(loss, activations[-1])]
    return ["tanh" if "exp" in names[i + 1 : i + 2] else name for i, name in enumerate(names)]


def random_theta(sizes: list[int], bias: bool, rng: np.random.Generator) -> np.ndarray:
    """Weights that keep pre-activations near one whatever the width."""
    parts = []
    for n_in, n_out in pairwise(sizes):
        parts.append(rng.uniform(-1.7, 1.7, n_in * n_out) / np.sqrt(n_in))
        parts.append(rng.uniform(-0.5, 0.5, n_out if bias else 0))
    return np.concatenate(parts)


def random_targets(case: Case, rng: np.random.Generator) -> np.ndarray:
    Y = case.outputs(*case.exact[:2])
    n, n_out = Y.shape
    if case.loss == "label_log_loss":
        return rng.integers(0, n_out, (n, 1)).astype(float)
    if case.loss == "log_loss":
        return rng.dirichlet(np.ones(n_out), n)
    if case.loss == "binary_log_loss":
        return rng.uniform(0.05, 0.95, (n, n_out))
    if case.loss == "poisson":
        return Y * rng.choice([0.3, 2.5], Y.shape)
    columns = case.plan.n_targets
    return Y[:, :columns] + rng.choice([-1, 1], (n, columns)) * rng.uniform(0.1, 1, (n, columns))


def well_behaved(case: Case, distance: float, margin: float) -> np.ndarray:
    """Rows away from kinks by `distance`, from what is clipped and from what is beyond all bounds by `margin`."""
    zs, outputs = case.forward(*case.exact[:2])
    good = np.ones(case.rows, bool)
    for z, name in zip(zs, case.activations, strict=True):
        if name in ("relu", "leaky_relu", "elu"):
            good &= np.abs(z).min(axis=1) > distance
        good &= np.abs(z).max(axis=1) < 8
    Y = outputs[-1]
    if "log_loss" in case.loss:
        good &= margin < Y.min(axis=1)
        good &= (Y.max(axis=1) < 1 - margin) | (case.loss != "binary_log_loss")
    return good


def make_case(
    sizes: list[int],
    activations: list[str],
    loss: str,
    bias: bool = True,
    rows: int = 12,
    dtype: str = "float64",
    weighted: bool = False,
    seed: int = 0,
) -> Case:
    """Rows that misbehave are left out; a test assumes that enough are left."""
    rng = np.random.default_rng(seed)
    sizes = list(sizes)
    if loss in ("log_loss", "label_log_loss"):
        sizes[-1] = max(2, sizes[-1])
    if loss in ("quantile", "gaussian_nll"):
        sizes[-1] += sizes[-1] % 2
    case = Case(
        sizes,
        fitting(loss, list(activations)),
        loss,
        bias,
        random_theta(sizes, bias, rng).astype(dtype),
        rng.normal(size=(rows, sizes[0])).astype(dtype),
        np.zeros((rows, 1), dtype),
        np.zeros(0, dtype),
    )
    near = 1e-2 if dtype == "float32" else 1e-4
    case.X = case.X[well_behaved(case, near, near)]
    case.__dict__.pop("exact", None)
    case.T = random_targets(case, rng).astype(dtype)
    if loss in ("huber", *KINKED):
        Y = case.outputs(case.theta.astype(np.float64), case.X.astype(np.float64))
        d = np.abs(np.tile(case.T, Y.shape[1] // case.T.shape[1]) - Y)
        edge = PARAMETERS["huber"] if loss == "huber" else 0.0
        clear = (np.abs(d - edge) > near).all(axis=1)
        case.X, case.T = case.X[clear], case.T[clear]
    if weighted:
        case.weight = rng.uniform(0.2, 2, len(case.X)).astype(dtype)
    case.__dict__.pop("exact", None)
    return case


@st.composite
def cases(draw: st.DrawFn, dtype: str = "float64", losses: list[str] = LOSSES, most_rows: int = 30) -> tuple[Case, int]:
    """Any network of up to five layers, and the batch size of a workspace, which may need several blocks for the rows."""
    depth, loss = draw(st.integers(1, 5)), draw(st.sampled_from(losses))
    widths = st.one_of(st.integers(1, 3), st.integers(1, 9), st.sampled_from([16, 17]))
    sizes = draw(st.lists(widths, min_size=depth + 1, max_size=depth + 1))
    names = st.sampled_from(ACTIVATIONS)
    activations = draw(st.one_of(st.lists(names, min_size=depth, max_size=depth), names.map(lambda name: [name] * depth)))
    # A single unit of softmax is 1 whatever comes: there is nothing to differentiate.
    activations = [
        "tanh" if (name, width) == ("softmax", 1) else name for name, width in zip(activations, sizes[1:], strict=True)
    ]
    case = make_case(
        sizes,
        activations,
        loss,
        draw(st.booleans()),
        draw(st.integers(1, most_rows)),
        dtype,
        draw(st.booleans()),
        draw(st.integers(0, 2**32 - 1)),
    )
    assume(case.rows)
    return case, draw(st.integers(1, most_rows + 5))


# Comparing -------------------------------------------------------------------------------------------------------------------


def apart(found: np.ndarray, expected: np.ndarray) -> float:
    """The largest difference, as a part of the largest entry; 0 where there is none."""
    assert found.shape == expected.shape
    difference = float(np.abs(found.astype(np.float64) - expected).max(initial=0.0))
    return difference / max(float(np.abs(expected).max(initial=0.0)), 1e-300) if difference else 0.0


def check(case: Case, found: np.ndarray, quantity: Callable[[Case], np.ndarray], tolerance: float = 1e-10) -> None:
    """`found` is what `quantity` says of the case: in float64 to a tolerance, in float32 to what its rounding can do.

    For float32, 30 times as far as the exact quantity moves where every number given is moved by a unit in its last place,
    and a hundred thousandth of the largest entry.
    """
    expected = quantity(case)
    if case.dtype == "float64":
        assert apart(found, expected) <= tolerance
        return
    rng, eps = np.random.default_rng(0), np.finfo(np.float32).eps
    moved = np.zeros(expected.shape)
    for _ in range(2):
        theta, X, T = (a * (1 + eps * rng.choice([-1, 1], a.shape)) for a in case.exact)
        other = replace(case, theta=theta, X=X, T=case.T if case.loss == "label_log_loss" else T)
        moved = np.maximum(moved, np.abs(quantity(other) - expected))
    allowed = 30 * moved.max(initial=0.0) + 1e-5 * np.abs(expected).max(initial=0.0)
    assert np.abs(found - expected).max(initial=0.0) <= allowed


def direction(case: Case, seed: int = 0) -> np.ndarray:
    """A direction of the parameters, of the case's dtype."""
    return np.random.default_rng(seed).normal(size=case.theta.size).astype(case.dtype)
