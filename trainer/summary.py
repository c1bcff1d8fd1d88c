"""What a network is, layer by layer, as a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from .labels import Label
from .model import Model
from .suggestions import listed

HEADINGS = ("layer", "inputs", "outputs", "activation", "parameters")


@dataclass(frozen=True)
class LayerSummary:
    """One dense layer.

    Parameters
    ----------
    n_in : int
        Number of inputs.

    n_out : int
        Number of outputs.

    activation : str
        Name of the activation.

    n_parameters : int
        Number of weights and biases.
    """

    n_in: int
    n_out: int
    activation: str
    n_parameters: int


@dataclass(frozen=True)
class Summary:
    """Layers, loss and size of a network; printed, or shown by a notebook, it is a table.

    Parameters
    ----------
    layers : list of LayerSummary
        The layers, from inputs to outputs.

    loss : str
        Name of the loss.

    dtype : str
        "float32" or "float64".
    n_parameters : int
        Number of all weights and biases.

    n_bytes : int
        Memory that they take.

    classes : tuple, default=None
        Names of the classes, where the network has such.

    Examples
    --------
    >>> from tileprop import Network
    >>> summary = Network([4, 8, 3]).summary()
    >>> summary.n_parameters, summary.layers[0].activation
    (67, 'sigmoid')
    """

    layers: list[LayerSummary]
    loss: str
    dtype: str
    n_parameters: int
    n_bytes: int
    classes: tuple[Label, ...] | None = None

    def __str__(self) -> str:
        rows = [
            (str(i), str(layer.n_in), str(layer.n_out), layer.activation, f"{layer.n_parameters:,}")
            for i, layer in enumerate(self.layers)
        ]
        end = f"loss {self.loss}, {self.n_parameters:,} parameters of {self.dtype} ({_size(self.n_bytes)})"
        lines = [*_table([HEADINGS, *rows]), end]
        return "\n".join([*lines, f"classes {listed(self.classes)}"] if self.classes is not None else lines)

    __repr__ = __str__


def summary(model: Model) -> Summary:
    """See `Network.summary`."""
    plan = model.plan
    layers = [
        LayerSummary(n_in, n_out, activation, (n_in + plan.bias) * n_out)
        for (n_in, n_out), activation in zip(pairwise(plan.sizes), plan.activations, strict=True)
    ]
    return Summary(layers, plan.loss, model.dtype.name, plan.n_parameters, model.theta.nbytes, model.classes)


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines with columns of one width, names at the left and numbers at the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(cell.ljust(w) if i == 3 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True)))
        for row in rows
    ]
    return [lines[0], "-" * len(lines[0]), *lines[1:]]


def _size(n_bytes: int) -> str:
    for factor, unit in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if n_bytes >= factor:
            return f"{n_bytes / factor:.1f} {unit}"
    return f"{n_bytes} bytes"
