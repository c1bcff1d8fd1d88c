"""Pictures: what is on them, read from matplotlib's own objects, and names that matplotlib would misread."""

import numpy as np
import pytest
from choosing import by_default
from tileprop.trainer import InputError
from tileprop.trainer.runs import pictures
from tileprop.trainer.runs.curves import Curves
from tileprop.trainer.runs.pictures import MOST_IN_LEGEND, MOST_ROWS, Plane

pytest.importorskip("matplotlib")
from matplotlib.collections import PathCollection
from tileprop.trainer.runs.drawing import COLORS, MARKERS, rgb

pytestmark = pytest.mark.plain
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def drawn(monkeypatch):
    """The figures that are saved."""
    figures = []
    save = pictures.save
    monkeypatch.setattr(pictures, "save", lambda figure, path: (figures.append(figure), save(figure, path)))
    return figures


def probabilities(n_classes):
    directions = np.random.default_rng(1).normal(size=(2, n_classes))

    def predict(X):
        P = np.exp(X @ directions)
        return P / P.sum(axis=1, keepdims=True)

    return predict


def classes(n, class_names, held_out=0, names=("a", "b"), target="target"):
    X = np.random.default_rng(0).normal(size=(n, 2))
    y = np.arange(n) % len(class_names)
    return Plane("data", X, y, np.arange(n) < held_out, names, target, probabilities(len(class_names)), class_names)


def texts(legend):
    return [text.get_text() for text in legend.get_texts()]


def test_curves(tmp_path, drawn):
    pictures.draw_curves(tmp_path / "curves.png", Curves([3.0, 0.2], "log loss", scores=[0.1, 0.2]), "my $data_x$")
    assert (tmp_path / "curves.png").read_bytes().startswith(PNG)
    assert len(drawn[0].axes) == 2
    assert drawn[0].get_suptitle() == "Training on my $data_x$"


@pytest.mark.parametrize("n_classes", by_default([2, 3, 10, 14], [2, 14]))
def test_boundary(tmp_path, drawn, n_classes):
    names = tuple(f"class {i}" for i in range(n_classes))
    plane = classes(60, names, 12, ("width", "height"), "kind")
    pictures.draw_boundary(tmp_path / "boundary.png", plane)
    assert (tmp_path / "boundary.png").read_bytes().startswith(PNG)
    axes, key = drawn[0].axes
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("width", "height")
    legend = axes.get_legend()
    shown = min(n_classes, MOST_IN_LEGEND)
    more = [f"and {n_classes - shown} more"] if shown < n_classes else []
    assert texts(legend) == [*names[:shown], *more, "black edge: held out"]
    assert legend.get_title().get_text() == "kind"
    image = axes.images[0]
    x_low, x_high, y_low, y_high = image.get_extent()
    assert x_low < plane.X[:, 0].min()
    assert y_high > plane.X[:, 1].max()
    # The colour of the plane at a place is that of the class that is predicted there, as strong as the key says.
    column, row = 30, 200
    place = np.linspace(x_low, x_high, pictures.GRID)[column], np.linspace(y_low, y_high, pictures.GRID)[row]
    P = plane.predict(np.array([place]))[0]
    color = rgb(COLORS[P.argmax() % len(COLORS)])
    shown_color = np.asarray(image.get_array())[row, column]
    assert shown_color == pytest.approx(pictures._shade(np.array(color), P.max(), n_classes), abs=1e-6)
    shades = np.asarray(key.images[0].get_array())
    assert shades.shape[1] == shown
    assert key.get_ylim() == (1 / n_classes, 1.0)
    assert "probability" in key.get_ylabel()
    strongest = pictures._shade(np.array(rgb(COLORS[0])), np.array(1.0), n_classes)
    assert shades[-1, 0] == pytest.approx(strongest)


def test_held_out_rows_in_the_legend_have_the_shapes_of_the_classes(tmp_path, drawn):
    pictures.draw_boundary(tmp_path / "boundary.png", classes(60, ("u", "v", "w"), 12))
    axes = drawn[0].axes[0]
    in_legend = [path for path in axes.get_legend().findobj(PathCollection) if is_black(path)]
    in_plane = [path for path in axes.collections if len(path.get_offsets()) and is_black(path)]
    assert sum(len(path.get_offsets()) for path in in_plane) == 12
    assert shapes(in_legend) == shapes(in_plane)
    assert len(shapes(in_legend)) == 3


def is_black(path):
    return np.allclose(path.get_edgecolor()[:, :3], 0) and path.get_linewidths()[0] > 0


def shapes(paths):
    return {path.get_paths()[0].vertices.round(6).tobytes() for path in paths}


def test_classes_look_different():
    looks = {(COLORS[k % len(COLORS)], MARKERS[k % len(MARKERS)]) for k in range(50)}
    assert len(looks) == 50


def test_many_rows_are_thinned_and_small(tmp_path, drawn):
    few, many = classes(200, ("u", "v"), 50), classes(30_000, ("u", "v"), 10_000)
    pictures.draw_boundary(tmp_path / "few.png", few)
    pictures.draw_boundary(tmp_path / "many.png", many)
    dots = [[path for path in figure.axes[0].collections if len(path.get_offsets()) > 1] for figure in drawn]
    assert sum(len(path.get_offsets()) for path in dots[0]) == 200
    assert sum(len(path.get_offsets()) for path in dots[1]) == MOST_ROWS
    assert max(path.get_sizes()[0] for path in dots[1]) < 0.5 * max(path.get_sizes()[0] for path in dots[0])
    assert max(path.get_linewidths()[0] for path in dots[1]) < 0.6
    assert not any("rows are drawn" in text for text in texts(drawn[0].axes[0].get_legend()))
    assert "2,000 of 30,000 rows are drawn" in texts(drawn[1].axes[0].get_legend())


def test_surface(tmp_path, drawn):
    X = np.random.default_rng(0).normal(size=(40, 2))
    plane = Plane("data", X, np.linspace(-3.0, 5.0, 40), np.arange(40) < 8, ("a", "b"), "price", lambda X: X[:, 0] - X[:, 1])
    pictures.draw_boundary(tmp_path / "boundary.png", plane)
    axes, bar = drawn[0].axes
    mesh = axes.collections[0]
    assert mesh.get_clim() == (-3.0, 5.0)
    assert bar.get_ylabel() == "price"
    corner = X.min(axis=0) - 0.08 * np.ptp(X, axis=0)
    assert mesh.get_array()[0, 0] == pytest.approx(corner[0] - corner[1])
    assert texts(axes.get_legend()) == ["row (colour: own value)", "black edge: held out"]


def test_names_that_matplotlib_would_misread(tmp_path, drawn, recwarn):
    names = ("_hidden", "$\\frac{a$", "größe 日本", "a  very long\nname that goes on and on and on")
    pictures.draw_boundary(tmp_path / "boundary.png", classes(40, names, 0, ("$x^$", "_y\x07"), "$"))
    axes = drawn[0].axes[0]
    assert texts(axes.get_legend()) == ["_hidden", "$\\frac{a$", "größe 日本", "a very long name that goes …"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("$x^$", "_y\\x07")
    assert not [warning for warning in recwarn if "Glyph" in str(warning.message)]


def test_a_constant_feature(tmp_path):
    plane = classes(20, ("u", "v"), 2)
    plane.X[:, 0] = 3.0
    pictures.draw_boundary(tmp_path / "boundary.png", plane)


def test_planes_that_do_not_fit():
    X, y = np.zeros((4, 3)), np.zeros(4, int)
    with pytest.raises(InputError, match=r"X has shape \(4, 3\); a boundary is drawn for 2 features"):
        Plane("data", X, y, y > 0, ("a", "b"), "t", probabilities(2), ("u", "v"))
    with pytest.raises(InputError, match=r"held_out has shape \(3,\); it must be \(4,\)"):
        Plane("data", X[:, :2], y, y[:3] > 0, ("a", "b"), "t", probabilities(2), ("u", "v"))
