"""A round: every shard trains from the same parameters, and the averages over the shards are what the next one begins with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...kernels import State
from ...kernels.interrupts import HeldSignals
from ..fit.divergence import finite
from ..model import Model
from .loop import Divergence
from .shards import Shards
from .training import Training, point_of, train_shard


class Averages:
    """See `Stage`. numbers: of the shards that count."""

    name = "round"

    def __init__(self, model: Model, state: State, shards: Shards, numbers: Sequence[int], training: Training) -> None:
        self.model, self.state, self.shards, self.numbers, self.training = model, state, shards, numbers, training
        self.kept: dict[str, Any] = {"steps": training.steps, "seed": training.orders.seed}

    def __call__(self, number: int) -> tuple[float, float, float] | Divergence:
        """See `Stage`."""
        steps, point = self.training.steps, point_of(self.model.theta, self.state)
        sums = self.shards.total(self.numbers, train_shard, point, self.training, number * steps)
        averages = {name: sums[name].astype(self.model.dtype) for name in ("theta", "velocity", "mean_square")}
        if sums["diverged"]:
            shard, step, layer = sums["diverged"][0]
            return Divergence(f", in step {step} of shard {shard}, at layer {layer}", step, layer)
        if not finite(*averages.values()):
            return Divergence("", None, None)
        with HeldSignals():  # whole, or not at all
            self.model.theta[:] = averages["theta"]
            self.state.velocity[:], self.state.mean_square[:] = averages["velocity"], averages["mean_square"]
            self.state.counters[0].step += steps
        loss, batch_loss, penalty = sums["losses"].tolist()
        return loss, batch_loss, penalty
