"""Steps whose gradient is shortened: by how much, and the same by any number of threads."""

from __future__ import annotations

import numpy as np
import pytest
from inside import groups_of, hyperparameters, set_hyperparameters
from trainings import RULES, make_training

# Taken directly, with more parameters than are taken at once, and in groups of chunks.
KINDS = {
    "small": ({}, False),
    "large": ({"sizes": [3, 200, 190, 2], "n": 40, "batch_size": 20}, False),
    "groups": ({"n": 5000, "batch_size": 2500}, True),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("share", [0.25, 4.0])
def test_a_step_is_no_longer_than_allowed(kind, share):
    """Plain SGD in one batch: the step is the gradient times the rate; gradients that are short enough are left alone."""
    arguments, in_groups = KINDS[kind]
    plain = make_training(**(arguments | {"batch_size": arguments.get("n", 22)}))
    clipped = plain.copy()
    clipped.work = make_training(**(arguments | {"batch_size": arguments.get("n", 22)})).work
    assert bool(groups_of(plain.work)) == in_groups
    start = plain.theta.copy()
    plain.run()
    rate = hyperparameters(plain.state)["learning_rate"]
    length = float(np.linalg.norm(plain.theta - start)) / rate
    set_hyperparameters(clipped.state, clip_norm=share * length)
    clipped.run()
    np.testing.assert_allclose(clipped.theta - start, min(share, 1.0) * (plain.theta - start), rtol=1e-6, atol=1e-14)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rule", RULES)
def test_any_number_of_threads_gives_the_same_bits(kind, rule):
    arguments, _ = KINDS[kind]
    results = []
    for threads in (1, 2, 3):
        training = make_training(rule=rule, n_threads=threads, **arguments)
        set_hyperparameters(training.state, clip_norm=0.01)
        loss = training.run_by(threads)
        results.append((loss, training.result()))
    assert results[0] == results[1] == results[2]
