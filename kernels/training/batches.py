"""The batch loop of an epoch, one thread's part of it: rows gathered, forward, backward, and the step.

The threads meet twice in a step, whatever the depth: after the deltas, and after the step.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ..compiler.jit import leaf
from ..inputs import Inputs, add_inputs_gradient, forward_inputs
from ..llvm import copy, matrix, minimum, span, unowned
from ..matrices import Operand, read_only, weighted_norms
from ..passes import (
    Block,
    Into,
    Targets,
    backward_rows,
    inputs_of,
    loss_and_deltas,
    numbers_of_layers,
    sum_of_losses,
    weights_at,
)
from ..sparse_rows import SparseBatch, SparseRows, unowned_rows
from .barrier import abandoned, is_ours, share, single_thread, wait_for_all
from .clipping import add_squared_lengths, clipped_step, whole_gradient
from .codes import DIVERGED, RUNNING, STOPPED
from .dropout import Dropout, step_key
from .optimizers import penalty_factors, step_sizes
from .step import Step, take_part


class Rows(NamedTuple):
    """What a network is trained on: X (n, n_in), T (n, n_targets), weight (n) or empty, order (m) row numbers or empty.

    sparse: the inputs as SparseRows, where X is None; or None.
    """

    X: np.ndarray | None
    T: np.ndarray
    weight: np.ndarray
    order: np.ndarray
    sparse: SparseRows | None


class Batch(NamedTuple):
    """Rows start to start + rows - 1 of an epoch; scale: one over their sum of sample weights."""

    start: int
    rows: int
    scale: float


@leaf
def rows_of(X, T, weight, order):
    """The arrays of a kernel's call, which count no reference to their owners: these outlive the call."""
    return Rows(unowned(X), unowned(T), unowned(weight), unowned(order), None)


@leaf
def sparse_rows_of(X, T, weight, order):
    """The same for SparseRows X."""
    return Rows(None, unowned(T), unowned(weight), unowned(order), unowned_rows(X))


@leaf(read_only="vector")
def read_only_matrix(vector, start, rows, columns):
    """`matrix`, for arguments that are declared read-only."""
    return matrix(vector, start, rows, columns)


@leaf(read_only="source order")
def gather(memory, at, source, order, width):
    """Those rows of `source` that `order` names, each `width` long, into memory from place `at` on."""
    for r in range(order.size):
        copy(memory, at + r * width, source, order[r] * width, width)


@leaf
def batch_weight(rows, start, stop):
    """Sum of the sample weights of one batch."""
    weight, order = rows.weight, rows.order
    if weight.size == 0:
        return np.float64(stop - start)
    total = np.float64(0.0)
    for i in range(start, stop):
        total += weight[order[i] if order.size else i]
    return total


@leaf
def gather_inputs(net, X, batch, first, block, order):
    """A block's rows of X into its chunk's memory, and what they are there. first: the first row's position in the batch."""
    memory, n_in = net.memory, net.layers[0].n_in
    inputs = block.memory + net.header.inputs + block.first * n_in
    gather(memory, inputs, span(X, 0, X.size), span(order, batch.start + first, block.rows), n_in)
    return Operand(read_only(memory), inputs, n_in, 1)


@leaf
def gather_targets(net, rows, batch, first, block):
    """The targets and weights of a block's rows, likewise."""
    header, memory = net.header, net.memory
    columns, targets = header.n_targets, block.memory + header.targets
    order = span(rows.order, batch.start + first, block.rows)
    gather(memory, targets + block.first * columns, span(rows.T, 0, rows.T.size), order, columns)
    weight = rows.weight
    if weight.size:
        weights = block.memory + header.row_weights
        gather(memory, weights + block.first, weight, order, 1)
        weight = read_only(span(memory, weights, header.chunk_rows))
    T = read_only_matrix(memory, targets, header.chunk_rows, columns)
    return Targets(T, weight, block.first, batch.scale)


@leaf
def inputs_of_block(net, dense, sparse, batch, first, block, order):
    """Of a block's rows, `first` being the first one's position in the batch, as Inputs. dense, sparse: of `Rows`."""
    if dense is not None:
        X = Inputs(inputs_of(net, dense, batch.start + first), None)
        if order.size:
            X = Inputs(gather_inputs(net, dense, batch, first, block, order), None)
    if sparse is not None:
        X = Inputs(None, SparseBatch(sparse, order, batch.start + first))
    return X


@leaf
def deltas_of_block(net, rows, batch, first, block, dropout):
    """Forward and backward for a block's rows, `first` being the first one's position in the batch.

    dropout: of the step.
    """
    here = Dropout(dropout.active, dropout.key, first)
    targets = Targets(rows.T, rows.weight, batch.start + first, batch.scale)
    X = inputs_of_block(net, rows.X, rows.sparse, batch, first, block, rows.order)
    if rows.order.size:
        targets = gather_targets(net, rows, batch, first, block)
    forward_inputs(net, X.dense, X.sparse, block, here)
    loss_and_deltas(net, targets, first, block)
    backward_rows(net, block, here)


@leaf
def chunk_inputs(net, dense, sparse, order, start, memory):
    """The inputs of the rows from `start` on, as Inputs. dense, sparse: of `Rows`.

    memory: where the chunk's memory begins, in which dense rows lie that were gathered.
    """
    if dense is not None:
        n_in = net.layers[0].n_in
        X = Inputs(inputs_of(net, dense, start), None)
        if order.size:
            X = Inputs(Operand(read_only(net.memory), memory + net.header.inputs, n_in, 1), None)
    if sparse is not None:
        X = Inputs(None, SparseBatch(sparse, order, start))
    return X


@leaf
def gradients_of_groups(net, rows, batch, n_groups, team, dropout):
    """Gradients of this thread's groups of chunks, each the sum over its chunks in order."""
    header = net.header
    one, this_thread = net.memory.dtype.type(1.0), single_thread(net)
    n_chunks = (batch.rows + header.chunk_rows - 1) // header.chunk_rows
    memory = team.thread * header.chunk_size
    # Neighbours, not every other one: chunks that do not divide evenly make groups long and short by turns.
    for group in range(n_groups * team.thread // team.threads, n_groups * (team.thread + 1) // team.threads):
        target = header.sums + group * header.packed_size
        first_chunk, end = n_chunks * group // n_groups, n_chunks * (group + 1) // n_groups
        for chunk in range(first_chunk, end):
            first = chunk * header.chunk_rows
            count = minimum(header.chunk_rows, batch.rows - first)
            for row in range(0, count, header.block_rows):
                if abandoned(net):
                    return
                block = Block(memory, row, minimum(header.block_rows, count - row))
                deltas_of_block(net, rows, batch, first + row, block, dropout)
            X = chunk_inputs(net, rows.X, rows.sparse, rows.order, batch.start + first, memory)
            whole, into = Block(memory, 0, count), Into(target, one, chunk > first_chunk)
            add_inputs_gradient(net, X.dense, X.sparse, whole, memory, into, this_thread, dropout)


@leaf
def barriers_of_a_step(hyper):
    """How often the threads meet: twice more where the whole gradient's length must be known before the step."""
    return 2 if hyper.clip_norm == 0.0 else 4


@leaf
def penalties_of_layers(net, hyper, team):
    """The numbers of the layers OUT: the penalty on each layer's weights; this thread's layers'."""
    penalties = numbers_of_layers(net)
    for l in range(penalties.size):
        if is_ours(team, l):
            layer = net.layers[l]
            weights = weights_at(layer, net.header.parameters)
            penalties[l] = weighted_norms(net.memory, weights, layer.n_in, layer.n_out, 0.5 * hyper.alpha, hyper.l1)


@leaf
def sum_of(numbers):
    """Their sum, in order."""
    total = np.float64(0.0)
    for k in range(numbers.size):
        total += numbers[k]
    return total


@leaf
def train_batches(net, rows, state, team, barriers, step, record):
    """This thread's part of all batches of an epoch: the mean loss, the status, how many rows are done, the steps taken ever.

    barriers, step: how many the threads have met at, and taken, before. record: of EPOCH, which says where to begin; OUT.
    """
    header, control = net.header, team.control
    hyper, rule = state.hyperparameters[0], state.counters[0].rule
    n, real = rows.order.size if rows.order.size else rows.T.shape[0], net.memory.dtype.type
    penalised = hyper.alpha != 0.0 or hyper.l1 != 0.0
    total, total_weight = np.float64(0.0), np.float64(0.0)
    total_by_rows, total_penalty = np.float64(0.0), np.float64(0.0)
    begin = record.begin
    if begin:
        total, total_weight, total_by_rows = record.sum_loss, record.sum_weight, record.sum_batch_means
        total_penalty = record.sum_penalty
    status, done, key = RUNNING, n, np.int64(0)
    for start in range(begin, n, header.batch_rows):
        count = minimum(header.batch_rows, n - start)
        weight_here = batch_weight(rows, start, start + count)
        scale = 1.0 / weight_here if weight_here != 0.0 else 0.0
        batch = Batch(start, count, scale)
        if header.any_dropout:
            key = step_key(hyper.seed, step)
        dropout = Dropout(header.any_dropout, key, 0)
        if penalised:
            penalties_of_layers(net, hyper, team)
        n_groups = minimum(header.n_groups, (count + header.chunk_rows - 1) // header.chunk_rows)
        if header.grouped:
            gradients_of_groups(net, rows, batch, n_groups, team, dropout)
        else:
            first, last = share(team, count, header.strip_rows)
            for row in range(first, last, header.block_rows):
                if row > first and abandoned(net):
                    break
                block = Block(0, row, minimum(header.block_rows, last - row))
                deltas_of_block(net, rows, batch, row, block, dropout)
        long = count > header.block_rows
        if long and abandoned(net):  # whoever has left rows out comes here
            control[0].given_up = 1
        wait_for_all(team, barriers + 1)
        if long and control[0].given_up != 0:
            status, done = STOPPED, start
            break
        loss = sum_of_losses(net, count)
        penalty = scale * sum_of(numbers_of_layers(net)) if penalised else 0.0
        if not math.isfinite(loss + penalty):
            return loss, DIVERGED, start, step
        step += 1
        sizes = step_sizes(rule, hyper, step, real)
        penalties = penalty_factors(hyper, scale, real)
        X = chunk_inputs(net, rows.X, rows.sparse, rows.order, start, 0)
        here = Step(X, Block(0, 0, count), n_groups, rule, sizes, penalties)
        if hyper.clip_norm == 0.0:
            take_part(net, here, team, dropout)
        else:
            whole_gradient(net, here, team, dropout)
            wait_for_all(team, barriers + 2)
            add_squared_lengths(net, here.penalties, team)
            wait_for_all(team, barriers + 3)
            clipped_step(net, here, hyper.clip_norm, team)
        total += loss
        total_weight += weight_here
        total_by_rows += loss * scale * count
        total_penalty += penalty * count
        if team.thread == 0:
            control[0].decision = control[0].stop
        barriers += barriers_of_a_step(hyper)
        wait_for_all(team, barriers)
        if control[0].decision != 0:
            status, done = STOPPED, start + count
            break
    mean = total / total_weight if total_weight != 0.0 else 0.0
    if team.thread == 0 and done:
        record.loss, record.batch_mean, record.penalty = mean, total_by_rows / done, total_penalty / done
        record.sum_loss, record.sum_weight, record.sum_batch_means = total, total_weight, total_by_rows
        record.sum_penalty = total_penalty
    return mean, status, done, step
