"""Names: for functions that are made by functions, and of what users register."""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import Any


def named(function: Callable[..., Any], name: str, text: str = "") -> Callable[..., Any]:
    """`function` with a name of its own, by which it is known in the disk cache and in listings, and a docstring."""
    function.__name__ = function.__qualname__ = name
    function.__doc__ = text or None
    return function


def check_new_name(name: Any, kind: str, taken: Container[str]) -> None:
    """Raise ValueError where `name` is no identifier, or that of what is built in, a loss for instance."""
    if not isinstance(name, str) or not name.isidentifier() or name in taken:
        raise ValueError(f"name is {name!r}; it must be an identifier, and not that of a built-in {kind}")


class RegisteredName(str):
    """The name of what a user registered, with its formulas. Unpickled in another process, it is registered there, too."""

    def __new__(cls, name: str, register: Callable[..., str], formulas: tuple[Any, ...]) -> RegisteredName:
        self = super().__new__(cls, name)
        self._register, self._formulas = register, formulas
        return self

    _register: Callable[..., str]
    _formulas: tuple[Any, ...]

    def __reduce__(self) -> tuple[Any, ...]:
        return self._register, (str(self), *self._formulas)

    def __copy__(self) -> RegisteredName:
        return self

    def __deepcopy__(self, memo: Any) -> RegisteredName:
        return self
