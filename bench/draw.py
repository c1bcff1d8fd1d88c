"""Problems drawn at random, before anything is timed, from ranges that were stated first: nobody chose them.

Ranges are inclusive. Widths, inputs and batches are log-uniform: as many below 25 as above. The last width is the outputs'.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .problems import Event, Problem
from .side_numpy import NumpyTrainer
from .task import MOMENTUM, Task

SEED = 20250101
COUNT = 24
DEPTHS = (1, 6)  # layers of weights
INPUTS = (1, 600)
WIDTHS = (1, 600)
BATCHES = (1, 1000)
ACTIVATIONS = ("sigmoid", "tanh", "relu")
OUTPUTS = (("sigmoid", "mse"), ("identity", "mse"), ("softmax", "log_loss"))  # the last with two outputs or more
OPTIMIZERS = ("sgd", "momentum", "adam")
DTYPES = ("float32", "float64")
THREADS = (1, 2)

# Not drawn: rows of an epoch, as many whole batches as make so many multiply-adds, within limits.
MULTIPLY_ADDS = 200_000_000
MOST_ROWS = 4096
FEWEST_BATCHES = 4

# Deviations of the initial weights that keep gradients about as large from layer to layer. With 1 those of six sigmoid layers
# shrink to what float32 loses in the weights' last digits.
GAINS = {"sigmoid": 4.0, "tanh": 5.0 / 3.0, "relu": 2.0**0.5}
# The learning rate: the first step is about so long, relative to the norm of the initial weights; momentum's comes to as much
# as its velocity fills. With a third of it float32 loses the shortest steps in the weights' last digits; with three times as
# much some training is unstable.
STEP = 0.01
# Adam's epsilon over the root mean square of the first gradient: see `chains` in problems.py.
EPSILON = 0.1


def drawn_events(count: int = COUNT, seed: int = SEED) -> list[Event]:
    """The drawn problems, each with the dtype and the number of threads drawn for it."""
    generator = np.random.default_rng(seed)
    return [_event(f"drawn-{number}", generator) for number in range(1, count + 1)]


def _event(name: str, generator: np.random.Generator) -> Event:
    def one_of(choices: tuple[str, ...]) -> str:
        return choices[generator.integers(len(choices))]

    def log_uniform(low: int, high: int) -> int:
        return int(np.exp(generator.uniform(np.log(low), np.log(high + 1))))

    depth = int(generator.integers(DEPTHS[0], DEPTHS[1] + 1))
    output_activation, loss = OUTPUTS[generator.integers(len(OUTPUTS))]
    hidden = [log_uniform(*WIDTHS) for _ in range(depth - 1)]
    outputs = log_uniform(max(WIDTHS[0], 2 if loss == "log_loss" else 1), WIDTHS[1])
    sizes = (log_uniform(*INPUTS), *hidden, outputs)
    batch_size = log_uniform(*BATCHES)
    activation, optimizer, dtype = one_of(ACTIVATIONS), one_of(OPTIMIZERS), one_of(DTYPES)
    threads = THREADS[generator.integers(len(THREADS))]
    problem = Problem(
        name,
        sizes,
        batch_size,
        batch_size,
        activation=activation,
        output_activation=output_activation,
        loss=loss,
        optimizer=optimizer,
        gain=GAINS[activation],
    )
    rows = min(MOST_ROWS, MULTIPLY_ADDS * 2 * batch_size // problem.flops_per_step)
    problem = replace(problem, n_rows=batch_size * max(FEWEST_BATCHES, rows // batch_size))
    return Event(with_rates(problem), dtype, threads)


def with_rates(problem: Problem) -> Problem:
    """The problem with the learning rate and the epsilon that STEP and EPSILON tell of."""
    gradient = longest_gradient(problem)
    start = problem.initial_theta(np.dtype("float64"))
    if problem.optimizer == "adam":
        step, epsilon = (share * float(np.sqrt(np.mean(x**2))) for share, x in ((STEP, start), (EPSILON, gradient)))
        return replace(problem, learning_rate=step, epsilon=epsilon)
    rate = STEP * float(np.linalg.norm(start) / np.linalg.norm(gradient))
    return replace(problem, learning_rate=rate * (1.0 - MOMENTUM) if problem.optimizer == "momentum" else rate)


def longest_gradient(problem: Problem) -> np.ndarray:
    """The gradient (n_parameters) of the first batch, in float64; where outputs are sigmoid, that with identity outputs, which
    one side trains in their place, if it is longer."""
    double, rows = np.dtype("float64"), problem.batch_size
    X, T = problem.data(double)
    start = problem.initial_theta(double)
    gradients = []
    for outputs in (problem.output_activation, "softmax" if problem.loss == "log_loss" else "identity"):
        settings = problem.settings | {"optimizer": "sgd", "learning_rate": 1.0, "output_activation": outputs}
        trainer = NumpyTrainer(Task(X, T, start, threads=1, **settings))
        trainer.step(X[:rows], T[:rows])
        gradients.append(start - trainer.theta())
    return max(gradients, key=lambda gradient: float(np.linalg.norm(gradient)))


def ranges() -> str:
    """What problems are drawn from, in a paragraph."""

    def span(limits: tuple[int, int]) -> str:
        return f"{limits[0]} to {limits[1]}"

    return (
        f"Drawn with seed {SEED} before anything was timed: {span(DEPTHS)} layers of weights, {span(INPUTS)} inputs, "
        f"{span(WIDTHS)} units in each other layer and batches of {span(BATCHES)} rows (log-uniform); hidden "
        f"{', '.join(ACTIVATIONS)}; {', '.join(f'{loss} over {outputs}' for outputs, loss in OUTPUTS)} outputs; "
        f"{', '.join(OPTIMIZERS)}; {' or '.join(DTYPES)}; {' or '.join(map(str, THREADS))} threads. An epoch has about "
        f"{MULTIPLY_ADDS:.0e} multiply-adds, but at most {MOST_ROWS} rows, and at least {FEWEST_BATCHES} batches. The learning "
        f"rate makes the first step {STEP:g} times as long as the initial weights are."
    )
