"""The loop over rounds, or epochs of exact steps: schedule, validation, callbacks, divergence, checkpoints."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from ...kernels import State
from ...kernels.interrupts import HeldSignals
from ..bounds import check_within
from ..errors import DivergenceError
from ..fit.callbacks import RunningFit, begin, finish
from ..fit.checkpoints import Checkpoints, kept_of
from ..fit.divergence import RAISE
from ..fit.fingerprints import Data
from ..fit.history import History
from ..fit.options import FitOptions
from ..fit.progress import Report
from ..fit.resuming import Resumed
from ..model import Model


class Divergence(NamedTuple):
    """Where numbers were no longer finite, in words, with the step and layer, counted from 1, where they are known."""

    where: str
    step: int | None
    layer: int | None


class Stage(Protocol):
    """What is repeated: a round, or an epoch of exact steps.

    name: in messages. kept: what a checkpoint keeps of it, to be compared when training goes on.
    """

    name: str
    kept: dict[str, Any]

    def __call__(self, number: int) -> tuple[float, float, float] | Divergence:
        """Change the model and the state. Returns the mean loss, that over batches, and the penalty.

        number: of the stage, from 0. Where training diverges, the model is left as it was before the stage.
        """


class StageLoop:
    """One training by stages. The network and the state are those after the last whole stage, whatever ends the loop.

    validate: gives the validation loss, if there is anything to validate on.
    """

    def __init__(
        self,
        model: Model,
        state: State,
        stage: Stage,
        options: FitOptions,
        validate: Callable[[], float] | None,
        n_rows: int,
    ) -> None:
        self.model, self.stage, self.options, self.validate = model, stage, options, validate
        self.running = RunningFit(model, state, History(n_samples=n_rows))
        self.history, self.base_rate, self.stopped = self.running.history, self.running.learning_rate, False
        self.checkpoints: Checkpoints | None = None

    def run(self, report_to: Report, data: Data, resumed: Resumed | None) -> History:
        """Train until all stages are made or something ends them."""
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
                history.stopped = self._next() or self._ended(ends)
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
        """Why there is no further stage; empty where there is one."""
        if self.history.epochs >= self.options.epochs:
            return "epochs"
        if self.stopped:
            return "stop"
        return "max_seconds" if time.monotonic() >= ends else ""

    def _next(self) -> str:
        """Make a stage. Returns "callback" or "divergence" where that ends the training."""
        number, started = self.history.epochs, time.perf_counter()
        if self.options.schedule is not None:
            factor = self.options.schedule.factor(number, self.options.epochs, self.history)
            check_within(f"the schedule's factor for {self.stage.name} {number + 1}", factor, 0.0)
            self.running.learning_rate = self.base_rate * factor
        made = self.stage(number)
        if isinstance(made, Divergence):
            self._diverged(number + 1, made)
            return "divergence"
        loss, batch_loss, penalty = made
        val_loss = self.validate() if self.validate else None
        self.history.record(loss, val_loss, time.perf_counter() - started, batch_loss, penalty)
        answers = [bool(callback(self.running)) for callback in self.options.callbacks]
        return "callback" if any(answers) else ""

    def _diverged(self, number: int, divergence: Divergence) -> None:
        """Raise DivergenceError, or warn, as `on_divergence` says."""
        name = self.stage.name
        kept = f"from before the first {name}" if number == 1 else f"from after {name} {number - 1}"
        what = f"training diverged in {name} {number}{divergence.where}: numbers are no longer finite"
        what = f"{what}. The network holds its parameters {kept}"
        if self.options.on_divergence == RAISE:
            step, layer = divergence.step, divergence.layer
            raise DivergenceError(f"{what}; try a smaller learning rate", epoch=number, step=step, layer=layer)
        warnings.warn(f"{what}, and the training ends", RuntimeWarning, stacklevel=2)

    def _remember(self) -> None:
        if self.checkpoints:
            base_rate = None if self.options.schedule is None else self.base_rate
            assert self.running.state is not None
            self.checkpoints.remember(kept_of(self.running.state, base_rate), {"stage": self.stage.kept})
