"""The benchmark of searches, on a small grid."""

from tileprop.bench import search


def test_times_are_shown_where_both_find_the_same(monkeypatch, capsys):
    monkeypatch.setattr(search, "GRID", {"learning_rate_init": [0.03, 0.0001], "hidden_layer_sizes": [(4,)]})
    monkeypatch.setattr(search, "FOLDS", 2)
    assert search.run_search(epochs=2, threads=1, dtype="float64") == 0
    assert "times as fast" in capsys.readouterr().out
    monkeypatch.setattr(search, "TOLERANCE", -1.0)
    assert search.run_search(epochs=1, threads=1, dtype="float64") == 1
    assert "no ratio" in capsys.readouterr().out
