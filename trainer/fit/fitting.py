"""A fit from its arguments to its history: data and options are checked, memory is made, and the loop runs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ...kernels import State, make_workspace
from ..arrays import all_finite, smoothed
from ..errors import InputError
from ..labels import classes_in
from ..model import Model
from ..solvers import Log, Problem, Solver, solve
from ..sparse_inputs import SparseInputs
from ..threads.number import choose_threads, step_seconds
from ..threads.team import Team
from .callbacks import RunningFit
from .checkpoints import Checkpoints
from .choice import ThreadChoice, seconds_of_a_cut
from .epochs import Epochs
from .fingerprints import Data
from .hints import warn_of_constant, warn_of_unreachable
from .history import History
from .loop import Loop
from .options import FitOptions
from .progress import reporter
from .resuming import Resumed
from .validation import Rows, Validate, prepared_validation, split, split_seed, validator


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
        return _solved(model, Rows(plan, X, T, weight), options, validate, data, resumed)
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


def _solved(
    model: Model, rows: Rows, options: FitOptions, validate: Validate | None, data: Data, resumed: Resumed | None
) -> History:
    """The fit by a solver, which takes all rows in each step and has a loop of its own."""
    assert isinstance(options.optimizer, Solver)
    problem = Problem(*rows, options.alpha, options.frozen_layers, model.dtype)
    history = History(n_samples=len(rows.X))
    keeper = Checkpoints(options, model, history, data) if options.checkpoint else None
    if resumed:
        resumed.put_back(history, options.callbacks)
        if keeper:
            keeper.goes_on_from(resumed.path)
    running, kept = RunningFit(model, None, history), resumed.kept() if resumed else {}
    log = Log(running, options.epochs, validate, options.callbacks, keeper, kept)
    return solve(options.optimizer, problem, log, options.progress, options.max_seconds)


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
