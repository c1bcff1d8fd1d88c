"""What a fit leaves behind."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from os import PathLike


@dataclass
class History:
    """One entry for each finished epoch. An epoch's `loss` is the mean over its rows, each taken before its batch's step.

    batch_loss: the same, but the mean over its batches, by their numbers of rows; it differs where rows have sample weights.
    penalty: on the weights, where there is one; no part of the losses.
    stopped: why the fit ended: "epochs" (all were made), "callback", "stop" (`StopHandle.stop`), "max_seconds",
    "divergence", or of a solver "converged"; empty while it runs, and where it ended by an error.
    unfinished_rows: rows of one epoch more, which was not finished; its steps are taken, and it has no entry.
    restored_epoch: the epoch, from 1, whose parameters were put back at the end; 0 for those before the first epoch, None
    where nothing was put back.
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

    @property
    def epochs(self) -> int:
        """Finished epochs."""
        return len(self.loss)

    @property
    def kept_epoch(self) -> int:
        """The epoch, from 1, after which the network had the parameters that it has at the end of the fit."""
        return self.epochs if self.restored_epoch is None else self.restored_epoch

    @property
    def samples_per_second(self) -> float:
        """Training rows a second, over all epochs, validation included."""
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
        self.loss.append(loss)
        self.batch_loss.append(loss if batch_loss is None else batch_loss)
        self.penalty.append(penalty)
        if val_loss is not None:
            self.val_loss.append(val_loss)
        self.seconds.append(seconds)

    def save_csv(self, path: str | PathLike[str]) -> None:
        """Write one line for each epoch: epoch, loss, val_loss (empty without validation data), seconds."""
        with open(path, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["epoch", "loss", "val_loss", "seconds"])
            for i, (loss, seconds) in enumerate(zip(self.loss, self.seconds, strict=True)):
                val_loss = repr(self.val_loss[i]) if self.val_loss else ""
                writer.writerow([i + 1, repr(loss), val_loss, f"{seconds:.6f}"])
