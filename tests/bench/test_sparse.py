"""The benchmark of sparse rows, on few of them."""

import numpy as np
import pytest
from tileprop.bench import sparse
from tileprop.bench.sparse import SIDES, drawn_rows, fit, run_sparse


def test_both_sides_train_alike(tmp_path):
    weights = []
    for side in SIDES:
        measured = fit(side, (60, 40, 5), 4, 2, str(tmp_path / f"{side}.npy"))
        assert measured["seconds"] > 0
        assert measured["peak"] > 20  # MiB
        weights.append(np.load(tmp_path / f"{side}.npy"))
    np.testing.assert_allclose(*weights, rtol=1e-9, atol=1e-12)


@pytest.mark.full
def test_both_sides_are_timed_once_they_train_alike(monkeypatch, capsys):
    assert run_sparse((60, 40, 5), hidden=4, epochs=2, repeats=1, threads=1) == 0
    assert capsys.readouterr().out.count("peak memory") == 2
    monkeypatch.setattr(sparse, "TOLERANCE", -1.0)
    assert run_sparse((60, 40, 5), hidden=4, epochs=1, repeats=1, threads=1) == 1
    assert "not the same training" in capsys.readouterr().out


@pytest.mark.parametrize("entries", [1, 7])
def test_rows_have_so_many_entries(entries):
    X, labels = drawn_rows(50, 1000, entries)
    assert X.shape == (50, 1000)
    assert X.nnz <= 50 * entries
    assert set(labels) == {True, False}
