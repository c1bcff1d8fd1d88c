"""What is found out about arrays that several fits take, so that it is found out once."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any


class Known:
    """What was made of some arrays, by their identity. Nobody may change the arrays meanwhile."""

    def __init__(self) -> None:
        self._made: dict[tuple[Any, ...], tuple[tuple[Any, ...], Any]] = {}

    def once(self, arrays: tuple[Any, ...], options: tuple[Any, ...], make: Callable[[], Any]) -> Any:
        """The result of make(), or that of an earlier call with the same arrays and options."""
        key = (*map(id, arrays), *options)
        if key not in self._made:
            self._made[key] = arrays, make()  # with the arrays, so that no other array gets one of these ids
        return self._made[key][1]


class Knowing:
    """A part of both estimators: estimators with different settings check the same arrays once."""

    # Given by a search while it fits and scores this estimator.
    _known: Known | None = None

    @contextlib.contextmanager
    def _knowing(self, known: Known) -> Iterator[None]:
        """Within, arrays that are in `known` are not checked again."""
        self._known = known
        try:
            yield
        finally:
            del self._known

    def _known_input(self: Any, X: Any, y: Any, validate: Callable[[], Any]) -> Any:
        """The result of validate() for a first fit to X and y. The attributes that it sets are set in any case."""
        if self._known is None:
            return validate()

        def make() -> tuple[Any, dict[str, Any]]:
            before = set(vars(self))
            validated = validate()
            return validated, {name: value for name, value in vars(self).items() if name not in before}

        validated, attributes = self._known.once((X, y), (self.dtype,), make)
        vars(self).update(attributes)
        return validated

    def _known_rows(self: Any, X: Any, check: Callable[[], Any]) -> Any:
        """The result of check() for rows X to predict."""
        return check() if self._known is None else self._known.once((X,), (), check)

    @classmethod
    def _get_param_names(cls) -> list[str]:
        """Names of the arguments. scikit-learn asks for them four times in each fit, which takes it 1 ms."""
        kind: Any = cls
        return list(_names_of(kind))


@functools.cache
def _names_of(kind: Any) -> list[str]:
    names: list[str] = super(Knowing, kind)._get_param_names()  # type: ignore[misc]
    return names
