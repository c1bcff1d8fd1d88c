"""An epoch of the tiniest networks: one or two layers, one row a batch, plain SGD on squared differences.

They are trained in registers (`emitter.py`), by one thread. As long as all numbers are finite, every bit is the same as
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
from ..llvm import copy, maximum, span
from ..losses.codes import MSE, SQUARED_ERROR
from ..plan import Plan
from ..state import State
from ..training.barrier import control_at
from ..training.codes import DIVERGED, RUNNING, SGD, STOPPED
from ..training.optimizers import step_sizes
from ..workspace import Workspace
from .emitter import RATES_AT, Part, Samples, make_trainer

# The documents' own size, one with two outputs, and one with more hidden units.
INPUTS, FEW_HIDDEN, MORE_HIDDEN = 2, 2, 8
# One layer, one output: linear and logistic regression.
MORE_INPUTS = 8
NOT_TINY, ONE_LAYER, FEW, FEW_TO_TWO, MORE = -1, 0, 1, 2, 3

VALUES = ((SIGMOID, sigmoid_scalar), (TANH, tanh_scalar), (RELU, relu_scalar))
SLOPES = ((SIGMOID, sigmoid_slope), (TANH, tanh_slope), (RELU, relu_slope))
_few = make_trainer(INPUTS, FEW_HIDDEN, 1, VALUES, SLOPES)
_few_to_two = make_trainer(INPUTS, FEW_HIDDEN, 2, VALUES, SLOPES)
_one_layer = make_trainer(MORE_INPUTS, 0, 1, VALUES, SLOPES)
_more = make_trainer(INPUTS, MORE_HIDDEN, 1, VALUES, SLOPES)


@leaf
def kind_of(n_layers, loss, sizes, codes):
    """Which of the sizes above a network fits into, by its number, or `NOT_TINY`.

    sizes: its inputs, the first layer's units, and its outputs; codes: of the first activation and of the last.
    """
    n_in, hidden, outputs = sizes
    if n_layers > 2 or (loss != MSE and loss != SQUARED_ERROR):
        return NOT_TINY
    for code in codes:
        if code != IDENTITY and code != SIGMOID and code != TANH and code != RELU:
            return NOT_TINY
    if n_layers == 1:
        return ONE_LAYER if n_in <= MORE_INPUTS and outputs == 1 else NOT_TINY
    if n_in > INPUTS or hidden > (MORE_HIDDEN if outputs == 1 else FEW_HIDDEN) or outputs > 2:
        return NOT_TINY
    if outputs == 2:
        return FEW_TO_TWO
    return FEW if hidden <= FEW_HIDDEN else MORE


def tiny_kind(network: Plan | Workspace) -> int:
    """`kind_of`, for Python: nothing is compiled to ask."""
    header, first, last = network.header[0], network.layers[0], network.layers[-1]
    sizes, codes = (first.n_in, first.n_out, last.n_out), (first.activation, last.activation)
    return int(getattr(kind_of, "py_func", kind_of)(header.n_layers, header.loss, sizes, codes))


@leaf
def steps_plainly(header, state, n_weights):
    """Whether training is by plain SGD, one row a batch; n_weights: how many sample weights there are."""
    hyper = state.hyperparameters[0]
    if header.any_frozen or header.any_dropout or header.batch_rows != 1 or state.counters[0].rule != SGD or n_weights:
        return False
    return hyper.alpha == 0.0 and hyper.l1 == 0.0 and hyper.weight_decay == 0.0 and hyper.clip_norm == 0.0


@leaf
def fits_registers(header, layers, state, n_weights):
    """Whether a network and its training are of this kind; n_weights: how many sample weights there are."""
    first, last = layers[0], layers[header.n_layers - 1]
    sizes, codes = (first.n_in, first.n_out, last.n_out), (first.activation, last.activation)
    return steps_plainly(header, state, n_weights) and kind_of(header.n_layers, header.loss, sizes, codes) != NOT_TINY


def is_tiny_training(state: State, weight: np.ndarray, work: Workspace) -> bool:
    """`fits_registers`, for Python: nothing is compiled to ask."""
    plainly = getattr(steps_plainly, "py_func", steps_plainly)
    return bool(plainly(work.header[0], state, weight.size)) and tiny_kind(work) != NOT_TINY


@leaf
def move(theta, there, memory, here, count, out):
    """`count` numbers of theta from place `there` on to place `here` of memory; back where `out`."""
    if out:
        copy(theta, there, memory, here, count)
    else:
        copy(memory, here, theta, there, count)


@leaf
def move_parameters(net, theta, hidden, out):
    """theta to its places in memory for `hidden` units; back where `out`."""
    header, memory, w = net.header, net.memory, net.header.scratch
    first, last = net.layers[0], net.layers[header.n_layers - 1]
    if header.n_layers == 1:
        move(theta, 0, memory, w, first.n_in, out)
        move(theta, first.theta_biases, memory, w + MORE_INPUTS, 1 if header.biased else 0, out)
        return
    biases, units = w + INPUTS * hidden, first.n_out
    for k in range(first.n_in):
        move(theta, k * units, memory, w + k * hidden, units, out)
    move(theta, last.theta_weights, memory, biases + hidden, units * last.n_out, out)
    if header.biased:
        move(theta, first.theta_biases, memory, biases, units, out)
        move(theta, last.theta_biases, memory, biases + hidden + hidden * last.n_out, last.n_out, out)


@leaf
def set_rates(net, hidden, rate):
    """The rates of the step: 0 where a weight is idle."""
    memory, rates, n_layers = net.memory, net.header.scratch + RATES_AT, net.header.n_layers
    inputs = INPUTS if n_layers == 2 else MORE_INPUTS
    for k in range(net.layers[0].n_in):
        memory[rates + k] = rate
    for j in range(net.layers[0].n_out if n_layers == 2 else 0):
        memory[rates + inputs + j] = rate
    if net.header.biased:
        memory[rates + inputs + hidden] = rate


@leaf
def train_in_registers(net, theta, rows, state, record):
    """All samples of an epoch; theta OUT: the mean loss, the status, how many rows are done, the steps taken ever.

    record: of EPOCH, which says where to begin; OUT.
    """
    header, memory, order, step = net.header, net.memory, rows.order, state.counters[0].step
    first, last = net.layers[0], net.layers[header.n_layers - 1]
    outputs, samples = last.n_out, Samples(span(rows.X, 0, rows.X.size), first.n_in, span(rows.T, 0, rows.T.size), order)
    hidden = (FEW_HIDDEN if first.n_out <= FEW_HIDDEN else MORE_HIDDEN) if header.n_layers == 2 else 0
    w, control = header.scratch, control_at(memory, header.control)
    for k in range(w, w + RATES_AT + maximum(MORE_INPUTS, INPUTS + MORE_HIDDEN) + 1):
        memory[k] = 0.0
    move_parameters(net, theta, hidden, False)
    set_rates(net, hidden, step_sizes(SGD, state.hyperparameters[0], step + 1, memory.dtype.type).size)

    n = order.size if order.size else rows.T.size // outputs
    parts = np.float64(outputs if header.loss == MSE else 2 * outputs)
    factor, codes = memory.dtype.type(2.0 / parts), (first.activation, last.activation)
    begin = record.begin
    part = Part(begin, n, record.sum_loss if begin else 0.0)
    if header.n_layers == 1:
        total, done, finite = _one_layer(memory, w, samples, control, part, codes, factor)
    elif hidden == MORE_HIDDEN:
        total, done, finite = _more(memory, w, samples, control, part, codes, factor)
    elif outputs == 1:
        total, done, finite = _few(memory, w, samples, control, part, codes, factor)
    else:
        total, done, finite = _few_to_two(memory, w, samples, control, part, codes, factor)
    move_parameters(net, theta, hidden, True)
    step += done - begin
    if not finite:
        record.loss = record.batch_mean = total / parts
        record.penalty = 0.0
        return total / parts, DIVERGED, done, step
    mean = total / parts / np.float64(done)
    record.loss, record.batch_mean, record.penalty, record.sum_loss = mean, mean, 0.0, total
    return mean, RUNNING if done == n else STOPPED, done, step
