"""softmax on rows of its own kind: long ones, hard ones, with infinities and NaN. `test_formulas.py` has the rest."""

from __future__ import annotations

from typing import Any

import numpy as np
import oracle
import pytest
from choosing import by_default
from tileprop import kernels

pytestmark = pytest.mark.plain

DTYPES = ["float32", "float64"]
MOST_ULPS = 2.0


def exact(x: np.ndarray) -> list[Any]:
    return [value for row in x.reshape(-1, x.shape[-1]) for value in oracle.exact_softmax(oracle.numbers(row))]


# Inputs on which earlier formulas, or other orders of the same operations, were more than 2 ulp off.
HARD_ROWS = [
    [6.798670970867793, 3.618721819584892, 3.039671302380645, 7.731750780967119, -0.3550613798516018, 7.464929993682123],
    [997.5666722420964, 993.6670111688749, 997.7959633044676, 998.6829466373109, 1003.1014597938521],
]


@pytest.mark.parametrize("row", HARD_ROWS)
def test_hard_rows(row):
    x = np.array(row)
    assert oracle.ulps(kernels.softmax(x), exact(x), np.float64) <= MOST_ULPS


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("width", by_default([7, 8, 9, 31, 64, 513], [7, 9, 64, 513]))
@pytest.mark.parametrize("scale", [0.1, 5.0, 200.0])
def test_rows_that_are_taken_vector_by_vector(dtype, width, scale):
    x = (np.random.default_rng(width).normal(size=(2, width)) * scale).astype(dtype)
    assert oracle.ulps(kernels.softmax(x), exact(x), dtype) <= MOST_ULPS


def test_a_row_longer_than_its_sum_has_bits_for_at_first():
    """Beyond 4096 entries the leading parts are taken shorter."""
    x = np.zeros(4100)
    x[0] = 2.0**-30
    first, *others = np.unique(kernels.softmax(x))[::-1]
    largest, least = oracle.exact_softmax_of_two(2.0**-30, 0.0, 4099)
    assert oracle.ulps([first, *others], [largest] + [least] * len(others), np.float64) <= MOST_ULPS


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("at", [0, 3, 16, 40])
def test_nan_anywhere_in_a_long_row_makes_all_of_it_nan(dtype, at):
    x = np.linspace(-1, 1, 41).astype(dtype)
    x[at] = np.nan
    with np.errstate(invalid="ignore"):
        assert np.isnan(kernels.softmax(x)).all()


def test_minus_infinity_takes_no_part():
    x = np.array([[-np.inf, 1.0, -np.inf, 1.0], [0.0, -np.inf, 0.0, -np.inf]])
    with np.errstate(invalid="ignore"):
        y = kernels.softmax(x)
    assert y.tolist() == [[0, 0.5, 0, 0.5], [0.5, 0, 0.5, 0]]


@pytest.mark.parametrize("dtype", DTYPES)
def test_rows_sum_to_one_along_the_last_axis(dtype):
    x = np.random.default_rng(0).normal(size=12 if dtype == "float32" else (4, 5)).astype(dtype) * 10
    np.testing.assert_allclose(kernels.softmax(x).sum(axis=-1), 1, rtol=8 * np.finfo(dtype).eps)
