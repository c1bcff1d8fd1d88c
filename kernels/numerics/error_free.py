"""Error-free transformations: the rounding error of a sum or a product, as a number of its own (Knuth; Dekker).

They let a long sum, or a difference that cancels, keep its last digit. None of them needs a fused multiply-add.
"""

from __future__ import annotations

import numpy as np

from ..compiler.jit import leaf

_d = np.float64
_HALF_UNIT, _HIGH_HALF = np.int64(1 << 26), np.int64(-(1 << 27))
_NEAR_OVERFLOW = _d(1.797693e308)


@leaf
def sum_error(a, b, s):
    """(a + b) - s exactly, for s = a + b rounded."""
    b_part = s - a
    return (a - (s - b_part)) + (b - b_part)


@leaf
def upper_half(x):
    """x rounded to 26 bits: what is left has 26 bits and a sign, so that products of halves are exact. The largest are cut."""
    bits = _d(x).view(np.int64)
    return np.int64((bits if abs(x) > _NEAR_OVERFLOW else bits + _HALF_UNIT) & _HIGH_HALF).view(_d)


@leaf
def product_error(a, b, p):
    """a b - p, for p = a b rounded, in float64; exactly, but for the largest numbers. No product overflows on the way."""
    a_high, b_high = upper_half(a), upper_half(b)
    a_low, b_low = a - a_high, b - b_high
    return ((a_high * b_high - p) + a_high * b_low + a_low * b_high) + a_low * b_low


# Numbers in two parts, a + a_low and b + b_low, the second some last places of the first at most ----------------------------


@leaf
def sum_in_parts(a, a_low, b, b_low):
    s = a + b
    return s, sum_error(a, b, s) + (a_low + b_low)


@leaf
def product_in_parts(a, a_low, b, b_low):
    p = a * b
    return p, product_error(a, b, p) + (a * b_low + a_low * b)


@leaf(fastmath=set())  # fused, a - q b would be exact, and the product's error taken off twice
def quotient_in_parts(a, a_low, b, b_low):
    q = a / b
    p = q * b
    return q, (((a - p) - product_error(q, b, p)) + (a_low - q * b_low)) / b


@leaf
def scaled_difference(whole, scale, part, part_low):
    """whole - scale (part + part_low), rounded once, for a power of 2 `scale` or 0."""
    first = scale * part
    rest = whole - first
    return rest + (sum_error(whole, -first, rest) - scale * part_low)
