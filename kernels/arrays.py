"""Arrays that callers give, and get, in any shape and memory layout."""

from __future__ import annotations

import numpy as np

from .checks import check_same_shape
from .compiler.jit import leaf


@leaf
def result_for(x, out):
    """`out`, checked, or a new array like x."""
    if out is None:
        return np.empty_like(x)
    check_same_shape(x, out)
    return out


@leaf
def in_place(x, y):
    """Whether y begins where x does."""
    return x.ctypes.data == y.ctypes.data


@leaf
def assign(y, x):
    """y[...] = x, of the same shape: for that, Numba compiles for two seconds how to say that shapes differ."""
    if y.flags.c_contiguous:
        i = 0
        for value in x.flat:
            y.flat[i] = value
            i += 1
    else:
        for place, value in np.ndenumerate(x):
            y[place] = value
