"""Kernels are compiled once a machine: one worker compiles, and the others load what it has written to the disk cache."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import Iterable
from functools import partial

import numpy as np
from distributed import Client, Worker, WorkerPlugin

from ...kernels.compiler.cache import cache_folder
from ...kernels.compiler.jit import JIT_DISABLED
from ...kernels.compiler.stock_cache import one_process_at_a_time
from ...kernels.validation import real_dtype
from ..compilation import DTYPES, pieces_of
from ..errors import InputError
from ..model import Model
from .answers import answered

# What a training and its predictions call, besides activations and losses.
OF_TRAINING = ("apply_gradient", "epoch_in_memory", "epoch_in_registers", "loss_and_grad", "predict")
# Pieces that this process has.
_done: set[tuple[str, str]] = set()


class WarmKernels(WorkerPlugin):
    """A worker plugin that compiles all kernels when a worker starts, as `tileprop warm` does.

    The first worker of a machine compiles them and writes them to the disk cache; the others wait, and load them.

    Parameters
    ----------
    dtypes : sequence of str, default=("float32", "float64")
        Floating-point types to compile for.

    pieces : iterable of str, default=None
        Names of the kernels, activations and losses to compile. Unless given, all.

    Raises
    ------
    InputError
        For another dtype.

    Notes
    -----
    Compiling everything takes a minute or two for each dtype, and loading it one or two seconds. Workers of one machine share
    the disk cache if they run as the same user, or have the same `TILEPROP_CACHE`. The functions of `tileprop.trainer.dask`
    compile the few kernels that they need in the same way. So this plugin is not required; it saves time where workers are
    started long before they are used.

    Examples
    --------
    >>> from dask.distributed import Client
    >>> from tileprop.trainer.dask import WarmKernels
    >>> with Client(processes=False, n_workers=1, dashboard_address=":0") as client:
    ...     _ = client.register_plugin(WarmKernels(["float32"], pieces=["tanh", "predict"]))
    """

    def __init__(self, dtypes: Iterable[str] = DTYPES, pieces: Iterable[str] | None = None) -> None:
        self.dtypes = tuple(real_dtype(dtype).name for dtype in ([dtypes] if isinstance(dtypes, str) else dtypes))
        self.pieces = None if pieces is None else frozenset(pieces)
        if self.pieces is not None:
            known = {name for name, _ in pieces_of(np.dtype(DTYPES[0]))}
            unknown = sorted(self.pieces - known)
            if unknown:
                raise InputError(f"pieces has {unknown[0]!r}; the pieces are {', '.join(sorted(known))}")
        of_pieces = repr((self.dtypes, self.pieces and sorted(self.pieces)))
        self.name = f"tileprop-warm-{hashlib.sha256(of_pieces.encode()).hexdigest()[:16]}"

    async def setup(self, worker: Worker) -> None:
        """Compile or load, in a thread, so that the worker answers its scheduler meanwhile.

        Parameters
        ----------
        worker : Worker
            The worker that has started.
        """
        await asyncio.to_thread(compile_pieces, self.dtypes, self.pieces)


def compile_pieces(dtypes: Iterable[str], pieces: frozenset[str] | None) -> None:
    """Compile or load, one process of a machine at a time. What this process has is passed over."""
    if JIT_DISABLED:
        return
    wanted = [
        (dtype, name, build)
        for dtype in dtypes
        for name, build in pieces_of(np.dtype(dtype))
        if (dtype, name) not in _done and (pieces is None or name in pieces)
    ]
    if not wanted:
        return
    folder = cache_folder()
    with contextlib.nullcontext() if folder is None else one_process_at_a_time(folder / "warm.lock"):
        for dtype, name, build in wanted:
            build()
            _done.add((dtype, name))


def warm_for(client: Client, models: Iterable[Model]) -> None:
    """Compile what the training of these networks needs, on all workers of now and later, before this returns."""
    by_dtype: dict[str, set[str]] = {}
    for model in models:
        by_dtype.setdefault(model.dtype.name, set(OF_TRAINING)).update((*model.plan.activations, model.plan.loss))
    for dtype, pieces in by_dtype.items():
        with contextlib.suppress(OSError):  # of a worker that ends at this moment; the one in its place has the plugin, too
            answered(client, partial(client.register_plugin, WarmKernels([dtype], pieces)))
