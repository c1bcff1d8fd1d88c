"""The jit: compile options, the disk cache's place and stamp, and what makes a kernel a kernel.

Nothing else in the project passes options to Numba.

`leaf`     a function that only kernels call (a scalar formula, an accessor, a piece of the chain); it becomes part of them.
`kernel`   a function compiled once per dtype and kept in the disk cache.

Cache. Compiled kernels live in a per-user folder named after a hash of every source file of this package and the vector
instructions in use, so an edit anywhere gives a new, empty folder. `TILEPROP_CACHE` moves it (a path) or switches it off
(`0`). A place that cannot be written is passed over: first a private temporary folder, then no cache at all.

Callers. A user's own `@njit` function refers to a kernel by its name and calls the machine code that is there, so that it takes
no longer to compile than its own lines do: Numba would link the kernels in and optimise them once more, which takes seconds.
Where the caller is cached (`cache=True`), the kernel must be in place before the caller's code is loaded, and must be the one
that it was compiled against. Every kernel therefore carries a guard among its environment's constants, and Numba saves these
with the caller. To unpickle a guard loads the kernel, or compiles it; one made from other sources raises `StaleKernels`,
an OSError, which Numba answers by compiling the caller anew. Kernels that are made of a user's functions are linked in.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib
import inspect
import os
import pickle
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numba
import numpy as np
from llvmlite import binding as llvm
from numba import types
from numba.core.caching import CompileResultCacheImpl, FunctionCache, IndexDataCacheFile, NullCache, _CacheLocator
from numba.core.compiler_lock import global_compiler_lock
from numba.core.registry import CPUDispatcher

from .arguments import check_arguments, declared_read_only
from .compiling import compiling
from .linking import KernelCompiler, LeafCompiler, connect_environments, refer_by_name
from .processor import SIMD

JIT_DISABLED = bool(numba.config.DISABLE_JIT)

# contract: a*b + c may become one fused multiply-add. No reassociation: the exponential's rounding trick would fold away.
EXACT = {"contract"}
# Sums of products may be reordered to fill vectors; NaN and infinity keep their meaning (unlike fastmath=True).
REORDERED = {"contract", "nsz", "arcp", "reassoc"}

_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy"}

# Kernels that callers refer to by name, by their modules' and their own.
_kernels: dict[tuple[str, str], KernelDispatcher] = {}


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
        _kernels[function.__module__, function.__qualname__] = dispatcher
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
                    constants.append(self._guard(result))
                    if self._compiler.pipeline_class is not LeafCompiler:  # leaves have no machine code to connect
                        connect_environments(result)
                    if self.kept:
                        refer_by_name(result)
            if args != declared and args not in self._served:
                # Calls from Python with writable arrays go straight there: read-only views of them would take 3 us a call.
                self._served.add(args)
                self._insert([given._code for given in args], entry_point, False)
        return entry_point

    def _guard(self, result: Any) -> SourceGuard:
        if not self.kept:
            return SourceGuard()
        function, fndesc = self.py_func, result.fndesc
        return KernelGuard(function.__module__, function.__qualname__, tuple(result.signature.args), fndesc.llvm_func_name)

    def enable_caching(self) -> None:
        self._cache = _KernelCache(self.py_func)

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
        return _elementwise(super().__call__, args, kwargs)


def _plain_elementwise(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        return _elementwise(function, args, kwargs)

    return call


def _elementwise(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call with arrays of one float dtype, at least 1-D; a result for numbers alone is a number again.

    Python's own numbers take on the dtype of the others. An `out` of another dtype is filled all the same.
    """
    if all(isinstance(a, np.ndarray) and a.ndim and a.dtype in _REALS for a in args):
        return function(*args, **kwargs)
    arrays = [np.asarray(a) for a in args]
    typed = [array for a, array in zip(args, arrays, strict=True) if type(a) not in (bool, int, float)] or arrays
    single = all(a.dtype == np.float32 for a in typed)
    prepared = [np.atleast_1d(a).astype(np.float32 if single else np.float64, copy=False) for a in arrays]
    result = function(*prepared, **kwargs)
    for given, used in zip(args, prepared, strict=True):
        if result is used and result is not given and isinstance(given, np.ndarray):
            given[...] = result.reshape(given.shape)
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


def _restore_guard(
    made_under: str, module: str = "", function: str = "", arguments: tuple[Any, ...] = (), symbol: str = ""
) -> SourceGuard:
    if made_under != source_hash():
        raise StaleKernels("compiled against other kernel sources")
    if not module:
        return SourceGuard()
    importlib.import_module(__package__)
    dispatcher = _kernels[module, function]
    # The name has a number in it that is another one where kernels were compiled in another order.
    llvm.add_symbol(symbol, dispatcher.address(arguments))
    return KernelGuard(module, function, arguments, symbol)


@functools.cache
def source_hash() -> str:
    """Hash of every source file of this package and the vectors chosen: the stamp of everything compiled from it."""
    digest = hashlib.sha256(SIMD.name.encode())
    package = Path(__file__).parent
    for path in sorted(package.rglob("*.py")):
        digest.update(path.relative_to(package).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


@functools.cache
def cache_folder() -> Path | None:
    """The folder that compiled kernels are kept in, or None where caching is off or impossible."""
    wanted = os.environ.get("TILEPROP_CACHE", "")
    if wanted == "0":
        return None
    for parent in _cache_parents(wanted):
        with contextlib.suppress(OSError):
            folder = parent / f"kernels-{source_hash()}"
            folder.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=folder).close()
            return folder
    return None


def _cache_parents(wanted: str) -> Iterator[Path]:
    if wanted:
        yield Path(wanted)
        return
    if numba.config.CACHE_DIR:
        yield Path(numba.config.CACHE_DIR) / "tileprop"
    with contextlib.suppress(RuntimeError):  # no home folder
        yield _user_cache() / "tileprop"
    with contextlib.suppress(OSError):
        user = str(os.getuid()) if hasattr(os, "getuid") else os.environ.get("USERNAME", "user")
        folder = Path(tempfile.gettempdir()) / f"tileprop-{user}"
        folder.mkdir(mode=0o700, exist_ok=True)
        # Cached code is executed: a folder that another user owns, or can write to, is not ours to trust.
        status = folder.lstat()
        if not hasattr(os, "getuid") or (status.st_uid == os.getuid() and not status.st_mode & 0o022):
            yield folder


def _user_cache() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


class _StampedLocator(_CacheLocator):
    """Puts every kernel into the stamped folder."""

    def __init__(self, folder: Path, py_func: Any, py_file: str) -> None:
        self._folder = folder
        self._py_file = py_file
        self._lineno = py_func.__code__.co_firstlineno

    @classmethod
    def from_function(cls, py_func: Any, py_file: str) -> _StampedLocator | None:
        folder = cache_folder()
        return None if folder is None else cls(folder, py_func, py_file)

    def get_cache_path(self) -> str:
        return str(self._folder)

    def get_source_stamp(self) -> str:
        return source_hash()

    def get_disambiguator(self) -> str:
        return str(self._lineno)


class _KernelCacheImpl(CompileResultCacheImpl):
    def __init__(self, py_func: Any) -> None:
        self._locator_classes = [_StampedLocator]
        super().__init__(py_func)


# What unpickling a file that a crash or a full disk cut short can raise.
_DAMAGED = (pickle.UnpicklingError, EOFError, AttributeError, ImportError, IndexError, TypeError, ValueError)


class _KernelCacheFile(IndexDataCacheFile):
    """Names each data file after its content's key, and takes damaged files as missing ones.

    Numba numbers them, so two processes that start cold and compile different dtypes at once would both write number 1, and
    the index could then hand out the other dtype's code.
    """

    def _load_index(self) -> dict[Any, str]:
        try:
            return super()._load_index()
        except _DAMAGED:
            return {}

    def load(self, key: Any) -> Any:
        try:
            return super().load(key)
        except _DAMAGED:
            return None

    def save(self, key: Any, data: Any) -> None:
        name = self._data_name_pattern.replace("{number:d}", hashlib.sha256(repr(key).encode()).hexdigest()[:16])
        self._save_data(name, data)
        overloads = self._load_index()
        overloads[key] = name
        self._save_index(overloads)


class _KernelCache(FunctionCache):
    _impl_class = _KernelCacheImpl

    def __init__(self, py_func: Any) -> None:
        super().__init__(py_func)
        self._cache_file: Any = _KernelCacheFile(self._cache_path, self._impl.filename_base, source_hash())

    def _index_key(self, sig: Any, codegen: Any) -> Any:
        # Numba adds a hash of a closure's cells, which is another one in each process. The folder's name says enough.
        return sig, codegen.magic_tuple()

    def save_overload(self, sig: Any, data: Any) -> None:
        with contextlib.suppress(OSError):  # a disk that filled up, or a folder removed meanwhile, costs only speed
            super().save_overload(sig, data)
