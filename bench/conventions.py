"""What a side trains where it cannot train a problem as it stands: the same step in the side's own convention.

A convention takes a problem and returns the problem that the side trains in its place, with which ours is compared before it
is timed. It raises CannotError where there is none.
"""

from __future__ import annotations

from dataclasses import replace

from .problems import Problem


class CannotError(Exception):
    """A side cannot compute a problem; the message says why."""


def as_given(problem: Problem) -> Problem:
    return problem


def as_sklearn(problem: Problem) -> Problem:
    """Its regressor knows identity outputs alone: a pass over the output layer less. Its Adam adds epsilon before the bias
    correction."""
    n_out = problem.sizes[-1]
    if problem.loss == "log_loss" and n_out == 2:
        raise CannotError("with two classes it has one sigmoid output, not two of softmax")
    if problem.loss == "log_loss" and problem.n_rows < n_out:
        raise CannotError("it does not take rows without one of the classes")
    outputs = "softmax" if problem.loss == "log_loss" else "identity"
    return replace(problem, output_activation=outputs, epsilon_hat=problem.optimizer == "adam")
