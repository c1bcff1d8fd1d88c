"""Curves: what is on them, read from matplotlib's own objects."""

import numpy as np
import pytest
from tileprop.trainer import InputError
from tileprop.trainer.runs.curves import Curves, plot_curves

pytest.importorskip("matplotlib")
from tileprop.trainer.runs.drawing import new_figure

pytestmark = pytest.mark.plain


def drawn(*arguments, **options):
    figure = new_figure((5, 4))
    plot_curves(figure, Curves(*arguments, **options))
    figure.canvas.draw()
    return figure.axes


def legend(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


def test_training_and_validation():
    (axes,) = drawn([3.0, 0.2, 0.1], "log loss", [2.0, 0.5, 0.6])
    training, validation = axes.lines
    assert list(training.get_xdata()) == [1, 2, 3]
    assert list(training.get_ydata()) == [3.0, 0.2, 0.1]
    assert list(validation.get_ydata()) == [2.0, 0.5, 0.6]
    assert training.get_linestyle() != validation.get_linestyle()
    assert training.get_marker() != validation.get_marker()
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("epoch", "log loss")
    assert legend(axes) == ["training", "validation"]


def test_the_epoch_that_was_kept():
    (axes,) = drawn([3.0, 2.0, 1.0, 0.9], "log loss", [3.0, 2.2, 1.5, 1.6], kept=3)
    assert legend(axes) == ["training (1 at epoch 3)", "validation (1.5 at epoch 3)", "kept: epoch 3"]
    ring = axes.lines[-1]
    assert (list(ring.get_xdata()), list(ring.get_ydata())) == ([3], [1.5])
    (alone,) = drawn([3.0, 2.0, 1.0], "log loss", kept=2)
    assert (list(alone.lines[-1].get_xdata()), list(alone.lines[-1].get_ydata())) == ([2], [2.0])


@pytest.mark.parametrize("n", [1, 2, 9, 60, 200, 1234])
def test_the_axis_begins_at_epoch_1(n):
    (axes,) = drawn(np.linspace(1.0, 0.5, n), "log loss")
    left, right = axes.get_xlim()
    ticks = axes.get_xticks()
    assert 0 < left < 1 or n > 49
    assert ticks[0] == 1
    assert all(tick == int(tick) and 1 <= tick <= n for tick in ticks)
    assert right >= n


@pytest.mark.parametrize("first", [8.0, 1e6])
def test_the_first_epoch_does_not_take_most_of_the_axis(first):
    later = np.linspace(0.4, 0.2, 19)
    (axes,) = drawn([first, *later], "squared error", [first / 2, *(later + 0.1)])
    low, high = axes.get_ylim()
    assert low < 0.2
    assert 0.5 < high < 0.6
    assert axes.get_title(loc="left") == f"↑ the first epochs reach {first:.3g}"


@pytest.mark.parametrize(
    ("loss", "val_loss", "kept"), [([1.0, 0.9, 0.8, 0.7], (), None), ([9.0, 0.5, 0.4], (), 1), ([2.0, 1.0], (), None)]
)
def test_nothing_is_cut_off(loss, val_loss, kept):
    (axes,) = drawn(loss, "log loss", val_loss, kept)
    assert axes.get_ylim()[1] >= max(loss)
    assert axes.get_title(loc="left") == ""


def test_losses_that_are_far_apart_have_a_logarithmic_axis():
    (axes,) = drawn(np.geomspace(1.0, 0.01, 20), "log loss")
    assert axes.get_yscale() == "log"
    low, high = axes.get_ylim()
    assert high >= 1.0
    labels = [
        label.get_text() for label, tick in zip(axes.get_yticklabels(), axes.get_yticks(), strict=True) if low < tick < high
    ]
    assert labels == ["0.01", "0.02", "0.05", "0.1", "0.2", "0.5", "1"]


@pytest.mark.parametrize(
    "losses", [([1.0, 0.9], ()), ([0.0, 0.0], [0.0, 0.0]), ([1.0], [1.0]), ([5.0, 0.0], ()), ([np.nan], ())]
)
def test_losses_on_a_linear_axis(losses):
    (axes,) = drawn(losses[0], "mse", losses[1])
    assert axes.get_yscale() == "linear"


def test_scores_have_a_panel_of_their_own():
    losses, scores = drawn([3.0, 2.0, 1.5], "log loss", [3.0, 2.5, 2.6], kept=2, scores=[0.5, 0.75, 0.7], score_name="accuracy")
    assert list(scores.lines[0].get_ydata()) == [0.5, 0.75, 0.7]
    assert scores.get_ylabel() == "accuracy"
    assert (losses.get_xlabel(), scores.get_xlabel()) == ("", "epoch")
    assert legend(scores) == ["validation (0.75 at epoch 2)"]
    assert losses.get_xlim() == scores.get_xlim()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"val_loss": [1.0]}, "val_loss has 1 entries; it must have 2"),
        ({"scores": [1.0] * 3}, "scores has 3 entries; it must have 2"),
        ({"kept": 0}, "kept is 0; it must be the number of an epoch, from 1 to 2"),
        ({"kept": 3}, "kept is 3"),
    ],
)
def test_curves_that_do_not_fit(arguments, message):
    with pytest.raises(InputError, match=message):
        Curves([1.0, 0.5], "log loss", **arguments)
