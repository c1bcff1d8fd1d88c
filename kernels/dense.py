"""One dense layer, forward and backward, on plain arrays: z = x W + b.

These pack their operands into memory of their own at each call. Networks keep theirs packed (`passes.py`).
"""

from __future__ import annotations

import numpy as np

from .checks import check_layer
from .compiler.jit import kernel, leaf
from .llvm import lanes_of, span
from .matrices import ByRows, Operand, Panels, multiply, pack, padded_columns


@leaf(read_only="B")
def product_of(A, rows, B, columns, depth):
    """A B as a matrix of padded width: A (rows, depth) an Operand, B (depth, columns), row by row in a vector."""
    width = padded_columns(columns, lanes_of(B))
    size = depth * width
    memory = np.zeros(size + rows * width + width, B.dtype)
    panels, out, zeros = Panels(0, depth, width), ByRows(size, width, rows), ByRows(size + rows * width, 0, rows)
    pack(memory, panels, B, 0, depth, columns)
    multiply(memory, A, panels, zeros, out, depth, B.dtype.type(1.0))
    return memory[size : zeros.at].reshape((rows, width))


@kernel(read_only="X W b", written="Z")
def dense_forward(Z, X, W, b):
    """Compute one dense layer: Z = X W + b.

    Parameters
    ----------
    Z : ndarray of shape (rows, n_out)
        OUT: the pre-activations.
    X : ndarray of shape (rows, n_in)
        Inputs of the layer.
    W : ndarray of shape (n_in, n_out)
        Weights.
    b : ndarray of shape (n_out,) or (0,)
        Biases; empty for none.

    Raises
    ------
    ValueError
        If shapes do not fit together.

    Examples
    --------
    >>> import numpy as np
    >>> from tileprop.kernels import dense_forward
    >>> Z = np.empty((1, 2))
    >>> dense_forward(Z, np.array([[1.0, 2.0]]), np.array([[1.0, 0.0], [0.0, 3.0]]), np.array([0.5, 0.5]))
    >>> Z
    array([[1.5, 6.5]])
    """
    check_layer(X, W, b, Z)
    n_in, n_out = W.shape
    result = product_of(Operand(span(X, 0, X.size), 0, n_in, 1), X.shape[0], span(W, 0, W.size), n_out, n_in)
    for r in range(Z.shape[0]):
        for j in range(n_out):
            Z[r, j] = result[r, j] + b[j] if b.size else result[r, j]


@kernel(read_only="D X", written="dW db")
def dense_backward(dW, db, D, X):
    """Add one dense layer's gradients to its weights and biases: dW += X^T D, db += column sums of D.

    Parameters
    ----------
    dW : ndarray of shape (n_in, n_out)
        OUT: the gradient to the weights is added to it.
    db : ndarray of shape (n_out,) or (0,)
        OUT: the gradient to the biases is added to it; empty for no biases.
    D : ndarray of shape (rows, n_out)
        Derivatives of the loss to the layer's pre-activations.
    X : ndarray of shape (rows, n_in)
        Inputs of the layer.

    Raises
    ------
    ValueError
        If shapes do not fit together.

    Examples
    --------
    >>> import numpy as np
    >>> from tileprop.kernels import dense_backward
    >>> dW, db = np.zeros((2, 1)), np.zeros(1)
    >>> dense_backward(dW, db, np.array([[0.5], [1.0]]), np.array([[1.0, 2.0], [3.0, 4.0]]))
    >>> dW, db
    (array([[3.5],
           [5. ]]), array([1.5]))
    """
    check_layer(X, dW, db, D)
    n_in, n_out = dW.shape
    rows = X.shape[0]
    result = product_of(Operand(span(X, 0, X.size), 0, 1, n_in), n_in, span(D, 0, D.size), n_out, rows)
    for k in range(n_in):
        for j in range(n_out):
            dW[k, j] += result[k, j]
    if db.size:
        for r in range(rows):
            for j in range(n_out):
                db[j] += D[r, j]


@kernel(read_only="D W", written="dX")
def dense_backward_input(dX, D, W):
    """Compute one dense layer's gradient to its inputs: dX = D W^T.

    Parameters
    ----------
    dX : ndarray of shape (rows, n_in)
        OUT: the gradient to the inputs.
    D : ndarray of shape (rows, n_out)
        Derivatives of the loss to the layer's pre-activations.
    W : ndarray of shape (n_in, n_out)
        Weights.

    Raises
    ------
    ValueError
        If shapes do not fit together.

    Examples
    --------
    >>> import numpy as np
    >>> from tileprop.kernels import dense_backward_input
    >>> dX = np.empty((1, 2))
    >>> dense_backward_input(dX, np.array([[0.5]]), np.array([[1.0], [2.0]]))
    >>> dX
    array([[0.5, 1. ]])
    """
    check_layer(dX, W, W[0, :0], D)
    n_in, n_out = W.shape
    transposed = np.zeros(W.size, W.dtype)
    for k in range(n_in):
        for j in range(n_out):
            transposed[j * n_in + k] = W[k, j]
    result = product_of(Operand(span(D, 0, D.size), 0, n_out, 1), D.shape[0], transposed, n_in, n_out)
    for r in range(dX.shape[0]):
        for k in range(n_in):
            dX[r, k] = result[r, k]
