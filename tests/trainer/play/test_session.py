"""A network under training: what it learns, what is drawn of it, and the documents as they stand."""

from dataclasses import replace

import numpy as np
import pytest
from tileprop.trainer import InputError
from tileprop.trainer.explanation.documents import DOCUMENTS
from tileprop.trainer.explanation.explain import explain, explain_document
from tileprop.trainer.play.choices import Choices, Hidden
from tileprop.trainer.play.samples import Library
from tileprop.trainer.play.session import Session

pytest.importorskip("sklearn")
LIBRARY = Library()


def test_it_learns_and_frames_follow():
    session = Session(Choices(), LIBRARY)
    first = session.frame()
    session.train(100)
    last = session.frame()
    assert (first.epoch, last.epoch) == (0, 100)
    assert last.loss < 0.2 * first.loss
    assert last.held_out_loss < 0.5 * first.held_out_loss
    assert last.accuracy > 0.9
    network, samples = session.network, session.samples
    assert last.loss == network.loss(samples.X[samples.training], samples.T[samples.training])
    np.testing.assert_allclose(last.outputs, network.predict(session.plane.grid), rtol=1e-5, atol=1e-6)
    assert [A.shape for A in last.hidden] == [(2500, 8), (2500, 8)]


def test_reset_is_the_same_training_again():
    losses = []
    for _ in range(2):
        session = Session(Choices(seed=5), LIBRARY)
        session.train(3)
        losses.append(session.frame().loss)
    assert losses[0] == losses[1]


@pytest.mark.parametrize(("data", "outputs"), [("iris", 3), ("wave", 1), ("hills", 1)])
def test_what_is_drawn_has_the_described_sizes(data, outputs):
    session = Session(Choices(data=data, hidden=(Hidden(4, "relu"),)), LIBRARY)
    session.train(2)
    described, frame = session.description(), session.frame()
    points = described["shape"][0] * described["shape"][1]
    assert described["sizes"] == [len(described["inputs"]), 4, outputs]
    assert frame.outputs.shape == (points, outputs)
    assert len(described["points"]) == len(described["targets"]) == len(described["trained"])
    assert len(frame.encoded()) == 40 + 4 * frame.theta.size + 4 * points * outputs + points * 4
    assert np.isnan(frame.accuracy) == (data != "iris")


def test_another_rate_goes_on_with_the_same_network():
    session = Session(Choices(optimizer="sgd"), LIBRARY)
    session.train(2)
    before = session.network.theta.copy()
    session.adjust(replace(session.choices, learning_rate=0.0))
    session.train(2)
    assert session.epoch == 4
    assert np.array_equal(session.network.theta, before)


@pytest.mark.parametrize("number", [1, 2])
def test_documents_as_they_stand(number):
    session = Session(Choices(data=f"document {number}"), LIBRARY)
    document = DOCUMENTS[number]
    assert session.explanation(0).text() == explain_document(number).text()
    described = session.description()
    assert described["fixed"]
    assert described["sizes"] == list(document.sizes)
    assert described["choices"]["learning_rate"] == 0.1
    theta = session.explanation(0).steps.after.theta
    session.train(1)
    np.testing.assert_array_equal(session.network.theta, theta)  # the step of the explanation
    assert np.isnan(session.frame().held_out_loss)


def test_a_row_is_explained_with_the_present_weights():
    session = Session(Choices(data="wave"), LIBRARY)
    session.train(2)
    rate, samples = session.choices.learning_rate, session.samples
    assert session.explanation(3).text() == explain(session.network, samples.X[3], samples.T[3], rate).text()
    with pytest.raises(InputError, match="row is 500; it must be a whole number, at least 0 and at most 499"):
        session.explanation(500)
