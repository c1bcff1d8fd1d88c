"""What is called after each epoch of a fit."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from ...kernels import State
from ..bounds import check_within
from ..errors import InputError
from ..model import Model
from .history import History


@dataclass
class RunningFit:
    """A fit that is running, as callbacks get it after each epoch.

    Attributes
    ----------
    network : Network
        The network with its parameters after this epoch. A callback may change them.

    state : State or None
        State of the optimizer; None for solvers.

    history : History
        The epochs so far.

    Examples
    --------
    >>> from tileprop import Network
    >>> def halve_the_rate(running):
    ...     running.learning_rate /= 2
    >>> history = Network([1, 1]).fit([[0], [1]], [0, 1], epochs=3, callbacks=[halve_the_rate])
    """

    network: Model
    state: State | None
    history: History

    @property
    def learning_rate(self) -> float:
        """Learning rate of the optimizer. Set it for the epochs to come, to a finite number of at least 0.

        Raises
        ------
        InputError
            For another number, and for a solver, which has none.
        """
        return float(self._hyperparameters().learning_rate)

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        check_within("learning_rate", value, 0.0)
        self._hyperparameters().learning_rate = value

    def _hyperparameters(self) -> Any:
        if self.state is None:
            raise InputError("this fit has no learning rate: solvers find the length of a step themselves")
        return self.state.hyperparameters[0]


# Called after each epoch; True ends the fit. One that has a method `begin` has that called before the first, with a function
# that ends the fit after its step, from any thread; one that has a method `finish` has that called at the end, whatever ends
# it. One with a true attribute `losses_only` looks at nothing but the history, and so lets short epochs be made several at a
# time. One that has methods `remembered` and `recall` is put into checkpoints, see `early_stopping.py`.
Callback = Callable[[RunningFit], "bool | None"]


def begin(callbacks: Iterable[Callback], stop: Callable[[], None]) -> None:
    """Call every callback's `begin`, where it has one."""
    for callback in callbacks:
        if hasattr(callback, "begin"):
            callback.begin(stop)


def finish(callbacks: Iterable[Callback], running: RunningFit) -> None:
    """Call every callback's `finish`, where it has one."""
    for callback in callbacks:
        if hasattr(callback, "finish"):
            callback.finish(running)


class StopHandle:
    """A callback that ends a fit from outside, for instance from another thread.

    The network then has its parameters after the step under way, `History.stopped` is "stop", and a last checkpoint is written
    where checkpoints are. Solvers end after their iteration. A handle that was used ends every further fit at once.

    Examples
    --------
    >>> from tileprop import Network, StopHandle
    >>> handle = StopHandle()
    >>> handle.stop()
    >>> Network([1, 1]).fit([[0], [1]], [0, 1], epochs=1000, callbacks=[handle]).epochs
    1
    """

    losses_only = True

    def __init__(self) -> None:
        self._stopped = False
        self._stops: list[Callable[[], None]] = []

    def stop(self) -> None:
        """End the fit after its step. May be called from any thread."""
        self._stopped = True  # first: a fit that begins now looks at this
        for stop in list(self._stops):
            stop()

    def begin(self, stop: Callable[[], None]) -> None:
        self._stops.append(stop)
        if self._stopped:
            stop()

    def __call__(self, running: RunningFit) -> bool:
        return self._stopped
