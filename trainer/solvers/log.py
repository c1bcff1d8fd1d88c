"""The log of a solver's iterations: what is recorded after each, who is told, what is kept, and when the fit ends."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from ..fit.callbacks import Callback, RunningFit, begin
from ..fit.progress import Report


class Keeper(Protocol):
    """What writes checkpoints."""

    def remember(self, kept: dict[str, Any]) -> None:
        """What is so after this iteration. kept: what the solver goes on from."""

    def write_if_due(self) -> None:
        """What was just remembered."""

    def write(self) -> None:
        """What was remembered last."""


class Log:
    """The network holds the parameters of the last iteration that was recorded, and none of a step that is only tried.

    running: with the history so far, whose `stopped` says why the fit has ended. changed: whether a callback has set
    parameters. kept: what the solver is to go on from, empty to begin at the network's parameters.
    """

    def __init__(
        self,
        running: RunningFit,
        epochs: int,
        validate: Callable[[], float] | None = None,
        callbacks: Sequence[Callback] = (),
        keeper: Keeper | None = None,
        kept: dict[str, Any] | None = None,
    ) -> None:
        self.running, self.network, self.history = running, running.network, running.history
        self.epochs, self.validate, self.callbacks, self.keeper = epochs, validate, callbacks, keeper
        self.kept, self.changed = dict(kept or {}), False
        self._stopped = False  # by a `StopHandle`

    def begin(self, time_limit: float | None, max_seconds: float | None, report: Report) -> None:
        """Time runs from here on. What a fit that goes on has taken counts for `time_limit`, and not for `max_seconds`."""
        self.report, self._began = report, time.perf_counter()
        self._since = self._began - self.kept.pop("elapsed", 0.0)
        ends = [] if time_limit is None else [self._since + time_limit]
        ends += [] if max_seconds is None else [self._began + max_seconds]
        self._ends = min(ends, default=math.inf)
        begin(self.callbacks, self.stop)
        if not self.ended and self.history.epochs > 0 and self.late:
            self.history.stopped = "max_seconds"
        self._remember(self.kept)

    def stop(self) -> None:
        """End the fit after its iteration. From any thread."""
        self._stopped = True

    @property
    def ended(self) -> bool:
        """Whether callbacks, the number of iterations or time are through."""
        return bool(self.history.stopped)

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
        if self._stopped:
            self.history.stopped = "stop"
        elif any(answers):
            self.history.stopped = "callback"
        elif self.history.epochs >= self.epochs:
            self.history.stopped = "epochs"
        elif self.late:
            self.history.stopped = "max_seconds"
        self.changed = bool(self.callbacks) and not np.array_equal(self.network.theta, own)
        if self.keeper:
            self._remember({} if self.changed else kept())
            self.keeper.write_if_due()
        self._began = time.perf_counter()
        return self.network.theta.astype(np.float64) if self.changed else theta

    def end(self) -> None:
        """The solver has ended: a fit that goes on has nothing left to do, unless time was up."""
        if not self.ended:
            self.history.stopped = "max_seconds" if self.late else "converged"
            if not self.late:
                self._remember({})

    def _remember(self, kept: dict[str, Any]) -> None:
        if self.keeper:
            self.keeper.remember({**kept, "elapsed": time.perf_counter() - self._since})

    def write(self) -> None:
        """A last checkpoint."""
        if self.keeper:
            self.keeper.write()
