import numpy as np
import pytest
from tileprop.trainer import InputError
from tileprop.trainer.runs.page.content import HeldOut, PageContent, WorstRows

pytestmark = pytest.mark.plain


def content(task, held_out, targets=("y",), classes=()):
    return PageContent("t", task, "", targets, classes, held_out=held_out)


@pytest.mark.parametrize(
    ("task", "truth", "predictions", "names"),
    [
        ("classification", (5,), (5, 2), {"classes": ("a", "b")}),
        ("regression", (5,), (5,), {}),
        ("regression", (5, 1), (5,), {}),
        ("regression", (5, 2), (5, 2), {"targets": ("a", "b")}),
        ("multilabel", (5, 3), (5, 3), {"targets": ("a", "b", "c")}),
    ],
)
def test_shapes_that_fit(task, truth, predictions, names):
    content(task, HeldOut(np.zeros(truth, int), np.zeros(predictions)), **names)


@pytest.mark.parametrize(
    ("task", "truth", "predictions", "message"),
    [
        ("classification", (5,), (5, 3), r"held_out.predictions has shape \(5, 3\); it must be \(5, 2\)"),
        ("classification", (5, 2), (5, 2), r"held_out.truth has shape \(5, 2\); it must be \(5,\)"),
        ("regression", (5,), (4,), r"held_out.predictions has shape \(4,\); it must be \(5, 1\)"),
        ("multilabel", (5,), (5, 1), r"held_out.truth has shape \(5,\); it must be \(5, 1\)"),
        ("ranking", (5,), (5,), "task is 'ranking'; it must be one of classification, regression, multilabel"),
    ],
)
def test_shapes_that_do_not_fit(task, truth, predictions, message):
    with pytest.raises(InputError, match=message):
        content(task, HeldOut(np.zeros(truth), np.zeros(predictions)), classes=("a", "b"))


def test_worst_rows_need_predictions():
    with pytest.raises(InputError, match="worst is given without held_out"):
        PageContent("t", "regression", "", ("y",), worst=WorstRows(np.array([0]), (1,), ("a",), (("1",),)))
