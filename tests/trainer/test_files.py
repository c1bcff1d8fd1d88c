"""Saved networks come back bit for bit; what is no network is refused."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file
from tileprop.trainer import InputError, ModelFormatError, Network
from tileprop.trainer.files import FORMAT, load_network, save_network

pytestmark = pytest.mark.plain


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "net.safetensors"
    Network([3, 4, 2], activation="tanh", random_state=5).save(path)
    return path


@settings(max_examples=30, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 9), min_size=2, max_size=5),
    activation=st.sampled_from(["sigmoid", "tanh", "relu", "identity"]),
    loss=st.sampled_from(["mse", "squared_error", "log_loss"]),
    bias=st.booleans(),
    dtype=st.sampled_from(["float32", "float64"]),
)
def test_round_trip(tmp_path_factory, sizes, activation, loss, bias, dtype):
    path = tmp_path_factory.mktemp("model") / "net.safetensors"
    network = Network(sizes, activation, "sigmoid", loss, bias, dtype, random_state=1)
    network.save(path)
    again = Network.load(path)
    assert repr(again) == repr(network)
    assert again.theta.tobytes() == network.theta.tobytes()


def test_arrays_and_notes_travel_along(tmp_path):
    arrays = {"mean": np.arange(6.0).reshape(2, 3).T, "empty": np.zeros(0)}
    save_network(tmp_path / "net", Network([2, 1]), arrays, {"columns": ["größe", "b"]})
    _, loaded, notes = load_network(tmp_path / "net")
    assert notes == {"columns": ["größe", "b"]}
    for name, array in arrays.items():
        np.testing.assert_array_equal(loaded[name], array)


def test_an_existing_file_survives_a_failed_save(saved, monkeypatch):
    before = saved.read_bytes()
    monkeypatch.setattr("safetensors.numpy.save", lambda *args, **kwargs: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        Network([2, 1]).save(saved)
    assert saved.read_bytes() == before
    assert list(saved.parent.iterdir()) == [saved]


def test_missing_file(tmp_path):
    with pytest.raises(InputError, match="there is no file"):
        Network.load(tmp_path / "nothing")


@pytest.mark.parametrize("content", [b"", b"garbage", b"\x10\0\0\0\0\0\0\0{}", b"\xff" * 64])
def test_garbage(tmp_path, content):
    (tmp_path / "bad").write_bytes(content)
    with pytest.raises(ModelFormatError):
        Network.load(tmp_path / "bad")


def test_truncated_anywhere(saved):
    whole = saved.read_bytes()
    for length in range(0, len(whole), 37):
        saved.write_bytes(whole[:length])
        with pytest.raises(ModelFormatError):
            Network.load(saved)


def rewritten(saved, change_tensors=lambda tensors: None, **metadata):
    tensors = load_file(saved)
    plan = {"sizes": [3, 4, 2], "activation": ["tanh"], "output_activation": "sigmoid", "loss": "mse", "bias": True}
    change_tensors(tensors)
    save_file(tensors, saved, {"format": FORMAT, "plan": json.dumps({**plan, "dtype": "float32"}), "notes": "{}", **metadata})
    return saved


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda tensors: tensors.pop("biases.0"), "biases.0 is missing"),
        (lambda tensors: tensors.update({"weights.0": np.zeros((4, 3), "f4")}), r"weights.0 is float32 \(4, 3\)"),
        (lambda tensors: tensors.update({"weights.0": np.zeros((3, 4))}), "weights.0 is float64"),
        (lambda tensors: tensors.update({"biases.1": np.full(2, np.nan, "f4")}), "not finite"),
        (lambda tensors: tensors.update({"other": np.zeros(2)}), "unknown tensors: other"),
    ],
)
def test_tensors_that_do_not_fit(saved, change, message):
    with pytest.raises(ModelFormatError, match=message):
        Network.load(rewritten(saved, change))


@pytest.mark.parametrize(
    "metadata",
    [
        {"format": "other"},
        {"plan": "not json"},
        {"plan": "[]"},
        {"plan": json.dumps({"sizes": [3]})},
        {"plan": json.dumps({"sizes": [3, 10**9, 10**9], "dtype": "float32"})},
        {"plan": json.dumps({"sizes": [3, 10**6, 10**5], "dtype": "float32"})},
        {"plan": json.dumps({"sizes": [3, 2], "dtype": "float16"})},
        {"plan": json.dumps({"sizes": [3, 2], "dtype": "float32", "n_targets": 7})},
        {"plan": json.dumps({"sizes": [3, 2], "loss": "best"})},
        {"notes": "{"},
    ],
)
def test_metadata_that_does_not_fit(saved, metadata):
    with pytest.raises(ModelFormatError):
        Network.load(rewritten(saved, **metadata))
