"""The race's results as tables, on the terminal and in Markdown."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence

from ..trainer.extras import available
from .draw import ranges
from .problems import Event
from .race import CHECK_STEPS, TOLERANCE, Outcome, Result
from .sides import OURS

Table = tuple[list[str], list[list[str]]]


def duration(seconds: float) -> str:
    """Three digits and a unit."""
    if math.isnan(seconds):
        return "-"
    units = (("ns", 1e-9), ("us", 1e-6), ("ms", 1e-3), ("s", 1.0))
    # The first unit that leaves fewer than four digits.
    number, unit = next(
        (number, unit) for unit, size in units if (number := float(f"{seconds / size:.3g}")) < 1000 or unit == "s"
    )
    digits = 0 if number >= 100 else 1 if number >= 10 else 2
    return f"{number:.{digits}f} {unit}"


def ratio(factor: float) -> str:
    return "-" if math.isnan(factor) else f"{factor:.2f}x" if factor < 10 else f"{factor:.0f}x"


def percent(share: float) -> str:
    return "-" if math.isnan(share) else f"{100 * share:.0f}%" if share >= 0.1 else f"{100 * share:.1f}%"


def heats(results: Sequence[Result]) -> list[list[Result]]:
    """Results of one event together, ours first."""
    groups: dict[Event, list[Result]] = {}
    for result in results:
        groups.setdefault(result.event, []).append(result)
    return [sorted(group, key=lambda result: result.side != OURS) for group in groups.values()]


def better_of_each_peer(heat: Sequence[Result]) -> dict[str, Result]:
    """The fastest result of each library; one that was not timed where there is no other."""
    best: dict[str, Result] = {}
    for result in heat:
        present = best.get(result.side.peer)
        if present is None or math.isnan(present.fastest) or result.fastest < present.fastest:
            best[result.side.peer] = result
    return best


def times_ours(result: Result, heat: Sequence[Result]) -> float:
    """Its time over ours, fastest rounds: above 1 ours is faster. NaN where it was not timed."""
    return result.fastest / heat[0].fastest


def summary_table(outcome: Outcome, results: Sequence[Result], *, kinds: bool = False) -> Table:
    """One line for each event: time per step, and in brackets its ratio to ours. kinds: tell what is computed."""
    peers = list(dict.fromkeys(result.side.peer for result in results if result.side != OURS))
    grouped = heats(results)
    ours = {heat[0].event: heat[0] for heat in grouped}
    both = any(event._replace(threads=1) in ours for event in ours if event.threads > 1)
    rows = []
    for heat in grouped:
        first, best = heat[0], better_of_each_peer(heat)
        row = [str(first.problem), *([first.problem.kind] if kinds else []), first.dtype, str(first.threads)]
        row += [duration(first.fastest / first.problem.steps_per_epoch), f"{first.gflops:.3g}", percent(outcome.share(first))]
        row += [_peer_cell(best[peer], heat) if peer in best else "-" for peer in peers]
        if both:
            single = ours.get(first.event._replace(threads=1), first)
            row.append("" if single is first else ratio(single.fastest / first.fastest))
        rows.append(row)
    header = ["problem", *(["computes"] if kinds else []), "dtype", "threads", OURS.label, "GFLOP/s", "of peak", *peers]
    return header + (["ours, speed with 2 threads over 1"] if both else []), rows


def _peer_cell(result: Result, heat: Sequence[Result]) -> str:
    if not result.seconds:
        return "cannot" if result.cannot else "not timed"
    return f"{duration(result.fastest / result.problem.steps_per_epoch)} ({ratio(times_ours(result, heat))})"


def detail_table(outcome: Outcome, results: Sequence[Result]) -> Table:
    """One line for each side in each event."""
    header = ["problem", "dtype", "threads", "side", "step, fastest", "step, median", "epoch, fastest", "GFLOP/s", "of peak"]
    header += ["time / ours", "first use", "weights differ by"]
    rows = []
    for heat in heats(results):
        for result in heat:
            steps = result.problem.steps_per_epoch
            row = [result.problem.name, result.dtype, str(result.threads), result.side.label]
            if result.seconds:
                row += [duration(result.fastest / steps), duration(result.median / steps), duration(result.fastest)]
                row += [f"{result.gflops:.3g}", percent(outcome.share(result)), ratio(times_ours(result, heat))]
            else:
                row += ["cannot" if result.cannot else "not timed", "", "", "", "", ""]
            row.append(duration(result.first_seconds))
            row.append("-" if math.isnan(result.difference) else f"{result.difference:.1e}")
            rows.append(row)
    return header, rows


def losses(results: Sequence[Result]) -> list[str]:
    """Where a peer is faster than ours, the worst first."""
    lost = []
    for heat in heats(results):
        for peer, result in better_of_each_peer(heat).items():
            factor = times_ours(result, heat)
            if factor < 1:
                lost.append((factor, f"{_event(result)}: {peer} needs {ratio(factor)} our time"))
    return [line for _, line in sorted(lost)]


def errors(results: Sequence[Result]) -> list[str]:
    """Why sides were not timed, each reason once."""
    return list(dict.fromkeys(f"{_event(result)}: {result.error}" for result in results if result.error))


def refusals(results: Sequence[Result]) -> list[str]:
    """What sides cannot compute, each reason once, with the problems."""
    problems: dict[str, list[str]] = {}
    for result in results:
        if result.cannot:
            problems.setdefault(f"{result.side.label}: {result.cannot}", []).append(result.problem.name)
    return [f"{reason} ({', '.join(dict.fromkeys(names))})" for reason, names in problems.items()]


def _event(result: Result) -> str:
    return f"{result.problem.name} {result.dtype}, {result.threads} thread{'s' if result.threads > 1 else ''}"


def verdict(outcome: Outcome) -> list[str]:
    """What to read after the table: losses, sides that were not timed, peers that are not installed."""
    results = [*outcome.results, *outcome.drawn]
    lost = losses(results)
    lines = ["Ours is slower here:", *(f"  {line}" for line in lost)] if lost else ["No timed peer is faster than ours."]
    for title, entries in (("Not timed:", errors(results)), ("Cannot:", refusals(results))):
        lines += [title, *(f"  {entry}" for entry in entries)] if entries else []
    lines += [f"Missing: {side.label} (pip install {side.distribution})" for side in outcome.missing]
    return lines


def method(outcome: Outcome) -> str:
    """How it was measured, in a paragraph."""
    rates = ", ".join(f"{rate:.0f} ({dtype}, {threads})" for (dtype, threads), rate in outcome.rates.items())
    return (
        f"Time per step of a whole epoch, batches in the order of the rows: sigmoid layers, mean squared error and plain SGD; "
        f"chains has tanh layers, identity outputs and Adam. The fastest of {outcome.pace.rounds} rounds that the sides take "
        f"in turns, each in a process of its own on as many processors as it has threads. Timed only after an epoch and "
        f"{CHECK_STEPS} steps from the same weights gave the same weights as ours, within {TOLERANCE['float32']:g} (float32) "
        f"or {TOLERANCE['float64']:g} (float64) of the distance moved. Ours is `Network.fit`, losses included; NumPy, PyTorch "
        f"and JAX take no losses. scikit-learn has identity outputs in place of sigmoid ones, and in Adam adds epsilon before "
        f"the bias correction: it is compared with ours trained so. First use is the time to build a side and train its first "
        f"epoch, compilation included; ours loads its kernels from the disk cache once they are there. GFLOP/s count "
        f"2 B (3 W - n0 n1) operations a step. Peak is the processor's own rate of multiply-adds from registers, in GFLOP/s "
        f"(dtype, threads): {rates or 'not measured'}; where some side was faster, that side's."
    )


def plain(table: Table) -> str:
    """Columns aligned with spaces."""
    header, rows = table
    widths = [max(len(row[i]) for row in (header, *rows)) for i in range(len(header))]
    lines = [header, ["-" * width for width in widths], *rows]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines)


def markdown(table: Table) -> str:
    header, rows = table
    cells = [header, ["---"] * len(header), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


def markdown_verdict(outcome: Outcome) -> str:
    """The verdict as lists; of each error its first line."""
    lines = [line.splitlines()[0] for line in verdict(outcome)]
    return "\n".join(f"- {line.strip()}" if line.startswith("  ") else f"\n{line}\n" for line in lines).strip()


def markdown_report(outcome: Outcome, machine: str, versions: dict[str, str]) -> str:
    """The whole race as a Markdown page."""
    parts = [
        "# The race",
        f"{machine}. {', '.join(f'{name} {version}' for name, version in versions.items())}.",
        method(outcome),
        "In brackets: the peer's time over ours.",
        markdown(summary_table(outcome, outcome.results)),
    ]
    if outcome.drawn:
        parts += ["## Drawn problems", ranges(), markdown(summary_table(outcome, outcome.drawn, kinds=True))]
    parts += [
        "## Losses",
        markdown_verdict(outcome),
        "## Every side",
        markdown(detail_table(outcome, [*outcome.results, *outcome.drawn])),
    ]
    return "\n\n".join(parts) + "\n"


def show(table: Table) -> None:
    """Print a table: with rich on a terminal, where it is installed, otherwise as plain text."""
    if not (sys.stdout.isatty() and available("rich")):
        print(plain(table))
        return
    from rich.console import Console
    from rich.table import Table as RichTable

    header, rows = table
    drawn = RichTable()
    for name in header:
        drawn.add_column(name)
    for row in rows:
        drawn.add_row(*row)
    Console().print(drawn)
