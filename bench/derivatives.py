"""Derivatives other than the gradient beside PyTorch's `torch.func` (eager) and JAX (jitted), on one thread each.

Quantities: the mean loss's gradient to the inputs; Jacobians of the outputs, row by row, to inputs and to parameters; gradients
of each row's loss; the Hessian times a vector. Ours are timed twice: a kernel with memory of the caller's, and `Network`'s
method, which checks its arguments and allocates its result. Every side is a process of its own, and they take turns; a side
is timed only where its result is ours. What is printed stands in docs/benchmarks.md.
"""

from __future__ import annotations

import json
import math
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .pinning import choose_cpus
from .problems import PROBLEMS, Problem
from .process import SideError, SideProcess
from .race import Pace
from .record import machine, number, versions
from .report import Table, duration, markdown, ratio
from .sides import Side
from .task import Task, write_arrays

QUANTITIES = ("input_gradient", "input_jacobian", "parameter_jacobian", "sample_gradients", "hessian_vector")
NAMES = ("small", "mid")
BATCHES = (1, 10, 100, 1000)
FULL, QUICK = Pace(rounds=11, round_seconds=0.03), Pace(rounds=3, round_seconds=0.01)
# Largest difference of two sides' results, as a part of the largest entry.
TOLERANCE = {"float32": 1e-4, "float64": 1e-10}
# Of results of many rows, so many of the first and of the last are compared.
COMPARED = 16


def _side(name: str, label: str, peer: str, distribution: str) -> Side:
    return Side(name, label, peer, f"{__package__}.derivatives_{name}", distribution)


OURS = _side("kernels", "kernel", "tileprop", "tileprop")
METHOD = _side("network", "Network", "tileprop", "tileprop")
PEERS = {"torch": _side("torch", "PyTorch", "PyTorch", "torch"), "jax": _side("jax", "JAX", "JAX", "jax")}


class Heat(NamedTuple):
    """What is computed: a quantity of a problem's network for a batch of rows."""

    problem: Problem
    quantity: str
    dtype: str

    def __str__(self) -> str:
        return f"{self.quantity} of {self.problem}, {self.dtype}"


@dataclass
class Result:
    """seconds: of one computation, one entry for each round. difference: from ours. error: why it was not timed."""

    side: Side
    seconds: list[float] = field(default_factory=list)
    difference: float = math.nan
    error: str = ""

    @property
    def fastest(self) -> float:
        return min(self.seconds, default=math.nan)

    @property
    def median(self) -> float:
        return float(np.median(self.seconds)) if self.seconds else math.nan


Results = dict[Heat, list[Result]]


def compared(rows: np.ndarray) -> np.ndarray:
    """What is compared of a result: a vector, or of rows some of the first and of the last."""
    return rows if rows.ndim == 1 or len(rows) <= 2 * COMPARED else np.concatenate([rows[:COMPARED], rows[-COMPARED:]])


def joined(arrays: list[np.ndarray], task: Task) -> np.ndarray:
    """What is compared of arrays (..., n_in, n_out), (..., n_out) for each layer: (..., n_parameters)."""
    if task.quantity == "hessian_vector":
        return np.concatenate([array.ravel() for array in arrays])
    outputs = (task.sizes[-1],) if task.quantity == "parameter_jacobian" else ()
    return np.concatenate([(rows := compared(array)).reshape(len(rows), *outputs, -1) for array in arrays], axis=-1)


def direction(theta: np.ndarray) -> np.ndarray:
    """The vector that a Hessian is multiplied by."""
    return np.random.default_rng(2).standard_normal(theta.size).astype(theta.dtype)


def outputs_of(task: Task, activations: dict[str, Callable[[Any], Any]]) -> Callable[[Any, Any], Any]:
    """Outputs of layers (W, b) for inputs x, in a peer's arrays; activations: the peer's."""
    last = len(task.sizes) - 2

    def outputs(layers: Any, x: Any) -> Any:
        for layer, (W, b) in enumerate(layers):
            x = activations.get(task.activation if layer < last else task.output_activation, lambda z: z)(x @ W + b)
        return x

    return outputs


def heats(names: Iterable[str], quantities: Sequence[str], batches: Sequence[int], dtypes: Sequence[str]) -> list[Heat]:
    problems = [replace(PROBLEMS[name], batch_size=batch, n_rows=batch) for name in names for batch in batches]
    return [Heat(problem, quantity, dtype) for dtype in dtypes for quantity in quantities for problem in problems]


def measure(chosen: Sequence[Heat], peers: Sequence[Side], pace: Pace) -> Results:
    """Results of all sides in every heat, ours first. Raises SideError where one of ours fails."""
    results: Results = {}
    cpus = choose_cpus(1)
    with tempfile.TemporaryDirectory(prefix="tileprop-derivatives-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        for dtype in dict.fromkeys(heat.dtype for heat in chosen):  # JAX's 64-bit switch is global
            with ExitStack() as stack:
                processes = [stack.enter_context(SideProcess(side, 1, cpus, folder)) for side in (OURS, METHOD, *peers)]
                for process in processes:
                    process.ask("open", module=process.side.module)
                for heat in chosen:
                    if heat.dtype == dtype:
                        _say(str(heat))
                        results[heat] = _race(heat, processes, folder, pace)
    return results


def _race(heat: Heat, processes: Sequence[SideProcess], folder: Path, pace: Pace) -> list[Result]:
    problem, real = heat.problem, np.dtype(heat.dtype)
    write_arrays(folder, *problem.data(real), problem.initial_theta(real))
    results, counts, reference = [], {}, np.empty(0)
    for process in processes:
        result = Result(process.side)
        results.append(result)
        try:
            process.ask("build", folder=str(folder), threads=1, quantity=heat.quantity, **problem.settings)
            process.ask("train", epochs=1)  # compiles
            process.ask("save", path=str(folder / "result.npy"))
            found = np.load(folder / "result.npy")
            reference = found if process.side == OURS else reference
            result.difference = difference(found, reference)
            if not result.difference <= TOLERANCE[heat.dtype]:
                raise SideError(f"{process.side.label}: another result than ours ({result.difference:.1e} apart), so not timed")
            warm = min(process.ask("train", epochs=1)["seconds"] for _ in range(2))
            counts[process] = max(1, math.ceil(pace.round_seconds / max(warm, 1e-6)))
        except SideError as error:
            if process.side in (OURS, METHOD):
                raise
            result.error = str(error)
    ready = [(process, result) for process, result in zip(processes, results, strict=True) if not result.error]
    for turn in range(pace.rounds):
        first = turn % len(ready)
        for process, result in ready[first:] + ready[:first]:
            result.seconds.append(process.ask("train", epochs=counts[process])["seconds"] / counts[process])
    return results


def difference(found: np.ndarray, reference: np.ndarray) -> float:
    """Infinite where shapes or dtypes differ, or a number is not finite."""
    if found.shape != reference.shape or found.dtype != reference.dtype or not np.isfinite(found).all():
        return math.inf
    apart = float(np.abs(found.astype(np.float64) - reference).max())
    return apart / float(np.abs(reference).max()) if apart else 0.0


def table(results: Results) -> Table:
    """A line for each heat. A peer's time, and its ratio to our kernel's: of the fastest rounds, and of the medians."""
    peers = list(next(iter(results.values())))[2:]
    header = ["quantity", "problem", "dtype", "batch", OURS.label, METHOD.label, *(result.side.label for result in peers)]
    lines = []
    for heat, (kernel, method, *others) in results.items():
        sizes = "-".join(map(str, heat.problem.sizes))
        line = [heat.quantity.replace("_", " "), f"{heat.problem.name} {sizes}", heat.dtype, str(heat.problem.batch_size)]
        line += [duration(kernel.fastest), duration(method.fastest)]
        for other in others:
            times = f"{ratio(other.fastest / kernel.fastest)}, {ratio(other.median / kernel.median)}"
            line.append("not timed" if other.error else f"{duration(other.fastest)} ({times})")
        lines.append(line)
    return header, lines


def summary(results: Results) -> Table:
    """A line for each quantity, problem and dtype, a column for each batch: our kernel's time, and each peer's over it."""
    batches = list(dict.fromkeys(heat.problem.batch_size for heat in results))
    names = list(dict.fromkeys(heat.problem.name for heat in results))
    lines: dict[tuple[str, str, str], dict[int, str]] = {}
    for heat in sorted(results, key=lambda heat: (QUANTITIES.index(heat.quantity), names.index(heat.problem.name), heat.dtype)):
        kernel, _, *peers = results[heat]
        ratios = [f"{peer.side.label} {ratio(peer.fastest / kernel.fastest)}" for peer in peers if not peer.error]
        key = heat.quantity.replace("_", " "), f"{heat.problem.name} {'-'.join(map(str, heat.problem.sizes))}", heat.dtype
        lines.setdefault(key, {})[heat.problem.batch_size] = ", ".join([duration(kernel.fastest), *ratios])
    header = ["quantity", "problem", "dtype", *(f"batch {batch}" for batch in batches)]
    return header, [[*key, *(cells.get(batch, "-") for batch in batches)] for key, cells in lines.items()]


def verdict(results: Results) -> list[str]:
    """Where a peer's fastest round is faster than the kernel's, or than the method's; who was not timed."""
    slower = [
        f"{heat}: {other.side.label} needs {ratio(other.fastest / ours.fastest)} the {ours.side.label}'s time"
        for heat, (kernel, method, *others) in results.items()
        for other in others
        for ours in (kernel, method)
        if other.fastest < ours.fastest
    ]
    errors = [f"{heat}: {result.error.splitlines()[0]}" for heat, found in results.items() for result in found if result.error]
    lines = ["Ours is slower here:", *slower] if slower else ["No timed peer is faster than ours."]
    return [*lines, *(["Not timed:", *errors] if errors else []), surcharge(results)]


def surcharge(results: Results) -> str:
    """What the method costs beside the kernel, in the heats of the fewest rows."""
    fewest = min(heat.problem.batch_size for heat in results)
    more = [
        method.fastest - kernel.fastest for heat, (kernel, method, *_) in results.items() if heat.problem.batch_size == fewest
    ]
    return f"{METHOD.label}'s methods take {duration(float(np.median(more)))} more than the kernels at batch {fewest} (median)."


def method(pace: Pace) -> str:
    """How it was measured, in a paragraph."""
    return (
        f"One thread each, fastest of {pace.rounds} rounds that the sides take in turns. In brackets a peer's time over our "
        "kernel's: of the fastest rounds, and of the median ones. PyTorch is eager `torch.func`; JAX is jitted, warm, and "
        "waited for; both leave derivatives to the parameters in an array for each layer. The kernel writes to memory that it "
        "is given; `Network` checks its arguments and allocates. Timed only where all results agree, to "
        f"{TOLERANCE['float32']:g} (float32) or {TOLERANCE['float64']:g} (float64) of the largest entry."
    )


def run_derivatives(
    names: Sequence[str],
    quantities: Sequence[str],
    batches: Sequence[int],
    dtypes: Sequence[str],
    peers: Sequence[Side],
    quick: bool,
    out: Path | None,
) -> int:
    """Exit status 0, or 1 where a side failed or has another result."""
    installed, pace = [side for side in peers if side.version is not None], QUICK if quick else FULL
    try:
        results = measure(heats(names, quantities, batches, dtypes), installed, pace)
    except SideError as error:
        print(f"tileprop bench: {error}", file=sys.stderr)
        return 1
    lines = [*verdict(results), *(f"Missing: {side.label}" for side in peers if side not in installed)]
    print(shown := "\n\n".join([markdown(summary(results)), "\n".join(f"- {line}" for line in lines)]))
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        page = ["# Derivatives", method(pace), shown, "## Every side", markdown(table(results))]
        (out / "derivatives.md").write_text("\n\n".join(page) + "\n", encoding="utf-8")
        (out / "derivatives.json").write_text(json.dumps(record(results, installed), indent=1) + "\n", encoding="utf-8")
    return 1 if any(result.error for found in results.values() for result in found) else 0


def record(results: Results, peers: Sequence[Side]) -> dict[str, Any]:
    """Every round's time, for json.dump."""
    entries = [
        {
            "quantity": heat.quantity,
            "problem": heat.problem.name,
            "sizes": heat.problem.sizes,
            "batch": heat.problem.batch_size,
            "dtype": heat.dtype,
            "side": result.side.name,
            "difference": number(result.difference),
            "seconds": result.seconds,
            "error": result.error or None,
        }
        for heat, found in results.items()
        for result in found
    ]
    return {"machine": machine(), "versions": versions(peers), "tolerance": TOLERANCE, "results": entries}


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
