"""Loss curves, and scores below them, against the epochs. Needs matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import InputError
from ..extras import require
from .drawing import BLUE, GRID_LINES, INK, ORANGE, legend, new_axes

# A logarithmic axis where the losses reach over more than this factor.
WIDE = 20.0
# The first epochs, this share of all, are cut off where they would take more than half of the axis.
EARLY = 0.05
# Curves of fewer epochs have markers.
FEW_EPOCHS = 15


@dataclass(frozen=True)
class Curves:
    """What is drawn against the epochs: one entry for each in `loss`, and in the others that are not empty.

    loss_name: the name of the loss, with its unit where it has one: "log loss", "squared error (of the standardised target)".
    kept: number of the epoch, from 1, whose weights the model has, or None where that is not one of them.
    scores: validation score of each epoch; score_name: "accuracy", "R2".
    """

    loss: Sequence[float]
    loss_name: str
    val_loss: Sequence[float] = ()
    kept: int | None = None
    scores: Sequence[float] = ()
    score_name: str = "score"

    def __post_init__(self) -> None:
        n = len(self.loss)
        for name in ("val_loss", "scores"):
            if len(getattr(self, name)) not in (0, n):
                raise InputError(
                    f"{name} has {len(getattr(self, name))} entries; it must have {n}, one for each epoch, or none"
                )
        if self.kept is not None and not 1 <= self.kept <= n:
            raise InputError(f"kept is {self.kept}; it must be the number of an epoch, from 1 to {n}")


def plot_curves(figure: Any, curves: Curves) -> None:
    """Draw losses on a figure, and below them scores where there are any."""
    if not len(curves.scores):
        axes = new_axes(figure)
        _plot_losses(axes, curves)
        _label_epochs(axes, len(curves.loss))
        return
    grid = figure.add_gridspec(2, 1, height_ratios=(3, 2))
    upper = new_axes(figure, grid[0])
    lower = new_axes(figure, grid[1], sharex=upper)
    _plot_losses(upper, curves)
    line = _plot(lower, curves.scores, ORANGE, "--", "s")
    _mark_kept(lower, curves.kept, curves.scores)
    lower.set_ylabel(curves.score_name)
    legend(lower, [line], [_named("validation", curves.scores, curves.kept)], loc="best")
    upper.tick_params(labelbottom=False)
    _label_epochs(lower, len(curves.loss))


def _plot_losses(axes: Any, curves: Curves) -> None:
    lines, names = [_plot(axes, curves.loss, BLUE, "-", "o")], [_named("training", curves.loss, curves.kept)]
    if len(curves.val_loss):
        lines.append(_plot(axes, curves.val_loss, ORANGE, "--", "s"))
        names.append(_named("validation", curves.val_loss, curves.kept))
    _set_loss_axis(axes, curves)
    if curves.kept is not None:
        lines.append(_mark_kept(axes, curves.kept, curves.val_loss if len(curves.val_loss) else curves.loss))
        names.append(f"kept: epoch {curves.kept}")
    axes.set_ylabel(curves.loss_name)
    legend(axes, lines, names, loc="best")


def _plot(axes: Any, values: Sequence[float], color: str, linestyle: str, marker: str) -> Any:
    few = marker if len(values) < FEW_EPOCHS else "none"
    epochs = np.arange(1, len(values) + 1)
    (line,) = axes.plot(epochs, values, color=color, linestyle=linestyle, marker=few, markersize=4, linewidth=1.8)
    axes.grid(True, color=GRID_LINES, linewidth=0.6)
    return line


def _mark_kept(axes: Any, kept: int | None, values: Sequence[float]) -> Any:
    if kept is None:
        return None
    line = axes.axvline(kept, color=INK, linestyle=":", linewidth=1.2, zorder=1)
    axes.plot(kept, values[kept - 1], "o", color=INK, markersize=7, markerfacecolor="none", zorder=3)
    return line


def _named(part: str, values: Sequence[float], kept: int | None) -> str:
    return part if kept is None else f"{part} ({values[kept - 1]:.4g} at epoch {kept})"


def _set_loss_axis(axes: Any, curves: Curves) -> None:
    """A logarithmic axis for losses that are far apart; the first epochs cut off where they would take most of the axis."""
    n = len(curves.loss)
    early = max(1, int(EARLY * n))
    parts = [np.asarray(part, float) for part in (curves.loss, curves.val_loss) if len(part)]
    values = np.concatenate(parts)
    values = values[np.isfinite(values)]
    later = np.concatenate([part[early:] for part in parts])
    later = later[np.isfinite(later)]
    if not values.size:
        return
    logarithmic = values.min() > 0 and values.max() > WIDE * values.min()
    if later.size and n >= 3 and (curves.kept is None or curves.kept > early):
        scale = np.log if logarithmic else np.asarray
        low, cut, high = (float(scale(value)) for value in (later.min(), later.max(), values.max()))
        if high - cut > cut - low > 0:
            # What is left may be close together.
            logarithmic = later.min() > 0 and later.max() > WIDE * later.min()
            _cut_off(axes, later.min(), later.max(), logarithmic, values.max())
    if logarithmic:
        axes.set_yscale("log")
        ticker = require("matplotlib.ticker", "drawing pictures")
        low, high = axes.get_ylim()
        axes.yaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5) if high / low < 1e3 else (1,)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter(ticker.NullFormatter())


def _cut_off(axes: Any, low: float, high: float, logarithmic: bool, highest: float) -> None:
    if logarithmic:
        margin = (high / low) ** 0.06
        axes.set_ylim(low / margin, high * margin)
    else:
        margin = 0.06 * (high - low)
        axes.set_ylim(low - margin, high + margin)
    axes.set_title(f"↑ the first epochs reach {highest:.3g}", loc="left", fontsize="small")


def _label_epochs(axes: Any, n: int) -> None:
    """The axis begins at epoch 1."""
    axes.set_xlabel("epoch")
    locator = axes.xaxis.get_major_locator()
    locator.set_params(integer=True, nbins=8)
    ticks = [tick for tick in locator.tick_values(1, max(n, 2)) if 1 <= tick <= n]
    step = ticks[-1] - ticks[-2] if len(ticks) > 1 else 1
    axes.set_xticks([1, *(tick for tick in ticks if tick - 1 > 0.45 * step)])
    margin = 0.02 * max(n - 1, 1)
    axes.set_xlim(1 - margin, n + margin)
