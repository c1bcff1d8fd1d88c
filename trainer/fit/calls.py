"""Calls of a training kernel: what an epoch over arrays and an epoch over a stream have in common."""

from __future__ import annotations

import functools
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ...kernels import Plan, State, Workspace
from ...kernels.training.watched import Validation
from ..model import Model
from ..sparse_inputs import SparseInputs
from ..threads.team import Team
from .choice import ThreadChoice
from .divergence import Divergence, finite

# What `counters.position` is where a call has not come to its end.
NOWHERE = -1


class Trained(NamedTuple):
    """What a call of `train` has come to. losses: `Workspace.epochs` of the epochs that it finished."""

    losses: np.ndarray
    divergence: Divergence | None


class Meanwhile(NamedTuple):
    """What is done at each of several epochs of one call. rates: the learning rate of each, or empty.

    validation: what is validated on after each; None for nothing. losses: OUT, of each validation. stopping, best: see `Watch`.
    """

    rates: np.ndarray
    validation: Validation | None
    losses: np.ndarray
    stopping: Any
    best: np.ndarray


class Calls(ABC):
    """Training of one network by calls of a kernel, by a team of threads.

    n: how many rows. position: rows that are done of the epoch under way; 0 between two epochs. whole: whether all is as it was
    after a step, so that a fit can go on from here. several: whether a call of `train` may make more than one epoch.
    """

    n: int
    several = False

    def __init__(
        self,
        model: Model,
        plan: Plan,
        state: State,
        work: Workspace,
        team: Team,
        choice: ThreadChoice,
        kernel: Callable[..., float],
    ) -> None:
        self.model, self.plan, self.state, self.work, self.team, self.choice = model, plan, state, work, team, choice
        self.position, self.whole = 0, True
        self._kernel = kernel
        # Fields of the state's counters: as attributes of a record they take 4 us each.
        self._position, self._status = (np.asarray(state.counters[name]) for name in ("position", "status"))
        self._begun = model.theta.copy()  # theta before the epoch under way
        self._record = work.for_epochs(1).epochs  # the losses so far of the epoch under way

    @property
    def watches(self) -> bool:
        """Whether a call may do something at each of its epochs."""
        return False

    @abstractmethod
    def train(
        self, epochs: int, first: int, seconds: float, limit: float | None, meanwhile: Meanwhile | None = None
    ) -> Trained:
        """Train for some epochs, `first` being the number of the first one, or go on with the one under way.

        seconds: that an epoch may take. limit: after so many a call of one epoch ends, after a step, and so it does where
        threads are to be measured, and by `Team.stop`. meanwhile: only for several epochs, and where this `watches`. Where
        training diverges, the parameters are left finite.
        """

    @abstractmethod
    def remembered(self) -> dict[str, Any]:
        """What a checkpoint keeps of the epoch under way: numbers, and arrays of finite numbers."""

    @abstractmethod
    def recall(self, kept: dict[str, Any]) -> None:
        """Be as when `remembered` gave this."""

    @abstractmethod
    def keep(self, epochs: int) -> None:
        """Undo the last call of `train`, of several epochs, but for its first `epochs`."""

    def _call(
        self, work: Workspace, rows: tuple[Any, ...], expected: float, limit: float | None, size: int | None = None
    ) -> float:
        """The seconds that a call of the kernel took. rows: X, T, weight and order. size: threads, unless those chosen."""
        call = functools.partial(self._kernel, self.plan, self.model.theta, self.state, *rows)
        self._position[0] = NOWHERE
        started = time.perf_counter()
        self.team.run(call, work, expected, size or self.choice.size, limit)
        return time.perf_counter() - started

    def _shortest(self, limit: float | None) -> float | None:
        """Seconds after which a call is to end: `limit`, or earlier, where threads are to be measured."""
        return min((most for most in (limit, self.choice.limit) if most is not None), default=None)

    def _is_finite_or(self, theta: np.ndarray) -> bool:
        """After an interrupt: whether no call is under way and all parameters are finite. Otherwise they become those given."""
        if self.team.at_work:
            return False
        if not finite(self.model.theta):
            self.model.theta[:] = theta
            return False
        return True

    def _divergence(self, rows_of: Callable[[slice], Any], epoch: int, before: int = 0) -> Divergence:
        """Says where; puts the last finite parameters back where the present ones are not finite.

        rows_of: gives the inputs at some positions of the last call. before: steps of the epoch before the call's first row.
        """
        model = self.model
        done = int(self._position[0])
        batch = int(self.work.header[0].batch_rows)
        broken = [i for i, (W, b) in enumerate(zip(model.weights, model.biases, strict=True)) if not finite(W, b)]
        if broken:
            model.theta[:] = self._begun
            step = before - (-done // batch)
            where = f"by step {step}, in the weights of layer {broken[0] + 1}"
            return Divergence(epoch, step, broken[0] + 1, where, "from before this epoch")
        X = rows_of(slice(done, done + batch))
        outputs = X.activations(model.plan, model.theta) if isinstance(X, SparseInputs) else model.activations(X)
        layer = next((i for i, A in enumerate(outputs) if not finite(A)), len(outputs) - 1) + 1
        step = before + done // batch + 1
        return Divergence(epoch, step, layer, f"in step {step}, at the output of layer {layer}", "of the step before")
