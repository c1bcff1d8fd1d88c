"""Callers: what a user's own `@njit` function takes with it of the kernels that it calls.

It refers to a kernel by its name and calls the machine code that is there, so that it takes no longer to compile than its own
lines do: Numba would link the kernels in and optimise them once more, which takes seconds. Where the caller is cached
(`cache=True`), the kernel must be in place before the caller's code is loaded, and must be the one that it was compiled with.
Every kernel therefore carries a guard among its environment's constants, and Numba saves these with the caller. To unpickle a
guard loads the kernel, or compiles it; one made from other sources raises `StaleKernels`, an OSError, which Numba answers by
compiling the caller anew. Kernels that are made of a user's functions are linked in.
"""

from __future__ import annotations

import importlib
from typing import Any

from llvmlite import binding

from ..stamp import source_hash

# Kernels that callers refer to by name, by their modules' and their own.
_kernels: dict[tuple[str, str], Any] = {}


def refer_to(kernel: Any) -> None:
    """Callers are to refer to this kernel's dispatcher by name."""
    _kernels[kernel.py_func.__module__, kernel.py_func.__qualname__] = kernel


def guard_of(kernel: Any, result: Any) -> SourceGuard:
    """What a caller of one of a kernel's compiled specialisations takes with it."""
    names = kernel.py_func.__module__, kernel.py_func.__qualname__
    if _kernels.get(names) is not kernel:
        return SourceGuard()
    return KernelGuard(*names, tuple(result.signature.args), result.fndesc.llvm_func_name)


class StaleKernels(OSError):
    """A cached caller was compiled against other kernel sources. Numba reads an OSError as a cache miss."""


class SourceGuard:
    """A constant whose unpickling succeeds only under the kernel sources that it was pickled under."""

    def __reduce__(self) -> Any:
        return _restore_guard, (source_hash(),)


class KernelGuard(SourceGuard):
    """One whose unpickling also puts a kernel's machine code in place, under the name that a caller knows it by."""

    def __init__(self, module: str, function: str, arguments: tuple[Any, ...], symbol: str) -> None:
        self._names = module, function, arguments, symbol

    def __reduce__(self) -> Any:
        return _restore_guard, (source_hash(), *self._names)


# Under this name, in this module, for as long as cached callers are to be found stale: their files name it.
def _restore_guard(
    made_under: str, module: str = "", function: str = "", arguments: tuple[Any, ...] = (), symbol: str = ""
) -> SourceGuard:
    if not made_under or made_under != source_hash():
        raise StaleKernels("compiled against other kernel sources")
    if not module:
        return SourceGuard()
    importlib.import_module(__package__.rsplit(".", 2)[0])
    dispatcher = _kernels.get((module, function))
    if dispatcher is None:  # here they are compiled the stock way
        raise StaleKernels("compiled against kernels of the private way")
    # The name has a number in it that is another one where kernels were compiled in another order.
    binding.add_symbol(symbol, dispatcher.address(arguments))
    return KernelGuard(module, function, arguments, symbol)
