"""The smaller and the larger of two integers: as Python has them."""

import pytest
from hypothesis import given
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


@pytest.mark.skipif(bool(config.DISABLE_JIT), reason="types are those of compiled code")
def test_other_types_are_refused():
    with pytest.raises(TypingError, match="minimum takes integers, not float64 and float64"):
        both(1.0, 2.0)
