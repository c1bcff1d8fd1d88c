"""What a kernel's arguments must be, told by their types before anything is compiled for them.

A kernel takes numbers from a pointer on. An array of another dtype, order or rank would not be converted but misread, and one
that is written to would be filled with what is not its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any

from numba import types
from numba.core.errors import TypingError

# By their names, which mean the same in every kernel.
_DIMENSIONS = {
    **dict.fromkeys("theta grad weight order v Hv Gv x y b db rates".split(), 1),
    **dict.fromkeys("X Y T dX dY dT D G N W dW Z thetas orders losses".split(), 2),
    "J": 3,
}
# Whose numbers are of one type whatever the network's is.
_DTYPES = {"order": types.int64, "orders": types.int64, "rates": types.float64, "losses": types.float64}
# Their class, what makes it, and the field that has the dtype they are made for.
_TUPLES = {
    "plan": ("Plan", "make_plan", ""),
    "state": ("State", "make_state", "velocity"),
    "work": ("Workspace", "make_workspace", "numbers"),
    "sparse_X": ("SparseRows", "make_sparse_rows", "values"),
    "lane_work": ("LaneWork", "make_lane_work", "numbers"),
}


def declared_read_only(kernel: str, name: str, given: Any) -> Any:
    """The type of an argument that is only read. Raise TypingError for anything but a C-contiguous array."""
    if not isinstance(given, types.Array) or given.layout != "C" or not given.aligned:
        raise TypingError(
            f"{kernel}: argument {name} is {given}; it must be a C-contiguous array (np.ascontiguousarray makes one)"
        )
    return types.Array(given.dtype, given.ndim, "C", readonly=True)


def check_writable(kernel: str, name: str, given: Any) -> None:
    """Raise TypingError for an array that cannot be written to: machine code would do it all the same."""
    if isinstance(given, types.Array) and not given.mutable:
        raise TypingError(f"{kernel}: argument {name} is read-only, but the kernel writes to it; give a copy")


def check_arguments(kernel: str, given: Mapping[str, Any], read_only: Set[str], written: Set[str]) -> None:
    """Raise TypingError for arrays of another order, rank or dtype than a kernel takes, or that it cannot write to.

    given: the types of all arguments by their names. read_only, written: which are arrays.
    """
    made_for: dict[str, Any] = {}
    for name, (kind, maker, field) in _TUPLES.items():
        if name not in given:
            continue
        tuple_type = given[name]
        if not isinstance(tuple_type, types.NamedTuple) or tuple_type.instance_class.__name__ != kind:
            raise TypingError(f"{kernel}: argument {name} is {tuple_type}; it must come from {maker}")
        if field:
            made_for[name] = tuple_type.types[tuple_type.fields.index(field)].dtype
    for name, array in given.items():
        if name not in read_only | written:
            continue
        declared_read_only(kernel, name, array)
        if array.ndim != _DIMENSIONS[name]:
            raise TypingError(f"{kernel}: argument {name} has {array.ndim} dimensions; it must have {_DIMENSIONS[name]}")
        if name in written:
            check_writable(kernel, name, array)
        if name not in _DTYPES:
            made_for[name] = array.dtype
        elif array.dtype != _DTYPES[name]:
            raise TypingError(f"{kernel}: argument {name} holds {array.dtype}; it must hold {_DTYPES[name]}")
    for name, dtype in made_for.items():
        first, real = next(iter(made_for.items()))
        if dtype != real or dtype not in (types.float32, types.float64):
            raise TypingError(f"{kernel}: argument {name} is of {dtype}, and {first} of {real}; all must be of one real dtype")
