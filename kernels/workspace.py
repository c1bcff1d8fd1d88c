"""Workspace: scratch memory, and the records that say what lies where in it.

All numbers are one vector, `numbers`; `header` and `layers` hold offsets into it. `docs/architecture.md` has a drawing. First
come the parameters in panels (`matrices.py`): each layer's weights, then its biases; then two vectors of the same order for
the optimizer, the transposed weights, sums of gradients, and the memory of chunks: inputs, targets and sample weights where
rows are gathered, and every layer's activations and deltas.

How a batch is cut is in `layout.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, NoReturn

import numpy as np
from numpy.typing import DTypeLike

from .activations import activation_registry
from .compiler.jit import STOCK
from .compiler.processor import SIMD
from .layout import CACHE_LINE, STACKED_ROWS, Places, aligned_zeros, cut_batches, set_panels
from .llvm.row_kernels import address_of
from .losses import loss_registry
from .plan import PLAN_HEADER, PLAN_LAYER, Plan, check_plan
from .records import copy_fields, make_records, record_type
from .training.barrier import CONTROL
from .training.dropout import WHOLE
from .validation import positive_integer, real_dtype

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
# Of an epoch. loss: the mean loss, rows weighted by their sample weights. batch_mean: the same, each batch's mean weighted by
# its number of rows, as scikit-learn has it. penalty: on the weights, likewise.
#
# begin: set by the caller, the rows that earlier calls have done of this epoch; the sums below are then theirs, and the epoch
# is gone on with. 0: a whole epoch.
EPOCH = record_type(
    ("loss", np.float64),
    ("batch_mean", np.float64),
    ("penalty", np.float64),
    ("begin", np.int64),
    ("sum_loss", np.float64),  # of the rows done, weighted
    ("sum_weight", np.float64),
    ("sum_batch_means", np.float64),
    ("sum_penalty", np.float64),
)

# Step rules with a state take the gradient of so many weight rows of a panel at a time.
SCRATCH_ROWS = 64
# Few rows go back through dot products with the weights' rows: to keep a transpose up to date would cost more.
MOST_DOT_ROWS = 3


# Of a batch. A larger number was mistyped.
MOST_ROWS = (1 << 31) - 1

# Layouts that were made, for the next workspace of the same kind: to make one takes a millisecond. No more than so many.
_layouts: dict[Any, tuple[Any, Any]] = {}
MOST_LAYOUTS = 64


class Workspace(NamedTuple):
    """Scratch memory that kernels work in, made by `make_workspace`.

    Each thread needs a workspace of its own. A workspace holds addresses of machine code, so it cannot be pickled and is of no
    use in another process.

    Parameters
    ----------
    header : recarray of shape (1,)
        Sizes and places in `numbers`. Read-only: kernels trust it.
    layers : recarray of shape (n_layers,)
        Sizes and places of each layer. Read-only: kernels trust it.
    numbers : ndarray
        The memory itself, of the parameters' dtype.
    epochs : recarray
        Losses of the epochs of one call of `train_epoch`, one record for each: `loss` is the mean loss of the rows. Set `begin`
        to go on with an epoch that was stopped.

    Examples
    --------
    >>> from tileprop.kernels import make_plan, make_workspace
    >>> work = make_workspace(make_plan([2, 3, 1]), batch_size=64)
    >>> int(work.header[0].batch_rows)
    64
    """

    header: np.recarray[Any, Any]  # (1,) HEADER
    layers: np.recarray[Any, Any]  # (n_layers,) LAYER
    numbers: np.ndarray  # of the parameters' dtype
    epochs: np.recarray[Any, Any]  # (epochs,) EPOCH: what each epoch of one call of train_epoch has lost

    @property
    def control(self) -> np.recarray[Any, Any]:
        """(1,) CONTROL, in `numbers`: `control[0].stop`, not 0, asks a running epoch to end after its step.

        `control[0].abandon`, not 0, ends other kernels' calls between two blocks of rows; what they write and return is then
        unfinished. With `stop`, an epoch does not end the step that it is at, but leaves it out.
        """
        begin = int(self.header[0].control)
        memory = self.numbers[begin : begin + CONTROL.itemsize // self.numbers.itemsize]
        return memory.view(CONTROL).view(np.recarray)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Workspace cannot be pickled or deep-copied; make another one with make_workspace")

    def member(self, thread: int, threads: int) -> Workspace:
        """Return the same memory for one of several threads that make one call of `train_epoch` together.

        Parameters
        ----------
        thread : int
            Number of this thread, from 0.
        threads : int
            How many threads make the call.

        Returns
        -------
        Workspace
            Workspace that this thread gives to its call.
        """
        header = self.header.copy()
        header.thread, header.threads = thread, threads
        return self._replace(header=header)

    def frozen(self, layers: Sequence[int]) -> Workspace:
        """Return the same memory for training that leaves some layers as they are.

        Parameters
        ----------
        layers : sequence of int
            Layers whose weights and biases stay, counted from 0.

        Returns
        -------
        Workspace
            Workspace for such a training.
        """
        header, records = self.header.copy(), self.layers.copy()
        records.frozen = np.isin(np.arange(len(records)), list(layers))
        header.any_frozen = len(layers) > 0
        return self._replace(header=header, layers=records)

    def dropping(self, rates: Sequence[float]) -> Workspace:
        """Return the same memory for training with dropout.

        Parameters
        ----------
        rates : sequence of float
            For each hidden layer the share of units that a step leaves out, from 0 to below 1.

        Returns
        -------
        Workspace
            Workspace for such a training.
        """
        header, records = self.header.copy(), self.layers.copy()
        records.dropped[:-1] = [int(rate * WHOLE) for rate in rates]
        header.any_dropout = records.dropped.any()
        return self._replace(header=header, layers=records)

    def for_epochs(self, count: int) -> Workspace:
        """Return the same memory for calls of `train_epoch` that make several epochs.

        This saves the cost of a call for each epoch of small data. `order` then has the rows of one epoch after those of
        another.

        Parameters
        ----------
        count : int
            Epochs of a call.

        Returns
        -------
        Workspace
            Workspace whose `epochs` has a record for each epoch.
        """
        return self._replace(epochs=make_records(count, EPOCH))


def make_workspace(
    plan: Plan,
    batch_size: int = 32,
    dtype: DTypeLike = "float64",
    n_threads: int = 1,
    *,
    derivatives: bool = False,
    curvature: bool = False,
    sparse: bool = False,
) -> Workspace:
    """Make the scratch memory that kernels need for a plan.

    The plan's activations and loss are compiled first, or read from the disk cache.

    Parameters
    ----------
    plan : Plan
        Network.
    batch_size : int, default=32
        Rows of a batch. `predict`, `loss_and_grad` and the derivatives take any number of rows, this many at a time.
    dtype : {"float32", "float64"}, default="float64"
        Type of the parameters and the data.
    n_threads : int, default=1
        Largest number of threads that make one call of `train_epoch` together.
    derivatives : bool, default=False
        Whether to make room for derivatives to inputs and targets, for Jacobians and for the gradients of single rows.
    curvature : bool, default=False
        Whether to make room for second derivatives too, which takes twice as much memory.
    sparse : bool, default=False
        Whether it is for kernels that take sparse rows, with no room for dense ones.

    Returns
    -------
    Workspace
        Memory for one thread at a time.

    Raises
    ------
    ValueError
        If a number is out of range.
    TypeError
        If a number is not whole.
    MemoryError
        If there is not enough memory; the message says how much it would take.

    Examples
    --------
    >>> from tileprop.kernels import make_plan, make_workspace
    >>> work = make_workspace(make_plan([2, 3, 1]), batch_size=64, dtype="float32")
    >>> work.numbers.dtype
    dtype('float32')
    """
    batch = positive_integer("batch_size", batch_size, MOST_ROWS)
    threads = positive_integer("n_threads", n_threads)
    real = real_dtype(dtype)
    key = plan.header.tobytes(), plan.layers.tobytes(), batch, real, threads, derivatives, curvature, sparse
    layout = _layouts.get(key)
    if layout is None:
        check_plan(plan)
        layout = _layout(plan, batch, real, threads, (derivatives or curvature, curvature, sparse))
        if len(_layouts) >= MOST_LAYOUTS:
            _layouts.clear()
        _layouts[key] = layout
    header, layers = layout[0].copy(), layout[1].copy()
    # `size` of a record is an attribute that each of NumPy's numbers has, too.
    count, loss_parameters = int(header["size"][0]), int(header[0].loss_parameters)
    try:
        numbers = aligned_zeros(count, real)
    except MemoryError:
        raise MemoryError(
            f"batch_size is {batch}; a workspace for it takes {count * real.itemsize / 2**30:.1f} GiB, more than there is. "
            "Give a smaller batch_size"
        ) from None
    numbers[loss_parameters : loss_parameters + len(plan.loss_parameters)] = plan.loss_parameters
    return Workspace(header, layers, numbers, make_records(1, EPOCH))


def _layout(plan: Plan, batch: int, real: np.dtype[Any], threads: int, room: tuple[bool, bool, bool]) -> tuple[Any, Any]:
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
