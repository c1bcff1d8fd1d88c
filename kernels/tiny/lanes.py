"""Many of the tiniest networks, all of one shape, trained side by side: one network a lane of a vector.

Trained alone, such a network is bound by the latency of the chain from one sample to the next; here the same instructions train
8 networks (float64) or 16 (float32) at a time. `lane_emitter.py` has the step.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from ..checks import check_lanes
from ..compiler.jit import kernel, leaf
from ..layout import aligned_zeros
from ..llvm import atomic_read, flush_subnormals, maximum, minimum, restore_mode, span
from ..losses.codes import MSE
from ..plan import Plan
from ..records import make_records
from ..training.codes import DIVERGED, RUNNING, STOPPED
from ..validation import positive_integer, real_dtype
from .arithmetic import sizes_of
from .emitter import Samples
from .epoch import FEW, FEW_TO_TWO, MORE, NOT_TINY, ONE_LAYER, SLOPES, VALUES, kind_of, tiny_kind
from .lane_emitter import STRIP_BYTES, make_lane_samples, make_lane_step
from .lane_memory import (
    CHUNK_SAMPLES,
    GROUP_STRIPS,
    LANE_COUNTERS,
    SIZES,
    LaneWork,
    Places,
    all_finite,
    clear_totals,
    load_networks,
    mean_losses,
    needed_numbers,
    store_networks,
)

# Fewer samples where there are so many strips that these would take longer than a fraction of a millisecond.
CHUNK_STEPS = 1 << 12


class Chunk(NamedTuple):
    """Samples `begin` to begin + steps - 1 of an order; codes: of the activations, factor: see `make_trainer`."""

    begin: int
    steps: int
    codes: tuple[int, int]
    factor: Any


def is_for_lanes(plan: Plan) -> bool:
    """Whether `train_lanes` takes networks of this plan."""
    return tiny_kind(plan) != NOT_TINY


def lanes_of(dtype: DTypeLike) -> int:
    """How many networks are trained by the same instructions; a number that is no multiple of it leaves some lanes idle."""
    return STRIP_BYTES // real_dtype(dtype).itemsize


def make_lane_work(plan: Plan, networks: int, dtype: DTypeLike = "float64") -> LaneWork:
    """Scratch memory for calls of `train_lanes` with up to so many networks. Raises ValueError where the plan does not fit."""
    real, networks = real_dtype(dtype), positive_integer("networks", networks)
    if not is_for_lanes(plan):
        raise ValueError(f"plan is a {'-'.join(map(str, plan.sizes))} network; train_lanes takes those that fit into registers")
    numbers = aligned_zeros(needed_numbers(tiny_kind(plan), networks, real.itemsize), real)
    return LaneWork(numbers, make_records(1, LANE_COUNTERS), np.zeros(1, np.int64))


def _make_lanes(kind: int) -> tuple[Any, Any]:
    """For networks of this kind: places_of(memory, networks, per_lane), and train(memory, places, samples, chunk)."""
    inputs, hidden, outputs = SIZES[kind]
    n_slots = sum(sizes_of(inputs, hidden, outputs))
    step, copy_samples = make_lane_step(inputs, hidden, outputs, VALUES, SLOPES), make_lane_samples(inputs, outputs)

    @leaf
    def places_of(memory, networks, per_lane):
        lanes = STRIP_BYTES // memory.itemsize
        strips = (networks + lanes - 1) // lanes
        strip = lanes * (n_slots + 8 // memory.itemsize)
        return Places(lanes, strips, strip, lanes * n_slots, strips * strip, lanes * (inputs + outputs), per_lane)

    @leaf
    def train(memory, places, samples, chunk):
        networks = samples.order.size // places.per_lane if places.per_lane else 1
        for first in range(0, places.strips, GROUP_STRIPS):
            strips = minimum(GROUP_STRIPS, places.strips - first)
            # Without an order all strips have the same samples.
            copies = strips if places.per_lane else 1
            if places.per_lane or first == 0:
                for number in range(copies * places.lanes):
                    strip, lane = number // places.lanes, number % places.lanes
                    network = minimum(first * places.lanes + number, networks - 1)
                    begin = network * places.per_lane + chunk.begin
                    at = places.samples + strip * places.sample + lane
                    copy_samples(memory, at, copies * places.sample, samples, begin, chunk.steps)
            for c in range(chunk.steps):
                for strip in range(strips):
                    sample = places.samples + (c * copies + (strip if places.per_lane else 0)) * places.sample
                    step(memory, (first + strip) * places.strip, sample, chunk.codes, chunk.factor)

    return places_of, train


_one_layer_places, _train_one_layer = _make_lanes(ONE_LAYER)
_few_places, _train_few = _make_lanes(FEW)
_few_to_two_places, _train_few_to_two = _make_lanes(FEW_TO_TWO)
_more_places, _train_more = _make_lanes(MORE)


@leaf
def places_of_kind(kind, memory, networks, per_lane):
    if kind == ONE_LAYER:
        return _one_layer_places(memory, networks, per_lane)
    if kind == FEW:
        return _few_places(memory, networks, per_lane)
    if kind == FEW_TO_TWO:
        return _few_to_two_places(memory, networks, per_lane)
    return _more_places(memory, networks, per_lane)


@leaf
def train_chunk(kind, memory, places, samples, chunk):
    if kind == ONE_LAYER:
        _train_one_layer(memory, places, samples, chunk)
    elif kind == FEW:
        _train_few(memory, places, samples, chunk)
    elif kind == FEW_TO_TWO:
        _train_few_to_two(memory, places, samples, chunk)
    else:
        _train_more(memory, places, samples, chunk)


@leaf
def train_epochs(plan, kind, samples, places, lane_work, losses):
    """The epochs, for networks in their lanes; the status, whole epochs, and rows of the next."""
    memory, header = lane_work.numbers, plan.header[0]
    first, last = plan.layers[0], plan.layers[header.n_layers - 1]
    epochs, networks, outputs = losses.shape[0], losses.shape[1], last.n_out
    m = places.per_lane // epochs if places.per_lane else samples.T.size // outputs
    parts = np.float64(outputs if header.loss == MSE else 2 * outputs)
    factor, codes = memory.dtype.type(2.0 / parts), (first.activation, last.activation)
    most = maximum(1, minimum(CHUNK_SAMPLES, CHUNK_STEPS // places.strips))
    for epoch in range(epochs):
        clear_totals(memory, places)
        done, stopped = 0, False
        while done < m and not stopped:
            count = minimum(most, m - done)
            begin = done + epoch * m if places.per_lane else done
            train_chunk(kind, memory, places, samples, Chunk(begin, count, codes, factor))
            done += count
            if not all_finite(memory, places):
                return DIVERGED, 0, 0
            stopped = atomic_read(lane_work.control, 0) != 0
        mean_losses(memory, places, parts, done, span(losses, epoch * networks, networks))
        if done < m:
            return STOPPED, epoch, done
        if stopped and epoch + 1 < epochs:
            return STOPPED, epoch + 1, 0
    return RUNNING, epochs, 0


@kernel(read_only="rates X T orders", written="thetas losses")
def train_lanes(plan, thetas, rates, X, T, orders, lane_work, losses):
    """Train networks of one plan side by side, each on one row at a time, by plain SGD.

    Every bit of the parameters and of the losses is that of calls of `train_epoch` for each network, with one row a batch.

    Parameters
    ----------
    plan : Plan
        Network, one that `is_for_lanes`.
    thetas : ndarray of shape (networks, n_parameters)
        OUT: the parameters of each network, changed in place.
    rates : ndarray of float64, of shape (networks,)
        Learning rate of each network.
    X : ndarray of shape (n, n_in)
        Inputs, the same for all networks.
    T : ndarray of shape (n, n_targets)
        Targets.
    orders : ndarray of int64, of shape (networks, epochs * m) or (networks, 0)
        Row numbers of each network in the order of its training, one epoch after the other; empty for rows in the order of X.
    lane_work : LaneWork
        Scratch memory. OUT: `counters[0].epochs` is the number of whole epochs, `counters[0].rows` of rows done of the next.
    losses : ndarray of float64, of shape (epochs, networks)
        OUT: mean losses of each epoch; of one that was stopped those of the rows done. Later ones are left as they were.

    Returns
    -------
    int
        0 after all epochs, 1 after a stop, 2 where the loss of a network was not finite. After 2 no parameter has changed, and
        losses and counters are of no use: train these networks one by one.

    Raises
    ------
    ValueError
        If shapes do not fit, or `orders` names a row that does not exist. Nothing is written then.

    Notes
    -----
    A value other than 0 in ``lane_work.control[0]`` ends the call after a whole step of all networks, a few steps later.
    If a parameter is not finite after the call, its network's bits may differ from those of `train_epoch`. Subnormal numbers
    count as zero.
    """
    check_lanes(plan, thetas, rates, X, T, orders, losses)
    header, first, last = plan.header[0], plan.layers[0], plan.layers[plan.header[0].n_layers - 1]
    sizes, codes = (first.n_in, first.n_out, last.n_out), (first.activation, last.activation)
    kind = kind_of(header.n_layers, header.loss, sizes, codes)
    if kind == NOT_TINY:
        raise ValueError("the plan's network does not fit into registers; use train_epoch")
    memory, counters = lane_work.numbers, lane_work.counters[0]
    places = places_of_kind(kind, memory, thetas.shape[0], orders.shape[1])
    needed = places.samples + CHUNK_SAMPLES * minimum(places.strips, GROUP_STRIPS) * places.sample
    if memory.size < needed or lane_work.control.size == 0:
        raise ValueError("lane_work was made for fewer networks (numbers: given, needed)", memory.size, needed)
    mode = flush_subnormals()
    load_networks(plan, kind, thetas, rates, memory, places)
    samples = Samples(span(X, 0, X.size), X.shape[1], span(T, 0, T.size), span(orders, 0, orders.size))
    status, counters.epochs, counters.rows = train_epochs(plan, kind, samples, places, lane_work, losses)
    if status != DIVERGED:
        store_networks(plan, kind, thetas, memory, places)
    restore_mode(mode)
    return status
