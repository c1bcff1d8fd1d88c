"""`tileprop bench race`: which events are raced, and what is printed and written of them."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from ..trainer.extras import available
from .draw import drawn_events, ranges
from .fma_rate import fma_rates
from .picture import draw_race
from .pinning import choose_cpus
from .problems import PROBLEMS, QUICK_PROBLEMS, events
from .process import SideError
from .race import FULL, QUICK, Outcome, race
from .record import machine, race_record, versions
from .report import detail_table, markdown_report, show, summary_table, verdict
from .sides import PEERS, Side

OK, FAILED, REFUSED = 0, 1, 2


def run_race(
    problems: Sequence[str] | None,
    dtype: str | None,
    threads: Sequence[int],
    draw: int,
    peers: Sequence[str],
    quick: bool,
    out: Path | None,
) -> int:
    """Race, print the tables, and write them to `out`.

    Exit status 0; 1 where a side failed or computes something else; 2 where nothing was timed. problems, dtype: None for
    those of a quick or of a full race. draw: how many drawn problems are raced as well.
    """
    names = problems or (QUICK_PROBLEMS if quick else PROBLEMS)
    dtype = dtype or ("float32" if quick else "both")
    dtypes = ("float32", "float64") if dtype == "both" else (dtype,)
    pace = QUICK if quick else FULL
    sides = [PEERS[name] for name in peers]
    installed = [side for side in sides if side.version is not None]
    missing = [side for side in sides if side.version is None]
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
    chosen = events([PROBLEMS[name] for name in names], dtypes, dict.fromkeys(threads))
    drawn = drawn_events(draw)
    try:
        cpus = {number: choose_cpus(number) for number in dict.fromkeys(event.threads for event in (*chosen, *drawn))}
    except ValueError as error:
        print(f"tileprop bench: {error}", file=sys.stderr)
        return REFUSED
    if drawn:
        _say(ranges())
    _say("measuring the processor's rate of multiply-adds")
    rates = fma_rates(cpus)
    try:
        results = race([*chosen, *drawn], cpus, installed, pace, say=_say)
    except SideError as error:
        print(f"tileprop bench: {error}", file=sys.stderr)
        return FAILED
    taken = {event.problem for event in chosen}
    outcome = Outcome(
        [result for result in results if result.problem in taken],
        [result for result in results if result.problem not in taken],
        missing,
        pace,
        rates,
    )
    show(detail_table(outcome, results))
    print()
    show(summary_table(outcome, outcome.results))
    if drawn:
        print(f"\n{ranges()}\n")
        show(summary_table(outcome, outcome.drawn, kinds=True))
    print("\n".join(["", *verdict(outcome)]))
    if out is not None:
        _write(out, outcome, installed)
    return FAILED if any(result.error for result in results) else OK


def _write(folder: Path, outcome: Outcome, installed: list[Side]) -> None:
    (folder / "race.json").write_text(json.dumps(race_record(outcome), indent=1) + "\n", encoding="utf-8")
    here = machine()
    place = f"{here['system']} {here['machine']}, processor {here['processor']}, {here['cpus']} of them"
    (folder / "race.md").write_text(markdown_report(outcome, place, versions(installed)), encoding="utf-8")
    if available("matplotlib"):
        draw_race(outcome.results, outcome.drawn, folder / "race.png")


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
