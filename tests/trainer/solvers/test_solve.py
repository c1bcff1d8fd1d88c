"""A fit by a solver: who is told, and what is left, however it ends."""

from __future__ import annotations

import numpy as np
import pytest
from tileprop.trainer import LBFGS, LevenbergMarquardt, Network
from tileprop.trainer.fit.callbacks import RunningFit
from tileprop.trainer.fit.history import History
from tileprop.trainer.solvers import Log, Problem, solve

X = np.linspace(-1, 1, 40)[:, None]
T = np.sin(3 * X)


class Told:
    """A callback that ends the fit, or raises, after so many iterations."""

    def __init__(self, last, error=None):
        self.last, self.error, self.finished = last, error, 0

    def __call__(self, running):
        if running.history.epochs == self.last and self.error:
            raise self.error
        return running.history.epochs == self.last

    def finish(self, running):
        self.finished += 1


def begin():
    network = Network([1, 4, 1], "tanh", "identity", dtype="float64", random_state=0)
    return network, Problem(network.plan, X, T, np.empty(0))


def log_of(network, validate, callbacks):
    return Log(RunningFit(network, None, History(n_samples=len(X))), 50, validate, callbacks)


@pytest.mark.parametrize("solver", [LevenbergMarquardt(), LBFGS()])
def test_a_callback_ends_the_fit_and_is_told_so(solver):
    network, problem = begin()
    told = Told(3)
    history = solve(solver, problem, log_of(network, lambda: 7.0, [told]), False)
    assert history.epochs == 3
    assert history.n_samples == len(X)
    assert history.val_loss == [7.0] * 3
    assert told.finished == 1
    assert network.loss_and_grad(X, T)[0] == pytest.approx(history.loss[-1])


@pytest.mark.parametrize("solver", [LevenbergMarquardt(), LBFGS()])
@pytest.mark.parametrize("error", [KeyboardInterrupt(), ValueError("mine")])
def test_an_error_leaves_the_last_whole_iteration(solver, error):
    network, problem = begin()
    first = network.loss_and_grad(X, T)[0]
    told = Told(2, error)
    with pytest.raises(type(error)):
        solve(solver, problem, log_of(network, None, [told]), False)
    assert told.finished == 1
    assert network.loss_and_grad(X, T)[0] < first
