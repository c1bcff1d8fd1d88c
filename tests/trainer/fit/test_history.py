"""History: what it counts, and its CSV."""

import csv

import pytest
from tileprop.trainer import History

pytestmark = pytest.mark.plain


def test_counts():
    history = History(n_samples=100)
    history.record(0.5, None, 0.25)
    history.record(0.25, None, 0.25)
    assert history.epochs == 2
    assert history.samples_per_second == 400
    assert history.val_loss == []


def test_batch_losses_and_penalties():
    """Without sample weights, and without a penalty, there is nothing to tell apart."""
    history = History(n_samples=100)
    history.record(0.5, None, 0.25)
    history.record(0.25, None, 0.25, 0.375, 0.125)
    assert history.loss == [0.5, 0.25]
    assert history.batch_loss == [0.5, 0.375]
    assert history.penalty == [0.0, 0.125]


def test_csv_keeps_every_digit(tmp_path):
    history = History(n_samples=10)
    history.record(1 / 3, 2 / 3, 0.125)
    history.record(0.1, 0.7, 0.5)
    history.save_csv(tmp_path / "history.csv")
    with open(tmp_path / "history.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["loss"]) for row in rows] == history.loss
    assert [float(row["val_loss"]) for row in rows] == history.val_loss
    assert [row["epoch"] for row in rows] == ["1", "2"]


def test_csv_without_validation(tmp_path):
    history = History(n_samples=10)
    history.record(0.1, None, 0.5)
    history.save_csv(tmp_path / "history.csv")
    assert (tmp_path / "history.csv").read_text().splitlines()[1] == "1,0.1,,0.500000"
