"""The log of a solver's iterations: what is recorded after each, who is told, what is kept, and when the fit ends."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from ..fit.callbacks import Callback, RunningFit
from ..fit.progress import Report


class Keeper(Protocol):
    """What writes checkpoints."""

    def remember(self, ended: bool, kept: dict[str, Any]) -> None:
        """What is so after this iteration. kept: what the solver goes on from."""

    def write_if_due(self) -> None:
        """After an iteration that was remembered."""

    def write(self) -> None:
        """What was remembered last."""


class Begin(NamedTuple):
    """Where a fit begins: whether it had ended, and what its solver goes on from. By itself: anew."""

    ended: bool = False
    kept: dict[str, Any] = {}  # noqa: RUF012


ANEW = Begin()


class Log:
    """The network holds the parameters of the last iteration that was recorded, and none of a step that is only tried.

    running: with the history so far. ended: whether callbacks, the number of iterations or time are through. changed: whether a
    callback has set parameters. kept: what the solver is to go on from, empty to begin at the network's parameters.
    """

    def __init__(
        self,
        running: RunningFit,
        epochs: int,
        validate: Callable[[], float] | None = None,
        callbacks: Sequence[Callback] = (),
        keeper: Keeper | None = None,
        begin: Begin = ANEW,
    ) -> None:
        self.running, self.network, self.history = running, running.network, running.history
        self.epochs, self.validate, self.callbacks, self.keeper = epochs, validate, callbacks, keeper
        self._through, self.kept = begin
        self.ended = self.changed = False

    def begin(self, time_limit: float | None, report: Report) -> None:
        """Time runs from here on; what a fit that goes on has taken counts."""
        self.report, self._began = report, time.perf_counter()
        self.kept = dict(self.kept)
        self._since = self._began - self.kept.pop("elapsed", 0.0)
        self._ends = math.inf if time_limit is None else self._since + time_limit
        self.ended = self._through or (self.history.epochs > 0 and self.late)
        self._remember(self._through, self.kept)

    @property
    def late(self) -> bool:
        """Whether time is up."""
        return time.perf_counter() >= self._ends

    def record(self, theta: np.ndarray, loss: float, penalty: float, kept: Callable[[], dict[str, Any]]) -> np.ndarray:
        """An iteration that ends at theta. Returns what the next one starts from: theta, unless a callback has set others.

        kept: gives what the solver goes on from, where they have not.
        """
        own = theta.astype(self.network.dtype)
        self.network.theta[:] = own
        val_loss = self.validate() if self.validate else None
        self.history.record(loss, val_loss, time.perf_counter() - self._began, penalty=penalty)
        answers = [bool(callback(self.running)) for callback in self.callbacks]
        self.report(self.history)
        self._through = any(answers) or self.history.epochs >= self.epochs
        self.ended = self._through or self.late
        self.changed = bool(self.callbacks) and not np.array_equal(self.network.theta, own)
        if self.keeper:
            self._remember(self._through, {} if self.changed else kept())
            self.keeper.write_if_due()
        self._began = time.perf_counter()
        return self.network.theta.astype(np.float64) if self.changed else theta

    def end(self) -> None:
        """The solver has ended: a fit that goes on has nothing left to do, unless time was up."""
        if self._through or not self.late:
            self._remember(True, {})

    def _remember(self, ended: bool, kept: dict[str, Any]) -> None:
        if self.keeper:
            self.keeper.remember(ended, {**kept, "elapsed": time.perf_counter() - self._since})

    def write(self) -> None:
        """A last checkpoint."""
        if self.keeper:
            self.keeper.write()
