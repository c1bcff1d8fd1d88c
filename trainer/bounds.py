"""Numbers that must lie between bounds, and what a user is told where they do not."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Any

import numpy as np

from ..kernels.validation import MOST_INTEGER
from .errors import InputError


def is_within(value: Any, low: float, high: float = math.inf, *, above: bool = False, most: bool = False) -> bool:
    """Whether low <= value < high; `above`: low itself is not allowed; `most`: high itself is. False for NaN."""
    return bool(low < value < high or (value == low and not above) or (value == high and most))


def check_within(
    name: str, value: Any, low: float, high: float = math.inf, *, above: bool = False, most: bool = False, what: str = "",
    or_none: bool = False,
) -> None:  # fmt: skip
    """Raise InputError unless `is_within`. what: the kind of number, for the message. or_none: None is allowed as well."""
    number = as_float(value)
    if (or_none and value is None) or is_within(number, low, high, above=above, most=most):
        return
    if high == math.inf and not math.isfinite(number):
        what = what or "a finite number"
    bounds = f"{'above' if above else 'at least'} {low:g}"
    if high != math.inf:
        bounds += f" and {'at most' if most else 'below'} {high:g}"
    wanted = (f"{what}, " if what else "") + bounds + (", or None" if or_none else "")
    raise InputError(f"{name} is {value!r}; it must be {wanted}")


def as_float(value: Any) -> float:
    """NaN for what is no real number, and for one that is too large."""
    try:
        return float(value) if isinstance(value, Real) and not isinstance(value, np.timedelta64) else math.nan
    except OverflowError:
        return math.nan


def check_whole(name: str, value: Any, least: int, most: int | None = None) -> None:
    """Raise InputError unless the value is a whole number, at least `least` and at most `most`."""
    whole = isinstance(value, Integral) and not isinstance(value, np.timedelta64)
    fits = whole and least <= int(value) <= (MOST_INTEGER if most is None else most)
    if not fits:
        bounds = f"at least {least}" + (f" and at most {most}" if most is not None else "")
        raise InputError(f"{name} is {value!r}; it must be a whole number, {bounds}")


def check_field_within(owner: object, name: str, low: float, high: float = math.inf, **more: Any) -> None:
    """`check_within` of an attribute; the message names the owner's class."""
    check_within(f"{type(owner).__name__}: {name}", getattr(owner, name), low, high, **more)


def check_whole_field(owner: object, name: str, least: int) -> None:
    """`check_whole` of an attribute; the message names the owner's class."""
    check_whole(f"{type(owner).__name__}: {name}", getattr(owner, name), least)
