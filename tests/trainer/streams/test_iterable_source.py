"""Blocks that an iteration gives: counted in one pass, read in order, in any kind that `fit` takes."""

import numpy as np
import pytest
from tileprop.trainer import InputError, IterableSource, Network

RNG = np.random.default_rng(2)
X, T = RNG.normal(size=(50, 3)), RNG.normal(size=(50, 2))
SPANS = [slice(0, 20), slice(20, 21), slice(21, 50)]


def test_blocks_are_counted_once_and_read_in_order():
    passes = []

    def blocks():
        passes.append(1)
        for span in SPANS:
            yield X[span], T[span]

    source = IterableSource(blocks)
    assert (list(source.block_rows), source.n_inputs, source.classes, source.in_order) == ([20, 1, 29], 3, None, True)
    assert len(passes) == 1
    pieces = list(source.stream([1, 2], 0, 10))
    assert [(block, len(piece.X)) for block, piece in pieces] == [(1, 1), (2, 10), (2, 10), (2, 9)]
    np.testing.assert_array_equal(np.concatenate([piece.T for _, piece in pieces]), T[20:])
    np.testing.assert_array_equal(next(source.read(2, 4, 100)).X, X[25:])
    Network([3, 2]).fit(source, epochs=3)
    assert len(passes) == 7  # and one at the first row


@pytest.mark.parametrize("kind", ["lists", "frames", "weights"])
def test_kinds_of_blocks(kind):
    pandas = pytest.importorskip("pandas")
    make = {
        "lists": lambda span: (X[span].tolist(), T[span].tolist()),
        "frames": lambda span: (pandas.DataFrame(X[span]), pandas.DataFrame(T[span])),
        "weights": lambda span: (X[span], T[span], np.ones(len(X[span]))),
    }[kind]
    networks = [Network([3, 2]) for _ in range(2)]
    networks[0].fit(IterableSource([make(span) for span in SPANS]), shuffle=False)
    networks[1].fit(X, T, shuffle=False, sample_weight=np.ones(50) if kind == "weights" else None)
    assert networks[0].theta.tobytes() == networks[1].theta.tobytes()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (iter([(X, T)]), "can be gone through only once; give the function that makes it"),
        (3, "make is 3; it must be a function that begins an iteration"),
        ([], "gives no blocks"),
        ([X], r"gives a ndarray; it must give \(X, T\)"),
        ([(X, T[:-1])], r"a block of the source has parts of \[49, 50\] rows"),
        ([(X, T), (X[:, :2], T)], r"X has shape \(50, 2\); the network takes \(n, 3\)"),
        ([(X, T), (X, T, np.ones(50))], "gives sample weights of one kind at first, and of another in block 1"),
    ],
)
def test_what_is_refused(make, message):
    with pytest.raises(InputError, match=message):
        Network([3, 2]).fit(IterableSource(make))
