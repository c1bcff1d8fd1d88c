"""What is compiled ahead: all kernels, activations and losses, piece by piece."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

DTYPES = ("float32", "float64")

Piece = tuple[str, Callable[[], Any]]


def pieces_of(dtype: np.dtype[Any]) -> Iterator[Piece]:
    """What is compiled for a dtype, piece by piece: a name, and a call that compiles it."""
    from .. import kernels
    from ..kernels.activations import activation_registry
    from ..kernels.compiler.jit import is_kernel
    from ..kernels.derivatives.loss_and_grad import sparse_loss_and_grad
    from ..kernels.losses import loss_registry
    from ..kernels.predict import predict_sparse
    from ..kernels.training.epoch import epoch_in_memory, epoch_in_registers, train_sparse_epoch

    for activation in activation_registry.entries():
        yield activation.name, functools.partial(_compile_activation, activation, dtype)
    for loss in loss_registry.entries():
        yield loss.name, functools.partial(_compile_loss, loss, dtype)
    public = [getattr(kernels, name) for name in kernels.__all__]
    whole = [kernel for kernel in public if is_kernel(kernel) and (kernel.read_only or kernel.written)]
    sparse = train_sparse_epoch, predict_sparse, sparse_loss_and_grad
    for kernel in (*whole, epoch_in_memory, epoch_in_registers, *sparse):
        yield kernel.py_func.__name__, functools.partial(_call, kernel, dtype)
    yield "levenberg_marquardt", functools.partial(_compile_solver, dtype)


def _call(kernel: Any, dtype: np.dtype[Any]) -> None:
    kernel(*_arguments(kernel, dtype))


def _compile_activation(activation: Any, dtype: np.dtype[Any]) -> None:
    """For arrays of one axis and of two, and for networks."""
    from ..kernels import make_plan, make_workspace

    for array in (np.full(2, 0.5, dtype), np.full((2, 2), 0.5, dtype)):
        activation.forward(array)
        activation.backward(array, array)
    make_workspace(make_plan([1, 2], output_activation=activation.name, loss="squared_error"), 1, dtype, curvature=True)


def _compile_loss(loss: Any, dtype: np.dtype[Any]) -> None:
    from ..kernels.llvm.row_kernels import address_of

    outputs = 2 if loss.outputs_per_target == 2 else 1
    Y, T = np.full((2, outputs), 0.5, dtype), np.full((2, 1), 0.5, dtype)
    parameter = [] if loss.parameter is None else [np.full(1, loss.parameter.default)]
    loss.value(Y, T, *parameter)
    loss.backward(Y, T, *parameter)
    for row_kernel in (loss.row_kernel, loss.tangent_kernel, loss.target_kernel):
        address_of(row_kernel, dtype, "loss")


def _arguments(kernel: Any, dtype: np.dtype[Any]) -> list[Any]:
    """Arguments that fit, by their names, for a network of one input, one output and one neuron in between."""
    from ..kernels import make_plan, make_state, make_workspace
    from ..kernels.sparse_rows import make_sparse_rows

    plan = make_plan([1, 1, 1], "tanh", "identity")
    n = plan.n_parameters
    given: dict[str, Any] = {
        "plan": plan,
        "state": make_state(plan, "sgd", dtype),
        "work": make_workspace(plan, 1, dtype, curvature=True),
        "sparse_X": make_sparse_rows(np.zeros(1, dtype), np.zeros(1, np.int32), np.arange(2)),
        "order": np.zeros(0, np.int64),
        "weight": np.zeros(0, dtype),
        "G": np.zeros((1, n), dtype),
        "J": np.zeros((1, 1, n if kernel.py_func.__name__ == "parameter_jacobian" else 1), dtype),
        **{name: np.zeros(n, dtype) for name in ("theta", "grad", "v", "Hv", "Gv")},
        **{name: np.zeros(1, dtype) for name in ("x", "y", "b", "db")},
    }
    one = np.zeros((1, 1), dtype)
    return [given.get(name, one) for name in inspect.signature(kernel.py_func).parameters]


def _compile_solver(dtype: np.dtype[Any]) -> None:
    from .network import Network
    from .solvers import LevenbergMarquardt

    rows = np.linspace(0, 1, 8, dtype=dtype)[:, None]
    Network([1, 1, 1], "tanh", "identity", dtype=dtype).fit(rows, rows, epochs=1, optimizer=LevenbergMarquardt())
