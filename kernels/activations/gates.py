"""silu and gelu: x times a distribution function F(x), the logistic one and the normal one.

F(x) = 1 - F(-x), so that with a = |x| all comes from the tail F(-a), which does not cancel: x F(x) = max(x, 0) - a F(-a), and
the slope at x is that at -a, or 1 minus that where x >= 0. The slope cancels where it crosses zero; what it is made of is
carried in two parts for float64, and in float64 for float32.
"""

from __future__ import annotations

import numpy as np

from ..numerics.error_free import product_in_parts, quotient_in_parts, scaled_difference, sum_in_parts
from ..numerics.exponential import (
    LOWEST_DOUBLE,
    exp_split,
    is_single,
    largest_split,
    over_one_plus_exp,
    split_double_finely,
    split_for_single,
)
from ..compiler.jit import leaf
from ..numerics.normal import (
    DENSITY_AT_0,
    DENSITY_AT_0_LOW,
    bell_for_single,
    bell_in_parts,
    tail_ratio_for_single,
    tail_ratio_in_parts,
)

_d = np.float64
# Beyond these |x|, gelu(-|x|) rounds to 0.
_FAR_F, _FAR = _d(15.0), _d(40.0)


@leaf
def silu_scalar(x):
    """x / (1 + exp(-x)), 0 where exp(-x) would overflow."""
    return type(x)(0.0) if x < -largest_split(x) else over_one_plus_exp(x, -x)


@leaf(inline=True)
def silu_slope(x):
    """e (1 + e - a) / (1 + e)^2, e = exp(-a), a = |x|, where x < 0, and 1 minus that where x >= 0."""
    one, a = _d(1.0), abs(_d(x))
    vanishes = -a < LOWEST_DOUBLE
    a = -LOWEST_DOUBLE if vanishes else a
    if is_single(x):
        tail, scale = split_for_single(-a)
        e = scale + scale * tail
        part = e * (((one - a) + e) / ((one + e) * (one + e)))
        return type(x)(part if x < type(x)(0.0) else one - part)
    tail, rest, scale = split_double_finely(-a, _d(0.0))
    scale = _d(0.0) if vanishes else scale
    power, power_low = sum_in_parts(one, _d(0.0), tail, rest)
    e, e_low = scale * power, scale * power_low
    divisor, divisor_low = sum_in_parts(one, _d(0.0), e, e_low)
    divisor, divisor_low = product_in_parts(divisor, divisor_low, divisor, divisor_low)
    factor, factor_low = sum_in_parts(one, _d(0.0), -a, _d(0.0))
    factor, factor_low = sum_in_parts(factor, factor_low, e, e_low)
    factor, factor_low = quotient_in_parts(factor, factor_low, divisor, divisor_low)
    part, part_low = product_in_parts(factor, factor_low, power, power_low)
    negative = x < type(x)(0.0)
    whole, scale = _d(0.0) if negative else one, -scale if negative else scale
    return type(x)(scaled_difference(whole, scale, part, part_low))


@leaf
def silu_bend(x):
    """s (1 - s) (2 + x (1 - 2 s)), s = sigmoid(x), of e = exp(-a), a = |x|: no sum cancels but the last."""
    real = type(x)
    one, a = real(1.0), abs(x)
    far = real(87.0) if is_single(x) else real(708.0)
    a = far if far < a else a
    tail, scale = exp_split(-a)
    e = scale + scale * tail
    sum_ = one + e
    return e / (sum_ * sum_) * (real(2.0) - a * ((one - e) / sum_))


@leaf(inline=True)
def gelu_scalar(x):
    """max(x, 0) - a tail(a), a = |x|, tail(a) the normal distribution's integral from a to infinity."""
    wide = _d(x)
    a = abs(wide)
    if is_single(x):
        a = _FAR_F if _FAR_F < a else a
        positive = wide if wide > _d(0.0) else _d(0.0)
        return type(x)(positive - a * (bell_for_single(a) * tail_ratio_for_single(a)))
    a = _FAR if _FAR < a else a
    e, e_low, scale = bell_in_parts(a)
    ratio, ratio_low = tail_ratio_in_parts(a)
    part, part_low = product_in_parts(e, e_low, ratio, ratio_low)
    part, part_low = product_in_parts(part, part_low, a, _d(0.0))
    y = scaled_difference(a if wide > _d(0.0) else _d(0.0), scale, part, part_low)
    return type(x)(wide if wide > _FAR else y)


@leaf(inline=True)
def gelu_slope(x):
    """tail(a) - a phi(a) where x < 0, and 1 minus that where x >= 0, phi the density; both have a factor exp(-a^2 / 2)."""
    one, a = _d(1.0), abs(_d(x))
    negative = x < type(x)(0.0)
    if is_single(x):
        a = _FAR_F if _FAR_F < a else a
        part = bell_for_single(a) * (tail_ratio_for_single(a) - a * DENSITY_AT_0)
        return type(x)(part if negative else one - part)
    a = _FAR if _FAR < a else a
    e, e_low, scale = bell_in_parts(a)
    ratio, ratio_low = tail_ratio_in_parts(a)
    height, height_low = product_in_parts(DENSITY_AT_0, DENSITY_AT_0_LOW, a, _d(0.0))
    factor, factor_low = sum_in_parts(ratio, ratio_low, -height, -height_low)
    part, part_low = product_in_parts(e, e_low, factor, factor_low)
    whole, scale = _d(0.0) if negative else one, -scale if negative else scale
    return type(x)(scaled_difference(whole, scale, part, part_low))


@leaf(inline=True)
def gelu_bend(x):
    """phi(x) (2 - x^2)."""
    a = abs(_d(x))
    a = _FAR if _FAR < a else a
    e, _, scale = bell_in_parts(a)
    return type(x)(DENSITY_AT_0 * (scale * e) * (_d(2.0) - a * a))
