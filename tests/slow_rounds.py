"""Rounds in plain NumPy: one hidden layer of tanh, one identity output, squared error; a row at a time, written to be read."""

from __future__ import annotations

import numpy as np


def unpacked(theta, n_in, width):
    """Weights and biases of the two layers."""
    ends = np.cumsum([n_in * width, width, width, 1])
    W0, b0, W1, b1 = np.split(theta, ends[:-1])
    return W0.reshape(n_in, width), b0, W1, b1


def loss_and_grad(theta, X, T, weight, width):
    """The weighted mean of (y - t)^2, and its gradient."""
    total, grad = 0.0, np.zeros_like(theta)
    for x, t, w in zip(X, T, weight, strict=True):
        W0, b0, W1, b1 = unpacked(theta, len(x), width)
        hidden = np.tanh(x @ W0 + b0)
        error = hidden @ W1 + b1[0] - t
        delta = 2 * error * W1 * (1 - hidden**2)
        total += w * error**2
        grad += w * np.concatenate([np.outer(x, delta).ravel(), delta, 2 * error * hidden, [2 * error]])
    return total / weight.sum(), grad / weight.sum()


class Adam:
    """Kingma and Ba (2015). Its vectors are averaged over the shards, as the parameters are."""

    def __init__(self, rate, size):
        self.rate, self.vectors = rate, [np.zeros(size), np.zeros(size)]

    def step(self, theta, grad, vectors, step):
        m, v = 0.9 * vectors[0] + 0.1 * grad, 0.999 * vectors[1] + 0.001 * grad**2
        corrected = m / (1 - 0.9**step), v / (1 - 0.999**step)
        return theta - self.rate * corrected[0] / (np.sqrt(corrected[1]) + 1e-8), [m, v]


class Momentum:
    """SGD with momentum."""

    def __init__(self, rate, size):
        self.rate, self.vectors = rate, [np.zeros(size)]

    def step(self, theta, grad, vectors, step):
        v = 0.9 * vectors[0] - self.rate * grad
        return theta + v, [v]


def rounds(theta, shards, optimizer, width, count, steps, batch_size, seed):
    """theta, and the mean loss of each round, after `count` rounds."""
    losses = []
    shares = [weight.sum() for _, _, weight in shards]
    for number in range(count):
        ends, vectors_of_ends, loss_of_shards = [], [], []
        for shard, (X, T, weight) in enumerate(shards):
            here, vectors, rows_losses, rows_weights = theta, optimizer.vectors, [], []
            batch = min(batch_size, len(X))
            for step in range(number * steps, (number + 1) * steps):
                epoch, position = divmod(step, int(np.ceil(len(X) / batch)))
                order = np.random.default_rng([seed, shard, epoch]).permutation(len(X))
                rows = order[position * batch : (position + 1) * batch]
                loss, grad = loss_and_grad(here, X[rows], T[rows], weight[rows], width)
                here, vectors = optimizer.step(here, grad, vectors, step + 1)
                rows_losses.append(loss * weight[rows].sum())
                rows_weights.append(weight[rows].sum())
            ends.append(here)
            vectors_of_ends.append(vectors)
            loss_of_shards.append(sum(rows_losses) / sum(rows_weights))
        theta = np.average(ends, axis=0, weights=shares)
        optimizer.vectors = list(np.average(vectors_of_ends, axis=0, weights=shares))
        losses.append(np.average(loss_of_shards, weights=shares))
    return theta, losses
