"""What a fit leaves behind."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from os import PathLike
from typing import Any

import numpy as np

from ..displays import LossCurveDisplay
from ..extras import require

CSV_COLUMNS = ("epoch", "loss", "val_loss", "seconds")


@dataclass(repr=False)
class History:
    """Losses and times of a fit, one entry for each finished epoch. `Network.fit` returns it.

    Parameters
    ----------
    n_samples : int
        Number of training rows.

    loss : list of float
        Training loss of each epoch: the mean over its rows, each taken before the step of its batch.

    val_loss : list of float
        Loss on the validation rows after each epoch; empty without validation data.

    seconds : list of float
        Time of each epoch, validation included. The first one may include compiling.

    batch_loss : list of float
        The same as `loss`, but the mean over the batches, each counted by its number of rows. It differs where rows have sample
        weights.

    penalty : list of float
        Penalty on the weights (`alpha`, `l1`) of each epoch, which is no part of `loss`.

    stopped : str
        Why the fit ended: "epochs" (all were made), "callback", "stop" (`StopHandle.stop`), "max_seconds", "divergence", or
        of a solver "converged"; empty while the fit runs, and where an error ended it.

    unfinished_rows : int
        Rows of one more epoch that was begun and not finished. Its steps are taken, and it has no entry.

    restored_epoch : int or None
        Number of the epoch, from 1, whose parameters were put back at the end; 0 for those before the first epoch, None where
        nothing was put back.

    Examples
    --------
    >>> from tileprop import Network
    >>> history = Network([2, 4, 1], "tanh").fit([[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0], epochs=100)
    >>> history.epochs, history.stopped
    (100, 'epochs')
    >>> history.loss[-1] < history.loss[0]
    True
    """

    n_samples: int
    loss: list[float] = field(default_factory=list)
    val_loss: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    batch_loss: list[float] = field(default_factory=list)
    penalty: list[float] = field(default_factory=list)
    stopped: str = ""
    unfinished_rows: int = 0
    restored_epoch: int | None = None

    def __repr__(self) -> str:
        if not self.loss:
            return f"History(no epochs, {self.n_samples} samples)"
        epochs = "1 epoch" if self.epochs == 1 else f"{self.epochs} epochs"
        parts = [epochs, f"{self.n_samples} samples", f"loss {self.loss[-1]:.4g}"]
        if self.val_loss:
            best = min(range(self.epochs), key=self.val_loss.__getitem__)
            parts.append(f"val_loss {self.val_loss[-1]:.4g} (lowest {self.val_loss[best]:.4g} in epoch {best + 1})")
        if self.restored_epoch is not None:
            parts.append(f"parameters of epoch {self.restored_epoch}")
        stopped = f", stopped by {self.stopped}" if self.stopped not in ("", "epochs") else ""
        return f"History({', '.join(parts)}, {sum(self.seconds):.2f} s{stopped})"

    @property
    def epochs(self) -> int:
        """Number of finished epochs."""
        return len(self.loss)

    @property
    def kept_epoch(self) -> int:
        """Number of the epoch, from 1, after which the network had the parameters that it has at the end of the fit."""
        return self.epochs if self.restored_epoch is None else self.restored_epoch

    @property
    def samples_per_second(self) -> float:
        """Training rows a second, over all epochs, validation included; NaN before the first one."""
        total = sum(self.seconds)
        return self.n_samples * self.epochs / total if total else float("nan")

    def record(
        self,
        loss: float,
        val_loss: float | None,
        seconds: float,
        batch_loss: float | None = None,
        penalty: float = 0.0,
    ) -> None:
        """Add an epoch.

        Parameters
        ----------
        loss : float
            Its training loss.

        val_loss : float or None
            Its validation loss; None without validation data.

        seconds : float
            Time that it took.

        batch_loss : float, default=None
            The mean over its batches; `loss` where that is the same.

        penalty : float, default=0.0
            Penalty on the weights.
        """
        self.loss.append(loss)
        self.batch_loss.append(loss if batch_loss is None else batch_loss)
        self.penalty.append(penalty)
        if val_loss is not None:
            self.val_loss.append(val_loss)
        self.seconds.append(seconds)

    def extend(
        self,
        losses: np.ndarray,
        seconds: float,
        val_losses: Sequence[float] = (),
        batch_losses: np.ndarray | None = None,
        penalties: np.ndarray | None = None,
    ) -> None:
        """Add several epochs.

        Parameters
        ----------
        losses : ndarray of shape (epochs,)
            Their training losses.

        seconds : float
            Time that each took.

        val_losses : sequence of float, default=()
            Their validation losses.

        batch_losses : ndarray of shape (epochs,), default=None
            The means over their batches; `losses` where that is the same.

        penalties : ndarray of shape (epochs,), default=None
            Penalties on the weights; none unless given.
        """
        self.loss.extend(losses.tolist())
        self.batch_loss.extend((losses if batch_losses is None else batch_losses).tolist())
        self.penalty.extend([0.0] * len(losses) if penalties is None else penalties.tolist())
        self.val_loss.extend(val_losses)
        self.seconds.extend([seconds] * len(losses))

    def to_frame(self) -> Any:
        """The epochs as a pandas DataFrame (needs pandas, extra `frames`).

        Returns
        -------
        pandas.DataFrame
            One row for each epoch, numbered from 1 by the index `epoch`; columns `loss`, `val_loss` (with validation data),
            `seconds` and `penalty`.

        Examples
        --------
        >>> from tileprop import History
        >>> history = History(n_samples=10)
        >>> history.record(0.5, 0.75, 0.25)
        >>> history.to_frame().columns.tolist()
        ['loss', 'val_loss', 'seconds', 'penalty']
        """
        pandas = require("pandas", "History.to_frame")
        columns = {"loss": self.loss, "val_loss": self.val_loss, "seconds": self.seconds, "penalty": self.penalty}
        if not self.val_loss:
            del columns["val_loss"]
        return pandas.DataFrame(columns, index=pandas.RangeIndex(1, self.epochs + 1, name="epoch"), dtype=float)

    def plot(self, *, ax: Any = None, name: str | None = None, **line_kwargs: Any) -> LossCurveDisplay:
        """Draw the losses against the epochs (needs matplotlib, extra `plot`).

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; a new figure unless given.

        name : str, default=None
            What the legend writes above the curves.

        **line_kwargs : dict
            Options of matplotlib's `Axes.plot`, for every curve.

        Returns
        -------
        LossCurveDisplay
            The picture: `ax_`, `figure_` and `lines_` are its parts.

        Raises
        ------
        InputError
            Where no epoch was finished.
        """
        return LossCurveDisplay.from_history(self, ax=ax, name=name, **line_kwargs)

    def save_csv(self, path: str | PathLike[str]) -> None:
        """Write one line for each epoch: epoch, loss, val_loss (empty without validation data), seconds.

        Parameters
        ----------
        path : str or path-like
            The file; what was there is replaced.
        """
        with open(path, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(CSV_COLUMNS)
            writer.writerows(self.csv_rows())

    def csv_rows(self, first: int = 0) -> Iterator[tuple[int, str, str, str]]:
        """The lines of `save_csv`, from the epoch after the first `first` ones."""
        for i in range(first, self.epochs):
            val_loss = repr(self.val_loss[i]) if self.val_loss else ""
            yield i + 1, repr(self.loss[i]), val_loss, f"{self.seconds[i]:.6f}"
