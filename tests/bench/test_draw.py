"""Drawn problems."""

from dataclasses import replace

import numpy as np
import pytest
from tileprop.bench import draw
from tileprop.bench.draw import drawn_events, longest_gradient, ranges, with_rates
from tileprop.bench.problems import Problem
from tileprop.bench.side_numpy import NumpyTrainer
from tileprop.bench.task import Task

SMALL = Problem("small", (3, 5, 2), 4, 24, output_activation="identity")


@pytest.fixture(scope="module")
def events():
    return drawn_events()


def test_the_same_every_time(events):
    assert len(events) == draw.COUNT
    assert drawn_events(3) == events[:3]
    assert drawn_events(3, seed=1) != events[:3]


def test_within_the_ranges(events):
    for problem, dtype, threads in events:
        depth = len(problem.sizes) - 1
        assert draw.DEPTHS[0] <= depth <= draw.DEPTHS[1]
        assert draw.INPUTS[0] <= problem.sizes[0] <= draw.INPUTS[1]
        assert all(draw.WIDTHS[0] <= width <= draw.WIDTHS[1] for width in problem.sizes[1:])
        assert draw.BATCHES[0] <= problem.batch_size <= draw.BATCHES[1]
        assert problem.activation in draw.ACTIVATIONS
        assert (problem.output_activation, problem.loss) in draw.OUTPUTS
        assert problem.loss != "log_loss" or problem.sizes[-1] >= 2
        assert problem.optimizer in draw.OPTIMIZERS
        assert dtype in draw.DTYPES
        assert threads in draw.THREADS
        assert problem.n_rows == problem.steps_per_epoch * problem.batch_size
        assert problem.steps_per_epoch >= draw.FEWEST_BATCHES
        if problem.steps_per_epoch > draw.FEWEST_BATCHES:
            assert problem.n_rows <= draw.MOST_ROWS
            assert problem.flops_per_step * problem.steps_per_epoch <= 2 * draw.MULTIPLY_ADDS
        assert 0 < problem.learning_rate < 10


def test_everything_is_drawn(events):
    for name, choices in (("optimizer", draw.OPTIMIZERS), ("activation", draw.ACTIVATIONS)):
        assert {getattr(event.problem, name) for event in events} == set(choices)
    assert {event.dtype for event in events} == set(draw.DTYPES)
    assert {event.threads for event in events} == set(draw.THREADS)


@pytest.mark.parametrize(("optimizer", "part"), [("sgd", 1.0), ("momentum", 0.1)])
def test_the_first_step_has_the_stated_length(optimizer, part):
    problem = with_rates(replace(SMALL, optimizer=optimizer))
    double = np.dtype("float64")
    start = problem.initial_theta(double)
    trainer = NumpyTrainer(Task(*problem.data(double), start, threads=1, **problem.settings))
    trainer.step(trainer.task.X[:4], trainer.task.T[:4])
    moved = np.linalg.norm(trainer.theta() - start)
    assert moved == pytest.approx(part * draw.STEP * np.linalg.norm(start), rel=1e-6)


def test_sigmoid_outputs_leave_room_for_identity_ones():
    assert with_rates(replace(SMALL, output_activation="sigmoid")).learning_rate == with_rates(SMALL).learning_rate


def test_adams_rate_and_epsilon():
    problem = with_rates(replace(SMALL, optimizer="adam"))
    start, gradient = SMALL.initial_theta(np.dtype("float64")), longest_gradient(SMALL)
    assert problem.learning_rate == pytest.approx(draw.STEP * np.sqrt(np.mean(start**2)))
    assert problem.epsilon == pytest.approx(draw.EPSILON * np.sqrt(np.mean(gradient**2)))


def test_ranges_name_seed_and_limits():
    for part in (str(draw.SEED), "1 to 6 layers", "1 to 600 inputs", "1 to 1000 rows", "log_loss over softmax"):
        assert part in ranges()
