"""The kernels that tests all over the suite call, compiled once: each worker takes those that no other has begun with."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from tileprop.kernels import make_plan, make_workspace
from tileprop.kernels.activations import activation_registry
from tileprop.kernels.losses import loss_registry
from tileprop.trainer.commands.warm import pieces_of


def compile_once(claims: Path) -> None:
    """claims: a folder that all workers of this run share.

    Each worker begins with one dtype and goes on with the other: what a dtype's kernels have in common is then typed once.
    """
    claims.mkdir(exist_ok=True)
    number = int(os.environ["PYTEST_XDIST_WORKER"].removeprefix("gw"))
    dtypes = [np.dtype("float32"), np.dtype("float64")]
    for dtype in dtypes[number % 2 :] + dtypes[: number % 2]:
        for name, build in _pieces(dtype):
            try:
                os.close(os.open(claims / f"{name} {dtype}", os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                continue
            build()


def _pieces(dtype: np.dtype[Any]) -> Iterator[tuple[str, Callable[[], Any]]]:
    """As `tileprop warm` compiles them, but for what few tests call: activations and losses for arrays, and what `full` has."""
    yield "for workspaces", lambda: _make_workspaces(dtype)
    for name, build in pieces_of(dtype):
        only_full = name == "train_sparse_epoch" and dtype == np.float32
        if not only_full and name not in activation_registry and name not in loss_registry:
            yield name, build


def _make_workspaces(dtype: np.dtype[Any]) -> None:
    """With every activation, and with every loss."""
    for name in activation_registry:
        make_workspace(make_plan([1, 1, 2], name, "identity"), 1, dtype, curvature=True)
    for loss in loss_registry.entries():
        plan = make_plan([1, 2], output_activation=loss.needs or "identity", loss=loss.name)
        make_workspace(plan, 1, dtype, curvature=True)
