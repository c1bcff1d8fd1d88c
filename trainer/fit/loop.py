"""The epoch loop: order, validation, divergence, interruption, progress. An epoch itself is one compiled call."""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np

from ...kernels.interrupts import HeldSignals
from ..bounds import check_within
from .callbacks import RunningFit, begin, finish
from .checkpoints import Checkpoints, bits
from .divergence import RESTORE, RETRY, SMALLER, BestEpoch, Divergence, answer
from .epochs import Epochs
from .fingerprints import Data
from .history import History
from .options import FitOptions
from .progress import Report
from .resuming import Resumed
from .validation import Validate

# Short epochs are made several in a call: between two of them, with cold caches, some 0.3 ms pass.
WORTH_A_CALL = 0.04  # seconds


class Loop:
    """One fit, from its first epoch to its last: what stands between the epochs, and between the pieces of long ones."""

    def __init__(
        self,
        epochs: Epochs,
        options: FitOptions,
        validate: Validate | None,
        report: Report,
        expected_seconds: float,
        data: Data,
        name: str = "",
    ) -> None:
        """name: of the fit, in messages, where it is one of several."""
        self.name = name
        self.epochs, self.options, self.validate, self.report = epochs, options, validate, report
        self.running = RunningFit(epochs.model, epochs.state, History(n_samples=epochs.n))
        self.history, self.base_rate = self.running.history, self.running.learning_rate
        self.seconds = expected_seconds  # that an epoch takes
        self.spent = 0.0  # seconds, on the epoch under way
        self.ends = math.inf if options.max_seconds is None else time.monotonic() + options.max_seconds
        self.best = BestEpoch(self.running) if options.on_divergence in (RESTORE, RETRY) else None
        # Whether something is to be done after each single epoch, other than to look at its losses.
        self.watched = (
            validate is not None
            or options.schedule is not None
            or self.best is not None
            or not all(getattr(callback, "losses_only", False) for callback in options.callbacks)
        )
        self.checkpoints = None
        if options.checkpoint is not None:
            self.checkpoints = Checkpoints(options, epochs.model, self.history, data)

    def run(self, resumed: Resumed | None = None) -> History:
        """Train. However it ends: a last checkpoint, the callbacks' `finish`, the optimizer's own learning rate again."""
        history, callbacks = self.history, self.options.callbacks
        if resumed is not None:
            resumed.put_back(history, callbacks, self._parts())
            if self.checkpoints:
                self.checkpoints.goes_on_from(resumed.path)
        elif self.best is not None and self.validate is not None:
            self.best.begin(self.validate())
        begin(callbacks, self.epochs.team.stop)
        try:
            self._remember()
            while not history.stopped:
                history.stopped = self._train_some()
                self._keep_checkpoint()
        finally:
            history.unfinished_rows = self.epochs.position
            if self.checkpoints:
                with HeldSignals():
                    if self.epochs.whole and self.epochs.position:  # interrupted within an epoch
                        self._remember()
                    self.checkpoints.write()
            if self.options.schedule is not None:
                self.running.learning_rate = self.base_rate
            finish(callbacks, self.running)
        return history

    def _train_some(self) -> str:
        """One epoch, a piece of a long one, or several short ones in one call; why the fit is to end, or nothing."""
        self._set_learning_rate()
        count, before, started = self._epochs_in_a_call(), self.history.epochs, time.perf_counter()
        trained = self.epochs.train(count, before + 1, self.seconds, self._limit())
        val_loss = self.validate() if self.validate and len(trained.losses) else None
        self.spent += time.perf_counter() - started
        if len(trained.losses):
            self.seconds, self.spent = self.spent / len(trained.losses), 0.0
            if self._record(trained.losses, val_loss):
                if self.history.epochs - before < len(trained.losses):
                    self.epochs.keep(self.history.epochs - before)
                return "callback"
        if trained.divergence is not None:
            return self._diverged(trained.divergence)
        if self.history.epochs == self.options.epochs:
            return "epochs"
        if self.epochs.team.stopped:
            return "stop"
        return "max_seconds" if time.monotonic() >= self.ends else ""

    def _record(self, losses: np.ndarray, val_loss: float | None) -> bool:
        """Each epoch for itself, up to the one after which a callback ends the fit; whether one does."""
        stops = False
        for loss, batch_mean, penalty, *_ in losses.tolist():
            self.history.record(loss, val_loss, self.seconds, batch_mean, penalty)
            answers = [bool(callback(self.running)) for callback in self.options.callbacks]  # each is asked
            stops = any(answers)
            if stops:
                break
        if self.best is not None:
            self.best.look()
        self.report(self.history)
        return stops

    def _diverged(self, divergence: Divergence) -> str:
        self.spent = 0.0
        if not answer(divergence, self.options.on_divergence, self.best, self.running, self.name):
            return "divergence"
        self.base_rate *= SMALLER
        if self.options.schedule is None:
            self.running.learning_rate *= SMALLER
        return ""

    def _epochs_in_a_call(self) -> int:
        # The first is alone: it may be slow, where kernels are compiled. And so is the one under way, or one that took so long
        # among several that these were undone.
        if self.watched or self.history.epochs == 0 or self.spent:
            return 1
        seconds = min(WORTH_A_CALL, self.epochs.choice.limit or WORTH_A_CALL, self.ends - time.monotonic())
        most = self.options.epochs - self.history.epochs
        if self.checkpoints:
            most = min(most, self.checkpoints.epochs_until_due())
        return min(most, max(1, int(seconds / max(self.seconds, 1e-7))))

    def _limit(self) -> float | None:
        """Seconds after which a long epoch is to be left for a while: for a checkpoint, or for good."""
        due = self.checkpoints.due if self.checkpoints else math.inf
        left = min(due, self.ends) - time.monotonic()
        return None if left == math.inf else max(left, 0.0)

    def _set_learning_rate(self) -> None:
        schedule, done = self.options.schedule, self.history.epochs
        if schedule is not None:
            factor = schedule.factor(done, self.options.epochs, self.history)
            check_within(f"the schedule's factor for epoch {done + 1}", factor, 0.0)
            self.running.learning_rate = self.base_rate * factor

    def _keep_checkpoint(self) -> None:
        """What has come after the last one is in memory at least, where that takes little time, and written where it is due."""
        if self.checkpoints is None or self.history.stopped == "divergence":  # that is not gone on from
            return
        due = self.checkpoints.is_due()
        if due or self.history.stopped or self.checkpoints.is_cheap():
            self._remember()
        if due:
            self.checkpoints.write()

    def _remember(self) -> None:
        if self.checkpoints:
            state = self.epochs.state
            hyperparameters = numbers_of(state.hyperparameters[0])
            if self.options.schedule is not None:  # which multiplies it anew for each epoch
                hyperparameters["learning_rate"] = self.base_rate
            numbers = {"counters": numbers_of(state.counters[0]), "hyperparameters": hyperparameters}
            vectors = {"velocity": bits(state.velocity.copy()), "mean_square": bits(state.mean_square.copy())}
            parts = {name: part.remembered() for name, part in self._parts().items()}
            self.checkpoints.remember({**numbers, **vectors}, parts)

    def _parts(self) -> dict[str, Any]:
        """What has `remembered` and `recall`, besides callbacks."""
        return {"epochs": self.epochs, "best": self.best} if self.best is not None else {"epochs": self.epochs}


def numbers_of(record: Any) -> dict[str, Any]:
    """A record's fields as Python's numbers."""
    return {name: record[name].item() for name in record.dtype.names}
