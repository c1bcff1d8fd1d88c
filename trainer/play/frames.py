"""One picture of a training, as the bytes that the page reads (`page/frames.js`). All numbers are little-endian."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np

# epoch, training loss, held-out loss, held-out accuracy, training rows a second; NaN: there is none.
HEAD = struct.Struct("<5d")


@dataclass(frozen=True)
class Frame:
    """A network as it is now.

    theta: the parameters. outputs (n_grid, n_out): on the grid. hidden: the activations of each hidden layer (n_grid, width).
    """

    epoch: int
    loss: float
    held_out_loss: float
    accuracy: float
    rows_per_second: float
    theta: np.ndarray
    outputs: np.ndarray
    hidden: list[np.ndarray]

    def encoded(self) -> bytes:
        """The head; theta and outputs as float32, output by output; each hidden unit's activations as int8.

        A unit's 127 stands for 1, or for its largest magnitude on the grid where that is above 1.
        """
        head = HEAD.pack(self.epoch, self.loss, self.held_out_loss, self.accuracy, self.rows_per_second)
        parts = [head, _single(self.theta), _single(self.outputs.T)]
        for A in self.hidden:
            scaled = A * (127.0 / np.maximum(np.abs(A).max(axis=0), 1.0))
            parts.append(np.rint(scaled).T.astype(np.int8).tobytes())
        return b"".join(parts)


def _single(array: np.ndarray) -> bytes:
    with np.errstate(over="ignore"):
        return array.astype("<f4").tobytes()
