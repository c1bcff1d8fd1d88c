"""Class labels: the names of classes, and the numbers of the outputs that stand for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..kernels import Plan
from .errors import InputError
from .frames import as_array
from .suggestions import did_you_mean, listed

# A class label: what JSON keeps as it is.
Label = str | int | float | bool


def number_of_classes(plan: Plan) -> int:
    """How many classes labels for this network may have: one for each softmax output, two for one sigmoid output, else 0."""
    n_out = plan.sizes[-1]
    if plan.loss != "log_loss":
        return 0
    if n_out == 1:
        return 2
    return n_out if plan.activations[-1] == "softmax" else 0


def is_text(array: np.ndarray) -> bool:
    """Whether an array holds strings, or strings among other things."""
    return array.dtype.kind in "UST" or (array.dtype.kind == "O" and any(isinstance(entry, str) for entry in array.flat))


def checked_classes(classes: Sequence[Any] | np.ndarray | None, plan: Plan) -> tuple[Label, ...] | None:
    """Names of classes, one for each of the plan's, as plain Python values."""
    if classes is None:
        return None
    wanted = number_of_classes(plan)
    if not wanted:
        raise InputError(
            "only a network with loss='log_loss' and softmax outputs, or one sigmoid output, has classes; this one has "
            f"loss={plan.loss!r} and {plan.sizes[-1]} outputs of {plan.activations[-1]!r}"
        )
    if isinstance(classes, str) or not np.iterable(classes):
        raise InputError(f"classes is {classes!r}; it must be a list of {wanted} labels")
    labels = tuple(label.item() if isinstance(label, np.generic) else label for label in classes)
    for label in labels:
        if not isinstance(label, (str, int, float, bool)) or label != label:
            raise InputError(f"classes holds {label!r}; each class must be a string or a number")
    if len({isinstance(label, str) for label in labels}) > 1:
        raise InputError(f"classes holds {listed(labels)}; give only strings, or only numbers")
    if len(labels) != wanted or len(set(labels)) != wanted:
        raise InputError(f"classes holds {listed(labels)}; it must hold {wanted} different labels, as the network does")
    return labels


def classes_in(T: Any, plan: Plan, name: str = "T") -> tuple[Label, ...] | None:
    """The classes of labels T (n,) that are text, in alphabetical order; None where T holds no text.

    Raises InputError where they are not as many as the network has.
    """
    wanted = number_of_classes(plan)
    if not wanted:
        return None
    array = as_array(name, T).array
    if array.ndim != 1 or not is_text(array):
        return None
    found = sorted(set(_texts(array, name)))
    if len(found) != wanted:
        outputs, remedy = f"{wanted} outputs", f"end sizes with {len(found)}"
        if plan.sizes[-1] == 1:
            outputs, remedy = "one sigmoid output", f"{remedy} and give output_activation='softmax'"
        raise InputError(
            f"{name} holds {len(found)} classes ({listed(found)}), and the network with its {outputs} has {wanted}; {remedy}, "
            "or set network.classes to all that there are"
        )
    return tuple(found)


def label_numbers(T: np.ndarray, classes: tuple[Label, ...], name: str = "T", first_row: int = 0) -> np.ndarray:
    """The number of each label's class, for labels T (n,). Raises InputError for a label that is none of the classes.

    first_row: the number of the first row, for errors.
    """
    numbers = {label: i for i, label in enumerate(classes)}
    try:
        return np.array([numbers[label] for label in T.tolist()], np.int64)
    except (KeyError, TypeError):
        row = next(i for i, label in enumerate(T.tolist()) if not (isinstance(label, Label) and label in numbers))
        given = T.tolist()[row]
        near = did_you_mean(given, map(str, classes)) if isinstance(given, str) else ""
        raise InputError(
            f"{name} holds {given!r} in row {row + first_row}, which is not a class of the network: {listed(classes)}{near}"
        ) from None


def _texts(array: np.ndarray, name: str) -> list[str]:
    labels: list[Any] = array.tolist()
    for row, label in enumerate(labels):
        if not isinstance(label, str):
            raise InputError(f"{name} holds {label!r} in row {row} among labels that are text; give labels of one kind")
    return labels
