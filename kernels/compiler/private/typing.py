"""Types of calls, looked up once in a compilation.

Numba tries some ten signatures of an operator one after another, when it infers types and again when it lowers; nine times in
ten for types that it had before. What it finds depends on nothing else.
"""

from __future__ import annotations

import threading
from typing import Any

from numba import types
from numba.core.types.functions import BaseFunction
from numba.core.typing import Context

_own = threading.local()


def _once(function: Any, args: Any, kws: Any, look_up: Any) -> Any:
    """What look_up() finds for a call, or found before in this compilation."""
    calls = getattr(_own, "calls", None)
    if calls is None or kws:
        return look_up()
    key = function, args
    found = calls.get(key)
    if found is None:
        found = calls[key] = look_up()
    return found


class RememberingContext(Context):
    """Numba's typing context for type inference: it remembers the calls of one compilation and of those within it."""

    def resolve_function_type(self, func: Any, args: Any, kws: Any) -> Any:
        if not isinstance(func, BaseFunction):
            return super().resolve_function_type(func, args, kws)
        return _once(func, args, kws, lambda: super(RememberingContext, self).resolve_function_type(func, args, kws))


class RememberingFunction(types.Function):
    """An operator's type, which remembers its calls likewise."""

    def get_call_type(self, context: Any, args: Any, kws: Any) -> Any:
        return _once(
            ("lowering", self.typing_key), args, kws, lambda: super(RememberingFunction, self).get_call_type(context, args, kws)
        )


class LoweringContext(RememberingContext):
    """The same for lowering, which asks operators themselves."""

    def resolve_value_type(self, val: Any) -> Any:
        found = super().resolve_value_type(val)
        if type(found) is not types.Function:
            return found
        remembering = RememberingFunction.__new__(RememberingFunction)
        remembering.__dict__ = found.__dict__
        return remembering


def remembering(context: Any, kind: type[Context] = RememberingContext) -> Any:
    """The same context, with all that is registered in it."""
    view = kind.__new__(kind)
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
