"""The pictures of a report. In grey they differ by lines and markers. Needs matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...extras import require
from ..curves import Curves, plot_curves
from ..drawing import BLUE, GRID_LINES, INK, ORANGE, legend, new_axes, plain, short, thinned
from .evaluation import auc, calibration, roc
from .svg import inline_svg

SIZE = (4.4, 3.3)
SQUARE = (4.4, 4.0)
# More dots than this are thinned; more than MOST_VECTORS become a bitmap inside the SVG.
MOST_DOTS, MOST_VECTORS = 5000, 300
# A ROC curve is drawn through at most this many points.
MOST_POINTS = 300
LINES = (("-", BLUE), ("--", ORANGE), (":", BLUE), ("-.", ORANGE))


def curves_chart(curves: Curves) -> str:
    size = (SIZE[0], 4.4) if len(curves.scores) else SIZE
    parts = [f"{curves.loss_name} of training", *(["of validation"] if len(curves.val_loss) else [])]
    kept = f"; epoch {curves.kept} was kept" if curves.kept is not None else ""
    last = f"{curves.loss[-1]:.4g}" if len(curves.loss) else "unknown"
    description = f"Line chart of the {' and '.join(parts)} over {len(curves.loss)} epochs, training ends at {last}{kept}"
    return inline_svg(lambda figure: plot_curves(figure, curves), size, description)


def predicted_chart(truth: np.ndarray, values: np.ndarray, name: str) -> str:
    """Predictions (n) against true values (n), with the line where they are equal."""

    def draw(figure: Any) -> None:
        axes = new_axes(figure)
        low, high = float(min(truth.min(), values.min())), float(max(truth.max(), values.max()))
        margin = 0.04 * (high - low) or 1.0
        sides = (low - margin, high + margin)
        (line,) = axes.plot(sides, sides, color=INK, linestyle="--", linewidth=1.0, zorder=3)
        rows = thinned(np.arange(len(truth)), MOST_DOTS)
        small = min(1.0, (MOST_VECTORS / len(rows)) ** 0.5)
        axes.scatter(
            truth[rows],
            values[rows],
            s=20 * max(small, 0.3),
            color=BLUE,
            alpha=max(0.7 * small, 0.25),
            linewidths=0,
            rasterized=len(rows) > MOST_VECTORS,
        )
        axes.set(xlim=sides, ylim=sides, aspect="equal")
        axes.locator_params(nbins=6)
        if max(map(abs, sides)) >= 1e4:  # 200k takes less room than 200000
            for axis in (axes.xaxis, axes.yaxis):
                axis.set_major_formatter(require("matplotlib.ticker", "the pictures of a report").EngFormatter(sep=""))
        axes.grid(True, color=GRID_LINES, linewidth=0.6)
        plain(axes.xaxis.label, f"true {short(name)}")
        plain(axes.yaxis.label, f"predicted {short(name)}")
        legend(axes, [line], ["predicted = true"], loc="upper left")

    relation = f", correlation {np.corrcoef(truth, values)[0, 1]:.3f}" if np.ptp(truth) > 0 and np.ptp(values) > 0 else ""
    description = f"Scatter chart of predicted against true {short(name)} of {len(truth)} held-out rows{relation}"
    return inline_svg(draw, SQUARE, description)


def roc_chart(curves: Sequence[tuple[str, np.ndarray, np.ndarray]]) -> str:
    """ROC curves, at most four: the name, the truth (n) as 0 and 1 (both there), and the probability (n) of 1, of each."""
    named = [(short(name), auc(truth, P), *roc(truth, P)) for name, truth, P in curves]

    def draw(figure: Any) -> None:
        axes = new_axes(figure)
        lines = []
        for (_, _, false, true), (linestyle, color) in zip(named, LINES, strict=False):
            points = np.unique(np.linspace(0, len(false) - 1, MOST_POINTS).astype(int))
            lines += axes.plot(false[points], true[points], color=color, linestyle=linestyle, linewidth=1.8)
        lines += axes.plot((0, 1), (0, 1), color=INK, linestyle=(0, (1, 3)), linewidth=1.0)
        axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
        axes.set(xlabel="false positive rate", ylabel="true positive rate")
        axes.grid(True, color=GRID_LINES, linewidth=0.6)
        legend(axes, lines, [*(f"{name} (AUC {area:.3f})" for name, area, _, _ in named), "chance"], loc="lower right")

    description = "ROC curve" + "".join(f"; area under the curve of {name}: {area:.3f}" for name, area, _, _ in named)
    return inline_svg(draw, SQUARE, description)


def calibration_chart(right: np.ndarray, P: np.ndarray, x_name: str, y_name: str) -> str:
    """Share of `right` (n, 0 or 1) against the predicted probability (n), in ten bins; dots are larger with more rows."""
    mean, share, rows = calibration(right, P)

    def draw(figure: Any) -> None:
        axes = new_axes(figure)
        (line,) = axes.plot((0, 1), (0, 1), color=INK, linestyle=(0, (1, 3)), linewidth=1.0)
        (curve,) = axes.plot(mean, share, color=BLUE, linewidth=1.2, marker="o", markersize=3, zorder=2)
        axes.scatter(mean, share, s=10 + 150 * rows / rows.sum(), color=BLUE, alpha=0.6, linewidths=0, zorder=3, clip_on=False)
        axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
        plain(axes.xaxis.label, x_name)
        plain(axes.yaxis.label, y_name)
        axes.grid(True, color=GRID_LINES, linewidth=0.6)
        legend(axes, [curve, line], ["held-out rows", "perfectly calibrated"], loc="best")

    bins = "; ".join(f"{p:.2f}: {s:.2f} ({n} rows)" for p, s, n in zip(mean, share, rows, strict=True))
    return inline_svg(draw, SQUARE, f"Calibration: {y_name} by {x_name}: {bins}")
