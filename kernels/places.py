"""Where everything lies in a workspace: the records that say so, and how they are filled in."""

from __future__ import annotations

from typing import Any

import numpy as np

from .activations import activation_registry
from .compiler.jit import STOCK
from .compiler.processor import SIMD
from .layout import CACHE_LINE, STACKED_ROWS, Places, cut_batches, set_panels
from .llvm.row_kernels import address_of
from .losses import loss_registry
from .plan import PLAN_HEADER, PLAN_LAYER, Plan
from .records import copy_fields, make_records, record_type
from .training.barrier import CONTROL

# What has no comment is a place in `numbers`, where that begins.
HEADER = record_type(
    ("size", np.int64),  # of `numbers`
    ("n_threads", np.int64),  # the most that may work together
    ("thread", np.int64),  # this thread's number, of
    ("threads", np.int64),  # those that work on one call together
    ("batch_rows", np.int64),
    ("chunk_rows", np.int64),  # rows whose activations and deltas have room at once
    ("block_rows", np.int64),  # rows that go through the layers together
    ("strip_rows", np.int64),  # rows in one call of an activation or a loss
    ("stack_rows", np.int64),  # rows of deltas that have room: more than a chunk's where those of several outputs are stacked
    ("grouped", np.bool_),  # whether chunks are added up in groups
    ("n_groups", np.int64),
    ("chunk_size", np.int64),  # numbers of a chunk's memory: the next thread's begins so much later
    ("packed_size", np.int64),  # numbers of the parameters in panels
    ("parameters", np.int64),
    ("velocity", np.int64),
    ("mean_square", np.int64),
    ("sums", np.int64),  # of gradients: one for each group, packed_size apart
    ("zeros", np.int64),
    ("scratch", np.int64),
    ("loss_parameters", np.int64),
    ("losses", np.int64),  # float64, of each strip of a batch; last, a number of each layer
    ("n_losses", np.int64),
    ("control", np.int64),  # a record of CONTROL
    ("outputs", np.int64),
    ("inputs", np.int64),
    ("targets", np.int64),
    ("row_weights", np.int64),
    ("input_deltas", np.int64),
    ("input_stride", np.int64),  # from one row of input_deltas to the next
    ("tangents", np.int64),  # a second copy of `numbers`, which holds directional derivatives of what lies in the first
    ("sparse", np.bool_),  # whether there is no room for inputs that are gathered
    ("any_frozen", np.bool_),
    ("any_dropout", np.bool_),
    ("has_derivatives", np.bool_),  # whether there is room for derivatives to inputs and targets, and of single rows
    ("has_tangents", np.bool_),  # whether there is room for second derivatives
    ("loss_kernel", np.int64),  # address of machine code, see `llvm/row_kernels.py`
    ("loss_gives_delta", np.bool_),  # whether it gives dL/dz of the outputs at once
    ("loss_tangent_kernel", np.int64),  # address
    ("loss_has_tangent", np.bool_),
    ("loss_target_kernel", np.int64),  # address
    ("loss_has_targets", np.bool_),
    extends=PLAN_HEADER,
)
# What has no comment is a place: weights and biases count from the begin of a vector in panels, the others but `transposed`
# from that of a chunk's memory.
LAYER = record_type(
    ("panel_rows", np.int64),  # rows of the weights' panels: n_in, or more
    ("width", np.int64),  # columns of the panels: n_out, padded
    ("stride", np.int64),  # from one row of activations, or of deltas, to the next
    ("weights", np.int64),
    ("biases", np.int64),
    ("transposed", np.int64),
    ("activations", np.int64),
    ("preactivations", np.int64),  # the same place, where the derivative is taken from the output
    ("deltas", np.int64),
    ("slopes", np.int64),  # of a block of rows, where derivatives of several outputs are stacked
    ("by_dots", np.bool_),  # whether deltas go back by dot products with the weights' rows, without transposed weights
    ("is_identity", np.bool_),
    ("frozen", np.bool_),
    ("dropped", np.int64),  # the dropout rate as a part of 2^32
    ("activation_kernel", np.int64),  # address
    ("tangent_kernel", np.int64),  # address
    ("has_tangent", np.bool_),
    # Addresses are of another calling convention in the stock way: a caller that was cached by it must not fit this type.
    *((("stock", np.bool_),) if STOCK else ()),
    extends=PLAN_LAYER,
)

# Step rules with a state take the gradient of so many weight rows of a panel at a time.
SCRATCH_ROWS = 64
# Few rows go back through dot products with the weights' rows: to keep a transpose up to date would cost more.
MOST_DOT_ROWS = 3


def layout_of(plan: Plan, batch: int, real: np.dtype[Any], threads: int, room: tuple[bool, bool, bool]) -> tuple[Any, Any]:
    """Sizes and places: the header and the layers' records. room: for derivatives, for curvature, for sparse rows alone."""
    header, layers = make_records(1, HEADER), make_records(plan.n_layers, LAYER)
    copy_fields(plan.header[:1], header)
    copy_fields(plan.layers, layers)
    top = header[0]
    top.n_threads, top.thread, top.threads, top.batch_rows = threads, 0, 1, batch
    top.has_derivatives, top.has_tangents, top.sparse = room
    _find_kernels(top, layers, real)
    places = Places(CACHE_LINE // real.itemsize)
    _place_parameters(top, layers, places, real)
    kept = sum(int(layer.stride) for layer in layers if activation_registry.with_code(int(layer.activation)).from_input)
    row_numbers = (0 if top.sparse else plan.sizes[0]) + plan.n_targets + 1 + 2 * int(layers.stride.sum()) + kept
    cut_batches(top, row_numbers, int(layers.stride.max()))
    _place_sums(top, layers, places, real)
    top.loss_parameters = places.take(len(plan.loss_parameters))
    top.n_losses = -(-batch // int(top.strip_rows)) + plan.n_layers
    top.losses = places.take(top.n_losses * 8 // real.itemsize)
    top.control = places.take(CONTROL.itemsize // real.itemsize)
    top.outputs = places.take(batch * plan.sizes[-1])
    _place_chunk(top, layers, places)
    top.tangents = places.end if top.has_tangents else 0
    header["size"] = 2 * places.end if top.has_tangents else places.end
    return header, layers


def _find_kernels(top: Any, layers: Any, real: np.dtype[Any]) -> None:
    """Addresses of the row kernels of the loss and of the activations."""
    loss = loss_registry.with_code(int(top.loss))
    top.loss_kernel, top.loss_gives_delta = address_of(loss.row_kernel, real, "loss"), loss.gives_delta
    if top.has_tangents and loss.tangent_kernel is not None:
        top.loss_tangent_kernel, top.loss_has_tangent = address_of(loss.tangent_kernel, real, "loss"), True
    if top.has_derivatives and loss.target_kernel is not None:
        top.loss_target_kernel, top.loss_has_targets = address_of(loss.target_kernel, real, "loss"), True
    for layer in layers:
        entry = activation_registry.with_code(int(layer.activation))
        layer.is_identity = entry.row_kernel is None
        layer.activation_kernel = address_of(entry.row_kernel, real, "activation")
        if top.has_tangents and entry.tangent_kernel is not None:
            layer.tangent_kernel, layer.has_tangent = address_of(entry.tangent_kernel, real, "activation"), True


def _place_parameters(top: Any, layers: Any, places: Places, real: np.dtype[Any]) -> None:
    """Parameters in panels, the optimizer's vectors, the transposed weights."""
    top.parameters = 0
    for number, layer in enumerate(layers):
        set_panels(layer, real, number > 0 or bool(top.has_derivatives))
        layer.weights = places.take(layer.panel_rows * layer.width)
        layer.biases = places.take(layer.width)
    top.packed_size = places.end
    top.velocity, top.mean_square = places.take(top.packed_size), places.take(top.packed_size)
    for layer in layers[0 if top.has_derivatives else 1 :]:
        few_rows = top.batch_rows <= MOST_DOT_ROWS and not top.has_derivatives
        layer.by_dots = few_rows and layer.width * real.itemsize >= SIMD.vector_bytes
        layer.transposed = places.take(0 if layer.by_dots else layer.panel_rows * layer.width)


def _place_sums(top: Any, layers: Any, places: Places, real: np.dtype[Any]) -> None:
    """Sums of gradients, and what products begin with and go through."""
    top.sums = places.take(top.packed_size * top.n_groups)
    top.zeros = places.take(max(layers.width.max(), layers.panel_rows.max()))
    top.scratch = places.take(top.n_threads * SCRATCH_ROWS * 3 * SIMD.vector_bytes // real.itemsize)


def _place_chunk(top: Any, layers: Any, places: Places) -> None:
    """The memory of a chunk, one for each thread where chunks are taken in groups."""
    begin, rows = places.end, top.chunk_rows
    top.inputs, top.targets = places.take(0 if top.sparse else rows * layers[0].n_in), places.take(rows * top.n_targets)
    top.row_weights = places.take(rows)
    top.stack_rows = max(rows, STACKED_ROWS) if top.has_derivatives else rows
    for layer in layers:
        layer.activations, layer.deltas = places.take(rows * layer.stride), places.take(top.stack_rows * layer.stride)
        from_input = activation_registry.with_code(int(layer.activation)).from_input
        layer.preactivations = places.take(rows * layer.stride) if from_input else layer.activations
        layer.slopes = places.take(min(rows, STACKED_ROWS) * layer.stride if top.has_derivatives else 0)
    if top.has_derivatives:
        top.input_stride = layers[0].panel_rows
        top.input_deltas = places.take(top.stack_rows * top.input_stride)
    top.chunk_size = places.end - begin
    if top.grouped:
        places.take((top.n_threads - 1) * top.chunk_size)
