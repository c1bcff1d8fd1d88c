"""A fit from its arguments to its history: data and options are checked, memory is made, and the loop runs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

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
from .callbacks import NOTHING_TO_LOOK_AT, EarlyStopping, RunningFit
from .checkpoints import Checkpoints
from .choice import ThreadChoice, seconds_of_a_cut
from .epochs import Epochs
from .fingerprints import Data
from .hints import warn_of_constant, warn_of_unreachable
from .history import History
from .loop import Loop
from .options import FitOptions
from .progress import Report, reporter
from .resuming import Resumed
from .validation import Rows, Validator, prepared_validation, split, split_seed


class Prepared(NamedTuple):
    """A fit whose arguments are checked. held: rows to validate on. options: with each default filled in.

    Rows are held out for a `validation_split` by `with_split`.
    """

    model: Model
    rows: Rows
    held: Rows | None
    options: FitOptions


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
    check_start(model, options, validation_data is not None)
    classes = model.classes or classes_in(T, model.plan)
    rows = Rows(*model.prepared(X, T, sample_weight, classes=classes))
    prepared = with_split(Prepared(model, rows, prepared_validation(model, validation_data, classes), options))
    data = data_of(prepared)
    if resumed is not None:
        resumed.check(prepared.options, data)
    model.classes = classes
    hints = hints and not warn_of_unreachable(model, rows.T)  # one warning is enough
    _, rows, _, options = prepared
    if isinstance(options.optimizer, Solver):
        return _solved(prepared, data, resumed)
    batch_size = min(options.batch_size or rows.n, rows.n)
    first, most = choose_threads(options.n_threads, rows.plan, batch_size, rows.n, model.dtype.itemsize)
    with Team(most) as team, reporter(options.progress, options.epochs, rows.n) as report:
        history = trained(prepared, team, first, report, data, resumed)
    if hints and not isinstance(options.optimizer, State):  # a state goes on with an earlier fit
        warn_of_constant(model, *rows.taken()[:4], history, batch_size)
    return history


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


def with_split(fit: Prepared) -> Prepared:
    """The fit with the rows of its `validation_split` held out, where it has one."""
    part, seed = fit.options.validation_split, fit.options.split_seed
    if part is None:
        return fit
    seed = split_seed(fit.model.generator) if seed is None else seed
    rows, held = split(fit.rows, part, seed)
    return Prepared(fit.model, rows, held, replace(fit.options, split_seed=seed))


def data_of(fit: Prepared) -> Data:
    """What is trained and validated on, by the names of arguments."""
    data: Data = {}
    for prefix, rows in (("", fit.rows), ("validation_data's ", fit.held)):
        weight = rows.weight if rows is not None and rows.weight.size else None
        data |= {f"{prefix}X": rows and rows.X, f"{prefix}T": rows and rows.T, f"{prefix}sample_weight": weight}
    if fit.rows.which is not None:
        data["row_subset"] = fit.rows.which
    if fit.held is not None and fit.held.which is not None:
        data["validation_subset"] = fit.held.which
    return data


def trained(
    fit: Prepared,
    team: Team,
    first: int,
    report: Report,
    data: Data,
    resumed: Resumed | None = None,
    name: str = "",
) -> History:
    """The fit by steps of an optimizer. first: threads to begin with. name: of the fit in messages, one of several."""
    model, rows, _, options = fit
    plan = rows.plan
    if options.label_smoothing:
        plan = model.plan
        rows = rows._replace(plan=plan, T=smoothed(rows.T, plan, options.label_smoothing))
    validate = None if fit.held is None else Validator(model, fit.held)
    state = state_of(model, options)
    itemsize, batch_size = model.dtype.itemsize, min(options.batch_size or rows.n, rows.n)
    cut = seconds_of_a_cut(plan, itemsize, 1 + sum(vector.size > 0 for vector in (state.velocity, state.mean_square)), rows.n)
    choice = ThreadChoice(team.most, first, step_seconds(plan, batch_size, itemsize), cut)
    work = make_workspace(plan, batch_size, model.dtype, team.most, sparse=isinstance(rows.X, SparseInputs))
    rates: Any = options.dropout  # one for each hidden layer, as `checked_for` leaves them
    if options.frozen_layers or any(rates):
        work = work.frozen(options.frozen_layers).dropping(rates)
    epochs = Epochs(model, rows, state, options.shuffle, work, team, choice)
    return Loop(epochs, options, validate, report, step_seconds(plan, rows.n, itemsize), data, name).run(resumed)


def _solved(fit: Prepared, data: Data, resumed: Resumed | None) -> History:
    """The fit by a solver, which takes all rows in each step and has a loop of its own."""
    model, rows, held, options = fit
    rows, validate = rows.taken(), None if held is None else Validator(model, held)
    assert isinstance(options.optimizer, Solver)
    problem = Problem(*rows[:4], options.alpha, options.frozen_layers, model.dtype)
    history = History(n_samples=rows.n)
    keeper = Checkpoints(options, model, history, data) if options.checkpoint else None
    if resumed:
        resumed.put_back(history, options.callbacks)
        if keeper:
            keeper.goes_on_from(resumed.path)
    running, kept = RunningFit(model, None, history), resumed.kept() if resumed else {}
    log = Log(running, options.epochs, validate, options.callbacks, keeper, kept)
    return solve(options.optimizer, problem, log, options.progress, options.max_seconds)


def state_of(model: Model, options: FitOptions) -> State:
    """The optimizer's state, new or as it was given, with the options that are part of it."""
    optimizer: Any = options.optimizer
    state: State = optimizer if isinstance(optimizer, State) else optimizer.state(model.plan, model.dtype)
    chosen = state.hyperparameters[0]
    chosen.alpha, chosen.l1, chosen.weight_decay = options.alpha, options.l1, options.weight_decay
    chosen.clip_norm = options.clip_norm or 0.0
    if np.any(options.dropout) and not chosen.seed:  # a state that goes on keeps its own
        chosen.seed = model.generator.integers(1, 1 << 32)
    return state
