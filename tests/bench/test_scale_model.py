import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tileprop.bench.scale_model import Cluster, Round, round_seconds, worthwhile_workers

FREE = Cluster(latency=0.0, overhead=0.0, handling=0.0, bandwidth=1e30)


def test_without_costs_rounds_are_shared_evenly():
    one = Round([0.5] * 16, 1000, 1000, 0.0)
    assert [round_seconds(one, FREE, workers) for workers in (1, 2, 4, 16, 64)] == pytest.approx([8.0, 4.0, 2.0, 0.5, 0.5])


def test_parameters_are_copied_from_worker_to_worker():
    cluster = Cluster(latency=0.0, overhead=0.0, handling=0.0, bandwidth=1000.0)
    # The last of four workers has its copy after three times a second's worth: the client's, and two doublings.
    assert round_seconds(Round([1.0] * 4, 1000, 0, 0.0), cluster, 4) == pytest.approx(3.0 + 1.0)


def test_results_are_added_in_groups_of_groups():
    cluster = Cluster(latency=0.0, overhead=0.0, handling=0.0, bandwidth=1000.0)
    # Eight groups of eight, then a group of these: each fetches seven others. The sum goes to the client.
    assert round_seconds(Round([0.0] * 64, 0, 1000, 0.01), cluster, 64) == pytest.approx(2 * (7.0 + 0.08) + 1.0)


def test_tasks_are_handed_out_one_after_the_other():
    cluster = Cluster(latency=0.0, overhead=0.01, handling=0.0, bandwidth=1e30)
    # A hundred pieces, then 13, 2 and 1 sums.
    assert round_seconds(Round([0.001] * 100, 1, 1, 0.0), cluster, 100) == pytest.approx(1.16, abs=0.02)


def test_one_piece_takes_a_round_trip():
    cluster = Cluster(latency=0.2, overhead=0.0, handling=0.0, bandwidth=100.0)
    assert round_seconds(Round([3.0], 0, 10, 0.0), cluster, 4) == pytest.approx(0.1 + 3.0 + 0.1 + 0.1)


@given(st.lists(st.floats(0.001, 1.0), min_size=1, max_size=40), st.floats(0, 0.01), st.floats(0, 0.01), st.integers(1, 50))
def test_never_faster_than_the_longest_piece_and_a_fair_share(pieces, latency, overhead, workers):
    one, cluster = Round(pieces, 1000, 1000, 0.001), Cluster(latency, overhead, 0.0, 1e8)
    assert round_seconds(one, cluster, workers) >= max(max(pieces), np.sum(pieces) / workers, len(pieces) * overhead)
    assert round_seconds(one, cluster, 1) >= np.sum(pieces)


def test_a_worker_handles_each_task():
    cluster = Cluster(latency=0.0, overhead=0.0, handling=0.25, bandwidth=1e30)
    assert round_seconds(Round([1.0] * 4, 0, 0, 0.0), cluster, 2) == pytest.approx(2.5 + 0.25)  # and the sum's task


def test_where_more_workers_stop_paying():
    assert worthwhile_workers({1: 8.0, 2: 4.0, 4: 2.1, 8: 2.0, 16: 2.0}) == 4
    assert worthwhile_workers({1: 8.0, 2: 4.0}) == 2
