"""Successive halving: all settings are trained for few epochs, and the better part goes on."""

from __future__ import annotations

from typing import Any

from ...kernels.validation import positive_integer
from ..errors import InputError
from .candidates import Setting


def rungs_of(full: list[Setting], halving: Any, early_stopping: Any) -> list[int | None]:
    """Epochs at the end of each rung; None for the epochs of each setting's own."""
    if halving is None:
        return [None]
    factor = positive_integer("halving", halving)
    if factor < 2:
        raise InputError(f"halving is {halving!r}; it must be at least 2")
    epochs = {setting["epochs"] for setting in full}
    if len(epochs) > 1:
        raise InputError("epochs cannot be a setting together with halving, which decides about them; leave one of them out")
    if early_stopping is not None or any(setting.get("schedule") is not None for setting in full):
        name = "schedule" if early_stopping is None else "early_stopping"
        raise InputError(f"{name} cannot be combined with halving, which trains in several parts; leave one of them out")
    most = positive_integer("epochs", epochs.pop())
    rungs = [most]
    left = len(full)
    while left >= factor and rungs[0] >= factor:
        rungs.insert(0, rungs[0] // factor)
        left //= factor
    return list(rungs)
