"""The three matrix products of a dense layer, on row-major arrays.

Each takes four summands, or four results, at a time, in a loop over contiguous columns that vectorises. The order of every
sum depends on the sizes alone.
"""

from __future__ import annotations

from .jit import REORDERED, leaf


@leaf(fastmath=REORDERED, read_only="A B")
def add_product(C, A, B):
    """C (m, n) += A (m, k) B (k, n)."""
    m, k = A.shape
    n = B.shape[1]
    k4 = k - k % 4
    for i in range(m):
        for p in range(0, k4, 4):
            a0, a1, a2, a3 = A[i, p], A[i, p + 1], A[i, p + 2], A[i, p + 3]
            for j in range(n):
                C[i, j] += a0 * B[p, j] + a1 * B[p + 1, j] + a2 * B[p + 2, j] + a3 * B[p + 3, j]
        for p in range(k4, k):
            a = A[i, p]
            for j in range(n):
                C[i, j] += a * B[p, j]


@leaf(fastmath=REORDERED, read_only="A D")
def add_transposed_product(C, A, D):
    """C (k, n) += A^T D, with A (m, k), D (m, n)."""
    m, k = A.shape
    n = D.shape[1]
    m4 = m - m % 4
    for i in range(0, m4, 4):
        for p in range(k):
            a0, a1, a2, a3 = A[i, p], A[i + 1, p], A[i + 2, p], A[i + 3, p]
            for j in range(n):
                C[p, j] += a0 * D[i, j] + a1 * D[i + 1, j] + a2 * D[i + 2, j] + a3 * D[i + 3, j]
    for i in range(m4, m):
        for p in range(k):
            a = A[i, p]
            for j in range(n):
                C[p, j] += a * D[i, j]


@leaf(fastmath=REORDERED, read_only="D W")
def product_with_transpose(C, D, W):
    """C (m, k) = D W^T, with D (m, n), W (k, n): dot products of rows, four at a time."""
    m, n = D.shape
    k = W.shape[0]
    k4 = k - k % 4
    zero = C.dtype.type(0.0)
    for i in range(m):
        for p in range(0, k4, 4):
            c0, c1, c2, c3 = zero, zero, zero, zero
            for j in range(n):
                d = D[i, j]
                c0 += d * W[p, j]
                c1 += d * W[p + 1, j]
                c2 += d * W[p + 2, j]
                c3 += d * W[p + 3, j]
            C[i, p], C[i, p + 1], C[i, p + 2], C[i, p + 3] = c0, c1, c2, c3
        for p in range(k4, k):
            c = zero
            for j in range(n):
                c += D[i, j] * W[p, j]
            C[i, p] = c
