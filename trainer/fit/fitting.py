"""A fit from its arguments to its history: data and options are checked, memory is made, and the loop runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

from ...kernels import State
from ..arrays import smoothed
from ..errors import InputError
from ..labels import classes_in
from ..model import Model
from ..solvers import Log, Objective, Problem, Solver, solve
from ..sparse_inputs import SparseInputs
from ..streams.source import Source
from ..streams.stream import Stream
from ..threads.number import choose_threads, step_seconds
from ..threads.team import Team
from .beginning import batch_size_of, begun_state, check_start, thread_choice, workspace_of
from .callbacks import RunningFit
from .checkpoints import Checkpoints
from .divergence import Among
from .epochs import Epochs
from .fingerprints import Data, data_of_rows, data_of_validation
from .hints import warn_of_constant, warn_of_unreachable
from .history import History
from .loop import Loop
from .options import FitOptions
from .progress import Report, reporter
from .resuming import Resumed
from .streaming import fit_stream, stream_of
from .validation import Rows, prepared_validation, split, split_seed, validator


class Prepared(NamedTuple):
    """A fit whose arguments are checked. held: rows to validate on. options: with each default filled in.

    Rows are held out for a `validation_split` by `with_split`.
    """

    model: Model
    rows: Rows
    held: Rows | Stream | None
    options: FitOptions


def fit(
    model: Model,
    X: Any,
    T: Any,
    sample_weight: Any,
    validation_data: tuple[Any, ...] | Source | None,
    options: FitOptions,
    resumed: Resumed | None = None,
    hints: bool = False,
) -> History:
    """See `Network.fit`; resumed: the checkpoint that it goes on from. hints: whether to give those of `hints.py`."""
    options = options.checked_for(model)
    if isinstance(X, Source):
        stream = stream_of(model, X, T, sample_weight, options)
        if hints:
            warn_of_unreachable(model, stream.first_targets)
        return fit_stream(model, stream, validation_data, options, resumed)
    if T is None:
        raise InputError("T is missing; give targets, one for each row of X")
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
    batch_size = batch_size_of(options, rows.n)
    first, most = choose_threads(options.n_threads, rows.plan, batch_size, rows.n, model.dtype.itemsize)
    with Team(most) as team, reporter(options.progress, options.epochs, rows.n) as report:
        history = trained(prepared, team, first, report, data, resumed)
    if hints and not isinstance(options.optimizer, State):  # a state goes on with an earlier fit
        warn_of_constant(model, *rows.taken()[:4], history, batch_size)
    return history


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
    return data_of_rows(fit.rows) | data_of_validation(fit.held)


def trained(
    fit: Prepared,
    team: Team,
    first: int,
    report: Report,
    data: Data,
    resumed: Resumed | None = None,
    among: Among | None = None,
) -> History:
    """The fit by steps of an optimizer. first: threads to begin with. among: where the fit is one of several."""
    model, rows, _, options = fit
    plan = rows.plan
    if options.label_smoothing:
        plan = model.plan
        rows = rows._replace(plan=plan, T=smoothed(rows.T, plan, options.label_smoothing))
    validate = validator(model, fit.held)
    state, batch_size = begun_state(model, options), batch_size_of(options, rows.n)
    choice = thread_choice(plan, state, rows.n, batch_size, first, team.most)
    work = workspace_of(plan, options, batch_size, model.dtype, team.most, sparse=isinstance(rows.X, SparseInputs))
    epochs = Epochs(model, rows, state, options.shuffle, work, team, choice)
    return Loop(epochs, options, validate, report, step_seconds(plan, rows.n, model.dtype.itemsize), data, among).run(resumed)


def _solved(fit: Prepared, data: Data, resumed: Resumed | None) -> History:
    """The fit by a solver, which takes all rows in each step and has a loop of its own."""
    model, rows, held, options = fit
    rows, validate = rows.taken(), validator(model, held)
    problem = Problem(*rows[:4], options.alpha, options.frozen_layers, model.dtype)
    return solved(model, problem, validate, options, data, resumed)


def solved(
    model: Model,
    problem: Objective,
    validate: Callable[[], float] | None,
    options: FitOptions,
    data: Data,
    resumed: Resumed | None,
) -> History:
    """A fit by a solver of its objective, wherever the rows are."""
    assert isinstance(options.optimizer, Solver)
    history = History(n_samples=problem.n_rows)
    keeper = Checkpoints(options, model, history, data) if options.checkpoint else None
    if resumed:
        resumed.put_back(history, options.callbacks)
        if keeper:
            keeper.goes_on_from(resumed.path)
    running, kept = RunningFit(model, None, history), resumed.kept() if resumed else {}
    log = Log(running, options.epochs, validate, options.callbacks, keeper, kept)
    return solve(options.optimizer, problem, log, options.progress, options.max_seconds)
