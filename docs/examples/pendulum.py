"""A pendulum whose friction is unknown: a network in the equation of motion, trained through whole trajectories.

The model's acceleration is -sin(angle) + network(speed). Simulated trajectories are compared with observed ones, and the
error's gradient is carried back through every step of the integrator (the adjoint method), through the network by `vjp`.
"""

import time

import numpy as np
from numba import njit
from tileprop.kernels import apply_gradient, make_plan, make_state, make_workspace, predict, vjp

STEPS, DT = 200, 0.05


def friction(speed):
    """What the network is to find: dry and turbulent."""
    return -0.15 * np.tanh(8 * speed) - 0.2 * speed * np.abs(speed)


def observe(angle, speed):
    """Trajectories (steps + 1, n) of the real pendulum, in steps a tenth as long."""
    angles, speeds = [angle], [speed]
    for _ in range(STEPS):
        for _ in range(10):
            speed = speed + DT / 10 * (-np.sin(angle) + friction(speed))
            angle = angle + DT / 10 * speed
        angles.append(angle)
        speeds.append(speed)
    return np.array(angles), np.array(speeds)


@njit(cache=True)
def simulate(plan, theta, angles, speeds, work):
    """angles, speeds (steps + 1, n) OUT, from their first rows on: semi-implicit Euler with the network as the friction."""
    force = np.empty((angles.shape[1], 1))
    for k in range(len(angles) - 1):
        predict(plan, theta, speeds[k].reshape(-1, 1), force, work)
        for i in range(angles.shape[1]):
            speeds[k + 1, i] = speeds[k, i] + DT * (force[i, 0] - np.sin(angles[k, i]))
            angles[k + 1, i] = angles[k, i] + DT * speeds[k + 1, i]


@njit(cache=True)
def train(plan, theta, state, seen_angles, seen_speeds, work, rounds):
    """theta OUT. Returns the mean squared error of each round's trajectories."""
    angles, speeds, n = seen_angles.copy(), seen_speeds.copy(), seen_angles.shape[1]
    grad, step_grad = np.empty_like(theta), np.empty_like(theta)
    to_force, to_input = np.empty((n, 1)), np.empty((n, 1))
    to_angle, to_speed = np.empty(n), np.empty(n)
    errors = np.zeros(rounds)
    for round in range(rounds):
        simulate(plan, theta, angles, speeds, work)
        grad[:] = 0.0
        to_angle[:] = 0.0
        to_speed[:] = 0.0
        for k in range(len(angles) - 2, -1, -1):
            for i in range(n):  # to_angle, to_speed: the error's derivatives to the state after step k
                off_angle, off_speed = angles[k + 1, i] - seen_angles[k + 1, i], speeds[k + 1, i] - seen_speeds[k + 1, i]
                errors[round] += (off_angle**2 + off_speed**2) / angles.size
                to_angle[i] += 2 * off_angle / angles.size
                to_speed[i] += 2 * off_speed / angles.size + DT * to_angle[i]
                to_force[i, 0] = DT * to_speed[i]
            vjp(plan, theta, speeds[k].reshape(-1, 1), to_force, step_grad, to_input, work)
            grad += step_grad
            for i in range(n):  # and now to that before it
                to_angle[i] -= to_force[i, 0] * np.cos(angles[k, i])
                to_speed[i] += to_input[i, 0]
        apply_gradient(theta, grad, state)
    return errors


def trajectory_error(plan, theta, angles, speeds, work):
    """Root of the mean squared error of simulated angles, in radians."""
    simulated = angles.copy()
    simulate(plan, theta, simulated, speeds.copy(), work)
    return np.sqrt(((simulated - angles) ** 2).mean())


def main(rounds=400, seed=0):
    rng = np.random.default_rng(seed)
    seen, unseen = (observe(rng.uniform(-2.5, 2.5, 16), rng.uniform(-1, 1, 16)) for _ in range(2))
    plan = make_plan([1, 16, 16, 1], activation="tanh", output_activation="identity")
    theta = rng.normal(scale=0.5, size=plan.n_parameters)
    plan.unflatten(theta)[0][-1][:] = 0  # the network's output is 0 at first: no friction
    plan.unflatten(theta)[1][-1][:] = 0
    work = make_workspace(plan, batch_size=16, derivatives=True)
    before = trajectory_error(plan, theta, *unseen, work)
    started = time.perf_counter()
    train(plan, theta, make_state(plan, "adam", learning_rate=0.01), *seen, work, rounds)
    seconds = time.perf_counter() - started
    after = trajectory_error(plan, theta, *unseen, work)
    print(f"{rounds} rounds through {STEPS} steps of 16 pendulums in {seconds:.1f} s")
    print(f"error of unseen trajectories: {before:.3f} rad without friction, {after:.4f} rad with what was learned")
    return before, after


if __name__ == "__main__":
    main()
