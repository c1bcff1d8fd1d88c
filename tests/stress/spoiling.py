"""Arrays as they should not be: another layout, dtype, shape, or numbers that are none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from guards import guarded
from hypothesis import strategies as st


class Spoiled(NamedTuple):
    """What is given; the same numbers in a clean array, or None where there can be none; what was done; what must stay."""

    value: Any
    clean: np.ndarray | None
    what: str
    memory: np.ndarray | None

    @property
    def value_is_native(self) -> bool:
        """Whether its bytes are in this machine's order."""
        return not isinstance(self.value, np.ndarray) or self.value.dtype.isnative


def _misaligned(array: np.ndarray) -> np.ndarray:
    memory = np.zeros(array.nbytes + 1, np.uint8)
    view = memory[1:].view(array.dtype).reshape(array.shape) if array.nbytes else array
    view[...] = array
    return view


def _strided(array: np.ndarray) -> np.ndarray:
    """Every other entry of an array of numbers that has NaN between."""
    if array.ndim == 0:
        return array
    wide = np.zeros((*array.shape[:-1], 2 * array.shape[-1]), array.dtype)
    if array.dtype.kind == "f":
        wide[...] = np.nan
    wide[..., ::2] = array
    return wide[..., ::2]


def _locked(array: np.ndarray) -> np.ndarray:
    array = array.copy()
    array.flags.writeable = False
    return array


LAYOUTS: dict[str, Callable[[np.ndarray], Any]] = {
    "C": np.copy,
    "at the end of a page": guarded,
    "at the begin of a page": lambda array: guarded(array, at_end=False),
    "Fortran": np.asfortranarray,
    "negative stride": lambda array: np.ascontiguousarray(array[::-1])[::-1] if array.ndim else array,
    "negative columns": lambda array: np.ascontiguousarray(array[..., ::-1])[..., ::-1] if array.ndim else array,
    "every other": _strided,
    "misaligned": _misaligned,
    "big-endian": lambda array: array.astype(array.dtype.newbyteorder(">")),
    "read-only": _locked,
    "one row many times": lambda array: np.broadcast_to(array[:1], array.shape) if array.ndim and len(array) else array,
    "list": lambda array: array.tolist(),
    "masked, nothing hidden": lambda array: np.ma.masked_array(array.copy()),
    "masked": lambda array: np.ma.masked_array(array.copy(), np.arange(array.size).reshape(array.shape) == 0),
    "subclass": lambda array: array.copy().view(np.recarray) if array.dtype.names else array.copy().view(_Subclass),
}


class _Subclass(np.ndarray):
    pass


DTYPES = ["f2", "f4", "f8", "g", "i1", "i4", "i8", "u1", "u8", "?", "c8", "c16", "O", "U8", "S8", "M8[s]", "m8[s]", "V8"]
UNREAL = "cOUSMmV"
VALUES = {
    "nan": np.nan,
    "inf": np.inf,
    "-inf": -np.inf,
    "subnormal": 1e-310,
    "float32 subnormal": 1e-40,
    "huge": 1e300,
    "large": 1e30,
    "negative": -3.0,
    "half": 0.5,
    "zero": 0.0,
    "too many classes": 1000.0,
}
SHAPES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "no rows": lambda array: array[:0],
    "no columns": lambda array: array[..., :0],
    "a row less": lambda array: array[:-1],
    "a row more": lambda array: np.concatenate([array, array[:1]]),
    "a column less": lambda array: array[..., :-1],
    "a column more": lambda array: np.concatenate([array, array[..., :1]], axis=-1),
    "a dimension more": lambda array: array[None],
    "flat": np.ravel,
    "turned": np.transpose,
    "one number": lambda array: array.ravel()[0],
}


@st.composite
def spoiled(draw: Any, array: np.ndarray, layouts: Any = tuple(LAYOUTS)) -> Spoiled:
    """An array of floats or of whole numbers, spoiled in one to three ways."""
    ways = draw(st.sets(st.sampled_from(["layout", "layout", "dtype", "values", "shape"]), min_size=1, max_size=3))
    what = []
    array = array.copy()
    if "values" in ways and array.size:
        name = draw(st.sampled_from(list(VALUES)))
        place = draw(st.integers(0, array.size - 1))
        if array.dtype.kind == "f" or abs(VALUES[name]) < 1e6:
            with np.errstate(all="ignore"):
                array.ravel()[place] = VALUES[name]
            what.append(f"{name} at {place}")
    if "shape" in ways:
        name = draw(st.sampled_from(list(SHAPES)))
        if array.ndim or name in ("a dimension more", "flat"):
            array = np.asarray(SHAPES[name](array))
            what.append(name)
    if "dtype" in ways:
        code = draw(st.sampled_from(DTYPES))
        with np.errstate(all="ignore"):
            array = _as_dtype(array, code)
        what.append(code)
    name = draw(st.sampled_from([name for name in layouts if name != "C"])) if "layout" in ways else "C"
    if name in ("every other", "misaligned", "at the end of a page", "at the begin of a page") and array.dtype.kind in "OV":
        name = "C"
    value = LAYOUTS[name](array)
    what.append(name)
    seen = np.asarray(value)
    unreal = seen.dtype.kind in UNREAL or (name == "masked" and array.size > 0)
    clean = None if unreal else np.array(seen, seen.dtype.newbyteorder("="), order="C")
    memory = value if isinstance(value, np.ndarray) else None
    while memory is not None and isinstance(memory.base, np.ndarray):
        memory = memory.base
    return Spoiled(value, clean, f"{array.dtype} {array.shape}: {', '.join(what)}", memory)


def _as_dtype(array: np.ndarray, code: str) -> np.ndarray:
    if code == "V8":
        return np.zeros(array.shape, [("a", "f4"), ("b", "i4")])
    if code[0] in "Mm":
        return np.zeros(array.shape, code)
    return array.astype(code)
