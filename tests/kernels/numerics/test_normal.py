"""The normal density and tail against mpmath's, for float32 and, as double-doubles, for float64."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mpmath import mpf
from numba import njit
from tileprop.kernels.numerics import normal

pytestmark = pytest.mark.plain

BITS = 200


@njit
def bell_for_single(a):
    return normal.bell_for_single(a)


@njit
def tail_ratio_for_single(a):
    return normal.tail_ratio_for_single(a)


@njit
def dd_bell(a):
    return normal.dd_bell(a)


@njit
def dd_tail_ratio(a):
    return normal.dd_tail_ratio(a)


def relative(computed: mpf, exact: mpf) -> float:
    return float(abs(computed / exact - 1))


def exact_parts(a: float) -> tuple[mpf, mpf]:
    """exp(-a^2 / 2) and the tail."""
    return mpmath.exp(-(mpf(a) ** 2) / 2), mpmath.ncdf(-mpf(a))


def test_the_density_at_zero():
    with mpmath.workprec(BITS):
        both = mpf(float(normal.DENSITY_AT_0[0])) + mpf(float(normal.DENSITY_AT_0[1]))
        assert relative(both, mpmath.npdf(0)) < 1e-32


@given(st.one_of(st.floats(0, 14), st.floats(0, 1), st.sampled_from([0.0, 3.0, 14.0])))
def test_for_single(a):
    """Nearly ten times as good as float32."""
    with mpmath.workprec(BITS):
        bell, tail = exact_parts(a)
        computed = mpf(float(bell_for_single(a)))
        assert relative(computed, bell) <= 5.7e-9
        assert relative(computed * mpf(float(tail_ratio_for_single(a))), tail) <= 6.9e-9


@given(st.one_of(st.floats(0, 37.6), st.floats(0, 1), st.sampled_from([0.0, 5.0, 37.6])))
def test_double_doubles(a):
    """To a quarter of float64's last place, and better than one number could hold."""
    with mpmath.workprec(BITS):
        bell, tail = exact_parts(a)
        (e, e_low), scale = dd_bell(a)
        e, e_low, scale = float(e), float(e_low), float(scale)
        assert np.frexp(scale)[0] == 0.5
        assert abs(e_low) <= np.spacing(e)
        computed = mpf(scale) * (mpf(e) + mpf(e_low))
        assert relative(computed, bell) <= 2.0**-54
        ratio, low = (float(part) for part in dd_tail_ratio(a))
        assert abs(low) <= 4 * np.spacing(ratio)
        assert relative(computed * (mpf(ratio) + mpf(low)), tail) <= 2.0**-53


def test_the_bell_is_zero_where_it_would_be_subnormal():
    last = float(np.sqrt(-2 * np.log(np.longdouble(np.finfo(np.float64).tiny))))
    assert dd_bell(last * (1 - 1e-15))[1] > 0
    for a in (last * (1 + 1e-15), 40.0, 1e3):
        assert dd_bell(a)[1] == 0


def test_nan_passes_through():
    for function in (bell_for_single, tail_ratio_for_single):
        assert np.isnan(function(np.nan))
    assert np.isnan(dd_bell(np.nan)[0][0])
    assert np.isnan(dd_tail_ratio(np.nan)[0])
