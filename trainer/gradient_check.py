"""A network's gradients beside central differences of its loss, with a report: are the formulas right?

For users' activations and losses, and whoever doubts ours. Everything is computed in float64, whatever the network's dtype.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from .. import kernels
from ..kernels import Plan, make_workspace
from ..kernels.losses import loss_registry
from ..kernels.validation import positive_integer
from .bounds import check_within
from .layers import layer_by_layer
from .model import Model
from .threads.long_calls import answering
from .threads.number import step_seconds

_EPS = float(np.finfo(np.float64).eps)
# Where rounding and what is left out of a central difference are of one size; times the entry, where that is above 1.
STEP = _EPS ** (1 / 3)
# A step may reach over a kink; then these parts of it are tried.
PARTS = (1.0, 1e-1, 1e-2)
# Of the largest entry of the part.
TOLERANCE = 1e-6
# What a loss may be off by, in units in its last place.
LOSS_ULPS = 8
BATCH = 128


@dataclass(frozen=True)
class Part:
    """One layer's weights or biases, or the inputs, or the targets.

    size: its entries; checked: how many of them were. error: the largest distance of analytic and numeric, as a part of the
    largest analytic entry; place, analytic, numeric: where that is, and what; no place where all are at kinks. kinks: entries
    at which the loss has two derivatives, one to either side, and what is there. failed: places where analytic is none.
    missing: why nothing was checked.
    """

    name: str
    size: int = 0
    checked: int = 0
    error: float = 0.0
    place: tuple[int, ...] = ()
    analytic: float = 0.0
    numeric: float = 0.0
    kinks: tuple[str, ...] = ()
    failed: tuple[tuple[int, ...], ...] = ()
    missing: str = ""

    @property
    def verdict(self) -> str:
        if self.missing:
            return self.missing
        if self.failed:
            return f"WRONG at {len(self.failed)} of {self.checked}"
        return f"right; {len(self.kinks)} at a kink" if self.kinks else "right"

    def cells(self) -> tuple[str, ...]:
        """A line of the report."""
        if self.missing:
            return self.name, "", "", "", "", "", self.verdict
        entries = str(self.size) if self.checked == self.size else f"{self.checked} of {self.size}"
        if not self.place:  # all of them at kinks
            return self.name, entries, "", "", "", "", self.verdict
        values = f"{self.error:.1e}", str(list(self.place)), f"{self.analytic:.9g}", f"{self.numeric:.9g}"
        return self.name, entries, *values, self.verdict


@dataclass(frozen=True)
class GradientReport:
    """What `check_gradients` found: whether the network `passed`, and in `parts` what is where. As text, a table."""

    network: str
    loss: float
    rows: int
    tolerance: float
    parts: tuple[Part, ...]

    @property
    def passed(self) -> bool:
        return not any(part.failed for part in self.parts)

    def __str__(self) -> str:
        lines: list[tuple[str, ...]] = [("", "entries", "largest error", "at", "analytic", "numeric", "verdict")]
        lines += [part.cells() for part in self.parts]
        widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
        table = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
        kinks = [f"  {part.name} {kink}" for part in self.parts for kink in part.kinks]
        wrong = ", ".join(part.name for part in self.parts if part.failed)
        return "\n".join(
            [
                self.network,
                f"loss {self.loss:.9g} over {self.rows} rows; gradients beside central differences in float64",
                *table,
                *(["at kinks, where the loss has a derivative to either side:", *kinks] if kinks else []),
                f"WRONG: {wrong}" if wrong else f"all right, to {self.tolerance:g} of the largest entry",
            ]
        )


def check_gradients(
    network: Model,
    X: ArrayLike,
    T: ArrayLike,
    sample_weight: ArrayLike | None = None,
    *,
    entries: int = 200,
    tolerance: float = TOLERANCE,
    random_state: int = 0,
) -> GradientReport:
    """Compare a network's gradients with central differences: to all weights, biases, inputs and targets.

    Everything is computed in float64, whatever the network's dtype.

    Parameters
    ----------
    network : Network
        Network whose gradients are checked.
    X : array_like of shape (n, n_in)
        Inputs.
    T : array_like of shape (n, n_targets) or (n,)
        Targets, as for `Network.fit`.
    sample_weight : array_like of shape (n,), optional
        Sample weights.
    entries : int, default=200
        Of larger arrays this many entries are compared, drawn at random.
    tolerance : float, default=1e-6
        Largest difference that counts as right, as a part of the array's largest entry.
    random_state : int, default=0
        Seed of the draw.

    Returns
    -------
    GradientReport
        Its attribute `passed` says whether all gradients are right. Printed, it is a table with the largest error of each
        array.

    Raises
    ------
    InputError
        If an argument does not fit.

    Notes
    -----
    Where a step crosses the kink of a relu, smaller steps are tried. On a kink itself the loss has two derivatives, one to
    either side: the report names the unit.

    Examples
    --------
    >>> import numpy as np
    >>> from tileprop.trainer import Network, check_gradients
    >>> X = np.random.default_rng(0).normal(size=(10, 2))
    >>> report = check_gradients(Network([2, 3, 1], activation="tanh", random_state=0), X, X[:, :1] ** 2)
    >>> report.passed
    True
    """
    most = positive_integer("entries", entries)
    check_within("tolerance", tolerance, 0.0, 1.0, above=True)
    plan, *rows = network.prepared(X, T, sample_weight)
    point = _Point(plan, *(array.astype(np.float64) for array in (network.theta, *rows)))
    generator = np.random.default_rng(random_state)
    parts = tuple(_compare(point, *given, most, tolerance, generator) for given in list(point.gradients()))
    return GradientReport(repr(network), point.loss(), len(point.X), tolerance, parts)


class _Point:
    """Where the loss is differentiated. Its arrays are moved in place, and moved back."""

    def __init__(self, plan: Plan, theta: np.ndarray, X: np.ndarray, T: np.ndarray, weight: np.ndarray) -> None:
        self.plan, self.theta, self.X, self.T, self.weight = plan, theta, X, T, weight
        self.work = make_workspace(plan, min(len(X), BATCH), derivatives=True)
        self.seconds = step_seconds(plan, len(X), theta.itemsize)

    def loss(self) -> float:
        arguments = self.plan, self.theta, self.X, self.T, self.weight, np.empty(0)
        return answering(self.seconds, self.work, kernels.loss_and_grad, *arguments)

    def gradients(self) -> Iterator[tuple[str, np.ndarray, np.ndarray | None]]:
        """Each part's name, its array, and the kernels' gradient to it; None where there is none."""
        plan, theta, X, T, weight, work = self.plan, self.theta, self.X, self.T, self.weight, self.work
        grad, dX, dT = np.empty_like(theta), np.empty_like(X), np.empty_like(T)
        answering(self.seconds, work, kernels.loss_and_grad, plan, theta, X, T, weight, grad)
        arrays = zip(*plan.unflatten(theta), *plan.unflatten(grad), strict=True)
        for layer, (W, b, dW, db) in enumerate(arrays, start=1):
            yield f"layer {layer} weights", W, dW
            if b.size:
                yield f"layer {layer} biases", b, db
        answering(self.seconds, work, kernels.input_gradient, plan, theta, X, T, weight, dX)
        yield "inputs", X, dX
        if loss_registry.with_code(plan.loss_code).target_kernel is None:
            yield "targets", T, None
        else:
            answering(self.seconds, work, kernels.target_gradient, plan, theta, X, T, weight, dT)
            yield "targets", T, dT

    def difference(self, array: np.ndarray, place: tuple[int, ...], step: float) -> tuple[float, float]:
        """Of the loss, to either side, by an entry of one of the arrays."""
        here, before = float(array[place]), self.loss()
        slopes = []
        for signed in (-step, step):
            array[place] = here + signed
            slopes.append((self.loss() - before) / (float(array[place]) - here))
        array[place] = here
        return slopes[0], slopes[1]

    def kinked(self, array: np.ndarray, place: tuple[int, ...], step: float) -> str:
        """The first unit of a relu whose pre-activation changes its sign within a step; empty where there is none."""
        here, sides = array[place], []
        for signed in (-step, step):
            array[place] = here + signed
            sides.append(self._pre_activations())
        array[place] = here
        for layer, (low, high) in enumerate(zip(*sides, strict=True)):
            name = self.plan.activations[layer]
            changed = np.argwhere((low > 0) != (high > 0))
            if len(changed) and name in ("relu", "leaky_relu"):
                row, unit = changed[0]
                return f"unit {unit} of layer {layer + 1} ({name}), row {row}"
        return ""

    def _pre_activations(self) -> list[np.ndarray]:
        return [Z for Z, _ in layer_by_layer(self.plan, self.theta, self.X)]


def _compare(
    point: _Point,
    name: str,
    array: np.ndarray,
    gradient: np.ndarray | None,
    most: int,
    tolerance: float,
    generator: np.random.Generator,
) -> Part:
    if gradient is None:
        labels = point.plan.loss == "log_loss"
        return Part(name, missing="none: class labels" if labels else "none: the loss has no target_gradient")
    chosen = np.arange(array.size)
    if array.size > most:
        chosen = np.sort(generator.choice(array.size, most, replace=False))
    largest = float(np.abs(gradient).max())
    rounding = LOSS_ULPS * _EPS * abs(point.loss())
    kinks: list[str] = []
    failed: list[tuple[int, ...]] = []
    worst: tuple[float, tuple[int, ...], float, float] = (-1.0, (), 0.0, 0.0)
    for place in zip(*(index.tolist() for index in np.unravel_index(chosen, array.shape)), strict=True):
        analytic = float(gradient[place])
        for part in PARTS:
            step = part * STEP * max(1.0, abs(float(array[place])))
            left, right = point.difference(array, place, step)
            numeric = (left + right) / 2
            allowed = tolerance * largest + rounding / step
            right_one = abs(analytic - numeric) <= allowed  # not so for NaN
            if right_one:
                break
        if not right_one and abs(left - right) > 4 * allowed:
            unit, between = (
                point.kinked(array, place, step),
                min(left, right) - allowed <= analytic <= max(left, right) + allowed,
            )
            if unit or between:
                kinks.append(f"{list(place)}: {unit or f'the loss ({point.plan.loss}), or a registered activation'}")
                continue
        if not right_one:
            failed.append(place)
        error = abs(analytic - numeric) / largest if largest else abs(analytic - numeric)
        if not error <= worst[0]:
            worst = (error, place, analytic, numeric)
    return Part(name, array.size, len(chosen), max(worst[0], 0.0), *worst[1:], tuple(kinks), tuple(failed))
