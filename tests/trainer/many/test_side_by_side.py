"""The tiniest networks side by side: the bits of single fits, whatever happens to one of them."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tileprop.trainer import SGD, Network, fit_many
from tileprop.trainer.many import side_by_side

RNG = np.random.default_rng(5)
X, T = RNG.uniform(size=(24, 2)), RNG.uniform(size=(24, 1))


def networks(count, sizes=(2, 2, 1), dtype="float64"):
    return [Network(list(sizes), dtype=dtype, random_state=seed) for seed in range(count)]


def assert_same(found, expected):
    for one, other in zip(found, expected, strict=True):
        assert one.theta.tobytes() == other.theta.tobytes()
        assert one.generator.bit_generator.state == other.generator.bit_generator.state


@pytest.fixture
def groups(monkeypatch):
    """How many networks each group had."""
    sizes, train = [], side_by_side.train_lanes

    def counted(plan, thetas, *rest):
        sizes.append(len(thetas))
        return train(plan, thetas, *rest)

    monkeypatch.setattr(side_by_side, "train_lanes", counted)
    return sizes


@settings(max_examples=15, deadline=None)
@given(
    count=st.integers(3, 20),
    sizes=st.sampled_from([(2, 2, 1), (1, 2, 1), (2, 5, 1), (2, 2, 2), (8, 1), (3, 1)]),
    dtype=st.sampled_from(["float32", "float64"]),
    epochs=st.integers(1, 5),
    shuffle=st.booleans(),
    folds=st.booleans(),
    n_threads=st.sampled_from([1, 2]),
)
def test_bits_of_single_fits(count, sizes, dtype, epochs, shuffle, folds, n_threads):
    inputs, targets = RNG.uniform(size=(24, sizes[0])), RNG.uniform(size=(24, sizes[-1]))
    subsets = [np.delete(np.arange(24), i % 24) for i in range(count)] if folds else None
    given = dict(epochs=epochs, batch_size=1, shuffle=shuffle)
    found, expected = networks(count, sizes, dtype), networks(count, sizes, dtype)
    histories = fit_many(
        found,
        inputs,
        targets,
        optimizers=[SGD(0.1 * i) for i in range(count)],
        row_subsets=subsets,
        n_threads=n_threads,
        **given,
    )
    for i, network in enumerate(expected):
        rows = np.arange(24) if subsets is None else subsets[i]
        history = network.fit(inputs[rows], targets[rows], optimizer=SGD(0.1 * i), **given)
        for name in ("loss", "batch_loss", "penalty", "val_loss", "stopped", "unfinished_rows", "n_samples"):
            assert getattr(histories[i], name) == getattr(history, name)
    assert_same(found, expected)


def test_which_networks_go_together(groups):
    """Plans are told apart by what they say: copies of one are the same plan, whatever lies between the fields of a record."""
    mixed = [*networks(5), *networks(4, (2, 3, 1)), *networks(2), Network([2, 2, 1], loss="mae"), *networks(3, dtype="float32")]
    fit_many(mixed, X, T, batch_size=1, n_threads=1)
    assert sorted(groups) == [3, 4, 7]


@pytest.mark.parametrize(
    "given",
    [dict(alpha=0.1), dict(validation_split=0.2), dict(batch_size=2), dict(sample_weight=np.ones(24)), dict(optimizers="adam")],
)
def test_what_goes_alone(groups, given):
    fit_many(networks(4), X, T, **{"batch_size": 1, **given})
    assert groups == []


@pytest.mark.parametrize("shuffle", [True, False])
def test_one_that_diverges(shuffle):
    found, expected = (networks(6, (2, 1)) for _ in range(2))
    for network in (*found, *expected):
        network.plan = Network([2, 1], output_activation="identity").plan
    rates = [0.1, 0.2, 50.0, 0.3, 0.1, 0.1]
    with pytest.warns(RuntimeWarning, match="network 2: training diverged in epoch"):
        histories = fit_many(
            found, X, T, epochs=90, batch_size=1, shuffle=shuffle, optimizers=[SGD(rate) for rate in rates], n_threads=2
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        given = dict(epochs=90, batch_size=1, shuffle=shuffle, on_divergence="stop")
        alone = [one.fit(X, T, optimizer=SGD(rate), **given) for one, rate in zip(expected, rates, strict=True)]
    assert [history.stopped for history in histories] == ["epochs", "epochs", "divergence", "epochs", "epochs", "epochs"]
    assert [history.loss for history in histories] == [history.loss for history in alone]
    assert_same(found, expected)


def test_a_call_that_is_stopped_ends_after_a_step(monkeypatch):
    """Every network then has made the same steps as alone, and its generator goes on as alone."""
    monkeypatch.setattr(side_by_side, "WORTH_A_CALL", 100.0)
    rows, targets = np.tile(X, (500, 1)), np.tile(T, (500, 1))
    found, expected = networks(5), networks(5)
    histories = fit_many(found, rows, targets, epochs=10_000, batch_size=1, n_threads=1, max_seconds=0.05)
    for history, network in zip(histories, expected, strict=True):
        assert history.epochs < 10_000
        assert history.stopped == "max_seconds"
        if history.epochs:
            network.fit(rows, targets, batch_size=1, epochs=history.epochs)
        if history.unfinished_rows:
            order = network.generator.permutation(len(rows))[: history.unfinished_rows]
            network.fit(rows, targets, batch_size=1, shuffle=lambda n, order=order: order)
    assert_same(found, expected)
