"""The learning-rate range test: a rate that trains well, and a network that is left as it is."""

import numpy as np
import pytest
from tileprop.trainer import SGD, Adam, InputError, Network, find_learning_rate

RNG = np.random.default_rng(6)
X = RNG.normal(size=(300, 4))
LABELS = np.where(X[:, 0] * X[:, 1] > 0, "same", "other")


def network():
    return Network([4, 16, 2], "tanh", "softmax", "log_loss")


@pytest.mark.parametrize("optimizer", ["sgd", Adam()])
def test_the_suggestion_trains_well(optimizer):
    found = find_learning_rate(network(), X, LABELS, optimizer=optimizer)
    losses = {}
    for rate in (found.suggestion, found.suggestion / 100, 100 * found.suggestion):
        one = network()
        kind = SGD if optimizer == "sgd" else Adam
        one.fit(X, LABELS, epochs=20, optimizer=kind(rate), on_divergence="stop")
        losses[rate] = one.loss(X, LABELS)
    assert min(losses, key=losses.get) == found.suggestion
    assert f"suggestion={found.suggestion:.3g}" in repr(found)
    assert len(found.rates) == len(found.losses)


def test_the_network_is_left_as_it_is():
    one = network()
    before, drawn = one.theta.copy(), one.generator.bit_generator.state
    first = find_learning_rate(one, X, LABELS, sample_weight=RNG.uniform(size=300), batch_size=7, steps=30)
    assert np.array_equal(one.theta, before)
    assert one.generator.bit_generator.state == drawn
    assert one.classes is None
    assert len(first.rates) <= 30
    np.testing.assert_allclose(np.diff(np.log(first.rates)), np.log(1e7) / 29)


def test_few_rows_and_targets_that_are_numbers():
    found = find_learning_rate(Network([4, 1], output_activation="identity"), X[:3], X[:3, 0], steps=20)
    assert 1e-7 < found.suggestion < 10


def test_plot():
    pyplot = pytest.importorskip("matplotlib.pyplot")
    _, ax = pyplot.subplots()
    found = find_learning_rate(network(), X, LABELS, steps=20)
    assert found.plot(ax=ax) is ax
    assert ax.get_xscale() == "log"
    assert ax.lines[0].get_xdata().tolist() == found.rates.tolist()
    pyplot.close("all")


@pytest.mark.plain
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(optimizer="adm"), "optimizer is 'adm'; .* did you mean 'adam'"),
        (dict(optimizer="lbfgs"), "optimizer is 'lbfgs'; it must be one with a learning rate"),
        (dict(optimizer="rprop"), "it must be one with a learning rate"),
        (dict(lowest=0), "lowest is 0; it must be above 0"),
        (dict(lowest=1, highest=0.1), "highest is 0.1; it must be above 1"),
        (dict(steps=3), "steps is 3; it must be a whole number, at least 10"),
    ],
)
def test_arguments(options, message):
    with pytest.raises(InputError, match=message):
        find_learning_rate(network(), X, LABELS, **options)
