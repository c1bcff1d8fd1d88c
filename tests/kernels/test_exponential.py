"""exp and log against exact arithmetic: fractions of a unit in the last place that the activations and losses build on."""

from __future__ import annotations

import mpmath
import numpy as np
import oracle
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numba import njit
from tileprop.kernels import exponential

pytestmark = pytest.mark.plain


@njit
def exp_single(x):
    return exponential.exp_single(x)


@njit
def exp_parts(x, low):
    return exponential.exp_parts(x, low)


@njit
def exp_nonpositive(x):
    return exponential.exp_nonpositive(x)


@njit
def log_parts(x):
    return exponential.log_parts(x)


@njit
def log1m_parts(y):
    return exponential.log1m_parts(y)


@njit
def is_single(x):
    return exponential.is_single(x)


def precise(function, *summands: float) -> list[mpmath.mpf]:
    with mpmath.workprec(oracle.EXACT_BITS):
        argument = mpmath.fsum(mpmath.mpf(float(x)) for x in summands)
    with mpmath.workprec(oracle.PRECISE_BITS):
        return [function(argument)]


def parts_ulps(result: float, rest: float, exact: mpmath.mpf) -> float:
    """Error of a number in two parts, in units in the last place of the first."""
    with mpmath.workprec(oracle.PRECISE_BITS):
        return float(abs(mpmath.mpf(float(result)) + mpmath.mpf(float(rest)) - exact) / np.spacing(abs(float(result) or 1.0)))


@given(st.one_of(st.floats(-87, 0, width=32), st.floats(-1, 0, width=32)))
def test_exp_single(x):
    y = exp_single(np.float32(x))
    assert oracle.ulps(y, precise(mpmath.exp, x), np.float32) <= 1


@given(st.one_of(st.floats(-708.3, 0), st.floats(-1, 0)), st.floats(-0.5, 0.5))
def test_exp_double_with_a_low_part(x, fraction):
    low = fraction * np.spacing(abs(x))
    for shift in (0.0, low):
        e, rest = exp_parts(x, shift)
        assert oracle.ulps(e, precise(mpmath.exp, x, shift), np.float64) <= 1
        assert parts_ulps(e, rest, precise(mpmath.exp, x, shift)[0]) <= 0.55


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_exp_at_its_ends(dtype):
    assert exp_nonpositive(dtype(0)) == 1
    assert exp_nonpositive(dtype(-0.0)) == 1
    assert exp_nonpositive(dtype(-1e4)) == 0
    assert exp_nonpositive(dtype(-np.finfo(dtype).max)) == 0
    assert exp_nonpositive(dtype(-np.inf)) == 0
    assert np.isnan(exp_nonpositive(dtype(np.nan)))
    lowest = exponential.LOWEST_SINGLE if dtype is np.float32 else exponential.LOWEST_DOUBLE
    assert exp_nonpositive(dtype(lowest)) == pytest.approx(float(np.finfo(dtype).tiny), rel=1e-4)
    assert exp_nonpositive(dtype(np.nextafter(lowest, dtype(-np.inf)))) == 0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_exp_in_the_arguments_own_precision(dtype):
    y = exp_nonpositive(dtype(-0.3))
    assert y == dtype(y)
    assert is_single(dtype(-0.3)) == (dtype is np.float32)


@given(st.one_of(st.floats(1e-300, 1e300), st.floats(0.5, 2), st.floats(1 - 1e-6, 1 + 1e-6)))
def test_log(x):
    result, rest = log_parts(x)
    assert oracle.ulps(result, precise(mpmath.log, x), np.float64) <= 1
    assert parts_ulps(result, rest, precise(mpmath.log, x)[0]) <= 0.5


def test_log_at_powers_of_two_and_one():
    assert log_parts(1.0) == (0, 0)
    assert [log_parts(2.0**k)[0] for k in (-1022, -3, 1, 1023)] == pytest.approx(
        [k * np.log(2) for k in (-1022, -3, 1, 1023)], rel=3e-16
    )


@given(st.one_of(st.floats(1e-15, 1 - 2.0**-53), st.floats(2.0**-52, 1e-6)))
def test_log1m_keeps_the_rounding_of_its_argument(y):
    result, rest = log1m_parts(y)
    assert oracle.ulps(result + rest, precise(mpmath.log, 1.0, -y), np.float64) <= 1
    assert parts_ulps(result, rest, precise(mpmath.log, 1.0, -y)[0]) <= 0.5


def test_nan_passes_through_the_logarithms():
    assert np.isnan(log_parts(np.nan)[0])
    assert np.isnan(log1m_parts(np.nan)[0])
