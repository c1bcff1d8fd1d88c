"""The epoch loop: order, validation, divergence, interruption, progress. An epoch itself is one compiled call."""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np

from ...kernels.interrupts import HeldSignals
from ...kernels.records import make_records
from ...kernels.training.watched import STOPPING
from ..bounds import check_within
from .callbacks import RunningFit, StopHandle, begin, finish
from .calls import Calls, Meanwhile
from .checkpoints import Checkpoints, kept_of
from .divergence import RESTORE, RETRY, SMALLER, Among, BestEpoch, Divergence, answer
from .early_stopping import EarlyStopping
from .epochs import NO_RATES
from .fingerprints import Data
from .history import History
from .options import FitOptions
from .progress import Report
from .resuming import Resumed
from .validation import StreamedValidator, Validator

# Most epochs of a first call, whose time is an estimate: Ctrl-C undoes an unfinished call and makes its whole epochs again.
FIRST_EPOCHS = 100
# Short epochs are made several in a call: between two of them, with cold caches, some 0.3 ms pass.
WORTH_A_CALL = 0.04  # seconds


class Loop:
    """One fit, from its first epoch to its last: what stands between the epochs, and between the pieces of long ones."""

    def __init__(
        self,
        epochs: Calls,
        options: FitOptions,
        validate: Validator | StreamedValidator | None,
        report: Report,
        expected_seconds: float,
        data: Data,
        among: Among | None = None,
    ) -> None:
        """among: where the fit is one of several, which all train alike."""
        self.among = among
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
        self.stopping = next((one for one in options.callbacks if isinstance(one, EarlyStopping)), None)
        # Whether all of it can be done within a call of several epochs.
        self.within_calls = (
            (validate is None or validate.in_a_call is not None)
            and (options.schedule is None or getattr(options.schedule, "in_advance", False))
            and self.best is None
            and all(self._goes_into_calls(callback) for callback in options.callbacks)
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
        meanwhile = self._meanwhile(count) if self.watched and count > 1 else None
        trained = self.epochs.train(count, before + 1, self.seconds, self._limit(), meanwhile)
        val_losses = self._validated(len(trained.losses), meanwhile)
        self.spent += time.perf_counter() - started
        if len(trained.losses):
            self.seconds, self.spent = self.spent / len(trained.losses), 0.0
            if self._record(trained.losses, val_losses, meanwhile):
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

    def _goes_into_calls(self, callback: Any) -> bool:
        """Whether a callback can do without being called after each epoch, before the next one begins."""
        if callback is self.stopping:
            return type(callback) is EarlyStopping and callback.score is None and self.validate is not None
        if self.stopping is not None:  # which has then seen epochs that another one may not want
            return type(callback) is StopHandle
        return getattr(callback, "losses_only", False)

    def _meanwhile(self, count: int) -> Meanwhile:
        """What is to be done at each of so many epochs of one call."""
        validation, done = self.validate.in_a_call if self.validate else None, self.history.epochs
        rates = NO_RATES if self.options.schedule is None else np.array([self._rate(done + i) for i in range(count)])
        losses = np.empty(count if validation else 0)
        if self.stopping is None:
            return Meanwhile(rates, validation, losses, make_records(1, STOPPING), self.epochs.model.theta[:0])
        return Meanwhile(rates, validation, losses, self.stopping.begin_call(done), np.empty_like(self.epochs.model.theta))

    def _validated(self, epochs: int, meanwhile: Meanwhile | None) -> list[float] | None:
        """The validation losses of the epochs of a call, where there are any."""
        if self.validate is None or not epochs:
            return None
        if meanwhile is None:
            return [self.validate()]
        return list(meanwhile.losses[:epochs].tolist())

    def _record(self, losses: np.ndarray, val_losses: list[float] | None, meanwhile: Meanwhile | None) -> bool:
        """Each epoch for itself, up to the one after which a callback ends the fit; whether one does."""
        stops, callbacks, whole = False, self.options.callbacks, False
        if self.stopping is not None and meanwhile is not None:
            self.stopping.end_call(meanwhile.losses[: len(losses)], meanwhile.stopping, meanwhile.best)
            callbacks, stops, whole = [one for one in callbacks if one is not self.stopping], self.stopping.ended, True
        if not callbacks:
            penalties, batch_means = losses["penalty"], losses["batch_mean"]
            self.history.extend(losses["loss"], self.seconds, val_losses or (), batch_means, penalties)
        for i, (loss, batch_mean, penalty, *_) in enumerate(losses.tolist() if callbacks else ()):
            self.history.record(loss, val_losses[i] if val_losses else None, self.seconds, batch_mean, penalty)
            answers = [bool(callback(self.running)) for callback in callbacks]  # each is asked
            if any(answers):
                stops = True
                if not whole:
                    break
        if self.best is not None:
            self.best.look()
        self.report(self.history)
        return stops

    def _diverged(self, divergence: Divergence) -> str:
        self.spent = 0.0
        if not answer(divergence, self.options.on_divergence, self.best, self.running, self.among):
            return "divergence"
        self.base_rate *= SMALLER
        if self.options.schedule is None:
            self.running.learning_rate *= SMALLER
        return ""

    def _epochs_in_a_call(self) -> int:
        # The first is alone: it may be slow, where kernels are compiled. And so is the one under way, or one that took so long
        # among several that these were undone.
        if not self.epochs.several or self.spent or (self.history.epochs == 0 and self.among is None):
            return 1
        if self.watched and not (self.within_calls and self.epochs.watches):
            return 1
        seconds = min(WORTH_A_CALL, self.epochs.choice.limit or WORTH_A_CALL, self.ends - time.monotonic())
        most = self.options.epochs - self.history.epochs
        if self.history.epochs == 0:  # how long an epoch takes is not measured yet
            most = min(most, FIRST_EPOCHS)
        if self.checkpoints:
            most = min(most, self.checkpoints.epochs_until_due())
        return min(most, max(1, int(seconds / max(self.seconds, 1e-7))))

    def _limit(self) -> float | None:
        """Seconds after which a long epoch is to be left for a while: for a checkpoint, or for good."""
        due = self.checkpoints.due if self.checkpoints else math.inf
        left = min(due, self.ends) - time.monotonic()
        return None if left == math.inf else max(left, 0.0)

    def _set_learning_rate(self) -> None:
        if self.options.schedule is not None:
            self.running.learning_rate = self._rate(self.history.epochs)

    def _rate(self, epoch: int) -> float:
        """The learning rate that the schedule wants in an epoch, counted from 0."""
        assert self.options.schedule is not None
        factor = self.options.schedule.factor(epoch, self.options.epochs, self.history)
        check_within(f"the schedule's factor for epoch {epoch + 1}", factor, 0.0)
        return self.base_rate * factor

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
            began = time.monotonic()
            base_rate = None if self.options.schedule is None else self.base_rate
            parts = {name: part.remembered() for name, part in self._parts().items()}
            self.checkpoints.remember(kept_of(self.epochs.state, base_rate), parts, began)

    def _parts(self) -> dict[str, Any]:
        """What has `remembered` and `recall`, besides callbacks."""
        return {"epochs": self.epochs, "best": self.best} if self.best is not None else {"epochs": self.epochs}
