"""Pictures of a run: loss curves, and for two features what the network makes of the plane. Needs matplotlib.

Colours are Okabe and Ito's, told apart with any colour vision; classes differ in their markers too.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np

from ..data.datasets import Dataset
from ..data.targets import CLASSIFICATION
from ..errors import InputError
from ..extras import require
from ..fit.history import History
from .trained_model import TrainedModel

COLORS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#000000")
# One fewer than the colours, so that classes of one colour differ in their markers.
MARKERS = "os^Dv<P"
MOST_IN_LEGEND = 12
GRID = 250
# A logarithmic axis where the losses reach over more than this factor.
WIDE = 20.0
LONGEST_NAME = 28


def draw_curves(history: History, path: Path, name: str, loss: str) -> None:
    """Training and validation loss against the epochs, as a PNG."""
    figure, axes = _figure((6.4, 4.0))
    epochs = np.arange(1, history.epochs + 1)
    marker = "o" if history.epochs < 15 else None
    axes.plot(epochs, history.loss, color=COLORS[0], marker=marker, linewidth=1.8, label="training")
    values = [*history.loss, *history.val_loss]
    if history.val_loss:
        best = int(np.argmin(history.val_loss))
        label = f"validation (lowest {history.val_loss[best]:.3g}, epoch {best + 1})"
        axes.plot(epochs, history.val_loss, color=COLORS[5], marker=marker, linewidth=1.8, linestyle="--", label=label)
        axes.plot(epochs[best], history.val_loss[best], "o", color=COLORS[5], markersize=7, markerfacecolor="white", zorder=3)
    if min(values) > 0 and max(values) > WIDE * min(values):
        axes.set_yscale("log")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_xlabel("epoch")
    axes.set_ylabel(f"loss ({loss})")
    axes.set_title(f"Loss on {_short(name)}", parse_math=False)
    axes.grid(True, color="#DDDDDD", linewidth=0.6)
    axes.legend(frameon=False)
    _save(figure, path)


def draw_boundary(model: TrainedModel, dataset: Dataset, held_out: np.ndarray, path: Path) -> None:
    """The plane of a model's two features, coloured by class or predicted value, under the rows of `dataset`, as a PNG.

    held_out: numbers of the rows that were not trained on, drawn with a black edge.
    """
    if dataset.X.shape[1] != 2:
        raise InputError(f"a boundary is drawn for 2 features; {dataset.name!r} has {dataset.X.shape[1]}")
    figure, axes = _figure((6.8, 5.2))
    sides = [_padded(dataset.X[:, i]) for i in range(2)]
    plane = np.stack(np.meshgrid(*sides), axis=-1).reshape(-1, 2)
    tested = np.zeros(len(dataset.X), bool)
    tested[held_out] = True
    if dataset.task == CLASSIFICATION:
        _draw_classes(axes, model.predict_proba(plane).reshape(GRID, GRID, -1), sides, dataset, tested)
        title = "Decision boundary"
    else:
        values = model.predict(plane).reshape(GRID, GRID, -1)[..., 0]
        _draw_surface(figure, axes, values, sides, dataset, tested)
        title = "Predicted values"
    axes.set_xlim(sides[0][0], sides[0][-1])
    axes.set_ylim(sides[1][0], sides[1][-1])
    axes.set_xlabel(_short(dataset.feature_names[0]), parse_math=False)
    axes.set_ylabel(_short(dataset.feature_names[1]), parse_math=False)
    axes.set_title(f"{title} on {_short(dataset.name)}", parse_math=False)
    _save(figure, path)


def _draw_classes(axes: Any, P: np.ndarray, sides: list[np.ndarray], dataset: Dataset, tested: np.ndarray) -> None:
    """P (GRID, GRID, n_classes): a pale colour for the likeliest class, paler the less certain, and lines between."""
    colors = np.array([_rgb(COLORS[k % len(COLORS)]) for k in range(P.shape[-1])])
    winner, certainty = P.argmax(axis=-1), P.max(axis=-1)
    strength = 0.10 + 0.35 * (certainty - 1 / P.shape[-1]) / (1 - 1 / P.shape[-1])
    image = 1.0 + strength[..., None] * (colors[winner] - 1.0)
    extent = (sides[0][0], sides[0][-1], sides[1][0], sides[1][-1])
    axes.imshow(image.clip(0, 1), extent=extent, origin="lower", aspect="auto", interpolation="bilinear", zorder=0)
    for k in range(P.shape[-1] if P.shape[-1] > 2 else 1):
        margin = P[..., k] - np.delete(P, k, axis=-1).max(axis=-1)
        if margin.min() < 0 < margin.max():
            axes.contour(*sides, margin, levels=[0.0], colors="#444444", linewidths=1.0, zorder=1)
    handles = []
    for k in range(len(dataset.class_names)):
        look = {"marker": MARKERS[k % len(MARKERS)], "color": COLORS[k % len(COLORS)], "zorder": 2}
        rows = dataset.y == k
        handles.append(axes.scatter(*dataset.X[rows & ~tested].T, s=20, edgecolors="white", linewidths=0.5, **look))
        axes.scatter(*dataset.X[rows & tested].T, s=32, edgecolors="black", linewidths=1.1, **look)
    _legend(axes, handles, list(dataset.class_names), dataset.target_name, tested)


def _draw_surface(
    figure: Any, axes: Any, values: np.ndarray, sides: list[np.ndarray], dataset: Dataset, tested: np.ndarray
) -> None:
    """values (GRID, GRID): predictions, in the same colours as the targets of the rows drawn over them."""
    y = dataset.y.reshape(len(dataset.y), -1)[:, 0]
    look = {"cmap": "viridis", "vmin": float(y.min()), "vmax": float(y.max())}
    surface = axes.pcolormesh(*sides, values, shading="auto", zorder=0, rasterized=True, **look)
    X = dataset.X
    axes.scatter(*X[~tested].T, c=y[~tested], s=20, edgecolors="white", linewidths=0.6, zorder=2, **look)
    axes.scatter(*X[tested].T, c=y[tested], s=32, edgecolors="black", linewidths=1.1, zorder=2, **look)
    bar = figure.colorbar(surface, ax=axes, extend="both")
    bar.set_label(_short(dataset.target_name), parse_math=False)
    trained = axes.scatter([], [], s=20, color="#BBBBBB", edgecolors="#888888")
    _legend(axes, [trained], ["row (its own value)"], "", tested)


def _legend(axes: Any, handles: list[Any], names: list[str], title: str, tested: np.ndarray) -> None:
    """Below the axes, where it hides no rows. Names are set afterwards: matplotlib reads signs such as _ and $ in labels."""
    names = [_short(name) for name in names]
    more = len(names) - MOST_IN_LEGEND
    if more > 0:
        nothing = axes.scatter([], [], alpha=0.0)
        handles, names = [*handles[:MOST_IN_LEGEND], nothing], [*names[:MOST_IN_LEGEND], f"and {more} more"]
    if tested.any():
        handles.append(axes.scatter([], [], s=32, color="white", edgecolors="black", linewidths=1.1))
        names.append("held out")
    legend = axes.legend(
        handles,
        [f"{i}" for i in range(len(names))],
        loc="upper center",
        bbox_to_anchor=(0.5, -0.13),
        frameon=False,
        ncols=min(len(names), 5),
        title="title" if title else None,
        columnspacing=1.4,
        handletextpad=0.3,
    )
    for text, name in zip(
        [*legend.get_texts(), *([legend.get_title()] if title else [])], [*names, _short(title)], strict=False
    ):
        text.set_parse_math(False)
        text.set_text(name)


def _figure(size: tuple[float, float]) -> tuple[Any, Any]:
    # pyplot is not used: it keeps figures alive, and takes half a second to import.
    figure = require("matplotlib.figure", "drawing pictures").Figure(figsize=size, dpi=150, layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _save(figure: Any, path: Path) -> None:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph", category=UserWarning)
        figure.savefig(path, format="png")


def _padded(column: np.ndarray) -> np.ndarray:
    """GRID places (GRID) from somewhat below the column's least to somewhat above its greatest value."""
    low, high = float(column.min()), float(column.max())
    margin = 0.08 * (high - low) or max(abs(high), 1.0) * 0.1
    return np.linspace(low - margin, high + margin, GRID)


def _rgb(color: str) -> list[float]:
    return [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]


def _short(name: str) -> str:
    name = " ".join(name.split())
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…"
