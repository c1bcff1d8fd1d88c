"""Generated data: seeded, balanced, and of the shape that their names say."""

import numpy as np
import pytest
from tileprop.trainer import InputError
from tileprop.trainer.data.toys import CLASSES, NAMES, NUMBERS, make_toy

pytestmark = pytest.mark.plain


@pytest.mark.parametrize("name", NAMES)
def test_shapes_and_seeds(name):
    X, y = make_toy(name, 101, seed=4)
    assert X.shape == (101, 1 if name == "wave" else 2)
    assert y.shape == (101,)
    again, labels = make_toy(name, 101, seed=4)
    assert np.array_equal(X, again)
    assert np.array_equal(y, labels)
    assert not np.array_equal(X, make_toy(name, 101, seed=5)[0])


@pytest.mark.parametrize("name", CLASSES)
def test_classes_are_balanced(name):
    assert np.bincount(make_toy(name, 101, seed=4)[1]).min() > 35


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_follow_the_features_up_to_the_noise(name):
    X, y = make_toy(name, 4000, noise=0.0)
    moved = make_toy(name, 4000, noise=0.3)
    assert np.array_equal(moved[0], X)
    assert (moved[1] - y).std() == pytest.approx(0.3, rel=0.05)
    assert 0.4 < np.abs(y).max() <= 1.001


def test_hills_rise_and_fall_where_they_should():
    X, y = make_toy("hills", 4000, noise=0.0)
    same = X[:, 0] * X[:, 1] > 0.05
    assert y[same].min() > 0
    assert y[X[:, 0] * X[:, 1] < -0.05].max() < 0


def test_xor_without_noise():
    X, y = make_toy("xor", 200, noise=0.0)
    assert np.abs(X).max() <= 1
    assert np.array_equal(y, (X[:, 0] > 0) != (X[:, 1] > 0))


def test_spirals_without_noise():
    X, y = make_toy("spirals", 200, noise=0.0)
    radius = np.hypot(*X.T)
    turned = np.arctan2(X[:, 1], X[:, 0]) - 2 * np.pi * radius - np.pi * y
    np.testing.assert_allclose(np.cos(turned), 1.0, atol=1e-9)
    assert radius.max() <= 1


def test_noise_is_the_standard_deviation():
    moved = make_toy("xor", 5000, noise=0.5)[0] - make_toy("xor", 5000, noise=0.0)[0]
    assert moved.std() == pytest.approx(0.5, rel=0.03)


@pytest.mark.parametrize(("argument", "value"), [("n_samples", 1), ("noise", -0.1), ("noise", np.nan), ("noise", np.inf)])
def test_refused(argument, value):
    with pytest.raises(InputError, match=f"{argument} is {value}"):
        make_toy("xor", **{argument: value})
