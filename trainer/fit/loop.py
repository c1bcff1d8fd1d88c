"""The epoch loop: order, validation, divergence, interruption, progress. An epoch itself is one compiled call."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from typing import Any

import numpy as np

from ...kernels import State, make_workspace
from ...kernels.interrupts import HeldSignals
from ..arrays import all_finite, smoothed
from ..bounds import check_within
from ..errors import InputError
from ..labels import classes_in
from ..model import Model
from ..solvers import Log, Problem, Solver, solve
from ..sparse_inputs import SparseInputs
from ..threads.number import choose_threads, step_seconds
from ..threads.team import Team
from .callbacks import RunningFit, begin, finish
from .checkpoints import Checkpoints, bits
from .choice import ThreadChoice, seconds_of_a_cut
from .divergence import RESTORE, RETRY, SMALLER, BestEpoch, Divergence, answer
from .epochs import Epochs
from .fingerprints import Data
from .hints import warn_of_constant, warn_of_unreachable
from .history import History
from .options import FitOptions
from .progress import Report, reporter
from .resuming import Resumed
from .validation import Rows, Validate, prepared_validation, split, split_seed, validator

# Short epochs are made several in a call: between two of them, with cold caches, some 0.3 ms pass.
WORTH_A_CALL = 0.04  # seconds


def fit(
    model: Model,
    X: Any,
    T: Any,
    sample_weight: Any,
    validation_data: tuple[Any, ...] | None,
    options: FitOptions,
    resumed: Resumed | None = None,
    hints: bool = False,
) -> History:
    """See `Network.fit`; resumed: the checkpoint that it goes on from. hints: whether to give those of `hints.py`."""
    options = options.checked_for(model)
    if not all_finite(model.theta):
        raise InputError("the network's parameters are not finite; make a new network, or give it finite ones")
    if options.validation_split is not None and validation_data is not None:
        raise InputError("both validation_split and validation_data are given; give one of them")
    classes = model.classes or classes_in(T, model.plan)
    rows = Rows(*model.prepared(X, T, sample_weight, classes=classes))
    held = prepared_validation(model, validation_data, classes)
    part = options.validation_split
    if part is not None:
        seed = split_seed(model.generator) if options.split_seed is None else options.split_seed
        options = replace(options, split_seed=seed)
        rows, held = split(rows, part, seed)
    plan, X, T, weight = rows
    data: Data = {"X": X, "T": T, "sample_weight": weight if weight.size else None}
    if options.label_smoothing:
        plan, T = model.plan, smoothed(T, model.plan, options.label_smoothing)
    validate, validation = validator(model, held)
    data.update(validation)
    if resumed is not None:
        resumed.check(options, data)
    model.classes = classes
    hints = hints and not warn_of_unreachable(model, T)  # one warning is enough
    if isinstance(options.optimizer, Solver):
        problem = Problem(plan, X, T, weight, options.alpha, options.frozen_layers, model.dtype)
        history = History(n_samples=len(X))
        keeper = Checkpoints(options, model, history, data) if options.checkpoint else None
        if resumed:
            resumed.put_back(history, options.callbacks)
            if keeper:
                keeper.goes_on_from(resumed.path)
        running, kept = RunningFit(model, None, history), resumed.kept() if resumed else {}
        log = Log(running, options.epochs, validate, options.callbacks, keeper, kept)
        return solve(options.optimizer, problem, log, options.progress, options.max_seconds)
    state = _state(model, options)
    batch_size = min(options.batch_size or len(X), len(X))
    itemsize = model.dtype.itemsize
    first, most = choose_threads(options.n_threads, plan, batch_size, len(X), itemsize)
    cut = seconds_of_a_cut(plan, itemsize, 1 + sum(vector.size > 0 for vector in (state.velocity, state.mean_square)), len(X))
    choice = ThreadChoice(most, first, step_seconds(plan, batch_size, itemsize), cut)
    work = make_workspace(plan, batch_size, model.dtype, most, sparse=isinstance(X, SparseInputs))
    rates: Any = options.dropout  # one for each hidden layer, as `checked_for` leaves them
    work = work.frozen(options.frozen_layers).dropping(rates)
    with Team(most) as team, reporter(options.progress, options.epochs, len(X)) as report:
        epochs = Epochs(model, plan, state, X, T, weight, options.shuffle, work, team, choice)
        seconds = step_seconds(plan, len(X), itemsize)
        history = Loop(epochs, options, validate, report, seconds, data).run(resumed)
    if hints and options.optimizer is not state:  # a state goes on with an earlier fit
        warn_of_constant(model, plan, X, T, weight, history, batch_size)
    return history


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
    ) -> None:
        self.epochs, self.options, self.validate, self.report = epochs, options, validate, report
        self.running = RunningFit(epochs.model, epochs.state, History(n_samples=len(epochs.X)))
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
        if not answer(divergence, self.options.on_divergence, self.best, self.running):
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


def _state(model: Model, options: FitOptions) -> State:
    """The optimizer's state, new or as it was given, with the options that are part of it."""
    optimizer: Any = options.optimizer
    state: State = optimizer if isinstance(optimizer, State) else optimizer.state(model.plan, model.dtype)
    chosen = state.hyperparameters[0]
    chosen.alpha, chosen.l1, chosen.weight_decay = options.alpha, options.l1, options.weight_decay
    chosen.clip_norm = options.clip_norm or 0.0
    if np.any(options.dropout) and not chosen.seed:  # a state that goes on keeps its own
        chosen.seed = model.generator.integers(1, 1 << 32)
    return state
