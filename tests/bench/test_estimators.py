"""The estimators' benchmark, on small tables."""

import numpy as np
import pytest
from tileprop.bench import estimators
from tileprop.bench.estimators import TABLES, images, run_estimators, table


@pytest.mark.parametrize("make", [lambda: table(300, 4), pytest.param(lambda: images(200), marks=pytest.mark.full)])
def test_a_table_that_both_train_alike_is_timed(monkeypatch, capsys, make):
    monkeypatch.setitem(TABLES, "digits", make)
    monkeypatch.setattr(estimators, "CALLS", 2)
    assert run_estimators(["digits"]) == 0
    out = capsys.readouterr().out
    assert "fit " in out
    assert "validation and decoding" in out


def test_other_losses_are_told_and_not_timed(monkeypatch, capsys):
    monkeypatch.setitem(TABLES, "digits", lambda: table(300, 4))
    monkeypatch.setattr(estimators, "TOLERANCE", -1.0)
    assert run_estimators(["digits"]) == 1
    assert "not the same training" in capsys.readouterr().out


def test_tables_have_their_names_sizes():
    for name, shape in {"digits": (1797, 64), "breast_cancer": (569, 30), "20000x8": (20_000, 8)}.items():
        kind, X, y = TABLES[name]()
        assert X.shape == shape
        assert len(y) == len(X)
        assert np.isfinite(X).all()
        assert kind == ("MLPRegressor" if name == "20000x8" else "MLPClassifier")
