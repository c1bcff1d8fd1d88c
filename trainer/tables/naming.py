"""Columns that are named by whoever trains: targets, and those to leave out or to take as numbers or categories."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any

from ..errors import InputError
from ..suggestions import did_you_mean, listed
from .kinds import ColumnChoices


def target_columns(columns: Sequence[str], target: str | None, where: Any) -> tuple[str, ...]:
    """The target columns of a table with these columns: one, or several with commas between. where: the file, for errors."""
    if target is None:
        raise InputError(
            f"{where}: say which column is the target, for example --target {shlex.quote(columns[-1])}; "
            f"it has {listed(columns)}"
        )
    # A column's own name may hold a comma.
    targets = (target,) if target in columns else tuple(name.strip() for name in target.split(","))
    check_there("target", targets, columns, where)
    if len(set(targets)) < len(targets):
        raise InputError(f"{where}: target is {target!r}, which names a column twice; name each column once")
    return targets


def feature_columns(columns: Sequence[str], targets: Sequence[str], choices: ColumnChoices, where: Any) -> list[str]:
    """The columns besides the targets. Raises InputError where all are left out, or another one is named than there is."""
    for argument in ("ignore", "categorical", "numeric"):
        check_there(argument, getattr(choices, argument), columns, where)
    for name in targets:
        if name in choices.ignore:
            raise InputError(f"{where}: column {name!r} is both the target and ignored; leave out one of the two")
    features = [name for name in columns if name not in targets]
    if not set(features) - set(choices.ignore):
        shown = ",".join(targets)
        raise InputError(f"{where} has no columns besides the target {shown!r}; a network needs at least one feature")
    return features


def check_there(argument: str, names: Sequence[str], columns: Sequence[str], where: Any) -> None:
    """Raise InputError where an argument names another column than there is."""
    known = set(columns)
    for name in names:
        if name not in known:
            meant = did_you_mean(name, columns) or f"; it has {listed(columns)}"
            raise InputError(f"{where}: {argument} is {name!r}, but there is no such column{meant}")
