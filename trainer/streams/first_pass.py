"""The first pass over a table's files: rows are counted, and the recipe and the targets are found, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ..errors import InputError
from ..extras import require
from ..tables.facts import Facts, facts_of
from ..tables.folders import Block, TableFiles
from ..tables.kinds import ColumnChoices
from ..tables.parts import PARTS, TRAINING, Parts
from ..tables.recipe import Recipe
from ..tables.standard import UnfitColumn
from ..tables.target_form import TargetFacts, TargetForm, form_of, known_targets

# Rows on which kinds of columns, medians and ranges are found. A table that has no more is prepared as if it were in memory.
SAMPLE_ROWS = 1 << 17


@dataclass(frozen=True)
class FirstPass:
    """rows: how many rows with a target each block has in each part, (n_blocks, number of PARTS). sampled: whether some of the
    recipe is from a sample. samples: some rows of each part as pyarrow.Tables, where features were given.
    class_rows: training rows of each class. notes: what the user should know.
    """

    rows: np.ndarray
    recipe: Recipe | None
    form: TargetForm
    sampled: bool
    samples: tuple[Any, ...]
    class_rows: tuple[int, ...]
    notes: tuple[str, ...]


def known_rows(batch: Any, targets: Sequence[str]) -> np.ndarray:
    """Which rows (n) of a batch have all targets."""
    known: np.ndarray = np.logical_and.reduce([known_targets(batch.column(name)) for name in targets])
    return known


class _Sample:
    """Rows drawn from all training rows: those whose draw is below a limit, which falls where they take too many bytes."""

    def __init__(self, limit: float, most_bytes: int) -> None:
        self.limit, self._most_bytes = limit, most_bytes
        self._batches: list[Any] = []
        self._draws: list[np.ndarray] = []
        self._places: list[tuple[Block, np.ndarray]] = []
        self._bytes = 0

    def add(self, batch: Any, draws: np.ndarray, block: Block, rows: np.ndarray) -> None:
        """Take those of a batch whose draws (n) are low. rows (n): their numbers in the block."""
        keep = draws < self.limit
        if not keep.any():
            return
        taken = batch if keep.all() else batch.filter(keep)
        self._batches.append(taken)
        self._draws.append(draws[keep])
        self._places.append((block, rows[keep]))
        self._bytes += taken.nbytes
        while self._bytes > self._most_bytes and sum(map(len, self._draws)) > 1:
            self._halve()

    def has_room(self, batch: Any) -> bool:
        """Whether the limit need not fall for a batch."""
        return bool(self._bytes + batch.nbytes <= self._most_bytes)

    def give(self, facts: dict[str, Facts], files: TableFiles) -> None:
        """Let facts be known from the rows of the sample so far."""
        for batch, (block, rows) in zip(self._batches, self._places, strict=True):
            _add(facts, batch, partial(_place, files, block, rows))

    def _halve(self) -> None:
        self.limit /= 2
        kept = [draws < self.limit for draws in self._draws]
        self._batches = [batch.filter(keep) for batch, keep in zip(self._batches, kept, strict=True)]
        self._places = [(block, rows[keep]) for (block, rows), keep in zip(self._places, kept, strict=True)]
        self._draws = [draws[keep] for draws, keep in zip(self._draws, kept, strict=True)]
        self._bytes = sum(batch.nbytes for batch in self._batches)

    def table(self) -> Any:
        """The rows as a pyarrow.Table; None where there are none."""
        return require("pyarrow", "reading tables").Table.from_batches(self._batches) if self._batches else None

    def place(self, files: TableFiles) -> Callable[[int], str]:
        """Names a row of the sample by its file."""
        starts = np.cumsum([0, *map(len, self._draws)])

        def place(row: int) -> str:
            part = min(int(np.searchsorted(starts, row, "right")) - 1, len(self._places) - 1)
            block, rows = self._places[part]
            return files.place(block, int(rows[min(row - starts[part], len(rows) - 1)]))

        return place


def first_pass(
    files: TableFiles,
    targets: Sequence[str],
    features: Sequence[str],
    choices: ColumnChoices,
    *,
    parts: Parts,
    task: str | None,
    memory: int,
    form: TargetForm | None = None,
    numeric: Sequence[str] = (),
) -> FirstPass:
    """Read all rows once.

    features: columns of which a recipe is made; none for no recipe. form: of the targets, where known. numeric: targets that
    are asked to be numbers.

    Raises InputError for columns that cannot be learned from, or be targets.
    """
    schema = files.schema
    target_facts = (
        []
        if form is not None
        else [TargetFacts(name, schema.field(name).type, files.shown, name in numeric) for name in targets]
    )
    facts: dict[str, Facts] = {name: facts_of(name, schema.field(name).type, choices) for name in features}
    # A table of few rows is its own sample: as long as it has room, nothing else need be known.
    whole = files.n_rows <= SAMPLE_ROWS
    limits = [1.0 if whole else min(SAMPLE_ROWS / max(files.n_rows * share, 1.0), 1.0) for share in parts.shares]
    samples = [_Sample(limit, memory // 2) for limit in limits]
    sample = samples[PARTS.index(TRAINING)]
    counts = np.zeros((len(files.blocks), len(PARTS)), np.int64)
    for number, block in enumerate(files.blocks):
        part_of = parts.of_block(number, block.rows)
        draws = np.random.default_rng([number, 1]).random(block.rows)
        row = 0
        for batch in files.batches(block, [*features, *targets], files.rows_at_once):
            rows = np.arange(row, row + batch.num_rows)
            row += batch.num_rows
            known = known_rows(batch, targets)
            counts[number] += np.bincount(part_of[rows[known]], minlength=len(PARTS))
            if facts:
                for part, other in enumerate(samples):
                    if other is not sample:
                        here = known & (part_of[rows] == part)
                        other.add(batch.filter(here), draws[rows[here]], block, rows[here])
            kept = known & (part_of[rows] == 0)
            if not kept.any() or not (facts or target_facts):
                continue
            batch, rows = (batch if kept.all() else batch.filter(kept)), rows[kept]
            place = partial(_place, files, block, rows)
            for target in target_facts:
                target.add(batch.column(target.name), place)
            if not facts:
                continue
            if whole and not sample.has_room(batch):
                whole = False
                sample.give(facts, files)
            sample.add(batch, draws[rows], block, rows)
            if not whole:
                _add(facts, batch, place)
    if not counts[:, 0].any():
        shown = ", ".join(map(repr, targets))
        what = "is empty in all rows" if not counts.any() else "has no training rows; give smaller shares of the others"
        raise InputError(f"{files.shown}: target {shown} {what}")
    notes, class_rows = list[str](), tuple[int, ...]()
    if left := files.n_rows - int(counts.sum()):
        notes.append(f"{left:,} of {files.n_rows:,} rows have no target, and are left out")
    if form is None:
        form, class_rows, more = form_of(target_facts, task)
        notes += more
    if not facts:
        return FirstPass(counts, None, form, False, (), class_rows, tuple(notes))
    n_rows = int(counts[:, 0].sum())
    table = sample.table().select(list(features))
    recipe = Recipe.fit(table, choices, None, sample.place(files), None if whole else facts, n_rows)
    return FirstPass(counts, recipe, form, not whole, tuple(one.table() for one in samples), class_rows, tuple(notes))


def _place(files: TableFiles, block: Block, rows: np.ndarray, i: int) -> str:
    """Names row i of those with these numbers in a block."""
    return files.place(block, int(rows[i]))


def _add(facts: dict[str, Facts], batch: Any, place: Callable[[int], str]) -> None:
    table = require("pyarrow", "reading tables").Table.from_batches([batch])
    for name, known in facts.items():
        try:
            known.add(table.column(name))
        except UnfitColumn as error:
            where = "" if error.row is None else f", first in {place(error.row)}"
            raise InputError(f"column {name!r} {error}{where}. Leave out with --ignore {name!r}") from None
