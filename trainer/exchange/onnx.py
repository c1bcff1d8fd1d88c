"""Networks as ONNX models: for each layer a Gemm, and what its activation is made of. Needs the extra `onnx`."""

from __future__ import annotations

import math
from collections.abc import Callable
from os import PathLike
from typing import Any, Protocol

import numpy as np

from ..errors import InputError
from ..extras import require
from ..model import Model
from ..versions import tileprop_version
from ..writing import write_whole

# Of 2022, with the IR of that time: what runs models knows them by now. Nothing in them needs a later one.
OPSET, IR = 17, 8
# Protocol buffers end at 2 GiB; this much is left for all but the parameters.
MOST_BYTES = (1 << 31) - (1 << 20)
# The numbers of ONNX's element types.
FLOAT, DOUBLE = 1, 11


class Graph(Protocol):
    """A graph being made. Calling it adds an operator, whose inputs are names or constants, and names its output."""

    def __call__(self, kind: str, *inputs: str | float, **attributes: Any) -> str: ...

    def constant(self, name: str, values: np.ndarray | float) -> str:
        """Adds a constant, in the graph's dtype, and gives the name that it has."""


Activation = Callable[[Graph, str], str]

ACTIVATIONS: dict[str, Activation] = {
    "identity": lambda op, z: z,
    "sigmoid": lambda op, z: op("Sigmoid", z),
    "tanh": lambda op, z: op("Tanh", z),
    "relu": lambda op, z: op("Relu", z),
    "softmax": lambda op, z: op("Softmax", z, axis=-1),
    "exp": lambda op, z: op("Exp", z),
    "leaky_relu": lambda op, z: op("LeakyRelu", z, alpha=0.01),
    "elu": lambda op, z: op("Elu", z, alpha=1.0),
    "silu": lambda op, z: op("Mul", z, op("Sigmoid", z)),
    "gelu": lambda op, z: op("Mul", op("Mul", z, 0.5), op("Add", op("Erf", op("Mul", z, math.sqrt(0.5))), 1.0)),
    "softplus": lambda op, z: op("Softplus", z),
}
# onnxruntime (1.32) runs LeakyRelu, Elu, Softplus and Erf in float32 alone, and so did earlier ones (1.28) silu, which they
# fuse into an operator of their own. Of gelu it is erf that is computed in float32.
ACTIVATIONS_OF_DOUBLE: dict[str, Activation] = ACTIVATIONS | {
    "leaky_relu": lambda op, z: op("Max", z, op("Mul", z, 0.01)),
    "elu": lambda op, z: op("Add", op("Relu", z), op("Sub", op("Exp", op("Min", z, 0.0)), 1.0)),
    "silu": lambda op, z: op("Div", z, op("Add", op("Exp", op("Neg", z)), 1.0)),
    "gelu": lambda op, z: op("Mul", op("Mul", z, 0.5), op("Add", single(op, "Erf", op("Mul", z, math.sqrt(0.5))), 1.0)),
    "softplus": lambda op, z: op("Add", op("Relu", z), op("Log", op("Add", op("Exp", op("Neg", op("Abs", z))), 1.0))),
}


def single(op: Graph, kind: str, z: str) -> str:
    """An operator on z (float64) that is computed in float32."""
    return op("Cast", op(kind, op("Cast", z, to=FLOAT)), to=DOUBLE)


def add_layers(op: Graph, network: Model, x: str, dtype: np.dtype[Any]) -> str:
    """Add a network's layers to a graph of the given dtype, from the inputs x (n, n_in); the name of the outputs (n, n_out)."""
    table = ACTIVATIONS if dtype == np.float32 else ACTIVATIONS_OF_DOUBLE
    for i, (W, b, name) in enumerate(zip(network.weights, network.biases, network.plan.activations, strict=True)):
        if name not in table:
            raise InputError(f"activation {name!r} of layer {i} cannot be written in ONNX; these can: {', '.join(table)}")
        parameters = [op.constant(f"weights.{i}", W)] + ([op.constant(f"biases.{i}", b)] if b.size else [])
        x = table[name](op, op("Gemm", x, *parameters))
    return x


class _Nodes:
    """The nodes and constants of a model. The last node is the one whose output was asked for last."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self._onnx = require("onnx", "exporting to ONNX")
        self._dtype = dtype
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def __call__(self, kind: str, *inputs: str | float, **attributes: Any) -> str:
        name = f"{kind.lower()}.{len(self.nodes)}"
        names = [x if isinstance(x, str) else self.constant(f"{name}.{i}", x) for i, x in enumerate(inputs)]
        self.nodes.append(self._onnx.helper.make_node(kind, names, [name], name=name, **attributes))
        return name

    def constant(self, name: str, values: np.ndarray | float) -> str:
        self.constants.append(self._onnx.numpy_helper.from_array(np.asarray(values, self._dtype), name))
        return name


def to_onnx(network: Model) -> Any:
    """Convert a network to an ONNX model.

    Parameters
    ----------
    network : Network
        Network to convert.

    Returns
    -------
    onnx.ModelProto
        Model with the input X (n, n_in) and the output Y (n, n_out), for any n, both of the network's dtype.

    Raises
    ------
    InputError
        If a layer has a registered activation, or the parameters take more than 2 GiB.
    MissingExtraError
        If onnx is not installed.

    Examples
    --------
    >>> from tileprop.trainer import Network, to_onnx
    >>> model = to_onnx(Network([2, 3, 1], activation="relu"))
    >>> [node.op_type for node in model.graph.node]
    ['Gemm', 'Relu', 'Gemm', 'Sigmoid']
    """
    if network.theta.nbytes > MOST_BYTES:
        raise InputError(f"the network has {network.theta.nbytes} bytes of parameters; an ONNX file holds at most {MOST_BYTES}")
    onnx = require("onnx", "exporting to ONNX")
    op = _Nodes(network.dtype)
    add_layers(op, network, "X", network.dtype)
    op.nodes[-1].output[0] = "Y"
    element = FLOAT if network.dtype == np.float32 else DOUBLE
    inputs, outputs = (
        onnx.helper.make_tensor_value_info(name, element, ["n", width])
        for name, width in (("X", network.plan.sizes[0]), ("Y", network.plan.sizes[-1]))
    )
    model = onnx.helper.make_model(
        onnx.helper.make_graph(op.nodes, "network", [inputs], [outputs], op.constants),
        opset_imports=[onnx.helper.make_opsetid("", OPSET)],
        ir_version=IR,
        producer_name="tileprop",
        producer_version=tileprop_version(),
    )
    onnx.checker.check_model(model, full_check=True)
    return model


def export_onnx(network: Model, path: str | PathLike[str]) -> None:
    """Write a network as an ONNX file, which onnxruntime and others run without tileprop.

    Parameters
    ----------
    network : Network
        Network to write.
    path : str or path-like
        File to write.

    Raises
    ------
    InputError
        If a layer has a registered activation, or the parameters take more than 2 GiB.
    MissingExtraError
        If onnx is not installed.

    See Also
    --------
    to_onnx : The same as an object in memory.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from tileprop.trainer import Network, export_onnx
    >>> file = Path(tempfile.mkdtemp(), "small.onnx")
    >>> export_onnx(Network([2, 3, 1]), file)
    >>> file.stat().st_size > 0
    True
    """
    write_whole(path, to_onnx(network).SerializeToString())
