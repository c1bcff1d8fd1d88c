"""Ways in lockstep."""

import threading
import time

import numpy as np
import pytest
from tileprop.bench import turns
from tileprop.bench.turns import Handing, alone, epochs_for, in_lockstep
from tileprop.trainer import Network


def test_one_computes_at_a_time_and_all_by_turns(monkeypatch):
    monkeypatch.setattr(turns, "SLICE", 0.0)
    at_work, seen = [], []

    def way(name, length):
        def train(epochs, hand_over):
            for _ in range(length * epochs):
                at_work.append(name)
                time.sleep(0.001)
                assert at_work == [name]
                at_work.pop()
                seen.append(name)
                hand_over()
            return np.zeros(3)

        return train

    seconds = in_lockstep({"a": way("a", 1), "b": way("b", 2), "c": way("c", 1)}, 3)
    assert sorted(seen[:3]) == sorted(seen[3:6]) == sorted(seen[6:9]) == ["a", "b", "c"]
    assert seen[9:] == ["b"] * 3
    assert list(seconds) == ["a", "b", "c"]
    assert seconds["a"] >= 0.003
    assert seconds["b"] >= 0.006


def test_a_way_computes_for_some_time_before_it_hands_over(monkeypatch):
    monkeypatch.setattr(turns, "SLICE", 1000.0)
    seen = []

    def way(name):
        return lambda epochs, hand_over: [seen.append(name) or hand_over() for _ in range(3)] and np.zeros(1)

    in_lockstep({"a": way("a"), "b": way("b")}, 1)
    assert "".join(seen) == "aaabbb"


def test_the_first_way_is_in_the_callers_thread():
    found = []
    in_lockstep({"a": lambda *_: found.append(threading.current_thread()) or np.zeros(1)}, 1)
    assert found == [threading.current_thread()]


def test_a_fit_hands_over():
    network, calls = Network([1, 1]), []
    network.fit(np.ones((8, 1)), np.ones((8, 1)), epochs=5, callbacks=[Handing(lambda: calls.append(1))], progress=False)
    assert len(calls) == 5


def test_ways_to_other_ends_are_not_timed():
    with pytest.raises(ArithmeticError, match="a, b do not all end at the same bits"):
        in_lockstep({"a": lambda *_: np.zeros(2), "b": lambda *_: -np.zeros(2)}, 1)


@pytest.mark.parametrize("name", ["a", "b"])
def test_an_error_of_one_way_is_raised(name):
    def way(epochs, hand_over):
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        in_lockstep({"a": lambda *_: np.zeros(2), "b": lambda *_: np.zeros(2)} | {name: way}, 1)


def test_as_many_epochs_as_fill_a_round(monkeypatch):
    """However long it takes to compile."""
    clock = [0.0]
    monkeypatch.setattr("tileprop.bench.turns.time.perf_counter", lambda: clock[0])

    def way(epochs, hand_over):
        assert hand_over is alone
        clock[0] += 0.002 + 0.01 * epochs + (0.0 if clock[0] else 8.0)
        return np.zeros(1)

    assert 80 <= epochs_for(way, 1.0) <= 100
    assert epochs_for(way, 1e-3) == 1
