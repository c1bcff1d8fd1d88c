"""Saved networks come back bit for bit; what is no network is refused, in little time and memory."""

import json
import os
import re

import numpy as np
import pytest
from bounds import at_most_bytes, at_most_seconds
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file
from tileprop.trainer import InputError, ModelFormatError, Network
from tileprop.trainer.data.array_recipe import ArrayRecipe
from tileprop.trainer.files import FORMAT, load_network, save_network
from tileprop.trainer.runs.trained_model import TrainedModel
from tileprop.trainer.scaling import Scaling
from tileprop.trainer.tables.recipe import Recipe
from tileprop.trainer.tensor_files import MOST_HEADER

pytestmark = pytest.mark.plain


MOST_BEYOND_FILE = 64 << 20
PLAN = {
    "sizes": [3, 4, 2],
    "activation": ["tanh"],
    "output_activation": "sigmoid",
    "loss": "mse",
    "bias": True,
    "dtype": "float32",
}


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "net.safetensors"
    Network([3, 4, 2], activation="tanh", random_state=5).save(path)
    return path


@settings(max_examples=30, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 9), min_size=2, max_size=5),
    activation=st.sampled_from(["sigmoid", "tanh", "relu", "identity", "gelu"]),
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


@pytest.mark.parametrize(
    "arguments",
    [
        {"loss": "huber", "delta": 0.25},
        {"loss": "quantile", "quantile": [0.05, 0.5, 0.95]},
        {"loss": "quantile", "quantile": 0.5},
        {"loss": "gaussian_nll", "output_activation": "identity"},
    ],
)
def test_losses_with_parameters(tmp_path, arguments):
    network = Network([2, 6], **arguments)
    network.save(tmp_path / "net")
    assert Network.load(tmp_path / "net").plan.arguments == network.plan.arguments


def test_arrays_and_notes_travel_along(tmp_path):
    arrays = {"mean": np.arange(6.0).reshape(2, 3).T, "empty": np.zeros(0)}
    save_network(tmp_path / "net", Network([2, 1]), arrays, {"columns": ["größe", "b"]})
    _, loaded, notes = load_network(Network, tmp_path / "net")
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


@pytest.mark.parametrize(
    ("arrays", "notes", "message"),
    [
        ({"a": np.array([1.0, np.inf])}, None, r"extra.a \(float64\) cannot be saved"),
        ({"a": np.ones(2, complex)}, None, r"extra.a \(complex128\) cannot be saved"),
        (
            None,
            {"names": "x" * MOST_HEADER},
            "names and notes take 10[0-9]* bytes, 12 lists and objects; at most 1048576 and 32768 can be saved",
        ),
        (None, [[]] * 33_000, "bytes, 330[0-9]* lists and objects"),
    ],
)
def test_what_could_not_be_loaded_is_not_saved(tmp_path, arrays, notes, message):
    with pytest.raises(InputError, match=message):
        save_network(tmp_path / "net", Network([2, 1]), arrays, notes)
    assert not list(tmp_path.iterdir())


def test_parameters_that_are_not_finite_are_not_saved(saved):
    network = Network([3, 2])
    network.theta[0] = np.nan
    with pytest.raises(InputError, match=r"weights.0 \(float32\) cannot be saved"):
        network.save(saved)
    assert Network.load(saved).plan.sizes == [3, 4, 2]


def test_metadata_are_in_one_order(saved):
    """safetensors has another one in each process; a file's hash is to tell whether two networks are the same."""
    data = saved.read_bytes()
    length = int.from_bytes(data[:8], "little")
    assert list(json.loads(data[8 : 8 + length])["__metadata__"]) == ["checksum", "format", "notes", "plan"]
    assert length % 8 == 0


def test_a_flipped_bit_is_noticed(saved):
    """In a checkpoint it would be trained on."""
    whole, before = saved.read_bytes(), Network.load(saved).theta
    for at in np.random.default_rng(2).choice(len(whole), 100, replace=False):
        saved.write_bytes(whole[:at] + bytes([whole[at] ^ (1 << at % 8)]) + whole[at + 1 :])
        try:
            again = Network.load(saved).theta
        except InputError:
            continue
        assert again.tobytes() == before.tobytes()  # a space at the header's end


def test_unknown_metadata_are_refused(saved):
    save_file({"weights.0": np.zeros((1, 1), np.float32)}, saved, {"format": FORMAT, "Checksum": "x"})
    with pytest.raises(ModelFormatError, match="unknown metadata: 'Checksum'"):
        Network.load(saved)


def test_missing_file(tmp_path):
    with pytest.raises(InputError, match="there is no file"):
        Network.load(tmp_path / "nothing")
    with pytest.raises(ModelFormatError, match="is a folder"):
        Network.load(tmp_path)


def test_parameters_are_read_in_place(tmp_path):
    network = Network([1000, 3000, 10], random_state=1)
    network.save(tmp_path / "net")
    with at_most_bytes(network.theta.nbytes + (2 << 20)):
        again = Network.load(tmp_path / "net")
    assert again.theta.tobytes() == network.theta.tobytes()
    assert np.shares_memory(again.theta, again.weights[0])


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
    change_tensors(tensors)
    save_file(tensors, saved, {"format": FORMAT, "plan": json.dumps(PLAN), "notes": "{}", **metadata})
    return saved


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda tensors: tensors.pop("biases.0"), "biases.0 is missing"),
        (lambda tensors: tensors.update({"weights.0": np.zeros((4, 3), "f4")}), r"weights.0 is float32 \(4, 3\)"),
        (lambda tensors: tensors.update({"weights.0": np.zeros((3, 4))}), "weights.0 is float64"),
        (lambda tensors: tensors.update({"biases.1": np.full(2, np.nan, "f4")}), "NaN or infinity"),
        (lambda tensors: tensors.update({"other": np.zeros(2)}), "unknown tensors: 'other'"),
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
        {"plan": json.dumps(PLAN | {"sizes": [3, 10**9, 10**9]})},
        {"plan": json.dumps(PLAN | {"sizes": [3, 10**4000, 2]})},
        {"plan": json.dumps(PLAN | {"sizes": [3] * 300_000})},
        {"plan": json.dumps(PLAN | {"sizes": [True, 4, 2]})},
        {"plan": json.dumps(PLAN | {"sizes": [3.0, 4, 2]})},
        {"plan": json.dumps(PLAN | {"sizes": []})},
        {"plan": json.dumps(PLAN | {"activation": [["tanh"]]})},
        {"plan": json.dumps(PLAN | {"activation": "tanh"})},
        {"plan": json.dumps(PLAN | {"activation": ["t" * 900_000]})},
        {"plan": json.dumps(PLAN | {"bias": 1})},
        {"plan": json.dumps(PLAN | {"dtype": "f4," * 200_000})},
        {"plan": json.dumps(PLAN | {"n_targets": 1})},
        {"plan": json.dumps(PLAN | {"quantile": 0.5})},
        {"plan": json.dumps(PLAN | {"loss": "quantile", "quantile": 10**400})},
        {"plan": json.dumps(PLAN | {"loss": "quantile", "quantile": [0.1, [0.9]]})},
        {"plan": json.dumps(PLAN | {"loss": "quantile", "quantile": [0.1, float("nan")]})},
        {"plan": json.dumps(PLAN | {"loss": "quantile", "quantile": [i / 10**5 for i in range(1, 10**5)]})},
        {"plan": json.dumps(PLAN | {"loss": "huber", "delta": None})},
        {"plan": json.dumps(PLAN)[:-1] + ', "sizes": [3, 4, 2]}'},
        {"plan": "[" * 100_000},
        {"plan": "1" * 100_000},
        {"notes": "{"},
        {"notes": '{"a": 1, "a": 2}'},
        {"notes": '{"a":' * 100_000},
        {"notes": "[" + "[]," * 300_000 + "[]"},
    ],
    ids=lambda metadata: str(metadata)[:50],
)
def test_metadata_that_does_not_fit(saved, metadata):
    refused(rewritten(saved, **metadata), Network.load)


def test_notes_that_are_too_long(saved):
    refused(rewritten(saved, notes=json.dumps("x" * MOST_HEADER)), Network.load)


def refused(path, load):
    """Loading the file raises a ModelFormatError, in less than a second, and in little memory."""
    with at_most_seconds(1.0), pytest.raises(ModelFormatError) as caught:
        load(path)
    assert len(str(caught.value)) < 800
    with at_most_bytes(os.path.getsize(path) + MOST_BEYOND_FILE), pytest.raises(ModelFormatError):
        load(path)


# Damage, drawn at random -----------------------------------------------------------------------------------------------------


def flip(data, draw):
    at = draw.integers(len(data))
    return data[:at] + bytes([data[at] ^ 1 << draw.integers(8)]) + data[at + 1 :]


def cut(data, draw):
    return data[: draw.integers(len(data))]


def overwrite(data, draw):
    at, length = draw.integers(len(data)), draw.integers(1, 20)
    return data[:at] + draw.bytes(length) + data[at + length :]


def repeat(data, draw):
    start, end = sorted(draw.integers(len(data) + 1, size=2))
    return data[:end] + data[start:]


def remove(data, draw):
    start, end = sorted(draw.integers(len(data) + 1, size=2))
    return data[:start] + data[end:]


def claim(data, draw):
    """Another length of the header."""
    length = [0, 2**63, 2**64 - 1, MOST_HEADER, max(len(data) - 8, 0), int(draw.integers(len(data)))][draw.integers(6)]
    return length.to_bytes(8, "little") + data[8:]


def reword(data, draw):
    """A word or number of the header in another's place, or one from outside; the header's length is right again."""
    length = int.from_bytes(data[:8], "little")
    words = re.findall(rb"[A-Za-z_]+|-?\d+|[^A-Za-z_\d]", data[8 : 8 + length]) or [b""]
    words[draw.integers(len(words))] = [*FOREIGN, *(words[i] for i in draw.integers(len(words), size=9))][draw.integers(20)]
    header = b"".join(words)
    return len(header).to_bytes(8, "little") + header + data[8 + length :]


DAMAGE = [flip, cut, overwrite, repeat, remove, claim, reword, reword, reword]
FOREIGN = [b"-1", b"0", b"1e400", b"NaN", b"9" * 30, b"9" * 5000, b"[" * 2000, b'{"":' * 2000, b"\xff", b"null", b'"\\ud800"']


@pytest.fixture
def originals(tmp_path):
    """Files and what loads them."""
    scaling = Scaling(np.array([10.0, -1.0]), np.array([2.0, 0.5]))
    classifier = Network([2, 4, 3], output_activation="softmax", loss="log_loss")
    recipe = ArrayRecipe(scaling, ("größe", "b"))
    TrainedModel(classifier, recipe, "classification", ("Klasse",), ("rot", "grün", "blau")).save(tmp_path / "a")
    regressor = Network([2, 3, 2], "relu", "identity", dtype="float64")
    table = pytest.importorskip("pyarrow").table({"x": [1.5, None, 3.0], "c": ["u", "v", "u"]})
    errors = np.arange(6.0).reshape(2, 3)
    TrainedModel(regressor, Recipe.fit(table), "regression", ("y", "z"), (), scaling, errors).save(tmp_path / "b")
    Network([3, 1], bias=False).save(tmp_path / "c")
    Network([1, 2, 3, 4, 5], ["tanh", "relu", "exp"]).save(tmp_path / "d")
    loads = [TrainedModel.load, TrainedModel.load, Network.load, Network.load]
    return [((tmp_path / name).read_bytes(), load) for name, load in zip("abcd", loads, strict=True)]


@pytest.mark.parametrize("count", [300, pytest.param(20_000, marks=pytest.mark.full)])
def test_damaged_files(tmp_path, originals, count):
    draw, path, messages = np.random.default_rng(2), tmp_path / "damaged", []
    for i in range(count):
        data, load = originals[i % len(originals)]
        for _ in range(draw.integers(1, 4)):
            data = DAMAGE[draw.integers(len(DAMAGE))](data, draw) or b"\0"
        path.write_bytes(data)
        try:
            with at_most_seconds(1.0), at_most_bytes(len(data) + MOST_BEYOND_FILE):
                loaded = load(path)
        except ModelFormatError as error:
            messages.append(str(error))
        else:  # other numbers, other notes: a network nevertheless
            network = loaded.network if isinstance(loaded, TrainedModel) else loaded
            assert network.theta.shape == (network.plan.n_parameters,)
            assert np.isfinite(network.theta).all()
    assert 0.5 * count < len(messages) < count
    assert [message for message in messages if str(path) not in message or len(message) > 800] == []
