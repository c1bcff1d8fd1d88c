"""Callbacks that write the losses of each epoch elsewhere: a CSV file, TensorBoard, MLflow."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..extras import require
from .callbacks import RunningFit
from .history import CSV_COLUMNS


@dataclass
class CSVLogger:
    """A callback that writes a line to a CSV file after each epoch, so that a fit can be watched while it runs.

    The columns are those of `History.save_csv`: epoch, loss, val_loss, seconds. A file that is there is replaced. A fit that
    goes on from a checkpoint writes its earlier epochs again, so that the file is always complete.

    Parameters
    ----------
    path : str or path-like
        The file, in a folder that is there.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from tileprop import CSVLogger, Network
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "losses.csv"
    >>> history = Network([1, 1]).fit([[0], [1]], [0, 1], epochs=3, callbacks=[CSVLogger(path)])
    >>> len(path.read_text().splitlines())
    4
    """

    path: str | PathLike[str]

    losses_only = True

    def __post_init__(self) -> None:
        if not Path(self.path).absolute().parent.is_dir():
            raise InputError(f"CSVLogger: there is no folder {Path(self.path).parent}; make it first")
        self._file: Any = None
        self._written = 0

    def begin(self, stop: Callable[[], None]) -> None:
        """Open the file and write the headings."""
        self._file, self._written = open(self.path, "w", newline="", encoding="utf-8"), 0  # noqa: SIM115, until `finish`
        self._write([CSV_COLUMNS])

    def __call__(self, running: RunningFit) -> None:
        self._write(running.history.csv_rows(self._written))
        self._written = running.history.epochs

    def finish(self, running: RunningFit) -> None:
        """Write what is left of a fit that had nothing more to do, and close the file."""
        self(running)
        self._file.close()

    def _write(self, rows: Any) -> None:
        csv.writer(self._file, lineterminator="\n").writerows(rows)
        self._file.flush()


@dataclass
class TensorBoard:
    """A callback that writes losses and learning rate for TensorBoard (extra `tensorboard`: the package tensorboardX).

    The charts are `loss/training`, `loss/validation` and `learning_rate`, against the epochs.

    Parameters
    ----------
    folder : str or path-like
        Folder of the run, made where it is not there: `tensorboard --logdir FOLDER` shows it.

    Raises
    ------
    MissingExtraError
        Without tensorboardX.

    Examples
    --------
    >>> import tensorboardX
    >>> from tileprop import Network, TensorBoard
    >>> history = Network([1, 1]).fit([[0], [1]], [0, 1], epochs=3, callbacks=[TensorBoard("runs/first")])
    """

    folder: str | PathLike[str]

    losses_only = True

    def __post_init__(self) -> None:
        self._module = require("tensorboardX", "TensorBoard")
        self._writer: Any = None
        self._written = 0

    def begin(self, stop: Callable[[], None]) -> None:
        """Open the run."""
        self._writer, self._written = self._module.SummaryWriter(fspath(self.folder)), 0

    def __call__(self, running: RunningFit) -> None:
        for epoch, numbers in new_numbers(running, self._written, ("loss/training", "loss/validation")):
            for name, value in numbers.items():
                self._writer.add_scalar(name, value, epoch)
        self._written = running.history.epochs

    def finish(self, running: RunningFit) -> None:
        """Write all to the disk, and close the run."""
        self._writer.close()


@dataclass
class MLflow:
    """A callback that logs losses and learning rate to MLflow (extra `mlflow`: the package mlflow-skinny, or mlflow).

    The run that is active is used; without one, a run is started and ended with the fit. Metrics are `loss`, `val_loss` and
    `learning_rate`, their steps the epochs; the network's sizes, activations, loss and number of parameters are its parameters.

    Parameters
    ----------
    run_name : str, default=None
        Name of a run that is started.

    Raises
    ------
    MissingExtraError
        Without MLflow.

    Examples
    --------
    >>> import mlflow
    >>> from tileprop import MLflow
    >>> callbacks = [MLflow(run_name="first")]
    """

    run_name: str | None = None

    losses_only = True

    def __post_init__(self) -> None:
        self._module: Any = require("mlflow", "MLflow")
        self._own, self._written = False, 0

    def begin(self, stop: Callable[[], None]) -> None:
        """Start a run where none is active."""
        self._own, self._written = self._module.active_run() is None, 0
        if self._own:
            self._module.start_run(run_name=self.run_name)

    def __call__(self, running: RunningFit) -> None:
        if self._own and not self._written:
            plan = running.network.plan
            described = {"sizes": plan.sizes, "activations": plan.activations, "loss": plan.loss}
            self._module.log_params({**described, "n_parameters": plan.n_parameters, "n_samples": running.history.n_samples})
        for epoch, numbers in new_numbers(running, self._written, ("loss", "val_loss")):
            self._module.log_metrics(numbers, step=epoch)
        self._written = running.history.epochs

    def finish(self, running: RunningFit) -> None:
        """End the run that was started."""
        if self._own:
            self._module.end_run("FINISHED" if running.history.stopped else "FAILED")


def new_numbers(running: RunningFit, written: int, names: tuple[str, str]) -> list[tuple[int, dict[str, float]]]:
    """Epoch and numbers of each epoch after the first `written` ones. names: of training and validation loss."""
    history = running.history
    found = []
    for i in range(written, history.epochs):
        numbers = {names[0]: history.loss[i]}
        if history.val_loss:
            numbers[names[1]] = history.val_loss[i]
        if running.state is not None and i == history.epochs - 1:
            numbers["learning_rate"] = running.learning_rate
        found.append((i + 1, numbers))
    return found
