"""What is written in LLVM, and nothing else is: Numba has no vector types.

Intrinsics take arrays with offsets and strides in elements, never addresses. Each has a twin in plain Python that takes its
place when the jit is off.
"""

from .atomics import atomic_add, atomic_read, nap, pause, yield_thread
from .bits import bits_of, from_bits
from .calls import call_activation, call_loss
from .extremes import maximum, minimum
from .fused import multiply_add
from .ordered_sums import add_norms, add_norms_of_rows, dot
from .outer import outer
from .subnormals import flush_subnormals, restore_mode
from .sums import column_sums
from .tile import dots, lanes_of, make_tile, panel, panel_width, transpose_block
from .views import copy, doubles, empty_integers, held_matrix, matrix, record_view, span, unowned

__all__ = [
    "add_norms",
    "add_norms_of_rows",
    "atomic_add",
    "atomic_read",
    "bits_of",
    "call_activation",
    "call_loss",
    "column_sums",
    "copy",
    "dot",
    "dots",
    "doubles",
    "empty_integers",
    "flush_subnormals",
    "from_bits",
    "held_matrix",
    "lanes_of",
    "make_tile",
    "matrix",
    "maximum",
    "minimum",
    "multiply_add",
    "nap",
    "outer",
    "panel",
    "panel_width",
    "pause",
    "record_view",
    "restore_mode",
    "span",
    "transpose_block",
    "unowned",
    "yield_thread",
]
