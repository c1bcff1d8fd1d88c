"""The race of solvers: its data, goals, sides and table, on fits of an instant."""

from __future__ import annotations

import math

import numpy as np
import pytest
from tileprop.bench import solvers
from tileprop.bench.solvers import FITS, Fit, Goal, Outcome, Rows, held_out, least_squares, race, run_solvers, train
from tileprop.trainer import LBFGS, Adam, History, LevenbergMarquardt
from tileprop.trainer.fit.callbacks import RunningFit

X = np.linspace(-1, 1, 40)[:, None]
EASY = Fit("easy", [1, 4, 1], lambda: Rows(X, np.sin(2 * X)))


def noisy() -> Rows:
    return held_out(X, np.sin(2 * X[:, 0]) + 0.2 * np.random.default_rng(0).normal(size=40))


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.setattr(solvers, "ADAM_EPOCHS", 5)
    monkeypatch.setattr(solvers, "RATES", (0.001, 0.01))
    monkeypatch.setattr(solvers, "COUNT_TO", 2)


@pytest.mark.parametrize("name", ["sine", "runge", "bump", "franke", "scanline", "diabetes", "photograph"])
def test_data(name):
    fit = FITS[name]
    rows = fit.rows()
    assert rows.X.shape == (len(rows.T), fit.sizes[0])
    assert rows.T.shape[1] == fit.sizes[-1] == 1
    assert (rows.X_val is None) == (name in ("sine", "runge", "bump", "franke"))
    assert np.isfinite(rows.X).all()
    assert 0.05 < rows.T.std() < 1.5
    assert len(fit.network(0).theta) < len(rows.T)


def test_frankes_function():
    """At (0.2, 0.2) of the unit square, by hand."""
    rows = FITS["franke"].rows()
    k = int(np.argmin(((rows.X - (2 * 0.2 - 1)) ** 2).sum(axis=1)))
    x, y = (rows.X[k] + 1) / 2
    by_hand = 0.75 * math.exp(-((9 * x - 2) ** 2) / 4 - (9 * y - 2) ** 2 / 4)
    by_hand += 0.75 * math.exp(-((9 * x + 1) ** 2) / 49 - (9 * y + 1) / 10)
    by_hand += 0.5 * math.exp(-((9 * x - 7) ** 2) / 4 - (9 * y - 3) ** 2 / 4)
    by_hand -= 0.2 * math.exp(-((9 * x - 4) ** 2) - (9 * y - 7) ** 2)
    assert rows.T[k, 0] == pytest.approx(by_hand)


def test_two_thirds_are_trained_on():
    rows = noisy()
    assert (len(rows.X), len(rows.X_val)) == (26, 14)
    together = np.concatenate([rows.T, rows.T_val])
    assert together.mean() == pytest.approx(0.0, abs=1e-12)
    assert together.std() == pytest.approx(1.0)
    assert not set(rows.X.ravel()) & set(rows.X_val.ravel())


def test_a_goal():
    goal, history = Goal(EASY.rows(), 0.1, math.inf), History(40)
    assert goal.losses_only
    for loss, ends in ((0.5, False), (0.7, False), (0.05, True)):
        history.record(loss, None, 0.0)
        assert goal(RunningFit(EASY.network(0), None, history)) == ends
    outcome = goal.outcome()
    assert (outcome.steps, outcome.loss, outcome.reached) == (3, 0.05, True)
    assert Goal(EASY.rows(), 0.1, 0.0).met(1.0)  # time is up
    watched = Goal(noisy(), 0.1, math.inf)
    history.record(0.0, 0.3, 0.0)
    assert not watched(RunningFit(EASY.network(0), None, history))


@pytest.mark.parametrize("optimizer", [LevenbergMarquardt(), LBFGS(), Adam(0.01)], ids=lambda o: type(o).__name__)
@pytest.mark.parametrize("rows", [EASY.rows, noisy], ids=["all", "held out"])
def test_sides_come_to_a_target(optimizer, rows):
    outcome = train(EASY, rows(), 0, optimizer, 0.45)
    assert outcome.reached
    assert outcome.loss <= 0.45
    assert outcome.steps > 0


@pytest.mark.parametrize("method", ["lm", "trf"])
def test_least_squares(method):
    outcome = least_squares(EASY, EASY.rows(), 0, method, 1e-8, math.inf)
    assert outcome.reached
    assert outcome.label == method
    assert least_squares(EASY, noisy(), 0, method, 0.45, math.inf).reached
    assert not least_squares(EASY, EASY.rows(), 0, method, 0.0, 0.0).reached


def test_a_race_of_held_out_rows():
    """The target is the least that Adam has found, with the better of its rates."""
    rows = noisy()
    least = [
        min(EASY.network(0).fit(rows.X, rows.T, epochs=5, optimizer=Adam(rate), validation_data=rows[2:]).val_loss)
        for rate in solvers.RATES
    ]
    target, ours, peers = race(EASY, rows, 0)
    assert target == peers[0].loss == min(least)
    assert ours.reached
    assert len(peers) == len(solvers.PEERS)


def test_the_first_to_reach_the_target_is_the_best():
    slow, fast = Outcome(2.0, 1, 0.1, True), Outcome(1.0, 1, 0.1, True)
    near, far = Outcome(0.1, 1, 0.2, False), Outcome(0.1, 1, 0.3, False)
    assert solvers._best([far, slow, near, fast]) is fast
    assert solvers._best([far, near]) is near


def test_a_table(monkeypatch, capsys):
    monkeypatch.setitem(FITS, "easy", EASY)
    monkeypatch.setitem(FITS, "noisy", Fit("noisy", [1, 2, 1], noisy))
    assert run_solvers(["easy", "noisy"], 2) == 0
    printed = capsys.readouterr()
    for word in ("easy", "noisy", "1-4-1", "1e-08", "steps", "least_squares", "not in "):
        assert word in printed.out
    assert "noisy, seed 1" in printed.err


def test_status_1_where_a_function_is_not_fitted(monkeypatch, capsys):
    monkeypatch.setattr(solvers, "MOST_ITERATIONS", 2)
    monkeypatch.setitem(FITS, "easy", EASY)
    assert run_solvers(["easy"], 1) == 1
    assert "not reached" in capsys.readouterr().out
