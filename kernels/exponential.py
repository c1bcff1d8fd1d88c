"""exp and log, scalar and branch-free, so that loops over them vectorise. `math.exp` is never vectorised by Numba.

exp(x) = 2^n exp(r) with n = round(x / ln 2) and |r| <= ln(2) / 2 (Cody and Waite's reduction, ln 2 in two parts). Adding
1.5 * 2^23 (2^52 in float64) rounds x / ln 2 to n and leaves n in the low bits, from where it is shifted into an exponent: no
conversion to integer, and NaN passes through. exp(r) = 1 + r + r^2 q(r), q a Chebyshev fit of (exp(r) - 1 - r) / r^2, of
degree 5 (float32, error 0.003 of a half ulp) or 10 (float64, 0.002 of a half ulp).

log follows fdlibm's e_log.c: x = 2^k (1 + f), s = f / (2 + f), log(1 + f) = f - (f^2/2 - s (f^2/2 + R(s^2))).
"""

from __future__ import annotations

import numpy as np

from .errorfree import sum_error
from .jit import leaf

_f, _d = np.float32, np.float64

LOWEST_SINGLE = _f(-87.336544)  # log of the smallest normal float32
LOWEST_DOUBLE = _d(-708.3964185322641)

_LOG2E_F, _LN2_HI_F, _LN2_LO_F = _f(1.4426950408889634), _f(0.693359375), _f(-2.12194440e-4)
_ROUND_F, _SHIFT_F, _ONE_F = _f(12582912.0), np.int32(23), np.int32(0x3F800000)
_P0_F, _P1_F, _P2_F = _f(0.50000000134658092001), _f(0.16666666681623231402), _f(0.041666464925285905408)
_P3_F, _P4_F, _P5_F = _f(0.0083333109254809008349), _f(0.001393364999630925043), _f(0.00019890990824673653848)

_LOG2E, _LN2_HI, _LN2_LO = _d(1.4426950408889634), _d(6.93147180369123816490e-01), _d(1.90821492927058770002e-10)
_ROUND, _SHIFT, _ONE = _d(6755399441055744.0), np.int64(52), np.int64(0x3FF0000000000000)
_P0, _P1, _P2, _P3 = _d(0.5), _d(0.16666666666666670991), _d(0.041666666666666669755), _d(0.0083333333333261351258)
_P4, _P5, _P6 = _d(0.0013888888888883748305), _d(0.00019841269874820625271), _d(0.000024801587325547741216)
_P7, _P8, _P9 = _d(2.755725540020642443e-6), _d(2.7557273643110295328e-7), _d(2.5105217004720745164e-8)
_P10 = _d(2.0914686968086877233e-9)

_L1, _L2, _L3 = _d(6.666666666666735130e-01), _d(3.999999999940941908e-01), _d(2.857142874366239149e-01)
_L4, _L5, _L6 = _d(2.222219843214978396e-01), _d(1.818357216161805012e-01), _d(1.531383769920937332e-01)
_L7 = _d(1.479819860511658591e-01)
_MANTISSA, _SQRT2_BITS = np.int64(0x000FFFFFFFFFFFFF), np.int64(0x0006A09E667F3BCD)


@leaf
def is_single(x):
    """Whether x is float32. The compiler folds it, so that only one side of a branch on it is left."""
    return type(x)(1.0) + type(x)(1e-10) == type(x)(1.0)


@leaf
def exp_single(x):
    """exp(x) in float32 for x <= 0; 0 where that is below the smallest normal number."""
    vanishes = x < LOWEST_SINGLE
    x = LOWEST_SINGLE if vanishes else x
    t = x * _LOG2E_F + _ROUND_F
    n = t - _ROUND_F
    r = (x - n * _LN2_HI_F) - n * _LN2_LO_F
    r2 = r * r
    q = (_P0_F + _P1_F * r) + r2 * ((_P2_F + _P3_F * r) + r2 * (_P4_F + _P5_F * r))
    scale = np.int32((_f(t).view(np.int32) << _SHIFT_F) + _ONE_F).view(_f)
    return _f(0.0) if vanishes else ((r + r2 * q) + _f(1.0)) * scale


@leaf
def exp_parts(x, low):
    """exp(x + low) in float64 as a sum of two numbers, for x <= 0 and |low| at most half an ulp of x.

    The second is the rounding error of the first. 0 where the result is below the smallest normal number.
    """
    vanishes = x < LOWEST_DOUBLE
    low = _d(0.0) if vanishes else low
    x = LOWEST_DOUBLE if vanishes else x
    t = x * _LOG2E + _ROUND
    n = t - _ROUND
    r = (x - n * _LN2_HI) - (n * _LN2_LO - low)
    r2 = r * r
    r4 = r2 * r2
    q = (
        ((_P0 + _P1 * r) + r2 * (_P2 + _P3 * r))
        + r4 * ((_P4 + _P5 * r) + r2 * (_P6 + _P7 * r))
        + (r4 * r4) * ((_P8 + _P9 * r) + r2 * _P10)
    )
    scale = np.int64((_d(t).view(np.int64) << _SHIFT) + _ONE).view(_d)
    tail = r + r2 * q
    e = tail + _d(1.0)
    rest = (_d(1.0) - e) + tail
    scale = _d(0.0) if vanishes else scale
    return e * scale, rest * scale


@leaf
def exp_double(x):
    """exp(x) in float64 for x <= 0; 0 where that is below the smallest normal number."""
    return exp_parts(x, _d(0.0))[0]


@leaf
def exp_nonpositive(x):
    """exp(x) for x <= 0, in x's own precision. NaN passes through."""
    if is_single(x):
        return type(x)(exp_single(_f(x)))
    return type(x)(exp_double(_d(x)))


@leaf
def log_parts(x):
    """log(x) in float64 for a positive normal x, as a sum of two numbers; the second is the rounding error of the first."""
    bits = _d(x).view(np.int64)
    mantissa = bits & _MANTISSA
    # Mantissas above sqrt(2) are halved, so that f stays within [sqrt(1/2) - 1, sqrt(2) - 1].
    high = np.int64(1) if mantissa > _SQRT2_BITS else np.int64(0)
    k = _d(((bits >> np.int64(52)) - np.int64(1023)) + high)
    f = np.int64(mantissa | (_ONE - (high << np.int64(52)))).view(_d) - _d(1.0)
    f += x - x  # the bits of NaN would read as a number
    s = f / (_d(2.0) + f)
    z = s * s
    w = z * z
    rest = z * (_L1 + w * (_L3 + w * (_L5 + w * _L7))) + w * (_L2 + w * (_L4 + w * _L6))
    half = _d(0.5) * f * f
    whole = k * _LN2_HI
    sum_ = whole + f
    lost = sum_error(whole, f, sum_)
    correction = (s * (half + rest) + k * _LN2_LO) - half
    result = sum_ + correction
    return result, sum_error(sum_, correction, result) + lost


@leaf
def log1m_parts(y):
    """log(1 - y) in float64 for 0 <= y < 1, in two parts, with the rounding error of 1 - y put back."""
    u = _d(1.0) - y
    result, rest = log_parts(u)
    return result, rest + ((_d(1.0) - u) - y) / u
