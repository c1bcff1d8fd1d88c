"""What a training by stages begins with: a new seed and state, or those of its checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ...kernels import State
from ..errors import InputError
from ..fit.beginning import begun_state
from ..fit.fingerprints import Data
from ..fit.options import FitOptions
from ..fit.resuming import Resumed, resumed_for
from ..model import Model

# A seed is drawn from the network's generator: the orders of all shards' rows follow from it.
SEEDS = 1 << 63


class Begun(NamedTuple):
    """The seed, the optimizer's state, and the checkpoint that training goes on from, if any."""

    seed: int
    state: State
    resumed: Resumed | None


def begin_or_resume(
    model: Model, options: FitOptions, data: Data, same: dict[str, Any] | None, words: Mapping[str, str]
) -> Begun:
    """Begin anew, or go on from the checkpoint of the options.

    same: what must be as it was when training goes on, by the names of arguments; None to begin anew. words: what the caller
    calls some options.
    """
    if same is None:
        return Begun(int(model.generator.integers(SEEDS)), begun_state(model, options), None)
    resumed = resumed_for(model, options, data, words)
    kept = resumed.kept("part.stage")
    for name, value in same.items():
        if kept.get(name) != value:
            raise InputError(f"{name} is {value}; the training in {resumed.path} has {kept.get(name)}. Give the same")
    return Begun(kept["seed"], resumed.state(), resumed)
