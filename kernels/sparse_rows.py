"""Sparse rows, as SciPy's CSR matrices hold them, and their products with matrices in panels.

Every sum runs over its terms in order, by one thread, as in `matrices.py`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .compiler.jit import leaf
from .llvm import lanes_of, multiply_add, panel_width, span, unowned


class SparseRows(NamedTuple):
    """A sparse matrix (n, n_in): row i holds the entries from starts[i] to starts[i + 1] - 1. Made by `make_sparse_rows`."""

    values: np.ndarray  # (entries,), of the parameters' dtype
    columns: np.ndarray  # (entries,), int32
    starts: np.ndarray  # (n + 1,), int64


class SparseBatch(NamedTuple):
    """Sparse rows as a product's first factor: its row r is row `first + r` of them, or the one that `order` has there."""

    rows: SparseRows
    order: np.ndarray
    first: int


def make_sparse_rows(values: np.ndarray, columns: np.ndarray, starts: np.ndarray) -> SparseRows:
    """Sparse rows for the kernels that take them: the arrays data, indices and indptr of a CSR matrix.

    Parameters
    ----------
    values : ndarray of shape (entries,), float32 or float64
        The entries, row after row. An entry that is given twice counts as the sum.

    columns : ndarray of shape (entries,)
        The column of each entry, from 0.

    starts : ndarray of shape (n + 1,)
        Where each row's entries begin, and last where the last row's end.

    Returns
    -------
    rows : SparseRows
        Read-only views of the arrays; `columns` is copied unless it is int32, and `starts` unless it is int64.

    Raises
    ------
    ValueError
        For arrays of another shape or dtype. Kernels check that columns and places are within bounds.
    """
    if values.dtype not in (np.float32, np.float64):
        raise ValueError(f"values has dtype {values.dtype}; it must be float32 or float64")
    for name, array in {"columns": columns, "starts": starts}.items():
        if array.dtype.kind not in "iu":
            raise ValueError(f"{name} has dtype {array.dtype}; it must hold whole numbers")
    if values.ndim != 1 or columns.shape != values.shape:
        raise ValueError(f"values has shape {values.shape} and columns {columns.shape}; give vectors of one length")
    if starts.ndim != 1 or not starts.size:
        raise ValueError(f"starts has shape {starts.shape}; it must be a vector, with one number more than there are rows")
    if columns.size and columns.max() > np.iinfo(np.int32).max:
        raise ValueError(f"columns holds {columns.max()}; the largest column number is {np.iinfo(np.int32).max}")
    arrays = (values, values.dtype), (columns, np.int32), (starts, np.int64)
    views = [np.require(array, dtype, ["C", "A"]).view() for array, dtype in arrays]
    for view in views:  # so that kernels are compiled for one type alone
        view.flags.writeable = False
    return SparseRows(*views)


@leaf
def unowned_rows(rows):
    """The same rows, without references to the owners of their memory."""
    return SparseRows(unowned(rows.values), unowned(rows.columns), unowned(rows.starts))


@leaf
def row_number(X, r):
    """Which of the sparse rows row r of a SparseBatch is."""
    return X.order[X.first + r] if X.order.size else X.first + r


@leaf
def add_scaled(memory, to, factor, source, count):
    """`count` numbers from place `to` on += factor times those from place `source` on."""
    x, y = span(memory, source, count), span(memory, to, count)
    for j in range(count):
        y[j] = multiply_add(factor, x[j], y[j])


@leaf
def multiply_sparse(memory, X, W, init, out):
    """out = init + X W: X (rows, depth) a SparseBatch, W (depth, columns) Panels, init and out (rows, columns) ByRows."""
    lanes, column = lanes_of(memory), 0
    rows = X.rows
    while column < W.width:
        columns = panel_width(W.width - column, lanes)
        panel = W.at + column * W.rows
        for r in range(out.rows):
            to, i = out.at + r * out.stride + column, row_number(X, r)
            z, b = span(memory, to, columns), span(memory, init.at + r * init.stride + column, columns)
            for j in range(columns):
                z[j] = b[j]
            for k in range(rows.starts[i], rows.starts[i + 1]):
                add_scaled(memory, to, rows.values[k], panel + rows.columns[k] * columns, columns)
        column += columns


@leaf
def add_outer_products(memory, X, D, out, first, last, alpha):
    """Rows first to last - 1 of out, Panels, += alpha X^T D: X (D.rows, rows) a SparseBatch, D ByRows."""
    lanes, column = lanes_of(memory), 0
    rows = X.rows
    while column < out.width:
        columns = panel_width(out.width - column, lanes)
        panel = out.at + column * out.rows
        for r in range(D.rows):
            d, i = D.at + r * D.stride + column, row_number(X, r)
            for k in range(rows.starts[i], rows.starts[i + 1]):
                c = rows.columns[k]
                if first <= c < last:
                    add_scaled(memory, panel + c * columns, alpha * rows.values[k], d, columns)
        column += columns


@leaf
def clear_touched(memory, X, count, out, first, last):
    """Zero in the rows first to last - 1 of out, Panels, that `count` rows of a SparseBatch have entries for."""
    lanes, column = lanes_of(memory), 0
    rows, zero = X.rows, memory.dtype.type(0.0)
    while column < out.width:
        columns = panel_width(out.width - column, lanes)
        for r in range(count):
            i = row_number(X, r)
            for k in range(rows.starts[i], rows.starts[i + 1]):
                c = rows.columns[k]
                if first <= c < last:
                    here = span(memory, out.at + column * out.rows + c * columns, columns)
                    for j in range(columns):
                        here[j] = zero
        column += columns


@leaf
def clear(memory, out, first, last):
    """Zero in rows first to last - 1 of out, Panels."""
    lanes, column, zero = lanes_of(memory), 0, memory.dtype.type(0.0)
    while column < out.width:
        columns = panel_width(out.width - column, lanes)
        here = span(memory, out.at + column * out.rows + first * columns, (last - first) * columns)
        for i in range(here.size):
            here[i] = zero
        column += columns
