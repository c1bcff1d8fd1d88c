"""Optimizers check their hyperparameters and hand them to the kernels' State."""

import numpy as np
import pytest
from tileprop.kernels import make_plan
from tileprop.kernels import optimizers as rules
from tileprop.trainer import SGD, Adam, InputError

pytestmark = pytest.mark.plain
PLAN = make_plan([2, 3, 1])


@pytest.mark.parametrize(
    ("optimizer", "rule", "vectors"),
    [
        (SGD(), rules.SGD, (0, 0)),
        (SGD(momentum=0.9), rules.MOMENTUM, (13, 0)),
        (SGD(momentum=0.9, nesterov=True), rules.NESTEROV, (13, 0)),
        (Adam(), rules.ADAM, (13, 13)),
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_state(optimizer, rule, vectors, dtype):
    state = optimizer.state(PLAN, dtype)
    assert state.codes[rules.RULE] == rule
    assert (state.first.size, state.second.size) == vectors
    assert state.first.dtype == state.second.dtype == np.dtype(dtype)
    assert state.scalars[rules.LEARNING_RATE] == optimizer.learning_rate


def test_adam_scalars():
    state = Adam(learning_rate=0.5, beta_1=0.8, beta_2=0.7, epsilon=1e-4, epsilon_hat=True).state(PLAN, "float64")
    np.testing.assert_array_equal(state.scalars, [0.5, 0.0, 0.8, 0.7, 1e-4, 1.0])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SGD(learning_rate=-1), "SGD: learning_rate is -1; it must be at least 0"),
        (lambda: SGD(learning_rate=float("nan")), "learning_rate is nan"),
        (lambda: SGD(learning_rate=float("inf")), "learning_rate is inf"),
        (lambda: SGD(momentum=1.0), "momentum is 1.0; it must be at least 0 and below 1"),
        (lambda: Adam(beta_2=1.5), "Adam: beta_2 is 1.5"),
        (lambda: Adam(epsilon=0), "epsilon is 0; it must be above 0"),
    ],
)
def test_values_that_cannot_work(make, message):
    with pytest.raises(InputError, match=message):
        make()
