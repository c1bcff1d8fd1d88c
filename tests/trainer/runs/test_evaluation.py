"""Metrics beside those of a baseline, against formulas written out here."""

import warnings

import numpy as np
import pytest

pytest.importorskip("sklearn")
from tileprop.trainer.runs.evaluation import Score, evaluate_classes, evaluate_labels, evaluate_numbers

RNG = np.random.default_rng(5)


@pytest.fixture(autouse=True)
def _no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def probabilities(y, k, strength):
    Z = RNG.normal(size=(len(y), k)) + strength * np.eye(k)[y]
    P = np.exp(Z)
    return P / P.sum(axis=1, keepdims=True)


def area(y, p):
    """Probability that a row of the class has a higher score than another row."""
    inside, outside = p[y], p[~y]
    return (inside[:, None] > outside).mean() + 0.5 * (inside[:, None] == outside).mean()


def test_two_classes():
    y = (RNG.uniform(size=200) < 0.3).astype(int)
    P = probabilities(y, 2, 2.0)
    found = evaluate_classes(y, P, np.array([0.6, 0.4]), ("no", "yes"))
    hits = P.argmax(axis=1) == y
    assert found.rows == 200
    assert list(found.scores) == ["accuracy", "balanced accuracy", "log loss", "AUC"]
    assert found.scores["accuracy"].model == pytest.approx(hits.mean())
    assert found.scores["accuracy"].baseline == pytest.approx((y == 0).mean())
    assert found.scores["balanced accuracy"].model == pytest.approx((hits[y == 0].mean() + hits[y == 1].mean()) / 2)
    assert found.scores["balanced accuracy"].baseline == 0.5
    assert found.scores["log loss"].model == pytest.approx(-np.log(P[np.arange(200), y]).mean())
    assert found.scores["log loss"].baseline == pytest.approx(-np.log(np.array([0.6, 0.4])[y]).mean())
    assert found.scores["AUC"].model == pytest.approx(area(y == 1, P[:, 1]))
    assert found.scores["AUC"].baseline == 0.5
    assert found.beats_baseline
    yes = found.classes["yes"]
    predicted = P.argmax(axis=1) == 1
    assert (yes.rows, yes.precision) == (y.sum(), pytest.approx(y[predicted].mean()))
    assert yes.recall == pytest.approx(predicted[y == 1].mean())
    assert yes.f1 == pytest.approx(2 / (1 / yes.precision + 1 / yes.recall))


def test_several_classes():
    y = RNG.integers(0, 3, 150)
    P = probabilities(y, 3, 1.0)
    found = evaluate_classes(y, P, np.full(3, 1 / 3), ("a", "b", "c"))
    assert found.scores["AUC"].model == pytest.approx(np.mean([area(y == j, P[:, j]) for j in range(3)]))
    assert list(found.classes) == ["a", "b", "c"]


def test_a_class_without_rows():
    """It has no AUC, and is no part of the balanced accuracy."""
    y = np.array([0, 0, 1, 1])
    P = np.array([[0.8, 0.1, 0.1], [0.1, 0.1, 0.8], [0.1, 0.8, 0.1], [0.1, 0.8, 0.1]])
    found = evaluate_classes(y, P, np.array([0.4, 0.4, 0.2]), ("a", "b", "c"))
    assert found.scores["AUC"] == Score(None, None)
    assert found.scores["balanced accuracy"].model == 0.75
    assert (found.classes["c"].rows, found.classes["c"].precision) == (0, 0.0)


def test_whether_classes_beat_the_baseline():
    y = np.repeat([0, 1], [95, 5])
    shares = np.array([0.95, 0.05])
    knows_nothing = probabilities(y, 2, 0.0)
    assert not evaluate_classes(y, np.tile(shares, (100, 1)), shares, "ab").beats_baseline
    assert not evaluate_classes(y, knows_nothing, shares, "ab").beats_baseline
    # With weighted classes the log loss is high, and the rare class is found.
    found = evaluate_classes(y, np.where(y[:, None] == [0, 1], 0.51, 0.49), shares, "ab")
    assert found.scores["log loss"].model > found.scores["log loss"].baseline
    assert found.beats_baseline


def test_sure_and_wrong():
    found = evaluate_classes(np.array([0, 1]), np.array([[0.0, 1.0], [0.0, 1.0]], np.float32), np.array([0.5, 0.5]), "ab")
    assert found.scores["log loss"].model > 10


def test_numbers():
    t, predicted = RNG.normal(50, 10, 80), RNG.normal(50, 10, 80)
    found = evaluate_numbers(t, predicted, np.array([40.0]), ["price"])
    assert found.scores["RMSE"].model == pytest.approx(np.sqrt(((t - predicted) ** 2).mean()))
    assert found.scores["RMSE"].baseline == pytest.approx(np.sqrt(((t - 40) ** 2).mean()))
    assert found.scores["MAE"] == Score(pytest.approx(np.abs(t - predicted).mean()), pytest.approx(np.abs(t - 40).mean()))
    assert found.scores["R2"].model == pytest.approx(1 - ((t - predicted) ** 2).sum() / ((t - t.mean()) ** 2).sum())
    assert found.classes is None
    assert evaluate_numbers(t, t + 1, np.array([50.0]), ["price"]).beats_baseline
    assert not evaluate_numbers(t, t + 30, np.array([50.0]), ["price"]).beats_baseline


def test_several_targets():
    """Each in its own unit; better is better in each."""
    T = RNG.normal(size=(60, 2)) * [1, 1000]
    found = evaluate_numbers(T, T * [0.5, 0.9], T.mean(axis=0), ["a", "b"])
    assert list(found.scores) == ["RMSE of a", "MAE of a", "R2 of a", "RMSE of b", "MAE of b", "R2 of b"]
    assert found.scores["RMSE of b"].model == pytest.approx(0.1 * np.sqrt((T[:, 1] ** 2).mean()))
    assert found.beats_baseline
    assert not evaluate_numbers(T, T * [0.5, -1], T.mean(axis=0), ["a", "b"]).beats_baseline


def test_equal_targets_have_no_r2():
    found = evaluate_numbers(np.ones(5), np.zeros(5), np.zeros(1), ["y"])
    assert found.scores["R2"] == Score(None, None)
    assert found.scores["RMSE"] == Score(1.0, 1.0)


def test_labels():
    Y = (RNG.uniform(size=(90, 3)) < [0.5, 0.2, 0.7]).astype(int)
    P = np.clip(0.5 + 0.3 * (2 * Y - 1) + RNG.normal(0, 0.2, Y.shape), 0.01, 0.99)
    shares = np.array([0.5, 0.25, 0.75])
    found = evaluate_labels(Y, P, shares, ("x", "y", "z"))
    hits = (P >= 0.5) == Y
    assert found.scores["label accuracy"].model == pytest.approx(hits.mean())
    assert found.scores["exact match"].model == pytest.approx(hits.all(axis=1).mean())
    assert found.scores["log loss"].model == pytest.approx(-np.log(np.where(Y == 1, P, 1 - P)).sum(axis=1).mean())
    assert found.scores["log loss"].baseline == pytest.approx(-np.log(np.where(Y == 1, shares, 1 - shares)).sum(axis=1).mean())
    assert found.scores["label accuracy"].baseline == pytest.approx((Y == [1, 0, 1]).mean())
    assert found.scores["macro F1"].model == pytest.approx(np.mean([one.f1 for one in found.classes.values()]))
    assert found.classes["y"].rows == Y[:, 1].sum()
    assert found.beats_baseline
    assert not evaluate_labels(Y, 1 - P, shares, ("x", "y", "z")).beats_baseline
