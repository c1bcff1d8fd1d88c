"""What targets are taken for, and what they become."""

import numpy as np
import pytest
from tileprop.trainer import InputError
from tileprop.trainer.data.targets import as_classes, as_numbers, task_of

pytestmark = pytest.mark.plain


@pytest.mark.parametrize(
    ("values", "task"),
    [
        (np.array(["a", "b", "a"]), "classification"),
        (np.array([True, False]), "classification"),
        (np.array([0, 1, 1, 0]), "classification"),
        (np.repeat(np.arange(20), 2), "classification"),
        (np.repeat(np.arange(21), 2), "regression"),  # too many values
        (np.array([0, 1, 2]), "regression"),  # no value twice
        (np.array([0.0, 1.0, 0.0, 1.0]), "regression"),
        (np.eye(3), "classification"),
        (np.array([[1.0, 1.0], [0.0, 1.0]]), "regression"),
        (np.array([[0.5, 0.5], [0.0, 1.0]]), "regression"),
    ],
)
def test_task(values, task):
    assert task_of(values) == task


@pytest.mark.parametrize(
    ("values", "y", "names"),
    [
        (np.array(["ö", "a", "ö"]), [1, 0, 1], ("a", "ö")),
        (np.array([b"no", b"yes"]), [0, 1], ("no", "yes")),
        (np.array([7, -1, 7]), [1, 0, 1], ("-1", "7")),
        (np.array([3.0, 1.0]), [1, 0], ("1", "3")),
        (np.array([-0.0, 1.0, 0.0]), [0, 1, 0], ("0", "1")),
        (np.array([True, False]), [1, 0], ("False", "True")),
        (np.array([[0, 1, 0], [1, 0, 0]]), [1, 0], ("0", "1", "2")),
    ],
)
def test_classes(values, y, names):
    found, found_names = as_classes(values, "target")
    assert found.tolist() == y
    assert found.dtype == np.int64
    assert found_names == names


@pytest.mark.parametrize(
    ("convert", "values", "message"),
    [
        (as_classes, np.array(["a", "a"]), "only the class 'a'"),
        (as_classes, np.array([0.5, 1.0]), "holds fractions"),
        (as_classes, np.ones((2, 2)), "has 2 columns"),
        (as_numbers, np.array(["1", "2"]), "holds text"),
        (as_numbers, np.array([2.5, 2.5]), "the same value in every row"),
        (as_numbers, np.array([[1.0, 2.0], [3.0, 2.0]]), "column 1 has the same value"),
    ],
)
def test_refused(convert, values, message):
    with pytest.raises(InputError, match=f"^file: target 'y'.*{message}"):
        convert(values, "file: target 'y'")


def test_numbers():
    y = as_numbers(np.array([[1, 2], [3, 4]]), "target")
    assert y.dtype == np.float64
    assert y.tolist() == [[1.0, 2.0], [3.0, 4.0]]
