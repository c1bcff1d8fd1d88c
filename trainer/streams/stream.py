"""A source as a fit takes it: looked at once, so that sizes and kinds are known before any work starts."""

from __future__ import annotations

import json
from contextlib import closing
from hashlib import blake2b
from typing import Any

import numpy as np

from ..errors import InputError
from ..labels import Label, checked_classes, number_of_classes
from ..model import Model, plan_for
from .filling import Filler, Form, Memory
from .source import WINDOWS, Source
from .windows import Windows

# Rows that are looked at first.
FIRST_ROWS = 4096


class Stream:
    """The rows of a source, for one network.

    n: how many. plan: the network's, for such targets. classes: their names. first_targets: the targets of the first rows.
    """

    def __init__(
        self,
        model: Model,
        source: Source,
        classes: tuple[Label, ...] | None,
        smoothing: float = 0.0,
        prefix: str = "",
    ) -> None:
        """smoothing: label smoothing. prefix: of arguments' names in errors."""
        n_in = model.plan.sizes[0]
        if source.n_inputs != n_in:
            raise InputError(f"{prefix}X has {source.n_inputs} columns; the network takes {n_in}")
        self.source, self.n, self.classes = source, source.n_rows, classes
        if self.n == 0:
            raise InputError(f"{prefix}X has no rows; give at least one")
        self._form = Form(model, classes, smoothing, prefix)
        _, self.first_targets, weight = self._first_rows()
        self.plan, self._weighted = plan_for(model.plan, self.first_targets), bool(weight.size)

    def windows(self, batch: int) -> Windows:
        """How the rows are cut into windows. Raises InputError where a window has no room for a batch."""
        dtype, memory = self._form.model.dtype, self.source.memory
        # With a weight, so that weights do not change the windows.
        numbers = self.source.n_inputs + self.first_targets.shape[1] + 1
        bytes_of_a_row = dtype.itemsize * numbers + np.dtype(np.int64).itemsize
        most = memory // WINDOWS // bytes_of_a_row
        if most < batch:
            least = batch * bytes_of_a_row * WINDOWS
            smaller = ", or a smaller batch_size" if batch > 1 else ""
            raise InputError(
                f"the source's memory is {memory} bytes, and a window, an eighth of it, has room for {most} rows, fewer than a "
                f"batch of {batch}; give memory={least} or more{smaller}"
            )
        return Windows(self.source.block_rows, most, batch, self.source.in_order)

    def filler(self, batch: int) -> Filler:
        """What reads the rows, window by window."""
        return Filler(self.source, self.windows(batch), self._form, self.first_targets.shape[1], self._weighted)

    def fingerprint(self) -> list[Any]:
        """By which a checkpoint knows the rows again: first comes their shape, as in the fingerprint of an array."""
        blocks = blake2b(np.asarray(self.source.block_rows, np.int64).tobytes(), digest_size=16).hexdigest()
        found: list[Any] = [[self.n, self.source.n_inputs], blocks, self.source.in_order, *self.source.fingerprint()]
        return list(json.loads(json.dumps(found)))  # as a checkpoint gives it back: tuples are lists there

    def _first_rows(self) -> Memory:
        """Of the first block that has rows: what is wrong with all rows is found before any work starts."""
        block = next(b for b, rows in enumerate(self.source.block_rows) if rows)
        with closing(self.source.stream([block], 0, FIRST_ROWS)) as pieces:
            return self._form.rows(next(pieces)[1], 0, self.source.place(block))


def classes_of(model: Model, source: Source) -> tuple[Label, ...] | None:
    """The network's names of classes, or else those of the source, where the network can have such."""
    if model.classes is not None or source.classes is None or not number_of_classes(model.plan):
        return model.classes
    return checked_classes(source.classes, model.plan)
