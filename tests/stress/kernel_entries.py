"""The kernels, with arguments that fit, every array between pages that nothing may touch."""

from __future__ import annotations

import functools
import inspect
from typing import Any

import numpy as np
from entries import Entry
from guards import guarded
from tileprop import kernels
from tileprop.kernels import make_plan, make_state, make_workspace
from tileprop.kernels.compiler.jit import is_kernel

ROWS = 5
PLAN = make_plan([3, 4, 2], "tanh", "identity")
N = PLAN.n_parameters
_RNG = np.random.default_rng(6)
CLEAN: dict[str, np.ndarray] = {
    "order": _RNG.permutation(ROWS),
    "weight": _RNG.uniform(0.5, 2.0, ROWS),
    **{name: _RNG.normal(size=N) for name in ("theta", "grad", "v", "Hv", "Gv")},
    **{name: _RNG.normal(size=(ROWS, 3)) for name in ("X", "dX")},
    **{name: _RNG.normal(size=(ROWS, 2)) for name in ("T", "Y", "dY", "dT", "D", "Z")},
    **{name: _RNG.normal(size=(3, 2)) for name in ("W", "dW")},
    **{name: _RNG.normal(size=2) for name in ("b", "db", "y")},
    "x": _RNG.normal(size=3),
    "G": np.zeros((ROWS, N)),
    "J": np.zeros((ROWS, 2, 3)),
}
# Of element-wise kernels: any shape.
ELEMENTWISE = {name: _RNG.uniform(0.1, 0.9, (3, 2)) for name in ("x", "y", "dy", "Y", "T", "out")} | {
    "parameter": np.array([0.5])
}


def _call(kind: int, name: str, elementwise: bool = False, **given: Any) -> list[Any]:
    kernel = getattr(kernels, name)
    arguments = {k: guarded(value) if type(value) is np.ndarray and value.flags.c_contiguous and value.dtype.isnative and
                 value.flags.aligned and value.flags.writeable and value.dtype.kind in "fi" else value
                 for k, value in given.items()}  # fmt: skip
    if not elementwise:
        work = make_workspace(PLAN, ROWS, derivatives=True, curvature=True)
        arguments |= {"plan": PLAN, "state": make_state(PLAN, "adam"), "work": work._replace(numbers=guarded(work.numbers))}
    names = inspect.signature(kernel.py_func).parameters
    with np.errstate(all="ignore"):
        result = kernel(**{k: arguments[k] for k in names if k in arguments})
    written = [arguments[k] for k in names if k in kernel.written] if not elementwise else []
    return [np.array(value) for value in (result, *written) if value is not None]


def kernel_entries() -> dict[str, Entry]:
    """By name; of those with elements of any shape the arguments are named as the kernel names them."""
    found: dict[str, Entry] = {}
    for name, kernel in vars(kernels).items():
        if not is_kernel(kernel) or name.startswith("_"):
            continue
        parameters = list(inspect.signature(kernel.py_func).parameters)
        if kernel.read_only or kernel.written:
            arrays = tuple(k for k in parameters if k in CLEAN)
            found[name] = Entry(arrays, functools.partial(_call, name=name), kinds=(0,))
        else:
            arrays = tuple(k for k in parameters if k in ELEMENTWISE)
            found[name] = Entry(arrays, functools.partial(_call, name=name, elementwise=True), named=False, kinds=(0,))
    return found


def is_elementwise(entry: Entry) -> bool:
    return bool(entry.call.keywords.get("elementwise"))  # type: ignore[attr-defined]


def clean_kernel_arguments(entry: Entry) -> dict[str, np.ndarray]:
    arrays = dict(ELEMENTWISE if is_elementwise(entry) else CLEAN)
    name = entry.call.keywords["name"]  # type: ignore[attr-defined]
    if name == "parameter_jacobian":
        arrays["J"] = np.zeros((ROWS, 2, N))
    if name.startswith("gaussian_nll"):  # which has two outputs for a target
        arrays["T"] = arrays["T"][:, :1].copy()
    return {name: arrays[name] for name in entry.arguments}
