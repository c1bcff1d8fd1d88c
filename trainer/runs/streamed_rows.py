"""The rows of a run that are read from files block by block."""

from __future__ import annotations

from dataclasses import dataclass

from ..model import Model
from ..streams.part_source import PartSource
from ..tables.parts import PARTS, TRAINING

# Rows whose loss is taken at once.
ROWS = 1 << 14


@dataclass(frozen=True)
class StreamedRows:
    """sources: by the names of the parts that have rows. data: a fingerprint of what is in the files."""

    sources: dict[str, PartSource]
    data: str

    @property
    def sizes(self) -> dict[str, int]:
        """Numbers of rows by the names of all parts."""
        return {name: self.sources[name].n_rows if name in self.sources else 0 for name in PARTS}

    def losses(self, model: Model) -> dict[str, float]:
        """The mean losses over all rows of each part that is not trained on."""
        return {name: _loss(model, source) for name, source in self.sources.items() if name != TRAINING}


def _loss(model: Model, source: PartSource) -> float:
    total = weights = 0.0
    for block in range(len(source.block_rows)):
        for X, T, weight in source.read(block, 0, ROWS):
            of_piece = float(len(X)) if weight is None else float(weight.sum())
            total += of_piece * model.loss(X, T, weight)
            weights += of_piece
    return total / weights
