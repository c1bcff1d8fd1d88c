"""Step rules. A rule is a function of one element (its weight, its gradient, its own state); it never sees a layer.

A State names its rule by an integer code. `take_step` is the branch on it, outside the loops.

A State's alpha and l1 penalise weights, biases not: alpha / 2 times their sum of squares, and l1 times that of their
magnitudes, both divided by the batch's sum of sample weights, join the loss of each batch, as alpha does in scikit-learn.
weight_decay shrinks weights by learning_rate times itself before a step, whatever the rule (Loshchilov and Hutter 2019).
clip_norm shortens the gradient of all parameters, penalties included, to this length where it is longer (Pascanu et al. 2013).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..checks import check_gradient, check_state
from ..compiler.jit import kernel, leaf
from ..llvm import maximum, minimum, multiply_add
from .codes import ADAM, NADAM, NESTEROV, RMSPROP, RPROP, SGD

# Of Rprop (Riedmiller and Braun 1993): by what a weight's own step shrinks or grows, and its bounds, as in PyTorch.
SHRINK, GROW = 0.5, 1.2
SHORTEST, LONGEST = 1e-6, 50.0

# Of Nadam: its product of momenta is below 0.51^step, and so below half a unit in the last place of 1 from this step on.
NEGLIGIBLE = 56


class StepSizes(NamedTuple):
    """What a step takes of the hyperparameters, as numbers of the parameters' type.

    factor: of momentum, or Nadam's for the gradient. rest_1, rest_2: one less beta_1, beta_2.
    """

    size: Any
    factor: Any
    beta_1: Any
    rest_1: Any
    beta_2: Any
    rest_2: Any
    epsilon: Any


class Penalties(NamedTuple):
    """Factors of the penalties' gradients l2 w + l1 sign(w), and by what part of themselves weights decay."""

    l2: Any
    l1: Any
    decay: Any


@leaf
def momentum_velocity(velocity, gradient, rate, factor):
    """v <- factor v - rate g; the weight then moves by v (Polyak), or by factor v - rate g (Nesterov)."""
    return multiply_add(factor, velocity, -(rate * gradient))


@leaf
def adam_moment(moment, gradient, beta, rest):
    """m <- beta m + (1 - beta) g; rest is 1 - beta, which float32 cannot make of a beta near 1."""
    return multiply_add(beta, moment, rest * gradient)


@leaf
def adam_sizes(hyper, step):
    """Step size and epsilon of Adam's step number `step` (from 1), so that w <- w - size m / (sqrt(v) + eps).

    Kingma and Ba 2015: algorithm 1 adds epsilon after the bias correction of v (PyTorch); the faster form of its section 2
    adds "epsilon hat" before it (TensorFlow, scikit-learn). One kernel serves both.
    """
    power = np.float64(step)
    correction = np.sqrt(1.0 - hyper.beta_2**power)
    size = hyper.learning_rate * correction / (1.0 - hyper.beta_1**power)
    epsilon = hyper.epsilon if hyper.epsilon_hat else hyper.epsilon * correction
    return size, epsilon


@leaf
def nadam_momentum(beta_1, step):
    """mu_t of step t, which grows towards beta_1; the numbers are Dozat's (2016), which PyTorch keeps, too."""
    return beta_1 * (1.0 - 0.5 * 0.96 ** (0.004 * np.float64(step)))


@leaf
def nadam_sizes(hyper, step):
    """Sizes and epsilon of Nadam's step number `step` (from 1), so that w <- w - (size m + gradient_size g) / (sqrt(v) + eps).

    Dozat 2016 ("Incorporating Nesterov momentum into Adam"), as in PyTorch: with p_t the product of mu_1 to mu_t,
    size = rate mu_(t+1) / (1 - p_(t+1)) and gradient_size = rate (1 - mu_t) / (1 - p_t), both times sqrt(1 - beta_2^t).
    """
    correction = np.sqrt(1.0 - hyper.beta_2 ** np.float64(step))
    product = np.float64(0.0)
    if step < NEGLIGIBLE:
        product = np.float64(1.0)
        for i in range(1, step + 1):
            product *= nadam_momentum(hyper.beta_1, i)
    here, following = nadam_momentum(hyper.beta_1, step), nadam_momentum(hyper.beta_1, step + 1)
    rate = hyper.learning_rate * correction
    size, gradient_size = rate * following / (1.0 - product * following), rate * (1.0 - here) / (1.0 - product)
    return size, gradient_size, hyper.epsilon * correction


@leaf
def step_sizes(rule, hyper, step, real):
    """What step number `step` (from 1) takes of the hyperparameters, as numbers of the parameters' type `real`."""
    size, factor, epsilon = hyper.learning_rate, hyper.momentum, hyper.epsilon
    if rule == ADAM:
        size, epsilon = adam_sizes(hyper, step)
    elif rule == NADAM:
        size, factor, epsilon = nadam_sizes(hyper, step)
    beta_1, beta_2 = hyper.beta_1, hyper.beta_2
    return StepSizes(
        real(size), real(factor), real(beta_1), real(1.0 - beta_1), real(beta_2), real(1.0 - beta_2), real(epsilon)
    )


@leaf
def slope(g, l2, w):
    """The gradient with that of the L2 penalty. In the loop of a rule, which waits for square roots, it costs nothing."""
    return multiply_add(l2, w, g)


@leaf
def take_step(rule, sizes, l2, w, g, velocity, mean_square):
    """One step for the weights w (n) OUT, with gradient g + l2 w, and the rule's own vectors OUT; sizes: from `step_sizes`."""
    size, factor, epsilon = sizes.size, sizes.factor, sizes.epsilon
    beta_1, rest_1, beta_2, rest_2 = sizes.beta_1, sizes.rest_1, sizes.beta_2, sizes.rest_2
    if rule == SGD:
        for i in range(w.size):
            w[i] -= size * slope(g[i], l2, w[i])
    elif rule == ADAM:
        for i in range(w.size):
            here = slope(g[i], l2, w[i])
            velocity[i] = adam_moment(velocity[i], here, beta_1, rest_1)
            mean_square[i] = adam_moment(mean_square[i], here * here, beta_2, rest_2)
            w[i] -= size * velocity[i] / (np.sqrt(mean_square[i]) + epsilon)
    elif rule == NADAM:
        for i in range(w.size):
            here = slope(g[i], l2, w[i])
            velocity[i] = adam_moment(velocity[i], here, beta_1, rest_1)
            mean_square[i] = adam_moment(mean_square[i], here * here, beta_2, rest_2)
            way = multiply_add(size, velocity[i], factor * here)
            w[i] -= way / (np.sqrt(mean_square[i]) + epsilon)
    elif rule == RMSPROP:
        for i in range(w.size):
            here = slope(g[i], l2, w[i])
            mean_square[i] = adam_moment(mean_square[i], here * here, beta_2, rest_2)
            velocity[i] = factor * velocity[i] + here / (np.sqrt(mean_square[i]) + epsilon)
            w[i] -= size * velocity[i]
    elif rule == RPROP:
        zero = w.dtype.type(0.0)
        for i in range(w.size):
            here = slope(g[i], l2, w[i])
            turn = here * velocity[i]
            length = mean_square[i] * w.dtype.type(GROW if turn > zero else (SHRINK if turn < zero else 1.0))
            length = minimum(maximum(length, w.dtype.type(SHORTEST)), w.dtype.type(LONGEST))
            here = zero if turn < zero else here
            w[i] -= length if here > zero else (-length if here < zero else zero)
            velocity[i], mean_square[i] = here, length
    else:
        # One loop for both, since a branch in it would keep it from being vectorised: 1 v - 0 g is v to the last bit.
        ahead, rest = (factor, size) if rule == NESTEROV else (w.dtype.type(1.0), w.dtype.type(0.0))
        for i in range(w.size):
            here = slope(g[i], l2, w[i])
            v = momentum_velocity(velocity[i], here, size, factor)
            velocity[i] = v
            w[i] += momentum_velocity(v, here, rest, ahead)


@leaf
def penalty_factors(hyper, scale, real):
    """The `Penalties` of a batch; scale: one over its sum of sample weights."""
    decay = hyper.learning_rate * hyper.weight_decay
    return Penalties(real(hyper.alpha * scale), real(hyper.l1 * scale), real(decay))


@leaf
def add_penalty(w, g, penalties):
    """g OUT: the gradient of the penalties on w is added; w OUT: decays."""
    l2, l1, decay = penalties.l2, penalties.l1, penalties.decay
    zero, one = w.dtype.type(0.0), w.dtype.type(1.0)
    if l1 == zero and decay == zero:
        for i in range(w.size):
            g[i] += l2 * w[i]
        return
    for i in range(w.size):
        sign = one if w[i] > zero else (-one if w[i] < zero else zero)
        g[i] += multiply_add(l2, w[i], l1 * sign)
        w[i] -= decay * w[i]


@kernel(read_only="grad", written="theta")
def apply_gradient(theta, grad, state):
    """Take one step of a rule along a gradient of your own.

    Parameters
    ----------
    theta : ndarray of shape (n_parameters,)
        OUT: the parameters, changed in place.
    grad : ndarray of shape (n_parameters,)
        Gradient to them.
    state : State
        OUT: step rule, moments and counters. Penalties, weight decay and clipping are not applied.

    Raises
    ------
    ValueError
        If lengths differ.

    Examples
    --------
    >>> import numpy as np
    >>> from tileprop.kernels import apply_gradient, make_plan, make_state
    >>> plan = make_plan([2, 1])
    >>> theta, state = np.zeros(plan.n_parameters), make_state(plan, learning_rate=0.5)
    >>> apply_gradient(theta, np.array([1.0, -2.0, 0.0]), state)
    >>> theta
    array([-0.5,  1. ,  0. ])
    """
    check_gradient(theta, grad)
    check_state(state, theta.size)
    counters = state.counters[0]
    counters.step += 1
    sizes = step_sizes(counters.rule, state.hyperparameters[0], counters.step, theta.dtype.type)
    no_penalty = theta.dtype.type(0.0)
    take_step(counters.rule, sizes, no_penalty, theta, grad, state.velocity, state.mean_square)
