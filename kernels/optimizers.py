"""Step rules. A rule is a function of one element (its weight, its gradient, its own state); it never sees a layer.

A State names its rule by an integer code. `take_step` is the branch on it, outside the loops.
"""

from __future__ import annotations

import numpy as np

from .jit import kernel, leaf

SGD, MOMENTUM, NESTEROV, ADAM = range(4)

# Places in State.codes and State.scalars.
RULE, STEP, POSITION, STATUS = range(4)
LEARNING_RATE, MOMENTUM_FACTOR, BETA_1, BETA_2, EPSILON, EPSILON_HAT = range(6)

RUNNING, STOPPED, DIVERGED = range(3)


@leaf
def momentum_velocity(velocity, gradient, rate, factor):
    """v <- factor v - rate g; the weight then moves by v (Polyak), or by factor v - rate g (Nesterov)."""
    return factor * velocity - rate * gradient


@leaf
def adam_moment(moment, gradient, beta, rest):
    """m <- beta m + (1 - beta) g; rest is 1 - beta, which float32 cannot make of a beta near 1."""
    return beta * moment + rest * gradient


@leaf
def adam_scalars(scalars, step):
    """Step size and epsilon of Adam's step number `step` (from 1), so that w <- w - size m / (sqrt(v) + eps).

    Kingma and Ba 2015: algorithm 1 adds epsilon after the bias correction of v (PyTorch); the faster form of its section 2
    adds "epsilon hat" before it (TensorFlow, scikit-learn). One kernel serves both.
    """
    power = np.float64(step)
    correction = np.sqrt(1.0 - scalars[BETA_2] ** power)
    size = scalars[LEARNING_RATE] * correction / (1.0 - scalars[BETA_1] ** power)
    epsilon = scalars[EPSILON] if scalars[EPSILON_HAT] != 0.0 else scalars[EPSILON] * correction
    return size, epsilon


@leaf
def step_scalars(codes, scalars, step, real):
    """What step number `step` (from 1) needs of the state, as numbers of the parameters' type `real`."""
    size, epsilon = scalars[LEARNING_RATE], 0.0
    if codes[RULE] == ADAM:
        size, epsilon = adam_scalars(scalars, step)
    beta_1, beta_2 = scalars[BETA_1], scalars[BETA_2]
    moments = real(beta_1), real(1.0 - beta_1), real(beta_2), real(1.0 - beta_2)
    return real(size), real(scalars[MOMENTUM_FACTOR]), moments, real(epsilon)


@leaf
def take_step(rule, values, w, g, first, second):
    """One step for the weights w (n) OUT with gradient g (n) and the rule's own vectors; values: from `step_scalars`."""
    size, factor, moments, epsilon = values
    if rule == SGD:
        for i in range(w.size):
            w[i] -= size * g[i]
    elif rule == ADAM:
        beta_1, rest_1, beta_2, rest_2 = moments
        for i in range(w.size):
            first[i] = adam_moment(first[i], g[i], beta_1, rest_1)
            second[i] = adam_moment(second[i], g[i] * g[i], beta_2, rest_2)
            w[i] -= size * first[i] / (np.sqrt(second[i]) + epsilon)
    else:
        # One loop for both, since a branch in it would keep it from being vectorised: 1 v - 0 g is v to the last bit.
        ahead, rest = (factor, size) if rule == NESTEROV else (w.dtype.type(1.0), w.dtype.type(0.0))
        for i in range(w.size):
            velocity = momentum_velocity(first[i], g[i], size, factor)
            first[i] = velocity
            w[i] += momentum_velocity(velocity, g[i], rest, ahead)


@kernel(read_only="grad")
def apply_gradient(theta, grad, state):
    """One step: theta (n) and the state's vectors OUT, grad (n)."""
    codes = state.codes
    codes[STEP] += 1
    values = step_scalars(codes, state.scalars, codes[STEP], theta.dtype.type)
    take_step(codes[RULE], values, theta, grad, state.first, state.second)
