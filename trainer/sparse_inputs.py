"""Sparse X as a fit takes it: rows of a CSR matrix go to the first layer's products as they are, and nothing is made dense."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..kernels import Plan, Workspace, make_workspace
from ..kernels.activations import activation_registry
from ..kernels.derivatives.loss_and_grad import sparse_loss_and_grad
from ..kernels.predict import predict_sparse
from ..kernels.sparse_rows import make_sparse_rows
from .threads.long_calls import answering

# Rows that a workspace has room for; more are worked through in blocks.
MOST_ROWS = 4096


class SparseInputs:
    """X (n, n_in), a SciPy matrix or array in CSR that is known to be finite and of the network's dtype."""

    def __init__(self, matrix: Any) -> None:
        self.matrix, self.shape = matrix, matrix.shape
        self.rows = make_sparse_rows(matrix.data, matrix.indices, matrix.indptr)
        self._work: tuple[int, Workspace] | None = None  # for calls of `loss_and_grad`, with its columns of targets

    def __len__(self) -> int:
        return int(self.shape[0])

    def __getitem__(self, rows: Any) -> SparseInputs:
        return SparseInputs(self.matrix[rows])

    def outputs(self, plan: Plan, theta: np.ndarray, seconds: float) -> np.ndarray:
        """The network's outputs (n, n_out). seconds: that this may take."""
        Y = np.empty((len(self), plan.sizes[-1]), theta.dtype)
        if len(self):
            work = make_workspace(plan, min(len(self), MOST_ROWS), theta.dtype, sparse=True)
            answering(seconds, work, predict_sparse, plan, theta, self.rows, Y)
        return Y

    def loss_and_grad(
        self, plan: Plan, theta: np.ndarray, T: np.ndarray, weight: np.ndarray, grad: np.ndarray, seconds: float
    ) -> float:
        """The mean loss. grad: its gradient OUT, like theta, or empty. seconds: that this may take."""
        if self._work is None or self._work[0] != plan.n_targets:
            self._work = plan.n_targets, make_workspace(plan, min(len(self), MOST_ROWS), theta.dtype, sparse=True)
        return answering(seconds, self._work[1], sparse_loss_and_grad, plan, theta, self.rows, T, weight, grad)

    def activations(self, plan: Plan, theta: np.ndarray) -> list[np.ndarray]:
        """The output of every layer."""
        layers: list[Any] = [self.matrix]
        for W, b, name in zip(*plan.unflatten(theta), plan.activations, strict=True):
            Z = layers[-1] @ W
            layers.append(activation_registry[name].forward(Z + b if b.size else Z))
        return layers[1:]


def parts_of(X: Any) -> list[np.ndarray]:
    """The arrays that X consists of."""
    return list(X.rows) if isinstance(X, SparseInputs) else [X]
