"""The first pass over shards: classes are collected, rows prepared and counted, and what does not fit is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ...kernels import loss_and_grad, make_workspace
from ..errors import InputError
from ..fit.fingerprints import Data, data_of_validation
from ..fit.validation import VALIDATION_ROWS, prepared_validation, validator
from ..labels import Label, classes_in, number_of_classes
from ..model import Model
from .blueprint import Blueprint
from .shards import Shard, Shards, text_labels
from .sums import Sums


class Gathered(NamedTuple):
    """What is known of prepared shards.

    numbers: of the shards that have rows with weights. shares: of all rows, by weight, for each shard. data: for the
    fingerprints of a checkpoint.
    """

    blueprint: Blueprint
    numbers: list[int]
    shares: tuple[float, ...]
    rows: int
    weight: float
    n_targets: int
    data: Data


def gathered(
    model: Model, shards: Shards, classes: tuple[Label, ...] | None, dtype: str, prints: bool, name: str = "shards"
) -> Gathered:
    """Prepare the shards for a network. dtype: of the numbers that are computed with. prints: whether to hash the rows."""
    blueprint = Blueprint(model.plan.arguments, dtype, classes)
    shards.prepare(blueprint)
    facts = shards.facts(prints)
    numbers = [number for number, fact in enumerate(facts) if fact.weight]
    if not any(fact.rows for fact in facts):
        raise InputError(f"{name} has no rows; give at least one")
    weight = sum(fact.weight for fact in facts)
    if not numbers:
        raise InputError(f"{name} has only sample weights of 0; give at least one row a weight")
    columns = {facts[number].n_targets for number in numbers}
    if len(columns) > 1:
        raise InputError(f"{name} has targets of {' and '.join(map(str, sorted(columns)))} columns; give each shard the same")
    shares = tuple(fact.weight / weight for fact in facts)
    data: Data = {f"{name} {number}": fact.print for number, fact in enumerate(facts)} if prints else {}
    return Gathered(blueprint, numbers, shares, sum(fact.rows for fact in facts), weight, columns.pop(), data)


def classes_of(model: Model, shards: Shards) -> tuple[Label, ...] | None:
    """The network's classes, or those of labels that are text, over all shards."""
    if model.classes or not number_of_classes(model.plan):
        return model.classes
    labels = [found for found in shards.each(text_labels) if found is not None]
    if not labels:
        return None
    return classes_in(np.array(sorted(set().union(*labels))), model.plan)


def validator_of(
    model: Model, held: Shards | tuple[Any, ...] | None, classes: tuple[Label, ...] | None, prints: bool
) -> tuple[Callable[[], float] | None, Data]:
    """What takes the validation loss, over arrays here or over shards; and the data, for the fingerprints of a checkpoint."""
    if held is None:
        return None, {}
    if isinstance(held, Shards):
        known = gathered(model, held, classes, model.dtype.name, prints, "validation_data")
        return lambda: mean_loss(model.theta, held, known), known.data
    rows = prepared_validation(model, held, classes)
    return validator(model, rows), data_of_validation(rows)


def mean_loss(theta: np.ndarray, shards: Shards, known: Gathered) -> float:
    """The mean loss over the rows of all shards."""
    return float(shards.total(known.numbers, loss_of_shard, theta, known.blueprint, known.shares)["loss"])


def loss_of_shard(number: int, shard: Shard, theta: np.ndarray, blueprint: Blueprint, shares: tuple[float, ...]) -> Sums:
    """The shard's mean loss, times its share."""
    plan = blueprint.plan(shard.T.shape[1])
    work = make_workspace(plan, min(len(shard.X), VALIDATION_ROWS), theta.dtype)
    return {"loss": shares[number] * loss_and_grad(plan, theta, *shard, np.empty(0, theta.dtype), work)}
