"""The stock way: leaves and kernels on Numba's public interface alone.

It takes about five times as long to compile: Numba optimises each leaf for itself, and then again in each function that it
becomes part of. A user's own `@njit` function has the kernels that it calls linked in.
"""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable
from typing import Any

from numba import cfunc, njit, typeof, types
from numba.extending import intrinsic, overload

from .arguments import check_arguments, check_writable, declared_read_only
from .compiling import compiling
from .elementwise import call_elementwise, positional
from .stock_cache import compiled_or_loaded

_Types = tuple[Any, ...]

_CALL = "return call(ARGUMENTS)"
_SAFE_CALL = """
    try:
        return call(ARGUMENTS)
    except Exception:
        return failed
"""


def leaf(function: Callable[..., Any], options: dict[str, Any], *, read_only: frozenset[str], inline: bool) -> Any:
    """`inline` leaves become part of their callers before these are optimised, as they do in the private way."""
    compiled = njit(**options, inline="always" if inline else "never")(function)
    if not read_only:
        return compiled
    given = (f"read_only({name})" if name in read_only else name for name in inspect.signature(function).parameters)
    declaring = _forwarding(function, f"return call({', '.join(given)})", call=compiled, read_only=_read_only)
    return njit(**options)(declaring)


@intrinsic
def _read_only(typing: Any, array: Any) -> Any:
    """The same array, declared read-only."""
    declared = declared_read_only("a leaf", "of it", array)

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        context.nrt.incref(builder, declared, arguments[0])
        return arguments[0]

    return declared(array), build


def kernel(
    function: Callable[..., Any],
    options: dict[str, Any],
    *,
    read_only: frozenset[str],
    written: frozenset[str],
    elementwise: bool,
    cached: bool,
) -> Kernel:
    if elementwise:
        return ElementwiseKernel(function, options)
    return DeclaredKernel(function, options, read_only, written, cached)


class Kernel:
    """A function that Python calls, and that any `@njit` function calls.

    overloads: its compiled specialisations, by the types of the arguments.
    """

    read_only: frozenset[str] = frozenset()
    written: frozenset[str] = frozenset()

    def __init__(self, function: Callable[..., Any], options: dict[str, Any]) -> None:
        functools.update_wrapper(self, function)
        self.py_func = function
        self.targetoptions = options
        self.overloads: dict[_Types, Any] = {}
        self._names = list(inspect.signature(function).parameters)
        typed = _forwarding(function, _CALL, call=self._for_compiled_callers)
        overload(self, jit_options=options)(typed)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError

    def _for_compiled_callers(self, *given: Any) -> Callable[..., Any]:
        """What a compiled caller's call becomes, for arguments of these types."""
        raise NotImplementedError

    def address(self, args: _Types, result: Any) -> int:
        """Where machine code for these argument types lies, with C's calling convention; truth values are int64.

        What raises returns NaN, or nothing.
        """
        safe = _forwarding(
            self.py_func,
            _SAFE_CALL,
            call=njit(**self.targetoptions)(self.py_func),
            failed=None if result == types.none else math.nan,
        )
        integers = tuple(types.int64 if kind == types.boolean else kind for kind in args)
        with compiling():
            # Kept, as its machine code goes with it.
            compiled = self.overloads[args] = cfunc(result(*integers), error_model="numpy")(safe)
        address: int = compiled.address
        return address


class DeclaredKernel(Kernel):
    """Compiled only for the declared types: each of these specialisations takes read-only arrays and writable ones."""

    def __init__(
        self,
        function: Callable[..., Any],
        options: dict[str, Any],
        read_only: frozenset[str],
        written: frozenset[str],
        cached: bool,
    ) -> None:
        super().__init__(function, options)
        self.read_only, self.written, self.kept = read_only, written, cached
        self._exact = False  # whether numbers are among the arguments, which Numba would convert

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        tried = [] if self._exact else list(self.overloads.values())
        for compiled in tried:
            try:
                return compiled(*args, **kwargs)
            except TypeError:  # that there is none for these types, or the kernel's own
                continue
        bound = inspect.signature(self.py_func).bind(*args, **kwargs)
        compiled = self._specialisation(tuple(typeof(value) for value in bound.args))
        return compiled(*bound.args)

    def _specialisation(self, given: _Types) -> Any:
        """The compiled function for arguments of these types, compiled now where it is not yet."""
        declared = self._declared(given)
        if declared not in self.overloads:
            with compiling():  # another thread may have been first
                if declared not in self.overloads:
                    self.overloads[declared] = compiled_or_loaded(self.py_func, self.targetoptions, declared, self.kept)
                    self._exact |= not all(isinstance(kind, types.Array | types.BaseTuple) for kind in declared)
        return self.overloads[declared]

    def _declared(self, args: _Types) -> _Types:
        """The argument types with the read-only arguments declared so."""
        name = self.py_func.__name__
        given = {name: types.unliteral(kind) for name, kind in zip(self._names, args, strict=True)}
        check_arguments(name, given, self.read_only, self.written)
        return tuple(declared_read_only(name, k, t) if k in self.read_only else t for k, t in given.items())

    def _for_compiled_callers(self, *given: Any) -> Callable[..., Any]:
        return _forwarding(self.py_func, _CALL, call=self._specialisation(given))


class ElementwiseKernel(Kernel):
    """Compiled for whatever arrays it is called with, as any `@njit` function is, and not kept on disk."""

    kept = False

    def __init__(self, function: Callable[..., Any], options: dict[str, Any]) -> None:
        super().__init__(function, options)
        self._compiled = njit(**options)(function)
        self.overloads = self._compiled.overloads

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return call_elementwise(self._call, positional(self.py_func, args, kwargs))

    def _call(self, *args: Any) -> Any:
        given = dict(zip(self._names, args, strict=False))
        if "out" in given and not given["out"].flags.writeable:
            check_writable(self.py_func.__name__, "out", typeof(given["out"]))
        return self._compiled(*args)

    def _for_compiled_callers(self, *given: Any) -> Callable[..., Any]:
        check_writable(self.py_func.__name__, "out", dict(zip(self._names, given, strict=True)).get("out"))
        return self.py_func


def _forwarding(function: Callable[..., Any], body: str, **names: Any) -> Callable[..., Any]:
    """A function with the arguments of another one, by their names: Numba has no `*args` for calls by keyword."""
    signature = inspect.signature(function)
    source = f"def {function.__name__}{signature}:\n    {body}\n".replace("ARGUMENTS", ", ".join(signature.parameters))
    made: dict[str, Any] = {}
    exec(source, names, made)
    forwarding: Callable[..., Any] = made[function.__name__]
    return forwarding
