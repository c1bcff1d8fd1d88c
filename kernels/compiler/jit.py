"""The jit: compile options, and what leaves and kernels are.

Nothing else in the project passes options to Numba.

`leaf`     a function that only kernels call (a scalar formula, an accessor, a piece of the chain); it becomes part of them.
`kernel`   a function compiled once per dtype and kept in the disk cache.
`driver`   a function that calls kernels one after another, without a way back to Python in between.

There are two ways of compiling, with the same results: `private` is quick and uses names that are private in Numba, `stock`
uses its public interface alone.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numba
from numba.extending import is_jitted

from . import stock
from .elementwise import plain_elementwise
from .versions import newer_than_tested, wanted_way, warn_of_the_stock_way

JIT_DISABLED = bool(numba.config.DISABLE_JIT)

# contract: a*b + c may become one fused multiply-add. No reassociation: the exponential's rounding trick would fold away.
EXACT = {"contract"}
# Sums of products may be reordered to fill vectors; NaN and infinity keep their meaning (unlike fastmath=True).
REORDERED = {"contract", "nsz", "arcp", "reassoc"}

# No lock while kernels run, and NumPy's division by zero.
_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "boundscheck": False}


def _chosen_way() -> ModuleType:
    """`private` where Numba is one that it was tested with, `stock` otherwise."""
    if JIT_DISABLED:
        return stock
    wanted = wanted_way()
    if wanted == "stock":
        return stock
    if newer_than_tested() and wanted != "private":
        warn_of_the_stock_way("is newer than the versions that tileprop was tested with")
        return stock
    try:
        from . import private
    except (ImportError, AttributeError) as error:
        warn_of_the_stock_way(f"lacks a name that tileprop's quick way of compiling needs ({error})")
        return stock
    return private


_way = _chosen_way()
STOCK = _way is stock


def leaf(
    function: Callable[..., Any] | None = None, *, fastmath: set[str] = EXACT, read_only: str = "", inline: bool = False
) -> Any:
    """Compile a function that only kernels call. It needs no way in from Python and no place in the cache.

    inline: it is to become part of its caller, however long it is.
    """
    if function is None:
        return functools.partial(leaf, fastmath=fastmath, read_only=read_only, inline=inline)
    if JIT_DISABLED:
        return function
    return _way.leaf(function, {**_OPTIONS, "fastmath": fastmath}, read_only=frozenset(read_only.split()), inline=inline)


def kernel(
    function: Callable[..., Any] | None = None,
    *,
    fastmath: set[str] = EXACT,
    read_only: str = "",
    written: str = "",
    elementwise: bool = False,
    cached: bool = True,
) -> Any:
    """Compile `function` once per dtype, cached on disk, callable from Python and from any `@njit` function.

    read_only: names of array arguments that the kernel only reads. They are declared read-only and C-contiguous, so that one
    specialisation takes writable, read-only and memory-mapped arrays without a copy.
    written: names of those that it writes to. All arrays named are checked, see `arguments.py`.
    elementwise: works on arrays of any shape and layout; Python may also pass lists, numbers and other dtypes.
    cached: False for what is made of a user's functions, whose changes the cache's stamp would not notice.
    """
    if function is None:
        return functools.partial(
            kernel, fastmath=fastmath, read_only=read_only, written=written, elementwise=elementwise, cached=cached
        )
    if JIT_DISABLED:
        return plain_elementwise(function) if elementwise else function
    return _way.kernel(
        function,
        {**_OPTIONS, "fastmath": fastmath},
        read_only=frozenset(read_only.split()),
        written=frozenset(written.split()),
        elementwise=elementwise,
        cached=cached,
    )


def driver(function: Callable[..., Any]) -> Any:
    """Compile a function that calls kernels, through the machine code that they have: to the same bits as from Python.

    In the stock way it stays a Python function: Numba would compile the kernels once more, as a part of it.
    """
    return function if JIT_DISABLED or STOCK else _way.driver(function, _OPTIONS)


def is_kernel(value: Any) -> bool:
    """Whether it is what `kernel` makes of a function, with the jit on."""
    return isinstance(value, _way.Kernel)


def check_compiled(**functions: tuple[Any, str]) -> None:
    """Raise TypeError where a function, given with its arguments' names, takes others, or is not compiled with `@njit`."""
    for name, (function, wanted) in functions.items():
        if not (callable(function) if JIT_DISABLED else is_jitted(function)):
            raise TypeError(f"{name} is {function!r}; it must be a function compiled with numba's @njit")
        signature = inspect.signature(getattr(function, "py_func", function))
        try:
            signature.bind(*wanted.split(", "))
        except TypeError:
            raise TypeError(f"{name} takes the arguments {signature}; it must take ({wanted})") from None
