"""Networks to and from PyTorch: the `state_dict` of linear layers in a row, whose weights are (n_out, n_in)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..arrays import all_finite
from ..errors import InputError
from ..extras import require
from ..network import Network


def to_state_dict(network: Network, names: Sequence[str] | None = None) -> dict[str, Any]:
    """Convert a network's parameters to a PyTorch `state_dict`, bit for bit.

    Parameters
    ----------
    network : Network
        Network whose parameters are taken.
    names : sequence of str, optional
        Names of the linear layers; by default those of ``nn.Sequential(Linear, activation, Linear, ...)``: 0, 2, 4, ...

    Returns
    -------
    dict of str to torch.Tensor
        For `load_state_dict`: `name.weight` (n_out, n_in) and `name.bias` (n_out,) of each layer.

    Raises
    ------
    InputError
        If there are not as many names as layers.
    MissingExtraError
        If PyTorch is not installed.

    Examples
    --------
    >>> import torch
    >>> from tileprop.trainer import Network, to_state_dict
    >>> layers = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Sigmoid(), torch.nn.Linear(3, 1), torch.nn.Sigmoid())
    >>> layers.load_state_dict(to_state_dict(Network([2, 3, 1])))
    <All keys matched successfully>
    """
    torch = require("torch", "to_state_dict")
    names = [str(2 * i) for i in range(len(network.weights))] if names is None else names
    if len(names) != len(network.weights):
        raise InputError(f"names has {len(names)} entries, but the network has {len(network.weights)} layers")
    state = {}
    for name, W, b in zip(names, network.weights, network.biases, strict=True):
        state[_key(name, "weight")] = torch.tensor(np.ascontiguousarray(W.T))
        if b.size:
            state[_key(name, "bias")] = torch.tensor(b)
    return state


def from_state_dict(
    state_dict: Mapping[str, ArrayLike],
    activation: str | Sequence[str],
    output_activation: str,
    loss: str = "mse",
    *,
    names: Sequence[str] | None = None,
    random_state: int | np.random.Generator | None = 0,
    quantile: float | Sequence[float] | None = None,
    delta: float | None = None,
) -> Network:
    """Make a network with the parameters of a PyTorch `state_dict` of linear layers in a row.

    PyTorch itself is not needed.

    Parameters
    ----------
    state_dict : mapping of str to array_like
        Tensors or arrays, float32 or float64, of `name.weight` (n_out, n_in) and `name.bias` (n_out,).
    activation : str or sequence of str
        Activation of the hidden layers, as for `Network`.
    output_activation : str
        Activation of the last layer.
    loss : str, default="mse"
        Loss, as for `Network`.
    names : sequence of str, optional
        Names of the linear layers from the inputs to the outputs. By default all that there are: in the order of their numbers
        where they differ in a number alone, otherwise in the mapping's order.
    random_state : int, numpy.random.Generator or None, default=0
        Seed of the order of the batches.
    quantile : float or sequence of float, optional
        Level of the loss "quantile", as for `Network`.
    delta : float, optional
        Where the loss "huber" becomes linear, as for `Network`.

    Returns
    -------
    Network
        Network with copies of the parameters.

    Raises
    ------
    InputError
        If entries are missing or more than needed, or shapes do not fit together; the message names the entry.

    Examples
    --------
    >>> import numpy as np
    >>> from tileprop.trainer import from_state_dict
    >>> state = {"0.weight": np.ones((3, 2)), "0.bias": np.zeros(3), "2.weight": np.ones((1, 3)), "2.bias": np.zeros(1)}
    >>> net = from_state_dict(state, activation="relu", output_activation="identity")
    >>> net.predict([[1.0, 2.0]])
    array([[9.]])
    """
    layers = _layers(state_dict)
    if names is None:
        names = _in_order(list(layers))
    elif sorted(names) != sorted(layers):
        raise InputError(f"names is {list(names)}, but the layers of the state_dict are {list(layers)}")
    if not names:
        raise InputError("state_dict is empty; it must have the weight of at least one linear layer")
    bias = any("bias" in layer for layer in layers.values())
    sizes: list[int] = []
    parameters: list[np.ndarray] = []
    for name in names:
        if "weight" not in layers[name]:
            raise InputError(f"state_dict has {_key(name, 'bias')!r}, but no {_key(name, 'weight')!r}")
        W = layers[name]["weight"]
        n_out, n_in = _shape(W, (None, sizes[-1] if sizes else None), _key(name, "weight"))
        b = layers[name].get("bias", np.zeros(n_out, W.dtype))
        _shape(b, (n_out,), _key(name, "bias"))
        sizes += [n_out] if sizes else [n_in, n_out]
        parameters += [W.T.ravel(), b] if bias else [W.T.ravel()]
    dtypes = sorted({array.dtype.name for array in parameters})
    if dtypes not in (["float32"], ["float64"]):
        raise InputError(
            f"state_dict holds {', '.join(dtypes)}; all must be float32, or all float64 (nn.Module.float() converts them)"
        )
    theta = np.concatenate(parameters)
    return Network(
        sizes, activation, output_activation, loss, bias, theta.dtype, random_state, theta, quantile=quantile, delta=delta
    )


def _key(name: str, kind: str) -> str:
    return f"{name}.{kind}" if name else kind


def _layers(state_dict: Mapping[str, ArrayLike]) -> dict[str, dict[str, np.ndarray]]:
    """Each layer's arrays, by its name and theirs."""
    layers: dict[str, dict[str, np.ndarray]] = {}
    for key, values in state_dict.items():
        name, _, kind = key.rpartition(".")
        if kind not in ("weight", "bias"):
            raise InputError(f"state_dict has {key!r}; only the weight and bias of linear layers can be taken")
        # A parameter knows its gradient, and may be on another device.
        tensor: Any = values.detach().cpu() if hasattr(values, "detach") else values
        try:
            array = np.ascontiguousarray(tensor)
        except (TypeError, ValueError) as error:
            raise InputError(f"state_dict's {key!r} is not an array of float32 or float64: {error}") from error
        if array.dtype.kind != "f" or not all_finite(array):
            raise InputError(f"state_dict's {key!r} ({array.dtype}) does not hold finite numbers of float32 or float64")
        layers.setdefault(name, {})[kind] = array
    return layers


def _in_order(names: list[str]) -> list[str]:
    """By the number that they differ in: other mappings than PyTorch's, and 10 before 2, come from files."""
    parts = [re.fullmatch(r"(.*?)(\d+)(\D*)", name) for name in names]
    if all(parts) and len({(part[1], part[3]) for part in parts if part}) == 1:
        return sorted(names, key=lambda name: int(re.findall(r"\d+", name)[-1]))
    return names


def _shape(array: np.ndarray, wanted: tuple[int | None, ...], key: str) -> tuple[int, ...]:
    """The array's shape, in which None may be anything."""
    if array.ndim != len(wanted) or any(n not in (None, m) for n, m in zip(wanted, array.shape, strict=True)):
        text = ", ".join("any" if n is None else str(n) for n in wanted)
        raise InputError(f"state_dict's {key!r} has shape {array.shape}; it must be ({text})")
    return array.shape
