"""The private way: leaves and kernels with what is private in Numba, five times faster to compile than the stock way.

dispatchers.py   what Python and compiled callers call
leaves.py        how leaves become part of kernels
borrowing.py     arguments to which no reference is counted
typing.py        types of calls, looked up once
callers.py       what a user's own compiled function takes with it of the kernels that it calls
cache_files.py   what Numba is told of the disk cache
names.py         the private names, each looked for when this package is imported
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .callers import refer_to
from .dispatchers import Driver, ElementwiseKernel, Kernel, Leaf
from .leaves import KernelCompiler
from .names import check_names

__all__ = ["Kernel", "driver", "kernel", "leaf"]

check_names()


def leaf(function: Callable[..., Any], options: dict[str, Any], *, read_only: frozenset[str], inline: bool) -> Any:
    options = {**options, "nopython": True, "no_cfunc_wrapper": True, "no_cpython_wrapper": True, "forceinline": inline}
    return Leaf(function, options, read_only)


def kernel(
    function: Callable[..., Any],
    options: dict[str, Any],
    *,
    read_only: frozenset[str],
    written: frozenset[str],
    elementwise: bool,
    cached: bool,
) -> Kernel:
    options = {**options, "nopython": True, "no_cfunc_wrapper": True}
    dispatcher = (ElementwiseKernel if elementwise else Kernel)(function, targetoptions=options, pipeline_class=KernelCompiler)
    dispatcher.read_only, dispatcher.written, dispatcher.kept = read_only, written, cached
    if cached:
        refer_to(dispatcher)
    return dispatcher


def driver(function: Callable[..., Any], options: dict[str, Any]) -> Driver:
    return Driver(function, targetoptions={**options, "nopython": True, "no_cfunc_wrapper": True})
