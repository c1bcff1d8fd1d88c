"""How a batch is cut, and how memory is handed out.

A batch is taken in one of two ways. Directly: its rows are one chunk, each thread works on some of them, and then on some
rows of every weight matrix. In groups, for long batches: the batch is cut into chunks that stay in cache, each thread has
memory for one, and consecutive chunks add up to one of a fixed number of gradients, which are then added in order. Which way,
and all bounds, follow from the sizes alone, so that the number of threads changes no bit.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .compiler.processor import SIMD
from .matrices import padded_width

# Activations and losses are taken over a strip of rows at a time, and a bound between two threads' rows falls on a multiple:
# few rows, where a step is long enough (in rows x parameters) for several threads, and otherwise more, for fewer calls.
SHORT_STRIP, LONG_STRIP = 16, 64
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
LARGEST_CHUNK = 1 << 23
FEW_GROUPS = 4
# Rows of derivatives that are taken through the layers together: as many outputs' as that is, for a block of rows.
STACKED_ROWS = 128
CACHE_LINE = 64  # bytes


class Places:
    """Hands out stretches of a vector, each from the begin of a cache line."""

    def __init__(self, line: int) -> None:
        self.line = line
        self.end = 0

    def take(self, count: int) -> int:
        begin = self.end
        self.end += -(-int(count) // self.line) * self.line
        return begin


def set_panels(layer: Any, real: np.dtype[Any], transposed: bool) -> None:
    """The sizes of a layer's weights in panels, and of its rows."""
    lanes, line = SIMD.vector_bytes // real.itemsize, CACHE_LINE // real.itemsize
    width = padded_width(int(layer.n_out), lanes)
    # Rows an even number of lines apart fall on a few of the first-level cache's sets, and drive one another out.
    crowded = width >= 16 * line and width // line % 2 == 0
    # The transpose is made in blocks of lanes x lanes. In training the first layer has none.
    layer.panel_rows = padded_width(int(layer.n_in), lanes) if transposed else layer.n_in
    layer.width, layer.stride = width, width + (line if crowded else 0)


def cut_batches(top: Any, row_numbers: int, widest: int) -> None:
    """How batches are taken. row_numbers: inputs, targets, activations and deltas of one row. widest: of its layers."""
    batch, packed = int(top.batch_rows), int(top.packed_size)
    rows = min(max(CHUNK_NUMBERS // row_numbers, FEWEST_CHUNK_ROWS), MOST_CHUNK_ROWS)
    chunks = -(-batch // rows)
    few_parameters, large = packed <= FEW_PARAMETERS, batch * row_numbers > LARGEST_CHUNK
    top.grouped = chunks >= FEWEST_CHUNKS and (few_parameters or large) and not top.has_derivatives
    if top.grouped:
        groups = min(MOST_GROUPS if few_parameters else FEW_GROUPS, chunks)
        # As many chunks in each group as in the next, as far as that goes.
        chunks = -(-chunks // groups) * groups
        top.n_groups, top.chunk_rows = groups, -(-batch // (chunks * LONG_STRIP)) * LONG_STRIP
    else:
        top.n_groups, top.chunk_rows = 1, batch
    top.strip_rows = LONG_STRIP if top.grouped or batch * packed < SHORT_STEP else SHORT_STRIP
    top.block_rows = min(top.chunk_rows, max(FEWEST_BLOCK_ROWS, BLOCK_NUMBERS // widest // LONG_STRIP * LONG_STRIP))


def aligned_zeros(count: int, real: np.dtype[Any]) -> np.ndarray:
    """Zeros from the begin of a cache line: a vector that crosses lines takes twice as long to load."""
    memory = np.zeros(count + CACHE_LINE // real.itemsize, real)
    start = -memory.ctypes.data % CACHE_LINE // real.itemsize
    return memory[start : start + count]
