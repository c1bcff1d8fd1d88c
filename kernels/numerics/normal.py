"""The normal distribution: its density, and its tail, the integral of the density from a >= 0 to infinity.

exp(a^2 / 2) times the tail is smooth and tends to 0 as 1 / a: times a + k it is a polynomial in (a - k) / (a + k), as in
Shepherd and Laframboise 1981. Interpolated at Chebyshev's nodes, up to a = 14 (k = 3, to 1.2e-9, for float32) and 39 (k = 5, to
1.8e-17, for float64), beyond which what is made of it is below the smallest normal number.

For float32 all is plain float64. For float64 it is double-double, good to a quarter of a last place.
"""

from __future__ import annotations

from numpy import float64

from ..compiler.jit import leaf
from .double_double import dd_add, dd_divide, dd_multiply, two_product, two_sum
from .exponential import LOWEST_DOUBLE, split_double_finely, split_for_single

# The density at 0, 1 / sqrt(2 pi), as a double-double.
DENSITY_AT_0 = float64(0.3989422804014327), float64(-2.4923272022777301e-17)

_SHIFT_F = float64(3.0)
_F = tuple(
    float64(c)
    for c in (
        0.7290836907, -0.5093319902, 0.2300176797, -0.04726272769, -0.01046231116, 0.006969689543, 0.001024157668,
        -0.001033891348, -0.0002444839421, 0.0001328259087, 5.517462394e-5,
    )
)  # fmt: skip

_SHIFT = float64(5.0)
_D = tuple(
    float64(c)
    for c in (
        0.769193049750063, -0.6653825028900567, 0.4953056159699764, -0.31353315667130455, 0.1650203661703847,
        -0.06911863870631016, 0.020795066799883178, -0.0029933767705085422, -0.0007978693984660701, 0.0005448990647731298,
        -5.937572800991586e-05, -4.97628142705858e-05, 1.6681213742042063e-05, 3.9809021578680414e-06,
        -2.76926709599743e-06, -3.366153681012471e-07, 4.331410356862585e-07, 4.2274993740065346e-08,
        -6.594221662477223e-08, -9.31356099432606e-09, 7.66307180076004e-09, 1.753048401408232e-09,
        -1.5877468827473365e-10,
    )
)  # fmt: skip
# What the first four lose when they are rounded.
_D_LOW = tuple(float64(c) for c in (-1.51953e-17, 3.69296e-17, 3.88249e-18, 2.33008e-18))


# For float32 ---------------------------------------------------------------------------------------------------------------


@leaf
def bell_for_single(a):
    """exp(-a^2 / 2), for a up to 37."""
    tail, scale = split_for_single(float64(-0.5) * a * a)
    return scale + scale * tail


@leaf
def tail_ratio_for_single(a):
    """exp(a^2 / 2) times the tail."""
    sum_ = a + _SHIFT_F
    t = (a - _SHIFT_F) / sum_
    c, s = _F, t * t
    # Even and odd powers apart, which halves the chain.
    even = c[2] + s * (c[4] + s * (c[6] + s * (c[8] + s * c[10])))
    odd = c[1] + s * (c[3] + s * (c[5] + s * (c[7] + s * c[9])))
    return ((c[0] + s * even) + t * odd) / sum_


# For float64 ---------------------------------------------------------------------------------------------------------------


@leaf(inline=True)
def dd_bell(a):
    """exp(-a^2 / 2) = scale e: e, a double-double, and scale, a power of 2, or 0 where the result would be subnormal."""
    half = float64(-0.5) * a
    exponent = half * a
    vanishes = exponent < LOWEST_DOUBLE
    low = float64(0.0) if vanishes else two_product(half, a)[1]
    tail, scale = split_double_finely((LOWEST_DOUBLE if vanishes else exponent, low))
    return dd_add((float64(1.0), float64(0.0)), tail), float64(0.0) if vanishes else scale


@leaf(inline=True)
def dd_tail_ratio(a):
    """exp(a^2 / 2) times the tail, as a double-double."""
    sum_ = two_sum(a, _SHIFT)
    t = dd_divide(two_sum(a, -_SHIFT), sum_)
    c, c_low, s = _D, _D_LOW, t[0] * t[0]
    even = c[14] + s * (c[16] + s * (c[18] + s * (c[20] + s * c[22])))
    even = c[4] + s * (c[6] + s * (c[8] + s * (c[10] + s * (c[12] + s * even))))
    odd = c[13] + s * (c[15] + s * (c[17] + s * (c[19] + s * c[21])))
    odd = c[5] + s * (c[7] + s * (c[9] + s * (c[11] + s * odd)))
    p = dd_multiply((even + t[0] * odd, float64(0.0)), t)
    p = dd_multiply(dd_add((c[3], c_low[3]), p), t)
    p = dd_multiply(dd_add((c[2], c_low[2]), p), t)
    p = dd_multiply(dd_add((c[1], c_low[1]), p), t)
    return dd_divide(dd_add((c[0], c_low[0]), p), sum_)
