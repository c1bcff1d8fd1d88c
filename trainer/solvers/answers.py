"""What a minimiser was told: told it again, it comes to where it was.

SciPy's L-BFGS has a memory that cannot be read out or put back. But all that it does follows from the losses and gradients that
it is told. So a checkpoint holds these, and a fit that goes on tells them once more, which takes no pass through the rows.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import numpy as np

# Gradients take so much memory, and so much of a checkpoint, at most; or as many as this, for large networks.
MOST_BYTES = 1 << 28
LEAST_GRADIENTS = 100


class OtherWay(Exception):
    """The minimiser asks for other points than it did: it is another SciPy's, or runs on another kind of processor."""


class Answers:
    """Losses and gradients, in order, since the minimiser began at `start`; and how many iterations it has made since.

    keeps: whether answers are kept at all.
    """

    def __init__(self, start: np.ndarray, keeps: bool = False) -> None:
        self.start, self.keeps, self.iterations = start, keeps, 0
        self._points: list[int] = []
        self._losses: list[float] = []
        self._gradients: list[np.ndarray] = []
        # Of answers and iterations, those that come again.
        self._told = self._again = 0

    @classmethod
    def put_back(cls, kept: dict[str, Any], keeps: bool) -> Answers:
        """As when `kept` gave this."""
        answers = cls(kept["start"], keeps)
        if "gradients" in kept:
            answers._points = kept["points"].tolist()
            answers._losses = kept["losses"].view(np.float64).tolist()
            answers._gradients = list(kept["gradients"].view(np.float64))
        answers.iterations = answers._again = kept["iterations"]
        return answers

    def kept(self) -> dict[str, Any]:
        """For a checkpoint. As the bits that they are: they may be infinite, which no saved number may be."""
        points, losses, gradients, count = self._points, self._losses, self._gradients, len(self._losses)
        kept: dict[str, Any] = {"start": self.start, "iterations": self.iterations}
        if count:
            kept["points"] = lambda: np.array(points[:count])
            kept["losses"] = lambda: np.array(losses[:count]).view(np.int64)
            kept["gradients"] = lambda: np.array(gradients[:count]).view(np.int64)
        return kept

    @property
    def full(self) -> bool:
        """Whether the minimiser is to begin anew, since no more can be kept."""
        most = max(LEAST_GRADIENTS, MOST_BYTES // self.start.nbytes)
        return len(self._gradients) >= most

    def again(self, theta: np.ndarray) -> tuple[float, np.ndarray] | None:
        """The answer to theta, where it is one that comes again. Raises OtherWay where theta is not what was asked then."""
        if self._told == len(self._losses):
            return None
        if _point(theta) != self._points[self._told]:
            raise OtherWay
        self._told += 1
        return self._losses[self._told - 1], self._gradients[self._told - 1].copy()

    def add(self, theta: np.ndarray, loss: float, gradient: np.ndarray) -> None:
        """A new answer."""
        if self.keeps:
            self._points.append(_point(theta))
            self._losses.append(loss)
            self._gradients.append(gradient.copy())
            self._told += 1

    def iteration_comes_again(self) -> bool:
        """At the end of an iteration; a new one is counted."""
        if self._again:
            self._again -= 1
            return True
        self.iterations += 1
        return False


def _point(theta: np.ndarray) -> int:
    return int.from_bytes(blake2b(np.ascontiguousarray(theta).data, digest_size=8).digest(), "little", signed=True)
