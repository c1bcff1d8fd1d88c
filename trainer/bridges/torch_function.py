"""A network inside a PyTorch program: outputs forward, vector-Jacobian products backward. On the CPU."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from .. import derivatives
from ..model import Model


class NetworkFunction(torch.autograd.Function):
    """apply(theta, X, network): outputs (n, n_out) for X (n, n_in), theta and X tensors of one dtype."""

    @staticmethod
    def forward(theta: torch.Tensor, X: torch.Tensor, network: Model) -> torch.Tensor:
        return torch.from_numpy(derivatives.outputs_at(network, _array(theta), _array(X)))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: torch.Tensor) -> None:
        theta, X, ctx.network = inputs
        ctx.save_for_backward(theta, X)

    @staticmethod
    def backward(ctx: Any, dY: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        return (*_PullBack.apply(*ctx.saved_tensors, dY, ctx.network, *ctx.needs_input_grad[:2]), None)


class _PullBack(torch.autograd.Function):
    """apply(theta, X, dY, network, to_theta, to_inputs): derivatives to theta and X, those that are asked for.

    A function of its own, since `torch.func` gives `backward` tensors whose numbers only a `forward` sees.
    """

    @staticmethod
    def forward(
        theta: torch.Tensor, X: torch.Tensor, dY: torch.Tensor, network: Model, to_theta: bool, to_inputs: bool
    ) -> tuple[torch.Tensor | None, ...]:
        parameters, inputs = _array(theta), _array(X)
        grad = np.empty_like(parameters) if to_theta else parameters[:0]
        dX = np.empty_like(inputs) if to_inputs else inputs[:0, :0]
        derivatives.pull_back_at(network, parameters, inputs, _array(dY), grad, dX)
        return torch.from_numpy(grad) if to_theta else None, torch.from_numpy(dX) if to_inputs else None

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, *slopes: Any) -> Any:
        raise RuntimeError("second derivatives through PyTorch are not available; Network.hessian_vector has those of the loss")


def _array(tensor: torch.Tensor) -> np.ndarray:
    if tensor.device.type != "cpu":
        raise ValueError(f"the network computes on the CPU, but the tensor is on {tensor.device}; move it with .cpu()")
    array: np.ndarray = tensor.detach().contiguous().numpy()
    return array


class TorchNetwork(torch.nn.Module):
    """A network as a module. Its one parameter, theta, is the network's own memory: training one trains the other.

    forward(X): X (n, n_in) of any real dtype, computed in theta's; `.double()` makes a copy of theta. Derivatives of
    derivatives are refused; `Network.hessian_vector` has them.
    """

    def __init__(self, network: Model) -> None:
        super().__init__()
        self.network = network
        self.theta = torch.nn.Parameter(torch.from_numpy(network.theta))

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        n_in = self.network.plan.sizes[0]
        if X.ndim != 2 or X.shape[1] != n_in:
            raise ValueError(f"X has shape {tuple(X.shape)}; the network takes (n, {n_in})")
        outputs: torch.Tensor = NetworkFunction.apply(self.theta, X.to(self.theta.dtype), self.network)
        return outputs

    def extra_repr(self) -> str:
        return repr(self.network)
