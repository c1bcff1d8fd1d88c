"""NumPy's files: what is taken for X and the targets, and what is refused."""

import numpy as np
import pytest
from tileprop.trainer import InputError
from tileprop.trainer.data.array_files import read_arrays, read_features

pytestmark = pytest.mark.plain
X, Y = np.arange(8.0).reshape(4, 2), np.array([0, 1, 1, 0])


@pytest.fixture
def npz(tmp_path):
    def save(**arrays):
        np.savez(tmp_path / "data.npz", **arrays)
        return tmp_path / "data.npz"

    return save


@pytest.mark.parametrize(("name", "target"), [("y", None), ("T", None), ("labels", "labels")])
def test_npz(npz, name, target):
    found, values, found_name = read_arrays(npz(X=X, **{name: Y}), target)
    assert np.array_equal(found, X)
    assert np.array_equal(values, Y)
    assert found_name == name


def test_npy_pair(tmp_path):
    np.save(tmp_path / "X.npy", X.astype(np.float32))
    np.save(tmp_path / "labels.npy", np.array(["a", "b", "b", "a"]))
    found, values, name = read_arrays(tmp_path / "X.npy", str(tmp_path / "labels.npy"))
    assert found.dtype == np.float32
    assert values.tolist() == ["a", "b", "b", "a"]
    assert name == "labels"
    with pytest.raises(InputError, match="only the features; name the file with the targets"):
        read_arrays(tmp_path / "X.npy", None)


def test_one_column_of_targets_is_flat(npz):
    assert read_arrays(npz(X=X, y=Y.reshape(-1, 1)), None)[1].shape == (4,)


def test_whole_numbers_become_floats(npz):
    found = read_features(npz(X=np.array([[True, False]])))
    assert found.dtype == np.float64
    assert found.tolist() == [[1.0, 0.0]]


@pytest.mark.parametrize(
    ("arrays", "target", "message"),
    [
        ({"x": X, "y": Y}, None, "no array 'X'; it holds 'x', 'y'"),
        ({"X": X, "y": Y, "T": Y}, None, "arrays 'y' and 'T'; name the targets"),
        ({"X": X, "z": Y}, None, "neither array 'y' nor 'T', but 'X', 'z'"),
        ({"X": X, "labels": Y}, "lables", "no array 'lables'; did you mean 'labels'"),
        ({"X": X, "y": Y[:3]}, None, "X has 4 rows and the targets 'y' have 3"),
        ({"X": X.reshape(4, 2, 1), "y": Y}, None, r"shape \(4, 2, 1\).*X.reshape\(4, -1\)"),
        ({"X": X[:, :0], "y": Y}, None, r"shape \(4, 0\)"),
        ({"X": X.astype(str), "y": Y}, None, "X has dtype <U"),
        ({"X": X, "y": Y * 1j}, None, "dtype complex128"),
        ({"X": X, "y": Y.reshape(2, 2, 1)}, None, r"shape \(2, 2, 1\)"),
        (
            {"X": X, "y": np.array([0.5, np.nan, 1.0, np.inf])},
            None,
            "column 'y' contains NaN or infinity in 2 of 4 rows, first in row 2",
        ),
        (
            {"X": np.where(X == 5, np.nan, X), "y": Y},
            None,
            "column 'x1' contains NaN or infinity in 1 of 4 rows, first in row 3",
        ),
        ({"X": X, "y": np.array([None] * 4)}, None, "Python objects"),
    ],
)
def test_refused(npz, arrays, target, message):
    with pytest.raises(InputError, match=f"data.npz.*{message}"):
        read_arrays(npz(**arrays), target)


@pytest.mark.parametrize("content", [b"", b"garbage", b"\x93NUMPY\x01\x00", b"PK\x03\x04 cut", b"\x80\x04N."])
@pytest.mark.parametrize("name", ["data.npz", "data.npy"])
def test_garbage(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=f"{name} does not hold NumPy arrays"):
        read_features(tmp_path / name)


def test_a_truncated_archive(npz):
    path = npz(X=np.random.default_rng(0).normal(size=(100, 50)), y=np.arange(100))
    whole = path.read_bytes()
    for size in (len(whole) - 10, len(whole) // 2, 100):
        path.write_bytes(whole[:size])
        with pytest.raises(InputError, match="does not hold NumPy arrays"):
            read_arrays(path, None)


def test_nothing_is_unpickled(tmp_path):
    class Trap:
        def __reduce__(self):
            return (pytest.fail, ("a file was unpickled",))

    np.save(tmp_path / "X.npy", np.array([[Trap()]], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match="Python objects"):
        read_features(tmp_path / "X.npy")
