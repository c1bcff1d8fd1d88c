"""Step rules. A rule is a function of one element (its weight, its gradient, its own state); it never sees a layer.

A State names its rule by an integer code. `take_step` is the branch on it, outside the loops.

A State's alpha and l1 penalise weights, biases not: alpha / 2 times their sum of squares, and l1 times that of their
magnitudes, both divided by the batch's sum of sample weights, join the loss of each batch, as alpha does in scikit-learn.
weight_decay shrinks weights by learning_rate times itself before a step, whatever the rule (Loshchilov and Hutter 2019).
clip_norm shortens the gradient of all parameters, penalties included, to this length where it is longer (Pascanu et al. 2013).
"""

from __future__ import annotations

import numpy as np

from ..checks import check_gradient, check_state
from ..compiler.jit import kernel, leaf

SGD, MOMENTUM, NESTEROV, ADAM, RMSPROP, RPROP, NADAM = range(7)

# Places in State.codes and State.scalars.
RULE, STEP, POSITION, STATUS = range(4)
LEARNING_RATE, MOMENTUM_FACTOR, BETA_1, BETA_2, EPSILON, EPSILON_HAT, ALPHA, L1, WEIGHT_DECAY, CLIP_NORM = range(10)
SEED = 10  # of dropout

# Of Rprop (Riedmiller and Braun 1993): by what a weight's own step shrinks or grows, and its bounds, as in PyTorch.
SHRINK, GROW = 0.5, 1.2
SHORTEST, LONGEST = 1e-6, 50.0

# Of Nadam: its product of momenta is below 0.51^step, and so below half a unit in the last place of 1 from this step on.
NEGLIGIBLE = 56

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
def nadam_momentum(beta_1, step):
    """mu_t of step t, which grows towards beta_1; the numbers are Dozat's (2016), which PyTorch keeps, too."""
    return beta_1 * (1.0 - 0.5 * 0.96 ** (0.004 * np.float64(step)))


@leaf
def nadam_scalars(scalars, step):
    """Sizes and epsilon of Nadam's step number `step` (from 1), so that w <- w - (size m + gradient_size g) / (sqrt(v) + eps).

    Dozat 2016 ("Incorporating Nesterov momentum into Adam"), as in PyTorch: with p_t the product of mu_1 to mu_t,
    size = rate mu_(t+1) / (1 - p_(t+1)) and gradient_size = rate (1 - mu_t) / (1 - p_t), both times sqrt(1 - beta_2^t).
    """
    correction = np.sqrt(1.0 - scalars[BETA_2] ** np.float64(step))
    product = np.float64(0.0)
    if step < NEGLIGIBLE:
        product = np.float64(1.0)
        for i in range(1, step + 1):
            product *= nadam_momentum(scalars[BETA_1], i)
    here, following = nadam_momentum(scalars[BETA_1], step), nadam_momentum(scalars[BETA_1], step + 1)
    rate = scalars[LEARNING_RATE] * correction
    size, gradient_size = rate * following / (1.0 - product * following), rate * (1.0 - here) / (1.0 - product)
    return size, gradient_size, scalars[EPSILON] * correction


@leaf
def step_scalars(codes, scalars, step, real):
    """What step number `step` (from 1) needs of the state, as numbers of the parameters' type `real`."""
    size, factor, epsilon = scalars[LEARNING_RATE], scalars[MOMENTUM_FACTOR], scalars[EPSILON]
    if codes[RULE] == ADAM:
        size, epsilon = adam_scalars(scalars, step)
    elif codes[RULE] == NADAM:
        size, factor, epsilon = nadam_scalars(scalars, step)
    beta_1, beta_2 = scalars[BETA_1], scalars[BETA_2]
    moments = real(beta_1), real(1.0 - beta_1), real(beta_2), real(1.0 - beta_2)
    return real(size), real(factor), moments, real(epsilon)


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
    elif rule == NADAM:
        beta_1, rest_1, beta_2, rest_2 = moments
        for i in range(w.size):
            first[i] = adam_moment(first[i], g[i], beta_1, rest_1)
            second[i] = adam_moment(second[i], g[i] * g[i], beta_2, rest_2)
            w[i] -= (size * first[i] + factor * g[i]) / (np.sqrt(second[i]) + epsilon)
    elif rule == RMSPROP:
        rest_2 = moments[3]
        for i in range(w.size):
            second[i] = adam_moment(second[i], g[i] * g[i], moments[2], rest_2)
            first[i] = factor * first[i] + g[i] / (np.sqrt(second[i]) + epsilon)
            w[i] -= size * first[i]
    elif rule == RPROP:
        zero = w.dtype.type(0.0)
        for i in range(w.size):
            turn = g[i] * first[i]
            length = second[i] * w.dtype.type(GROW if turn > zero else (SHRINK if turn < zero else 1.0))
            length = min(max(length, w.dtype.type(SHORTEST)), w.dtype.type(LONGEST))
            here = zero if turn < zero else g[i]
            w[i] -= length if here > zero else (-length if here < zero else zero)
            first[i], second[i] = here, length
    else:
        # One loop for both, since a branch in it would keep it from being vectorised: 1 v - 0 g is v to the last bit.
        ahead, rest = (factor, size) if rule == NESTEROV else (w.dtype.type(1.0), w.dtype.type(0.0))
        for i in range(w.size):
            velocity = momentum_velocity(first[i], g[i], size, factor)
            first[i] = velocity
            w[i] += momentum_velocity(velocity, g[i], rest, ahead)


@leaf
def penalty_factors(scalars, scale, real):
    """What `add_penalty` takes; scale: one over the batch's sum of sample weights."""
    decay = scalars[LEARNING_RATE] * scalars[WEIGHT_DECAY]
    return real(scalars[ALPHA] * scale), real(scalars[L1] * scale), real(decay)


@leaf
def add_penalty(w, g, factors):
    """g OUT: the gradient of the penalties on w is added; w OUT: decays."""
    l2, l1, decay = factors
    zero, one = w.dtype.type(0.0), w.dtype.type(1.0)
    for i in range(w.size):
        sign = one if w[i] > zero else (-one if w[i] < zero else zero)
        g[i] += l2 * w[i] + l1 * sign
        w[i] -= decay * w[i]


@kernel(read_only="grad", written="theta")
def apply_gradient(theta, grad, state):
    """One step: theta (n) and the state's vectors OUT, grad (n)."""
    check_gradient(theta, grad)
    check_state(state, theta.size)
    codes = state.codes
    codes[STEP] += 1
    values = step_scalars(codes, state.scalars, codes[STEP], theta.dtype.type)
    take_step(codes[RULE], values, theta, grad, state.first, state.second)
