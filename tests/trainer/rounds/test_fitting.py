"""Training in rounds, on one machine."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import slow_rounds
from tileprop.trainer import SGD, Adam, Cosine, DivergenceError, EarlyStopping, InputError, Network, fit_rounds
from tileprop.trainer.rounds.begun import SEEDS

SIZES = (37, 50, 12)


def drawn(weights=False, sizes=SIZES):
    generator = np.random.default_rng(3)
    shards = []
    for n in sizes:
        X = generator.normal(size=(n, 2))
        shards.append((X, np.sin(X.sum(axis=1)), *([generator.uniform(0.5, 2.0, n)] if weights else [])))
    return shards


def network(dtype="float64", **given):
    return Network([2, 5, 1], "tanh", "identity", dtype=dtype, **given)


@pytest.mark.parametrize("weights", [False, True])
@pytest.mark.parametrize(("ours", "slow"), [(Adam(0.02), slow_rounds.Adam), (SGD(0.02, momentum=0.9), slow_rounds.Momentum)])
def test_is_the_slow_one(ours, slow, weights):
    """Unequal shards, whose epochs end within a round, and several epochs of one in a round."""
    net, shards = network(), drawn(weights)
    seed = int(copy.deepcopy(net.generator).integers(SEEDS))
    full = [(*shard, np.ones(len(shard[0])))[:3] for shard in shards]
    theta, losses = slow_rounds.rounds(net.theta.copy(), full, slow(0.02, net.theta.size), 5, 4, 5, 8, seed)
    history = fit_rounds(net, shards, rounds=4, steps=5, batch_size=8, optimizer=ours)
    np.testing.assert_allclose(net.theta, theta, rtol=1e-10, atol=1e-13)
    np.testing.assert_allclose(history.loss, losses, rtol=1e-10)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_one_shard_is_a_fit(dtype):
    X, T = drawn(sizes=(75,))[0]
    rounds, fit = network(dtype), network(dtype)
    ours = fit_rounds(rounds, [(X, T)], rounds=3, shuffle=False, batch_size=10, optimizer="adam", alpha=0.1)
    theirs = fit.fit(X, T, epochs=3, shuffle=False, batch_size=10, optimizer="adam", alpha=0.1)
    assert (rounds.theta == fit.theta).all()
    np.testing.assert_allclose(ours.loss, theirs.loss, rtol=1e-14)
    np.testing.assert_allclose(ours.penalty, theirs.penalty, rtol=1e-14)


def test_threads_and_readers_change_nothing():
    shards = drawn()
    first, second = network(), network()
    one = fit_rounds(first, shards, rounds=5, dropout=0.3, n_threads=1, validation_data=shards[0])
    two = fit_rounds(
        second, [0, 1, 2], rounds=5, dropout=0.3, n_threads=3, validation_data=[0], read=lambda number: shards[number]
    )
    assert (first.theta == second.theta).all()
    assert one.loss == two.loss
    np.testing.assert_allclose(one.val_loss, two.val_loss, rtol=1e-12)


def test_given_data_are_not_changed():
    shards = drawn(weights=True)
    before = copy.deepcopy(shards)
    fit_rounds(network(), shards, rounds=2)
    for ours, theirs in zip(shards, before, strict=True):
        for array, was in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(array, was)


def test_goes_on_from_a_checkpoint(tmp_path):
    shards, options = drawn(), dict(steps=3, optimizer="adam", schedule=Cosine(), dropout=0.2, checkpoint=tmp_path / "c")
    whole, part, again = network(), network(), network()
    history = fit_rounds(whole, shards, rounds=6, **{**options, "checkpoint": None})
    with pytest.raises(ZeroDivisionError):
        fit_rounds(part, shards, rounds=6, callbacks=[lambda running: running.history.epochs == 4 and 1 / 0], **options)
    go_on = dict(rounds=6, callbacks=[lambda running: None], resume=True)
    with pytest.raises(InputError, match="steps is 4"):
        fit_rounds(network(), shards, **{**options, **go_on, "steps": 4})
    with pytest.raises(InputError, match="shards 1 is not what the fit"):
        fit_rounds(network(), [shards[0], shards[0], shards[2]], **options, **go_on)
    resumed = fit_rounds(again, shards, **options, **go_on)
    assert (again.theta == whole.theta).all()
    assert resumed.loss == history.loss


def test_early_stopping_and_classes_that_are_text():
    generator = np.random.default_rng(0)
    X = generator.normal(size=(90, 2))
    labels = np.where(X[:, 0] > 0.5, "c", np.where(X[:, 1] > 0, "a", "b"))
    net = Network([2, 6, 3], "tanh", "softmax", "log_loss")
    shards = [(X[labels == name], labels[labels == name]) for name in "abc"]  # none has all classes
    history = fit_rounds(
        net, shards, rounds=40, steps=2, optimizer=Adam(0.05), validation_data=(X, labels), callbacks=[EarlyStopping(3)]
    )
    assert net.classes == ("a", "b", "c")
    assert net.score(X, labels) > 0.8
    assert len(history.val_loss) == history.epochs


def test_shards_without_rows_do_not_count():
    shards = drawn()
    empty = (np.empty((0, 2)), np.empty(0))
    first, second = network(), network()
    fit_rounds(first, shards, rounds=2, steps=3)
    fit_rounds(second, [*shards, empty], rounds=2, steps=3)
    assert (first.theta == second.theta).all()


def test_divergence_keeps_the_last_round():
    shards, rounds = drawn(), []
    net = Network([2, 1], output_activation="identity")
    options = dict(rounds=99, optimizer=SGD(9.0), callbacks=[lambda running: rounds.append(running.network.theta.copy())])
    with pytest.raises(DivergenceError, match=r"in round \d+, in step \d+ of shard \d, at layer 1"):
        fit_rounds(net, shards, **options)
    assert (net.theta == rounds[-1]).all()
    with pytest.warns(RuntimeWarning, match="the training ends"):
        history = fit_rounds(Network([2, 1], output_activation="identity"), shards, **options, on_divergence="stop")
    assert history.stopped == "divergence"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(rounds=0), "rounds"),
        (dict(steps=0), "steps"),
        (dict(optimizer="lbfgs"), "use fit_exact"),
        (dict(shuffle=lambda n: range(n)), "shuffle is"),
        (dict(on_divergence="retry"), "on_divergence is 'retry'"),
        (dict(resume=True), "without checkpoint"),
        (dict(shards=[]), "shards is"),
        (dict(shards=drawn()[0]), "one tuple of arrays"),
        (dict(shards=[3]), "shard 0 is 3"),
        (dict(shards=[(np.empty((0, 2)), np.empty(0))]), "no rows"),
        (dict(shards=[drawn()[0], (np.ones((3, 4)), np.ones(3))]), "shard 1's X"),
    ],
)
def test_what_cannot_be_is_refused(change, message):
    net = network()
    before = net.theta.copy()
    arguments = {"shards": drawn(), "rounds": 1, **change}
    with pytest.raises(ValueError, match=message):
        fit_rounds(net, arguments.pop("shards"), **arguments)
    assert (net.theta == before).all()


def test_a_mistyped_argument():
    with pytest.raises(TypeError, match="'alpha'"):
        fit_rounds(network(), drawn(), rounds=1, alpa=1.0)
