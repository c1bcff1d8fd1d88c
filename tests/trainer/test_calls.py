"""Calls of several epochs give the bits of one at a time; divergence is told, and undone, exactly."""

import numpy as np
import pytest
from tileprop.trainer import SGD, Adam, DivergenceError, Network, loop

RNG = np.random.default_rng(11)
X, T = RNG.normal(size=(50, 3)), RNG.uniform(size=(50, 2))


def alone(monkeypatch):
    """From here on, a call for each epoch."""
    monkeypatch.setattr(loop, "WORTH_A_CALL", 0.0)


@pytest.mark.parametrize("optimizer", [SGD(0.5), SGD(0.1, momentum=0.9), Adam(0.01)])
@pytest.mark.parametrize(("shuffle", "n_threads", "batch_size"), [(True, 1, 7), (False, 2, 16), (True, 1, 1)])
def test_epochs_in_one_call_have_the_bits_of_one_call_each(monkeypatch, optimizer, shuffle, n_threads, batch_size):
    settings = dict(epochs=40, batch_size=batch_size, optimizer=optimizer, shuffle=shuffle, n_threads=n_threads)
    together = Network([3, 4, 2], dtype="float64")
    history = together.fit(X, T, **settings)
    alone(monkeypatch)
    apart = Network([3, 4, 2], dtype="float64")
    expected = apart.fit(X, T, **settings)
    assert together.theta.tobytes() == apart.theta.tobytes()
    assert history.loss == expected.loss
    assert len(history.seconds) == 40


def test_short_epochs_share_calls(monkeypatch):
    calls = []
    monkeypatch.setattr(loop.Calls, "train", lambda self, epochs, *rest: calls.append(epochs) or np.zeros(epochs))
    Network([3, 4, 2]).fit(X, T, epochs=100)
    assert sum(calls) == 100
    assert calls[0] == 1
    assert len(calls) < 10
    calls.clear()
    Network([3, 4, 2]).fit(X, T, epochs=5, validation_data=(X, T))
    assert calls == [1] * 5


def diverged(shuffle):
    network = Network([3, 4, 2], "relu", "identity", dtype="float64")
    with pytest.raises(DivergenceError) as caught:
        network.fit(X, T, epochs=500, optimizer=SGD(3.0), shuffle=shuffle)
    return str(caught.value), network.theta


@pytest.mark.parametrize("shuffle", [True, False])
def test_divergence_in_a_call_of_several_epochs_is_told_like_that_in_one(monkeypatch, shuffle):
    message, theta = diverged(shuffle)
    assert "epoch 1," not in message
    alone(monkeypatch)
    expected = diverged(shuffle)
    assert message == expected[0]
    assert theta.tobytes() == expected[1].tobytes()


def test_divergence_names_epoch_and_layer_and_keeps_finite_parameters():
    network = Network([3, 4, 2], "relu", "identity", dtype="float64")
    with pytest.raises(DivergenceError, match=r"diverged in epoch \d+, .*layer \d"):
        network.fit(1e3 * X, 1e3 * T, epochs=500, optimizer=SGD(10.0))
    assert np.isfinite(network.theta).all()


def test_a_loss_that_overflows_takes_no_step():
    network = Network([1, 1], output_activation="identity", dtype="float64", random_state=0)
    network.theta = [1e200, 0.0]
    before = network.theta.copy()
    with pytest.raises(DivergenceError, match="epoch 1, in step 1, at the output of layer 1"):
        network.fit([[1e200]], [[0.0]], optimizer=SGD(0.1))
    np.testing.assert_array_equal(network.theta, before)
