"""Draws arrays as they should not be, gives them to public entries, and judges what comes of it.

`python hostile.py GROUP EXAMPLES SEED` does so in a process of its own, and prints each case before it is tried, so that the
last line tells what a crash came of.
"""

from __future__ import annotations

import re
import sys
import warnings
from typing import Any

import numpy as np
from entries import GROUPS, Entry, clean_arguments
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from kernel_entries import clean_kernel_arguments, is_elementwise, kernel_entries
from numba.core.errors import TypingError
from spoiling import LAYOUTS, Spoiled, spoiled
from tileprop.trainer import DivergenceError

KERNEL_GROUPS = ("kernels", "element-wise")
ERRORS = (ValueError, TypeError, TypingError, DivergenceError)
KERNELS = kernel_entries()
GROUPS = {
    **GROUPS,
    "kernels": {name: entry for name, entry in KERNELS.items() if not is_elementwise(entry)},
    "element-wise": {name: entry for name, entry in KERNELS.items() if is_elementwise(entry)},
}
# Each layout is another compilation for these.
COMPILED_LAYOUTS = ("C", "at the end of a page", "read-only", "misaligned", "big-endian", "list", "masked", "negative stride")


def arguments_of(group: str, entry: Entry, kind: int) -> dict[str, np.ndarray]:
    return clean_kernel_arguments(entry) if group in KERNEL_GROUPS else clean_arguments(entry, kind)


def outcome(entry: Entry, kind: int, arguments: dict[str, Any]) -> Any:
    """What a call returns, as bytes, or the error that it raises."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            results = entry.call(kind, **arguments)
        except ERRORS as error:
            return error
    native = [np.asarray(value).astype(np.asarray(value).dtype.newbyteorder("="), order="C") for value in results]
    native = [value.astype("f8") if value.dtype.char == "g" else value for value in native]  # which has bytes that are nobody's
    return [(value.dtype.str, value.shape, value.tobytes()) for value in native]


def attempt(group: str, name: str, kind: int, given_arguments: dict[str, Spoiled]) -> None:
    """One case. Raises AssertionError where the outcome is neither the right result nor a clear error."""
    entry = GROUPS[group][name]
    arguments: dict[str, Any] = dict(arguments_of(group, entry, kind))
    before = {k: spoiled.memory.tobytes() for k, spoiled in given_arguments.items() if _has_bytes(spoiled.memory)}
    written = getattr(getattr(__import__("tileprop").kernels, name, None), "written", frozenset()) | {"out"}
    values = {k: spoiled.value for k, spoiled in given_arguments.items()}
    under_masks = {k: value.data.copy() for k, value in values.items() if isinstance(value, np.ma.MaskedArray)}
    got = outcome(entry, kind, {**arguments, **values})
    for k, content in before.items():
        assert k in written or given_arguments[k].memory.tobytes() == content, f"{k} was changed"
    if isinstance(got, Exception):
        by_shape = group == "kernels" and isinstance(got, ValueError)  # names what disagrees, perhaps by the other's name
        if entry.named and len(given_arguments) == 1 and not (by_shape or isinstance(got, DivergenceError)):
            (argument,) = given_arguments
            words = {argument, "validation_data", "MaskedArray"} | ({"T"} if argument == "labels" else set())
            assert any(re.search(rf"\b{word}\b", str(got)) for word in words), f"does not name {argument}: {got!r}"
        return
    cleaned = {k: spoiled.clean for k, spoiled in given_arguments.items()}
    for k, clean in cleaned.items():
        if clean is None and group in KERNEL_GROUPS and isinstance(given_arguments[k].value, np.ma.MaskedArray):
            cleaned[k] = under_masks[k]  # kernels take memory as it is
            continue
        if clean is None and group == "estimators" and not np.ma.is_masked(given_arguments[k].value):
            cleaned[k] = np.array(given_arguments[k].value, order="C")  # scikit-learn takes numbers that are objects, and names
            continue
        objects = np.asarray(given_arguments[k].value).dtype.kind == "O"
        if clean is None and objects and group not in KERNEL_GROUPS and not np.ma.is_masked(given_arguments[k].value):
            cleaned[k] = np.array(given_arguments[k].value, np.float64, order="C")  # numbers that are objects are numbers
            continue
        if clean is not None and group == "estimators" and not given_arguments[k].value_is_native:
            cleaned[k] = clean.astype("f8") if clean.dtype.kind == "f" else clean  # as scikit-learn does
        assert clean is not None, f"{k} was taken: {given_arguments[k].what}"
    expected = outcome(entry, kind, {**arguments, **cleaned})
    assert not isinstance(expected, Exception), f"taken, though the clean array is refused: {expected!r}"
    assert got == expected, "differs from the result for the clean array"


def _has_bytes(memory: np.ndarray | None) -> bool:
    return memory is not None and memory.dtype.kind != "O"


@st.composite
def cases(draw: Any, group: str, names: tuple[str, ...]) -> tuple[str, int, dict[str, Spoiled]]:
    name = draw(st.sampled_from(names or sorted(GROUPS[group])))
    entry = GROUPS[group][name]
    kind = draw(st.sampled_from(entry.kinds))
    clean = arguments_of(group, entry, kind)
    layouts = COMPILED_LAYOUTS if group == "element-wise" else tuple(LAYOUTS)
    if group == "kernels":  # after which Numba takes the other byte order for this machine's: docs/architecture.md
        layouts = tuple(layout for layout in layouts if layout != "misaligned")
    chosen = draw(st.lists(st.sampled_from(entry.arguments), min_size=1, max_size=2, unique=True))
    return name, kind, {argument: draw(spoiled(clean[argument], layouts)) for argument in chosen}


def check(group: str, examples: int, start: int, names: tuple[str, ...] = (), say: Any = None) -> int:
    """Tries so many cases, of the entries with these names where any are given; how many were."""
    count = 0

    @seed(start)
    @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck), derandomize=False)
    @given(cases(group, names))
    def run(case: Any) -> None:
        nonlocal count
        name, kind, given_arguments = case
        if say:
            say(f"{name}, kind {kind}: " + "; ".join(f"{k}: {spoiled.what}" for k, spoiled in given_arguments.items()))
        attempt(group, name, kind, given_arguments)
        count += 1

    run()
    return count


if __name__ == "__main__":
    sys.path.append(str(__import__("pathlib").Path(__file__).parents[1]))
    print(check(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), say=lambda text: print(text, flush=True)))
