"""What sides train in place of a problem."""

from dataclasses import replace

import pytest
from tileprop.bench.conventions import CannotError, as_given, as_sklearn
from tileprop.bench.problems import PROBLEMS, Problem

LABELS = Problem("labels", (3, 4), 2, 8, output_activation="softmax", loss="log_loss")


def test_as_given():
    assert as_given(PROBLEMS["chains"]) is PROBLEMS["chains"]


def test_scikit_learn():
    assert as_sklearn(PROBLEMS["tiny"]) == replace(PROBLEMS["tiny"], output_activation="identity")
    assert as_sklearn(PROBLEMS["chains"]) == replace(PROBLEMS["chains"], epsilon_hat=True)
    assert as_sklearn(LABELS) == LABELS


@pytest.mark.parametrize(
    ("changed", "message"), [({"sizes": (3, 2)}, "two classes"), ({"sizes": (3, 9)}, "without one of the classes")]
)
def test_scikit_learn_cannot(changed, message):
    with pytest.raises(CannotError, match=message):
        as_sklearn(replace(LABELS, **changed))
