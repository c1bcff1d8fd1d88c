"""The log of a solver's iterations: what is recorded after each, who is told, and when the fit ends."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence

import numpy as np

from ..fit.callbacks import Callback, RunningFit
from ..fit.progress import Report


class Log:
    """The network holds the parameters of the last iteration that was recorded, and none of a step that is only tried.

    ended: whether callbacks, the number of iterations or time are through. changed: whether a callback has set parameters.
    """

    def __init__(
        self,
        running: RunningFit,
        epochs: int,
        time_limit: float | None,
        validate: Callable[[], float] | None,
        callbacks: Sequence[Callback],
        report: Report,
    ) -> None:
        self.running, self.network, self.history = running, running.network, running.history
        self.epochs, self.validate, self.callbacks, self.report = epochs, validate, callbacks, report
        self._began = time.perf_counter()
        self._ends = math.inf if time_limit is None else self._began + time_limit
        self.ended = self.changed = False

    @property
    def late(self) -> bool:
        """Whether time is up."""
        return time.perf_counter() >= self._ends

    def record(self, theta: np.ndarray, loss: float, penalty: float) -> np.ndarray:
        """An iteration that ends at theta. Returns what the next one starts from: theta, unless a callback has set others."""
        kept = theta.astype(self.network.dtype)
        self.network.theta[:] = kept
        val_loss = self.validate() if self.validate else None
        self.history.record(loss, val_loss, time.perf_counter() - self._began, penalty=penalty)
        answers = [bool(callback(self.running)) for callback in self.callbacks]
        self.report(self.history)
        if any(answers):
            self.history.stopped = "callback"
        elif self.history.epochs >= self.epochs:
            self.history.stopped = "epochs"
        elif self.late:
            self.history.stopped = "max_seconds"
        self.ended = bool(self.history.stopped)
        self.changed = bool(self.callbacks) and not np.array_equal(self.network.theta, kept)
        self._began = time.perf_counter()
        return self.network.theta.astype(np.float64) if self.changed else theta
