"""Arrays between pages that nothing may touch: a read or a write beside one ends the process."""

from __future__ import annotations

import ctypes
import mmap
import sys

import numpy as np

PAGE = mmap.PAGESIZE
_NOTHING = 0  # PROT_NONE


def guarded(array: np.ndarray, at_end: bool = True) -> np.ndarray:
    """A copy whose last byte, or first one, is the last, or first, of its page. Elsewhere than on Linux an ordinary copy."""
    array = np.ascontiguousarray(array)
    if sys.platform != "linux" or array.nbytes == 0:
        return array.copy()
    pages = -(-array.nbytes // PAGE)
    memory = mmap.mmap(-1, (pages + 2) * PAGE)
    begin = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    protect = ctypes.CDLL(None, use_errno=True).mprotect
    for page in (0, pages + 1):
        if protect(ctypes.c_void_p(begin + page * PAGE), ctypes.c_size_t(PAGE), _NOTHING):
            raise OSError(ctypes.get_errno(), "mprotect")
    offset = PAGE + (pages * PAGE - array.nbytes if at_end else 0)
    copy = np.frombuffer(memory, array.dtype, array.size, offset).reshape(array.shape)
    copy[...] = array
    return copy
