"""The memory of networks that are trained side by side, and how networks get to their lanes and back."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..compiler.jit import leaf
from ..llvm import doubles, minimum, span
from ..records import record_type
from .arithmetic import sizes_of
from .epoch import FEW, FEW_HIDDEN, FEW_TO_TWO, INPUTS, MORE, MORE_HIDDEN, MORE_INPUTS, ONE_LAYER
from .lane_emitter import PREFETCHED, STRIP_BYTES

# So many samples are copied to the slots of so many strips at a time: together they stay in the first-level cache.
CHUNK_SAMPLES, GROUP_STRIPS = PREFETCHED, 4
# By the kind's number: inputs, hidden units, outputs.
SIZES = {
    ONE_LAYER: (MORE_INPUTS, 0, 1),
    FEW: (INPUTS, FEW_HIDDEN, 1),
    FEW_TO_TWO: (INPUTS, FEW_HIDDEN, 2),
    MORE: (INPUTS, MORE_HIDDEN, 1),
}

# How far the last call came: whole epochs, and rows done of the next.
LANE_COUNTERS = record_type(("epochs", np.int64), ("rows", np.int64))


class LaneWork(NamedTuple):
    """Scratch memory of `train_lanes`, made by `make_lane_work`.

    control: its first number, not 0, asks a call to end. Several calls may share one: `work._replace(control=shared)`.
    """

    numbers: np.ndarray  # of the parameters' dtype
    counters: np.recarray[Any, Any]  # (1,) LANE_COUNTERS
    control: np.ndarray  # (1,) int64


class Places(NamedTuple):
    """Where networks and samples lie: numbers of a slot, and of a strip; where the sums of squares begin in a strip.

    samples: where the memory for samples begins; sample: numbers of one; per_lane: row numbers of one network in the order.
    """

    lanes: int
    strips: int
    strip: int
    totals: int
    samples: int
    sample: int
    per_lane: int


def needed_numbers(kind: int, networks: int, itemsize: int) -> int:
    """Of a dtype with this itemsize, for so many networks and their samples."""
    inputs, hidden, outputs = SIZES[kind]
    lanes = STRIP_BYTES // itemsize
    strips = -(-networks // lanes)
    samples = CHUNK_SAMPLES * min(strips, GROUP_STRIPS) * (inputs + outputs)
    return lanes * (strips * (sum(sizes_of(inputs, hidden, outputs)) + 8 // itemsize) + samples)


@leaf
def first_slots(kind):
    """How many slots a row of the first layer's weights, and all its rows, take."""
    if kind == ONE_LAYER:
        return 1, MORE_INPUTS
    hidden = MORE_HIDDEN if kind == MORE else FEW_HIDDEN
    return hidden, INPUTS * hidden


@leaf
def move_layer(theta, there, memory, here, counts, out):
    """`counts` numbers of theta from place `there` on, (count, lanes), to slots from place `here` on; back where `out`."""
    count, lanes = counts
    for k in range(count):
        if out:
            theta[there + k] = memory[here + k * lanes]
        else:
            memory[here + k * lanes] = theta[there + k]


@leaf
def move_network(plan, kind, theta, memory, here, lanes, out):
    """theta to its slots, of which the first has its number at `here`; back where `out`."""
    header = plan.header[0]
    first, last = plan.layers[0], plan.layers[header.n_layers - 1]
    columns, biases = first_slots(kind)
    for k in range(first.n_in):
        move_layer(theta, k * first.n_out, memory, here + k * columns * lanes, (first.n_out, lanes), out)
    if header.biased:
        move_layer(theta, first.theta_biases, memory, here + biases * lanes, (first.n_out, lanes), out)
    if header.n_layers == 2:
        there, weights = here + (biases + columns) * lanes, first.n_out * last.n_out
        move_layer(theta, last.theta_weights, memory, there, (weights, lanes), out)
        if header.biased:
            there += columns * last.n_out * lanes
            move_layer(theta, last.theta_biases, memory, there, (last.n_out, lanes), out)


@leaf
def set_lane_rates(plan, kind, rate, memory, at, lanes):
    """The rates of the step, of which the first has its place at `at`; idle weights keep 0."""
    first, two = plan.layers[0], plan.header[0].n_layers == 2
    inputs, hidden = (INPUTS, first_slots(kind)[0]) if two else (MORE_INPUTS, 0)
    for k in range(first.n_in):
        memory[at + k * lanes] = rate
    for j in range(first.n_out if two else 0):
        memory[at + (inputs + j) * lanes] = rate
    if plan.header[0].biased:
        memory[at + (inputs + hidden) * lanes] = rate


@leaf
def load_networks(plan, kind, thetas, rates, memory, places):
    """All networks to their lanes; lanes that are left over have copies of the last one."""
    two = plan.header[0].n_layers == 2
    n_rates = INPUTS + first_slots(kind)[0] + 1 if two else MORE_INPUTS + 1
    for k in range(places.samples):
        memory[k] = 0.0
    for number in range(places.strips * places.lanes):
        network = minimum(number, thetas.shape[0] - 1)
        here = number // places.lanes * places.strip + number % places.lanes
        theta = span(thetas, network * thetas.shape[1], thetas.shape[1])
        move_network(plan, kind, theta, memory, here, places.lanes, False)
        at = here + places.totals - n_rates * places.lanes
        set_lane_rates(plan, kind, memory.dtype.type(rates[network]), memory, at, places.lanes)


@leaf
def store_networks(plan, kind, thetas, memory, places):
    """thetas OUT: all networks, from their lanes."""
    for network in range(thetas.shape[0]):
        here = network // places.lanes * places.strip + network % places.lanes
        theta = span(thetas, network * thetas.shape[1], thetas.shape[1])
        move_network(plan, kind, theta, memory, here, places.lanes, True)


@leaf
def clear_totals(memory, places):
    for strip in range(places.strips):
        totals = doubles(memory, strip * places.strip + places.totals, places.lanes)
        for lane in range(places.lanes):
            totals[lane] = 0.0


@leaf
def all_finite(memory, places):
    """Whether no sum of squares is infinite or NaN."""
    nothing = 0.0
    for strip in range(places.strips):
        totals = doubles(memory, strip * places.strip + places.totals, places.lanes)
        for lane in range(places.lanes):
            nothing += totals[lane] * 0.0
    return nothing == 0.0


@leaf
def mean_losses(memory, places, parts, done, losses):
    """losses (networks) OUT: of the samples that are done of this epoch."""
    for network in range(losses.size):
        strip = network // places.lanes * places.strip + places.totals
        totals = doubles(memory, strip, places.lanes)
        losses[network] = totals[network % places.lanes] / parts / np.float64(done)
