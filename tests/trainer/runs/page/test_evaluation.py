"""Figures of held-out rows, against their definitions."""

import math

import numpy as np
import pytest
from tileprop.trainer.runs.page import evaluation
from tileprop.trainer.runs.page.content import HeldOut

pytest.importorskip("sklearn")
pytestmark = pytest.mark.plain


def test_class_scores():
    truth, predicted = np.array([0, 0, 0, 1, 1]), np.array([0, 0, 1, 1, 1])
    none, some, never = evaluation.class_scores(truth, predicted, ("a", "b", "c"))
    assert (none.name, none.rows, none.precision) == ("a", 3, 1.0)
    assert none.recall == pytest.approx(2 / 3)
    assert some.f1 == pytest.approx(0.8)
    assert (never.rows, math.isnan(never.precision), math.isnan(never.recall)) == (0, True, True)


def test_label_scores():
    truth, P = np.array([[1, 0], [0, 0], [1, 0]]), np.array([[0.9, 0.1], [0.6, 0.2], [0.7, 0.3]])
    first, second = evaluation.label_scores(truth, P, ("a", "b"))
    assert (first.rows, first.recall, first.auc) == (2, 1.0, 1.0)
    assert first.precision == pytest.approx(2 / 3)
    assert math.isnan(second.auc)


def test_target_scores():
    truth = np.array([[0.0, 5.0], [2.0, 5.0]])
    one, constant = evaluation.target_scores(truth, truth + np.array([3.0, 0.0]), ("a", "b"))
    assert (one.rmse, one.mae, one.r2) == (3.0, 3.0, -8.0)
    assert (constant.rmse, math.isnan(constant.r2)) == (0.0, True)


def test_calibration_counts_the_rows_of_each_bin():
    P = np.array([0.0, 0.05, 0.1, 0.55, 1.0, 1.0 + 1e-12])
    mean, share, rows = evaluation.calibration(np.array([0, 0, 1, 1, 1, 1]), P)
    assert rows.tolist() == [3, 1, 2]
    assert mean == pytest.approx([0.05, 0.55, 1.0])
    assert share == pytest.approx([1 / 3, 1.0, 1.0])


@pytest.mark.parametrize("seed", range(5))
def test_calibration_agrees_with_itself(seed):
    generator = np.random.default_rng(seed)
    P = generator.random(200).round(1 + seed % 2)
    mean, share, rows = evaluation.calibration((generator.random(200) < P).astype(int), P)
    assert len(mean) == len(share) == len(rows)
    assert rows.sum() == 200
    assert (mean * rows).sum() == pytest.approx(P.sum())


def test_row_losses():
    of_classes = HeldOut(np.array([0, 1]), np.array([[0.5, 0.5], [1.0, 0.0]]))
    losses = evaluation.row_losses(of_classes, "classification")
    assert losses[0] == pytest.approx(math.log(2))
    assert math.isfinite(losses[1])
    one = HeldOut(np.array([1.0, 2.0]), np.array([[4.0], [2.0]]))
    assert evaluation.row_losses(one, "regression").tolist() == [3.0, 0.0]
    two = HeldOut(np.array([[0.0, 7.0], [2.0, 7.0]]), np.array([[1.0, 7.0], [2.0, 8.0]]))
    assert evaluation.row_losses(two, "regression") == pytest.approx([math.sqrt(0.5)] * 2)
    labels = HeldOut(np.array([[1, 0]]), np.array([[0.5, 0.75]]))
    assert evaluation.row_losses(labels, "multilabel") == pytest.approx([math.log(2) + math.log(4)])


def test_the_worst_rows_come_first():
    held_out = HeldOut(np.zeros(30), -np.arange(30.0))
    assert evaluation.worst_rows(held_out, "regression").tolist() == list(range(29, 19, -1))
