"""Permutation importance of arrays and tables: what matters comes first, in time."""

import time

import numpy as np
import pytest
from tileprop.trainer.runs.page.importance import permutation_importance, shuffled

pytestmark = pytest.mark.plain


def problem(n_rows, n_columns, weights):
    """Rows of random numbers, and the loss of a linear model that knows its weights."""
    X = np.random.default_rng(0).normal(size=(n_rows, n_columns))
    columns = list(weights)
    y = X[:, columns] @ np.array(list(weights.values()))

    def losses(rows, positions):
        return float(np.mean((rows[:, columns] @ np.array(list(weights.values())) - y[positions]) ** 2))

    return X, losses


def names(n):
    return [f"c{i}" for i in range(n)]


def test_the_columns_that_matter_come_first():
    X, losses = problem(300, 30, {4: 3.0, 11: 2.0, 7: 1.0})
    found = permutation_importance(lambda rows: X[rows], 300, names(30), losses, "squared error")
    assert found.names[:3] == ("c4", "c11", "c7")
    # Of independent columns: twice the variance of what the column adds.
    assert found.means[:3] == pytest.approx([18.0, 8.0, 2.0], rel=0.25)
    assert found.means[3:] == pytest.approx(0.0)
    assert (found.deviations[:3] > 0).all()
    assert (found.loss, len(found.names), found.n_columns, found.searched) == (0.0, 20, 30, False)
    assert (found.n_rows, found.repeats, found.loss_name) == (300, 5, "squared error")


def test_at_most_2000_rows_are_used():
    X, losses = problem(5000, 2, {0: 1.0})
    taken = []
    found = permutation_importance(lambda rows: taken.append(rows) or X[rows], 5000, names(2), losses, "squared error")
    assert found.n_rows == 2000
    assert len(np.unique(taken[0])) == 2000


def test_of_very_many_columns_those_that_matter_are_found_by_few_trials():
    X, losses = problem(1000, 20_000, {123: 3.0, 19_999: 2.0, 10_000: 1.5})
    calls = []
    counted = lambda rows, positions: calls.append(1) or losses(rows, positions)  # noqa: E731
    found = permutation_importance(lambda rows: X[rows], 1000, names(20_000), counted, "squared error", seconds=60.0)
    assert len(calls) < 1000
    assert found.searched
    assert set(found.names[:3]) == {"c123", "c19999", "c10000"}
    assert found.n_rows == 200


def test_without_any_time_nothing_is_measured():
    X, losses = problem(50, 40, {0: 1.0})
    slow = lambda rows, positions: time.sleep(0.01) or losses(rows, positions)  # noqa: E731
    found = permutation_importance(lambda rows: X[rows], 50, names(40), slow, "squared error", seconds=0.0)
    assert found.names == ()
    assert found.searched


def test_the_same_seed_gives_the_same_numbers():
    X, losses = problem(100, 3, {0: 1.0, 1: 1.0})
    first, second, other = (
        permutation_importance(lambda rows: X[rows], 100, names(3), losses, "squared error", seed=seed) for seed in (1, 1, 2)
    )
    assert first.means.tolist() == second.means.tolist() != other.means.tolist()


def test_shuffled_columns_of_an_array():
    X = np.arange(40.0).reshape(10, 4)
    mixed = shuffled(X, [1, 3], np.random.default_rng(0))
    assert np.array_equal(mixed[:, [0, 2]], X[:, [0, 2]])
    assert sorted(mixed[:, 1]) == X[:, 1].tolist()
    assert not np.array_equal(mixed[:, 1], X[:, 1])
    assert (mixed[:, 3] - mixed[:, 1] == 2).all()
    assert np.array_equal(X, np.arange(40.0).reshape(10, 4))


def test_shuffled_columns_of_a_table():
    pa = pytest.importorskip("pyarrow")
    table = pa.table(
        {"a": list(range(10)), "b": [f"t{i}" for i in range(9)] + [None], "c": pa.chunked_array([[1.0] * 4, [2.0] * 6])}
    )
    mixed = shuffled(table, [1], np.random.default_rng(0))
    assert mixed.schema == table.schema
    assert mixed.column("a").equals(table.column("a"))
    assert mixed.column("c").equals(table.column("c"))
    assert mixed.column("b").to_pylist() != table.column("b").to_pylist()
    assert set(mixed.column("b").to_pylist()) == set(table.column("b").to_pylist())
