"""The two documents' worked examples as data, and the figures that they print, reproduced by the kernels.

Both documents work one sample through one tiny network by hand. `Document.printed` holds their figures, digit by digit;
`reproduced` computes the same figures by the steps that the document took, which are not everywhere those of the chain rule:
see `trainer/lessons.py`.
"""

from __future__ import annotations

import math
import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numba
import numpy as np

from ... import kernels
from ...kernels.compiler.processor import host_features
from ..errors import InputError
from ..fit.optimizers import SGD
from ..network import Network
from .chain_rule import Backward, backward, copy_of, forward, loss_of

Numbers = tuple[float, ...]

# Array figures are printed with eight decimals, trailing zeros cut off.
PRINTED_DECIMALS = 8
# Where the last bit of a figure printed in full is not certain: units in the last place.
LAST_PLACES = 4


class FiguresDifferError(AssertionError):
    """Printed digits are not reproduced; `differences` has a line for each such figure."""

    def __init__(self, differences: list[str]) -> None:
        super().__init__("; ".join(differences))
        self.differences = differences


@dataclass(frozen=True)
class Document:
    """One sample, one network, and what the document prints. Parameters as lists of rows, figures row by row."""

    number: int
    sizes: tuple[int, ...]
    loss: str
    x: Numbers
    t: Numbers
    learning_rate: float
    weights: tuple[tuple[Numbers, ...], ...]
    biases: tuple[Numbers, ...]
    printed: Mapping[str, tuple[str, ...]]

    def network(self) -> Network:
        """The document's network with the parameters that it starts from, float64."""
        network = Network(self.sizes, "sigmoid", "sigmoid", self.loss, bool(self.biases), "float64")
        for W, rows in zip(network.weights, self.weights, strict=True):
            W[:] = rows
        for b, row in zip(network.biases, self.biases, strict=False):
            b[:] = row
        return network

    def sample(self) -> tuple[np.ndarray, np.ndarray]:
        """X (1, n_in) and T (1, n_out)."""
        return np.array([self.x]), np.array([self.t])


FIRST = Document(
    number=1,
    sizes=(2, 2, 1),
    loss="mse",
    x=(0.5, 0.3),
    t=(0.7,),
    learning_rate=0.1,
    weights=(((0.2, 0.4), (0.1, 0.3)), ((0.5,), (0.6,))),
    biases=((0.1, 0.2), (0.1,)),
    printed=MappingProxyType(
        {
            "a1": ("0.55724785", "0.62010643"),
            "y": ("0.67932855",),
            "L": ("0.00042731",),
            "dL/dy": ("-0.04134291",),
            "dL/dW2": ("-0.00501868", "-0.0055848"),
            "dL/da1": ("-0.00450314", "-0.00540377"),
            "dL/dW1": ("-0.00055551", "-0.00063649", "-0.00033331", "-0.0003819"),
            "new W1": ("0.20005613", "0.40006431", "0.10003368", "0.30003858"),
            "new W2": ("0.50050706", "0.60056425"),
            "new b1": ("0.10011357", "0.20012976"),
            "new b2": ("0.10090993",),
        }
    ),
)

SECOND = Document(
    number=2,
    sizes=(1, 2, 1),
    loss="squared_error",
    x=(1.0,),
    t=(0.0,),
    learning_rate=0.1,  # the document stops at the gradients
    weights=(((0.5, -0.5),), ((0.3,), (-0.3,))),
    biases=(),
    printed=MappingProxyType(
        {
            "L": ("0.13434887664395717",),
            "dL/dW1": ("0.036545", "-0.036545"),
            "dL/dW2": ("0.08055583", "0.04885958"),
        }
    ),
)

DOCUMENTS = {1: FIRST, 2: SECOND}


def document(number: int) -> Document:
    """Document 1 or 2."""
    if number not in DOCUMENTS:
        raise InputError(f"document is {number!r}; it must be 1 or 2")
    return DOCUMENTS[number]


# The documents' own steps --------------------------------------------------------------------------------------------------


def reproduced(number: int) -> dict[str, np.ndarray]:
    """What document `number` prints, computed by its own steps: arrays by the names of `Document.printed`."""
    return _OWN_STEPS[document(number).number]()


def carried_over() -> Network:
    """The network that document 1's later cells start from: its own after one earlier update, which went wrong three times.

    It took the squared error where its derivative belongs, added the step instead of subtracting it, and gave both hidden
    biases the sum of their steps.
    """
    network = FIRST.network()
    X, T = FIRST.sample()
    _, (a1, y) = forward(network, X)
    W2 = network.weights[1]
    delta2 = kernels.sigmoid_backward(y, (y - T) ** 2)
    da1 = np.empty_like(a1)
    kernels.dense_backward_input(da1, delta2, W2)
    delta1 = kernels.sigmoid_backward(a1, da1)
    step = np.zeros_like(network.theta)
    (dW1, dW2), (db1, db2) = network.unflatten(step)
    kernels.dense_backward(dW1, db1, delta1, X)
    kernels.dense_backward(dW2, db2, delta2, a1)
    db1[:] = db1.sum()
    network.theta += FIRST.learning_rate * step
    return network


def later_cells() -> tuple[Network, Backward, Network]:
    """Document 1's gradient and update: the network before, the backward pass, the network after.

    The parameters are those carried over; hidden activations and y are still those of the original ones.
    """
    X, T = FIRST.sample()
    Z, A = forward(FIRST.network(), X)
    before = carried_over()
    after = copy_of(before)
    way_back = backward(before, X, Z, A, T)
    kernels.apply_gradient(after.theta, way_back.grad, SGD(FIRST.learning_rate).state(after.plan, after.dtype))
    return before, way_back, after


def _first() -> dict[str, np.ndarray]:
    X, T = FIRST.sample()
    original = FIRST.network()
    _, (a1, y) = forward(original, X)
    _, way_back, after = later_cells()
    return {
        "a1": a1,
        "y": y,
        "L": np.array([loss_of(original, y, T)]),
        "dL/dy": way_back.dA[1],
        "dL/dW2": way_back.dW[1],
        "dL/da1": way_back.dA[0],
        "dL/dW1": way_back.dW[0],
        "new W1": after.weights[0],
        "new W2": after.weights[1],
        "new b1": after.biases[0],
        "new b2": after.biases[1],
    }


def short_chain() -> np.ndarray:
    """Document 2's dL/dW1 (1, 2): dL/dy goes down through W2 as it is, without the slope of the output's sigmoid."""
    X, T = SECOND.sample()
    network = SECOND.network()
    _, (a1, y) = forward(network, X)
    da1 = np.empty_like(a1)
    kernels.dense_backward_input(da1, kernels.squared_error_backward(y, T), network.weights[1])
    dW1 = np.zeros_like(network.weights[0])
    kernels.dense_backward(dW1, np.empty(0), kernels.sigmoid_backward(a1, da1), X)
    return dW1


def _second() -> dict[str, np.ndarray]:
    X, T = SECOND.sample()
    network = SECOND.network()
    Z, A = forward(network, X)
    return {
        "L": np.array([loss_of(network, A[-1], T)]),
        "dL/dW1": short_chain(),
        "dL/dW2": backward(network, X, Z, A, T).dW[1],
    }


_OWN_STEPS: dict[int, Callable[[], dict[str, np.ndarray]]] = {1: _first, 2: _second}


# Digit by digit ------------------------------------------------------------------------------------------------------------


def check_documents() -> None:
    """Raise FiguresDifferError unless every digit that the documents print is reproduced, in float64."""
    differences = [
        f"document {number}, {name}: {shown} is printed, {value!r} computed"
        for number, printing in DOCUMENTS.items()
        for name, value, shown in _compared(printing.printed, reproduced(number))
        if not same_digits(value, shown)
    ]
    if differences:
        raise FiguresDifferError(differences)


def _compared(printed: Mapping[str, tuple[str, ...]], computed: Mapping[str, np.ndarray]) -> list[tuple[str, float, str]]:
    return [
        (name, float(value), shown)
        for name, figures in printed.items()
        for value, shown in zip(computed[name].flat, figures, strict=True)
    ]


def same_digits(value: float, shown: str) -> bool:
    """Whether a number, printed as `shown` was, gives the same digits."""
    wanted = float(shown)
    if len(shown.partition(".")[2]) <= PRINTED_DECIMALS:
        return round(value, PRINTED_DECIMALS) == wanted
    allowed = 0 if last_bit_certain() else LAST_PLACES
    return abs(value - wanted) <= allowed * math.ulp(wanted)


def last_bit_certain() -> bool:
    """Whether products and sums are rounded here as where the kernels' last bits were pinned: x86-64 with fused multiply-add.

    Plain Python (NUMBA_DISABLE_JIT) gives the same bits everywhere.
    """
    if numba.config.DISABLE_JIT:
        return True
    forced = numba.config.CPU_NAME or numba.config.CPU_FEATURES
    known = platform.machine().lower() in ("x86_64", "amd64") and not forced
    return known and "fma" in host_features()
