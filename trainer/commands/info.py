"""`tileprop info`: what a model is, or what this installation is."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..runs.report import print_table
from ..runs.results import print_evaluations

if TYPE_CHECKING:
    from ..runs.record import RunRecord

EXAMPLES = """\
examples:
  tileprop info                 versions, processor, cache
  tileprop info runs/digits     a run: network, columns, classes, scaling, results
  tileprop info net.safetensors
  tileprop info --fingerprint   what the bits of results depend on, and a hash of it
"""
# Features that decide about the speed of the kernels, as LLVM names them.
CPU_FEATURES = ("sse4.2", "avx", "avx2", "fma", "avx512f", "avx512vl", "neon", "sve")
# Columns whose scaling is shown.
MOST_COLUMNS = 12


def add_info_command(subparsers: Any) -> None:
    """Declare the command and its options."""
    parser = subparsers.add_parser(
        "info",
        help="show a model, or versions and cache",
        description="Show the model and results of a run folder or a model file. Without one: versions, processor and cache.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("model", metavar="MODEL", nargs="?", help="a run folder or a model file")
    parser.add_argument(
        "--fingerprint",
        action="store_true",
        help="show what the exact bits of a result depend on; for a run also its data and settings",
    )


def run_info(args: argparse.Namespace) -> int:
    """Print the tables."""
    if args.fingerprint:
        _show_fingerprint(None if args.model is None else Path(args.model))
    elif args.model is None:
        print_table("tileprop", _installation())
    else:
        _show_model(Path(args.model))
    return 0


def _installation() -> list[tuple[str, str]]:
    from ...kernels.compiler.cache import cache_folder
    from ...kernels.compiler.jit import JIT_DISABLED
    from ...kernels.compiler.processor import host_features, host_name
    from ..versions import versions

    features = host_features()
    folder = cache_folder()
    return [
        *((name, version or "not installed") for name, version in versions().items()),
        ("dtypes", "float32, float64"),
        ("processor", host_name()),
        ("vectors", " ".join(name for name in CPU_FEATURES if name in features) or "none of " + " ".join(CPU_FEATURES)),
        ("jit", "off (NUMBA_DISABLE_JIT)" if JIT_DISABLED else "on"),
        ("cache", "off" if folder is None else str(folder)),
    ]


def _show_model(run: Path) -> None:
    from ..files import load_network
    from ..network import Network
    from ..runs.finding import find_model, find_record
    from ..runs.record import MODEL
    from ..runs.trained_model import TrainedModel

    record = find_record(run)
    if record is not None and record.can_go_on and not (run / MODEL).exists():
        _show_run(record, run)
        return
    path = find_model(run)
    network, arrays, notes = load_network(Network, path)
    plan = network.plan
    rows = [
        ("sizes", "-".join(map(str, plan.sizes))),
        ("activations", ", ".join(plan.activations)),
        ("loss", plan.loss),
        ("biases", "yes" if plan.bias else "no"),
        ("dtype", network.dtype.name),
        ("parameters", f"{plan.n_parameters:,}"),
    ]
    if not notes:
        print_table(str(path), [*rows, ("columns", "not known: the file holds a network alone")])
        return
    model = TrainedModel.from_parts(path, network, arrays, notes)
    rows += [("ensemble", f"{len(model.members)} networks, whose mean is predicted")] if model.others else []
    rows += [("task", model.task), ("target", model.target_name)]
    rows += [("classes", ", ".join(model.class_names))] if model.class_names else []
    print_table(str(path), rows)
    _show_columns(model)
    if record is not None:
        _show_run(record, run)


def _show_columns(model: Any) -> None:
    if model.takes_table:
        columns: list[tuple[str, ...]] = [(c.name, c.kind, c.treatment, f"{c.missing:.1%}") for c in model.recipe.report()]
        print_table("Columns", _first(columns), ("column", "kind", "treatment", "missing"))
    else:
        scaling = model.recipe.scaling
        columns = [
            (n, f"{m:.6g}", f"{s:.6g}") for n, m, s in zip(model.feature_names, scaling.mean, scaling.scale, strict=True)
        ]
        print_table("Scaling", _first(columns), ("column", "mean", "scale"))
    if model.target_scaling is not None:
        scaling = model.target_scaling
        targets = zip(model.target_names, scaling.mean, scaling.scale, strict=True)
        print_table("Target", [(name, f"{m:.6g}", f"{s:.6g}") for name, m, s in targets], ("target", "mean", "scale"))


def _first(columns: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    more = len(columns) - MOST_COLUMNS
    return columns if more <= 0 else [*columns[:MOST_COLUMNS], (f"and {more} more", *[""] * (len(columns[0]) - 1))]


def _show_run(record: RunRecord, run: Path) -> None:
    results = {} if record.results is None else vars(record.results)
    rows = [("state", _state(record, run)), ("started", record.started), ("ended", record.ended)]
    rows += [(name, _figures(value)) for name, value in results.items() if value is not None and name != "evaluations"]
    print_table("Run", [(name, value) for name, value in rows if value is not None])
    print_evaluations((record.results and record.results.evaluations) or {})


def _state(record: RunRecord, run: Path) -> str:
    from ..runs.lock import at_work
    from ..runs.record import go_on

    if at_work(run):
        return "training now"
    return f"{record.state}; {go_on(run)}" if record.can_go_on else record.state


def _figures(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{name} {_figures(v)}" for name, v in value.items())
    if isinstance(value, tuple):
        return ", ".join(map(_figures, value))
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _show_fingerprint(run: Path | None) -> None:
    from ..fingerprint import environment, fingerprint
    from ..runs.finding import find_run

    here, record = environment(), None if run is None else find_run(run)
    print_table("What the bits of a result depend on", [*here.items(), ("SHA-256", fingerprint(here))])
    if record is not None:
        kept = dataclasses.asdict(record.fingerprints)
        kept["environment"] += " (as here)" if kept["environment"] == fingerprint(here) else " (not as here)"
        print_table(str(run), list(kept.items()))
