"""Early stopping: when it ends a fit, and which parameters it keeps."""

import numpy as np
import pytest
from tileprop.trainer import SGD, Adam, DivergenceError, EarlyStopping, InputError, Network

RNG = np.random.default_rng(12)
X, T = RNG.normal(size=(50, 3)), RNG.uniform(size=(50, 2))
HELD_OUT = (X[:20], T[:20])


def small():
    return Network([3, 4, 2], dtype="float64")


@pytest.mark.plain
@pytest.mark.parametrize("score", [None, lambda network: -network.loss(*HELD_OUT)])
def test_early_stopping_ends_and_puts_the_best_parameters_back(score):
    network, stopping = small(), EarlyStopping(n_iter_no_change=3, tol=0.0, score=score)
    history = network.fit(X[20:], T[20:], epochs=500, optimizer=Adam(0.1), validation_data=HELD_OUT, callbacks=[stopping])
    best = int(np.argmin(history.val_loss))
    assert history.epochs == best + 1 + 4 < 500
    np.testing.assert_allclose(stopping.scores, np.negative(history.val_loss), rtol=1e-12)
    assert network.loss(*HELD_OUT) == pytest.approx(min(history.val_loss), rel=1e-12)


@pytest.mark.plain
def test_early_stopping_may_leave_the_last_parameters():
    network, stopping = small(), EarlyStopping(n_iter_no_change=3, restore_best=False)
    history = network.fit(X[20:], T[20:], epochs=500, optimizer=Adam(0.1), validation_data=HELD_OUT, callbacks=[stopping])
    assert network.loss(*HELD_OUT) == pytest.approx(history.val_loss[-1], rel=1e-12)


@pytest.mark.plain
def test_early_stopping_serves_a_second_fit():
    stopping, ends = EarlyStopping(n_iter_no_change=2), []
    for _ in range(2):
        ends.append(small().fit(X, T, epochs=300, optimizer=Adam(0.1), validation_data=HELD_OUT, callbacks=[stopping]).epochs)
    assert ends[0] == ends[1] < 300


def test_early_stopping_keeps_the_best_parameters_of_a_fit_that_diverges():
    network = Network([3, 4, 2], "relu", "identity", dtype="float64")
    with pytest.raises(DivergenceError):
        network.fit(1e3 * X, T, epochs=500, optimizer=SGD(10.0), validation_data=HELD_OUT, callbacks=[EarlyStopping()])
    assert np.isfinite(network.theta).all()


@pytest.mark.plain
def test_early_stopping_without_anything_to_look_at():
    with pytest.raises(InputError, match="nothing to look at; give fit validation_data"):
        small().fit(X, T, epochs=3, callbacks=[EarlyStopping()])


@pytest.mark.plain
@pytest.mark.parametrize("arguments", [{"n_iter_no_change": 0}, {"tol": -1.0}, {"tol": float("nan")}])
def test_early_stopping_checks_its_arguments(arguments):
    (name,) = arguments
    with pytest.raises(ValueError, match=name):
        EarlyStopping(**arguments)


@pytest.mark.plain
def test_the_kept_epoch():
    rows = {"validation_data": (X[:9], T[:9])}
    early, network = EarlyStopping(2, tol=0.0), small()
    history = network.fit(X[9:], T[9:], epochs=300, optimizer=Adam(0.05), callbacks=[early], **rows)
    assert history.stopped == "callback"
    assert early.ended
    assert history.kept_epoch == early.best_epoch == np.argmin(history.val_loss) + 1 == history.epochs - 3
    assert network.loss(*rows["validation_data"]) == min(history.val_loss)
    kept = small().fit(X[9:], T[9:], epochs=5, callbacks=[EarlyStopping(9, restore_best=False)], **rows)
    assert kept.kept_epoch == 5
    assert small().fit(X, T, epochs=2).kept_epoch == 2


@pytest.mark.plain
def test_nothing_is_kept_of_scores_that_are_not_numbers():
    early = EarlyStopping(3, score=lambda network: float("nan"))
    small().fit(X, T, epochs=2, callbacks=[early])
    assert early.best_epoch == 0
    again = EarlyStopping(3)
    again.recall({"waited": 1, "theta": np.ones(1), "scores": np.array([np.nan, 2.0, np.nan]).view(np.int64)})
    assert again.best_epoch == 2
