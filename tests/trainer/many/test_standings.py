"""How far many fits are, in the words and the time that are shown."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from tileprop import EarlyStopping, Network
from tileprop.trainer import History
from tileprop.trainer.fit.progress import Standing
from tileprop.trainer.many import standings
from tileprop.trainer.many.arguments import asked_for
from tileprop.trainer.many.preparation import Given, prepared_fits

X = np.linspace(0.0, 1.0, 30)[:, None]


@pytest.fixture
def call(monkeypatch):
    """Two fits of ten epochs and one of twenty, of networks alike: 40 epochs, 8 s after the call began."""
    common = {"epochs": 10, "batch_size": None, "validation_split": 0.2}
    asked = asked_for(
        [Network([1, 4, 1], "tanh", "identity", random_state=seed) for seed in range(3)],
        **common,
        early_stopping=EarlyStopping(2),
        settings=[{}, {}, {"epochs": 20}],
    )
    fits = prepared_fits(asked, Given(X, X[:, :1], None, None))
    made = standings.Standings(fits)
    now = made._begun + 8.0
    monkeypatch.setattr(standings.time, "monotonic", lambda: now)
    return made


def losses(epochs, *, stopped="", val_loss=1.0):
    return History(24, [0.5] * epochs, val_loss=[val_loss] * epochs, seconds=[0.1] * epochs, stopped=stopped)


def test_before_the_first_epoch_nothing_is_known(call):
    assert call.now(False) == Standing("network", 0, 3, "no loss yet", "no loss yet", math.inf)


def test_time_left_follows_from_the_share_that_is_made(call):
    call.report(0, losses(10, stopped="epochs"))
    call.report(1, losses(6, val_loss=0.25))
    here = call.now(False)
    assert (here.done, here.total, here.words) == (1, 3, "best val_loss 0.25 (network 1)")
    assert here.seconds_left == pytest.approx(8.0 * 24 / 16)  # 16 of 40 epochs are made
    assert call.now(True).words == "best 0.25"


def test_a_fit_that_stopped_early_counts_as_made(call):
    call.report(2, losses(4, stopped="callback"))
    assert call.now(False).seconds_left == pytest.approx(8.0)  # 20 of 40


def test_losses_that_are_no_numbers_are_not_the_lowest(call):
    call.report(0, losses(2, val_loss=math.nan))
    call.report(1, losses(2, val_loss=3.0))
    assert call.now(False).words == "best val_loss 3 (network 1)"


def test_ctrl_c_is_noticed_by_its_warning_and_other_warnings_are_given_on():
    def fit_many():
        warnings.warn("another", UserWarning, stacklevel=2)
        warnings.warn(standings.interrupted([losses(1, stopped="epochs")]), RuntimeWarning, stacklevel=2)
        return []

    with pytest.warns(UserWarning, match="another"), pytest.warns(RuntimeWarning, match="when all fits were done"):
        assert standings.noticing_interrupt(fit_many) == ([], True)
    assert standings.noticing_interrupt(list) == ([], False)
