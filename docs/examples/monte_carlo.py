"""The mean of a network's outputs over random inputs, and the probability that they exceed a bound, on all processors.

Each thread has a workspace of its own. Random numbers are seeded anew for each part of the samples, so that the number of
threads changes no result. One hidden layer of `exp` and normal inputs have a known mean: E exp(w z + b) = exp(b + |w|^2 / 2).
"""

import time

import numpy as np
from numba import get_num_threads, get_thread_id, njit, prange
from tileprop.kernels import forward_loaded, load_parameters, make_plan, make_workspace

ROWS, BLOCKS = 128, 64  # of a block, of a part


@njit(cache=True, parallel=True)
def sample(plan, theta, works, parts, bound, seed):
    """Sums over each part's samples (parts, 3): of outputs, of their squares, of those above the bound."""
    sums = np.zeros((parts, 3))
    work_of = list(works)
    for part in prange(parts):
        work = work_of[get_thread_id()]
        np.random.seed(seed + part)
        load_parameters(plan, theta, work)
        Z = np.empty((ROWS, plan.layers[0].n_in))
        for _ in range(BLOCKS):
            for i in range(Z.size):
                Z.flat[i] = np.random.standard_normal()
            Y = forward_loaded(plan, Z, work)
            for r in range(ROWS):
                y = Y[r, 0]
                sums[part, 0] += y
                sums[part, 1] += y * y
                sums[part, 2] += y > bound
    return sums


def main(parts=100, seed=0):
    rng = np.random.default_rng(seed)
    plan = make_plan([8, 16, 1], activation="exp", output_activation="identity")
    theta = rng.normal(scale=0.2, size=plan.n_parameters)
    works = tuple(make_workspace(plan, ROWS) for _ in range(get_num_threads()))
    n = parts * BLOCKS * ROWS
    (W, v), (b, c) = plan.unflatten(theta)
    exact = np.exp(b + (W**2).sum(0) / 2) @ v[:, 0] + c[0]
    started = time.perf_counter()
    sums = sample(plan, theta, works, parts, exact + 1, seed)
    seconds = time.perf_counter() - started
    mean, square, share = sums.sum(0) / n
    error = np.sqrt((square - mean**2) / n)
    print(f"{n} samples in {seconds:.2f} s; P(output > mean + 1) = {share:.4f}")
    print(f"mean {mean:.5f}, standard error {error:.5f}; exact {exact:.5f}")
    return mean, error, exact


if __name__ == "__main__":
    main()
