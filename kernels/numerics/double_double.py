"""Double-double arithmetic: float64 numbers that carry their rounding error along (Dekker; Knuth).

A double-double is a pair (high, low): their sum is the number, and low is at most some last places of high. With it a long sum,
or a difference that cancels, keeps its last digit. Nothing here needs a fused multiply-add.

`two_...` are of plain numbers, and return their rounded result and what rounding took from it. `dd_...` are of double-doubles.
"""

from __future__ import annotations

import numpy as np
from numpy import float64

from ..compiler.jit import leaf
from ..llvm import bits_of, from_bits

_HALF_UNIT, _HIGH_HALF = np.int64(1 << 26), np.int64(-(1 << 27))
_NEAR_OVERFLOW = float64(1.797693e308)


@leaf
def two_sum(a, b):
    """a + b rounded, and its error exactly."""
    s = a + b
    b_part = s - a
    return s, (a - (s - b_part)) + (b - b_part)


@leaf
def two_difference(a, b):
    """a - b rounded to float64, and its error exactly; of numbers of any dtype."""
    return two_sum(float64(a), -float64(b))


@leaf
def upper_half(x):
    """x rounded to 26 bits: what is left has 26 bits and a sign, so that products of halves are exact. The largest are cut."""
    bits = bits_of(float64(x))
    return from_bits(np.int64((bits if abs(x) > _NEAR_OVERFLOW else bits + _HALF_UNIT) & _HIGH_HALF))


@leaf
def two_product(a, b):
    """a b rounded, and its error, exactly, but for the largest numbers; in float64. No product overflows on the way."""
    p = a * b
    a_high, b_high = upper_half(a), upper_half(b)
    a_low, b_low = a - a_high, b - b_high
    return p, ((a_high * b_high - p) + a_high * b_low + a_low * b_high) + a_low * b_low


@leaf
def two_quotient(a, b):
    """a / b rounded, where that is finite, and its error rounded."""
    quotient = a / b
    product, error = two_product(quotient, b)
    return quotient, ((a - product) - error) / b


@leaf
def dd_add(a, b):
    """a + b. The low parts are added to one another first."""
    s, error = two_sum(a[0], b[0])
    return s, error + (a[1] + b[1])


@leaf
def dd_accumulate(total, term):
    """total + term, for a long sum: total's low part gathers the errors and the low parts of all terms, one after the other."""
    s, error = two_sum(total[0], term[0])
    return s, total[1] + (error + term[1])


@leaf
def dd_multiply(a, b):
    p, error = two_product(a[0], b[0])
    return p, error + (a[0] * b[1] + a[1] * b[0])


@leaf
def dd_scale(factor, a):
    """factor a, for a plain number `factor`."""
    p, error = two_product(factor, a[0])
    return p, error + factor * a[1]


@leaf(fastmath=set())  # fused, a - q b would be exact, and the product's error taken off twice
def dd_divide(a, b):
    q = a[0] / b[0]
    p, error = two_product(q, b[0])
    return q, (((a[0] - p) - error) + (a[1] - q * b[1])) / b[0]


@leaf
def dd_round(a):
    """A double-double as one number; an overflow is infinite, not NaN."""
    return a[0] + a[1] if abs(a[0]) < float64(np.inf) else a[0]


@leaf
def dd_subtract_scaled(whole, scale, a):
    """whole - scale a as one number, rounded once, for plain numbers `whole` and `scale`, the latter a power of 2 or 0."""
    rest, error = two_sum(whole, -(scale * a[0]))
    return rest + (error - scale * a[1])
