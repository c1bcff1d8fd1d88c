"""Kernels and leaves of the private way: Numba's dispatcher with declared arrays, our disk cache, and a guard for callers."""

from __future__ import annotations

import functools
import inspect
from typing import Any

from numba import types
from numba.core import sigutils
from numba.core.caching import NullCache
from numba.core.registry import CPUDispatcher

from ..arguments import check_arguments, check_writable, declared_read_only
from ..cache import cache_folder
from ..compiling import compiling
from ..elementwise import call_elementwise, positional
from .cache_files import KernelCache
from .callers import SourceGuard, guard_of
from .leaves import LeafCompiler, connect_environments, refer_by_name
from .typing import remembered_calls


class _Declaring(CPUDispatcher):
    """A dispatcher that compiles for declared arguments only."""

    read_only: frozenset[str] = frozenset()

    def __init__(self, function: Any, **options: Any) -> None:
        function.__signature__ = inspect.signature(function)  # Numba makes it twice otherwise, which takes 10 us
        super().__init__(function, **options)

    @property
    def _parameters(self) -> tuple[str, ...]:
        return tuple(self._compiler.pysig.parameters)

    def get_call_template(self, args: Any, kws: Any) -> Any:
        """Typing of a call from an `@njit` function: only the declared specialisation is ever compiled."""
        _, given = self._compiler.fold_argument_types(args, kws)
        given = tuple(types.unliteral(t) for t in given)
        template, pysig, _, _ = super().get_call_template(self._declared(given), {})
        return template, pysig, given, {}

    def _declared(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The argument types with the read-only arguments declared so."""
        if not self.read_only:
            return args
        name, given = self.py_func.__name__, zip(self._parameters, args, strict=True)
        return tuple(declared_read_only(name, k, t) if k in self.read_only else t for k, t in given)


class Leaf:
    """What `leaf` makes of a function.

    Numba's dispatcher is made when a caller is compiled: Numba asks for the type of what is called then. To make one takes
    40 us, which an import need not wait for: there are 360 leaves.
    """

    def __init__(self, function: Any, options: dict[str, Any], read_only: frozenset[str]) -> None:
        wrapper: Any = self
        functools.update_wrapper(wrapper, function)
        self.py_func, self._options, self._read_only = function, options, read_only

    @functools.cached_property
    def _numba_type_(self) -> types.Dispatcher:
        dispatcher = _LeafDispatcher(self.py_func, targetoptions=self._options, pipeline_class=LeafCompiler)
        dispatcher.read_only = self._read_only
        self._dispatcher = dispatcher  # the type does not keep it
        return dispatcher._numba_type_

    def __reduce__(self) -> str:
        return self.py_func.__qualname__  # pickled by name, as functions are


class _LeafDispatcher(_Declaring):
    def compile(self, sig: Any) -> Any:
        """Without what Numba does for functions that Python calls: its timers for one go off in all those below."""
        args, _ = sigutils.normalize_signature(sig)
        declared = self._declared(args)
        with compiling(), remembered_calls():
            if declared not in self.overloads:
                self.add_overload(self._compiler.compile(declared, None))
        return self.overloads[declared].entry_point


class Kernel(_Declaring):
    """What `kernel` makes of a function."""

    written: frozenset[str] = frozenset()
    kept = False

    def __init__(self, function: Any, **options: Any) -> None:
        super().__init__(function, **options)
        self._served: set[tuple[Any, ...]] = set()  # types of arguments beyond those declared

    def compile(self, sig: Any) -> Any:
        args, _ = sigutils.normalize_signature(sig)
        declared = self._declared(args)
        with compiling(), remembered_calls():  # threads that meet a kernel for the first time
            # Finding the cache's files takes a millisecond a kernel, which an import need not wait for.
            if self.kept and isinstance(self._cache, NullCache) and cache_folder() is not None:
                self.enable_caching()
            entry_point = super().compile(declared)
            for result in self.overloads.values():
                constants = result.environment.consts
                if not any(isinstance(constant, SourceGuard) for constant in constants):
                    constants.append(guard_of(self, result))
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

    def address(self, args: tuple[Any, ...], result: Any = None) -> int:
        """Where the machine code for these argument types lies, compiled now where it is not yet. result: as it is found."""
        with compiling():  # to look for it makes machine code, and holds LLVM's lock
            self.compile(args)
            compiled = self.overloads[self._declared(args)]
            address: int = compiled.library.get_pointer_to_function(compiled.fndesc.llvm_func_name)
        return address

    def _declared(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        check_arguments(self.py_func.__name__, dict(zip(self._parameters, args, strict=True)), self.read_only, self.written)
        return super()._declared(args)


class Driver(CPUDispatcher):
    """What `driver` makes of a function: it refers to the kernels that it calls by name, as a user's own functions do."""

    _cache: Any

    def compile(self, sig: Any) -> Any:
        with compiling():
            if isinstance(self._cache, NullCache) and cache_folder() is not None:
                self._cache = KernelCache(self.py_func)
            return super().compile(sig)


class ElementwiseKernel(Kernel):
    """Takes from Python what NumPy's own functions take."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return call_elementwise(super().__call__, positional(self.py_func, args, kwargs))

    def _declared(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        for name, given in zip(self._parameters, args, strict=True):
            if name == "out":
                check_writable(self.py_func.__name__, name, given)
        return super()._declared(args)
