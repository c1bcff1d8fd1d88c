"""The rows that all sides of the race of defaults learn from, and their columns as other libraries take them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from ..trainer.data.targets import CLASSIFICATION
from ..trainer.extras import require

if TYPE_CHECKING:
    import pandas as pd

TEST_SIZE = 0.2
# HistGradientBoosting takes no category with more values.
MOST_LEVELS = 255
# From this share of cells on that can be read as numbers or dates, a column of text is one of numbers or of dates.
MOST_OF_THEM = 0.95
UNKNOWN = ("?", "", "NA")


class Table(Protocol):
    """A made or a real table: see `tables/`."""

    @property
    def name(self) -> str: ...
    @property
    def target(self) -> str: ...
    @property
    def task(self) -> str: ...
    def load(self) -> pd.DataFrame: ...


@dataclass(frozen=True)
class Rows:
    """A table, divided. raw: as it was loaded, with the target. columns: what other libraries get, without it.

    y (n): class indices, in the order of class_names, or numbers. training and test: numbers of rows; each row is in one.
    """

    table: Table
    raw: pd.DataFrame
    columns: pd.DataFrame
    y: np.ndarray
    class_names: tuple[str, ...]
    training: np.ndarray
    test: np.ndarray

    @property
    def is_classification(self) -> bool:
        return self.table.task == CLASSIFICATION


def divided(table: Table, raw: pd.DataFrame, columns: pd.DataFrame, seed: int) -> Rows:
    """20% of the rows held out at random; classes keep their shares. As `tileprop train` divides with the same seed."""
    selection = require("sklearn.model_selection", "the race of defaults")
    target = raw[table.target]
    if table.task == CLASSIFICATION:
        names, y = np.unique(target.astype(str).to_numpy(str), return_inverse=True)
        class_names = tuple(map(str, names))
    else:
        y, class_names = target.to_numpy(np.float64), ()
    training, test = selection.train_test_split(
        np.arange(len(y)), test_size=math.ceil(TEST_SIZE * len(y)), stratify=y if class_names else None, random_state=seed
    )
    return Rows(table, raw, columns, y, class_names, training, test)


def plain_columns(frame: pd.DataFrame) -> pd.DataFrame:
    """Numbers, with NaN for what is missing; categories as such; a date as its parts.

    Constant columns, categories with more than 255 values and text that differs in nearly every row are left out.
    """
    pandas = require("pandas", "the race of defaults")
    is_date, is_number, is_bool = (
        getattr(pandas.api.types, f"is_{kind}_dtype") for kind in ("datetime64_any", "numeric", "bool")
    )
    found: dict[str, pd.Series] = {}
    for name in frame.columns:
        column = frame[name]
        if is_date(column):
            found |= _date_parts(name, column)
        elif is_number(column) and not is_bool(column):
            found[name] = column.astype(float)
        else:
            found |= _from_text(name, column)
    return pandas.DataFrame({name: column for name, column in found.items() if column.nunique(dropna=False) > 1})


def _from_text(name: str, column: pd.Series) -> dict[str, pd.Series]:
    pandas = require("pandas", "the race of defaults")
    text = column.astype(object).where(column.notna(), None).map(lambda value: value if value is None else str(value).strip())
    text = text.where(~text.isin(UNKNOWN), None)
    known = text.notna()
    numbers = pandas.to_numeric(text, errors="coerce")
    if numbers[known].notna().mean() >= MOST_OF_THEM:
        return {name: numbers.astype(float)}
    levels = text.nunique()
    if levels > 30:
        dates = pandas.to_datetime(text, errors="coerce", format="mixed")
        if dates[known].notna().mean() >= MOST_OF_THEM:
            return _date_parts(name, dates)
    if levels > MOST_LEVELS or levels > 0.9 * len(text):
        return {}
    return {name: text.astype("category")}


def _date_parts(name: str, dates: pd.Series) -> dict[str, pd.Series]:
    parts = {
        "year": dates.dt.year,
        "month": dates.dt.month,
        "day of week": dates.dt.day_of_week,
        "days": (dates - dates.min()).dt.days,
    }
    return {f"{name}, {part}": values.astype(float) for part, values in parts.items()}
