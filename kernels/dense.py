"""One dense layer, forward and backward, on plain arrays: z = x W + b.

These pack their operands into memory of their own at each call. Networks keep theirs packed (`network.py`).
"""

from __future__ import annotations

import numpy as np

from .checks import check_layer
from .compiler.jit import kernel, leaf
from .llvm import lanes_of, span
from .matrices import IN_PANELS, pack, padded_width, product

_padded = leaf(padded_width)


@leaf(read_only="A B")
def multiply(A, a_row, a_step, B, rows, columns, depth):
    """A B as a vector of rows of padded width: A (rows, depth) in a vector, B (depth, columns), row by row in a vector."""
    width = _padded(columns, lanes_of(B))
    b_size = depth * width
    S = np.zeros(b_size + rows * width + width, B.dtype)
    pack(B, 0, depth, columns, S, 0, depth, width, False)
    zeros = b_size + rows * width
    one = B.dtype.type(1.0)
    product(
        A, 0, a_row, a_step, S, 0, IN_PANELS, depth, zeros, 0, 0, b_size, width, 1, 0, rows, width, depth, max(1, depth), one
    )
    return S[b_size:zeros].reshape((rows, width))


@kernel(read_only="X W b", written="Z")
def dense_forward(Z, X, W, b):
    """Z (rows, n_out) OUT = X (rows, n_in) W (n_in, n_out) + b (n_out); an empty b stands for no bias."""
    check_layer(X, W, b, Z)
    n_in, n_out = W.shape
    result = multiply(span(X, 0, X.size), n_in, 1, span(W, 0, W.size), X.shape[0], n_out, n_in)
    for r in range(Z.shape[0]):
        for j in range(n_out):
            Z[r, j] = result[r, j] + b[j] if b.size else result[r, j]


@kernel(read_only="D X", written="dW db")
def dense_backward(dW, db, D, X):
    """dW (n_in, n_out) += X^T D and db (n_out) += column sums of D: delta D (rows, n_out), input X (rows, n_in).

    An empty db stands for no bias.
    """
    check_layer(X, dW, db, D)
    n_in, n_out = dW.shape
    rows = X.shape[0]
    result = multiply(span(X, 0, X.size), 1, n_in, span(D, 0, D.size), n_in, n_out, rows)
    for k in range(n_in):
        for j in range(n_out):
            dW[k, j] += result[k, j]
    if db.size:
        for r in range(rows):
            for j in range(n_out):
                db[j] += D[r, j]


@kernel(read_only="D W", written="dX")
def dense_backward_input(dX, D, W):
    """dX (rows, n_in) OUT = D W^T: delta D (rows, n_out), weights W (n_in, n_out)."""
    check_layer(dX, W, W[0, :0], D)
    n_in, n_out = W.shape
    transposed = np.zeros(W.size, W.dtype)
    for k in range(n_in):
        for j in range(n_out):
            transposed[j * n_in + k] = W[k, j]
    result = multiply(span(D, 0, D.size), n_out, 1, transposed, D.shape[0], n_in, n_out)
    for r in range(dX.shape[0]):
        for k in range(n_in):
            dX[r, k] = result[r, k]
