"""silu and gelu where they are hardest: near the zeros of their slopes, in their far tails, and at the seam at 0."""

from __future__ import annotations

import numpy as np
import oracle
import pytest
from hypothesis import given
from hypothesis import strategies as st
from promises import CROSSINGS, NEAR, assert_forward, assert_slopes
from tileprop.kernels import gelu, gelu_backward, silu, silu_backward

pytestmark = pytest.mark.plain

DTYPES = ["float32", "float64"]
BACKWARD = {"silu": silu_backward, "gelu": gelu_backward}
FORWARD = {"silu": silu, "gelu": gelu}
# Beyond these, exp(x) and exp(-x^2 / 2) are subnormal.
ENDS = {
    ("silu", "float32"): -87.33654,
    ("silu", "float64"): -708.3964185322641,
    ("gelu", "float32"): -13.21639,
    ("gelu", "float64"): -37.64029,
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", CROSSINGS)
@given(exponents=st.lists(st.floats(-17, 0), min_size=1, max_size=10), sign=st.sampled_from([-1, 1]), data=st.data())
def test_slopes_near_their_zeros(name, dtype, exponents, sign, data):
    x = (CROSSINGS[name] + sign * 10.0 ** np.array(exponents)).astype(dtype)
    dy = np.array(data.draw(st.lists(st.floats(-4, 4, width=32), min_size=x.size, max_size=x.size)), dtype)
    assert_slopes(name, x, dy, BACKWARD[name](x, dy))


@pytest.mark.parametrize("name", CROSSINGS)
def test_the_zeros_are_where_they_are_said_to_be(name):
    """A slope has one sign on each side, of the size that its curve has there."""
    low, high = (BACKWARD[name](np.array([CROSSINGS[name] + d]), np.ones(1))[0] for d in (-1e-6, 1e-6))
    assert low < 0 < high
    assert low == pytest.approx(-high, rel=1e-5)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", CROSSINGS)
def test_outside_all_digits_are_right(name, dtype):
    """Just outside the stretch around the zero that the promise leaves out."""
    x = CROSSINGS[name] + np.concatenate([sign * np.linspace(NEAR, NEAR + 0.1, 50) for sign in (-1, 1)])
    x = x.astype(dtype)
    assert_slopes(name, x, np.full(x.size, 1.9, dtype), BACKWARD[name](x, np.full(x.size, 1.9, dtype)))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", CROSSINGS)
def test_far_tails(name, dtype):
    """Right to the last digit down to where the exponential is subnormal; soon after that, 0."""
    end = ENDS[name, dtype]
    x = np.linspace(end * 0.9, end * 0.99999, 60).astype(dtype)
    y, dx = FORWARD[name](x), BACKWARD[name](x, np.ones_like(x))
    assert (dx < 0).all()
    assert_forward(name, x, y)
    assert_slopes(name, x, np.ones_like(x), dx)
    beyond = np.array([1.25 * end, -1e30, -np.finfo(dtype).max], dtype)
    assert np.abs(FORWARD[name](beyond)).tolist() == [0, 0, 0]
    assert np.abs(BACKWARD[name](beyond, np.ones(3, dtype))).tolist() == [0, 0, 0]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", CROSSINGS)
def test_the_seam_at_zero(name, dtype):
    least = np.finfo(dtype).smallest_subnormal
    x = np.array([0.0, -0.0, least, -least, 1e-30, -1e-30], dtype)
    assert_forward(name, x, FORWARD[name](x))
    assert BACKWARD[name](x, np.ones_like(x)).tolist() == [0.5] * 6


@pytest.mark.parametrize("name", CROSSINGS)
@given(st.floats(0, 30))
def test_slopes_at_x_and_at_minus_x_make_one(name, x):
    down, up = BACKWARD[name](np.array([-x, x]), np.ones(2))
    assert down + up == pytest.approx(1, rel=4 * np.finfo(np.float64).eps)
    assert (
        oracle.ulps(FORWARD[name](x) + FORWARD[name](-x), oracle.numbers(FORWARD[name](x) + FORWARD[name](-x)), "float64") == 0
    )
