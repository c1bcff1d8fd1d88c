"""The loop over rounds: schedule, averages, validation, callbacks, divergence, checkpoints."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from ...kernels import State
from ...kernels.interrupts import HeldSignals
from ..bounds import check_within
from ..errors import DivergenceError
from ..fit.callbacks import RunningFit, begin, finish
from ..fit.checkpoints import Checkpoints, kept_of
from ..fit.divergence import RAISE, finite
from ..fit.fingerprints import Data
from ..fit.history import History
from ..fit.options import FitOptions
from ..fit.progress import Report
from ..fit.resuming import Resumed
from ..model import Model
from .shards import Shards
from .sums import Sums
from .training import Training, point_of, train_shard


class RoundLoop:
    """One training by rounds. The network and the state are those after the last whole round, whatever ends the loop.

    numbers: of the shards that have rows. validate: gives the validation loss, if there is anything to validate on.
    """

    def __init__(
        self,
        model: Model,
        state: State,
        shards: Shards,
        numbers: Sequence[int],
        training: Training,
        options: FitOptions,
        validate: Callable[[], float] | None,
        n_rows: int,
    ) -> None:
        self.model, self.state, self.shards, self.numbers = model, state, shards, numbers
        self.training, self.options, self.validate = training, options, validate
        self.running = RunningFit(model, state, History(n_samples=n_rows))
        self.history, self.base_rate, self.stopped = self.running.history, self.running.learning_rate, False
        self.checkpoints: Checkpoints | None = None

    def run(self, report_to: Report, data: Data, resumed: Resumed | None) -> History:
        """Train until the rounds are made or something ends them."""
        history, callbacks = self.history, self.options.callbacks
        if self.options.checkpoint is not None:
            self.checkpoints = Checkpoints(self.options, self.model, history, data)
        if resumed is not None:
            resumed.put_back(history, callbacks)
            if self.checkpoints:
                self.checkpoints.goes_on_from(resumed.path)
        ends = math.inf if self.options.max_seconds is None else time.monotonic() + self.options.max_seconds
        begin(callbacks, self._stop)
        try:
            self._remember()
            while not history.stopped:
                history.stopped = self._round() or self._ended(ends)
                report_to(history)
                if history.stopped != "divergence":
                    self._remember()
                    if self.checkpoints:
                        self.checkpoints.write_if_due()
        finally:
            if self.checkpoints:
                with HeldSignals():
                    self.checkpoints.write()
            if self.options.schedule is not None:
                self.running.learning_rate = self.base_rate
            finish(callbacks, self.running)
        return history

    def _stop(self) -> None:
        self.stopped = True

    def _ended(self, ends: float) -> str:
        """Why there is no further round; empty where there is one."""
        if self.history.epochs >= self.options.epochs:
            return "epochs"
        if self.stopped:
            return "stop"
        return "max_seconds" if time.monotonic() >= ends else ""

    def _round(self) -> str:
        """Make a round. Returns "callback" or "divergence" where that ends the training."""
        number, started = self.history.epochs, time.perf_counter()
        if self.options.schedule is not None:
            factor = self.options.schedule.factor(number, self.options.epochs, self.history)
            check_within(f"the schedule's factor for round {number + 1}", factor, 0.0)
            self.running.learning_rate = self.base_rate * factor
        point = point_of(self.model.theta, self.state)
        steps = self.training.steps
        sums = self.shards.total(self.numbers, train_shard, point, self.training, number * steps)
        averages = {name: sums[name].astype(self.model.dtype) for name in ("theta", "velocity", "mean_square")}
        if sums["diverged"] or not finite(*averages.values()):
            self._diverged(number + 1, sums)
            return "divergence"
        with HeldSignals():
            self.model.theta[:] = averages["theta"]
            self.state.velocity[:], self.state.mean_square[:] = averages["velocity"], averages["mean_square"]
            self.state.counters[0].step += steps
        loss, batch_loss, penalty = sums["losses"].tolist()
        val_loss = self.validate() if self.validate else None
        self.history.record(loss, val_loss, time.perf_counter() - started, batch_loss, penalty)
        answers = [bool(callback(self.running)) for callback in self.options.callbacks]
        return "callback" if any(answers) else ""

    def _diverged(self, number: int, sums: Sums) -> None:
        """Raise DivergenceError, or warn, as `on_divergence` says."""
        shard, step, layer = sums["diverged"][0] if sums["diverged"] else (None, None, None)
        where = "" if shard is None else f", in step {step} of shard {shard}, at layer {layer}"
        after = "from before the first round" if number == 1 else f"of round {number - 1}"
        what = f"training diverged in round {number}{where}: numbers are no longer finite"
        what = f"{what}. The network holds its parameters {after}"
        if self.options.on_divergence == RAISE:
            raise DivergenceError(f"{what}; try a smaller learning rate", epoch=number, step=step, layer=layer)
        warnings.warn(f"{what}, and the training ends", RuntimeWarning, stacklevel=2)

    def _remember(self) -> None:
        if self.checkpoints:
            base_rate = None if self.options.schedule is None else self.base_rate
            rounds: dict[str, Any] = {"steps": self.training.steps, "seed": self.training.seed}
            self.checkpoints.remember(kept_of(self.state, base_rate), {"rounds": rounds})
