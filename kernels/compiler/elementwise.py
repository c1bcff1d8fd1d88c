"""What element-wise kernels take from Python: what NumPy's own functions take, numbers, lists, integers, half precision."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

_REALS = (np.dtype(np.float32), np.dtype(np.float64))


def plain_elementwise(function: Callable[..., Any]) -> Callable[..., Any]:
    """With the jit off: the function itself, for all that an element-wise kernel takes."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        return call_elementwise(function, positional(function, args, kwargs))

    return call


def positional(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
    """All arguments, without an `out` that is None. Raises TypeError for one that is no array, as it could not be filled."""
    if kwargs:
        args = inspect.signature(function).bind(*args, **kwargs).args
    if len(args) > 1 and args[-1] is None:
        return args[:-1]
    code = function.__code__
    if (
        len(args) == code.co_argcount
        and code.co_varnames[code.co_argcount - 1] == "out"
        and not isinstance(args[-1], np.ndarray)
    ):
        raise TypeError(f"{function.__name__}: argument out is {args[-1]!r}; it must be an array, or None")
    return args


def call_elementwise(function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
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
