"""Exact steps over shards, on one machine: those of a fit over all rows."""

from __future__ import annotations

import numpy as np
import pytest
from tileprop.trainer import LBFGS, SGD, Adam, Cosine, DivergenceError, LevenbergMarquardt, Network, fit_exact

SIZES = (37, 50, 12)
GENERATOR = np.random.default_rng(4)
X = GENERATOR.normal(size=(sum(SIZES), 2))
T = np.sin(X.sum(axis=1))
WEIGHT = GENERATOR.uniform(0.5, 2.0, len(X))
ENDS = np.cumsum(SIZES)[:-1]


def shards(weights=False):
    return list(zip(*(np.split(array, ENDS) for array in ((X, T, WEIGHT) if weights else (X, T))), strict=True))


def network(dtype="float64"):
    return Network([2, 5, 1], "tanh", "identity", dtype=dtype)


@pytest.mark.parametrize("weights", [False, True])
@pytest.mark.parametrize("solver", [LBFGS(), LevenbergMarquardt(), LevenbergMarquardt(acceleration=False)])
def test_solvers_take_the_steps_of_a_fit(solver, weights):
    ours, theirs = network(), network()
    options = dict(epochs=4, optimizer=solver, alpha=0.05, frozen_layers=[1])
    history = fit_exact(ours, shards(weights), **options, validation_data=(X, T))
    fit = theirs.fit(X, T, sample_weight=WEIGHT if weights else None, **options, validation_data=(X, T))
    np.testing.assert_allclose(ours.theta, theirs.theta, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(history.loss, fit.loss, rtol=1e-8)
    np.testing.assert_allclose(history.val_loss, fit.val_loss, rtol=1e-8)


@pytest.mark.parametrize(
    "options",
    [
        dict(optimizer=Adam(0.05)),
        dict(optimizer=SGD(0.1, momentum=0.5), alpha=0.3, l1=0.2, weight_decay=0.1, clip_norm=0.2, schedule=Cosine()),
        dict(optimizer=Adam(0.05), alpha=0.3, frozen_layers=[0]),
    ],
)
def test_steps_over_all_rows_are_those_of_a_fit(options):
    ours, theirs = network(), network()
    history = fit_exact(ours, shards(weights=True), epochs=6, **options)
    fit = theirs.fit(X, T, sample_weight=WEIGHT, epochs=6, batch_size=len(X), **options)
    np.testing.assert_allclose(ours.theta, theirs.theta, rtol=1e-9, atol=1e-12)
    for name in ("loss", "penalty", "batch_loss"):
        np.testing.assert_allclose(getattr(history, name), getattr(fit, name), rtol=1e-9)


def test_large_batches_take_their_share_of_each_shard():
    """In order: the first and second halves of all shards."""
    ours, theirs = network(), network()
    fit_exact(ours, shards(), epochs=1, batches=2, shuffle=False, optimizer=Adam(0.05))
    halves = [np.concatenate([np.arange(e - n, e - n + n // 2) for n, e in zip(SIZES, np.cumsum(SIZES), strict=True)])]
    halves.append(np.setdiff1d(np.arange(len(X)), halves[0]))
    state = Adam(0.05).state(theirs.plan, "float64")
    for rows in halves:
        theirs.fit(X[rows], T[rows], batch_size=len(rows), shuffle=False, optimizer=state)
    np.testing.assert_allclose(ours.theta, theirs.theta, rtol=1e-10)


@pytest.mark.parametrize("optimizer", ["lbfgs", "levenberg_marquardt", "adam"])
def test_goes_on_from_a_checkpoint_whatever_the_threads(tmp_path, optimizer):
    batches = 3 if optimizer == "adam" else 1
    options = dict(epochs=6, optimizer=optimizer, batches=batches)
    whole, part, again = network(), network(), network()
    history = fit_exact(whole, shards(), n_threads=1, **options)

    def fails(running):
        return running.history.epochs == 3 and 1 / 0

    options |= dict(checkpoint=tmp_path / "c", n_threads=2)
    with pytest.raises(ZeroDivisionError):
        fit_exact(part, shards(), callbacks=[fails], **options)
    resumed = fit_exact(again, shards(), callbacks=[lambda running: None], resume=True, **options)
    assert (again.theta == whole.theta).all()
    assert resumed.loss == history.loss


def test_divergence_keeps_the_last_epoch():
    net, kept = Network([2, 1], output_activation="identity"), []
    with pytest.raises(DivergenceError, match=r"in epoch \d+, in step 1"):
        fit_exact(
            net, shards(), epochs=400, optimizer=SGD(9.0), callbacks=[lambda running: kept.append(running.network.theta.copy())]
        )
    assert (net.theta == kept[-1]).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(batches=2), "batches is 2; LBFGS"),
        (dict(optimizer="adam", on_divergence="retry"), "on_divergence is 'retry'"),
        (dict(l1=1.0), "l1 is 1.0; LBFGS"),
        (dict(resume=True), "without checkpoint"),
        (dict(epochs=0), "epochs"),
    ],
)
def test_what_cannot_be_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        fit_exact(network(), shards(), **{"epochs": 1, **options})
