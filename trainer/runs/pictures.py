"""Pictures in a run folder: loss curves, and for two features what the network makes of the plane. Needs matplotlib."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from ..extras import require
from .curves import Curves, plot_curves
from .drawing import COLORS, GRID_LINES, INK, MARKERS, legend, new_axes, new_figure, plain, rgb, save, short, thinned

MOST_IN_LEGEND = 12
GRID = 250
# More rows than this are thinned; held-out rows are half of those that are drawn at most.
MOST_ROWS = 2000
# Rows have their full size up to this number, and smaller ones beyond it.
FULL_SIZE = 300


@dataclass(frozen=True)
class Plane:
    """Rows with two features, and a model of them.

    X (n, 2): in original units. y (n): class indices, or values of the one target that is drawn. held_out (n): whether a row
    was not trained on. predict: from places (m, 2) to probabilities (m, n_classes), or to values (m) where class_names is
    empty. names: of the two features.
    """

    name: str
    X: np.ndarray
    y: np.ndarray
    held_out: np.ndarray
    names: tuple[str, str]
    target_name: str
    predict: Callable[[np.ndarray], np.ndarray]
    class_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        n = len(self.X)
        if self.X.ndim != 2 or self.X.shape[1] != 2:
            raise InputError(f"X has shape {self.X.shape}; a boundary is drawn for 2 features, (n, 2)")
        for name in ("y", "held_out"):
            if getattr(self, name).shape != (n,):
                raise InputError(f"{name} has shape {getattr(self, name).shape}; it must be ({n},), one for each row of X")


def draw_curves(path: Path, curves: Curves, name: str) -> None:
    """Losses, and scores where there are any, against the epochs, as a PNG. name: of the data."""
    figure = new_figure((6.4, 5.4 if len(curves.scores) else 4.0))
    plot_curves(figure, curves)
    plain(figure.suptitle("title"), f"Training on {short(name)}")
    save(figure, path)


def draw_boundary(path: Path, plane: Plane) -> None:
    """The plane of two features, coloured by class or predicted value, under the rows, as a PNG.

    Held-out rows have a black edge. Of many rows some are drawn, and the picture says how many.
    """
    figure = new_figure((6.8, 5.6))
    axes = new_axes(figure)
    sides = [_padded(plane.X[:, i]) for i in range(2)]
    places = np.stack(np.meshgrid(*sides), axis=-1).reshape(-1, 2)
    answers = np.asarray(plane.predict(places), np.float64).reshape(GRID, GRID, -1)
    if plane.class_names:
        _draw_classes(figure, axes, answers, sides, plane)
        title = "Decision boundary"
    else:
        _draw_surface(figure, axes, answers[..., 0], sides, plane)
        title = "Predicted values"
    axes.set_xlim(sides[0][0], sides[0][-1])
    axes.set_ylim(sides[1][0], sides[1][-1])
    plain(axes.xaxis.label, short(plane.names[0]))
    plain(axes.yaxis.label, short(plane.names[1]))
    plain(axes.title, f"{title} on {short(plane.name)}")
    save(figure, path)


class _Dots:
    """Which rows are drawn, and how large."""

    def __init__(self, held_out: np.ndarray) -> None:
        self.held = thinned(np.flatnonzero(held_out), MOST_ROWS // 2)
        self.trained = thinned(np.flatnonzero(~held_out), MOST_ROWS - len(self.held))
        self.shown, self.n = len(self.held) + len(self.trained), len(held_out)
        smaller = min(1.0, (FULL_SIZE / max(self.shown, 1)) ** 0.5)
        self.size, self.edge = 24 * max(smaller, 0.3), max(smaller, 0.35)

    def draw(self, axes: Any, plane: Plane, held: bool, rows: np.ndarray, **look: Any) -> None:
        size, edge, width = (1.3 * self.size, "black", 1.1) if held else (self.size, "white", 0.5)
        axes.scatter(*plane.X[rows].T, s=size, edgecolors=edge, linewidths=width * self.edge, zorder=3 if held else 2, **look)

    @property
    def count(self) -> list[str]:
        return [f"{self.shown:,} of {self.n:,} rows are drawn"] if self.shown < self.n else []


def _draw_classes(figure: Any, axes: Any, P: np.ndarray, sides: list[np.ndarray], plane: Plane) -> None:
    """P (GRID, GRID, n_classes): a pale colour for the likeliest class, paler the less certain, and lines between."""
    n_classes = P.shape[-1]
    colors = np.array([rgb(COLORS[k % len(COLORS)]) for k in range(n_classes)])
    winner, certainty = P.argmax(axis=-1), P.max(axis=-1)
    extent = (sides[0][0], sides[0][-1], sides[1][0], sides[1][-1])
    image = _shade(colors[winner], certainty, n_classes)
    axes.imshow(image, extent=extent, origin="lower", aspect="auto", interpolation="bilinear", zorder=0)
    for k in range(n_classes if n_classes > 2 else 1):
        margin = P[..., k] - np.delete(P, k, axis=-1).max(axis=-1)
        if margin.min() < 0 < margin.max():
            axes.contour(*sides, margin, levels=[0.0], colors="#444444", linewidths=1.2, zorder=1)
    dots, handles = _Dots(plane.held_out), []
    for k in range(len(plane.class_names)):
        look = {"marker": MARKERS[k % len(MARKERS)], "color": COLORS[k % len(COLORS)]}
        for held, rows in ((False, dots.trained), (True, dots.held)):
            dots.draw(axes, plane, held, rows[plane.y[rows] == k], **look)
        handles.append(axes.scatter([], [], s=24, edgecolors="white", linewidths=0.5, **look))
    _key_of_shading(figure, axes, colors, n_classes)
    shapes = MARKERS[: min(len(plane.class_names), 3)]
    _legend(axes, handles, list(plane.class_names), plane.target_name, dots, shapes)


def _shade(color: np.ndarray, certainty: np.ndarray, n_classes: int) -> np.ndarray:
    """Colours (..., 3), from nearly white where all classes are equally likely to stronger ones where one is certain."""
    strength = 0.08 + 0.42 * (certainty - 1 / n_classes) / (1 - 1 / n_classes)
    shaded: np.ndarray = (1.0 + strength[..., None] * (color - 1.0)).clip(0, 1)
    return shaded


def _key_of_shading(figure: Any, axes: Any, colors: np.ndarray, n_classes: int) -> None:
    """A bar beside the plane, with a strip for each class: which certainty has which shade."""
    inset = figure.colorbar(_mappable(1 / n_classes), ax=axes, fraction=0.05, pad=0.02).ax
    inset.clear()
    shown = colors[: min(n_classes, MOST_IN_LEGEND)]
    certainty = np.linspace(1 / n_classes, 1.0, 100)
    image = np.stack([_shade(color, certainty, n_classes) for color in shown], axis=1)
    inset.imshow(image, extent=(0, len(shown), 1 / n_classes, 1.0), origin="lower", aspect="auto", interpolation="nearest")
    inset.set_xticks([])
    inset.yaxis.tick_right()
    inset.yaxis.set_label_position("right")
    inset.set_ylabel("shading: probability of the likeliest class")


def _mappable(low: float) -> Any:
    made = require("matplotlib.cm", "drawing pictures").ScalarMappable()
    made.set_clim(low, 1.0)
    return made


def _draw_surface(figure: Any, axes: Any, values: np.ndarray, sides: list[np.ndarray], plane: Plane) -> None:
    """values (GRID, GRID): predictions, in the same colours as the targets of the rows drawn over them."""
    look = {"cmap": "viridis", "vmin": float(plane.y.min()), "vmax": float(plane.y.max())}
    surface = axes.pcolormesh(*sides, values, shading="auto", zorder=0, rasterized=True, **look)
    dots = _Dots(plane.held_out)
    for held, rows in ((False, dots.trained), (True, dots.held)):
        dots.draw(axes, plane, held, rows, c=plane.y[rows], **look)
    bar = figure.colorbar(surface, ax=axes, extend="both")
    plain(bar.ax.yaxis.label, short(plane.target_name))
    trained = axes.scatter([], [], s=24, color="#BBBBBB", edgecolors=GRID_LINES)
    _legend(axes, [trained], ["row (colour: own value)"], "", dots, "o")


def _legend(axes: Any, handles: list[Any], names: list[str], title: str, dots: _Dots, shapes: str) -> None:
    """Below the axes, where it hides no rows. shapes: markers that held-out rows have."""
    names, nothing = [short(name) for name in names], axes.scatter([], [], alpha=0.0)
    more = len(names) - MOST_IN_LEGEND
    if more > 0:
        handles, names = [*handles[:MOST_IN_LEGEND], nothing], [*names[:MOST_IN_LEGEND], f"and {more} more"]
    if len(dots.held):
        look = {"s": 32, "color": "white", "edgecolors": "black", "linewidths": 1.1}
        handles = [*handles, tuple(axes.scatter([], [], marker=shape, **look) for shape in shapes)]
        names.append("black edge: held out")
    for words in dots.count:
        handles, names = [*handles, nothing], [*names, words]
    side_by_side = require("matplotlib.legend_handler", "drawing pictures").HandlerTuple(ndivide=None, pad=0.4)
    legend(
        axes,
        handles,
        names,
        short(title) if title else "",
        loc="upper center",
        bbox_to_anchor=(0.5, -0.12),
        ncols=_columns(names),
        columnspacing=1.4,
        handletextpad=0.5,
        labelcolor=INK,
        handler_map={tuple: side_by_side},
    )


def _columns(names: list[str]) -> int:
    """So many that a line holds some 70 characters."""
    longest = max(len(name) for name in names) + 4
    return max(1, min(len(names), 5, 72 // longest))


def _padded(column: np.ndarray) -> np.ndarray:
    """GRID places (GRID) from somewhat below the column's least to somewhat above its greatest value."""
    low, high = float(column.min()), float(column.max())
    margin = 0.08 * (high - low) or max(abs(high), 1.0) * 0.1
    return np.linspace(low - margin, high + margin, GRID)
