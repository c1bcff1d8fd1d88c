"""BLAS and LAPACK: on one thread, and so that Ctrl-C is answered."""

from __future__ import annotations

import ctypes
import functools
from typing import Any

import numpy as np
from numba.extending import get_cython_function_address

from ..extras import require


def one_thread() -> Any:
    """While this context lasts. Two threads made fits of 200 parameters 5 times as long on a busy machine; and their number
    would tell how sums are rounded."""
    return _libraries().limit(limits=1, user_api="blas")


@functools.cache
def _libraries() -> Any:
    """NumPy's BLAS and SciPy's, looked for once, which takes 2 ms."""
    _dpotrf()  # loads SciPy's
    return require("threadpoolctl", "a solver").ThreadpoolController()


@functools.cache
def _dpotrf() -> Any:
    """LAPACK's, the one that SciPy has. SciPy's own function would hold the interpreter's lock for all of its time."""
    integer = ctypes.POINTER(ctypes.c_int)
    address = get_cython_function_address("scipy.linalg.cython_lapack", "dpotrf")
    return ctypes.CFUNCTYPE(None, ctypes.c_char_p, integer, ctypes.c_void_p, integer, integer)(address)


def cholesky_in_place(matrix: np.ndarray) -> int:
    """Cholesky's factor into the upper triangle of a C-contiguous matrix, which alone is read. 0, or else it is singular."""
    size, failed = ctypes.c_int(len(matrix)), ctypes.c_int()
    _dpotrf()(b"L", size, matrix.ctypes.data, size, failed)  # rows are LAPACK's columns
    return failed.value
