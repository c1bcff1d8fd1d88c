"""Pictures: what is on them, read from matplotlib's own objects, and names that matplotlib would misread."""

import numpy as np
import pytest
from tileprop.trainer import History, InputError, Network
from tileprop.trainer.data.datasets import Dataset
from tileprop.trainer.data.scaling import Scaling
from tileprop.trainer.runs import pictures
from tileprop.trainer.runs.trained_model import TrainedModel

pytest.importorskip("matplotlib")
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def drawn(monkeypatch):
    """The figures that are saved."""
    figures = []
    save = pictures._save
    monkeypatch.setattr(pictures, "_save", lambda figure, path: (figures.append(figure), save(figure, path)))
    return figures


def history(loss, val_loss=()):
    return History(100, list(loss), list(val_loss), [0.1] * len(loss))


def model_and_data(y, task, names=("a", "b"), class_names=(), target_name="target"):
    X = np.random.default_rng(0).normal(size=(len(y), 2))
    n_out = len(class_names) or 1
    output = "softmax" if class_names else "identity"
    network = Network([2, 8, n_out], "tanh", output, "log_loss" if class_names else "mse")
    target_scaling = None if class_names else Scaling(np.zeros(1), np.ones(1))
    model = TrainedModel(network, Scaling.fit(X), names, task, target_name, class_names, target_scaling)
    return model, Dataset("data", X, np.array(y), names, task, class_names, target_name)


def test_curves(tmp_path, drawn):
    pictures.draw_curves(history([3.0, 0.2, 0.1], [2.0, 0.5, 0.6]), tmp_path / "curves.png", "digits", "log_loss")
    assert (tmp_path / "curves.png").read_bytes().startswith(PNG)
    axes = drawn[0].axes[0]
    training, validation, lowest = axes.lines
    assert list(training.get_xdata()) == [1, 2, 3]
    assert list(training.get_ydata()) == [3.0, 0.2, 0.1]
    assert list(validation.get_ydata()) == [2.0, 0.5, 0.6]
    assert (list(lowest.get_xdata()), list(lowest.get_ydata())) == ([2], [0.5])
    assert axes.get_yscale() == "log"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("epoch", "loss (log_loss)")
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["training", "validation (lowest 0.5, epoch 2)"]


@pytest.mark.parametrize("losses", [([1.0, 0.9], ()), ([0.0, 0.0], [0.0, 0.0]), ([1.0], [1.0]), ([5.0, 0.0], ())])
def test_curves_on_a_linear_axis(tmp_path, drawn, losses):
    pictures.draw_curves(history(*losses), tmp_path / "curves.png", "x", "mse")
    assert drawn[0].axes[0].get_yscale() == "linear"


@pytest.mark.parametrize("n_classes", [2, 3, 10, 14])
def test_boundary(tmp_path, drawn, n_classes):
    names = tuple(f"class {i}" for i in range(n_classes))
    model, data = model_and_data(np.arange(60) % n_classes, "classification", ("width", "height"), names, "kind")
    pictures.draw_boundary(model, data, np.arange(12), tmp_path / "boundary.png")
    assert (tmp_path / "boundary.png").read_bytes().startswith(PNG)
    axes = drawn[0].axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("width", "height")
    legend = axes.get_legend()
    texts = [text.get_text() for text in legend.get_texts()]
    shown = min(n_classes, pictures.MOST_IN_LEGEND)
    assert texts == [*names[:shown], *([f"and {n_classes - shown} more"] if shown < n_classes else []), "held out"]
    assert legend.get_title().get_text() == "kind"
    image = axes.images[0]
    x_low, x_high, y_low, y_high = image.get_extent()
    assert x_low < data.X[:, 0].min()
    assert y_high > data.X[:, 1].max()
    # The colour of the plane at a place is that of the class that the model predicts there.
    column, row = 30, 200
    place = np.linspace(x_low, x_high, pictures.GRID)[column], np.linspace(y_low, y_high, pictures.GRID)[row]
    P = model.predict_proba([place])[0]
    strength = 0.10 + 0.35 * (P.max() - 1 / n_classes) / (1 - 1 / n_classes)
    color = pictures._rgb(pictures.COLORS[P.argmax() % len(pictures.COLORS)])
    np.testing.assert_allclose(image.get_array()[row, column], 1 + strength * (np.array(color) - 1), atol=1e-4)


def test_classes_look_different():
    looks = {(pictures.COLORS[k % len(pictures.COLORS)], pictures.MARKERS[k % len(pictures.MARKERS)]) for k in range(50)}
    assert len(looks) == 50


def test_surface(tmp_path, drawn):
    model, data = model_and_data(np.linspace(-3.0, 5.0, 40), "regression", target_name="price")
    pictures.draw_boundary(model, data, np.arange(8), tmp_path / "boundary.png")
    axes, bar = drawn[0].axes
    mesh = axes.collections[0]
    assert mesh.get_clim() == (-3.0, 5.0)
    assert bar.get_ylabel() == "price"
    corner = data.X.min(axis=0) - 0.08 * np.ptp(data.X, axis=0)
    np.testing.assert_allclose(mesh.get_array()[0, 0], model.predict([corner])[0], rtol=1e-5)


def test_names_that_matplotlib_would_misread(tmp_path, drawn, recwarn):
    names = ("_hidden", "$\\frac{a$", "größe 日本", "a  very long\nname that goes on and on and on")
    model, data = model_and_data(np.arange(40) % 4, "classification", ("$x^$", "_y"), names, "$")
    pictures.draw_boundary(model, data, np.arange(0), tmp_path / "boundary.png")
    texts = [text.get_text() for text in drawn[0].axes[0].get_legend().get_texts()]
    assert texts == ["_hidden", "$\\frac{a$", "größe 日本", "a very long name that goes …"]
    assert not [warning for warning in recwarn if "Glyph" in str(warning.message)]


def test_a_constant_feature(tmp_path):
    model, data = model_and_data([0, 1] * 10, "classification", class_names=("u", "v"))
    data.X[:, 0] = 3.0
    pictures.draw_boundary(model, data, np.arange(2), tmp_path / "boundary.png")


def test_other_numbers_of_features(tmp_path):
    model, data = model_and_data([0, 1], "classification", class_names=("u", "v"))
    wide = Dataset("data", np.zeros((2, 3)), data.y, ("a", "b", "c"), data.task, data.class_names)
    with pytest.raises(InputError, match="for 2 features; 'data' has 3"):
        pictures.draw_boundary(model, wide, np.arange(0), tmp_path / "x.png")
