"""The batch loop for the tiniest networks: one or two layers, one row a batch, plain SGD on squared differences.

They are trained in registers (`llvm/online.py`), by one thread. As long as all numbers are finite, every bit is the same as
through the general batch loop, signs of zeros apart.
"""

from __future__ import annotations

import numpy as np

from ..activations.codes import IDENTITY, RELU, SIGMOID, TANH
from ..activations.formulas import (
    relu_scalar,
    relu_slope,
    sigmoid_scalar,
    sigmoid_slope,
    tanh_scalar,
    tanh_slope,
)
from ..compiler.jit import leaf
from ..llvm import copy, make_online
from ..losses.codes import MSE, SQUARED_ERROR
from ..plan import ACTIVATION, BIASED, BIASES_AT, LOSS, N_IN, N_LAYERS, N_OUT, WEIGHTS_AT
from ..training.optimizers import ALPHA, CLIP_NORM, DIVERGED, L1, RULE, RUNNING, SGD, STOPPED, WEIGHT_DECAY, step_scalars
from ..workspace import ANY_DROPPED, ANY_FROZEN, BATCH, SCRATCH

# The documents' own size, one with two outputs, and one with more hidden units.
INPUTS, FEW_HIDDEN, MORE_HIDDEN = 2, 2, 8
# One layer, one output: linear and logistic regression.
MORE_INPUTS = 8

_ACTIVATIONS = ((SIGMOID, sigmoid_scalar), (TANH, tanh_scalar), (RELU, relu_scalar))
_SLOPES = ((SIGMOID, sigmoid_slope), (TANH, tanh_slope), (RELU, relu_slope))
_few = make_online(INPUTS, FEW_HIDDEN, 1, _ACTIVATIONS, _SLOPES)
_few_to_two = make_online(INPUTS, FEW_HIDDEN, 2, _ACTIVATIONS, _SLOPES)
_one_layer = make_online(MORE_INPUTS, 0, 1, _ACTIVATIONS, _SLOPES)
_more = make_online(INPUTS, MORE_HIDDEN, 1, _ACTIVATIONS, _SLOPES)


@leaf
def fits_registers(table, layout, codes, scalars, weight):
    """Whether a network and its training are of this kind."""
    layers = table[0, N_LAYERS]
    if layout[0, ANY_FROZEN] or layout[0, ANY_DROPPED] or layout[0, BATCH] != 1:
        return False
    if layers > 2 or codes[RULE] != SGD or weight.size:
        return False
    if scalars[ALPHA] != 0.0 or scalars[L1] != 0.0 or scalars[WEIGHT_DECAY] != 0.0 or scalars[CLIP_NORM] != 0.0:
        return False
    if table[0, LOSS] != MSE and table[0, LOSS] != SQUARED_ERROR:
        return False
    for layer in range(1, layers + 1):
        code = table[layer, ACTIVATION]
        if code != IDENTITY and code != SIGMOID and code != TANH and code != RELU:
            return False
    hidden, outputs = table[1, N_OUT], table[layers, N_OUT]
    if layers == 1:
        return table[1, N_IN] <= MORE_INPUTS and outputs == 1
    return table[1, N_IN] <= INPUTS and ((hidden <= MORE_HIDDEN and outputs == 1) or (hidden <= FEW_HIDDEN and outputs == 2))


@leaf
def move(theta, there, S, here, count, back):
    """`count` numbers of theta from place `there` on to place `here` of S, or back."""
    if back:
        copy(theta, there, S, here, count)
    else:
        copy(S, here, theta, there, count)


@leaf
def place(table, theta, S, w, hidden, back):
    """theta to its places in S for `hidden` units, or back."""
    units, outputs = table[1, N_OUT], table[table[0, N_LAYERS], N_OUT]
    if table[0, N_LAYERS] == 1:
        move(theta, 0, S, w, table[1, N_IN], back)
        move(theta, table[1, BIASES_AT], S, w + MORE_INPUTS, table[0, BIASED], back)
        return
    biases = w + INPUTS * hidden
    for k in range(table[1, N_IN]):
        move(theta, k * units, S, w + k * hidden, units, back)
    move(theta, table[2, WEIGHTS_AT], S, biases + hidden, units * outputs, back)
    if table[0, BIASED]:
        move(theta, table[1, BIASES_AT], S, biases, units, back)
        move(theta, table[2, BIASES_AT], S, biases + hidden + hidden * outputs, outputs, back)


@leaf(read_only="X T order")
def online_batches(table, layout, theta, S, X, T, order, codes, scalars, step, control):
    """All samples of an epoch; theta OUT. Returns as `batches`."""
    real = S.dtype.type
    layers = table[0, N_LAYERS]
    n_in, outputs = table[1, N_IN], table[layers, N_OUT]
    units = table[1, N_OUT] if layers == 2 else 0
    hidden = (FEW_HIDDEN if units <= FEW_HIDDEN else MORE_HIDDEN) if layers == 2 else 0
    inputs = INPUTS if layers == 2 else MORE_INPUTS
    w = layout[0, SCRATCH]
    rates = w + 64
    for k in range(w, rates + inputs + hidden + 1):
        S[k] = 0.0
    place(table, theta, S, w, hidden, False)
    rate = step_scalars(codes, scalars, step + 1, real)[0]
    for k in range(n_in):
        S[rates + k] = rate
    for j in range(units):
        S[rates + inputs + j] = rate
    if table[0, BIASED]:
        S[rates + inputs + hidden] = rate

    n = order.size if order.size else T.size // outputs
    parts = np.float64(outputs if table[0, LOSS] == MSE else 2 * outputs)
    factor = real(2.0 / parts)
    first, second = table[1, ACTIVATION], table[layers, ACTIVATION]
    if layers == 1:
        total, done = _one_layer(S, w, rates, X, n_in, T, order, control, n, first, second, factor)
    elif hidden == MORE_HIDDEN:
        total, done = _more(S, w, rates, X, n_in, T, order, control, n, first, second, factor)
    elif outputs == 1:
        total, done = _few(S, w, rates, X, n_in, T, order, control, n, first, second, factor)
    else:
        total, done = _few_to_two(S, w, rates, X, n_in, T, order, control, n, first, second, factor)
    place(table, theta, S, w, hidden, True)
    if done < 0:
        return total / parts, DIVERGED, -1 - done, step + (-1 - done)
    return total / parts / np.float64(done), RUNNING if done == n else STOPPED, done, step + done
