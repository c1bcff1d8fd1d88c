"""What a shard needs to know of a network: its plan and dtype, as plain values that any process can read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...kernels import Plan, make_plan
from ...kernels.activations import activation_registry
from ...kernels.losses import loss_registry
from ..errors import InputError
from ..labels import Label


@dataclass(frozen=True)
class Blueprint:
    """arguments: those of `make_plan`. dtype: the name of the numbers' type. classes: names of the classes, if any."""

    arguments: dict[str, Any]
    dtype: str
    classes: tuple[Label, ...] | None = None

    def plan(self, n_targets: int | None = None) -> Plan:
        """The plan, for as many columns of targets; one for each output unless given."""
        names = [*self.arguments["activation"], self.arguments["output_activation"]]
        for name in names:
            if name not in activation_registry:
                raise InputError(
                    f"the network has the activation {name!r}, which is not registered in this process; register it"
                )
        if self.arguments["loss"] not in loss_registry:
            loss = self.arguments["loss"]
            raise InputError(f"the network has the loss {loss!r}, which is not registered in this process; register it")
        return make_plan(**self.arguments, n_targets=n_targets)

    @property
    def real(self) -> np.dtype[Any]:
        """The dtype itself."""
        return np.dtype(self.dtype)
