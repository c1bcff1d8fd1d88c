"""Where a peer overtakes ours: an n-n-n network over its width n and the batch size, one thread, float32.

Sigmoid layers, mean squared error, plain SGD. Each place is checked and timed as a problem of the race is.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ..trainer.extras import available
from .draw import with_rates
from .picture import draw_crossover
from .pinning import choose_cpus
from .problems import Event, Problem
from .process import SideError
from .race import QUICK, Outcome, Result, race
from .record import number, race_record
from .report import Table, better_of_each_peer, heats, markdown, markdown_verdict, ratio, show, times_ours, verdict
from .sides import OURS, Side

FORMAT = "tileprop-crossover-1"
WIDTHS = tuple(2**i for i in range(1, 10))
BATCHES = tuple(2**i for i in range(11))
DTYPE, THREADS = "float32", 1
# An epoch has as many batches as make so many multiply-adds, within limits.
MULTIPLY_ADDS = 20_000_000
MOST_ROWS = 4096
FEWEST_BATCHES = 4


def crossover_events(widths: Sequence[int], batches: Sequence[int]) -> list[Event]:
    """An event for each place of the grid, one batch size after the other."""
    return [Event(_problem(width, batch), DTYPE, THREADS) for batch in batches for width in widths]


def _problem(width: int, batch: int) -> Problem:
    problem = Problem(f"{width}x{batch}", (width, width, width), batch, batch)
    rows = min(MOST_ROWS, MULTIPLY_ADDS * 2 * batch // problem.flops_per_step)
    problem = replace(problem, n_rows=batch * max(FEWEST_BATCHES, rows // batch))
    return with_rates(problem)


def best_ratios(results: Sequence[Result]) -> dict[tuple[int, int], float]:
    """The best peer's time over ours for each (width, batch); NaN where no peer was timed."""
    ratios = {}
    for heat in heats(results):
        peers = [result for peer, result in better_of_each_peer(heat).items() if peer != OURS.peer and result.seconds]
        problem = heat[0].problem
        ratios[problem.sizes[0], problem.batch_size] = min((times_ours(result, heat) for result in peers), default=math.nan)
    return ratios


def ratio_table(ratios: dict[tuple[int, int], float]) -> Table:
    """A line for each batch size, a column for each width."""
    widths, batches = (list(dict.fromkeys(key[axis] for key in ratios)) for axis in (0, 1))
    rows = [[str(batch), *(ratio(ratios[width, batch]) for width in widths)] for batch in batches]
    return ["batch", *(f"width {width}" for width in widths)], rows


def run_crossover(widths: Sequence[int], batches: Sequence[int], peers: Sequence[Side], out: Path | None = None) -> int:
    """Exit status 0, or 1 where a side failed. out: a folder for crossover.json, .md and, with matplotlib, .png."""
    installed = [side for side in peers if side.version is not None]
    missing = [side for side in peers if side.version is None]
    cpus = {THREADS: choose_cpus(THREADS)}
    try:
        results = race(crossover_events(widths, batches), cpus, installed, QUICK, lambda line: print(line, file=sys.stderr))
    except SideError as error:
        print(f"tileprop bench: {error}", file=sys.stderr)
        return 1
    outcome = Outcome(results, [], missing, QUICK, {})
    ratios = best_ratios(results)
    show(ratio_table(ratios))
    print("\n".join(["", *verdict(outcome)]))
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        places = [{"width": width, "batch": batch, "ratio": number(found)} for (width, batch), found in ratios.items()]
        record = race_record(outcome) | {"format": FORMAT, "best_peer_time_over_ours": places}
        (out / "crossover.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
        (out / "crossover.md").write_text(crossover_page(ratios, outcome, installed), encoding="utf-8")
        if available("matplotlib"):
            draw_crossover(ratios, out / "crossover.png")
    return 1 if any(result.error for result in results) else 0


def crossover_page(ratios: dict[tuple[int, int], float], outcome: Outcome, peers: Sequence[Side]) -> str:
    """The chart as a Markdown page."""
    parts = [
        "# Crossover",
        f"The time of the best of {', '.join(side.label for side in peers)} over ours: an n-n-n network of sigmoid layers, "
        f"mean squared error, plain SGD, {DTYPE}, {THREADS} thread. Below 1 ours is slower.",
        markdown(ratio_table(ratios)),
        markdown_verdict(outcome),
    ]
    return "\n\n".join(parts) + "\n"
