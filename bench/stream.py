"""An epoch over Parquet files that are streamed, beside the same rows in memory: time, memory, and the same bits.

Each run is a process of its own. Nothing is reported before all of them have come to the same parameters.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .stream_data import rows_for, write_files
from .stream_run import BATCH_SIZE, OPTIMIZER, SIZES

LIMIT = 1024.0  # MiB of resident memory
MOST_SLOWER = 1.15


def run_stream(gib: float, folder: Path | None, memory: int, prefetch: Sequence[int], rounds: int, threads: int | None) -> int:
    """Write the files, run each way in turns, and print what came out. memory: of the source, in MiB."""
    with tempfile.TemporaryDirectory() as temporary:
        paths = [str(path) for path in write_files(folder or Path(temporary), rows_for(gib))]
        size = sum(os.path.getsize(path) for path in paths) / 2**30
        print(
            f"{'-'.join(map(str, SIZES))}, {OPTIMIZER}, batches of {BATCH_SIZE}: one epoch over {gib:g} GiB of rows, "
            f"{size:.2f} GiB in {len(paths)} Parquet files"
        )
        given: dict[str, Any] = {"paths": paths, "memory": memory << 20, "options": {"n_threads": threads}}
        ways = {
            f"streamed, {ahead} ahead": {"way": "streamed", **given, "prefetch": ahead, "resume": False} for ahead in prefetch
        }
        ways["in memory"] = {"way": "memory", **given}
        results: dict[str, list[dict[str, Any]]] = {name: [] for name in ways}
        for _ in range(rounds):
            for name, way in ways.items():
                results[name].append(_answer(_started(way)))
        killed = {**ways[f"streamed, {prefetch[-1]} ahead"], "options": {**given["options"], "checkpoint": f"{temporary}/fit"}}
        results["killed and resumed"] = [killed_and_resumed(killed, results["in memory"][0]["seconds"])]
    return _shown(results)


def killed_and_resumed(way: dict[str, Any], seconds: float) -> dict[str, Any]:
    """A run that is killed somewhere within its epoch, which takes so long, and goes on in another process."""
    process = _started(way)
    checkpoint = Path(way["options"]["checkpoint"])
    while not checkpoint.exists() and process.poll() is None:
        time.sleep(0.1)
    time.sleep(random.uniform(0.0, 0.5 * seconds))
    process.kill()
    process.communicate()
    if process.returncode == 0:
        raise RuntimeError("the run had ended before it was killed; give more rows")
    return _answer(_started({**way, "resume": True}))


def _started(way: dict[str, Any]) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", f"{__package__}.stream_run", json.dumps(way)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def _answer(process: subprocess.Popen[str]) -> dict[str, Any]:
    out, _ = process.communicate()
    if process.returncode:
        raise RuntimeError(f"a run ended with status {process.returncode}; its messages are above")
    answer: dict[str, Any] = json.loads(out)
    return answer


def _shown(results: dict[str, list[dict[str, Any]]]) -> int:
    """Print a line for each way; status 1 for other bits, too much memory, or too much time."""
    hashes = {name: {run["sha256"] for run in runs} for name, runs in results.items()}
    if len(set.union(*hashes.values())) > 1:
        for name, found in hashes.items():
            print(f"  {name:22} {' '.join(sorted(found))}")
        print("  not the same parameters, so no times")
        return 1
    print(f"  all end at the parameters and loss with SHA-256 {next(iter(hashes['in memory']))[:16]}...")
    fastest = min(run["seconds"] for run in results["in memory"])
    status = 0
    print(
        f"  {'':22} {'epoch':>9}  {'ratio':>5}  {'reading':>8}  {'decoding':>8}  {'waiting':>8}  {'training':>8}  resident, MiB"
    )
    for name, runs in results.items():
        best = min(runs, key=lambda run: run["seconds"])
        line = f"  {name:22} {best['seconds']:7.2f} s  "
        if "samples" not in best:
            print(f"{line}{1:5.2f}")
            continue
        ratio, samples = best["seconds"] / fastest, best["samples"]
        half = len(samples) // 2
        if "resumed" not in name:
            line += f"{ratio:5.2f}  "
            line += "  ".join(f"{best[part]:6.2f} s" for part in ("reading", "decoding", "waiting"))
            line += f"  {best['seconds'] - best['waiting']:6.2f} s"
            status |= ratio > MOST_SLOWER and name != "streamed, 0 ahead"
        peak = max(max(run["samples"]) for run in runs)
        print(f"{line}  at most {peak:.0f}, first half {max(samples[:half]):.0f}, second half {max(samples[half:]):.0f}")
        status |= peak > LIMIT
    return int(status)
