"""What a fit begins with, whether its rows are arrays or a stream: checks, the optimizer's state, memory, threads."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...kernels import Plan, State, Workspace, make_workspace
from ..arrays import all_finite
from ..errors import InputError
from ..model import Model
from ..threads.number import step_seconds
from .choice import ThreadChoice, seconds_of_a_cut
from .early_stopping import NOTHING_TO_LOOK_AT, EarlyStopping
from .options import FitOptions


def check_start(model: Model, options: FitOptions, validation_data: bool) -> None:
    """Raise InputError where a fit cannot begin. validation_data: whether they are given."""
    if not all_finite(model.theta):
        raise InputError("the network's parameters are not finite; make a new network, or give it finite ones")
    if options.validation_split is not None and validation_data:
        raise InputError("both validation_split and validation_data are given; give one of them")
    if options.validation_split is None and not validation_data:
        for callback in options.callbacks:
            if type(callback) is EarlyStopping and callback.score is None:
                raise InputError(NOTHING_TO_LOOK_AT)


def batch_size_of(options: FitOptions, n: int) -> int:
    """Rows of a step, of n rows."""
    return min(options.batch_size or n, n)


def begun_state(model: Model, options: FitOptions) -> State:
    """The optimizer's state, new or as it was given, with the options that are part of it."""
    optimizer: Any = options.optimizer
    state: State = optimizer if isinstance(optimizer, State) else optimizer.state(model.plan, model.dtype)
    chosen = state.hyperparameters[0]
    chosen.alpha, chosen.l1, chosen.weight_decay = options.alpha, options.l1, options.weight_decay
    chosen.clip_norm = options.clip_norm or 0.0
    if np.any(options.dropout) and not chosen.seed:  # a state that goes on keeps its own
        chosen.seed = model.generator.integers(1, 1 << 32)
    return state


def thread_choice(plan: Plan, state: State, n: int, batch_size: int, first: int, most: int) -> ThreadChoice:
    """The choice between at most `most` threads, `first` to begin with, for n rows."""
    itemsize = state.velocity.dtype.itemsize
    cut = seconds_of_a_cut(plan, itemsize, 1 + sum(vector.size > 0 for vector in (state.velocity, state.mean_square)), n)
    return ThreadChoice(most, first, step_seconds(plan, batch_size, itemsize), cut)


def workspace_of(
    plan: Plan, options: FitOptions, batch_size: int, dtype: np.dtype[Any], most: int, sparse: bool = False
) -> Workspace:
    """Scratch memory for at most so many threads."""
    work = make_workspace(plan, batch_size, dtype, most, sparse=sparse)
    rates: Any = options.dropout  # one for each hidden layer, as `checked_for` leaves them
    if options.frozen_layers or any(rates):
        work = work.frozen(options.frozen_layers).dropping(rates)
    return work
