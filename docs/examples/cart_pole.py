"""Balancing a pole on a cart: simulation, policy and its training are one compiled call.

The cart is pushed left or right, with a probability that a network makes of the pole's state. An episode ends when the pole
falls, when the cart leaves the track, or after 500 steps. After every few episodes the policy's gradient (REINFORCE, Williams
1992) makes what was followed by long balancing more probable.
"""

import time

import numpy as np
from numba import njit
from tileprop.kernels import apply_gradient, make_plan, make_state, make_workspace, predict_one, vjp

LONGEST = 500  # steps of an episode
EPISODES = 10  # between two steps of the policy
DISCOUNT = 0.99


@njit(cache=True)
def push(now, right, then):
    """State `then` OUT, a 50th of a second after `now`: the cart's position and velocity, the pole's angle and velocity.

    Barto, Sutton and Anderson 1983. Returns whether the pole still stands and the cart is on its track."""
    sin, cos = np.sin(now[2]), np.cos(now[2])
    force = ((10.0 if right else -10.0) + 0.05 * now[3] ** 2 * sin) / 1.1
    turn = (9.8 * sin - cos * force) / (0.5 * (4 / 3 - 0.1 * cos**2 / 1.1))
    then[0], then[1] = now[0] + 0.02 * now[1], now[1] + 0.02 * (force - 0.05 * turn * cos / 1.1)
    then[2], then[3] = now[2] + 0.02 * now[3], now[3] + 0.02 * turn
    return abs(then[0]) <= 2.4 and abs(then[2]) <= np.pi / 15


@njit(cache=True)
def episode(plan, theta, S, dY, work):
    """Play once. Returns the number of steps.

    OUT, a row for each: the state S (501, 4), and dY (500, 1), the probability of a push to the right, less the push itself."""
    for i in range(4):
        S[0, i] = np.random.uniform(-0.05, 0.05)
    for step in range(LONGEST):
        predict_one(plan, theta, S[step], dY[step], work)
        probability = 1 / (1 + np.exp(-dY[step, 0]))
        right = np.random.random() < probability
        dY[step, 0] = probability - right
        if not push(S[step], right, S[step + 1]):
            return step + 1
    return LONGEST


@njit(cache=True)
def learn(plan, theta, state, work, rounds, seed):
    """Train the policy theta OUT. Returns the mean length of each round's episodes."""
    np.random.seed(seed)
    lengths = np.empty(rounds)
    most = EPISODES * LONGEST
    S, dY, returns = np.empty((most + 1, 4)), np.empty((most, 1)), np.empty(most)
    grad, dX = np.empty_like(theta), np.empty((0, 4))
    for round in range(rounds):
        n = 0
        for _ in range(EPISODES):
            steps = episode(plan, theta, S[n:], dY[n:], work)
            following = 0.0
            for step in range(n + steps - 1, n - 1, -1):
                following = 1 + DISCOUNT * following
                returns[step] = following
            n += steps
        lengths[round] = n / EPISODES
        mean, deviation = returns[:n].mean(), returns[:n].std() + 1e-9
        for step in range(n):
            dY[step, 0] *= (returns[step] - mean) / deviation / n
        vjp(plan, theta, S[:n], dY[:n], grad, dX, work)
        apply_gradient(theta, grad, state)
    return lengths


def main(rounds=150, seed=0):
    plan = make_plan([4, 16, 1], activation="tanh", output_activation="identity")
    theta = np.random.default_rng(seed).normal(scale=0.3, size=plan.n_parameters)
    state = make_state(plan, "adam", learning_rate=0.02)
    work = make_workspace(plan, batch_size=256, derivatives=True)
    started = time.perf_counter()
    lengths = learn(plan, theta, state, work, rounds, seed)
    seconds = time.perf_counter() - started
    print(f"{rounds * EPISODES} episodes, {lengths.sum() * EPISODES:.0f} steps in {seconds:.1f} s")
    print(f"mean length of an episode: {lengths[0]:.0f} at first, {lengths[-10:].mean():.0f} at last")
    return lengths


if __name__ == "__main__":
    main()
