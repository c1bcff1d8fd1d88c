"""Run the micro benchmarks, and print what each kernel takes for an element."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from ..trainer.errors import MissingExtraError
from ..trainer.extras import available
from .report import Table, duration, show

BENCHMARKS = Path(__file__).with_name("micro.py")


def run_micro(only: str | None = None, out: Path | None = None) -> int:
    """pytest's exit status: 0 where every kernel agreed with NumPy and was timed. `out`: a folder for micro.json."""
    if not (available("pytest") and available("pytest_benchmark")):
        raise MissingExtraError("the micro benchmarks need pytest-benchmark: pip install 'tileprop[test]'")
    import pytest

    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) if out is None else out
        folder.mkdir(parents=True, exist_ok=True)
        record = folder / "micro.json"
        arguments = [str(BENCHMARKS), "--import-mode=importlib", "-q", "--benchmark-enable", "--benchmark-quiet"]
        arguments += ["--benchmark-warmup=on", "--benchmark-max-time=0.2", f"--benchmark-json={record}"]
        # The settings of a project that we happen to stand in are not for us.
        arguments += ["--override-ini=addopts=", f"--rootdir={BENCHMARKS.parent}", "-p", "no:cacheprovider"]
        status = int(pytest.main(arguments + (["-k", only] if only else [])))
        if record.is_file() and record.stat().st_size:
            show(micro_table(json.loads(record.read_text(encoding="utf-8"))))
    return status


def micro_table(record: dict[str, Any]) -> Table:
    """A line for each benchmark in pytest-benchmark's JSON, in the order of its groups."""
    rows = []
    for benchmark in record["benchmarks"]:
        stats = benchmark["stats"]
        row = [benchmark["group"], benchmark["name"].removeprefix("test_")]
        row += [duration(stats["min"]), duration(stats["median"]), str(stats["rounds"] * stats["iterations"])]
        rows.append([*row, f"{benchmark['extra_info']['ns_per_element']:.4f}"])
    header = ["group", "benchmark", "fastest", "median", "calls", "ns per element"]
    return header, sorted(rows, key=lambda row: row[0])
