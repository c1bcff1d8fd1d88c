"""An epoch against the slow oracle's: every rule, loss and order of rows, and every way that a batch is taken."""

from __future__ import annotations

import numpy as np
import pytest
from choosing import by_turns
from hypothesis import given
from hypothesis import strategies as st
from inside import block_rows, epoch_losses, groups_of, packed_size, progress, steps_taken
from tileprop.kernels import make_workspace
from tileprop.kernels.training.step import WHOLE_AT_ONCE
from trainings import HIDDEN, LOSSES, RULES, Training, expected_rows, make_training, oracle_epoch

DTYPES = ["float32", "float64"]


def check_epochs(training: Training, rule: str, tolerance: float, epochs: int = 1) -> None:
    """Losses, the penalty on weights, and parameters; each epoch starts from where the oracle's ended."""
    mine = RULES[rule][1]()
    for _ in range(epochs):
        expected = oracle_epoch(training, mine)
        assert training.run() == epoch_losses(training.work)[0].loss == pytest.approx(expected.loss, rel=tolerance)
        assert epoch_losses(training.work)[0].batch_mean == pytest.approx(expected.batch_mean, rel=tolerance)
        assert epoch_losses(training.work)[0].penalty == pytest.approx(expected.penalty, rel=tolerance)
        np.testing.assert_allclose(training.theta, expected.theta, rtol=0, atol=tolerance * np.abs(expected.theta).max())
        training.theta[:] = expected.theta


@pytest.mark.plain
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rule", RULES)
def test_two_epochs_are_the_oracles(rule, dtype):
    """With a last batch that is smaller, and the state carried from one epoch to the next."""
    for alpha in [0.0, 0.5]:
        for order in ["none", "permutation", "sample"]:
            training = make_training(rule=rule, dtype=dtype, order=order, weighted=order == "permutation", seed=1, alpha=alpha)
            before = training.theta.copy()
            check_epochs(training, rule, 1e-12 if dtype == "float64" else 2e-5, epochs=2)
            assert np.abs(training.theta - before).max() > 0.01
            mean, batch_mean, penalty = epoch_losses(training.work)[0]
            assert (mean == pytest.approx(batch_mean, rel=1e-9)) == (order != "permutation")
            assert (penalty > 0) == (alpha > 0)
            assert progress(training.state) == (2 * -(-expected_rows(training) // 5), expected_rows(training), "running")


BOUNDED = ["sigmoid", "tanh", "softmax"]


@pytest.mark.plain
@given(data=st.data())
def test_any_epoch_is_the_oracles(data):
    sizes = data.draw(st.lists(st.integers(1, 6), min_size=2, max_size=5))
    loss, parameter, output = data.draw(st.sampled_from(LOSSES))
    levels = parameter.get("quantile", 0.5)
    sizes[-1] *= len(levels) if isinstance(levels, list) else 2 if loss == "gaussian_nll" else 1
    output = output or data.draw(st.sampled_from([*BOUNDED, "gelu", "elu", "identity"]))
    # Steps as long as the gradient of an unbounded loss of unbounded outputs leave all bounds.
    calm = output in BOUNDED or loss in ("mae", "huber", "quantile")
    rules = sorted(RULES) if calm else [rule for rule in sorted(RULES) if "adam" in rule]
    training = make_training(
        sizes,
        n=data.draw(st.integers(1, 30)),
        batch_size=data.draw(st.integers(1, 33)),
        rule=(rule := data.draw(st.sampled_from(rules))),
        weighted=data.draw(st.booleans()),
        order=data.draw(st.sampled_from(["none", "permutation", "sample"])),
        seed=data.draw(st.integers(0, 1000)),
        activation=data.draw(st.sampled_from(HIDDEN)),
        output_activation=output,
        loss=loss,
        bias=data.draw(st.booleans()),
        alpha=data.draw(st.sampled_from([0.0, 0.3])),
        **parameter,
    )
    if loss == "log_loss" and output == "softmax":
        training.T /= training.T.sum(axis=1, keepdims=True)
    training.X /= 4
    check_epochs(training, rule, 1e-9)


@pytest.mark.plain
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("hidden", "output", "loss"),
    [
        ("tanh", "identity", "sum_squared_error"),
        ("tanh", "exp", "poisson"),
        ("exp", "exp", "mse"),
        ("exp", "softmax", "log_loss"),
        ("silu", "identity", "huber"),
        ("gelu", "identity", "quantile"),
        ("leaky_relu", "identity", "mae"),
        ("softplus", "identity", "gaussian_nll"),
        ("elu", "exp", "poisson"),
        ("elu", "softplus", "squared_error"),
    ],
)
def test_sums_of_squares_counts_and_exponentials(hidden, output, loss, dtype):
    for rule in ["sgd", "adam"]:
        for weighted in [False, True]:
            options = {"activation": hidden, "output_activation": output, "loss": loss}
            training = make_training(
                rule=rule, dtype=dtype, weighted=weighted, order="permutation", seed=2, alpha=0.1, **options
            )
            training.X /= 4
            if loss == "poisson":
                training.T[:] = np.floor(3 * training.T)
                assert not training.T.all()
            if loss == "log_loss":
                training.T[:] = np.eye(2)[training.T[:, 0].round().astype(int)]
            check_epochs(training, rule, 1e-12 if dtype == "float64" else 2e-5, epochs=2)


@pytest.mark.parametrize("order", [pytest.param("none", marks=pytest.mark.full), "permutation"])
def test_batches_longer_than_a_block(order):
    """A network wide enough works through its batch in blocks that stay in cache."""
    training = make_training([2, 600, 520, 1], n=270, batch_size=262, order=order, weighted=True, rule="momentum")
    assert block_rows(training.work) < 262 / 2
    assert groups_of(training.work) == 0
    check_epochs(training, "momentum", 1e-12)


@pytest.mark.parametrize(("rule", "dtype"), by_turns(["sgd", "nesterov", "adam"], DTYPES))
@pytest.mark.parametrize("order", ["none", "sample"])
def test_batches_in_groups_are_the_oracles(rule, order, dtype):
    """Long batches of few parameters: three of them, the last one with fewer rows, but more than one chunk."""
    options = {"weighted": True, "dtype": dtype, "alpha": 30.0 if order == "sample" else 0.0}
    training = make_training([600, 4, 3], n=1040, batch_size=470, rule=rule, order=order, **options)
    training.theta[:] /= 8
    assert groups_of(training.work) > 1
    check_epochs(training, rule, 1e-12 if dtype == "float64" else 1e-4)
    assert steps_taken(training.state) == 3


@pytest.mark.parametrize(
    ("rule_and_bias", "dtype"), by_turns([*((rule, True) for rule in RULES), ("sgd", False), ("adam", False)], DTYPES)
)
def test_a_penalty_on_many_parameters(rule_and_bias, dtype):
    """More than a whole gradient is kept for: the steps are taken a few rows of a panel at a time."""
    rule, bias = rule_and_bias
    options = {"weighted": True, "dtype": dtype, "bias": bias, "alpha": 0.5}
    training = make_training([200, 170, 3], n=11, batch_size=4, rule=rule, order="permutation", **options)
    training.theta[:] /= 8
    assert packed_size(training.work) > WHOLE_AT_ONCE
    check_epochs(training, rule, 1e-12 if dtype == "float64" else 1e-4, epochs=2)


@pytest.mark.plain
@pytest.mark.parametrize("batch_size", [23, 100, 5000])
def test_a_batch_larger_than_the_data_is_one_of_all_rows(batch_size):
    training = make_training(batch_size=22, rule="adam", order="permutation", weighted=True)
    larger = training.copy()
    larger.work = make_workspace(training.plan, batch_size)
    expected = oracle_epoch(training, RULES["adam"][1]())
    assert training.run() == pytest.approx(expected.loss, rel=1e-12)
    assert larger.run() == pytest.approx(expected.loss, rel=1e-12)
    for theta in (training.theta, larger.theta):
        np.testing.assert_allclose(theta, expected.theta, rtol=0, atol=1e-12 * np.abs(expected.theta).max())
    assert progress(larger.state) == (1, 22, "running")


@pytest.mark.plain
@pytest.mark.parametrize("alpha", [0.0, 0.5])
def test_weights_that_are_zero_in_a_batch_leave_it_out(alpha):
    """Its rows count where batches are averaged by their numbers of rows, with no loss and no penalty."""
    training = make_training(n=10, batch_size=5, weighted=True, alpha=alpha)
    training.weight[5:] = 0
    alone = training.copy()
    alone.work = make_workspace(training.plan, 5)
    alone.X, alone.T, alone.weight = training.X[:5], training.T[:5], training.weight[:5]
    assert training.run() == alone.run()
    assert np.array_equal(training.theta, alone.theta)
    assert epoch_losses(training.work)[0].batch_mean == pytest.approx(epoch_losses(alone.work)[0].batch_mean / 2, rel=1e-15)
    assert epoch_losses(training.work)[0].penalty == pytest.approx(epoch_losses(alone.work)[0].penalty / 2, rel=1e-15)


@pytest.mark.plain
@pytest.mark.parametrize("weighted", [False, True])
def test_a_penalty_by_hand(weighted):
    """It shrinks weights by learning rate times alpha over the batch's weight, leaves biases, and is no part of the loss."""
    training = make_training([1, 1], n=2, batch_size=2, weighted=weighted, alpha=0.5, output_activation="identity")
    training.X[:], training.T[:], training.theta[:] = [[1], [-1]], [[3], [1]], [1, 2]  # outputs are right
    weight = training.weight.sum() if weighted else 2
    assert training.run() == 0
    np.testing.assert_allclose(training.theta, [1 - 0.3 * 0.5 / weight, 2], rtol=1e-15)
    np.testing.assert_allclose(epoch_losses(training.work), [[0, 0, 0.5 * 0.5 / weight]], rtol=1e-15)


@pytest.mark.plain
def test_the_loss_falls():
    training = make_training(n=40, batch_size=8, rule="adam", order="permutation")
    first = training.run()
    for _ in range(30):
        last = training.run()
    assert last < 0.9 * first
