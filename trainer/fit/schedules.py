"""Learning-rate schedules: per-epoch multipliers of the learning rate."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

from ..bounds import check_field_within, check_whole_field
from ..errors import InputError
from .history import History


@runtime_checkable
class Schedule(Protocol):
    """Anything with a method `factor`. It keeps nothing of a fit, so that one schedule can serve several.

    One that has a true attribute `in_advance` does not look at the losses, and so lets short epochs be made several at a time.
    """

    def factor(self, epoch: int, epochs: int, history: History) -> float:
        """Multiplier of the learning rate in one epoch.

        Parameters
        ----------
        epoch : int
            Number of the epoch, from 0.

        epochs : int
            Number of epochs of the fit.

        history : History
            The epochs before it.

        Returns
        -------
        float
            At least 0.
        """
        ...


@dataclass(frozen=True)
class Constant:
    """Keep the learning rate as it is.

    Examples
    --------
    >>> from tileprop import Constant
    >>> from tileprop.trainer import History
    >>> schedule = Constant()
    >>> [round(schedule.factor(epoch, 4, History(1)), 3) for epoch in range(4)]
    [1.0, 1.0, 1.0, 1.0]
    """

    in_advance = True

    def factor(self, epoch: int, epochs: int, history: History) -> float:
        """The factor of an epoch, see `Schedule`."""
        return 1.0


@dataclass(frozen=True)
class StepDecay:
    """Multiply the learning rate by `gamma` every few epochs.

    Parameters
    ----------
    every : int
        Number of epochs between two changes, at least 1.

    gamma : float, default=0.1
        Multiplier of each change, above 0 and at most 1.

    Raises
    ------
    InputError
        For numbers out of range.

    Notes
    -----
    The factor is gamma^floor(epoch / every), as PyTorch's `StepLR`.

    Examples
    --------
    >>> from tileprop import StepDecay
    >>> from tileprop.trainer import History
    >>> schedule = StepDecay(every=2, gamma=0.5)
    >>> [round(schedule.factor(epoch, 4, History(1)), 3) for epoch in range(4)]
    [1.0, 1.0, 0.5, 0.5]
    """

    in_advance = True

    every: int
    gamma: float = 0.1

    def __post_init__(self) -> None:
        check_whole_field(self, "every", 1)
        check_field_within(self, "gamma", 0.0, 1.0, above=True, most=True)

    def factor(self, epoch: int, epochs: int, history: History) -> float:
        """The factor of an epoch, see `Schedule`."""
        return float(self.gamma ** (epoch // self.every))


@dataclass(frozen=True)
class ExponentialDecay:
    """Multiply the learning rate by `gamma` in each epoch.

    Parameters
    ----------
    gamma : float
        Multiplier of each epoch, above 0 and at most 1.

    Raises
    ------
    InputError
        For numbers out of range.

    Notes
    -----
    The factor is gamma^epoch, as PyTorch's `ExponentialLR`.

    Examples
    --------
    >>> from tileprop import ExponentialDecay
    >>> from tileprop.trainer import History
    >>> schedule = ExponentialDecay(0.5)
    >>> [round(schedule.factor(epoch, 4, History(1)), 3) for epoch in range(4)]
    [1.0, 0.5, 0.25, 0.125]
    """

    in_advance = True

    gamma: float

    def __post_init__(self) -> None:
        check_field_within(self, "gamma", 0.0, 1.0, above=True, most=True)

    def factor(self, epoch: int, epochs: int, history: History) -> float:
        """The factor of an epoch, see `Schedule`."""
        return float(self.gamma**epoch)


@dataclass(frozen=True)
class Cosine:
    """Lower the learning rate along half a cosine, from 1 to `least`.

    Parameters
    ----------
    least : float, default=0.0
        Factor at the end, 0 to 1. It would be reached after the last epoch, so that no epoch has a rate of 0.

    Raises
    ------
    InputError
        For numbers out of range.

    Notes
    -----
    least + (1 - least)(1 + cos(pi epoch / epochs)) / 2: Loshchilov, I., Hutter, F. (2017). SGDR. Equation 5, without restarts.
    PyTorch's `CosineAnnealingLR` with T_max=epochs and eta_min=least.

    Examples
    --------
    >>> from tileprop import Cosine
    >>> from tileprop.trainer import History
    >>> schedule = Cosine()
    >>> [round(schedule.factor(epoch, 4, History(1)), 3) for epoch in range(4)]
    [1.0, 0.854, 0.5, 0.146]
    """

    in_advance = True

    least: float = 0.0

    def __post_init__(self) -> None:
        check_field_within(self, "least", 0.0, 1.0, most=True)

    def factor(self, epoch: int, epochs: int, history: History) -> float:
        """The factor of an epoch, see `Schedule`."""
        return _annealed(1.0, self.least, epoch / epochs)


@dataclass(frozen=True)
class OneCycle:
    """Raise the learning rate from `start` to 1, then lower it to `end`, along half cosines.

    Parameters
    ----------
    peak_at : float, default=0.3
        Share of the epochs before the peak, 0 to 1.

    start : float, default=0.04
        Factor of the first epoch, above 0 and at most 1.

    end : float, default=1e-4
        Factor of the last epoch, 0 to 1.

    Raises
    ------
    InputError
        For numbers out of range.

    Notes
    -----
    Smith, L., Topin, N. (2019). Super-convergence. The peak is at epoch peak_at epochs - 1, never before epoch 0: PyTorch's
    `OneCycleLR` with total_steps=epochs, pct_start=peak_at, div_factor=1 / start and final_div_factor=start / end.

    Examples
    --------
    >>> from tileprop import OneCycle
    >>> from tileprop.trainer import History
    >>> schedule = OneCycle(peak_at=0.5)
    >>> [round(schedule.factor(epoch, 4, History(1)), 3) for epoch in range(4)]
    [0.04, 1.0, 0.5, 0.0]
    """

    in_advance = True

    peak_at: float = 0.3
    start: float = 0.04
    end: float = 1e-4

    def __post_init__(self) -> None:
        check_field_within(self, "peak_at", 0.0, 1.0, most=True)
        check_field_within(self, "start", 0.0, 1.0, above=True, most=True)
        check_field_within(self, "end", 0.0, 1.0, most=True)

    def factor(self, epoch: int, epochs: int, history: History) -> float:
        """The factor of an epoch, see `Schedule`."""
        peak = max(self.peak_at * epochs - 1.0, 0.0)
        if epoch <= peak:
            return _annealed(self.start, 1.0, epoch / peak) if peak else 1.0
        return _annealed(1.0, self.end, (epoch - peak) / (epochs - 1 - peak))


@dataclass(frozen=True)
class InverseScaling:
    """Divide the learning rate by a power of the epoch's number.

    Parameters
    ----------
    power : float, default=0.5
        The power, at least 0.

    Raises
    ------
    InputError
        For numbers out of range.

    Notes
    -----
    The factor is 1 / (epoch + 1)^power, scikit-learn's "invscaling" counted in epochs. Robbins, H., Monro, S. (1951): powers
    above 0.5, up to 1, converge.

    Examples
    --------
    >>> from tileprop import InverseScaling
    >>> from tileprop.trainer import History
    >>> schedule = InverseScaling()
    >>> [round(schedule.factor(epoch, 4, History(1)), 3) for epoch in range(4)]
    [1.0, 0.707, 0.577, 0.5]
    """

    in_advance = True

    power: float = 0.5

    def __post_init__(self) -> None:
        check_field_within(self, "power", 0.0)

    def factor(self, epoch: int, epochs: int, history: History) -> float:
        """The factor of an epoch, see `Schedule`."""
        return float((epoch + 1.0) ** -float(self.power))


@dataclass(frozen=True)
class Plateau:
    """Lower the learning rate where the loss no longer falls.

    The loss is the validation loss, or the training loss where there is none.

    Parameters
    ----------
    gamma : float, default=0.5
        Multiplier of each change, above 0 and below 1.

    patience : int, default=5
        Epochs without improvement before the rate is lowered.

    tol : float, default=1e-4
        An epoch counts as an improvement where the loss is lower by more than this.

    least : float, default=1e-6
        Lowest factor, 0 to 1.

    Raises
    ------
    InputError
        For numbers out of range.

    Notes
    -----
    PyTorch's `ReduceLROnPlateau` with factor=gamma and threshold_mode="abs".

    Examples
    --------
    >>> from tileprop import Plateau
    >>> from tileprop.trainer import History
    >>> schedule = Plateau(patience=0)
    >>> [round(schedule.factor(epoch, 4, History(1)), 3) for epoch in range(4)]
    [1.0, 1.0, 1.0, 1.0]
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
        """The factor of an epoch, see `Schedule`. Goes through all losses before `epoch`."""
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
    """Raise the learning rate evenly over the first epochs, then follow another schedule.

    Parameters
    ----------
    epochs : int
        Number of epochs of the warm-up, at least 1.

    then : schedule, default=Constant()
        The schedule after it, which counts its epochs from there.

    start : float, default=0.0
        Factor before the first epoch, 0 to 1. The first epoch has a larger one, so that no epoch has a rate of 0.

    Raises
    ------
    InputError
        For numbers out of range, and for what is no schedule.

    Notes
    -----
    The factor is start + (1 - start)(epoch + 1) / (epochs + 1): Goyal, P. et al. (2017). Accurate, large minibatch SGD. Section
    2.2.

    Examples
    --------
    >>> from tileprop import WarmUp
    >>> from tileprop.trainer import History
    >>> schedule = WarmUp(3)
    >>> [round(schedule.factor(epoch, 4, History(1)), 3) for epoch in range(4)]
    [0.25, 0.5, 0.75, 1.0]
    """

    epochs: int
    then: Schedule = Constant()
    start: float = 0.0

    def __post_init__(self) -> None:
        check_whole_field(self, "epochs", 1)
        if isinstance(self.then, type) or not isinstance(self.then, Schedule):
            raise InputError(f"WarmUp: then is {self.then!r}; it must be a schedule, as Cosine()")
        check_field_within(self, "start", 0.0, 1.0, most=True)

    @property
    def in_advance(self) -> bool:
        """Whether no factor depends on losses, see `Schedule`."""
        return getattr(self.then, "in_advance", False) is True

    def factor(self, epoch: int, epochs: int, history: History) -> float:
        """The factor of an epoch, see `Schedule`."""
        if epoch < self.epochs:
            return self.start + (1.0 - self.start) * (epoch + 1) / (self.epochs + 1)
        lists = {name: entries for name, entries in vars(history).items() if isinstance(entries, list)}
        since: dict[str, Any] = {name: entries[self.epochs :] for name, entries in lists.items()}
        return self.then.factor(epoch - self.epochs, epochs - self.epochs, replace(history, **since))


def _annealed(first: float, last: float, part: float) -> float:
    """From `first` to `last` along half a cosine, as `part` goes from 0 to 1."""
    return last + (first - last) * (1.0 + math.cos(math.pi * part)) / 2.0
