"""What users pass as X, T and sample_weight, as the arrays that kernels take. Nothing is ever changed, or copied in vain."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..kernels import Plan
from .errors import InputError
from .frames import Given, as_array
from .labels import Label, is_text, label_numbers, number_of_classes

# To look at so few takes no longer than to add them up.
FEW_ENTRIES = 1000
# Entries looked at together, so that what that takes does not grow with the array.
BLOCK = 1 << 20
# Losses that newcomers, to whom one of them is the default, give class labels.
SQUARES = ("mse", "squared_error", "sum_squared_error")


def all_finite(array: np.ndarray) -> bool:
    """Whether every entry of a contiguous array is finite, in memory that does not depend on its size."""
    flat = array.reshape(-1, order="A")
    if flat.size <= FEW_ENTRIES:
        return bool(np.isfinite(flat).all())
    with np.errstate(over="ignore", invalid="ignore"):
        # The sum is finite for nearly all data; only where it is not are all entries looked at.
        blocks = (flat[i : i + BLOCK] for i in range(0, flat.size, BLOCK))
        return all(np.isfinite(block.sum()) or bool(np.isfinite(block).all()) for block in blocks)


def as_real(
    name: str, values: ArrayLike | Given, dtype: np.dtype[Any], first_row: int = 0, fortran: bool = False
) -> np.ndarray:
    """A C-contiguous array of the given dtype; `values` itself where it is one. Every entry must be a finite number.

    first_row: the number of the first row, for errors. fortran: whether an array of Fortran order may stay so.
    """
    given = values if isinstance(values, Given) else unmasked(name, values)
    if given.array.dtype.kind not in "biuf":
        raise InputError(f"{name} has dtype {given.array.dtype}; it must hold real numbers")
    if fortran and given.array.ndim == 2 and given.array.flags.f_contiguous and given.array.flags.aligned:
        with np.errstate(over="ignore"):
            array = given.array.astype(dtype, copy=False)
    else:
        array = contiguous(given.array, dtype)
    if not all_finite(array):
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        entry = np.atleast_1d(given.array)[where]
        told = f"{name} contains {entry!s} at {given.place(where, first_row)}"
        if np.isfinite(entry):
            raise InputError(f"{told}, which is too large for {dtype}; scale {name}, or give dtype='float64'")
        raise InputError(f"{told}; remove or fill such entries")
    return array


def contiguous(given: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
    """C-contiguous, aligned and of the dtype. Where that takes a copy of many entries, a block of rows at a time, for Ctrl-C.

    Once Numba has met an array that is not aligned, it takes one of the other byte order for the same.
    """
    given = np.atleast_1d(given)
    with np.errstate(over="ignore"):
        if given.size <= BLOCK or (given.dtype == dtype and given.flags.c_contiguous and given.flags.aligned):
            return np.require(given, dtype, ["C", "A"])
        array = np.empty(given.shape, dtype)
        rows = max(1, BLOCK * len(given) // given.size)
        for start in range(0, len(given), rows):
            array[start : start + rows] = given[start : start + rows]
        return array


def unmasked(name: str, values: ArrayLike) -> Given:
    """What a user gave, as an array. Raises InputError where entries are masked, and as `as_array`."""
    refuse_masked(**{name: values})
    return as_array(name, values)


def refuse_masked(**arrays: Any) -> None:
    """Raise InputError where entries of an array, or of whatever else is given by a name, are masked."""
    for name, values in arrays.items():
        if not isinstance(values, np.ma.MaskedArray) or values.dtype.names:  # fields, of which each has a mask, are no numbers
            continue
        if np.ma.is_masked(values):
            raise InputError(
                f"{name} is a masked array, and {np.ma.count_masked(values)} of its entries are masked; leave their rows out, "
                f"or give {name}.filled(value)"
            )


def as_inputs(
    X: ArrayLike | Given, n_in: int, dtype: np.dtype[Any], name: str = "X", first_row: int = 0, fortran: bool = False
) -> np.ndarray:
    """X as (n, n_in). first_row: the number of the first one, for errors. fortran: as `as_real`."""
    array = as_real(name, X, dtype, first_row, fortran)
    if array.ndim == 1 and n_in == 1:
        array = array.reshape(-1, 1)
    if array.ndim != 2 or array.shape[1] != n_in:
        hint = "; a single sample goes in as X.reshape(1, -1)" if array.shape == (n_in,) else ""
        raise InputError(f"{name} has shape {array.shape}; the network takes (n, {n_in}){hint}")
    return array


def as_targets(
    T: ArrayLike,
    plan: Plan,
    n_rows: int,
    dtype: np.dtype[Any],
    name: str = "T",
    classes: tuple[Label, ...] | None = None,
    first_row: int = 0,
) -> np.ndarray:
    """T as (n, n_targets), where n_targets is 1 for class labels. 1-D targets stand for one output, or for labels.

    classes: the names of the classes, where the network has such; labels become their numbers. first_row: the number of the
    first row, for errors.
    """
    n_out, columns, loss = plan.sizes[-1], plan.n_targets, plan.loss
    given = unmasked(name, T)
    if is_text(given.array) and (classes is None or given.array.ndim != 1):
        raise InputError(_about_text(given.array, plan, name))
    if classes is not None and given.array.ndim == 1:
        given = Given(label_numbers(given.array, classes, name, first_row))
    shape = given.array.shape
    labels = loss == "log_loss" and plan.activations[-1] == "softmax" and len(shape) == 1 and n_out > 1
    array = as_real(name, given, dtype, first_row)
    if array.ndim == 1:
        array = array.reshape(-1, 1)
    wanted = 1 if labels else columns
    if array.ndim != 2 or array.shape[1] != wanted:
        raise InputError(
            f"{name} has shape {shape}; the network takes ({n_rows}, {columns}){_about_labels(shape, plan, n_rows)}"
        )
    if len(array) != n_rows:
        raise InputError(f"{name} has {len(array)} rows and X has {n_rows}; give one target row for each row of X")
    if labels and array.size:
        whole = given.array.dtype.kind in "biu" or (given.array == np.floor(given.array)).all()
        if not whole or given.array.min() < 0 or given.array.max() >= n_out:
            raise InputError(
                f"{name} must hold class labels, whole numbers from 0 to {n_out - 1}; it reaches from {array.min():g} to "
                f"{array.max():g}. For other labels, set network.classes to a list of them"
            )
    elif loss == "poisson" and array.size and array.min() < 0:
        raise InputError(f"{name} must not be negative for the Poisson loss; it holds {array.min():g}")
    elif loss == "log_loss" and array.size and (array.min() < 0 or array.max() > 1):
        raise InputError(f"{name} must lie between 0 and 1 for log_loss; it reaches from {array.min():g} to {array.max():g}")
    elif loss == "log_loss" and plan.activations[-1] == "softmax" and array.size:
        sums = array.sum(axis=1, dtype=np.float64)
        worst = float(sums[np.abs(sums - 1).argmax()])
        if abs(worst - 1) > 1e-3:
            raise InputError(f"{name} must hold a distribution in each row for softmax and log_loss; a row sums to {worst:g}")
    return array


def _about_text(array: np.ndarray, plan: Plan, name: str) -> str:
    """What to do with targets that are text."""
    examples = [repr(str(entry)) for entry in array.flat if not isinstance(entry, (int, float))][:1]
    told = f"{name} holds text ({examples[0]})" if examples else f"{name} is an empty array of text"
    if array.ndim != 1:
        return f"{told} and has shape {array.shape}; class labels must have shape (n,)"
    if number_of_classes(plan):
        return f"{told}, and the network has no names of classes yet; fit it to such labels, or set network.classes"
    return (
        f"{told}; class labels need Network(..., output_activation='softmax', loss='log_loss') with one output for each class, "
        "or MLPClassifier"
    )


def _about_labels(shape: tuple[int, ...], plan: Plan, n_rows: int) -> str:
    """What a message about the shape of targets says besides, where they may be meant as class labels."""
    if plan.sizes[-1] == 1:
        return ""
    if plan.loss in SQUARES and len(shape) == 1 and shape[0] == n_rows:
        return "; class labels need output_activation='softmax' and loss='log_loss'"
    if plan.loss != "log_loss":
        return ""
    if plan.activations[-1] == "softmax":
        return f", or ({n_rows},) with class labels" + ("; give T.ravel()" if shape == (n_rows, 1) else "")
    return "; class labels need output_activation='softmax'" if len(shape) == 1 or shape[1:] == (1,) else ""


def smoothed(T: np.ndarray, plan: Plan, amount: float) -> np.ndarray:
    """Targets (n, n_out) of log_loss of which `amount` is spread evenly over all classes (Szegedy et al. 2016)."""
    softmax, n_out = plan.activations[-1] == "softmax", plan.sizes[-1]
    if softmax and T.shape[1] == 1 and n_out > 1:
        T = (np.arange(n_out) == T).astype(T.dtype)
    # A sigmoid output stands for two classes.
    return T * T.dtype.type(1.0 - amount) + T.dtype.type(amount / (n_out if softmax else 2))


def as_weights(
    sample_weight: ArrayLike | None,
    n_rows: int,
    dtype: np.dtype[Any],
    name: str = "sample_weight",
    first_row: int = 0,
    part: bool = False,
) -> np.ndarray:
    """Sample weights (n), or an empty array for none.

    first_row: the number of the first row, for errors. part: whether these are a part of all rows, which may all be zero.
    """
    if sample_weight is None:
        return np.empty(0, dtype)
    array = as_real(name, sample_weight, dtype, first_row)
    if array.shape != (n_rows,):
        raise InputError(f"{name} has shape {array.shape}; it must be ({n_rows},), one weight for each row of X")
    if array.size and (array.min() < 0 or (not part and array.sum(dtype=np.float64) == 0)):
        raise InputError(f"{name} must not be negative, and not all zero")
    least = np.finfo(dtype).tiny
    if array.size and array.min() < least and ((array > 0) & (array < least)).any():
        small = array[(array > 0) & (array < least)][0]
        raise InputError(
            f"{name} holds {small:g}, which counts as zero in {dtype}; multiply all weights by the same larger number"
        )
    return array
