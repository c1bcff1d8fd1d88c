"""Dropout: in training, units of hidden layers count as 0 at random, each by itself, and what is left counts for more
(Srivastava et al. 2014).

Which ones is a hash of the training's seed, the step, the layer, the row's position in the batch and the unit, so that it
depends neither on the number of threads nor on where an epoch is cut. Activations that are kept stay as they are, since slopes
are taken from them; the factor 1 / (1 - rate) is put into the products that take them in, and onto deltas that come back.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..compiler.jit import leaf
from ..llvm import span

# Rates are kept as parts of this.
WHOLE = 1 << 32

_w = np.uint32
_MASK = np.uint64(0xFFFFFFFF)
_FIRST, _SECOND = np.uint64(0x7FEB352D), np.uint64(0x846CA68B)
_SHIFT, _SHIFT_15 = _w(16), _w(15)
# Neighbouring units are this far apart: 2^32 by the golden ratio.
_STRIDE = np.uint64(0x9E3779B9)


class Dropout(NamedTuple):
    """Whether units are dropped, the key of the step, and the position in the batch of the first row of a block."""

    active: bool
    key: Any  # int64
    position: int


@leaf
def no_dropout():
    """For predictions, validation and derivatives."""
    return Dropout(False, np.int64(0), 0)


@leaf
def times(x, factor):
    """The lower 32 bits of a product."""
    return _w((np.uint64(x) * factor) & _MASK)


@leaf
def mixed(x):
    """A hash of 32 bits: C. Wellons's lowbias32."""
    x = _w(x ^ _w(x >> _SHIFT))
    x = times(x, _FIRST)
    x = _w(x ^ _w(x >> _SHIFT_15))
    x = times(x, _SECOND)
    return _w(x ^ _w(x >> _SHIFT))


@leaf
def key_of(key, number):
    """The key of one thing among those that `key` is for; both uint64, so that this is compiled once."""
    return np.uint64(mixed(_w(_w(key & _MASK) ^ mixed(_w((number + _STRIDE) & _MASK)))))


@leaf
def step_key(seed, step):
    """The key of a step."""
    return np.int64(key_of(key_of(np.uint64(seed), np.uint64(step) >> np.uint64(32)), np.uint64(step) & _MASK))


@leaf
def is_dropped(row_key, unit, threshold):
    """Whether a unit is. threshold: the rate as a part of 2^32."""
    return mixed(_w((np.uint64(row_key) + np.uint64(unit) * _STRIDE) & _MASK)) < threshold


@leaf
def kept_factor(layers, l, dropout, real):
    """What the kept activations of layer l count for: 1 / (1 - rate); 1 for the inputs, below layer 0."""
    if not dropout.active or l < 0:
        return real(1.0)
    return real(np.float64(WHOLE) / np.float64(WHOLE - layers[l].dropped))


@leaf
def drop(memory, layers, l, rows, dropout, factor):
    """Rows of layer l's activations or deltas, ByRows, OUT: dropped units' are 0, the others' times `factor`."""
    layer = layers[l]
    if not dropout.active or layer.dropped == 0:
        return
    threshold, zero = _w(layer.dropped), memory.dtype.type(0.0)
    layer_key = key_of(np.uint64(dropout.key), np.uint64(l + 1))
    for r in range(rows.rows):
        row_key = key_of(layer_key, np.uint64(dropout.position + r))
        units = span(memory, rows.at + r * rows.stride, layer.n_out)
        for j in range(layer.n_out):
            units[j] = zero if is_dropped(row_key, j, threshold) else units[j] * factor
