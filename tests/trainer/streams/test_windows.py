"""Windows: every row once in each pass, in the order of the slow oracle."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from order_of_streams import order_of
from tileprop.trainer.streams.windows import Windows

blocks = st.lists(st.integers(0, 9), min_size=1, max_size=12).filter(any)


def rows_of(windows, seed):
    """Row numbers of a pass, put together from what `Windows` says of each window by itself."""
    starts, found = np.concatenate([[0], np.cumsum(windows.block_rows)]), []
    for window in range(windows.count):
        numbers, start = windows.blocks_from(seed, window)
        rows = np.concatenate([np.arange(starts[b], starts[b + 1]) for b in numbers])[start:][: windows.length(window)]
        order = windows.order(seed, window)
        assert order[: windows.batch].tolist() == [0] * windows.batch
        found += rows[order[windows.batch :]].tolist()
    return found


@given(blocks, st.integers(1, 5), st.integers(0, 20), st.one_of(st.none(), st.integers(0, 99)), st.booleans())
def test_order_of_a_pass(block_rows, batch, more, seed, in_order):
    windows = Windows(block_rows, batch + more, batch, in_order)
    found = rows_of(windows, seed)
    assert sorted(found) == list(range(sum(block_rows)))
    assert found == order_of(seed, block_rows, (batch + more) // batch * batch, in_order).tolist()


@pytest.mark.parametrize("most", [4, 7, 100])
def test_windows_hold_whole_batches(most):
    windows = Windows([10, 3, 10], most, 4, False)
    assert [windows.length(w) for w in range(windows.count)] == {4: [4] * 5 + [3], 7: [4] * 5 + [3], 100: [23]}[most]
