"""Workspace: scratch memory, and the table that says what lies where in it.

All numbers are one vector, `numbers`; `layout` holds offsets into it. First come the parameters in panels (`products.py`):
each layer's weights, then its biases; then two vectors of the same layout for the optimizer, the transposed weights, sums of
gradients, and areas for rows: inputs, targets and sample weights where they are gathered, and every layer's activations and
deltas.

A batch is taken in one of two ways. Directly: its rows lie in one area, each thread works on some of them, and then on some
rows of every weight matrix. In groups, for long batches: the batch is cut into chunks that stay in cache, each thread has an
area for one, and consecutive chunks add up to one of a fixed number of gradients, which are then added in order. Which way,
and all bounds, follow from the sizes alone, so that the number of threads changes no bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, NoReturn

import numpy as np
from numpy.typing import DTypeLike

from .activations import activation_registry
from .compiler.processor import SIMD
from .llvm.row_kernels import address_of
from .losses import loss_registry
from .matrices import padded_width
from .plan import ACTIVATION, N_IN, N_OUT, Plan
from .plan import LOSS as PLAN_LOSS
from .training.barrier import CONTROL_SIZE
from .validation import positive_integer, real_dtype

# Row 0 of Workspace.layout. LOSS: its code. TARGET_WIDTH: columns of T. THREADS: most that may work together. BATCH, CHUNK,
# BLOCK: rows of a batch, of an area, and that one thread works through at a time. GROUPS: 0 where batches are taken directly.
# AREA: numbers of one area. PACKED: of the parameters in panels. GRANULE: see below. ANY_FROZEN: whether any layer is.
# ANY_DROPPED: whether any layer's units are, in training. LOSS_ROUTINE: its address. LOSS_THROUGH: whether it gives delta.
# LOSS_CURVATURE: the address of its second derivative, 0 without one. TANGENTS: where a second copy of `numbers` begins, which
# holds directional derivatives of what lies in the first; 0 where there is none. INPUT_STRIDE: from one row's INPUT_DELTAS to
# the next's. STACK: rows that there is room for of deltas, more than a chunk's where those of several outputs are stacked.
# LOSS_TARGETS: the address of the loss's derivative to targets, 0 without one. The others: where something begins in `numbers`.
LOSS, TARGET_WIDTH, THREADS, BATCH, CHUNK, BLOCK, GROUPS, AREA, PACKED, PARAMETERS, FIRST, SECOND, SUMS, ZEROS = range(14)
SCRATCH, OUTPUTS, INPUTS, TARGETS, ROW_WEIGHTS, GRANULE, ANY_FROZEN = range(14, 21)
LOSS_ROUTINE, LOSS_THROUGH, LOSS_PARAMETERS, ANY_DROPPED, LOSS_CURVATURE = range(21, 26)
TANGENTS, INPUT_DELTAS, INPUT_STRIDE, STACK, LOSS_TARGETS = range(26, 31)
# Row l + 1, for layer l. CODE: its activation's. ROUTINE: the address of that, 0 for the identity. ROWS, WIDTH: of its panels.
# STRIDE: from one row's activations to the next's. WEIGHTS and BIASES count from PARAMETERS, FIRST, SECOND or a gradient's sum,
# ACTIVATIONS, PREACTIVATIONS (the same place where they need not be kept) and DELTAS from an area's begin. DROPPED: at which
# rate, as a part of 2^32. CURVATURE: the address of the activation's second derivative, 0 without one. SLOPES: of a block of
# rows, where derivatives of several outputs are stacked.
INPUT_WIDTH, OUTPUT_WIDTH, CODE, ROUTINE, ROWS, WIDTH, STRIDE, WEIGHTS, BIASES, TRANSPOSED = range(10)
ACTIVATIONS, PREACTIVATIONS, DELTAS, DOTS, FROZEN, DROPPED, CURVATURE, SLOPES = range(10, 18)
_COLUMNS = 31

# Activations and losses are taken over a granule of rows at a time, and a bound between two threads' rows falls on a multiple:
# few rows, where a step is long enough (in rows x parameters) for several threads, and otherwise more, for fewer calls.
SHORT_GRANULE, LONG_GRANULE = 16, 64
SHORT_STEP = 1 << 19
# A thread takes its rows in blocks of so many numbers a layer: a layer's outputs are in cache as the next one's inputs.
BLOCK_NUMBERS = 1 << 16
FEWEST_BLOCK_ROWS = 64
# A chunk's inputs, activations and deltas take so many numbers.
CHUNK_NUMBERS = 1 << 15
FEWEST_CHUNK_ROWS, MOST_CHUNK_ROWS = 64, 512
# Batches of at least so many chunks are taken in groups, where the parameters are few enough for a copy for each group.
FEWEST_CHUNKS = 8
MOST_GROUPS = 16
FEW_PARAMETERS = 1 << 18
# Where they are not: only batches that would take more numbers than this, in few groups. It bounds memory.
LARGEST_AREA = 1 << 23
FEW_GROUPS = 4
# Few rows go back through dot products with the weights' rows: to keep a transpose up to date would cost more. DOTS tells.
MOST_DOT_ROWS = 3
# Step rules with a state take the gradient of so many weight rows of a panel at a time.
SCRATCH_ROWS = 64
# Rows of derivatives that are taken through the layers together: as many outputs' as that is, for a block of rows.
STACKED_ROWS = 128
_LINE_BYTES = 64
# Columns of Workspace.passes: the mean loss, its rows weighted by their sample weights; the same with each batch's mean
# weighted by its number of rows, as scikit-learn has it; the penalty on weights, likewise.
MEAN, BATCH_MEAN, PENALTY = range(3)


class Workspace(NamedTuple):
    """Scratch memory, owned by the caller; one for each thread that calls. Made by `make_workspace`.

    It holds addresses of machine code, and so is of no use in another process.
    """

    layout: np.ndarray  # int64 (n_layers + 1, 31)
    numbers: np.ndarray  # of the parameters' dtype
    losses: np.ndarray  # float64: of each granule of a batch; last, each layer's sum of squared weights
    control: np.ndarray  # int64: a non-zero entry 0 asks a running epoch to stop after its step; then the threads' counters
    team: np.ndarray  # int64: this thread's number, and how many threads work on one call together
    passes: np.ndarray  # float64 (passes, 3): what each pass over the rows that one call of train_epoch makes has lost

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Workspace cannot be pickled or deep-copied; make_workspace makes another one")

    def member(self, number: int, threads: int) -> Workspace:
        """The same memory for thread `number` of `threads` that make one call of `train_epoch` together."""
        return self._replace(team=np.array([number, threads]))

    def frozen(self, layers: Sequence[int]) -> Workspace:
        """The same memory for training that leaves these layers' weights and biases (from 0) as they are."""
        layout = self.layout.copy()
        layout[1:, FROZEN] = 0
        layout[1:, FROZEN][list(layers)] = 1
        layout[0, ANY_FROZEN] = len(layers) > 0
        return self._replace(layout=layout)

    def dropping(self, rates: Sequence[float]) -> Workspace:
        """The same memory for training that drops hidden units at random: a rate, 0 to below 1, for each hidden layer."""
        layout = self.layout.copy()
        layout[1:-1, DROPPED] = [int(rate * (1 << 32)) for rate in rates]
        layout[0, ANY_DROPPED] = layout[1:, DROPPED].any()
        return self._replace(layout=layout)

    def for_passes(self, count: int) -> Workspace:
        """The same memory for calls of `train_epoch` that make `count` epochs: their losses are left in `passes`.

        `order` then has the rows of one epoch after those of another. Spares small data the price of a call for each.
        """
        return self._replace(passes=np.zeros((count, 3)))


def make_workspace(
    plan: Plan,
    batch_size: int = 32,
    dtype: DTypeLike = "float64",
    n_threads: int = 1,
    *,
    derivatives: bool = False,
    curvature: bool = False,
) -> Workspace:
    """Scratch memory for `plan` with batches of `batch_size` rows in float32 or float64, for at most n_threads threads.

    derivatives: with room for those to inputs, to targets and of single rows; curvature: and for second ones, twice as much
    memory.

    The plan's activations and loss are compiled, or read from the disk cache, where that has not happened yet.
    """
    batch = positive_integer("batch_size", batch_size)
    threads = positive_integer("n_threads", n_threads)
    real = real_dtype(dtype)
    layout = np.zeros((plan.n_layers + 1, _COLUMNS), np.int64)
    top, layers = layout[0], layout[1:]
    derivatives = derivatives or curvature
    top[THREADS], top[BATCH], top[TARGET_WIDTH] = threads, batch, plan.n_targets
    loss = loss_registry.with_code(int(plan.table[0, PLAN_LOSS]))
    entries = [activation_registry.with_code(int(code)) for code in plan.table[1:, ACTIVATION]]
    top[LOSS], top[LOSS_THROUGH], top[LOSS_ROUTINE] = loss.code, loss.gives_delta, address_of(loss.row_kernel, real, "loss")
    top[LOSS_CURVATURE] = address_of(loss.tangent_kernel, real, "loss") if curvature else 0
    top[LOSS_TARGETS] = address_of(loss.target_kernel, real, "loss") if derivatives else 0
    place = _Places(_LINE_BYTES // real.itemsize)

    top[PARAMETERS] = 0
    for layer, (row, given, entry) in enumerate(zip(layers, plan.table[1:], entries, strict=True)):
        row[INPUT_WIDTH], row[OUTPUT_WIDTH], row[CODE] = given[N_IN], given[N_OUT], given[ACTIVATION]
        row[ROUTINE] = address_of(entry.row_kernel, real, "activation")
        _set_widths(row, real, layer > 0 or derivatives)
        row[CURVATURE] = address_of(entry.tangent_kernel, real, "activation") if curvature else 0
        row[WEIGHTS] = place.take(row[ROWS] * row[WIDTH])
        row[BIASES] = place.take(row[WIDTH])
    packed = top[PACKED] = place.end
    top[FIRST], top[SECOND] = place.take(packed), place.take(packed)
    for row in layers[0 if derivatives else 1 :]:
        few = batch <= MOST_DOT_ROWS and not derivatives
        row[DOTS] = few and row[WIDTH] * real.itemsize >= SIMD.vector_bytes
        row[TRANSPOSED] = place.take(0 if row[DOTS] else row[ROWS] * row[WIDTH])
    kept = sum(int(row[STRIDE]) for row, entry in zip(layers, entries, strict=True) if entry.from_input)
    row_numbers = plan.sizes[0] + plan.n_targets + 1 + 2 * int(layers[:, STRIDE].sum()) + kept
    _set_chunks(top, row_numbers, int(layers[:, STRIDE].max()), derivatives)
    top[SUMS] = place.take(packed * max(1, top[GROUPS]))
    top[ZEROS] = place.take(layers[:, WIDTH].max())
    top[SCRATCH] = place.take(threads * SCRATCH_ROWS * 3 * SIMD.vector_bytes // real.itemsize)

    top[LOSS_PARAMETERS] = place.take(len(plan.numbers))
    top[OUTPUTS] = place.take(batch * plan.sizes[-1])
    begin, chunk = place.end, top[CHUNK]
    top[INPUTS], top[TARGETS] = place.take(chunk * plan.sizes[0]), place.take(chunk * plan.n_targets)
    top[ROW_WEIGHTS] = place.take(chunk)
    stack = top[STACK] = max(chunk, STACKED_ROWS) if derivatives else chunk
    for row, entry in zip(layers, entries, strict=True):
        row[ACTIVATIONS], row[DELTAS] = place.take(chunk * row[STRIDE]), place.take(stack * row[STRIDE])
        row[PREACTIVATIONS] = place.take(chunk * row[STRIDE]) if entry.from_input else row[ACTIVATIONS]
        row[SLOPES] = place.take(min(chunk, STACKED_ROWS) * row[STRIDE] if derivatives else 0)
    if derivatives:
        top[INPUT_STRIDE] = layers[0, ROWS]
        top[INPUT_DELTAS] = place.take(stack * top[INPUT_STRIDE])
    top[AREA] = place.end - begin
    if top[GROUPS]:
        place.take((threads - 1) * top[AREA])

    top[TANGENTS] = place.end if curvature else 0
    numbers = _zeros(2 * place.end if curvature else place.end, real)
    numbers[top[LOSS_PARAMETERS] : top[LOSS_PARAMETERS] + len(plan.numbers)] = plan.numbers
    return Workspace(
        layout,
        numbers,
        np.zeros(-(-batch // int(top[GRANULE])) + plan.n_layers),
        np.zeros(CONTROL_SIZE, np.int64),
        np.array([0, 1], np.int64),
        np.zeros((1, 3)),
    )


class _Places:
    """Hands out stretches of a vector, each from the begin of a cache line."""

    def __init__(self, line: int) -> None:
        self.line = line
        self.end = 0

    def take(self, count: int) -> int:
        begin = self.end
        self.end += -(-int(count) // self.line) * self.line
        return begin


def _set_widths(row: np.ndarray, real: np.dtype, transposed: bool) -> None:
    n_in, n_out = int(row[INPUT_WIDTH]), int(row[OUTPUT_WIDTH])
    lanes, line = SIMD.vector_bytes // real.itemsize, _LINE_BYTES // real.itemsize
    width = padded_width(n_out, lanes)
    # Rows an even number of lines apart fall on a few of the first-level cache's sets, and drive one another out.
    crowded = width >= 16 * line and width // line % 2 == 0
    # The transpose is made in blocks of lanes x lanes. In training the first layer has none.
    row[ROWS] = padded_width(n_in, lanes) if transposed else n_in
    row[WIDTH], row[STRIDE] = width, width + (line if crowded else 0)


def _set_chunks(top: np.ndarray, row_numbers: int, widest: int, directly: bool) -> None:
    """How batches are taken. row_numbers: inputs, targets, activations and deltas of one row. directly: in any case."""
    batch, packed = int(top[BATCH]), int(top[PACKED])
    rows = min(max(CHUNK_NUMBERS // row_numbers, FEWEST_CHUNK_ROWS), MOST_CHUNK_ROWS)
    chunks = -(-batch // rows)
    few, long = packed <= FEW_PARAMETERS, batch * row_numbers > LARGEST_AREA
    if chunks >= FEWEST_CHUNKS and (few or long) and not directly:
        groups = MOST_GROUPS if few else FEW_GROUPS
        groups = min(groups, chunks)
        # As many chunks in each group as in the next, as far as that goes.
        chunks = -(-chunks // groups) * groups
        top[GROUPS] = groups
        top[CHUNK] = -(-batch // (chunks * LONG_GRANULE)) * LONG_GRANULE
    else:
        top[GROUPS], top[CHUNK] = 0, batch
    top[GRANULE] = LONG_GRANULE if top[GROUPS] or batch * packed < SHORT_STEP else SHORT_GRANULE
    top[BLOCK] = min(top[CHUNK], max(FEWEST_BLOCK_ROWS, BLOCK_NUMBERS // widest // LONG_GRANULE * LONG_GRANULE))


def _zeros(count: int, real: np.dtype) -> np.ndarray:
    """Zeros from the begin of a cache line: a vector that crosses lines takes twice as long to load."""
    spare = _LINE_BYTES // real.itemsize
    memory = np.zeros(count + spare, real)
    start = -memory.ctypes.data % _LINE_BYTES // real.itemsize
    return memory[start : start + count]
