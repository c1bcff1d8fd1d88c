"""The smaller and the larger of two numbers: as Python has them."""

import math
import struct

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numba import njit
from numba.core import config
from numba.core.errors import TypingError
from tileprop.kernels.llvm import maximum, minimum

pytestmark = pytest.mark.plain

INTEGERS = st.integers(-(2**63), 2**63 - 1)


@njit
def both(a, b):
    return minimum(a, b), maximum(a, b)


@given(INTEGERS, INTEGERS)
def test_they_are_pythons(a, b):
    assert both(a, b) == (min(a, b), max(a, b))


@given(st.floats(), st.floats())
@example(0.0, -0.0)
@example(-0.0, 0.0)
@example(math.nan, 1.0)
@example(1.0, math.nan)
def test_of_floats_too_with_the_sign_of_a_zero(a, b):
    assert struct.pack("dd", *both(a, b)) == struct.pack("dd", min(a, b), max(a, b))


def test_of_float32_a_float32():
    smaller, larger = both(np.float32(0.1), np.float32(0.2))
    assert (smaller, larger) == (np.float32(0.1), np.float32(0.2))


@pytest.mark.skipif(bool(config.DISABLE_JIT), reason="types are those of compiled code")
def test_other_types_are_refused():
    with pytest.raises(TypingError, match="minimum takes two integers or two floats of one type, not float64 and int64"):
        both(1.0, 2)
