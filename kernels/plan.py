"""Plan and State: what a network is, and what training carries.

Both are NamedTuples of plain arrays, so that compiled code takes them as they are, and one compilation serves every
architecture. theta, the parameters, is one flat float array: W0, b0, W1, b1, ... in layer order, each W (n_in, n_out)
row-major. The fourth noun, scratch memory, is in `workspace.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from .activations import activation_registry
from .losses import loss_registry
from .training import optimizers
from .validation import activation_names, chosen_loss, layer_sizes, loss_parameters, real_dtype, target_columns

# Row 0 of Plan.table describes the network, row l + 1 its layer l.
N_LAYERS, N_PARAMETERS, LOSS, N_TARGETS, BIASED = range(5)
N_IN, N_OUT, ACTIVATION, WEIGHTS_AT, BIASES_AT = range(5)


class Plan(NamedTuple):
    """What the network is: sizes, offsets into theta, activation and loss codes. Made by `make_plan`."""

    table: np.ndarray  # int64 (n_layers + 1, 5)
    numbers: np.ndarray  # float64, parameters of the loss

    @property
    def sizes(self) -> list[int]:
        """Layer sizes from the inputs to the outputs."""
        return [int(self.table[1, N_IN]), *self.table[1:, N_OUT].tolist()]

    @property
    def n_layers(self) -> int:
        return int(self.table[0, N_LAYERS])

    @property
    def n_parameters(self) -> int:
        return int(self.table[0, N_PARAMETERS])

    @property
    def n_targets(self) -> int:
        return int(self.table[0, N_TARGETS])

    @property
    def activations(self) -> list[str]:
        """The name of each layer's activation."""
        return [activation_registry.with_code(int(code)).name for code in self.table[1:, ACTIVATION]]

    @property
    def loss(self) -> str:
        return loss_registry.with_code(int(self.table[0, LOSS])).name

    @property
    def loss_parameter(self) -> dict[str, float | list[float]]:
        """The loss's parameter by its name, as `make_plan` takes it; empty where it has none."""
        parameter, values = loss_registry.with_code(int(self.table[0, LOSS])).parameter, self.numbers.tolist()
        return {} if parameter is None else {parameter.name: values[0] if len(values) == 1 else values}

    @property
    def bias(self) -> bool:
        return bool(self.table[0, BIASED])

    @property
    def arguments(self) -> dict[str, Any]:
        """What `make_plan` makes this plan of, n_targets apart; numbers, strings and lists, as JSON holds them."""
        *hidden, output = self.activations
        described = {"sizes": self.sizes, "activation": hidden, "output_activation": output, "loss": self.loss}
        return {**described, "bias": self.bias, **self.loss_parameter}

    def unflatten(self, vector: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Views of a vector laid out like theta: the layers' W (n_in, n_out) and b (n_out, or empty without biases)."""
        if vector.shape != (self.n_parameters,):
            raise ValueError(f"vector has shape {vector.shape}; this plan has {self.n_parameters} parameters, in one dimension")
        weights, biases = [], []
        ends = [*self.table[2:, WEIGHTS_AT], self.n_parameters]
        for row, end in zip(self.table[1:], ends, strict=True):
            weights.append(vector[row[WEIGHTS_AT] : row[BIASES_AT]].reshape(row[N_IN], row[N_OUT]))
            biases.append(vector[row[BIASES_AT] : end])
        return weights, biases


class State(NamedTuple):
    """What training carries besides theta. Made by `make_state`; theta and State are all that a checkpoint needs."""

    codes: np.ndarray  # int64: the rule's code, steps taken, rows of the epoch done, status
    scalars: np.ndarray  # float64: hyperparameters
    first: np.ndarray  # velocity, or Adam's first moment; empty where the rule has none
    second: np.ndarray  # Adam's second moment; empty where the rule has none


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
    """Describe a dense network.

    sizes: widths from inputs to outputs, at least two. activation: of the hidden layers, one name or one for each.
    loss: a name, see `losses`; "log_loss" goes over softmax or sigmoid outputs, "poisson" over exp, "gaussian_nll" over two
    identity outputs for each target: all means, then all logarithms of variances.
    n_targets: columns of T; as many as the outputs are for unless given; 1 with softmax and log_loss means class indices.
    quantile: of the loss "quantile", 0.5 unless given: a level between 0 and 1, or a rising list, with outputs for each.
    delta: of the loss "huber", 1 unless given.

    Raises ValueError or TypeError where an argument does not fit, before anything is made.
    """
    widths = layer_sizes(sizes)
    names = activation_names(activation, output_activation, len(widths) - 1)
    chosen = chosen_loss(loss, output_activation)
    numbers = loss_parameters(chosen, quantile=quantile, delta=delta)
    chosen, n_targets = target_columns(chosen, widths[-1], len(numbers), n_targets)
    table = np.zeros((len(widths), 5), np.int64)
    offset = 0
    for layer, (n_in, n_out) in enumerate(pairwise(widths), start=1):
        biases_at = offset + n_in * n_out
        table[layer] = n_in, n_out, activation_registry[names[layer - 1]].code, offset, biases_at
        offset = biases_at + (n_out if bias else 0)
    table[0] = len(widths) - 1, offset, chosen.code, n_targets, bias
    return Plan(table, numbers)


def make_state(
    plan: Plan,
    rule: str = "sgd",
    dtype: DTypeLike = "float64",
    *,
    learning_rate: float = 0.1,
    momentum: float = 0.0,
    nesterov: bool = False,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-8,
    epsilon_hat: bool = False,
    alpha: float = 0.0,
    l1: float = 0.0,
    weight_decay: float = 0.0,
    clip_norm: float = 0.0,
    seed: int = 0,
) -> State:
    """Fresh training state for `plan`: rule "sgd" (with momentum, Nesterov's if asked), "adam", "nadam", "rmsprop" or "rprop".

    beta_2, momentum: of rmsprop, too. epsilon_hat: of adam alone. alpha, l1, weight_decay, clip_norm: see `optimizers.py`; 0
    for none. seed: of dropout, a whole number from 0 to 2^32 - 1.
    """
    real = real_dtype(dtype)
    adaptive = {
        "adam": optimizers.ADAM,
        "nadam": optimizers.NADAM,
        "rmsprop": optimizers.RMSPROP,
        "rprop": optimizers.RPROP,
    }
    if rule in adaptive:
        code, vectors = adaptive[rule], 2
    elif rule == "sgd":
        code = optimizers.SGD if momentum == 0 else optimizers.NESTEROV if nesterov else optimizers.MOMENTUM
        vectors = 0 if code == optimizers.SGD else 1
    else:
        raise ValueError(f"rule is {rule!r}; it must be 'sgd', 'adam', 'nadam', 'rmsprop' or 'rprop'")
    second = np.zeros(plan.n_parameters if vectors > 1 else 0, real)
    if rule == "rprop":
        second[:] = learning_rate  # each parameter's own step
    scalars = [learning_rate, momentum, beta_1, beta_2, epsilon, epsilon_hat, alpha, l1, weight_decay, clip_norm, seed]
    return State(
        codes=np.array([code, 0, 0, optimizers.RUNNING]),
        scalars=np.array(scalars, np.float64),
        first=np.zeros(plan.n_parameters if vectors > 0 else 0, real),
        second=second,
    )
