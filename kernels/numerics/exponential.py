"""exp and log, scalar and branch-free, so that loops over them vectorise. `math.exp` is never vectorised by Numba.

exp(x) = 2^n exp(r) with n = round(x / ln 2) and |r| <= ln(2) / 2 (Cody and Waite's reduction, ln 2 in two parts). Adding
1.5 * 2^23 (2^52 in float64) rounds x / ln 2 to n and leaves n in the low bits, from where it is shifted into an exponent: no
conversion to integer, and NaN passes through. exp(r) = 1 + r + r^2 q(r), q the polynomial of degree 4 (float32) or 9 (float64)
that comes nearest in exp(r): within 0.04 and 0.03 units in the last place.

log follows fdlibm's e_log.c: x = 2^k (1 + f), s = f / (2 + f), log(1 + f) = f - (f^2/2 - s (f^2/2 + R(s^2))).
"""

from __future__ import annotations

import numpy as np
from numpy import float32, float64

from ..compiler.jit import leaf
from ..llvm import bits_of, from_bits
from .double_double import two_sum

LOWEST_SINGLE = float32(-87.336544)  # log of the smallest normal float32
LOWEST_DOUBLE = float64(-708.3964185322641)

_LOG2E_F, _LN2_HI_F, _LN2_LO_F = float32(1.4426950408889634), float32(0.693359375), float32(-2.12194440e-4)
_ROUND_F, _SHIFT_F, _ONE_F = float32(12582912.0), np.int32(23), np.int32(0x3F800000)
_P0_F, _P1_F, _P2_F = float32(0.500000009393744743824), float32(0.166665193301550714722), float32(0.0416662081470373691926)
_P3_F, _P4_F = float32(0.00836885044244309120223), float32(0.00139503862172434092549)

_LOG2E, LN2_HI, LN2_LO = float64(1.4426950408889634), float64(6.93147180369123816490e-01), float64(1.90821492927058770002e-10)
_ROUND, _SHIFT, _ONE = float64(6755399441055744.0), np.int64(52), np.int64(0x3FF0000000000000)
_P0, _P1, _P2 = float64(0.500000000000001183731), float64(0.166666666666666979775), float64(0.0416666666665213873247)
_P3, _P4, _P5 = float64(0.00833333333330774718153), float64(0.00138888889457102560765), float64(0.000198412699164339640472)
_P6, _P7 = float64(0.0000248014911065101832515), float64(0.00000275572170048821421992)
_P8, _P9 = float64(2.76309151575838848981e-7), float64(2.5117672610427577245e-8)

_L1, _L2, _L3 = float64(6.666666666666735130e-01), float64(3.999999999940941908e-01), float64(2.857142874366239149e-01)
_L4, _L5, _L6 = float64(2.222219843214978396e-01), float64(1.818357216161805012e-01), float64(1.531383769920937332e-01)
_L7 = float64(1.479819860511658591e-01)
_A0, _A1, _A2 = float64(1.99999999981), float64(0.666666790264), float64(0.399987112469)
_A3, _A4, _A5 = float64(0.286202074084), float64(0.213985605067), float64(0.24393908084)
_MANTISSA, _SQRT2_BITS = np.int64(0x000FFFFFFFFFFFFF), np.int64(0x0006A09E667F3BCD)


@leaf
def is_single(x):
    """Whether x is float32. The compiler folds it, so that only one side of a branch on it is left."""
    return type(x)(1.0) + type(x)(1e-10) == type(x)(1.0)


@leaf
def split_single(x):
    """exp(x) = scale (1 + tail) in float32, scale a power of 2, for x from -87.3 to 88.37."""
    t = x * _LOG2E_F + _ROUND_F
    n = t - _ROUND_F
    r = (x - n * _LN2_HI_F) - n * _LN2_LO_F
    r2 = r * r
    q = (_P0_F + _P1_F * r) + r2 * ((_P2_F + _P3_F * r) + r2 * _P4_F)
    return r + r2 * q, from_bits(np.int32((bits_of(float32(t)) << _SHIFT_F) + _ONE_F))


@leaf
def split_double(argument):
    """exp(x + low) = scale (1 + tail) in float64, (x, low) the argument, scale a power of 2: tail, scale.

    -708 <= x <= 709.4, and |low| is up to half an ulp of x.
    """
    x, low = argument
    t = x * _LOG2E + _ROUND
    n = t - _ROUND
    r = (x - n * LN2_HI) - (n * LN2_LO - low)
    r2 = r * r
    r4 = r2 * r2
    q = ((_P0 + _P1 * r) + r2 * (_P2 + _P3 * r)) + r4 * (((_P4 + _P5 * r) + r2 * (_P6 + _P7 * r)) + r4 * (_P8 + _P9 * r))
    return r + r2 * q, from_bits(np.int64((bits_of(float64(t)) << _SHIFT) + _ONE))


@leaf
def split_double_finely(argument):
    """As `split_double` has it, but the tail is a double-double, right to a tenth of an ulp."""
    x, low = argument
    t = x * _LOG2E + _ROUND
    n = t - _ROUND
    whole, part = x - n * LN2_HI, n * LN2_LO - low
    r = whole - part
    r_low = (whole - r) - part
    r2 = r * r
    r4 = r2 * r2
    q = ((_P0 + _P1 * r) + r2 * (_P2 + _P3 * r)) + r4 * (((_P4 + _P5 * r) + r2 * (_P6 + _P7 * r)) + r4 * (_P8 + _P9 * r))
    curve = r2 * q
    tail = r + curve
    rest = ((r - tail) + curve) + (r_low + r_low * tail)
    return (tail, rest), from_bits(np.int64((bits_of(float64(t)) << _SHIFT) + _ONE))


@leaf
def split_for_single(x):
    """exp(x) = scale (1 + tail) in float64, by float32's polynomial: to 5.7e-9. x as for `split_double`."""
    t = x * _LOG2E + _ROUND
    n = t - _ROUND
    r = (x - n * LN2_HI) - n * LN2_LO
    r2 = r * r
    q = (float64(_P0_F) + float64(_P1_F) * r) + r2 * ((float64(_P2_F) + float64(_P3_F) * r) + r2 * float64(_P4_F))
    return r + r2 * q, from_bits(np.int64((bits_of(float64(t)) << _SHIFT) + _ONE))


@leaf
def exp_split(x):
    """exp(x) = scale (1 + tail), scale a power of 2, in x's own precision. NaN passes through."""
    if is_single(x):
        tail, scale = split_single(float32(x))
        return type(x)(tail), type(x)(scale)
    wide_tail, wide_scale = split_double((float64(x), float64(0.0)))
    return type(x)(wide_tail), type(x)(wide_scale)


@leaf
def largest_split(x):
    """The largest x that `exp_split` takes, in x's own precision."""
    return type(x)(88.37) if is_single(x) else type(x)(709.4)


@leaf
def over_one_plus_exp(numerator, x):
    """numerator / (1 + exp(x)), x clipped where exp(x) would be the largest number.

    With exp(x) = scale (1 + tail), 1 + scale is exact, or what it loses is put back, so that the sum is rounded once.
    """
    one, farthest = type(x)(1.0), largest_split(x)
    x = -farthest if -farthest > x else x  # in this form a minimum and a maximum, which pass NaN through
    x = farthest if farthest < x else x
    tail, scale = exp_split(x)
    sum_ = one + scale
    lost = one - (sum_ - scale)
    return numerator / (sum_ + (scale * tail + lost))


@leaf
def scale_factors(scale):
    """Two powers of 2 whose product is `scale`, which may be 2^128 or 2^1024: one more than there are exponents for."""
    real = type(scale)
    if is_single(scale):
        power = (bits_of(float32(scale)) >> _SHIFT_F) - np.int32(127)
        half = power >> np.int32(1)
        first = from_bits(np.int32((half + np.int32(127)) << _SHIFT_F))
        return real(first), real(from_bits(np.int32((power - half + np.int32(127)) << _SHIFT_F)))
    wide_power = (bits_of(float64(scale)) >> _SHIFT) - np.int64(1023)
    wide_half = wide_power >> np.int64(1)
    wide_first = from_bits(np.int64((wide_half + np.int64(1023)) << _SHIFT))
    return real(wide_first), real(from_bits(np.int64((wide_power - wide_half + np.int64(1023)) << _SHIFT)))


@leaf
def exp_scalar(x):
    """exp(x); 0 where that is below the smallest normal number, infinity where it is above the largest."""
    real = type(x)
    least = real(LOWEST_SINGLE) if is_single(x) else real(LOWEST_DOUBLE)
    vanishes = x < least
    x = least if vanishes else (real(1.4) - least if real(1.4) - least < x else x)
    tail, scale = exp_split(x)
    first, second = scale_factors(scale)
    return real(0.0) if vanishes else (first + first * tail) * second


@leaf
def dd_exp(argument):
    """exp of a double-double (x, low), as another one, for x <= 709 and |low| at most half an ulp of x.

    0 where the result is below the smallest normal number.
    """
    x, low = argument
    vanishes = x < LOWEST_DOUBLE
    low = float64(0.0) if vanishes else low
    x = LOWEST_DOUBLE if vanishes else x
    tail, scale = split_double((x, low))
    e = tail + float64(1.0)
    rest = (float64(1.0) - e) + tail
    scale = float64(0.0) if vanishes else scale
    return e * scale, rest * scale


@leaf
def log_split(x):
    """k and m with x = 2^k m, m between sqrt(1/2) and sqrt(2), for a positive normal x."""
    bits = bits_of(float64(x))
    mantissa = bits & _MANTISSA
    high = np.int64(1) if mantissa > _SQRT2_BITS else np.int64(0)
    k = float64(((bits >> np.int64(52)) - np.int64(1023)) + high)
    # The bits of NaN would read as a number.
    return k, from_bits(np.int64(mantissa | (_ONE - (high << np.int64(52))))) + (x - x)


@leaf
def log_series(z):
    """log((1 + s) / (1 - s)) / s - 2 for z = s^2, s = (m - 1) / (m + 1)."""
    w = z * z
    return z * (_L1 + w * (_L3 + w * (_L5 + w * _L7))) + w * (_L2 + w * (_L4 + w * _L6))


@leaf
def dd_log(x):
    """log(x) for a positive normal float64, as a double-double."""
    k, m = log_split(x)
    f = m - float64(1.0)
    s = f / (float64(2.0) + f)
    half = float64(0.5) * f * f
    whole = k * LN2_HI
    sum_, lost = two_sum(whole, f)
    correction = (s * (half + log_series(s * s)) + k * LN2_LO) - half
    result, error = two_sum(sum_, correction)
    return result, error + lost


@leaf
def dd_log1m(y):
    """log(1 - y) for a float64 0 <= y < 1, as a double-double, with the rounding error of 1 - y put back."""
    u = float64(1.0) - y
    result, rest = dd_log(u)
    return result, rest + ((float64(1.0) - u) - y) / u


@leaf
def log1p_for_single(x):
    """log(1 + x) in float64 for 0 <= x <= 1, to 1.1e-10: 2 artanh(s), s = x / (2 + x), interpolated at Chebyshev's nodes."""
    s = x / (float64(2.0) + x)
    z = s * s
    w = z * z
    return s * ((_A0 + _A1 * z) + w * ((_A2 + _A3 * z) + w * (_A4 + _A5 * z)))
