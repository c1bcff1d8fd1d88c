"""Epochs in pieces, and several in a call, give the bits of one at a time; divergence is told, and undone, exactly."""

import numpy as np
import pytest
from tileprop.kernels import make_workspace
from tileprop.trainer import SGD, Adam, Cosine, DivergenceError, EarlyStopping, InputError, Network, OneCycle, Plateau, WarmUp
from tileprop.trainer.fit import beginning, fitting, loop
from tileprop.trainer.fit.calls import Trained
from tileprop.trainer.fit.epochs import Epochs
from tileprop.trainer.fit.validation import Rows
from tileprop.trainer.threads.team import Team

RNG = np.random.default_rng(11)
X, T = RNG.normal(size=(50, 3)), RNG.uniform(size=(50, 2))


def alone(monkeypatch):
    """From here on, a call for each epoch."""
    monkeypatch.setattr(loop, "WORTH_A_CALL", 0.0)


@pytest.mark.parametrize("optimizer", [SGD(0.5), SGD(0.1, momentum=0.9), Adam(0.01)])
@pytest.mark.parametrize(("shuffle", "n_threads", "batch_size"), [(True, 1, 7), (False, 2, 16), (True, 1, 1)])
def test_epochs_in_one_call_have_the_bits_of_one_call_each(monkeypatch, optimizer, shuffle, n_threads, batch_size):
    settings = dict(epochs=40, batch_size=batch_size, optimizer=optimizer, shuffle=shuffle, n_threads=n_threads, alpha=0.01)
    together = Network([3, 4, 2], dtype="float64")
    history = together.fit(X, T, **settings)
    alone(monkeypatch)
    apart = Network([3, 4, 2], dtype="float64")
    expected = apart.fit(X, T, **settings)
    assert together.theta.tobytes() == apart.theta.tobytes()
    assert history.loss == expected.loss
    assert history.batch_loss == expected.batch_loss
    assert history.penalty == expected.penalty
    assert min(history.penalty) > 0
    assert len(history.seconds) == 40


@pytest.mark.parametrize(
    "options",
    [
        dict(optimizer=Adam(0.01), validation_data=(X[:20], T[:20]), schedule=Cosine()),
        dict(optimizer=SGD(0.5, momentum=0.9), validation_split=0.3, patience=3),
        dict(optimizer=SGD(0.5), validation_split=0.3, patience=3, batch_size=1, shuffle=False),
        dict(optimizer=Adam(), schedule=WarmUp(5, OneCycle()), dropout=0.2, sample_weight=np.linspace(0.5, 2.0, 50)),
    ],
    ids=lambda options: ", ".join(options),
)
def test_validation_stopping_and_schedules_within_a_call(monkeypatch, options):
    results, patience = [], options.get("patience")
    given = {"epochs": 40, "batch_size": 7, "n_threads": 1, **options}
    given.pop("patience", None)
    for worth in (10.0, 0.0):
        monkeypatch.setattr(loop, "WORTH_A_CALL", worth)
        stopping = [EarlyStopping(patience, tol=0.01)] if patience else []
        network = Network([3, 4, 2], dtype="float64")
        history = network.fit(X, T, callbacks=stopping, **given)
        losses = history.loss, history.val_loss, history.batch_loss, history.penalty, history.restored_epoch, history.stopped
        seen = [(one.scores, one.best_epoch, one.ended) for one in stopping]
        results.append((network.theta.tobytes(), losses, seen, network.generator.bit_generator.state))
    assert results[0] == results[1]
    if patience:
        assert history.stopped == "callback"
        assert 3 < history.epochs < 40


@pytest.mark.parametrize("with_validation", [True, False])
def test_divergence_within_a_call(with_validation):
    given = dict(validation_data=(X, T)) if with_validation else dict(schedule=Cosine(0.9))
    results = []
    for worth in (10.0, 0.0):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(loop, "WORTH_A_CALL", worth)
            network = Network([3, 2], output_activation="identity", dtype="float32")
            with pytest.raises(DivergenceError) as raised:
                network.fit(X, T, epochs=100, optimizer=SGD(3.0), batch_size=5, n_threads=1, **given)
            results.append((str(raised.value), network.theta.tobytes()))
    assert results[0] == results[1]
    assert raised.value.epoch > 2


class Changing:
    """In the place of `ThreadChoice`: another number of threads for each call, which ends after a few steps."""

    limit, size, most = 0.0, 1, 3

    def __init__(self, *arguments):
        self.calls = 0

    def record(self, rows, seconds):
        self.calls += 1
        self.size = 1 + self.calls % 3


class Steady(Changing):
    limit = None

    def record(self, rows, seconds):
        pass


@pytest.mark.parametrize(
    "options",
    [
        dict(optimizer=SGD(0.1, momentum=0.9), alpha=0.01, batch_size=7),
        dict(optimizer=Adam(), clip_norm=0.1, dropout=0.2, batch_size=7),
        dict(optimizer=Adam(), sample_weight=RNG.uniform(0.5, 2.0, 50), shuffle=False, validation_data=(X, T), batch_size=16),
        dict(batch_size=10, schedule=Cosine()),
    ],
    ids=lambda options: ", ".join(options),
)
def test_a_number_of_threads_that_changes_within_epochs_changes_no_bit(monkeypatch, options):
    monkeypatch.setattr(fitting, "choose_threads", lambda *arguments: (1, 3))
    results = []
    for choice, worth in ((Steady, 10.0), (Changing, 0.0), (Changing, 0.005)):
        monkeypatch.setattr(beginning, "ThreadChoice", choice)
        monkeypatch.setattr(loop, "WORTH_A_CALL", worth)
        network = Network([3, 8, 2], dtype="float64")
        history = network.fit(X, T, epochs=6, **options)
        lists = history.loss, history.batch_loss, history.penalty, history.val_loss
        results.append((network.theta.tobytes(), lists, network.generator.integers(1 << 60)))
    assert results[0] == results[1] == results[2]
    assert len(history.seconds) == 6


@pytest.mark.parametrize("shuffle", [True, False])
def test_several_epochs_that_take_too_long_are_ended_and_made_again(shuffle):
    """Here because threads wait for each other; a limit of no seconds ends any call that several threads make."""
    rows, targets = RNG.normal(size=(20_000, 3)), RNG.uniform(size=(20_000, 2))
    expected, network = (Network([3, 4, 2], dtype="float64", random_state=0) for _ in range(2))
    losses = expected.fit(rows, targets, epochs=3, batch_size=7, optimizer=Adam(), shuffle=shuffle).loss
    data = Rows(*network.prepared(rows, targets, None))
    state, work = Adam().state(data.plan, network.dtype), make_workspace(data.plan, 7, network.dtype, 2)
    hasty, steady = Steady(), Steady()
    hasty.size, hasty.limit = 2, 0.0
    with Team(2) as team:
        epochs = Epochs(network, data, state, shuffle, work, team, hasty)
        found = epochs.train(3, 1, 0.0, None).losses["loss"].tolist()
        assert len(found) < 3
        epochs.choice = steady
        found += epochs.train(3 - len(found), 1 + len(found), 0.0, None).losses["loss"].tolist()
    assert found == losses
    assert network.theta.tobytes() == expected.theta.tobytes()
    assert network.generator.integers(1 << 60) == expected.generator.integers(1 << 60)


def test_networks_that_are_trained_in_registers_can_be_cut(monkeypatch):
    expected = Network([2, 2, 1], dtype="float64")
    history = expected.fit(X[:, :2], T[:, :1], epochs=2, batch_size=1)
    monkeypatch.setattr(beginning, "ThreadChoice", Changing)
    cut = Network([2, 2, 1], dtype="float64")
    assert cut.fit(X[:, :2], T[:, :1], epochs=2, batch_size=1).loss == history.loss
    assert cut.theta.tobytes() == expected.theta.tobytes()


def test_orders_by_a_function_are_used_one_for_each_epoch(monkeypatch):
    """Also where their lengths differ, which passes of one call cannot have."""
    for lengths in ([50] * 9, [7, 50, 3, 93, 3, 50, 8, 8, 60]):
        orders = [RNG.integers(0, 50, length) for length in lengths]
        expected = Network([3, 4, 2], dtype="float64")
        losses = [expected.fit(X[o], T[o], batch_size=7, shuffle=False).loss[0] for o in orders]
        for worth in (0.0, 10.0):
            monkeypatch.setattr(loop, "WORTH_A_CALL", worth)
            asked, waiting = [], list(orders)
            network = Network([3, 4, 2], dtype="float64")
            history = network.fit(
                X, T, epochs=9, batch_size=7, shuffle=lambda n, asked=asked, waiting=waiting: asked.append(n) or waiting.pop(0)
            )
            assert asked == [50] * 9
            assert network.theta.tobytes() == expected.theta.tobytes()
            assert history.loss == losses
            drawn = network.generator.bit_generator.state
            assert drawn == Network([3, 4, 2], dtype="float64").generator.bit_generator.state


@pytest.mark.parametrize("order", [[], [[0, 1]], 3, [0.0, 1.0], [True, False]])
def test_orders_that_are_no_vectors_of_whole_numbers(order):
    with pytest.raises(InputError, match=r"shuffle returned an order of shape \(.*\) and dtype \w+; it must be a vector"):
        Network([3, 4, 2]).fit(X, T, shuffle=lambda n: order)


def test_orders_of_rows_that_are_none():
    network = Network([3, 4, 2])
    before = network.theta.copy()
    with pytest.raises(ValueError, match="order names a row that X does not have"):
        network.fit(X, T, shuffle=lambda n: np.arange(n) + 1)
    np.testing.assert_array_equal(network.theta, before)


def test_short_epochs_share_calls(monkeypatch):
    calls = []

    def train(self, epochs, *rest):
        calls.append(epochs)
        return Trained(self.work.for_epochs(epochs).epochs, None)

    monkeypatch.setattr(Epochs, "train", train)
    Network([3, 4, 2]).fit(X, T, epochs=100)
    assert sum(calls) == 100
    assert calls[0] == 1
    assert len(calls) < 10
    calls.clear()
    Network([3, 4, 2]).fit(X, T, epochs=5, validation_data=(X, T), schedule=Cosine(), n_threads=1)
    assert calls[0] == 1
    assert len(calls) < 4  # the first validation may have to load its kernel
    for given in (
        dict(on_divergence="retry"),
        dict(schedule=Plateau()),
        dict(callbacks=[EarlyStopping(score=lambda model: 0.0)]),
    ):
        calls.clear()
        Network([3, 4, 2]).fit(X, T, epochs=5, validation_data=(X, T), n_threads=1, **given)
        assert calls == [1] * 5
    calls.clear()
    Network([3, 4, 2]).fit(X, T, epochs=5, callbacks=[lambda running: None])
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


@pytest.mark.parametrize("shuffle", [True, False])
def test_divergence_is_told_the_same_where_epochs_are_in_pieces(monkeypatch, shuffle):
    expected = diverged(shuffle)
    monkeypatch.setattr(fitting, "choose_threads", lambda *arguments: (1, 3))
    monkeypatch.setattr(beginning, "ThreadChoice", Changing)
    alone(monkeypatch)
    message, theta = diverged(shuffle)
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
