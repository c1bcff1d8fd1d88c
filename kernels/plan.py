"""Plan: what a network is. One compilation serves every architecture, since a plan is data and no type.

theta, the parameters, is one flat float array: W0, b0, W1, b1, ... in layer order, each W (n_in, n_out) row by row.
"""

from __future__ import annotations

import functools
from collections import namedtuple
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from .activations import activation_registry
from .losses import loss_registry
from .records import make_records, record_type
from .validation import activation_names, chosen_loss, layer_sizes, loss_parameters, target_columns

# Of the network. loss: its code. n_targets: columns of T. biased: whether layers have biases. loss_parameter: a value of the
# loss's parameter, of which there may be several.
PLAN_HEADER = record_type(
    ("n_layers", np.int64),
    ("n_parameters", np.int64),
    ("n_targets", np.int64),
    ("loss", np.int64),
    ("n_loss_parameters", np.int64),
    ("loss_parameter", np.float64),
    ("biased", np.bool_),
)
# Of a layer. activation: its code. theta_weights, theta_biases: where W and b begin in theta.
PLAN_LAYER = record_type(
    ("n_in", np.int64),
    ("n_out", np.int64),
    ("activation", np.int64),
    ("theta_weights", np.int64),
    ("theta_biases", np.int64),
)


# A record's fields as Python's own numbers, which are read in a tenth of the time.
_Header: Any = namedtuple("_Header", PLAN_HEADER.names or ())  # type: ignore[misc]
_Layer: Any = namedtuple("_Layer", PLAN_LAYER.names or ())  # type: ignore[misc]


class Plan(NamedTuple):
    """Layer sizes, activations and loss of a network, made by `make_plan`.

    A plan is read-only: a workspace holds copies of its numbers, and kernels refuse a plan that differs from them.
    `make_workspace` refuses a plan whose sizes and offsets disagree.

    Parameters
    ----------
    header : recarray
        Numbers of the whole network: one record, or one for each value of the loss's parameter.
    layers : recarray of shape (n_layers,)
        Numbers of each layer: `n_in`, `n_out`, `activation` (a code), and where its weights and biases begin in theta.

    Examples
    --------
    >>> from tileprop.kernels import make_plan
    >>> plan = make_plan([3, 8, 2], activation="tanh", output_activation="softmax", loss="log_loss")
    >>> plan.sizes, plan.n_parameters, plan.activations, plan.loss
    ([3, 8, 2], 50, ['tanh', 'softmax'], 'log_loss')
    >>> plan.layers.n_in.tolist()
    [3, 8]
    """

    # PLAN_HEADER: one record, or one for each value of the loss's parameter, which differ in that value alone. (An array of its
    # own would cost every call from Python 0.15 us, a twentieth of what `predict_one` takes.)
    header: np.recarray[Any, Any]
    layers: np.recarray[Any, Any]  # (n_layers,) PLAN_LAYER

    @property
    def _header(self) -> Any:
        return _Header(*self.header.item(0))

    @property
    def _layers(self) -> list[Any]:
        return [_Layer(*layer) for layer in self.layers.tolist()]

    @property
    def sizes(self) -> list[int]:
        """Layer sizes from the inputs to the outputs."""
        layers = self._layers
        return [layers[0].n_in, *(layer.n_out for layer in layers)]

    @property
    def n_layers(self) -> int:
        return int(self._header.n_layers)

    @property
    def n_parameters(self) -> int:
        return int(self._header.n_parameters)

    @property
    def n_targets(self) -> int:
        return int(self._header.n_targets)

    @property
    def activations(self) -> list[str]:
        """The name of each layer's activation."""
        return [activation_registry.with_code(layer.activation).name for layer in self._layers]

    @property
    def loss(self) -> str:
        return loss_registry.with_code(self.loss_code).name

    @property
    def loss_code(self) -> int:
        """The loss's code: one of several where a name stands for several, as `log_loss` does."""
        return int(self._header.loss)

    @property
    def loss_parameters(self) -> np.ndarray:
        """The values of the loss's parameter, float64; empty where it has none."""
        return self.header.loss_parameter[: self._header.n_loss_parameters].copy()

    @property
    def loss_parameter(self) -> dict[str, float | list[float]]:
        """The loss's parameter by its name, as `make_plan` takes it; empty where it has none."""
        parameter, values = loss_registry.with_code(self.loss_code).parameter, self.loss_parameters.tolist()
        return {} if parameter is None else {parameter.name: values[0] if len(values) == 1 else values}

    @property
    def bias(self) -> bool:
        return bool(self._header.biased)

    @property
    def key(self) -> tuple[Any, ...]:
        """The same for equal plans, hashable. (Not the records' bytes: those between the fields of a copy may be anything.)"""
        return *self.header.tolist(), *self.layers.tolist()

    @property
    def arguments(self) -> dict[str, Any]:
        """What `make_plan` makes this plan of, n_targets apart; numbers, strings and lists, as JSON holds them."""
        *hidden, output = self.activations
        described = {"sizes": self.sizes, "activation": hidden, "output_activation": output, "loss": self.loss}
        return {**described, "bias": self.bias, **self.loss_parameter}

    def unflatten(self, vector: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Split a vector that is laid out like theta into the layers' weights and biases.

        Parameters
        ----------
        vector : ndarray of shape (n_parameters,)
            Parameters, or a gradient to them.

        Returns
        -------
        weights : list of ndarray of shape (n_in, n_out)
            Weights of each layer, as views of `vector`.
        biases : list of ndarray of shape (n_out,)
            Biases of each layer, as views; of shape (0,) without biases.

        Raises
        ------
        ValueError
            If `vector` has another shape.
        """
        count = self.n_parameters
        if vector.shape != (count,):
            raise ValueError(f"vector has shape {vector.shape}; this plan has {count} parameters, in one dimension")
        layers = self._layers
        ends = [*(layer.theta_weights for layer in layers[1:]), count]
        weights = [vector[one.theta_weights : one.theta_biases].reshape(one.n_in, one.n_out) for one in layers]
        return weights, [vector[layer.theta_biases : end] for layer, end in zip(layers, ends, strict=True)]


def make_plan(
    sizes: Sequence[int],
    activation: str | Sequence[str] = "sigmoid",
    output_activation: str = "sigmoid",
    loss: str = "mse",
    bias: bool = True,
    n_targets: int | None = None,
    quantile: float | Sequence[float] | None = None,
    delta: float | None = None,
) -> Plan:
    """Describe a dense network: its layer sizes, activations and loss.

    Parameters
    ----------
    sizes : sequence of int
        Widths of the layers from the inputs to the outputs, at least two.
    activation : str or sequence of str, default="sigmoid"
        Activation of the hidden layers: one name, or one for each.
    output_activation : str, default="sigmoid"
        Activation of the last layer.
    loss : str, default="mse"
        "mse", "squared_error", "sum_squared_error", "mae", "huber", "quantile", "gaussian_nll" (over identity outputs),
        "poisson" (over exp), "log_loss" (over softmax or sigmoid), or a registered one.
    bias : bool, default=True
        Whether layers have biases.
    n_targets : int, optional
        Columns of T; by default as many as the outputs need. 1 with softmax and "log_loss": T holds class numbers from 0.
    quantile : float or sequence of float, optional
        Level of the loss "quantile", between 0 and 1, or a rising list of levels. Default 0.5.
    delta : float, optional
        Where the loss "huber" becomes linear. Default 1.

    Returns
    -------
    Plan
        What every kernel takes as its first argument.

    Raises
    ------
    ValueError
        If a value is not possible; the message names the argument.
    TypeError
        If an argument is of another type.

    Notes
    -----
    "quantile" has an output for each level of each target: all targets at the first level, then all at the next. "gaussian_nll"
    has two outputs for each target: all means, then all logarithms of variances.

    Examples
    --------
    >>> from tileprop.kernels import make_plan
    >>> plan = make_plan([4, 16, 3], activation="relu", output_activation="softmax", loss="log_loss")
    >>> plan.n_parameters
    131
    """
    widths = layer_sizes(sizes)
    names = activation_names(activation, output_activation, len(widths) - 1)
    chosen = chosen_loss(loss, output_activation)
    parameters = loss_parameters(chosen, quantile=quantile, delta=delta)
    chosen, n_targets = target_columns(chosen, widths[-1], len(parameters), n_targets)
    activations = tuple(activation_registry[name].code for name in names)
    made = _plan_of(tuple(widths), activations, chosen.code, tuple(parameters), n_targets, bool(bias))
    return Plan(*(records.copy() for records in made))


@functools.lru_cache(maxsize=64)
def _plan_of(
    widths: tuple[int, ...], activations: tuple[int, ...], loss: int, parameters: tuple[float, ...], n_targets: int, bias: bool
) -> Plan:
    """The plan of these codes and numbers, of which callers get copies: to fill the records takes longer than all else."""
    header, layers = make_records(max(1, len(parameters)), PLAN_HEADER), make_records(len(widths) - 1, PLAN_LAYER)
    offset = 0
    for layer, activation, (n_in, n_out) in zip(layers, activations, pairwise(widths), strict=True):
        layer.n_in, layer.n_out, layer.activation = n_in, n_out, activation
        layer.theta_weights, layer.theta_biases = offset, offset + n_in * n_out
        offset = layer.theta_biases + (n_out if bias else 0)
    header.n_layers, header.n_parameters, header.n_targets = len(layers), offset, n_targets
    header.loss, header.n_loss_parameters, header.biased = loss, len(parameters), bias
    header.loss_parameter[: len(parameters)] = parameters
    return Plan(header, layers)


def check_plan(plan: Plan) -> None:
    """Raise ValueError where numbers in a plan's records do not agree with one another, as somebody may have changed them."""
    header, layers = plan.header[0], plan.layers
    offset, agree = 0, header.n_layers == len(layers) and 0 <= header.n_loss_parameters <= len(plan.header)
    width = int(layers[0].n_in) if len(layers) else 0
    for layer in layers:
        n_in, n_out = int(layer.n_in), int(layer.n_out)
        ends = offset + n_in * n_out
        agree &= n_in == width > 0 and n_out > 0 and (layer.theta_weights, layer.theta_biases) == (offset, ends)
        offset, width = ends + (n_out if header.biased else 0), n_out
    agree &= 0 < header.n_targets and header.n_parameters == offset and len(layers) > 0
    if not agree:
        raise ValueError("the plan's sizes and offsets contradict each other; make it with make_plan")
