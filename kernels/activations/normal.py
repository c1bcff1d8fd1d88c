"""The normal distribution: its density, and its tail.

exp(x^2 / 2) times the tail is smooth and tends to 0 as 1 / x: times |x| + k it is a polynomial in (|x| - k) / (|x| + k), as in
Shepherd and Laframboise 1981. Interpolated at Chebyshev's nodes, up to |x| = 14 (float32, to 1.2e-9) and 39 (float64, to
4e-17), beyond which the result is below the smallest normal number.
"""

from __future__ import annotations

import numpy as np

from ..errorfree import product_error
from ..exponential import LOWEST_DOUBLE, LOWEST_SINGLE, exp_split, is_single, split_double
from ..jit import leaf

_f, _d = np.float32, np.float64
_SHIFT_F, _SHIFT = _f(3.0), _d(4.0)
_DENSITY_AT_0 = _d(0.3989422804014326779)  # 1 / sqrt(2 pi)

_F = tuple(
    _f(c)
    for c in (
        0.7290836907, -0.5093319902, 0.2300176797, -0.04726272769, -0.01046231116, 0.006969689543, 0.001024157668,
        -0.001033891348, -0.0002444839421, 0.0001328259087, 5.517462394e-5,
    )
)  # fmt: skip
_D = tuple(
    _d(c)
    for c in (
        0.75528513041575148, -0.60789664197189176, 0.38713740074221888, -0.18652185795969416, 0.060396574890699464,
        -0.007540188965593059, -0.0034796923622425333, 0.0016308184418903596, 0.00013334425401904912,
        -0.00023109481831937621, -1.9078665316613574e-6, 3.5144181157760973e-5, 7.1500559592160987e-7,
        -5.9188927317632364e-6, -6.2513210404786802e-7, 1.0198048518135173e-6, 2.6368248576407625e-7,
        -1.5426320536771074e-7, -7.6380820534904503e-8, 1.457859334703646e-8, 1.392402399350171e-8,
        7.2695454790266895e-11, -9.6534254202285047e-10,
    )
)  # fmt: skip


@leaf
def polynomial_single(t):
    """Even and odd powers apart, which halves the chain."""
    c, s = _F, t * t
    even = c[2] + s * (c[4] + s * (c[6] + s * (c[8] + s * c[10])))
    even = c[0] + s * even
    odd = c[1] + s * (c[3] + s * (c[5] + s * (c[7] + s * c[9])))
    return even + t * odd


@leaf
def polynomial_double(t):
    c, s = _D, t * t
    even = c[14] + s * (c[16] + s * (c[18] + s * (c[20] + s * c[22])))
    even = c[6] + s * (c[8] + s * (c[10] + s * (c[12] + s * even)))
    even = c[0] + s * (c[2] + s * (c[4] + s * even))
    odd = c[13] + s * (c[15] + s * (c[17] + s * (c[19] + s * c[21])))
    odd = c[5] + s * (c[7] + s * (c[9] + s * (c[11] + s * odd)))
    odd = c[1] + s * (c[3] + s * odd)
    return even + t * odd


@leaf
def bell(a):
    """exp(-a^2 / 2), a >= 0, with the rounding error of a^2 put back; 0 where it would be subnormal."""
    real = type(a)
    wide = _d(a)
    half = _d(-0.5) * wide
    exponent = half * wide
    if is_single(a):
        x = _f(exponent)
        lost = _f(exponent - _d(x))
        vanishes = x < LOWEST_SINGLE
        tail, scale = exp_split(LOWEST_SINGLE if vanishes else x)
        tail += lost + lost * tail
        return real(0.0) if vanishes else real(scale + scale * tail)
    vanishes_too = exponent < LOWEST_DOUBLE
    low = product_error(half, wide, exponent)
    wide_tail, wide_scale = split_double(LOWEST_DOUBLE if vanishes_too else exponent, _d(0.0) if vanishes_too else low)
    return real(0.0) if vanishes_too else real(wide_scale + wide_scale * wide_tail)


@leaf
def normal_parts(x):
    """phi(x), and Phi(-|x|): the normal density, and its integral from |x| to infinity."""
    real = type(x)
    a = abs(x)
    a = real(40.0) if real(40.0) < a else a
    e = bell(a)
    shift = real(_SHIFT_F) if is_single(x) else real(_SHIFT)
    sum_ = a + shift
    t = (a - shift) / sum_
    p = real(polynomial_single(_f(t))) if is_single(x) else real(polynomial_double(_d(t)))
    return real(_DENSITY_AT_0) * e, e * p / sum_
