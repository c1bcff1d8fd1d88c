"""Parts of a page from raw rows, arrays and tables alike."""

import math

import numpy as np
import pytest
from tileprop.trainer.runs.page.content import PageContent
from tileprop.trainer.runs.page.document import page
from tileprop.trainer.runs.page.examining import cells_of, examine

pytestmark = pytest.mark.plain


def test_an_array():
    X = np.random.default_rng(0).normal(size=(50, 3))
    truth = 2 * X[:, 1]
    truth[7] += 100.0
    held_out, importance, worst = examine(X, truth, lambda rows: 2 * rows[:, 1], "regression", ("a", "b", "c"), range(101, 151))
    assert np.array_equal(held_out.predictions, 2 * X[:, 1])
    assert (importance.names[0], importance.loss_name) == ("b", "absolute error")
    assert importance.loss == pytest.approx(2.0)
    assert importance.means[1:].tolist() == [0.0, 0.0]
    assert len(worst.positions) == 10
    assert (worst.positions[0], worst.numbers[0], worst.headers) == (7, 108, ("a", "b", "c"))
    assert worst.cells[0] == tuple(f"{value:.6g}" for value in X[7])


def test_a_table_of_text():
    pa = pytest.importorskip("pyarrow")
    pytest.importorskip("sklearn")
    pytest.importorskip("matplotlib")
    color = ["red", "green", "blue", None] * 10
    table = pa.table({"size": [float(i) for i in range(40)], "colour": color})

    def predict(rows):
        red = np.array([value == "red" for value in rows.column("colour").to_pylist()])
        return np.where(red[:, None], (0.1, 0.9), (0.8, 0.2))

    truth = np.array([value == "red" for value in color]).astype(int)
    truth[3] = 1
    parts = examine(table, truth, predict, "classification", ("size", "colour"), range(1, 41))
    importance, worst = parts[1:]
    assert importance.names == ("colour", "size")
    assert importance.means[0] > 0.1
    assert (worst.numbers[0], worst.cells[0]) == (4, ("3", ""))
    content = PageContent("t", "classification", "", ("kind",), ("no", "yes"), (), (), (), (), "", None, *parts)
    assert "Worst rows" in page(content)


def test_several_targets_and_labels():
    generator = np.random.default_rng(0)
    X, T = generator.normal(size=(60, 2)), generator.normal(size=(60, 2)) * (1.0, 1e6)
    assert (
        examine(X, T, lambda rows: T[: len(rows)] + rows, "regression", ("a", "b"), range(60))[1].loss_name
        == "standardised error"
    )
    labels = (X > 0).astype(int)
    found = examine(X, labels, lambda rows: np.where(rows > 0, 0.9, 0.1), "multilabel", ("a", "b"), range(60))[1]
    assert found.loss == pytest.approx(-2 * math.log(0.9))
    assert (found.means > 0.1).all()


def test_cells_are_text():
    assert cells_of(np.array([[1.0, 0.1234567], [math.nan, 1e9]])) == (("1", "0.123457"), ("", "1e+09"))
    assert cells_of(np.array([[1, 2]])) == (("1", "2"),)
