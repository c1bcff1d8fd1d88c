"""The order of rows of a streamed epoch, in slow and plain steps, which import nothing of ours."""

import numpy as np


def order_of(seed, block_rows, window_rows, in_order=False):
    """Row numbers in the order of training. window_rows: of each window, whole batches. seed: None without shuffling."""
    starts = [sum(block_rows[:b]) for b in range(len(block_rows))]
    blocks = list(range(len(block_rows)))
    if seed is not None and not in_order:
        blocks = np.random.default_rng([seed, 0]).permutation(len(block_rows)).tolist()
    rows = [starts[b] + r for b in blocks for r in range(block_rows[b])]
    trained, window = [], 0
    while rows:
        here, rows = rows[:window_rows], rows[window_rows:]
        if seed is not None:
            here = [here[i] for i in np.random.default_rng([seed, 1 + window]).permutation(len(here))]
        trained += here
        window += 1
    return np.array(trained)


def shuffle_like(network, block_rows, window_rows, in_order=False):
    """A function for `Network.fit(shuffle=...)` with arrays: the orders that a fit of this network to a source has."""
    return lambda n: order_of(int(network.generator.integers(1 << 32)), block_rows, window_rows, in_order)


def memory_for(rows, n_in, columns, itemsize):
    """Memory of a source whose windows have room for so many rows: an eighth is a window; a row has a weight and a number."""
    return 8 * rows * (itemsize * (n_in + columns + 1) + 8)
