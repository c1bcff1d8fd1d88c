"""Types of calls, looked up once in a compilation."""

from __future__ import annotations

import threading
from typing import Any

from numba.core.types.functions import BaseFunction
from numba.core.typing import Context

_own = threading.local()


class RememberingContext(Context):
    """Numba's typing context, whose functions remember their calls for the time of one compilation and of those within it.

    Numba tries some ten signatures one after another, nine times in ten for types that it had before, when it finds types and
    again when it writes LLVM code. What it finds depends on nothing else.
    """

    def _lookup_global(self, value: Any) -> Any:
        found, known = super()._lookup_global(value), getattr(_own, "functions", None)
        if known is None or not isinstance(found, BaseFunction):
            return found
        if found not in known:
            known[found] = _remembering(found)
        return known[found]


def _remembering(function: BaseFunction) -> Any:
    """The same type, to Numba as well; it remembers what calls come to."""
    view: Any = object.__new__(type(function))
    view.__dict__.update(function.__dict__)
    calls: dict[Any, Any] = {}

    def get_call_type(context: Any, args: Any, kws: Any) -> Any:
        if kws:
            return function.get_call_type(context, args, kws)
        key = tuple(args)
        if key not in calls:
            calls[key] = function.get_call_type(context, args, kws)
        return calls[key]

    view.get_call_type = get_call_type
    return view


def remembering(context: Any) -> RememberingContext:
    """The same context, with all that is registered in it."""
    view = RememberingContext.__new__(RememberingContext)
    view.__dict__ = context.__dict__
    return view


class remembered_calls:
    """For the time of a compilation: calls are remembered, by this thread."""

    def __enter__(self) -> None:
        self._outermost = getattr(_own, "functions", None) is None
        if self._outermost:
            _own.functions = {}

    def __exit__(self, *error: Any) -> None:
        if self._outermost:
            _own.functions = None
