"""Error-free transformations: the rounding error of a sum or a product, as a number of its own (Knuth; Dekker).

They let a long sum, or a difference that cancels, keep its last digit. None of them needs a fused multiply-add.
"""

from __future__ import annotations

import numpy as np

from .jit import leaf

_d = np.float64
_HIGH_HALF = np.int64(-(1 << 27))  # clears the low 27 bits of a float64's mantissa


@leaf
def sum_error(a, b, s):
    """(a + b) - s exactly, for s = a + b rounded."""
    b_part = s - a
    return (a - (s - b_part)) + (b - b_part)


@leaf
def product_error(a, b, p):
    """a b - p, for p = a b rounded, in float64. Halves are cut by a mask, so that no intermediate overflows."""
    a_high = np.int64(_d(a).view(np.int64) & _HIGH_HALF).view(_d)
    b_high = np.int64(_d(b).view(np.int64) & _HIGH_HALF).view(_d)
    a_low, b_low = a - a_high, b - b_high
    return ((a_high * b_high - p) + a_high * b_low + a_low * b_high) + a_low * b_low
