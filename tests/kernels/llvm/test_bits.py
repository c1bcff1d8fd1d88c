"""Bits of numbers: as NumPy has them, there and back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numba import njit
from numba.core import config
from numba.core.errors import TypingError
from tileprop.kernels.llvm import bits_of, from_bits

pytestmark = pytest.mark.plain


@njit
def bits(x):
    return bits_of(x)


@njit
def back(n):
    return from_bits(n)


@pytest.mark.parametrize(("real", "integer", "width"), [(np.float32, np.int32, 32), (np.float64, np.int64, 64)])
def test_there_and_back(real, integer, width):
    @given(st.floats(width=width))
    def holds(number):
        x = real(number)
        n = x.view(integer)
        assert integer(bits(x)) == n
        assert real(back(n)).view(integer) == n or np.isnan(x)

    holds()


@pytest.mark.skipif(bool(config.DISABLE_JIT), reason="types are those of compiled code")
def test_other_types_are_refused():
    with pytest.raises(TypingError, match="bits_of takes float32 and float64, not int64"):
        bits(1)
    with pytest.raises(TypingError, match="from_bits takes int32 and int64, not float64"):
        back(1.0)
