"""Pictures: the race over the size of the problems, and where a peer overtakes ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from .race import Result
from .sides import OURS


def draw_race(results: Sequence[Result], drawn: Sequence[Result], path: Path) -> None:
    """Time per step over operations per step: a line for each side, drawn problems as rings, a panel for each dtype and number
    of threads. Sides that were not timed are left out. Needs matplotlib.
    """
    from matplotlib.figure import Figure

    both = [*results, *drawn]
    kinds = list(dict.fromkeys((result.dtype, result.threads) for result in both))
    sides = list(dict.fromkeys(result.side for result in both))
    figure = Figure(figsize=(6.0 * len(kinds), 4.5), layout="constrained")
    panels = figure.subplots(1, len(kinds), sharey=True, squeeze=False)[0]
    for panel, (dtype, threads) in zip(panels, kinds, strict=True):
        for i, side in enumerate(sides):
            for some, style in ((drawn, {"linestyle": "", "markerfacecolor": "none"}), (results, {"label": side.label})):
                timed = [r for r in some if (r.side, r.dtype, r.threads) == (side, dtype, threads) and r.seconds]
                timed.sort(key=lambda r: r.problem.flops_per_step)
                panel.plot(
                    [r.problem.flops_per_step for r in timed],
                    [r.fastest / r.problem.steps_per_epoch * 1e6 for r in timed],
                    marker="o",
                    color=f"C{i}",
                    linewidth=2.5 if side == OURS else 1.2,
                    **style,
                )
        panel.set_xscale("log")
        panel.set_yscale("log")
        panel.set_title(f"{dtype}, {threads} thread{'s' if threads > 1 else ''}")
        panel.set_xlabel("floating-point operations of a step")
        panel.grid(which="major", alpha=0.3)
    panels[0].set_ylabel("time of a step, us")
    panels[0].legend()
    figure.savefig(path, dpi=150)


def draw_crossover(ratios: Mapping[tuple[int, int], float], path: Path) -> None:
    """The best peer's time over ours for each (width, batch): blue above 1, red where ours is slower. Needs matplotlib."""
    from matplotlib.colors import TwoSlopeNorm
    from matplotlib.figure import Figure

    widths, batches = (sorted({key[axis] for key in ratios}) for axis in (0, 1))
    grid = np.array([[ratios[width, batch] for width in widths] for batch in batches])
    figure = Figure(figsize=(2.0 + 0.7 * len(widths), 1.5 + 0.45 * len(batches)), layout="constrained")
    panel = figure.subplots()
    powers = np.log2(grid)
    # Colours saturate at a factor of 8 either way.
    image = panel.imshow(powers, cmap="RdBu", norm=TwoSlopeNorm(0.0, -3.0, 3.0), origin="lower", aspect="auto")
    for row, column in np.argwhere(np.isfinite(grid)):
        weight = "bold" if grid[row, column] < 1 else "normal"
        colour = "white" if abs(powers[row, column]) > 2 else "black"
        text = f"{grid[row, column]:.2g}"
        panel.text(column, row, text, ha="center", va="center", color=colour, fontweight=weight, fontsize=8)
    panel.set_xticks(range(len(widths)), labels=[str(width) for width in widths])
    panel.set_yticks(range(len(batches)), labels=[str(batch) for batch in batches])
    panel.set_xlabel("width n of an n-n-n network")
    panel.set_ylabel("rows of a batch")
    panel.set_title("time of the best peer over ours; bold: ours is slower")
    figure.colorbar(image, ax=panel, label="powers of 2")
    figure.savefig(path, dpi=150)
