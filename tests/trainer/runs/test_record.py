"""What a run folder holds, and how it is read again."""

import csv
import json

import numpy as np
import pytest
from tileprop.trainer import InputError
from tileprop.trainer.runs.experiment import run_experiment
from tileprop.trainer.runs.record import model_file, read_record, write_run
from tileprop.trainer.runs.settings import Settings
from tileprop.trainer.runs.trained_model import TrainedModel

pytest.importorskip("sklearn")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    outcome = run_experiment(Settings("moons", epochs=3, n_samples=100))
    write_run(outcome, folder)
    return outcome, folder


def test_files(run):
    outcome, folder = run
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["boundary.png", "curves.png", "history.csv", "model.safetensors", "run.json"]
    model = TrainedModel.load(folder / "model.safetensors")
    assert np.array_equal(model.predict(outcome.dataset.X), outcome.model.predict(outcome.dataset.X))
    rows = list(csv.DictReader((folder / "history.csv").open()))
    assert [float(row["val_loss"]) for row in rows] == outcome.history.val_loss


def test_record(run):
    outcome, folder = run
    record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    assert record == read_record(folder)
    assert record["settings"]["source"] == "moons"
    assert record["settings"]["epochs"] == 3
    assert record["data"]["classes"] == {"0": 50, "1": 50}
    assert record["data"]["split"] == {"training": 72, "validation": 8, "test": 20}
    assert record["results"]["accuracy"] == outcome.scores
    assert record["results"]["parameters"] == outcome.model.network.plan.n_parameters
    assert record["versions"]["numpy"] == np.__version__


def test_four_features_have_no_boundary(tmp_path):
    write_run(run_experiment(Settings("iris", epochs=1)), tmp_path)
    assert not (tmp_path / "boundary.png").exists()


def test_no_pictures_without_matplotlib(run, tmp_path, monkeypatch):
    monkeypatch.setattr("tileprop.trainer.runs.record.available", lambda module: False)
    write_run(run[0], tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["history.csv", "model.safetensors", "run.json"]


def test_json_has_no_nan(run, tmp_path, monkeypatch):
    outcome, _ = run
    monkeypatch.setitem(outcome.scores, "test", float("nan"))
    write_run(outcome, tmp_path)
    assert read_record(tmp_path)["results"]["accuracy"]["test"] is None


def test_model_file(run, tmp_path):
    _, folder = run
    assert model_file(folder) == model_file(folder / "model.safetensors") == folder / "model.safetensors"
    with pytest.raises(InputError, match=r"holds no model.safetensors; give a run folder"):
        model_file(tmp_path)
    with pytest.raises(InputError, match="there is no file"):
        model_file(tmp_path / "nothing")


def test_damaged_records(tmp_path):
    assert read_record(tmp_path) == {}
    for content in ("{", "[]", "\xff"):
        (tmp_path / "run.json").write_bytes(content.encode("latin-1"))
        with pytest.raises(InputError, match=r"run.json"):
            read_record(tmp_path)
