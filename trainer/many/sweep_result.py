"""What a sweep returns."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

from ..extras import require
from ..fit.history import History
from ..network import Network

# Of a table's rows that `repr` shows.
SHOWN = 10


@dataclass(frozen=True, repr=False)
class SweepResult:
    """What `sweep` returns.

    Parameters
    ----------
    table : list of dict
        One for each setting, the best first: the setting's own entries, then `val_loss`, the median of the validation losses
        over the seeds, `val_losses`, one for each seed, and `epochs`, which each network was trained at most.

    best : dict
        The setting with the lowest median.

    network : Network, default=None
        A network with the best setting, trained on all rows; None with refit=False.

    history : History, default=None
        Of that training.

    Examples
    --------
    >>> import numpy as np
    >>> from tileprop import sweep
    >>> X = np.random.default_rng(0).normal(size=(100, 2))
    >>> result = sweep(X, X[:, 0], {"hidden": [(4,), (8,)]}, seeds=2, epochs=5, validation_split=0.2)
    >>> sorted(row["hidden"] for row in result.table)
    [(4,), (8,)]
    """

    table: list[dict[str, Any]]
    best: dict[str, Any]
    network: Network | None = None
    history: History | None = None

    def __repr__(self) -> str:
        lines = [f"SweepResult: {len(self.table)} settings, the best first"]
        for row in itertools.islice(self.table, SHOWN):
            setting = ", ".join(f"{name}={row[name]!r}" for name in self.best)
            lines.append(f"  val_loss {row['val_loss']:.6g}: {setting}")
        if len(self.table) > SHOWN:
            lines.append(f"  and {len(self.table) - SHOWN} more")
        return "\n".join(lines)

    def to_frame(self) -> Any:
        """The table as a pandas DataFrame, one row for each setting.

        Returns
        -------
        pandas.DataFrame
            With a column for each entry of the table's rows.

        Raises
        ------
        MissingExtraError
            Without pandas.
        """
        return require("pandas", "to_frame").DataFrame(self.table)
