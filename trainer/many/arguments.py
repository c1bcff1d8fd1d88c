"""The arguments of `fit_many` about its networks: what there is for all of them, and lists with what there is for each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..errors import InputError
from ..model import Model
from ..network import Network
from ..other_names import refuse_unknown

# Arguments of `Network.fit` that are given for all networks.
COMMON = (
    "alpha", "l1", "weight_decay", "clip_norm", "frozen_layers", "dropout", "label_smoothing", "shuffle", "on_divergence",
)  # fmt: skip


class Asked(NamedTuple):
    """What a call is asked for: the networks, options for all of them, and lists with what there is for each."""

    networks: list[Network]
    common: dict[str, Any]
    each: dict[str, list[Any]]

    def part(self, numbers: Sequence[int]) -> Asked:
        """The same for some of the networks."""
        lists = {name: [values[i] for i in numbers] for name, values in self.each.items()}
        return Asked([self.networks[i] for i in numbers], self.common, lists)


def asked_for(
    networks: Sequence[Network],
    *,
    epochs: int = 1,
    batch_size: int | None = None,
    optimizers: Any = None,
    schedules: Any = None,
    row_subsets: Sequence[Any] | None = None,
    seeds: Sequence[int] | None = None,
    validation_split: float | None = None,
    validation_subsets: Sequence[Any] | None = None,
    early_stopping: Any = None,
    settings: Sequence[dict[str, Any]] | None = None,
    **options: Any,
) -> Asked:
    """The arguments of `fit_many` about the networks; raises InputError for lists of another length."""
    refuse_unknown("fit_many", options, COMMON)
    networks = _checked(networks)
    n = len(networks)
    each = {
        "optimizer": _for_each("optimizers", optimizers, n),
        "schedule": _for_each("schedules", schedules, n),
        "early_stopping": _for_each("early_stopping", early_stopping, n),
        "settings": [{}] * n if settings is None else _list_of("settings", settings, n),
    }
    lists = {"row_subsets": row_subsets, "validation_subsets": validation_subsets, "seeds": seeds}
    each |= {name: [None] * n if value is None else _list_of(name, value, n) for name, value in lists.items()}
    common = {"epochs": epochs, "batch_size": batch_size, "validation_split": validation_split, **options}
    return Asked(networks, common, each)


def _checked(networks: Any) -> list[Network]:
    if isinstance(networks, Model) or not np.iterable(networks):
        raise InputError(f"networks is {networks!r}; it must be a list of networks")
    networks = list(networks)
    for i, network in enumerate(networks):
        if not isinstance(network, Model):
            raise InputError(f"networks[{i}] is {network!r}; it must be a Network")
    if not networks:
        raise InputError("networks is empty; give at least one network")
    if len(set(map(id, networks))) < len(networks):
        first = next(i for i, network in enumerate(networks) if network in networks[:i])
        raise InputError(f"networks[{first}] is in the list twice; give each network once")
    return networks


def _for_each(name: str, value: Any, n: int) -> list[Any]:
    """One for each network, of a list or of one for all."""
    if not isinstance(value, Sequence | np.ndarray | Iterator) or isinstance(value, str) or hasattr(value, "_fields"):
        return [value] * n
    return _list_of(name, list(value), n)


def _list_of(name: str, values: Any, n: int) -> list[Any]:
    if isinstance(values, (str, dict, Iterator)) or not np.iterable(values):
        raise InputError(f"{name} is {values!r}; it must be a list with one entry for each network")
    values = list(values)
    if len(values) != n:
        raise InputError(f"{name} has {len(values)} entries and there are {n} networks; give one for each network")
    return values
