"""Callbacks that write losses elsewhere."""

import csv
import sys

import numpy as np
import pytest
from tileprop.trainer import CSVLogger, InputError, MissingExtraError, MLflow, Network, StopHandle, TensorBoard

X, T = np.eye(3), [0, 1, 1]


def fit(*callbacks, **options):
    network = Network([3, 1])
    return network.fit(X, T, **{"epochs": 5, "validation_data": (X, T), "callbacks": callbacks, **options})


def test_csv(tmp_path):
    path, seen = tmp_path / "losses.csv", []
    for options in (dict(), dict(validation_data=None), dict(optimizer="lbfgs")):
        history = fit(CSVLogger(path), lambda run: seen.append(len(path.read_text().splitlines())), **options)
        history.save_csv(tmp_path / "same.csv")
        assert path.read_text() == (tmp_path / "same.csv").read_text()
    assert seen[:5] == [2, 3, 4, 5, 6]  # lines after each epoch
    with open(path, newline="") as file:
        assert [float(row["loss"]) for row in csv.DictReader(file)] == history.loss


def test_csv_of_a_fit_that_goes_on(tmp_path):
    pytest.importorskip("safetensors")
    path, place = tmp_path / "losses.csv", tmp_path / "fit.checkpoint"
    handle = StopHandle()
    fit(CSVLogger(path), handle, lambda run: run.history.epochs == 2 and handle.stop(), checkpoint=place)
    assert len(path.read_text().splitlines()) == 3
    callbacks = [CSVLogger(path), StopHandle(), lambda run: None]
    _, history = Network.resume(place, X, T, validation_data=(X, T), callbacks=callbacks)
    assert history.epochs == 5
    assert len(path.read_text().splitlines()) == 6


@pytest.mark.plain
def test_csv_without_its_folder(tmp_path):
    with pytest.raises(InputError, match=r"CSVLogger: there is no folder .*none; make it first"):
        CSVLogger(tmp_path / "none" / "losses.csv")


def test_tensorboard(tmp_path):
    pytest.importorskip("tensorboardX")
    from tensorboardX.proto.event_pb2 import Event

    history = fit(TensorBoard(tmp_path / "run"))
    found = {}
    for file in (tmp_path / "run").iterdir():
        data = file.read_bytes()
        while data:  # a record: its length, 4 bytes of checksum, the event, 4 bytes of checksum
            length = int.from_bytes(data[:8], "little")
            event, data = Event.FromString(data[12 : 12 + length]), data[16 + length :]
            for value in event.summary.value:
                found.setdefault(value.tag, {})[event.step] = value.simple_value
    assert set(found) == {"loss/training", "loss/validation", "learning_rate"}
    assert list(found["loss/training"]) == [1, 2, 3, 4, 5]
    assert list(found["loss/validation"].values()) == pytest.approx(history.val_loss)


def test_mlflow(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    mlflow = pytest.importorskip("mlflow")
    mlflow.set_tracking_uri((tmp_path / "runs").as_uri())
    history = fit(MLflow(run_name="trees"))
    (run,) = mlflow.search_runs(output_format="list")
    assert run.info.run_name == "trees"
    assert run.info.status == "FINISHED"
    assert run.data.params["sizes"] == "[3, 1]"
    assert run.data.metrics["loss"] == pytest.approx(history.loss[-1])
    assert run.data.metrics["learning_rate"] == 0.1
    steps = mlflow.MlflowClient().get_metric_history(run.info.run_id, "val_loss")
    assert [step.step for step in steps] == [1, 2, 3, 4, 5]
    with mlflow.start_run() as active:
        fit(MLflow())
        assert mlflow.active_run().info.run_id == active.info.run_id


@pytest.mark.plain
@pytest.mark.parametrize(("kind", "module"), [(TensorBoard, "tensorboardX"), (MLflow, "mlflow")])
def test_without_the_package(kind, module, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError, match=rf"{kind.__name__} needs .*'tileprop\[{kind.__name__.lower()}\]'"):
        kind(tmp_path) if kind is TensorBoard else kind()
