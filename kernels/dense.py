"""One dense layer, forward and backward: z = x W + b. Public kernels, and the same as pieces of the chain."""

from __future__ import annotations

from .jit import kernel, leaf
from .products import add_product, add_transposed_product, product_with_transpose


@leaf(read_only="X W b")
def add_layer(Z, X, W, b):
    for r in range(Z.shape[0]):
        for j in range(Z.shape[1]):
            Z[r, j] = b[j] if b.size else 0.0
    add_product(Z, X, W)


@leaf(read_only="D X")
def add_layer_gradient(dW, db, D, X):
    add_transposed_product(dW, X, D)
    if db.size:
        for r in range(D.shape[0]):
            for j in range(D.shape[1]):
                db[j] += D[r, j]


@kernel(read_only="X W b")
def dense_forward(Z, X, W, b):
    """Z (rows, n_out) OUT = X (rows, n_in) W (n_in, n_out) + b (n_out); an empty b stands for no bias."""
    add_layer(Z, X, W, b)


@kernel(read_only="D X")
def dense_backward(dW, db, D, X):
    """dW (n_in, n_out) += X^T D and db (n_out) += column sums of D: delta D (rows, n_out), input X (rows, n_in).

    An empty db stands for no bias.
    """
    add_layer_gradient(dW, db, D, X)


@kernel(read_only="D W")
def dense_backward_input(dX, D, W):
    """dX (rows, n_in) OUT = D W^T: delta D (rows, n_out), weights W (n_in, n_out)."""
    product_with_transpose(dX, D, W)
