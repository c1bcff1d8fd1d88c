"""What is found out about arrays that several fits take, so that it is found out once."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from numbers import Integral
from typing import Any

import numpy as np

from .orders import Orders, SharedOrders

# Most memory for orders that fits to the same rows share.
KEPT_BYTES = 1 << 25


class Known:
    """What was made of some arrays, by their identity. Nobody may change the arrays meanwhile."""

    def __init__(self) -> None:
        self._made: dict[tuple[Any, ...], tuple[tuple[Any, ...], Any]] = {}
        self._orders: dict[tuple[Any, ...], SharedOrders] = {}
        self._bytes = 0  # that the orders may come to

    def once(self, arrays: tuple[Any, ...], options: tuple[Any, ...], make: Callable[[], Any]) -> Any:
        """The result of make(), or that of an earlier call with the same arrays and options."""
        key = (*map(id, arrays), *options)
        if key not in self._made:
            self._made[key] = arrays, make()  # with the arrays, so that no other array gets one of these ids
        return self._made[key][1]

    def orders(self, random_state: np.random.RandomState, n: int, epochs: int) -> Orders:
        """Orders of n rows for so many epochs, those that a generator in this state draws; its own state is left as it is."""
        state: Any = random_state.get_state()  # a name, an array, and three numbers
        key = n, state[0], state[1].tobytes(), *state[2:]
        shared = self._orders.get(key)
        if shared is None:
            size = n * epochs * np.dtype(np.int64).itemsize
            if self._bytes + size > KEPT_BYTES:
                return Orders(random_state)
            self._bytes += size
            shared = self._orders.setdefault(key, SharedOrders(random_state, n))
        return shared.reader()


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

    def _orders_of_rows(self: Any, n: int) -> Orders:
        """scikit-learn's orders of n rows, drawn from `_random_state`; shared where no other fit draws from that."""
        if self._known is None or not isinstance(self.random_state, Integral) or self.checkpoint is not None:
            return Orders(self._random_state)
        return self._known.orders(self._random_state, n, self.max_iter)  # type: ignore[no-any-return]

    @classmethod
    def _get_param_names(cls) -> list[str]:
        """Names of the arguments. scikit-learn asks for them four times in each fit, which takes it 1 ms."""
        kind: Any = cls
        return list(_names_of(kind))


@functools.cache
def _names_of(kind: Any) -> list[str]:
    names: list[str] = super(Knowing, kind)._get_param_names()  # type: ignore[misc]
    return names
