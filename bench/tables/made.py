"""The made tables by their names. Each is drawn from a seed, and has the columns, holes and noise of a well-known one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...trainer.data.targets import CLASSIFICATION, REGRESSION
from .adult import adult
from .churn import churn
from .demand import demand
from .fraud import fraud
from .houses import houses
from .passengers import passengers

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class MadeTable:
    """A table that is drawn. make: takes a seed. No column is left out by hand: what is to be ignored must be found out."""

    name: str
    target: str
    task: str
    make: Callable[[int], pd.DataFrame]

    def load(self) -> pd.DataFrame:
        """The table of seed 0, the target among its columns."""
        return self.make(0)


MADE_TABLES = {
    table.name: table
    for table in (
        MadeTable("passengers", "Survived", CLASSIFICATION, passengers),
        MadeTable("adult", "income", CLASSIFICATION, adult),
        MadeTable("churn", "Churn", CLASSIFICATION, churn),
        MadeTable("houses", "SalePrice", REGRESSION, houses),
        MadeTable("demand", "units", REGRESSION, demand),
        MadeTable("fraud", "is_fraud", CLASSIFICATION, fraud),
    )
}
