"""Rows of arrays, of maps and of files; what is refused."""

import numpy as np
import pytest
from tileprop.trainer import ArraySource, InputError, Network

RNG = np.random.default_rng(2)
X, T = RNG.normal(size=(50, 3)), RNG.normal(size=(50, 2))


def rows_of(source, piece=7):
    """All rows, in the order of the blocks."""
    pieces = [piece for _, piece in source.stream(range(len(source.block_rows)), 0, piece)]
    return [np.concatenate([piece[i] for piece in pieces]) for i in range(2)]


def given(how, folder):
    """The arrays above, in another form."""
    np.save(folder / "X.npy", X)
    np.save(folder / "T.npy", np.asfortranarray(T))
    if how == "paths":
        return str(folder / "X.npy"), folder / "T.npy"
    if how == "maps":
        return np.load(folder / "X.npy", mmap_mode="r"), np.load(folder / "T.npy", mmap_mode="r")
    if how == "parts of maps":
        np.save(folder / "more.npy", np.concatenate([T, X, T], axis=1))
        more = np.load(folder / "more.npy", mmap_mode="r")
        return more[:, 2:5], more[:, :2]
    return X.tolist(), T


@pytest.mark.parametrize("how", ["arrays", "paths", "maps", "parts of maps"])
def test_rows_are_those_of_the_arrays(tmp_path, how):
    source = ArraySource(*given(how, tmp_path), block_rows=20)
    assert source.block_rows == [20, 20, 10]
    assert (source.n_rows, source.n_inputs) == (50, 3)
    for found, expected in zip(rows_of(source), (X, T), strict=True):
        np.testing.assert_array_equal(found, expected)
    [piece] = source.read(1, 15, 100)
    np.testing.assert_array_equal(piece.X, X[35:40])


def test_names_of_classes_in_a_file(tmp_path):
    names = np.where(X[:, 0] > 0, "ja", "nein")
    np.save(tmp_path / "T.npy", names)
    source = ArraySource(X, tmp_path / "T.npy", block_rows=20)
    assert source.classes == ("ja", "nein")
    network = Network([3, 1], loss="log_loss")
    network.fit(source)
    assert network.classes == ("ja", "nein")
    with pytest.raises(InputError, match="T holds text"):
        Network([3, 1]).fit(source)


def test_a_file_that_becomes_shorter(tmp_path):
    np.save(tmp_path / "X.npy", X)
    source = ArraySource(tmp_path / "X.npy", T, block_rows=20)
    (tmp_path / "X.npy").write_bytes((tmp_path / "X.npy").read_bytes()[:-100])
    with pytest.raises(InputError, match=r"X.npy ends before row 49"):
        Network([3, 2]).fit(source)


def test_what_is_refused(tmp_path):
    np.savez(tmp_path / "X.npz", X=X, T=T)
    np.save(tmp_path / "objects.npy", np.array([{}]), allow_pickle=True)
    (tmp_path / "text.npy").write_text("1,2,3")
    for name, message in (
        ("X.npz", "X.npz holds several arrays; save each with numpy.save"),
        ("objects.npy", "objects.npy is not an .npy file of numbers or text"),
        ("text.npy", "text.npy is not an .npy file of numbers or text"),
        ("X.np", "there is no file"),
    ):
        with pytest.raises(InputError, match=message):
            ArraySource(tmp_path / name, T)
    for arguments, message in (
        ((X, T[:-1]), r"T has shape \(49, 2\) and X has \(50, 3\)"),
        ((X, T, np.ones(3)), r"sample_weight has shape \(3,\)"),
        ((X.reshape(50, 3, 1), T), r"X has shape \(50, 3, 1\)"),
        (([{}], [1]), "X has dtype object"),
    ):
        with pytest.raises(InputError, match=message):
            ArraySource(*arguments)
    for options in (dict(block_rows=0), dict(memory=0), dict(prefetch=6), dict(prefetch=-1)):
        with pytest.raises(ValueError, match=next(iter(options))):
            ArraySource(X, T, **options)


def test_fingerprints_know_other_data(tmp_path):
    paths = given("paths", tmp_path)
    before = ArraySource(*paths).fingerprint()
    assert ArraySource(*paths).fingerprint() == before
    np.save(paths[0], X + 1)
    assert ArraySource(*paths).fingerprint() != before
    assert ArraySource(X, T).fingerprint() == ArraySource(X.copy(), T).fingerprint() != ArraySource(X + 1, T).fingerprint()
