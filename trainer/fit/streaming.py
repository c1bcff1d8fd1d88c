"""A fit to a source of row blocks, from its arguments to its history."""

from __future__ import annotations

from typing import Any

from ..errors import InputError
from ..model import Model
from ..solvers import Solver
from ..streams.ahead import Ahead
from ..streams.source import Source
from ..streams.stream import Stream, classes_of
from ..threads.number import choose_threads, step_seconds
from ..threads.team import Team
from .beginning import batch_size_of, begun_state, check_start, thread_choice, workspace_of
from .fingerprints import Data, data_of_validation
from .history import History
from .loop import Loop
from .options import FitOptions
from .progress import reporter
from .resuming import Resumed
from .streamed import StreamedEpochs
from .validation import prepared_validation, validator


def stream_of(model: Model, source: Source, T: Any, sample_weight: Any, options: FitOptions) -> Stream:
    """The rows to train on. Raises InputError for arguments that do not go together with a source."""
    _check_options(T, sample_weight, options)
    return Stream(model, source, classes_of(model, source), options.label_smoothing)


def fit_stream(
    model: Model,
    stream: Stream,
    validation_data: tuple[Any, ...] | Source | None,
    options: FitOptions,
    resumed: Resumed | None = None,
) -> History:
    """See `fit` in `fitting.py`; the options are checked for the model."""
    check_start(model, options, validation_data is not None)
    batch_size = batch_size_of(options, stream.n)
    filler = stream.filler(batch_size)
    held = prepared_validation(model, validation_data, stream.classes)
    data: Data = {"X": stream, "T": None, "sample_weight": None, **data_of_validation(held)}
    if resumed is not None:
        resumed.check(options, data)
    model.classes = stream.classes
    plan, itemsize = stream.plan, model.dtype.itemsize
    first, most = choose_threads(options.n_threads, plan, batch_size, stream.n, itemsize)
    with (
        Team(most) as team,
        reporter(options.progress, options.epochs, stream.n) as report,
        Ahead(filler, stream.source.prefetch) as ahead,
    ):
        state = begun_state(model, options)
        choice = thread_choice(plan, state, filler.windows.rows, batch_size, first, team.most)
        work = workspace_of(plan, options, batch_size, model.dtype, team.most)
        epochs = StreamedEpochs(model, plan, state, work, team, choice, ahead, bool(options.shuffle), options.epochs)
        return Loop(epochs, options, validator(model, held), report, step_seconds(plan, stream.n, itemsize), data).run(resumed)


def _check_options(T: Any, sample_weight: Any, options: FitOptions) -> None:
    """Raise InputError for what does not go together with a source."""
    for name, value in (("T", T), ("sample_weight", sample_weight)):
        if value is not None:
            raise InputError(f"{name} is given besides a source; a source gives {name} itself, so leave it out")
    if isinstance(options.optimizer, Solver):
        name = type(options.optimizer).__name__
        raise InputError(f"optimizer is {name}, which takes all rows in each step; with a source give Adam() or SGD()")
    if options.validation_split is not None:
        raise InputError("validation_split is given with a source; give another source or arrays as validation_data")
    if callable(options.shuffle):
        raise InputError("shuffle is a function; with a source it must be True or False")
