"""The orders in which scikit-learn takes the rows, epoch by epoch."""

from __future__ import annotations

import copy
import threading

import numpy as np


class Orders:
    """scikit-learn's orders of the rows: each is the one before, shuffled."""

    def __init__(self, random_state: np.random.RandomState) -> None:
        self._random_state = random_state
        self.rows: np.ndarray | None = None

    def __call__(self, n: int) -> np.ndarray:
        # What `sklearn.utils.shuffle` does, in a tenth of the time.
        shuffled = np.arange(n)
        self._random_state.shuffle(shuffled)
        self.rows = shuffled if self.rows is None else self.rows[shuffled]
        return self.rows


class SharedOrders:
    """The same for several fits that begin with the same state of a generator, from any thread: each order is drawn once."""

    def __init__(self, random_state: np.random.RandomState, n: int) -> None:
        self._orders, self._n = Orders(copy.deepcopy(random_state)), n
        self._drawn: list[np.ndarray] = []
        self._lock = threading.Lock()

    def reader(self) -> Orders:
        """The orders for one fit, from the first on."""
        return _Reader(self)

    def order(self, number: int) -> np.ndarray:
        """The order of this number, from 0."""
        with self._lock:
            while len(self._drawn) <= number:
                self._drawn.append(self._orders(self._n))
            return self._drawn[number]


class _Reader(Orders):
    def __init__(self, shared: SharedOrders) -> None:
        self._shared, self._count = shared, 0
        self.rows = None

    def __call__(self, n: int) -> np.ndarray:
        self.rows = self._shared.order(self._count)
        self._count += 1
        return self.rows
