"""A picture of the race: time per step over the size of the problem, one line for each side, one panel for each dtype."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .race import Result
from .sides import OURS


def draw_race(results: Sequence[Result], path: Path) -> None:
    """Write a picture (needs matplotlib). Sides that were not timed are left out."""
    from matplotlib.figure import Figure

    dtypes = list(dict.fromkeys(result.dtype for result in results))
    sides = list(dict.fromkeys(result.side for result in results))
    figure = Figure(figsize=(6.0 * len(dtypes), 4.5), layout="constrained")
    panels = figure.subplots(1, len(dtypes), sharey=True, squeeze=False)[0]
    for panel, dtype in zip(panels, dtypes, strict=True):
        for i, side in enumerate(sides):
            timed = [r for r in results if r.side == side and r.dtype == dtype and r.seconds]
            timed.sort(key=lambda r: r.problem.flops_per_step)
            panel.plot(
                [r.problem.flops_per_step for r in timed],
                [r.fastest / r.problem.steps_per_epoch * 1e6 for r in timed],
                marker="o",
                color=f"C{i}",
                linewidth=2.5 if side == OURS else 1.2,
                label=side.label,
            )
        panel.set_xscale("log")
        panel.set_yscale("log")
        panel.set_title(dtype)
        panel.set_xlabel("floating-point operations of a step")
        panel.grid(which="major", alpha=0.3)
    panels[0].set_ylabel("time of a step, us")
    panels[0].legend()
    figure.savefig(path, dpi=150)
