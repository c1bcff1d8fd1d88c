"""Model: a plan, its parameters, and predictions. What trains, saves, explains or differentiates a network takes a Model."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

# cloudpickle sends the code of np.recarray, which then does not work, unless the module of the class has been imported.
import numpy.rec
from numpy.typing import ArrayLike, DTypeLike

from .. import kernels
from ..kernels import Plan, Workspace, make_plan, make_workspace
from ..kernels.activations import activation_registry
from ..kernels.losses import loss_registry
from ..kernels.validation import real_dtype
from .arrays import as_inputs, as_real, as_targets, as_weights, unmasked
from .errors import InputError
from .frames import Given
from .initial import initial_theta
from .labels import Label, checked_classes
from .layers import layer_by_layer
from .other_names import meant_by_network, suggesting
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

    @suggesting
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
        self._classes: tuple[Label, ...] | None = None
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
        """All parameters, one vector (n_parameters,). Assigning copies the values into it, so that views stay valid."""
        return self._theta

    @theta.setter
    def theta(self, values: ArrayLike) -> None:
        array = as_real("theta", values, self.dtype)
        if array.shape != self._theta.shape:
            raise InputError(f"theta has shape {array.shape}; this network's is {self._theta.shape}")
        self._theta[:] = array

    @property
    def classes(self) -> tuple[Label, ...] | None:
        """Names of the classes: one for each softmax output, two for one sigmoid output; None for the numbers 0, 1, ...

        `Network.fit` sets them where its labels are text, in alphabetical order. Labels are then these names everywhere, and
        saved files keep them. Assign a list for another order, or for labels that are other numbers.

        Raises
        ------
        InputError
            Where as many names as classes are not given, and for a network without classes.

        Examples
        --------
        >>> from tileprop import Network
        >>> network = Network([2, 3], output_activation="softmax", loss="log_loss")
        >>> network.classes = [1, 2, 5]
        >>> network.predict_classes([[0.0, 0.0]]).tolist()
        [1]
        """
        return self._classes

    @classes.setter
    def classes(self, names: Sequence[Any] | None) -> None:
        self._classes = checked_classes(names, self.plan)

    def unflatten(self, vector: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """View a vector that is laid out like `theta`, a gradient for instance, layer by layer.

        Parameters
        ----------
        vector : ndarray of shape (n_parameters,)
            The vector, contiguous.

        Returns
        -------
        weights : list of ndarray of shape (n_in, n_out)
            The part of each layer's weights, views.
        biases : list of ndarray of shape (n_out,)
            The part of each layer's biases, views; empty without biases.

        Raises
        ------
        ValueError
            For a vector of another length.

        Examples
        --------
        >>> from tileprop import Network
        >>> network = Network([3, 2])
        >>> loss, grad = network.loss_and_grad([[1.0, 2.0, 3.0]], [[0.0, 1.0]])
        >>> weights, biases = network.unflatten(grad)
        >>> weights[0].shape, biases[0].shape
        ((3, 2), (2,))
        """
        return self.plan.unflatten(vector)

    # From samples to predictions -------------------------------------------------------------------------------------------

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Compute the outputs. Memory beyond the result is bounded for any number of rows, and Ctrl-C is answered at once.

        Parameters
        ----------
        X : array-like of shape (n, n_in)
            Inputs: numbers, in an array, a list or a data frame of pandas or polars.

        Returns
        -------
        ndarray of shape (n, n_out)
            Outputs, in the network's dtype.

        Raises
        ------
        InputError
            For inputs of another shape, and where they contain NaN or infinity.

        Examples
        --------
        >>> from tileprop import Network
        >>> network = Network([2, 1], output_activation="identity")
        >>> network.theta = [1.0, 2.0, 0.5]
        >>> network.predict([[1.0, 1.0], [0.0, 2.0]]).tolist()
        [[3.5], [4.5]]
        """
        n_in, given = self.plan.sizes[0], unmasked("X", X)
        if given.array.ndim != 2 or len(given.array) <= self._rows_at_a_time:
            return self.outputs(as_inputs(given, n_in, self.dtype))
        Y = np.empty((len(given.array), self.plan.sizes[-1]), self.dtype)
        for start in range(0, len(Y), self._rows_at_a_time):
            rows = slice(start, start + self._rows_at_a_time)
            part = Given(given.array[rows], given.columns)
            Y[rows] = self.outputs(as_inputs(part, n_in, self.dtype, first_row=start))
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
        """Compute the outputs of every layer.

        Parameters
        ----------
        X : array-like of shape (n, n_in)
            Inputs.

        Returns
        -------
        list of ndarray of shape (n, width)
            Outputs of each layer; the last are the predictions.

        Raises
        ------
        InputError
            For inputs that do not fit.

        Examples
        --------
        >>> from tileprop import Network
        >>> [A.shape for A in Network([2, 5, 1]).activations([[1.0, 2.0]])]
        [(1, 5), (1, 1)]
        """
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
        """Compute the mean loss over rows.

        Parameters
        ----------
        X : array-like of shape (n, n_in)
            Inputs.

        T : array-like of shape (n,) or (n, n_targets)
            Targets, as `Network.fit` takes them.

        sample_weight : array-like of shape (n,), default=None
            Weights of the rows; the mean is weighted by them.

        Returns
        -------
        float
            The loss, without penalties.

        Raises
        ------
        InputError
            For data that do not fit.

        Examples
        --------
        >>> from tileprop import Network
        >>> network = Network([1, 1], output_activation="identity")
        >>> network.theta = [1.0, 0.0]
        >>> network.loss([[1.0], [2.0]], [1.0, 4.0])
        2.0
        """
        plan, X, T, weight = self.prepared(X, T, sample_weight)
        return self.mean_loss(plan, X, T, weight)

    def loss_and_grad(self, X: ArrayLike, T: ArrayLike, sample_weight: ArrayLike | None = None) -> tuple[float, np.ndarray]:
        """Compute the mean loss over rows, and its gradient.

        Parameters
        ----------
        X : array-like of shape (n, n_in)
            Inputs.

        T : array-like of shape (n,) or (n, n_targets)
            Targets, as `Network.fit` takes them.

        sample_weight : array-like of shape (n,), default=None
            Weights of the rows.

        Returns
        -------
        loss : float
            The loss, without penalties.
        grad : ndarray of shape (n_parameters,)
            Derivatives by the parameters, a new vector laid out like `theta`; see `unflatten`.

        Raises
        ------
        InputError
            For data that do not fit.

        Examples
        --------
        >>> from tileprop import Network
        >>> loss, grad = Network([3, 2]).loss_and_grad([[1.0, 2.0, 3.0]], [[0.0, 1.0]])
        >>> grad.shape
        (8,)
        """
        plan, X, T, weight = self.prepared(X, T, sample_weight)
        grad = np.empty_like(self._theta)
        return self.mean_loss(plan, X, T, weight, grad), grad

    def mean_loss(self, plan: Plan, X: np.ndarray, T: np.ndarray, weight: np.ndarray, grad: np.ndarray | None = None) -> float:
        """`loss` for what `prepared` gave. grad: like theta, OUT, or None."""
        grad = np.empty(0, self.dtype) if grad is None else grad
        seconds = len(X) * self.seconds_a_row
        if isinstance(X, SparseInputs):
            return X.loss_and_grad(plan, self._theta, T, weight, grad, seconds)
        with self._borrowed(plan, min(len(X), PREDICT_ROWS)) as work:
            return answering(seconds, work, kernels.loss_and_grad, plan, self._theta, X, T, weight, grad)

    def _borrowed(self, plan: Plan, rows: int) -> _Borrowed:
        return _Borrowed(self._spare, plan, rows, self.dtype)

    def prepared(
        self,
        X: ArrayLike,
        T: ArrayLike,
        sample_weight: ArrayLike | None,
        prefix: str = "",
        classes: tuple[Label, ...] | None = None,
    ) -> tuple[Plan, np.ndarray, np.ndarray, np.ndarray]:
        """X, T and sample weights as kernels take them, and the plan for such targets.

        prefix: of their names in errors. classes: instead of the network's own.
        """
        X, T, weight = checked_rows(self.plan, self.dtype, X, T, sample_weight, prefix, classes or self._classes)
        return plan_for(self.plan, T), X, T, weight

    def workspace(self, batch_size: int) -> Workspace:
        """Make scratch memory for this network, which kernels of `tileprop.kernels` take.

        Parameters
        ----------
        batch_size : int
            Number of rows that it has room for.

        Returns
        -------
        Workspace
            New memory.
        """
        return make_workspace(self.plan, batch_size, self.dtype)


def plan_for(plan: Plan, T: np.ndarray) -> Plan:
    """A network's plan for such targets (n, n_targets): of class labels there is one column, whatever the number of outputs."""
    return plan if T.shape[1] == plan.n_targets else make_plan(**plan.arguments, n_targets=T.shape[1])


def checked_rows(
    plan: Plan,
    dtype: np.dtype[Any],
    X: ArrayLike,
    T: ArrayLike,
    sample_weight: ArrayLike | None,
    prefix: str = "",
    classes: tuple[Label, ...] | None = None,
    first_row: int = 0,
    part: bool = False,
    fortran: bool = False,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """X, T and sample weights as kernels take them, for a network's plan and dtype.

    prefix: of their names in errors. first_row: the number of the first row, for errors. part: whether these are a part of all
    rows, whose weights may all be zero. fortran: whether X of Fortran order may stay so.
    """
    if not isinstance(X, SparseInputs):  # which is checked already
        X = as_inputs(X, plan.sizes[0], dtype, f"{prefix}X", first_row, fortran)
    if len(X) == 0:
        raise InputError(f"{prefix}X has no rows; give at least one")
    T = as_targets(T, plan, len(X), dtype, f"{prefix}T", classes, first_row)
    return X, T, as_weights(sample_weight, len(X), dtype, f"{prefix}sample_weight", first_row, part)
