"""Learning-rate schedules: by what an optimizer's learning rate is multiplied in each epoch of a fit."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

from ..bounds import check_field_within, check_whole_field
from ..errors import InputError
from .history import History


@runtime_checkable
class Schedule(Protocol):
    """Stores nothing of a fit, so that one schedule can serve several."""

    def factor(self, epoch: int, epochs: int, history: History) -> float:
        """The factor for epoch number `epoch`, from 0, of `epochs`; `history` holds the epochs before it."""
        ...


@dataclass(frozen=True)
class Constant:
    """The optimizer's own rate throughout."""

    def factor(self, epoch: int, epochs: int, history: History) -> float:
        """See `Schedule`."""
        return 1.0


@dataclass(frozen=True)
class StepDecay:
    """gamma^floor(epoch / every), as PyTorch's `StepLR`."""

    every: int
    gamma: float = 0.1

    def __post_init__(self) -> None:
        check_whole_field(self, "every", 1)
        check_field_within(self, "gamma", 0.0, 1.0, above=True, most=True)

    def factor(self, epoch: int, epochs: int, history: History) -> float:
        """See `Schedule`."""
        return float(self.gamma ** (epoch // self.every))


@dataclass(frozen=True)
class ExponentialDecay:
    """gamma^epoch, as PyTorch's `ExponentialLR`."""

    gamma: float

    def __post_init__(self) -> None:
        check_field_within(self, "gamma", 0.0, 1.0, above=True, most=True)

    def factor(self, epoch: int, epochs: int, history: History) -> float:
        """See `Schedule`."""
        return float(self.gamma**epoch)


@dataclass(frozen=True)
class Cosine:
    """least + (1 - least)(1 + cos(pi epoch / epochs)) / 2 (Loshchilov, Hutter 2017, equation 5, without restarts).

    It would reach `least` at epoch number `epochs`, so that with least=0 no epoch is lost. PyTorch's `CosineAnnealingLR` with
    T_max=epochs and eta_min=least.
    """

    least: float = 0.0

    def __post_init__(self) -> None:
        check_field_within(self, "least", 0.0, 1.0, most=True)

    def factor(self, epoch: int, epochs: int, history: History) -> float:
        """See `Schedule`."""
        return _annealed(1.0, self.least, epoch / epochs)


@dataclass(frozen=True)
class OneCycle:
    """Up from `start` to 1 and down to `end`, the last epoch's, along half cosines (Smith, Topin 2019).

    The peak is at epoch peak_at epochs - 1, as in PyTorch's `OneCycleLR` with total_steps=epochs, pct_start=peak_at,
    div_factor=1 / start and final_div_factor=start / end; never before epoch 0.
    """

    peak_at: float = 0.3
    start: float = 0.04
    end: float = 1e-4

    def __post_init__(self) -> None:
        check_field_within(self, "peak_at", 0.0, 1.0, most=True)
        check_field_within(self, "start", 0.0, 1.0, above=True, most=True)
        check_field_within(self, "end", 0.0, 1.0, most=True)

    def factor(self, epoch: int, epochs: int, history: History) -> float:
        """See `Schedule`."""
        peak = max(self.peak_at * epochs - 1.0, 0.0)
        if epoch <= peak:
            return _annealed(self.start, 1.0, epoch / peak) if peak else 1.0
        return _annealed(1.0, self.end, (epoch - peak) / (epochs - 1 - peak))


@dataclass(frozen=True)
class InverseScaling:
    """1 / (epoch + 1)^power, scikit-learn's "invscaling" counted in epochs (Robbins, Monro 1951: power above 0.5, to 1)."""

    power: float = 0.5

    def __post_init__(self) -> None:
        check_field_within(self, "power", 0.0)

    def factor(self, epoch: int, epochs: int, history: History) -> float:
        """See `Schedule`."""
        return float((epoch + 1.0) ** -float(self.power))


@dataclass(frozen=True)
class Plateau:
    """Times `gamma`, down to `least`, after more than `patience` epochs in a row whose loss is not `tol` below the lowest.

    The loss is that of the validation data, or without them the training loss. PyTorch's `ReduceLROnPlateau` with
    factor=gamma and threshold_mode="abs".
    """

    gamma: float = 0.5
    patience: int = 5
    tol: float = 1e-4
    least: float = 1e-6

    def __post_init__(self) -> None:
        check_field_within(self, "gamma", 0.0, 1.0, above=True)
        check_whole_field(self, "patience", 0)
        check_field_within(self, "tol", 0.0)
        check_field_within(self, "least", 0.0, 1.0, most=True)

    def factor(self, epoch: int, epochs: int, history: History) -> float:
        """See `Schedule`. Goes through all losses before `epoch`."""
        factor, lowest, waited = 1.0, float("inf"), 0
        for loss in (history.val_loss or history.loss)[:epoch]:
            if loss < lowest - self.tol:
                lowest, waited = loss, 0
            else:
                waited += 1
            if waited > self.patience:
                factor, waited = max(factor * self.gamma, self.least), 0
        return factor


@dataclass(frozen=True)
class WarmUp:
    """start + (1 - start)(epoch + 1) / (epochs + 1) for `epochs` epochs (Goyal et al. 2017, section 2.2), then `then`.

    `start` belongs to the epoch before the first and 1 to the one after the last, so that with start=0 no epoch is lost.
    `then` counts its epochs, and has its history, from the end of the warm-up.
    """

    epochs: int
    then: Schedule = Constant()
    start: float = 0.0

    def __post_init__(self) -> None:
        check_whole_field(self, "epochs", 1)
        if isinstance(self.then, type) or not isinstance(self.then, Schedule):
            raise InputError(f"WarmUp: then is {self.then!r}; it must be a schedule, as Cosine()")
        check_field_within(self, "start", 0.0, 1.0, most=True)

    def factor(self, epoch: int, epochs: int, history: History) -> float:
        """See `Schedule`."""
        if epoch < self.epochs:
            return self.start + (1.0 - self.start) * (epoch + 1) / (self.epochs + 1)
        lists = {name: entries for name, entries in vars(history).items() if isinstance(entries, list)}
        since: dict[str, Any] = {name: entries[self.epochs :] for name, entries in lists.items()}
        return self.then.factor(epoch - self.epochs, epochs - self.epochs, replace(history, **since))


def _annealed(first: float, last: float, part: float) -> float:
    """From `first` to `last` along half a cosine, as `part` goes from 0 to 1."""
    return last + (first - last) * (1.0 + math.cos(math.pi * part)) / 2.0
