"""The race's results as tables, on the terminal and in Markdown."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence

from ..trainer.extras import available
from .race import CHECK_EPOCHS, TOLERANCE, Pace, Result
from .sides import OURS, Side

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


def heats(results: Sequence[Result]) -> list[list[Result]]:
    """Results of one problem in one dtype together, ours first."""
    groups: dict[tuple[str, str], list[Result]] = {}
    for result in results:
        groups.setdefault((result.problem.name, result.dtype), []).append(result)
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


def summary_table(results: Sequence[Result]) -> Table:
    """One line for each problem: time per step, and in brackets its ratio to ours."""
    peers = list(dict.fromkeys(result.side.peer for result in results if result.side != OURS))
    rows = []
    for heat in heats(results):
        ours, best = heat[0], better_of_each_peer(heat)
        row = [str(ours.problem), ours.dtype, duration(ours.fastest / ours.problem.steps_per_epoch)]
        for peer in peers:
            result = best.get(peer)
            if result is None or not result.seconds:
                row.append("-" if result is None else "not timed")
            else:
                step = duration(result.fastest / result.problem.steps_per_epoch)
                row.append(f"{step} ({ratio(times_ours(result, heat))})")
        rows.append(row)
    return ["problem", "dtype", OURS.label, *peers], rows


def detail_table(results: Sequence[Result]) -> Table:
    """One line for each side on each problem."""
    header = ["problem", "dtype", "side", "threads", "step, fastest", "step, median", "epoch, fastest", "GFLOP/s"]
    header += ["time / ours", "first use", "weights differ by"]
    rows = []
    for heat in heats(results):
        for result in heat:
            steps = result.problem.steps_per_epoch
            row = [result.problem.name, result.dtype, result.side.label, str(result.threads)]
            if result.seconds:
                row += [duration(result.fastest / steps), duration(result.median / steps), duration(result.fastest)]
                row += [f"{result.gflops:.3g}", ratio(times_ours(result, heat))]
            else:
                row += ["not timed", "", "", "", ""]
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
                lost.append((factor, f"{result.problem.name} {result.dtype}: {peer} needs {ratio(factor)} our time"))
    return [line for _, line in sorted(lost)]


def errors(results: Sequence[Result]) -> list[str]:
    """Why sides were not timed, each reason once."""
    return list(dict.fromkeys(f"{result.problem.name} {result.dtype}: {result.error}" for result in results if result.error))


def verdict(results: Sequence[Result], missing: Sequence[Side]) -> list[str]:
    """What to read after the table: losses, sides that were not timed, peers that are not installed."""
    lost = losses(results)
    lines = ["Ours is slower here:", *(f"  {line}" for line in lost)] if lost else ["No timed peer is faster than ours."]
    failed = errors(results)
    lines += ["Not timed:", *(f"  {line}" for line in failed)] if failed else []
    lines += [f"Missing: {side.label} (pip install {side.distribution})" for side in missing]
    return lines


def method(threads: int, pace: Pace) -> str:
    """How it was measured, in a paragraph."""
    return (
        f"Time per step of a whole epoch: sigmoid layers, mean squared error, plain SGD, batches in the order of the rows. "
        f"The fastest of {pace.rounds} rounds that the sides take in turns, each in a process of its own with {threads} "
        f"thread{'s' if threads > 1 else ''}; ours always runs one. Timed only after {CHECK_EPOCHS} epochs from the same "
        f"weights gave the same weights as ours, within {TOLERANCE['float32']:g} (float32) or {TOLERANCE['float64']:g} "
        f"(float64) of the distance moved. Ours is `Network.fit`, losses included; NumPy, PyTorch and JAX take no losses. "
        f"scikit-learn has identity outputs in place of sigmoid ones. First use is the time to build a side and train "
        f"its first epoch, compilation included; ours loads its kernels from the disk cache once they are there. "
        f"GFLOP/s count 2 B (3 W - n0 n1) operations a step."
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


def markdown_report(
    results: Sequence[Result], missing: Sequence[Side], threads: int, pace: Pace, machine: str, versions: dict[str, str]
) -> str:
    """The whole race as a Markdown page; of each error its first line."""
    lines = [line.splitlines()[0] for line in verdict(results, missing)]
    parts = [
        "# The race",
        f"{machine}. {', '.join(f'{name} {version}' for name, version in versions.items())}.",
        method(threads, pace),
        "In brackets: the peer's time over ours.",
        markdown(summary_table(results)),
        "\n".join(f"- {line.strip()}" if line.startswith("  ") else f"\n{line}\n" for line in lines).strip(),
        markdown(detail_table(results)),
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
