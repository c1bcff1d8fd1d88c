"""Where the pictures are taken: a grid of inputs, and where each row lies on it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Points of the grid along each side of a plane, and along a line.
SIDE, LINE = 50, 200
# Free room around the rows, as a part of their range; and the least half width, for a single row.
MARGIN, LEAST = 0.1, 1.0


@dataclass(frozen=True)
class Plane:
    """A grid of inputs. One input makes a line, two a plane; of more, the plane of the first two principal components.

    grid (height * width, n_in): row by row from the bottom, or the points of the line. low, high: the ends of each axis.
    positions (n, 1 or 2): of the rows. axes: the names of the axes.
    """

    grid: np.ndarray
    shape: tuple[int, int]
    low: np.ndarray
    high: np.ndarray
    positions: np.ndarray
    axes: tuple[str, ...]

    @classmethod
    def through(cls, X: np.ndarray, names: tuple[str, ...]) -> Plane:
        """For rows X (n, n_in) and the names of the inputs."""
        n_in = X.shape[1]
        origin, directions, axes = np.zeros(n_in), np.eye(n_in)[:2], names
        if n_in > 2:
            origin = X.mean(axis=0)
            directions = np.linalg.svd(X - origin, full_matrices=False)[2][:2]
            axes = ("first principal component", "second principal component")
        positions = (X - origin) @ directions.T
        low, high = _ends(positions)
        if n_in == 1:
            line = np.linspace(low, high, LINE)
            return cls(line, (1, LINE), low, high, positions, axes)
        across, up = (np.linspace(low[i], high[i], SIDE) for i in (0, 1))
        corners = np.stack([part.ravel() for part in np.meshgrid(across, up)], axis=1)
        return cls(origin + corners @ directions, (SIDE, SIDE), low, high, positions, axes)


def _ends(positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    low, high = positions.min(axis=0), positions.max(axis=0)
    spread = high - low
    room = np.where(spread > 0, MARGIN * spread, LEAST)
    return low - room, high + room
