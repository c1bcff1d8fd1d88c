"""What is recorded of a solver's iterations: history, validation, callbacks, progress, the best parameters."""

from __future__ import annotations

import numpy as np
import pytest
from tileprop.trainer import LBFGS, EarlyStopping, InputError, LevenbergMarquardt, Network

RNG = np.random.default_rng(8)
X = RNG.uniform(-2, 2, (40, 1))
T = np.sin(2 * X) + 0.4 * RNG.normal(size=X.shape)
VALIDATION = (np.linspace(-2, 2, 30)[:, None], np.sin(2 * np.linspace(-2, 2, 30)[:, None]))
SOLVERS = [LevenbergMarquardt(), LBFGS()]

pytestmark = pytest.mark.parametrize("solver", SOLVERS, ids=["LevenbergMarquardt", "LBFGS"])


def small(dtype: str = "float64") -> Network:
    return Network([1, 12, 1], "tanh", "identity", dtype=dtype, random_state=0)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_history_is_of_the_networks_parameters(solver, dtype):
    network, figures = small(dtype), []

    def look(running):
        assert running.network is network
        assert running.state is None
        figures.append((network.loss_and_grad(X, T)[0], network.loss_and_grad(*VALIDATION)[0]))

    history = network.fit(X, T, epochs=6, optimizer=solver, validation_data=VALIDATION, callbacks=[look])
    assert history.epochs == 6
    assert history.n_samples == 40
    assert len(history.seconds) == len(history.val_loss) == 6
    assert min(history.seconds) > 0
    assert history.batch_loss == history.loss
    np.testing.assert_allclose(history.loss, [loss for loss, _ in figures], rtol=1e-5 if dtype == "float32" else 1e-12)
    assert history.val_loss == [loss for _, loss in figures]


def test_early_stopping_puts_the_best_back(solver):
    """More parameters than the noise allows."""
    network = small()
    stopping = EarlyStopping(n_iter_no_change=8, tol=0.0)
    history = network.fit(X, T, epochs=300, optimizer=solver, validation_data=VALIDATION, callbacks=[stopping])
    assert history.epochs < 300
    assert history.val_loss[-1] > min(history.val_loss)
    assert network.loss_and_grad(*VALIDATION)[0] == min(history.val_loss)


def test_a_callback_ends_the_fit_and_finishes(solver):
    class Third:
        finished = 0

        def __call__(self, running):
            return running.history.epochs == 3

        def finish(self, running):
            self.finished += 1

    third, seen = Third(), []
    small().fit(X, T, epochs=50, optimizer=solver, callbacks=[third, lambda running: seen.append(running.history.epochs)])
    assert third.finished == 1
    assert seen == [1, 2, 3]


def test_there_is_no_learning_rate(solver):
    def slower(running):
        running.learning_rate *= 0.5

    with pytest.raises(InputError, match="no learning rate"):
        small().fit(X, T, optimizer=solver, callbacks=[slower])


def test_progress_is_shown(solver, capsys):
    small().fit(X, T, epochs=2, optimizer=solver, progress=True)
    shown = capsys.readouterr()
    assert "2" in shown.out + shown.err
