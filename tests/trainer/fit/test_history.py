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


@pytest.fixture
def history():
    history = History(n_samples=10, stopped="callback", restored_epoch=1)
    history.record(0.5, 0.25, 0.5)
    history.record(0.125, 0.75, 0.25)
    return history


def test_repr(history):
    assert repr(history) == (
        "History(2 epochs, 10 samples, loss 0.125, val_loss 0.75 (lowest 0.25 in epoch 1), parameters of epoch 1, 0.75 s, "
        "stopped by callback)"
    )
    assert repr(History(n_samples=10)) == "History(no epochs, 10 samples)"
    assert repr(History(10, [0.5], seconds=[1.0], stopped="epochs")) == "History(1 epoch, 10 samples, loss 0.5, 1.00 s)"


def test_to_frame(history):
    pytest.importorskip("pandas")
    frame = history.to_frame()
    assert frame.index.tolist() == [1, 2]
    assert frame.index.name == "epoch"
    assert frame.to_dict("list") == {
        "loss": [0.5, 0.125], "val_loss": [0.25, 0.75], "seconds": [0.5, 0.25], "penalty": [0.0, 0.0],
    }  # fmt: skip
    assert "val_loss" not in History(10, [0.5], seconds=[1.0], penalty=[0.0]).to_frame()
    assert History(n_samples=10).to_frame().shape == (0, 3)


def test_plot(history):
    pyplot = pytest.importorskip("matplotlib.pyplot")
    _, ax = pyplot.subplots()
    display = history.plot(ax=ax, name="mine", linewidth=3)
    assert display.ax_ is ax
    assert [line.get_ydata().tolist() for line in display.lines_] == [history.loss, history.val_loss]
    assert display.lines_[0].get_linewidth() == 3
    pyplot.close("all")
