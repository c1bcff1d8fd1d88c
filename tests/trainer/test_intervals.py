"""Intervals and their middle: by hand, of one target and of several, and how many targets lie inside on generated data."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm
from tileprop.kernels import make_plan
from tileprop.trainer import Adam, Cosine, InputError, Network
from tileprop.trainer.intervals import COVERAGE, interval, middle

GAUSSIAN = {"output_activation": "identity", "loss": "gaussian_nll"}
LEVELS = {"output_activation": "identity", "loss": "quantile", "quantile": [0.05, 0.5, 0.95]}


@pytest.mark.plain
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n_targets", [1, 3])
@pytest.mark.parametrize("coverage", [None, 0.5, 0.99, np.float32(0.75)])
def test_normal_intervals_are_scipys(coverage, n_targets, dtype):
    rng = np.random.default_rng(0)
    plan = make_plan([2, 2 * n_targets], **GAUSSIAN)
    Y = rng.normal(size=(5, 2 * n_targets)).astype(dtype)
    m, s = Y[:, :n_targets], Y[:, n_targets:]
    lower, upper = interval(plan, Y, coverage)
    wanted = norm.interval(float(COVERAGE if coverage is None else coverage), m, np.exp(s / 2))
    tolerance = 1e-5 if dtype == "float32" else 1e-13
    np.testing.assert_allclose((lower, upper), wanted, rtol=tolerance, atol=tolerance)
    assert lower.dtype == upper.dtype == dtype
    assert np.array_equal(middle(plan, Y), m)


@pytest.mark.plain
def test_a_variance_at_its_floor_has_an_interval():
    """The same floor as the loss has, and no more narrow than that."""
    plan = make_plan([1, 2], **GAUSSIAN)
    lower, upper = interval(plan, np.array([[1.0, -30.0], [1.0, -1e30]]), 0.9)
    assert lower[0] < 1 < upper[0]
    assert (lower[0], upper[0]) == (lower[1], upper[1])


@pytest.mark.plain
def test_quantiles_of_several_targets():
    """Outputs are all targets at the first level, then at the next."""
    plan = make_plan([1, 6], **LEVELS)
    Y = np.array([[1.0, 10.0, 2.0, 20.0, 3.0, 30.0]])
    lower, upper = interval(plan, Y, None)
    assert lower.tolist() == [[1, 10]]
    assert upper.tolist() == [[3, 30]]
    assert middle(plan, Y).tolist() == [[2, 20]]
    assert interval(plan, Y, 0.9)[0].tolist() == [[1, 10]]


@pytest.mark.plain
def test_the_middle_of_an_even_number_is_the_upper_one():
    for levels, wanted in (([0.3], 0), ([0.1, 0.9], 1), ([0.1, 0.2, 0.8, 0.9], 2)):
        plan = make_plan([1, len(levels)], loss="quantile", quantile=levels)
        assert middle(plan, np.arange(float(len(levels)))[None]).tolist() == [[wanted]]


@pytest.mark.plain
def test_quantiles_that_cross_are_put_in_order():
    plan = make_plan([1, 3], **LEVELS)
    for row in ([3.0, 2.0, 1.0], [2.0, 1.0, 3.0], [1.0, 3.0, 2.0]):
        lower, upper = interval(plan, np.array([row]), None)
        assert (lower.item(), upper.item()) == (1, 3)
        assert lower.item() <= middle(plan, np.array([row])).item() <= upper.item()


@pytest.mark.plain
def test_other_losses_predict_with_all_their_outputs():
    Y = np.arange(6.0).reshape(2, 3)
    for loss in ("mse", "mae", "huber"):
        assert middle(make_plan([1, 3], loss=loss), Y) is Y


@pytest.mark.plain
def test_intervals_that_were_not_learned():
    Y = np.zeros((2, 2))
    for options in ({"loss": "mse"}, {"loss": "quantile"}, {"loss": "quantile", "quantile": 0.9}):
        with pytest.raises(InputError, match="gives no intervals; train with loss='gaussian_nll', or loss='quantile' with"):
            interval(make_plan([1, 2], **options), Y, None)
    for coverage in (0, 1, -0.5, 1.5, np.nan, "0.9", [0.9]):
        for options, width in ((GAUSSIAN, 2), (LEVELS, 3)):
            with pytest.raises(InputError, match=r"coverage is .*; it must be a number above 0 and below 1"):
                interval(make_plan([1, width], **options), Y, coverage)
    with pytest.raises(
        InputError, match=r"coverage is 0\.8; the outermost trained quantiles contain 0\.9 of the targets; leave"
    ):
        interval(make_plan([1, 3], **LEVELS), np.zeros((2, 3)), 0.8)


# On generated data: the noise grows with x ----------------------------------------------------------------------------------


def wedge(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """x in [0, 1], and two targets with normal noise, of standard deviations 0.1 + 0.4 x and 0.3."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(size=(n, 1))
    return x, np.hstack([2 * x, -x]) + rng.normal(size=(n, 2)) * np.hstack([0.1 + 0.4 * x, np.full((n, 1), 0.3)])


def fitted(options: dict, heads: int) -> Network:
    X, T = wedge(4000, seed=1)
    network = Network([1, 16, 2 * heads], "tanh", dtype="float64", **options)
    network.fit(X, T, epochs=60, batch_size=64, optimizer=Adam(0.01), schedule=Cosine(), progress=False)
    return network


@pytest.mark.parametrize(("options", "heads"), [(GAUSSIAN, 2), (LEVELS, 3)])
def test_as_many_targets_lie_inside_as_should(options, heads):
    """Of those with little noise as of those with much; of 20 000 new rows, a quarter at each end."""
    network = fitted(options, heads)
    X, T = wedge(20_000, seed=2)
    lower, upper = network.predict_interval(X)
    assert lower.shape == upper.shape == T.shape
    inside = (lower <= T) & (upper >= T)
    for rows in (X[:, 0] < 0.25, X[:, 0] > 0.75):
        assert inside[rows].mean(axis=0) == pytest.approx([0.9, 0.9], abs=0.04)
    widths = (upper - lower)[:, 0]
    assert widths[X[:, 0] > 0.75].mean() > 2 * widths[X[:, 0] < 0.25].mean()
    if options is GAUSSIAN:
        lower, upper = network.predict_interval(X, coverage=0.5)
        assert ((lower <= T) & (upper >= T)).mean(axis=0) == pytest.approx([0.5, 0.5], abs=0.04)
