"""Folds: every row is held out once, classes keep their shares, and what is no fold is refused."""

import numpy as np
import pytest
from tileprop.trainer.errors import InputError
from tileprop.trainer.many.folds import folds_of, held_out

LABELS = np.repeat([0, 1, 2], [60, 30, 10])


def generator():
    return np.random.default_rng(0)


def test_each_row_is_held_out_once_and_classes_keep_their_shares():
    folds = folds_of(5, None, None, 100, LABELS, generator())
    assert np.sort(np.concatenate([test for _, test in folds])).tolist() == list(range(100))
    for train, test in folds:
        assert np.sort(np.concatenate([train, test])).tolist() == list(range(100))
        assert np.bincount(LABELS[test]).tolist() == [12, 6, 2]


def test_folds_without_labels_are_as_large_as_each_other():
    assert [len(test) for _, test in folds_of(3, None, None, 11, None, generator())] == [4, 4, 3]


@pytest.mark.parametrize("n_held", [1, 10, 33, 99])
def test_rows_held_out_keep_the_shares_of_classes(n_held):
    train, held = held_out(100, n_held, LABELS, generator())
    assert len(held) == n_held
    assert np.sort(np.concatenate([train, held])).tolist() == list(range(100))
    assert np.abs(np.bincount(LABELS[held], minlength=3) - n_held * np.array([0.6, 0.3, 0.1])).max() <= 1.0


def test_masks_are_taken():
    mask = np.arange(6) < 2
    ((train, test),) = folds_of([(~mask, mask)], None, None, 6, None, generator())
    assert (train.tolist(), test.tolist()) == ([2, 3, 4, 5], [0, 1])


@pytest.mark.parametrize(
    ("cv", "message"),
    [
        (1, "cv is 1; it must be from 2 to the number of rows, 6"),
        (7, "cv is 7"),
        (True, "cv is True; it must be an int, a splitter"),
        ("5", "cv is '5'; it must be an int, a splitter"),
        ([], "cv has no folds"),
        ([[0, 1, 2]], "fold 0 of cv is .*; it must be"),
        ([([0], [])], "test of fold 0 of cv is .*at least one"),
        ([([0], [1]), ([0], [6])], "test of fold 1 of cv holds 6; X has the rows 0 to 5"),
        ([([0, 1], [1])], "fold 0 of cv has row 1 in both train and test"),
    ],
)
def test_what_is_no_fold_is_refused(cv, message):
    with pytest.raises(InputError, match=message):
        folds_of(cv, None, None, 6, None, generator())
