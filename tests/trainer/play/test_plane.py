"""The grid behind the pictures: it holds all rows, and rows lie on it where their inputs say."""

import numpy as np
import pytest
from tileprop.trainer.play.plane import LINE, SIDE, Plane

pytestmark = pytest.mark.plain


def test_two_inputs_are_the_axes():
    X = np.random.default_rng(0).uniform(-1, 3, (40, 2))
    plane = Plane.through(X, ("a", "b"))
    assert plane.axes == ("a", "b")
    assert plane.shape == (SIDE, SIDE)
    np.testing.assert_allclose(plane.positions, X)
    assert (plane.low < X.min(axis=0)).all()
    assert (plane.high > X.max(axis=0)).all()
    np.testing.assert_allclose(plane.grid[0], plane.low)
    np.testing.assert_allclose(plane.grid[SIDE - 1], (plane.high[0], plane.low[1]))  # row by row, from the bottom


def test_one_input_is_a_line_and_a_single_row_has_room():
    plane = Plane.through(np.array([[1.0]]), ("x",))
    assert plane.shape == (1, LINE)
    assert plane.grid.shape == (LINE, 1)
    assert (plane.low, plane.high) == (0.0, 2.0)


def test_more_inputs_are_seen_along_their_largest_spread():
    generator = np.random.default_rng(1)
    spread = generator.normal(size=(200, 2)) @ np.array([[3.0, 3.0, 0.0, 0.0], [0.0, 0.0, 1.0, -1.0]])
    X = 5.0 + spread + generator.normal(0.0, 0.01, (200, 4))
    plane = Plane.through(X, tuple("abcd"))
    assert plane.axes == ("first principal component", "second principal component")
    # What lies in a plane is where the picture shows it: the nearest point of the grid is near the row itself.
    nearest = np.abs(plane.grid[None] - X[:20, None]).max(axis=2).min(axis=1)
    assert nearest.max() < 0.5
