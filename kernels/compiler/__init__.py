"""All that knows Numba's insides: what leaves and kernels are, how they are compiled, kept on disk, and found by callers.

    jit.py          `leaf` and `kernel`, their options, and the choice between two ways of compiling
    versions.py     which Numba is installed, and which way suits it
    arguments.py    what a kernel's arguments must be
    elementwise.py  what element-wise kernels take from Python
    addresses.py    calls of compiled functions by their address
    cache.py        where compiled kernels are kept
    processor.py    the vector instructions in use
    stock.py        the stock way: Numba's public interface alone
    private/        the quick way: five times faster to compile, with names that are private in Numba

docs/numba.md tells how it works, and lists the private names.
"""

from .versions import check_numba

check_numba()
