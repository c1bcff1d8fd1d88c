"""Callbacks: what they are told after each epoch, and what they can change."""

import numpy as np
import pytest
from inside import bytes_of, set_progress
from tileprop.trainer import SGD, Adam, Network
from tileprop.trainer.fit import loop
from tileprop.trainer.fit.callbacks import RunningFit
from tileprop.trainer.fit.epochs import Epochs

RNG = np.random.default_rng(12)
X, T = RNG.normal(size=(50, 3)), RNG.uniform(size=(50, 2))
WEIGHT = RNG.uniform(0.5, 2, 50)


def small():
    return Network([3, 4, 2], dtype="float64")


def test_one_call_after_each_epoch_with_true_figures():
    """Those of as many epochs without it, one network's after another."""
    seen = []

    def look(running):
        assert isinstance(running, RunningFit)
        history = running.history
        seen.append((running.network.theta.copy(), [*history.loss], [*history.batch_loss], [*history.penalty], running))

    network = small()
    options = dict(batch_size=7, optimizer=SGD(0.5), sample_weight=WEIGHT, alpha=0.1)
    history = network.fit(X, T, epochs=4, callbacks=[look], **options)
    assert len(seen) == 4
    for epochs, (theta, loss, batch_loss, penalty, running) in enumerate(seen, start=1):
        expected = small()
        figures = expected.fit(X, T, epochs=epochs, **options)
        assert theta.tobytes() == expected.theta.tobytes()
        assert (loss, batch_loss, penalty) == (figures.loss, figures.batch_loss, figures.penalty)
        assert running.network is network
        assert running.history is history


def test_a_callback_changes_nothing_by_being_there():
    watched, alone = small(), small()
    with_it = watched.fit(X, T, epochs=30, optimizer=Adam(0.01), callbacks=[lambda running: None])
    without = alone.fit(X, T, epochs=30, optimizer=Adam(0.01))
    assert watched.theta.tobytes() == alone.theta.tobytes()
    assert with_it.loss == without.loss


def test_the_validation_loss_is_there():
    seen = []
    network = small()
    network.fit(
        X, T, epochs=3, validation_data=(X[:9], T[:9]), callbacks=[lambda running: seen.append(running.history.val_loss[-1])]
    )
    assert len(set(seen)) == 3
    assert seen[-1] == network.loss(X[:9], T[:9])


def test_true_ends_the_fit_after_all_callbacks_were_called():
    order = []

    def first(running):
        order.append(f"first {running.history.epochs}")
        return running.history.epochs == 3

    def second(running):
        order.append(f"second {running.history.epochs}")

    network, expected = small(), small()
    history = network.fit(X, T, epochs=10, callbacks=[first, second])
    expected.fit(X, T, epochs=3)
    assert history.epochs == 3
    assert order == ["first 1", "second 1", "first 2", "second 2", "first 3", "second 3"]
    assert network.theta.tobytes() == expected.theta.tobytes()


@pytest.mark.parametrize("answer", [False, None, 0, np.False_])
def test_anything_but_true_goes_on(answer):
    assert small().fit(X, T, epochs=3, callbacks=[lambda running: answer]).epochs == 3


def test_a_learning_rate_holds_from_the_next_epoch_on():
    rates = []

    def halve(running):
        rates.append(running.learning_rate)
        running.learning_rate /= 2

    network, expected = small(), small()
    network.fit(X, T, epochs=3, optimizer=SGD(0.8), callbacks=[halve])
    for rate in (0.8, 0.4, 0.2):
        expected.fit(X, T, optimizer=SGD(rate))
    assert rates == [0.8, 0.4, 0.2]
    assert network.theta.tobytes() == expected.theta.tobytes()


def test_a_learning_rate_of_zero_keeps_the_parameters():
    kept = []

    def freeze(running):
        running.learning_rate = 0.0
        kept.append(running.network.theta.copy())

    network = small()
    history = network.fit(X, T, epochs=3, optimizer=SGD(0.5), shuffle=False, callbacks=[freeze])
    assert kept[0].tobytes() == kept[2].tobytes() == network.theta.tobytes()
    assert history.loss[1] == history.loss[2]


def test_an_error_in_a_callback_is_the_callers():
    def fail(running):
        raise RuntimeError("enough")

    network, expected = small(), small()
    with pytest.raises(RuntimeError, match="enough"):
        network.fit(X, T, epochs=3, callbacks=[fail])
    expected.fit(X, T, epochs=1)
    assert network.theta.tobytes() == expected.theta.tobytes()


def test_parameters_may_be_changed():
    """The next epoch starts from them."""
    network, expected = small(), small()

    def clear(running):
        running.network.theta[:] = 0

    history = network.fit(X, T, epochs=2, callbacks=[clear])
    assert not network.theta.any()
    expected.generator.permutation(50)
    expected.theta[:] = 0
    assert history.loss[1] == expected.fit(X, T, epochs=1).loss[0]


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("optimizer", [SGD(0.5), Adam(0.01)])
@pytest.mark.parametrize("n_threads", [1, 2])
def test_one_that_looks_at_losses_only_ends_the_fit_at_the_same_bits(monkeypatch, shuffle, optimizer, n_threads):
    """Epochs that were made too many are undone, the optimizer's state with them."""

    def enough(running):
        return running.history.epochs == 17

    def fit():
        network = small()
        state = optimizer.state(network.plan, "float64")
        history = network.fit(
            X, T, epochs=60, optimizer=state, shuffle=shuffle, callbacks=[enough], batch_size=7, n_threads=n_threads
        )
        set_progress(state, 0)  # of several passes it is the sum
        return history.loss, network.theta.tobytes(), bytes_of(state)

    monkeypatch.setattr(loop, "WORTH_A_CALL", 1e3)  # however slow the machine is now
    calls, train = [], Epochs.train
    monkeypatch.setattr(Epochs, "train", lambda self, epochs, *rest: calls.append(epochs) or train(self, epochs, *rest))
    expected = fit()
    assert calls == [1] * 17
    calls.clear()
    enough.losses_only = True
    assert fit() == expected
    assert sum(calls) > 17
