"""Runs on rows that are streamed: when, which rows each part has, the same bits when they go on, and the same on all routes."""

from pathlib import Path

import numpy as np
import pytest
from tileprop.trainer import InputError
from tileprop.trainer.cli import main
from tileprop.trainer.runs import stream_preparation
from tileprop.trainer.runs.record import read_record
from tileprop.trainer.runs.settings import Settings
from tileprop.trainer.runs.stream_preparation import decided, prepare_streamed
from tileprop.trainer.runs.trained_model import TrainedModel

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")
pytest.importorskip("safetensors")
pytest.importorskip("sklearn")


@pytest.fixture
def data(tmp_path, monkeypatch):
    """A folder of two files, and the current folder beside it."""
    monkeypatch.chdir(tmp_path)
    generator = np.random.default_rng(0)
    x, kind = generator.normal(size=600), generator.choice(["a", "b"], 600)
    table = pa.table({"number": np.arange(600) / 2, "x": x, "kind": kind, "price": 2 * x + (kind == "a"), "paid": x > 0})
    (tmp_path / "data").mkdir()
    for i in range(2):
        pq.write_table(table.slice(300 * i, 300), tmp_path / "data" / f"{i}.parquet", row_group_size=100)
    return table


def train(*options):
    assert main(["train", "data", "--no-report", "--epochs", "2", *options]) == 0


def test_large_files_are_streamed_and_small_ones_are_not(data, monkeypatch):
    settings = Settings("data/*.parquet", "price")
    for memory, streamed in ((1 << 40, None), (None, None), (40_000, True)):
        monkeypatch.setattr(stream_preparation, "available_memory", lambda memory=memory: memory)
        made, note = decided(settings)
        assert made.stream is streamed
        assert (note is not None) is bool(streamed)
    assert "--no-stream" in note
    assert decided(settings.changed(stream=False)) == (settings.changed(stream=False), None)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (Settings("digits", stream=True), "is not a Parquet or Arrow file"),
        (Settings("data", "price", stream=True, ensemble=2), "ensemble cannot be combined with a stream"),
    ],
)
def test_what_does_not_go_with_a_stream_is_refused(data, settings, message):
    with pytest.raises(InputError, match=message):
        decided(settings)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"target": None}, "say which column is the target"),
        ({"target": "pric"}, "'pric', but there is no such column; did you mean 'price'"),
        ({"ignore": ("no",)}, "ignore is 'no', but there is no such column"),
        ({"ignore": ("price",)}, "both the target and ignored"),
        ({"sep": ";"}, "sep is given"),
        ({"class_weight": "balanced"}, "this is not a classification"),
        ({"test_size": 1e-6}, "none of 600 rows is drawn for test"),
    ],
)
def test_what_does_not_fit_is_refused_before_training(data, changes, message):
    with pytest.raises(InputError, match=message):
        prepare_streamed(Settings(**{"source": "data", "target": "price", **changes}))


def test_each_row_is_in_one_part(data):
    experiment = prepare_streamed(Settings("data", "price", ignore=("kind", "x", "paid"), test_size=0.3, validation_size=0.3))
    seen = []
    for source in experiment.streamed.sources.values():
        rows = np.concatenate([piece.X[:, 0] for block in range(6) for piece in source.read(block, 0, 50)])
        assert len(rows) == source.n_rows
        seen.append(rows)
    every = np.sort(np.concatenate(seen))
    assert len(np.unique(every)) == 600
    assert [len(rows) for rows in seen] == pytest.approx([294, 126, 180], abs=40)
    training = experiment.dataset.rows["number"].to_numpy()[experiment.split.training]
    assert experiment.model.recipe.treatments[0].standard.center == pytest.approx(training.mean())


def test_a_run_that_goes_on_has_the_bits_of_one_that_was_not_stopped(data):
    options = "--target", "paid", "--ignore", "price", "--stream", "--class-weight", "balanced", "--batch-size", "16"
    train(*options, "--out", "whole")
    train(*options, "--out", "part", "--max-seconds", "1e-9")
    assert read_record_of("part").state == "interrupted"
    assert main(["train", "--resume", "part", "--no-report"]) == 0
    assert read_record_of("part").state == "finished"
    assert_same_model("whole", "part")
    assert read_record_of("whole").settings.stream is True
    assert read_record_of("whole").results.accuracy["test"] > 0.8


def test_losses_and_scores_are_those_of_the_rows(data):
    train("--target", "price", "--ignore", "paid", "--stream", "--out", "run")
    record, model = read_record_of("run"), TrainedModel.load("run/model.safetensors")
    experiment = prepare_streamed(record.settings)
    for part, source in experiment.streamed.sources.items():
        pieces = [piece for block in range(6) for piece in source.read(block, 0, 50)]
        X, T = np.concatenate([piece.X for piece in pieces]), np.concatenate([piece.T for piece in pieces])
        assert record.results.losses[part] == pytest.approx(model.network.loss(X, T), rel=1e-5)
        assert record.data.split[part] == len(X)


def test_files_that_are_not_streamed_are_read_as_one_table(data):
    train("--target", "price", "--no-stream", "--out", "folder")
    pq.write_table(data, "one.parquet")
    assert main(["train", "one.parquet", "--target", "price", "--no-report", "--epochs", "2", "--out", "one"]) == 0
    assert_same_model("folder", "one")


def read_record_of(run):
    return read_record(Path(run))


def assert_same_model(first, second):
    thetas = [TrainedModel.load(f"{run}/model.safetensors").network.theta for run in (first, second)]
    assert np.array_equal(*thetas)
