"""silu and gelu: x times a distribution function F(x), the logistic one and the normal one.

F(x) = 1 - F(-x), so that with a = |x| all comes from the tail F(-a), which does not cancel: x F(x) = max(x, 0) - a F(-a), and
the slope at x is that at -a, or 1 minus that where x >= 0. The slope cancels where it crosses zero; what it is made of is
double-double for float64, and float64 for float32.
"""

from __future__ import annotations

from numpy import float64

from ..compiler.jit import leaf
from ..numerics.double_double import dd_add, dd_divide, dd_multiply, dd_subtract_scaled
from ..numerics.exponential import (
    LOWEST_DOUBLE,
    exp_split,
    is_single,
    largest_split,
    over_one_plus_exp,
    split_double_finely,
    split_for_single,
)
from ..numerics.normal import DENSITY_AT_0, bell_for_single, dd_bell, dd_tail_ratio, tail_ratio_for_single

# Beyond these |x|, gelu(-|x|) rounds to 0.
_FAR_F, _FAR = float64(15.0), float64(40.0)


@leaf
def silu_scalar(x):
    """x / (1 + exp(-x)), 0 where exp(-x) would overflow."""
    return type(x)(0.0) if x < -largest_split(x) else over_one_plus_exp(x, -x)


@leaf(inline=True)
def silu_slope(x):
    """e (1 + e - a) / (1 + e)^2, e = exp(-a), a = |x|, where x < 0, and 1 minus that where x >= 0."""
    one, a = float64(1.0), abs(float64(x))
    vanishes = -a < LOWEST_DOUBLE
    a = -LOWEST_DOUBLE if vanishes else a
    if is_single(x):
        tail, scale = split_for_single(-a)
        e = scale + scale * tail
        below = e * (((one - a) + e) / ((one + e) * (one + e)))
        return type(x)(below if x < type(x)(0.0) else one - below)
    dd_tail, scale = split_double_finely((-a, float64(0.0)))
    scale = float64(0.0) if vanishes else scale
    dd_one = one, float64(0.0)
    power = dd_add(dd_one, dd_tail)
    dd_e = scale * power[0], scale * power[1]
    divisor = dd_add(dd_one, dd_e)
    factor = dd_add(dd_add(dd_one, (-a, float64(0.0))), dd_e)
    part = dd_multiply(dd_divide(factor, dd_multiply(divisor, divisor)), power)
    negative = x < type(x)(0.0)
    whole, scale = float64(0.0) if negative else one, -scale if negative else scale
    return type(x)(dd_subtract_scaled(whole, scale, part))


@leaf
def silu_slope_derivative(x):
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
    wide = float64(x)
    a = abs(wide)
    if is_single(x):
        a = _FAR_F if _FAR_F < a else a
        positive = wide if wide > float64(0.0) else float64(0.0)
        return type(x)(positive - a * (bell_for_single(a) * tail_ratio_for_single(a)))
    a = _FAR if _FAR < a else a
    e, scale = dd_bell(a)
    part = dd_multiply(dd_multiply(e, dd_tail_ratio(a)), (a, float64(0.0)))
    y = dd_subtract_scaled(a if wide > float64(0.0) else float64(0.0), scale, part)
    return type(x)(wide if wide > _FAR else y)


@leaf(inline=True)
def gelu_slope(x):
    """tail(a) - a phi(a) where x < 0, and 1 minus that where x >= 0, phi the density; both have a factor exp(-a^2 / 2)."""
    one, a = float64(1.0), abs(float64(x))
    negative = x < type(x)(0.0)
    if is_single(x):
        a = _FAR_F if _FAR_F < a else a
        below = bell_for_single(a) * (tail_ratio_for_single(a) - a * DENSITY_AT_0[0])
        return type(x)(below if negative else one - below)
    a = _FAR if _FAR < a else a
    e, scale = dd_bell(a)
    height = dd_multiply(DENSITY_AT_0, (a, float64(0.0)))
    part = dd_multiply(e, dd_add(dd_tail_ratio(a), (-height[0], -height[1])))
    whole, scale = float64(0.0) if negative else one, -scale if negative else scale
    return type(x)(dd_subtract_scaled(whole, scale, part))


@leaf(inline=True)
def gelu_slope_derivative(x):
    """phi(x) (2 - x^2)."""
    a = abs(float64(x))
    a = _FAR if _FAR < a else a
    e, scale = dd_bell(a)
    return type(x)(DENSITY_AT_0[0] * (scale * e[0]) * (float64(2.0) - a * a))
