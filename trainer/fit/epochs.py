"""Epochs of training: whole, in pieces, or several in a call of `train_epoch`; and the way back where training diverges."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...kernels import State, Workspace
from ...kernels.records import make_records
from ...kernels.training.codes import DIVERGED, STOPPED
from ...kernels.training.epoch import choose_epoch, train_sparse_epoch
from ...kernels.training.watched import WATCHING, Validation, Watch
from ...kernels.training.watched import Trained as Training
from ...kernels.workspace import EPOCH
from ..errors import InputError
from ..model import Model
from ..sparse_inputs import SparseInputs
from ..threads.team import Team
from .calls import Calls, Meanwhile, Trained
from .choice import ThreadChoice
from .divergence import finite
from .validation import Rows, read_only_samples

# Whether each epoch takes the rows in a new order, or a function that makes the orders: of n rows, their numbers.
Shuffle = bool | Callable[[int], np.ndarray]
# Times its limit, a call of several epochs is waited for.
PATIENCE = 2.0
NO_RATES, NO_ORDER = np.empty(0), np.empty(0, np.int64)


def permutations(generator: np.random.Generator, orders: np.ndarray) -> np.ndarray:
    """Orders (count, n) OUT: what as many calls of `generator.permutation(n)` give, in half the time."""
    orders[...] = np.arange(orders.shape[1])
    return generator.permuted(orders, axis=1, out=orders)


class Epochs(Calls):
    """Training of one network on arrays."""

    several = True

    def __init__(
        self,
        model: Model,
        rows: Rows,
        state: State,
        shuffle: Shuffle,
        work: Workspace,
        team: Team,
        choice: ThreadChoice,
    ) -> None:
        self.X, self.T, self.weight, self._which = rows[1:]
        kernel = train_sparse_epoch if isinstance(self.X, SparseInputs) else choose_epoch(state, self.weight, work)
        super().__init__(model, rows.plan, state, work, team, choice, kernel)
        self.n, self.shuffle = rows.n, shuffle if callable(shuffle) else bool(shuffle)
        self._rows: Any = self.X.rows if isinstance(self.X, SparseInputs) else self.X
        self._samples: Any = read_only_samples(self._rows, self.T, self.weight) if isinstance(self._rows, np.ndarray) else None
        self._orders: list[np.ndarray] = []  # of the epochs to come, the one under way first
        # Of the last call of `train`: the orders; where it made several epochs, theta, the state and the generator before it,
        # and the memory that holds the orders, which the next call takes again.
        self._made: list[np.ndarray] = []
        self._carried = [np.asarray(array) for array in (model.theta, *state)]
        self._before = [np.empty_like(array) for array in self._carried]  # takes memory when it is first used
        self._together, self._places = np.empty(0, np.int64), list[np.ndarray]()  # the memory; its rows, as they were drawn
        self._rates = NO_RATES  # of the epochs of the last call, or empty
        self._drawn_from: Any = {}

    @property
    def watches(self) -> bool:
        """That is for one thread, whose time is not compared."""
        return self.choice.most == 1 and self._kernel in WATCHING

    def train(
        self, epochs: int, first: int, seconds: float, limit: float | None, meanwhile: Meanwhile | None = None
    ) -> Trained:
        """Train, as `Calls.train`."""
        self.whole = False
        if self.position:  # epochs of one call are whole
            epochs = 1
        if epochs > 1:
            self._drawn_from = self.model.generator.bit_generator.state
        if len(self._orders) < epochs:
            self._orders += self._drawn(epochs - len(self._orders))
        orders = self._orders[:epochs]
        if len({len(order) for order in orders}) > 1:  # and equally long
            del orders[1:]
        if not self.position:
            self._begun[:] = self.model.theta
        self._made, self._rates = orders, NO_RATES
        if meanwhile is not None:
            self._rates = meanwhile.rates
        if len(orders) > 1 or meanwhile is not None:
            for array, kept in zip(self._carried, self._before, strict=True):
                kept[:] = array
            trained = self._several(first, seconds) if meanwhile is None else self._watched(first, seconds, meanwhile)
        else:
            trained = self._one(first, seconds, limit)
        self.whole = trained.divergence is None
        return trained

    def keep(self, epochs: int) -> None:
        """Undo the last call of `train`, of several epochs, but for its first `epochs`, which are made again, bit for bit."""
        self._go_back()
        for i in range(epochs):
            self._again(i)
        self._orders = self._left(epochs)

    def remembered(self) -> dict[str, Any]:
        """What a checkpoint keeps of the epoch under way: numbers, and arrays of finite numbers."""
        lengths = np.array([len(order) for order in self._orders], np.int64)
        drawn = {"orders": np.concatenate([*self._orders, np.empty(0, np.int64)]), "lengths": lengths}
        record = np.asarray(self._record).view(np.int64).copy()  # as the bits that they are
        begun = self._begun.copy() if self.position else self._begun[:0]
        return {"position": self.position, "record": record, "begun": begun, **drawn}

    def recall(self, kept: dict[str, Any]) -> None:
        """Be as when `remembered` gave this."""
        self.position = kept["position"]
        if self.position:
            self._begun[:] = kept["begun"]
        self._record[:] = kept["record"].view(self._record.dtype)
        ends = np.cumsum(kept["lengths"])
        self._orders = [kept["orders"][end - length : end].copy() for end, length in zip(ends, kept["lengths"], strict=True)]

    # What train does ---------------------------------------------------------------------------------------------------------

    def _drawn(self, epochs: int) -> list[np.ndarray]:
        """Row numbers of the next epochs, empty for all rows as they stand."""
        if not self.shuffle:
            return [NO_ORDER if self._which is None else self._which] * epochs
        orders: Sequence[np.ndarray]
        if self.shuffle is True:
            # Where no order is left, each into its place, and memory that was used before.
            memory = np.empty((epochs, self.n), np.int64) if self._orders else self._room(epochs, self.n)
            orders = list(permutations(self.model.generator, memory))
            if not self._orders:
                self._places = orders
        else:
            orders = [self._own_order(self.shuffle) for _ in range(epochs)]
        return [order if self._which is None else self._which[order] for order in orders]

    def _own_order(self, shuffle: Callable[[int], np.ndarray]) -> np.ndarray:
        """The order that a user's function makes."""
        order = np.asarray(shuffle(self.n))
        if order.ndim != 1 or order.size == 0 or order.dtype.kind not in "iu":
            raise InputError(
                f"shuffle returned an order of shape {order.shape} and dtype {order.dtype}; it must be a vector of row numbers"
            )
        if self._which is not None and not (order.min() >= 0 and order.max() < self.n):
            wrong = order.min() if order.min() < 0 else order.max()
            raise InputError(f"shuffle returned the row number {wrong}; it must return numbers from 0 to {self.n - 1}")
        return np.ascontiguousarray(order, np.int64)

    def _one(self, first: int, seconds: float, limit: float | None) -> Trained:
        """An epoch, or a piece of one."""
        order, theta = self._orders[0], self.model.theta
        n, work = order.size or self.n, self.work.for_epochs(1)
        if self.position:
            work.epochs[:] = self._record
            work.epochs.begin = self.position
        try:
            spent = self._call(work, self._in(order), seconds * (1.0 - self.position / n), self._shortest(limit))
        except BaseException:
            if self._is_finite_or(self._begun) and 0 < self._position[0] < n and self._status[0] != DIVERGED:
                self._record[:], self.position, self.whole = work.epochs, int(self._position[0]), True
            raise
        done = int(self._position[0])
        if self._status[0] == DIVERGED or not finite(theta):
            self._orders, self.position = self._orders[1:], 0
            return Trained(work.epochs[:0], self._divergence(self._inputs_in(order), first))
        self.choice.record(done - self.position, spent)
        if done < n:
            self._record[:], self.position = work.epochs, done
            return Trained(work.epochs[:0], None)
        self._orders, self.position = self._orders[1:], 0
        return Trained(work.epochs, None)

    def _several(self, first: int, seconds: float) -> Trained:
        """Several whole epochs, in one call."""
        count, order = len(self._made), self._one_after_another()
        n, work = self._made[0].size or self.n, self.work.for_epochs(count)
        # Half done in time is better undone than waited for: where a processor is busy, threads take 20 times as long.
        limit = self.choice.limit
        try:
            spent = self._call(work, self._in(order), seconds * count, None if limit is None else PATIENCE * limit)
        except BaseException:
            self._is_finite_or(self._before[0])
            raise
        if self._status[0] == DIVERGED or not finite(self.model.theta):
            return self._one_by_one(first)
        done = int(self._position[0])
        self.choice.record(done, spent)
        if done < n * count:  # ended by the limit, or by `Team.stop`
            self.keep(done // n)
            return Trained(work.epochs[: done // n], None)
        del self._orders[:count]
        return Trained(work.epochs, None)

    def _watched(self, first: int, seconds: float, meanwhile: Meanwhile) -> Trained:
        """Several whole epochs, in one call that does something at each."""
        count, order = len(self._made), self._one_after_another()
        nothing = Validation(self.plan, self._samples, self.model.theta[:0], self.work)
        records = make_records(count, EPOCH)
        watch = Watch(meanwhile.rates[:count], records, meanwhile.losses[:count], meanwhile.stopping, meanwhile.best)
        kernel, validation = WATCHING[self._kernel], meanwhile.validation or nothing

        def call(work: Workspace) -> float:
            return kernel(Training(self.plan, self.model.theta, self.state, work), self._samples, order, validation, watch)

        try:
            done = int(self.team.run(call, self.work.for_epochs(1), seconds * count, 1, None))
        except BaseException:
            self._is_finite_or(self._before[0])
            raise
        if self._status[0] == DIVERGED:
            return self._one_by_one(first)
        if meanwhile.stopping[0].stopped:
            self._rewind(done)
        elif done < count:  # ended by `Team.stop`
            self.keep(done)
        else:
            del self._orders[:count]
        return Trained(records[:done], None)

    def _rewind(self, epochs: int) -> None:
        """The generator, to where it was after the orders of the first `epochs` of the last call."""
        self.model.generator.bit_generator.state = self._drawn_from
        if self.shuffle is True:
            permutations(self.model.generator, np.empty((epochs, self.n), np.int64))
        self._orders = self._left(epochs)

    def _one_after_another(self) -> np.ndarray:
        """The orders of a call, in memory of which they are then parts."""
        count, size = len(self._made), self._made[0].size
        if not size:
            return NO_ORDER
        in_place = count <= len(self._places) and all(map(operator.is_, self._made, self._places))
        together = self._room(count, size)
        if not in_place:
            together[...] = np.stack(self._made)  # some of which may lie elsewhere in this memory
            self._orders[:count] = self._made = self._places = list(together)
        return together.reshape(-1)

    def _room(self, count: int, size: int) -> np.ndarray:
        """Memory (count, size) for orders, which the next call takes again."""
        if self._together.size < count * size:
            self._together = np.empty(count * size, np.int64)
        return self._together[: count * size].reshape(count, size)

    def _left(self, epochs: int) -> list[np.ndarray]:
        """The orders after the first `epochs` of the last call, where they are not drawn anew."""
        return [] if self.shuffle is True else [order.copy() for order in self._made[epochs:]]

    def _one_by_one(self, first: int) -> Trained:
        """The epochs of a call in which training diverged, again, to the same bits.

        That tells which one it was, and has the parameters from before it.
        """
        self._go_back()
        records = self.work.for_epochs(len(self._made)).epochs
        for i, order in enumerate(self._made):
            self._begun[:] = self.model.theta
            records[i : i + 1] = self._again(i)
            if self._status[0] == DIVERGED or not finite(self.model.theta):
                self._orders = self._left(i + 1)
                return Trained(records[:i], self._divergence(self._inputs_in(order), first + i))
        raise AssertionError("training diverged once, and not again")

    def _again(self, number: int) -> np.ndarray:
        """After `_go_back`: an epoch of the last call, and its record. The generator stands where it has left it."""
        order = self._made[number]
        if self._rates.size:
            self.state.hyperparameters[0].learning_rate = self._rates[number]
        if self.shuffle is True:
            permutations(self.model.generator, np.empty((1, self.n), np.int64))
        work, n = self.work.for_epochs(1), order.size or self.n
        self._call(work, self._in(order), 0.0, None)
        while self._position[0] < n and self._status[0] == STOPPED:  # by `Team.stop`, which must not cut this
            work.epochs.begin = self._position[0]
            self._call(work, self._in(order), 0.0, None)
        return work.epochs

    def _go_back(self) -> None:
        self.model.generator.bit_generator.state = self._drawn_from
        for array, kept in zip(self._carried, self._before, strict=True):
            array[:] = kept

    def _in(self, order: np.ndarray) -> tuple[Any, ...]:
        """The rows, in an order, as the kernel takes them."""
        return self._rows, self.T, self.weight, order

    def _inputs_in(self, order: np.ndarray) -> Callable[[slice], Any]:
        """A function that gives the inputs at some positions of an order."""
        return lambda rows: self.X[order[rows] if order.size else rows]
