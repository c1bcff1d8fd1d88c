"""Epochs over a source of row blocks: window by window, to the bits of an epoch over arrays in the same order."""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np

from ...kernels import Plan, State, Workspace
from ...kernels.losses.codes import MSE
from ...kernels.training.codes import DIVERGED
from ...kernels.training.epoch import choose_epoch, epoch_in_registers
from ..errors import InputError
from ..model import Model
from ..streams.ahead import Ahead
from ..streams.filling import Key, Window
from ..threads.number import available_processors
from ..threads.team import Team
from .calls import Calls, Meanwhile, Trained
from .choice import ThreadChoice
from .divergence import finite

# Seeds of passes are below this.
SEEDS = 1 << 32
# While the next window is read, a processor is left to that: beside it, two threads on two processors took 20% longer than one.
# The call ends when the window is read. In case that was just before the call began, it also ends after so long, or after
# longer where cuts would take a larger part of the time.
WHILE_READING = 50e-3  # seconds
LOST = 0.05


class StreamedEpochs(Calls):
    """Training of one network on the windows of a source. Use in a `with` statement, which ends the reading.

    shuffle: whether blocks and rows are shuffled. epochs: of the whole fit.
    """

    def __init__(
        self,
        model: Model,
        plan: Plan,
        state: State,
        work: Workspace,
        team: Team,
        choice: ThreadChoice,
        ahead: Ahead,
        shuffle: bool,
        epochs: int,
    ) -> None:
        super().__init__(
            model, plan, state, work, team, choice, choose_epoch(state, np.empty(int(ahead.filler.weighted)), work)
        )
        ahead.when_read = self._has_read
        self._beside = False  # whether a call is made beside reading
        self._windows, self._ahead, self._shuffle, self._epochs = ahead.filler.windows, ahead, shuffle, epochs
        self.n = self._windows.n
        self._processors = available_processors()
        self._seed: int | None = None
        self._drawn = False  # whether an epoch is under way, which has `_seed`
        self._next_seed: int | None = None  # of the epoch after it, unless something else draws from the generator meanwhile

    def train(
        self, epochs: int, first: int, seconds: float, limit: float | None, meanwhile: Meanwhile | None = None
    ) -> Trained:
        """Train on one window, or on the rest of one, as `Calls.train`."""
        self._begin(first)
        ends = None if limit is None else time.monotonic() + limit
        keys = self._keys(first)
        self.whole = True  # while a window is waited for
        if not self._ahead.comes(keys, lambda: not self._is_over(ends)):
            return Trained(self._record[:0], None)
        window = self._ahead.window(keys)
        self.whole = False
        trained = self._on(window, first, seconds, ends)
        self.whole = trained.divergence is None
        return trained

    def _begin(self, first: int) -> None:
        """Draw the seed of an epoch, where none is under way, and look at what the one after it would be."""
        if not self._drawn:
            self._seed, self._drawn = int(self.model.generator.integers(SEEDS)) if self._shuffle else None, True
            self._begun[:] = self.model.theta
            self._record[:] = 0
            self._look_ahead()

    def _look_ahead(self) -> None:
        generator = self.model.generator
        before = generator.bit_generator.state
        self._next_seed = int(generator.integers(SEEDS)) if self._shuffle else None
        generator.bit_generator.state = before

    def _is_over(self, ends: float | None) -> bool:
        return self.team.stopped or (ends is not None and time.monotonic() >= ends)

    def _keys(self, epoch: int) -> list[Key]:
        """The window under way, and those that come after it, as far as they are read ahead."""
        count, most = self._windows.count, self._ahead.prefetch + 1
        keys: list[Key] = [(self._seed, w) for w in range(self._number, min(count, self._number + most))]
        if epoch < self._epochs:
            keys += [(self._next_seed, w) for w in range(min(count, most - len(keys)))]
        return keys

    @property
    def _number(self) -> int:
        """Of the window under way."""
        return self.position // self._windows.rows

    def _on(self, window: Window, epoch: int, seconds: float, ends: float | None) -> Trained:
        """A call of the kernel. It goes on with an epoch whose first batch, which is never read, is done, as `order` has it."""
        batch, before = self._windows.batch, self._number * self._windows.rows  # rows of the windows before
        work = self.work.for_epochs(1)
        work.epochs[:] = self._record
        work.epochs.begin = begin = batch + self.position - before
        left = math.inf if ends is None else max(0.0, ends - time.monotonic())
        size, fewer = self.choice.size, max(1, self._processors - 1)
        beside = self._beside = size > fewer and self._ahead.reading
        limit = min(left, max(WHILE_READING, self.choice.cut / LOST)) if beside else self._shortest(left)
        try:
            spent = self._call(work, window, seconds * (len(window.order) - begin) / self.n, limit, fewer if beside else size)
        except BaseException:
            reached = int(self._position[0])
            if self._is_finite_or(self._begun) and begin <= reached < batch + self.n - before and self._status[0] != DIVERGED:
                self._advance(work, before)
                self.whole = True
            raise
        if self._status[0] == DIVERGED or not finite(self.model.theta):
            self.position, self._drawn = 0, False
            divergence = self._divergence(lambda rows: window.X[window.order[rows]], epoch, before // batch - 1)
            return Trained(self._record[:0], divergence)
        if not beside:
            self.choice.record(int(self._position[0]) - begin, spent)
        self._advance(work, before)
        if self.position < self.n:
            return Trained(self._record[:0], None)
        self.position, self._drawn = 0, False
        return Trained(self._losses(), None)

    def _has_read(self) -> None:
        """Called by the thread that reads."""
        if self._beside:
            self.team.cut()

    def _advance(self, work: Workspace, before: int) -> None:
        """After a call: the rows that are done, and the sums of their losses. before: rows of the windows before."""
        self._record[:], self.position = work.epochs, before + int(self._position[0]) - self._windows.batch

    def _losses(self) -> np.ndarray:
        """The record of the whole epoch, whose means are over all rows, where the kernel's are over those of its last call."""
        record = self._record.copy()
        if self._kernel is epoch_in_registers:  # which adds up the squares alone
            plan = self.plan
            parts = np.float64(plan.sizes[-1] * (1 if plan.loss_code == MSE else 2))
            record.loss = record.batch_mean = record.sum_loss / parts / self.n
            return record
        if not record.sum_weight[0]:
            raise InputError("the source's sample weights are all zero; give some rows a weight above 0")
        record.batch_mean, record.penalty = record.sum_batch_means / self.n, record.sum_penalty / self.n
        return record

    def keep(self, epochs: int) -> None:
        """Nothing, since a call makes no more than one epoch."""

    def remembered(self) -> dict[str, Any]:
        """What a checkpoint keeps of the epoch under way: numbers, and arrays of finite numbers."""
        record = np.asarray(self._record).view(np.int64).copy()  # as the bits that they are
        begun = self._begun.copy() if self.position else self._begun[:0]
        numbers = {"position": self.position, "seed": self._seed, "drawn": self._drawn, "window_rows": self._windows.rows}
        return {**numbers, "record": record, "begun": begun}

    def recall(self, kept: dict[str, Any]) -> None:
        """Be as when `remembered` gave this."""
        if kept["window_rows"] != self._windows.rows:
            raise InputError(
                f"the source's memory makes windows of {self._windows.rows} rows; the fit in the checkpoint has windows of "
                f"{kept['window_rows']} rows. Give the source the same memory"
            )
        self.position, self._seed, self._drawn = kept["position"], kept["seed"], kept["drawn"]
        self._begun[:] = kept["begun"] if self.position else self.model.theta
        self._record[:] = kept["record"].view(self._record.dtype)
        self._look_ahead()
