"""The jit: compile options, and what makes a kernel a kernel.

Nothing else in the project passes options to Numba.

`leaf`     a function that only kernels call (a scalar formula, an accessor, a piece of the chain); it becomes part of them.
`kernel`   a function compiled once per dtype and kept in the disk cache.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from numba import types
from numba.core.caching import NullCache
from numba.core.compiler_lock import global_compiler_lock
from numba.core.registry import CPUDispatcher

from .arguments import check_arguments, check_writable, declared_read_only
from .cache import KernelCache, cache_folder
from .callers import SourceGuard, guard_of, refer_to
from .compiling import compiling
from .linking import KernelCompiler, LeafCompiler, connect_environments, refer_by_name

JIT_DISABLED = bool(numba.config.DISABLE_JIT)

# contract: a*b + c may become one fused multiply-add. No reassociation: the exponential's rounding trick would fold away.
EXACT = {"contract"}
# Sums of products may be reordered to fill vectors; NaN and infinity keep their meaning (unlike fastmath=True).
REORDERED = {"contract", "nsz", "arcp", "reassoc"}

_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy"}


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
    options = _options(fastmath, no_cpython_wrapper=True, forceinline=inline)
    return _declare(KernelDispatcher(function, targetoptions=options, pipeline_class=LeafCompiler), read_only)


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
        return _plain_elementwise(function) if elementwise else function
    kind = ElementwiseDispatcher if elementwise else KernelDispatcher
    dispatcher = kind(function, targetoptions=_options(fastmath), pipeline_class=KernelCompiler)
    dispatcher.kept = cached
    if cached:
        refer_to(dispatcher)
    return _declare(dispatcher, read_only, written)


def _options(fastmath: set[str], **more: Any) -> dict[str, Any]:
    return {"nopython": True, "boundscheck": False, "no_cfunc_wrapper": True, "fastmath": fastmath, **_OPTIONS, **more}


def _declare(dispatcher: KernelDispatcher, read_only: str, written: str | None = None) -> KernelDispatcher:
    dispatcher.read_only = frozenset(read_only.split())
    dispatcher.written = None if written is None else frozenset(written.split())
    return dispatcher


class KernelDispatcher(CPUDispatcher):
    """Numba's dispatcher with declared array arguments, a stamped cache and the guard for callers."""

    read_only: frozenset[str] = frozenset()
    written: frozenset[str] | None = None  # of kernels: what leaves are given is checked before
    kept = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._served: set[tuple[Any, ...]] = set()  # types of arguments beyond those declared

    def get_call_template(self, args: Any, kws: Any) -> Any:
        """Typing of a call from an `@njit` function: only the declared specialisation is ever compiled."""
        _, given = self._compiler.fold_argument_types(args, kws)
        given = tuple(types.unliteral(t) for t in given)
        template, pysig, _, _ = super().get_call_template(self._declared(given), {})
        return template, pysig, given, {}

    def compile(self, sig: Any) -> Any:
        args, _ = numba.core.sigutils.normalize_signature(sig)
        declared = self._declared(args)
        with global_compiler_lock:  # threads that meet a kernel for the first time
            # Finding the cache's files takes a millisecond a kernel, which an import need not wait for.
            if self.kept and isinstance(self._cache, NullCache) and cache_folder() is not None:
                self.enable_caching()
            with compiling():
                entry_point = super().compile(declared)
            for result in self.overloads.values():
                constants = result.environment.consts
                if not any(isinstance(constant, SourceGuard) for constant in constants):
                    constants.append(guard_of(self, result))
                    if self._compiler.pipeline_class is not LeafCompiler:  # leaves have no machine code to connect
                        connect_environments(result)
                    if self.kept:
                        refer_by_name(result)
            if args != declared and args not in self._served:
                # Calls from Python with writable arrays go straight there: read-only views of them would take 3 us a call.
                self._served.add(args)
                self._insert([given._code for given in args], entry_point, False)
        return entry_point

    def enable_caching(self) -> None:
        self._cache = KernelCache(self.py_func)

    def address(self, args: tuple[Any, ...]) -> int:
        """Where the machine code for these argument types lies, compiled now where it is not yet."""
        self.compile(args)
        result = self.overloads[self._declared(args)]
        address: int = result.library.get_pointer_to_function(result.fndesc.llvm_func_name)
        return address

    def _declared(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The argument types with the read-only arguments declared so."""
        name = self.py_func.__name__
        given = dict(zip(inspect.signature(self.py_func).parameters, args, strict=True))
        if self.written is not None:
            check_arguments(name, given, self.read_only, self.written)
        return tuple(declared_read_only(name, k, t) if k in self.read_only else t for k, t in given.items())


class ElementwiseDispatcher(KernelDispatcher):
    """Takes from Python what NumPy's own functions take: numbers, lists, integers, half precision."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return _elementwise(super().__call__, _positional(self.py_func, args, kwargs))

    def _declared(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        for name, given in zip(inspect.signature(self.py_func).parameters, args, strict=True):
            if name == "out":
                check_writable(self.py_func.__name__, name, given)
        return super()._declared(args)


def _plain_elementwise(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        return _elementwise(function, _positional(function, args, kwargs))

    return call


def _positional(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
    """All arguments, without an `out` that is None."""
    if kwargs:
        args = inspect.signature(function).bind(*args, **kwargs).args
    return args[:-1] if len(args) > 1 and args[-1] is None else args


def _elementwise(function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    """Call with arrays of one float dtype, at least 1-D; a result for numbers alone is a number again.

    Python's own numbers take on the dtype of the others. An `out` of another dtype is filled all the same.
    """
    if all(isinstance(a, np.ndarray) and a.ndim and a.dtype in _REALS and a.dtype == args[0].dtype for a in args):
        return function(*args)
    arrays = [np.asarray(a) for a in args]
    typed = [array for a, array in zip(args, arrays, strict=True) if type(a) not in (bool, int, float)] or arrays
    single = all(a.dtype == np.float32 for a in typed)
    real = np.float32 if single else np.float64
    prepared = [np.atleast_1d(a).astype(real, casting="same_kind", copy=False) for a in arrays]
    result = function(*prepared)
    for given, used in zip(args, prepared, strict=True):
        if result is used and result is not given and isinstance(given, np.ndarray):
            np.copyto(given, result.reshape(given.shape), casting="same_kind")
            return given
    return result.reshape(()).item() if isinstance(result, np.ndarray) and all(a.ndim == 0 for a in arrays) else result


_REALS = (np.dtype(np.float32), np.dtype(np.float64))


def check_compiled(**functions: tuple[Any, str]) -> None:
    """Raise TypeError where a function, given with its arguments' names, takes others, or is not compiled with `@njit`."""
    for name, (function, wanted) in functions.items():
        if not (callable(function) if JIT_DISABLED else isinstance(function, CPUDispatcher)):
            raise TypeError(f"{name} is {function!r}; it must be a function compiled with numba's @njit")
        signature = inspect.signature(getattr(function, "py_func", function))
        try:
            signature.bind(*wanted.split(", "))
        except TypeError:
            raise TypeError(f"{name} takes the arguments {signature}; it must take ({wanted})") from None
