"""Registries of activations and losses: found by name, and by the code that a plan has; users register their own."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, Protocol, TypeVar


class Entry(Protocol):
    """What a registry holds."""

    @property
    def name(self) -> str: ...

    @property
    def code(self) -> int: ...


E = TypeVar("E", bound=Entry)

# Users' entries have codes from here on, made of their names, so that they are the same in every process.
FIRST_USER_CODE = 1 << 32


class Registry(Generic[E]):
    """All activations, or all losses: the built-in ones, and those that users register.

    A name may have several entries: "log_loss" has one for each kind of outputs and targets. A code has one.
    """

    def __init__(self, kind: str, builtin: Iterable[E]) -> None:
        self.kind = kind
        self._entries = {entry.code: entry for entry in builtin}
        self._formulas: dict[int, tuple[Any, ...]] = {}

    def __iter__(self) -> Iterator[str]:
        """Names, each once, in the order in which they were registered."""
        return iter(dict.fromkeys(entry.name for entry in self._entries.values()))

    def __contains__(self, name: object) -> bool:
        return any(entry.name == name for entry in self._entries.values())

    def __getitem__(self, name: str) -> E:
        """The entry of this name, or the first of several. Raises KeyError for a name that nobody registered."""
        for entry in self._entries.values():
            if entry.name == name:
                return entry
        raise KeyError(f"there is no {self.kind} {name!r}")

    def entries(self) -> list[E]:
        return list(self._entries.values())

    def named(self, name: str) -> list[E]:
        """All entries of this name; none where nobody registered it."""
        return [entry for entry in self._entries.values() if entry.name == name]

    def with_code(self, code: int) -> E:
        """The entry with this code. Raises ValueError for one that is not registered in this process."""
        if code not in self._entries:
            raise ValueError(
                f"there is no {self.kind} with the code {code}; call register_{self.kind} with its name and formulas first"
            )
        return self._entries[code]

    def is_builtin(self, name: str) -> bool:
        return any(entry.code < FIRST_USER_CODE for entry in self.named(name))

    def check_new_name(self, name: Any) -> None:
        """Raise ValueError where `name` is no identifier, or a built-in entry's."""
        if not isinstance(name, str) or not name.isidentifier() or self.is_builtin(name):
            raise ValueError(f"name is {name!r}; it must be an identifier that no built-in {self.kind} has")

    def register(self, name: str, formulas: tuple[Any, ...], make: Callable[[str, int], E]) -> None:
        """Add the entry make(name, code) of a user's formulas; it takes the place of the one that had this name.

        The same formulas again are not compiled again: the entry stays. Raises ValueError for a bad name, see `check_new_name`,
        and for one whose code another name has.
        """
        self.check_new_name(name)
        name, code = str(name), user_code(name)
        if code in self._entries:
            known = self._entries[code].name
            if known != name:
                raise ValueError(f"name is {name!r}, which has the same code as {known!r}; choose another name")
            if self._formulas[code] == formulas:
                return
        self._entries[code] = make(name, code)
        self._formulas[code] = formulas

    def forget(self, name: str) -> None:
        """Take out what a user registered. Plans that have its code are of no use until the name is registered again."""
        if self.is_builtin(name):
            raise ValueError(f"{self.kind} {name!r} is built in; it cannot be removed")
        code = self[name].code
        del self._entries[code], self._formulas[code]


def user_code(name: str) -> int:
    """The code of what a user registers under this name."""
    return FIRST_USER_CODE + zlib.crc32(name.encode())


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


def named(function: Callable[..., Any], name: str, text: str = "") -> Callable[..., Any]:
    """`function` with a name of its own, by which it is known in the disk cache and in listings, and a docstring."""
    function.__name__ = function.__qualname__ = name
    function.__doc__ = text or None
    return function
