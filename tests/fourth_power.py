"""A loss of a user's own: the sum of the fourth powers of what outputs are off."""

from __future__ import annotations

from numba import njit


@njit
def quartic(y, t):
    total = 0.0
    for j in range(y.size):
        total += (y[j] - t[j]) ** 4
    return total


@njit
def quartic_gradient(y, t, dy):
    for j in range(y.size):
        dy[j] = 4 * (y[j] - t[j]) ** 3


@njit
def quartic_bend(y, t, u):
    for j in range(y.size):
        u[j] *= 12 * (y[j] - t[j]) ** 2


@njit
def quartic_target_gradient(y, t, dt):
    for j in range(y.size):
        dt[j] = -4 * (y[j] - t[j]) ** 3
