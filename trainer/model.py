"""Model: a plan, its parameters, and predictions. What trains, saves, explains or differentiates a network takes a Model."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from .. import kernels
from ..kernels import Plan, Workspace, make_plan, make_workspace
from ..kernels.activations import activation_registry
from ..kernels.losses import loss_registry
from ..kernels.validation import real_dtype
from .arrays import as_inputs, as_real, as_targets, as_weights, unmasked
from .errors import InputError
from .initial import initial_theta
from .layers import layer_by_layer
from .other_names import meant_by_network
from .sparse_inputs import SparseInputs
from .threads.long_calls import answering
from .threads.number import step_seconds

# predict works through its rows in blocks; a workspace for this many is enough for any number.
PREDICT_ROWS = 4096
# For so few, a smaller one does.
FEW_ROWS = 64
# Multiply-adds, or so, of one call, which nothing interrupts: 10 to 50 ms.
WORK_AT_A_TIME = 1 << 27
# Workspaces are kept for the next call, since to make one takes longer than to predict a few rows. So many, none larger.
KEPT, KEPT_BYTES = 4, 1 << 25

# Attributes that a copy does not take over.
_MADE_ANEW = {"weights", "biases", "_spare", "seconds_a_row"}

# Of a workspace: its rows, and the columns of its targets.
_Key = tuple[int, int]


class _Borrowed:
    """A workspace for a `with` statement: a spare one, taken out so that no two threads have the same, or a new one."""

    def __init__(self, spare: dict[_Key, Workspace], plan: Plan, rows: int, dtype: np.dtype[Any]) -> None:
        self._spare, self._key = spare, (rows, plan.n_targets)
        work = spare.pop(self._key, None)
        self._work = make_workspace(plan, rows, dtype) if work is None else work

    def __enter__(self) -> Workspace:
        return self._work

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        # After an interrupt it says that what it is for is to be abandoned.
        if kind is None and len(self._spare) < KEPT and self._work.numbers.nbytes <= KEPT_BYTES:
            self._spare[self._key] = self._work


def _generator(random_state: Any) -> np.random.Generator:
    try:
        return np.random.default_rng(random_state)
    except (TypeError, ValueError):
        raise InputError(
            f"random_state is {random_state!r}; it must be a whole number of at least 0, a numpy.random.Generator, or None"
        ) from None


class Model:
    """A dense network's plan and parameters; for the arguments see `Network`."""

    def __init__(
        self,
        sizes: Sequence[int],
        activation: str | Sequence[str] = "sigmoid",
        output_activation: str = "sigmoid",
        loss: str = "mse",
        bias: bool = True,
        dtype: DTypeLike = "float32",
        random_state: int | np.random.Generator | None = 0,
        initial: str | np.ndarray = "auto",
        quantile: float | Sequence[float] | None = None,
        delta: float | None = None,
    ) -> None:
        try:
            self.plan = make_plan(sizes, activation, output_activation, loss, bias, quantile=quantile, delta=delta)
        except ValueError as error:
            hidden = [activation] if isinstance(activation, str) or not np.iterable(activation) else activation
            raise InputError(f"{error}{meant_by_network([*hidden, output_activation], loss)}") from None
        self.dtype = real_dtype(dtype)
        self.generator = _generator(random_state)
        self._theta = initial_theta(self.plan, initial, self.generator, self.dtype)
        self._spare: dict[_Key, Workspace] = {}
        self.weights, self.biases = self.plan.unflatten(self._theta)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({self.plan.sizes}, activations={self.plan.activations}, loss={self.plan.loss!r}, "
            f"bias={self.plan.bias}, dtype={self.dtype.name!r}): {self.plan.n_parameters} parameters"
        )

    def __getstate__(self) -> dict[str, Any]:
        kept = {name: value for name, value in vars(self).items() if name not in _MADE_ANEW}
        return {**kept, "names": (self.plan.activations, self.plan.loss)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        activations, loss = state["names"]
        for name in activations:
            if name not in activation_registry:
                raise ValueError(f"the network has an activation {name!r}; register_activation it before unpickling")
        if loss not in loss_registry:
            raise ValueError(f"the network has a loss {loss!r}; register_loss it before unpickling")
        vars(self).update({name: value for name, value in state.items() if name != "names"})
        # Copied or unpickled apart from theta, the views would no longer be views of it.
        self.weights, self.biases = self.plan.unflatten(self._theta)
        self._spare = {}

    @property
    def theta(self) -> np.ndarray:
        """All parameters, one vector. Assigning copies values into it, so that views stay valid."""
        return self._theta

    @theta.setter
    def theta(self, values: ArrayLike) -> None:
        array = as_real("theta", values, self.dtype)
        if array.shape != self._theta.shape:
            raise InputError(f"theta has shape {array.shape}; this network's is {self._theta.shape}")
        self._theta[:] = array

    def unflatten(self, vector: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Views of a vector laid out like theta, a gradient for instance: each layer's weights, each layer's biases."""
        return self.plan.unflatten(vector)

    # From samples to predictions -------------------------------------------------------------------------------------------

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Outputs (n, n_out) for X (n, n_in). Memory beyond the result is bounded, whatever n; Ctrl-C ends it at once."""
        n_in, given = self.plan.sizes[0], unmasked("X", X)
        if given.ndim != 2 or len(given) <= self._rows_at_a_time:
            return self.outputs(as_inputs(given, n_in, self.dtype))
        Y = np.empty((len(given), self.plan.sizes[-1]), self.dtype)
        for start in range(0, len(given), self._rows_at_a_time):
            rows = slice(start, start + self._rows_at_a_time)
            Y[rows] = self.outputs(as_inputs(given[rows], n_in, self.dtype, first_row=start))
        return Y

    @property
    def _rows_at_a_time(self) -> int:
        """So few that to predict them takes some hundredths of a second, but for large networks."""
        return max(PREDICT_ROWS, self._short_rows)

    @property
    def _short_rows(self) -> int:
        """The same for networks of any size, as far as that goes."""
        work_of_a_row = self.plan.n_parameters + 16 * sum(self.plan.sizes[1:])
        return max(FEW_ROWS, WORK_AT_A_TIME // work_of_a_row // FEW_ROWS * FEW_ROWS)

    @functools.cached_property
    def seconds_a_row(self) -> float:
        """Roughly how long a loss and its gradient take, for each row."""
        return step_seconds(self.plan, 1, self.dtype.itemsize)

    def outputs(self, X: np.ndarray) -> np.ndarray:
        """`predict` for X that is known to be finite, C-contiguous and of the network's dtype."""
        Y = np.empty((len(X), self.weights[-1].shape[1]), self.dtype)
        if len(X) <= FEW_ROWS:
            self._predict(X, Y)
        else:
            at_a_time = self._rows_at_a_time
            for start in range(0, len(X), at_a_time):
                self._predict(X[start : start + at_a_time], Y[start : start + at_a_time])
        return Y

    def _predict(self, X: np.ndarray, Y: np.ndarray) -> None:
        """Y (n, n_out) OUT, in one call."""
        with self._borrowed(self.plan, FEW_ROWS if len(X) <= FEW_ROWS else PREDICT_ROWS) as work:
            if len(X) == 1:  # on theta as it is: twice as fast for wide layers, and no slower for any
                kernels.predict_one(self.plan, self._theta, X[0], Y[0], work)
            else:
                answering(len(X) * self.seconds_a_row, work, kernels.predict, self.plan, self._theta, X, Y)

    def activations(self, X: ArrayLike) -> list[np.ndarray]:
        """The output of every layer for X (n, n_in): arrays (n, width), the last of which is the prediction."""
        rows = as_inputs(X, self.plan.sizes[0], self.dtype)
        at_a_time = self._short_rows
        if len(rows) <= at_a_time:
            return [A for _, A in layer_by_layer(self.plan, self._theta, rows)]
        result = [np.empty((len(rows), width), self.dtype) for width in self.plan.sizes[1:]]
        for start in range(0, len(rows), at_a_time):
            here = slice(start, start + at_a_time)
            for A, (_, part) in zip(result, layer_by_layer(self.plan, self._theta, rows[here]), strict=True):
                A[here] = part
        return result

    def loss(self, X: ArrayLike, T: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Mean loss over the rows of X (n, n_in) with targets T, weighted by sample_weight where given."""
        plan, X, T, weight = self.prepared(X, T, sample_weight)
        return self._loss(plan, X, T, weight, np.empty(0, self.dtype))

    def loss_and_grad(self, X: ArrayLike, T: ArrayLike, sample_weight: ArrayLike | None = None) -> tuple[float, np.ndarray]:
        """Mean loss over the rows, and its gradient, a new vector laid out like theta (see `unflatten`)."""
        plan, X, T, weight = self.prepared(X, T, sample_weight)
        grad = np.empty_like(self._theta)
        return self._loss(plan, X, T, weight, grad), grad

    def _loss(self, plan: Plan, X: np.ndarray, T: np.ndarray, weight: np.ndarray, grad: np.ndarray) -> float:
        """grad: like theta, OUT, or empty."""
        seconds = len(X) * self.seconds_a_row
        if isinstance(X, SparseInputs):
            return X.loss_and_grad(plan, self._theta, T, weight, grad, seconds)
        with self._borrowed(plan, min(len(X), PREDICT_ROWS)) as work:
            return answering(seconds, work, kernels.loss_and_grad, plan, self._theta, X, T, weight, grad)

    def _borrowed(self, plan: Plan, rows: int) -> _Borrowed:
        return _Borrowed(self._spare, plan, rows, self.dtype)

    def prepared(
        self, X: ArrayLike, T: ArrayLike, sample_weight: ArrayLike | None, prefix: str = ""
    ) -> tuple[Plan, np.ndarray, np.ndarray, np.ndarray]:
        """X, T and sample weights as kernels take them, and the plan for such targets. `prefix` names them in errors."""
        if not isinstance(X, SparseInputs):  # which is checked already
            X = as_inputs(X, self.plan.sizes[0], self.dtype, f"{prefix}X")
        if len(X) == 0:
            raise InputError(f"{prefix}X has no rows; give at least one")
        T = as_targets(T, self.plan, len(X), self.dtype, f"{prefix}T")
        weight = as_weights(sample_weight, len(X), self.dtype, f"{prefix}sample_weight")
        plan = self.plan
        if T.shape[1] != plan.n_targets:
            plan = make_plan(**plan.arguments, n_targets=T.shape[1])
        return plan, X, T, weight

    def workspace(self, batch_size: int) -> Workspace:
        """New scratch memory for this network."""
        return make_workspace(self.plan, batch_size, self.dtype)
