"""Types of calls, looked up once in a compilation."""

from __future__ import annotations

import threading
from typing import Any

from numba.core.types.functions import BaseFunction
from numba.core.typing import Context

_own = threading.local()


class RememberingContext(Context):
    """Numba's typing context, which remembers the calls of one compilation and of those within it.

    Numba tries some ten signatures one after another, nine times in ten for types that it had before. What it finds depends on
    nothing else.
    """

    def resolve_function_type(self, func: Any, args: Any, kws: Any) -> Any:
        calls = getattr(_own, "calls", None)
        if calls is None or kws or not isinstance(func, BaseFunction):
            return super().resolve_function_type(func, args, kws)
        key = func, args
        found = calls.get(key)
        if found is None:
            found = calls[key] = super().resolve_function_type(func, args, kws)
        return found


def remembering(context: Any) -> RememberingContext:
    """The same context, with all that is registered in it."""
    view = RememberingContext.__new__(RememberingContext)
    view.__dict__ = context.__dict__
    return view


class remembered_calls:
    """For the time of a compilation: calls are remembered, by this thread."""

    def __enter__(self) -> None:
        self._outermost = getattr(_own, "calls", None) is None
        if self._outermost:
            _own.calls = {}

    def __exit__(self, *error: Any) -> None:
        if self._outermost:
            _own.calls = None
